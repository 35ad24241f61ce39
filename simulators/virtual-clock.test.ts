import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { VirtualClock } from "./virtual-clock.ts";

describe("the virtual clock", () => {
  it("fires in the order of times, and of making where they are the same, at the timer's time", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(20), { maxLength: 60 }), async (times) => {
        const clock = new VirtualClock();
        const fired: { atMs: number; made: number; now: number }[] = [];
        for (const [made, atMs] of times.entries())
          clock.at(atMs, () => fired.push({ atMs, made, now: clock.now() }));
        await clock.runAll();
        const sorted = times.map((atMs, made) => ({ atMs, made, now: atMs }));
        sorted.sort((a, b) => a.atMs - b.atMs || a.made - b.made);
        expect(fired).toEqual(sorted);
        expect(clock.pending).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  it("fires what is due by the end of a run and no more, and stands at that end", async () => {
    const clock = new VirtualClock(1_000);
    const fired: number[] = [];
    for (const atMs of [1_500, 2_000, 2_001]) clock.at(atMs, () => fired.push(atMs));
    await clock.runUntil(2_000);
    expect([fired, clock.now(), clock.pending]).toEqual([[1_500, 2_000], 2_000, 1]);
    await clock.runFor(1);
    expect(fired).toEqual([1_500, 2_000, 2_001]);
    await clock.runUntil(5);
    expect(clock.now()).toBe(2_001);
  });

  it("fires a time of the past now, and nothing that was cancelled", async () => {
    const clock = new VirtualClock(100);
    const fired: string[] = [];
    const cancelled = clock.at(150, () => fired.push("cancelled"));
    clock.at(7, () => {
      fired.push(`past at ${clock.now()}`);
      cancelled.cancel();
      cancelled.cancel();
    });
    const done = clock.at(120, () => fired.push("done"));
    await clock.runAll();
    done.cancel();
    expect([fired, clock.pending, clock.now()]).toEqual([["past at 100", "done"], 0, 120]);
  });

  it("lets every promise go on before the next timer, however long the chain", async () => {
    const clock = new VirtualClock();
    const order: string[] = [];
    const chain = async (): Promise<void> => {
      for (let turn = 0; turn < 500; turn++) await Promise.resolve();
      order.push(`chain at ${clock.now()}`);
      clock.at(15, () => order.push("made by the chain"));
    };
    clock.at(10, () => void chain());
    clock.at(20, () => order.push("later timer"));
    await clock.runAll();
    expect(order).toEqual(["chain at 10", "made by the chain", "later timer"]);
  });

  it("gives up on a world that turns in circles, and passes on what a timer throws", async () => {
    const clock = new VirtualClock();
    const again = (): void => void clock.at(clock.now(), again);
    again();
    await expect(clock.runAll(1_000)).rejects.toMatchObject({ code: "scenario-failed" });
    const broken = new VirtualClock();
    broken.at(1, () => {
      throw new TypeError("a bug");
    });
    await expect(broken.runAll()).rejects.toThrow("a bug");
    expect(() => broken.at(Number.NaN, () => undefined)).toThrow("a timer needs a time");
  });
});
