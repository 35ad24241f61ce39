/**
 * A phone's purse: pays by vouchers over BLE, with no network. What it signs stands in its journal before
 * it is shown, and each voucher says all that was paid so far: whatever gets lost, nothing is paid twice.
 */
import { readVoucher } from "../../protocols/contract/templates/fact-kinds.ts";
import { openFact } from "../../protocols/contract/facts.ts";
import { equalBytes } from "../../protocols/encoding/bytes.ts";
import { SegmentError, unreachable } from "../../protocols/errors.ts";
import { agentId, publicKeyFromId } from "../../protocols/identity/keys.ts";
import { contractReceipt } from "../../protocols/ledger/receipt-view.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import { voucherKeptSchema, voucherRefusedSchema } from "../../protocols/tab/messages.ts";
import { isFunded, readTab } from "../../protocols/tab/tab.ts";
import type { Tab } from "../../protocols/tab/tab.ts";
import { signVoucher } from "../../protocols/tab/voucher.ts";
import { z } from "zod";
import type { Device, DeviceContext, DeviceEffect, DeviceEvent, Step } from "../device.ts";
import { keep, progress, say, stay } from "../effects.ts";

export interface CarriedTab {
  tab: Tab;
  terms: Uint8Array;
  /** Of the deposit. */
  receipt: Uint8Array;
  /** All that was signed away so far, in minor units as text; `voucher` says so. */
  signedMinor: string;
  voucher: Uint8Array | null;
  /** All that the payee has said it keeps. */
  keptMinor: string;
}

export interface PayerState {
  tabs: CarriedTab[];
}

type Result = Step<PayerState>;
type Said = DeviceEvent & { kind: "session-message" };

export const MAX_CARRIED_TABS = 64;

const carrySchema = z.strictObject({ terms: z.instanceof(Uint8Array), receipt: z.instanceof(Uint8Array) });
const paySchema = z.strictObject({
  termsId: z.instanceof(Uint8Array),
  minor: z.string().regex(/^[1-9][0-9]{0,18}$/, "expected minor units above zero"),
});

export const payer: Device<PayerState> = {
  kind: "payer",
  initial: () => ({ tabs: [] }),
  step(state, event, context) {
    switch (event.kind) {
      case "started":
        return { state, effects: dialForUnpaid(state) };
      case "command":
        if (event.name === "carry") return onCarry(state, event.value, context);
        return event.name === "pay" ? onPay(state, event.value, context) : stay(state);
      case "session-opened":
        return onOpened(state, event);
      case "session-message":
        return onSaid(state, event, context);
      case "receipt": {
        const over = contractReceipt(event.receipt)?.transition;
        const carried = over?.closed === true ? find(state, over.termsId) : undefined;
        if (carried === undefined) return stay(state);
        return {
          state: { tabs: state.tabs.filter((one) => one !== carried) },
          effects: [
            keep("tab-receipt", event.bytes),
            progress("tab-ended", "the tab was redeemed or ran out"),
          ],
        };
      }
      case "message":
      case "session-closed":
      case "session-refused":
      case "time-corrected":
      case "timer":
      case "sensor":
        return stay(state);
      default:
        return unreachable(event);
    }
  },
};

/** The tab is open and its deposit certified: from here on no network is needed. Errors: terms-…, tab-…. */
function onCarry(state: PayerState, value: unknown, context: DeviceContext): Result {
  const { terms, receipt } = parsed(carrySchema, value);
  const tab = readTab(context.crypto, terms);
  if (!equalBytes(tab.payer.identity, publicKeyFromId(context.self)))
    throw new SegmentError("tab-unknown", "another pays by this tab");
  if (!isFunded(tab, context.verifyReceipt(receipt)))
    throw new SegmentError("tab-unfunded", "the receipt does not say that the tab holds its amount");
  if (find(state, tab.termsId) !== undefined) return stay(state);
  if (state.tabs.length >= MAX_CARRIED_TABS)
    throw new SegmentError("queue-full", `${MAX_CARRIED_TABS} tabs are open`);
  const carried = { tab, terms, receipt, signedMinor: "0", voucher: null, keptMinor: "0" };
  return stay({ tabs: [...state.tabs, carried] });
}

/** Errors: tab-unknown, voucher-beyond-hold, voucher-late. */
function onPay(state: PayerState, value: unknown, context: DeviceContext): Result {
  const { termsId, minor } = parsed(paySchema, value);
  const carried = find(state, termsId);
  if (carried === undefined) throw new SegmentError("tab-unknown", "there is no such tab here");
  const { tab } = carried;
  if (context.now > tab.payByMs) throw new SegmentError("voucher-late", "the tab takes no more vouchers");
  const signed = BigInt(carried.signedMinor) + BigInt(minor);
  const voucher = signVoucher(context.signer, tab, signed, context.now);
  const next = { ...carried, voucher, signedMinor: signed.toString() };
  return { state: replaced(state, next), effects: [dial(tab)] };
}

