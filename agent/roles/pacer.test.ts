import { describe, expect, it } from "vitest";
import type { Clock } from "../../protocols/ports.ts";
import { pacer } from "./pacer.ts";

/** A clock that stands until it is told to go on. */
function manualClock(): Clock & { advance(ms: number): void; pending(): number } {
  let now = 1_000_000;
  let timers: { atMs: number; fire: () => void }[] = [];
  return {
    now: () => now,
    at(atMs, fire) {
      const timer = { atMs, fire };
      timers.push(timer);
      return { cancel: () => (timers = timers.filter((other) => other !== timer)) };
    },
    advance(ms) {
      now += ms;
      for (
        let due = timers.filter(({ atMs }) => atMs <= now);
        due.length > 0;
        due = timers.filter(({ atMs }) => atMs <= now)
      ) {
        timers = timers.filter((timer) => !due.includes(timer));
        for (const { fire } of due) fire();
      }
    },
    pending: () => timers.length,
  };
}

describe("the pacer", () => {
  it("lets a burst of one second pass at once, and the rest at the rate, in order", () => {
    const clock = manualClock();
    const pace = pacer(clock, { messagesPerSecond: 10, bytesPerSecond: 1e9 });
    const passed: number[] = [];
    for (let index = 0; index < 30; index++) pace.pass(1, () => passed.push(index));
    expect(passed).toHaveLength(10);
    clock.advance(500);
    expect(passed).toHaveLength(15);
    clock.advance(1500);
    expect(passed).toEqual(Array.from({ length: 30 }, (_, index) => index));
    expect(clock.pending()).toBe(0);
    clock.advance(10_000);
    for (let index = 0; index < 30; index++) pace.pass(1, () => passed.push(index));
    expect(passed).toHaveLength(40);
  });

  it("counts bytes as well", () => {
    const clock = manualClock();
    const pace = pacer(clock, { messagesPerSecond: 1e6, bytesPerSecond: 1000 });
    let passed = 0;
    for (let index = 0; index < 4; index++) pace.pass(500, () => passed++);
    expect(passed).toBe(2);
    clock.advance(1000);
    expect(passed).toBe(4);
  });

  it("stops", () => {
    const clock = manualClock();
    const pace = pacer(clock, { messagesPerSecond: 1, bytesPerSecond: 1000 });
    let passed = 0;
    for (let index = 0; index < 3; index++) pace.pass(1, () => passed++);
    pace.stop();
    clock.advance(10_000);
    pace.pass(1, () => passed++);
    expect(passed).toBe(1);
    expect(clock.pending()).toBe(0);
  });
});
