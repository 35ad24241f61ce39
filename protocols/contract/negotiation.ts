/**
 * A negotiation: (state, event) -> state and effects, before a contract is open. Pure.
 *
 * What is known of one version of the terms only ever grows: the terms themselves, who has signed them,
 * who has declined, what takes their place. How it stands follows from what is known and the time
 * (`statusOf`), so messages may come twice and in any order. The terms' id is their hash: nobody can
 * change an offer under its id, and a signature is for one version.
 *
 * A version that a counter-offer replaces is not signed here any more; signatures that were given before
 * hold until the offer expires, and when all have signed, it is a contract, whatever else was said.
 */
import { fromHex, toHex } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import { agentId } from "../identity/keys.ts";
import type { Crypto, Signer, TimeMs } from "../ports.ts";
import { withFact } from "./negotiation-facts.ts";
import type { Held, NegotiationBody, NegotiationMessage } from "./negotiation-messages.ts";
import { makeRoom, readOffer, requireReplaceable, signerOf } from "./negotiation-rules.ts";
import type { OfferReader } from "./negotiation-rules.ts";
import { blank, find, missingSigners, partiesOf, replacementOf } from "./negotiation-state.ts";
import type { AgentId, Decline, Negotiation, Negotiations } from "./negotiation-state.ts";
import { signTerms, termsId as idOf } from "./terms.ts";

/** This agent. */
export interface NegotiationContext extends OfferReader {
  signer: Signer;
}

export type NegotiationEvent =
  /** From a peer who has proved who it is; the body has been read. */
  | { kind: "message"; from: AgentId; message: NegotiationMessage }
  /** This agent's own offer, which it signs; a counter-offer if it replaces another. */
  | ({ kind: "propose"; terms: Uint8Array; mayDeposit: boolean } & Pick<
      Negotiation,
      "replaces" | "note" | "params"
    >)
  | { kind: "sign"; termsId: Uint8Array; mayDeposit: boolean }
  | ({ kind: "decline"; termsId: Uint8Array } & Decline)
  | { kind: "opened"; termsId: Uint8Array }
  /** A fact for the other parties, this agent's own or one that it was given. */
  | { kind: "fact"; termsId: Uint8Array; fact: Uint8Array }
  /** The contract has ended, or is not to be followed any more: it leaves the state, and stays on disk. */
  | { kind: "settled"; termsId: Uint8Array }
  /** Time passes; what can never become a contract is forgotten some time after it has expired. */
  | { kind: "tick" };

export type NegotiationEffect =
  /** Write down what is known of it now, before anything after this happens. */
  | { kind: "store"; termsId: Uint8Array }
  /** Nobody needs it any more: off the disk. */
  | { kind: "forget"; termsId: Uint8Array }
  | { kind: "reply"; to: AgentId; held: Held }
  | { kind: "news"; termsId: Uint8Array; what: NewsKind; by: AgentId; detail: string }
  /** All have signed, and the offer has not expired: whoever can reach the ledger opens it. */
  | { kind: "open"; termsId: Uint8Array };

export type NewsKind =
  | "offered"
  | "countered"
  | "signed"
  | "declined"
  | "refused"
  | "agreed"
  | "opened"
  | "stated";

export interface NegotiationStep {
  state: Negotiations;
  effects: NegotiationEffect[];
}

/** After expiry: how long an offer, and one that this agent has signed, can still be looked at. */
const KEEP_OFFER_MS = 24 * 60 * 60 * 1_000;
const KEEP_SIGNED_MS = 30 * KEEP_OFFER_MS;

/**
 * One step. Throws for what does not count, with nothing changed: the codes of `readOffer` and
 * `signerOf`, `contract-unknown`, `offer-foreign`, `offer-replaced`, `offer-declined`, `terms-expired`,
 * `contract-not-expected`, `queue-full`, and those of `withFact`.
 */
