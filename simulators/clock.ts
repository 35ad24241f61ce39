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
  return {
    now: () => Math.floor(worldMs + (base.now() - baseMs) * speed),
    // Rounded up, so that a timer never fires before its time on this clock.
    at: (atMs, fire) => base.at(Math.ceil(baseMs + (atMs - worldMs) / speed), fire),
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
