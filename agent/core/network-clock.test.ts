import { describe, expect, it } from "vitest";
import type { Clock } from "../../protocols/ports.ts";
import { VirtualClock } from "../../simulators/virtual-clock.ts";
import { skewedClock } from "../../test/support/clocks.ts";
import { NetworkClock } from "./network-clock.ts";

const HOUR = 3_600_000;

function fired(clock: Clock, ...atMs: number[]): string[] {
  const log: string[] = [];
  for (const one of atMs) clock.at(one, () => log.push(`${one} at ${clock.now()}`));
  return log;
}

describe("the network's clock", () => {
  it("is the machine's until the network has told its time, and then off by what that lacks", async () => {
    const machine = new VirtualClock(1_000);
    const clock = new NetworkClock(machine);
    expect([clock.now(), clock.isKnown]).toEqual([1_000, false]);
    expect(clock.correct(HOUR, 1_000)).toBe(HOUR);
    expect([clock.now(), clock.isKnown]).toEqual([HOUR + 1_000, true]);
    await machine.runFor(500);
    expect(clock.now()).toBe(HOUR + 1_500);
  });

  it("is left alone for less than the tolerance, either way", () => {
    const clock = new NetworkClock(new VirtualClock(1_000));
    expect([clock.correct(1_000, 1_000), clock.isKnown, clock.now()]).toEqual([0, true, 1_000]);
    expect(clock.correct(1_001, 1_000)).toBe(1_001);
    for (const offsetMs of [1, 2_001]) expect(clock.correct(offsetMs, 1_000)).toBe(0);
    expect(clock.now()).toBe(2_001);
  });

  it.each([
    ["forward", HOUR],
    ["back", -HOUR],
  ])(
    "fires at the network's time after it was put %s, once each, and never what was cancelled",
    async (_where, offsetMs) => {
      const machine = new VirtualClock(10 * HOUR);
      const clock = new NetworkClock(machine);
      const times = [9.5, 10, 10.25, 11, 11.5].map((hours) => hours * HOUR);
      const log = fired(clock, ...times);
      clock.at(11 * HOUR, () => expect.fail("cancelled before")).cancel();
      const later = clock.at(11 * HOUR, () => expect.fail("cancelled after"));
      await machine.runFor(1_000);
      expect(log).toHaveLength(2);
      clock.correct(offsetMs, 1_000);
      later.cancel();
      await machine.runFor(4 * HOUR);
      const past = offsetMs > 0 ? 11 * HOUR + 1_000 : 0;
      expect(log.slice(2)).toEqual(times.slice(2).map((atMs) => `${atMs} at ${Math.max(atMs, past)}`));
      expect(machine.pending).toBe(0);
    },
  );

  it("holds no timer that has fired or was cancelled", async () => {
    const machine = new VirtualClock(0);
    const clock = new NetworkClock(machine);
    for (let n = 0; n < 100; n++) clock.at(n, () => undefined);
    for (let n = 0; n < 100; n++) clock.at(1_000 + n, () => undefined).cancel();
    await machine.runFor(100);
    // Nothing would be armed anew.
    clock.correct(HOUR, 0);
    expect(machine.pending).toBe(0);
  });

  it("goes by the steady clock once it is known: then the machine's may jump as it likes", async () => {
    const world = new VirtualClock(5 * HOUR);
    const machine = skewedClock(world);
    const steady = skewedClock(world);
    steady.byMs = -5 * HOUR;
    const clock = new NetworkClock(machine, steady);
    const log = fired(clock, 6 * HOUR, 7 * HOUR);
    machine.byMs = -HOUR;
    expect(clock.now()).toBe(4 * HOUR);
    expect(clock.correct(5 * HOUR, 1_000)).toBe(HOUR);
    for (const byMs of [-HOUR, 10 * HOUR, -5 * HOUR]) {
      machine.byMs = byMs;
      expect(clock.now()).toBe(world.now());
    }
    await world.runFor(3 * HOUR);
    expect(log).toEqual([`${6 * HOUR} at ${6 * HOUR}`, `${7 * HOUR} at ${7 * HOUR}`]);
  });

  it("changes to the steady clock without a step where the machine's was right", () => {
    const world = new VirtualClock(5 * HOUR);
    const steady = skewedClock(world);
    steady.byMs = -HOUR;
    const clock = new NetworkClock(world, steady);
    expect(clock.correct(HOUR + 900, 1_000)).toBe(0);
    expect(clock.now()).toBe(5 * HOUR);
  });
});
