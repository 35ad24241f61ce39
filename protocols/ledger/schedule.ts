/** What is due when: a binary heap, because a notary has thousands of small deadlines. */
import type { TimeMs } from "../ports.ts";

interface Due<T> {
  atMs: TimeMs;
  task: T;
}

export class Schedule<T> {
  readonly #heap: Due<T>[] = [];

  add(atMs: TimeMs, task: T): void {
    const heap = this.#heap;
    let at = heap.length;
    const due = { atMs, task };
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]!.atMs <= atMs) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = due;
  }

  /** The earliest time at which something is due. */
  next(): TimeMs | undefined {
    return this.#heap[0]?.atMs;
  }

  /** Takes what is due at `now`, the earliest first; undefined when nothing is. */
  take(now: TimeMs): T | undefined {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined || first.atMs > now) return undefined;
    const last = heap.pop()!;
    if (heap.length > 0) this.#sink(last);
    return first.task;
  }

  #sink(due: Due<T>): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.atMs < heap[child]!.atMs) child++;
      if (heap[child]!.atMs >= due.atMs) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = due;
  }
}
