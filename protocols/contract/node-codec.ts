/**
 * Nodes, cases, amounts and observations as positional arrays, each beginning with the number of its
 * kind. Size and depth are bounded while reading, before the tree exists.
 */
import type { CborValue } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { SegmentError } from "../errors.ts";
import { MAX_AMOUNT } from "../money/amounts.ts";
import { isCurrencyId } from "../money/currencies.ts";
import { MAX_CASES, MAX_DEPTH, MAX_NODES, MAX_PARTIES, MAX_RADIUS_MM, MAX_TIME_MS } from "./bounds.ts";
import type { AmountExpr, Case, Node, Observation, Role } from "./terms.ts";

const NODE = { close: 0, pay: 1, if: 2, when: 3 } as const;
const CASE = { deposit: 0, choice: 1, facts: 2 } as const;
const AMOUNT = { constant: 0, available: 1, field: 2, chosen: 3 } as const;
const OBSERVATION = {
  near: 0,
  attest: 1,
  signed: 2,
  met: 3,
  before: 4,
  hash: 5,
  and: 6,
  or: 7,
  not: 8,
} as const;

/** CBOR levels that 32 nodes can need: a `when` takes three (itself, its cases, the case), the terms one. */
export const CBOR_DEPTH = 3 * MAX_DEPTH + 4;

/**
 * Counts nodes and observations, so that a bomb is refused when it exceeds the bound and not when it is
 * whole.
 */
export class NodeBudget {
  private spent = 0;

  enter(depth: number, where: string): void {
    this.spent++;
    if (this.spent > MAX_NODES) {
      throw new SegmentError("terms-too-large", `the contract has more than ${MAX_NODES} nodes`, { where });
    }
    if (depth > MAX_DEPTH) {
      throw new SegmentError("terms-too-large", `the contract is deeper than ${MAX_DEPTH} levels`, { where });
    }
  }
}

/** `terms-invalid` in place of what the CBOR reader says; other errors as they are. */
export function asTermsError(error: unknown): unknown {
  if (!(error instanceof SegmentError) || !error.code.startsWith("cbor-")) return error;
  const code = error.code === "cbor-too-large" ? "terms-too-large" : "terms-invalid";
  return new SegmentError(code, error.message, { where: error.where ?? "terms", cause: error });
}

/** The next field as a name: 1 to 32 of a-z, 0-9 and -. */
export function roleField(reader: FieldReader, name: string): string {
  return nameIn(reader.text(name, { min: 1, max: 32 }), name);
}

function nameIn(text: CborValue, where: string): string {
  if (typeof text === "string" && /^[a-z][a-z0-9-]{0,31}$/.test(text)) return text;
  return fail(where, "is not a name of a-z, 0-9 and -");
}

function fail(where: string, problem: string): never {
  throw new SegmentError("terms-invalid", `${where} ${problem}`, { where });
}

export function encodeNode(node: Node, budget: NodeBudget, depth = 1): CborValue {
  budget.enter(depth, "contract");
  const inner = (child: Node): CborValue => encodeNode(child, budget, depth + 1);
  switch (node.kind) {
    case "close":
      return [NODE.close];
    case "pay":
      return [NODE.pay, node.to, node.currency, encodeAmount(node.amount), inner(node.then)];
    case "if":
      return [
        NODE.if,
        encodeObservation(node.condition, budget, depth + 1),
        inner(node.then),
        inner(node.else),
      ];
    case "when":
      return [
        NODE.when,
        node.label,
        node.cases.map((one) => encodeCase(one, budget, depth)),
        node.actBy,
        node.claimBy,
        node.refundFrom,
        inner(node.onTimeout),
      ];
  }
}

function encodeCase(one: Case, budget: NodeBudget, depth: number): CborValue {
  const then = encodeNode(one.then, budget, depth + 1);
  switch (one.kind) {
    case "deposit":
      return [CASE.deposit, one.by, one.currency, one.amount, then];
    case "choice":
      return [CASE.choice, one.by, one.name, one.min, one.max, then];
    case "facts":
      return [CASE.facts, encodeObservation(one.condition, budget, depth + 1), then];
  }
}

function encodeAmount(amount: AmountExpr): CborValue {
  switch (amount.kind) {
    case "constant":
      return [AMOUNT.constant, amount.minor];
    case "available":
      return [AMOUNT.available];
    case "field": {
      const { factKind, role, index, numerator, denominator, min, max } = amount;
      return [AMOUNT.field, factKind, role, index, numerator, denominator, min, max];
    }
    case "chosen":
      return [AMOUNT.chosen, amount.by, amount.name, amount.min, amount.max];
  }
}

