import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CborValue } from "../encoding/cbor.ts";
import { errorCode, REMEDIES } from "../errors.ts";
import { MAX_AMOUNT } from "../money/amounts.ts";
import type { Fact } from "./facts.ts";
import { nodeAt, startContract, stepContract } from "./machine.ts";
import type { ContractState, Input } from "./machine.ts";
import { FACT_TIME_AHEAD_MS } from "./observe.ts";
import { decodeContractState, encodeContractState } from "./state-codec.ts";
import { checkTerms } from "./check.ts";
import type { AmountExpr, Case, Node } from "./terms.ts";
import {
  BUYER,
  choiceInput,
  contractOf,
  crypto,
  delivery,
  deliveryIn,
  DEPOSIT,
  done,
  DRONE,
  EUR,
  fact,
  factsInput,
  meetingFacts,
  MINUTE,
  ORDERED_AT,
  parcelFact,
  SHOP,
} from "./testing/delivery.ts";

const NOW = ORDERED_AT + 30 * MINUTE;
const inFlight = deliveryIn("in-flight");
const CLOSE: Node = { kind: "close" };

function refusal(state: ContractState, input: Input, nowMs: number, contract = delivery): [string, string] {
  const step = stepContract(crypto, contract, state, input, nowMs);
  if (step.ok) throw new Error(`went on to ${step.state.label}`);
  return [step.code, step.message];
}

describe("opening", () => {
  it("is possible from notBefore, give or take what clocks differ, up to offerExpires", () => {
    const { notBefore, offerExpires } = delivery.terms;
    const first = notBefore - FACT_TIME_AHEAD_MS;
    expect(startContract(delivery, first - 1)).toMatchObject({ ok: false, code: "contract-too-early" });
    expect(startContract(delivery, offerExpires + 1)).toMatchObject({ ok: false, code: "terms-expired" });
    for (const nowMs of [first, offerExpires]) {
      expect(done(startContract(delivery, nowMs)).state).toEqual({
        path: [],
        seq: 0,
        label: "awaiting-deposit",
        closed: false,
        pot: [],
        deadlines: {
          actBy: offerExpires + 2 * MINUTE,
          claimBy: offerExpires + 4 * MINUTE,
          refundFrom: offerExpires + 6 * MINUTE,
        },
        chosen: [],
      });
    }
  });
});

