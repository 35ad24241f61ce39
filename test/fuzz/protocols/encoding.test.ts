/** Fuzz: deterministic CBOR, its reader, message bodies, and the small text forms. */
import fc from "fast-check";
import { describe } from "vitest";
import * as bytesRoom from "../../../protocols/encoding/bytes.ts";
import { concat, equalBytes } from "../../../protocols/encoding/bytes.ts";
import { decodeCbor, encodeCbor } from "../../../protocols/encoding/cbor.ts";
import { decodeMessage, encodeMessage } from "../../../protocols/encoding/messages.ts";
import { FieldReader } from "../../../protocols/encoding/reader.ts";
import { bombsIn, cborBombs } from "../support/bombs.ts";
import { cborHead, encodeLoose, parseTree } from "../support/cbor-tree.ts";
import type { CborNode } from "../support/cbor-tree.ts";
import { bombs, fuzz } from "../support/harness.ts";
import { mutated } from "../support/mutate.ts";
import { mutatedValue } from "../support/mutate-value.ts";
import { must, mustEqual } from "../support/must.ts";

const CBOR_SAMPLES = [
  encodeCbor([1, "a text", new Uint8Array(32).fill(7), -5, 2 ** 40, 2n ** 63n, true, false, null]),
  encodeCbor(
    new Map<string | number, unknown[]>([
      [1, [1]],
      ["key", []],
      [-1, [[[["deep"]]]]],
    ]) as never,
  ),
  encodeCbor([-(2n ** 64n), 2n ** 64n, 2n ** 300n, -(2n ** 80n), 2n ** 53n, Number.MAX_SAFE_INTEGER]),
  encodeCbor(["é", "\u{1f980}", "", "x".repeat(300), new Uint8Array(0), [], new Map()]),
];

/** The longest bignum that fits: reading it must not take time by the square of its length. */
const LONG_BIGNUMS = [0xc2, 0xc3].map((tag) => {
  const magnitude = new Uint8Array((1 << 20) - 10).fill(0xff);
  return concat(Uint8Array.of(tag), cborHead(2, magnitude.length), magnitude);
});

describe("deterministic CBOR", () => {
  fuzz(
    "decodeCbor takes what encodeCbor gives, byte for byte, and nothing else",
    mutated(CBOR_SAMPLES),
    (bytes) => mustEqual(encodeCbor(decodeCbor(bytes)), bytes, "the encoding"),
    { accepted: 0.1 },
  );

  fuzz(
    "decodeCbor within limits",
    fc.record({
      bytes: mutated(CBOR_SAMPLES),
      maxBytes: fc.nat(200),
      maxDepth: fc.nat(5),
      maxItems: fc.nat(20),
    }),
    ({ bytes, ...limits }) => {
      decodeCbor(bytes, limits);
      must(bytes.length <= limits.maxBytes, "maxBytes holds");
      must(sizeOf(parseTree(bytes)!) <= limits.maxItems, "maxItems holds");
    },
    { accepted: 0.01 },
  );

  bombs("decodeCbor", [...cborBombs(), ...bombsIn(CBOR_SAMPLES), ...LONG_BIGNUMS], (b) => decodeCbor(b));

  fuzz(
    "FieldReader takes any array apart",
    fc.tuple(mutated(CBOR_SAMPLES), fc.array(fc.tuple(fc.nat(20), fc.nat(40)), { maxLength: 12 })),
    ([bytes, reads]) => {
      const reader = FieldReader.fromBytes(bytes, "sample");
      for (const [which, bound] of reads) readField(reader, which, bound);
      reader.end();
    },
    { accepted: 0.001 },
  );
});

function readField(reader: FieldReader, which: number, bound: number): unknown {
  switch (which) {
    case 0:
      return must(Number.isSafeInteger(reader.int("int", { min: -bound })), "an integer");
    case 1:
      return must(reader.bigint("bigint", { max: BigInt(bound) }) <= BigInt(bound), "bounded");
    case 2:
      return must(reader.bytes("bytes", { max: bound }).length <= bound, "bounded");
    case 3:
      return must(reader.text("text", { max: bound }).length <= bound, "bounded");
    case 4:
      return must(typeof reader.bool("bool") === "boolean", "a boolean");
    case 5:
      return must(reader.list("list", { max: bound }).length <= bound, "bounded");
    case 6:
      return reader.record("record").end();
    default:
      return reader.nullable("nullable", (r) => r.value("value"));
  }
}

function sizeOf(node: CborNode): number {
  // A byte string that happens to hold CBOR is one value to the decoder.
  return 1 + (node.major === 2 ? 0 : node.children.reduce((sum, child) => sum + sizeOf(child), 0));
}

const BODIES = [
  { orderId: new Uint8Array(16), article: "bread", point: { latitudeE7: 474_700_000 }, list: [1, 2.5, null] },
  { amount: 2n ** 60n, small: -7, big: 2 ** 40, flag: true, nothing: undefined, text: "é".repeat(40) },
  [[], {}, "", new Uint8Array(0), Number.MIN_VALUE, -0.5, Number.MAX_SAFE_INTEGER],
];
const MESSAGE_SAMPLES = BODIES.map((body) => encodeMessage(body));

