/**
 * What has been charged by a contract's mandates. A mandate caps each period of its own length, counted
 * from the terms' `notBefore`, and all periods together; an entry belongs to the period in which the
 * notaries first saw it.
 */
import { toHex } from "../encoding/bytes.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { SegmentError } from "../errors.ts";
import type { Contract, Mandate } from "../contract/terms.ts";
import type { TimeMs } from "../ports.ts";
import type { Draft } from "./draft.ts";
import type { StateReader } from "./state.ts";

/** Amounts are minor units of the mandate's currency. */
export interface MandateRecord {
  /** The latest period in which something was charged. */
  period: number;
  /** Charged in that period. */
  inPeriod: bigint;
  /** Charged in the period before it: the log may bring its last entries after the first of the next. */
  inPeriodBefore: bigint;
  inAll: bigint;
  /** By the payer, and for good. */
  isEnded: boolean;
}

const UNUSED: MandateRecord = { period: 0, inPeriod: 0n, inPeriodBefore: 0n, inAll: 0n, isEnded: false };

export function mandateKey(termsId: Uint8Array, index: number): string {
  return `mandate/${toHex(termsId)}/${index}`;
}

/** At the opening of a contract. */
export function openMandates(draft: Draft, { id, terms }: Contract): void {
  for (const index of terms.mandates.keys()) putMandate(draft, id, index, UNUSED);
}

/** At the end of a contract. */
export function forgetMandates(draft: Draft, { id, terms }: Contract): void {
  for (const index of terms.mandates.keys()) draft.remove(mandateKey(id, index));
}

/** Undefined where there is no open contract with this mandate. */
export function mandateRecord(
  state: StateReader,
  termsId: Uint8Array,
  index: number,
): MandateRecord | undefined {
  const bytes = state.get(mandateKey(termsId, index));
  if (bytes === undefined) return undefined;
  const reader = FieldReader.fromBytes(bytes, "mandate");
  return {
    period: reader.int("period"),
    inPeriod: reader.bigint("inPeriod"),
    inPeriodBefore: reader.bigint("inPeriodBefore"),
    inAll: reader.bigint("inAll"),
    isEnded: reader.bool("isEnded"),
  };
}

export function putMandate(draft: Draft, termsId: Uint8Array, index: number, record: MandateRecord): void {
  const { period, inPeriod, inPeriodBefore, inAll, isEnded } = record;
  draft.put(mandateKey(termsId, index), encodeCbor([period, inPeriod, inPeriodBefore, inAll, isEnded]));
}

/** Minor units of the mandate's currency. */
export interface MandateView {
  /** Charged in the period that holds the time of the question. */
  inPeriod: bigint;
  inAll: bigint;
  isEnded: boolean;
}

/** In the order of the terms; none for a contract that has ended. */
export function mandateViews(state: StateReader, { id, terms }: Contract, timeMs: TimeMs): MandateView[] {
  return terms.mandates.flatMap((mandate, index) => {
    const record = mandateRecord(state, id, index);
    if (record === undefined) return [];
    const inPeriod = chargedIn(record, periodOf(mandate, terms.notBefore, timeMs));
    return [{ inPeriod, inAll: record.inAll, isEnded: record.isEnded }];
  });
}

/** The period that holds `timeMs`; below zero before the terms begin. */
export function periodOf(mandate: Pick<Mandate, "periodMs">, startMs: TimeMs, timeMs: TimeMs): number {
  return Math.floor((timeMs - startMs) / mandate.periodMs);
}

/** What has been charged in the period that holds `timeMs`. */
export function chargedIn(record: MandateRecord, period: number): bigint {
  if (period === record.period) return record.inPeriod;
  return period === record.period - 1 ? record.inPeriodBefore : 0n;
}

/**
 * The record after `amount` more was charged in `period`. Throws `mandate-ended`, `mandate-exceeded`, or
 * `contract-too-early` before the first period.
 */
export function chargeMandate(
  record: MandateRecord,
  mandate: Mandate,
  period: number,
  amount: bigint,
): MandateRecord {
  if (record.isEnded) throw new SegmentError("mandate-ended", `the ${mandate.from} has ended the mandate`);
  if (period < 0) throw new SegmentError("contract-too-early", "the mandate's first period has not begun");
  // What was charged that long ago is not known any more, so nothing can be added to it.
  if (period < record.period - 1) exceeded(`period ${period} is over`);
  const inPeriod = chargedIn(record, period) + amount;
  const inAll = record.inAll + amount;
  if (inPeriod > mandate.capMinor) {
    exceeded(`${inPeriod} minor units in period ${period}, ${mandate.capMinor} are allowed`);
  }
  if (inAll > mandate.totalMinor) exceeded(`${inAll} minor units in all, ${mandate.totalMinor} are allowed`);
  if (period < record.period) return { ...record, inPeriodBefore: inPeriod, inAll };
  return { ...record, period, inPeriod, inPeriodBefore: chargedIn(record, period - 1), inAll };
}

function exceeded(problem: string): never {
  throw new SegmentError("mandate-exceeded", `the mandate does not cover this charge: ${problem}`);
}
