/** Whether observations hold, given facts and preimages; if not, which part fails and by how much. */
import { equalBytes, toHex } from "../encoding/bytes.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import type { ErrorCode } from "../errors.ts";
import { SegmentError } from "../errors.ts";
import type { Crypto, TimeMs } from "../ports.ts";
import { MAX_FACTS, MAX_PREIMAGE_BYTES } from "./bounds.ts";
import { eachFactNamed } from "./evidence-rules.ts";
import { FACT_KINDS, readMet, readPosition } from "./facts.ts";
import type { Fact, Met, Position } from "./facts.ts";
import { distanceMm } from "./distance.ts";
import { partyByIdentity, partyOf } from "./terms.ts";
import type { Contract, Observation, Role } from "./terms.ts";

/** The time that a party put on a fact or an offer may be this far ahead of the log's: clocks differ. */
export const FACT_TIME_AHEAD_MS = 120_000;

/** What one input brings, checked by `checkEvidence`. */
export interface Evidence {
  contract: Contract;
  /** By role, then by kind: at most one fact of each. */
  facts: ReadonlyMap<Role, ReadonlyMap<string, Fact>>;
  /** Hex of the SHA-256 of each preimage. */
  digests: ReadonlySet<string>;
  nowMs: TimeMs;
  /** Time of the newest fact that the case asks for (`forCase`); without facts, `nowMs`. */
  newestMs: TimeMs;
}

/** The evidence of an input that brings neither facts nor preimages. */
export function noEvidence(contract: Contract, nowMs: TimeMs): Evidence {
  return { contract, facts: new Map(), digests: new Set(), nowMs, newestMs: nowMs };
}

/**
 * The evidence as one case sees it: `before` looks at the facts that the case's condition names, so that
 * nobody shifts a decision by adding a later fact that was not asked for.
 */
export function forCase(condition: Observation, evidence: Evidence): Evidence {
  const newestMs = newestFactMs(condition, evidence);
  return { ...evidence, newestMs: newestMs === undefined ? evidence.nowMs : newestMs };
}

/** Time of the newest of the facts that a condition names; undefined if none of them is given. */
function newestFactMs(seen: Observation, { facts }: Evidence): TimeMs | undefined {
  let newestMs: TimeMs | undefined;
  const look = (role: Role, kind: string): void => {
    const timeMs = facts.get(role)?.get(kind)?.timeMs;
    if (timeMs !== undefined && (newestMs === undefined || timeMs > newestMs)) newestMs = timeMs;
  };
  eachFactNamed(seen, look);
  return newestMs;
}

type Refused = { code: ErrorCode; message: string };

/**
 * Facts that may be looked at: signed by parties, about this contract or none in particular, not from
 * the future, at most one per signer and kind (else its sender could pick between them unseen).
 */
export function checkEvidence(
  crypto: Crypto,
  contract: Contract,
  input: { facts: Fact[]; preimages: Uint8Array[] },
  nowMs: TimeMs,
): Evidence | Refused {
  if (input.facts.length > MAX_FACTS || input.preimages.length > MAX_FACTS) {
    return { code: "fact-invalid", message: `more than ${MAX_FACTS} facts or preimages at once` };
  }
  if (input.preimages.some((preimage) => preimage.length > MAX_PREIMAGE_BYTES)) {
    return { code: "fact-invalid", message: `a preimage is longer than ${MAX_PREIMAGE_BYTES} bytes` };
  }
  const facts = new Map<Role, Map<string, Fact>>();
  for (const fact of input.facts) {
    const party = partyByIdentity(contract.terms, fact.signer);
    const problem = problemOf(fact, party?.role, contract, nowMs);
    if (problem !== undefined) return { code: "fact-invalid", message: problem };
    const ofRole = facts.get(party!.role) ?? new Map<string, Fact>();
    if (ofRole.has(fact.kind)) {
      return { code: "fact-invalid", message: `${party!.role} states "${fact.kind}" twice in one input` };
    }
    facts.set(party!.role, ofRole.set(fact.kind, fact));
  }
  const digests = new Set(input.preimages.map((preimage) => toHex(crypto.sha256(preimage))));
  return { contract, facts, digests, nowMs, newestMs: nowMs };
}

function problemOf(
  fact: Fact,
  role: Role | undefined,
  contract: Contract,
  nowMs: TimeMs,
): string | undefined {
  if (role === undefined) return `the "${fact.kind}" fact is signed by a key that the terms do not name`;
  if (fact.subject !== null && !equalBytes(fact.subject, contract.id)) {
    return `${role}'s "${fact.kind}" fact is about another contract`;
  }
  const aheadMs = fact.timeMs - nowMs;
  if (aheadMs > FACT_TIME_AHEAD_MS) {
    return (
      `${role}'s "${fact.kind}" fact is ${seconds(aheadMs)} ahead of the log, ` +
      `${seconds(FACT_TIME_AHEAD_MS)} allowed`
    );
  }
  return undefined;
}

