/** Where the story plays: without a track, over Zurich; with one, between its ends. */
import { DEFAULT_FLIGHT } from "../../flight/model.ts";
import { durationMs, endOf } from "../../flight/player.ts";
import type { Track } from "../../flight/track.ts";
import type { Place } from "../../flight/source.ts";
import type { Spot } from "./ipc.ts";

export interface Places {
  base: Spot;
  /** Where the parcel is to be delivered. */
  point: Spot;
  /** How long the flight there takes, about. */
  flightMs: number;
}

/** The shop's roof and a garden 730 m to the north-east. */
const ROOF: Spot = { latitudeE7: 473_769_000, longitudeE7: 85_417_000, altitudeMm: 412_000 };
const GARDEN: Spot = { latitudeE7: 473_815_000, longitudeE7: 85_486_000, altitudeMm: 431_000 };
const MM_PER_E7 = 11.132;

export function placesOf(track: Track | undefined): Places {
  if (track === undefined) {
    const seconds = distanceM(ROOF, GARDEN) / DEFAULT_FLIGHT.cruiseMS + 60;
    return { base: ROOF, point: GARDEN, flightMs: wholeHalfMinutes(seconds * 1_000) };
  }
  const climbMs = 60_000;
  return {
    base: spotOf(endOf(track, "home")),
    point: spotOf(endOf(track, "destination")),
    flightMs: wholeHalfMinutes(durationMs(track) + climbMs),
  };
}

/** Deadlines that people read are round. */
function wholeHalfMinutes(ms: number): number {
  return Math.ceil(ms / 30_000) * 30_000;
}

function spotOf(place: Place): Spot {
  return { latitudeE7: place.latitudeE7, longitudeE7: place.longitudeE7, altitudeMm: place.groundAltitudeMm };
}

/** A spot some metres from another. */
export function offset(from: Spot, eastM: number, northM: number): Spot {
  const shrink = Math.cos((from.latitudeE7 / 1e7) * (Math.PI / 180));
  return {
    latitudeE7: Math.round(from.latitudeE7 + (northM * 1_000) / MM_PER_E7),
    longitudeE7: Math.round(from.longitudeE7 + (eastM * 1_000) / (MM_PER_E7 * shrink)),
    altitudeMm: from.altitudeMm,
  };
}

/** Metres east, north and up of an origin: where the radios of the virtual air stand. */
export function localMetres(origin: Spot, spot: Spot): { x: number; y: number; z: number } {
  const shrink = Math.cos((origin.latitudeE7 / 1e7) * (Math.PI / 180));
  return {
    x: ((spot.longitudeE7 - origin.longitudeE7) * MM_PER_E7 * shrink) / 1_000,
    y: ((spot.latitudeE7 - origin.latitudeE7) * MM_PER_E7) / 1_000,
    z: (spot.altitudeMm - origin.altitudeMm) / 1_000,
  };
}

/** Over ground. */
export function distanceM(a: Spot, b: Spot): number {
  const { x, y } = localMetres(a, b);
  return Math.hypot(x, y);
}

/** A step along a straight line of some hundred metres; the cosine keeps east as long as north. */
export function stepTowards(from: Spot, to: Spot, stepMm: number): Spot {
  const shrink = Math.cos((from.latitudeE7 / 1e7) * (Math.PI / 180));
  const northMm = (to.latitudeE7 - from.latitudeE7) * MM_PER_E7;
  const eastMm = (to.longitudeE7 - from.longitudeE7) * MM_PER_E7 * shrink;
  const distanceMm = Math.hypot(northMm, eastMm);
  if (distanceMm <= stepMm) return to;
  const share = stepMm / distanceMm;
  return {
    latitudeE7: Math.round(from.latitudeE7 + (to.latitudeE7 - from.latitudeE7) * share),
    longitudeE7: Math.round(from.longitudeE7 + (to.longitudeE7 - from.longitudeE7) * share),
    altitudeMm: to.altitudeMm,
  };
}
