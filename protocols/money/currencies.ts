/**
 * What a currency is called and how many decimals it has. The ledger counts minor
 * units; only people see decimals.
 */
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
