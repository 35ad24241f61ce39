/**
 * A multirotor as a point that accelerates, climbs, drifts in gusts and runs its battery
 * down: enough for a delivery, not for tuning a controller. Pure: the same settings,
 * state and random bytes give the same flight. Metres, seconds and degrees inside;
 * integers (source.ts) on the way out.
 */
import type { Random, TimeMs } from "../../protocols/ports.ts";
import { unreachable } from "../../protocols/errors.ts";
import { distanceAtMostM, distanceM, fromE7, moved, offsetM, toE7, wrapHeading } from "./geo.ts";
import type { Point } from "./geo.ts";
import type { FlightCommand, FlightSample, Place } from "./source.ts";
import { nextGust, STILL_AIR } from "./wind.ts";
import { clamp, length, limited } from "./speeds.ts";
import type { Gust } from "./wind.ts";

export interface FlightSettings {
  cruiseMS: number;
  climbMS: number;
  descendMS: number;
  /** Of horizontal and vertical speed alike. */
  accelerationMS2: number;
  /** Above the higher of the two grounds. */
  cruiseHeightM: number;
  /** Above the ground of the place that it flew to. */
  hoverHeightM: number;
  /** From the command to full revolutions, and from touchdown to standstill. */
  motorsMs: number;
  batteryWh: number;
  /** Drawn always; with the motors idling; in the air; and per metre climbed. */
  electronicsW: number;
  idleW: number;
  hoverW: number;
  climbJPerM: number;
  /** What must be left after the way home: below it, it turns back, and takes off no more. */
  reservePermille: number;
  /** At or below: lands where it is. */
  criticalPermille: number;
  /** Standard deviation of the gusts in each direction; 0 is still air. */
  gustMS: number;
}

/** A delivery drone of about 5 kg: 25 minutes in the air. */
export const DEFAULT_FLIGHT: FlightSettings = {
  cruiseMS: 15,
  climbMS: 4,
  descendMS: 2.5,
  accelerationMS2: 3,
  cruiseHeightM: 40,
  hoverHeightM: 15,
  motorsMs: 1500,
  batteryWh: 400,
  electronicsW: 8,
  idleW: 60,
  hoverW: 900,
  climbJPerM: 80,
  reservePermille: 200,
  criticalPermille: 50,
  gustMS: 0.4,
};

/** What to do after reaching the cruise height, or the place. */
export type Leg = { kind: "hover" } | { kind: "fly"; to: Place; atArrival: "hover" | "land" };

export type FlightPhase =
  | { kind: "on-ground" }
  | { kind: "taking-off"; motorsInMs: number; at: Point; altitudeM: number; next: Leg }
  | { kind: "cruising"; to: Place; altitudeM: number; atArrival: "hover" | "land" }
  | { kind: "hovering"; at: Point; altitudeM: number }
  /** `motorsOffInMs` runs from touchdown; until then it is the whole spin-down. */
  | { kind: "landing"; at: Point; motorsOffInMs: number };

export interface FlightState {
  timeMs: TimeMs;
  position: Point;
  altitudeM: number;
  /** Of the place below: the last one flown to, else the one taken off from. */
  groundM: number;
  /** What the controller wants, without the gusts. */
  northMS: number;
  eastMS: number;
  upMS: number;
  gust: Gust;
  headingDegrees: number;
  energyJ: number;
  home: Place;
  phase: FlightPhase;
}

/** Below this height it stands; below this distance it has arrived. */
const STANDS_M = 0.05;
const ARRIVED_M = 1.5;
/** How fast it corrects an error of position, per second. */
const GAIN_PER_S = 1;
/** How fast the nose turns. */
const TURN_DEGREES_S = 90;
/** The last metres of a landing are slow. */
const FLARE_M = 3;
const FLARE_MS = 0.7;

/** A drone that stands at home with a full battery. */
export function standing(settings: FlightSettings, home: Place, timeMs: TimeMs): FlightState {
  return {
    timeMs,
    position: pointOf(home),
    altitudeM: home.groundAltitudeMm / 1000,
    groundM: home.groundAltitudeMm / 1000,
    northMS: 0,
    eastMS: 0,
    upMS: 0,
    gust: STILL_AIR,
    headingDegrees: 0,
    energyJ: settings.batteryWh * 3600,
    home,
    phase: { kind: "on-ground" },
  };
}

