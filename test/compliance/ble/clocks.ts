/** Clocks and randomness for the BLE suite and its child processes. */
import type { Clock, Random, Timer } from "../../../protocols/ports.ts";

export const realClock: Clock = {
  now: () => Date.now(),
  at: (atMs, fire) => {
    const timer = setTimeout(fire, Math.max(0, atMs - Date.now()));
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Virtual time that runs ahead by itself: in each turn of the event loop the earliest timer fires. */
export class RunningClock implements Clock {
  #nowMs = 1_750_000_000_000;
  #order = 0;
  readonly #timers = new Map<number, { atMs: number; fire: () => void }>();
  #pumping = false;

  now(): number {
    return this.#nowMs;
  }

  at(atMs: number, fire: () => void): Timer {
    this.#order += 1;
    const key = this.#order;
    this.#timers.set(key, { atMs, fire });
    this.#pump();
    return { cancel: () => void this.#timers.delete(key) };
  }

  #pump(): void {
    if (this.#pumping || this.#timers.size === 0) return;
    this.#pumping = true;
    setImmediate(() => {
      this.#pumping = false;
      let first: [number, { atMs: number; fire: () => void }] | undefined;
      for (const entry of this.#timers)
        if (first === undefined || entry[1].atMs < first[1].atMs) first = entry;
      if (first === undefined) return;
      this.#timers.delete(first[0]);
      this.#nowMs = Math.max(this.#nowMs, first[1].atMs);
      first[1].fire();
      this.#pump();
    });
  }
}

/** A small seeded generator (mulberry32): the same seed, the same bytes. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) & 0xff;
  };
  return { bytes: (length) => Uint8Array.from({ length }, next) };
}