/** Undefined if the observation holds; else what fails, in words and numbers. */
export function failureOf(seen: Observation, evidence: Evidence): string | undefined {
  switch (seen.kind) {
    case "near":
      return failureOfNear(seen, evidence);
    case "attest": {
      const fact = factOf(seen.role, seen.factKind, seen.maxAgeMs, evidence);
      return typeof fact === "string" ? fact : undefined;
    }
    case "signed":
      return failureOfSigned(seen, evidence);
    case "met":
      return failureOfMet(seen, evidence);
    case "before": {
      const lateMs = evidence.newestMs - seen.timeMs;
      return lateMs < 0 ? undefined : `it is ${seconds(lateMs)} past the time limit`;
    }
    case "hash":
      return evidence.digests.has(toHex(seen.digest)) ? undefined : "the secret behind the hash is not shown";
    case "and":
      for (const member of seen.all) {
        const failure = failureOf(member, evidence);
        if (failure !== undefined) return failure;
      }
      return undefined;
    case "or": {
      const failures: string[] = [];
      for (const member of seen.any) {
        const failure = failureOf(member, evidence);
        if (failure === undefined) return undefined;
        failures.push(failure);
      }
      return failures.join("; nor: ");
    }
    case "not":
      return failureOf(seen.not, evidence) === undefined
        ? "what must not be the case is the case"
        : undefined;
  }
}

function failureOfNear(seen: Observation & { kind: "near" }, evidence: Evidence): string | undefined {
  const fact = factOf(seen.role, FACT_KINDS.position, seen.maxAgeMs, evidence);
  if (typeof fact === "string") return fact;
  const position = tryRead(readPosition, fact);
  if (position === undefined) return `${seen.role}'s position is not a position`;
  const apartMm = distanceMm(position, seen);
  if (apartMm <= seen.radiusMm) return undefined;
  return `${seen.role} is ${metres(apartMm)} from the point, ${metres(seen.radiusMm)} allowed`;
}

function failureOfSigned(seen: Observation & { kind: "signed" }, evidence: Evidence): string | undefined {
  const rolesByBody = new Map<string, Role[]>();
  const failures: string[] = [];
  for (const role of seen.roles) {
    const fact = factOf(role, seen.factKind, seen.maxAgeMs, evidence);
    if (typeof fact === "string") {
      failures.push(fact);
      continue;
    }
    const body = toHex(encodeCbor(fact.body));
    rolesByBody.set(body, [...(rolesByBody.get(body) ?? []), role]);
  }
  const agreed = Math.max(0, ...[...rolesByBody.values()].map((roles) => roles.length));
  if (agreed >= seen.k) return undefined;
  const reasons = failures.length > 0 ? failures.join("; ") : "their statements differ";
  return `${agreed} of ${seen.k} signatures under the same "${seen.factKind}" fact: ${reasons}`;
}

function failureOfMet(seen: Observation & { kind: "met" }, evidence: Evidence): string | undefined {
  const meetings: Met[] = [];
  for (const role of seen.roles) {
    const fact = factOf(role, FACT_KINDS.met, seen.maxAgeMs, evidence);
    if (typeof fact === "string") return fact;
    const met = tryRead(readMet, fact);
    if (met === undefined) return `${role}'s meeting does not say who met`;
    meetings.push(met);
  }
  const [first, second] = meetings as [Met, Met];
  const [one, other] = seen.roles;
  const same =
    equalBytes(first.sessionHash, second.sessionHash) &&
    equalBytes(first.initiatorIdentity, second.initiatorIdentity) &&
    equalBytes(first.responderIdentity, second.responderIdentity);
  if (!same) return `${one} and ${other} speak of different sessions`;
  const bothNamed = seen.roles.every((role) => {
    const identity = partyOf(evidence.contract.terms, role)?.identity;
    if (identity === undefined) return false;
    return equalBytes(first.initiatorIdentity, identity) || equalBytes(first.responderIdentity, identity);
  });
  return bothNamed ? undefined : `the session was not between ${one} and ${other}`;
}

/**
 * The role's fact of a kind, or why there is none. "position" and "met" may be about no contract in
 * particular (a device is where it is); every other kind must name this one.
 */
function factOf(role: Role, kind: string, maxAgeMs: number, evidence: Evidence): Fact | string {
  const fact = evidence.facts.get(role)?.get(kind);
  if (fact === undefined) return `there is no "${kind}" fact of ${role}`;
  const general = kind === FACT_KINDS.position || kind === FACT_KINDS.met;
  if (fact.subject === null && !general) return `${role}'s "${kind}" fact names no contract`;
  const ageMs = evidence.nowMs - fact.timeMs;
  if (ageMs > maxAgeMs)
    return `${role}'s "${kind}" fact is ${seconds(ageMs)} old, ${seconds(maxAgeMs)} allowed`;
  return fact;
}

/** An integer in the body of a role's fact; undefined if there is none. */
export function factField(role: Role, kind: string, index: number, evidence: Evidence): bigint | undefined {
  const value = evidence.facts.get(role)?.get(kind)?.body[index];
  if (typeof value === "bigint") return value;
  return typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : undefined;
}

function tryRead<T extends Position | Met>(read: (fact: Fact) => T, fact: Fact): T | undefined {
  try {
    return read(fact);
  } catch (error) {
    if (error instanceof SegmentError) return undefined;
    throw error;
  }
}

/** Rounded up, so that what exceeds a bound never reads as the bound. */
function metres(mm: number): string {
  return `${Math.ceil(mm / 1_000)} m`;
}

function seconds(ms: number): string {
  return `${Math.ceil(ms / 1_000)} s`;
}