/**
 * The state after a command, or undefined when the autopilot refuses it. What is so
 * already is accepted: a device repeats its last command after a crash.
 */
export function obey(
  settings: FlightSettings,
  state: FlightState,
  command: FlightCommand,
): FlightState | undefined {
  const onGround = state.phase.kind === "on-ground";
  switch (command.kind) {
    case "takeoff":
      if (!onGround && state.phase.kind !== "landing") return state;
      return takingOff(settings, state, { kind: "hover" });
    case "goto":
      return flyTo(settings, state, command.place, "hover");
    case "return": {
      const ending = onGround || state.phase.kind === "landing";
      if (ending && distanceM(state.position, pointOf(state.home)) < ARRIVED_M * 2) return state;
      return flyTo(settings, state, state.home, "land");
    }
    case "hover":
      if (onGround) return undefined;
      // The propellers turn, but it stands: to stay where it is would be to stand there with idle motors.
      if (!isAirborne(state)) return takingOff(settings, state, { kind: "hover" });
      return state.phase.kind === "hovering" ? state : hoveringHere(settings, state);
    case "land":
      return onGround || state.phase.kind === "landing" ? state : landing(settings, state);
    default:
      return unreachable(command);
  }
}

/** One step of `dtMs` (at most 250: the controller is tuned for 10 steps a second). */
export function step(
  settings: FlightSettings,
  state: FlightState,
  dtMs: number,
  random: Random,
): FlightState {
  const spun = spin(failsafe(settings, state), dtMs);
  const dtS = dtMs / 1000;
  const moves = isAirborne(spun) || climbs(spun);
  const { position, altitudeM, northMS, eastMS, upMS, gust, headingDegrees } = moves
    ? fly(settings, spun, dtS, random)
    : still(spun);
  const { groundM, home, phase } = spun;
  const inAir = altitudeM - groundM > STANDS_M;
  const watts =
    settings.electronicsW +
    (phase.kind === "on-ground" ? 0 : settings.idleW) +
    (inAir ? settings.hoverW + Math.max(0, upMS) * settings.climbJPerM : 0);
  const energyJ = Math.max(0, spun.energyJ - watts * dtS);
  const timeMs = state.timeMs + dtMs;
  // Field by field: to copy an object whose numbers change their kind costs more than all that is calculated.
  return arrive(settings, {
    timeMs,
    position,
    altitudeM,
    groundM,
    northMS,
    eastMS,
    upMS,
    gust,
    headingDegrees,
    energyJ,
    home,
    phase,
  });
}

/** The state at a later time with nothing to do: a standing drone only keeps its electronics on. */
export function rest(settings: FlightSettings, state: FlightState, timeMs: TimeMs): FlightState {
  const usedJ = (settings.electronicsW * (timeMs - state.timeMs)) / 1000;
  return { ...state, timeMs, energyJ: Math.max(0, state.energyJ - usedJ) };
}

export function sampleOf(settings: FlightSettings, state: FlightState): FlightSample {
  const moving = isAirborne(state);
  const northMS = state.northMS + state.gust.northMS;
  const eastMS = state.eastMS + state.gust.eastMS;
  return {
    timeMs: state.timeMs,
    latitudeE7: toE7(state.position.latitude),
    longitudeE7: toE7(state.position.longitude),
    altitudeMm: Math.round(state.altitudeM * 1000),
    speedMmS: moving ? Math.round(length(northMS, eastMS) * 1000) : 0,
    headingCdeg: Math.round(state.headingDegrees * 100) % 36_000,
    batteryPermille: batteryPermille(settings, state),
    airborne: moving,
    motorsOn: motorsOn(state),
  };
}

export function batteryPermille(settings: FlightSettings, state: FlightState): number {
  return Math.floor((state.energyJ * 1000) / (settings.batteryWh * 3600));
}

export function isAirborne(state: FlightState): boolean {
  return state.altitudeM - state.groundM > STANDS_M;
}

function motorsOn(state: FlightState): boolean {
  return state.phase.kind !== "on-ground";
}

function climbs(state: FlightState): boolean {
  return state.phase.kind === "taking-off" && state.phase.motorsInMs === 0;
}

