/**
 * Runs a contract: (state, input, now) -> state and payments. Pure and total: whatever comes in, it
 * answers with a step or with the reason why not, and the same on every notary.
 */
import type { ErrorCode } from "../errors.ts";
import type { Crypto, TimeMs } from "../ports.ts";
import { MAX_AMOUNT } from "../money/amounts.ts";
import type { Fact } from "./facts.ts";
import type { AmountExpr, Case, Contract, Node, Role, When } from "./terms.ts";
import { FACT_TIME_AHEAD_MS, checkEvidence, factField, failureOf, forCase, noEvidence } from "./observe.ts";
import type { Evidence } from "./observe.ts";

export interface Deadlines {
  actBy: TimeMs;
  claimBy: TimeMs;
  refundFrom: TimeMs;
}

export interface ContractState {
  /**
   * Where in the tree: the child taken at each node. Child 0 of `pay` and `if` is `then`, 1 of `if` is
   * `else`; children of `when` are its cases in order, then the timeout.
   */
  path: number[];
  /** Transitions so far; 0 right after the start. */
  seq: number;
  /** The label of the `when` that it waits in, "closed" at the end. */
  label: string;
  closed: boolean;
  /** What the contract holds, per currency id, sorted by it; no zeros. */
  pot: [currency: string, minor: bigint][];
  /** Of the `when` that it waits in; null at the end. */
  deadlines: Deadlines | null;
  /** The values given with choices that left one, in the order of the path; empty at the end. */
  chosen: Chosen[];
}

export type Chosen = [by: Role, name: string, value: bigint];

export type Input =
  | { kind: "deposit"; by: Role; currency: string; amount: bigint }
  | { kind: "choice"; by: Role; name: string; value: bigint }
  | { kind: "facts"; facts: Fact[]; preimages: Uint8Array[] }
  | { kind: "timeout" };

export interface Payment {
  to: Role;
  currency: string;
  /** Above zero. */
  amount: bigint;
}

export type Refusal = { ok: false; code: ErrorCode; message: string };
export type Step = { ok: true; state: ContractState; payments: Payment[] } | Refusal;

/**
 * Opens a contract: from its start to the first `when`. Refused with `contract-too-early` before
 * `notBefore` and `terms-expired` after `offerExpires`. Whoever made the offer dated it by its own clock,
 * which may be as far ahead as with a fact.
 */
export function startContract(contract: Contract, nowMs: TimeMs): Step {
  const { notBefore, offerExpires } = contract.terms;
  if (nowMs < notBefore - FACT_TIME_AHEAD_MS) return refuse("contract-too-early", "the offer has not begun");
  if (nowMs > offerExpires) return refuse("terms-expired", "the offer has expired");
  const at = { path: [], seq: -1, pot: [], chosen: [] };
  return advance(contract.terms.contract, at, noEvidence(contract, nowMs));
}

/**
 * Takes one step. `nowMs` is the log's time, and `crypto` hashes preimages.
 * Refused with `contract-closed`, `contract-not-expected`, `contract-too-early`, `contract-too-late`,
 * `condition-not-met`, `fact-invalid` or `amount-overflow`; the message says which part fails.
 */
export function stepContract(
  crypto: Crypto,
  contract: Contract,
  state: ContractState,
  input: Input,
  nowMs: TimeMs,
): Step {
  if (state.closed) return refuse("contract-closed", "the contract has ended");
  const node = nodeAt(contract.terms.contract, state.path);
  if (node?.kind !== "when") return refuse("internal", "the state is not one of this contract");
  if (input.kind === "timeout") return stepTimeout(contract, state, node, nowMs);
  const evidence =
    input.kind === "facts" ? checkEvidence(crypto, contract, input, nowMs) : noEvidence(contract, nowMs);
  if ("code" in evidence) return refuse(evidence.code, evidence.message);
  const late = latenessOf(input, node, evidence);
  if (late !== undefined) return refuse("contract-too-late", late);
  return takeCase(state, node, input, evidence);
}

function stepTimeout(contract: Contract, state: ContractState, node: When, nowMs: TimeMs): Step {
  if (nowMs < node.refundFrom) {
    return refuse("contract-too-early", `${node.refundFrom - nowMs} ms are left until the deadline`);
  }
  const at = { ...state, path: [...state.path, node.cases.length] };
  return advance(node.onTimeout, at, noEvidence(contract, nowMs));
}

/** Deposits and choices count by the log's time; facts by their own, if executed up to `claimBy`. */
function latenessOf(input: Input, node: When, evidence: Evidence): string | undefined {
  const { nowMs } = evidence;
  if (input.kind !== "facts") {
    return nowMs > node.actBy
      ? `the ${input.kind} comes ${nowMs - node.actBy} ms after the deadline`
      : undefined;
  }
  if (nowMs > node.claimBy) return `the facts come ${nowMs - node.claimBy} ms after the last claim`;
  const newestMs = Math.max(0, ...input.facts.map((fact) => fact.timeMs));
  return newestMs > node.actBy ? `a fact was made ${newestMs - node.actBy} ms after the deadline` : undefined;
}

