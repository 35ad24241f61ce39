/**
 * The delivery drone. The contract permits, the drone decides: it flies only when the
 * price is certified as held, lands only under the certified label `may-land`, and may
 * still veto (battery, wind, something below). All of it is one pure step.
 */
import { SegmentError, unreachable } from "../../protocols/errors.ts";
import {
  metBody,
  openFact,
  parcelRemovedBody,
  positionBody,
  readMet,
  readPosition,
  signFact,
  type Fact,
} from "../../protocols/contract/facts.ts";
import { distanceMm } from "../../protocols/contract/distance.ts";
import { decodeTerms, signTerms, termsId } from "../../protocols/contract/terms.ts";
import { assertSafe } from "../../protocols/contract/check.ts";
import { draftFacts } from "../../protocols/ledger/drafts.ts";
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { publicKeyFromId } from "../../protocols/identity/keys.ts";
import {
  invoiceSchema,
  meetingSchema,
  offerSchema,
  papersKeptSchema,
  parcelSchema,
} from "../../protocols/delivery/messages.ts";
import { readPlan } from "../../protocols/delivery/plan.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { VerifiedReceipt } from "../../protocols/ledger/receipt.ts";
import { contractReceipt } from "../../protocols/ledger/receipt-view.ts";
import type { Device, DeviceContext, DeviceEffect, DeviceEvent, Step } from "../device.ts";
import { actuate, progress, say, stay, timer } from "../effects.ts";
import { flightRecords } from "./records.ts";
import type { DroneConfig, DroneState, FlightReading, Mission, OpenSession } from "./state.ts";

type Result = Step<DroneState>;

/** Makes a drone for one operator. */
export function createDrone(config: DroneConfig): Device<DroneState> {
  return {
    kind: "drone",
    initial: () => ({ phase: "idle", session: null }),
    step: (state, event, context) => step(config, state, event, context),
  };
}

function step(config: DroneConfig, state: DroneState, event: DeviceEvent, context: DeviceContext): Result {
  switch (event.kind) {
    case "started":
      return resume(config, { ...state, session: null }, context);
    case "message":
      return onMessage(config, state, event, context);
    case "receipt":
      return onReceipt(state, event.receipt, event.bytes, context);
    case "session-opened":
      return onSessionOpened(state, event, context);
    case "session-message":
      return onSessionMessage(state, event, context);
    case "session-closed":
      return event.session === state.session?.id ? { state: { ...state, session: null }, effects: [] } : stay(state);
    case "session-refused":
      return { state, effects: [progress("stranger-refused", `someone came over Bluetooth and was not let in (${event.code})`)] };
    case "timer":
      return onTimer(state, event.name, context);
    case "sensor":
      return onSensor(config, state, event, context);
    case "command":
      return stay(state);
    default:
      return unreachable(event);
  }
}

// ---------------------------------------------------------------- after a restart

/** Re-issues what the state calls for: flying, advertising, timers. Promises are in the outbox already. */
function resume(config: DroneConfig, state: DroneState, context: DeviceContext): Result {
  switch (state.phase) {
    case "idle":
    case "signed":
    case "home":
      return stay(state);
    case "outbound":
      return { state, effects: [flyTo(state.mission)] };
    case "hovering":
      // Evidence that was under way is answered by its receipt; the meeting itself is lost with the session.
      return { state, effects: hoverEffects(state.mission) };
    case "landing":
      return { state, effects: [...offerBle(state.mission), actuate("land", true), timer("remove-by", state.mission.plan.removeByMs)] };
    case "landed":
      return { state, effects: [...offerBle(state.mission), timer("remove-by", state.mission.plan.removeByMs)] };
    case "parcel-gone":
      return {
        state,
        effects: [
          ...offerBle(state.mission),
          ...(state.submitted === "no" ? [timer("countersign", context.now + config.countersignWaitMs)] : []),
        ],
      };
    case "paid":
      return { state, effects: [...offerBle(state.mission), timer("papers", context.now + config.papersWaitMs)] };
    case "returning":
      return { state, effects: [actuate("return", true)] };
    default:
      return unreachable(state);
  }
}

// ---------------------------------------------------------------- messages over MQTT

function onMessage(
  config: DroneConfig,
  state: DroneState,
  event: DeviceEvent & { kind: "message" },
  context: DeviceContext,
): Result {
  switch (event.type) {
    case "offer":
      return onOffer(config, state, event, context);
    case "invoice": {
      const { termsId: id, invoice } = parseBody(invoiceSchema, event.body);
      if (!("mission" in state) || !equalBytes(state.mission.plan.termsId, id)) return stay(state);
      return { state: { ...state, mission: { ...state.mission, invoice } }, effects: [] };
    }
    case "refusal":
      return state.phase === "signed" ? { state: { phase: "idle", session: null }, effects: [] } : stay(state);
    default:
      return stay(state);
  }
}

