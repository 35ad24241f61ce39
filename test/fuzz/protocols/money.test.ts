/** Fuzz: amounts and currencies as people and strangers write them. */
import fc from "fast-check";
import { describe } from "vitest";
import { nodeCrypto as crypto } from "../../../agent/node/crypto.ts";
import {
  addAmounts,
  allocate,
  formatAmount,
  isAmount,
  MAX_AMOUNT,
  parseAmount,
  splitAmount,
  subtractAmount,
} from "../../../protocols/money/amounts.ts";
import {
  currencyCode,
  currencyId,
  exponentOf,
  isCurrencyCode,
  isCurrencyId,
  isCurrencyName,
} from "../../../protocols/money/currencies.ts";
import { SegmentError } from "../../../protocols/errors.ts";
import { fuzz } from "../support/harness.ts";
import { must } from "../support/must.ts";
import { near } from "../support/near.ts";

const digits = fc.stringMatching(/^[0-9]{0,22}$/);
const amountTexts = fc.oneof(
  fc.tuple(digits, fc.constantFrom(".", ",", "", "..", "e", "-", " "), digits).map((parts) => parts.join("")),
  fc.string({ unit: "binary", maxLength: 24 }),
  fc.constantFrom(
    "9223372036854775807",
    "9223372036854775808",
    "1e3",
    "0x10",
    "١٢",
    "Infinity",
    "+1",
    "1_000",
  ),
);

describe("amounts", () => {
  fuzz(
    "parseAmount reads what formatAmount writes, exactly",
    fc.tuple(amountTexts, fc.nat(9)),
    ([text, exponent]) => {
      const minor = parseAmount(text, exponent);
      must(isAmount(minor), "an amount");
      const written = splitAmount(formatAmount(minor, exponent, "EUR"));
      must(written.code === "EUR" && parseAmount(written.number, exponent) === minor, "the same amount");
    },
    { accepted: 0.03 },
  );

  fuzz(
    "splitAmount",
    fc
      .tuple(
        amountTexts,
        fc.constantFrom(" ", "", "\t\n", " ".repeat(5_000)),
        fc.constantFrom("EUR", "eur", "E", "B0"),
      )
      .map((parts) => parts.join("")),
    (text) => {
      const { number, code } = splitAmount(text);
      must(isCurrencyCode(code) && /^[0-9.]+$/.test(number), "a number and a code");
    },
    { accepted: 0.05 },
  );

  const amounts = fc.oneof(
    fc.bigInt(-(2n ** 65n), 2n ** 65n),
    fc.bigInt(0n, 1_000n),
    fc.constantFrom(0n, 1n, MAX_AMOUNT, MAX_AMOUNT + 1n),
  );
  fuzz(
    "sums stay amounts",
    fc.array(amounts, { maxLength: 4 }),
    (list) => {
      const sum = addAmounts(...list);
      must(isAmount(sum) && subtractAmount(sum, list[0] ?? 0n) <= sum, "an amount");
    },
    { accepted: 0.05 },
  );

  fuzz(
    "allocate gives out all of it, whatever the weights",
    fc.tuple(amounts, fc.array(amounts, { maxLength: 6 })),
    ([total, weights]) => {
      const parts = allocate(total, weights);
      must(parts.reduce((sum, part) => sum + part, 0n) === total, "nothing is lost or made");
      must(parts.length === weights.length && parts.every(isAmount), "an amount for each weight");
    },
    { accepted: 0.05 },
  );
});

describe("currencies", () => {
  const id = currencyId(crypto, "EUR", new Uint8Array(32));
  const texts = fc.oneof(
    fc.stringMatching(/^[A-Z][A-Z0-9]{0,8}$/),
    fc.string({ unit: "binary", maxLength: 30 }),
    fc
      .tuple(fc.nat(id.length), fc.string({ maxLength: 2 }))
      .map(([at, piece]) => id.slice(0, at) + piece + id.slice(at)),
  );
  fuzz(
    "currencyCode takes ids alone",
    texts,
    (text) => {
      const code = currencyCode(text);
      must(isCurrencyId(text) && isCurrencyCode(code) && text.startsWith(`${code}.`), "the id's code");
    },
    { accepted: 0.02 },
  );

  fuzz(
    "currencyId refuses what is no code",
    texts,
    (text) => {
      must(isCurrencyId(currencyId(crypto, text, new Uint8Array(32))), "an id");
      must(exponentOf(text) === undefined || exponentOf(text)! <= 9, "few decimals");
    },
    { accepted: 0.05 },
  );

  fuzz("isCurrencyName lets through only what shows as it is", near(["Euro", "Ex\u0301tra €"]), (text) => {
    if (!isCurrencyName(text)) throw new SegmentError("currency-unknown", "no name");
    const hides = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;
    must(text.length <= 64 && !hides.test(text), "nothing that hides or turns text");
  });
});