describe("a refused input leaves the contract as it was, with its reason", () => {
  const meeting = (of = delivery): Fact[] => meetingFacts(of, { timeMs: NOW });
  const without = (role: Uint8Array, kind: string): Fact[] =>
    meeting().filter((one) => one.signer !== role || one.kind !== kind);
  const foreign = (): Fact[] => meeting().map((one) => ({ ...one, subject: new Uint8Array(32) }));
  const stranger = new Uint8Array(32).fill(0x77);
  const landBy = inFlight.deadlines!.actBy;

  const table: [name: string, input: Input, nowMs: number, code: string, message: RegExp][] = [
    ["a second deposit", DEPOSIT, NOW, "contract-not-expected", /does not wait for this deposit/],
    ["a choice of another", choiceInput("buyer", "cancel"), NOW, "contract-not-expected", /this choice/],
    ["an unknown choice", choiceInput("drone", "fly"), NOW, "contract-not-expected", /this choice/],
    [
      "a choice out of range",
      choiceInput("drone", "cancel", 2n),
      NOW,
      "condition-not-met",
      /takes 1 to 1, not 2/,
    ],
    ["a late choice", choiceInput("drone", "cancel"), landBy + 1, "contract-too-late", /1 ms after/],
    [
      "a timeout one ms early",
      { kind: "timeout" },
      landBy + 4 * MINUTE - 1,
      "contract-too-early",
      /1 ms are left/,
    ],
    ["no facts", factsInput(), NOW, "condition-not-met", /no "position" fact of drone/],
    [
      "no word of the phone's place",
      factsInput(...without(BUYER.identity, "position")),
      NOW,
      "condition-not-met",
      /no "position" fact of buyer/,
    ],
    [
      "no meeting",
      factsInput(...without(DRONE.identity, "met")),
      NOW,
      "condition-not-met",
      /no "met" fact of drone/,
    ],
    ["facts of another contract", factsInput(...foreign()), NOW, "fact-invalid", /about another contract/],
    [
      "a stranger's fact",
      factsInput(...meeting(), fact(stranger, "met", NOW, [], delivery)),
      NOW,
      "fact-invalid",
      /terms do not name/,
    ],
    [
      "the same fact twice",
      factsInput(...meeting(), meeting()[0]!),
      NOW,
      "fact-invalid",
      /states "position" twice/,
    ],
    [
      "facts from the future",
      factsInput(...meeting()),
      NOW - FACT_TIME_AHEAD_MS - 1,
      "fact-invalid",
      /121 s ahead of the log, 120 s allowed/,
    ],
    [
      "stale facts",
      factsInput(...meeting()),
      NOW + 2 * MINUTE + 1,
      "condition-not-met",
      /121 s old, 120 s allowed/,
    ],
    [
      "facts made late",
      factsInput(...meetingFacts(delivery, { timeMs: landBy + 1 })),
      landBy + 1,
      "contract-too-late",
      /made 1 ms after/,
    ],
    [
      "facts shown late",
      factsInput(...meeting()),
      landBy + 2 * MINUTE + 1,
      "contract-too-late",
      /after the last claim/,
    ],
    [
      "too many facts",
      { kind: "facts", facts: Array<Fact>(33).fill(meeting()[0]!), preimages: [] },
      NOW,
      "fact-invalid",
      /more than 32/,
    ],
    [
      "a long preimage",
      { kind: "facts", facts: [], preimages: [new Uint8Array(257)] },
      NOW,
      "fact-invalid",
      /longer than 256/,
    ],
  ];
  it.each(table)("%s", (_, input, nowMs, code, message) => {
    const before = structuredClone(inFlight);
    const [refused, why] = refusal(inFlight, input, nowMs);
    expect(refused).toBe(code);
    expect(why).toMatch(message);
    expect(inFlight).toEqual(before);
    // Every code has a remedy; the message is for people and holds no bytes.
    expect(Object.keys(REMEDIES)).toContain(refused);
  });

  it("clocks may differ by two minutes", () => {
    const facts = factsInput(...meeting());
    expect(stepContract(crypto, delivery, inFlight, facts, NOW - FACT_TIME_AHEAD_MS).ok).toBe(true);
    expect(stepContract(crypto, delivery, inFlight, facts, NOW + 2 * MINUTE).ok).toBe(true);
  });

  it("after the end nothing is accepted", () => {
    const end = done(stepContract(crypto, delivery, inFlight, choiceInput("drone", "cancel"), NOW)).state;
    expect(refusal(end, { kind: "timeout" }, NOW * 2)[0]).toBe("contract-closed");
    expect(refusal(end, DEPOSIT, NOW)[0]).toBe("contract-closed");
  });

  it("a state of another contract is told apart", () => {
    expect(refusal({ ...inFlight, path: [0, 0, 0, 0, 0, 0, 9] }, { kind: "timeout" }, NOW)[0]).toBe(
      "internal",
    );
    expect(refusal({ ...inFlight, path: [7] }, { kind: "timeout" }, NOW)[0]).toBe("internal");
    expect(nodeAt(delivery.terms.contract, [1, 0])).toBeUndefined();
  });

  it("a pot that would overflow refuses the deposit", () => {
    const full: ContractState = {
      ...done(startContract(delivery, ORDERED_AT)).state,
      pot: [[EUR, MAX_AMOUNT]],
    };
    expect(refusal(full, DEPOSIT, ORDERED_AT)[0]).toBe("amount-overflow");
  });
});

