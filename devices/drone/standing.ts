/**
 * What each phase asks of the world for as long as it lasts: where to fly, whom to offer
 * BLE, which deadline ends the wait. Entering a phase and waking up in it after a crash
 * are the same. Every phase but `idle` ends by a deadline, or by the drone's landing at home.
 */
import type { DeliveryPlan } from "../../protocols/delivery/plan.ts";
import { unreachable } from "../../protocols/errors.ts";
import type { DeviceContext, DeviceEffect, Step } from "../device.ts";
import { choose } from "../delivery.ts";
import { actuate, progress, timer } from "../effects.ts";
import { inquire, inquireOn, inquiryTimer, toldByMs } from "../inquiry.ts";
import type { Awaited, DroneConfig, DroneState, Mission, OnMission } from "./state.ts";

type Result = Step<DroneState>;

/** A cancel must be in the log before the deadline of its stage. */
export const CANCEL_MARGIN_MS = 30_000;
/** Evidence must be in the log before its last claim. */
const CLAIM_MARGIN_MS = 15_000;
/** The notaries' answer may come a little after the last claim. */
const ANSWER_MS = 10_000;
const MAX_AWAITED = 16;

const TIMERS = ["unpaid", "give-up", "land-by", "ask-again", "remove-by", "countersign", "release", "papers"];

export function standing(config: DroneConfig, state: DroneState, now: number): DeviceEffect[] {
  switch (state.phase) {
    case "idle":
      return [];
    case "signed":
      return [timer("unpaid", unpaidAt(state.mission.plan))];
    case "loading":
      return [timer("give-up", giveUpAt(state.mission.plan))];
    case "outbound":
      return [actuate("fly-to", state.mission.plan.point), timer("give-up", giveUpAt(state.mission.plan))];
    case "hovering": {
      const { plan } = state.mission;
      const { mayLand } = state.meeting;
      const deadline = mayLand ? [] : [timer("land-by", landByOf(state))];
      return [
        actuate("hover", true),
        offerBle(state.mission),
        timer("give-up", mayLand ? abortAt(plan) : giveUpAt(plan)),
        ...deadline,
      ];
    }
    case "landing":
      return [offerBle(state.mission), actuate("land", true), timer("give-up", abortAt(state.mission.plan))];
    case "landed":
      return [offerBle(state.mission), timer("remove-by", state.mission.plan.removeByMs)];
    case "parcel-gone": {
      const last = state.mission.plan.removeClaimByMs - CLAIM_MARGIN_MS;
      const wait =
        state.submitted === "no"
          ? timer("countersign", Math.min(now + config.countersignWaitMs, last))
          : timer("release", now + config.papersWaitMs);
      return [offerBle(state.mission), wait];
    }
    case "paid":
      return [offerBle(state.mission), timer("papers", now + config.papersWaitMs)];
    case "returning":
      return [actuate("return", true)];
    default:
      return unreachable(state);
  }
}

/** The drone wakes up: what may it have missed? */
export function inquiries(state: DroneState, now: number): DeviceEffect[] {
  const left = state.awaited.flatMap(({ termsId, endsMs }) => inquireOn(termsId, endsMs, now));
  const over = !("mission" in state) || state.phase === "paid" || state.phase === "returning";
  return over ? left : [...left, inquire(state.mission.plan.termsId)];
}

/** Goes into a phase: its standing effects, after what has just happened. */
export function enter(
  config: DroneConfig,
  state: DroneState,
  context: DeviceContext,
  happened: DeviceEffect[],
): Result {
  return { state, effects: [...happened, ...standing(config, state, context.now)] };
}

/** Until when a drone that hovers waits to be met; with evidence under way, until its answer is due. */
export function landByOf(state: DroneState & { phase: "hovering" }): number {
  const { plan } = state.mission;
  return state.meeting.submitted ? plan.landClaimByMs + ANSWER_MS : plan.landByMs;
}

/** The last moment to cancel before the meeting. */
function giveUpAt(plan: DeliveryPlan): number {
  return plan.landByMs - CANCEL_MARGIN_MS;
}

/** The last moment to cancel after it. */
function abortAt(plan: DeliveryPlan): number {
  return plan.removeByMs - CANCEL_MARGIN_MS;
}

/** By then the deposit is certified, or there is none. */
function unpaidAt(plan: DeliveryPlan): number {
  return Math.min(plan.payEndsMs + ANSWER_MS, giveUpAt(plan));
}

function offerBle(mission: Mission): DeviceEffect {
  return { kind: "advertise", to: [mission.plan.buyer] };
}

/**
 * How a drone leaves its delivery: whether the contract is over, and if not, whether the drone cancels
 * it.
 */
export type Leave = "ended" | "open" | "cancel";

/** Flies back. */
export function goHome(state: OnMission, leave: Leave, reason: string): Result {
  const withParcel = state.phase !== "parcel-gone" && state.phase !== "paid";
  const { mission } = state;
  const next: DroneState = {
    phase: "returning",
    session: null,
    awaited: awaitedAfter(state, leave),
    mission,
    withParcel,
  };
  return {
    state: next,
    effects: [
      ...wrapUp(state, leave),
      actuate("return", true),
      progress("returning", `the drone returns: ${reason}`),
    ],
  };
}

/** Stays where it is, ready for the next mission. */
export function stayHome(state: OnMission, leave: Leave, reason: string): Result {
  return {
    state: { phase: "idle", session: null, awaited: awaitedAfter(state, leave) },
    effects: [...wrapUp(state, leave), progress("mission-over", `the drone does not fly: ${reason}`)],
  };
}

function wrapUp({ mission }: OnMission, leave: Leave): DeviceEffect[] {
  const { plan } = mission;
  const ask = timer(inquiryTimer(plan.termsId), toldByMs(plan, "in-flight"));
  return [
    ...TIMERS.map((name) => timer(name, null)),
    { kind: "advertise", to: [] },
    ...(leave === "cancel" ? [choose(plan.termsId, "cancel")] : []),
    ...(leave === "ended" ? [] : [ask]),
  ];
}

function awaitedAfter(state: OnMission, leave: Leave): Awaited[] {
  if (leave === "ended") return state.awaited;
  const { termsId, endsMs } = state.mission.plan;
  return [...state.awaited, { termsId, endsMs, label: labelOf(state) }].slice(-MAX_AWAITED);
}

function labelOf(state: OnMission): Awaited["label"] {
  switch (state.phase) {
    case "signed":
      return "awaiting-deposit";
    case "loading":
    case "outbound":
      return "in-flight";
    case "hovering":
      return state.meeting.mayLand ? "may-land" : "in-flight";
    default:
      return "may-land";
  }
}