export function pointOf(place: Place): Point {
  return { latitude: fromE7(place.latitudeE7), longitude: fromE7(place.longitudeE7) };
}

function takingOff(settings: FlightSettings, state: FlightState, next: Leg): FlightState | undefined {
  if (mustReturn(settings, state)) return undefined;
  const target = next.kind === "fly" ? next.to.groundAltitudeMm / 1000 : state.groundM;
  const altitudeM = Math.max(state.groundM, target) + settings.cruiseHeightM;
  const spinning = state.phase.kind === "taking-off" ? state.phase.motorsInMs : 0;
  const motorsInMs = state.phase.kind === "on-ground" ? settings.motorsMs : spinning;
  return { ...state, phase: { kind: "taking-off", motorsInMs, at: state.position, altitudeM, next } };
}

function flyTo(
  settings: FlightSettings,
  state: FlightState,
  to: Place,
  atArrival: "hover" | "land",
): FlightState | undefined {
  if (!isAirborne(state)) return takingOff(settings, state, { kind: "fly", to, atArrival });
  // On the reserve the only way is home.
  if (atArrival === "hover" && mustReturn(settings, state)) return undefined;
  return cruising(settings, state, to, atArrival);
}

function cruising(
  settings: FlightSettings,
  state: FlightState,
  to: Place,
  atArrival: "hover" | "land",
): FlightState {
  const altitudeM = Math.max(state.groundM, to.groundAltitudeMm / 1000) + settings.cruiseHeightM;
  return { ...state, phase: { kind: "cruising", to, altitudeM, atArrival } };
}

function hoveringHere(settings: FlightSettings, state: FlightState): FlightState {
  // It cannot stop dead: it stays where it comes to a halt.
  const speed = length(state.northMS, state.eastMS);
  const stopsInS = speed / (2 * settings.accelerationMS2);
  const at = moved(state.position, state.northMS * stopsInS, state.eastMS * stopsInS);
  return { ...state, phase: { kind: "hovering", at, altitudeM: state.altitudeM } };
}

function landing(settings: FlightSettings, state: FlightState): FlightState {
  const at = state.phase.kind === "hovering" ? state.phase.at : state.position;
  return { ...state, phase: { kind: "landing", at, motorsOffInMs: settings.motorsMs } };
}

/** The autopilot's own rules come before any command. */
function failsafe(settings: FlightSettings, state: FlightState): FlightState {
  if (!isAirborne(state) || state.phase.kind === "landing") return state;
  const permille = batteryPermille(settings, state);
  if (permille <= settings.criticalPermille) return landing(settings, state);
  const goesHome = state.phase.kind === "cruising" && state.phase.atArrival === "land";
  return goesHome || !mustReturn(settings, state) ? state : cruising(settings, state, state.home, "land");
}

/** Whether the battery holds no more than the way home and the reserve. */
function mustReturn(settings: FlightSettings, state: FlightState): boolean {
  const spareJ = state.energyJ - settings.batteryWh * 3.6 * settings.reservePermille;
  if (!isAirborne(state)) return spareJ <= 0;
  const home = pointOf(state.home);
  const perM = (settings.electronicsW + settings.idleW + settings.hoverW) / settings.cruiseMS;
  // Nearly always there is far more left than the longest way could take.
  if (spareJ > distanceAtMostM(state.position, home) * perM) return false;
  return spareJ <= distanceM(state.position, home) * perM;
}

/** Propellers need a moment to start and to stop. */
function spin(state: FlightState, dtMs: number): FlightState {
  const phase = state.phase;
  if (phase.kind === "taking-off" && phase.motorsInMs > 0)
    return { ...state, phase: { ...phase, motorsInMs: Math.max(0, phase.motorsInMs - dtMs) } };
  if (phase.kind === "landing" && !isAirborne(state)) {
    if (phase.motorsOffInMs <= dtMs) return { ...state, phase: { kind: "on-ground" } };
    return { ...state, phase: { ...phase, motorsOffInMs: phase.motorsOffInMs - dtMs } };
  }
  return state;
}

type Motion = Pick<
  FlightState,
  "position" | "altitudeM" | "northMS" | "eastMS" | "upMS" | "gust" | "headingDegrees"
>;

function still({ position, groundM, headingDegrees }: FlightState): Motion {
  return { position, altitudeM: groundM, northMS: 0, eastMS: 0, upMS: 0, gust: STILL_AIR, headingDegrees };
}

