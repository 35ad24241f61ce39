/**
 * How long messages are under way, what is lost and repeated, and in which order they arrive: from one
 * seed.
 */
import type { Clock, Random, TimeMs, Timer } from "../../protocols/ports.ts";

export interface TransitOptions {
  clock: Clock;
  /** Seeded: the same seed and the same calls give the same times. */
  random: Random;
  /** Each way between a client and the broker. Default 5 to 50 ms. */
  delayMs?: { min: number; max: number };
  /** Chance, 0 to 1, that a message or an acknowledgement is lost on one way. Default 0. */
  loss?: number;
  /** After how long a loss is repeated. Default 1000 ms. */
  retryMs?: number;
}

/** What follows upon one another: one is made for each order that has to hold. */
export interface Line {
  /** What has not happened yet. */
  readonly queue: (() => void)[];
  /** When the last of them does. */
  lastMs: TimeMs;
}

/** A line in which nothing waits. */
export function emptyLine(): Line {
  return { queue: [], lastMs: 0 };
}

/** How often in a row a loss may strike, so that even certain loss ends. */
const MAX_LOSSES = 20;

export class Transit {
  readonly retryMs: number;
  /** Losses that were made good by repeating. */
  repeated = 0;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #delay: { min: number; max: number };
  readonly #loss: number;
  readonly #timers = new Set<Timer>();

  constructor(options: TransitOptions) {
    this.retryMs = options.retryMs ?? 1000;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#delay = options.delayMs ?? { min: 5, max: 50 };
    this.#loss = options.loss ?? 0;
  }

  chance(probability: number): boolean {
    return probability > 0 && this.#fraction() < probability;
  }

  /** Whether one message is lost on one way. */
  loses(): boolean {
    const lost = this.chance(this.#loss);
    if (lost) this.repeated++;
    return lost;
  }

  /** One way without loss. */
  oneWayMs(): number {
    const { min, max } = this.#delay;
    return min + Math.floor(this.#fraction() * (max - min + 1));
  }

  /** One way, with what its losses cost: the sender repeats until it succeeds. */
  travelMs(): number {
    let lostMs = 0;
    for (let losses = 0; losses < MAX_LOSSES && this.loses(); losses++) lostMs += this.retryMs;
    return this.oneWayMs() + lostMs;
  }

  after(delayMs: number, act: () => void): void {
    const timer = this.#clock.at(this.#clock.now() + delayMs, () => {
      this.#timers.delete(timer);
      act();
    });
    this.#timers.add(timer);
  }

  /** What is put in one line happens in its order, however the timers of near times fire. */
  inOrder(line: Line, delayMs: number, act: () => void): void {
    const now = this.#clock.now();
    // Nobody waits for a line that is empty, should the clock have been set back.
    const afterMs = line.queue.length === 0 ? now : line.lastMs;
    line.lastMs = Math.max(afterMs, now + delayMs);
    line.queue.push(act);
    this.after(line.lastMs - now, () => line.queue.shift()?.());
  }

  /** Nothing arrives any more. */
  close(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  #fraction(): number {
    const [a = 0, b = 0, c = 0] = this.#random.bytes(3);
    return (a * 65536 + b * 256 + c) / 2 ** 24;
  }
}
