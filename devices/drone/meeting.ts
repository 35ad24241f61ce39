/**
 * Drone and phone talk over BLE: they state where they are and that they met; at the end the papers
 * change hands.
 */
import { readMet, readPosition } from "../../protocols/contract/facts.ts";
import { meetingSchema, papersKeptSchema } from "../../protocols/delivery/messages.ts";
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { SegmentError, unreachable } from "../../protocols/errors.ts";
import { publicKeyFromId } from "../../protocols/identity/keys.ts";
import { draftFacts } from "../../protocols/ledger/drafts.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { DeviceContext, DeviceEffect, DeviceEvent, Step } from "../device.ts";
import { metFact, openFactOf, positionFact } from "../delivery.ts";
import { progress, say, send, stay, timer } from "../effects.ts";
import { onCountersigned } from "./parcel.ts";
import { isAtPoint, isWithin, reading } from "./senses.ts";
import { goHome, landByOf } from "./standing.ts";
import type { DroneConfig, DroneState, InPhase, Mission, OnMission } from "./state.ts";

type Result = Step<DroneState>;

/** Submissions of evidence in one delivery; after that the drone only waits for the deadline. */
export const MAX_ATTEMPTS = 8;
/** Between a refusal and asking the phone for fresh facts. */
export const ASK_AGAIN_MS = 5_000;

/** A session that was lost goes on where it stopped: each phase says again what the phone may have missed. */
export function onSessionOpened(
  state: DroneState,
  event: DeviceEvent & { kind: "session-opened" },
  context: DeviceContext,
): Result {
  if (!("mission" in state) || event.peer !== state.mission.plan.buyer) return stay(state);
  const { termsId } = state.mission.plan;
  if (!equalBytes(event.purpose, termsId)) return stay(state);
  const session = { id: event.session, hash: event.sessionHash };
  switch (state.phase) {
    case "hovering": {
      const asked = askPhone({ ...state, session }, context);
      const met = progress("met", "phone and drone proved to each other who they are");
      return { state: asked.state, effects: [met, ...asked.effects] };
    }
    case "landed":
      return { state: { ...state, session }, effects: [say(session.id, "landed", { termsId })] };
    case "parcel-gone":
      return { state: { ...state, session }, effects: [say(session.id, "parcel", { fact: state.fact })] };
    case "paid": {
      const open = { ...state, session };
      return { state: open, effects: saysPapers(open) };
    }
    case "landing":
      return stay({ ...state, session });
    case "signed":
    case "loading":
    case "outbound":
    case "returning":
      // Not at the point: there is nothing to say.
      return stay(state);
    default:
      return unreachable(state);
  }
}

export function onSessionMessage(
  config: DroneConfig,
  state: DroneState,
  event: DeviceEvent & { kind: "session-message" },
  context: DeviceContext,
): Result {
  if (!("mission" in state) || event.session !== state.session?.id) return stay(state);
  if (event.peer !== state.mission.plan.buyer) return stay(state);
  switch (event.type) {
    case "meeting":
      return state.phase === "hovering" ? onMeeting(state, event.body, context) : stay(state);
    case "parcel":
      return state.phase === "parcel-gone"
        ? onCountersigned(config, state, event.body, context)
        : stay(state);
    case "papers-kept": {
      const { termsId } = parseBody(papersKeptSchema, event.body);
      const done = state.phase === "paid" && equalBytes(termsId, state.mission.plan.termsId);
      return done ? goHome(state, "ended", "the phone has its receipt") : stay(state);
    }
    default:
      return stay(state);
  }
}

/** A phone that is to be asked again has to be asked by the right clock. */
export function asksAgain({ phase, session }: DroneState, now: number): DeviceEffect[] {
  return phase === "hovering" && session !== null ? [timer("ask-again", now + ASK_AGAIN_MS)] : [];
}

