import type { Clock, Timer } from "../../../protocols/ports.ts";

/** A machine's clock that is wrong by so much. */
export function wrongClock(clock: Clock, byMs: number): Clock {
  return {
    now: () => clock.now() + byMs,
    at: (atMs: number, fire: () => void): Timer => clock.at(atMs - byMs, fire),
  };
}
