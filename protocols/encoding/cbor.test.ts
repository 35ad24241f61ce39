import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeShared } from "../../test/support/shared.ts";
import { SegmentError, errorCode } from "../errors.ts";
import { concat, fromHex, text, toHex } from "./bytes.ts";
import { CborTag, decodeCbor, encodeCbor } from "./cbor.ts";
import type { CborValue } from "./cbor.ts";

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (!(error instanceof SegmentError)) throw error;
    return error.code;
  }
  return "no error";
}

function decodeCode(hex: string): string {
  return codeOf(() => decodeCbor(fromHex(hex)));
}

/** Any value of the profile; maps have text, integer or byte keys. */
const value: fc.Arbitrary<CborValue> = fc.letrec<{ value: CborValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.maxSafeInteger(),
    fc.integer({ min: -300, max: 300 }),
    fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }).filter((big) => big > 2n ** 53n || big < -(2n ** 53n)),
    fc.string({ unit: "grapheme" }),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie("value"), { maxLength: 30 }),
    fc
      .uniqueArray(fc.tuple(fc.oneof(fc.string(), fc.integer()), tie("value")), { selector: ([key]) => key })
      .map((entries) => new Map<CborValue, CborValue>(entries)),
    fc
      .tuple(fc.integer({ min: 4, max: 100_000 }), tie("value"))
      .map(([tag, tagged]) => new CborTag(tag, tagged)),
  ),
})).value;

