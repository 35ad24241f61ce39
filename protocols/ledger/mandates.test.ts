import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Mandate } from "../contract/terms.ts";
import { errorCode } from "../errors.ts";
import { chargedIn, chargeMandate, periodOf } from "./mandates.ts";
import type { MandateRecord } from "./mandates.ts";

const HOUR = 3_600_000;
const mandate: Mandate = {
  from: "tenant",
  by: "grid",
  currency: "EUR.0123456789abcdef",
  capMinor: 100n,
  periodMs: HOUR,
  totalMinor: 250n,
};
const unused: MandateRecord = { period: 0, inPeriod: 0n, inPeriodBefore: 0n, inAll: 0n, isEnded: false };

/** Charges one after the other; the last one's outcome. */
function after(...charges: [period: number, amount: bigint][]): MandateRecord | string {
  let record = unused;
  for (const [period, amount] of charges) {
    try {
      record = chargeMandate(record, mandate, period, amount);
    } catch (error) {
      return errorCode(error);
    }
  }
  return record;
}

describe("a mandate", () => {
  it("counts its periods from the terms' beginning", () => {
    const startMs = 1_800_000_000_000;
    const at = (ms: number): number => periodOf(mandate, startMs, startMs + ms);
    expect([0, HOUR - 1, HOUR, 25 * HOUR].map(at)).toEqual([0, 0, 1, 25]);
    expect(at(-1)).toBe(-1);
  });

  it.each<[string, [number, bigint][], Partial<MandateRecord> | string]>([
    ["a charge up to the cap", [[0, 100n]], { inPeriod: 100n, inAll: 100n }],
    ["more than the cap", [[0, 101n]], "mandate-exceeded"],
    [
      "more than the cap, in parts",
      [
        [0, 60n],
        [0, 41n],
      ],
      "mandate-exceeded",
    ],
    [
      "a new period",
      [
        [0, 100n],
        [1, 100n],
      ],
      { period: 1, inPeriod: 100n, inPeriodBefore: 100n, inAll: 200n },
    ],
    [
      "more than the total",
      [
        [0, 100n],
        [1, 100n],
        [2, 51n],
      ],
      "mandate-exceeded",
    ],
    [
      "all of the total",
      [
        [0, 100n],
        [1, 100n],
        [2, 50n],
      ],
      { inAll: 250n },
    ],
    [
      "a period left out",
      [
        [0, 100n],
        [2, 70n],
      ],
      { period: 2, inPeriod: 70n, inPeriodBefore: 0n },
    ],
    [
      "the period before, late",
      [
        [0, 60n],
        [1, 10n],
        [0, 40n],
      ],
      { period: 1, inPeriod: 10n, inPeriodBefore: 100n, inAll: 110n },
    ],
    [
      "too much for the period before",
      [
        [0, 60n],
        [1, 10n],
        [0, 41n],
      ],
      "mandate-exceeded",
    ],
    [
      "what is long over",
      [
        [0, 1n],
        [2, 1n],
        [0, 1n],
      ],
      "mandate-exceeded",
    ],
    ["before the first period", [[-1, 1n]], "contract-too-early"],
  ])("takes or refuses %s", (_, charges, expected) => {
    const outcome = after(...charges);
    if (typeof expected === "string") expect(outcome).toBe(expected);
    else expect(outcome).toMatchObject(expected);
  });

  it("is charged no more once it has ended", () => {
    expect(() => chargeMandate({ ...unused, isEnded: true }, mandate, 0, 1n)).toThrow(
      expect.objectContaining({ code: "mandate-ended" }),
    );
  });

  it("never takes more than its caps, in whatever order the log brings the charges", () => {
    const charges = fc.array(fc.tuple(fc.integer({ min: -1, max: 5 }), fc.bigInt(1n, 120n)), {
      minLength: 5,
      maxLength: 40,
    });
    let taken = 0;
    fc.assert(
      fc.property(charges, (all) => {
        let record = unused;
        const sums = new Map<number, bigint>();
        for (const [period, amount] of all) {
          const before = record;
          try {
            record = chargeMandate(record, mandate, period, amount);
          } catch {
            expect(record).toBe(before);
            continue;
          }
          taken++;
          sums.set(period, (sums.get(period) ?? 0n) + amount);
          expect(chargedIn(record, period)).toBe(sums.get(period));
        }
        for (const sum of sums.values()) expect(sum).toBeLessThanOrEqual(mandate.capMinor);
        const total = [...sums.values()].reduce((sum, one) => sum + one, 0n);
        expect(total).toBeLessThanOrEqual(mandate.totalMinor);
        expect(record.inAll).toBe(total);
      }),
      { numRuns: 500, seed: 1 },
    );
    expect(taken).toBeGreaterThan(1_000);
  });
});
