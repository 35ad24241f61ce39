/**
 * Whoever is paid by vouchers over BLE, with no network: a lock, a meter, a shop's till. It gives what was
 * paid for once the voucher stands in its journal, keeps the last one of each tab, and redeems it when the
 * tab takes no more, or when its owner says so.
 */
import { redemptionFacts, openVoucher } from "../../protocols/tab/voucher.ts";
import { isFunded, readTab } from "../../protocols/tab/tab.ts";
import type { Tab } from "../../protocols/tab/tab.ts";
import { tabSchema, voucherSchema } from "../../protocols/tab/messages.ts";
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { SegmentError, unreachable } from "../../protocols/errors.ts";
import { agentId, publicKeyFromId } from "../../protocols/identity/keys.ts";
import { draftFacts } from "../../protocols/ledger/drafts.ts";
import type { VerifiedReceipt } from "../../protocols/ledger/receipt.ts";
import { contractReceipt } from "../../protocols/ledger/receipt-view.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { Device, DeviceContext, DeviceEffect, DeviceEvent, Step } from "../device.ts";
import { keep, progress, say, stay, timer } from "../effects.ts";

export interface PayeeConfig {
  /** How long it may be without a network: a voucher that could then not be redeemed in time is refused. */
  longestOfflineMs: number;
}

export interface HeldTab {
  tab: Tab;
  /** All that was paid so far, in minor units as text. */
  paidMinor: string;
  /** The voucher that says so. */
  voucher: Uint8Array | null;
  /** `expected`: signed, the deposit was not seen yet; `redeeming`: the notaries are asked for the money. */
  status: "expected" | "open" | "redeeming" | "closed";
  /** Times that the redemption was handed in. */
  attempts: number;
}

export interface PayeeState {
  /** Oldest first. */
  tabs: HeldTab[];
}

type Result = Step<PayeeState>;

/** Closed ones make room for new ones. */
export const MAX_TABS = 64;
/** Between two attempts to redeem: who is offline does not know when that ends. */
export const REDEEM_AGAIN_MS = 10 * 60_000;

export function createPayee(config: PayeeConfig): Device<PayeeState> {
  return {
    kind: "payee",
    initial: () => ({ tabs: [] }),
    step: (state, event, context) => step(config, state, event, context),
  };
}

function step(config: PayeeConfig, state: PayeeState, event: DeviceEvent, context: DeviceContext): Result {
  switch (event.kind) {
    case "started":
    case "time-corrected":
      return {
        state,
        effects: [advertise(state), ...state.tabs.filter(isOpen).map((one) => redeemTimer(config, one))],
      };
    case "command":
      if (event.name === "expect") return onExpect(config, state, event.value, context);
      if (event.name === "release") return onRelease(state, event.value);
      return event.name === "redeem" ? onRedeem(state, event.value, context) : stay(state);
    case "session-message":
      return onSaid(config, state, event, context);
    case "timer": {
      const due = state.tabs.find((one) => isOpen(one) && timerName(one.tab) === event.name);
      return due === undefined ? stay(state) : redeem(state, due, context);
    }
    case "receipt":
      return onReceipt(state, event.receipt, event.bytes);
    case "message":
    case "session-opened":
    case "session-closed":
    case "session-refused":
    case "sensor":
      return stay(state);
    default:
      return unreachable(event);
  }
}

/** Its owner has signed these terms: the payer is let in. Errors: terms-…, tab-unknown (another is paid). */
function onExpect(config: PayeeConfig, state: PayeeState, value: unknown, context: DeviceContext): Result {
  if (!(value instanceof Uint8Array)) throw new SegmentError("message-invalid", "expected the tab's terms");
  const tab = ownTab(value, context);
  if (find(state, tab.termsId) !== undefined) return stay(state);
  return entered(config, state, { tab, paidMinor: "0", voucher: null, status: "expected", attempts: 0 });
}

