/** Devices whose owners lie: the honest step, and a little more. */
import type { Device, DeviceContext, Step } from "../../../devices/device.ts";
import { metFact, positionFact } from "../../../devices/delivery.ts";
import type { DroneState } from "../../../devices/drone/state.ts";
import type { PhoneState } from "../../../devices/phone/state.ts";
import { latest, positionReadingSchema, type PositionReading } from "../../../devices/readings.ts";
import { distanceMm } from "../../../protocols/contract/distance.ts";
import { metBody, parcelRemovedBody, positionBody, signFact } from "../../../protocols/contract/facts.ts";
import { meetingSchema, positionSchema } from "../../../protocols/delivery/messages.ts";
import type { DeliveryPlan } from "../../../protocols/delivery/plan.ts";
import { toHex } from "../../../protocols/encoding/bytes.ts";
import { publicKeyFromId } from "../../../protocols/identity/keys.ts";
import { draftFacts } from "../../../protocols/ledger/drafts.ts";
import { parseBody } from "../../../protocols/messaging/schemas.ts";
import type { Lie } from "./faults.ts";

/** How long the one who leaves waits with what was signed at the point. */
const STALE_AFTER_MS = 90_000;

/** The buyer's phone, under the lies of its owner. */
export function phoneUnder(lies: readonly Lie[], honest: Device<PhoneState>): Device<PhoneState> {
  if (lies.includes("buyer-far")) return boasting(honest);
  if (lies.includes("buyer-leaves")) return late(honest);
  return lies.includes("buyer-forges") ? forging(honest) : honest;
}

export function droneUnder(lies: readonly Lie[], honest: Device<DroneState>): Device<DroneState> {
  return lies.includes("drone-claims") ? claiming(honest) : honest;
}

/** States where it truly is although that is too far off, and goes to the notaries itself. */
function boasting(honest: Device<PhoneState>): Device<PhoneState> {
  return {
    ...honest,
    step: (state, event, context) => {
      const step = honest.step(state, event, context);
      if (event.kind !== "session-message" || event.type !== "meeting") return step;
      const facts = ownFacts(step.state, context);
      if (facts === undefined) return step;
      const theirs = parseBody(meetingSchema, event.body);
      const all = [theirs.position, facts.position, theirs.met, facts.met];
      return withEntry(step, context, `far/${toHex(facts.hash)}`, facts.plan, all);
    },
  };
}

/**
 * Was at the point, kept what both signed there, went away, and shows it when nobody is there any more. It
 * keeps the facts in memory: a crash ends the lie.
 */
function late(honest: Device<PhoneState>): Device<PhoneState> {
  let theirs: { position: Uint8Array; met: Uint8Array } | undefined;
  let kept: { plan: DeliveryPlan; facts: Uint8Array[] } | undefined;
  return {
    ...honest,
    step: (state, event, context) => {
      if (event.kind === "timer" && event.name === "late" && kept !== undefined) {
        return withEntry({ state, effects: [] }, context, "late", kept.plan, kept.facts);
      }
      const step = honest.step(state, event, context);
      // It never shows the drone its half.
      const effects = step.effects.filter((effect) => effect.kind !== "say" || effect.type !== "meeting");
      if (event.kind === "session-message" && event.type === "meeting") {
        theirs = parseBody(meetingSchema, event.body);
      }
      const facts = ownFacts(step.state, context);
      if (kept === undefined && theirs !== undefined && facts !== undefined && facts.isAtPoint) {
        kept = { plan: facts.plan, facts: [theirs.position, facts.position, theirs.met, facts.met] };
        effects.push({ kind: "timer", name: "late", atMs: context.now + STALE_AFTER_MS });
      }
      return { state: step.state, effects };
    },
  };
}

/** Far away, with a false position of its own, and a meeting to which it has forged the drone's signature. */
function forging(honest: Device<PhoneState>): Device<PhoneState> {
  return {
    ...honest,
    step: (state, event, context) => {
      const step = honest.step(state, event, context);
      if (event.kind !== "message" || event.type !== "position" || !("plan" in step.state)) return step;
      const push = parseBody(positionSchema, event.body);
      return push.arrived ? forge(step, step.state.plan, push.fact, context) : step;
    },
  };
}

function forge(
  step: Step<PhoneState>,
  plan: DeliveryPlan,
  dronePosition: Uint8Array,
  context: DeviceContext,
): Step<PhoneState> {
  const { signer, crypto, now } = context;
  const drone = {
    publicKey: publicKeyFromId(plan.drone),
    sign: (message: Uint8Array) => signer.sign(message),
  };
  const here: PositionReading = { timeMs: now, ...plan.point };
  const met = metBody({
    sessionHash: crypto.sha256(dronePosition),
    initiatorIdentity: signer.publicKey,
    responderIdentity: drone.publicKey,
  });
  const facts = [
    dronePosition,
    signFact(signer, { kind: "position", subject: plan.termsId, timeMs: now, body: positionBody(here) }),
    ...[drone, signer].map((by) =>
      signFact(by, { kind: "met", subject: plan.termsId, timeMs: now, body: met }),
    ),
  ];
  return withEntry(step, context, "forged", plan, facts);
}

/** On the ground, with the parcel in its bay, it states that the parcel is out. */
function claiming(honest: Device<DroneState>): Device<DroneState> {
  return {
    ...honest,
    step: (state, event, context) => {
      const step = honest.step(state, event, context);
      if (state.phase === "landed" || step.state.phase !== "landed") return step;
      const { mission, metIn, gramsBefore } = step.state;
      const body = parcelRemovedBody({ label: "may-land", sessionHash: metIn, gramsBefore, gramsAfter: 0 });
      const { termsId } = mission.plan;
      const fact = signFact(context.signer, {
        kind: "parcel-removed",
        subject: termsId,
        timeMs: context.now,
        body,
      });
      return withEntry(step, context, "claimed", mission.plan, [fact]);
    },
  };
}

interface OwnFacts {
  plan: DeliveryPlan;
  position: Uint8Array;
  met: Uint8Array;
  /** Of the session. */
  hash: Uint8Array;
  isAtPoint: boolean;
}

function ownFacts(state: PhoneState, context: DeviceContext): OwnFacts | undefined {
  const here = latest(context, "position", positionReadingSchema);
  if (state.phase !== "called" || state.session === null || here === undefined) return undefined;
  const { plan, session } = state;
  const position = positionFact(context, plan.termsId, here);
  const met = metFact(context, plan.termsId, {
    sessionHash: session.hash,
    initiatorIdentity: context.signer.publicKey,
    responderIdentity: publicKeyFromId(plan.drone),
  });
  const isAtPoint = distanceMm(here, plan.point) <= plan.radiusMm;
  return { plan, position, met, hash: session.hash, isAtPoint };
}

function withEntry<State>(
  step: Step<State>,
  { crypto, now }: DeviceContext,
  name: string,
  plan: DeliveryPlan,
  facts: Uint8Array[],
): Step<State> {
  const entry = draftFacts(crypto, plan.termsId, facts);
  return {
    state: step.state,
    effects: [...step.effects, { kind: "submit", id: `lie/${name}/${toHex(plan.termsId)}/${now}`, entry }],
  };
}