export function stepNegotiation(
  state: Negotiations,
  event: NegotiationEvent,
  context: NegotiationContext,
): NegotiationStep {
  switch (event.kind) {
    case "message":
      return onMessage(state, event.from, event.message, context);
    case "propose":
      return propose(state, event, context);
    case "sign":
      return sign(state, event.termsId, event.mayDeposit, context);
    case "decline":
      return decline(state, event.termsId, event, context);
    case "opened": {
      const known = find(state, event.termsId);
      if (known.isOpened) return { state, effects: [] };
      const news = newsOf(known, "opened", context.self, "");
      return { state: put(state, { ...known, isOpened: true }), effects: [stored(known), news] };
    }
    case "fact":
      return stated(state, find(state, event.termsId), event.fact, context);
    case "settled":
      return { state: without(state, event.termsId), effects: [] };
    case "tick":
      return tick(state, context.now, context.self);
  }
}

/** What a message is about. */
export function subjectOf(crypto: Crypto, { kind, body }: NegotiationMessage): Uint8Array {
  return kind === "contract-offer" ? idOf(crypto, body.terms) : body.termsId;
}

/**
 * What a party should hear from this agent next; undefined if it lacks nothing, or wants none of it. An
 * offer is passed on only by who has signed it.
 */
export function owedTo(one: Negotiation, peer: AgentId, self: AgentId): NegotiationMessage | undefined {
  const { termsId, termsBytes, replaces, note, params, signatures, declines } = one;
  const held = one.heldBy.get(peer);
  if (peer === self || (held !== undefined && isFinal(held.refused))) return undefined;
  const own = declines.get(self);
  if (own !== undefined) {
    // Who does not know the terms need not know that they are declined.
    const knowsTerms = signatures.has(peer) || (held?.signers.length ?? 0) > 0;
    const hasHeard = held?.decliners.includes(self) === true;
    return knowsTerms && !hasHeard ? { kind: "contract-decline", body: { termsId, ...own } } : undefined;
  }
  if (!signatures.has(self)) return undefined;
  const missing = [...signatures].filter(([by]) => by !== peer && held?.signers.includes(by) !== true);
  const [first, ...others] = missing;
  if (first === undefined) return undefined;
  if (held !== undefined && held.signers.length > 0 && others.length === 0) {
    return { kind: "contract-signature", body: { termsId, signature: first[1] } };
  }
  const body = { terms: termsBytes, signatures: [...signatures.values()], replaces, note, params };
  return { kind: "contract-offer", body };
}

/** What this agent holds of these terms, in its own words to a peer. */
export function heldOf(one: Negotiation): Held {
  const { termsId, signatures, declines } = one;
  const facts = [...one.facts.keys()].map(fromHex);
  return { termsId, signers: [...signatures.keys()], decliners: [...declines.keys()], facts, refused: null };
}

export function refusalOf(termsId: Uint8Array, code: ErrorCode): Held {
  return { termsId, signers: [], decliners: [], facts: [], refused: code };
}

/** Whether a refusal stays: who has no room, or lacks the terms, may be told again. */
function isFinal(refused: string | null): boolean {
  return refused !== null && refused !== "queue-full" && refused !== "contract-unknown";
}

// ---------------------------------------------------------------- what others say

function onMessage(
  state: Negotiations,
  from: AgentId,
  message: NegotiationMessage,
  context: NegotiationContext,
): NegotiationStep {
  switch (message.kind) {
    case "contract-offer":
      return onOffer(state, from, message.body, context);
    case "contract-signature": {
      const { termsId, signature } = message.body;
      const known = partyOf(state, termsId, from);
      requireInTime(known, context.now);
      return answered(grow(state, known, [signature], context), from, termsId);
    }
    case "contract-decline": {
      const { termsId, code, text } = message.body;
      const known = partyOf(state, termsId, from);
      return answered(declined(state, known, from, { code, text }), from, termsId);
    }
    case "contract-fact": {
      const { termsId, fact } = message.body;
      const known = partyOf(state, termsId, from);
      return answered(stated(state, known, fact, context), from, termsId);
    }
    case "contract-held":
      return onHeld(state, from, message.body);
  }
}

