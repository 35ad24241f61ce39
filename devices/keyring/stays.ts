/**
 * What a phone has rented: it shows the lock the contract and how it stands, signs the first opening before
 * the bolt moves, and keeps the lock's word on it. Whichever of the two has a network first files it.
 */
import type { AccessBody } from "../../protocols/access/messages.ts";
import { MAY_OPEN, openLocksWord, phaseOf, readStay, signOpening } from "../../protocols/access/stay.ts";
import { OPENED } from "../../protocols/contract/templates/fact-kinds.ts";
import { TENURE_LENGTH } from "../../protocols/access/tenure.ts";
import { openStayOffer, WALKED_UP } from "../../protocols/access/walk-up.ts";
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { openCard } from "../../protocols/identity/card.ts";
import { agentId, publicKeyFromId } from "../../protocols/identity/keys.ts";
import { draftFacts } from "../../protocols/ledger/drafts.ts";
import { contractReceipt } from "../../protocols/ledger/receipt-view.ts";
import type { VerifiedReceipt } from "../../protocols/ledger/receipt.ts";
import type { DeviceContext, DeviceEffect } from "../device.ts";
import { keep, meet, progress, stay as unchanged } from "../effects.ts";
import { parsed } from "./commands.ts";
import { lockOf, requireOwned, withKnown, withLock, withRented } from "./find.ts";
import { ordered } from "./keys.ts";
import { MAX_LOCKS, MAX_RENTED } from "./state.ts";
import type { KeyringState, KnownLock, RentedStay, Result } from "./state.ts";

/** What the notaries may have missed is handed in again, until they have it. */
const FILE_AGAIN_MS = 60 * 60_000;
const ASK_EVERY_MS = 60 * 60_000;
/** How often the phone looks. */
const TICK_MS = 60_000;

/** Errors: message-invalid, terms-invalid, card-…, key-not-holder, key-foreign, queue-full. */
export function onStay(before: KeyringState, value: unknown, context: DeviceContext): Result {
  const { crypto, self } = context;
  const { terms, card: cardBytes, name } = parsed("stay", value);
  const { termsId, guest, lock: party, network } = readStay(crypto, terms);
  if (agentId(guest.identity) !== self) throw new SegmentError("key-not-holder", "another has rented");
  const { identity, sessionKey } = openCard(crypto, cardBytes);
  if (!equalBytes(identity, party.identity))
    throw new SegmentError("key-foreign", "the card is another lock's");
  // Once more: how does it stand?
  if (before.stays.some((one) => equalBytes(one.termsId, termsId)))
    return { state: before, effects: [{ kind: "inquire", termsId }] };
  const id = agentId(identity);
  const lock: KnownLock = lockOf(before, id) ?? {
    ...{ id, sessionKey, network, name, tenure: new Uint8Array(TENURE_LENGTH) },
    ...{ isOwned: false, orders: 0, standing: null },
  };
  const kept = withRoom(before.stays, context);
  const rented: RentedStay = {
    ...{ lock: id, termsId, terms, receipt: null, seq: -1, phase: "", shownSeq: -1 },
    ...{ offered: null, opening: null, refusal: null, filed: 0, filedMs: 0 },
  };
  return {
    state: withLock({ ...before, stays: [...kept, rented] }, lock, MAX_LOCKS),
    effects: [meet(cardBytes), { kind: "inquire", termsId }, progress("rented", name)],
  };
}

/** What is over makes room for another stay. Errors: queue-full. */
export function withRoom(stays: readonly RentedStay[], context: DeviceContext): RentedStay[] {
  if (stays.length < MAX_RENTED) return [...stays];
  const kept = stays.filter((one) => !isOver(one, context));
  if (kept.length < MAX_RENTED) return kept;
  throw new SegmentError("queue-full", `${MAX_RENTED} rentals are open`);
}

function isOver({ phase, terms, lock }: RentedStay, { crypto, now }: DeviceContext): boolean {
  // Of a stay that was agreed at the door no notary says that it has ended.
  if (phase === WALKED_UP) return openStayOffer(crypto, terms, publicKeyFromId(lock)).untilMs < now;
  return phase === "closed";
}

/** As an owner: the lock refuses this rental's guest, and says so to the guest, signed. */
export function onRevokeStay(state: KeyringState, value: unknown, context: DeviceContext): Result {
  const { lock, stay: id, untilMs } = parsed("revoke-stay", value);
  requireOwned(state, lock);
  return ordered(state, lock, { kind: "revoke", keys: [{ id, untilMs }] }, context);
}

/** Heard by another part of the phone. Errors: message-invalid, receipt-…, quorum-missing. */
export function onCertified(state: KeyringState, value: unknown, context: DeviceContext): Result {
  const { receipt } = parsed("certified", value);
  return onStayReceipt(state, context.verifyReceipt(receipt), receipt, context);
}

/** The newest certificate is what the lock will be shown. */
export function onStayReceipt(
  state: KeyringState,
  receipt: VerifiedReceipt,
  bytes: Uint8Array,
  context: DeviceContext,
): Result {
  const about = contractReceipt(receipt);
  const known = about && find(state, about.termsId);
  if (known === undefined) return unchanged(state);
  const phase = phaseOf(known.termsId, receipt);
  if (phase === undefined) return { state, effects: [{ kind: "inquire", termsId: known.termsId }] };
  if (phase.seq <= known.seq) return unchanged(state);
  const next = withRented(state, { ...known, ...phase, receipt: bytes });
  const filed = fileOpenings(next, context);
  return { state: filed.state, effects: [progress("rental", phase.phase), ...filed.effects] };
}