describe("payments", () => {
  const field = {
    kind: "field",
    factKind: "wh",
    role: "shop",
    index: 1,
    numerator: 25n,
    denominator: 1_000n,
    min: 2n,
    max: 900n,
  } as const;
  const metered = contractOf({
    ...delivery.terms,
    contract: {
      kind: "when",
      label: "waiting",
      cases: [
        {
          kind: "deposit",
          by: "buyer",
          currency: EUR,
          amount: 1_000n,
          then: {
            kind: "when",
            label: "delivering",
            cases: [
              {
                kind: "facts",
                condition: {
                  kind: "signed",
                  k: 2,
                  roles: ["buyer", "shop"],
                  factKind: "wh",
                  maxAgeMs: 60_000,
                },
                then: {
                  kind: "if",
                  condition: { kind: "before", timeMs: NOW },
                  then: { kind: "pay", to: "shop", currency: EUR, amount: field, then: restTo("buyer") },
                  else: restTo("shop"),
                },
              },
            ],
            actBy: NOW + 60 * MINUTE,
            claimBy: NOW + 61 * MINUTE,
            refundFrom: NOW + 62 * MINUTE,
            onTimeout: restTo("buyer"),
          },
        },
      ],
      actBy: NOW,
      claimBy: NOW + 1,
      refundFrom: NOW + 2,
      onTimeout: CLOSE,
    },
  });

  function restTo(to: string): Node {
    return { kind: "pay", to, currency: EUR, amount: { kind: "available" }, then: CLOSE };
  }

  function settle(value: CborValue, timeMs = NOW - 1): [string, bigint][] | string {
    const started = done(startContract(metered, ORDERED_AT)).state;
    const paid: Input = { kind: "deposit", by: "buyer", currency: EUR, amount: 1_000n };
    const { state } = done(stepContract(crypto, metered, started, paid, ORDERED_AT));
    const facts = [BUYER, SHOP].map(({ identity }) =>
      fact(identity, "wh", timeMs, ["meter 7", value], metered),
    );
    const step = stepContract(crypto, metered, state, factsInput(...facts), timeMs);
    return step.ok ? step.payments.map(({ to, amount }) => [to, amount]) : `${step.code}: ${step.message}`;
  }

  it("follow a fact's value, rounded down, within bounds; the rest goes on", () => {
    expect(settle(10_000)).toEqual([
      ["shop", 250n],
      ["buyer", 750n],
    ]);
    expect(settle(10_039)).toEqual([
      ["shop", 250n],
      ["buyer", 750n],
    ]);
    expect(settle(10_040)).toEqual([
      ["shop", 251n],
      ["buyer", 749n],
    ]);
    expect(settle(0)).toEqual([
      ["shop", 2n],
      ["buyer", 998n],
    ]);
    expect(settle(-5)).toEqual([
      ["shop", 2n],
      ["buyer", 998n],
    ]);
    expect(settle(1e15)).toEqual([
      ["shop", 900n],
      ["buyer", 100n],
    ]);
    expect(settle(2n ** 64n - 1n)).toEqual([
      ["shop", 900n],
      ["buyer", 100n],
    ]);
    expect(settle("much")).toMatch(/condition-not-met: the fact or choice that sets the amount/);
  });

  it("follow a choice's value, within bounds, also when it was made some steps before", () => {
    const { terms } = delivery;
    const from = terms.offerExpires;
    const wait = (hour: number, label: string, cases: Case[], onTimeout: Node = CLOSE): Node => {
      const actBy = from + hour * 60 * MINUTE;
      return { kind: "when", label, cases, actBy, claimBy: actBy + 1, refundFrom: actBy + 2, onTimeout };
    };
    const rest: Node = {
      kind: "pay",
      to: "buyer",
      currency: EUR,
      amount: { kind: "available" },
      then: CLOSE,
    };
    const chosen: AmountExpr = { kind: "chosen", by: "shop", name: "claim", min: 10n, max: 60n };
    const claimed: Node = { kind: "pay", to: "shop", currency: EUR, amount: chosen, then: rest };
    const object: Case = { kind: "choice", by: "buyer", name: "object", min: 1n, max: 1n, then: rest };
    const claim: Case = {
      ...{ kind: "choice", by: "shop", name: "claim", min: 0n, max: 90n },
      then: wait(3, "disputable", [object], claimed),
    };
    const deposit: Case = {
      ...{ kind: "deposit", by: "buyer", currency: EUR, amount: 100n },
      then: wait(2, "claimable", [claim], rest),
    };
    const contract = contractOf({ ...terms, contract: wait(1, "awaiting-deposit", [deposit]) });
    expect(checkTerms(contract.terms)).toEqual([]);
    const claimedWith = (value: bigint): [string, bigint][] => {
      const at = (state: ContractState, input: Input, nowMs: number) =>
        done(stepContract(crypto, contract, state, input, nowMs));
      const opened = done(startContract(contract, terms.notBefore)).state;
      const paidIn: Input = { kind: "deposit", by: "buyer", currency: EUR, amount: 100n };
      const held = at(opened, paidIn, from).state;
      const open = at(held, { kind: "choice", by: "shop", name: "claim", value }, from).state;
      expect(open.chosen).toEqual([["shop", "claim", value]]);
      const read = decodeContractState(encodeContractState(open));
      const end = at(read, { kind: "timeout" }, read.deadlines!.refundFrom);
      expect(end.state).toMatchObject({ closed: true, chosen: [], pot: [] });
      return end.payments.map(({ to, amount }) => [to, amount]);
    };
    expect(claimedWith(25n)).toEqual([
      ["shop", 25n],
      ["buyer", 75n],
    ]);
    expect(claimedWith(0n)).toEqual([
      ["shop", 10n],
      ["buyer", 90n],
    ]);
    expect(claimedWith(90n)).toEqual([
      ["shop", 60n],
      ["buyer", 40n],
    ]);
  });

  it("decide by the time of the facts, and skip payments of nothing", () => {
    expect(settle(10_000, NOW)).toEqual([["shop", 1_000n]]);
  });
});

