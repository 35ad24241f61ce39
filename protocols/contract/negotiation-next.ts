/** What a party of a contract can do next, and what signing may cost it. */
import { endings } from "./check.ts";
import { rolesIn } from "./evidence-rules.ts";
import { nodeAt } from "./machine.ts";
import type { Case, Mandate, Role, Terms, When } from "./terms.ts";

/** The step that an open contract waits in; undefined if the path leads to none. */
export function stepAt(terms: Terms, path: readonly number[]): When | undefined {
  const node = nodeAt(terms.contract, path);
  return node?.kind === "when" ? node : undefined;
}

/** The cases of a step that this party can fulfil, or help to fulfil by what it signs. */
export function casesOf(step: When, role: Role): Case[] {
  return step.cases.filter((one) => {
    return one.kind === "facts" ? rolesIn(one.condition).includes(role) : one.by === role;
  });
}

/**
 * The deposit that may follow by itself: the one thing that this party can do in the step. Where it has a
 * choice, it is the person's.
 */
export function dueDeposit(step: When, role: Role): (Case & { kind: "deposit" }) | undefined {
  const [own, ...others] = casesOf(step, role);
  return own?.kind === "deposit" && others.length === 0 ? own : undefined;
}

export interface Cost {
  currency: string;
  /** The most that any way through the contract takes, in minor units. */
  maxMinor: bigint;
}

/** What signing may take from the account of a party: its deposits, and the mandates that it gives. */
export function costOf(terms: Terms, role: Role): { deposits: Cost[]; mandates: Mandate[] } {
  const most = new Map<string, bigint>();
  for (const ending of endings(terms)) {
    const sums = new Map<string, bigint>();
    for (const one of ending.deposits) {
      if (one.role === role) sums.set(one.currency, (sums.get(one.currency) ?? 0n) + one.max);
    }
    for (const [currency, sum] of sums) if (sum > (most.get(currency) ?? 0n)) most.set(currency, sum);
  }
  const deposits = [...most].map(([currency, maxMinor]) => ({ currency, maxMinor }));
  return { deposits, mandates: terms.mandates.filter(({ from }) => from === role) };
}