/** As an owner: who walks up may stay by this tariff. */
export function onLet(state: KeyringState, value: unknown, context: DeviceContext): Result {
  const { lock, tariff } = parsed("let", value);
  requireOwned(state, lock);
  const asked = tariff && {
    currency: tariff.currency,
    askedMinor: BigInt(tariff.askedMinor),
    leastMinor: BigInt(tariff.leastMinor),
  };
  return ordered(state, lock, { kind: "let", tariff: asked }, context);
}

/** Whether the lock knows how the contract stands, or at least that it lets the guest in. */
export function isShown({ seq, shownSeq, phase, opening }: RentedStay): boolean {
  return shownSeq === seq || (shownSeq >= 0 && phase === "stay" && opening !== null);
}

/** Throws `contract-not-expected`: the notaries have not certified anything of it yet. */
export function shownWords({ terms, receipt }: RentedStay): { type: string; body: unknown }[] {
  if (receipt === null)
    throw new SegmentError("contract-not-expected", "the notaries have not opened the contract yet");
  return [{ type: "lock-stay", body: { terms, receipt } }];
}

/** The phone's word comes first, and is kept: without it the lock's word is worth nothing. */
export function withOffered(
  state: KeyringState,
  stay: RentedStay,
  session: Uint8Array,
  { signer, now }: DeviceContext,
): KeyringState {
  if (stay.opening !== null) return state;
  return withRented(state, { ...stay, offered: signOpening(signer, stay.termsId, session, now) });
}

export function openingFor(state: KeyringState, id: Uint8Array): Uint8Array | null {
  const stay = find(state, id);
  return stay === undefined || stay.opening !== null ? null : stay.offered;
}

/** The lock has answered the guest. Errors: fact-invalid, signature-… */
export function onStayAnswer(
  state: KeyringState,
  id: Uint8Array,
  answer: AccessBody<"lock-answer">,
  context: DeviceContext,
): Result {
  const stay = find(state, id);
  if (stay === undefined) return unchanged(state);
  const lock = lockOf(state, stay.lock);
  const tenure = answer.state?.tenure ?? null;
  const known =
    lock === undefined || tenure === null
      ? state
      : withKnown(state, { ...lock, tenure, standing: answer.state });
  if (equalBytes(answer.about, id.slice(0, 16)))
    return unchanged(answer.code === null ? withRented(known, { ...stay, shownSeq: stay.seq }) : known);
  if (answer.fact === null) return unchanged(known);
  const fact = openLocksWord(context.crypto, answer.fact, readStay(context.crypto, stay.terms));
  if (fact.kind !== OPENED) {
    const kept = withRented(known, { ...stay, refusal: answer.fact });
    return { state: kept, effects: [keep("stay-refused", answer.fact)] };
  }
  if (stay.opening !== null || stay.offered === null) return unchanged(known);
  const opening = { guest: stay.offered, lock: answer.fact };
  const filed = fileOpenings(withRented(known, { ...stay, opening, offered: null }), context);
  return { state: filed.state, effects: [keep("stay-opened", answer.fact), ...filed.effects] };
}

/** Whether the notaries may still say something of it: they have a part in it, and it has not ended. */
export function isFollowed({ phase }: Pick<RentedStay, "phase">): boolean {
  return phase !== "closed" && phase !== WALKED_UP;
}

/** How the contracts stand: a phone that was off, or between two commands, has missed the word on it. */
export function stayAsks({ stays }: KeyringState): DeviceEffect[] {
  return stays.filter(isFollowed).map(({ termsId }) => ({ kind: "inquire", termsId }));
}

/** The same now and then; at each look from an hour before the arrival on, until the door may open. */
export function dueStayAsks(state: KeyringState, { crypto, now }: DeviceContext): DeviceEffect[] {
  if (now % ASK_EVERY_MS < TICK_MS) return stayAsks(state);
  const isAwaited = ({ phase, terms }: RentedStay): boolean => {
    if (["closed", WALKED_UP, MAY_OPEN, "stay"].includes(phase)) return false;
    const { arrivalMs, departureMs } = readStay(crypto, terms);
    return now >= arrivalMs - ASK_EVERY_MS && now < departureMs;
  };
  return stayAsks({ ...state, stays: state.stays.filter(isAwaited) });
}

/** Openings of which the notaries do not know yet. */
export function fileOpenings(state: KeyringState, { crypto, now }: DeviceContext): Result {
  return state.stays.reduce<Result>((at, stay) => {
    const { opening, phase, termsId, filed, filedMs } = stay;
    const isDue = filed === 0 || now >= filedMs + FILE_AGAIN_MS || now < filedMs;
    if (opening === null || phase !== MAY_OPEN || !isDue) return at;
    const entry = draftFacts(crypto, termsId, [opening.guest, opening.lock]);
    const submit: DeviceEffect = { kind: "submit", id: `stay/${toHex(termsId)}/${filed}`, entry };
    const next = withRented(at.state, { ...stay, filed: filed + 1, filedMs: now });
    return { state: next, effects: [...at.effects, submit] };
  }, unchanged(state));
}

function find({ stays }: KeyringState, termsId: Uint8Array): RentedStay | undefined {
  return stays.find((one) => equalBytes(one.termsId, termsId));
}
