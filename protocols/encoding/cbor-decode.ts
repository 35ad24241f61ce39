/** The decoder of deterministic CBOR: see cbor.ts. */
import { SegmentError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import { compareBytes, toHex } from "./bytes.ts";
import {
  ARRAY,
  BYTES,
  CborTag,
  MAP,
  NEGATIVE,
  TAG,
  TAG_NEGATIVE_BIGNUM,
  TAG_POSITIVE_BIGNUM,
  TEXT,
  TWO_TO_32,
  UNSIGNED,
} from "./cbor-values.ts";
import type { CborLimits, CborValue } from "./cbor-values.ts";

const utf8Decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Where the characters of a short text are gathered, by its length. */
const characterCodes = Array.from({ length: 33 }, (_, length) => Array.from({ length }, () => 0));

/**
 * The value that `bytes` encode. Integers within ±(2^53-1) come as number, larger ones as bigint.
 * Throws `cbor-truncated`, `cbor-invalid`, `cbor-not-deterministic` or `cbor-too-large`.
 */
export function decodeCbor(bytes: Uint8Array, limits: CborLimits = {}): CborValue {
  const decoder = new Decoder(bytes, limits);
  const value = decoder.value(0);
  decoder.end();
  return value;
}

class Decoder {
  private readonly bytes: Uint8Array;
  private readonly maxDepth: number;
  private readonly views: boolean;
  private itemsLeft: number;
  private position = 0;

  constructor(bytes: Uint8Array, limits: CborLimits) {
    const maxBytes = limits.maxBytes ?? 1 << 20;
    // A plain view: a subclass such as Node's Buffer would pass its own type on to every slice.
    const isPlain = Object.getPrototypeOf(bytes) === Uint8Array.prototype;
    this.bytes = isPlain ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    this.maxDepth = limits.maxDepth ?? 64;
    this.views = limits.views ?? false;
    this.itemsLeft = limits.maxItems ?? 65_536;
    if (bytes.length > maxBytes) this.fail("cbor-too-large", `${bytes.length} bytes, at most ${maxBytes}`);
  }

  end(): void {
    const trailing = this.bytes.length - this.position;
    if (trailing > 0) this.fail("cbor-invalid", `${trailing} bytes follow the value`);
  }

  value(depth: number): CborValue {
    if (--this.itemsLeft < 0) this.fail("cbor-too-large", "too many values");
    if (this.position >= this.bytes.length) this.fail("cbor-truncated", "a value is missing");
    const initial = this.bytes[this.position++]!;
    const major = initial >> 5;
    switch (major) {
      case UNSIGNED:
        return this.argument(initial);
      case NEGATIVE:
        return this.negative(initial);
      case BYTES: {
        const start = this.take(this.length(initial));
        return this.views
          ? this.bytes.subarray(start, this.position)
          : this.bytes.slice(start, this.position);
      }
      case TEXT:
        return this.text(initial);
      case ARRAY:
        return this.array(initial, depth);
      case MAP:
        return this.map(initial, depth);
      case TAG:
        return this.tag(initial, depth);
      default:
        return this.simple(initial);
    }
  }

  private negative(initial: number): CborValue {
    const argument = this.argument(initial);
    if (typeof argument === "number" && argument < Number.MAX_SAFE_INTEGER) return -1 - argument;
    return -1n - BigInt(argument);
  }

  private text(initial: number): string {
    const length = this.length(initial);
    const start = this.take(length);
    // Most texts are short and ASCII, where a loop is several times faster than TextDecoder.
    const codes = characterCodes[length];
    if (codes !== undefined) {
      let index = 0;
      while (index < length && this.bytes[start + index]! < 0x80) codes[index] = this.bytes[start + index++]!;
      if (index === length) return String.fromCharCode(...codes);
    }
    try {
      return utf8Decoder.decode(this.bytes.subarray(start, this.position));
    } catch {
      return this.fail("cbor-invalid", "a text is not valid UTF-8");
    }
  }

  private array(initial: number, depth: number): CborValue[] {
    const length = this.length(initial);
    this.nest(depth, length);
    // `nest` has bounded the length; pushed one by one, a few items would take the room of many.
    const items = new Array<CborValue>(length);
    for (let i = 0; i < length; i++) items[i] = this.value(depth + 1);
    return items;
  }

  private map(initial: number, depth: number): Map<CborValue, CborValue> {
    const length = this.length(initial);
    this.nest(depth, 2 * length);
    const entries = new Map<CborValue, CborValue>();
    let previous: Uint8Array | undefined;
    for (let i = 0; i < length; i++) {
      const keyStart = this.position;
      const key = this.value(depth + 1);
      const encodedKey = this.bytes.subarray(keyStart, this.position);
      // RFC 8949 section 4.2.1: keys in strictly rising bytewise order, which also refuses duplicates.
      if (previous !== undefined && compareBytes(previous, encodedKey) >= 0) {
        this.fail("cbor-not-deterministic", "map keys out of order or repeated");
      }
      previous = encodedKey;
      entries.set(key, this.value(depth + 1));
    }
    return entries;
  }

  private tag(initial: number, depth: number): CborValue {
    const tag = this.argument(initial);
    if (typeof tag === "bigint") return this.fail("cbor-too-large", "a tag beyond 2^53");
    this.nest(depth, 1);
    const value = this.value(depth + 1);
    if (tag !== TAG_POSITIVE_BIGNUM && tag !== TAG_NEGATIVE_BIGNUM) return new CborTag(tag, value);
    if (!(value instanceof Uint8Array)) return this.fail("cbor-invalid", "a bignum without bytes");
    if (value.length <= 8 || value[0] === 0) {
      this.fail("cbor-not-deterministic", "a bignum that has a shorter form");
    }
    // In one go: shifted in byte by byte, a long one would take time by the square of its length.
    const magnitude = BigInt(`0x${toHex(value)}`);
    return tag === TAG_POSITIVE_BIGNUM ? magnitude : -1n - magnitude;
  }

  private simple(initial: number): boolean | null {
    if (initial === 0xf4) return false;
    if (initial === 0xf5) return true;
    if (initial === 0xf6) return null;
    const info = initial & 31;
    if (info >= 28 && info <= 30) this.fail("cbor-invalid", "a reserved initial byte");
    if (info === 31) this.fail("cbor-invalid", "a break outside of an indefinite length");
    return this.fail("cbor-not-deterministic", "floats, undefined and other simple values are not used");
  }

  /** A length, never beyond what remains to be read by more than the caller checks. */
  private length(initial: number): number {
    if ((initial & 31) === 31) this.fail("cbor-not-deterministic", "an indefinite length");
    const length = this.argument(initial);
    return typeof length === "number" ? length : this.fail("cbor-truncated", "a length beyond the data");
  }

  private argument(initial: number): number | bigint {
    const info = initial & 31;
    if (info < 24) return info;
    const bytes = this.bytes;
    switch (info) {
      case 24: {
        const at = this.take(1);
        const value = bytes[at]!;
        return value >= 24 ? value : this.longer();
      }
      case 25: {
        const at = this.take(2);
        const value = (bytes[at]! << 8) | bytes[at + 1]!;
        return value >= 0x100 ? value : this.longer();
      }
      case 26: {
        const value = this.word(this.take(4));
        return value >= 0x10000 ? value : this.longer();
      }
      case 27: {
        const at = this.take(8);
        const high = this.word(at);
        const low = this.word(at + 4);
        if (high === 0) this.longer();
        if (high < 0x20_0000) return high * TWO_TO_32 + low;
        return (BigInt(high) << 32n) | BigInt(low);
      }
      default:
        return this.fail("cbor-invalid", "a reserved or misplaced initial byte");
    }
  }

  private word(at: number): number {
    const bytes = this.bytes;
    return bytes[at]! * 0x100_0000 + ((bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!);
  }

  /** Moves on by `length` bytes and returns where they begin. */
  private take(length: number): number {
    const start = this.position;
    if (length > this.bytes.length - start) this.fail("cbor-truncated", "the data ends within a value");
    this.position = start + length;
    return start;
  }

  private nest(depth: number, children: number): void {
    if (depth >= this.maxDepth) this.fail("cbor-too-large", `nested deeper than ${this.maxDepth}`);
    // Each child takes at least one byte: what promises more is refused before anything is allocated.
    if (children > this.bytes.length - this.position)
      this.fail("cbor-truncated", "fewer items than promised");
    if (children > this.itemsLeft) this.fail("cbor-too-large", "too many values");
  }

  private longer(): never {
    return this.fail("cbor-not-deterministic", "an integer or length that has a shorter form");
  }

  private fail(code: ErrorCode, message: string): never {
    throw new SegmentError(code, message, { where: `byte ${this.position}` });
  }
}
