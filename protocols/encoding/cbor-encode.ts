/** The encoder of deterministic CBOR: see cbor.ts. */
import { SegmentError } from "../errors.ts";
import { compareBytes } from "./bytes.ts";
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
import type { CborValue } from "./cbor-values.ts";

/** Encoding stops here, so that a value that contains itself is an error and not a crash. */
const MAX_DEPTH = 512;
const TWO_TO_64 = 1n << 64n;
const LONE_SURROGATE = /\p{Surrogate}/u;
const utf8Encoder = new TextEncoder();
/** UTF-16 code units: below, a loop is faster than TextEncoder. */
const SHORT_TEXT = 64;

/** Written into again and again: what is made is copied out of it, and most values fit. */
const scratch = new Uint8Array(2048);

/** The one encoding of `value`. Throws `cbor-wrong-shape` for what the profile cannot express. */
export function encodeCbor(value: CborValue): Uint8Array {
  const writer = new Writer(scratch);
  writer.value(value, 0);
  return writer.finish();
}

class Writer {
  private buffer: Uint8Array;
  private length = 0;

  constructor(buffer: Uint8Array) {
    this.buffer = buffer;
  }

  finish(): Uint8Array {
    return this.buffer.slice(0, this.length);
  }

  value(value: CborValue, depth: number): void {
    if (depth > MAX_DEPTH) throw new SegmentError("cbor-too-large", "nested too deeply to encode");
    if (typeof value === "number") this.integer(value);
    else if (typeof value === "string") this.text(value);
    else if (value instanceof Uint8Array) this.bytes(value);
    else if (Array.isArray(value)) {
      this.head(ARRAY, value.length);
      for (let at = 0; at < value.length; at++) this.value(value[at]!, depth + 1);
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
    if (this.ascii(value)) return;
    if (LONE_SURROGATE.test(value)) {
      throw new SegmentError("cbor-wrong-shape", "a text with a lone surrogate has no UTF-8 form");
    }
    this.sized(TEXT, utf8Encoder.encode(value));
  }

  /** Most texts are ASCII: written at once, and taken back if they turn out longer in UTF-8. */
  private ascii(value: string): boolean {
    const start = this.length;
    this.head(TEXT, value.length);
    this.reserve(value.length);
    const isAscii = value.length <= SHORT_TEXT ? this.shortAscii(value) : this.longAscii(value);
    this.length = isAscii ? this.length + value.length : start;
    return isAscii;
  }

  private shortAscii(value: string): boolean {
    for (let at = 0; at < value.length; at++) {
      const code = value.charCodeAt(at);
      if (code >= 0x80) return false;
      this.buffer[this.length + at] = code;
    }
    return true;
  }

  private longAscii(value: string): boolean {
    const { read, written } = utf8Encoder.encodeInto(value, this.buffer.subarray(this.length));
    return read === value.length && written === value.length;
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
      const keyWriter = new Writer(new Uint8Array(64));
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
