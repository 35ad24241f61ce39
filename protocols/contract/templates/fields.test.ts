import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isoTime } from "../../calendar.ts";
import { SegmentError } from "../../errors.ts";
import { EUR } from "../testing/delivery.ts";
import { metres, place, readFields, span, time } from "./fields.ts";
import type { Field, FieldContext } from "./fields.ts";

const at: FieldContext = {
  network: "village",
  nowMs: 0,
  nonce: new Uint8Array(16),
  party: () => undefined,
  currency: () => undefined,
  where: "x",
  money: { id: EUR, exponent: 2 },
};
const read = (field: Field, value: unknown): unknown => field.read(value, at);

describe("times", () => {
  it.each([
    ["1970-01-01T00:00:00Z", 0],
    ["1970-01-01", 0],
    ["2024-02-29T23:59:59Z", 1_709_251_199_000],
    ["2026-06-05T15:00Z", 1_780_671_600_000],
    ["2026-06-05T17:00:00+02:00", 1_780_671_600_000],
    ["2026-06-05T09:30:00-05:30", 1_780_671_600_000],
    ["2026-11-22T10:00:00.000Z", 1_795_341_600_000],
    ["2026-11-22T10:00:00.007Z", 1_795_341_600_007],
    ["2026-11-22T12:00:00.5+02:00", 1_795_341_600_500],
    ["9999-12-31T23:59:59Z", 253_402_300_799_000],
    ["9999-12-31T23:59:59.999Z", 253_402_300_799_999],
  ])("%s", (text, timeMs) => {
    expect(read(time, text)).toBe(timeMs);
    expect(read(time, text)).toBe(Date.parse(text));
  });

  it.each([
    "2026-02-29T00:00:00Z",
    "1900-02-29",
    "2026-13-01",
    "2026-00-10",
    "2026-06-31",
    "2026-06-05T24:00:00Z",
    "2026-06-05T15:60:00Z",
    "2026-06-05T15:00:60Z",
    "2026-06-05T15:00:00.Z",
    "2026-06-05T15:00:00.1234Z",
    "2026-06-05T15:00.5Z",
    "2026-06-05T15:00:00",
    "2026-06-05T15:00:00+15:00",
    "2026-06-05 15:00:00Z",
    "1969-12-31T23:59:59Z",
    "9999-12-31T23:59:59-00:01",
    "5 June 2026",
    "",
    "2026-06-05T15:00:00Z ",
  ])("refuse %s", (text) => {
    expect(() => read(time, text)).toThrowError(SegmentError);
  });

  it("are written as they are read", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 253_402_300_799 }), (seconds) => {
        expect(read(time, isoTime(seconds * 1_000))).toBe(seconds * 1_000);
      }),
    );
  });
});

describe("spans, lengths and places", () => {
  it.each([
    ["90 s", 90_000],
    ["15 min", 900_000],
    ["2h", 7_200_000],
    ["30 d", 2_592_000_000],
    ["250 ms", 250],
  ])("%s", (text, ms) => expect(read(span, text)).toBe(ms));
  it.each(["15", "1.5 h", "-2 h", "2 weeks", "", "9999999999 d"])("no span: %s", (text) => {
    expect(() => read(span, text)).toThrowError(SegmentError);
  });
  it.each([
    ["15 m", 15_000],
    ["12.5 m", 12_500],
    ["-3.001 m", -3_001],
    ["0 m", 0],
  ])("%s", (text, mm) => expect(read(metres, text)).toBe(mm));
  it.each(["15", "15 km", "1.0001 m", "m", "1e3 m"])("no length: %s", (text) => {
    expect(() => read(metres, text)).toThrowError(SegmentError);
  });
  it("a place", () => {
    const written = { latitude: "45.7772", longitude: "-3.0870001", altitude: "410 m" };
    expect(read(place, written)).toEqual({
      latitudeE7: 457_772_000,
      longitudeE7: -30_870_001,
      altitudeMm: 410_000,
    });
    expect(() => read(place, { ...written, latitude: 45.7772 })).toThrowError(/x\.latitude.*between quotes/);
    expect(() => read(place, { ...written, latitude: "45.77720001" })).toThrowError(/more than 7 decimals/);
  });
});

it("whatever is written, the answer is a value or a refusal that says where", () => {
  const fields = { time, span, metres, place };
  fc.assert(
    fc.property(fc.anything(), fc.constantFrom("time", "span", "metres", "place"), (value, name) => {
      try {
        readFields(fields, { [name]: value }, at);
      } catch (error) {
        expect(error).toBeInstanceOf(SegmentError);
        expect((error as SegmentError).where).toMatch(/^x\./);
      }
    }),
    { numRuns: 500 },
  );
});
