/**
 * The network's time: the machine's clock with what it lacks added. Timers fire at their
 * network time, however often the machine is put right in between.
 *
 * Until the network has been asked (network-time.ts) it is the machine's clock as it is.
 */
import type { Clock, TimeMs, Timer } from "../../protocols/ports.ts";

interface Armed {
  atMs: TimeMs;
  fire: () => void;
  timer: Timer;
}

export class NetworkClock implements Clock {
  /** Whether the network has ever told its time. */
  isKnown = false;
  readonly #machine: Clock;
  readonly #steady: Clock;
  #offsetMs = 0;
  readonly #armed = new Set<Armed>();

  /**
   * `steady` runs at the machine's speed whatever is done to the machine's clock, and counts from anywhere.
   * Where there is one, nobody can shift the network's time any more once it is known.
   */
  constructor(machine: Clock, steady: Clock = machine) {
    this.#machine = machine;
    this.#steady = steady;
  }

  now(): TimeMs {
    return this.#base.now() + this.#offsetMs;
  }

  at(atMs: TimeMs, fire: () => void): Timer {
    const armed: Armed = { atMs, fire, timer: NO_TIMER };
    this.#armed.add(armed);
    this.#arm(armed);
    return {
      cancel: () => {
        armed.timer.cancel();
        this.#armed.delete(armed);
      },
    };
  }

  /** What `correct` counts from. */
  steadyNow(): TimeMs {
    return this.#steady.now();
  }

  /** For spans: no correction makes them longer or shorter. */
  get steady(): Clock {
    return this.#steady;
  }

  /**
   * The network's time is `steadyNow() + offsetMs`, give or take `toleranceMs`: less than that changes
   * nothing. Returns by how much the time was put forward (or, negative, back).
   */
  correct(offsetMs: number, toleranceMs: number): number {
    const present = this.now() - this.#steady.now();
    const shiftMs = offsetMs - present;
    const isOff = Math.abs(shiftMs) > toleranceMs;
    if (this.isKnown && !isOff) return 0;
    this.isKnown = true;
    this.#offsetMs = isOff ? offsetMs : present;
    for (const armed of this.#armed) {
      armed.timer.cancel();
      this.#arm(armed);
    }
    return isOff ? shiftMs : 0;
  }

  get #base(): Clock {
    return this.isKnown ? this.#steady : this.#machine;
  }

  #arm(armed: Armed): void {
    armed.timer = this.#base.at(armed.atMs - this.#offsetMs, () => {
      this.#armed.delete(armed);
      armed.fire();
    });
  }
}

const NO_TIMER: Timer = { cancel: () => undefined };
