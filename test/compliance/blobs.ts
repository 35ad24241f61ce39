/** What every Blobs port must do (protocols/ports.ts): run on the real and on the simulated one. */
import { describe, expect, it } from "vitest";
import { errorCode } from "../../protocols/errors.ts";
import type { Blobs } from "../../protocols/ports.ts";

export interface BlobsUnderTest {
  blobs: Blobs;
  /** Ends it as a crash would and opens what is left; absent where nothing outlives the process. */
  reopen?: () => Promise<Blobs>;
  close: () => Promise<void>;
}

export function blobsCompliance(name: string, open: () => Promise<BlobsUnderTest>): void {
  const using = (test: (under: BlobsUnderTest) => Promise<void>) => async (): Promise<void> => {
    const under = await open();
    try {
      await test(under);
    } finally {
      await under.close();
    }
  };
  const codeOf = (promise: Promise<unknown>): Promise<string> => promise.then(() => "nothing", errorCode);
  const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

  describe(`Blobs: ${name}`, () => {
    it(
      "gives back what was put, and nothing for what was not",
      using(async ({ blobs }) => {
        await blobs.put("a/1", bytes(1, 2, 3));
        await blobs.put("a/empty", bytes());
        expect(await blobs.get("a/1")).toEqual(bytes(1, 2, 3));
        expect(await blobs.get("a/empty")).toEqual(bytes());
        expect(await blobs.get("a/2")).toBeUndefined();
        expect(await blobs.get("a")).toBeUndefined();
      }),
    );

    it(
      "takes the same bytes again, and refuses others",
      using(async ({ blobs }) => {
        await blobs.put("a", bytes(1));
        await blobs.put("a", bytes(1));
        expect(await codeOf(blobs.put("a", bytes(2)))).toBe("store-failed");
        expect(await codeOf(blobs.put("a", bytes(1, 0)))).toBe("store-failed");
        expect(await blobs.get("a")).toEqual(bytes(1));
      }),
    );

    it(
      "decides between two that are put at once",
      using(async ({ blobs }) => {
        const codes = await Promise.all([
          codeOf(blobs.put("a", bytes(1))),
          codeOf(blobs.put("a", bytes(2))),
          codeOf(blobs.put("a", bytes(1))),
        ]);
        expect(codes).toEqual(["nothing", "store-failed", "nothing"]);
        expect(await blobs.get("a")).toEqual(bytes(1));
      }),
    );

    it(
      "lists by prefix, sorted",
      using(async ({ blobs }) => {
        for (const key of ["b/2", "a/10", "a/1", "a", "ab", "b/1"]) await blobs.put(key, bytes(1));
        expect(await blobs.list("a/")).toEqual(["a/1", "a/10"]);
        expect(await blobs.list("b")).toEqual(["b/1", "b/2"]);
        expect(await blobs.list("")).toEqual(["a", "a/1", "a/10", "ab", "b/1", "b/2"]);
        expect(await blobs.list("c")).toEqual([]);
      }),
    );

    it(
      "forgets what is deleted, and then takes other bytes",
      using(async ({ blobs }) => {
        await blobs.put("a", bytes(1));
        await blobs.delete("a");
        await blobs.delete("never there");
        expect(await blobs.get("a")).toBeUndefined();
        expect(await blobs.list("")).toEqual([]);
        await blobs.put("a", bytes(2));
        expect(await blobs.get("a")).toEqual(bytes(2));
      }),
    );

    it(
      "does not share memory with its callers",
      using(async ({ blobs }) => {
        const mine = bytes(1, 2, 3);
        const put = blobs.put("a", mine);
        mine[0] = 9;
        await put;
        (await blobs.get("a"))![1] = 9;
        expect(await blobs.get("a")).toEqual(bytes(1, 2, 3));
      }),
    );

    it(
      "holds many values, put at once",
      using(async (under) => {
        const count = 500;
        const value = (index: number): Uint8Array => new Uint8Array(index * 7).fill(index);
        const all = Array.from({ length: count }, (_, index) =>
          under.blobs.put(`many/${index}`, value(index)),
        );
        await Promise.all(all);
        const blobs = (await under.reopen?.()) ?? under.blobs;
        expect(await blobs.list("many/")).toHaveLength(count);
        for (let index = 0; index < count; index += 13)
          expect(await blobs.get(`many/${index}`)).toEqual(value(index));
      }),
    );

    it(
      "keeps what it has acknowledged, and only that is sure, through a crash",
      using(async (under) => {
        if (under.reopen === undefined) return;
        await under.blobs.put("kept", bytes(1));
        await under.blobs.put("deleted", bytes(1));
        await under.blobs.delete("deleted");
        const blobs = await under.reopen();
        expect(await blobs.list("")).toEqual(["kept"]);
        expect(await blobs.get("kept")).toEqual(bytes(1));
      }),
    );
  });
}