function onOffer(
  state: Negotiations,
  from: AgentId,
  body: NegotiationBody<"contract-offer">,
  context: NegotiationContext,
): NegotiationStep {
  const { crypto, now } = context;
  const { signatures } = body;
  const termsId = idOf(crypto, body.terms);
  const known = state.get(toHex(termsId));
  if (known !== undefined) {
    partyOf(state, termsId, from);
    requireInTime(known, now);
    return answered(grow(state, known, signatures, context), from, termsId);
  }
  const { terms, signed } = readOffer(body.terms, signatures, from, context);
  const { replaces, note, params } = body;
  const fresh = blank(termsId, body.terms, terms, { from, replaces, note, params, heardMs: now });
  const replaced = requireReplaceable(state, fresh);
  const room = makeRoom(state, from, context.self);
  const what = replaced === undefined ? "offered" : "countered";
  const next = { ...fresh, signatures: signed };
  const step: NegotiationStep = {
    state: put(room.state, next),
    effects: [...forgotten(room.dropped), stored(next), newsOf(next, what, from, note)],
  };
  return answered(step, from, termsId);
}

function onHeld(state: Negotiations, from: AgentId, held: Held): NegotiationStep {
  const known = partyOf(state, held.termsId, from);
  const before = known.heldBy.get(from);
  const heldBy = new Map([...known.heldBy, [from, held] as const]);
  const isNew = isFinal(held.refused) && before?.refused !== held.refused;
  const effects = isNew ? [newsOf(known, "refused", from, held.refused ?? "")] : [];
  return { state: put(state, { ...known, heldBy }), effects };
}

/** Adds verified signatures; with the last one it is agreed. Throws `signature-…`, `offer-foreign`. */
function grow(
  state: Negotiations,
  known: Negotiation,
  signatures: readonly Uint8Array[],
  { crypto, self, now }: NegotiationContext,
): NegotiationStep {
  const fresh = new Map<AgentId, Uint8Array>();
  for (const signature of signatures) {
    const by = signerOf(crypto, known.terms, known.termsId, signature);
    if (!known.signatures.has(by)) fresh.set(by, signature);
  }
  const next = { ...known, signatures: new Map([...known.signatures, ...fresh]) };
  if (fresh.size === 0) return { state, effects: [] };
  const effects: NegotiationEffect[] = [stored(next)];
  for (const by of fresh.keys()) if (by !== self) effects.push(newsOf(next, "signed", by, ""));
  return { state: put(state, next), effects: [...effects, ...agreed(next, self, now)] };
}

function agreed(one: Negotiation, self: AgentId, now: TimeMs): NegotiationEffect[] {
  if (missingSigners(one).length > 0 || one.isOpened || now > one.terms.offerExpires) return [];
  return [newsOf(one, "agreed", self, ""), { kind: "open", termsId: one.termsId }];
}

function declined(state: Negotiations, known: Negotiation, by: AgentId, why: Decline): NegotiationStep {
  if (known.declines.has(by)) return { state, effects: [] };
  const next = { ...known, declines: new Map([...known.declines, [by, why] as const]) };
  return { state: put(state, next), effects: [stored(next), newsOf(next, "declined", by, why.text)] };
}

/** A fact of a party, by whoever brings it. Throws as `withFact`. */
function stated(
  state: Negotiations,
  known: Negotiation,
  bytes: Uint8Array,
  { crypto, self }: NegotiationContext,
): NegotiationStep {
  const added = withFact(crypto, known, bytes);
  if (added === undefined) return { state, effects: [] };
  const { next, fact } = added;
  const by = agentId(fact.signer);
  const news = by === self ? [] : [newsOf(next, "stated", by, fact.kind)];
  return { state: put(state, next), effects: [stored(next), ...news] };
}

/** What a peer has shown that it holds, and the answer to it. */
function answered(step: NegotiationStep, to: AgentId, termsId: Uint8Array): NegotiationStep {
  const known = find(step.state, termsId);
  return { state: step.state, effects: [...step.effects, { kind: "reply", to, held: heldOf(known) }] };
}

// ---------------------------------------------------------------- what this agent's owner decides

