/**
 * A stay: what a lock and a guest's phone need of a rental that all have signed. While the contract's
 * certified label is `may-open`, from arrival to departure, the contract itself is the guest's key: its id
 * stands where otherwise the id of a guest key does.
 *
 * The first opening is a fact that phone and lock sign alike, the phone first; it pays the host. After the
 * departure the lock states that the door is shut; from then on the contract opens nothing any more.
 */
import { openFact, signFact } from "../contract/facts.ts";
import type { Fact } from "../contract/facts.ts";
import { CLOSED, OPENED, openedBody, readOpened, REFUSED } from "../contract/templates/fact-kinds.ts";
import { FACT_TIME_AHEAD_MS } from "../contract/observe.ts";
import { RENTAL_TEMPLATE } from "../contract/templates/rental.ts";
import { decodeTerms, partyOf, termsId } from "../contract/terms.ts";
import type { Node, Party, Terms, When } from "../contract/terms.ts";
import { equalBytes } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import { contractReceipt } from "../ledger/receipt-view.ts";
import type { VerifiedReceipt } from "../ledger/receipt.ts";
import type { Crypto, Signer, TimeMs } from "../ports.ts";

/** The label under which a lock opens. */
export const MAY_OPEN = "may-open";

export interface Stay {
  termsId: Uint8Array;
  network: string;
  guest: Party;
  lock: Party;
  /** The lock opens from here … */
  arrivalMs: TimeMs;
  /** … to here. */
  departureMs: TimeMs;
}

/**
 * Where a rental stands by a certified receipt. "may-open" waits for the first opening, "stay" for the
 * departure; "closed" is the end; else the contract's own label.
 */
export interface StayPhase {
  seq: number;
  phase: string;
}

/** Reads a stay from a rental's terms. Errors: terms-invalid (also for terms of another template). */
export function readStay(crypto: Crypto, termsBytes: Uint8Array): Stay {
  const terms = decodeTerms(termsBytes);
  if (terms.template !== RENTAL_TEMPLATE) throw noStay(`they are of the template "${terms.template}"`);
  const open = firstLabelled(terms.contract);
  if (open === undefined) throw noStay(`no state is labelled "${MAY_OPEN}"`);
  return {
    termsId: termsId(crypto, termsBytes),
    network: terms.network,
    guest: required(terms, "guest"),
    lock: required(terms, "lock"),
    arrivalMs: arrivalOf(open),
    departureMs: open.actBy,
  };
}

/** Undefined if the receipt is of another contract, or changed nothing. */
export function phaseOf(id: Uint8Array, receipt: VerifiedReceipt): StayPhase | undefined {
  const about = contractReceipt(receipt);
  const { transition } = about ?? {};
  if (about === undefined || transition === undefined || !equalBytes(about.termsId, id)) return undefined;
  const { seq, label, closed } = transition;
  if (closed) return { seq, phase: "closed" };
  return { seq, phase: receipt.kind === "facts" && label === MAY_OPEN ? "stay" : label };
}

/** The guest's word that it opens in this session; the lock countersigns by signing the same. */
export function signOpening(signer: Signer, id: Uint8Array, session: Uint8Array, now: TimeMs): Uint8Array {
  const body = openedBody({ label: MAY_OPEN, sessionHash: session });
  return signFact(signer, { kind: OPENED, subject: id, timeMs: now, body });
}

/**
 * The opening that `by` has signed. Errors: signature-…, fact-invalid (of another contract, session, signer,
 * time).
 */
export function openOpening(
  crypto: Crypto,
  bytes: Uint8Array,
  expected: { termsId: Uint8Array; by: Uint8Array; session: Uint8Array; now: TimeMs },
): Fact {
  const fact = factBy(crypto, bytes, expected);
  if (!equalBytes(readOpened(fact).sessionHash, expected.session))
    throw wrong("it was signed for another session");
  if (Math.abs(fact.timeMs - expected.now) > FACT_TIME_AHEAD_MS) throw wrong("it is of another time");
  return fact;
}

/** The lock: after the departure the door is shut. */
export function signDeparture(signer: Signer, id: Uint8Array, now: TimeMs): Uint8Array {
  return signFact(signer, { kind: CLOSED, subject: id, timeMs: now, body: [MAY_OPEN] });
}

/** The lock: it did not open to the guest, and why. */
export function signRefusal(signer: Signer, id: Uint8Array, code: string, now: TimeMs): Uint8Array {
  return signFact(signer, { kind: REFUSED, subject: id, timeMs: now, body: [MAY_OPEN, code] });
}

/** What a lock has answered a guest: its word on the opening, or on its refusal. Errors: fact-invalid. */
export function openLocksWord(crypto: Crypto, bytes: Uint8Array, { termsId: id, lock }: Stay): Fact {
  const fact = factBy(crypto, bytes, { termsId: id, by: lock.identity });
  if (fact.kind !== OPENED && fact.kind !== REFUSED) throw wrong(`it is a "${fact.kind}" fact`);
  return fact;
}

function factBy(
  crypto: Crypto,
  bytes: Uint8Array,
  { termsId: id, by }: { termsId: Uint8Array; by: Uint8Array },
): Fact {
  const fact = openFact(crypto, bytes);
  if (fact.subject === null || !equalBytes(fact.subject, id)) throw wrong("it is about another contract");
  if (!equalBytes(fact.signer, by)) throw wrong("another has signed it");
  return fact;
}

/** In the order of the tree: what happens if nobody does anything comes last. */
function firstLabelled(root: Node): When | undefined {
  const next: Node[] = [root];
  for (let node = next.pop(); node !== undefined; node = next.pop()) {
    if (node.kind === "when" && node.label === MAY_OPEN) return node;
    next.push(...childrenOf(node).toReversed());
  }
  return undefined;
}

function childrenOf(node: Node): Node[] {
  switch (node.kind) {
    case "close":
      return [];
    case "pay":
      return [node.then];
    case "if":
      return [node.then, node.else];
    case "when":
      return [...node.cases.map(({ then }) => then), node.onTimeout];
  }
}

/** Whoever objects before the arrival cancels: that is where the terms say when the arrival is. */
function arrivalOf({ cases }: When): TimeMs {
  for (const one of cases) {
    if (one.kind !== "choice" || one.by !== "guest" || one.then.kind !== "if") continue;
    if (one.then.condition.kind === "before") return one.then.condition.timeMs;
  }
  throw noStay("they do not say when the arrival is");
}

function required(terms: Terms, role: string): Party {
  const party = partyOf(terms, role);
  if (party === undefined) throw noStay(`there is no party "${role}"`);
  return party;
}

function noStay(problem: string): SegmentError {
  return new SegmentError("terms-invalid", `the terms are no stay: ${problem}`, { where: "terms" });
}

function wrong(problem: string): SegmentError {
  return new SegmentError("fact-invalid", `the fact does not count: ${problem}`, { where: "fact" });
}
