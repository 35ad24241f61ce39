import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  addMonths,
  civilDate,
  DAY_MS,
  daysInMonth,
  daysOf,
  isoDay,
  isoTime,
  parseIsoDay,
} from "./calendar.ts";
import { errorCode } from "./errors.ts";

const times = fc.integer({ min: 0, max: Date.UTC(9999, 11, 31, 23, 59, 59) });

describe("civil dates", () => {
  it("are those of the platform's own calendar, and come back", () => {
    fc.assert(
      fc.property(times, (timeMs) => {
        const date = new Date(timeMs);
        const civil = civilDate(Math.floor(timeMs / DAY_MS));
        expect(civil).toEqual({
          year: date.getUTCFullYear(),
          month: date.getUTCMonth() + 1,
          day: date.getUTCDate(),
        });
        expect(daysOf(civil)).toBe(Math.floor(timeMs / DAY_MS));
        expect(isoTime(timeMs)).toBe(date.toISOString().replace(/\.\d+Z$/, "Z"));
        expect(parseIsoDay(isoDay(timeMs))).toBe(daysOf(civil) * DAY_MS);
      }),
    );
    expect(daysInMonth(2024, 2)).toBe(29);
    expect(daysInMonth(2100, 2)).toBe(28);
    expect(daysInMonth(2026, 12)).toBe(31);
  });

  it("go on from month to month at the same time of day, on the last where a month is shorter", () => {
    const at = Date.UTC(2027, 0, 31, 9, 30);
    expect(isoTime(addMonths(at, 1))).toBe("2027-02-28T09:30:00Z");
    expect(isoTime(addMonths(at, 2))).toBe("2027-03-31T09:30:00Z");
    expect(isoTime(addMonths(at, 13))).toBe("2028-02-29T09:30:00Z");
    expect(isoTime(addMonths(at, -2))).toBe("2026-11-30T09:30:00Z");
    expect(addMonths(at, 0)).toBe(at);
  });

  it.each([
    "2026-02-29",
    "2026-13-01",
    "2026-00-10",
    "2026-1-1",
    "26-01-01",
    "",
    "2026-01-01T00:00",
    "٢٠٢٦-٠١-٠١",
  ])("refuses %j", (text) => {
    let code = "none";
    try {
      parseIsoDay(text);
    } catch (error) {
      code = errorCode(error);
    }
    expect(code).toBe("option-invalid");
  });
});
