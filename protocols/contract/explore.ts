/**
 * Walks every path of a contract once, before anyone signs: what can be in the pot, who can act alone,
 * where it ends. The tree is finite and nothing repeats, so this is as long as the terms are.
 */
import { toHex } from "../encoding/bytes.ts";
import { MAX_AMOUNT } from "../money/amounts.ts";
import type { TimeMs } from "../ports.ts";
import {
  canSatisfyAlone,
  dependsOnEvidence,
  factsNamed,
  factsRequired,
  negatesEvidence,
  rolesIn,
} from "./evidence-rules.ts";
import { FACT_KINDS } from "./facts.ts";
import { mandateFindings } from "./promises.ts";
import type { Case, If, Node, Observation, Pay, Role, Terms, When } from "./terms.ts";

/** A reason not to sign. */
export interface Finding {
  rule:
    | "role-unknown"
    | "deadlines"
    | "pot-short"
    | "pot-left"
    | "pot-overflow"
    | "own-word"
    | "no-evidence"
    | "withheld-evidence"
    | "unproven-field"
    | "mandate"
    | "reused-fact"
    | "label";
  /** In the tree, "contract.cases[0].then". */
  where: string;
  message: string;
}

/** What happened on the way to an ending. */
export type EndingEvent =
  | { kind: "deposit"; label: string; by: Role; currency: string; amount: bigint }
  | { kind: "choice"; label: string; by: Role; name: string }
  | { kind: "facts"; label: string; condition: Observation }
  | { kind: "timeout"; label: string; from: TimeMs }
  | { kind: "decision"; condition: Observation; holds: boolean };

/** What a role is paid (or has deposited) in one currency: at least `min`, at most `max`. */
export interface Payout {
  role: Role;
  currency: string;
  min: bigint;
  max: bigint;
}

export interface Ending {
  events: EndingEvent[];
  deposits: Payout[];
  payouts: Payout[];
  /** The latest moment of the last event: a deadline, or the time from which the timeout may be executed. */
  byWhen: TimeMs;
}

interface Range {
  min: bigint;
  max: bigint;
}

/** Everything known at a point of a path. Never changed in place: branches share it. */
interface Walk {
  where: string;
  events: EndingEvent[];
  pot: ReadonlyMap<string, Range>;
  deposits: ReadonlyMap<string, Payout>;
  payouts: ReadonlyMap<string, Payout>;
  /** Sides (accounts, in hex) that got here by their own word alone, and by what. */
  alone: ReadonlyMap<string, "fact" | "choice">;
  /** Facts ("role/kind") that the step on which this runs is sure to bring. */
  facts: ReadonlySet<string>;
  /** Facts ("role/kind") that earlier steps may have used. */
  used: ReadonlySet<string>;
  /** Choices ("role/name") of a value that were made on the way here. */
  chosen: ReadonlySet<string>;
  /** The next `when` must be open for longer than until here. */
  after: TimeMs;
  byWhen: TimeMs;
}

interface Exploration {
  terms: Terms;
  sideOf: ReadonlyMap<Role, string>;
  findings: Finding[];
  endings: Ending[];
}

const NOTHING: Range = { min: 0n, max: 0n };

/**
 * For a side that was believed alone, only a window of at least this length in which another can
 * object makes up for it.
 */
export const SHORTEST_DISPUTE_MS = 60_000;

/** All findings and all endings of decoded terms. */
export function explore(terms: Terms): { findings: Finding[]; endings: Ending[] } {
  const sideOf = new Map(terms.parties.map((party) => [party.role, toHex(party.account)]));
  const exploration: Exploration = { terms, sideOf, findings: [], endings: [] };
  exploration.findings.push(...mandateFindings(terms));
  visit(exploration, terms.contract, {
    where: "contract",
    events: [],
    pot: new Map(),
    deposits: new Map(),
    payouts: new Map(),
    alone: new Map(),
    facts: new Set(),
    used: new Set(),
    chosen: new Set(),
    after: terms.offerExpires,
    byWhen: terms.offerExpires,
  });
  return { findings: exploration.findings, endings: exploration.endings };
}

function find(on: Exploration, rule: Finding["rule"], where: string, message: string): void {
  on.findings.push({ rule, where, message });
}

function visit(on: Exploration, node: Node, at: Walk): void {
  switch (node.kind) {
    case "close":
      return visitClose(on, at);
    case "pay":
      return visitPay(on, node, at);
    case "if":
      return visitIf(on, node, at);
    case "when":
      return visitWhen(on, node, at);
  }
}

function visitClose(on: Exploration, at: Walk): void {
  for (const [currency, held] of at.pot) {
    if (held.max > 0n)
      find(on, "pot-left", at.where, `up to ${held.max} of ${currency} would be left at the end`);
  }
  const byRole = (payouts: ReadonlyMap<string, Payout>): Payout[] =>
    [...on.terms.parties, ...on.terms.beneficiaries].flatMap((party) =>
      [...payouts.values()].filter((payout) => payout.role === party.role),
    );
  on.endings.push({
    events: at.events,
    deposits: byRole(at.deposits),
    payouts: byRole(at.payouts),
    byWhen: at.byWhen,
  });
}

