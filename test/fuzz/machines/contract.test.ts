/**
 * The contract machine under any terms that can be read (safe or not) and any inputs: it never throws, money
 * is conserved at every step, the state survives its bytes, and terms that pass the checks end by time alone.
 */
import fc from "fast-check";
import { afterAll, describe, expect } from "vitest";
import { checkTerms } from "../../../protocols/contract/check.ts";
import type { Fact } from "../../../protocols/contract/facts.ts";
import { nodeAt, startContract, stepContract } from "../../../protocols/contract/machine.ts";
import type { ContractState, Input, Step } from "../../../protocols/contract/machine.ts";
import { decodeContractState, encodeContractState } from "../../../protocols/contract/state-codec.ts";
import { encodeTerms, readContract } from "../../../protocols/contract/terms.ts";
import type { Contract } from "../../../protocols/contract/terms.ts";
import {
  crypto,
  DELIVERY,
  EUR,
  KWH,
  MINUTE,
  ORDERED_AT,
} from "../../../protocols/contract/testing/delivery.ts";
import { growTerms, inputFor, ROLES, SECRET, tapes } from "../../../protocols/contract/testing/generate.ts";
import { deliveryTerms } from "../../../protocols/contract/templates/delivery.ts";
import type { CborValue } from "../../../protocols/encoding/cbor.ts";
import { toHex } from "../../../protocols/encoding/bytes.ts";
import { MAX_AMOUNT } from "../../../protocols/money/amounts.ts";
import { fuzz } from "../support/harness.ts";
import { mutatedCbor } from "../support/mutate.ts";

const DIGEST = crypto.sha256(SECRET);
const sound = encodeTerms(deliveryTerms(DELIVERY));

/** Grown ones, sound and defective, and mutants of a real delivery that still can be read. */
const terms = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .tuple(tapes, fc.constantFrom(0, 3))
      .map(([tape, defect]) => encodeTerms(growTerms(tape, DIGEST, defect))),
  },
  { weight: 1, arbitrary: mutatedCbor([sound]) },
);

const times = fc.oneof(
  { weight: 6, arbitrary: fc.nat(20).map((minutes) => minutes * MINUTE) },
  { weight: 1, arbitrary: fc.constantFrom(-MINUTE, -1, 1, 10 ** 12, Number.MAX_SAFE_INTEGER) },
);
const amounts = fc.constantFrom(0n, 1n, -1n, 500n, 2_490n, MAX_AMOUNT, MAX_AMOUNT + 1n, -MAX_AMOUNT);
const bodies: fc.Arbitrary<CborValue[]> = fc.constantFrom<CborValue[][]>(
  [],
  [7],
  [-1],
  [Number.MAX_SAFE_INTEGER],
  [2n ** 63n],
  [-(2n ** 200n)],
  ["x", null, true],
  [new Uint8Array(32), new Uint8Array(32), new Uint8Array(32)],
  [474_700_000, -5_500_000, 20_000],
  [474_700_000, -5_500_000],
  [[[]], new Map([["a", 1]])],
);
const factKinds = ["position", "met", "parcel-removed", "wh-0", "wh-1", "door-closed-0", "__proto__", ""];

type Event =
  | { kind: "case"; index: number; measured: number }
  | { kind: "timeout" }
  | { kind: "deposit"; by: string; currency: string; amount: bigint }
  | { kind: "choice"; by: string; name: string; value: bigint }
  | { kind: "facts"; facts: { role: number; kind: string; atMs: number; body: CborValue[]; of: boolean }[] };

const roles = fc.constantFrom<string>(...ROLES, "stranger", "__proto__", "");
const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant("case" as const), index: fc.nat(4), measured: fc.integer() }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "timeout" as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("deposit" as const),
      ...{ by: roles, currency: fc.constantFrom(EUR, KWH, "XXX", ""), amount: amounts },
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("choice" as const),
      ...{
        by: roles,
        name: fc.constantFrom("yes", "cancel", "accept", "object", "toString"),
        value: amounts,
      },
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("facts" as const),
      facts: fc.array(
        fc.record({
          role: fc.nat(3),
          kind: fc.constantFrom(...factKinds),
          ...{ atMs: times, body: bodies, of: fc.boolean() },
        }),
        { maxLength: 5 },
      ),
    }),
  },
);

