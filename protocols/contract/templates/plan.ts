/**
 * What a template makes of its parameters: who first deposits what, and how it goes on from there to its
 * endings. An ending says what has come of the contract, so that services can join any template
 * (`services.ts`) without the template knowing of them.
 */
import type { Case, Mandate, Node, Party, Role, Terms, When } from "../terms.ts";

/** What has come of a contract where it ends. */
export type Outcome =
  /** What was agreed has happened. */
  | { kind: "fulfilled" }
  /** It was called off before anything happened. */
  | { kind: "cancelled" }
  /** It went wrong, by the fault or the word of one of those who are paid or pay. */
  | { kind: "failed" }
  /** It went wrong, and not by the lone word of these, whose loss it is. */
  | { kind: "lost"; losers: Role[] };

export const FULFILLED: Outcome = { kind: "fulfilled" };
export const CANCELLED: Outcome = { kind: "cancelled" };
export const FAILED: Outcome = { kind: "failed" };

export function lost(...losers: Role[]): Outcome {
  return { kind: "lost", losers };
}

/** Marks an ending: `payments` are the template's own, of all that its parties have deposited. */
export type End = (outcome: Outcome, payments: Node) => Node;

export interface Plan {
  network: string;
  template: string;
  nonce: Uint8Array;
  parties: Party[];
  mandates?: Mandate[];
  notBefore: number;
  offerExpires: number;
  details: Terms["details"];
  /** Deposits first, and pays those who join. */
  payer: Role;
  currency: string;
  /** What the payer deposits; with 0, and nobody to be paid besides, the contract begins with `main`. */
  depositMinor: bigint;
  /** Of the first deposit. */
  deposit: Deadlines;
  claimMarginMs: number;
  /** Everything that follows the deposit; its first deadline must be after `fromMs`. */
  main(end: End, fromMs: number): Node;
}

export type Deadlines = Pick<When, "actBy" | "claimBy" | "refundFrom">;

/** Evidence may come one margin late; refunds begin one margin after that. */
export function deadlines({ claimMarginMs }: { claimMarginMs: number }, actBy: number): Deadlines {
  const claimBy = actBy + claimMarginMs;
  return { actBy, claimBy, refundFrom: claimBy + claimMarginMs };
}

/** The whole tree: the payer's deposit, of `extraMinor` besides what the template asks, then the rest. */
export function opening(plan: Plan, extraMinor: bigint, then: Node): Node {
  const amount = plan.depositMinor + extraMinor;
  if (amount === 0n) return then;
  return {
    kind: "when",
    label: "awaiting-deposit",
    cases: [{ kind: "deposit", by: plan.payer, currency: plan.currency, amount, then }],
    ...plan.deposit,
    onTimeout: { kind: "close" },
  };
}

/** A choice that is a mere yes. */
export function choice(by: Role, name: string, then: Node): Case {
  return { kind: "choice", by, name, min: 1n, max: 1n, then };
}

/** A choice of an amount in minor units, `min` to `max`, which payments may then name. */
export function chooseAmount(by: Role, name: string, min: bigint, max: bigint, then: Node): Case {
  return { kind: "choice", by, name, min, max, then };
}

/** Pays the amount that `by` chose under this name, at most `max`; then what follows. */
export function payChosen(
  to: Role,
  currency: string,
  chosen: { by: Role; name: string; max: bigint },
  then: Node,
): Node {
  return { kind: "pay", to, currency, amount: { kind: "chosen", min: 0n, ...chosen }, then };
}

export type FixedPayment = [to: Role, currency: string, minor: bigint];

/** Fixed amounts (none of zero), then what follows. */
export function fixedPayments(payments: FixedPayment[], then: Node): Node {
  return payments
    .filter(([, , minor]) => minor > 0n)
    .reduceRight<Node>(
      (after, [to, currency, minor]) => ({
        kind: "pay",
        to,
        currency,
        amount: { kind: "constant", minor },
        then: after,
      }),
      then,
    );
}

/** All that is left of a currency, then the end (or what else follows). */
export function theRest(to: Role, currency: string, then: Node = { kind: "close" }): Node {
  return { kind: "pay", to, currency, amount: { kind: "available" }, then };
}