function visitPay(on: Exploration, node: Pay, at: Walk): void {
  if (!isPaid(on.terms, node.to)) knowRoles(on, [node.to], at.where);
  const held = at.pot.get(node.currency) ?? NOTHING;
  const paid = rangeOf(on, node, held, at);
  if (paid.max > held.min && node.amount.kind !== "available") {
    const short = `up to ${paid.max} of ${node.currency} are to be paid, ${held.min} are sure to be there`;
    find(on, "pot-short", at.where, short);
  }
  const left = node.amount.kind === "available" ? NOTHING : less(held, paid);
  const payouts = withPayout(at.payouts, node.to, node.currency, paid);
  refuseOwnWord(on, node, at, payouts);
  visit(on, node.then, {
    ...at,
    where: `${at.where}.then`,
    pot: new Map(at.pot).set(node.currency, left),
    payouts,
  });
}

function rangeOf(on: Exploration, node: Pay, held: Range, at: Walk): Range {
  const { amount } = node;
  if (amount.kind === "constant") return { min: amount.minor, max: amount.minor };
  if (amount.kind === "available") return held;
  if (amount.kind === "chosen") {
    const { by, name, min, max } = amount;
    if (!at.chosen.has(`${by}/${name}`)) {
      const message = `the amount depends on ${by}'s choice "${name}", which is not sure to have been made`;
      find(on, "unproven-field", at.where, message);
    }
    return { min, max };
  }
  knowRoles(on, [amount.role], at.where);
  if (!at.facts.has(`${amount.role}/${amount.factKind}`)) {
    const message = `the amount depends on a "${amount.factKind}" fact of ${amount.role}, which is not sure to be there`;
    find(on, "unproven-field", at.where, message);
  }
  return { min: amount.min, max: amount.max };
}

function less(held: Range, paid: Range): Range {
  const floor = (amount: bigint): bigint => (amount < 0n ? 0n : amount);
  return { min: floor(held.min - paid.max), max: floor(held.max - paid.min) };
}

/**
 * A side may not be paid at once for a fact that it alone signed; and for a choice of its own, not more
 * than it has put in itself. (A deposit is no mere word: the ledger has seen the money.)
 */
function refuseOwnWord(on: Exploration, node: Pay, at: Walk, payouts: ReadonlyMap<string, Payout>): void {
  const side = on.sideOf.get(node.to);
  const by = side === undefined ? undefined : at.alone.get(side);
  if (by === "fact") {
    const message = `${node.to} would be paid for a fact that ${node.to}'s side alone signed, with no time to object`;
    find(on, "own-word", at.where, message);
  } else if (by === "choice") {
    const sum = (of: ReadonlyMap<string, Payout>): bigint =>
      [...of.values()]
        .filter((payout) => on.sideOf.get(payout.role) === side && payout.currency === node.currency)
        .reduce((total, payout) => total + payout.max, 0n);
    if (sum(payouts) > sum(at.deposits)) {
      const message = `${node.to} would take more than it put in, by its own choice alone, with no time to object`;
      find(on, "own-word", at.where, message);
    }
  }
}

function visitIf(on: Exploration, node: If, at: Walk): void {
  knowRoles(on, rolesIn(node.condition), at.where);
  if (dependsOnEvidence(node.condition)) {
    const message = "a decision may depend on time only: whoever brings facts could leave one out";
    find(on, "withheld-evidence", at.where, message);
  }
  const branch = (holds: boolean, name: string): Walk => ({
    ...at,
    where: `${at.where}.${name}`,
    events: [...at.events, { kind: "decision", condition: node.condition, holds }],
  });
  visit(on, node.then, branch(true, "then"));
  visit(on, node.else, branch(false, "else"));
}

function visitWhen(on: Exploration, node: When, at: Walk): void {
  checkDeadlines(on, node, at);
  if (!/^[a-z][a-z0-9-]*$/.test(node.label) || node.label === "closed") {
    find(
      on,
      "label",
      at.where,
      `"${node.label}" cannot be a label: devices obey labels, and "closed" is the end`,
    );
  }
  for (const [index, one] of node.cases.entries()) {
    visitCase(on, node, one, { ...at, where: `${at.where}.cases[${index}]` });
  }
  visit(on, node.onTimeout, {
    ...at,
    where: `${at.where}.onTimeout`,
    events: [...at.events, { kind: "timeout", label: node.label, from: node.refundFrom }],
    alone: aloneAfterSilence(on, node, at),
    facts: new Set(),
    after: node.refundFrom,
    byWhen: node.refundFrom,
  });
}

function checkDeadlines(on: Exploration, node: When, at: Walk): void {
  if (node.actBy >= node.claimBy || node.claimBy >= node.refundFrom) {
    find(on, "deadlines", at.where, `in "${node.label}" the deadlines are not in order: act, claim, refund`);
  }
  if (node.actBy <= at.after) {
    const message = `"${node.label}" can have ended before it begins: it must be open after ${at.after}`;
    find(on, "deadlines", at.where, message);
  }
}

