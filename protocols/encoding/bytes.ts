/** Small helpers for byte arrays and their text forms. */
import { SegmentError } from "../errors.ts";

const utf8Encoder = new TextEncoder();
const utf8Decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Short texts are made here and copied from: several times faster than an array of its own for each. */
const scratch = new Uint8Array(3 * 256);

export function concat(...parts: Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** Takes the same time wherever the first difference is, so it may compare secrets of equal length. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}

/** Lexicographic order; a prefix comes before what it begins. Negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

const HEX_DIGITS = utf8Encoder.encode("0123456789abcdef");
/** Room for the digits of what is written most, ids of 16 bytes and keys and hashes of 32. */
const roomFor = new Map([16, 32].map((size) => [size, Array.from({ length: 2 * size }, () => 0)]));

/** Lower case. */
export function toHex(bytes: Uint8Array): string {
  const room = roomFor.get(bytes.length);
  if (room !== undefined) {
    putDigits(bytes, room);
    return String.fromCharCode(...room);
  }
  const length = 2 * bytes.length;
  const digits = length <= scratch.length ? scratch : new Uint8Array(length);
  putDigits(bytes, digits);
  return utf8Decoder.decode(digits.subarray(0, length));
}

function putDigits(bytes: Uint8Array, into: { [at: number]: number }): void {
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    into[2 * at] = HEX_DIGITS[byte >> 4]!;
    into[2 * at + 1] = HEX_DIGITS[byte & 15]!;
  }
}

/** Either case. Throws `text-malformed`. */
export function fromHex(hex: string): Uint8Array {
  if (hex.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(hex)) {
    throw new SegmentError("text-malformed", "not an even number of hexadecimal digits");
  }
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** The UTF-8 bytes of a text. A lone surrogate becomes U+FFFD, as everywhere on the web. */
export function utf8(text: string): Uint8Array {
  if (3 * text.length > scratch.length) return utf8Encoder.encode(text);
  return scratch.slice(0, utf8Encoder.encodeInto(text, scratch).written);
}

/** The text of UTF-8 bytes; nothing is replaced or skipped. Throws `text-malformed`. */
export function text(bytes: Uint8Array): string {
  try {
    return utf8Decoder.decode(bytes);
  } catch {
    throw new SegmentError("text-malformed", "not valid UTF-8");
  }
}

const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const BASE64URL_VALUES = new Map([...BASE64URL].map((character, value) => [character, value]));

/** RFC 4648 section 5, without padding. */
export function toBase64Url(bytes: Uint8Array): string {
  let encoded = "";
  let bits = 0;
  let bitCount = 0;
  for (const byte of bytes) {
    bits = ((bits << 8) | byte) & 0xffff;
    bitCount += 8;
    while (bitCount >= 6) {
      bitCount -= 6;
      encoded += BASE64URL[(bits >> bitCount) & 63];
    }
  }
  if (bitCount > 0) encoded += BASE64URL[(bits << (6 - bitCount)) & 63];
  return encoded;
}

/** One text per value: padding, other digits and loose bits at the end throw `text-malformed`. */
export function fromBase64Url(encoded: string): Uint8Array {
  const bytes = new Uint8Array(Math.floor((encoded.length * 6) / 8));
  let bits = 0;
  let bitCount = 0;
  let offset = 0;
  for (const character of encoded) {
    const value = BASE64URL_VALUES.get(character);
    if (value === undefined) throw new SegmentError("text-malformed", "not base64url without padding");
    bits = ((bits << 6) | value) & 0xffff;
    bitCount += 6;
    if (bitCount >= 8) {
      bitCount -= 8;
      bytes[offset++] = (bits >> bitCount) & 255;
    }
  }
  const looseBits = bits & ((1 << bitCount) - 1);
  if (bitCount >= 6 || looseBits !== 0) {
    throw new SegmentError("text-malformed", "base64url with loose bits at its end");
  }
  return bytes;
}
