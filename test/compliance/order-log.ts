/** What every OrderLog must do, on a disk or in memory. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { OrderLog } from "../../protocols/ports.ts";
import { eventually } from "./bus.ts";

/** One log that outlives its handles. */
export interface OrderLogWorld {
  /** Another handle on the same log; the memory log has but one. */
  open(): OrderLog;
  /** Whether the records are still there when all handles were closed. */
  survivesClosing: boolean;
  dispose(): Promise<void>;
}

const record = (...values: number[]): Uint8Array => Uint8Array.from(values);

export function orderLogCompliance(name: string, create: () => Promise<OrderLogWorld>): void {
  describe(`OrderLog: ${name}`, () => {
    let world: OrderLogWorld;
    let log: OrderLog;

    beforeEach(async () => {
      world = await create();
      log = world.open();
    });

    afterEach(async () => {
      await log.close();
      await world.dispose();
    });

    it("is empty at first", async () => {
      expect(await log.read(0, 10)).toEqual([]);
    });

    it("numbers records from 0 and gives them back in order", async () => {
      expect(await log.append(record(1))).toBe(0);
      expect(await log.append(record(2, 2))).toBe(1);
      expect(await log.append(record())).toBe(2);
      expect(await log.read(0, 10)).toEqual([
        { index: 0, record: record(1) },
        { index: 1, record: record(2, 2) },
        { index: 2, record: record() },
      ]);
    });

    it("reads from any index, at most as many as asked", async () => {
      for (let i = 0; i < 10; i++) await log.append(record(i));
      expect((await log.read(4, 3)).map(({ index, record: bytes }) => [index, bytes[0]])).toEqual([
        [4, 4],
        [5, 5],
        [6, 6],
      ]);
      expect((await log.read(8, 100)).map(({ index }) => index)).toEqual([8, 9]);
      expect(await log.read(10, 5)).toEqual([]);
      expect(await log.read(1_000, 5)).toEqual([]);
    });

    it("gives each of many appends at once its own index, without gaps", async () => {
      const indexes = await Promise.all(
        Array.from({ length: 500 }, (_, i) => log.append(record(i & 255, i >> 8))),
      );
      expect([...indexes].sort((a, b) => a - b)).toEqual(Array.from({ length: 500 }, (_, i) => i));
      const records = await log.read(0, 1_000);
      for (const [i, index] of indexes.entries())
        expect(records[index]!.record).toEqual(record(i & 255, i >> 8));
    });

    it("keeps two handles on one log in one order", async () => {
      const other = world.open();
      const indexes = await Promise.all(
        Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? log : other).append(record(i))),
      );
      expect(new Set(indexes).size).toBe(100);
      expect(await other.read(0, 200)).toEqual(await log.read(0, 200));
      if (other !== log) await other.close();
    });

    it("keeps records of 128 KiB, bytes as they were", async () => {
      const large = Uint8Array.from({ length: 131_072 }, (_, i) => (i * 31) & 255);
      await log.append(large);
      // toEqual takes a second on so many bytes.
      expect(Buffer.compare((await log.read(0, 1))[0]!.record, large)).toBe(0);
    });

    it("does not change with the caller's array, before or after", async () => {
      const mine = record(1, 2, 3);
      await log.append(mine);
      mine.fill(9);
      const first = (await log.read(0, 1))[0]!.record;
      expect(first).toEqual(record(1, 2, 3));
      first.fill(9);
      expect((await log.read(0, 1))[0]!.record).toEqual(record(1, 2, 3));
    });

    it("gives plain arrays of bytes", async () => {
      await log.append(record(7));
      expect(Object.getPrototypeOf((await log.read(0, 1))[0]!.record)).toBe(Uint8Array.prototype);
    });

    it("tells listeners of what any handle appends, and not after they left", async () => {
      const other = world.open();
      let calls = 0;
      const leave = log.onAppended(() => calls++);
      await log.append(record(1));
      await eventually("its own append", () => calls > 0);
      const soFar = calls;
      await other.append(record(2));
      await eventually("another's append", () => calls > soFar);
      await leave();
      const atLeaving = calls;
      await other.append(record(3));
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(calls).toBe(atLeaving);
      if (other !== log) await other.close();
    });

    it("lets a listener read what it was told of", async () => {
      const heard: number[] = [];
      let next = 0;
      log.onAppended(() => {
        void log.read(next, 100).then((records) => {
          for (const { index } of records) if (index >= next) heard.push(index);
          next = Math.max(next, ...records.map(({ index }) => index + 1));
        });
      });
      for (let i = 0; i < 20; i++) await log.append(record(i));
      await eventually("all records", () => next === 20);
      expect([...new Set(heard)]).toEqual(Array.from({ length: 20 }, (_, i) => i));
    });

    it("has everything that it acknowledged when it is opened again", async () => {
      if (!world.survivesClosing) return;
      await Promise.all(Array.from({ length: 50 }, (_, i) => log.append(record(i))));
      const before = await log.read(0, 100);
      await log.close();
      log = world.open();
      expect(await log.read(0, 100)).toEqual(before);
      expect(await log.append(record(99))).toBe(50);
    });

    it("refuses to append once closed", async () => {
      const other = world.open();
      await other.close();
      await expect(other.append(record(1))).rejects.toMatchObject({ code: "store-failed" });
      if (other === log) log = world.open();
    });
  });
}
