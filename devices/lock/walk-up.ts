/**
 * A guest who walks up, with no network anywhere: the lock agrees by its owner's tariff, takes a voucher of a
 * tab that was opened for it, and lets the guest in until the time agreed. It redeems the voucher once it is
 * online. What it takes and redeems is what any payee does (devices/tab/payee.ts).
 */
import { openFact } from "../../protocols/contract/facts.ts";
import { ACCESS_SCHEMAS } from "../../protocols/access/messages.ts";
import {
  LONGEST_WALK_UP_MS,
  openStayOffer,
  priceOf,
  signStayOffer,
  WALKED_UP,
  walkUpId,
} from "../../protocols/access/walk-up.ts";
import type { StayOffer } from "../../protocols/access/walk-up.ts";
import { equalBytes } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { publicKeyFromId } from "../../protocols/identity/keys.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import { voucherSchema } from "../../protocols/tab/messages.ts";
import type { DeviceContext, DeviceEffect, DeviceEvent } from "../device.ts";
import { say, stay } from "../effects.ts";
import { createPayee } from "../tab/payee.ts";
import type { HeldTab } from "../tab/payee.ts";
import { heard, tell } from "./answers.ts";
import type { Speaker } from "./answers.ts";
import { logged } from "./audit.ts";
import { due, requireRoom, withStay } from "./stay.ts";
import { isTimeKnown } from "./time.ts";
import { MAX_OFFERS } from "./state.ts";
import type { AgreedStay, HeldStay, LockConfig, LockState, Result } from "./state.ts";

/** A voucher that the lock could not redeem in time, were it offline for so long, it does not take. */
const LONGEST_OFFLINE_MS = 3 * 24 * 60 * 60_000;
/** Whoever has agreed has the place for so long; after that, whoever pays first. */
const RESERVED_MS = 2 * 60_000;
const payee = createPayee({ longestOfflineMs: LONGEST_OFFLINE_MS });

/** The guest says until when it would stay, and for how much; the lock agrees, or says what it asks. */
export function onWalkUp(
  config: LockConfig,
  state: LockState,
  to: Speaker,
  body: Uint8Array,
  context: DeviceContext,
): Result {
  const { offer: bytes } = parseBody(ACCESS_SCHEMAS["walk-up"], body);
  const { crypto, now } = context;
  const about = crypto.sha256(bytes).slice(0, 16);
  return heard(config, state, to, { about, line: { what: "walk-up", evidence: bytes } }, context, () => {
    const bid = openStayOffer(crypto, bytes, publicKeyFromId(to.peer));
    const { currency, askedMinor, leastMinor } = requireLet(config, state, to, bid, context);
    const least = priceOf(BigInt(leastMinor), now, bid.untilMs);
    const last = state.letting.offers.find(({ tab }) => equalBytes(tab, bid.tab));
    // What the lock has offered before, it keeps to.
    const isKept = last?.untilMs === bid.untilMs && BigInt(last.priceMinor) === bid.priceMinor;
    const isAgreed = isKept || bid.priceMinor >= least;
    const priceMinor = isAgreed ? bid.priceMinor : priceOf(BigInt(askedMinor), now, bid.untilMs);
    const offer = signStayOffer(context.signer, { ...bid, priceMinor }, now);
    const agreed: AgreedStay = {
      ...{ tab: bid.tab, guest: publicKeyFromId(to.peer), untilMs: bid.untilMs, offer },
      ...{ priceMinor: priceMinor.toString(), bid: isAgreed ? bytes : null },
    };
    const others = state.letting.offers.filter(({ tab }) => !equalBytes(tab, bid.tab));
    const offers = [...others, agreed].slice(-MAX_OFFERS);
    const next = { ...state, letting: { ...state.letting, offers } };
    const said = { offer, isAgreed, currency, tenure: state.tenure };
    return { state: next, effects: [tell(to, `walk-up/${now}`, "walk-up-offer", said)] };
  });
}

/** Errors: owner-required (no tariff), time-unknown, tab-unknown, tab-unfunded, peer-refused, lock-full. */
function requireLet(
  config: LockConfig,
  state: LockState,
  to: Speaker,
  { tab: id, untilMs }: StayOffer,
  context: DeviceContext,
): NonNullable<LockState["letting"]["tariff"]> {
  const { tariff, till } = state.letting;
  const { now } = context;
  if (tariff === null) throw new SegmentError("owner-required", "no owner lets this lock to who walks up");
  if (!isTimeKnown(config, state, context))
    throw new SegmentError("time-unknown", "the lock does not know what time it is");
  const held = till.tabs.find(({ tab }) => equalBytes(tab.termsId, id));
  if (held === undefined || to.session === null)
    throw new SegmentError("tab-unknown", "no tab for this lock was shown");
  if (held.status !== "open") throw new SegmentError("tab-unfunded", "the tab pays nothing any more");
  if (!equalBytes(held.tab.payer.identity, publicKeyFromId(to.peer)) || held.tab.currency !== tariff.currency)
    throw new SegmentError("tab-unknown", "the tab is another's, or in another currency");
  if (untilMs <= now || untilMs > now + LONGEST_WALK_UP_MS)
    throw new SegmentError("peer-refused", "nobody walks in for so long");
  requireFree(state, { tab: id, untilMs }, context);
  return tariff;
}

