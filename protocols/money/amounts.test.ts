import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { errorCode } from "../errors.ts";
import {
  addAmounts,
  allocate,
  formatAmount,
  isAmount,
  MAX_AMOUNT,
  parseAmount,
  splitAmount,
  subtractAmount,
} from "./amounts.ts";

const codeOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    return errorCode(error);
  }
  return "none";
};
const amounts = fc.bigInt({ min: 0n, max: MAX_AMOUNT });
const exponents = fc.nat(9);

describe("amounts as text", () => {
  it("are minor units of the decimals given", () => {
    expect(parseAmount("24.90", 2)).toBe(2_490n);
    expect(parseAmount("24.9", 2)).toBe(2_490n);
    expect(parseAmount("24", 2)).toBe(2_400n);
    expect(parseAmount("0.00000001", 8)).toBe(1n);
    expect(parseAmount("007", 0)).toBe(7n);
    expect(parseAmount("92233720368547758.07", 2)).toBe(MAX_AMOUNT);
    expect(formatAmount(2_490n, 2, "EUR")).toBe("24.90 EUR");
    expect(formatAmount(2_490n, 2, "EUR", ",")).toBe("24,90 EUR");
    expect(formatAmount(5n, 2, "EUR")).toBe("0.05 EUR");
    expect(formatAmount(5n, 0, "JPY")).toBe("5 JPY");
    expect(formatAmount(-5n, 2, "EUR")).toBe("-0.05 EUR");
    expect(splitAmount(" 24.90 EUR ")).toEqual({ number: "24.90", code: "EUR" });
    expect(splitAmount("24.90EUR")).toEqual({ number: "24.90", code: "EUR" });
  });

  it.each([
    "",
    "-1",
    "+1",
    "1.234",
    "1,5",
    "1e3",
    ".5",
    "5.",
    "1_000",
    " 1",
    "٣",
    "1.2.3",
    "0x10",
    "9".repeat(99),
  ])("refuses %j", (text) => {
    expect(codeOf(() => parseAmount(text, 2))).toBe("amount-invalid");
  });

  it.each([
    ["-1", "not negative"],
    ["−1.00", "not negative"],
    ["1,5", "only a point"],
    ["1 000", "only a point"],
    ["1'000.00", "only a point"],
    ["1e3", "no exponent"],
    ["9".repeat(40), "too long"],
    ["1.234", "more than 2 decimals"],
  ])("says why it refuses %j", (text, why) => {
    expect(() => parseAmount(text, 2)).toThrow(why);
  });

  it.each([-1, 10, 0.5, Number.NaN, Number.POSITIVE_INFINITY])(
    "has no currency with %d decimals",
    (exponent) => {
      expect(codeOf(() => parseAmount("1", exponent))).toBe("amount-invalid");
    },
  );

  it("refuses what the ledger cannot count, and amounts without a currency", () => {
    expect(codeOf(() => parseAmount("92233720368547758.08", 2))).toBe("amount-overflow");
    expect(codeOf(() => splitAmount("24.90"))).toBe("amount-invalid");
    expect(codeOf(() => splitAmount("EUR 24.90"))).toBe("amount-invalid");
  });

  it("survive the round trip", () => {
    fc.assert(
      fc.property(amounts, exponents, (minor, exponent) => {
        const { number, code } = splitAmount(formatAmount(minor, exponent, "EUR"));
        expect(code).toBe("EUR");
        expect(parseAmount(number, exponent)).toBe(minor);
      }),
    );
  });

  it("throw nothing but SegmentError", () => {
    fc.assert(
      fc.property(fc.string(), exponents, (text, exponent) => {
        for (const act of [() => parseAmount(text, exponent), () => splitAmount(text)]) {
          expect(["none", "amount-invalid", "amount-overflow"]).toContain(codeOf(act));
        }
      }),
    );
  });
});

describe("sums", () => {
  it("stop at the bounds", () => {
    expect(addAmounts()).toBe(0n);
    expect(addAmounts(1n, 2n, 3n)).toBe(6n);
    expect(addAmounts(MAX_AMOUNT, 0n)).toBe(MAX_AMOUNT);
    expect(codeOf(() => addAmounts(MAX_AMOUNT, 1n))).toBe("amount-overflow");
    expect(codeOf(() => addAmounts(-1n, 2n))).toBe("amount-invalid");
    expect(codeOf(() => addAmounts(MAX_AMOUNT + 1n))).toBe("amount-invalid");
    expect(subtractAmount(5n, 5n)).toBe(0n);
    expect(codeOf(() => subtractAmount(5n, 6n))).toBe("funds-short");
    expect(codeOf(() => subtractAmount(5n, -1n))).toBe("amount-invalid");
    for (const value of [1, "1", null, -1n, MAX_AMOUNT + 1n]) expect(isAmount(value)).toBe(false);
  });
});

describe("allocation", () => {
  it("gives the units left over to the largest remainders", () => {
    expect(allocate(100n, [1n, 1n, 1n])).toEqual([34n, 33n, 33n]);
    expect(allocate(5n, [3n, 7n])).toEqual([2n, 3n]);
    expect(allocate(10n, [1n, 2n, 4n])).toEqual([1n, 3n, 6n]);
    expect(allocate(1n, [0n, 0n, 5n])).toEqual([0n, 0n, 1n]);
    expect(allocate(0n, [1n, 2n])).toEqual([0n, 0n]);
  });

  it("conserves the total, is fair to one unit and gives nothing for no weight", () => {
    const weights = fc.array(fc.oneof(fc.constant(0n), amounts), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(amounts, weights, (total, parts) => {
        fc.pre(parts.some((weight) => weight > 0n));
        const shares = allocate(total, parts);
        const sum = parts.reduce((all, weight) => all + weight, 0n);
        expect(shares.reduce((all, share) => all + share, 0n)).toBe(total);
        for (const [index, share] of shares.entries()) {
          const exact = (total * parts[index]!) / sum;
          expect(share - exact === 0n || share - exact === 1n).toBe(true);
          if (parts[index] === 0n) expect(share).toBe(0n);
        }
      }),
    );
  });

  it("refuses weights that part nothing", () => {
    expect(codeOf(() => allocate(1n, []))).toBe("amount-invalid");
    expect(codeOf(() => allocate(1n, [0n]))).toBe("amount-invalid");
    expect(codeOf(() => allocate(1n, [-1n, 2n]))).toBe("amount-invalid");
    expect(codeOf(() => allocate(-1n, [1n]))).toBe("amount-invalid");
  });
});
