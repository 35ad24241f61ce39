/**
 * Deterministic CBOR (RFC 8949 section 4.2.1) for everything that is signed or
 * hashed: a value has one encoding, and a decoder that accepts only that one.
 * Outside the profile, and refused: floats, undefined, other simple values,
 * indefinite lengths, and bignum tags around what fits in 64 bits.
 */
import { SegmentError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import { compareBytes } from "./bytes.ts";

/** A tagged value (RFC 8949 section 3.4). Tags 2 and 3 are bigints here, never a CborTag. */
export class CborTag {
  readonly tag: number;
  readonly value: CborValue;

  constructor(tag: number, value: CborValue) {
    this.tag = tag;
    this.value = value;
  }
}

/** Numbers are safe integers; -0 encodes as 0. */
export type CborValue =
  | number
  | bigint
  | string
  | boolean
  | null
  | Uint8Array
  | CborValue[]
  | Map<CborValue, CborValue>
  | CborTag;

export interface CborLimits {
  /** Default 1 MiB. */
  maxBytes?: number;
  /** Arrays, maps and tags within one another. Default 64. */
  maxDepth?: number;
  /** All values together, at every level. Default 65,536. */
  maxItems?: number;
}

const UNSIGNED = 0;
const NEGATIVE = 1;
const BYTES = 2;
const TEXT = 3;
const ARRAY = 4;
const MAP = 5;
const TAG = 6;

const TAG_POSITIVE_BIGNUM = 2;
const TAG_NEGATIVE_BIGNUM = 3;
const TWO_TO_32 = 2 ** 32;
const TWO_TO_64 = 1n << 64n;
/** Encoding stops here, so that a value that contains itself is an error and not a crash. */
const MAX_ENCODE_DEPTH = 512;

const utf8Encoder = new TextEncoder();
const utf8Decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const LONE_SURROGATE = /\p{Surrogate}/u;

/** The one encoding of `value`. Throws `cbor-wrong-shape` for what the profile cannot express. */
export function encodeCbor(value: CborValue): Uint8Array {
  const writer = new Writer();
  writer.value(value, 0);
  return writer.finish();
}

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

class Writer {
  private buffer = new Uint8Array(256);
  private length = 0;

  finish(): Uint8Array {
    return this.buffer.slice(0, this.length);
  }

  value(value: CborValue, depth: number): void {
    if (depth > MAX_ENCODE_DEPTH) throw new SegmentError("cbor-too-large", "nested too deeply to encode");
    if (typeof value === "number") this.integer(value);
    else if (typeof value === "string") this.text(value);
    else if (value instanceof Uint8Array) this.bytes(value);
    else if (Array.isArray(value)) {
      this.head(ARRAY, value.length);
      for (const item of value) this.value(item, depth + 1);
    } else if (typeof value === "bigint") this.bigint(value);
    else if (value === null) this.byte(0xf6);
    else if (typeof value === "boolean") this.byte(value ? 0xf5 : 0xf4);
    else if (value instanceof Map) this.map(value, depth);
    else if (value instanceof CborTag) this.tag(value, depth);
    else throw new SegmentError("cbor-wrong-shape", `a ${typeof value} cannot be encoded`);
  }

  private integer(value: number): void {
    if (!Number.isSafeInteger(value)) {
      throw new SegmentError("cbor-wrong-shape", `${value} is not a safe integer; larger ones are bigint`);
    }
    if (value >= 0) this.head(UNSIGNED, value);
    else this.head(NEGATIVE, -1 - value);
  }

  private bigint(value: bigint): void {
    const argument = value < 0n ? -1n - value : value;
    const major = value < 0n ? NEGATIVE : UNSIGNED;
    if (argument < TWO_TO_64) {
      if (argument <= Number.MAX_SAFE_INTEGER) this.head(major, Number(argument));
      else this.head64(major, argument);
      return;
    }
    // RFC 8949 section 3.4.3: bignums only for what 64 bits cannot hold, without leading zeros.
    this.head(TAG, value < 0n ? TAG_NEGATIVE_BIGNUM : TAG_POSITIVE_BIGNUM);
    const hex = argument.toString(16);
    const size = Math.ceil(hex.length / 2);
    const padded = hex.padStart(2 * size, "0");
    this.head(BYTES, size);
    for (let i = 0; i < size; i++) this.byte(Number.parseInt(padded.slice(2 * i, 2 * i + 2), 16));
  }

  private text(value: string): void {
    if (LONE_SURROGATE.test(value)) {
      throw new SegmentError("cbor-wrong-shape", "a text with a lone surrogate has no UTF-8 form");
    }
    this.sized(TEXT, utf8Encoder.encode(value));
  }

  private bytes(value: Uint8Array): void {
    this.sized(BYTES, value);
  }

  private sized(major: number, content: Uint8Array): void {
    this.head(major, content.length);
    this.reserve(content.length);
    this.buffer.set(content, this.length);
    this.length += content.length;
  }

  private map(value: Map<CborValue, CborValue>, depth: number): void {
    const entries = [...value].map(([key, item]) => {
      const keyWriter = new Writer();
      keyWriter.value(key, depth + 1);
      return { key: keyWriter.finish(), item };
    });
    // RFC 8949 section 4.2.1: bytewise lexicographic order of the encoded keys.
    entries.sort((a, b) => compareBytes(a.key, b.key));
    this.head(MAP, entries.length);
    let previous: Uint8Array | undefined;
    for (const { key, item } of entries) {
      if (previous !== undefined && compareBytes(previous, key) === 0) {
        throw new SegmentError("cbor-wrong-shape", "a map holds the same key twice");
      }
      previous = key;
      this.reserve(key.length);
      this.buffer.set(key, this.length);
      this.length += key.length;
      this.value(item, depth + 1);
    }
  }

  private tag(value: CborTag, depth: number): void {
    if (!Number.isSafeInteger(value.tag) || value.tag < 0) {
      throw new SegmentError("cbor-wrong-shape", "a tag is an integer from 0");
    }
    if (value.tag === TAG_POSITIVE_BIGNUM || value.tag === TAG_NEGATIVE_BIGNUM) {
      throw new SegmentError("cbor-wrong-shape", "tags 2 and 3 are written as bigint");
    }
    this.head(TAG, value.tag);
    this.value(value.value, depth + 1);
  }

  /** Major type and argument, in the shortest form. */
  private head(major: number, argument: number): void {
    const initial = major << 5;
    if (argument < 24) {
      this.byte(initial | argument);
      return;
    }
    this.reserve(9);
    if (argument < 0x100) {
      this.buffer[this.length++] = initial | 24;
      this.buffer[this.length++] = argument;
    } else if (argument < 0x10000) {
      this.buffer[this.length++] = initial | 25;
      this.buffer[this.length++] = argument >>> 8;
      this.buffer[this.length++] = argument & 255;
    } else if (argument < TWO_TO_32) {
      this.buffer[this.length++] = initial | 26;
      this.word(argument);
    } else {
      this.buffer[this.length++] = initial | 27;
      this.word(Math.floor(argument / TWO_TO_32));
      this.word(argument % TWO_TO_32);
    }
  }

  private head64(major: number, argument: bigint): void {
    this.reserve(9);
    this.buffer[this.length++] = (major << 5) | 27;
    this.word(Number(argument >> 32n));
    this.word(Number(argument & 0xffff_ffffn));
  }

  private word(value: number): void {
    this.buffer[this.length++] = value >>> 24;
    this.buffer[this.length++] = (value >>> 16) & 255;
    this.buffer[this.length++] = (value >>> 8) & 255;
    this.buffer[this.length++] = value & 255;
  }

  private byte(value: number): void {
    this.reserve(1);
    this.buffer[this.length++] = value;
  }

  private reserve(extra: number): void {
    const needed = this.length + extra;
    if (needed <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.buffer.length));
    grown.set(this.buffer.subarray(0, this.length));
    this.buffer = grown;
  }
}

