/**
 * The buyer's phone in a delivery: it signs only what the person wished for, holds the
 * price, meets the drone over BLE, and countersigns that the parcel was taken, once the
 * person says so.
 */
import { assertSafe } from "../../protocols/contract/check.ts";
import { distanceMm } from "../../protocols/contract/distance.ts";
import {
  countersignFact,
  metBody,
  openFact,
  positionBody,
  readMet,
  readParcelRemoved,
  signFact,
} from "../../protocols/contract/facts.ts";
import { decodeTerms, signTerms } from "../../protocols/contract/terms.ts";
import {
  landedSchema,
  meetingSchema,
  offerSchema,
  papersSchema,
  parcelSchema,
  positionSchema,
  refusalSchema,
} from "../../protocols/delivery/messages.ts";
import { checkPlan, readPlan, type DeliveryPlan } from "../../protocols/delivery/plan.ts";
import { openInvoice } from "../../protocols/delivery/invoice.ts";
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { SegmentError, unreachable } from "../../protocols/errors.ts";
import { publicKeyFromId } from "../../protocols/identity/keys.ts";
import type { VerifiedReceipt } from "../../protocols/ledger/receipt.ts";
import { contractReceipt } from "../../protocols/ledger/receipt-view.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { Device, DeviceContext, DeviceEffect, DeviceEvent, Step } from "../device.ts";
import { actuate, progress, say, stay } from "../effects.ts";
import { wishSchema } from "./wish.ts";
import type { OpenSession, PhoneReading, PhoneState } from "./state.ts";

type Result = Step<PhoneState>;

/** The person must be within this of the point before the phone looks for the drone. */
const LOOK_WITHIN_MM = 60_000;

export const phone: Device<PhoneState> = {
  kind: "phone",
  initial: () => ({ phase: "idle" }),
  step,
};

function step(state: PhoneState, event: DeviceEvent, context: DeviceContext): Result {
  switch (event.kind) {
    case "started":
      return resume(state, context);
    case "command":
      return event.name === "order" ? onOrder(state, event.value, context) : stay(state);
    case "message":
      return onMessage(state, event, context);
    case "receipt":
      return onReceipt(state, event.receipt, event.bytes, context);
    case "session-opened":
      return onSessionOpened(state, event, context);
    case "session-message":
      return onSessionMessage(state, event, context);
    case "session-closed":
      return "session" in state && state.session?.id === event.session ? stay({ ...state, session: null }) : stay(state);
    case "session-refused":
      return { state, effects: [progress("not-let-in", `the drone did not let this phone in (${event.code})`)] };
    case "sensor":
      return onSensor(state, event.name, context);
    case "timer":
      return stay(state);
    default:
      return unreachable(event);
  }
}

function resume(state: PhoneState, context: DeviceContext): Result {
  if (!("session" in state)) return stay(state);
  const awake = { ...state, session: null };
  return { state: awake, effects: dialIfNear(awake, context) };
}

// ---------------------------------------------------------------- ordering

function onOrder(state: PhoneState, value: unknown, context: DeviceContext): Result {
  if (state.phase !== "idle" && state.phase !== "done" && state.phase !== "refused") {
    throw new SegmentError("contract-not-expected", "another delivery is under way");
  }
  const { shopCard, ...wish } = wishSchema.parse(value);
  const { currency: _currency, maxPriceMinor: _max, shop, ...order } = wish;
  return {
    state: { phase: "ordered", wish },
    effects: [
      { kind: "meet", card: shopCard },
      {
        kind: "send",
        id: `order/${toHex(wish.orderId)}`,
        to: shop,
        type: "order",
        body: { ...order, card: context.card },
        durable: true,
      },
      progress("ordered", `the buyer orders "${wish.article}" to ${wish.address}`),
    ],
  };
}

function onMessage(state: PhoneState, event: DeviceEvent & { kind: "message" }, context: DeviceContext): Result {
  switch (event.type) {
    case "offer":
      return state.phase === "ordered" && event.from === state.wish.shop ? onOffer(state, event.body, context) : stay(state);
    case "refusal": {
      const { code, message } = parseBody(refusalSchema, event.body);
      const mine =
        (state.phase === "ordered" || state.phase === "examining") && event.from === state.wish.shop;
      return mine ? refused(code, message) : stay(state);
    }
    case "position":
      return onPositionPush(state, event, context);
    default:
      return stay(state);
  }
}

