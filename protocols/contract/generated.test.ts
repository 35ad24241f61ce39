/** Any contract that passes the checks keeps its promises, whatever happens in whatever order. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkTerms, endings } from "./check.ts";
import type { Ending } from "./check.ts";
import { nodeAt, startContract, stepContract } from "./machine.ts";
import type { ContractState, Input, Payment, Step } from "./machine.ts";
import { decodeContractState, encodeContractState } from "./state-codec.ts";
import type { Contract } from "./terms.ts";
import { decodeTerms, encodeTerms } from "./terms.ts";
import { choiceInput, contractOf, crypto, done, EUR, MINUTE, ORDERED_AT } from "./testing/delivery.ts";
import { evidenceOf, growTerms, inputFor, ROLES, SECRET, tapes } from "./testing/generate.ts";

const DIGEST = crypto.sha256(SECRET);

interface Books {
  state: ContractState;
  nowMs: number;
  /** "role/currency" -> deposited minus paid out, negative for gains. */
  deposited: Map<string, bigint>;
  paid: Map<string, bigint>;
}

function sum(amounts: Map<string, bigint>, currency: string): bigint {
  let total = 0n;
  for (const [key, amount] of amounts) if (key.endsWith(`/${currency}`)) total += amount;
  return total;
}

function add(amounts: Map<string, bigint>, key: string, amount: bigint): Map<string, bigint> {
  return new Map(amounts).set(key, (amounts.get(key) ?? 0n) + amount);
}

/** The books after a step; money is conserved per currency or the test fails. */
function book(before: Books, input: Input | undefined, step: Step, nowMs: number): Books {
  const { state, payments } = done(step);
  let { deposited, paid } = before;
  if (input?.kind === "deposit") deposited = add(deposited, `${input.by}/${input.currency}`, input.amount);
  for (const { to, currency, amount } of payments as Payment[]) {
    expect(amount > 0n).toBe(true);
    paid = add(paid, `${to}/${currency}`, amount);
  }
  const currencies = new Set([...deposited.keys()].map((key) => key.slice(key.indexOf("/") + 1)));
  for (const currency of currencies) {
    const held = state.pot.find(([name]) => name === currency)?.[1] ?? 0n;
    expect(sum(deposited, currency)).toBe(sum(paid, currency) + held);
  }
  return { state, nowMs, deposited, paid };
}

function opened(contract: Contract): Books {
  const step = startContract(contract, ORDERED_AT);
  const nothing = { nowMs: ORDERED_AT, deposited: new Map(), paid: new Map() };
  return book({ state: done(step).state, ...nothing }, undefined, step, ORDERED_AT);
}

/** Follows every case and every timeout to the end; calls `ended` at each. */
function walk(contract: Contract, books: Books, measured: number, ended: (books: Books) => void): void {
  expect(decodeContractState(encodeContractState(books.state))).toEqual(books.state);
  const { state } = books;
  if (state.closed) return ended(books);
  const node = nodeAt(contract.terms.contract, state.path);
  if (node?.kind !== "when") throw new Error("an open contract waits somewhere");
  expectNoGainByOwnWord(contract, books, node.actBy, measured);
  for (const one of node.cases) {
    for (const timeMs of [books.nowMs, node.actBy]) {
      const input = inputFor(contract, one, timeMs, measured);
      const step = stepContract(crypto, contract, state, input, timeMs);
      // Facts older than the state may be too late for a `before`; nothing else may stand in the way.
      if (!step.ok) expect(step.code).toBe("condition-not-met");
      else walk(contract, book(books, input, step, timeMs), measured, ended);
    }
  }
  const timeout: Input = { kind: "timeout" };
  expect(stepContract(crypto, contract, state, timeout, node.refundFrom - 1).ok).toBe(false);
  const step = stepContract(crypto, contract, state, timeout, node.refundFrom);
  walk(contract, book(books, timeout, step, node.refundFrom), measured, ended);
}

/** No role takes a step with its own facts or choice alone that pays it (more than it put in). */
function expectNoGainByOwnWord(contract: Contract, books: Books, nowMs: number, measured: number): void {
  const node = nodeAt(contract.terms.contract, books.state.path);
  const cases = node?.kind === "when" ? node.cases : [];
  for (const role of ROLES) {
    const own = cases.flatMap((one) => (one.kind === "choice" && one.by === role ? [one] : []));
    const inputs = [
      ...cases.flatMap((one) =>
        one.kind === "facts" ? [evidenceOf(contract, one.condition, [role], nowMs, measured)] : [],
      ),
      ...own.map((one) => inputFor(contract, one, nowMs, 0)),
    ];
    for (const input of inputs) {
      const step = stepContract(crypto, contract, books.state, input, nowMs);
      for (const { to, currency, amount } of step.ok ? step.payments : []) {
        if (to !== role) continue;
        expect(input.kind).not.toBe("facts");
        expect(amount).toBeLessThanOrEqual(books.deposited.get(`${role}/${currency}`) ?? 0n);
      }
    }
  }
}

