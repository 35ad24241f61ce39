/** What the drone's sensors report: where it is, what is in its bay, what is below. */
import type { DeviceContext, DeviceEffect, DeviceEvent, Step } from "../device.ts";
import { positionFact } from "../delivery.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { actuate, progress, say, stay } from "../effects.ts";
import { readingOf } from "../readings.ts";
import { onMayLand, takeOff } from "./certified.ts";
import { onParcelGone } from "./parcel.ts";
import { flightRecords } from "./records.ts";
import { grams, isBlocked, isLoaded, isOnGround, isWithin } from "./senses.ts";
import { enter, goHome } from "./standing.ts";
import {
  flightReadingSchema,
  type DroneConfig,
  type DroneState,
  type FlightReading,
  type InPhase,
  type Mission,
} from "./state.ts";

type Result = Step<DroneState>;

/** A drone that stands within this of where it took off is home. */
const HOME_WITHIN_MM = 50_000;

export function onSensor(
  config: DroneConfig,
  state: DroneState,
  event: DeviceEvent & { kind: "sensor" },
  context: DeviceContext,
): Result {
  switch (event.name) {
    case "position": {
      const here = readingOf("position", event.value, flightReadingSchema);
      const { state: next, effects } = onPosition(config, state, here, context);
      const flies = "mission" in state && state.phase !== "signed" && state.phase !== "loading";
      const records: DeviceEffect[] = flies ? [{ kind: "record", records: flightRecords(here) }] : [];
      return { state: next, effects: [...records, ...effects] };
    }
    case "scale":
      if (state.phase === "loading") return takeOff(config, state, context);
      return state.phase === "landed" ? weigh(config, state, context) : stay(state);
    case "obstacle":
      return state.phase === "landing" && isBlocked(context)
        ? abortLanding(config, state, context)
        : stay(state);
    default:
      return stay(state);
  }
}

function onPosition(
  config: DroneConfig,
  state: DroneState,
  here: FlightReading,
  context: DeviceContext,
): Result {
  switch (state.phase) {
    case "loading":
      return takeOff(config, state, context);
    case "outbound":
      return onTheWay(config, state, here, context);
    case "hovering":
      return state.meeting.mayLand ? onMayLand(config, state, context) : stay(state);
    case "landing":
      return isOnGround(here) ? onTouchdown(config, state, context) : stay(state);
    case "returning":
      return isOnGround(here) && isHome(state.mission, here) ? onHome(state) : stay(state);
    default:
      return stay(state);
  }
}

function onTheWay(
  config: DroneConfig,
  state: InPhase<"outbound">,
  here: FlightReading,
  context: DeviceContext,
): Result {
  const { session, awaited, mission } = state;
  if (here.airborne && isWithin(here, mission.plan.point, config.arrivedWithinM * 1_000)) {
    const meeting = { attempt: 1, metIn: null, submitted: false, mayLand: false };
    return enter(config, { phase: "hovering", session, awaited, mission, meeting }, context, [
      progress("arrived", "the drone hovers at the point and calls the phone"),
      ...pushPosition(mission, here, true, context),
    ]);
  }
  if (context.now - state.pushedMs < config.pushEveryMs) return stay(state);
  const pushed = pushPosition(mission, here, false, context);
  return { state: { ...state, pushedMs: context.now }, effects: pushed };
}

/** Down, motors off. It waits for the scale, which says later whether the parcel has gone. */
function onTouchdown(config: DroneConfig, state: InPhase<"landing">, context: DeviceContext): Result {
  const { session, awaited, mission, metIn } = state;
  const gramsBefore = grams(context);
  if (gramsBefore === undefined) return stay(state);
  // Nobody is to pay for a parcel that fell out on the way, nor for not taking it.
  if (!isLoaded(context)) return goHome(state, "cancel", "its parcel bay is empty");
  const { termsId } = mission.plan;
  return enter(config, { phase: "landed", session, awaited, mission, metIn, gramsBefore }, context, [
    progress("landed", "the drone stands on the ground, motors off"),
    ...(session === null ? [] : [say(session.id, "landed", { termsId })]),
  ]);
}

function weigh(config: DroneConfig, state: InPhase<"landed">, context: DeviceContext): Result {
  const now = grams(context);
  if (now === undefined || now >= state.gramsBefore / 2) return stay(state);
  return onParcelGone(config, state, now, context);
}

/** Something came below while it was going down: it stops and waits, as after any veto. */
function abortLanding(config: DroneConfig, state: InPhase<"landing">, context: DeviceContext): Result {
  const { session, awaited, mission, metIn } = state;
  const meeting = { attempt: 1, metIn, submitted: false, mayLand: true };
  return enter(config, { phase: "hovering", session, awaited, mission, meeting }, context, [
    progress("landing-vetoed", "the drone stops its landing: something is below"),
  ]);
}

function isHome(mission: Mission, here: FlightReading): boolean {
  return mission.home === null || isWithin(here, mission.home, HOME_WITHIN_MM);
}

function onHome(state: InPhase<"returning">): Result {
  const detail = state.withParcel ? "the drone is home, with the parcel" : "the drone is home";
  return {
    state: { phase: "idle", session: null, awaited: state.awaited },
    effects: [progress("returned", detail), actuate("home", true)],
  };
}

/** Where the drone is, for the other parties to see; that it has arrived must reach them. */
function pushPosition(
  mission: Mission,
  here: FlightReading,
  arrived: boolean,
  context: DeviceContext,
): DeviceEffect[] {
  const { termsId, buyer, shop } = mission.plan;
  const body = { termsId, fact: positionFact(context, termsId, here), arrived };
  const id = toHex(termsId);
  return [buyer, shop].map((to) => ({
    kind: "send",
    id: arrived ? `arrived/${id}/${to}` : `position/${id}/${to}/${here.timeMs}`,
    to,
    type: "position",
    body,
    durable: arrived,
  }));
}
