/** The Clock port on timers that Node and browsers have alike. */
import type { Clock } from "../../protocols/ports.ts";

/** Later alarms take several steps: setTimeout ends at 25 days, and a clock may be set meanwhile. */
const LONGEST_WAIT_MS = 60_000;

/** The machine's own clock. A pending timer keeps a process alive: whoever set it cancels it. */
export const systemClock: Clock = clockOf(() => Date.now());

/**
 * Begins with the machine's clock and runs on, whoever sets that one meanwhile. Time during which the machine
 * was suspended is not counted.
 */
export const steadyClock: Clock = clockOf(() => Math.floor(performance.timeOrigin + performance.now()));

function clockOf(now: () => number): Clock {
  return {
    now,
    at(atMs, fire) {
      let timeout: ReturnType<typeof setTimeout>;
      const wait = (): void => {
        timeout = setTimeout(
          () => {
            if (now() >= atMs) fire();
            else wait();
          },
          Math.min(Math.max(atMs - now(), 0), LONGEST_WAIT_MS),
        );
      };
      wait();
      return { cancel: () => clearTimeout(timeout) };
    },
  };
}
