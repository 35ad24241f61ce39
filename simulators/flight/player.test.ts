import { describe, expect, it } from "vitest";
import { describeShared } from "../../test/support/shared.ts";
import { distanceM, fromE7 } from "./geo.ts";
import { durationMs, endOf, positionAt, trackFlight } from "./player.ts";
import type { FlightSample, FlightSource, Place } from "./source.ts";
import { trackFromRows } from "./track.ts";
import type { RawRow, Track } from "./track.ts";
import { readTrack } from "./track-file.ts";

const START_MS = 1_800_000_000_000;

/** Two minutes north along a meridian at 11.1 m/s and 10 ft/s up, a fix every ten seconds. */
function northbound(change: Partial<RawRow> = {}): Track {
  const rows = Array.from({ length: 13 }, (_, i) => ({
    timeMs: 1_500_000_000_000 + i * 10_000,
    latitude: 47 + i * 0.001,
    longitude: 8.5,
    altitudeFt: 1000 + i * 100,
    groundspeedKt: undefined,
    trackDegrees: undefined,
    verticalRateFtMin: undefined,
    ...change,
  }));
  return trackFromRows("northbound", rows, "strict");
}

function away(sample: FlightSample, place: Place): number {
  return distanceM(
    { latitude: fromE7(sample.latitudeE7), longitude: fromE7(sample.longitudeE7) },
    { latitude: fromE7(place.latitudeE7), longitude: fromE7(place.longitudeE7) },
  );
}

function until(
  flight: FlightSource,
  fromMs: number,
  mostS: number,
  done: (s: FlightSample) => boolean,
): FlightSample {
  for (let ms = 0; ms <= mostS * 1000; ms += 500) {
    const sample = flight.at(fromMs + ms);
    if (done(sample)) return sample;
  }
  throw new Error(`not reached in ${mostS} s: ${JSON.stringify(flight.at(fromMs + mostS * 1000))}`);
}

/** Out, down, back and down again; returns the samples at the stops. */
function roundTrip(track: Track): FlightSample[] {
  const flight = trackFlight(track, START_MS);
  const destination = endOf(track, "destination");
  const longS = durationMs(track) / 1000 + 60;
  expect(flight.command({ kind: "goto", place: destination }, START_MS)).toBe(true);
  const there = until(
    flight,
    START_MS,
    longS,
    (s) => s.airborne && s.speedMmS === 0 && away(s, destination) < 1,
  );
  expect(flight.command({ kind: "land" }, there.timeMs)).toBe(true);
  const down = until(flight, there.timeMs, 60, (s) => !s.motorsOn);
  expect(flight.command({ kind: "return" }, down.timeMs + 5000)).toBe(true);
  const home = until(flight, down.timeMs + 6000, longS + 60, (s) => !s.motorsOn);
  return [there, down, home];
}

