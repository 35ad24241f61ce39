import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Schedule } from "./schedule.ts";

describe("the schedule", () => {
  it("hands out what is due, the earliest first, and nothing before its time", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50)), fc.array(fc.nat(60)), (times, asked) => {
        const schedule = new Schedule<number>();
        for (const time of times) schedule.add(time, time);
        let left = [...times].sort((a, b) => a - b);
        for (const now of [...asked, 100].sort((a, b) => a - b)) {
          expect(schedule.next()).toBe(left[0]);
          const due = left.filter((time) => time <= now);
          for (const time of due) expect(schedule.take(now)).toBe(time);
          expect(schedule.take(now)).toBeUndefined();
          left = left.filter((time) => time > now);
        }
      }),
      { seed: 1 },
    );
  });
});
