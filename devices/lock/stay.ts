/**
 * A rental's stay at the lock: the guest's phone shows terms and the notaries' certificate, so that the lock
 * needs no network to know who may come, and when. What the lock and the phone have signed goes to the
 * notaries as soon as either has a network.
 */
import { ACCESS_SCHEMAS } from "../../protocols/access/messages.ts";
import type { LockRequest } from "../../protocols/access/command.ts";
import {
  MAY_OPEN,
  openOpening,
  phaseOf,
  readStay,
  signDeparture,
  signOpening,
  signRefusal,
} from "../../protocols/access/stay.ts";
import type { StayPhase } from "../../protocols/access/stay.ts";
import { WALKED_UP } from "../../protocols/access/walk-up.ts";
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import type { ErrorCode } from "../../protocols/errors.ts";
import { agentId, publicKeyFromId } from "../../protocols/identity/keys.ts";
import { draftFacts } from "../../protocols/ledger/drafts.ts";
import { contractReceipt } from "../../protocols/ledger/receipt-view.ts";
import type { VerifiedReceipt } from "../../protocols/ledger/receipt.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { DeviceContext, DeviceEffect } from "../device.ts";
import { progress, stay as unchanged, timer } from "../effects.ts";
import { done, heard, SignedRefusal } from "./answers.ts";
import type { Speaker } from "./answers.ts";
import { logged } from "./audit.ts";
import type { Line } from "./audit.ts";
import { isDoorShut } from "./senses.ts";
import { isTimeKnown, withTime } from "./time.ts";
import { DOOR, MAX_STAYS } from "./state.ts";
import type { HeldStay, LockConfig, LockState, Result } from "./state.ts";

/** Who is offline does not know when that ends; what the notaries have is not handed in again. */
const FILE_AGAIN_MS = 6 * 60 * 60_000;
/** From here on after the departure, nothing more is handed in: every deadline has passed. */
const GIVE_UP_MS = 120 * 24 * 60 * 60_000;

/** The guest shows what was signed, and how the contract stands. */
export function onStay(
  config: LockConfig,
  before: LockState,
  to: Speaker,
  body: Uint8Array,
  context: DeviceContext,
): Result {
  const state = withTime(config, before, context);
  const { terms, receipt } = parseBody(ACCESS_SCHEMAS["lock-stay"], body);
  const stay = readStay(context.crypto, terms);
  const { termsId, guest, lock, arrivalMs, departureMs } = stay;
  const about = termsId.slice(0, 16);
  const line: Line = { what: "stay", key: termsId, evidence: terms };
  return heard(config, state, to, { about, line }, context, () => {
    if (!equalBytes(lock.identity, publicKeyFromId(context.self)) || stay.network !== context.network)
      throw new SegmentError("key-foreign", "the contract is about another lock");
    if (agentId(guest.identity) !== to.peer)
      throw new SegmentError("key-not-holder", "the contract is another's");
    const phase = phaseOf(termsId, context.verifyReceipt(receipt));
    if (phase === undefined) throw new SegmentError("receipt-invalid", "the receipt says nothing of it");
    const known = stayOf(state, termsId);
    const fresh: HeldStay = { termsId, guest: guest.identity, arrivalMs, departureMs, ...NOTHING_YET };
    const next = withStay(state, advanced(known ?? fresh, phase), context);
    if (known !== undefined)
      return { state: next, effects: [done(config, next, to, about, context), ...due(next, context)] };
    const written = logged(config, next, { ...line, who: to.peer }, context);
    const told = done(config, written.state, to, about, context);
    return { state: written.state, effects: [told, ...written.effects, ...due(written.state, context)] };
  });
}

const NOTHING_YET = { phase: "", seq: -1, opening: null, departure: null, filed: 0 };

export interface StayAsked {
  request: LockRequest;
  signer: Uint8Array;
  /** The guest's word on the opening. */
  opened: Uint8Array | null;
}

/** The stay whose id a guest shows instead of a key. */
export function stayShown(state: LockState, { request, signer }: StayAsked): HeldStay | undefined {
  const stay = request.key === null ? undefined : stayOf(state, request.key);
  return stay !== undefined && equalBytes(stay.guest, signer) ? stay : undefined;
}

/**
 * The stay lets its guest in: `fact` is the lock's word on the first opening, which goes to the guest and to
 * the notaries. Errors: right-missing, fact-invalid, and why the guest is not let in, if it is the lock's or
 * its owners' doing as a `SignedRefusal`.
 */
