import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { distanceMm } from "./distance.ts";
import type { GroundPoint } from "./distance.ts";

const at = (latitudeE7: number, longitudeE7: number): GroundPoint => ({ latitudeE7, longitudeE7 });
const points = fc.record({
  latitudeE7: fc.integer({ min: -900_000_000, max: 900_000_000 }),
  longitudeE7: fc.integer({ min: -1_800_000_000, max: 1_800_000_000 }),
});

/** The same in floating point, and great-circle distance on a sphere: for comparison within bounds. */
function chordMm(a: GroundPoint, b: GroundPoint): number {
  const flattening = 1 / 298.257223563;
  const e2 = flattening * (2 - flattening);
  const place = (point: GroundPoint): number[] => {
    const latitude = (point.latitudeE7 / 1e7) * (Math.PI / 180);
    const longitude = (point.longitudeE7 / 1e7) * (Math.PI / 180);
    const normal = 6_378_137_000 / Math.sqrt(1 - e2 * Math.sin(latitude) ** 2);
    return [
      normal * Math.cos(latitude) * Math.cos(longitude),
      normal * Math.cos(latitude) * Math.sin(longitude),
      normal * (1 - e2) * Math.sin(latitude),
    ];
  };
  const to = place(b);
  return Math.hypot(...place(a).map((value, axis) => value - to[axis]!));
}

function haversineMm(a: GroundPoint, b: GroundPoint): number {
  const radians = (e7: number): number => (e7 / 1e7) * (Math.PI / 180);
  const dLatitude = radians(a.latitudeE7 - b.latitudeE7);
  const dLongitude = radians(a.longitudeE7 - b.longitudeE7);
  const h =
    Math.sin(dLatitude / 2) ** 2 +
    Math.cos(radians(a.latitudeE7)) * Math.cos(radians(b.latitudeE7)) * Math.sin(dLongitude / 2) ** 2;
  return 2 * 6_371_008_800 * Math.asin(Math.sqrt(h));
}

describe("distance over ground", () => {
  // mpmath, 50 digits, same ellipsoid; rounded down.
  it.each([
    ["a degree of latitude at the equator", at(0, 0), at(10_000_000, 0), 110_572_985],
    ["a degree of longitude at the equator", at(0, 0), at(0, 10_000_000), 111_318_077],
    ["a degree of longitude at 60° N", at(600_000_000, 0), at(600_000_000, 10_000_000), 55_799_293],
    ["1e-4 degree northwards", at(457_772_000, 30_870_000), at(457_773_000, 30_870_000), 11_114],
    ["812 m eastwards", at(457_772_000, 30_870_000), at(457_772_000, 30_974_400), 811_956],
    ["over the date line", at(0, 1_799_999_999), at(0, -1_799_999_999), 22],
    ["over the pole", at(899_999_999, 0), at(899_999_999, 1_800_000_000), 22],
    ["across Sydney", at(-338_688_000, 1_512_093_000), at(-338_568_000, 1_512_153_000), 1_442_189],
    ["Paris to London", at(488_566_000, 23_522_000), at(515_074_000, -1_278_000), 343_881_451],
    ["one unit", at(123_456_789, -987_654_321), at(123_456_790, -987_654_321), 11],
    ["from pole to pole", at(900_000_000, 0), at(-900_000_000, 0), 12_713_504_628],
    ["through the Earth", at(0, 0), at(0, 1_800_000_000), 12_756_274_000],
  ])("%s", (_, a, b, expectedMm) => {
    expect(distanceMm(a, b)).toBe(expectedMm);
  });

  it("agrees with floating point to the millimetre, wherever the points are", () => {
    fc.assert(
      fc.property(points, points, (a, b) => {
        expect(Math.abs(distanceMm(a, b) - chordMm(a, b))).toBeLessThan(1.5);
      }),
    );
  });

  it("is within 0.6 % of the great circle on a sphere for short ways (the Earth is flatter than that)", () => {
    const steps = fc.integer({ min: -60_000, max: 60_000 });
    const inhabited = fc.record({
      latitudeE7: fc.integer({ min: -700_000_000, max: 700_000_000 }),
      longitudeE7: fc.integer({ min: -1_790_000_000, max: 1_790_000_000 }),
    });
    fc.assert(
      fc.property(inhabited, steps, steps, (a, north, east) => {
        const b = at(a.latitudeE7 + north, a.longitudeE7 + east);
        const sphere = haversineMm(a, b);
        expect(Math.abs(distanceMm(a, b) - sphere)).toBeLessThanOrEqual(sphere * 0.006 + 2);
      }),
    );
  });

  it("is symmetric, zero for the same point, and takes the short way over the date line", () => {
    fc.assert(
      fc.property(points, points, (a, b) => {
        expect(distanceMm(a, b)).toBe(distanceMm(b, a));
        expect(distanceMm(a, a)).toBe(0);
      }),
    );
    expect(distanceMm(at(0, 1_800_000_000), at(0, -1_800_000_000))).toBeLessThanOrEqual(1);
    expect(distanceMm(at(900_000_000, 0), at(900_000_000, 1_230_000_000))).toBeLessThanOrEqual(1);
  });
});
