/** A world's clock over another: it may run faster and start at another time. */
import type { Clock, TimeMs } from "../protocols/ports.ts";

export interface ClockFrame {
  /** The base clock's time at which the world begins. */
  baseMs: TimeMs;
  /** The world's time then. */
  worldMs: TimeMs;
  /** World milliseconds per base millisecond. */
  speed: number;
}

/** The same frame gives the same time in every process that shares the base clock. */
export function scaledClock(base: Clock, frame: ClockFrame): Clock {
  const { baseMs, worldMs, speed } = frame;
  const timeAt = (baseTimeMs: TimeMs): TimeMs => Math.floor(worldMs + (baseTimeMs - baseMs) * speed);
  return {
    now: () => timeAt(base.now()),
    at: (atMs, fire) => {
      // Rounded up, so that a timer never fires before its time on this clock; doubles may still round it
      // down.
      const dueMs = Math.ceil(baseMs + (atMs - worldMs) / speed);
      return base.at(timeAt(dueMs) < atMs ? dueMs + 1 : dueMs, fire);
    },
  };
}

/** Calls `work` again and again, `everyMs` of the clock's time apart, until stopped. */
export function every(clock: Clock, everyMs: number, work: () => void): () => void {
  let timer = clock.at(clock.now() + everyMs, run);
  function run(): void {
    // Set before the work, so that work that stops it is obeyed.
    timer = clock.at(clock.now() + everyMs, run);
    work();
  }
  return () => timer.cancel();
}
