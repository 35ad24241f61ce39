/**
 * Whether a lock signs terms with nobody asking it: the rentals that its owner has signed as their host, and
 * nothing else. A lock has nothing of its own to give, so that it never deposits.
 */
import { readStay } from "../../protocols/access/stay.ts";
import { costOf } from "../../protocols/contract/negotiation-next.ts";
import type { AgentId, Negotiation } from "../../protocols/contract/negotiation-state.ts";
import { RENTAL_TEMPLATE } from "../../protocols/contract/templates/rental.ts";
import { partyOf } from "../../protocols/contract/terms.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import type { Crypto } from "../../protocols/ports.ts";

/** The role that a lock has in a rental. */
const LOCK_ROLE = "lock";

/** Why the lock leaves the terms unsigned, in plain words; undefined if it signs them. */
export function whyUnsigned(
  crypto: Crypto,
  one: Pick<Negotiation, "terms" | "termsBytes" | "signatures">,
  self: AgentId,
  owners: readonly AgentId[],
): string | undefined {
  const { terms, termsBytes, signatures } = one;
  if (terms.template !== RENTAL_TEMPLATE) return "it is no rental";
  const lock = partyOf(terms, LOCK_ROLE);
  if (lock === undefined || agentId(lock.identity) !== self) return "another is the lock in it";
  const party = partyOf(terms, "host");
  const host = party === undefined ? undefined : agentId(party.identity);
  if (host === undefined || !owners.includes(host)) return "its host does not own this lock";
  if (!signatures.has(host)) return "its host has not signed it yet";
  try {
    readStay(crypto, termsBytes);
  } catch (error) {
    if (error instanceof SegmentError) return error.message;
    throw error;
  }
  const { deposits, mandates } = costOf(terms, LOCK_ROLE);
  return deposits.length + mandates.length > 0 ? "it takes money from the lock's account" : undefined;
}
