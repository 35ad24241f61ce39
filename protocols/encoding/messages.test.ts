import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SegmentError, errorCode } from "../errors.ts";
import { concat, fromHex, toHex } from "./bytes.ts";
import { decodeMessage, encodeMessage } from "./messages.ts";

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (!(error instanceof SegmentError)) throw error;
    return error.code;
  }
  return "no error";
}

const key = fc.string({ maxLength: 20 }).filter((name) => name !== "__proto__");
const value = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.double(),
    fc.maxSafeInteger(),
    fc.bigInt({ min: -(2n ** 64n) + 1n, max: 2n ** 64n - 1n }),
    fc.string({ unit: "grapheme", maxLength: 100 }),
    fc.boolean(),
    fc.constant(null),
    fc.constant(undefined),
    fc.uint8Array({ maxLength: 100 }),
    fc.array(tie("value"), { maxLength: 20 }),
    fc.dictionary(key, tie("value"), { maxKeys: 20, noNullPrototype: true }),
  ),
})).value;

describe("messages", () => {
  it("come back as they were, bigint as bigint", () => {
    fc.assert(
      fc.property(value, (original) => {
        const decoded = decodeMessage(encodeMessage(original));
        // cbor-x writes -0 as 0.
        expect(JSON.stringify(marked(decoded))).toBe(JSON.stringify(marked(original)));
      }),
      { numRuns: 500 },
    );
    expect(decodeMessage(encodeMessage({ amount: 5n, count: 5, big: 2 ** 40 }))).toEqual({
      amount: 5n,
      count: 5,
      big: 2 ** 40,
    });
  });

  it("come out of a Buffer as plain bytes of their own, and the input is left as it was", () => {
    const buffer = Buffer.from(encodeMessage({ shard: Uint8Array.of(1, 2) }));
    const decoded = decodeMessage(buffer) as { shard: Uint8Array };
    expect(Object.getPrototypeOf(decoded.shard)).toBe(Uint8Array.prototype);
    expect(Object.keys(buffer)).toHaveLength(buffer.length);
    buffer.fill(0);
    expect(decoded.shard).toEqual(Uint8Array.of(1, 2));
    expect(Object.getPrototypeOf(encodeMessage({}))).toBe(Uint8Array.prototype);
  });

  it("refuse to carry more than plain data", () => {
    const loop: { self?: unknown } = {};
    loop.self = loop;
    const unfit = [
      ...[new Date(0), new Set([1]), new Error("e"), /r/, new Float32Array(1), () => 1, Symbol("s"), loop],
      ...[2n ** 64n, -(2n ** 64n) - 1n, JSON.parse('{"__proto__":1}'), "\ud800", { ["k".repeat(257)]: 1 }],
      new Map([[1.5, 1]]),
    ];
    for (const item of unfit) expect(codeOf(() => encodeMessage(item))).toBe("cbor-wrong-shape");
  });

  it("take Maps with texts for keys, and give them back as objects", () => {
    expect(toHex(encodeMessage(new Map([["a", 1]])))).toBe("a1616101");
    expect(decodeMessage(encodeMessage([new Map([["a", new Map()]])]))).toEqual([{ a: {} }]);
    expect(codeOf(() => encodeMessage(new Map([[0, 1]])))).toBe("cbor-wrong-shape");
    expect(codeOf(() => encodeMessage(new Map([["a", 1]]).set("__proto__", 1)))).toBe("cbor-wrong-shape");
  });

  it("are refused with tags, indefinite lengths, odd keys and broken texts, before cbor-x sees them", () => {
    const refused = [
      ...[
        "c11a514b67b0",
        "d81b8164526567457870",
        "d9dfff01",
        "d90103a0",
        "c249010000000000000000",
        "d8338400808080",
      ],
      ...["9fff", "bfff", "5f4101ff", "7f6161ff", "ff", "9f"],
      ...["a1695f5f70726f746f5f5f00", "a2616101616102", "a10101", "a1410101", "a1f500", "a182010100"],
      ...["61ff", "62c080", "63eda080", "a161ff00"],
      ...["1c", "3d", "5e", "fc", "f8ff", "f820", "f0", "e0", "0000"],
    ];
    for (const hex of refused)
      expect(
        codeOf(() => decodeMessage(fromHex(hex))),
        hex,
      ).toBe("cbor-invalid");
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it("are refused when a map holds a key twice, however many it has, and not when two maps hold it", () => {
    const named = (names: readonly string[], item: (at: number) => Uint8Array): Uint8Array =>
      concat(
        names.length < 24 ? Uint8Array.of(0xa0 | names.length) : Uint8Array.of(0xb8, names.length),
        ...names.flatMap((name, at) => [encodeMessage(name), item(at)]),
      );
    for (const count of [2, 3, 16, 17, 40]) {
      const names = Array.from({ length: count }, (_, at) => `key-${at % 7}-${at}`);
      // A map in the middle has the keys of the one around it, too.
      const nested = (at: number): Uint8Array =>
        at === 1 ? named(names, () => Uint8Array.of(0)) : Uint8Array.of(1);
      const sound = decodeMessage(named(names, nested));
      expect(Object.keys(sound as object)).toEqual(names);
      for (const at of [1, count >> 1, count - 1]) {
        const repeated = names.with(at, names[0]!);
        expect(codeOf(() => decodeMessage(named(repeated, nested)))).toBe("cbor-invalid");
      }
    }
  });

  it("are refused when they promise more than they hold", () => {
    for (const hex of [
      "",
      "9affffffff",
      "bb00ffffffffffffff",
      "5affffffff",
      "7b7fffffffffffffff",
      "8201",
      "a16161",
      "19ff",
      "fb00",
    ]) {
      expect(
        codeOf(() => decodeMessage(fromHex(hex))),
        hex,
      ).toBe("cbor-truncated");
    }
  });

  it("keep to limits of size, depth, count and keys", () => {
    const nested = (depth: number): Uint8Array => concat(new Uint8Array(depth).fill(0x81), Uint8Array.of(0));
    expect(codeOf(() => decodeMessage(nested(32)))).toBe("no error");
    expect(codeOf(() => decodeMessage(nested(33)))).toBe("cbor-too-large");
    expect(codeOf(() => decodeMessage(nested(500_000)))).toBe("cbor-too-large");
    expect(codeOf(() => decodeMessage(encodeMessage([1, 2]), { maxItems: 2 }))).toBe("cbor-too-large");
    expect(codeOf(() => decodeMessage(new Uint8Array((1 << 20) + 1)))).toBe("cbor-too-large");
    expect(codeOf(() => decodeMessage(concat(fromHex("a1790101"), new Uint8Array(258).fill(0x61))))).toBe(
      "cbor-too-large",
    );
  });

  it("give only SegmentErrors for any bytes", () => {
    const decode = (bytes: Uint8Array): void => {
      try {
        decodeMessage(bytes);
      } catch (error) {
        expect(errorCode(error)).toMatch(/^cbor-/);
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), decode), { numRuns: 3000 });
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(value, changes, (original, list) => {
        const bytes = encodeMessage(original);
        for (const [at, to] of list) bytes[at % bytes.length] = to;
        decode(bytes);
      }),
      { numRuns: 2000 },
    );
  });
});

/** For comparing by JSON: says the type of what JSON would change. */
function marked(item: unknown): unknown {
  if (typeof item === "bigint") return { bigint: String(item) };
  if (typeof item === "number") return { number: item === 0 ? "0" : String(item) };
  if (item === undefined) return { undefined: true };
  if (item instanceof Uint8Array) return { bytes: toHex(item) };
  if (Array.isArray(item)) return item.map(marked);
  if (typeof item === "object" && item !== null)
    return Object.entries(item).map(([name, field]) => [name, marked(field)]);
  return item;
}