/**
 * Asks the phone for its half of the evidence, with the drone's. While the drone does not
 * know that it is at the point, it asks a little later.
 */
export function askPhone(state: InPhase<"hovering">, context: DeviceContext): Result {
  const { mission, session, meeting } = state;
  if (session === null || meeting.submitted || meeting.mayLand || meeting.attempt > MAX_ATTEMPTS)
    return stay(state);
  const facts = droneFacts(mission, session.hash, context);
  if (facts === undefined) return { state, effects: [timer("ask-again", context.now + ASK_AGAIN_MS)] };
  return {
    state: { ...state, meeting: { ...meeting, metIn: session.hash } },
    effects: [say(session.id, "meeting", facts)],
  };
}

/**
 * The phone's signed facts of this very session: with the drone's own they are the evidence for
 * `may-land`.
 */
function onMeeting(state: InPhase<"hovering">, body: Uint8Array, context: DeviceContext): Result {
  const { meeting, mission, session } = state;
  const { plan } = mission;
  if (session === null || meeting.submitted || meeting.mayLand || meeting.attempt > MAX_ATTEMPTS)
    return stay(state);
  const { position, met } = parseBody(meetingSchema, body);
  const { termsId, buyer } = plan;
  const phonePosition = openFactOf(context, position, { kind: "position", termsId, signer: buyer });
  const phoneMet = openFactOf(context, met, { kind: "met", termsId, signer: buyer });
  // Only this very session counts: the drone never signs a meeting that it was not in.
  if (!equalBytes(readMet(phoneMet).sessionHash, session.hash)) {
    throw new SegmentError("fact-invalid", "the phone's fact names another session");
  }
  // What the notaries would refuse is not worth their time: ask again, both may be there then.
  const facts = droneFacts(mission, session.hash, context);
  if (facts === undefined || !isWithin(readPosition(phonePosition), plan.point, plan.radiusMm)) {
    return { state, effects: [timer("ask-again", context.now + ASK_AGAIN_MS)] };
  }
  const submitted = { ...state, meeting: { ...meeting, metIn: session.hash, submitted: true } };
  return {
    state: submitted,
    effects: [
      timer("ask-again", null),
      timer("land-by", landByOf(submitted)),
      {
        kind: "submit",
        id: `meet/${toHex(termsId)}/${meeting.attempt}`,
        entry: draftFacts(context.crypto, termsId, [facts.position, position, facts.met, met]),
      },
      progress("evidence", "both signed positions and the meeting go to the notaries"),
    ],
  };
}

/** Where the drone is, and whom it met in this session; undefined unless it is at the point. */
function droneFacts(
  mission: Mission,
  sessionHash: Uint8Array,
  context: DeviceContext,
): { position: Uint8Array; met: Uint8Array } | undefined {
  const { plan } = mission;
  const here = reading(context);
  if (here === undefined || !isAtPoint(plan, context)) return undefined;
  const initiatorIdentity = publicKeyFromId(plan.buyer);
  const met = { sessionHash, initiatorIdentity, responderIdentity: context.signer.publicKey };
  return {
    position: positionFact(context, plan.termsId, here),
    met: metFact(context, plan.termsId, met),
  };
}

/** What the phone gets at the end. An invoice that never came is left out. */
function papersOf(mission: Mission, receipt: Uint8Array): { receipt: Uint8Array; invoice: Uint8Array } {
  return { receipt, invoice: mission.invoice ?? new Uint8Array() };
}

export function saysPapers({ session, mission, receipt }: InPhase<"paid">): DeviceEffect[] {
  return session === null ? [] : [say(session.id, "papers", papersOf(mission, receipt))];
}

/** The phone has gone out of reach: its papers follow over MQTT. */
export function sendPapers({ mission }: OnMission, receipt: Uint8Array): DeviceEffect {
  const { termsId, buyer } = mission.plan;
  return send(`papers/${toHex(termsId)}`, buyer, "papers", papersOf(mission, receipt));
}