function propose(
  state: Negotiations,
  event: NegotiationEvent & { kind: "propose" },
  context: NegotiationContext,
): NegotiationStep {
  const { crypto, signer, self, now } = context;
  const termsId = idOf(crypto, event.terms);
  if (state.has(toHex(termsId))) return sign(state, termsId, event.mayDeposit, context);
  const signature = signTerms(signer, termsId);
  const { terms, signed } = readOffer(event.terms, [signature], self, context);
  const { replaces, note, params, mayDeposit } = event;
  const fresh = blank(termsId, event.terms, terms, { from: self, replaces, note, params, heardMs: now });
  const replaced = requireReplaceable(state, fresh);
  if (replaces !== null && replaced === undefined) find(state, replaces);
  if (replaced !== undefined && missingSigners(replaced).length === 0) {
    throw new SegmentError("contract-not-expected", "all have signed the version that it would replace");
  }
  const room = makeRoom(state, self, self);
  const next = { ...fresh, signatures: signed, mayDeposit };
  return { state: put(room.state, next), effects: [...forgotten(room.dropped), stored(next)] };
}

function sign(
  state: Negotiations,
  termsId: Uint8Array,
  mayDeposit: boolean,
  context: NegotiationContext,
): NegotiationStep {
  const { signer, self, now } = context;
  const known = find(state, termsId);
  if (known.signatures.has(self)) return { state, effects: [] };
  requireInTime(known, now);
  const newer = replacementOf(state, known);
  if (newer !== undefined) {
    const problem = `a counter-offer has replaced it: ${toHex(newer.termsId)}`;
    throw new SegmentError("offer-replaced", problem, { where: toHex(termsId) });
  }
  const [by] = known.declines.keys();
  if (by !== undefined) throw new SegmentError("offer-declined", `${by} has declined it`);
  return grow(state, { ...known, mayDeposit }, [signTerms(signer, termsId)], context);
}

function decline(
  state: Negotiations,
  termsId: Uint8Array,
  { code, text }: Decline,
  { self }: NegotiationContext,
): NegotiationStep {
  const known = find(state, termsId);
  if (missingSigners(known).length === 0) {
    throw new SegmentError("contract-not-expected", "all have signed: it can no longer be declined");
  }
  return declined(state, known, self, { code, text });
}

function tick(state: Negotiations, now: TimeMs, self: AgentId): NegotiationStep {
  const effects: NegotiationEffect[] = [];
  let next = state;
  for (const one of state.values()) {
    // Signed by all, it may have been opened by another: the ledger knows.
    if (one.isOpened || missingSigners(one).length === 0) continue;
    const keepMs = one.signatures.has(self) ? KEEP_SIGNED_MS : KEEP_OFFER_MS;
    if (now <= one.terms.offerExpires + keepMs) continue;
    next = without(next, one.termsId);
    effects.push({ kind: "forget", termsId: one.termsId });
  }
  return { state: next, effects };
}

// ---------------------------------------------------------------- helpers

/** Terms of which the sender is a party. */
function partyOf(state: Negotiations, termsId: Uint8Array, from: AgentId): Negotiation {
  const known = find(state, termsId);
  if (partiesOf(known.terms).includes(from)) return known;
  throw new SegmentError("offer-foreign", `${from} is no party of the terms`);
}

function requireInTime({ terms }: Negotiation, now: TimeMs): void {
  if (now > terms.offerExpires) throw new SegmentError("terms-expired", "the offer has expired");
}

function put(state: Negotiations, one: Negotiation): Negotiations {
  return new Map([...state, [toHex(one.termsId), one]]);
}

function without(state: Negotiations, termsId: Uint8Array): Negotiations {
  const next = new Map(state);
  next.delete(toHex(termsId));
  return next;
}

function stored({ termsId }: Negotiation): NegotiationEffect {
  return { kind: "store", termsId };
}

function forgotten(dropped: Negotiation | undefined): NegotiationEffect[] {
  return dropped === undefined ? [] : [{ kind: "forget", termsId: dropped.termsId }];
}

function newsOf({ termsId }: Negotiation, what: NewsKind, by: AgentId, detail: string): NegotiationEffect {
  return { kind: "news", termsId, what, by, detail };
}
