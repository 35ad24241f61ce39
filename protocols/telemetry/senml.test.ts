import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeShared, sharedData, sharedFiles } from "../../test/support/shared.ts";
import { fromHex, toHex } from "../encoding/bytes.ts";
import { errorCode, SegmentError } from "../errors.ts";
import { decodeSenml, encodeSenml } from "./senml-cbor.ts";
import { compact } from "./senml-compact.ts";
import { fromJson, parseJson, reading, recordTimeMs, resolve, toJson, type SenmlRecord } from "./senml.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
/** The pinned bytes below were written by hand after RFC 8949. */
const decodeHex = (hex: string): SenmlRecord[] => decodeSenml(fromHex(hex.replaceAll(" ", "")));

describeShared("RFC 8428 examples", "crypto/senml", () => {
  const files = sharedFiles("crypto/senml") ?? [];
  const resolvedOf = (name: string): Record<string, unknown>[] =>
    JSON.parse(text(sharedData(`crypto/senml/${name}.gen.resolved.json`)!)) as Record<string, unknown>[];
  /**
   * The published forms of records without a time were resolved at the time of writing, which each states.
   */
  const nowOf = (expected: Record<string, unknown>[]): number => expected[0]!["t"] as number;
  // The tool that wrote ex7's resolved form left out its last record, whose value is data.
  const dropped = (name: string, records: SenmlRecord[]): SenmlRecord[] =>
    name === "ex7" ? records.filter((record) => record.vd === undefined) : records;

  const resolved = files
    .filter((file) => file.endsWith(".gen.resolved.json"))
    .map((file) => file.split(".")[0]!);

  it("has the examples", () => expect(resolved.length).toBeGreaterThanOrEqual(11));

  for (const name of resolved) {
    for (const file of files.filter((one) => one === `${name}.json` || one === `${name}.gen.json`)) {
      it(`${file} resolves to the published form`, () => {
        const expected = resolvedOf(name);
        const records = resolve(parseJson(text(sharedData(`crypto/senml/${file}`)!)), nowOf(expected));
        expect(toJson(dropped(name, records))).toEqual(expected);
      });
    }
  }

  for (const file of files.filter((one) => one.endsWith(".gen.cbor"))) {
    const name = file.split(".")[0]!;
    it(`${file} resolves to the published form, and is what we write`, () => {
      const pack = decodeSenml(sharedData(`crypto/senml/${file}`)!);
      const expected = resolvedOf(name);
      expect(toJson(resolve(pack, nowOf(expected)))).toEqual(expected);
      expect(decodeSenml(encodeSenml(pack))).toEqual(pack);
      const fromText = parseJson(text(sharedData(`crypto/senml/${name}.json`)!));
      expect(resolve(pack, 0)).toEqual(resolve(fromText, 0));
    });
  }

  it("ex7 holds data, and ex13 a small relative time after its base time", () => {
    const ex7 = parseJson(text(sharedData("crypto/senml/ex7.json")!));
    expect(toHex(resolve(ex7, 2e9)[3]!.vd!)).toBe("6869200a");
    const ex13 = resolve(parseJson(text(sharedData("crypto/senml/ex13.json")!)), 2e9);
    expect(ex13.map((record) => record.t)).toEqual([1320078429, 1320078429, 1320078429.1, 1320078429.1]);
  });
});

