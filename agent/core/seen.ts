/**
 * What was taken in already, remembered across crashes, so that a repeated message or
 * receipt counts once. Bounded: the oldest marks go first. What is repeated only after
 * that many others counts anew; contracts and ledger refuse it by their own states.
 */
import type { Clock, Store } from "../../protocols/ports.ts";
import type { Changes } from "./loop.ts";

const PREFIX = "seen/";
const MAX_MARKS = 20_000;

export class Seen {
  /** In the order of coming. */
  readonly #marks = new Map<string, "under way" | "durable">();
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.#clock = clock;
    const saved = store
      .keys(PREFIX)
      .map((key) => ({ mark: key.slice(PREFIX.length), timeMs: readTime(store.get(key)) }))
      .sort((a, b) => a.timeMs - b.timeMs);
    for (const { mark } of saved) this.#marks.set(mark, "durable");
  }

  /** Only what is durable may be acknowledged again. */
  stateOf(mark: string): "new" | "under way" | "durable" {
    return this.#marks.get(mark) ?? "new";
  }

  /** The commit that remembers it has reached the disk. */
  confirm(mark: string): void {
    if (this.#marks.has(mark)) this.#marks.set(mark, "durable");
  }

  /** Remembers in the step's commit. */
  add(mark: string, changes: Changes): void {
    this.#marks.set(mark, "under way");
    changes.set(PREFIX + mark, writeTime(this.#clock.now()));
    for (const oldest of this.#marks.keys()) {
      if (this.#marks.size <= MAX_MARKS) return;
      this.#marks.delete(oldest);
      changes.set(PREFIX + oldest, undefined);
    }
  }
}

function writeTime(timeMs: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, timeMs);
  return bytes;
}

function readTime(bytes: Uint8Array | undefined): number {
  if (bytes?.length !== 8) return 0;
  return new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0);
}
