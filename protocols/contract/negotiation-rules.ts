/** Which offers count, and how many an agent takes in: checked before anything is kept of them. */
import { equalBytes, toHex } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import { agentId, publicKeyFromId } from "../identity/keys.ts";
import type { Crypto, TimeMs } from "../ports.ts";
import { assertSafe } from "./check.ts";
import { haveSameParties, partiesOf } from "./negotiation-state.ts";
import type { AgentId, Negotiation, Negotiations } from "./negotiation-state.ts";
import { decodeTerms, partyByIdentity, termsId as idOf, verifyTermsSignature } from "./terms.ts";
import type { Terms } from "./terms.ts";

/** For whom an offer is judged. */
export interface OfferReader {
  crypto: Crypto;
  self: AgentId;
  /** Its owner's root, which terms must name as its account. */
  account: Uint8Array;
  network: string;
  now: TimeMs;
}

/** Versions under way, all peers together. */
export const MAX_NEGOTIATIONS = 256;
/** Offers of one peer that wait for this agent's answer. */
export const MAX_OFFERS_OF_PEER = 16;
/** The same of strangers: of one, and of all. With another one the oldest of whoever has most is dropped. */
export const MAX_OFFERS_OF_STRANGER = 4;
export const MAX_OFFERS_OF_STRANGERS = 32;

/**
 * Terms as a peer offers them. Throws `terms-invalid`, `terms-too-large`, `terms-unsafe`, `terms-expired`,
 * `offer-foreign` (another network, this agent or the sender is no party), `signature-malformed`,
 * `signature-invalid` (for other terms, by nobody of the parties, or not by the sender).
 */
export function readOffer(
  bytes: Uint8Array,
  signatures: readonly Uint8Array[],
  from: AgentId,
  { crypto, self, account, network, now }: OfferReader,
): { terms: Terms; signed: Map<AgentId, Uint8Array> } {
  const terms = decodeTerms(bytes);
  if (terms.network !== network) throw foreign(`the terms are for the network "${terms.network}"`);
  const own = partyByIdentity(terms, publicKeyFromId(self));
  if (own === undefined) throw foreign("the terms do not name this agent");
  if (!equalBytes(own.account, account)) throw foreign("the terms name another account for this agent");
  if (partyByIdentity(terms, publicKeyFromId(from)) === undefined)
    throw foreign(`the terms do not name ${from}, who brings them`);
  if (now > terms.offerExpires) throw new SegmentError("terms-expired", "the offer has expired");
  const id = idOf(crypto, bytes);
  const signed = new Map(signatures.map((signature) => [signerOf(crypto, terms, id, signature), signature]));
  if (!signed.has(from)) throw new SegmentError("signature-invalid", `${from} has not signed what it offers`);
  assertSafe(terms);
  return { terms, signed };
}

/** The party that signed. Throws `signature-malformed` or `signature-invalid`, also for other terms. */
export function signerOf(crypto: Crypto, terms: Terms, termsId: Uint8Array, signature: Uint8Array): AgentId {
  const key = verifyTermsSignature(crypto, termsId, signature);
  if (partyByIdentity(terms, key) !== undefined) return agentId(key);
  throw new SegmentError("signature-invalid", "the signature is by nobody whom the terms name");
}

/**
 * The version that an offer replaces, if it is known: another one, between the same parties. Throws
 * `offer-foreign`.
 */
export function requireReplaceable(state: Negotiations, fresh: Negotiation): Negotiation | undefined {
  const { replaces } = fresh;
  if (replaces === null) return undefined;
  if (equalBytes(replaces, fresh.termsId)) throw foreign("the offer replaces itself");
  const replaced = state.get(toHex(replaces));
  if (replaced !== undefined && !haveSameParties(replaced.terms, fresh.terms))
    throw foreign("a counter-offer is between the same parties as what it replaces");
  return replaced;
}

/**
 * Room for one more of `from`. Strangers are those with whom this agent has never signed anything that
 * it still knows: theirs are few, and the oldest give way. Throws `queue-full`.
 */
export function makeRoom(
  state: Negotiations,
  from: AgentId,
  self: AgentId,
): { state: Negotiations; dropped: Negotiation | undefined } {
  const all = [...state.values()];
  if (from !== self) {
    const isFriend = acquaintances(all, self);
    const open = all.filter((one) => one.from !== self && !one.signatures.has(self));
    const mine = open.filter((one) => one.from === from).length;
    if (mine >= (isFriend.has(from) ? MAX_OFFERS_OF_PEER : MAX_OFFERS_OF_STRANGER))
      throw new SegmentError("queue-full", `${mine} offers of ${from} wait for an answer`);
    const strangers = open.filter((one) => !isFriend.has(one.from));
    if (!isFriend.has(from) && strangers.length >= MAX_OFFERS_OF_STRANGERS) {
      const dropped = oldestOfLoudest(strangers);
      const next = new Map(state);
      next.delete(toHex(dropped.termsId));
      return { state: next, dropped };
    }
  }
  if (all.filter((one) => !one.isOpened).length >= MAX_NEGOTIATIONS)
    throw new SegmentError("queue-full", `${MAX_NEGOTIATIONS} offers are under way`);
  return { state, dropped: undefined };
}

function acquaintances(all: readonly Negotiation[], self: AgentId): Set<AgentId> {
  const signed = all.filter((one) => one.signatures.has(self));
  return new Set(signed.flatMap(({ terms }) => partiesOf(terms)));
}

/** The list is in the order of arrival, and not empty. */
function oldestOfLoudest(offers: readonly Negotiation[]): Negotiation {
  const counts = new Map<AgentId, number>();
  for (const { from } of offers) counts.set(from, (counts.get(from) ?? 0) + 1);
  const most = Math.max(...counts.values());
  return offers.find(({ from }) => counts.get(from) === most)!;
}

function foreign(problem: string): SegmentError {
  return new SegmentError("offer-foreign", problem);
}
