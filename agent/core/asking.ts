/**
 * Questions with answers over the messenger, for readers and wallets: one question of a kind to a peer at a
 * time.
 */
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import { SegmentError } from "../../protocols/errors.ts";
import type { Clock } from "../../protocols/ports.ts";
import type { Messenger, Received } from "./messenger.ts";

export interface Answered {
  kind: string;
  body: Uint8Array;
}

interface Open {
  from: string;
  accepts: (answer: Answered) => boolean;
  resolve: (answer: Answered) => void;
}

const ANSWER_MS = 1_500;

export class Asker {
  readonly #messenger: Pick<Messenger, "listen" | "send">;
  readonly #clock: Clock;
  readonly #unasked: Received;
  readonly #open = new Set<Open>();

  /** `unasked` gets what answers no question. */
  constructor(
    messenger: Pick<Messenger, "listen" | "send">,
    clock: Clock,
    unasked: Received = () => undefined,
  ) {
    this.#messenger = messenger;
    this.#clock = clock;
    this.#unasked = unasked;
  }

  /** Resolves when answers can arrive. */
  listen(): Promise<void> {
    return this.#messenger.listen((message) => {
      const { from, kind, body } = message;
      for (const question of this.#open) {
        if (question.from !== from || !question.accepts({ kind, body })) continue;
        this.#open.delete(question);
        question.resolve({ kind, body });
        return;
      }
      this.#unasked(message);
    });
  }

  /**
   * Asks, and resolves with the answer that `accepts` recognises. Rejects with `message-invalid` when none
   * comes in time.
   */
  async ask(
    to: string,
    kind: string,
    body: unknown,
    accepts: (answer: Answered) => boolean,
    timeoutMs = ANSWER_MS,
  ): Promise<Answered> {
    const answer = new Promise<Answered>((resolve, reject) => {
      const question: Open = { from: to, accepts, resolve };
      this.#open.add(question);
      const timer = this.#clock.at(this.#clock.now() + timeoutMs, () => {
        this.#open.delete(question);
        reject(
          new SegmentError("message-invalid", `no answer to "${kind}" came within ${timeoutMs} ms`, {
            where: to,
          }),
        );
      });
      question.resolve = (value) => {
        timer.cancel();
        resolve(value);
      };
    });
    // Whoever has the answer does not wait for the broker's word that the question has left.
    const sent = this.#messenger.send(to, kind, encodeMessage(body));
    return Promise.race([answer, sent.then(() => answer)]);
  }
}