/** Whether some listed ending foretold these books. */
function foretold(books: Books, listed: Ending[]): boolean {
  return listed.some((ending) =>
    (["deposits", "payouts"] as const).every((side) => {
      const real = side === "deposits" ? books.deposited : books.paid;
      const named = new Set(ending[side].map((payout) => `${payout.role}/${payout.currency}`));
      if ([...real.keys()].some((key) => !named.has(key))) return false;
      return ending[side].every(({ role, currency, min, max }) => {
        const amount = real.get(`${role}/${currency}`) ?? 0n;
        return amount >= min && amount <= max;
      });
    }),
  );
}

describe("generated contracts", () => {
  it("if safe, end on every path, conserve money and pay as foretold; defects are found or harmless", () => {
    let safe = 0;
    let withMoney = 0;
    const refused = new Set<string>();
    fc.assert(
      fc.property(
        tapes,
        fc.integer({ min: -5, max: 40 }),
        fc.constantFrom(0, 4),
        (tape, measured, defectIn) => {
          const terms = growTerms(tape, DIGEST, defectIn);
          const findings = checkTerms(terms);
          for (const { rule } of findings) refused.add(rule);
          if (findings.length > 0) return;
          safe++;
          const contract = contractOf(terms);
          const listed = endings(terms);
          walk(contract, opened(contract), measured, (books) => {
            expect(books.state.pot).toEqual([]);
            expect(foretold(books, listed)).toBe(true);
            if (books.deposited.size > 0) withMoney++;
          });
        },
      ),
      { numRuns: 600, seed: 1 },
    );
    // The property would hold emptily if the generator made nothing but one sort.
    expect(safe).toBeGreaterThan(150);
    expect(withMoney).toBeGreaterThan(150);
    const rules = [
      "deadlines",
      "no-evidence",
      "own-word",
      "pot-left",
      "pot-short",
      "reused-fact",
      "unproven-field",
      "withheld-evidence",
    ];
    expect([...refused].sort()).toEqual(expect.arrayContaining(rules));
  });

  it("take any events in any order without harm, and can always be ended by time alone", () => {
    const event = fc.record({
      kind: fc.constantFrom("deposit", "choice", "facts", "timeout", "case"),
      role: fc.constantFrom<string>(...ROLES, "stranger"),
      index: fc.nat(3),
      minutes: fc.nat(12),
    });
    fc.assert(
      fc.property(tapes, fc.array(event, { maxLength: 25 }), (tape, events) => {
        const terms = growTerms(tape, DIGEST, 0);
        if (checkTerms(terms).length > 0) return;
        const contract = contractOf(terms);
        let books = opened(contract);
        for (const { kind, role, index, minutes } of events) {
          const nowMs = books.nowMs + minutes * MINUTE;
          const node = nodeAt(terms.contract, books.state.path);
          const one = node?.kind === "when" ? node.cases[index] : undefined;
          const input: Input =
            kind === "case" && one !== undefined
              ? inputFor(contract, one, nowMs, 7)
              : kind === "deposit"
                ? { kind, by: role, currency: EUR, amount: BigInt(index) }
                : kind === "choice"
                  ? choiceInput(role, "yes", BigInt(index))
                  : kind === "facts"
                    ? { kind, facts: [], preimages: [SECRET] }
                    : { kind: "timeout" };
          const step = stepContract(crypto, contract, books.state, input, nowMs);
          if (step.ok) books = book(books, input, step, nowMs);
          else expect(["terms-unsafe", "internal"]).not.toContain(step.code);
        }
        for (let left = 40; !books.state.closed; left--) {
          expect(left).toBeGreaterThan(0);
          const nowMs = Math.max(books.nowMs, books.state.deadlines!.refundFrom);
          books = book(
            books,
            undefined,
            stepContract(crypto, contract, books.state, { kind: "timeout" }, nowMs),
            nowMs,
          );
        }
        expect(books.state.pot).toEqual([]);
      }),
      { numRuns: 400, seed: 2 },
    );
  });

  it("encode and decode to the same, byte for byte", () => {
    fc.assert(
      fc.property(tapes, fc.constantFrom(0, 4), (tape, defectIn) => {
        const terms = growTerms(tape, DIGEST, defectIn);
        const bytes = encodeTerms(terms);
        const decoded = decodeTerms(bytes);
        expect(decoded).toEqual(terms);
        expect(encodeTerms(decoded)).toEqual(bytes);
      }),
      { numRuns: 150, seed: 3 },
    );
  });
});
