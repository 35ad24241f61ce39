import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addRecord, EMPTY_BATCH, flushAtMs, tickBatch, type Batch, type BatchLimits } from "./batch.ts";
import { makeRecords, START_MS } from "../../test/support/telemetry.ts";
import { PERIOD_MS, periodOf } from "./keytree.ts";
import { recordTimeMs, type SenmlRecord } from "./senml.ts";
import { reserveAtStart, takeSequence } from "./sequence.ts";

const limits: BatchLimits = { records: 16, bytes: 10_000, waitMs: 5000 };

describe("batches", () => {
  it("flush when they are full", () => {
    let batch: Batch = EMPTY_BATCH;
    const flushed: number[] = [];
    for (const record of makeRecords(40)) {
      const step = addRecord(batch, record, 0, limits);
      batch = step.batch;
      flushed.push(...step.flush.map((records) => records.length));
    }
    expect(flushed).toEqual([16, 16]);
    expect(batch.records).toHaveLength(8);
  });

  it("flush when they are large", () => {
    const record: SenmlRecord = { n: "log", vs: "x".repeat(6000), t: START_MS / 1000 };
    const first = addRecord(EMPTY_BATCH, record, 0, limits);
    expect(first.flush).toEqual([]);
    expect(addRecord(first.batch, record, 0, limits).flush).toEqual([[record, record]]);
  });

  it("flush when the first record has waited", () => {
    const [one, two] = makeRecords(2) as [SenmlRecord, SenmlRecord];
    const first = addRecord(EMPTY_BATCH, one, 1000, limits);
    const { batch } = addRecord(first.batch, two, 3000, limits);
    expect(flushAtMs(batch, limits)).toBe(6000);
    expect(tickBatch(batch, 5999, limits)).toEqual({ batch, flush: [] });
    expect(tickBatch(batch, 6000, limits)).toEqual({ batch: EMPTY_BATCH, flush: [[one, two]] });
    expect(tickBatch(EMPTY_BATCH, 1e12, limits).flush).toEqual([]);
    expect(flushAtMs(EMPTY_BATCH, limits)).toBeUndefined();
  });

  it("lose nothing, keep the order, and never mix key periods", () => {
    const times = fc.array(fc.integer({ min: START_MS, max: START_MS + 3 * PERIOD_MS }), { maxLength: 100 });
    fc.assert(
      fc.property(times, fc.integer({ min: 1, max: 20 }), (list, size) => {
        let batch: Batch = EMPTY_BATCH;
        const flushed: (readonly SenmlRecord[])[] = [];
        const records = list.flatMap((timeMs) => makeRecords(1, timeMs));
        for (const record of records) {
          const step = addRecord(batch, record, 0, { ...limits, records: size });
          batch = step.batch;
          flushed.push(...step.flush);
        }
        expect([...flushed.flat(), ...batch.records]).toEqual(records);
        for (const chunk of flushed) {
          expect(chunk.length).toBeGreaterThan(0);
          expect(chunk.length).toBeLessThanOrEqual(size);
          expect(new Set(chunk.map((record) => periodOf(recordTimeMs(record)))).size).toBe(1);
        }
      }),
    );
  });
});

describe("sequence numbers", () => {
  it("never repeat, wherever the power goes", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(30), { maxLength: 20 }),
        fc.integer({ min: 1, max: 10 }),
        (runs, stride) => {
          let stored = 0;
          const used: number[] = [];
          for (const takes of runs) {
            let sequences = reserveAtStart(stored, stride);
            stored = sequences.reservedUntil;
            for (let take = 0; take < takes; take += 1) {
              const taken = takeSequence(sequences, stride);
              if (taken.store !== undefined) stored = taken.store;
              expect(taken.sequence).toBeLessThan(stored);
              used.push(taken.sequence);
              sequences = taken.sequences;
            }
          }
          expect(used).toEqual([...new Set(used)].sort((a, b) => a - b));
        },
      ),
    );
  });

  it("store a bound once a stride", () => {
    let sequences = reserveAtStart(0);
    let stores = 0;
    for (let take = 0; take < 640; take += 1) {
      const taken = takeSequence(sequences);
      if (taken.store !== undefined) stores += 1;
      sequences = taken.sequences;
    }
    expect(stores).toBe(9);
  });
});