describe("a played track", () => {
  it("stands at its first fix until it is sent", () => {
    const flight = trackFlight(northbound(), START_MS);
    const later = flight.at(START_MS + 3_600_000);
    expect(later).toMatchObject({ latitudeE7: 470_000_000, airborne: false, motorsOn: false, speedMmS: 0 });
    expect(later.altitudeMm).toBe(304_800 - 15_000);
  });

  it("delivers at its last fix and comes back the same way", () => {
    const track = northbound();
    const [there, down, home] = roundTrip(track) as [FlightSample, FlightSample, FlightSample];
    // Some seconds to take off, then the recorded 120 s.
    expect((there.timeMs - START_MS) / 1000).toBeGreaterThan(120);
    expect((there.timeMs - START_MS) / 1000).toBeLessThan(135);
    expect(away(down, endOf(track, "destination"))).toBeLessThan(1);
    expect(down.altitudeMm).toBe(endOf(track, "destination").groundAltitudeMm);
    expect(away(home, endOf(track, "home"))).toBeLessThan(1);
    expect(home).toMatchObject({ airborne: false, altitudeMm: endOf(track, "home").groundAltitudeMm });
    expect(home.batteryPermille).toBeGreaterThan(200);
    expect(home.batteryPermille).toBeLessThan(300);
  });

  it("interpolates between fixes", () => {
    const { fixes } = northbound();
    const here = positionAt(fixes, 1_500_000_005_000);
    expect(here).toMatchObject({ latitudeE7: 470_005_000, longitudeE7: 85_000_000, altitudeMm: 320_040 });
    expect(here.speedMmS).toBeGreaterThan(11_100);
    expect(here.speedMmS).toBeLessThan(11_130);
    expect(here.headingCdeg).toBe(0);
    expect(positionAt(fixes, 0)).toMatchObject({ latitudeE7: 470_000_000 });
    expect(positionAt(fixes, 2e12)).toMatchObject({ latitudeE7: 470_120_000 });
  });

  it("turns the shorter way through north", () => {
    const track = northbound();
    track.fixes.forEach((fix, i) => (fix.headingCdeg = i % 2 === 0 ? 35_900 : 300));
    expect(positionAt(track.fixes, 1_500_000_005_000).headingCdeg).toBe(100);
    expect(positionAt(track.fixes, 1_500_000_002_000).headingCdeg).toBe(35_980);
  });

  it("pauses, goes on and turns back on the way", () => {
    const track = northbound();
    const flight = trackFlight(track, START_MS);
    const destination = endOf(track, "destination");
    flight.command({ kind: "goto", place: destination }, START_MS);
    const midway = START_MS + 60_000;
    expect(flight.command({ kind: "land" }, midway)).toBe(false);
    expect(flight.command({ kind: "hover" }, midway)).toBe(true);
    const held = flight.at(midway);
    expect(flight.at(midway + 30_000)).toMatchObject({
      latitudeE7: held.latitudeE7,
      speedMmS: 0,
      airborne: true,
    });
    expect(flight.command({ kind: "goto", place: destination }, midway + 30_000)).toBe(true);
    const onward = flight.at(midway + 31_000);
    expect(onward.latitudeE7).toBeGreaterThan(held.latitudeE7);
    expect(flight.command({ kind: "return" }, midway + 31_000)).toBe(true);
    const back = flight.at(midway + 32_000);
    expect(back.latitudeE7).toBeLessThan(onward.latitudeE7);
    expect(back.headingCdeg).toBe(18_000);
  });

  it("lands at its end when it was let hover some metres before it", () => {
    const track = northbound();
    const destination = endOf(track, "destination");
    for (const withinM of [6, 12, 24]) {
      const flight = trackFlight(track, START_MS);
      flight.command({ kind: "goto", place: destination }, START_MS);
      const near = until(flight, START_MS, 140, (s) => s.airborne && away(s, destination) < withinM);
      expect(away(near, destination)).toBeGreaterThan(0.4);
      expect(flight.command({ kind: "hover" }, near.timeMs)).toBe(true);
      const calledMs = near.timeMs + 60_000;
      expect(away(flight.at(calledMs), destination)).toBeCloseTo(away(near, destination), 3);
      expect(flight.command({ kind: "land" }, calledMs)).toBe(true);
      const down = until(flight, calledMs, 60, (s) => !s.motorsOn);
      expect(away(down, destination)).toBeLessThan(1);
      expect(down.altitudeMm).toBe(destination.groundAltitudeMm);
      expect(flight.command({ kind: "return" }, down.timeMs)).toBe(true);
      const back = until(flight, down.timeMs + 60_000, 200, (s) => !s.motorsOn);
      expect(away(back, endOf(track, "home"))).toBeLessThan(1);
    }
  });

  it("goes only to its ends", () => {
    const flight = trackFlight(northbound(), START_MS);
    const elsewhere = { latitudeE7: 480_000_000, longitudeE7: 85_000_000, groundAltitudeMm: 0 };
    expect(flight.command({ kind: "goto", place: elsewhere }, START_MS)).toBe(false);
    expect(flight.command({ kind: "hover" }, START_MS)).toBe(false);
  });

  it("repeats a command without harm, as devices do after a crash", () => {
    const track = northbound();
    const once = trackFlight(track, START_MS);
    const often = trackFlight(track, START_MS);
    const goto = { kind: "goto" as const, place: endOf(track, "destination") };
    once.command(goto, START_MS);
    for (let ms = 0; ms < 100_000; ms += 1000) expect(often.command(goto, START_MS + ms)).toBe(true);
    expect(often.at(START_MS + 100_000)).toEqual(once.at(START_MS + 100_000));
  });

  it("does not begin a way that the battery cannot end", () => {
    const track = northbound();
    const flight = trackFlight(track, START_MS);
    flight.command({ kind: "goto", place: endOf(track, "destination") }, START_MS);
    const late = flight.at(START_MS + 200_000);
    flight.command({ kind: "return" }, late.timeMs);
    const home = until(flight, late.timeMs, 400, (s) => !s.motorsOn);
    expect(flight.command({ kind: "goto", place: endOf(track, "destination") }, home.timeMs)).toBe(false);
  });
});

for (const name of ["rega_zh", "samu31", "texas", "noisy_takeoff"]) {
  describeShared(`the recorded flight ${name}`, `drone/tracks/${name}.json.gz`, (recorded) => {
    it("is flown there and back without a leap", () => {
      const track = readTrack(`${name}.json.gz`, recorded, "tolerant");
      const [, down, home] = roundTrip(track) as [FlightSample, FlightSample, FlightSample];
      expect(away(down, endOf(track, "destination"))).toBeLessThan(1);
      expect(away(home, endOf(track, "home"))).toBeLessThan(1);

      const flight = trackFlight(track, START_MS);
      flight.command({ kind: "goto", place: endOf(track, "destination") }, START_MS);
      let before = flight.at(START_MS);
      for (let s = 1; s < durationMs(track) / 1000; s++) {
        const sample = flight.at(START_MS + s * 1000);
        expect(away(sample, { ...before, groundAltitudeMm: 0 })).toBeLessThan(300);
        expect(Math.abs(sample.altitudeMm - before.altitudeMm)).toBeLessThan(50_000);
        before = sample;
      }
    });
  });
}
