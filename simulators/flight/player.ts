/**
 * Plays a recorded track as a drone's flight: from its first fix, where the drone stands
 * at home, to its last fix, which is the destination, and back. Pure but for `trackFlight`
 * at the end, which keeps the state.
 *
 * The way back is the track reversed, at the recorded speeds: a straight line would cut
 * through the Alps between two valleys. Take-off, hover and landing at either end are the
 * model's, without gusts. The ground lies `hoverHeightM` below the track's ends, because
 * a record does not say how high it flew above what it delivered to.
 */
import type { TimeMs } from "../../protocols/ports.ts";
import { unreachable } from "../../protocols/errors.ts";
import { advance } from "./fly.ts";
import { between, distanceM, headingDegrees, toE7, wrapHeading } from "./geo.ts";
import { batteryPermille, DEFAULT_FLIGHT, isAirborne, obey, pointOf, sampleOf, standing } from "./model.ts";
import type { FlightSettings, FlightState } from "./model.ts";
import type { FlightCommand, FlightSample, FlightSource, Place } from "./source.ts";
import { pointOfFix } from "./track.ts";
import type { Fix, Track } from "./track.ts";

/**
 * The recorded aircraft is not our drone, so the battery goes by the way: this much for
 * the whole track, whatever its length.
 */
const TRACK_PERMILLE = 350;
/** A goto within this distance of an end means that end. */
const MEANT_M = 1000;
/** Told to land this near to the end that it flies to, it goes on and lands there: that ground is known. */
const NEAR_END_M = 25;

/** The model at the track's ends: it rises to the height at which the track begins. */
const AT_ENDS: FlightSettings = {
  ...DEFAULT_FLIGHT,
  cruiseHeightM: DEFAULT_FLIGHT.hoverHeightM,
  gustMS: 0,
  // The way home is the track's, and it is paid for before it is begun.
  reservePermille: DEFAULT_FLIGHT.criticalPermille,
};

type End = "home" | "destination";

export type PlayerState =
  /** The model flies (or stands) at one end; once it hovers, it leaves if it is to. */
  | { kind: "at-end"; end: End; flight: FlightState; leaves: "no" | "hover" | "land" }
  /** Along the track; `flownMs` of it at `timeMs`, and `landsAfter` is to land at once. */
  | {
      kind: "on-track";
      towards: End;
      timeMs: TimeMs;
      flownMs: number;
      paused: boolean;
      landsAfter: boolean;
      energyJ: number;
    };

/** Where a track begins (home) and ends (destination), with the ground below. */
export function endOf(track: Track, end: End): Place {
  const fix = track.fixes.at(end === "home" ? 0 : -1);
  if (fix === undefined) return { latitudeE7: 0, longitudeE7: 0, groundAltitudeMm: 0 };
  const groundAltitudeMm = fix.altitudeMm - DEFAULT_FLIGHT.hoverHeightM * 1000;
  return { latitudeE7: fix.latitudeE7, longitudeE7: fix.longitudeE7, groundAltitudeMm };
}

/** How long the track takes from end to end. */
export function durationMs(track: Track): number {
  return (track.fixes.at(-1)?.timeMs ?? 0) - (track.fixes[0]?.timeMs ?? 0);
}

/** The drone stands at home. */
export function waiting(track: Track, timeMs: TimeMs): PlayerState {
  return {
    kind: "at-end",
    end: "home",
    flight: standing(AT_ENDS, endOf(track, "home"), timeMs),
    leaves: "no",
  };
}

/** The state at a later time. */
export function play(track: Track, from: PlayerState, nowMs: TimeMs): PlayerState {
  let state = from;
  // Each round ends at `nowMs` or changes over between model and track; a change needs a command or an end.
  for (;;) {
    const next = state.kind === "at-end" ? playAtEnd(state, nowMs) : playOnTrack(track, state, nowMs);
    if (next.kind === state.kind) return next;
    state = next;
  }
}

type AtEnd = Extract<PlayerState, { kind: "at-end" }>;
type OnTrack = Extract<PlayerState, { kind: "on-track" }>;

