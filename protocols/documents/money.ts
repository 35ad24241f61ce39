/** Money as documents write it: all decimals, groups of three, never by way of a float. */
import type { DocumentWords } from "./words.ts";

/** What a currency is called and how it is counted. */
export interface DocumentCurrency {
  /** "EUR.1f0c…": two issuers may share a code. */
  id: string;
  code: string;
  exponent: number;
}

/** A narrow space that does not break (SI brochure, 5.4.4), so that groups need no comma in any language. */
const GROUP = "\u202f";

/** "12 345.60", "-0,05". */
export function groupedNumber(
  minor: bigint,
  exponent: number,
  { decimalMark }: Pick<DocumentWords, "decimalMark">,
): string {
  const [whole = "", decimals] = plainNumber(minor, exponent).split(".");
  const grouped = whole.replaceAll(/(?<=\d)(?=(?:\d{3})+$)/g, GROUP);
  return decimals === undefined ? grouped : grouped + decimalMark + decimals;
}

/** "12345.60", for programs. */
export function plainNumber(minor: bigint, exponent: number): string {
  const digits = (minor < 0n ? -minor : minor).toString().padStart(exponent + 1, "0");
  const whole = digits.slice(0, digits.length - exponent);
  const decimals = digits.slice(digits.length - exponent);
  return `${minor < 0n ? "-" : ""}${whole}${exponent > 0 ? `.${decimals}` : ""}`;
}

/** "z6MkhaXg…2doK": enough to recognise, not to pay. */
export function shortId(id: string): string {
  return id.length <= 16 ? id : `${id.slice(0, 8)}…${id.slice(-4)}`;
}
