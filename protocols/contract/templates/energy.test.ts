import { describe, expect, it } from "vitest";
import { errorCode } from "../../errors.ts";
import type { SegmentError } from "../../errors.ts";
import { checkTerms, endings } from "../check.ts";
import { stepContract } from "../machine.ts";
import type { Input } from "../machine.ts";
import { encodeTerms } from "../terms.ts";
import type { Terms } from "../terms.ts";
import { choiceInput, crypto, MINUTE, ORDERED_AT } from "../testing/delivery.ts";
import { ARBITER, ENERGY, household, walkerOf } from "../testing/samples.ts";
import { gainsOf } from "../testing/walk.ts";
import type { Standing, Walker } from "../testing/walk.ts";
import { energyTerms, householdRole } from "./energy.ts";
import type { EnergyParams } from "./energy.ts";

const gains = (at: Standing) => gainsOf(at, ENERGY.currency);

/** Securities of 10.00, 20.00, 30.00 … */
function deposited(walker: Walker, households: number): Standing {
  let at = walker.opened();
  for (let index = 0; index < households; index++) {
    const amount = BigInt(1_000 * (index + 1));
    const input: Input = { kind: "deposit", by: householdRole(index), currency: ENERGY.currency, amount };
    at = walker.take(at, input, at.nowMs + MINUTE);
  }
  return at;
}

function many(count: number, securityMinor: bigint): EnergyParams["households"] {
  return Array.from({ length: count }, (_, index) => ({
    party: household(index + 1),
    capMinor: 50n,
    securityMinor,
  }));
}

describe("sharing energy", () => {
  const walker = walkerOf(energyTerms(ENERGY));

  it("lets the operator charge each household up to its cap in a period, and its total", () => {
    const { mandates } = energyTerms(ENERGY);
    // 31 days of quarters of an hour.
    const all = {
      by: "operator",
      currency: ENERGY.currency,
      capMinor: 50n,
      periodMs: 900_000,
      totalMinor: 148_800n,
    };
    expect(mandates).toEqual([1, 2, 3].map((number) => ({ from: `household-${number}`, ...all })));
    const [first, ...others] = ENERGY.households;
    const limited = energyTerms({ ...ENERGY, households: [{ ...first!, totalMinor: 700n }, ...others] });
    expect(limited.mandates[0]?.totalMinor).toBe(700n);
  });

  it("begins when every household has deposited, and gives everything back if one does not", () => {
    expect(deposited(walker, 3).state).toMatchObject({ label: "sharing", pot: [[ENERGY.currency, 6_000n]] });
    for (const count of [0, 1, 2]) {
      const at = deposited(walker, count);
      expect(at.state.label).toBe("awaiting-security");
      expect(gains(walker.timedOut(at))).toEqual({});
    }
  });

  it("gives the securities back at the end, or when the operator closes; nobody else can", () => {
    const at = deposited(walker, 3);
    expect(gains(walker.timedOut(at))).toEqual({});
    expect(gains(walker.take(at, choiceInput("operator", "close"), at.nowMs))).toEqual({});
    const step = stepContract(
      crypto,
      walker.contract,
      at.state,
      choiceInput("household-1", "close"),
      at.nowMs,
    );
    expect(step).toMatchObject({ code: "contract-not-expected" });
  });

  it("an operator wins a security only by the arbiter, and only of the household that was named", () => {
    const judged = walkerOf(energyTerms({ ...ENERGY, arbiter: ARBITER }));
    const at = judged.timedOut(deposited(judged, 3));
    expect(at.state.label).toBe("settling");
    const award = (number: number, minor: bigint) =>
      gains(judged.take(at, choiceInput("arbiter", `award-${number}`, minor), at.nowMs));
    expect(award(2, 1_500n)).toEqual({ operator: 1_500n, "household-2": -1_500n });
    expect(award(3, 3_000n)).toEqual({ operator: 3_000n, "household-3": -3_000n });
    expect(() => award(1, 1_001n)).toThrowError(/takes 1 to 1000/);
    expect(gains(judged.timedOut(at))).toEqual({});
    expect(gains(judged.take(at, choiceInput("operator", "release"), at.nowMs))).toEqual({});
    const own = stepContract(
      crypto,
      judged.contract,
      at.state,
      choiceInput("operator", "award-1", 5n),
      at.nowMs,
    );
    expect(own).toMatchObject({ code: "contract-not-expected" });
  });

  it("needs no money at all without securities", () => {
    const free = walkerOf(energyTerms({ ...ENERGY, households: many(2, 0n) }));
    expect(free.opened().state).toMatchObject({ label: "sharing", pot: [] });
    expect(free.timedOut(free.opened()).state.closed).toBe(true);
  });

  it.each([
    ["seven households", { households: many(7, 1_000n) }],
    ["six and an arbiter", { households: many(6, 1_000n), arbiter: ARBITER }],
  ] as [string, Partial<EnergyParams>][])("has room for %s", (_, change) => {
    const terms: Terms = energyTerms({ ...ENERGY, ...change });
    expect(terms.parties).toHaveLength(8);
    expect(checkTerms(terms)).toEqual([]);
    expect(encodeTerms(terms).length).toBeLessThan(16_384);
    expect(endings(terms).length).toBe(change.arbiter === undefined ? 9 : 22);
  });

  const wrong: [name: string, change: Partial<EnergyParams>, where: string][] = [
    ["one household", { households: many(1, 0n) }, "households"],
    ["eight households", { households: many(8, 0n) }, "households"],
    ["seven and an arbiter", { households: many(7, 1_000n), arbiter: ARBITER }, "households"],
    ["an arbiter over nothing", { households: many(2, 0n), arbiter: ARBITER }, "arbiter"],
    [
      "a security of one cent, of which no part can be awarded",
      { households: many(2, 1n) },
      "households.0.securityMinor",
    ],
    ["securities beyond the ledger", { households: many(2, 2n ** 62n) }, "households"],
    ["an end before the deposits", { endMs: ENERGY.signByMs + 30 * MINUTE }, "endMs"],
    [
      "a total below the cap",
      { households: ENERGY.households.map((one) => ({ ...one, totalMinor: 49n })) },
      "households.0.totalMinor",
    ],
    [
      "a cap of nothing",
      { households: ENERGY.households.map((one) => ({ ...one, capMinor: 0n })) },
      "households.0.capMinor",
    ],
    ["a period of nothing", { periodMs: 0 }, "periodMs"],
    ["signing before the offer", { signByMs: ORDERED_AT - 1 }, "signByMs"],
  ];
  it.each(wrong)("refuses %s", (_, change, where) => {
    try {
      energyTerms({ ...ENERGY, ...change });
    } catch (error) {
      expect(errorCode(error)).toBe("terms-invalid");
      expect((error as SegmentError).where).toBe(where);
      return;
    }
    expect.unreachable("the parameters were accepted");
  });
});
