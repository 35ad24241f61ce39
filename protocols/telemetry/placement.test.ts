import { describe, expect, it } from "vitest";
import { crypto, refusal, seededRandom } from "../../test/support/telemetry.ts";
import { assignShards, placeShards, type KeeperSite } from "./placement.ts";

const random = seededRandom(4);
const keys = Array.from({ length: 200 }, () => random.bytes(32));
const sites = (count: number, perDomain = 1): KeeperSite[] =>
  Array.from({ length: count }, (_, i) => ({
    id: `keeper-${i}`,
    domain: `house-${Math.floor(i / perDomain)}`,
  }));
const ids = (chosen: KeeperSite[]): string[] => chosen.map(({ id }) => id);

describe("placement", () => {
  it("is the same whatever the order of the list", () => {
    const keepers = sites(20);
    for (const key of keys.slice(0, 20)) {
      const chosen = placeShards(crypto, { key, keepers, n: 7 });
      expect(placeShards(crypto, { key, keepers: keepers.toReversed(), n: 7 })).toEqual(chosen);
    }
  });

  it("takes one keeper of a domain, and more only when asked to", () => {
    const keepers = sites(20, 2);
    const chosen = placeShards(crypto, { key: keys[0]!, keepers, n: 7 });
    expect(new Set(chosen.map(({ domain }) => domain)).size).toBe(7);
    const few = sites(8, 4);
    expect(refusal(() => placeShards(crypto, { key: keys[0]!, keepers: few, n: 7 }))).toBe("keepers-short");
    expect(refusal(() => placeShards(crypto, { key: keys[0]!, keepers: few, n: 7, maxPerDomain: 3 }))).toBe(
      "keepers-short",
    );
    expect(
      new Set(ids(placeShards(crypto, { key: keys[0]!, keepers: few, n: 7, maxPerDomain: 4 }))).size,
    ).toBe(7);
  });

  it("spreads evenly", () => {
    const counts = new Map<string, number>();
    for (const key of keys) {
      for (const id of ids(placeShards(crypto, { key, keepers: sites(14), n: 7 }))) {
        counts.set(id, (counts.get(id) ?? 0) + 1);
      }
    }
    expect(counts.size).toBe(14);
    // 100 each on average; a binomial with deviation 7.
    for (const count of counts.values()) expect(Math.abs(count - 100)).toBeLessThan(35);
  });

  it.each([1, 2])("moves only its own share when a keeper goes or comes (%d a domain)", (perDomain) => {
    const keepers = sites(20, perDomain);
    for (const key of keys) {
      const before = ids(placeShards(crypto, { key, keepers, n: 7 }));
      for (const gone of keepers.slice(0, 5)) {
        const left = keepers.filter((keeper) => keeper !== gone);
        const after = ids(placeShards(crypto, { key, keepers: left, n: 7 }));
        const moved = before.filter((id) => !after.includes(id));
        expect(moved).toEqual(before.includes(gone.id) ? [gone.id] : []);
      }
    }
  });

  it("keeps the index of every keeper that stays", () => {
    const keepers = sites(20);
    const chosen = placeShards(crypto, { key: keys[0]!, keepers, n: 7 });
    const first = assignShards([], chosen);
    expect(first).toEqual(ids(chosen));
    const left = keepers.filter(({ id }) => id !== first[2]);
    const second = assignShards(first, placeShards(crypto, { key: keys[0]!, keepers: left, n: 7 }));
    expect(second.filter((id, index) => id !== first[index])).toHaveLength(1);
    expect(second[2]).not.toBe(first[2]);
    expect(new Set(second).size).toBe(7);
  });
});
