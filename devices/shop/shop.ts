/**
 * The shop's till: turns an order into terms, gathers the signatures, opens the contract,
 * and writes the invoice for the drone to bring, or for the buyer who asks for it later. The
 * drone is asked last, once the buyer has signed and the notaries have certified that the
 * wallet holds the price: an order costs its sender something before it binds the drone.
 */
import { termsId, verifyTermsSignature, signTerms, encodeTerms } from "../../protocols/contract/terms.ts";
import {
  orderSchema,
  refusalSchema,
  signatureSchema,
  type Order,
} from "../../protocols/delivery/messages.ts";
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { SegmentError, unreachable } from "../../protocols/errors.ts";
import { openCard, type Card } from "../../protocols/identity/card.ts";
import { agentId, publicKeyFromId } from "../../protocols/identity/keys.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { Device, DeviceContext, DeviceEffect, DeviceEvent, Step } from "../device.ts";
import { meet, progress, send, stay, timer } from "../effects.ts";
import { inquiries, onInquiryTimer, onInvoiceWanted, onReceipt, openContract } from "./contract.ts";
import { examinationProblem } from "./examination.ts";
import { makeTerms, priceOf, othersCards } from "./offer.ts";
import { isOver, refusalTo, refuseOrder, replace, signTimer, withRoom } from "./orders.ts";
import type { ShopConfig, ShopOrder, ShopState } from "./state.ts";

type Result = Step<ShopState>;
type Message = DeviceEvent & { kind: "message" };

export function createShop(config: ShopConfig): Device<ShopState> {
  return {
    kind: "shop",
    initial: () => ({ orders: [], nextInvoice: 1 }),
    step: (state, event, context) => step(config, state, event, context),
  };
}

function step(config: ShopConfig, state: ShopState, event: DeviceEvent, context: DeviceContext): Result {
  switch (event.kind) {
    case "started":
    case "time-corrected": {
      const waiting = state.orders.filter(isUnsigned).map((order) => timer(signTimer(order), order.signByMs));
      const cards = [config.droneCard, ...othersCards(config)].map(meet);
      return { state, effects: [...cards, ...waiting, ...inquiries(state, context)] };
    }
    case "message":
      return onMessage(config, state, event, context);
    case "receipt":
      return onReceipt(config, state, event.receipt, event.bytes, context);
    case "timer": {
      const order = state.orders.find((one) => isUnsigned(one) && signTimer(one) === event.name);
      if (order === undefined) return onInquiryTimer(state, event.name, context);
      return refuseOrder(config, state, order, "terms-expired", "the others did not sign in time");
    }
    case "session-opened":
    case "session-message":
    case "session-closed":
    case "session-refused":
    case "sensor":
    case "command":
      return stay(state);
    default:
      return unreachable(event);
  }
}

function onMessage(config: ShopConfig, state: ShopState, event: Message, context: DeviceContext): Result {
  switch (event.type) {
    case "order":
      return onOrder(config, state, event, context);
    case "signature":
      return onSignature(config, state, event, context);
    case "refusal":
      return onRefusal(config, state, event, context);
    case "invoice-wanted":
      return onInvoiceWanted(state, event);
    default:
      return stay(state);
  }
}

/** The same order again is the same contract: it changes nothing. Errors: message-invalid, card-*. */
function onOrder(config: ShopConfig, state: ShopState, event: Message, context: DeviceContext): Result {
  const order = parseBody(orderSchema, event.body);
  const card = openCard(context.crypto, order.card, context.now);
  if (agentId(card.identity) !== event.from) {
    throw new SegmentError("card-invalid", "the order carries another's card");
  }
  if (state.orders.some(({ orderId }) => equalBytes(orderId, order.orderId))) return stay(state);
  try {
    return offer(config, state, order, card, context);
  } catch (error) {
    if (!(error instanceof SegmentError)) throw error;
    const refusal = { orderId: order.orderId, code: error.code, message: error.message };
    return { state, effects: [meet(order.card), refusalTo(event.from, refusal)] };
  }
}