/** The operator offers a mission: the drone signs what is safe, names it, and lies within its range. */
function onOffer(
  config: DroneConfig,
  state: DroneState,
  event: DeviceEvent & { kind: "message" },
  context: DeviceContext,
): Result {
  if (event.from !== config.operator) return stay(state);
  const offer = parseBody(offerSchema, event.body);
  const refuse = (code: string, message: string): Result => ({
    state,
    effects: [
      {
        kind: "send",
        id: `refuse/${toHex(offer.orderId)}`,
        to: event.from,
        type: "refusal",
        body: { orderId: offer.orderId, code, message },
        durable: true,
      },
    ],
  });
  const busy = state.phase !== "idle" && state.phase !== "home";
  if (busy) return refuse("contract-not-expected", "the drone is on another mission");
  try {
    const terms = decodeTerms(offer.terms);
    assertSafe(terms);
    const plan = readPlan(context.crypto, offer.terms);
    if (terms.network !== context.network) throw new SegmentError("terms-invalid", "the terms are of another network");
    if (plan.drone !== context.self) throw new SegmentError("terms-invalid", "the terms name another drone");
    const here = reading(context);
    if (here !== undefined && distanceMm(here, plan.point) > config.rangeM * 1_000) {
      throw new SegmentError("terms-invalid", `the point is beyond the drone's range of ${config.rangeM} m`);
    }
    const id = termsId(context.crypto, offer.terms);
    const signature = signTerms(context.signer, id);
    return {
      state: { phase: "signed", session: null, mission: { plan, invoice: null } },
      effects: [
        ...offer.cards.map((card): DeviceEffect => ({ kind: "meet", card })),
        {
          kind: "send",
          id: `signature/${toHex(id)}`,
          to: event.from,
          type: "signature",
          body: { orderId: offer.orderId, termsId: id, signature, examination: null },
          durable: true,
        },
        progress("drone-signed", "the drone accepts the mission and signs the terms"),
      ],
    };
  } catch (error) {
    if (!(error instanceof SegmentError)) throw error;
    return refuse(error.code, error.message);
  }
}

// ---------------------------------------------------------------- what the ledger certifies

function onReceipt(state: DroneState, receipt: VerifiedReceipt, bytes: Uint8Array, context: DeviceContext): Result {
  if (!("mission" in state)) return stay(state);
  const { mission } = state;
  const about = contractReceipt(receipt);
  if (about === undefined || !equalBytes(about.termsId, mission.plan.termsId)) return stay(state);
  if (receipt.outcome !== "ok") return onRefusedEvidence(state, receipt, context);
  if (about.transition === undefined) return stay(state);
  const { label, closed } = about.transition;
  if (closed) return onClosed(state, bytes, context);
  if (label === "in-flight" && state.phase === "signed") {
    return {
      state: { ...state, phase: "outbound" },
      effects: [flyTo(mission), progress("took-off", "the price is held: the drone takes off")],
    };
  }
  if (label === "may-land" && state.phase === "hovering") return onMayLand(state, context);
  return stay(state);
}

function onMayLand(state: DroneState & { phase: "hovering" }, context: DeviceContext): Result {
  const veto = vetoReason(state.mission, context);
  if (veto !== undefined) {
    return { state, effects: [progress("landing-vetoed", `landing is permitted, but the drone declines: ${veto}`)] };
  }
  // Without our own evidence nothing was met here: the label can then only be another agent's mistake.
  const { metIn } = state.meeting;
  if (metIn === null) return stay(state);
  return {
    state: { phase: "landing", session: state.session, mission: state.mission, metIn },
    effects: [
      timer("land-by", null),
      actuate("land", true),
      timer("remove-by", state.mission.plan.removeByMs),
      progress("may-land", "the notaries certified may-land: the drone lands"),
    ],
  };
}

/** The contract permits, the drone may still decline: it must be in the air, at the point, with charge to get home. */
function vetoReason(mission: Mission, context: DeviceContext): string | undefined {
  const here = reading(context);
  if (here === undefined) return "it has no position";
  if (!here.airborne || !here.motorsOn) return "it is not in the air";
  if (distanceMm(here, mission.plan.point) > mission.plan.radiusMm) return "it is not at the point";
  if (here.batteryPermille < 150) return "the battery would not last for the way home";
  if (context.readings.get("obstacle") === true) return "something is below";
  return undefined;
}

