/** All have signed: the shop opens the contract and writes the invoice; then the ledger says how it goes. */
import { signInvoice } from "../../protocols/delivery/invoice.ts";
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { publicKeyFromId } from "../../protocols/identity/keys.ts";
import { draftOpen } from "../../protocols/ledger/drafts.ts";
import type { VerifiedReceipt } from "../../protocols/ledger/receipt.ts";
import { contractReceipt } from "../../protocols/ledger/receipt-view.ts";
import type { DeviceContext, Step } from "../device.ts";
import { progress, send, stay, timer } from "../effects.ts";
import { isOver, refuseOrder, replace, signTimer } from "./orders.ts";
import type { ShopConfig, ShopOrder, ShopState } from "./state.ts";

type Result = Step<ShopState>;

export function openContract(
  config: ShopConfig,
  state: ShopState,
  order: ShopOrder,
  context: DeviceContext,
): Result {
  const { termsId, terms, signatures } = order;
  const totalMinor = BigInt(order.priceMinor);
  const invoice = signInvoice(context.signer, {
    number: state.nextInvoice.toString().padStart(6, "0"),
    termsId,
    issuedMs: context.now,
    seller: config.name,
    buyer: order.address,
    currency: config.currency,
    lines: [
      { text: order.article, minor: totalMinor - config.deliveryFeeMinor },
      { text: "Delivery by drone", minor: config.deliveryFeeMinor },
    ],
    totalMinor,
  });
  const opened = replace(state, { ...order, status: "open" });
  return {
    state: { ...opened, nextInvoice: state.nextInvoice + 1 },
    effects: [
      timer(signTimer(order), null),
      progress("signed", "buyer, drone and shop have signed the terms"),
      {
        kind: "submit",
        id: `open/${toHex(termsId)}`,
        entry: draftOpen(context.crypto, termsId, terms, signatures),
      },
      send(`invoice/${toHex(termsId)}`, config.drone, "invoice", { termsId, invoice }),
    ],
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
  if (closed) return stay(replace(state, { ...order, status: "ended" }));
  if (label === "in-flight") return stay(replace(state, { ...order, status: "held" }));
  if (label !== "awaiting-deposit" || !own) return stay(state);
  // The buyer may have missed the notaries' word, and pays nothing without it.
  const passed = send(`certified/open/${toHex(order.termsId)}`, order.buyer, "certified", { receipt: bytes });
  return { state, effects: [passed] };
}
