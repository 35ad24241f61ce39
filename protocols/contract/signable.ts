/** Which facts a step waits for, who can sign them and when; and which of those at hand fulfil it. */
import { isoTime } from "../calendar.ts";
import { equalBytes, toHex } from "../encoding/bytes.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import type { CborValue } from "../encoding/cbor.ts";
import { SegmentError } from "../errors.ts";
import type { Crypto, TimeMs } from "../ports.ts";
import { eachFactNamed } from "./evidence-rules.ts";
import { FACT_KINDS, readMet, readParcelRemoved, readPosition } from "./facts.ts";
import type { Fact, FactContent } from "./facts.ts";
import { casesOf } from "./negotiation-next.ts";
import { checkEvidence, failureOf, forCase } from "./observe.ts";
import {
  CERTIFIED,
  CLOSED,
  OPENED,
  readOpened,
  readVoucher,
  REFUSED,
  VOUCHER,
} from "./templates/fact-kinds.ts";
import type { Contract, Observation, Role, When } from "./terms.ts";

export interface SignableFact {
  kind: string;
  /** All who can sign it, and how many of them must, the same. */
  roles: Role[];
  signatures: number;
  /** The earliest and the latest time that it may carry. */
  fromMs: TimeMs;
  untilMs: TimeMs;
}

/** The facts that a step waits for from this party, each kind once, with the widest of its bounds. */
export function signableFacts(step: When, role: Role): SignableFact[] {
  const found = new Map<string, SignableFact>();
  for (const one of casesOf(step, role)) {
    if (one.kind !== "facts") continue;
    for (const fact of factsIn(one.condition, 0, step.actBy)) {
      if (!fact.roles.includes(role)) continue;
      const known = found.get(fact.kind) ?? fact;
      found.set(fact.kind, {
        kind: fact.kind,
        roles: [...new Set([...known.roles, ...fact.roles])],
        signatures: Math.min(known.signatures, fact.signatures),
        fromMs: Math.min(known.fromMs, fact.fromMs),
        untilMs: Math.max(known.untilMs, fact.untilMs),
      });
    }
  }
  return [...found.values()];
}

function factsIn(seen: Observation, fromMs: TimeMs, untilMs: TimeMs): SignableFact[] {
  const bounds = { fromMs, untilMs };
  switch (seen.kind) {
    case "near":
      return [{ kind: FACT_KINDS.position, roles: [seen.role], signatures: 1, ...bounds }];
    case "attest":
      return [{ kind: seen.factKind, roles: [seen.role], signatures: 1, ...bounds }];
    case "signed":
      return [{ kind: seen.factKind, roles: seen.roles, signatures: seen.k, ...bounds }];
    case "met":
      return [{ kind: FACT_KINDS.met, roles: seen.roles, signatures: 2, ...bounds }];
    case "and": {
      let [from, until] = [fromMs, untilMs];
      for (const member of seen.all) {
        if (member.kind === "before") until = Math.min(until, member.timeMs - 1);
        else if (member.kind === "not" && member.not.kind === "before")
          from = Math.max(from, member.not.timeMs);
      }
      return seen.all.flatMap((member) => factsIn(member, from, until));
    }
    case "or":
      return seen.any.flatMap((member) => factsIn(member, fromMs, untilMs));
    // What must not be stated nobody is asked to state.
    case "not":
    case "before":
    case "hash":
      return [];
  }
}

/**
 * The kind of fact that a party wants to sign now. Throws `contract-not-expected` (the step does not wait for
 * it from this party), `contract-too-early`, `contract-too-late`.
 */
export function requireSignable(step: When, role: Role, kind: string, nowMs: TimeMs): SignableFact {
  const all = signableFacts(step, role);
  const wanted = all.find((one) => one.kind === kind);
  if (wanted === undefined) {
    const others = othersWho(step, kind);
    const mine = all.length === 0 ? "no fact of yours" : `of yours: ${all.map((one) => one.kind).join(", ")}`;
    const theirs = others.length === 0 ? "" : `; "${kind}" is for the ${others.join(" and the ")} to sign`;
    const problem = `in "${step.label}" the contract waits for ${mine}${theirs}`;
    throw new SegmentError("contract-not-expected", problem, { where: kind });
  }
  if (nowMs < wanted.fromMs) {
    const problem = `a "${kind}" fact counts from ${isoTime(wanted.fromMs)} on`;
    throw new SegmentError("contract-too-early", problem, { where: kind });
  }
  if (nowMs > wanted.untilMs) {
    const problem = `a "${kind}" fact counted until ${isoTime(wanted.untilMs)}`;
    throw new SegmentError("contract-too-late", problem, { where: kind });
  }
  return wanted;
}

function othersWho(step: When, kind: string): Role[] {
  const roles = new Set<Role>();
  for (const one of step.cases) {
    if (one.kind !== "facts") continue;
    eachFactNamed(one.condition, (role, named) => {
      if (named === kind) roles.add(role);
    });
  }
  return [...roles];
}

