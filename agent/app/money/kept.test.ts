import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openJournal } from "../../node/journal-store.ts";
import type { Store } from "../../../protocols/ports.ts";
import { keptShelf } from "./contract-shelf.ts";
import { Kept } from "./kept.ts";

const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);

let folder = "";
let store: Store;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "segment-kept-"));
  store = await openJournal(folder);
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

describe("a kept part of a store", () => {
  it("has at once what was set, and another life has it once it is durable", async () => {
    const kept = new Kept(store, "a/");
    kept.set("x", bytes(1));
    kept.set("y", bytes(2));
    kept.set("x", undefined);
    expect([kept.get("x"), kept.get("y")]).toEqual([undefined, bytes(2)]);
    await kept.durable();
    const again = new Kept(store, "a/");
    expect(again.keys("")).toEqual(["y"]);
    expect(new Kept(store, "b/").keys("")).toEqual([]);
  });

  it("does not change with the bytes that it was given", () => {
    const kept = new Kept(store, "a/");
    const given = bytes(1);
    kept.set("x", given);
    given[0] = 9;
    expect(kept.get("x")).toEqual(bytes(1));
  });

  it("takes nothing more once the store has refused: nobody may rest on it", async () => {
    const kept = new Kept(store, "a/");
    await store.close();
    kept.set("x", bytes(1));
    await expect(kept.durable()).rejects.toBeDefined();
    expect(() => kept.set("y", bytes(2))).toThrow(/takes nothing more/);
  });
});

describe("a shelf of contracts in it", () => {
  const ID = "ab".repeat(32);

  it("adds once, replaces, and drops one contract alone", () => {
    const kept = new Kept(store, "contracts/");
    const shelf = keptShelf(kept);
    const other = "cd".repeat(32);
    shelf.add(ID, "terms.cbor", bytes(1));
    shelf.add(ID, "terms.cbor", bytes(2));
    shelf.add(ID, "a", bytes(3));
    shelf.add(other, "a", bytes(4));
    shelf.replace(other, "a", bytes(5));
    expect(shelf.ids().sort()).toEqual([ID, other]);
    expect(shelf.names(ID)).toEqual(["a", "terms.cbor"]);
    expect([shelf.read(ID, "terms.cbor"), shelf.read(other, "a"), shelf.read(ID, "b")]).toEqual([
      ...[bytes(1), bytes(5), undefined],
    ]);
    shelf.remove(ID, "a");
    expect(shelf.names(ID)).toEqual(["terms.cbor"]);
    shelf.drop(ID);
    expect(shelf.ids()).toEqual([other]);
  });
});
