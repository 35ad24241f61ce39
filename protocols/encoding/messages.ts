/**
 * CBOR for message bodies and telemetry, by cbor-x. Never for what is signed or
 * hashed: that is cbor.ts.
 *
 * What goes in comes out: numbers (floats included) as number, bigint as bigint
 * (cbor-x writes every bigint in eight bytes, and integers beyond 32 bits of type
 * number as floats), text, Uint8Array, booleans, null, undefined, arrays and plain
 * objects. A Map goes in too and comes out as an object. Another encoder's
 * eight-byte integer comes as bigint.
 *
 * Foreign bytes are scanned before cbor-x sees them: definite lengths that fit the
 * data, bounded depth and count, no tags, valid UTF-8, no key twice, no `__proto__`.
 */
import { Encoder } from "cbor-x";
import { SegmentError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import { utf8 } from "./bytes.ts";
import { ARRAY, BYTES, MAP, TAG, TEXT } from "./cbor-values.ts";
import type { CborLimits } from "./cbor-values.ts";

const SIMPLE = 7;
/** Keys are names: longer ones are refused before a set of them is built. */
const MAX_KEY_BYTES = 256;
/** So many keys are compared with one another in place; of more a set is made. */
const FEW_KEYS = 16;
const PROTO = utf8("__proto__");

const codec = new Encoder(codecOptions());
const utf8Decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Encodes plain data. Throws `cbor-wrong-shape` for dates, sets, functions, cycles, keys that are no
 * text.
 */
export function encodeMessage(value: unknown): Uint8Array {
  try {
    const encoded = new Uint8Array(codec.encode(value));
    // What our own decoder would refuse is not sent.
    new Scanner(encoded, { maxBytes: encoded.length, maxItems: encoded.length }).run();
    return encoded;
  } catch (cause) {
    const reason = cause instanceof SegmentError ? `: ${cause.message}` : "";
    throw new SegmentError("cbor-wrong-shape", `not plain data, cannot be encoded${reason}`, { cause });
  }
}

/**
 * Decodes to plain data; keys of maps must be texts.
 * Throws `cbor-truncated`, `cbor-invalid` or `cbor-too-large`. Default limits: 1 MiB, depth 32,
 * 65,536 values.
 */
export function decodeMessage(bytes: Uint8Array, limits: CborLimits = {}): unknown {
  // A view of our own: cbor-x attaches a property to what it is given.
  const view = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  new Scanner(view, limits).run();
  try {
    return codec.decode(view);
  } catch (cause) {
    throw new SegmentError("cbor-invalid", "the message is not CBOR", { cause });
  }
}

/** `useTag259ForMaps` and `copyBuffers` are options that cbor-x has and its types lack. */
function codecOptions(): ConstructorParameters<typeof Encoder>[0] {
  const unlisted = { useTag259ForMaps: false, copyBuffers: true };
  return { useRecords: false, mapsAsObjects: true, variableMapSize: true, tagUint8Array: false, ...unlisted };
}

/** Walks over encoded data without building it. */
class Scanner {
  private readonly bytes: Uint8Array;
  private readonly maxDepth: number;
  private itemsLeft: number;
  private position = 0;
  /** Of the maps under way: where each key begins and ends. */
  private readonly keys: number[] = [];

  constructor(bytes: Uint8Array, limits: CborLimits) {
    const maxBytes = limits.maxBytes ?? 1 << 20;
    this.bytes = bytes;
    this.maxDepth = limits.maxDepth ?? 32;
    this.itemsLeft = limits.maxItems ?? 65_536;
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
    const names = length > FEW_KEYS ? new Set<string>() : undefined;
    const first = this.keys.length;
    for (let i = 0; i < length; i++) {
      const start = this.key();
      const isNew = names === undefined ? this.noteKey(first, start) : noteName(names, this.latin1(start));
      if (!isNew) this.fail("cbor-invalid", "a key occurs twice");
      this.item(depth + 1);
    }
    this.keys.length = first;
  }

  /** Keeps the key, unless it is among those of this map: texts are equal when their bytes are. */
  private noteKey(first: number, start: number): boolean {
    for (let at = first; at < this.keys.length; at += 2) {
      if (this.isAt(start, this.bytes, this.keys[at]!, this.keys[at + 1]!)) return false;
    }
    this.keys.push(start, this.position);
    return true;
  }

  /** Whether the key from `start` on is what stands in `other` between `from` and `to`. */
  private isAt(start: number, other: Uint8Array, from: number, to: number): boolean {
    if (this.position - start !== to - from) return false;
    for (let at = from; at < to; at++) if (this.bytes[start + at - from] !== other[at]) return false;
    return true;
  }

  /** The key from `start` on, one character per byte. */
  private latin1(start: number): string {
    let key = "";
    for (let at = start; at < this.position; at++) key += String.fromCharCode(this.bytes[at]!);
    return key;
  }

  /** Where the key begins that ends here. */
  private key(): number {
    const { major, argument } = this.head();
    if (major !== TEXT) this.fail("cbor-invalid", "a key that is not a text");
    if (argument > MAX_KEY_BYTES) this.fail("cbor-too-large", `a key longer than ${MAX_KEY_BYTES} bytes`);
    const start = this.position;
    this.text(argument);
    if (this.isAt(start, PROTO, 0, PROTO.length)) this.fail("cbor-invalid", "a key that objects cannot hold");
    return start;
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
    if (major === SIMPLE && (info < 20 || info === 24))
      this.fail("cbor-invalid", "an unassigned simple value");
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
    if (length > this.bytes.length - this.position)
      this.fail("cbor-truncated", "the data ends within a value");
    this.position += length;
  }

  private nest(depth: number, children: number): void {
    if (depth >= this.maxDepth) this.fail("cbor-too-large", `nested deeper than ${this.maxDepth}`);
    // Each child takes at least one byte, so nothing is allocated for a promise that the data cannot keep.
    if (children > this.bytes.length - this.position)
      this.fail("cbor-truncated", "fewer items than promised");
    if (children > this.itemsLeft) this.fail("cbor-too-large", "too many values");
  }

  private fail(code: ErrorCode, message: string): never {
    throw new SegmentError(code, message, { where: `byte ${this.position}` });
  }
}

/** Whether the name was not there yet. */
function noteName(names: Set<string>, name: string): boolean {
  if (names.has(name)) return false;
  names.add(name);
  return true;
}