function playAtEnd(state: AtEnd, nowMs: TimeMs): PlayerState {
  if (state.leaves === "no") return { ...state, flight: advance(AT_ENDS, state.flight, nowMs, SILENCE) };
  let flight = state.flight;
  while (flight.phase.kind !== "hovering") {
    const next = advance(AT_ENDS, flight, Math.min(nowMs, flight.timeMs + 100), SILENCE);
    if (next === flight) return { ...state, flight };
    flight = next;
    // The autopilot's own rules may have brought it down.
    if (flight.phase.kind === "landing") return { ...state, flight, leaves: "no" };
  }
  return {
    kind: "on-track",
    towards: state.end === "home" ? "destination" : "home",
    timeMs: flight.timeMs,
    flownMs: 0,
    paused: false,
    landsAfter: state.leaves === "land",
    energyJ: flight.energyJ,
  };
}

function playOnTrack(track: Track, state: OnTrack, nowMs: TimeMs): PlayerState {
  const whole = durationMs(track);
  const passedMs = Math.max(0, nowMs - state.timeMs);
  const flownMs = state.paused ? state.flownMs : Math.min(whole, state.flownMs + passedMs);
  const timeMs = state.timeMs + (state.paused ? passedMs : flownMs - state.flownMs);
  const share = (flownMs - state.flownMs) / Math.max(1, whole);
  const energyJ = Math.max(0, state.energyJ - share * TRACK_PERMILLE * AT_ENDS.batteryWh * 3.6);
  if (flownMs < whole || state.paused) return { ...state, timeMs, flownMs, energyJ };
  const place = endOf(track, state.towards);
  const arrived: FlightState = {
    // Its failsafe is to land here: the way home is the track, not a straight line.
    ...standing(AT_ENDS, place, timeMs),
    altitudeM: place.groundAltitudeMm / 1000 + AT_ENDS.hoverHeightM,
    headingDegrees: sampleOnTrack(track, { ...state, timeMs, flownMs }).headingCdeg / 100,
    energyJ,
    phase: {
      kind: "hovering",
      at: pointOf(place),
      altitudeM: place.groundAltitudeMm / 1000 + AT_ENDS.hoverHeightM,
    },
  };
  const flight = state.landsAfter ? (obey(AT_ENDS, arrived, { kind: "land" }) ?? arrived) : arrived;
  return { kind: "at-end", end: state.towards, flight, leaves: "no" };
}

/** The state after a command, or undefined when it is refused. `state` is that of now. */
export function command(track: Track, state: PlayerState, given: FlightCommand): PlayerState | undefined {
  switch (given.kind) {
    case "goto": {
      const end = endMeant(track, given.place);
      return end === undefined ? undefined : leaveFor(track, state, end, false);
    }
    case "return":
      return leaveFor(track, state, "home", true);
    case "takeoff":
    case "hover":
    case "land":
      break;
    default:
      return unreachable(given);
  }
  if (state.kind === "on-track") {
    if (given.kind === "hover") return { ...state, paused: true };
    return given.kind === "land" ? landOnTrack(track, state) : { ...state };
  }
  const flight = obey(AT_ENDS, state.flight, given);
  return flight === undefined ? undefined : { ...state, flight, leaves: "no" };
}

/**
 * Nobody knows the ground below a recorded track: it lands only at its ends. Whoever lets it hover on
 * arrival may stop it some metres before the last fix, so near it is as good as there.
 */
function landOnTrack(track: Track, state: OnTrack): PlayerState | undefined {
  const here = pointOfFix(sampleOnTrack(track, state));
  const isNear = distanceM(here, pointOf(endOf(track, state.towards))) <= NEAR_END_M;
  return isNear ? leaveFor(track, state, state.towards, true) : undefined;
}

function endMeant(track: Track, place: Place): End | undefined {
  const toDestination = distanceM(pointOf(place), pointOf(endOf(track, "destination")));
  const toHome = distanceM(pointOf(place), pointOf(endOf(track, "home")));
  if (Math.min(toDestination, toHome) > MEANT_M) return undefined;
  return toDestination <= toHome ? "destination" : "home";
}

function leaveFor(track: Track, state: PlayerState, end: End, lands: boolean): PlayerState | undefined {
  if (state.kind === "on-track") {
    if (state.towards === end) return { ...state, paused: false, landsAfter: lands };
    const flownMs = durationMs(track) - state.flownMs;
    return { ...state, towards: end, flownMs, paused: false, landsAfter: lands };
  }
  if (state.end === end) return obeyHere(state, lands);
  const leaves = lands ? "land" : "hover";
  if (state.leaves !== "no") return { ...state, leaves };
  const flight = isAirborne(state.flight)
    ? obey(AT_ENDS, state.flight, { kind: "hover" })
    : obey(AT_ENDS, state.flight, { kind: "takeoff" });
  const enough = batteryPermille(AT_ENDS, state.flight) >= TRACK_PERMILLE + AT_ENDS.criticalPermille;
  return flight === undefined || !enough ? undefined : { ...state, flight, leaves };
}

