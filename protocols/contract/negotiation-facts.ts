/**
 * Facts among the parties of a contract that all have signed: what one states the others keep, so that any
 * of them can sign the same, or hand it in. Whether a fact fulfils anything is the contract's to say.
 */
import { equalBytes, toHex } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import { agentId } from "../identity/keys.ts";
import type { Crypto } from "../ports.ts";
import { MAX_FACTS_OF_PARTY } from "./bounds.ts";
import { openFact } from "./facts.ts";
import type { Fact } from "./facts.ts";
import type { NegotiationMessage } from "./negotiation-messages.ts";
import { missingSigners } from "./negotiation-state.ts";
import type { AgentId, Negotiation } from "./negotiation-state.ts";
import { partyByIdentity } from "./terms.ts";

/**
 * A fact that belongs to these terms. Throws `fact-invalid` (malformed, of another contract, by nobody of the
 * parties), `signature-malformed`, `signature-invalid`.
 */
export function readFactOf(
  crypto: Crypto,
  { terms, termsId }: Pick<Negotiation, "terms" | "termsId">,
  bytes: Uint8Array,
): Fact {
  const fact = openFact(crypto, bytes);
  if (partyByIdentity(terms, fact.signer) === undefined)
    throw invalid(`the "${fact.kind}" fact is signed by a key that the terms do not name`);
  if (fact.subject === null) throw invalid(`the "${fact.kind}" fact names no contract`);
  if (!equalBytes(fact.subject, termsId)) throw invalid(`the "${fact.kind}" fact is about another contract`);
  return fact;
}

/**
 * With one more fact; undefined if it is kept already. Throws as `readFactOf`, `contract-unknown` before all
 * have signed, and `queue-full` when its signer has stated too much.
 */
export function withFact(
  crypto: Crypto,
  known: Negotiation,
  bytes: Uint8Array,
): { next: Negotiation; fact: Fact } | undefined {
  const key = toHex(crypto.sha256(bytes));
  if (known.facts.has(key)) return undefined;
  const fact = readFactOf(crypto, known, bytes);
  if (!known.isOpened && missingSigners(known).length > 0)
    throw new SegmentError("contract-unknown", "not all parties have signed the terms yet");
  const ofSigner = [...known.facts.values()].filter((other) =>
    equalBytes(openFact(crypto, other).signer, fact.signer),
  );
  if (ofSigner.length >= MAX_FACTS_OF_PARTY)
    throw new SegmentError("queue-full", `${ofSigner.length} facts of ${agentId(fact.signer)} are kept`);
  return { next: { ...known, facts: new Map([...known.facts, [key, bytes] as const]) }, fact };
}

/** The next fact that a party should hear from this agent, who passes on all that it keeps. */
export function factOwedTo(one: Negotiation, peer: AgentId, self: AgentId): NegotiationMessage | undefined {
  const held = one.heldBy.get(peer);
  if (peer === self || held?.refused === "contract-closed") return undefined;
  const has = new Set(held?.facts.map(toHex));
  const fact = [...one.facts].find(([key]) => !has.has(key))?.[1];
  return fact && { kind: "contract-fact", body: { termsId: one.termsId, fact } };
}

function invalid(problem: string): SegmentError {
  return new SegmentError("fact-invalid", problem);
}
