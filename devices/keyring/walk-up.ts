/**
 * A guest's phone at a door that it has not rented, with no network: it says until when it would stay and for
 * how much, takes what the lock asks if that is not too much, and pays by a voucher of a tab for this lock.
 */
import { ACCESS_SCHEMAS } from "../../protocols/access/messages.ts";
import { TENURE_LENGTH } from "../../protocols/access/tenure.ts";
import { openStayOffer, signStayOffer, WALKED_UP, walkUpId } from "../../protocols/access/walk-up.ts";
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { openCard } from "../../protocols/identity/card.ts";
import { agentId, publicKeyFromId } from "../../protocols/identity/keys.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import { voucherKeptSchema, voucherRefusedSchema } from "../../protocols/tab/messages.ts";
import { isFunded, readTab } from "../../protocols/tab/tab.ts";
import { signVoucher } from "../../protocols/tab/voucher.ts";
import type { DeviceContext, DeviceEffect, DeviceEvent } from "../device.ts";
import { meet, progress, say, stay } from "../effects.ts";
import { parsed } from "./commands.ts";
import { lockOf, withKnown, withLock } from "./find.ts";
import { MAX_LOCKS } from "./state.ts";
import type { KeyringState, KnownLock, RentedStay, Result, WalkUp } from "./state.ts";
import { withRoom } from "./stays.ts";
import { LOCK_PURPOSE } from "./wishes.ts";

/**
 * Errors: message-invalid, terms-invalid, tab-unknown (not of this phone for this lock), tab-unfunded,
 * queue-full.
 */
export function onWalkUp(before: KeyringState, value: unknown, context: DeviceContext): Result {
  const { card, name, terms, receipt, untilMs, bidMinor, mostMinor } = parsed("walk-up", value);
  const { identity, sessionKey } = openCard(context.crypto, card);
  const tab = readTab(context.crypto, terms);
  const id = agentId(identity);
  if (!equalBytes(tab.payee.identity, identity) || agentId(tab.payer.identity) !== context.self)
    throw new SegmentError("tab-unknown", "the tab does not pay this lock, or is another's");
  if (!isFunded(tab, context.verifyReceipt(receipt)))
    throw new SegmentError("tab-unfunded", "the receipt does not say that the tab holds its amount");
  const stays = withRoom(before.stays, context);
  const known: KnownLock = lockOf(before, id) ?? {
    ...{ id, sessionKey, network: tab.network, name, tenure: new Uint8Array(TENURE_LENGTH) },
    ...{ isOwned: false, orders: 0, standing: null },
  };
  const walkUp: WalkUp = { lock: id, tab, terms, receipt, untilMs, bidMinor, mostMinor, ...NOTHING_YET };
  const state = withLock({ ...before, stays, walkUp, outcome: null }, known, MAX_LOCKS);
  const { session } = state;
  if (session?.lock === id) return walksUp(state, session.id, context);
  const keys = { sessionKey: known.sessionKey, psk: null };
  return { state, effects: [meet(card), { kind: "dial", peer: id, purpose: LOCK_PURPOSE, keys }] };
}

const NOTHING_YET = { bid: null, offer: null, tenure: null, voucher: null };

/** A session with the lock is open: what is under way begins, or goes on. */
export function walksUp(state: KeyringState, session: string, context: DeviceContext): Result {
  const { walkUp } = state;
  if (walkUp === null || state.session?.lock !== walkUp.lock) return stay(state);
  const { terms, receipt, tab, voucher } = walkUp;
  const shown = say(session, "tab", { terms, receipt });
  if (voucher !== null)
    return { state, effects: [shown, say(session, "voucher", { termsId: tab.termsId, voucher })] };
  const bid = bidding(state, walkUp, BigInt(walkUp.bidMinor), session, context);
  return { state: bid.state, effects: [shown, ...bid.effects] };
}

function bidding(
  state: KeyringState,
  walkUp: WalkUp,
  priceMinor: bigint,
  session: string,
  { signer, now }: DeviceContext,
): Result {
  const { tab, untilMs } = walkUp;
  const bid = signStayOffer(signer, { tab: tab.termsId, untilMs, priceMinor }, now);
  const next = { ...state, walkUp: { ...walkUp, bidMinor: priceMinor.toString(), bid } };
  return { state: next, effects: [say(session, "walk-up", { offer: bid })] };
}

