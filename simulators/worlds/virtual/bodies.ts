/**
 * The physical side of a virtual delivery: the drone's body with its autopilot and its
 * bay, and the person who carries the phone. Bodies outlive the agents in them: an agent
 * that starts anew finds its drone where it flies, and its person with what they hold.
 */
import type { Clock, Random, TimeMs } from "../../../protocols/ports.ts";
import { modelFlight } from "../../flight/fly.ts";
import { DEFAULT_FLIGHT } from "../../flight/model.ts";
import type { FlightSample, FlightSource } from "../../flight/source.ts";
import type { Spot } from "../delivery/ipc.ts";
import { flyAs, PARCEL_GRAMS, TAKE_MS, WALK_MM_S } from "../delivery/physical.ts";
import { distanceM, offset, stepTowards } from "../delivery/places.ts";

/** Out of the terms' radius, within the radio's. */
const LEFT_M = 40;
/** An arm's length and some steps: beyond it nobody takes a parcel out of a drone. */
const REACH_M = 20;

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
    flyAs(this.#flight, name, value, this.#clock.now());
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
  /** How far a spot is from the point; the person stands most of the time. */
  #measured: { spot: Spot; m: number } | undefined;
  #lastMs: TimeMs;
  #taking = false;

  constructor(clock: Clock, temper: Temper, start: Spot, point: Spot) {
    this.#clock = clock;
    this.#temper = temper;
    this.#point = point;
    this.spot = start;
    this.#lastMs = clock.now();
  }

  /** In metres. */
  get toPointM(): number {
    const { spot } = this;
    if (this.#measured?.spot !== spot) this.#measured = { spot, m: distanceM(spot, this.#point) };
    return this.#measured.m;
  }

  /** The phone rings: the drone is at the point. */
  called(): void {
    this.#calledMs ??= this.#clock.now();
  }

  now(): Spot & { timeMs: TimeMs } {
    const timeMs = this.#clock.now();
    const { walksAfterMs, stopsAtM, leavesAfterMs } = this.#temper;
    const sinceCallMs = timeMs - (this.#calledMs ?? Infinity);
    const target = offset(this.#point, sinceCallMs >= (leavesAfterMs ?? Infinity) ? LEFT_M : stopsAtM, 0);
    if (sinceCallMs >= (walksAfterMs ?? Infinity))
      this.spot = stepTowards(this.spot, target, ((timeMs - this.#lastMs) * WALK_MM_S) / 1_000);
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
      if (!this.hasParcel && !(stands && drone.grams > 0 && distanceM(this.spot, sample) <= REACH_M)) return;
      this.hasParcel = true;
      taken();
    });
  }
}