const reached = { safe: 0, unsafe: 0, closed: 0, paid: 0 };
afterAll(() => {
  for (const [what, count] of Object.entries(reached)) expect([what, count > 20]).toEqual([what, true]);
});

function inputOf(contract: Contract, state: ContractState, one: Event, nowMs: number): Input {
  if (one.kind === "case") {
    const node = nodeAt(contract.terms.contract, state.path);
    const chosen = node?.kind === "when" ? node.cases[one.index] : undefined;
    return chosen === undefined ? { kind: "timeout" } : inputFor(contract, chosen, nowMs, one.measured);
  }
  if (one.kind !== "facts") return one;
  const facts = one.facts.map(({ role, kind, atMs, body, of }): Fact => {
    const signer = contract.terms.parties[role]?.identity ?? new Uint8Array(32);
    const subject = of ? contract.id : null;
    return { kind, subject, timeMs: nowMs - atMs, body, signer, bytes: new Uint8Array(0) };
  });
  return { kind: "facts", facts, preimages: [SECRET, new Uint8Array(0)] };
}

/** By currency: what lies in the contract. */
function potOf(state: ContractState): Map<string, bigint> {
  return new Map(state.pot);
}

function expectConserved(before: ContractState, input: Input, step: Step & { ok: true }): void {
  const pot = potOf(before);
  const add = (currency: string, amount: bigint): void =>
    void pot.set(currency, (pot.get(currency) ?? 0n) + amount);
  if (input.kind === "deposit") add(input.currency, input.amount);
  for (const { currency, amount } of step.payments) {
    expect(amount > 0n).toBe(true);
    add(currency, -amount);
    reached.paid += 1;
  }
  const left = [...pot].filter(([, amount]) => amount !== 0n).sort(([a], [b]) => (a < b ? -1 : 1));
  expect(step.state.pot).toEqual(left);
  for (const [, amount] of left) expect(amount > 0n && amount <= MAX_AMOUNT).toBe(true);
  expect(step.state.seq).toBe(before.seq + 1);
  const bytes = encodeContractState(step.state);
  expect(toHex(encodeContractState(decodeContractState(bytes)))).toBe(toHex(bytes));
}

describe("the contract machine", () => {
  fuzz(
    "is total and conserves money, and what is safe ends by time alone",
    fc.tuple(terms, fc.array(fc.tuple(event, times), { minLength: 1, maxLength: 30 })),
    ([bytes, events]) => {
      const contract = readContract(crypto, bytes);
      const isSafe = checkTerms(contract.terms).length === 0;
      reached[isSafe ? "safe" : "unsafe"] += 1;
      const start = startContract(contract, ORDERED_AT);
      if (!start.ok) return expect(isSafe).toBe(false);
      let { state } = start;
      let nowMs = ORDERED_AT;
      for (const [one, passedMs] of events) {
        nowMs = Math.max(0, Math.min(nowMs + passedMs, Number.MAX_SAFE_INTEGER));
        const input = inputOf(contract, state, one, nowMs);
        const step = stepContract(crypto, contract, state, input, nowMs);
        if (!step.ok) {
          expect(step.code).not.toBe("internal");
          if (isSafe) expect(step.code).not.toBe("terms-unsafe");
          continue;
        }
        expectConserved(state, input, step);
        state = step.state;
      }
      if (isSafe) endByTime(contract, state, nowMs);
      if (state.closed) reached.closed += 1;
    },
    { accepted: 0.5, share: 0.2 },
  );
});

function endByTime(contract: Contract, from: ContractState, fromMs: number): void {
  let state = from;
  for (let left = 60; !state.closed; left--) {
    expect(left).toBeGreaterThan(0);
    const nowMs = Math.max(fromMs, state.deadlines!.refundFrom);
    const step = stepContract(crypto, contract, state, { kind: "timeout" }, nowMs);
    if (!step.ok) throw new Error(`time does not end it: ${step.message}`);
    expectConserved(state, { kind: "timeout" }, step);
    state = step.state;
  }
  expect(state.pot).toEqual([]);
}
