/** Named timers: one per name; setting it again replaces it. */
import type { Clock, TimeMs, Timer } from "../../protocols/ports.ts";

export class Timers {
  readonly #clock: Clock;
  readonly #fire: (name: string) => void;
  readonly #timers = new Map<string, Timer>();

  constructor(clock: Clock, fire: (name: string) => void) {
    this.#clock = clock;
    this.#fire = fire;
  }

  /** `null` cancels. */
  set(name: string, atMs: TimeMs | null): void {
    this.#timers.get(name)?.cancel();
    this.#timers.delete(name);
    if (atMs === null) return;
    const timer = this.#clock.at(atMs, () => {
      this.#timers.delete(name);
      this.#fire(name);
    });
    this.#timers.set(name, timer);
  }

  clear(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }
}
