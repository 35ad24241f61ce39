/**
 * What the ledger certifies: the only thing that moves the drone from one stage of its contract to the
 * next.
 */
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { publicKeyFromId } from "../../protocols/identity/keys.ts";
import type { VerifiedReceipt } from "../../protocols/ledger/receipt.ts";
import { contractReceipt } from "../../protocols/ledger/receipt-view.ts";
import type { DeviceContext, DeviceEffect, Step } from "../device.ts";
import { choose } from "../delivery.ts";
import { keep, progress, send, stay, timer } from "../effects.ts";
import { ANSWER_MS, inquireAt, inquiryTimer, isBeforeFlight } from "../inquiry.ts";
import { ASK_AGAIN_MS, MAX_ATTEMPTS, saysPapers, sendPapers } from "./meeting.ts";
import { submitParcel } from "./parcel.ts";
import { isInRange, isLoaded, reading, vetoReason } from "./senses.ts";
import { enter, goHome, stayHome } from "./standing.ts";
import type { Awaited, DroneConfig, DroneState, InPhase, OnMission } from "./state.ts";

type Result = Step<DroneState>;

/**
 * The same receipt may come from the notaries and from a party, and late: what it says then changes
 * nothing.
 */
export function onReceipt(
  config: DroneConfig,
  state: DroneState,
  receipt: VerifiedReceipt,
  bytes: Uint8Array,
  context: DeviceContext,
): Result {
  const about = contractReceipt(receipt);
  if (about === undefined) return stay(state);
  const { termsId, transition } = about;
  const left = state.awaited.find((one) => equalBytes(one.termsId, termsId));
  if (left !== undefined) {
    if (transition === undefined) return stay(state);
    return transition.closed
      ? onAwaitedEnd(state, receipt, termsId, bytes, context)
      : { state, effects: onAwaited(left, transition.label, context) };
  }
  if (!("mission" in state) || !equalBytes(state.mission.plan.termsId, termsId)) return stay(state);
  if (receipt.outcome !== "ok") return onRefused(config, state, receipt, context);
  if (transition === undefined) return stay(state);
  if (transition.closed) return onClosed(config, state, receipt, bytes, context);
  switch (transition.label) {
    case "in-flight":
      return state.phase === "signed" ? takeOff(config, state, context) : stay(state);
    case "may-land":
      return state.phase === "hovering" ? onMayLand(config, state, context) : stay(state);
    case "disputable":
      return state.phase === "parcel-gone" ? onDisputable(state, bytes, context) : stay(state);
    default:
      return stay(state);
  }
}

/** The price is held: the drone goes as soon as it has the parcel and knows where it stands. */
export function takeOff(
  config: DroneConfig,
  state: InPhase<"signed" | "loading">,
  context: DeviceContext,
): Result {
  const here = reading(context);
  if (here !== undefined && !isInRange(config, state.mission.plan, here)) {
    return stayHome(state, "cancel", "the point is out of its range");
  }
  if (here === undefined || !isLoaded(context)) {
    if (state.phase === "loading") return stay(state);
    const waits = progress("loading", "the price is held: the drone waits for its parcel");
    return enter(config, { ...state, phase: "loading" }, context, [timer("unpaid", null), waits]);
  }
  const mission = {
    ...state.mission,
    home: { latitudeE7: here.latitudeE7, longitudeE7: here.longitudeE7 },
  };
  return enter(config, { ...state, phase: "outbound", mission, pushedMs: 0 }, context, [
    timer("unpaid", null),
    progress("took-off", "the price is held: the drone takes off"),
  ]);
}

/** Lands if it can; else it goes on hovering and lands when it can, while the contract lets it. */
export function onMayLand(config: DroneConfig, state: InPhase<"hovering">, context: DeviceContext): Result {
  const { metIn, mayLand } = state.meeting;
  // Only a session in which this drone has signed can have led here.
  if (metIn === null) return stay(state);
  const veto = vetoReason(state.mission.plan, context);
  if (veto === undefined) {
    const { session, awaited, mission } = state;
    return enter(config, { phase: "landing", session, awaited, mission, metIn }, context, [
      timer("land-by", null),
      timer("ask-again", null),
      progress("may-land", "the notaries certified may-land: the drone lands"),
    ]);
  }
  if (mayLand) return stay(state);
  return enter(config, { ...state, meeting: { ...state.meeting, mayLand: true } }, context, [
    timer("land-by", null),
    timer("ask-again", null),
    progress("landing-vetoed", `landing is permitted, but the drone declines for now: ${veto}`),
  ]);
}

/** The drone's word alone was certified; the buyer may object without it. */
function onDisputable(state: InPhase<"parcel-gone">, bytes: Uint8Array, context: DeviceContext): Result {
  const { termsId, endsMs } = state.mission.plan;
  const { state: next, effects } = goHome(state, "open", "the buyer has time to object to its word");
  const ask = inquireAt(termsId, endsMs + ANSWER_MS, context.now);
  return { state: next, effects: [...effects, ask, passOn(state, bytes, "disputable")] };
}