/** The terms must say what the person wished for, at no higher price; then the wallet is examined. */
function onOffer(state: PhoneState & { phase: "ordered" }, body: Uint8Array, context: DeviceContext): Result {
  const { wish } = state;
  const offer = parseBody(offerSchema, body);
  try {
    const terms = decodeTerms(offer.terms);
    assertSafe(terms);
    const plan = readPlan(context.crypto, offer.terms);
    checkPlan(plan, terms, { ...wish, buyer: context.self, network: context.network, now: context.now });
    return {
      state: { phase: "examining", wish, plan },
      effects: [
        ...offer.cards.map((card): DeviceEffect => ({ kind: "meet", card })),
        { kind: "keep", name: "terms", bytes: offer.terms },
        progress("terms", "the terms say what was ordered"),
        {
          kind: "submit",
          id: `examine/${toHex(plan.termsId)}`,
          entry: { body: { kind: "examine", termsId: plan.termsId, currency: plan.currency, amount: BigInt(plan.priceMinor) } },
        },
      ],
    };
  } catch (error) {
    if (!(error instanceof SegmentError)) throw error;
    return tellShop(refused(error.code, error.message), wish.shop, wish.orderId);
  }
}

function onReceipt(state: PhoneState, receipt: VerifiedReceipt, bytes: Uint8Array, context: DeviceContext): Result {
  const about = contractReceipt(receipt);
  if (!("plan" in state) || about === undefined || !equalBytes(about.termsId, state.plan.termsId)) return stay(state);
  if (state.phase === "examining" && receipt.kind === "examine") return onExamined(state, receipt, bytes, context);
  const { transition } = about;
  if (receipt.outcome !== "ok") return onRefusedEntry(state, receipt, context);
  if (transition === undefined) return stay(state);
  if (transition.closed) return onClosed(state, bytes);
  if (transition.label === "awaiting-deposit" && state.phase === "signed") {
    const { termsId, currency, priceMinor } = state.plan;
    return {
      state,
      effects: [
        progress("contract-open", "all parties have signed; the contract is open"),
        {
          kind: "submit",
          id: `deposit/${toHex(termsId)}`,
          entry: { body: { kind: "deposit", termsId, currency, amount: BigInt(priceMinor) } },
        },
      ],
    };
  }
  if (transition.label === "in-flight" && state.phase === "signed") {
    return { state: { phase: "held", plan: state.plan }, effects: [progress("price-held", "the price is held in the buyer's wallet")] };
  }
  return stay(state);
}

/** The notaries' certified answer: enough money, or not. */
function onExamined(
  state: PhoneState & { phase: "examining" },
  receipt: VerifiedReceipt,
  bytes: Uint8Array,
  context: DeviceContext,
): Result {
  const { plan, wish } = state;
  if (contractReceipt(receipt)?.examination?.sufficient !== true) {
    const result = refused("funds-short", "the notaries certify that the wallet does not hold the price");
    return tellShop(result, wish.shop, wish.orderId);
  }
  return {
    state: { phase: "signed", plan },
    effects: [
      progress("wallet-examined", "the notaries certify that the wallet holds the price"),
      {
        kind: "send",
        id: `signature/${toHex(plan.termsId)}`,
        to: wish.shop,
        type: "signature",
        body: {
          orderId: wish.orderId,
          termsId: plan.termsId,
          signature: signTerms(context.signer, plan.termsId),
          examination: bytes,
        },
        durable: true,
      },
    ],
  };
}

/** Only our own refused entries concern us; a refused deposit ends the delivery before anything flies. */
function onRefusedEntry(state: PhoneState & { plan: DeliveryPlan }, receipt: VerifiedReceipt, context: DeviceContext): Result {
  if (!equalBytes(receipt.signer, publicKeyFromId(context.self))) return stay(state);
  if (state.phase === "signed" && receipt.kind === "deposit") return refused(receipt.outcome, "the notaries refused the deposit");
  return stay(state);
}

