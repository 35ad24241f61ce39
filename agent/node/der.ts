/** The little of DER (ITU-T X.690, section 10) that a certificate is made of. */
import { concat, utf8 } from "../../protocols/encoding/bytes.ts";

const TAG = { boolean: 0x01, integer: 0x02, bits: 0x03, octets: 0x04, oid: 0x06, utf8: 0x0c };
const SEQUENCE = 0x30;
const SET = 0x31;
const GENERALIZED_TIME = 0x18;
const UTC_TIME = 0x17;
/** RFC 5280 section 4.1.2.5: until the end of 2049 as UTCTime, from then on as GeneralizedTime. */
const FIRST_GENERALIZED_YEAR = 2050;

export function element(tag: number, ...parts: Uint8Array[]): Uint8Array {
  const content = concat(...parts);
  return concat(Uint8Array.of(tag), lengthBytes(content.length), content);
}

function lengthBytes(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest >>= 8) bytes.unshift(rest & 255);
  return Uint8Array.of(0x80 | bytes.length, ...bytes);
}

export const sequence = (...parts: Uint8Array[]): Uint8Array => element(SEQUENCE, ...parts);
export const setOf = (...parts: Uint8Array[]): Uint8Array => element(SET, ...parts);
export const octets = (bytes: Uint8Array): Uint8Array => element(TAG.octets, bytes);
export const utf8String = (text: string): Uint8Array => element(TAG.utf8, utf8(text));
export const yes = element(TAG.boolean, Uint8Array.of(0xff));

/** A context-specific element: constructed for what holds elements, primitive for bytes. */
export const tagged = (tag: number, ...parts: Uint8Array[]): Uint8Array => element(0xa0 | tag, ...parts);
export const taggedBytes = (tag: number, bytes: Uint8Array): Uint8Array => element(0x80 | tag, bytes);

/** A whole number from its big-endian bytes; none is negative. */
export function integer(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const shortest = bytes.subarray(start);
  return element(TAG.integer, (shortest[0] ?? 0) >= 0x80 ? Uint8Array.of(0) : new Uint8Array(0), shortest);
}

/** `unused`: how many bits of the last byte do not count. */
export function bitString(bytes: Uint8Array, unused = 0): Uint8Array {
  return element(TAG.bits, Uint8Array.of(unused), bytes);
}

/** From its dotted form. */
export function objectId(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const parts = [40 * first + second, ...rest];
  return element(TAG.oid, Uint8Array.from(parts.flatMap(base128)));
}

function base128(value: number): number[] {
  const bytes = [value & 127];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128))
    bytes.unshift(0x80 | (rest & 127));
  return bytes;
}

/** To the second. */
export function time(timeMs: number): Uint8Array {
  const date = new Date(timeMs);
  const digits = date.toISOString().replaceAll(/[-:T]|\.\d+/g, "");
  return date.getUTCFullYear() < FIRST_GENERALIZED_YEAR
    ? element(UTC_TIME, utf8(digits.slice(2)))
    : element(GENERALIZED_TIME, utf8(digits));
}