describe("resolving", () => {
  it("adds base values and base sums, and takes what is missing as zero", () => {
    const pack: SenmlRecord[] = [
      { bn: "a:", bv: 10, bs: 5, bt: 2 ** 31, bu: "W", n: "x", v: 1 },
      { n: "y" },
      { n: "z", vs: "on", s: 2 },
      { n: "z", u: "V", v: -3, bv: 0 },
    ];
    expect(resolve(pack, 0)).toEqual([
      { n: "a:x", u: "W", t: 2 ** 31, v: 11, s: 5 },
      { n: "a:y", u: "W", t: 2 ** 31, v: 10, s: 5 },
      { n: "a:z", u: "W", t: 2 ** 31, vs: "on", s: 7 },
      { n: "a:z", u: "V", t: 2 ** 31, v: -3, s: 5 },
    ]);
  });

  it("takes times below 2^28 as relative to now (4.5.3)", () => {
    const at = (t: number): number => resolve([{ n: "a", v: 1, t }], 1_700_000_000)[0]!.t!;
    expect(at(-10)).toBe(1_699_999_990);
    expect(at(2 ** 28 - 1)).toBe(1_700_000_000 + 2 ** 28 - 1);
    expect(at(2 ** 28)).toBe(2 ** 28);
  });

  it.each([
    ["no name", { v: 1 }],
    ["a name with a blank", { n: "a b", v: 1 }],
    ["a name that begins wrong", { n: "-a", v: 1 }],
    ["no value", { n: "a", u: "W" }],
    ["two values", { n: "a", v: 1, vs: "1" }],
    ["two other values", { n: "a", vb: true, vs: "1" }],
    ["a sum beyond all numbers", { n: "a", v: 1.7e308, bv: 1.7e308 }],
  ])("refuses %s", (_, record: SenmlRecord) => {
    expect(() => resolve([record], 0)).toThrow(expect.objectContaining({ code: "record-invalid" }));
  });
});

describe("the JSON form", () => {
  it.each([
    ["not an array", "{}"],
    ["nothing", "[]"],
    ["not JSON", "[{"],
    ["a record that is none", "[1]"],
    ["a value of another type", '[{"n":"a","v":"1"}]'],
    ["a version from the future (4.4)", '[{"n":"a","bver":11,"v":1}]'],
    ["a field that must be understood (4.4)", '[{"n":"a","v":1,"xx_":1}]'],
    ["data that is not base64url", '[{"n":"a","vd":"+/"}]'],
    ["a prototype", '[{"n":"a","v":1,"__proto__":{"polluted":1}}]'],
    ["an infinite number", '[{"n":"a","v":1e999}]'],
  ])("refuses %s", (_, json) => {
    expect(() => parseJson(json)).toThrow(expect.objectContaining({ code: "record-invalid" }));
  });

  it("ignores unknown fields that it cannot keep", () => {
    const json = '[{"n":"a","v":1,"deep":{"x":1},"_x":1,"foo":"bar"}]';
    const pack = parseJson(json);
    expect(toJson(pack)).toEqual([{ n: "a", v: 1, foo: "bar" }]);
  });
});

describe("the CBOR form", () => {
  it("has the bytes of RFC 8428, table 4", () => {
    const pack = [{ bn: "d:", bt: 1700000000, n: "a", u: "W", v: 1, vd: Uint8Array.of(7) }];
    expect(toHex(encodeSenml(pack))).toBe(
      "81a6" + "2162643a" + "221a6553f100" + "006161" + "016157" + "0201" + "084107",
    );
  });

  it("reads what others write: indefinite lengths, half and single floats, decimal fractions, long heads", () => {
    expect(decodeHex("9f bf 00 61 61 02 f9 3e00 ff ff")).toEqual([{ n: "a", v: 1.5 }]);
    expect(decodeHex("81 a2 00 61 61 02 fa 3fc00000")).toEqual([{ n: "a", v: 1.5 }]);
    expect(decodeHex("81 a2 00 61 61 02 c4 82 20 0f")).toEqual([{ n: "a", v: 1.5 }]);
    expect(decodeHex("81 a2 1800 61 61 02 1b 0000000000000005")).toEqual([{ n: "a", v: 5 }]);
    expect(decodeHex("81 a2 00 61 61 02 f9 8001")).toEqual([{ n: "a", v: -(2 ** -24) }]);
    // an unknown tag and a nested unknown field are skipped
    expect(decodeHex("81 a3 00 61 61 02 01 09 c1 82 01 a1 01 02")).toEqual([{ n: "a", v: 1 }]);
  });

  it.each([
    ["an empty input", ""],
    ["no array", "a0"],
    ["no record", "80"],
    ["no map", "81 01"],
    ["bytes after its end", "81 a2 00 61 61 02 01 00"],
    ["an end too early", "81 a2 00 61 61 02"],
    ["a count beyond its bytes", "9b 7fffffffffffffff"],
    ["a text beyond its bytes", "81 a1 00 7b 7fffffffffffffff 61"],
    ["a text that is not UTF-8", "81 a1 00 61 ff"],
    ["a label twice", "81 a3 00 61 61 00 61 61 02 01"],
    ["a label of an extension twice", "81 a4 00 61 61 02 01 09 01 09 01"],
    ["a text for an integer label", "81 a1 61 6e 61 61"],
    ["a label that is a boolean", "81 a1 f5 01"],
    ["a float that is not a number", "81 a2 00 61 61 02 f9 7e00"],
    ["a reserved head", "81 a1 00 1c"],
    ["a lone break", "81 a2 00 61 61 02 ff"],
    ["nesting without end", "81 a2 00 61 61 09" + "81".repeat(200) + "01"],
  ])("refuses %s", (_, hex) => {
    expect(() => decodeHex(hex)).toThrow(expect.objectContaining({ code: "record-invalid" }));
  });

  it("never fails but with record-invalid, whatever the bytes", () => {
    const valid = encodeSenml(
      Array.from({ length: 5 }, (_, i) => reading("dev:temp", "Cel", 20.5 + i, 1.7e12 + i)),
    );
    const mutation = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), {
      minLength: 1,
      maxLength: 6,
    });
    const mutated = mutation.map((changes) => {
      const bytes = Uint8Array.from(valid);
      for (const [at, value] of changes) bytes[at] = value;
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated), (bytes) => {
        try {
          resolve(decodeSenml(bytes), 0);
        } catch (error) {
          expect(error).toBeInstanceOf(SegmentError);
          expect(errorCode(error)).toBe("record-invalid");
        }
      }),
      { numRuns: 3000 },
    );
  });
});

