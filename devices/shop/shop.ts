/**
 * The shop's till: turns an order into terms, gathers the signatures, opens the
 * contract and gives the drone its invoice. It sends nothing off before the notaries
 * have certified that the buyer's wallet holds the price.
 */
import { assertSafe } from "../../protocols/contract/check.ts";
import { partyOf, signTerms, termsId, verifyTermsSignature, decodeTerms, encodeTerms } from "../../protocols/contract/terms.ts";
import { signInvoice } from "../../protocols/delivery/invoice.ts";
import { orderSchema, refusalSchema, signatureSchema } from "../../protocols/delivery/messages.ts";
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { SegmentError, unreachable } from "../../protocols/errors.ts";
import { openCard } from "../../protocols/identity/card.ts";
import { agentId, publicKeyFromId } from "../../protocols/identity/keys.ts";
import { draftOpen } from "../../protocols/ledger/drafts.ts";
import type { VerifiedReceipt } from "../../protocols/ledger/receipt.ts";
import { contractReceipt } from "../../protocols/ledger/receipt-view.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { Device, DeviceContext, DeviceEffect, DeviceEvent, Step } from "../device.ts";
import { progress, stay } from "../effects.ts";
import type { ShopConfig, ShopOrder, ShopState } from "./state.ts";
import { makeTerms } from "./offer.ts";

type Result = Step<ShopState>;

/** Older orders are forgotten; their contracts live on the ledger. */
const MAX_ORDERS = 100;
/** An examination of the wallet must be this fresh. */
const EXAMINATION_MAX_AGE_MS = 10 * 60_000;

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
      return { state, effects: [{ kind: "meet", card: config.droneCard }] };
    case "message":
      return onMessage(config, state, event, context);
    case "receipt":
      return onReceipt(config, state, event.receipt);
    case "session-opened":
    case "session-message":
    case "session-closed":
    case "session-refused":
    case "timer":
    case "sensor":
    case "command":
      return stay(state);
    default:
      return unreachable(event);
  }
}

function onMessage(config: ShopConfig, state: ShopState, event: DeviceEvent & { kind: "message" }, context: DeviceContext): Result {
  switch (event.type) {
    case "order":
      return onOrder(config, state, event, context);
    case "signature":
      return onSignature(config, state, event, context);
    case "refusal":
      return onRefusal(config, state, event);
    default:
      return stay(state);
  }
}

function onOrder(config: ShopConfig, state: ShopState, event: DeviceEvent & { kind: "message" }, context: DeviceContext): Result {
  const order = parseBody(orderSchema, event.body);
  const card = openCard(context.crypto, order.card, context.now);
  if (agentId(card.identity) !== event.from) throw new SegmentError("card-invalid", "the order carries another's card");
  if (state.orders.some(({ orderId }) => equalBytes(orderId, order.orderId))) return stay(state);
  const known: DeviceEffect = { kind: "meet", card: order.card };
  const price = config.catalogue[order.article];
  if (price === undefined) {
    const refusal = { orderId: order.orderId, code: "terms-invalid", message: `the shop does not sell "${order.article}"` };
    return { state, effects: [known, refusalTo(event.from, refusal)] };
  }
  const terms = makeTerms(config, order, price, card, context);
  assertSafe(terms);
  const bytes = encodeTerms(terms);
  const id = termsId(context.crypto, bytes);
  const fresh: ShopOrder = {
    orderId: order.orderId,
    buyer: event.from,
    article: order.article,
    address: order.address,
    terms: bytes,
    termsId: id,
    signatures: [{ by: context.self, signature: signTerms(context.signer, id) }],
    status: "offered",
  };
  const offer = { orderId: order.orderId, terms: bytes, cards: [order.card, config.droneCard, context.card] };
  return {
    state: { ...state, orders: [...state.orders, fresh].slice(-MAX_ORDERS) },
    effects: [
      known,
      progress("offered", `the shop offers terms for "${order.article}"`),
      ...[event.from, config.drone].map(
        (to): DeviceEffect => ({ kind: "send", id: `offer/${toHex(id)}/${to}`, to, type: "offer", body: offer, durable: true }),
      ),
    ],
  };
}

/** The buyer's signature counts only with the certified examination of the wallet. */
function onSignature(config: ShopConfig, state: ShopState, event: DeviceEvent & { kind: "message" }, context: DeviceContext): Result {
  const signed = parseBody(signatureSchema, event.body);
  const order = state.orders.find(({ termsId: id }) => equalBytes(id, signed.termsId));
  if (order === undefined || order.status !== "offered") return stay(state);
  if (event.from !== order.buyer && event.from !== config.drone) return stay(state);
  if (order.signatures.some(({ by }) => by === event.from)) return stay(state);
  const signer = verifyTermsSignature(context.crypto, order.termsId, signed.signature);
  if (agentId(signer) !== event.from) throw new SegmentError("signature-invalid", "another key has signed the terms");
  if (event.from === order.buyer) {
    const problem = examinationProblem(order, signed.examination, context);
    if (problem !== undefined) return refuseOrder(config, state, order, "funds-short", problem);
  }
  const signatures = [...order.signatures, { by: event.from, signature: signed.signature }];
  const next = { ...order, signatures };
  if (signatures.length < 3) return stay(replace(state, next));
  return openContract(config, state, next, context);
}

