import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toHex, utf8 } from "../encoding/bytes.ts";
import { AccountHistory, movementsOf } from "./history.ts";
import type { EntryResult } from "./result.ts";

const account = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const [ann, ben, fund] = [account(1), account(2), account(3)];
const EUR = "EUR.1f0c9a8b7c6d5e4f";
const contract = { termsId: account(9), seq: 1, label: "x", closed: false };

const net = (result: EntryResult): Record<string, string> => {
  const sums = new Map<string, bigint>();
  for (const { account: moved, change } of movementsOf(result)) {
    const key = toHex(moved).slice(0, 2);
    sums.set(key, (sums.get(key) ?? 0n) + change);
  }
  return Object.fromEntries([...sums].map(([key, sum]) => [key, sum.toString()]));
};

describe("what an entry moved", () => {
  it.each([
    ["card", { kind: "card", identity: ann, root: ben }, {}],
    ["currency", { kind: "currency", currency: EUR }, {}],
    ["a deed", { kind: "currency", currency: "DEED.0000000000000000", to: ann }, { "01": "1" }],
    ["mint", { kind: "mint", currency: EUR, to: ann, amount: 5n }, { "01": "5" }],
    [
      "transfer",
      { kind: "transfer", from: ann, to: ben, currency: EUR, amount: 5n },
      { "01": "-5", "02": "5" },
    ],
    [
      "transfer after demurrage",
      {
        ...{ kind: "transfer", from: ann, to: ben, currency: EUR, amount: 5n },
        losses: [{ account: ann, fund, currency: EUR, amount: 2n }],
      },
      { "01": "-7", "02": "5", "03": "2" },
    ],
    [
      "legs",
      {
        kind: "legs",
        legs: [
          { account: ann, currency: EUR, change: -3n },
          { account: ben, currency: EUR, change: 3n },
        ],
      },
      { "01": "-3", "02": "3" },
    ],
    [
      "deposit that pays at once",
      {
        ...{ kind: "deposit", ...contract, account: ann, currency: EUR, amount: 5n },
        payments: [{ account: ben, currency: EUR, amount: 4n }],
      },
      { "01": "-5", "02": "4" },
    ],
    [
      "expire",
      { kind: "expire", ...contract, payments: [{ account: ann, currency: EUR, amount: 5n }] },
      { "01": "5" },
    ],
    ["joint", { kind: "joint", account: ben, k: 1, members: [ann, ben] }, {}],
  ] satisfies [string, EntryResult, object][])("by %s", (_what, result, moved) => {
    expect(net(result)).toEqual(moved);
  });
});

describe("a notary's index", () => {
  const notes = fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 60 });

  it("pages through all that it keeps, in order, and says where it begins", () => {
    fc.assert(
      fc.property(
        notes,
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 5 }),
        (moved, kept, limit) => {
          const history = new AccountHistory(kept);
          for (const [at, name] of moved.entries()) history.note(name, () => utf8(`${name}${at}`));
          for (const name of ["a", "b", "c"]) {
            const all = [...moved.entries()].filter(([, one]) => one === name).map(([at]) => `${name}${at}`);
            const alive = [...moved.entries()].slice(-kept).filter(([, one]) => one === name);
            const seen: string[] = [];
            let after = 0;
            for (let pages = 0; pages <= 60; pages++) {
              const page = history.page(name, after, limit, 1_000);
              expect(page.count).toBe(all.length);
              expect(page.first).toBe(all.length - alive.length + 1);
              if (page.receipts.length === 0) break;
              expect(page.receipts.length).toBeLessThanOrEqual(limit);
              seen.push(...page.receipts.map((bytes) => new TextDecoder().decode(bytes)));
              after = Math.max(after, page.first - 1) + page.receipts.length;
            }
            expect(seen).toEqual(all.slice(all.length - alive.length));
          }
        },
      ),
    );
  });

  it("answers within a message's size, but with one receipt at least", () => {
    const history = new AccountHistory();
    for (let at = 0; at < 10; at++) history.note("a", () => new Uint8Array(100));
    expect(history.page("a", 0, 100, 350).receipts).toHaveLength(3);
    expect(history.page("a", 0, 100, 1).receipts).toHaveLength(1);
    expect(history.page("a", 9, 100, 350).receipts).toHaveLength(1);
    expect(history.page("a", 10, 100, 350).receipts).toEqual([]);
    expect(history.page("nobody", 0, 100, 350)).toEqual({ count: 0, first: 1, receipts: [] });
  });
});