export function openedByStay(
  config: LockConfig,
  state: LockState,
  to: Speaker,
  stay: HeldStay,
  asked: StayAsked,
  context: DeviceContext,
): { state: LockState; fact: Uint8Array | null; effects: DeviceEffect[] } {
  const { request } = asked;
  if (request.target !== DOOR || request.action !== "open")
    throw new SegmentError("right-missing", "a rental's guest may open the door");
  const [code, message] = refusalOf(config, state, stay, context) ?? [];
  if (code !== undefined) throw refusalFor(stay, code, message ?? "", config, state, context);
  if (stay.phase === WALKED_UP) return { state, fact: null, effects: [] };
  if (stay.opening !== null) return { state, fact: stay.opening.lock, effects: [] };
  const { session } = to;
  if (session === null || asked.opened === null)
    throw new SegmentError("fact-invalid", "the first opening needs the guest's own word, at the door");
  const expected = { termsId: stay.termsId, by: stay.guest, session: session.hash, now: context.now };
  const { bytes: guest } = openOpening(context.crypto, asked.opened, expected);
  const fact = signOpening(context.signer, stay.termsId, session.hash, context.now);
  const entered = withStay(state, { ...stay, opening: { guest, lock: fact } }, context);
  const filed = filedNow(entered, context);
  return { state: filed.state, fact, effects: [...filed.effects, ...due(filed.state, context)] };
}

/** Why a stay does not let its guest in now. */
export function refusalOf(
  config: LockConfig,
  state: LockState,
  stay: HeldStay,
  context: DeviceContext,
): [code: ErrorCode, message: string] | undefined {
  const { now } = context;
  if (state.revoked.some(({ id }) => equalBytes(id, stay.termsId)))
    return ["key-revoked", "an owner lets nobody in by this contract"];
  // The door was shut since: the stamp comes with the next step, the stay is over now.
  const isOver = stay.opening !== null && now >= stay.departureMs && isDoorShut(config, context);
  if (stay.phase === "closed" || stay.departure !== null || (isOver && isTimeKnown(config, state, context)))
    return ["contract-closed", "the stay is over: the contract opens nothing any more"];
  if (!isTimeKnown(config, state, context)) return ["time-unknown", "the lock does not know what time it is"];
  if (now < stay.arrivalMs) return ["key-not-yet", "it is before the arrival"];
  if (stay.phase !== MAY_OPEN && stay.phase !== "stay" && stay.phase !== WALKED_UP)
    return ["contract-not-expected", `the contract stands at "${stay.phase}"`];
  // The first opening is worth nothing after the departure; who is in may come back until the door was shut.
  if (now >= stay.departureMs && stay.opening === null) return ["key-expired", "it is after the departure"];
  return undefined;
}

/** Signed where it counts: the label lets the guest in, and the lock knows the time. */
function refusalFor(
  stay: HeldStay,
  code: ErrorCode,
  message: string,
  config: LockConfig,
  state: LockState,
  context: DeviceContext,
): SegmentError {
  const lets = stay.phase === MAY_OPEN && isTimeKnown(config, state, context);
  if (!lets) return new SegmentError(code, message, { where: "stay" });
  return new SignedRefusal(code, message, signRefusal(context.signer, stay.termsId, code, context.now));
}

/** Guests of a stay that has begun may let others in, as owners do, as long as it lasts. */
export function isHosting(
  config: LockConfig,
  state: LockState,
  identity: Uint8Array,
  context: DeviceContext,
): boolean {
  return state.stays.some(
    (stay) =>
      stay.opening !== null &&
      equalBytes(stay.guest, identity) &&
      refusalOf(config, state, stay, context) === undefined,
  );
}

/**
 * Of a key that a guest has made: as much as the guest may do, and only once the guest has come. Errors: why
 * not.
 */
export function requireGuestsGuest(
  config: LockConfig,
  state: LockState,
  issuer: Uint8Array,
  { target, action }: LockRequest,
  context: DeviceContext,
): void {
  if (state.owners.some(({ identity }) => equalBytes(identity, issuer))) return;
  const stay = state.stays.findLast(({ guest }) => equalBytes(guest, issuer));
  if (stay === undefined) return;
  const [code, message] = refusalOf(config, state, stay, context) ?? [];
  if (code !== undefined) throw new SegmentError(code, message ?? "", { where: "stay" });
  if (stay.opening === null)
    throw new SegmentError("key-not-yet", "whoever has rented has not come yet", { where: "stay" });
  if (target !== DOOR || action !== "open")
    throw new SegmentError("right-missing", "a rental's guests may open the door");
}

/** The notaries have spoken, of an entry of whoever. */
export function onReceipt(
  config: LockConfig,
  state: LockState,
  receipt: VerifiedReceipt,
  context: DeviceContext,
): Result {
  const about = contractReceipt(receipt);
  const known = about && stayOf(state, about.termsId);
  if (known === undefined) return unchanged(state);
  const phase = phaseOf(known.termsId, receipt);
  if (phase === undefined) {
    // Something was refused, perhaps because the other side was first: how does it stand?
    return { state, effects: [{ kind: "inquire", termsId: known.termsId }] };
  }
  const stay = advanced(known, phase);
  if (stay === known) return unchanged(state);
  const told = progress("stay", `${toHex(stay.termsId).slice(0, 8)} stands at "${stay.phase}"`);
  const departed = departures(config, withStay(state, stay, context), context);
  const filed = filedNow(departed.state, context);
  return {
    state: filed.state,
    effects: [told, ...departed.effects, ...filed.effects, ...due(filed.state, context)],
  };
}