describe("deterministic CBOR", () => {
  it("gives back what it was given", () => {
    fc.assert(
      fc.property(value, (original) => {
        const decoded = decodeCbor(encodeCbor(original));
        expect(decoded).toEqual(original);
        expect(encodeCbor(decoded)).toEqual(encodeCbor(original));
      }),
      { numRuns: 500 },
    );
  });

  it("gives back the same in views of what it was given, and copies unless it is asked for them", () => {
    fc.assert(
      fc.property(value, (original) => {
        expect(decodeCbor(encodeCbor(original), { views: true })).toEqual(original);
      }),
    );
    const bytes = encodeCbor([new Uint8Array(100)]);
    const [copy] = decodeCbor(bytes) as Uint8Array[];
    const [view] = decodeCbor(bytes, { views: true }) as Uint8Array[];
    // A subclass does not come through, whatever was given.
    const [plain] = decodeCbor(Buffer.from(bytes), { views: true }) as Uint8Array[];
    bytes.fill(7);
    expect([copy?.[0], view?.[0], plain?.[0]]).toEqual([0, 7, 0]);
    expect(Object.getPrototypeOf(plain)).toBe(Uint8Array.prototype);
  });

  it("has hex vectors for every kind of value", () => {
    const vectors: [CborValue, string][] = [
      [0, "00"],
      [-0, "00"],
      [23, "17"],
      [24, "1818"],
      [255, "18ff"],
      [256, "190100"],
      [65_535, "19ffff"],
      [65_536, "1a00010000"],
      [2 ** 32 - 1, "1affffffff"],
      [2 ** 32, "1b0000000100000000"],
      [Number.MAX_SAFE_INTEGER, "1b001fffffffffffff"],
      [2n ** 53n, "1b0020000000000000"],
      [2n ** 64n - 1n, "1bffffffffffffffff"],
      [2n ** 64n, "c249010000000000000000"],
      [-1, "20"],
      [-24, "37"],
      [-25, "3818"],
      [-(2 ** 32), "3affffffff"],
      [-(2 ** 32) - 1, "3b0000000100000000"],
      [Number.MIN_SAFE_INTEGER, "3b001ffffffffffffe"],
      [-(2n ** 53n), "3b001fffffffffffff"],
      [-(2n ** 64n), "3bffffffffffffffff"],
      [-(2n ** 64n) - 1n, "c349010000000000000000"],
      ["é🚁", "66c3a9f09f9a81"],
      [Uint8Array.of(1, 2), "420102"],
      [[1, [true, false], null], "830182f5f4f6"],
      [new CborTag(18, [1]), "d28101"],
    ];
    for (const [original, hex] of vectors) {
      expect(toHex(encodeCbor(original))).toBe(hex);
      expect(decodeCbor(fromHex(hex))).toEqual(Object.is(original, -0) ? 0 : original);
    }
    // A bigint within the safe range is the same integer as the number.
    expect(toHex(encodeCbor(-7n))).toBe("26");
  });

  it("sorts map keys by their encoded bytes (RFC 8949 section 4.2.1)", () => {
    const keys: CborValue[] = [false, [-1], [100], "aa", "z", -1, 100, 10];
    const sorted = encodeCbor(new Map(keys.map((key) => [key, 0])));
    expect(toHex(sorted)).toBe("a80a001864002000617a006261610081186400812000f400");
    expect([...(decodeCbor(sorted) as Map<CborValue, CborValue>).keys()]).toEqual(keys.toReversed());
  });

  it("cannot encode what the profile lacks", () => {
    const loop: CborValue[] = [];
    loop.push(loop);
    const unfit: [unknown, string][] = [
      [1.5, "cbor-wrong-shape"],
      [Number.NaN, "cbor-wrong-shape"],
      [Number.POSITIVE_INFINITY, "cbor-wrong-shape"],
      [2 ** 53, "cbor-wrong-shape"],
      [undefined, "cbor-wrong-shape"],
      [{}, "cbor-wrong-shape"],
      [[undefined], "cbor-wrong-shape"],
      ["\ud800", "cbor-wrong-shape"],
      [new CborTag(-1, 0), "cbor-wrong-shape"],
      [new CborTag(2, Uint8Array.of(1)), "cbor-wrong-shape"],
      [
        new Map<CborValue, CborValue>([
          [1, 0],
          [1n, 0],
        ]),
        "cbor-wrong-shape",
      ],
      [loop, "cbor-too-large"],
    ];
    for (const [unfitValue, code] of unfit)
      expect(codeOf(() => encodeCbor(unfitValue as CborValue))).toBe(code);
  });

  it("refuses every second spelling of a value", () => {
    const refused = [
      ...["1817", "190017", "1900ff", "1a0000ffff", "1b00000000ffffffff", "3817", "3b00000000ffffffff"],
      ...["5817", "780161", "98018001", "b80100", "d81101", "5b000000000000000100"],
      ...["5f420102ff", "7f6161ff", "9f01ff", "bf0101ff", "9fff"],
      ...["a202000100", "a201000100", "a2616100616100", "a21864000a00"],
      ...["c24101", "c2420100", "c248ffffffffffffffff", "c24a00ffffffffffffffffff", "c348ffffffffffffffff"],
      ...["f93c00", "fa3fc00000", "fb3ff8000000000000", "f97e00", "f7", "f0", "f8ff", "e0"],
    ];
    for (const hex of refused) expect(decodeCode(hex), hex).toMatch(/^cbor-(not-deterministic|truncated)$/);
    expect(decodeCode("1817")).toBe("cbor-not-deterministic");
  });

  it("refuses what is no CBOR or no valid text", () => {
    for (const hex of [
      "1c",
      "1d",
      "1e",
      "1f",
      "3f",
      "df",
      "fc",
      "fd",
      "fe",
      "ff",
      "61ff",
      "62c080",
      "63eda080",
    ]) {
      expect(decodeCode(hex), hex).toBe("cbor-invalid");
    }
    expect(decodeCode("0000")).toBe("cbor-invalid");
    expect(decodeCode("c201")).toBe("cbor-invalid");
  });

  it("refuses data that ends early, wherever", () => {
    const whole = encodeCbor([
      1,
      300,
      70_000,
      2n ** 60n,
      "text",
      new Uint8Array(30),
      new Map([["k", [-5]]]),
      new CborTag(99, 0),
    ]);
    for (let length = 0; length < whole.length; length++) {
      expect(codeOf(() => decodeCbor(whole.slice(0, length)))).toBe("cbor-truncated");
    }
  });

  it("allocates nothing for promises that the data cannot keep", () => {
    for (const hex of [
      "9affffffff",
      "9bffffffffffffffff",
      "baffffffff",
      "5affffffff",
      "7b001fffffffffffff",
      "bb7fffffffffffffff",
    ]) {
      expect(decodeCode(hex), hex).toBe("cbor-truncated");
    }
  });

  it("keeps to its limits", () => {
    const nested = (depth: number): Uint8Array => concat(new Uint8Array(depth).fill(0x81), Uint8Array.of(0));
    expect(codeOf(() => decodeCbor(nested(64)))).toBe("no error");
    expect(codeOf(() => decodeCbor(nested(65)))).toBe("cbor-too-large");
    expect(codeOf(() => decodeCbor(nested(100_000)))).toBe("cbor-too-large");
    expect(codeOf(() => decodeCbor(concat(new Uint8Array(100_000).fill(0xc1), Uint8Array.of(0))))).toBe(
      "cbor-too-large",
    );
    expect(codeOf(() => decodeCbor(nested(3), { maxDepth: 2 }))).toBe("cbor-too-large");
    expect(codeOf(() => decodeCbor(encodeCbor([1, 2, 3]), { maxItems: 3 }))).toBe("cbor-too-large");
    expect(codeOf(() => decodeCbor(encodeCbor([1, 2, 3]), { maxItems: 4 }))).toBe("no error");
    expect(codeOf(() => decodeCbor(new Uint8Array(5), { maxBytes: 4 }))).toBe("cbor-too-large");
    expect(codeOf(() => decodeCbor(new Uint8Array((1 << 20) + 1)))).toBe("cbor-too-large");
  });

  it("copies byte strings, also out of a Buffer", () => {
    const buffer = Buffer.from("ff420102", "hex").subarray(1);
    const decoded = decodeCbor(buffer) as Uint8Array;
    expect(Object.getPrototypeOf(decoded)).toBe(Uint8Array.prototype);
    buffer.fill(0);
    expect(decoded).toEqual(Uint8Array.of(1, 2));
  });

  it("accepts of any bytes only the one encoding of their value", () => {
    const accepts = (bytes: Uint8Array): void => {
      let decoded: CborValue;
      try {
        decoded = decodeCbor(bytes);
      } catch (error) {
        expect(errorCode(error)).toMatch(/^cbor-/);
        return;
      }
      expect(encodeCbor(decoded)).toEqual(bytes);
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), accepts), { numRuns: 2000 });
    const mutated = fc.tuple(
      value,
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
    );
    fc.assert(
      fc.property(mutated, ([original, changes]) => {
        const bytes = encodeCbor(original);
        for (const [at, to] of changes) bytes[at % bytes.length] = to;
        accepts(bytes);
      }),
      { numRuns: 2000 },
    );
  });
});

