/** Clocks that are wrong. */
import type { Clock, Timer } from "../../protocols/ports.ts";

/** As agent/node's clock: a timer looks at the time at least this often. */
const LONGEST_WAIT_MS = 60_000;

/**
 * A machine's clock that is wrong by `byMs`, which may change at any time: its timers run for a span, and
 * wait on if they find that it was set back.
 */
export function skewedClock(world: Clock, byMs = 0): Clock & { byMs: number } {
  const clock = {
    byMs,
    now: (): number => world.now() + clock.byMs,
    at: (atMs: number, fire: () => void): Timer => {
      let timer: Timer;
      const wait = (): void => {
        const waitMs = Math.min(Math.max(atMs - clock.now(), 0), LONGEST_WAIT_MS);
        timer = world.at(world.now() + waitMs, () => (clock.now() >= atMs ? fire() : wait()));
      };
      wait();
      return { cancel: () => timer.cancel() };
    },
  };
  return clock;
}
