/**
 * The physical world of a delivery: the drone's body in the air, the parcel, and the person
 * who carries the phone. It goes on whether or not an agent runs. What the agents know of
 * it their sensors tell them; what they change of it they command.
 */
import type { Clock, TimeMs } from "../../../protocols/ports.ts";
import { pointSchema } from "../../../protocols/delivery/messages.ts";
import { modelFlight } from "../../flight/fly.ts";
import { DEFAULT_FLIGHT } from "../../flight/model.ts";
import { trackFlight } from "../../flight/player.ts";
import type { FlightSample, FlightSource } from "../../flight/source.ts";
import type { Track } from "../../flight/track.ts";
import { every } from "../../clock.ts";
import { seededRandom } from "../../random.ts";
import type { Spot } from "./ipc.ts";
import { stepTowards } from "./places.ts";

/** The autopilot reports once a second, as many do over MAVLink; the phone's GNSS does too. */
const REPORT_MS = 1_000;
export const PARCEL_GRAMS = 850;
/** A person's pace. */
export const WALK_MM_S = 1_400;
/** From the phone's asking for it to the parcel in hand. */
export const TAKE_MS = 8_000;

export type Bearer = "drone" | "phone";
export type Reading = [name: string, value: unknown];

export interface Person {
  start: Spot;
  /** Where they go once the phone asks them to come; null: they stay. */
  walkTo: Spot | null;
  takesParcel: boolean;
}

export interface PhysicalParts {
  /** The world's time. */
  clock: Clock;
  flight: FlightSource;
  person: Person;
  /** A sensor reports to whoever bears it. */
  sensed: (who: Bearer, reading: Reading) => void;
  /** Each reading of the flight, whether or not an agent takes it in. */
  flown: (sample: FlightSample) => void;
  /** Drone or phone, and with it its radio, is there now. */
  moved: (who: Bearer, spot: Spot) => void;
}

export class PhysicalWorld {
  readonly #parts: PhysicalParts;
  readonly #stopReports: () => void;
  #hasFlown = false;
  #personAt: Spot;
  #walks = false;
  #parcel: "in the bay" | "being taken" | "in hand" = "in the bay";

  constructor(parts: PhysicalParts) {
    this.#parts = parts;
    this.#personAt = parts.person.start;
    this.#stopReports = every(parts.clock, REPORT_MS, () => this.#report());
  }

  /** The drone has left the ground at some time. */
  get hasFlown(): boolean {
    return this.#hasFlown;
  }

  close(): void {
    this.#stopReports();
  }

  /** What the sensors of an agent that wakes up say; the scale first, for whoever stands on the ground. */
  readings(who: Bearer): Reading[] {
    if (who === "drone") return [this.#scale(), this.#dronePosition()];
    const inHand: Reading[] = this.#parcel === "in hand" ? [["parcel-in-hand", true]] : [];
    return [this.#phonePosition(), ...inHand];
  }

  /** A device's command. What nobody understands moves nothing. */
  obey(who: Bearer, name: string, value: unknown): void {
    if (who === "drone") flyAs(this.#parts.flight, name, value, this.#parts.clock.now());
    else if (name === "come-to-point") this.#walks = true;
    else if (name === "take-parcel") this.#takeParcel();
  }

  /** A phone that was killed asks again; one hand is enough. */
  #takeParcel(): void {
    const { clock, person, sensed } = this.#parts;
    if (!person.takesParcel || this.#parcel !== "in the bay") return;
    this.#parcel = "being taken";
    clock.at(clock.now() + TAKE_MS, () => {
      // What leaves the drone's bay is in the buyer's hand.
      this.#parcel = "in hand";
      sensed("drone", this.#scale());
      sensed("phone", ["parcel-in-hand", true]);
    });
  }

  #report(): void {
    const { person, sensed } = this.#parts;
    if (this.#walks && person.walkTo !== null) {
      this.#personAt = stepTowards(this.#personAt, person.walkTo, (WALK_MM_S * REPORT_MS) / 1_000);
    }
    sensed("drone", this.#dronePosition());
    sensed("phone", this.#phonePosition());
  }

  #scale(): Reading {
    return ["scale", this.#parcel === "in hand" ? 0 : PARCEL_GRAMS];
  }

  #dronePosition(): Reading {
    const { flight, clock, flown, moved } = this.#parts;
    const sample = flight.at(clock.now());
    flown(sample);
    this.#hasFlown ||= sample.airborne;
    moved("drone", sample);
    return ["position", sample];
  }

  #phonePosition(): Reading {
    const { clock, moved } = this.#parts;
    moved("phone", this.#personAt);
    return ["position", { timeMs: clock.now(), ...this.#personAt }];
  }
}

/** A drone's command to its autopilot. What the autopilot does not understand moves nothing. */
export function flyAs(flight: FlightSource, name: string, value: unknown, now: TimeMs): void {
  switch (name) {
    case "fly-to": {
      const { latitudeE7, longitudeE7, altitudeMm } = pointSchema.parse(value);
      flight.command({ kind: "goto", place: { latitudeE7, longitudeE7, groundAltitudeMm: altitudeMm } }, now);
      return;
    }
    case "hover":
    case "land":
    case "return":
      flight.command({ kind: name }, now);
      return;
    default:
      return;
  }
}

/** A drone that stands at its base: the model flies it, or a recorded track. */
export function standingDrone(
  clock: Clock,
  track: Track | undefined,
  base: Spot,
  seed: number,
): FlightSource {
  if (track !== undefined) return trackFlight(track, clock.now());
  const { latitudeE7, longitudeE7, altitudeMm } = base;
  const place = { latitudeE7, longitudeE7, groundAltitudeMm: altitudeMm };
  return modelFlight(DEFAULT_FLIGHT, place, clock.now(), seededRandom(seed, "wind"));
}
