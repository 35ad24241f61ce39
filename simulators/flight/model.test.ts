import { describe, expect, it } from "vitest";
import type { Random } from "../../protocols/ports.ts";
import { distanceM, fromE7, moved, toE7 } from "./geo.ts";
import { modelFlight } from "./fly.ts";
import { DEFAULT_FLIGHT, obey, sampleOf, standing, step } from "./model.ts";
import type { FlightPhase, FlightState } from "./model.ts";
import type { FlightCommand, FlightSample, FlightSource, Place } from "./source.ts";

const START_MS = 1_700_000_000_000;
const HOME: Place = { latitudeE7: 481_100_000, longitudeE7: -16_000_000, groundAltitudeMm: 35_000 };
const SHOP: Place = placeFrom(HOME, 600, 800, 20_000);
const CALM = { ...DEFAULT_FLIGHT, gustMS: 0 };

function placeFrom(place: Place, northM: number, eastM: number, groundAltitudeMm: number): Place {
  const at = moved(
    { latitude: fromE7(place.latitudeE7), longitude: fromE7(place.longitudeE7) },
    northM,
    eastM,
  );
  return { latitudeE7: toE7(at.latitude), longitudeE7: toE7(at.longitude), groundAltitudeMm };
}

/** xorshift32: any seeded bytes do. */
function seeded(seed: number): Random {
  let x = seed;
  return {
    bytes(length) {
      return Uint8Array.from({ length }, () => {
        x ^= x << 13;
        x ^= x >>> 17;
        x ^= x << 5;
        return x & 255;
      });
    },
  };
}

function away(sample: FlightSample, place: Place): number {
  return distanceM(
    { latitude: fromE7(sample.latitudeE7), longitude: fromE7(sample.longitudeE7) },
    { latitude: fromE7(place.latitudeE7), longitude: fromE7(place.longitudeE7) },
  );
}

/** Samples every 200 ms until the condition holds; fails after `mostS` seconds. */
function until(
  flight: FlightSource,
  fromMs: number,
  mostS: number,
  done: (sample: FlightSample) => boolean,
): FlightSample[] {
  const samples = [flight.at(fromMs)];
  for (let ms = 200; ms <= mostS * 1000; ms += 200) {
    const sample = flight.at(fromMs + ms);
    samples.push(sample);
    if (done(sample)) return samples;
  }
  throw new Error(`not reached in ${mostS} s: ${JSON.stringify(samples.at(-1))}`);
}