/** The notaries did not accept the evidence: ask for fresh facts while there is time. */
function onRefusedEvidence(state: DroneState, receipt: VerifiedReceipt, context: DeviceContext): Result {
  if (receipt.kind !== "facts" || !equalBytes(receipt.signer, publicKeyFromId(context.self))) return stay(state);
  const effects: DeviceEffect[] = [progress("evidence-refused", `the notaries refused the evidence (${receipt.outcome})`)];
  if (state.phase === "hovering" && state.meeting.submitted) {
    const meeting = { attempt: state.meeting.attempt + 1, metIn: null, submitted: false };
    if (state.session !== null) effects.push(...sayMeeting(state.mission, state.session, context));
    return { state: { ...state, meeting }, effects };
  }
  return { state, effects };
}

function onClosed(state: DroneState & { mission: Mission }, receipt: Uint8Array, context: DeviceContext): Result {
  if (state.phase === "parcel-gone") {
    const paid: DroneState = { phase: "paid", session: state.session, mission: state.mission, receipt };
    return {
      state: paid,
      effects: [
        { kind: "keep", name: "receipt", bytes: receipt },
        progress("paid", "the notaries released the price to the drone"),
        ...sayPapers(paid),
        timer("papers", context.now + PAPERS_WAIT_MS),
      ],
    };
  }
  if (state.phase === "returning" || state.phase === "paid") return stay(state);
  if (state.phase === "home") {
    return { state: { phase: "idle", session: null }, effects: [{ kind: "keep", name: "receipt", bytes: receipt }] };
  }
  // Ended by a deadline while the drone was still out.
  return goHome(state, "the contract ended at its deadline");
}

// ---------------------------------------------------------------- the meeting over BLE

function onSessionOpened(
  state: DroneState,
  event: DeviceEvent & { kind: "session-opened" },
  context: DeviceContext,
): Result {
  if (!("mission" in state) || event.peer !== state.mission.plan.buyer) return stay(state);
  const session = { id: event.session, hash: event.sessionHash };
  const open = { ...state, session };
  switch (state.phase) {
    case "hovering":
      return {
        state: open,
        effects: [
          progress("met", "phone and drone proved to each other who they are"),
          ...sayMeeting(state.mission, session, context),
        ],
      };
    case "landed":
      return { state: open, effects: [say(event.session, "landed", { termsId: state.mission.plan.termsId })] };
    case "parcel-gone":
      return { state: open, effects: [say(event.session, "parcel", { fact: state.fact })] };
    case "paid":
      return { state: open, effects: sayPapers({ ...state, session }) };
    default:
      return { state: open, effects: [] };
  }
}

function onSessionMessage(
  state: DroneState,
  event: DeviceEvent & { kind: "session-message" },
  context: DeviceContext,
): Result {
  if (!("mission" in state) || event.session !== state.session?.id || event.peer !== state.mission.plan.buyer) return stay(state);
  switch (event.type) {
    case "meeting":
      return state.phase === "hovering" ? onMeeting(state, event, context) : stay(state);
    case "parcel":
      return state.phase === "parcel-gone" ? onCountersigned(state, event, context) : stay(state);
    case "papers-kept": {
      parseBody(papersKeptSchema, event.body);
      return state.phase === "paid" ? goHome(state, "the phone has its receipt") : stay(state);
    }
    default:
      return stay(state);
  }
}

/** The phone's signed facts of this very session: with the drone's own they are the evidence for `may-land`. */
function onMeeting(
  state: DroneState & { phase: "hovering" },
  event: DeviceEvent & { kind: "session-message" },
  context: DeviceContext,
): Result {
  if (state.meeting.submitted) return stay(state);
  const { position, met } = parseBody(meetingSchema, event.body);
  const phonePosition = openFact(context.crypto, position);
  const phoneMet = openFact(context.crypto, met);
  const { mission, meeting } = state;
  requireFactOf(phonePosition, "position", mission, mission.plan.buyer);
  requireFactOf(phoneMet, "met", mission, mission.plan.buyer);
  // What the notaries would refuse is not worth their time: the phone shows again when it is there.
  if (distanceMm(readPosition(phonePosition), mission.plan.point) > mission.plan.radiusMm) return stay(state);
  // Only this very session counts: the drone never signs a meeting that it was not in.
  const sessionHash = state.session?.hash;
  const here = reading(context);
  if (sessionHash === undefined || here === undefined) return stay(state);
  if (!equalBytes(readMet(phoneMet).sessionHash, sessionHash)) {
    throw new SegmentError("fact-invalid", "the phone's fact names another session");
  }
  const facts = [
    positionFact(mission, here, context),
    position,
    metFact(mission, sessionHash, context),
    met,
  ];
  return {
    state: { ...state, meeting: { ...meeting, metIn: sessionHash, submitted: true } },
    effects: [
      {
        kind: "submit",
        id: `meet/${toHex(mission.plan.termsId)}/${meeting.attempt}`,
        entry: draftFacts(context.crypto, mission.plan.termsId, facts),
      },
      progress("evidence", "both signed positions and the meeting go to the notaries"),
    ],
  };
}

