/** Collects records until they make a chunk: pure, the caller keeps the state and looks at the clock. */
import type { TimeMs } from "../ports.ts";
import { periodOf } from "./keytree.ts";
import { recordTimeMs, type SenmlRecord } from "./senml.ts";

/** A chunk is made when any of these is reached. Below 16 records, most of what is stored is overhead. */
export interface BatchLimits {
  records: number;
  /**
   * Of the records, estimated before compression. A shard, a kth of it, has to fit one message of the bus.
   */
  bytes: number;
  /** How long the first record may wait. */
  waitMs: number;
}

export const DEFAULT_BATCH_LIMITS: BatchLimits = { records: 64, bytes: 48 * 1024, waitMs: 30_000 };

export interface Batch {
  records: readonly SenmlRecord[];
  bytes: number;
  /** When the first record came. */
  openedAtMs: TimeMs;
}

export const EMPTY_BATCH: Batch = { records: [], bytes: 0, openedAtMs: 0 };

export interface BatchStep {
  batch: Batch;
  /**
   * Zero, one or two lists of records, each to be sealed as one chunk: all of a list lies in one key period.
   */
  flush: (readonly SenmlRecord[])[];
}

/** Adds one resolved record. A record of another key period first flushes those before it. */
export function addRecord(batch: Batch, record: SenmlRecord, now: TimeMs, limits: BatchLimits): BatchStep {
  const flush: (readonly SenmlRecord[])[] = [];
  let before = batch;
  const first = before.records[0];
  if (first !== undefined && periodOf(recordTimeMs(first)) !== periodOf(recordTimeMs(record))) {
    flush.push(before.records);
    before = EMPTY_BATCH;
  }
  const records = [...before.records, record];
  const bytes = before.bytes + estimateBytes(record);
  if (records.length >= limits.records || bytes >= limits.bytes) {
    flush.push(records);
    return { batch: EMPTY_BATCH, flush };
  }
  return {
    batch: { records, bytes, openedAtMs: before.records.length === 0 ? now : before.openedAtMs },
    flush,
  };
}

/** Flushes what has waited long enough. */
export function tickBatch(batch: Batch, now: TimeMs, limits: BatchLimits): BatchStep {
  const due = flushAtMs(batch, limits);
  return due !== undefined && now >= due
    ? { batch: EMPTY_BATCH, flush: [batch.records] }
    : { batch, flush: [] };
}

/** When `tickBatch` will flush, or undefined if nothing waits. */
export function flushAtMs(batch: Batch, limits: BatchLimits): TimeMs | undefined {
  return batch.records.length === 0 ? undefined : batch.openedAtMs + limits.waitMs;
}

/** Labels, a time and a number take about 24 bytes of CBOR. */
function estimateBytes(record: SenmlRecord): number {
  const texts = (record.n?.length ?? 0) + (record.u?.length ?? 0) + (record.vs?.length ?? 0);
  return 24 + texts + (record.vd?.length ?? 0);
}