function ownTab(terms: Uint8Array, context: DeviceContext): Tab {
  const tab = readTab(context.crypto, terms);
  if (!equalBytes(tab.payee.identity, publicKeyFromId(context.self)))
    throw new SegmentError("tab-unknown", "the tab pays another");
  if (tab.network !== context.network)
    throw new SegmentError("terms-invalid", `the tab is of the network "${tab.network}"`);
  return tab;
}

/** Errors: queue-full. */
function entered(config: PayeeConfig, state: PayeeState, fresh: HeldTab): Result {
  const full = state.tabs.length >= MAX_TABS;
  const over = full ? state.tabs.findIndex(({ status }) => status === "closed") : -1;
  if (full && over < 0) throw new SegmentError("queue-full", `${MAX_TABS} tabs are open`);
  const next = { tabs: [...state.tabs.filter((_, index) => index !== over), fresh] };
  return { state: next, effects: [advertise(next), redeemTimer(config, fresh)] };
}

function onSaid(
  config: PayeeConfig,
  state: PayeeState,
  event: DeviceEvent & { kind: "session-message" },
  context: DeviceContext,
): Result {
  if (event.type === "tab") return onTab(config, state, event, context);
  return event.type === "voucher" ? onVoucher(config, state, event, context) : stay(state);
}

/**
 * The payer shows that its deposit is held: certified, so no network is needed to believe it. That the payee
 * itself has signed these terms, the notaries have seen.
 */
function onTab(
  config: PayeeConfig,
  state: PayeeState,
  event: DeviceEvent & { kind: "session-message" },
  context: DeviceContext,
): Result {
  const { terms, receipt } = parseBody(tabSchema, event.body);
  const tab = ownTab(terms, context);
  const known = find(state, tab.termsId);
  if (known !== undefined && known.status !== "expected") return stay(state);
  if (!isFunded(tab, context.verifyReceipt(receipt)))
    throw new SegmentError("tab-unfunded", "the receipt does not say that the tab holds its amount");
  if (known === undefined)
    return entered(config, state, { tab, paidMinor: "0", voucher: null, status: "open", attempts: 0 });
  return stay(replaced(state, { ...known, status: "open" }));
}

/** What was paid is told and given only after the voucher is durable: the effects wait for the journal. */
function onVoucher(
  config: PayeeConfig,
  state: PayeeState,
  event: DeviceEvent & { kind: "session-message" },
  context: DeviceContext,
): Result {
  const { termsId, voucher } = parseBody(voucherSchema, event.body);
  const held = find(state, termsId);
  try {
    const open = requireOpen(held, config, context.now);
    const { tab, paidMinor } = open;
    const minor = openVoucher(context.crypto, tab, voucher, BigInt(paidMinor), context.now);
    const paid = { ...open, voucher, paidMinor: minor.toString() };
    const gained = (minor - BigInt(paidMinor)).toString();
    return {
      state: replaced(state, paid),
      effects: [
        say(event.session, "voucher-kept", { termsId, minor: paid.paidMinor }),
        { kind: "actuate", name: "paid", value: { termsId, minor: gained, currency: tab.currency } },
        progress("voucher", `${gained} minor units were paid by voucher`),
      ],
    };
  } catch (error) {
    if (!(error instanceof SegmentError)) throw error;
    const { code, message } = error;
    const refusal = { termsId, code, message: message.slice(0, 300), voucher: held?.voucher ?? null };
    return { state, effects: [say(event.session, "voucher-refused", refusal)] };
  }
}

function requireOpen(held: HeldTab | undefined, config: PayeeConfig, now: number): HeldTab {
  if (held === undefined) throw new SegmentError("tab-unknown", "there is no such tab here");
  if (held.status === "expected") throw new SegmentError("tab-unfunded", "the deposit was not shown");
  if (held.status !== "open") throw new SegmentError("voucher-late", "the tab is being redeemed");
  if (now > takesUntilMs(config, held.tab))
    throw new SegmentError("voucher-late", "it could not be redeemed in time, should the network stay away");
  return held;
}

