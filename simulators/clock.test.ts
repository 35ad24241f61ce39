import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { scaledClock } from "./clock.ts";
import { VirtualClock } from "./virtual-clock.ts";

const BASE_MS = Date.UTC(2026, 10, 1);

describe("a world's clock", () => {
  it("begins when it is told and runs as much faster", async () => {
    const base = new VirtualClock(BASE_MS);
    const clock = scaledClock(base, { baseMs: BASE_MS, worldMs: 1_000_000, speed: 30 });
    expect(clock.now()).toBe(1_000_000);
    await base.runFor(100);
    expect(clock.now()).toBe(1_003_000);
  });

  it("is the same in every process that has the frame, also where the base clocks stand apart", async () => {
    const frame = { baseMs: BASE_MS, worldMs: 0, speed: 7 };
    expect(scaledClock(new VirtualClock(BASE_MS + 500), frame).now()).toBe(3_500);
    expect(scaledClock(new VirtualClock(BASE_MS - 500), frame).now()).toBe(-3_500);
  });

  it("fires at the time on this clock or just after, never before, at any speed", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: 0.05, max: 100, noNaN: true }),
        fc.nat(1_000_000),
        fc.integer({ min: -1_000, max: 10_000_000 }),
        async (speed, elapsedMs, inMs) => {
          const base = new VirtualClock(BASE_MS + elapsedMs);
          const clock = scaledClock(base, { baseMs: BASE_MS, worldMs: 1_800_000_000_000, speed });
          const atMs = clock.now() + inMs;
          let fired = Number.NaN;
          clock.at(atMs, () => (fired = clock.now()));
          await base.runAll();
          expect(fired).toBeGreaterThanOrEqual(atMs);
          // One base millisecond is `speed` of these.
          expect(fired - Math.max(atMs, clock.now() - speed)).toBeLessThanOrEqual(speed + 1);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("is not early by the rounding of doubles", async () => {
    const base = new VirtualClock(BASE_MS + 657_991);
    const frame = { baseMs: BASE_MS, worldMs: 1_800_000_000_000, speed: 25.297732547094235 };
    const clock = scaledClock(base, frame);
    const atMs = clock.now() + 8_970_551;
    let fired = Number.NaN;
    clock.at(atMs, () => (fired = clock.now()));
    await base.runAll();
    expect(fired).toBeGreaterThanOrEqual(atMs);
  });

  it("can cancel", async () => {
    const base = new VirtualClock();
    const clock = scaledClock(base, { baseMs: 0, worldMs: 0, speed: 2 });
    clock.at(10, () => expect.fail("it fired")).cancel();
    await base.runAll();
    expect(base.pending).toBe(0);
  });
});
