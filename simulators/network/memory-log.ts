/** The order log in memory, for simulated worlds: durable as long as the world lasts. */
import { SegmentError } from "../../protocols/errors.ts";
import type { OrderLog, Unsubscribe } from "../../protocols/ports.ts";

export class MemoryLog implements OrderLog {
  readonly #records: Uint8Array[];
  readonly #listeners = new Set<() => void>();
  #isClosed = false;

  /** `records`: what was appended in an earlier life of the world. */
  constructor(records: readonly Uint8Array[] = []) {
    this.#records = [...records];
  }

  append(record: Uint8Array): Promise<number> {
    if (this.#isClosed) return Promise.reject(new SegmentError("store-failed", "the order log is closed"));
    // A copy, as a disk would make: the caller may reuse its bytes.
    const index = this.#records.push(new Uint8Array(record)) - 1;
    // Listeners run on their own, as they would after another process has appended.
    queueMicrotask(() => {
      for (const listener of this.#listeners) listener();
    });
    return Promise.resolve(index);
  }

  read(from: number, limit: number): Promise<{ index: number; record: Uint8Array }[]> {
    const records = this.#records.slice(from, from + limit);
    return Promise.resolve(
      records.map((record, offset) => ({ index: from + offset, record: new Uint8Array(record) })),
    );
  }

  onAppended(listener: () => void): Unsubscribe {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      return Promise.resolve();
    };
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#listeners.clear();
    return Promise.resolve();
  }
}
