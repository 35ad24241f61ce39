import { describe, expect, it } from "vitest";
import { seededRandom } from "./random.ts";

/** From another implementation of xoshiro128** and splitmix32. */
const FIRST = {
  one: "70d36bda9561d89db45f3b2a0a2b5e7e",
  oneAir: "96f9ab1568dbd5ce83812876336d5415",
  child: "e1bc70a80fee138b2da82f96893d5474",
};

describe("seeded randomness", () => {
  it("gives the same bytes on every machine and in every version", () => {
    // A change here changes every recorded run.
    expect(Buffer.from(seededRandom(1).bytes(16)).toString("hex")).toBe(FIRST.one);
    expect(Buffer.from(seededRandom(1, "air").bytes(16)).toString("hex")).toBe(FIRST.oneAir);
    expect(
      Buffer.from(
        seededRandom(2 ** 40 + 5)
          .child("x")
          .bytes(16),
      ).toString("hex"),
    ).toBe(FIRST.child);
  });

  it("differs by seed, by name and by child, and a child does not depend on what its siblings draw", () => {
    const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
    const streams = [0, 1, 2, 3, 0xffffffff, 2 ** 33 + 7].flatMap((seed) =>
      ["", "a", "b", "ab", "ba"].map((name) => hex(seededRandom(seed, name).bytes(8))),
    );
    expect(new Set(streams).size).toBe(streams.length);
    const [first, second] = [seededRandom(9), seededRandom(9)];
    first.child("one").bytes(1_000);
    second.child("one");
    expect(first.child("two").bytes(8)).toEqual(second.child("two").bytes(8));
    const parent = seededRandom(9);
    expect(parent.child("same").bytes(8)).not.toEqual(parent.child("same").bytes(8));
  });

  it("is even: each byte as often as another, each share of the unit interval too", () => {
    const random = seededRandom(7);
    const counts = new Array<number>(256).fill(0);
    for (const byte of random.bytes(256 * 400)) counts[byte]! += 1;
    const chiSquare = counts.reduce((sum, count) => sum + (count - 400) ** 2 / 400, 0);
    // 255 degrees of freedom: beyond these once in ten thousand each.
    expect(chiSquare).toBeGreaterThan(180);
    expect(chiSquare).toBeLessThan(345);
    const shares = new Array<number>(10).fill(0);
    for (let i = 0; i < 10_000; i++) {
      const value = random.next();
      expect(value >= 0 && value < 1).toBe(true);
      shares[Math.floor(value * 10)]! += 1;
    }
    expect(Math.min(...shares)).toBeGreaterThan(880);
    expect(Math.max(...shares)).toBeLessThan(1_120);
  });

  it("never gives out memory that it uses again", () => {
    const random = seededRandom(1);
    const first = random.bytes(4);
    const copy = first.slice();
    random.bytes(4);
    expect(first).toEqual(copy);
    expect(random.bytes(0)).toEqual(new Uint8Array());
  });
});