/** Errors: terms-invalid, queue-full, card-expired. */
function offer(
  config: ShopConfig,
  state: ShopState,
  order: Order,
  card: Card,
  context: DeviceContext,
): Result {
  const buyer = agentId(card.identity);
  const orders = withRoom(state.orders);
  const terms = makeTerms(config, order, card, context);
  const bytes = encodeTerms(terms);
  const id = termsId(context.crypto, bytes);
  const fresh: ShopOrder = {
    orderId: order.orderId,
    buyer,
    buyerCard: order.card,
    article: order.article,
    address: order.address,
    terms: bytes,
    termsId: id,
    signByMs: terms.offerExpires,
    priceMinor: priceOf(config, order.article).toString(),
    signatures: [signTerms(context.signer, id)],
    invoice: null,
    status: "offered",
  };
  return {
    state: { ...state, orders: [...orders, fresh] },
    effects: [
      meet(order.card),
      progress("offered", `the shop offers terms for "${order.article}"`),
      offerTo(buyer, fresh, config, context),
      timer(signTimer(fresh), fresh.signByMs),
    ],
  };
}

function offerTo(to: string, order: ShopOrder, config: ShopConfig, context: DeviceContext): DeviceEffect {
  const cards = [order.buyerCard, config.droneCard, context.card, ...othersCards(config)];
  const body = { orderId: order.orderId, terms: order.terms, cards };
  return send(`offer/${toHex(order.termsId)}/${to}`, to, "offer", body);
}

/**
 * First the buyer, with the certified examination of the wallet, then the drone and, if there are any,
 * arbiter and services.
 */
function onSignature(config: ShopConfig, state: ShopState, event: Message, context: DeviceContext): Result {
  const signed = parseBody(signatureSchema, event.body);
  const order = state.orders.find(({ termsId: id }) => equalBytes(id, signed.termsId));
  const awaited = order === undefined ? [] : awaitedSigners(config, order, context);
  if (order === undefined || !awaited.includes(event.from)) return stay(state);
  const signer = verifyTermsSignature(context.crypto, order.termsId, signed.signature);
  if (!equalBytes(signer, publicKeyFromId(event.from))) {
    throw new SegmentError("signature-invalid", "another key has signed the terms");
  }
  if (context.now > order.signByMs) {
    return refuseOrder(config, state, order, "terms-expired", "the signature came too late");
  }
  const next = { ...order, signatures: [...order.signatures, signed.signature] };
  if (order.status === "assigned") {
    if (awaited.length > 1) return stay(replace(state, next));
    return openContract(config, state, next, context);
  }
  const problem = examinationProblem(config, order, signed.examination, context);
  if (problem !== undefined) return refuseOrder(config, state, order, "funds-short", problem);
  const assigned: ShopOrder = { ...next, status: "assigned" };
  return {
    state: replace(state, assigned),
    effects: [
      progress("buyer-signed", "the buyer has signed and can pay; the drone is asked"),
      ...[config.drone, ...othersOf(config, context)].map((to) => offerTo(to, assigned, config, context)),
    ],
  };
}

/** Who has been asked to sign, and has not yet. */
function awaitedSigners(config: ShopConfig, order: ShopOrder, context: DeviceContext): string[] {
  if (order.status === "offered") return [order.buyer];
  if (order.status !== "assigned") return [];
  const others = othersOf(config, context);
  if (others.length === 0) return [config.drone];
  const signers = order.signatures.map((signature) =>
    agentId(verifyTermsSignature(context.crypto, order.termsId, signature)),
  );
  return [config.drone, ...others].filter((id) => !signers.includes(id));
}

function othersOf(config: ShopConfig, { crypto }: DeviceContext): string[] {
  return othersCards(config).map((card) => agentId(openCard(crypto, card).identity));
}

function isUnsigned(order: ShopOrder): boolean {
  return order.status === "offered" || order.status === "assigned";
}

function onRefusal(config: ShopConfig, state: ShopState, event: Message, context: DeviceContext): Result {
  const { orderId, code, message } = parseBody(refusalSchema, event.body);
  const order = state.orders.find((one) => equalBytes(one.orderId, orderId));
  if (order === undefined || isOver(order) || !isUnsigned(order)) return stay(state);
  const asked = event.from === order.buyer || awaitedSigners(config, order, context).includes(event.from);
  return asked ? refuseOrder(config, state, order, code, message) : stay(state);
}