function encodeObservation(seen: Observation, budget: NodeBudget, depth: number): CborValue {
  budget.enter(depth, "contract");
  const inner = (child: Observation): CborValue => encodeObservation(child, budget, depth + 1);
  switch (seen.kind) {
    case "near":
      return [OBSERVATION.near, seen.role, seen.latitudeE7, seen.longitudeE7, seen.radiusMm, seen.maxAgeMs];
    case "attest":
      return [OBSERVATION.attest, seen.role, seen.factKind, seen.maxAgeMs];
    case "signed":
      return [OBSERVATION.signed, seen.k, seen.roles, seen.factKind, seen.maxAgeMs];
    case "met":
      return [OBSERVATION.met, seen.roles[0], seen.roles[1], seen.maxAgeMs];
    case "before":
      return [OBSERVATION.before, seen.timeMs];
    case "hash":
      return [OBSERVATION.hash, seen.digest];
    case "and":
      return [OBSERVATION.and, seen.all.map(inner)];
    case "or":
      return [OBSERVATION.or, seen.any.map(inner)];
    case "not":
      return [OBSERVATION.not, inner(seen.not)];
  }
}

/** Throws `terms-invalid`, `terms-too-large` or the reader's `cbor-wrong-shape`, each with `where`. */
export function decodeNode(value: CborValue, where: string, budget: NodeBudget, depth = 1): Node {
  budget.enter(depth, where);
  const reader = new FieldReader(value, where);
  const inner = (name: string): Node => decodeNode(reader.value(name), `${where}.${name}`, budget, depth + 1);
  const node = readNode(reader, where, budget, depth, inner);
  reader.end();
  return node;
}

function readNode(
  reader: FieldReader,
  where: string,
  budget: NodeBudget,
  depth: number,
  inner: (name: string) => Node,
): Node {
  switch (reader.int("kind")) {
    case NODE.close:
      return { kind: "close" };
    case NODE.pay:
      return {
        kind: "pay",
        to: roleField(reader, "to"),
        currency: currencyField(reader, where),
        amount: decodeAmount(reader.value("amount"), `${where}.amount`),
        then: inner("then"),
      };
    case NODE.if:
      return {
        kind: "if",
        condition: decodeObservation(reader.value("condition"), `${where}.condition`, budget, depth + 1),
        then: inner("then"),
        else: inner("else"),
      };
    case NODE.when:
      return {
        kind: "when",
        label: roleField(reader, "label"),
        cases: reader
          .list("cases", { max: MAX_CASES })
          .map((one, index) => decodeCase(one, `${where}.cases[${index}]`, budget, depth)),
        actBy: timeField(reader, "actBy"),
        claimBy: timeField(reader, "claimBy"),
        refundFrom: timeField(reader, "refundFrom"),
        onTimeout: inner("onTimeout"),
      };
    default:
      return fail(where, "is of no known kind of node");
  }
}

function decodeCase(value: CborValue, where: string, budget: NodeBudget, depth: number): Case {
  const reader = new FieldReader(value, where);
  const inner = (): Node => decodeNode(reader.value("then"), `${where}.then`, budget, depth + 1);
  const one = readCase(reader, where, budget, depth, inner);
  reader.end();
  return one;
}

function readCase(
  reader: FieldReader,
  where: string,
  budget: NodeBudget,
  depth: number,
  inner: () => Node,
): Case {
  switch (reader.int("kind")) {
    case CASE.deposit: {
      const by = roleField(reader, "by");
      const currency = currencyField(reader, where);
      return { kind: "deposit", by, currency, amount: amountField(reader, "amount", 1n), then: inner() };
    }
    case CASE.choice: {
      const by = roleField(reader, "by");
      const name = roleField(reader, "name");
      const min = amountField(reader, "min");
      return { kind: "choice", by, name, min, max: amountField(reader, "max", min), then: inner() };
    }
    case CASE.facts: {
      const condition = decodeObservation(reader.value("condition"), `${where}.condition`, budget, depth + 1);
      return { kind: "facts", condition, then: inner() };
    }
    default:
      return fail(where, "is of no known kind of case");
  }
}

function decodeAmount(value: CborValue, where: string): AmountExpr {
  const reader = new FieldReader(value, where);
  const amount = readAmount(reader, where);
  reader.end();
  return amount;
}