/** Already at that end: `goto` hovers there, `return` lands there. */
function obeyHere(state: AtEnd, lands: boolean): PlayerState | undefined {
  const up = isAirborne(state.flight);
  const kind = lands ? "land" : up ? "hover" : "takeoff";
  const flight = obey(AT_ENDS, state.flight, { kind });
  return flight === undefined ? undefined : { ...state, flight, leaves: "no" };
}

export function sampleOfPlayer(track: Track, state: PlayerState): FlightSample {
  return state.kind === "at-end" ? sampleOf(AT_ENDS, state.flight) : sampleOnTrack(track, state);
}

function sampleOnTrack(track: Track, state: OnTrack): FlightSample {
  const back = state.towards === "home";
  const begunMs = track.fixes[0]?.timeMs ?? 0;
  const whole = durationMs(track);
  const here = positionAt(track.fixes, begunMs + (back ? whole - state.flownMs : state.flownMs));
  return {
    timeMs: state.timeMs,
    latitudeE7: here.latitudeE7,
    longitudeE7: here.longitudeE7,
    altitudeMm: here.altitudeMm,
    speedMmS: state.paused ? 0 : here.speedMmS,
    headingCdeg: (here.headingCdeg + (back ? 18_000 : 0)) % 36_000,
    batteryPermille: Math.floor((state.energyJ * 1000) / (AT_ENDS.batteryWh * 3600)),
    airborne: true,
    motorsOn: true,
  };
}

type TrackPosition = Required<{ [K in keyof Omit<Fix, "timeMs">]: number }>;

/** The position at a time of the record, between the fixes around it. */
export function positionAt(fixes: readonly Fix[], timeMs: TimeMs): TrackPosition {
  const after = firstAfter(fixes, timeMs);
  const to = fixes[Math.min(Math.max(after, 1), fixes.length - 1)];
  const from = fixes[Math.min(Math.max(after, 1), fixes.length - 1) - 1];
  if (from === undefined || to === undefined)
    return { latitudeE7: 0, longitudeE7: 0, altitudeMm: 0, speedMmS: 0, headingCdeg: 0 };
  const share = Math.max(0, Math.min(1, (timeMs - from.timeMs) / (to.timeMs - from.timeMs)));
  const mix = (a: number, b: number): number => Math.round(a + (b - a) * share);
  const point = between(pointOfFix(from), pointOfFix(to), share);
  const lengthM = distanceM(pointOfFix(from), pointOfFix(to));
  const speed = Math.round((lengthM * 1e6) / (to.timeMs - from.timeMs));
  const course = Math.round(headingDegrees(pointOfFix(from), pointOfFix(to)) * 100) % 36_000;
  const fromHeading = from.headingCdeg ?? course;
  const turn = wrapHeading(((to.headingCdeg ?? course) - fromHeading) / 100 + 180) * 100 - 18_000;
  return {
    latitudeE7: toE7(point.latitude),
    longitudeE7: toE7(point.longitude),
    altitudeMm: mix(from.altitudeMm, to.altitudeMm),
    speedMmS: mix(from.speedMmS ?? speed, to.speedMmS ?? speed),
    headingCdeg: (Math.round(fromHeading + turn * share) + 36_000) % 36_000,
  };
}

/** The index of the first fix later than `timeMs`, by bisection. */
function firstAfter(fixes: readonly Fix[], timeMs: TimeMs): number {
  let low = 0;
  let high = fixes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((fixes[middle]?.timeMs ?? 0) > timeMs) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The model at the ends flies in still air and draws nothing. */
const SILENCE = { bytes: (length: number) => new Uint8Array(length) };

/** A recorded track as a FlightSource; the drone stands at its first fix at `startMs`. */
export function trackFlight(track: Track, startMs: TimeMs): FlightSource {
  let state = waiting(track, startMs);
  return {
    at(nowMs) {
      state = play(track, state, nowMs);
      return sampleOfPlayer(track, state);
    },
    command(given, nowMs) {
      state = play(track, state, nowMs);
      const next = command(track, state, given);
      state = next ?? state;
      return next !== undefined;
    },
  };
}