function onCountersigned(
  state: DroneState & { phase: "parcel-gone" },
  event: DeviceEvent & { kind: "session-message" },
  context: DeviceContext,
): Result {
  if (state.submitted !== "no") return stay(state);
  const { fact } = parseBody(parcelSchema, event.body);
  requireFactOf(openFact(context.crypto, fact), "parcel-removed", state.mission, state.mission.plan.buyer);
  return submitParcel({ ...state, submitted: "countersigned" }, [state.fact, fact], context);
}

function submitParcel(
  state: DroneState & { phase: "parcel-gone" },
  facts: Uint8Array[],
  context: DeviceContext,
): Result {
  const id = state.mission.plan.termsId;
  return {
    state,
    effects: [
      timer("countersign", null),
      { kind: "submit", id: `parcel/${toHex(id)}/${state.submitted}`, entry: draftFacts(context.crypto, id, facts) },
    ],
  };
}

// ---------------------------------------------------------------- sensors and timers

function onSensor(
  config: DroneConfig,
  state: DroneState,
  event: DeviceEvent & { kind: "sensor" },
  context: DeviceContext,
): Result {
  if (event.name === "position") return onPosition(config, state, event.value as FlightReading, context);
  const lifted = event.name === "scale" && state.phase === "landed" && grams(context) < state.gramsBefore / 2;
  if (lifted) return onParcelGone(config, state, context);
  return stay(state);
}

function onPosition(config: DroneConfig, state: DroneState, here: FlightReading, context: DeviceContext): Result {
  if (!("mission" in state)) return stay(state);
  const effects: DeviceEffect[] = [];
  const flying = state.phase !== "signed" && state.phase !== "home";
  if (flying) effects.push({ kind: "record", records: flightRecords(here) });
  const { mission } = state;
  switch (state.phase) {
    case "outbound": {
      if (here.airborne && distanceMm(here, mission.plan.point) <= config.arrivedWithinM * 1_000) {
        const arrived = pushPosition(mission, here, true, context);
        return {
          state: { phase: "hovering", session: null, mission, meeting: { attempt: 1, metIn: null, submitted: false } },
          effects: [
            ...effects,
            actuate("hover", true),
            progress("arrived", "the drone hovers at the point and calls the phone"),
            ...arrived,
            ...hoverEffects(mission),
          ],
        };
      }
      if (here.timeMs % config.pushEveryMs < 1_000) effects.push(...pushPosition(mission, here, false, context));
      return { state, effects };
    }
    case "landing": {
      if (here.airborne || here.motorsOn) return { state, effects };
      const gramsBefore = grams(context);
      const landed: DroneState = { phase: "landed", session: state.session, mission, metIn: state.metIn, gramsBefore };
      effects.push(progress("landed", "the drone stands on the ground, motors off"));
      if (state.session !== null) effects.push(say(state.session.id, "landed", { termsId: mission.plan.termsId }));
      return { state: landed, effects };
    }
    case "returning": {
      if (here.airborne || here.motorsOn) return { state, effects };
      effects.push(progress("returned", state.withParcel ? "the drone is home, with the parcel" : "the drone is home"));
      effects.push(actuate("home", true));
      return { state: { phase: "home", session: null, mission, withParcel: state.withParcel }, effects };
    }
    default:
      return { state, effects };
  }
}

function onParcelGone(config: DroneConfig, state: DroneState & { phase: "landed" }, context: DeviceContext): Result {
  const fact = signFact(context.signer, {
    kind: "parcel-removed",
    subject: state.mission.plan.termsId,
    timeMs: context.now,
    body: parcelRemovedBody({
      label: "may-land",
      sessionHash: state.metIn,
      gramsBefore: state.gramsBefore,
      gramsAfter: grams(context),
    }),
  });
  const effects: DeviceEffect[] = [
    timer("remove-by", null),
    timer("countersign", context.now + config.countersignWaitMs),
    progress("parcel-taken", "the parcel sensor reports that the parcel is out"),
  ];
  if (state.session !== null) effects.push(say(state.session.id, "parcel", { fact }));
  return {
    state: { phase: "parcel-gone", session: state.session, mission: state.mission, fact, submitted: "no" },
    effects,
  };
}

