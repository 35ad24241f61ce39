/** All have signed: the shop opens the contract and writes the invoice; then the ledger says how it goes. */
import { signInvoice } from "../../protocols/delivery/invoice.ts";
import { invoiceWantedSchema } from "../../protocols/delivery/messages.ts";
import { readPlan } from "../../protocols/delivery/plan.ts";
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { publicKeyFromId } from "../../protocols/identity/keys.ts";
import { draftOpen } from "../../protocols/ledger/drafts.ts";
import type { VerifiedReceipt } from "../../protocols/ledger/receipt.ts";
import { contractReceipt } from "../../protocols/ledger/receipt-view.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { DeviceContext, DeviceEffect, DeviceEvent, Step } from "../device.ts";
import { progress, send, stay, timer } from "../effects.ts";
import {
  inquire,
  inquireAt,
  inquireOn,
  inquiryTimer,
  isBeforeFlight,
  isInVain,
  toldByMs,
  unheardTimer,
} from "../inquiry.ts";
import { feesOf } from "./offer.ts";
import { isOver, refuseOrder, replace, signTimer } from "./orders.ts";
import type { ShopConfig, ShopOrder, ShopState } from "./state.ts";

type Result = Step<ShopState>;
type Message = DeviceEvent & { kind: "message" };

export function openContract(
  config: ShopConfig,
  state: ShopState,
  order: ShopOrder,
  context: DeviceContext,
): Result {
  const { termsId, terms, signatures } = order;
  const totalMinor = BigInt(order.priceMinor);
  const services = feesOf(config);
  const besides = signatures.length > 3 ? ", and who takes part besides" : "";
  const fees = services.reduce((sum, { minor }) => sum + minor, 0n);
  const invoice = signInvoice(context.signer, {
    number: state.nextInvoice.toString().padStart(6, "0"),
    termsId,
    issuedMs: context.now,
    seller: config.name,
    buyer: order.address,
    currency: config.currency,
    lines: [
      { text: order.article, minor: totalMinor - fees - config.deliveryFeeMinor },
      { text: "Delivery by drone", minor: config.deliveryFeeMinor },
      ...services,
    ],
    totalMinor,
  });
  const opened = replace(state, { ...order, invoice, status: "open" });
  return {
    state: { ...opened, nextInvoice: state.nextInvoice + 1 },
    effects: [
      timer(signTimer(order), null),
      askLater(order, "awaiting-deposit", context),
      progress("signed", `buyer, drone and shop have signed the terms${besides}`),
      {
        kind: "submit",
        id: `open/${toHex(termsId)}`,
        entry: draftOpen(context.crypto, termsId, terms, signatures),
      },
      send(`invoice/${toHex(termsId)}`, config.drone, "invoice", { termsId, invoice }),
    ],
  };
}

/**
 * The drone was to bring it, and left before the price was released, or without having met the phone again.
 * Errors: message-invalid.
 */
export function onInvoiceWanted(state: ShopState, { from, body }: Message): Result {
  const { termsId } = parseBody(invoiceWantedSchema, body);
  const order = state.orders.find((one) => equalBytes(one.termsId, termsId));
  if (order === undefined || order.buyer !== from || order.invoice === null) return stay(state);
  const { invoice } = order;
  return {
    state,
    effects: [send(`invoice/${toHex(termsId)}/${from}`, from, "invoice", { termsId, invoice })],
  };
}

/** Receipts come in any order, and late: an order only goes forward. */
export function onReceipt(
  config: ShopConfig,
  state: ShopState,
  receipt: VerifiedReceipt,
  bytes: Uint8Array,
  context: DeviceContext,
): Result {
  const about = contractReceipt(receipt);
  const order = state.orders.find(({ termsId: id }) => about !== undefined && equalBytes(id, about.termsId));
  if (about === undefined || order === undefined || isOver(order)) return stay(state);
  const own = equalBytes(receipt.signer, publicKeyFromId(context.self));
  if (receipt.outcome !== "ok") {
    // "Not expected" says that it is open already.
    const failed = own && receipt.kind === "open" && receipt.outcome !== "contract-not-expected";
    if (!failed || order.status !== "open") return stay(state);
    return refuseOrder(config, state, order, receipt.outcome, "the notaries refused to open the contract");
  }
  if (about.transition === undefined) return stay(state);
  const { label, closed } = about.transition;
  if (closed) {
    const effects = [timer(inquiryTimer(order.termsId), null)];
    return { state: replace(state, { ...order, status: "ended" }), effects };
  }
  if (!isBeforeFlight(label)) {
    const effects = [askLater(order, label, context)];
    return { state: replace(state, { ...order, status: "held" }), effects };
  }
  if (!own || label !== "awaiting-deposit") return stay(state);
  // The buyer may have missed the notaries' word, and pays nothing without it.
  const passed = send(`certified/open/${toHex(order.termsId)}`, order.buyer, "certified", { receipt: bytes });
  return { state, effects: [passed] };
}

/** Whose end, or next stage, only the notaries can tell. */
function isOnLedger(order: ShopOrder): boolean {
  return order.status === "open" || order.status === "held";
}

function askLater(order: ShopOrder, label: string, context: DeviceContext): DeviceEffect {
  return inquireAt(order.termsId, toldByMs(readPlan(context.crypto, order.terms), label), context.now);
}

/** The shop wakes up: what may it have missed? */
export function inquiries(state: ShopState, context: DeviceContext): DeviceEffect[] {
  return state.orders.filter(isOnLedger).flatMap((order) => {
    // Of the stages after the deposit, the answer will say which it is.
    const label = order.status === "open" ? "awaiting-deposit" : "in-flight";
    return [inquire(order.termsId), askLater(order, label, context)];
  });
}

/** It has heard nothing in time. After a day in vain the order counts as ended, as the terms say it has. */
export function onInquiryTimer(state: ShopState, name: string, context: DeviceContext): Result {
  const order = state.orders.find(
    (one) => isOnLedger(one) && [inquiryTimer, unheardTimer].some((of) => of(one.termsId) === name),
  );
  if (order === undefined) return stay(state);
  const { endsMs } = readPlan(context.crypto, order.terms);
  const wasLast = name === unheardTimer(order.termsId) && isInVain(endsMs, context.now);
  if (!wasLast) return { state, effects: inquireOn(order.termsId, endsMs, context.now) };
  return {
    state: replace(state, { ...order, status: "ended" }),
    effects: [progress("unheard", "the notaries have not said in a day how the contract ended")],
  };
}