/** After the departure the door is shut: stamped once, and from then on the contract opens nothing. */
export function departures(config: LockConfig, state: LockState, context: DeviceContext): Result {
  const { now } = context;
  if (!isTimeKnown(config, state, context) || !isDoorShut(config, context)) return unchanged(state);
  const over = state.stays.filter(
    ({ opening, departure, departureMs }) => opening !== null && departure === null && now >= departureMs,
  );
  if (over.length === 0) return unchanged(state);
  const stamped = over.reduce<Result>((at, stay) => {
    const departure = signDeparture(context.signer, stay.termsId, now);
    const next = withStay(at.state, { ...stay, departure }, context);
    const line = { what: "departure", key: stay.termsId, evidence: departure };
    const written = logged(config, next, line, context);
    const told = progress("departure", "the stay is over and the door is shut");
    return { state: written.state, effects: [...at.effects, ...written.effects, told] };
  }, unchanged(state));
  const filed = filedNow(stamped.state, context);
  return {
    state: filed.state,
    effects: [...stamped.effects, ...filed.effects, ...due(filed.state, context)],
  };
}

/** After a start, or once the clock is right; and when the timers below ring. */
export function staysAgain(config: LockConfig, state: LockState, context: DeviceContext): Result {
  const departed = departures(config, state, context);
  const filed = filedNow(departed.state, context);
  const again = filed.effects.length > 0 ? [timer("file", context.now + FILE_AGAIN_MS)] : [];
  return {
    state: filed.state,
    effects: [...departed.effects, ...filed.effects, ...due(filed.state, context), ...again],
  };
}

/** When the next stay ends. Once that has passed, the door is waited for. */
export function due({ stays }: LockState, { now }: DeviceContext): DeviceEffect[] {
  const coming = stays.flatMap(({ opening, departure, departureMs }) =>
    opening !== null && departure === null && departureMs > now ? [departureMs] : [],
  );
  return coming.length === 0 ? [] : [timer("departure", Math.min(...coming))];
}

/** Whatever the notaries lack, as the contract stands by what is known here. */
function filedNow(state: LockState, context: DeviceContext): Result {
  return state.stays.reduce<Result>((at, stay) => {
    const facts = factsFor(stay, context.now);
    if (facts === undefined) return at;
    const { termsId, filed } = stay;
    const entry = draftFacts(context.crypto, termsId, facts);
    const submit: DeviceEffect = { kind: "submit", id: `stay/${toHex(termsId)}/${filed}`, entry };
    const again = timer("file", context.now + FILE_AGAIN_MS);
    const next = withStay(at.state, { ...stay, filed: filed + 1 }, context);
    return { state: next, effects: [...at.effects, submit, again] };
  }, unchanged(state));
}

function factsFor(
  { phase, opening, departure, departureMs }: HeldStay,
  now: number,
): Uint8Array[] | undefined {
  if (now > departureMs + GIVE_UP_MS) return undefined;
  if (opening !== null && (phase === MAY_OPEN || phase === "disputed")) return [opening.guest, opening.lock];
  return departure !== null && phase === "stay" ? [departure] : undefined;
}

function advanced(stay: HeldStay, { seq, phase }: StayPhase): HeldStay {
  return seq > stay.seq ? { ...stay, seq, phase } : stay;
}

function stayOf({ stays }: LockState, termsId: Uint8Array): HeldStay | undefined {
  return stays.find((one) => equalBytes(one.termsId, termsId));
}

/** What is over makes room. Throws `lock-full`. */
export function withStay(state: LockState, stay: HeldStay, { now }: { now: number }): LockState {
  if (stayOf(state, stay.termsId) !== undefined) {
    const stays = state.stays.map((one) => (equalBytes(one.termsId, stay.termsId) ? stay : one));
    return { ...state, stays };
  }
  const over = requireRoom(state, now);
  return { ...state, stays: [...state.stays.filter((one) => one !== over), stay] };
}

/** The stay that is to be forgotten for another one, if there is no other room. Throws `lock-full`. */
export function requireRoom({ stays }: LockState, now: number): HeldStay | undefined {
  if (stays.length < MAX_STAYS) return undefined;
  const over = stays.find(
    ({ phase, departureMs }) =>
      phase === "closed" || (phase === WALKED_UP && now > departureMs) || now > departureMs + GIVE_UP_MS,
  );
  if (over !== undefined) return over;
  throw new SegmentError("lock-full", "the lock can remember no more stays", { where: "stay" });
}
