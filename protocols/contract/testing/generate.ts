/**
 * Contracts grown from a tape of numbers, and inputs that satisfy their cases: for property tests. Most
 * are sound; some carry a defect that the checks must find, or that must do no harm.
 */
import fc from "fast-check";
import type { CborValue } from "../../encoding/cbor.ts";
import { factsNamed } from "../evidence-rules.ts";
import { FACT_KINDS, metBody, positionBody } from "../facts.ts";
import type { Fact } from "../facts.ts";
import type { Input } from "../machine.ts";
import { partyOf } from "../terms.ts";
import type { AmountExpr, Case, Contract, Node, Observation, Terms } from "../terms.ts";
import { BUYER, DELIVERY, DRONE, EUR, fact, KWH, MINUTE, ORDERED_AT, POINT, SHOP } from "./delivery.ts";

export const ROLES = ["buyer", "drone", "shop"] as const;
export const SECRET = new Uint8Array([1, 2, 3]);
const LONG_MS = 365 * 24 * 60 * MINUTE;

/** Kinds of facts that a step at this depth asks for: a fact of one step is of no use in another. */
function kindsAt(depth: number): [string, string] {
  return [`wh-${depth}`, `door-closed-${depth}`];
}

/** Decisions, one number after the other; zeros when it has run out, which ends every branch. */
class Tape {
  private readonly numbers: number[];
  private at = 0;

  constructor(numbers: number[]) {
    this.numbers = numbers;
  }

  below(bound: number): number {
    return (this.numbers[this.at++] ?? 0) % bound;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }
}

interface Growing {
  tape: Tape;
  digest: Uint8Array;
  /** How often to leave something out that safety needs: one in so many; 0 for never. */
  defectIn: number;
}

interface Spot {
  depth: number;
  afterMs: number;
  /** Facts that are sure to be there. */
  facts: { role: string; factKind: string }[];
  /** Choices of a value that were made on the way. */
  chosen: { by: string; name: string }[];
  deposited: Set<string>;
}

export function growTerms(numbers: number[], digest: Uint8Array, defectIn: number): Terms {
  const growing: Growing = { tape: new Tape(numbers), digest, defectIn };
  const spot = {
    depth: 0,
    afterMs: ORDERED_AT + 10 * MINUTE,
    facts: [],
    chosen: [],
    deposited: new Set<string>(),
  };
  const parties = ROLES.map((role) => ({ role, ...{ buyer: BUYER, drone: DRONE, shop: SHOP }[role] }));
  return {
    network: DELIVERY.network,
    template: "generated/1",
    nonce: DELIVERY.nonce,
    parties,
    beneficiaries: [{ role: "fund", account: new Uint8Array(32).fill(7) }],
    mandates: [],
    notBefore: ORDERED_AT,
    offerExpires: ORDERED_AT + 10 * MINUTE,
    details: [],
    contract: grow(growing, spot),
  };
}

export const tapes = fc.array(fc.nat(255), { minLength: 20, maxLength: 160 });

function defect({ tape, defectIn }: Growing): boolean {
  return defectIn > 0 && tape.below(defectIn) === defectIn - 1;
}

function grow(growing: Growing, spot: Spot): Node {
  const { tape } = growing;
  const kind = spot.depth > 3 ? 0 : tape.below(6);
  if (kind === 0) return ending(growing, spot);
  if (kind === 1) {
    const limit = defect(growing) ? condition(growing, spot, 1) : time(spot, tape.below(40));
    return {
      kind: "if",
      condition: limit,
      then: grow(growing, deeper(spot)),
      else: grow(growing, deeper(spot)),
    };
  }
  if (kind === 2 && spot.deposited.size > 0) {
    const pay = payment(growing, spot);
    return { ...pay, then: grow(growing, deeper(spot)) };
  }
  return wait(growing, spot);
}

function deeper(spot: Spot): Spot {
  return { ...spot, depth: spot.depth + 1 };
}

function time(spot: Spot, minutes: number): Observation {
  return { kind: "before", timeMs: spot.afterMs + minutes * MINUTE };
}

/** Everything that is left to somebody, then the end. */
function ending(growing: Growing, spot: Spot): Node {
  let node: Node = { kind: "close" };
  for (const currency of spot.deposited) {
    if (defect(growing)) continue;
    node = { kind: "pay", to: growing.tape.pick(ROLES), currency, amount: { kind: "available" }, then: node };
  }
  return node;
}

function payment(
  growing: Growing,
  spot: Spot,
): { kind: "pay"; to: string; currency: string; amount: AmountExpr } {
  const { tape } = growing;
  const currency = tape.pick([...spot.deposited]);
  const to = tape.pick([...ROLES, "fund"]);
  const chosen = tape.pick([undefined, ...spot.chosen]);
  if (chosen !== undefined) {
    const min = BigInt(tape.below(3));
    return { kind: "pay", to, currency, amount: { kind: "chosen", ...chosen, min, max: min + 2n } };
  }
  const measured = tape.pick([undefined, ...spot.facts]);
  if (measured !== undefined) {
    const min = BigInt(tape.below(3));
    const rate = { numerator: BigInt(tape.below(9)), denominator: BigInt(1 + tape.below(9)) };
    return {
      kind: "pay",
      to,
      currency,
      amount: { kind: "field", ...measured, index: 0, ...rate, min, max: min + 3n },
    };
  }
  const amount: AmountExpr =
    tape.below(3) === 0 ? { kind: "available" } : { kind: "constant", minor: BigInt(1 + tape.below(12)) };
  return { kind: "pay", to, currency, amount };
}

