/**
 * What each phase asks of the world for as long as it lasts, after a crash as well. Every
 * phase in which the phone waits for others has a deadline: before the contract is open it
 * ends the wait, afterwards the phone asks the notaries.
 */
import { distanceMm } from "../../protocols/contract/distance.ts";
import { unreachable } from "../../protocols/errors.ts";
import type { DeviceContext, DeviceEffect, Step } from "../device.ts";
import { actuate, progress, timer } from "../effects.ts";
import { ANSWER_MS } from "../inquiry.ts";
import { latest, positionReadingSchema, type PositionReading } from "../readings.ts";
import type { InPhase, InReach, PhoneState } from "./state.ts";

/** The person must be within this of the point before the phone looks for the drone. */
const LOOK_WITHIN_MM = 60_000;
/** With the receipt in hand, how long to wait for the invoice. */
const PAPERS_MS = 5 * 60_000;

export function standing(state: PhoneState, context: DeviceContext): DeviceEffect[] {
  switch (state.phase) {
    case "idle":
    case "done":
    case "refused":
      return [];
    case "ordered":
      return [timer("deadline", state.answerByMs)];
    case "examining":
      return [timer("deadline", state.plan.signByMs)];
    case "signed":
      return [
        timer("deadline", (state.deposited ? state.plan.landingEndsMs : state.plan.payByMs) + ANSWER_MS),
      ];
    case "held":
      return [timer("deadline", state.plan.landingEndsMs + ANSWER_MS)];
    case "called":
    case "landed":
      return [
        timer("deadline", state.plan.landingEndsMs + ANSWER_MS),
        ...askPerson(state),
        ...dialIfNear(state, context),
      ];
    case "taken": {
      const until = state.hasReceipt ? context.now + PAPERS_MS : state.plan.landingEndsMs + ANSWER_MS;
      return [timer("deadline", until), ...dialIfNear(state, context)];
    }
    case "disputable":
      return [timer("deadline", state.plan.endsMs + ANSWER_MS), ...askForAnswer(state)];
    default:
      return unreachable(state);
  }
}

/** What only the person can do: go there, then take the parcel. Whoever was asked twice does it once. */
function askPerson(state: InPhase<"called" | "landed">): DeviceEffect[] {
  if (state.phase === "called") return [actuate("come-to-point", state.plan.point)];
  return state.inHand ? [] : [actuate("take-parcel", true)];
}

/** Silence accepts: so nobody must miss the question because the phone was off when it came. */
function askForAnswer({ answer }: InPhase<"disputable">): DeviceEffect[] {
  if (answer !== "none") return [];
  const words = "the drone says that the parcel was taken: accept, object, or be silent, which accepts";
  return [progress("disputable", words)];
}

/** Goes into a phase: its standing effects, after what has just happened. */
export function enter(state: PhoneState, context: DeviceContext, happened: DeviceEffect[]): Step<PhoneState> {
  return { state, effects: [...happened, ...standing(state, context)] };
}

/** Whatever the drone has still to do, it does not do it at the point. */
export function isTooLateToMeet(state: InReach, now: number): boolean {
  const { landingEndsMs, endsMs } = state.plan;
  return now >= (state.phase === "taken" ? endsMs : landingEndsMs) + ANSWER_MS;
}

export function dialIfNear(state: InReach, context: DeviceContext): DeviceEffect[] {
  const here = reading(context);
  if (state.session !== null || here === undefined || isTooLateToMeet(state, context.now)) return [];
  if (distanceMm(here, state.plan.point) > LOOK_WITHIN_MM) return [];
  return [{ kind: "dial", peer: state.plan.drone, purpose: state.plan.termsId }];
}

export function reading(context: DeviceContext): PositionReading | undefined {
  return latest(context, "position", positionReadingSchema);
}