function onClosed(state: PhoneState & { plan: DeliveryPlan }, receipt: Uint8Array): Result {
  // The papers come from the drone over BLE as well; the receipt is the same, whoever brings it.
  if (state.phase === "taken" || state.phase === "done") return stay(state);
  const effects: DeviceEffect[] = [
    { kind: "keep", name: "receipt", bytes: receipt },
    { kind: "hang-up" },
    progress("contract-ended", "the contract ended at its deadline, as the terms say"),
  ];
  return { state: { phase: "done", plan: state.plan, delivered: false }, effects };
}

// ---------------------------------------------------------------- the drone comes

function onPositionPush(state: PhoneState, event: DeviceEvent & { kind: "message" }, context: DeviceContext): Result {
  const push = parseBody(positionSchema, event.body);
  if (state.phase !== "held" || event.from !== state.plan.drone) return stay(state);
  if (!equalBytes(push.termsId, state.plan.termsId)) return stay(state);
  const fact = openFact(context.crypto, push.fact);
  if (!equalBytes(fact.signer, publicKeyFromId(state.plan.drone))) {
    throw new SegmentError("fact-invalid", "the position is not signed by the drone of the terms");
  }
  if (!push.arrived) return stay(state);
  const called: PhoneState = { phase: "called", plan: state.plan, session: null, shown: false };
  return {
    state: called,
    effects: [progress("phone-called", "the phone learns that the drone waits at the point"), ...dialIfNear(called, context)],
  };
}

function onSensor(state: PhoneState, name: string, context: DeviceContext): Result {
  if (name === "position" && "session" in state && state.session === null) {
    return { state, effects: dialIfNear(state, context) };
  }
  if (name === "position" && state.phase === "called" && !state.shown) return showIfThere(state, context);
  if (name === "parcel-in-hand") return countersign(state, context);
  return stay(state);
}

function dialIfNear(state: { plan: DeliveryPlan; session: OpenSession | null }, context: DeviceContext): DeviceEffect[] {
  const here = reading(context);
  if (here === undefined || distanceMm(here, state.plan.point) > LOOK_WITHIN_MM) return [];
  return [{ kind: "dial", peer: state.plan.drone, purpose: state.plan.termsId }];
}

function onSessionOpened(
  state: PhoneState,
  event: DeviceEvent & { kind: "session-opened" },
  context: DeviceContext,
): Result {
  if (!("session" in state) || event.peer !== state.plan.drone) return stay(state);
  const session = { id: event.session, hash: event.sessionHash };
  const open = { ...state, session };
  // A session lost in the middle goes on where it stopped.
  if (open.phase === "taken") return { state: open, effects: [say(session.id, "parcel", { fact: open.fact })] };
  return open.phase === "called" ? showIfThere({ ...open, shown: false }, context) : stay(open);
}

function onSessionMessage(
  state: PhoneState,
  event: DeviceEvent & { kind: "session-message" },
  context: DeviceContext,
): Result {
  if (!("session" in state) || state.session?.id !== event.session) return stay(state);
  switch (event.type) {
    case "meeting": {
      const { met } = parseBody(meetingSchema, event.body);
      const { sessionHash } = readMet(openFact(context.crypto, met));
      if (state.phase !== "called" || !equalBytes(sessionHash, state.session.hash)) return stay(state);
      // The drone asks again when the notaries want fresher facts.
      return showIfThere(state, context);
    }
    case "landed": {
      parseBody(landedSchema, event.body);
      if (state.phase !== "called") return stay(state);
      const { plan, session } = state;
      return {
        state: { phase: "landed", plan, session, droneFact: null },
        effects: [actuate("take-parcel", true)],
      };
    }
    case "parcel":
      return onParcelFact(state, parseBody(parcelSchema, event.body).fact, context);
    case "papers":
      return onPapers(state, event, context);
    default:
      return stay(state);
  }
}

