/**
 * What has been promised and not yet been acknowledged: messages to peers and entries
 * for the ledger. It is written in the same commit as the state that promised it,
 * repeated until the other side says that it has it, and removed then.
 *
 * The id of a promise decides the id of the message or entry, so that a repetition,
 * even after a crash, is recognised and counts once.
 */
import { decodeMessage, encodeMessage } from "../../protocols/encoding/messages.ts";
import { SegmentError } from "../../protocols/errors.ts";
import type { Clock, Store, Timer } from "../../protocols/ports.ts";
import { z } from "zod";
import type { Changes } from "./loop.ts";

const PREFIX = "outbox/";
const MAX_PROMISES = 4_096;
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;
/**
 * Handed to the link at once at most. Who waits for an acknowledgement holds no place: a peer that is away
 * holds up nobody.
 */
const WINDOW = 64;

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, "expected bytes");
const promiseSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("message"),
    order: z.number(),
    to: z.string(),
    type: z.string(),
    body: bytes,
    messageId: bytes,
  }),
  z.object({
    kind: z.literal("entry"),
    order: z.number(),
    entryId: bytes,
    record: bytes,
    /** When the entry's validity ends; absent in what older versions wrote. */
    notAfter: z.number().optional(),
  }),
]);

/** A promise as it stands in the store; `order` keeps the order of making. */
export type OutboxPromise = z.infer<typeof promiseSchema>;

interface Pending {
  promise: OutboxPromise;
  /** Nothing leaves before the commit that promises it is durable. */
  durable: boolean;
  attempts: number;
  /** An attempt is with the link. */
  leaving: boolean;
  /** Not tried again before it has fired. */
  timer: Timer | undefined;
}

type WithoutOrder<T> = T extends unknown ? Omit<T, "order"> : never;

export interface OutboxParts {
  store: Store;
  /** Retries run on the links' time, not on a world's that may be sped up. */
  linkClock: Clock;
  /** Makes one attempt; rejection means that it is tried again. */
  attempt: (promise: OutboxPromise) => Promise<void>;
}

export class Outbox {
  readonly #parts: OutboxParts;
  readonly #pending = new Map<string, Pending>();
  #nextOrder = 1;
  #leaving = 0;
  #open = false;

  constructor(parts: OutboxParts) {
    this.#parts = parts;
    const saved = parts.store
      .keys(PREFIX)
      .map((key) => ({
        key,
        promise: promiseSchema.parse(decodeMessage(parts.store.get(key) ?? new Uint8Array())),
      }))
      .sort((a, b) => a.promise.order - b.promise.order);
    for (const { key, promise } of saved) {
      this.#pending.set(key, { promise, durable: true, attempts: 0, leaving: false, timer: undefined });
      this.#nextOrder = promise.order + 1;
    }
  }

  get size(): number {
    return this.#pending.size;
  }

  /** Adds a promise to a commit. The same id again changes nothing. Errors: queue-full. */
  plan(id: string, promise: WithoutOrder<OutboxPromise>, changes: Changes): void {
    const key = PREFIX + id;
    if (this.#pending.has(key)) return;
    if (this.#pending.size >= MAX_PROMISES) {
      throw new SegmentError("queue-full", `${MAX_PROMISES} promises wait for an acknowledgement`);
    }
    const whole: OutboxPromise = { ...promise, order: this.#nextOrder++ };
    this.#pending.set(key, { promise: whole, durable: false, attempts: 0, leaving: false, timer: undefined });
    changes.set(key, encodeMessage(whole));
  }

  /** The commit that holds the promise is durable: it may leave. */
  confirm(id: string): void {
    const pending = this.#pending.get(PREFIX + id);
    if (pending === undefined) return;
    pending.durable = true;
    this.kick();
  }

  /** Removes what was acknowledged; the removal joins a commit. Returns whether it was there. */
  settle(matches: (promise: OutboxPromise) => boolean, changes: Changes): boolean {
    let found = false;
    for (const [key, pending] of this.#pending) {
      if (!matches(pending.promise)) continue;
      pending.timer?.cancel();
      this.#pending.delete(key);
      changes.set(key, undefined);
      found = true;
    }
    if (found) this.kick();
    return found;
  }

  /** The link is up or down. Up: everything is tried at once, in order. */
  setOpen(open: boolean): void {
    this.#open = open;
    if (!open) return;
    for (const pending of this.#pending.values()) this.#disarm(pending);
    this.kick();
  }

  /** Starts what may start now. Called after commits and acknowledgements. */
  kick(): void {
    if (!this.#open) return;
    for (const pending of this.#pending.values()) {
      if (this.#leaving >= WINDOW) return;
      if (pending.durable && !pending.leaving && pending.timer === undefined) this.#try(pending);
    }
  }

  close(): void {
    this.#open = false;
    for (const pending of this.#pending.values()) this.#disarm(pending);
  }

  #try(pending: Pending): void {
    const retryInMs = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(pending.attempts, 10));
    pending.attempts += 1;
    pending.leaving = true;
    this.#leaving += 1;
    pending.timer = this.#parts.linkClock.at(this.#parts.linkClock.now() + retryInMs, () => {
      pending.timer = undefined;
      this.kick();
    });
    this.#parts
      .attempt(pending.promise)
      // A failed attempt waits for its timer like one that was not answered.
      .catch(() => undefined)
      .finally(() => {
        pending.leaving = false;
        this.#leaving -= 1;
        this.kick();
      });
  }

  #disarm(pending: Pending): void {
    pending.timer?.cancel();
    pending.timer = undefined;
  }
}