class Decoder {
  private readonly bytes: Uint8Array;
  private readonly maxDepth: number;
  private itemsLeft: number;
  private position = 0;

  constructor(bytes: Uint8Array, limits: CborLimits) {
    const maxBytes = limits.maxBytes ?? 1 << 20;
    // A plain view: a subclass such as Node's Buffer would pass its own type on to every slice.
    this.bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    this.maxDepth = limits.maxDepth ?? 64;
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
        return this.bytes.slice(start, this.position);
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
    if (length <= 24) {
      let ascii = "";
      let index = start;
      while (index < this.position && this.bytes[index]! < 0x80) {
        ascii += String.fromCharCode(this.bytes[index++]!);
      }
      if (index === this.position) return ascii;
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
    const items: CborValue[] = [];
    for (let i = 0; i < length; i++) items.push(this.value(depth + 1));
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
    let magnitude = 0n;
    for (const byte of value) magnitude = (magnitude << 8n) | BigInt(byte);
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
    // Each child takes at least one byte: a length that promises more is refused before anything is allocated.
    if (children > this.bytes.length - this.position) this.fail("cbor-truncated", "fewer items than promised");
    if (children > this.itemsLeft) this.fail("cbor-too-large", "too many values");
  }

  private longer(): never {
    return this.fail("cbor-not-deterministic", "an integer or length that has a shorter form");
  }

  private fail(code: ErrorCode, message: string): never {
    throw new SegmentError(code, message, { where: `byte ${this.position}` });
  }
}