/** What the lock says to it. Undefined for anything else. Errors: message-invalid, fact-invalid. */
export function onWalkUpSaid(
  state: KeyringState,
  event: DeviceEvent & { kind: "session-message" },
  context: DeviceContext,
): Result | undefined {
  const { walkUp } = state;
  if (walkUp === null || walkUp.lock !== event.peer) return undefined;
  switch (event.type) {
    case "walk-up-offer":
      return onOffer(state, walkUp, event, context);
    case "voucher-kept": {
      const { minor } = parseBody(voucherKeptSchema, event.body);
      return BigInt(minor) >= BigInt(walkUp.bidMinor) ? letIn(state, walkUp, context) : stay(state);
    }
    case "voucher-refused": {
      const { code, voucher } = parseBody(voucherRefusedSchema, event.body);
      // It had it already: its answer was lost.
      const isKept = voucher !== null && walkUp.voucher !== null && equalBytes(voucher, walkUp.voucher);
      return isKept ? letIn(state, walkUp, context) : over(state, code);
    }
    case "lock-answer": {
      const { about, code } = parseBody(ACCESS_SCHEMAS["lock-answer"], event.body);
      const { bid } = walkUp;
      if (bid === null || code === null || !equalBytes(about, context.crypto.sha256(bid).slice(0, 16)))
        return undefined;
      return over(state, code);
    }
    default:
      return undefined;
  }
}

function onOffer(
  state: KeyringState,
  walkUp: WalkUp,
  { body, session }: DeviceEvent & { kind: "session-message" },
  context: DeviceContext,
): Result {
  const { offer, tenure } = parseBody(ACCESS_SCHEMAS["walk-up-offer"], body);
  const { tab, untilMs, priceMinor } = openStayOffer(context.crypto, offer, publicKeyFromId(walkUp.lock));
  if (walkUp.voucher !== null || !equalBytes(tab, walkUp.tab.termsId) || untilMs !== walkUp.untilMs)
    return stay(state);
  const asks = progress("walk-up", `the lock says ${priceMinor} minor units`);
  if (priceMinor > BigInt(walkUp.mostMinor)) {
    const declined = over(state, "offer-declined");
    return { state: declined.state, effects: [asks, ...declined.effects] };
  }
  if (priceMinor !== BigInt(walkUp.bidMinor)) {
    const again = bidding(state, walkUp, priceMinor, session, context);
    return { state: again.state, effects: [asks, ...again.effects] };
  }
  const voucher = signVoucher(context.signer, walkUp.tab, priceMinor, context.now);
  const paying = { ...state, walkUp: { ...walkUp, offer, tenure, voucher } };
  return { state: paying, effects: [asks, say(session, "voucher", { termsId: tab, voucher })] };
}

/** The lock holds the voucher: what both have signed opens the door, as a rental's contract does. */
function letIn(state: KeyringState, walkUp: WalkUp, { crypto }: DeviceContext): Result {
  const { lock, bid, offer, tenure } = walkUp;
  const known = lockOf(state, lock);
  if (bid === null || offer === null || tenure === null || known === undefined) return stay(state);
  const termsId = walkUpId(crypto, offer);
  const rented: RentedStay = {
    ...{ lock, termsId, terms: offer, receipt: null, seq: 0, phase: WALKED_UP, shownSeq: 0, offered: null },
    ...{ opening: { guest: bid, lock: offer }, refusal: null, filed: 0, filedMs: 0 },
  };
  // There was room when it began. What is paid for is kept in any case.
  const stays = [...state.stays, rented];
  const next = withKnown({ ...state, stays }, { ...known, tenure });
  const done = over(next, null);
  return { state: done.state, effects: [...done.effects, progress("walked-up", toHex(termsId))] };
}

function over(state: KeyringState, code: string | null): Result {
  const about = state.walkUp?.tab.termsId.slice(0, 16) ?? new Uint8Array(16);
  const outcome = { about, code, message: "", waitMs: 0 };
  const effects: DeviceEffect[] = code === null ? [] : [progress("walk-up-over", code)];
  return { state: { ...state, walkUp: null, outcome }, effects };
}
