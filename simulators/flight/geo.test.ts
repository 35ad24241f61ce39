import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  between,
  distanceM,
  feetToMm,
  fromE7,
  headingDegrees,
  knotsToMmS,
  moved,
  offsetM,
  toE7,
  wrapHeading,
  wrapLongitude,
} from "./geo.ts";

const POINTS = fc.record({
  latitude: fc.double({ min: -80, max: 80, noNaN: true }),
  longitude: fc.double({ min: -180, max: 180, noNaN: true }),
});

describe("distance", () => {
  it("agrees with published geodesics of WGS 84", () => {
    // T. Vincenty's classic check, Flinders Peak to Buninyong: 54,972.271 m (Geoscience Australia).
    const flinders = { latitude: -37.95103341666667, longitude: 144.42486788888888 };
    const buninyong = { latitude: -37.65282113888889, longitude: 143.92649552777777 };
    expect(Math.abs(distanceM(flinders, buninyong) / 54_972.271 - 1)).toBeLessThan(2e-5);
    // One degree along the equator and along the meridian at 0 and 45 degrees (textbook lengths).
    expect(distanceM({ latitude: 0, longitude: 0 }, { latitude: 0, longitude: 1 })).toBeCloseTo(
      111_319.49,
      0,
    );
    expect(distanceM({ latitude: 0, longitude: 0 }, { latitude: 1, longitude: 0 })).toBeCloseTo(
      110_574.39,
      0,
    );
    expect(distanceM({ latitude: 45, longitude: 7 }, { latitude: 46, longitude: 7 })).toBeCloseTo(
      111_141.55,
      0,
    );
  });

  it("is zero at the same place and finite at the antipode", () => {
    const here = { latitude: 48.1, longitude: -1.6 };
    expect(distanceM(here, here)).toBe(0);
    expect(distanceM(here, { latitude: -48.1, longitude: 178.4 })).toBeGreaterThan(19_900_000);
    expect(distanceM({ latitude: 90, longitude: 0 }, { latitude: -90, longitude: 0 })).toBeGreaterThan(
      1.99e7,
    );
  });

  it("resolves centimetres", () => {
    const here = { latitude: 48.1, longitude: -1.6 };
    expect(distanceM(here, moved(here, 0.03, 0.04))).toBeCloseTo(0.05, 3);
  });
});

describe("moves", () => {
  it("go as far as they say, to 0.5 % under 50 km", () => {
    const metres = fc.double({ min: -35_000, max: 35_000, noNaN: true });
    fc.assert(
      fc.property(POINTS, metres, metres, (from, northM, eastM) => {
        const length = Math.hypot(northM, eastM);
        fc.pre(length > 1);
        expect(Math.abs(distanceM(from, moved(from, northM, eastM)) / length - 1)).toBeLessThan(0.005);
      }),
    );
  });

  it("are undone by offsetM", () => {
    const metres = fc.double({ min: -5000, max: 5000, noNaN: true });
    fc.assert(
      fc.property(POINTS, metres, metres, (from, northM, eastM) => {
        const back = offsetM(from, moved(from, northM, eastM));
        expect(back.northM).toBeCloseTo(northM, 2);
        expect(back.eastM).toBeCloseTo(eastM, 2);
      }),
    );
  });

  it("cross the date line", () => {
    const there = moved({ latitude: 10, longitude: 179.9999 }, 0, 100);
    expect(there.longitude).toBeLessThan(-179.99);
    expect(between({ latitude: 0, longitude: 179 }, { latitude: 0, longitude: -179 }, 0.75).longitude).toBe(
      -179.5,
    );
  });

  it("stay on the globe at the poles", () => {
    const there = moved({ latitude: 89.9999, longitude: 0 }, 5000, 1);
    expect(there.latitude).toBe(90);
    expect(Math.abs(there.longitude)).toBeLessThanOrEqual(180);
  });

  it("point the way", () => {
    const here = { latitude: 48, longitude: 2 };
    expect(headingDegrees(here, moved(here, 0, 100))).toBeCloseTo(90, 3);
    expect(headingDegrees(here, moved(here, -100, 0))).toBeCloseTo(180, 3);
    expect(headingDegrees(here, moved(here, 100, -100))).toBeCloseTo(315, 2);
    expect(wrapHeading(-90)).toBe(270);
    expect(wrapHeading(360)).toBe(0);
    expect(wrapLongitude(540)).toBe(-180);
  });
});

describe("units", () => {
  it("convert exactly", () => {
    expect(feetToMm(1)).toBe(304.8);
    expect(feetToMm(1950)).toBe(594_360);
    expect(knotsToMmS(3600)).toBe(1_852_000);
    expect(knotsToMmS(9)).toBe(4630);
    expect(toE7(47.3665008545)).toBe(473_665_009);
    expect(fromE7(-16_000_000)).toBe(-1.6);
  });
});