function onOpened(state: PayerState, event: DeviceEvent & { kind: "session-opened" }): Result {
  const carried = find(state, event.purpose);
  if (carried === undefined || event.peer !== agentId(carried.tab.payee.identity)) return stay(state);
  const { terms, receipt } = carried;
  return {
    state,
    effects: [say(event.session, "tab", { terms, receipt }), ...shows(event.session, carried)],
  };
}

function shows(session: string, { tab, voucher }: CarriedTab): DeviceEffect[] {
  return voucher === null ? [] : [say(session, "voucher", { termsId: tab.termsId, voucher })];
}

function onSaid(state: PayerState, event: Said, context: DeviceContext): Result {
  if (event.type === "voucher-kept") {
    const { termsId, minor } = parseBody(voucherKeptSchema, event.body);
    const carried = find(state, termsId);
    if (carried === undefined || !isPayee(carried, event)) return stay(state);
    return kept(state, carried, BigInt(minor));
  }
  return event.type === "voucher-refused" ? onRefused(state, event, context) : stay(state);
}

/** What the payee says it has can be no more than what was signed. */
function kept(state: PayerState, carried: CarriedTab, minor: bigint): Result {
  const signed = BigInt(carried.signedMinor);
  if (minor > signed || minor <= BigInt(carried.keptMinor)) return stay(state);
  const next = replaced(state, { ...carried, keptMinor: minor.toString() });
  if (minor < signed) return stay(next);
  return { state: next, effects: [{ kind: "hang-up" }, progress("paid", `${signed} minor units in all`)] };
}

/**
 * The payee has this one already (its answer was lost), or a later one, signed by us before our memory was
 * put back: its signature proves it, and what is to be paid now comes on top. Any other refusal ends the
 * attempt.
 */
function onRefused(state: PayerState, event: Said, context: DeviceContext): Result {
  const { termsId, code, message, voucher } = parseBody(voucherRefusedSchema, event.body);
  const carried = find(state, termsId);
  if (carried === undefined || !isPayee(carried, event)) return stay(state);
  const shown = voucher === null ? 0n : ownVoucher(carried.tab, voucher, context);
  const signed = BigInt(carried.signedMinor);
  if (code === "voucher-replayed" && shown === signed) return kept(state, carried, shown);
  if (code === "voucher-replayed" && shown > signed) {
    const owed = signed - BigInt(carried.keptMinor);
    const total = shown + owed;
    const next = {
      ...carried,
      voucher: signVoucher(context.signer, carried.tab, total, context.now),
      ...{ signedMinor: total.toString(), keptMinor: shown.toString() },
    };
    return { state: replaced(state, next), effects: shows(event.session, next) };
  }
  return {
    state,
    effects: [{ kind: "hang-up" }, progress("voucher-refused", `the payee refused (${code}): ${message}`)],
  };
}

/** The amount of a voucher of this tab that carries our own signature; 0 for any other. */
function ownVoucher(tab: Tab, bytes: Uint8Array, context: DeviceContext): bigint {
  try {
    const fact = openFact(context.crypto, bytes);
    const isOurs =
      equalBytes(fact.signer, context.signer.publicKey) &&
      fact.subject !== null &&
      equalBytes(fact.subject, tab.termsId);
    return isOurs ? readVoucher(fact) : 0n;
  } catch (error) {
    if (error instanceof SegmentError) return 0n;
    throw error;
  }
}

function dial(tab: Tab): DeviceEffect {
  return { kind: "dial", peer: agentId(tab.payee.identity), purpose: tab.termsId };
}

/** One at a time: the radio calls one peer. */
function dialForUnpaid(state: PayerState): DeviceEffect[] {
  const unpaid = state.tabs.find(({ signedMinor, keptMinor }) => BigInt(signedMinor) > BigInt(keptMinor));
  return unpaid === undefined ? [] : [dial(unpaid.tab)];
}

function isPayee({ tab }: CarriedTab, { peer }: Said): boolean {
  return peer === agentId(tab.payee.identity);
}

function find(state: PayerState, termsId: Uint8Array): CarriedTab | undefined {
  return state.tabs.find(({ tab }) => equalBytes(tab.termsId, termsId));
}

function replaced(state: PayerState, next: CarriedTab): PayerState {
  return { tabs: state.tabs.map((one) => (equalBytes(one.tab.termsId, next.tab.termsId) ? next : one)) };
}

/** Errors: message-invalid. */
function parsed<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new SegmentError("message-invalid", result.error.issues[0]?.message ?? "not of the expected shape");
}
