/**
 * The physical side of a virtual delivery: the drone's body with its autopilot and its
 * bay, and the person who carries the phone. Bodies outlive the agents in them: an agent
 * that starts anew finds its drone where it flies, and its person with what they hold.
 */
import type { Point } from "../../../protocols/delivery/messages.ts";
import type { Clock, Random, TimeMs } from "../../../protocols/ports.ts";
import { modelFlight } from "../../flight/fly.ts";
import { DEFAULT_FLIGHT } from "../../flight/model.ts";
import type { FlightSample, FlightSource } from "../../flight/source.ts";
import type { Spot } from "../delivery/ipc.ts";
import { offset } from "../delivery/places.ts";

export const PARCEL_GRAMS = 850;
/** A person's pace. */
const WALK_MM_S = 1_400;
/** From being asked to the parcel in hand. */
const TAKE_MS = 8_000;
/** Out of the terms' radius, within the radio's. */
const LEFT_M = 40;
const MM_PER_E7 = 11.132;
/** An arm's length and some steps: beyond it nobody takes a parcel out of a drone. */
const REACH_MM = 20_000;

/** Over gardens, not over a town: the less it flies, the more deliveries there are in a minute. */
const LOW_FLIGHT = { ...DEFAULT_FLIGHT, cruiseHeightM: 20, hoverHeightM: 8 };

export class DroneBody {
  grams = PARCEL_GRAMS;
  readonly #flight: FlightSource;
  readonly #clock: Clock;

  constructor(clock: Clock, random: Random, base: Spot) {
    this.#clock = clock;
    const { latitudeE7, longitudeE7, altitudeMm: groundAltitudeMm } = base;
    const home = { latitudeE7, longitudeE7, groundAltitudeMm };
    this.#flight = modelFlight(LOW_FLIGHT, home, clock.now(), random);
  }

  now(): FlightSample {
    return this.#flight.at(this.#clock.now());
  }

  obey(name: string, value: unknown): void {
    const now = this.#clock.now();
    if (name === "fly-to") {
      const { latitudeE7, longitudeE7, altitudeMm } = value as Point;
      this.#flight.command(
        { kind: "goto", place: { latitudeE7, longitudeE7, groundAltitudeMm: altitudeMm } },
        now,
      );
    } else if (name === "hover" || name === "land" || name === "return") {
      this.#flight.command({ kind: name }, now);
    }
  }
}

/** How the person behaves. */
export interface Temper {
  /** Whether and when they walk to the point, after the drone's call. */
  walksAfterMs: number | null;
  /** The nearest that they come to the point. */
  stopsAtM: number;
  takesParcel: boolean;
  /** When they go away again, after the drone's call; null: they stay. */
  leavesAfterMs: number | null;
}

export class Person {
  spot: Spot;
  hasParcel = false;
  readonly #clock: Clock;
  readonly #temper: Temper;
  readonly #point: Spot;
  #calledMs: TimeMs | undefined;
  #lastMs: TimeMs;
  #taking = false;

  constructor(clock: Clock, temper: Temper, start: Spot, point: Spot) {
    this.#clock = clock;
    this.#temper = temper;
    this.#point = point;
    this.spot = start;
    this.#lastMs = clock.now();
  }

  /** The phone rings: the drone is at the point. */
  called(): void {
    this.#calledMs ??= this.#clock.now();
  }

  now(): Spot & { timeMs: TimeMs } {
    const timeMs = this.#clock.now();
    const { walksAfterMs, stopsAtM, leavesAfterMs } = this.#temper;
    const leaves =
      leavesAfterMs !== null && this.#calledMs !== undefined && timeMs >= this.#calledMs + leavesAfterMs;
    const goes =
      walksAfterMs !== null && this.#calledMs !== undefined && timeMs >= this.#calledMs + walksAfterMs;
    const target = offset(this.#point, leaves ? LEFT_M : stopsAtM, 0);
    if (goes) this.spot = stepTowards(this.spot, target, ((timeMs - this.#lastMs) * WALK_MM_S) / 1_000);
    this.#lastMs = timeMs;
    return { timeMs, ...this.spot };
  }

  /** The phone says that the parcel may be taken. `tell` hears when it is in the person's hand. */
  asked(drone: DroneBody, taken: () => void): void {
    if (!this.#temper.takesParcel || this.#taking) return;
    this.#taking = true;
    this.#clock.at(this.#clock.now() + TAKE_MS, () => {
      this.#taking = false;
      const sample = drone.now();
      const stands = !sample.airborne && !sample.motorsOn;
      if (!this.hasParcel && !(stands && drone.grams > 0 && distanceMm(this.spot, sample) <= REACH_MM))
        return;
      this.hasParcel = true;
      taken();
    });
  }
}

export function distanceMm(a: Omit<Spot, "altitudeMm">, b: Omit<Spot, "altitudeMm">): number {
  const { northMm, eastMm } = between(a, b);
  return Math.hypot(northMm, eastMm);
}

function between(
  from: Omit<Spot, "altitudeMm">,
  to: Omit<Spot, "altitudeMm">,
): { northMm: number; eastMm: number } {
  const shrink = Math.cos((from.latitudeE7 / 1e7) * (Math.PI / 180));
  return {
    northMm: (to.latitudeE7 - from.latitudeE7) * MM_PER_E7,
    eastMm: (to.longitudeE7 - from.longitudeE7) * MM_PER_E7 * shrink,
  };
}

/** A straight line over some hundred metres. */
function stepTowards(from: Spot, to: Spot, stepMm: number): Spot {
  const left = distanceMm(from, to);
  if (left <= stepMm) return to;
  const share = stepMm / left;
  return {
    latitudeE7: Math.round(from.latitudeE7 + (to.latitudeE7 - from.latitudeE7) * share),
    longitudeE7: Math.round(from.longitudeE7 + (to.longitudeE7 - from.longitudeE7) * share),
    altitudeMm: to.altitudeMm,
  };
}
