/**
 * CBOR for message bodies and telemetry, by cbor-x. Never for what is signed or
 * hashed: that is cbor.ts.
 *
 * What goes in comes out: numbers (floats included) as number, bigint as bigint
 * (cbor-x writes every bigint in eight bytes, and integers beyond 32 bits of type
 * number as floats), text, Uint8Array, booleans, null, undefined, arrays, and
 * plain objects or Maps. Another encoder's eight-byte integer comes as bigint.
 *
 * Foreign bytes are scanned before cbor-x sees them: definite lengths that fit the
 * data, bounded depth and count, no tags, valid UTF-8, no key twice, no `__proto__`.
 */
import { Encoder } from "cbor-x";
import { SegmentError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import { ARRAY, BYTES, MAP, TAG, TEXT } from "./cbor-values.ts";
import type { CborLimits } from "./cbor-values.ts";

const SIMPLE = 7;
/** Keys are names: longer ones are refused before a set of them is built. */
const MAX_KEY_BYTES = 256;
const MAX_INTEGER_KEY = 0xffff;

/** `useTag259ForMaps` and `copyBuffers` are options that cbor-x has and its types lack. */
const options = {
  useRecords: false,
  variableMapSize: true,
  tagUint8Array: false,
  useTag259ForMaps: false,
  copyBuffers: true,
};
const objectCodec = new Encoder({ ...options, mapsAsObjects: true });
const mapCodec = new Encoder({ ...options, mapsAsObjects: false });
const utf8Decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Encodes plain data; a Map may have integers for keys, an object has text. Throws
 * `cbor-wrong-shape` for what decodeMessage and decodeMaps would not take back: dates, sets, functions, cycles.
 */
export function encodeMessage(value: unknown): Uint8Array {
  let encoded: Uint8Array;
  try {
    encoded = new Uint8Array(objectCodec.encode(value));
  } catch (cause) {
    throw new SegmentError("cbor-wrong-shape", "the value is not plain data and cannot be encoded", { cause });
  }
  try {
    new Scanner(encoded, { maxBytes: encoded.length, maxDepth: 256, maxItems: encoded.length }, true).run();
  } catch (cause) {
    throw new SegmentError("cbor-wrong-shape", "the value holds more than plain data and cannot be encoded", {
      cause,
    });
  }
  return encoded;
}

/**
 * Decodes maps to plain objects; keys must be texts.
 * Throws `cbor-truncated`, `cbor-invalid` or `cbor-too-large`. Default limits: 1 MiB, depth 32, 65,536 values.
 */
export function decodeMessage(bytes: Uint8Array, limits: CborLimits = {}): unknown {
  return decode(bytes, limits, false);
}

/** Like decodeMessage, but decodes maps to Map, whose keys may be integers too (SenML, RFC 8428 section 6). */
export function decodeMaps(bytes: Uint8Array, limits: CborLimits = {}): unknown {
  return decode(bytes, limits, true);
}

function decode(bytes: Uint8Array, limits: CborLimits, asMaps: boolean): unknown {
  // A view of our own: cbor-x attaches a property to what it is given.
  const view = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  new Scanner(view, limits, asMaps).run();
  try {
    return (asMaps ? mapCodec : objectCodec).decode(view);
  } catch (cause) {
    throw new SegmentError("cbor-invalid", "the message is not CBOR", { cause });
  }
}

/** Walks over encoded data without building it. */
class Scanner {
  private readonly bytes: Uint8Array;
  private readonly maxDepth: number;
  private readonly integerKeys: boolean;
  private itemsLeft: number;
  private position = 0;

  constructor(bytes: Uint8Array, limits: CborLimits, integerKeys: boolean) {
    const maxBytes = limits.maxBytes ?? 1 << 20;
    this.bytes = bytes;
    this.maxDepth = limits.maxDepth ?? 32;
    this.itemsLeft = limits.maxItems ?? 65_536;
    this.integerKeys = integerKeys;
    if (bytes.length > maxBytes) this.fail("cbor-too-large", `${bytes.length} bytes, at most ${maxBytes}`);
  }

  run(): void {
    this.item(0);
    if (this.position < this.bytes.length) this.fail("cbor-invalid", "bytes follow the message");
  }

  private item(depth: number): void {
    const { major, argument } = this.head();
    switch (major) {
      case BYTES:
        this.skip(argument);
        return;
      case TEXT:
        this.text(argument);
        return;
      case ARRAY:
        this.nest(depth, argument);
        for (let i = 0; i < argument; i++) this.item(depth + 1);
        return;
      case MAP:
        this.nest(depth, 2 * argument);
        this.map(argument, depth);
        return;
      case TAG:
        return this.fail("cbor-invalid", "a tag: messages use none");
      default:
        return; // integers and simple values end with their head
    }
  }

  private map(length: number, depth: number): void {
    const seen = new Set<string | number>();
    for (let i = 0; i < length; i++) {
      const key = this.key();
      if (seen.has(key)) this.fail("cbor-invalid", "a key occurs twice");
      seen.add(key);
      this.item(depth + 1);
    }
  }

  private key(): string | number {
    const { major, argument } = this.head();
    if (major === TEXT) {
      if (argument > MAX_KEY_BYTES) this.fail("cbor-too-large", `a key longer than ${MAX_KEY_BYTES} bytes`);
      const start = this.position;
      this.text(argument);
      // One character per byte: two valid texts are equal exactly when their bytes are.
      const key = String.fromCharCode(...this.bytes.subarray(start, this.position));
      if (key === "__proto__") this.fail("cbor-invalid", "a key that objects cannot hold");
      return key;
    }
    if (!this.integerKeys || major > 1) this.fail("cbor-invalid", "a key that is not a text");
    if (argument > MAX_INTEGER_KEY) this.fail("cbor-invalid", `a key beyond ±${MAX_INTEGER_KEY}`);
    return major === 0 ? argument : -1 - argument;
  }

  private head(): { major: number; argument: number } {
    if (--this.itemsLeft < 0) this.fail("cbor-too-large", "too many values");
    if (this.position >= this.bytes.length) this.fail("cbor-truncated", "a value is missing");
    const initial = this.bytes[this.position++]!;
    const major = initial >> 5;
    const info = initial & 31;
    if (info === 31) this.fail("cbor-invalid", "an indefinite length or a stray break");
    if (info > 27) this.fail("cbor-invalid", "a reserved initial byte");
    // Of the simple values only false, true, null, undefined and floats (RFC 8949 section 3.3).
    if (major === SIMPLE && (info < 20 || info === 24)) this.fail("cbor-invalid", "an unassigned simple value");
    if (info < 24) return { major, argument: info };
    const size = 1 << (info - 24);
    const start = this.position;
    this.skip(size);
    let argument = 0;
    for (let i = start; i < this.position; i++) argument = argument * 256 + this.bytes[i]!;
    return { major, argument };
  }

  private text(length: number): void {
    const start = this.position;
    this.skip(length);
    let index = start;
    while (index < this.position && this.bytes[index]! < 0x80) index++;
    if (index === this.position) return; // ASCII
    try {
      utf8Decoder.decode(this.bytes.subarray(start, this.position));
    } catch {
      this.fail("cbor-invalid", "a text is not valid UTF-8");
    }
  }

  private skip(length: number): void {
    if (length > this.bytes.length - this.position) this.fail("cbor-truncated", "the data ends within a value");
    this.position += length;
  }

  private nest(depth: number, children: number): void {
    if (depth >= this.maxDepth) this.fail("cbor-too-large", `nested deeper than ${this.maxDepth}`);
    // Each child takes at least one byte, so nothing is allocated for a promise that the data cannot keep.
    if (children > this.bytes.length - this.position) this.fail("cbor-truncated", "fewer items than promised");
    if (children > this.itemsLeft) this.fail("cbor-too-large", "too many values");
  }

  private fail(code: ErrorCode, message: string): never {
    throw new SegmentError(code, message, { where: `byte ${this.position}` });
  }
}
