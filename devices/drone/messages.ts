/** What comes to the drone over MQTT: offers, the invoice, a refusal, a receipt that a party passes on. */
import { signTerms, decodeTerms } from "../../protocols/contract/terms.ts";
import { openInvoice } from "../../protocols/delivery/invoice.ts";
import {
  certifiedSchema,
  invoiceSchema,
  offerSchema,
  refusalSchema,
  type Offer,
} from "../../protocols/delivery/messages.ts";
import { readPlan, type DeliveryPlan } from "../../protocols/delivery/plan.ts";
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { DeviceContext, DeviceEffect, DeviceEvent, Step } from "../device.ts";
import { requireCards } from "../delivery.ts";
import { meet, progress, send, stay } from "../effects.ts";
import { onReceipt } from "./certified.ts";
import { isInRange, reading } from "./senses.ts";
import { enter, stayHome } from "./standing.ts";
import type { DroneConfig, DroneState } from "./state.ts";

type Result = Step<DroneState>;
type Message = DeviceEvent & { kind: "message" };

export function onMessage(
  config: DroneConfig,
  state: DroneState,
  event: Message,
  context: DeviceContext,
): Result {
  if (event.type === "certified") {
    const { receipt } = parseBody(certifiedSchema, event.body);
    return onReceipt(config, state, context.verifyReceipt(receipt), receipt, context);
  }
  if (event.from !== config.operator) return stay(state);
  switch (event.type) {
    case "offer":
      return onOffer(config, state, parseBody(offerSchema, event.body), context);
    case "invoice":
      return onInvoice(state, event.body, context);
    case "refusal": {
      const { orderId } = parseBody(refusalSchema, event.body);
      // A contract that is open is no longer the shop's to refuse.
      const mine = state.phase === "signed" && equalBytes(state.mission.orderId, orderId);
      return mine ? stayHome(state, "ended", "the shop has taken its offer back") : stay(state);
    }
    default:
      return stay(state);
  }
}

/** The operator offers a mission: the drone signs what is safe, names it, and lies within its range. */
function onOffer(config: DroneConfig, state: DroneState, offer: Offer, context: DeviceContext): Result {
  try {
    const plan = acceptablePlan(config, offer, context);
    const again = "mission" in state && equalBytes(state.mission.plan.termsId, plan.termsId);
    if (again) return { state, effects: [signatureFor(config, offer, plan, context)] };
    if (state.phase !== "idle") {
      throw new SegmentError("contract-not-expected", "the drone is on another mission");
    }
    const mission = { orderId: offer.orderId, plan, invoice: null, home: null };
    return enter(config, { phase: "signed", session: null, awaited: state.awaited, mission }, context, [
      ...offer.cards.map(meet),
      signatureFor(config, offer, plan, context),
      progress("drone-signed", "the drone accepts the mission and signs the terms"),
    ]);
  } catch (error) {
    if (!(error instanceof SegmentError)) throw error;
    const { orderId } = offer;
    const body = { orderId, code: error.code, message: error.message.slice(0, 300) };
    return { state, effects: [send(`refuse/${toHex(orderId)}`, config.operator, "refusal", body)] };
  }
}

/** Errors: terms-invalid, terms-unsafe, terms-expired, card-invalid, card-expired. */
function acceptablePlan(config: DroneConfig, offer: Offer, context: DeviceContext): DeliveryPlan {
  const terms = decodeTerms(offer.terms);
  const plan = readPlan(context.crypto, offer.terms);
  if (terms.network !== context.network) throw invalid("the terms are of another network");
  if (plan.drone !== context.self) throw invalid("the terms name another drone");
  if (plan.shop !== config.operator) throw invalid("the terms name another shop");
  if (plan.signByMs < context.now) throw new SegmentError("terms-expired", "the offer has expired");
  const here = reading(context);
  if (here !== undefined && !isInRange(config, plan, here)) {
    throw invalid(`the point is beyond the drone's range of ${config.rangeM} m`);
  }
  requireCards(context, offer.cards, [plan.buyer, plan.shop]);
  return plan;
}

function signatureFor(
  config: DroneConfig,
  offer: Offer,
  plan: DeliveryPlan,
  context: DeviceContext,
): DeviceEffect {
  const { termsId } = plan;
  const signature = signTerms(context.signer, termsId);
  const body = { orderId: offer.orderId, termsId, signature, examination: null };
  return send(`signature/${toHex(termsId)}`, config.operator, "signature", body);
}

/** What the drone hands over it has checked itself. Errors: signature-*, cbor-*. */
function onInvoice(state: DroneState, body: Uint8Array, context: DeviceContext): Result {
  const { termsId, invoice } = parseBody(invoiceSchema, body);
  if (!("mission" in state) || !equalBytes(state.mission.plan.termsId, termsId)) return stay(state);
  openInvoice(context.crypto, invoice, { shop: state.mission.plan.shop, termsId });
  return stay({ ...state, mission: { ...state.mission, invoice } });
}

function invalid(message: string): SegmentError {
  return new SegmentError("terms-invalid", message, { where: "terms" });
}
