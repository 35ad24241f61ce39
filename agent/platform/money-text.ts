/** Money as people type it and read it: major units, and two currencies of one code told apart. */
import { plainFormat } from "../../protocols/contract/text.ts";
import type { TextFormat, TextLanguage } from "../../protocols/contract/text.ts";
import type { DocumentCurrency } from "../../protocols/documents/money.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { formatAmount, parseAmount } from "../../protocols/money/amounts.ts";
import { currencyCode, exponentOf, isCurrencyId } from "../../protocols/money/currencies.ts";

/**
 * The currency that people name by its code, or by its whole id where two issuers share a code. Errors:
 * currency-unknown, option-invalid.
 */
export function pickCurrency<T extends DocumentCurrency>(currencies: readonly T[], name: string): T {
  const found = currencies.filter(({ id, code }) => (isCurrencyId(name) ? id === name : code === name));
  const [one, ...others] = found;
  if (one === undefined) throw new SegmentError("currency-unknown", `the network has no currency "${name}"`);
  if (others.length === 0) return one;
  const ids = found.map(({ id }) => id).join(", ");
  throw new SegmentError(
    "option-invalid",
    `${found.length} currencies are called ${name}: write one of ${ids}`,
  );
}

/** Minor units of what people write: "24.90". Errors: amount-invalid, amount-overflow. */
export function amountOf(text: string, { exponent, code }: DocumentCurrency): bigint {
  const minor = parseAmount(text, exponent);
  if (minor > 0n) return minor;
  throw new SegmentError("amount-invalid", `an amount above 0 ${code} is needed`);
}

/** "24.90 EUR", or "24.90 EUR (of 1f0c…)" where another issuer has a currency of that code. */
export function moneyText(
  minor: bigint,
  currency: DocumentCurrency,
  all: readonly DocumentCurrency[],
): string {
  const text = formatAmount(minor, currency.exponent, currency.code);
  const isAlone = all.every(({ id, code }) => code !== currency.code || id === currency.id);
  return isAlone ? text : `${text} (of ${currency.id.slice(currency.code.length + 1)})`;
}

/** Money as the person's language writes it; where issuers share a code, with the issuer. */
export function formatOf(language: TextLanguage, currencies: readonly DocumentCurrency[]): TextFormat {
  const plain = plainFormat(language);
  return {
    time: (timeMs) => plain.time(timeMs),
    amount: (minor, id) => {
      const known = currencies.find((one) => one.id === id);
      if (known === undefined) return plain.amount(minor, id);
      const text = formatAmount(minor, known.exponent, known.code, language === "fr" ? "," : ".");
      const isAlone = currencies.every((one) => one.code !== known.code || one.id === id);
      return isAlone ? text : `${text} (${id.slice(known.code.length + 1)})`;
    },
  };
}

/** Wherever a contract speaks of money: ids, some several times. */
export function currenciesIn(part: unknown): string[] {
  if (typeof part !== "object" || part === null || part instanceof Uint8Array) return [];
  return Object.entries(part).flatMap(([name, value]) => {
    return name === "currency" && typeof value === "string" ? [value] : currenciesIn(value);
  });
}

/** Those of ISO 4217; how many decimals another has is known to the network only. */
export function currencyAsNamed(id: string): DocumentCurrency | undefined {
  if (!isCurrencyId(id)) return undefined;
  const code = currencyCode(id);
  const exponent = exponentOf(code);
  return exponent === undefined ? undefined : { id, code, exponent };
}
