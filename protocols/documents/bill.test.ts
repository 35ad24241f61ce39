import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { errorCode } from "../errors.ts";
import { billHtml } from "./bill-html.ts";
import { billText } from "./bill-text.ts";
import { makeBill, MAX_VAT_RATE, parseVatRate, vatIncluded, vatPercent } from "./bill.ts";
import type { Bill } from "./bill.ts";
import { groupedNumber, plainNumber } from "./money.ts";
import { documentWords } from "./words.ts";

const codeOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    return errorCode(error);
  }
  return "none";
};
const BILL: Omit<Bill, "netMinor" | "vatMinor" | "totalMinor"> = {
  ...{ kind: "invoice", number: "2026-7", issuedMs: Date.UTC(2026, 10, 22) },
  seller: { name: "Boulangerie <b>Dupont</b>", address: "1 rue du Four\n1000 Lausanne", vatNumber: "CHE-1" },
  buyer: { name: "Ann & Ben", address: "", vatNumber: "" },
  currency: { id: "EUR.1f0c9a8b7c6d5e4f", code: "EUR", exponent: 2 },
  lines: [
    { text: "Bread", minor: 123_456n },
    { text: 'Cake "\u202eevil"', minor: 1_034n },
  ],
  vatRate: 7_700,
  proof: {
    ...{ entryId: "ab".repeat(32), height: 7, timeMs: Date.UTC(2026, 10, 21, 9), network: "village" },
    ...{ signed: 3, notaries: 4, from: ["z6MkBuyer"], to: "z6MkSeller", memo: "<script>alert(1)</script>" },
  },
};

describe("VAT", () => {
  it("is computed out of the total, rounded to the nearest unit, halves up", () => {
    // 24.90 with 7.7 %: 1.7802…; 1.20 with 20 %: 0.20; 0.03 with 20 %: 0.005 exactly, which goes up.
    expect(vatIncluded(2_490n, 7_700)).toBe(178n);
    expect(vatIncluded(120n, 20_000)).toBe(20n);
    expect(vatIncluded(3n, 20_000)).toBe(1n);
    expect(vatIncluded(2n, 20_000)).toBe(0n);
    expect(vatIncluded(0n, 20_000)).toBe(0n);
  });

  it("is never further than half a unit from the exact share", () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 63n - 1n), fc.nat(MAX_VAT_RATE), (total, rate) => {
        const vat = vatIncluded(total, rate);
        const whole = 100_000n + BigInt(rate);
        const twice = 2n * (vat * whole - total * BigInt(rate));
        expect(twice > -whole && twice <= whole).toBe(true);
      }),
    );
  });

  it("has a rate in percent with at most three decimals", () => {
    expect(parseVatRate("7.7")).toBe(7_700);
    expect(parseVatRate("20")).toBe(20_000);
    expect(parseVatRate("5,5")).toBe(5_500);
    expect(vatPercent(7_700, ",")).toBe("7,7");
    expect(vatPercent(20_000, ".")).toBe("20");
    expect(vatPercent(8_125, ".")).toBe("8.125");
    for (const text of ["", "-1", "100.001", "7.7777", "1e2", "x"]) {
      expect(
        codeOf(() => parseVatRate(text)),
        text,
      ).toBe("option-invalid");
    }
  });
});

describe("a bill", () => {
  const bill = makeBill(BILL, 124_490n);

  it("adds up to what was paid, or is refused", () => {
    expect(bill).toMatchObject({ netMinor: 115_590n, vatMinor: 8_900n, totalMinor: 124_490n });
    expect(codeOf(() => makeBill(BILL, 124_491n))).toBe("amount-invalid");
    expect(codeOf(() => makeBill({ ...BILL, number: "x".repeat(500) }, 124_490n))).toBe("option-invalid");
    expect(makeBill({ ...BILL, vatRate: null }, 124_490n)).toMatchObject({
      vatMinor: 0n,
      netMinor: 124_490n,
    });
  });

  it("as a page holds no markup of strangers, no script and no outside request", () => {
    for (const language of ["en", "fr"] as const) {
      const page = billHtml(bill, language);
      expect(page).toContain("&lt;b&gt;Dupont&lt;/b&gt;");
      expect(page).toContain("&lt;script&gt;");
      expect(page).not.toMatch(/<script|<b>|https?:|url\(|@import|<img|<link|\u202e/);
      expect(page).toContain(`<html lang="${language}">`);
    }
    expect(billHtml(bill, "en")).toContain("1\u202f244.90 EUR");
    expect(billHtml(bill, "fr")).toContain("TVA 7,7 %");
  });

  it("as text fits 72 columns, in both languages", () => {
    const long = { ...BILL, lines: [{ text: "word ".repeat(40) + "x".repeat(90), minor: 124_490n }] };
    for (const one of [bill, makeBill(long, 124_490n)]) {
      for (const language of ["en", "fr"] as const) {
        const lines = billText(one, language).split("\n");
        expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(72);
        expect(lines.some((line) => line.endsWith(language === "en" ? "1 244.90 EUR" : "1 244,90 EUR"))).toBe(
          true,
        );
      }
    }
  });
});

describe("numbers", () => {
  it("are grouped by narrow spaces and exact", () => {
    const fr = documentWords("fr");
    expect(groupedNumber(123_456_789n, 2, fr)).toBe("1\u202f234\u202f567,89");
    expect(groupedNumber(-5n, 2, fr)).toBe("-0,05");
    expect(groupedNumber(123_456n, 0, fr)).toBe("123\u202f456");
    expect(plainNumber(-123_456_789n, 3)).toBe("-123456.789");
    fc.assert(
      fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n), fc.nat(9), (minor, exponent) => {
        const shown = groupedNumber(minor, exponent, documentWords("en"));
        expect(BigInt(shown.replaceAll(/[.\u202f]/g, ""))).toBe(minor);
      }),
    );
  });
});

describe("the words", () => {
  it("are all there in both languages, and differ", () => {
    const en = documentWords("en");
    const fr = documentWords("fr");
    expect(Object.keys(fr)).toEqual(Object.keys(en));
    const same = Object.entries(en).filter(([name, text]) => {
      return typeof text === "string" && text === Reflect.get(fr, name);
    });
    expect(same.map(([name]) => name).sort()).toEqual(["date", "total", "totalPaid"]);
  });
});
