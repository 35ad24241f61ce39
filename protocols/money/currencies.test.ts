import { describe, expect, it } from "vitest";
import { portableCrypto } from "../crypto/portable.ts";
import { errorCode } from "../errors.ts";
import {
  currencyCode,
  currencyId,
  exponentOf,
  isCurrencyCode,
  isCurrencyId,
  knownCurrencyCodes,
} from "./currencies.ts";

const codeOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    return errorCode(error);
  }
  return "none";
};

describe("exponents", () => {
  it.each([
    ["EUR", 2],
    ["USD", 2],
    ["JPY", 0],
    ["ISK", 0],
    ["XOF", 0],
    ["UGX", 0],
    ["KWD", 3],
    ["TND", 3],
    ["CLF", 4],
    ["UYW", 4],
    ["XCG", 2],
    ["BTC", 8],
    ["ETH", 9],
  ])("%s has %i decimals", (code, decimals) => {
    expect(exponentOf(code)).toBe(decimals);
  });

  it.each(["XAU", "XXX", "XTS", "XDR", "HRK", "BGN", "ANG", "KWH", "eur", "", "__proto__", "constructor"])(
    "does not know %j",
    (code) => {
      expect(exponentOf(code)).toBeUndefined();
    },
  );

  it("lists each code once, ISO codes with three letters", () => {
    const codes = knownCurrencyCodes();
    expect(new Set(codes).size).toBe(codes.length);
    expect(codes.every((code) => /^[A-Z]{3}$/.test(code))).toBe(true);
  });

  /** ISO 4217 gives them two decimals (three to IQD); Unicode's data says that nobody uses them. */
  const WITHOUT_DECIMALS_IN_USE =
    "AFN ALL COP HUF IDR IQD IRR KPW LAK LBP MGA MMK PKR RSD SLE SOS STN SYP TZS UZS YER ZMW";
  /** Withdrawn from ISO 4217 by 2026, but younger than Unicode's data, or without minor units. */
  const NOT_IN_THE_TABLE = "ANG BGN CUC HRK SLL ZWL XAG XAU XDR XPD XPT XSU XTS XUA XXX";

  it("are those that the runtime knows, but for exceptions that are written down", () => {
    const known = Intl.supportedValuesOf("currency");
    expect(known.length).toBeGreaterThan(140);
    for (const code of known) {
      if (NOT_IN_THE_TABLE.includes(code)) {
        expect([code, exponentOf(code)]).toEqual([code, undefined]);
        continue;
      }
      const format = new Intl.NumberFormat("en", { style: "currency", currency: code });
      const { maximumFractionDigits } = format.resolvedOptions();
      const allowed = WITHOUT_DECIMALS_IN_USE.includes(code) ? [2, 3] : [maximumFractionDigits];
      expect([code, allowed.includes(exponentOf(code) ?? -1)]).toEqual([code, true]);
    }
    // What the runtime may lack is known apart: fund codes, and what is newer than its data.
    const others = knownCurrencyCodes().filter((code) => !known.includes(code));
    const mayLack = "BOV BTC CHE CHW CLF COU ETH MXV SLE USN UYI UYW VED XAD XCG ZWG";
    expect(others.filter((code) => !mayLack.includes(code))).toEqual([]);
  });
});

describe("currency ids", () => {
  const issuer = new Uint8Array(32).fill(1);

  it("are code and issuer", () => {
    // printf '\x01%.0s' {1..32} | sha256sum
    expect(currencyId(portableCrypto, "EUR", issuer)).toBe("EUR.72cd6e8422c407fb");
    expect(currencyCode("EUR.72cd6e8422c407fb")).toBe("EUR");
    expect(currencyId(portableCrypto, "EUR", new Uint8Array(32))).not.toBe("EUR.72cd6e8422c407fb");
  });

  it("refuse what is none", () => {
    for (const code of ["eur", "E", "TOOLONGCODE", "E R", "", "EUR.X", "1AB"]) {
      expect(isCurrencyCode(code)).toBe(false);
      expect(codeOf(() => currencyId(portableCrypto, code, issuer))).toBe("currency-unknown");
    }
    for (const id of [
      "EUR",
      "EUR.",
      "EUR.72CD6E8422C407FB",
      "EUR.72cd6e8422c407fb0",
      "EUR.72cd6e8422c407fb\n",
      ".7",
    ]) {
      expect(isCurrencyId(id)).toBe(false);
      expect(codeOf(() => currencyCode(id))).toBe("currency-unknown");
    }
  });
});