function wait(growing: Growing, spot: Spot): Node {
  const { tape } = growing;
  const actBy = spot.afterMs + (defect(growing) ? 0 : 2 * MINUTE);
  const claimBy = actBy + MINUTE;
  const refundFrom = claimBy + MINUTE;
  const next = { ...spot, depth: spot.depth + 1, facts: [] };
  const cases = Array.from({ length: tape.below(3) + 1 }, () =>
    growCase(growing, { ...next, afterMs: claimBy }),
  );
  const onTimeout = grow(growing, { ...next, afterMs: refundFrom });
  return {
    kind: "when",
    label: tape.pick(["may-open", "waiting"]),
    cases,
    actBy,
    claimBy,
    refundFrom,
    onTimeout,
  };
}

function growCase(growing: Growing, spot: Spot): Case {
  const { tape } = growing;
  const by = tape.pick(ROLES);
  const kind = tape.below(3);
  if (kind === 0) {
    const currency = tape.pick([EUR, KWH]);
    const deposited = new Set(spot.deposited).add(currency);
    const amount = BigInt(8 + tape.below(30));
    return { kind: "deposit", by, currency, amount, then: grow(growing, { ...spot, deposited }) };
  }
  if (kind === 1) {
    const min = BigInt(tape.below(3));
    const name = tape.pick(["yes", "no"]);
    const made = defect(growing) ? [] : [{ by, name }];
    const then = grow(growing, { ...spot, chosen: [...spot.chosen, ...made] });
    return { kind: "choice", by, name, min, max: min + BigInt(tape.below(3)), then };
  }
  const factKind = tape.pick(kindsAt(defect(growing) ? 0 : spot.depth));
  const both: Observation = { kind: "signed", k: 3, roles: [...ROLES], factKind, maxAgeMs: LONG_MS };
  const seen: Observation = { kind: "and", all: [both, condition(growing, spot, 0)] };
  const facts = ROLES.map((role) => ({ role, factKind }));
  const only = defect(growing) ? condition(growing, spot, 0) : seen;
  return { kind: "facts", condition: only, then: grow(growing, { ...spot, facts }) };
}

function condition(growing: Growing, spot: Spot, depth: number): Observation {
  const { tape } = growing;
  const role = tape.pick(ROLES);
  const maxAgeMs = LONG_MS;
  switch (tape.below(depth > 2 ? 5 : 8)) {
    case 0:
      return { kind: "near", role, ...pointOnGround(), radiusMm: 15_000, maxAgeMs };
    case 1:
      return { kind: "attest", role, factKind: tape.pick(kindsAt(spot.depth)), maxAgeMs };
    case 2:
      return { kind: "signed", k: 2, roles: [...ROLES], factKind: tape.pick(kindsAt(spot.depth)), maxAgeMs };
    case 3:
      return { kind: "met", roles: ["drone", "buyer"], maxAgeMs };
    case 4:
      return { kind: "hash", digest: growing.digest };
    case 5:
      return { kind: "and", all: [condition(growing, spot, depth + 1), condition(growing, spot, depth + 1)] };
    case 6:
      return { kind: "or", any: [condition(growing, spot, depth + 1), condition(growing, spot, depth + 1)] };
    default:
      return defect(growing)
        ? { kind: "not", not: condition(growing, spot, depth + 1) }
        : { kind: "attest", role, factKind: tape.pick(kindsAt(spot.depth)), maxAgeMs };
  }
}

function pointOnGround(): { latitudeE7: number; longitudeE7: number } {
  return { latitudeE7: POINT.latitudeE7, longitudeE7: POINT.longitudeE7 };
}

/** What these roles can state of all that a condition asks for: each the same of everything. */
export function evidenceOf(
  contract: Contract,
  condition: Observation,
  roles: readonly string[],
  timeMs: number,
  measured: CborValue,
): Extract<Input, { kind: "facts" }> {
  const met = metBody({
    sessionHash: new Uint8Array(32),
    initiatorIdentity: BUYER.identity,
    responderIdentity: DRONE.identity,
  });
  const facts = [...factsNamed(condition)].flatMap((name): Fact[] => {
    const [role = "", kind = ""] = name.split("/");
    const party = partyOf(contract.terms, role);
    if (party === undefined || !roles.includes(role)) return [];
    const general =
      kind === FACT_KINDS.position ? positionBody(POINT) : kind === FACT_KINDS.met ? met : undefined;
    return [fact(party.identity, kind, timeMs, general ?? [measured], contract)];
  });
  return { kind: "facts", facts, preimages: [] };
}

/** An input made for one case; it satisfies every condition without `not`. */
export function inputFor(contract: Contract, one: Case, timeMs: number, measured: CborValue): Input {
  if (one.kind === "deposit")
    return { kind: "deposit", by: one.by, currency: one.currency, amount: one.amount };
  if (one.kind === "choice") {
    const value = measured === 0 ? one.min : one.max;
    return { kind: "choice", by: one.by, name: one.name, value };
  }
  return { ...evidenceOf(contract, one.condition, ROLES, timeMs, measured), preimages: [SECRET] };
}