describe("the state as bytes", () => {
  it("comes back the same", () => {
    for (const label of ["in-flight", "may-land", "disputable"] as const) {
      const state = deliveryIn(label);
      expect(decodeContractState(encodeContractState(state))).toEqual(state);
    }
    const end = done(stepContract(crypto, delivery, inFlight, choiceInput("drone", "cancel"), NOW)).state;
    expect(decodeContractState(encodeContractState(end))).toEqual(end);
  });

  it("is refused when changed into another shape, never with anything but SegmentError", () => {
    const bytes = encodeContractState(inFlight);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.nat(bytes.length), (index, value, length) => {
        const changed = bytes.slice(0, length);
        if (index < length) changed[index] = value;
        try {
          decodeContractState(changed);
        } catch (error) {
          expect(errorCode(error)).toMatch(/^cbor-/);
        }
      }),
    );
  });
});

describe("totality", () => {
  it("any facts give a step or a refusal", () => {
    const values = fc.oneof(
      fc.integer(),
      fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n - 1n }),
      fc.string(),
      fc.uint8Array({ maxLength: 40 }),
      fc.constant(null),
      fc.boolean(),
    );
    const facts = fc.record({
      kind: fc.constantFrom("position", "met", "parcel-removed", "other"),
      subject: fc.constantFrom(null, delivery.id, new Uint8Array(32)),
      timeMs: fc.integer({ min: 0, max: 2 * NOW }).map((timeMs) => (timeMs % 3 === 0 ? NOW : timeMs)),
      body: fc.array(values, { maxLength: 5 }),
      signer: fc.constantFrom(BUYER.identity, DRONE.identity, SHOP.identity, new Uint8Array(32)),
      bytes: fc.constant(new Uint8Array(0)),
    });
    const states = fc.constantFrom(inFlight, deliveryIn("may-land"), deliveryIn("disputable"));
    fc.assert(
      fc.property(
        states,
        fc.array(facts, { maxLength: 6 }),
        fc.integer({ min: 0, max: 2 * NOW }),
        (state, some, at) => {
          const step = stepContract(crypto, delivery, state, factsInput(...some), at % 2 === 0 ? NOW : at);
          if (!step.ok) expect(Object.keys(REMEDIES)).toContain(step.code);
        },
      ),
      { numRuns: 2_000 },
    );
    const removed = parcelFact(delivery, DRONE.identity, NOW);
    expect(stepContract(crypto, delivery, deliveryIn("may-land"), factsInput(removed), NOW).ok).toBe(true);
  });
});
