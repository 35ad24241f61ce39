/**
 * The drone comes: the phone is called to the point, looks for the drone over BLE and shows that it is
 * there.
 */
import { distanceMm } from "../../protocols/contract/distance.ts";
import { readMet } from "../../protocols/contract/facts.ts";
import {
  landedSchema,
  meetingSchema,
  papersSchema,
  parcelSchema,
  positionSchema,
} from "../../protocols/delivery/messages.ts";
import { equalBytes } from "../../protocols/encoding/bytes.ts";
import { unreachable } from "../../protocols/errors.ts";
import { publicKeyFromId } from "../../protocols/identity/keys.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { DeviceContext, DeviceEvent, Step } from "../device.ts";
import { metFact, openFactOf, positionFact } from "../delivery.ts";
import { progress, say, stay } from "../effects.ts";
import { onInHand, onPapers, onParcelFact, saysKept } from "./parcel.ts";
import { dialIfNear, enter, reading } from "./standing.ts";
import type { InPhase, PhoneState } from "./state.ts";

type Result = Step<PhoneState>;

/**
 * The drone flies only once the price is held, so its call counts even if the notaries' word on that was
 * missed.
 */
export function onPositionPush(
  state: PhoneState,
  event: DeviceEvent & { kind: "message" },
  context: DeviceContext,
): Result {
  const { termsId, fact, arrived } = parseBody(positionSchema, event.body);
  const waits = state.phase === "held" || (state.phase === "signed" && state.deposited);
  if (!waits || event.from !== state.plan.drone || !equalBytes(termsId, state.plan.termsId))
    return stay(state);
  openFactOf(context, fact, { kind: "position", termsId, signer: state.plan.drone });
  if (!arrived) return stay(state);
  const { plan } = state;
  return enter({ phase: "called", plan, session: null, shown: false, inHand: false }, context, [
    progress("phone-called", "the phone learns that the drone waits at the point"),
  ]);
}

export function onSensor(state: PhoneState, name: string, value: unknown, context: DeviceContext): Result {
  if (name === "parcel-in-hand") return onInHand(state, value === true, context);
  if (name !== "position" || !("session" in state)) return stay(state);
  if (state.session === null) return { state, effects: dialIfNear(state, context) };
  return state.phase === "called" && !state.shown ? showIfThere(state, context) : stay(state);
}

/** A session that was lost goes on where it stopped. */
export function onSessionOpened(
  state: PhoneState,
  event: DeviceEvent & { kind: "session-opened" },
  context: DeviceContext,
): Result {
  if (!("session" in state) || event.peer !== state.plan.drone) return stay(state);
  if (!equalBytes(event.purpose, state.plan.termsId)) return stay(state);
  const session = { id: event.session, hash: event.sessionHash };
  switch (state.phase) {
    case "called":
      return showIfThere({ ...state, session, shown: false }, context);
    case "landed":
      return stay({ ...state, session });
    case "taken":
      return { state: { ...state, session }, effects: [say(session.id, "parcel", { fact: state.fact })] };
    default:
      return unreachable(state);
  }
}

export function onSessionMessage(
  state: PhoneState,
  event: DeviceEvent & { kind: "session-message" },
  context: DeviceContext,
): Result {
  if (state.phase === "done" && event.type === "papers" && event.peer === state.plan.drone) {
    // Our "papers kept" was lost with the session.
    return { state, effects: [saysKept(event.session, state.plan)] };
  }
  if (!("session" in state) || state.session?.id !== event.session) return stay(state);
  if (event.peer !== state.plan.drone) return stay(state);
  switch (event.type) {
    case "meeting":
      return state.phase === "called" ? onMeeting(state, event.body, context) : stay(state);
    case "landed":
      return state.phase === "called" ? onLanded(state, event.body, context) : stay(state);
    case "parcel":
      return onParcelFact(state, parseBody(parcelSchema, event.body).fact, context);
    case "papers":
      return state.phase === "taken"
        ? onPapers(state, parseBody(papersSchema, event.body), context)
        : stay(state);
    default:
      return stay(state);
  }
}

/** The drone asks for our half of the evidence: at first, and again when the notaries want fresher facts. */
function onMeeting(state: InPhase<"called">, body: Uint8Array, context: DeviceContext): Result {
  const { termsId, drone } = state.plan;
  const { met } = parseBody(meetingSchema, body);
  const { sessionHash } = readMet(openFactOf(context, met, { kind: "met", termsId, signer: drone }));
  if (state.session === null || !equalBytes(sessionHash, state.session.hash)) return stay(state);
  return showIfThere({ ...state, shown: false }, context);
}

function onLanded(state: InPhase<"called">, body: Uint8Array, context: DeviceContext): Result {
  const { termsId } = parseBody(landedSchema, body);
  const { plan, session, inHand } = state;
  if (!equalBytes(termsId, plan.termsId)) return stay(state);
  return enter({ phase: "landed", plan, session, inHand, droneFact: null }, context, []);
}

/**
 * The phone signs where it is and whom it met once it really is there: within the terms' radius of the
 * point.
 */
function showIfThere(state: InPhase<"called">, context: DeviceContext): Result {
  const here = reading(context);
  const { plan, session } = state;
  if (session === null || here === undefined) return stay(state);
  if (distanceMm(here, plan.point) > plan.radiusMm) return stay(state);
  const facts = {
    position: positionFact(context, plan.termsId, here),
    met: metFact(context, plan.termsId, {
      sessionHash: session.hash,
      initiatorIdentity: context.signer.publicKey,
      responderIdentity: publicKeyFromId(plan.drone),
    }),
  };
  return { state: { ...state, shown: true }, effects: [say(session.id, "meeting", facts)] };
}
