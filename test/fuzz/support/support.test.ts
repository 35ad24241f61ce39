/** The tools of the fuzz tests must themselves be able to fail, and must reach what they claim to. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nodeCrypto } from "../../../agent/node/crypto.ts";
import { decodeCbor, encodeCbor } from "../../../protocols/encoding/cbor.ts";
import { equalBytes, toHex } from "../../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../../protocols/errors.ts";
import { sign1, verify1 } from "../../../protocols/identity/cose.ts";
import { signerFromSeed } from "../../../protocols/identity/keys.ts";
import { bombsIn, cborBombs } from "./bombs.ts";
import { encodeLoose, parseTree, writeTree } from "./cbor-tree.ts";
import { isRefusal, outcome, runBombs, runFuzz } from "./harness.ts";
import { mutated, mutatedBytes, mutatedCbor, resigned } from "./mutate.ts";
import { mutatedValue } from "./mutate-value.ts";

const signer = signerFromSeed(nodeCrypto, new Uint8Array(32).fill(7));
const payload = encodeCbor([1, new Uint8Array(32).fill(5), "a name", 1_800_000_000_000, [true, null, 7]]);
const signed = sign1("fact", payload, signer);

function samplesOf<T>(inputs: fc.Arbitrary<T>, count = 1_000): T[] {
  return fc.sample(inputs, { numRuns: count, seed: 3 });
}

describe("the harness", () => {
  const bytes = fc.uint8Array({ maxLength: 50 });
  const few = { share: 0.02 };

  it("takes answers and refusals", async () => {
    await runFuzz("mixed", bytes, (input) => decodeCbor(input), few);
    await runFuzz("a promise", bytes, (input) => Promise.resolve().then(() => decodeCbor(input)), few);
  });

  it("fails on every other error, and says how to replay it", async () => {
    const broken: [string, () => unknown][] = [
      ["TypeError", () => (undefined as unknown as { a: number }).a],
      ["RangeError", () => new Uint8Array(-1)],
      ["Error", () => JSON.parse("{")],
      [
        "internal",
        () => {
          throw new SegmentError("internal", "unreachable");
        },
      ],
      ["rejected", () => Promise.reject(new TypeError("later"))],
      ["expectation", () => expect(1).toBe(2)],
    ];
    for (const [name, run] of broken) {
      const fails = runFuzz(name, bytes, (input) => (input.length > 3 ? run() : undefined), few);
      await expect(fails, name).rejects.toThrow(/input: .{8}\nreplay: .*SEED=\d+ SEGMENT_FUZZ_PATH=[\d:]+/);
    }
  });

  it("fails when too few cases get through", async () => {
    const refuse = (): never => {
      throw new SegmentError("cbor-invalid", "never");
    };
    await expect(runFuzz("closed", bytes, refuse, { ...few, accepted: 0.01 })).rejects.toThrow(
      /only 0 of \d+ cases were accepted: \d+ cbor-invalid/,
    );
  });

  it("fails when memory is kept", async () => {
    const kept: Uint8Array[] = [];
    const hoard = (): unknown => kept.length < 20 && kept.push(new Uint8Array(1 << 20).fill(1));
    await expect(runFuzz("hoard", bytes, hoard, few)).rejects.toThrow(/left \d+ bytes/);
    expect(kept.length).toBeGreaterThan(16);
  });

  it("fails when a bomb allocates, is fatal, or there is none", () => {
    const bomb = Uint8Array.of(0x9a, 0xff, 0xff, 0xff, 0xff);
    expect(() => runBombs("refused", [bomb], decodeCbor)).not.toThrow();
    const allocate = (): Uint8Array => new Uint8Array(1 << 27);
    expect(() => runBombs("greedy", [bomb], allocate)).toThrow("9affffffff");
    expect(() => runBombs("fatal", [bomb], () => new Array(-1))).toThrow("9affffffff");
    expect(() => runBombs("none", [], decodeCbor)).toThrow("no bombs");
  });

  it("knows refusals", () => {
    expect(isRefusal(new SegmentError("cbor-invalid", "x"))).toBe(true);
    expect(isRefusal(new SegmentError("internal", "x"))).toBe(false);
    expect(isRefusal(new TypeError("x"))).toBe(false);
    expect(outcome(() => 1, 0)).toBeUndefined();
    expect(outcome(() => fc.pre(false), 0)).toBeInstanceOf(Error);
  });
});

describe("the mutants", () => {
  it("hold the sample itself, and much else", () => {
    for (const make of [mutated, mutatedBytes, mutatedCbor]) {
      const mutants = samplesOf(make([signed]));
      expect(mutants.filter((mutant) => equalBytes(mutant, signed)).length).toBeGreaterThan(20);
      expect(new Set(mutants.map((mutant) => toHex(mutant))).size).toBeGreaterThan(400);
    }
  });

  it("stay CBOR when changed as CBOR, with every kind of refusal among them", () => {
    const seen = new Map<string, number>();
    for (const mutant of samplesOf(mutatedCbor([signed]))) {
      const error = outcome((input: Uint8Array) => {
        try {
          verify1(nodeCrypto, "fact", input);
          seen.set("accepted", (seen.get("accepted") ?? 0) + 1);
        } catch (thrown) {
          if (isRefusal(thrown)) seen.set(thrown.code, (seen.get(thrown.code) ?? 0) + 1);
          throw thrown;
        }
      }, mutant);
      expect(error).toBeUndefined();
    }
    for (const what of ["accepted", "signature-malformed", "signature-invalid"]) {
      expect(seen.get(what) ?? 0, what).toBeGreaterThan(50);
    }
  });

  it("reach the payload when signed anew", () => {
    const payloads = new Set<string>();
    for (const mutant of samplesOf(resigned("fact", [payload], [signer]), 300)) {
      payloads.add(toHex(verify1(nodeCrypto, "fact", mutant).payload));
    }
    expect(payloads.size).toBeGreaterThan(100);
  });

  it("do not change their samples", () => {
    const before = toHex(signed);
    samplesOf(mutated([signed]));
    expect(toHex(signed)).toBe(before);
  });

  it("of values drop, add, exchange and poison fields, and are clean of one another", () => {
    const sample = { id: new Uint8Array(4), name: "n", list: [1, 2n, true], inner: { deep: null } };
    const mutants = samplesOf(mutatedValue([sample]), 2_000);
    expect(sample).toEqual({ id: new Uint8Array(4), name: "n", list: [1, 2n, true], inner: { deep: null } });
    const records = mutants.filter((mutant) => typeof mutant === "object" && mutant !== null);
    expect(records.some((mutant) => !("name" in mutant))).toBe(true);
    expect(records.some((mutant) => Object.hasOwn(mutant, "__proto__"))).toBe(true);
    expect(records.some((mutant) => "name" in mutant && typeof mutant.name === "bigint")).toBe(true);
    expect({}).not.toHaveProperty("polluted");
  });
});

describe("trees and bombs", () => {
  it("a tree is written back as it was read", () => {
    for (const sample of [signed, payload]) expect(writeTree(parseTree(sample)!)).toEqual(sample);
    expect(parseTree(Uint8Array.of(0x9f, 0xff))).toBeUndefined();
    expect(parseTree(Uint8Array.of(0x00, 0x00))).toBeUndefined();
  });

  it("loose encoding writes what a strict one refuses", () => {
    const hex = (value: unknown): string => toHex(encodeLoose(value));
    expect(hex(-0)).toBe("fb8000000000000000");
    expect(hex("\ud800")).toBe("63eda080");
    expect(hex(2n ** 64n)).toBe("c249010000000000000000");
    expect(hex([undefined, -(2n ** 63n)])).toBe("82f73b7fffffffffffffff");
    expect(hex(JSON.parse('{"__proto__":1}'))).toBe("a1695f5f70726f746f5f5f01");
    expect(hex(new Map([[{}, 1]]))).toBe("a1a001");
  });

  it("bombs sit at every item of a sample", () => {
    expect(bombsIn([signed]).length).toBeGreaterThan(150);
    expect(cborBombs().length).toBeGreaterThan(90);
    for (const bomb of bombsIn([payload])) expect(() => decodeCbor(bomb)).toThrow(SegmentError);
  });
});
