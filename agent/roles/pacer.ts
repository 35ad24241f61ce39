import type { Clock, TimeMs, Timer } from "../../protocols/ports.ts";

/** Lets things pass in order, at once while within the rate, later when beyond it. */
export interface Pacer {
  pass(bytes: number, go: () => void): void;
  /** Lets nothing more pass; what waits is forgotten. */
  stop(): void;
}

// How much of its rate a client may use at once after a silence.
const BURST_MS = 1000;

/** Virtual scheduling, as the generic cell rate algorithm of ITU-T I.371 does it. */
export function pacer(clock: Clock, rate: { messagesPerSecond: number; bytesPerSecond: number }): Pacer {
  const waiting: { atMs: TimeMs; go: () => void }[] = [];
  let freeAtMs = 0;
  let timer: Timer | undefined;
  let stopped = false;

  function release(): void {
    timer = undefined;
    const now = clock.now();
    for (let next = waiting[0]; next !== undefined && next.atMs <= now && !stopped; next = waiting[0]) {
      waiting.shift();
      next.go();
    }
    if (waiting[0] !== undefined && !stopped) timer = clock.at(waiting[0].atMs, release);
  }

  return {
    pass(bytes, go) {
      if (stopped) return;
      const now = clock.now();
      const costMs = Math.max(1000 / rate.messagesPerSecond, (bytes * 1000) / rate.bytesPerSecond);
      freeAtMs = Math.max(freeAtMs, now - BURST_MS) + costMs;
      if (freeAtMs <= now && waiting.length === 0) return go();
      waiting.push({ atMs: freeAtMs, go });
      timer ??= clock.at(freeAtMs, release);
    },
    stop() {
      stopped = true;
      waiting.length = 0;
      timer?.cancel();
    },
  };
}
