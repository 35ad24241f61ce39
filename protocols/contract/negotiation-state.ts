/** What is known of each version of terms that are under negotiation, and how it stands. */
import { equalBytes, toHex } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import { agentId } from "../identity/keys.ts";
import type { TimeMs } from "../ports.ts";
import type { Held } from "./negotiation-messages.ts";
import type { Terms } from "./terms.ts";

/** An agent's id, `z6Mk…`. */
export type AgentId = string;

/** One version of the terms, and what is known of it. */
export interface Negotiation {
  readonly termsId: Uint8Array;
  readonly termsBytes: Uint8Array;
  readonly terms: Terms;
  /** Who brought it; this agent itself if it made it. */
  readonly from: AgentId;
  readonly replaces: Uint8Array | null;
  readonly note: string;
  /** The template's parameters as JSON, as its maker states them; nothing depends on their being true. */
  readonly params: string;
  readonly heardMs: TimeMs;
  readonly signatures: ReadonlyMap<AgentId, Uint8Array>;
  readonly declines: ReadonlyMap<AgentId, Decline>;
  /** Of what this agent signed: whether its deposit may follow by itself once the contract waits for it. */
  readonly mayDeposit: boolean;
  /** The ledger has opened it. */
  readonly isOpened: boolean;
  /** What parties have stated about it, by the SHA-256 of each signed fact in hex. */
  readonly facts: ReadonlyMap<string, Uint8Array>;
  /** What the others have said that they hold; forgotten at a restart. */
  readonly heldBy: ReadonlyMap<AgentId, Held>;
}

export interface Decline {
  code: string;
  text: string;
}

/** By terms id in hex, the oldest first. */
export type Negotiations = ReadonlyMap<string, Negotiation>;

export type NegotiationStatus =
  /** The ledger has it. */
  | "opened"
  /** All have signed; it waits for the ledger. */
  | "agreed"
  | "expired"
  | "replaced"
  | "declined"
  /** For this agent's signature. */
  | "waits-for-you"
  | "waits-for-others";

export function statusOf(
  state: Negotiations,
  one: Negotiation,
  self: AgentId,
  now: TimeMs,
): NegotiationStatus {
  if (one.isOpened) return "opened";
  const isExpired = now > one.terms.offerExpires;
  if (missingSigners(one).length === 0) return isExpired ? "expired" : "agreed";
  if (replacementOf(state, one) !== undefined) return "replaced";
  if (one.declines.size > 0) return "declined";
  if (isExpired) return "expired";
  return one.signatures.has(self) ? "waits-for-others" : "waits-for-you";
}

/** The parties that have not signed. */
export function missingSigners({ terms, signatures }: Negotiation): AgentId[] {
  return partiesOf(terms).filter((party) => !signatures.has(party));
}

/** The version that takes its place; between the same parties, else the claim is void. */
export function replacementOf(state: Negotiations, one: Negotiation): Negotiation | undefined {
  for (const other of state.values()) {
    const names = other.replaces !== null && equalBytes(other.replaces, one.termsId);
    if (names && haveSameParties(other.terms, one.terms)) return other;
  }
  return undefined;
}

export function partiesOf(terms: Terms): AgentId[] {
  return terms.parties.map(({ identity }) => agentId(identity));
}

export function haveSameParties(one: Terms, other: Terms): boolean {
  const ids = new Set(partiesOf(one));
  return one.parties.length === other.parties.length && partiesOf(other).every((id) => ids.has(id));
}

type Origin = Pick<Negotiation, "from" | "replaces" | "note" | "params" | "heardMs">;

/** Terms of which nothing is known yet but where they come from. */
export function blank(
  termsId: Uint8Array,
  termsBytes: Uint8Array,
  terms: Terms,
  origin: Origin,
): Negotiation {
  const empty = { signatures: new Map(), declines: new Map(), heldBy: new Map(), facts: new Map() };
  return { termsId, termsBytes, terms, ...origin, ...empty, mayDeposit: false, isOpened: false };
}

/** Throws `contract-unknown`. */
export function find(state: Negotiations, termsId: Uint8Array): Negotiation {
  const known = state.get(toHex(termsId));
  if (known !== undefined) return known;
  throw new SegmentError("contract-unknown", `no terms ${toHex(termsId)} are known`);
}
