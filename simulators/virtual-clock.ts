/**
 * A world's time that stands still while anything happens, and then jumps to the next
 * timer. Timers fire in the order of their times, and of their making where those are the
 * same; between two of them every promise that can go on does. The same calls therefore
 * give the same run. Only work in memory may be awaited: a disk or a socket answers in
 * real time, which this clock does not wait for.
 */
import { SegmentError } from "../protocols/errors.ts";
import type { Clock, TimeMs, Timer } from "../protocols/ports.ts";

/** Firings of one run; a world that needs more turns in circles. */
const MAX_FIRINGS = 50_000_000;
/** What is not of the world (signals, files, the runner of tests) gets its turn after so many firings. */
const FIRINGS_PER_TURN = 64;

interface Due {
  atMs: TimeMs;
  order: number;
  /** Undefined once cancelled: it is left in the queue and skipped when its turn comes. */
  fire: (() => void) | undefined;
}

export class VirtualClock implements Clock {
  #nowMs: TimeMs;
  #made = 0;
  #pending = 0;
  /** A binary heap: the earliest first. */
  readonly #queue: Due[] = [];

  constructor(startMs: TimeMs = 0) {
    this.#nowMs = startMs;
  }

  now(): TimeMs {
    return this.#nowMs;
  }

  /** Timers that have neither fired nor been cancelled. */
  get pending(): number {
    return this.#pending;
  }

  at(atMs: TimeMs, fire: () => void): Timer {
    // NaN would never come, and would put the queue out of order.
    if (Number.isNaN(atMs)) throw new SegmentError("internal", "a timer needs a time");
    const due: Due = { atMs: Math.max(atMs, this.#nowMs), order: (this.#made += 1), fire };
    this.#pending += 1;
    push(this.#queue, due);
    return { cancel: () => this.#drop(due) };
  }

  /**
   * Lets time pass until `untilMs`; timers of that very time fire too. `look` is called after each of them,
   * once all that it set going has come to a halt. Rejects with what a timer or `look` throws.
   */
  async runUntil(untilMs: TimeMs, limit: number = MAX_FIRINGS, look?: () => void): Promise<void> {
    await this.#run(untilMs, limit, look);
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  runFor(durationMs: number, limit: number = MAX_FIRINGS): Promise<void> {
    return this.runUntil(this.#nowMs + durationMs, limit);
  }

  /** Lets time pass until no timer is left. Rejects with `scenario-failed` beyond `limit` firings. */
  runAll(limit: number = MAX_FIRINGS): Promise<void> {
    return this.#run(Number.POSITIVE_INFINITY, limit);
  }

  async #run(untilMs: TimeMs, limit: number, look?: () => void): Promise<void> {
    let firings = 0;
    await turn();
    for (let due = this.#next(untilMs); due !== undefined; due = this.#next(untilMs)) {
      if ((firings += 1) > limit) {
        throw new SegmentError(
          "scenario-failed",
          `more than ${limit} timers fired before the run came to its end`,
        );
      }
      const { fire } = due;
      this.#drop(due);
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      fire?.();
      await (firings % FIRINGS_PER_TURN === 0 ? turn() : settle());
      look?.();
    }
  }

  /** Takes the earliest timer out of the queue, if it is due by then. */
  #next(untilMs: TimeMs): Due | undefined {
    for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
      if (first.fire !== undefined && first.atMs > untilMs) return undefined;
      pop(this.#queue);
      if (first.fire !== undefined) return first;
    }
    return undefined;
  }

  #drop(due: Due): void {
    if (due.fire === undefined) return;
    due.fire = undefined;
    this.#pending -= 1;
  }
}

/** A turn of the event loop: by then all promises that wait for nothing outside have gone on. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** All promises go on as in a turn, at a fraction of its price: nothing outside of the world is looked at. */
function settle(): Promise<void> {
  return new Promise(onceNoPromiseGoesOn);
}

/** To be asked by a promise that has gone on: Node calls back once no other can go on any more. */
function onceNoPromiseGoesOn(resolve: () => void): void {
  process.nextTick(resolve);
}

function isBefore(a: Due, b: Due): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

function push(heap: Due[], due: Due): void {
  let at = heap.length;
  for (let above = (at - 1) >> 1; at > 0 && isBefore(due, heap[above]!); above = (at - 1) >> 1) {
    heap[at] = heap[above]!;
    at = above;
  }
  heap[at] = due;
}

function pop(heap: Due[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    let below = 2 * at + 1;
    if (below >= heap.length) break;
    if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below += 1;
    if (!isBefore(heap[below]!, last)) break;
    heap[at] = heap[below]!;
    at = below;
  }
  heap[at] = last;
}