/** Who is still unopposed when nobody did anything: those whom no other side could contradict in time. */
function aloneAfterSilence(on: Exploration, node: When, at: Walk): Walk["alone"] {
  if (node.actBy - at.after < SHORTEST_DISPUTE_MS) return at.alone;
  const couldObject = (side: string): boolean =>
    node.cases.some((one) => [...sidesWhoCan(on, one)].some((other) => other !== side));
  return new Map([...at.alone].filter(([side]) => !couldObject(side)));
}

/** The sides that can take a case without any other. */
function sidesWhoCan(on: Exploration, one: Case): Set<string> {
  const sides = new Set(on.sideOf.values());
  if (one.kind === "facts") {
    return new Set([...sides].filter((side) => canSatisfyAlone(one.condition, side, on.sideOf)));
  }
  const side = on.sideOf.get(one.by);
  return new Set(side === undefined ? [] : [side]);
}

function visitCase(on: Exploration, node: When, one: Case, at: Walk): void {
  const next = {
    ...at,
    alone: aloneAfterCase(on, one, at),
    where: `${at.where}.then`,
    facts: new Set<string>(),
    after: node.claimBy,
  };
  const { label } = node;
  switch (one.kind) {
    case "deposit": {
      const event = {
        kind: one.kind,
        label,
        by: one.by,
        currency: one.currency,
        amount: one.amount,
      } as const;
      const amount = { min: one.amount, max: one.amount };
      return visit(on, one.then, {
        ...next,
        pot: depositedPot(on, one, at),
        deposits: withPayout(at.deposits, one.by, one.currency, amount),
        events: [...at.events, event],
        byWhen: node.actBy,
      });
    }
    case "choice": {
      knowRoles(on, [one.by], at.where);
      const event = { kind: one.kind, label, by: one.by, name: one.name } as const;
      const chosen = one.min < one.max ? new Set([...at.chosen, `${one.by}/${one.name}`]) : at.chosen;
      return visit(on, one.then, { ...next, chosen, events: [...at.events, event], byWhen: node.actBy });
    }
    case "facts":
      checkCondition(on, one.condition, at);
      return visit(on, one.then, {
        ...next,
        facts: factsRequired(one.condition),
        used: new Set([...at.used, ...singleUseFacts(one.condition)]),
        events: [...at.events, { kind: one.kind, label, condition: one.condition }],
        byWhen: node.claimBy,
      });
  }
}

function aloneAfterCase(on: Exploration, one: Case, at: Walk): Walk["alone"] {
  const alone = new Map<string, "fact" | "choice">();
  for (const side of sidesWhoCan(on, one)) {
    const before = at.alone.get(side);
    if (one.kind === "facts") alone.set(side, "fact");
    else if (one.kind === "choice") alone.set(side, before ?? "choice");
    else if (before !== undefined) alone.set(side, before);
  }
  return alone;
}

function depositedPot(on: Exploration, one: Case & { kind: "deposit" }, at: Walk): Map<string, Range> {
  knowRoles(on, [one.by], at.where);
  const held = at.pot.get(one.currency) ?? NOTHING;
  const sum = { min: held.min + one.amount, max: held.max + one.amount };
  if (sum.max > MAX_AMOUNT)
    find(on, "pot-overflow", at.where, `the pot would exceed 2^63 - 1 of ${one.currency}`);
  return new Map(at.pot).set(one.currency, sum);
}

/** A place or a meeting may be shown again; any other fact stands for one event, and pays once. */
function singleUseFacts(condition: Observation): string[] {
  const general = [FACT_KINDS.position, FACT_KINDS.met];
  return [...factsNamed(condition)].filter((name) => !general.some((kind) => name.endsWith(`/${kind}`)));
}

function checkCondition(on: Exploration, condition: Observation, { where, used }: Walk): void {
  for (const name of singleUseFacts(condition).filter((fact) => used.has(fact))) {
    const message = `the fact "${name}" of an earlier step could be shown again: name the two kinds apart`;
    find(on, "reused-fact", where, message);
  }
  knowRoles(on, rolesIn(condition), where);
  if (negatesEvidence(condition)) {
    const message = '"not" may only be said of time: whoever brings facts could leave one out';
    find(on, "withheld-evidence", where, message);
  }
  if (canSatisfyAlone(condition, undefined, on.sideOf)) {
    find(on, "no-evidence", where, "the condition can hold without anyone's signature or secret");
  }
}

function isPaid(terms: Terms, role: Role): boolean {
  return terms.beneficiaries.some((one) => one.role === role);
}

function knowRoles(on: Exploration, roles: Role[], where: string): void {
  for (const role of roles) {
    if (!on.sideOf.has(role)) find(on, "role-unknown", where, `there is no party "${role}"`);
  }
}

function withPayout(
  payouts: ReadonlyMap<string, Payout>,
  role: Role,
  currency: string,
  amount: Range,
): Map<string, Payout> {
  const key = `${role}/${currency}`;
  const before = payouts.get(key) ?? NOTHING;
  const sum = { role, currency, min: before.min + amount.min, max: before.max + amount.max };
  return new Map(payouts).set(key, sum);
}