describe("the modelled flight", () => {
  it("delivers and comes home", () => {
    const flight = modelFlight(DEFAULT_FLIGHT, HOME, START_MS, seeded(1));
    expect(flight.at(START_MS)).toMatchObject({ airborne: false, motorsOn: false, batteryPermille: 1000 });
    expect(flight.command({ kind: "goto", place: SHOP }, START_MS)).toBe(true);

    const out = until(flight, START_MS, 200, (s) => away(s, SHOP) < 2 && s.altitudeMm < 36_000);
    const arrived = out.at(-1)!;
    expect(arrived).toMatchObject({ airborne: true, motorsOn: true });
    // 1000 m at 15 m/s, some seconds to climb, speed up and slow down.
    expect((arrived.timeMs - START_MS) / 1000).toBeGreaterThan(1000 / 15);
    expect((arrived.timeMs - START_MS) / 1000).toBeLessThan(110);
    expect(Math.max(...out.map((s) => s.speedMmS))).toBeLessThan(17_500);
    expect(Math.max(...out.map((s) => s.altitudeMm))).toBeGreaterThan(74_000);

    expect(flight.command({ kind: "land" }, arrived.timeMs)).toBe(true);
    const down = until(flight, arrived.timeMs, 60, (s) => !s.motorsOn);
    const standing = down.at(-1)!;
    expect(standing).toMatchObject({ airborne: false, altitudeMm: 20_000, speedMmS: 0 });
    expect(away(standing, SHOP)).toBeLessThan(5);
    // The motors turn on for a moment after touchdown: the drone must not drop its parcel before.
    expect(down.some((s) => !s.airborne && s.motorsOn)).toBe(true);

    expect(flight.command({ kind: "return" }, standing.timeMs)).toBe(true);
    const home = until(
      flight,
      standing.timeMs,
      240,
      (s) => !s.motorsOn && s.timeMs > standing.timeMs + 5000,
    ).at(-1)!;
    expect(away(home, HOME)).toBeLessThan(5);
    expect(home.altitudeMm).toBe(35_000);
    expect(home.batteryPermille).toBeLessThan(950);
    expect(home.batteryPermille).toBeGreaterThan(750);
  });

  it("keeps to its limits of speed and acceleration", () => {
    const flight = modelFlight(CALM, HOME, START_MS, seeded(1));
    flight.command({ kind: "goto", place: SHOP }, START_MS);
    const samples = until(flight, START_MS, 200, (s) => away(s, SHOP) < 2);
    samples.slice(1).forEach((sample, i) => {
      const before = samples[i]!;
      expect(sample.speedMmS).toBeLessThanOrEqual(15_001);
      expect(Math.abs(sample.speedMmS - before.speedMmS)).toBeLessThanOrEqual(601);
      const climb = (sample.altitudeMm - before.altitudeMm) / 200;
      expect(climb).toBeLessThanOrEqual(4.02);
      expect(climb).toBeGreaterThanOrEqual(-2.52);
    });
  });

  it("flies the same from the same seed, however often it is asked", () => {
    const fly = (seed: number, everyMs: number): FlightSample => {
      const flight = modelFlight(DEFAULT_FLIGHT, HOME, START_MS, seeded(seed));
      flight.command({ kind: "goto", place: SHOP }, START_MS);
      for (let ms = 0; ms < 60_000; ms += everyMs) flight.at(START_MS + ms);
      return flight.at(START_MS + 60_000);
    };
    expect(fly(7, 100)).toEqual(fly(7, 7300));
    expect(fly(7, 100)).not.toEqual(fly(8, 100));
  });

  it("stays within metres of its place in the gusts", () => {
    const flight = modelFlight({ ...DEFAULT_FLIGHT, gustMS: 1 }, HOME, START_MS, seeded(3));
    flight.command({ kind: "takeoff" }, START_MS);
    const hover = until(flight, START_MS, 60, (s) => s.altitudeMm > 74_000).at(-1)!;
    let farthest = 0;
    for (let s = 1; s < 300; s++)
      farthest = Math.max(farthest, away(flight.at(hover.timeMs + s * 1000), HOME));
    expect(farthest).toBeGreaterThan(0.1);
    expect(farthest).toBeLessThan(8);
  });

  it("answers an earlier time with its latest sample", () => {
    const flight = modelFlight(CALM, HOME, START_MS, seeded(1));
    flight.command({ kind: "takeoff" }, START_MS);
    const late = flight.at(START_MS + 5000);
    expect(flight.at(START_MS + 1000)).toEqual(late);
  });
});

describe("the autopilot's own rules", () => {
  const withEnergy = (permille: number): FlightState => {
    const state = standing(CALM, HOME, START_MS);
    return { ...state, energyJ: (state.energyJ * permille) / 1000 };
  };

  it("refuses to take off on the reserve", () => {
    expect(obey(CALM, withEnergy(200), { kind: "takeoff" })).toBeUndefined();
    expect(obey(CALM, withEnergy(200), { kind: "goto", place: SHOP })).toBeUndefined();
    expect(obey(CALM, withEnergy(201), { kind: "takeoff" })?.phase.kind).toBe("taking-off");
  });

  it("comes home by itself on the reserve", () => {
    const flight = modelFlight({ ...CALM, batteryWh: 80 }, HOME, START_MS, seeded(1));
    flight.command({ kind: "goto", place: placeFrom(HOME, 3000, 0, 35_000) }, START_MS);
    const flown = until(flight, START_MS, 400, (s) => !s.motorsOn && s.timeMs > START_MS + 10_000);
    const end = flown.at(-1)!;
    expect(Math.max(...flown.map((s) => away(s, HOME)))).toBeGreaterThan(300);
    expect(away(end, HOME)).toBeLessThan(5);
    expect(end.batteryPermille).toBeGreaterThan(50);
  });

  it("lands where it is when the battery is nearly empty", () => {
    // A battery that is empty before it can turn back: it has to come down halfway home.
    const flight = modelFlight({ ...CALM, batteryWh: 20, reservePermille: 0 }, HOME, START_MS, seeded(1));
    flight.command({ kind: "goto", place: placeFrom(HOME, 0, 20_000, 35_000) }, START_MS);
    const end = until(flight, START_MS, 400, (s) => !s.motorsOn && s.timeMs > START_MS + 10_000).at(-1)!;
    expect(away(end, HOME)).toBeGreaterThan(100);
    expect(end.airborne).toBe(false);
  });

  it("rests on the ground without being stepped through the night", () => {
    const flight = modelFlight(CALM, HOME, START_MS, seeded(1));
    const week = flight.at(START_MS + 7 * 86_400_000);
    expect(week).toMatchObject({ batteryPermille: 0, airborne: false });
    expect(week.timeMs).toBe(START_MS + 7 * 86_400_000);
  });
});

