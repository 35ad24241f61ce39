/**
 * How the bus logs in: with a fresh token each time, dated by the agent's clock. When the
 * broker refuses one, the clock may be wrong: then the broker is asked for its own time,
 * which dates the next token.
 */
import mqtt from "mqtt";
import type { IClientOptions } from "mqtt";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { CLOCK_USER, makeToken, readClock } from "../../protocols/messaging/token.ts";
import type { Clock, Random, Signer } from "../../protocols/ports.ts";

export interface BrokerLoginOptions {
  url: string;
  network: string;
  signer: Signer;
  clientId: string;
  clock: Clock;
  random: Random;
  connection: Pick<IClientOptions, "protocolVersion" | "connectTimeout" | "ca">;
}

export class BrokerLogin {
  readonly #options: BrokerLoginOptions;
  /** Of the broker's time to ours: for the next token alone. */
  #offsetMs: number | undefined;
  /** The last token was dated by the broker's time. */
  #isByBroker = false;
  /** The broker was last asked, and has told no time. */
  #isSilent = false;
  #stopAsking: (() => void) | undefined;

  constructor(options: BrokerLoginOptions) {
    this.#options = options;
  }

  token(): { username: string; password: string } {
    const { signer, network, clientId, clock } = this.#options;
    const now = Math.max(0, clock.now() + (this.#offsetMs ?? 0));
    this.#isByBroker = this.#offsetMs !== undefined;
    this.#offsetMs = undefined;
    return makeToken(signer, { network, clientId, now });
  }

  /** The broker has refused the last one. Returns whether that has to be believed: nothing is left to try. */
  refused(): boolean {
    const isAsking = this.#stopAsking !== undefined;
    const isLastWord = this.#isByBroker || (this.#isSilent && !isAsking);
    if (!isAsking && this.#offsetMs === undefined) this.#ask();
    return isLastWord;
  }

  close(): void {
    this.#stopAsking?.();
  }

  #ask(): void {
    const { url, random, clock, connection } = this.#options;
    const visitor = mqtt.connect(url, {
      ...connection,
      clientId: `${CLOCK_USER}.${toHex(random.bytes(4))}`,
      username: CLOCK_USER,
      reconnectPeriod: 0,
      timerVariant: "native",
      writeCache: false,
    });
    const end = (): void => void visitor.end(true);
    this.#stopAsking = end;
    this.#isSilent = true;
    visitor.on("message", (_topic, payload) => {
      const timeMs = readClock(payload);
      if (timeMs === undefined) return;
      this.#offsetMs = timeMs - clock.now();
      this.#isSilent = false;
    });
    // A broker that does not tell the time, or is gone.
    visitor.on("error", end);
    visitor.once("close", () => {
      this.#stopAsking = undefined;
      end();
    });
  }
}