function onTimer(state: DroneState, name: string, context: DeviceContext): Result {
  switch (name) {
    case "land-by":
      return state.phase === "hovering" ? goHome(state, "nobody was met in time") : stay(state);
    case "remove-by":
      return state.phase === "landed" || state.phase === "landing" ? goHome(state, "nobody took the parcel") : stay(state);
    case "countersign":
      // Alone, the sensor's fact pays only after the dispute window (the contract's rule, not the drone's).
      return state.phase === "parcel-gone" && state.submitted === "no"
        ? submitParcel({ ...state, submitted: "alone" }, [state.fact], context)
        : stay(state);
    case "papers":
      return state.phase === "paid" ? goHome(state, "the phone did not answer") : stay(state);
    default:
      return stay(state);
  }
}

// ---------------------------------------------------------------- small words

const PAPERS_WAIT_MS = 120_000;

function goHome(state: DroneState & { mission: Mission }, reason: string): Result {
  const withParcel = state.phase === "hovering" || state.phase === "landed" || state.phase === "landing" || state.phase === "outbound";
  return {
    state: { phase: "returning", session: null, mission: state.mission, withParcel },
    effects: [
      timer("land-by", null),
      timer("remove-by", null),
      timer("papers", null),
      { kind: "advertise", to: [] },
      actuate("return", true),
      progress("returning", `the drone returns: ${reason}`),
    ],
  };
}

function hoverEffects(mission: Mission): DeviceEffect[] {
  return [actuate("hover", true), ...offerBle(mission), timer("land-by", mission.plan.landByMs)];
}

function offerBle(mission: Mission): DeviceEffect[] {
  return [{ kind: "advertise", to: [mission.plan.buyer] }];
}

function sayPapers(state: DroneState & { phase: "paid" }): DeviceEffect[] {
  if (state.session === null) return [];
  return [say(state.session.id, "papers", { receipt: state.receipt, invoice: state.mission.invoice ?? new Uint8Array() })];
}

function pushPosition(mission: Mission, here: FlightReading, arrived: boolean, context: DeviceContext): DeviceEffect[] {
  const body = { termsId: mission.plan.termsId, fact: positionFact(mission, here, context), arrived };
  const id = toHex(mission.plan.termsId);
  return [mission.plan.buyer, mission.plan.shop].map((to) => ({
    kind: "send",
    id: arrived ? `arrived/${id}/${to}` : `position/${id}/${to}/${here.timeMs}`,
    to,
    type: "position",
    body,
    durable: arrived,
  }));
}

function positionFact(mission: Mission, here: FlightReading, context: DeviceContext): Uint8Array {
  return signFact(context.signer, {
    kind: "position",
    subject: mission.plan.termsId,
    timeMs: context.now,
    body: positionBody(here),
  });
}

function metFact(mission: Mission, sessionHash: Uint8Array, context: DeviceContext): Uint8Array {
  return signFact(context.signer, {
    kind: "met",
    subject: mission.plan.termsId,
    timeMs: context.now,
    body: metBody({
      sessionHash,
      initiatorIdentity: publicKeyFromId(mission.plan.buyer),
      responderIdentity: context.signer.publicKey,
    }),
  });
}

/** The drone's half of the evidence; asks the phone for its own. Nothing while the drone has no position. */
function sayMeeting(mission: Mission, session: OpenSession, context: DeviceContext): DeviceEffect[] {
  const here = reading(context);
  if (here === undefined) return [];
  const body = { position: positionFact(mission, here, context), met: metFact(mission, session.hash, context) };
  return [say(session.id, "meeting", body)];
}

/** The fact is of this kind and this contract, and signed by that party. Errors: fact-invalid. */
function requireFactOf(fact: Fact, kind: string, mission: Mission, signer: string): void {
  const right =
    fact.kind === kind &&
    fact.subject !== null &&
    equalBytes(fact.subject, mission.plan.termsId) &&
    equalBytes(fact.signer, publicKeyFromId(signer));
  if (!right) throw new SegmentError("fact-invalid", `expected the buyer's fact "${kind}" of this contract`);
}

function flyTo(mission: Mission): DeviceEffect {
  return actuate("fly-to", mission.plan.point);
}

function reading(context: DeviceContext): FlightReading | undefined {
  return context.readings.get("position") as FlightReading | undefined;
}

/** What the parcel bay's scale reads. */
function grams(context: DeviceContext): number {
  const value = context.readings.get("scale");
  return typeof value === "number" ? Math.round(value) : 0;
}