/** The first case, in order, that the input satisfies. */
function takeCase(state: ContractState, node: When, input: Input, evidence: Evidence): Step {
  const failures: string[] = [];
  for (const [index, one] of node.cases.entries()) {
    const seen = one.kind === "facts" ? forCase(one.condition, evidence) : evidence;
    const failure = caseFailure(one, input, seen);
    if (failure === undefined) {
      const at = { ...state, path: [...state.path, index] };
      if (one.kind === "deposit") {
        const held = (potOf(state, one.currency) ?? 0n) + one.amount;
        if (held > MAX_AMOUNT) return refuse("amount-overflow", "the contract cannot hold so much");
        at.pot = withHolding(state.pot, one.currency, held);
      } else if (input.kind === "choice" && one.kind === "choice" && one.min < one.max) {
        at.chosen = [...state.chosen, [one.by, one.name, input.value]];
      }
      return advance(one.then, at, seen);
    }
    if (failure !== null) failures.push(failure);
  }
  if (failures.length > 0) return refuse("condition-not-met", failures.join("; or: "));
  return refuse(
    "contract-not-expected",
    `in "${node.label}" the contract does not wait for this ${input.kind}`,
  );
}

/** Undefined if the input satisfies the case, null if it is for another case, else what fails. */
function caseFailure(one: Case, input: Input, evidence: Evidence): string | null | undefined {
  if (one.kind === "facts") return input.kind === "facts" ? failureOf(one.condition, evidence) : null;
  if (one.kind === "deposit") {
    if (input.kind !== "deposit" || one.by !== input.by || one.currency !== input.currency) return null;
    return one.amount === input.amount ? undefined : `${one.amount} minor units are due, not ${input.amount}`;
  }
  if (input.kind !== "choice" || one.by !== input.by || one.name !== input.name) return null;
  if (input.value >= one.min && input.value <= one.max) return undefined;
  return `"${one.name}" takes ${one.min} to ${one.max}, not ${input.value}`;
}

/** A place in the tree, with what is held and was chosen there. */
type Standing = Pick<ContractState, "path" | "seq" | "pot" | "chosen">;

/** Walks on through payments and decisions until the contract waits again, or ends. */
function advance(start: Node, at: Standing, evidence: Evidence): Step {
  const path = [...at.path];
  const payments: Payment[] = [];
  let { pot } = at;
  let node = start;
  while (node.kind !== "close" && node.kind !== "when") {
    if (node.kind === "if") {
      const branch = failureOf(node.condition, evidence) === undefined ? 0 : 1;
      path.push(branch);
      node = branch === 0 ? node.then : node.else;
      continue;
    }
    const { to, currency } = node;
    const held = potOf({ pot }, currency) ?? 0n;
    const amount = amountOf(node.amount, held, at.chosen, evidence);
    if (amount === undefined)
      return refuse("condition-not-met", "the fact or choice that sets the amount is not given");
    if (amount > held) return refuse("terms-unsafe", "the contract would pay more than it holds");
    if (amount > 0n) payments.push({ to, currency, amount });
    pot = withHolding(pot, currency, held - amount);
    path.push(0);
    node = node.then;
  }
  if (node.kind === "close" && pot.length > 0)
    return refuse("terms-unsafe", "the contract would end with money left in it");
  const chosen = node.kind === "close" ? [] : at.chosen;
  const state = { path, seq: at.seq + 1, ...restingIn(node), pot, chosen };
  return { ok: true, state, payments };
}

function potOf({ pot }: Pick<ContractState, "pot">, currency: string): bigint | undefined {
  return pot.find(([held]) => held === currency)?.[1];
}

/** The pot with another holding of one currency: still sorted, still without zeros. */
function withHolding(pot: ContractState["pot"], currency: string, minor: bigint): ContractState["pot"] {
  const others = pot.filter(([held]) => held !== currency);
  if (minor === 0n) return others;
  others.push([currency, minor]);
  return others.length < 2 ? others : others.sort(([a], [b]) => (a < b ? -1 : 1));
}

function restingIn(node: Node): Pick<ContractState, "label" | "closed" | "deadlines"> {
  if (node.kind !== "when") return { label: "closed", closed: true, deadlines: null };
  const { actBy, claimBy, refundFrom } = node;
  return { label: node.label, closed: false, deadlines: { actBy, claimBy, refundFrom } };
}

function amountOf(
  amount: AmountExpr,
  held: bigint,
  chosen: readonly Chosen[],
  evidence: Evidence,
): bigint | undefined {
  if (amount.kind === "constant") return amount.minor;
  if (amount.kind === "available") return held;
  if (amount.kind === "chosen") {
    const made = chosen.findLast(([by, name]) => by === amount.by && name === amount.name);
    return made && within(amount, made[2]);
  }
  const value = factField(amount.role, amount.factKind, amount.index, evidence);
  // Below zero the bound `min` holds anyway, so that rounding towards zero does no harm.
  return value === undefined ? undefined : within(amount, (value * amount.numerator) / amount.denominator);
}

function within({ min, max }: { min: bigint; max: bigint }, value: bigint): bigint {
  if (value < min) return min;
  return value > max ? max : value;
}

/** The node at a state's path; undefined if the path leads nowhere. */
export function nodeAt(root: Node, path: readonly number[]): Node | undefined {
  let node: Node | undefined = root;
  for (const child of path) {
    if (node === undefined) return undefined;
    node = childOf(node, child);
  }
  return node;
}

function childOf(node: Node, child: number): Node | undefined {
  switch (node.kind) {
    case "close":
      return undefined;
    case "pay":
      return child === 0 ? node.then : undefined;
    case "if":
      return child === 0 ? node.then : child === 1 ? node.else : undefined;
    case "when":
      return child === node.cases.length ? node.onTimeout : node.cases[child]?.then;
  }
}

function refuse(code: ErrorCode, message: string): Refusal {
  return { ok: false, code, message };
}