// ---------------------------------------------------------------- bodies

/** What the body of a known kind holds, one name a value; undefined for kinds that terms have made up. */
const BODIES: ReadonlyMap<string, { values: string[]; read?: (fact: FactContent) => unknown }> = new Map([
  [FACT_KINDS.position, { values: ["latitudeE7", "longitudeE7", "altitudeMm"], read: readPosition }],
  [FACT_KINDS.met, { values: ["sessionHash", "initiatorIdentity", "responderIdentity"], read: readMet }],
  [
    FACT_KINDS.parcelRemoved,
    { values: ["label", "sessionHash", "gramsBefore", "gramsAfter"], read: readParcelRemoved },
  ],
  [OPENED, { values: ["label", "sessionHash"], read: readOpened }],
  [VOUCHER, { values: ["cumulativeMinor"], read: readVoucher }],
  [CERTIFIED, { values: [] }],
  [CLOSED, { values: [] }],
  [REFUSED, { values: [] }],
]);

/** Names of what the body holds; undefined where the kind does not say. */
export function bodyValues(kind: string): readonly string[] | undefined {
  return BODIES.get(kind)?.values;
}

/** Throws `fact-invalid` unless the body is of its kind's shape, within its bounds. */
export function requireBody(fact: FactContent): void {
  const shape = BODIES.get(fact.kind);
  if (shape === undefined) return;
  const { values, read } = shape;
  if (fact.body.length !== values.length) {
    const wanted = values.length === 0 ? "no values" : values.join(", ");
    throw new SegmentError("fact-invalid", `a "${fact.kind}" fact holds ${wanted}`, { where: fact.kind });
  }
  read?.(fact);
}

/** The newest statement of another who can sign the same, which this party has not signed yet. */
export function toCountersign(
  facts: readonly Fact[],
  signable: SignableFact,
  contract: Contract,
  own: Uint8Array,
): Fact | undefined {
  if (signable.signatures < 2) return undefined;
  const ofKind = facts.filter(({ kind }) => kind === signable.kind);
  const signed = new Set(
    ofKind.filter(({ signer }) => equalBytes(signer, own)).map(({ body }) => bodyKey(body)),
  );
  const others = ofKind.filter(({ signer, body }) => {
    const party = contract.terms.parties.find(({ identity }) => equalBytes(identity, signer));
    const canSign = party !== undefined && signable.roles.includes(party.role);
    return canSign && !equalBytes(signer, own) && !signed.has(bodyKey(body));
  });
  return newestFirst(others)[0];
}

function bodyKey(body: CborValue[]): string {
  return toHex(encodeCbor(body));
}

function newestFirst(facts: readonly Fact[]): Fact[] {
  return facts.toSorted((a, b) => b.timeMs - a.timeMs);
}

// ---------------------------------------------------------------- what is at hand

/**
 * Those of the facts at hand that fulfil a case of the step now: the newest of each party and kind, or else
 * the newest that say the same. Undefined if none do.
 */
export function fulfilling(
  crypto: Crypto,
  contract: Contract,
  step: When,
  facts: readonly Fact[],
  nowMs: TimeMs,
): Fact[] | undefined {
  if (nowMs > step.claimBy) return undefined;
  const timely = newestFirst(facts.filter(({ timeMs }) => timeMs <= step.actBy));
  const bodies = new Set(timely.map(({ body }) => bodyKey(body)));
  for (const one of step.cases) {
    if (one.kind !== "facts") continue;
    const named = new Set<string>();
    eachFactNamed(one.condition, (role, kind) => named.add(`${role}/${kind}`));
    for (const body of [undefined, ...bodies]) {
      const chosen = oneOfEach(contract, timely, named, body);
      if (chosen.length === 0) continue;
      const evidence = checkEvidence(crypto, contract, { facts: chosen, preimages: [] }, nowMs);
      if ("code" in evidence) continue;
      if (failureOf(one.condition, forCase(one.condition, evidence)) === undefined) return chosen;
    }
  }
  return undefined;
}

/** The first of each party and kind that a condition names, where there is one with this body. */
function oneOfEach(
  { terms }: Contract,
  facts: readonly Fact[],
  named: ReadonlySet<string>,
  body: string | undefined,
): Fact[] {
  const sorted = facts.toSorted((a, b) => rank(a, body) - rank(b, body));
  const chosen = new Map<string, Fact>();
  for (const fact of sorted) {
    const role = terms.parties.find(({ identity }) => equalBytes(identity, fact.signer))?.role;
    const key = `${role ?? ""}/${fact.kind}`;
    if (named.has(key) && !chosen.has(key)) chosen.set(key, fact);
  }
  return [...chosen.values()];
}

function rank(fact: Fact, body: string | undefined): number {
  return body !== undefined && bodyKey(fact.body) === body ? 0 : 1;
}
