/**
 * The shop's invoice: the drone brings it with the receipt. Where it did not, and the price was paid, the
 * phone asks the shop for it.
 */
import { openInvoice } from "../../protocols/delivery/invoice.ts";
import { invoiceSchema } from "../../protocols/delivery/messages.ts";
import type { DeliveryPlan } from "../../protocols/delivery/plan.ts";
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { SegmentError, errorCode, type ErrorCode } from "../../protocols/errors.ts";
import { openCard } from "../../protocols/identity/card.ts";
import type { ContractResult } from "../../protocols/ledger/result.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { DeviceContext, DeviceEffect, DeviceEvent, Step } from "../device.ts";
import { keep, progress, send, stay } from "../effects.ts";
import type { PhoneState } from "./state.ts";

/** Whether the contract's end left the buyer nothing of the price (nor of an insurer's cover). */
export function isPaid(plan: DeliveryPlan, { payments }: ContractResult, context: DeviceContext): boolean {
  const own = openCard(context.crypto, context.card).root;
  const toOthers = payments
    .filter(({ account, currency }) => currency === plan.currency && !equalBytes(account, own))
    .reduce((sum, { amount }) => sum + amount, 0n);
  return toOthers >= BigInt(plan.priceMinor) + BigInt(plan.coverMinor);
}

/** The shop may be away: this waits for it. */
export function askForInvoice({ termsId, shop }: DeliveryPlan): DeviceEffect {
  return send(`invoice-wanted/${toHex(termsId)}`, shop, "invoice-wanted", { termsId });
}

/** The shop's answer. Errors: message-invalid. */
export function onInvoice(
  state: PhoneState,
  event: DeviceEvent & { kind: "message" },
  context: DeviceContext,
): Step<PhoneState> {
  const { termsId, invoice } = parseBody(invoiceSchema, event.body);
  if (state.phase !== "done" || !state.awaitsInvoice || event.from !== state.plan.shop) return stay(state);
  const { plan } = state;
  if (!equalBytes(termsId, plan.termsId)) return stay(state);
  const problem = invoiceProblem(plan, invoice, context);
  if (problem !== undefined) {
    return { state, effects: [progress("invoice-refused", `the shop's invoice is wrong (${problem})`)] };
  }
  return {
    state: { ...state, awaitsInvoice: false },
    effects: [keep("invoice", invoice), progress("invoice", "the invoice is on the phone, checked")],
  };
}

/** What is wrong with it; undefined if nothing. A wrong invoice is the shop's to mend, and is not kept. */
export function invoiceProblem(
  plan: DeliveryPlan,
  invoice: Uint8Array,
  context: DeviceContext,
): ErrorCode | undefined {
  try {
    const { shop, termsId, priceMinor } = plan;
    const { totalMinor, currency } = openInvoice(context.crypto, invoice, { shop, termsId });
    return totalMinor === BigInt(priceMinor) && currency === plan.currency ? undefined : "amount-invalid";
  } catch (error) {
    if (!(error instanceof SegmentError)) throw error;
    return errorCode(error);
  }
}
