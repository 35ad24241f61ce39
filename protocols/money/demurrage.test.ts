import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_AMOUNT } from "./amounts.ts";
import { decayed, periodAt } from "./demurrage.ts";

const amounts = fc.bigInt(0n, MAX_AMOUNT);
const rates = fc.integer({ min: 1, max: 999_999 });

describe("demurrage", () => {
  it("rounds down after each period", () => {
    // python3 -c "a=1000; [a:=a*995_000//1_000_000 for _ in range(3)]; print(a)"
    expect(decayed(1_000n, 5_000, 0)).toBe(1_000n);
    expect(decayed(1_000n, 5_000, 1)).toBe(995n);
    expect(decayed(1_000n, 5_000, 2)).toBe(990n);
    expect(decayed(1_000n, 5_000, 3)).toBe(985n);
    expect(decayed(1n, 1, 1)).toBe(0n);
    expect(decayed(MAX_AMOUNT, 1, 1)).toBe(9_223_362_813_482_738_952n);
  });

  it("shrinks what has lain still for very long in one go, and close to the exact value", () => {
    // python3: a=2**63-1; for _ in range(n): a=a*(10**6-ppm)//10**6
    expect(decayed(MAX_AMOUNT, 5_000, 400)).toBe(1_242_001_227_661_384_226n);
    const exact = 61_372_027_724_109_236n;
    const left = decayed(MAX_AMOUNT, 5_000, 1_000);
    expect(left - exact < 1_000n && exact - left < 1_000n).toBe(true);
    expect(decayed(MAX_AMOUNT, 1, 2 ** 45)).toBe(0n);
  });

  it("never leaves more than there was, nor less after a shorter time", () => {
    const periods = fc.oneof(fc.nat(1_000), fc.nat(Number.MAX_SAFE_INTEGER - 1));
    fc.assert(
      fc.property(amounts, rates, periods, (amount, ppm, count) => {
        const left = decayed(amount, ppm, count);
        expect(left >= 0n && left <= amount).toBe(true);
        expect(decayed(amount, ppm, count + 1) <= left).toBe(true);
        if (amount > 0n) expect(decayed(amount, ppm, 1) < amount).toBe(true);
      }),
    );
  });

  it("does not depend on how often one looks, within 400 periods", () => {
    fc.assert(
      fc.property(amounts, rates, fc.nat(200), fc.nat(200), (amount, ppm, first, second) => {
        expect(decayed(decayed(amount, ppm, first), ppm, second)).toBe(decayed(amount, ppm, first + second));
      }),
    );
  });

  it("comes to an end for an account that was left for ages", () => {
    expect(decayed(MAX_AMOUNT, 1, Number.MAX_SAFE_INTEGER)).toBe(0n);
  });

  it("counts periods from 1970", () => {
    expect(periodAt(0, 1_000)).toBe(0);
    expect(periodAt(1_999, 1_000)).toBe(1);
    expect(periodAt(2_000, 1_000)).toBe(2);
  });
});