/** The drone states that the parcel is out. The phone agrees only when its person has it in hand. */
function onParcelFact(state: PhoneState, factBytes: Uint8Array, context: DeviceContext): Result {
  if (state.phase === "taken" && state.session !== null) {
    return { state, effects: [say(state.session.id, "parcel", { fact: state.fact })] };
  }
  if (state.phase !== "landed" && state.phase !== "called") return stay(state);
  const fact = openFact(context.crypto, factBytes);
  readParcelRemoved(fact);
  const { plan, session } = state;
  const right =
    fact.subject !== null &&
    equalBytes(fact.subject, plan.termsId) &&
    equalBytes(fact.signer, publicKeyFromId(plan.drone));
  if (!right) throw new SegmentError("fact-invalid", "expected the drone's fact about this contract's parcel");
  return countersign({ phase: "landed", plan, session, droneFact: factBytes }, context);
}

function countersign(state: PhoneState, context: DeviceContext): Result {
  if (state.phase !== "landed" || state.droneFact === null) return stay(state);
  if (context.readings.get("parcel-in-hand") !== true) return stay(state);
  const { plan, session } = state;
  const fact = countersignFact(context.signer, openFact(context.crypto, state.droneFact), context.now);
  const effects: DeviceEffect[] = [progress("countersigned", "the buyer has the parcel; the phone countersigns")];
  if (session !== null) effects.push(say(session.id, "parcel", { fact }));
  return { state: { phase: "taken", plan, session, fact }, effects };
}

function onPapers(
  state: PhoneState & { session: OpenSession | null },
  event: DeviceEvent & { kind: "session-message" },
  context: DeviceContext,
): Result {
  if (state.phase !== "taken") return stay(state);
  const { plan } = state;
  const papers = parseBody(papersSchema, event.body);
  const about = contractReceipt(context.verifyReceipt(papers.receipt));
  if (about?.transition?.closed !== true || !equalBytes(about.termsId, plan.termsId)) {
    throw new SegmentError("receipt-invalid", "the receipt is not of this delivery");
  }
  const effects: DeviceEffect[] = [{ kind: "keep", name: "receipt", bytes: papers.receipt }];
  if (papers.invoice.length > 0) {
    openInvoice(context.crypto, papers.invoice, { shop: plan.shop, termsId: plan.termsId });
    effects.push({ kind: "keep", name: "invoice", bytes: papers.invoice });
  }
  return {
    state: { phase: "done", plan, delivered: true },
    effects: [
      ...effects,
      say(event.session, "papers-kept", { termsId: plan.termsId }),
      progress("papers", "receipt and invoice are on the phone, checked"),
      { kind: "hang-up" },
    ],
  };
}

// ---------------------------------------------------------------- small words

/** The phone signs where it is and whom it met once it really is there: within the terms' radius of the point. */
function showIfThere(state: PhoneState & { phase: "called" }, context: DeviceContext): Result {
  const here = reading(context);
  const { plan, session } = state;
  if (session === null || here === undefined || distanceMm(here, plan.point) > plan.radiusMm) return stay(state);
  const fact = (kind: string, body: ReturnType<typeof positionBody>): Uint8Array =>
    signFact(context.signer, { kind, subject: plan.termsId, timeMs: context.now, body });
  const met = metBody({
    sessionHash: session.hash,
    initiatorIdentity: context.signer.publicKey,
    responderIdentity: publicKeyFromId(plan.drone),
  });
  const facts = { position: fact("position", positionBody(here)), met: fact("met", met) };
  return { state: { ...state, shown: true }, effects: [say(session.id, "meeting", facts)] };
}

function reading(context: DeviceContext): PhoneReading | undefined {
  return context.readings.get("position") as PhoneReading | undefined;
}

function refused(code: string, message: string): Result {
  return { state: { phase: "refused", code, message }, effects: [progress("refused", message)] };
}

function tellShop(result: Result, shop: string, orderId: Uint8Array): Result {
  if (result.state.phase !== "refused") return result;
  const { code, message } = result.state;
  const body = { orderId, code, message: message.slice(0, 300) };
  return {
    ...result,
    effects: [
      ...result.effects,
      { kind: "send", id: `refusal/${toHex(orderId)}`, to: shop, type: "refusal", body, durable: true },
    ],
  };
}
