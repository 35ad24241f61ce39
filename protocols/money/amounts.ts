/** Amounts: bigint minor units from 0 to 2^63 - 1. Nothing here rounds: what does not fit is refused. */
import { SegmentError } from "../errors.ts";
import { MAX_EXPONENT } from "./currencies.ts";

/** Minor units (cents, satoshi), 0 to MAX_AMOUNT. */
export type Amount = bigint;

/** 2^63 - 1: every amount fits a signed 64-bit integer, on every platform. */
export const MAX_AMOUNT: Amount = 2n ** 63n - 1n;

/** Whether a value is an amount. */
export function isAmount(value: unknown): value is Amount {
  return typeof value === "bigint" && value >= 0n && value <= MAX_AMOUNT;
}

/**
 * Minor units of a decimal number: `parseAmount("24.90", 2)` is 2490n. Digits, at most one point and
 * at most `exponent` decimals; no sign, no grouping. Throws `amount-invalid` or `amount-overflow`.
 */
export function parseAmount(text: string, exponent: number): Amount {
  const parts = /^([0-9]{1,30})(?:\.([0-9]{1,30}))?$/.exec(text);
  if (parts === null) {
    throw new SegmentError(
      "amount-invalid",
      `not an amount: ${JSON.stringify(text.slice(0, 40))}${hintOn(text)}`,
    );
  }
  if (!Number.isInteger(exponent) || exponent < 0 || exponent > MAX_EXPONENT) {
    throw new SegmentError("amount-invalid", `a currency has 0 to ${MAX_EXPONENT} decimals, not ${exponent}`);
  }
  const [, whole = "", decimals = ""] = parts;
  if (decimals.length > exponent) {
    throw new SegmentError("amount-invalid", `${text} has more than ${exponent} decimals`);
  }
  const minor = BigInt(whole + decimals.padEnd(exponent, "0"));
  if (minor > MAX_AMOUNT) throw new SegmentError("amount-overflow", `${text} is above 2^63 - 1 minor units`);
  return minor;
}

/** Why people's commonest slips are refused. */
function hintOn(text: string): string {
  if (/^\s*[-−]/.test(text)) return ", because amounts are not negative";
  if (/[0-9][,'’_ ][0-9]/.test(text)) return ", because only a point may stand between its digits";
  if (/^[0-9.]+e/i.test(text)) return ", because no exponent may stand in it";
  return text.length > 30 ? ", because it is too long" : "";
}

/**
 * Number and currency code of "24.90 EUR", apart, so that the caller can look up the decimals.
 * Throws `amount-invalid`.
 */
export function splitAmount(text: string): { number: string; code: string } {
  const parts = /^\s*([0-9.]{1,61})\s*([A-Z][A-Z0-9]{1,7})\s*$/.exec(text);
  if (parts === null) {
    throw new SegmentError(
      "amount-invalid",
      `not an amount with its currency: ${JSON.stringify(text.slice(0, 40))}`,
    );
  }
  return { number: parts[1]!, code: parts[2]! };
}

/** "24.90 EUR"; with `decimalMark` "," as the French write it. All decimals are shown, nothing is grouped. */
export function formatAmount(minor: Amount, exponent: number, code: string, decimalMark = "."): string {
  const sign = minor < 0n ? "-" : "";
  const digits = (minor < 0n ? -minor : minor).toString().padStart(exponent + 1, "0");
  const whole = digits.slice(0, digits.length - exponent);
  const decimals = digits.slice(digits.length - exponent);
  return `${sign}${whole}${exponent > 0 ? decimalMark + decimals : ""} ${code}`;
}

/** The sum. Throws `amount-invalid` for what is not an amount and `amount-overflow` above MAX_AMOUNT. */
export function addAmounts(...amounts: Amount[]): Amount {
  let sum = 0n;
  for (const amount of amounts) sum += checked(amount);
  if (sum > MAX_AMOUNT) throw new SegmentError("amount-overflow", "the sum is above 2^63 - 1 minor units");
  return sum;
}

/** `from - amount`. Throws `funds-short` where that is below zero. */
export function subtractAmount(from: Amount, amount: Amount): Amount {
  if (checked(amount) > checked(from)) {
    throw new SegmentError("funds-short", `${amount} minor units cannot be taken from ${from}`);
  }
  return from - amount;
}

/**
 * `total` parted in proportion to `weights`, to the last minor unit: the parts sum to `total`. Each part is
 * rounded down; the units left over go one by one to the largest remainders, the first of equals first.
 * Throws `amount-invalid` unless all are amounts and some weight is above zero.
 */
export function allocate(total: Amount, weights: readonly bigint[]): Amount[] {
  checked(total);
  let sum = 0n;
  for (const weight of weights) sum += checked(weight);
  if (sum === 0n) throw new SegmentError("amount-invalid", "there is no weight to part the amount by");
  const shares = weights.map((weight, index) => ({
    index,
    part: (total * weight) / sum,
    remainder: (total * weight) % sum,
  }));
  const parts = shares.map((share) => share.part);
  let left = total - parts.reduce((all, part) => all + part, 0n);
  const byRemainder = shares.toSorted((a, b) =>
    a.remainder === b.remainder ? a.index - b.index : a.remainder > b.remainder ? -1 : 1,
  );
  for (const share of byRemainder) {
    if (left === 0n) break;
    parts[share.index] = share.part + 1n;
    left -= 1n;
  }
  return parts;
}

function checked(amount: bigint): bigint {
  if (!isAmount(amount))
    throw new SegmentError("amount-invalid", `not an amount in minor units: ${String(amount)}`);
  return amount;
}
