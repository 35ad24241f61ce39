import { describe, expect, it } from "vitest";
import { storeCompliance } from "../../test/compliance/store.ts";
import { eraseIndexedStore, exclusively, openIndexedStore } from "./indexed-store.ts";

let made = 0;

storeCompliance("IndexedDB", async () => {
  const name = `store-${(made += 1)}`;
  return { open: () => openIndexedStore(name), dispose: () => eraseIndexedStore(name) };
});

describe("a store in the browser", () => {
  it("is empty after it was erased", async () => {
    const store = await openIndexedStore("erased");
    await store.commit(new Map([["a", Uint8Array.of(1)]]));
    await store.close();
    await eraseIndexedStore("erased");
    const again = await openIndexedStore("erased");
    expect(again.keys("")).toEqual([]);
    await again.close();
  });

  it("takes nothing more once another page erases it", async () => {
    const store = await openIndexedStore("taken");
    await expect(eraseIndexedStore("taken")).rejects.toMatchObject({ code: "store-failed" });
    await expect(store.commit(new Map([["a", Uint8Array.of(1)]]))).rejects.toMatchObject({
      code: "store-failed",
    });
    await store.close();
  });

  it("refuses everything after a write that failed", async () => {
    const store = await openIndexedStore("failing");
    const native = Object.getOwnPropertyDescriptor(IDBDatabase.prototype, "transaction")!;
    IDBDatabase.prototype.transaction = new Proxy(native.value as typeof IDBDatabase.prototype.transaction, {
      apply(begin, database, args: Parameters<typeof IDBDatabase.prototype.transaction>) {
        const transaction = Reflect.apply(begin, database, args);
        queueMicrotask(() => transaction.abort());
        return transaction;
      },
    });
    const commits = ["a", "b"].map((key) => store.commit(new Map([[key, Uint8Array.of(1)]])));
    const outcomes = await Promise.allSettled(commits);
    Object.defineProperty(IDBDatabase.prototype, "transaction", native);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await expect(store.commit(new Map([["c", Uint8Array.of(1)]]))).rejects.toMatchObject({
      code: "store-failed",
    });
    expect(store.keys("")).toEqual([]);
    await store.close();
  });

  it("is used by one page at a time", async () => {
    let finish: () => void = () => undefined;
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const first = exclusively("agent", async () => finished);
    await expect(exclusively("agent", async () => "second")).rejects.toMatchObject({ code: "home-locked" });
    finish();
    await first;
    expect(await exclusively("agent", async () => "then")).toBe("then");
  });
});