/** Only what the drone itself has submitted: others' refused entries are their own business. */
function onRefused(
  config: DroneConfig,
  state: OnMission,
  receipt: VerifiedReceipt,
  context: DeviceContext,
): Result {
  const own = receipt.kind === "facts" && equalBytes(receipt.signer, publicKeyFromId(context.self));
  if (!own) return stay(state);
  const why = progress("evidence-refused", `the notaries refused the evidence (${receipt.outcome})`);
  if (state.phase === "hovering" && state.meeting.submitted) return onRefusedMeeting(state, why, context);
  if (state.phase === "parcel-gone" && state.submitted !== "no") {
    return onRefusedParcel(config, state, why, context);
  }
  return stay(state);
}

/** Asks for fresh facts while there is time. */
function onRefusedMeeting(state: InPhase<"hovering">, why: DeviceEffect, context: DeviceContext): Result {
  const attempt = state.meeting.attempt + 1;
  const waiting = { ...state, meeting: { ...state.meeting, attempt, submitted: false } };
  const { landByMs } = state.mission.plan;
  if (context.now >= landByMs) {
    const { state: next, effects } = goHome(waiting, "open", "the evidence was refused until the deadline");
    return { state: next, effects: [why, ...effects] };
  }
  const again = attempt <= MAX_ATTEMPTS ? [timer("ask-again", context.now + ASK_AGAIN_MS)] : [];
  return { state: waiting, effects: [why, timer("land-by", landByMs), ...again] };
}

/** Two signatures were not enough: then the drone's own. That refused too, the deadline decides. */
function onRefusedParcel(
  config: DroneConfig,
  state: InPhase<"parcel-gone">,
  why: DeviceEffect,
  context: DeviceContext,
): Result {
  const { state: next, effects } =
    state.submitted === "countersigned"
      ? submitParcel(config, state, "alone", [state.fact], context)
      : goHome(state, "open", "the notaries do not take its word");
  return { state: next, effects: [why, ...effects] };
}

function onClosed(
  config: DroneConfig,
  state: OnMission,
  receipt: VerifiedReceipt,
  bytes: Uint8Array,
  context: DeviceContext,
): Result {
  const kept = keep("receipt", bytes);
  switch (state.phase) {
    case "paid":
    case "returning":
      return stay(state);
    case "signed":
    case "loading": {
      const { state: next, effects } = stayHome(state, "ended", "the contract ended before the flight");
      return { state: next, effects: [kept, ...effects] };
    }
    case "parcel-gone":
      if (receipt.kind === "facts") return onPaid(config, state, bytes, context);
      break;
    default:
      break;
  }
  const { state: next, effects } = goHome(state, "ended", "the contract ended at its deadline");
  return { state: next, effects: [kept, ...effects] };
}

function onPaid(
  config: DroneConfig,
  state: InPhase<"parcel-gone">,
  receipt: Uint8Array,
  context: DeviceContext,
): Result {
  const { session, awaited, mission } = state;
  const paid: InPhase<"paid"> = { phase: "paid", session, awaited, mission, receipt };
  return enter(config, paid, context, [
    timer("countersign", null),
    timer("release", null),
    keep("receipt", receipt),
    progress("paid", "the notaries released the price to the drone"),
    ...saysPapers(paid),
  ]);
}

/** A contract that the drone has left goes on without it. */
function onAwaited(left: Awaited, label: string, context: DeviceContext): DeviceEffect[] {
  const { termsId, endsMs } = left;
  switch (label) {
    // The others count on a drone that had left by then: it says that it will not come.
    case "in-flight":
      return left.label === "awaiting-deposit" ? [choose(termsId, "cancel")] : [];
    case "may-land":
      return left.label === "may-land" ? [] : [choose(termsId, "cancel")];
    default:
      if (isBeforeFlight(label)) return [];
      return [inquireAt(termsId, endsMs + ANSWER_MS, context.now)];
  }
}

/** The receipt is the owner's; what the buyer could have missed is passed on. */
function onAwaitedEnd(
  state: DroneState,
  receipt: VerifiedReceipt,
  termsId: Uint8Array,
  bytes: Uint8Array,
  context: DeviceContext,
): Result {
  const awaited = state.awaited.filter((one) => !equalBytes(one.termsId, termsId));
  const own = equalBytes(receipt.signer, publicKeyFromId(context.self));
  const effects = [timer(inquiryTimer(termsId), null), keep("receipt", bytes)];
  if (own && "mission" in state && equalBytes(state.mission.plan.termsId, termsId)) {
    effects.push(receipt.kind === "facts" ? sendPapers(state, bytes) : passOn(state, bytes, "closed"));
  }
  return { state: { ...state, awaited }, effects };
}

/** The notaries tell each party once; the buyer may have been away. */
function passOn(state: OnMission, receipt: Uint8Array, name: string): DeviceEffect {
  const { termsId, buyer } = state.mission.plan;
  return send(`certified/${name}/${toHex(termsId)}`, buyer, "certified", { receipt });
}
