/**
 * What a currency is called and how many decimals it has. The ledger counts minor
 * units; only people see decimals.
 */
import { labelledHash } from "../crypto/hash.ts";
import { toHex, utf8 } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import type { Crypto } from "../ports.ts";

/**
 * Active codes of ISO 4217 (list one, amendments to 2026), by their decimals. Codes without
 * minor units (XAU, XDR, XTS, XXX and their like) are left out: nothing can be counted in them.
 */
const ISO_4217: Readonly<Record<number, string>> = {
  0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
  2:
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD " +
    "CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP " +
    "GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT " +
    "LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN " +
    "NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD " +
    "SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS " +
    "VED VES WST XAD XCD XCG YER ZAR ZMW ZWG",
  3: "BHD IQD JOD KWD LYD OMR TND",
  4: "CLF UYW",
};

/**
 * Outside ISO 4217. BTC counts satoshi. ETH counts gwei (1e-9), not wei: in wei the ledger's
 * bound of 2^63 - 1 would be 9.2 ETH, in gwei it is 9.2 billion.
 */
const COINS: readonly (readonly [string, number])[] = [
  ["BTC", 8],
  ["ETH", 9],
];

const EXPONENTS: ReadonlyMap<string, number> = new Map([
  ...Object.entries(ISO_4217).flatMap(([exponent, codes]) =>
    codes.split(" ").map((code) => [code, Number(exponent)] as const),
  ),
  ...COINS,
]);

/** The most decimals that any currency may have. */
export const MAX_EXPONENT = 9;

/** An ISO 4217 code, BTC, ETH or a community's own: a capital, then 1 to 7 capitals or digits. */
export function isCurrencyCode(code: string): boolean {
  return /^[A-Z][A-Z0-9]{1,7}$/.test(code);
}

/**
 * Decimals of an ISO 4217 code, of BTC or ETH; undefined for every other code, whose
 * decimals the issuer states when registering it.
 */
export function exponentOf(code: string): number | undefined {
  return EXPONENTS.get(code);
}

/** The codes that `exponentOf` knows, sorted. */
export function knownCurrencyCodes(): string[] {
  return [...EXPONENTS.keys()].sort();
}

/**
 * The network's name of a currency: code and issuer, "EUR.1f0c…" with the first 16 hex digits of
 * the SHA-256 of the issuer's root public key. Throws `currency-unknown` for a malformed code.
 */
export function currencyId(crypto: Crypto, code: string, issuerPublicKey: Uint8Array): string {
  if (!isCurrencyCode(code))
    throw new SegmentError("currency-unknown", `not a currency code: ${quote(code)}`);
  return `${code}.${toHex(crypto.sha256(issuerPublicKey).subarray(0, 8))}`;
}

/** The code of all deeds, and of nothing else. */
export const DEED_CODE = "DEED";

/**
 * The network's name of a deed, "DEED.1f0c…": the first 16 hex digits of a hash of its maker's root public
 * key and of the document's SHA-256.
 */
export function deedId(crypto: Crypto, makerPublicKey: Uint8Array, documentHash: Uint8Array): string {
  const hash = labelledHash(crypto, "deed", makerPublicKey, documentHash);
  return `${DEED_CODE}.${toHex(hash.subarray(0, 8))}`;
}

/**
 * What a name must not hold: controls, marks that turn the writing's direction or show as nothing, line and
 * paragraph separators, private characters. Written out, because Unicode's own classes grow from version to
 * version and all notaries have to agree.
 */
const UNPRINTABLE = new RegExp(
  `[${[
    "\\u0000-\\u001f\\u007f-\\u009f", // controls
    "\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069", // direction
    "\\u00ad\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200d", // nothing to see
    "\\u2060-\\u2065\\u206a-\\u206f\\u3164\\ufeff\\uffa0\\ufff0-\\ufffb",
    "\\u2028\\u2029", // separators
    "\\ud800-\\udfff\\ue000-\\uf8ff\\ufdd0-\\ufdef\\ufffe\\uffff", // half, private and no characters
    "\\u{1bca0}-\\u{1bca3}\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{10ffff}",
  ].join("")}]`,
  "u",
);

/** Whether people can be shown a currency's name: 1 to 64 printable characters, no space at either end. */
export function isCurrencyName(name: string): boolean {
  return name.length > 0 && name.length <= 64 && name.trim() === name && !UNPRINTABLE.test(name);
}

/** Whether a text has the form that `currencyId` makes. */
export function isCurrencyId(id: string): boolean {
  return /^[A-Z][A-Z0-9]{1,7}\.[0-9a-f]{16}$/.test(id);
}

/** The code in a currency's id. Throws `currency-unknown`. */
export function currencyCode(id: string): string {
  if (!isCurrencyId(id)) throw new SegmentError("currency-unknown", `not a currency: ${quote(id)}`);
  return id.slice(0, id.indexOf("."));
}

/** A stranger's text, short enough for an error message. */
function quote(text: string): string {
  return JSON.stringify(utf8(text).length > 40 ? `${text.slice(0, 20)}…` : text);
}