describe("commands by phase", () => {
  const cruise: FlightPhase = { kind: "cruising", to: SHOP, altitudeM: 75, atArrival: "hover" };
  const ABOVE = { latitude: 48.11, longitude: -1.6 };
  const phases: Record<FlightPhase["kind"], FlightPhase> = {
    "on-ground": { kind: "on-ground" },
    "taking-off": { kind: "taking-off", motorsInMs: 0, at: ABOVE, altitudeM: 75, next: { kind: "hover" } },
    cruising: cruise,
    hovering: { kind: "hovering", at: ABOVE, altitudeM: 75 },
    landing: { kind: "landing", at: ABOVE, motorsOffInMs: 1500 },
  };
  const commands: Record<FlightCommand["kind"], FlightCommand> = {
    takeoff: { kind: "takeoff" },
    goto: { kind: "goto", place: SHOP },
    hover: { kind: "hover" },
    land: { kind: "land" },
    return: { kind: "return" },
  };
  // What each command makes of each phase; "-" is a refusal. `return` is given at home.
  const table: Record<FlightPhase["kind"], Record<FlightCommand["kind"], string>> = {
    "on-ground": {
      takeoff: "taking-off",
      goto: "taking-off",
      hover: "-",
      land: "on-ground",
      return: "on-ground",
    },
    "taking-off": {
      takeoff: "taking-off",
      goto: "cruising",
      hover: "hovering",
      land: "landing",
      return: "cruising",
    },
    cruising: {
      takeoff: "cruising",
      goto: "cruising",
      hover: "hovering",
      land: "landing",
      return: "cruising",
    },
    hovering: {
      takeoff: "hovering",
      goto: "cruising",
      hover: "hovering",
      land: "landing",
      return: "cruising",
    },
    landing: {
      takeoff: "taking-off",
      goto: "cruising",
      hover: "hovering",
      land: "landing",
      return: "landing",
    },
  };
  for (const [phase, row] of Object.entries(table)) {
    for (const [command, expected] of Object.entries(row)) {
      it(`${phase} + ${command} -> ${expected}`, () => {
        const up = phase === "on-ground" ? 35 : 60;
        const state: FlightState = {
          ...standing(CALM, HOME, START_MS),
          altitudeM: up,
          phase: phases[phase as FlightPhase["kind"]],
        };
        const next = obey(CALM, state, commands[command as FlightCommand["kind"]]);
        expect(next?.phase.kind ?? "-").toBe(expected);
      });
    }
  }

  it("takes a step from every phase without leaving its bounds", () => {
    for (const phase of Object.values(phases)) {
      const state = { ...standing(CALM, HOME, START_MS), altitudeM: 60, phase };
      const sample = sampleOf(CALM, step(CALM, state, 100, seeded(1)));
      expect(Number.isSafeInteger(sample.latitudeE7) && Number.isSafeInteger(sample.altitudeMm)).toBe(true);
      expect(sample.headingCdeg).toBeLessThan(36_000);
    }
  });
});