interface AppendixVector {
  hex: string;
  roundtrip: boolean;
  decoded?: unknown;
  diagnostic?: string;
}

describeShared("RFC 8949 appendix A", "crypto/cbor/appendix_a.json", (bytes) => {
  const vectors = JSON.parse(text(bytes)) as AppendixVector[];
  /** Floats (also within tag 1), undefined, other simple values; other spellings are not marked roundtrip. */
  const outside = /^(c1)?f[9ab]|^f[078]/;

  it.each(vectors.map((vector) => [vector.hex, vector] as const))("%s", (hex, { decoded, roundtrip }) => {
    const encoded = fromHex(hex);
    if (!roundtrip || outside.test(hex)) {
      expect(decodeCode(hex)).toBe("cbor-not-deterministic");
      return;
    }
    const value = decodeCbor(encoded);
    expect(encodeCbor(value)).toEqual(encoded);
    if (decoded !== undefined && (typeof decoded !== "number" || Number.isSafeInteger(decoded))) {
      expect(plain(value)).toEqual(decoded);
    }
  });
});

/** As JSON has it: maps as objects. */
function plain(value: CborValue): unknown {
  if (Array.isArray(value)) return value.map(plain);
  // Of the vectors' keys, integers and texts, an object makes texts anyway.
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, item]) => [key as string, plain(item)]));
  }
  return value;
}
