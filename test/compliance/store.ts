/** What every Store must do, on a disk or in memory. */
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Store } from "../../protocols/ports.ts";

/** One store that outlives its handles. */
export interface StoreWorld {
  /** What a restart finds. The handle before it was closed. */
  open(): Promise<Store>;
  dispose(): Promise<void>;
}

type Changes = Map<string, Uint8Array | undefined>;

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const put = (...keys: string[]): Changes => new Map(keys.map((key) => [key, new TextEncoder().encode(key)]));
const contents = (store: Store): [string, Uint8Array | undefined][] =>
  store.keys("").map((key) => [key, store.get(key)]);

export function storeCompliance(name: string, create: () => Promise<StoreWorld>): void {
  describe(`Store: ${name}`, () => {
    let world: StoreWorld;
    let store: Store;

    async function reopen(): Promise<void> {
      await store.close();
      store = await world.open();
    }

    beforeEach(async () => {
      world = await create();
      store = await world.open();
    });

    afterEach(async () => {
      await store.close();
      await world.dispose();
    });

    it("is empty at first", () => {
      expect([store.keys(""), store.get("a")]).toEqual([[], undefined]);
    });

    it("keeps what was committed, replaces, removes, and has it all after reopening", async () => {
      await store.commit(put("a", "b", "c"));
      await store.commit(
        new Map([
          ["b", bytes(9)],
          ["c", undefined],
          ["never there", undefined],
          ["empty", bytes()],
        ]),
      );
      const expected = [
        ["a", bytes(97)],
        ["b", bytes(9)],
        ["empty", bytes()],
      ];
      expect(contents(store)).toEqual(expected);
      await reopen();
      expect(contents(store)).toEqual(expected);
    });

    it("lists the keys of a prefix, in order, and no others", async () => {
      await store.commit(put("b/2", "a", "b/10", "b", "b/", "c", "b0", "ab/1"));
      expect(store.keys("b/")).toEqual(["b/", "b/10", "b/2"]);
      expect(store.keys("b")).toEqual(["b", "b/", "b/10", "b/2", "b0"]);
      expect(store.keys("d")).toEqual([]);
      expect(store.keys("")).toEqual(["a", "ab/1", "b", "b/", "b/10", "b/2", "b0", "c"]);
    });

    it("shows a commit only whole", async () => {
      const committing = store.commit(put("x/1", "x/2", "x/3"));
      while (store.keys("x/").length === 0) await new Promise((resolve) => setTimeout(resolve));
      expect(store.keys("x/")).toHaveLength(3);
      await committing;
      await store.commit(new Map());
      expect(store.keys("x/")).toHaveLength(3);
    });

    it("applies commits made at once in the order of their making", async () => {
      const order: number[] = [];
      const commits = Array.from({ length: 100 }, (_, i) =>
        store
          .commit(
            new Map([
              ["last", bytes(i)],
              [`own/${i}`, bytes(i)],
              [`own/${i - 1}`, undefined],
            ]),
          )
          .then(() => {
            order.push(i);
            expect(store.get("last")?.[0]).toBeGreaterThanOrEqual(i);
          }),
      );
      await Promise.all(commits);
      expect(order).toEqual(Array.from({ length: 100 }, (_, i) => i));
      expect(contents(store)).toEqual([
        ["last", bytes(99)],
        ["own/99", bytes(99)],
      ]);
      await reopen();
      expect(contents(store)).toEqual([
        ["last", bytes(99)],
        ["own/99", bytes(99)],
      ]);
    });

    it("takes a commit from the continuation of another, at every depth", async () => {
      // A lost wake-up: the writer has looked for the last time, and has not said so yet.
      const chain = async (name_: string, depth: number): Promise<void> => {
        for (let i = 0; i < depth; i++) {
          await store.commit(put(`${name_}/${i}`));
          for (let turn = 0; turn < i % 7; turn++) await Promise.resolve();
        }
      };
      await Promise.all(["a", "b", "c"].map((name_, at) => chain(name_, 20 + at)));
      expect(store.keys("")).toHaveLength(63);
    });

    it("keeps values of 200 KiB and many keys", async () => {
      const large = Uint8Array.from({ length: 200 * 1024 }, (_, i) => (i * 31) & 255);
      const many = new Map(
        Array.from({ length: 2_000 }, (_, i) => [`k/${i}`, bytes(i & 255, i >> 8)] as const),
      );
      await Promise.all([store.commit(new Map([["large", large]])), store.commit(many)]);
      await reopen();
      expect(store.get("large")).toEqual(large);
      expect(store.keys("k/")).toHaveLength(2_000);
      expect(store.get("k/1999")).toEqual(bytes(1999 & 255, 1999 >> 8));
    });

    it("does not change with the caller's map or arrays, before or after", async () => {
      const mine = bytes(1, 2, 3);
      const changes: Changes = new Map([["a", mine]]);
      const committing = store.commit(changes);
      mine.fill(9);
      changes.set("b", mine);
      await committing;
      expect(contents(store)).toEqual([["a", bytes(1, 2, 3)]]);
      store.get("a")?.fill(9);
      expect(store.get("a")).toEqual(bytes(1, 2, 3));
      expect(Object.getPrototypeOf(store.get("a"))).toBe(Uint8Array.prototype);
    });

    it("finishes what was committed before it closes, and takes nothing after", async () => {
      const commits = [store.commit(put("a")), store.commit(put("b"))];
      const closing = store.close();
      const late = store.commit(put("late")).then(
        () => "taken",
        (error: unknown) => error,
      );
      await Promise.all(commits);
      await closing;
      expect(await late).toMatchObject({ code: "store-failed" });
      store = await world.open();
      expect(store.keys("")).toEqual(["a", "b"]);
    });

    it("agrees with a plain map, whatever is committed and whenever it is reopened", async () => {
      const change = fc.tuple(
        fc.constantFrom("a", "b", "c", "c/d"),
        fc.option(fc.uint8Array({ maxLength: 9 })),
      );
      const step = fc.oneof(
        {
          weight: 5,
          arbitrary: fc.array(fc.array(change, { maxLength: 4 }), { minLength: 1, maxLength: 3 }),
        },
        { weight: 1, arbitrary: fc.constant("reopen" as const) },
      );
      const model = new Map<string, Uint8Array>();
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 6 }), async (steps) => {
          for (const commits of steps) {
            if (commits === "reopen") await reopen();
            else {
              const maps = commits.map(
                (list) => new Map(list.map(([key, value]) => [key, value ?? undefined])),
              );
              await Promise.all(maps.map((map) => store.commit(map)));
              for (const map of maps) {
                for (const [key, value] of map) {
                  if (value === undefined) model.delete(key);
                  else model.set(key, value);
                }
              }
            }
            expect(contents(store)).toEqual([...model].sort(([a], [b]) => (a < b ? -1 : 1)));
          }
        }),
        { numRuns: 30 },
      );
    });
  });
}
