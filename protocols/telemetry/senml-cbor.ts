/**
 * The CBOR form of SenML (RFC 8428 section 6): integer labels. Written with cbor-x; read by a small bounded
 * reader of our own, since what it reads may come from anybody: it checks as it goes, keeps no state, and
 * allocates nothing that the input's length does not pay for.
 */
import { Encoder } from "cbor-x";
import { SegmentError } from "../errors.ts";
import { MAX_FIELDS, MAX_PACK_RECORDS, recordInvalid, setField, type SenmlRecord } from "./senml.ts";

/** RFC 8428 table 4. */
const LABELS = {
  bver: -1,
  bn: -2,
  bt: -3,
  bu: -4,
  bv: -5,
  bs: -6,
  n: 0,
  u: 1,
  v: 2,
  vs: 3,
  vb: 4,
  s: 5,
  t: 6,
  ut: 7,
  vd: 8,
} as const;
const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(LABELS).map(([name, label]) => [label, name]),
);

const encoder = new Encoder({
  useRecords: false,
  variableMapSize: true,
  mapsAsObjects: false,
  tagUint8Array: false,
});

export function encodeSenml(pack: readonly SenmlRecord[]): Uint8Array {
  const maps = pack.map((record) => {
    const map = new Map<string | number, unknown>();
    for (const [name, value] of Object.entries(record)) {
      if (name !== "extra") map.set(LABELS[name as keyof typeof LABELS], value);
    }
    for (const [label, value] of record.extra ?? []) map.set(label, value);
    return map;
  });
  // cbor-x reuses its buffer: a copy is ours.
  return Uint8Array.from(encoder.encode(maps));
}

/** The pack in these bytes, not yet resolved. Throws `record-invalid`; bytes after the pack are refused. */
export function decodeSenml(bytes: Uint8Array): SenmlRecord[] {
  const input = new Input(bytes);
  const count = input.container(4, "the pack is not an array");
  const pack: SenmlRecord[] = [];
  while (!input.ends(count, pack.length)) {
    if (pack.length === MAX_PACK_RECORDS) throw malformed(`has more than ${MAX_PACK_RECORDS} records`);
    pack.push(readRecord(input, pack.length));
  }
  if (pack.length === 0) throw malformed("holds no record");
  if (!input.atEnd()) throw malformed("has bytes after its end");
  return pack;
}

function readRecord(input: Input, index: number): SenmlRecord {
  const record: SenmlRecord = {};
  const count = input.container(5, `record ${index} is not a map`);
  for (let field = 0; !input.ends(count, field); field += 1) {
    if (field === MAX_FIELDS) throw recordInvalid(index, "has too many fields");
    const label = input.value();
    if (typeof label === "number" && Number.isSafeInteger(label)) {
      setField(record, NAMES.get(label) ?? label, input.value(), index);
    } else if (typeof label === "string") {
      if (Object.hasOwn(LABELS, label)) throw recordInvalid(index, `writes the label ${label} as a text`);
      setField(record, label, input.value(), index);
    } else {
      throw recordInvalid(index, "has a label that is neither an integer nor a text");
    }
  }
  return record;
}

function malformed(problem: string): SegmentError {
  return new SegmentError("record-invalid", `the CBOR pack ${problem}`);
}

const textDecoder = new TextDecoder("utf-8", { fatal: true });
/** How deep ignored values of extensions may nest. */
const MAX_DEPTH = 8;
const INDEFINITE = -1;

/** CBOR items (RFC 8949) from front to back. */
class Input {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  atEnd(): boolean {
    return this.at === this.bytes.length;
  }

  /** The head of an array (4) or map (5): its count, or INDEFINITE. */
  container(majorType: number, problem: string): number {
    const first = this.byte();
    if (first >> 5 !== majorType) throw malformed(`is wrong: ${problem}`);
    return this.count(first);
  }