function fly(settings: FlightSettings, state: FlightState, dtS: number, random: Random): Motion {
  const goal = goalOf(state);
  const gust = nextGust(state.gust, settings.gustMS, dtS, random);
  const { northM, eastM } = offsetM(state.position, goal.point);
  const wanted = wantedSpeed(settings, length(northM, eastM), dtS);
  const most = settings.accelerationMS2 * dtS;
  const change = limited(northM * wanted - state.northMS, eastM * wanted - state.eastMS, most);
  const northMS = state.northMS + change.north;
  const eastMS = state.eastMS + change.east;
  const upMS = state.upMS + clamp(wantedClimb(settings, state, goal.altitudeM) - state.upMS, -most, most);
  return {
    position: moved(state.position, (northMS + gust.northMS) * dtS, (eastMS + gust.eastMS) * dtS),
    altitudeM: Math.max(state.groundM, state.altitudeM + upMS * dtS),
    northMS,
    eastMS,
    upMS,
    gust,
    headingDegrees: turned(state.headingDegrees, northMS, eastMS, dtS),
  };
}

/** Where the controller steers: above the pad while climbing, then towards the place. */
function goalOf(state: FlightState): { point: Point; altitudeM: number } {
  const phase = state.phase;
  switch (phase.kind) {
    case "on-ground":
      return { point: state.position, altitudeM: state.groundM };
    case "taking-off":
      return { point: phase.at, altitudeM: phase.altitudeM };
    case "cruising":
      return { point: pointOf(phase.to), altitudeM: phase.altitudeM };
    case "hovering":
      return { point: phase.at, altitudeM: phase.altitudeM };
    case "landing":
      return { point: phase.at, altitudeM: state.groundM };
    default:
      return unreachable(phase);
  }
}

/** The wanted speed per metre of distance: fast enough to cruise, slow enough to brake in time. */
function wantedSpeed(settings: FlightSettings, distance: number, dtS: number): number {
  if (distance < 1e-6) return 0;
  const brakes = Math.sqrt(1.4 * settings.accelerationMS2 * distance);
  const corrects = distance * Math.min(GAIN_PER_S, 1 / dtS);
  return Math.min(settings.cruiseMS, brakes, corrects) / distance;
}

function wantedClimb(settings: FlightSettings, state: FlightState, altitudeM: number): number {
  const wanted = (altitudeM - state.altitudeM) * GAIN_PER_S;
  if (state.phase.kind !== "landing") return clamp(wanted, -settings.descendMS, settings.climbMS);
  const slow = state.altitudeM - state.groundM < FLARE_M;
  return slow ? -FLARE_MS : -settings.descendMS;
}

function turned(heading: number, northMS: number, eastMS: number, dtS: number): number {
  // Slower than a walk, the direction of drift says nothing about the nose.
  if (length(northMS, eastMS) < 1) return heading;
  const course = (Math.atan2(eastMS, northMS) * 180) / Math.PI;
  const turn = wrapHeading(course - heading + 180) - 180;
  return wrapHeading(heading + clamp(turn, -TURN_DEGREES_S * dtS, TURN_DEGREES_S * dtS));
}

/** What a phase that has reached its goal turns into. */
function arrive(settings: FlightSettings, state: FlightState): FlightState {
  const phase = state.phase;
  if (phase.kind === "taking-off" && phase.motorsInMs === 0 && phase.altitudeM - state.altitudeM < 0.5) {
    if (phase.next.kind === "hover") return hoveringHere(settings, state);
    return cruising(settings, state, phase.next.to, phase.next.atArrival);
  }
  if (phase.kind !== "cruising") return state;
  if (length(state.northMS, state.eastMS) > ARRIVED_M) return state;
  const point = pointOf(phase.to);
  if (distanceM(state.position, point) > ARRIVED_M) return state;
  const groundM = phase.to.groundAltitudeMm / 1000;
  const above = { ...state, groundM: Math.min(groundM, state.altitudeM) };
  if (phase.atArrival === "land")
    return { ...above, phase: { kind: "landing", at: point, motorsOffInMs: settings.motorsMs } };
  return { ...above, phase: { kind: "hovering", at: point, altitudeM: groundM + settings.hoverHeightM } };
}