function openContract(config: ShopConfig, state: ShopState, order: ShopOrder, context: DeviceContext): Result {
  const invoice = signInvoice(context.signer, {
    number: state.nextInvoice.toString().padStart(6, "0"),
    termsId: order.termsId,
    issuedMs: context.now,
    seller: config.name,
    buyer: order.address,
    currency: config.currency,
    ...invoiceLines(config, order),
  });
  const opened = replace(state, { ...order, status: "open" });
  return {
    state: { ...opened, nextInvoice: state.nextInvoice + 1 },
    effects: [
      progress("signed", "buyer, drone and shop have signed the terms"),
      {
        kind: "submit",
        id: `open/${toHex(order.termsId)}`,
        entry: draftOpen(context.crypto, order.termsId, order.terms, order.signatures.map(({ signature }) => signature)),
      },
      {
        kind: "send",
        id: `invoice/${toHex(order.termsId)}`,
        to: config.drone,
        type: "invoice",
        body: { termsId: order.termsId, invoice },
        durable: true,
      },
    ],
  };
}

function invoiceLines(config: ShopConfig, order: ShopOrder): { lines: { text: string; minor: bigint }[]; totalMinor: bigint } {
  const goods = config.catalogue[order.article] ?? 0n;
  return {
    lines: [
      { text: order.article, minor: goods },
      { text: "Delivery by drone", minor: config.deliveryFeeMinor },
    ],
    totalMinor: goods + config.deliveryFeeMinor,
  };
}

/** What is wrong with the buyer's proof of funds; undefined if nothing. */
function examinationProblem(order: ShopOrder, examination: Uint8Array | null, context: DeviceContext): string | undefined {
  if (examination === null) return "the buyer shows no certified examination of the wallet";
  const receipt = context.verifyReceipt(examination);
  const about = contractReceipt(receipt);
  const buyer = partyOf(decodeTerms(order.terms), "buyer");
  if (about?.examination === undefined || buyer === undefined) return "the buyer's proof is of another kind";
  if (!equalBytes(about.termsId, order.termsId)) return "the examination is for another contract";
  if (!equalBytes(about.examination.account, buyer.account)) return "the examination is of another wallet";
  if (!equalBytes(receipt.signer, publicKeyFromId(order.buyer))) return "the examination was asked by another";
  if (context.now - receipt.timeMs > EXAMINATION_MAX_AGE_MS) return "the examination is too old";
  if (!about.examination.sufficient) return "the wallet does not hold the price";
  return undefined;
}

function onRefusal(config: ShopConfig, state: ShopState, event: DeviceEvent & { kind: "message" }): Result {
  const refusal = parseBody(refusalSchema, event.body);
  const order = state.orders.find(({ orderId }) => equalBytes(orderId, refusal.orderId));
  if (order === undefined || order.status !== "offered") return stay(state);
  if (event.from !== order.buyer && event.from !== config.drone) return stay(state);
  return refuseOrder(config, state, order, refusal.code, refusal.message);
}

function refuseOrder(config: ShopConfig, state: ShopState, order: ShopOrder, code: string, message: string): Result {
  const refusal = { orderId: order.orderId, code, message: message.slice(0, 300) };
  return {
    state: replace(state, { ...order, status: "refused" }),
    effects: [
      progress("order-refused", `the shop refuses the order: ${message}`),
      refusalTo(order.buyer, refusal),
      refusalTo(config.drone, refusal),
    ],
  };
}

function onReceipt(config: ShopConfig, state: ShopState, receipt: VerifiedReceipt): Result {
  const about = contractReceipt(receipt);
  const order = state.orders.find(({ termsId: id }) => about !== undefined && equalBytes(id, about.termsId));
  if (about === undefined || order === undefined) return stay(state);
  if (receipt.outcome !== "ok") {
    const ours = receipt.kind === "open" && order.status === "open";
    return ours ? refuseOrder(config, state, order, receipt.outcome, "the notaries refused to open the contract") : stay(state);
  }
  if (about.transition?.closed === true) return stay(replace(state, { ...order, status: "ended" }));
  if (about.transition?.label === "in-flight") return stay(replace(state, { ...order, status: "held" }));
  return stay(state);
}

function refusalTo(to: string, body: { orderId: Uint8Array; code: string; message: string }): DeviceEffect {
  return { kind: "send", id: `refusal/${toHex(body.orderId)}/${to}`, to, type: "refusal", body, durable: true };
}

function replace(state: ShopState, order: ShopOrder): ShopState {
  return { ...state, orders: state.orders.map((one) => (equalBytes(one.orderId, order.orderId) ? order : one)) };
}