  /**
   * Whether the container of `count` items has ended after `seen` of them; takes the break of an indefinite
   * one.
   */
  ends(count: number, seen: number): boolean {
    if (count !== INDEFINITE) return seen >= count;
    if (this.bytes[this.at] !== 0xff) return false;
    this.at += 1;
    return true;
  }

  /** A number, text, byte string or boolean; undefined for anything else, which is skipped. */
  value(depth = 0): unknown {
    if (depth > MAX_DEPTH) throw malformed("nests too deeply");
    const first = this.byte();
    switch (first >> 5) {
      case 0:
        return this.argument(first);
      case 1:
        return -1 - this.argument(first);
      case 2:
        return this.string(first);
      case 3:
        return this.text(first);
      case 4:
      case 5:
        this.skip(this.count(first), first >> 5 === 5 ? 2 : 1, depth);
        return undefined;
      case 6:
        return this.tagged(this.argument(first), depth);
      default:
        return this.simple(first);
    }
  }

  private skip(count: number, itemsEach: number, depth: number): void {
    for (let seen = 0; !this.ends(count, seen); seen += 1) {
      for (let item = 0; item < itemsEach; item += 1) this.value(depth + 1);
    }
  }

  /**
   * Tag 4 is a decimal fraction [exponent, mantissa] (RFC 8949 section 3.4.4; allowed by RFC 8428 section 6).
   */
  private tagged(tag: number, depth: number): unknown {
    if (tag !== 4) {
      this.value(depth + 1);
      return undefined;
    }
    if (this.container(4, "a decimal fraction is not an array") !== 2)
      throw malformed("has a wrong decimal fraction");
    const exponent = this.value(depth + 1);
    const mantissa = this.value(depth + 1);
    if (!Number.isInteger(exponent) || !Number.isSafeInteger(mantissa))
      throw malformed("has a wrong decimal fraction");
    return Number(`${String(mantissa)}e${String(exponent)}`);
  }

  private simple(first: number): unknown {
    switch (first & 0x1f) {
      case 20:
        return false;
      case 21:
        return true;
      case 22:
      case 23:
        return undefined;
      case 25:
        return float16(this.view.getUint16(this.take(2)));
      case 26:
        return this.view.getFloat32(this.take(4));
      case 27:
        return this.view.getFloat64(this.take(8));
      default:
        throw malformed("has a simple value that SenML does not know");
    }
  }

  private text(first: number): string {
    const bytes = this.string(first);
    try {
      return textDecoder.decode(bytes);
    } catch {
      throw malformed("has a text that is not UTF-8");
    }
  }

  private string(first: number): Uint8Array {
    const length = this.argument(first);
    const start = this.take(length);
    return this.bytes.slice(start, start + length);
  }

  private count(first: number): number {
    if ((first & 0x1f) === 31) return INDEFINITE;
    const count = this.argument(first);
    // Every item takes a byte or more.
    if (count > this.bytes.length - this.at) throw malformed("ends too early");
    return count;
  }

  /** The argument of an item's head; above 2^53 it loses precision, as any number of a sensor may. */
  private argument(first: number): number {
    const info = first & 0x1f;
    if (info < 24) return info;
    if (info === 24) return this.view.getUint8(this.take(1));
    if (info === 25) return this.view.getUint16(this.take(2));
    if (info === 26) return this.view.getUint32(this.take(4));
    if (info === 27) return Number(this.view.getBigUint64(this.take(8)));
    throw malformed("has a head that CBOR reserves");
  }

  private byte(): number {
    return this.bytes[this.take(1)]!;
  }

  /** Moves on by `length` bytes and returns where they begin. */
  private take(length: number): number {
    const start = this.at;
    if (length > this.bytes.length - start) throw malformed("ends too early");
    this.at += length;
    return start;
  }
}

/** RFC 8949 appendix D. */
function float16(half: number): number {
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  const sign = half & 0x8000 ? -1 : 1;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}
