/**
 * A notary tells the time to whoever asks. It must be no amplifier: in each second it looks
 * at some questions of a sender and at so many in all, before it verifies anything, and it
 * answers the asker alone, whom the card in the question has to name.
 */
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { openTimeQuestion } from "../../protocols/messaging/time.ts";
import type { Clock, Crypto, TimeMs } from "../../protocols/ports.ts";

const WINDOW_MS = 1_000;
/** Questions in a second, of one sender and of all; who is not heard asks again. */
const MAX_OF_SENDER = 4;
const MAX_OF_ALL = 256;

export interface TimeServiceParts {
  crypto: Crypto;
  /** The notary's own. */
  clock: Clock;
  network: string;
  /** Takes in the card that a sender shows as its own. */
  introduce: (from: string, card: Uint8Array) => void;
  /** Sends a sealed message to whoever is known. */
  answer: (to: string, body: Uint8Array) => void;
}

export class TimeService {
  readonly #parts: TimeServiceParts;
  /** In the present second. */
  readonly #heard = new Map<string, number>();
  #heardOfAll = 0;
  #windowMs: TimeMs = -Infinity;

  constructor(parts: TimeServiceParts) {
    this.#parts = parts;
  }

  /**
   * A cast on the channel "presence"; `sender` is of its topic. Errors: those of openTimeQuestion,
   * card-invalid.
   */
  asked(sender: string, bytes: Uint8Array): void {
    const { crypto, clock, network, introduce, answer } = this.#parts;
    if (!this.#hasTime(sender)) return;
    const { from, nonce, card } = openTimeQuestion(crypto, network, bytes);
    if (from !== sender)
      throw new SegmentError("message-invalid", "the topic names a sender who did not ask", {
        where: "topic",
      });
    introduce(from, card);
    answer(from, encodeMessage({ nonce, timeMs: clock.now() }));
  }

  #hasTime(sender: string): boolean {
    const now = this.#parts.clock.now();
    // Either way: a notary's clock may be set back, too.
    if (Math.abs(now - this.#windowMs) >= WINDOW_MS) {
      this.#windowMs = now;
      this.#heard.clear();
      this.#heardOfAll = 0;
    }
    const heard = this.#heard.get(sender) ?? 0;
    if (heard >= MAX_OF_SENDER || this.#heardOfAll >= MAX_OF_ALL) return false;
    this.#heard.set(sender, heard + 1);
    this.#heardOfAll += 1;
    return true;
  }
}