/** Resolved records as devices make them, and as they might. */
const records = fc.array(
  fc.record(
    {
      n: fc.stringMatching(/^(dev:[a-c]{1,3}|urn:x)[-A-Za-z0-9:./_]{0,12}$/),
      u: fc.constantFrom("W", "Cel", "lat", "lon"),
      t: fc.oneof(
        fc.integer({ min: 2 ** 28, max: 2 ** 33 }),
        fc.integer({ min: 1.7e12, max: 1.8e12 }).map((ms) => ms / 1000),
        fc.double({ min: 2 ** 28, max: 2 ** 33, noNaN: true }),
      ),
      v: fc.oneof(
        fc.integer(),
        fc.double({ noNaN: true, noDefaultInfinity: true }).map((v) => v + 0),
      ),
      s: fc.integer(),
      ut: fc.nat(1000),
    },
    { requiredKeys: ["n", "t", "v"] },
  ),
  { minLength: 1, maxLength: 30 },
);

describe("compacting", () => {
  it("resolves to the same records, through CBOR", () => {
    fc.assert(
      fc.property(records, (list) => {
        const pack = decodeSenml(encodeSenml(compact(list)));
        expect(resolve(pack, 0)).toEqual(list);
      }),
      { numRuns: 500 },
    );
  });

  it("is short for a run of one sensor", () => {
    const run = Array.from({ length: 16 }, (_, i) =>
      reading("urn:dev:drone:7:altitude", "m", i, 1.7e12 + 1000 * i),
    );
    const pack = compact(run);
    expect(pack[0]).toEqual({ bn: "urn:dev:drone:7:altitude", bt: 1.7e9, bu: "m", v: 0 });
    expect(pack[1]).toEqual({ t: 1, v: 1 });
    expect(encodeSenml(pack).length).toBeLessThan(130);
  });

  it.each([
    ["a relative time", { n: "a", v: 1, t: 5 }],
    ["no time", { n: "a", v: 1 }],
    ["no name", { v: 1, t: 1.7e9 }],
    ["base fields", { bn: "a", n: "a", v: 1, t: 1.7e9 }],
  ])("refuses %s", (_, record: SenmlRecord) => {
    expect(() => compact([record])).toThrow(expect.objectContaining({ code: "record-invalid" }));
  });

  it("keeps milliseconds", () => {
    expect(recordTimeMs(reading("a", "m", 1, 1_763_000_000_123))).toBe(1_763_000_000_123);
    expect(fromJson(toJson([reading("a", "m", 1, 1_763_000_000_123)]))).toEqual([
      reading("a", "m", 1, 1_763_000_000_123),
    ]);
  });
});
