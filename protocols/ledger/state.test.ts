import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { portableCrypto as crypto } from "../crypto/portable.ts";
import { toHex } from "../encoding/bytes.ts";
import { LedgerState, SeenEntries } from "./state.ts";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const rootOf = (content: Iterable<[string, Uint8Array]>): string => {
  const state = new LedgerState(crypto);
  for (const [key, value] of content) state.set(key, value);
  return toHex(state.root());
};

describe("the state's root", () => {
  it("is the one that was written down", () => {
    // Computed a second time with Python's hashlib, from the documentation alone.
    expect(rootOf([])).toBe("a4c9991bacada9d28390ace6b854c613c361a8565c8c516e97d125e9ccc5f8f2");
    const two: [string, Uint8Array][] = [
      ["account/a/EUR", bytes(1)],
      ["account/b/EUR", bytes(2, 3)],
    ];
    expect(rootOf(two)).toBe("1f7a4741307c407ec9d75b85444499482ff411a55abdb6bdcceee59445396a62");
  });

  it("depends on the content alone, whatever way led there", () => {
    const keys = fc.constantFrom("a", "b", "c", "account/1", "account/2", "hold/1");
    const write = fc.record({
      key: keys,
      value: fc.option(fc.uint8Array({ maxLength: 3 })),
      ask: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(write, { maxLength: 30 }), (writes) => {
        const state = new LedgerState(crypto);
        const content = new Map<string, Uint8Array>();
        for (const { key, value, ask } of writes) {
          state.write(new Map([[key, value]]));
          if (value === null) content.delete(key);
          else content.set(key, value);
          if (ask) state.root();
        }
        expect(toHex(state.root())).toBe(rootOf([...content].reverse()));
        expect(state.size).toBe(content.size);
        for (const [key, value] of content) expect(state.get(key)).toEqual(value);
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  it("tells any two contents apart", () => {
    const roots = [
      rootOf([]),
      rootOf([["a", bytes()]]),
      rootOf([["a", bytes(0)]]),
      rootOf([["ab", bytes()]]),
      rootOf([["a", bytes(98)]]), // "a" + "b" is not "ab" + ""
      rootOf([
        ["a", bytes(1)],
        ["b", bytes(2)],
      ]),
      rootOf([
        ["a", bytes(2)],
        ["b", bytes(1)],
      ]),
    ];
    expect(new Set(roots).size).toBe(roots.length);
  });

  it("survives a crowd in one bucket and in all", () => {
    const many = Array.from({ length: 2_000 }, (_, i): [string, Uint8Array] => [`key ${i}`, bytes(i & 255)]);
    expect(rootOf(many)).toBe(rootOf([...many].reverse()));
  });
});

describe("entries that were seen", () => {
  const id = (value: number): Uint8Array => new Uint8Array(32).fill(value);

  it("are known until the minute after their end", () => {
    const state = new LedgerState(crypto);
    const seen = new SeenEntries(crypto, state);
    seen.add(100_000, id(1), "one");
    seen.commit();
    expect(seen.has(100_000, "one")).toBe(true);
    expect(seen.has(100_000, "two")).toBe(false);
    seen.forgetExpired(119_999);
    expect(seen.has(100_000, "one")).toBe(true);
    expect(state.size).toBe(1);
    seen.forgetExpired(120_000);
    expect(seen.has(100_000, "one")).toBe(false);
    expect(state.size).toBe(0);
  });

  it("change the state's root, each and in their order", () => {
    const rootAfter = (...ids: number[]): string => {
      const state = new LedgerState(crypto);
      const seen = new SeenEntries(crypto, state);
      for (const one of ids) seen.add(5_000, id(one), String(one));
      seen.commit();
      return toHex(state.root());
    };
    expect(new Set([rootAfter(), rootAfter(1), rootAfter(1, 2), rootAfter(2, 1)]).size).toBe(4);
  });
});