/** Half floats, all kinds of heads, byte order marks: what cbor-x reads and does not write itself. */
const FOREIGN_SAMPLES = [
  Uint8Array.of(0x85, 0xf9, 0x3e, 0x00, 0xf9, 0x7c, 0x00, 0xfa, 0x3f, 0xc0, 0, 0, 0x18, 0x05, 0x19, 0, 9),
  encodeLoose({ ["\ufeffbom"]: "\ufeffx", bom: `\ufeff${"long".repeat(40)}`, ["\ufeffk".repeat(20)]: 1 }),
  encodeLoose({ constructor: { prototype: 1 }, toString: 1, hasOwnProperty: [], length: 2 ** 33 }),
  encodeLoose([2n ** 64n - 1n, -(2n ** 64n), -(2n ** 63n), 2n ** 53n]),
];

describe("message bodies", () => {
  fuzz(
    "decodeMessage reads what a plain reading of the bytes gives",
    mutated([...MESSAGE_SAMPLES, ...FOREIGN_SAMPLES]),
    (bytes) => {
      const decoded = decodeMessage(bytes);
      mustBeSame(decoded, valueOf(parseTree(bytes)!));
      mustBeSame(decodeMessage(encodeMessage(decoded)), decoded);
    },
    { accepted: 0.1 },
  );

  fuzz(
    "decodeMessage of what a dishonest encoder writes",
    mutatedValue(BODIES).map(encodeLoose),
    (bytes) => {
      decodeMessage(bytes);
      must(!("polluted" in {}), "no prototype is changed");
    },
    { accepted: 0.1 },
  );

  fuzz("encodeMessage refuses what is not plain data", mutatedValue(BODIES), (value) =>
    decodeMessage(encodeMessage(value)),
  );

  bombs("decodeMessage", [...cborBombs(), ...bombsIn(MESSAGE_SAMPLES)], (bytes) => decodeMessage(bytes));
});

/** CBOR by the book, for comparison with cbor-x. */
function valueOf(node: CborNode): unknown {
  const { major, argument, children } = node;
  if (major === 0) return argument;
  if (major === 1) return typeof argument === "number" ? -1 - argument : -1n - argument;
  if (major === 2) return node.content ?? concat(...children.map((child) => plainBytes(child)));
  if (major === 3) return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(node.content);
  if (major === 4) return children.map(valueOf);
  if (major === 5) {
    const pairs = children.filter((_, index) => index % 2 === 0);
    return Object.fromEntries(pairs.map((key, index) => [valueOf(key), valueOf(children[2 * index + 1]!)]));
  }
  const head = node.head!;
  const view = new DataView(head.buffer, head.byteOffset);
  if (head.length === 3) return half(view.getUint16(1));
  if (head.length === 5) return view.getFloat32(1);
  if (head.length === 9) return view.getFloat64(1);
  return [false, true, null, undefined][Number(argument) - 20];
}

function plainBytes(node: CborNode): Uint8Array {
  return node.source!;
}

/** RFC 8949 appendix D. */
function half(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  const size = exponent === 0 ? mantissa * 2 ** -24 : (1024 + mantissa) * 2 ** (exponent - 25);
  const value = exponent === 31 ? (mantissa === 0 ? Infinity : Number.NaN) : size;
  return bits & 0x8000 ? -value : value;
}

/** Deep equality in which 5 and 5n are the same number. */
function mustBeSame(a: unknown, b: unknown, at = "body"): void {
  if (a instanceof Uint8Array || b instanceof Uint8Array) {
    must(a instanceof Uint8Array && b instanceof Uint8Array && equalBytes(a, b), `${at}: the same bytes`);
  } else if (typeof a === "object" && typeof b === "object" && a !== null && b !== null) {
    must(Array.isArray(a) === Array.isArray(b), `${at}: lists are lists`);
    const [left, right] = [Object.entries(a), Object.entries(b)];
    must(left.length === right.length, `${at}: as many fields`);
    for (const [key, value] of left) {
      must(Object.hasOwn(b, key), `${at}: has ${JSON.stringify(key)}`);
      mustBeSame(value, (b as Record<string, unknown>)[key], `${at}.${key}`);
    }
  } else if (typeof a !== typeof b && isInteger(a) && isInteger(b)) {
    must(BigInt(a) === BigInt(b), `${at}: ${String(a)} is ${String(b)}`);
  } else must(Object.is(a, b) || a === b, `${at}: ${JSON.stringify(String(a))} is ${String(b)}`);
}

function isInteger(value: unknown): value is number | bigint {
  return typeof value === "bigint" || Number.isInteger(value);
}

const { fromBase64Url, fromHex, text, toBase64Url, toHex, utf8 } = bytesRoom;
const texts = fc.oneof(fc.string({ unit: "binary", maxLength: 40 }), fc.base64String(), hexTexts());

function hexTexts(): fc.Arbitrary<string> {
  return fc.uint8Array({ maxLength: 20 }).map((bytes) => toHex(bytes));
}

describe("text forms", () => {
  fuzz("fromHex", texts, (input) => must(toHex(fromHex(input)) === input.toLowerCase(), "the same digits"), {
    accepted: 0.1,
  });
  fuzz("fromBase64Url has one text per value", texts, (input) =>
    must(toBase64Url(fromBase64Url(input)) === input, "the same text"),
  );
  fuzz("text is strict", mutated([utf8("é\u{1f980}\ufeffabc"), Uint8Array.of(0xed, 0xa0, 0x80)]), (bytes) =>
    mustEqual(utf8(text(bytes)), bytes, "the text's bytes"),
  );
});