function onRedeem(state: PayeeState, value: unknown, context: DeviceContext): Result {
  const held = named(state, value);
  return isOpen(held) ? redeem(state, held, context) : stay(state);
}

/** The payer is to have everything back before the tab's end: only the payee can agree to that. */
function onRelease(state: PayeeState, value: unknown): Result {
  const { tab, status } = named(state, value);
  if (status !== "expected" && status !== "open") return stay(state);
  const entry = { body: { kind: "choice", termsId: tab.termsId, name: "release", value: 1n } } as const;
  return { state, effects: [{ kind: "submit", id: `release/${toHex(tab.termsId)}`, entry }] };
}

/** Errors: tab-unknown. */
function named(state: PayeeState, value: unknown): HeldTab {
  const held = value instanceof Uint8Array ? find(state, value) : undefined;
  if (held === undefined) throw new SegmentError("tab-unknown", "there is no such tab here");
  return held;
}

/** The last voucher goes to the notaries; again after a while, until they have answered or it is too late. */
function redeem(state: PayeeState, held: HeldTab, context: DeviceContext): Result {
  const { tab, voucher, attempts } = held;
  if (voucher === null || context.now > tab.redeemByMs) {
    const over = replaced(state, { ...held, status: "closed" });
    return { state: over, effects: [advertise(over)] };
  }
  const facts = redemptionFacts(context.crypto, context.signer, tab, voucher);
  const next = replaced(state, { ...held, status: "redeeming", attempts: attempts + 1 });
  return {
    state: next,
    effects: [
      {
        kind: "submit",
        id: `redeem/${toHex(tab.termsId)}/${attempts}`,
        entry: draftFacts(context.crypto, tab.termsId, facts),
      },
      timer(timerName(tab), context.now + REDEEM_AGAIN_MS),
      advertise(next),
    ],
  };
}

function onReceipt(state: PayeeState, receipt: VerifiedReceipt, bytes: Uint8Array): Result {
  const transition = contractReceipt(receipt)?.transition;
  const held = transition && find(state, transition.termsId);
  if (transition === undefined || held === undefined || held.status === "closed") return stay(state);
  if (!transition.closed) {
    // The notaries' own word on the deposit is as good as the payer's copy of it.
    if (held.status !== "expected" || !isFunded(held.tab, receipt)) return stay(state);
    return stay(replaced(state, { ...held, status: "open" }));
  }
  const over = replaced(state, { ...held, status: "closed" });
  return {
    state: over,
    effects: [
      timer(timerName(held.tab), null),
      advertise(over),
      keep("tab-receipt", bytes),
      progress("redeemed", `the tab ended; ${held.paidMinor} minor units were paid by it`),
    ],
  };
}

function find(state: PayeeState, termsId: Uint8Array): HeldTab | undefined {
  return state.tabs.find(({ tab }) => equalBytes(tab.termsId, termsId));
}

function replaced(state: PayeeState, held: HeldTab): PayeeState {
  return { tabs: state.tabs.map((one) => (equalBytes(one.tab.termsId, held.tab.termsId) ? held : one)) };
}

function isOpen({ status }: HeldTab): boolean {
  return status !== "closed";
}

function timerName(tab: Tab): string {
  return `redeem/${toHex(tab.termsId)}`;
}

/** Until then, however long it is offline, there is time left to redeem. */
function takesUntilMs({ longestOfflineMs }: PayeeConfig, tab: Tab): number {
  return Math.min(tab.payByMs, tab.redeemByMs - longestOfflineMs);
}

function redeemTimer(config: PayeeConfig, { tab }: HeldTab): DeviceEffect {
  return timer(timerName(tab), takesUntilMs(config, tab));
}

function advertise({ tabs }: PayeeState): DeviceEffect {
  const payers = tabs.filter(({ status }) => status === "expected" || status === "open");
  return { kind: "advertise", to: [...new Set(payers.map(({ tab }) => agentId(tab.payer.identity)))] };
}