function readAmount(reader: FieldReader, where: string): AmountExpr {
  switch (reader.int("kind")) {
    case AMOUNT.constant:
      return { kind: "constant", minor: amountField(reader, "minor", 1n) };
    case AMOUNT.available:
      return { kind: "available" };
    case AMOUNT.field: {
      const factKind = roleField(reader, "factKind");
      const role = roleField(reader, "role");
      const index = reader.int("index", { min: 0, max: 15 });
      const numerator = amountField(reader, "numerator");
      const denominator = amountField(reader, "denominator", 1n);
      const min = amountField(reader, "min");
      const max = amountField(reader, "max", min);
      return { kind: "field", factKind, role, index, numerator, denominator, min, max };
    }
    case AMOUNT.chosen: {
      const by = roleField(reader, "by");
      const name = roleField(reader, "name");
      const min = amountField(reader, "min");
      return { kind: "chosen", by, name, min, max: amountField(reader, "max", min) };
    }
    default:
      return fail(where, "is of no known kind of amount");
  }
}

function decodeObservation(value: CborValue, where: string, budget: NodeBudget, depth: number): Observation {
  budget.enter(depth, where);
  const reader = new FieldReader(value, where);
  const inner = (child: CborValue, name: string): Observation =>
    decodeObservation(child, `${where}.${name}`, budget, depth + 1);
  const seen = readObservation(reader, where, inner);
  reader.end();
  return seen;
}

function readObservation(
  reader: FieldReader,
  where: string,
  inner: (child: CborValue, name: string) => Observation,
): Observation {
  switch (reader.int("kind")) {
    case OBSERVATION.near:
      return {
        kind: "near",
        role: roleField(reader, "role"),
        latitudeE7: reader.int("latitudeE7", { min: -900_000_000, max: 900_000_000 }),
        longitudeE7: reader.int("longitudeE7", { min: -1_800_000_000, max: 1_800_000_000 }),
        radiusMm: reader.int("radiusMm", { min: 1, max: MAX_RADIUS_MM }),
        maxAgeMs: timeField(reader, "maxAgeMs"),
      };
    case OBSERVATION.attest: {
      const role = roleField(reader, "role");
      return {
        kind: "attest",
        role,
        factKind: roleField(reader, "factKind"),
        maxAgeMs: timeField(reader, "maxAgeMs"),
      };
    }
    case OBSERVATION.signed: {
      const k = reader.int("k", { min: 1, max: MAX_PARTIES });
      const roles = rolesField(reader, where);
      if (k > roles.length) fail(where, `wants ${k} signatures of ${roles.length} roles`);
      return {
        kind: "signed",
        k,
        roles,
        factKind: roleField(reader, "factKind"),
        maxAgeMs: timeField(reader, "maxAgeMs"),
      };
    }
    case OBSERVATION.met: {
      const roles: [Role, Role] = [roleField(reader, "first"), roleField(reader, "second")];
      if (roles[0] === roles[1]) fail(where, "has one role meet itself");
      return { kind: "met", roles, maxAgeMs: timeField(reader, "maxAgeMs") };
    }
    case OBSERVATION.before:
      return { kind: "before", timeMs: timeField(reader, "timeMs") };
    case OBSERVATION.hash:
      return { kind: "hash", digest: reader.bytes("digest", { length: 32 }) };
    case OBSERVATION.and:
      return { kind: "and", all: membersField(reader, where, inner) };
    case OBSERVATION.or:
      return { kind: "or", any: membersField(reader, where, inner) };
    case OBSERVATION.not:
      return { kind: "not", not: inner(reader.value("not"), "not") };
    default:
      return fail(where, "is of no known kind of observation");
  }
}

function membersField(
  reader: FieldReader,
  where: string,
  inner: (child: CborValue, name: string) => Observation,
): Observation[] {
  const members = reader.list("members", { max: MAX_CASES });
  if (members.length === 0) fail(where, "has no members");
  return members.map((member, index) => inner(member, `members[${index}]`));
}

function rolesField(reader: FieldReader, where: string): Role[] {
  const roles = reader.list("roles", { max: MAX_PARTIES }).map((role) => nameIn(role, `${where}.roles`));
  if (new Set(roles).size !== roles.length) fail(where, "names a role twice");
  return roles;
}

/** The next field as a currency's id. */
export function currencyField(reader: FieldReader, where: string): string {
  const currency = reader.text("currency", { max: 32 });
  return isCurrencyId(currency) ? currency : fail(`${where}.currency`, "is not a currency's id");
}

function amountField(reader: FieldReader, name: string, min = 0n): bigint {
  return reader.bigint(name, { min, max: MAX_AMOUNT });
}

function timeField(reader: FieldReader, name: string): number {
  return reader.int(name, { min: 0, max: MAX_TIME_MS });
}
