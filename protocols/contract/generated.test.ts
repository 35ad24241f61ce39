/** Any contract that passes the checks keeps its promises, whatever happens in whatever order. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { equalBytes } from "../encoding/bytes.ts";
import { checkTerms, endings } from "./check.ts";
import type { Ending } from "./check.ts";
import { nodeAt, startContract, stepContract } from "./machine.ts";
import type { ContractState, Input, Step } from "./machine.ts";
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

/** As `expect`, but quick: these run many thousand times. */
function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`broken: ${what}`);
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
  for (const { to, currency, amount } of payments) {
    must(amount > 0n, "payments are above zero");
    paid = add(paid, `${to}/${currency}`, amount);
  }
  const currencies = new Set([...deposited.keys()].map((key) => key.slice(key.indexOf("/") + 1)));
  for (const currency of currencies) {
    const held = state.pot.find(([name]) => name === currency)?.[1] ?? 0n;
    must(sum(deposited, currency) === sum(paid, currency) + held, "money is conserved");
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
  const { state } = books;
  const bytes = encodeContractState(state);
  must(equalBytes(encodeContractState(decodeContractState(bytes)), bytes), "the state survives its bytes");
  if (state.closed) return ended(books);
  const node = nodeAt(contract.terms.contract, state.path);
  if (node?.kind !== "when") throw new Error("an open contract waits somewhere");
  expectNoGainByOwnWord(contract, books, node.actBy, measured);
  for (const [index, one] of node.cases.entries()) {
    const timeMs = index % 2 === 0 ? node.actBy : books.nowMs;
    const input = inputFor(contract, one, timeMs, measured);
    const step = stepContract(crypto, contract, state, input, timeMs);
    // It may be too late for a `before`; nothing else may stand in the way.
    if (!step.ok) must(step.code === "condition-not-met", step.message);
    else walk(contract, book(books, input, step, timeMs), measured, ended);
  }
  const timeout: Input = { kind: "timeout" };
  must(!stepContract(crypto, contract, state, timeout, node.refundFrom - 1).ok, "no refund before its time");
  const step = stepContract(crypto, contract, state, timeout, node.refundFrom);
  walk(contract, book(books, timeout, step, node.refundFrom), measured, ended);
}

/** No role takes a step with its own facts or choice alone that pays it (more than it put in). */
function expectNoGainByOwnWord(contract: Contract, books: Books, nowMs: number, measured: number): void {
  const node = nodeAt(contract.terms.contract, books.state.path);
  const cases = node?.kind === "when" ? node.cases : [];
  for (const role of ROLES) {
    const choices = cases.flatMap((one) => (one.kind === "choice" && one.by === role ? [one] : []));
    const inputs = [
      ...cases.flatMap((one) =>
        one.kind === "facts" ? [evidenceOf(contract, one.condition, [role], nowMs, measured)] : [],
      ),
      ...choices.map((one) => inputFor(contract, one, nowMs, 0)),
    ];
    for (const input of inputs) {
      const step = stepContract(crypto, contract, books.state, input, nowMs);
      for (const { to, currency, amount } of step.ok ? step.payments : []) {
        if (to !== role) continue;
        must(input.kind !== "facts", "nobody is paid for what only he stated");
        const own = books.deposited.get(`${role}/${currency}`) ?? 0n;
        must(amount <= own, "nobody chooses to be paid what others put in");
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
            must(books.state.pot.length === 0, "nothing is left");
            must(foretold(books, listed), "the ending was listed");
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
          else must(step.code !== "terms-unsafe" && step.code !== "internal", step.message);
        }
        for (let left = 40; !books.state.closed; left--) {
          must(left > 0, "time alone ends it");
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
