import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { errorCode } from "../errors.ts";
import { FieldReader } from "../encoding/reader.ts";
import { DAY, HOUR, MONDAY_8H } from "./testing/kit.ts";
import { encodeTimes, hoursWithin, offsetsBetween, readTimes, timeRefusal, windowsWithin } from "./times.ts";
import type { Times } from "./times.ts";

const MINUTE = 60_000;
const utc = [{ fromMs: 0, minutes: 0 }];
const always: Times = { windows: [], week: [], offsets: [] };
const MONDAY = 1;
const FRIDAY = 1 << 4;
const SUNDAY = 1 << 6;

/** By the phone's own table of time zones. */
function offsetIn(timeZone: string): (atMs: number) => number {
  return (atMs) => {
    const format = new Intl.DateTimeFormat("en-US", { timeZone, timeZoneName: "longOffset" });
    const name = format.formatToParts(atMs).find(({ type }) => type === "timeZoneName")!.value;
    const [, sign, hours, minutes] = /GMT(?:([+-])(\d\d):(\d\d))?/.exec(name)!;
    return hours === undefined ? 0 : (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
  };
}

describe("windows", () => {
  const times: Times = {
    ...always,
    windows: [
      { fromMs: 1_000, untilMs: 2_000 },
      { fromMs: 3_000, untilMs: 4_000 },
    ],
  };

  it("hold from their beginning up to, and without, their end", () => {
    const at = (now: number) => timeRefusal(times, now);
    expect([999, 1_000, 1_999, 2_000, 2_999, 3_000, 3_999, 4_000].map(at)).toEqual([
      "key-not-yet",
      undefined,
      undefined,
      "key-outside-hours",
      "key-outside-hours",
      undefined,
      undefined,
      "key-expired",
    ]);
    expect(timeRefusal(always, 0)).toBeUndefined();
  });
});

describe("hours of the week", () => {
  const week = (days: number, fromMinute: number, toMinute: number, offsets = utc): Times => ({
    ...always,
    week: [{ days, fromMinute, toMinute }],
    offsets,
  });

  it("go by the lock's own clock", () => {
    // MONDAY_8H is Monday, 08:00 UTC.
    const office = week(MONDAY, 9 * 60, 17 * 60);
    expect(timeRefusal(office, MONDAY_8H)).toBe("key-outside-hours");
    expect(timeRefusal(office, MONDAY_8H + HOUR)).toBeUndefined();
    expect(timeRefusal(office, MONDAY_8H + 9 * HOUR)).toBe("key-outside-hours");
    expect(timeRefusal(office, MONDAY_8H + DAY + HOUR)).toBe("key-outside-hours");
    expect(timeRefusal(office, MONDAY_8H + 7 * DAY + HOUR)).toBeUndefined();
    expect(timeRefusal({ ...office, offsets: [{ fromMs: 0, minutes: 60 }] }, MONDAY_8H)).toBeUndefined();
    expect(timeRefusal({ ...office, offsets: [{ fromMs: 0, minutes: -120 }] }, MONDAY_8H + 2 * HOUR)).toBe(
      "key-outside-hours",
    );
  });

  it("may go on into the next day, and from Sunday into Monday", () => {
    const friday = MONDAY_8H + 4 * DAY - 8 * HOUR;
    const night = week(FRIDAY, 22 * 60, 26 * 60);
    expect(timeRefusal(night, friday + 23 * HOUR)).toBeUndefined();
    expect(timeRefusal(night, friday + 25 * HOUR)).toBeUndefined();
    expect(timeRefusal(night, friday + 26 * HOUR)).toBe("key-outside-hours");
    expect(timeRefusal(night, friday + 1 * HOUR)).toBe("key-outside-hours");
    const monday = MONDAY_8H - 8 * HOUR;
    expect(timeRefusal(week(SUNDAY, 23 * 60, 25 * 60), monday + 30 * MINUTE)).toBeUndefined();
    expect(timeRefusal(week(SUNDAY, 23 * 60, 25 * 60), monday + 60 * MINUTE)).toBe("key-outside-hours");
  });

  it("follow summer time, as the maker's table has it", () => {
    const from = Date.UTC(2026, 0, 1);
    const offsets = offsetsBetween(offsetIn("Europe/Zurich"), from, from + 365 * DAY);
    expect(offsets).toEqual([
      { fromMs: 0, minutes: 60 },
      { fromMs: Date.UTC(2026, 2, 29, 1), minutes: 120 },
      { fromMs: Date.UTC(2026, 9, 25, 1), minutes: 60 },
    ]);
    const morning = week(127, 8 * 60, 9 * 60, offsets);
    expect(timeRefusal(morning, Date.UTC(2026, 1, 10, 7, 30))).toBeUndefined();
    expect(timeRefusal(morning, Date.UTC(2026, 6, 10, 6, 30))).toBeUndefined();
    expect(timeRefusal(morning, Date.UTC(2026, 6, 10, 7, 30))).toBe("key-outside-hours");
  });

  it("agree with a calendar at any moment of 12 years, in any zone", () => {
    const zones = ["America/St_Johns", "Pacific/Auckland", "UTC", "Asia/Kolkata", "America/Los_Angeles"];
    const moments = fc.tuple(
      fc.constantFrom(...zones),
      fc.integer({ min: 0, max: 12 * 365 * 24 * 60 }),
      fc.integer({ min: 1, max: 127 }),
      fc.integer({ min: 0, max: 1_439 }),
      fc.integer({ min: 1, max: 1_440 }),
    );
    const from = Date.UTC(2024, 0, 1);
    const tables = new Map(
      zones.map((zone) => [zone, offsetsBetween(offsetIn(zone), from, from + 13 * 365 * DAY)]),
    );
    fc.assert(
      fc.property(moments, ([zone, minutes, days, fromMinute, length]) => {
        const now = from + minutes * MINUTE;
        const local = new Date(now + offsetIn(zone)(now) * MINUTE);
        const minute = local.getUTCHours() * 60 + local.getUTCMinutes();
        const today = (local.getUTCDay() + 6) % 7;
        const yesterday = (today + 6) % 7;
        const to = fromMinute + length;
        const has = (day: number): boolean => ((days >> day) & 1) === 1;
        const expected =
          (has(today) && minute >= fromMinute && minute < to) || (has(yesterday) && minute + 1_440 < to);
        const times = week(days, fromMinute, to, tables.get(zone));
        expect(timeRefusal(times, now) === undefined).toBe(expected);
      }),
      { numRuns: 300 },
    );
  });
});

describe("a part of times", () => {
  const span = fc
    .tuple(fc.nat(50), fc.integer({ min: 1, max: 20 }))
    .map(([fromMs, length]) => ({ fromMs, untilMs: fromMs + length }));
  const hours = fc
    .tuple(fc.integer({ min: 1, max: 127 }), fc.integer({ min: 0, max: 23 }), fc.integer({ min: 1, max: 24 }))
    .map(([days, from, length]) => ({ days, fromMinute: from * 60, toMinute: (from + length) * 60 }));

  it("of windows never holds when the whole does not", () => {
    fc.assert(
      fc.property(span, fc.array(span, { maxLength: 3 }), (one, others) => {
        const outer = disjoint(others);
        if (!windowsWithin([one], outer)) return;
        for (let now = 0; now < 80; now++) {
          const inner = timeRefusal({ ...always, windows: [one] }, now);
          if (inner === undefined) expect(timeRefusal({ ...always, windows: outer }, now)).toBeUndefined();
        }
      }),
    );
    expect(windowsWithin([], [{ fromMs: 1, untilMs: 2 }])).toBe(false);
    expect(windowsWithin([], [])).toBe(true);
  });

  it("of hours is a part exactly if it never holds when the whole does not", () => {
    fc.assert(
      fc.property(
        fc.array(hours, { minLength: 1, maxLength: 2 }),
        fc.array(hours, { minLength: 1, maxLength: 3 }),
        (a, b) => {
          const [inner, outer] = [a, b].map((week) => ({ ...always, week, offsets: utc }));
          const exceeds = Array.from({ length: 168 }, (_, hour) => MONDAY_8H - 8 * HOUR + hour * HOUR).some(
            (now) => timeRefusal(inner!, now) === undefined && timeRefusal(outer!, now) !== undefined,
          );
          expect(hoursWithin(inner!, outer!)).toBe(!exceeds);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("of hours goes by the same clock", () => {
    const week = [{ days: 127, fromMinute: 0, toMinute: 1_440 }];
    const here = { ...always, week, offsets: utc };
    expect(hoursWithin(here, here)).toBe(true);
    expect(hoursWithin({ ...here, offsets: [{ fromMs: 0, minutes: 60 }] }, here)).toBe(false);
    expect(hoursWithin(always, here)).toBe(false);
    expect(hoursWithin(here, always)).toBe(true);
  });
});

describe("times on the wire", () => {
  const read = (times: Times): Times => {
    const reader = new FieldReader(encodeTimes(times), "times");
    const again = readTimes(reader);
    reader.end();
    return again;
  };
  const refusal = (times: Partial<Times>): string => {
    try {
      read({ ...always, ...times });
      return "nothing";
    } catch (error) {
      return errorCode(error);
    }
  };

  it("are read as they were written", () => {
    const times: Times = {
      windows: [{ fromMs: 5, untilMs: 9 }],
      week: [{ days: 3, fromMinute: 60, toMinute: 1_500 }],
      offsets: [
        { fromMs: 0, minutes: -60 },
        { fromMs: 7, minutes: 0 },
      ],
    };
    expect(read(times)).toEqual(times);
    expect(read(always)).toEqual(always);
  });

  it("are refused out of order or beyond their bounds", () => {
    const one = { days: 1, fromMinute: 0, toMinute: 1 };
    expect(refusal({ windows: [{ fromMs: 5, untilMs: 5 }] })).toBe("cbor-wrong-shape");
    const touching = [
      { fromMs: 1, untilMs: 2 },
      { fromMs: 2, untilMs: 3 },
    ];
    expect(refusal({ windows: touching })).toBe("guest-key-invalid");
    expect(refusal({ windows: touching.toReversed() })).toBe("guest-key-invalid");
    expect(refusal({ week: [one] })).toBe("guest-key-invalid");
    expect(refusal({ offsets: utc })).toBe("guest-key-invalid");
    expect(refusal({ week: [one], offsets: [{ fromMs: 1, minutes: 0 }] })).toBe("guest-key-invalid");
    expect(refusal({ week: [one], offsets: [{ fromMs: 0, minutes: 841 }] })).toBe("cbor-wrong-shape");
    expect(refusal({ week: [{ ...one, toMinute: 1_441 }], offsets: utc })).toBe("cbor-wrong-shape");
    expect(refusal({ week: [{ ...one, days: 0 }], offsets: utc })).toBe("cbor-wrong-shape");
    expect(refusal({ week: Array.from({ length: 33 }, () => one), offsets: utc })).toBe("cbor-wrong-shape");
  });
});

/** The spans in order, those that touch an earlier one left out. */
function disjoint(spans: { fromMs: number; untilMs: number }[]): { fromMs: number; untilMs: number }[] {
  const kept: { fromMs: number; untilMs: number }[] = [];
  for (const one of spans.toSorted((a, b) => a.fromMs - b.fromMs))
    if (kept.length === 0 || one.fromMs > kept.at(-1)!.untilMs) kept.push(one);
  return kept;
}