/** Errors: peer-refused, lock-full. */
function requireFree(
  state: LockState,
  { tab, untilMs }: Pick<StayOffer, "tab" | "untilMs">,
  { crypto, now }: DeviceContext,
): void {
  const isLet = state.stays.some(
    ({ phase, departure, departureMs, arrivalMs }) =>
      phase !== "closed" && departure === null && departureMs > now && arrivalMs < untilMs,
  );
  const isPromised = state.letting.offers.some((one) => {
    if (one.bid === null || equalBytes(one.tab, tab)) return false;
    return now < openFact(crypto, one.offer).timeMs + RESERVED_MS;
  });
  if (isLet || isPromised) throw new SegmentError("peer-refused", "the place is not free until then");
  requireRoom(state, now);
}

/**
 * A voucher for a stay that cannot be any more is not taken: the guest keeps the money. Undefined for
 * anything else.
 */
export function notForSale(state: LockState, event: DeviceEvent, context: DeviceContext): Result | undefined {
  if (event.kind !== "session-message" || event.type !== "voucher") return undefined;
  const { termsId } = parseBody(voucherSchema, event.body);
  const agreed = state.letting.offers.find(({ tab, bid }) => bid !== null && equalBytes(tab, termsId));
  if (agreed === undefined) return undefined;
  try {
    if (agreed.untilMs <= context.now) throw new SegmentError("peer-refused", "the stay would be over");
    requireFree(state, agreed, context);
    return undefined;
  } catch (error) {
    if (!(error instanceof SegmentError)) throw error;
    const refusal = { termsId, code: error.code, message: error.message, voucher: null };
    return { state, effects: [say(event.session, "voucher-refused", refusal)] };
  }
}

/** What is the till's: tabs, vouchers, and how they are redeemed. Undefined for anything else. */
export function atTheTill(state: LockState, event: DeviceEvent, context: DeviceContext): Result | undefined {
  if (!isTills(event)) return undefined;
  const { state: till, effects } = payee.step(state.letting.till, event, context);
  const next = { ...state, letting: { ...state.letting, till } };
  // Who may come is not for the till to say.
  return { state: next, effects: effects.filter(({ kind }) => kind !== "advertise" && kind !== "actuate") };
}

function isTills(event: DeviceEvent): boolean {
  if (event.kind === "session-message") return event.type === "tab" || event.type === "voucher";
  if (event.kind === "timer") return event.name.startsWith("redeem/");
  return event.kind === "started" || event.kind === "time-corrected" || event.kind === "receipt";
}

/** A voucher has come: whoever has agreed, and has paid in full, is let in from now on. */
export function afterTheTill(
  config: LockConfig,
  before: LockState,
  after: LockState,
  context: DeviceContext,
): Result {
  const paid = after.letting.till.tabs.find(
    (tab) => BigInt(tab.paidMinor) > paidBefore(before, tab) && tab.status === "open",
  );
  const agreed = paid && after.letting.offers.find(({ tab }) => equalBytes(tab, paid.tab.termsId));
  if (paid === undefined || agreed === undefined || agreed.bid === null) return stay(after);
  if (BigInt(paid.paidMinor) < BigInt(agreed.priceMinor)) return stay(after);
  const termsId = walkUpId(context.crypto, agreed.offer);
  const held: HeldStay = {
    ...{ termsId, guest: agreed.guest, arrivalMs: context.now, departureMs: agreed.untilMs },
    ...{ phase: WALKED_UP, seq: 0, departure: null, filed: 0 },
    opening: { guest: agreed.bid, lock: agreed.offer },
  };
  const offers = after.letting.offers.filter((one) => one !== agreed);
  const next = withStay({ ...after, letting: { ...after.letting, offers } }, held, context);
  const line = { what: "walk-up", key: termsId, evidence: paid.voucher ?? agreed.offer };
  const written = logged(config, next, { ...line, who: peerOf(before, agreed) }, context);
  // The whole of it was paid: the tab can be redeemed as soon as there is a network.
  const redeemed = redeem(written.state, paid, context);
  return {
    state: redeemed.state,
    effects: [...written.effects, ...redeemed.effects, ...due(redeemed.state, context)],
  };
}

function redeem(state: LockState, { tab }: HeldTab, context: DeviceContext): Result {
  const event = { kind: "command", name: "redeem", value: tab.termsId } as const;
  const { state: till, effects } = payee.step(state.letting.till, event, context);
  const kept: DeviceEffect[] = effects.filter(({ kind }) => kind !== "advertise");
  return { state: { ...state, letting: { ...state.letting, till } }, effects: kept };
}

function paidBefore({ letting }: LockState, { tab }: HeldTab): bigint {
  const held = letting.till.tabs.find((one) => equalBytes(one.tab.termsId, tab.termsId));
  return BigInt(held?.paidMinor ?? 0);
}

function peerOf({ sessions }: LockState, { guest }: AgreedStay): string | null {
  return sessions.find(({ peer }) => equalBytes(publicKeyFromId(peer), guest))?.peer ?? null;
}
