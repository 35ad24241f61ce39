/**
 * Standing orders: payments that come round. Pure: when one is due, and under which nonce and in which window
 * the entry for it is made, so that the same payment is always the same entry and the ledger executes it
 * once, whoever submits it how often ever.
 *
 * An entry is valid for a day at most. A payment that could not be made on its day is tried on the days after
 * (its next slots), for up to a month; but only once it is certain that no earlier slot's entry was executed.
 */
import { addMonths, DAY_MS } from "../calendar.ts";
import { labelledHash } from "../crypto/hash.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import type { Crypto, TimeMs } from "../ports.ts";

export type Every = { unit: "month" } | { unit: "day"; days: number };

export type Occasion =
  /** `minor` at `fromMs` and at every step after it; `count` times, or without end. */
  | { kind: "every"; minor: bigint; every: Every; fromMs: TimeMs; count: number | null }
  /** Looked at every hour: whatever the account holds above `minor`. */
  | { kind: "above"; minor: bigint; fromMs: TimeMs };

export interface StandingOrder {
  /** 16 random bytes. */
  id: Uint8Array;
  to: Uint8Array;
  currency: string;
  memo: Uint8Array;
  occasion: Occasion;
}

/** What has become of an order. */
export interface StandingState {
  /** Periods before this one are settled: paid, or missed for good. */
  period: number;
  /** An entry that was, or may have been, submitted for `period`, and whose fate is not known yet. */
  attempt: StandingAttempt | null;
  /** Slots of `period` in which no entry will ever be executed. */
  closedSlots: number;
}

export interface StandingAttempt {
  slot: number;
  minor: bigint;
}

export const NO_STATE: StandingState = { period: 0, attempt: null, closedSlots: 0 };

export const MAX_DAYS = 3_660;
export const MAX_COUNT = 100_000;
/** How often what lies above a limit is looked at. */
export const LOOK_EVERY_MS = 60 * 60 * 1_000;
/** A payment that could not be made within so many days is missed. */
const MAX_SLOTS = 31;
/** Twice what notaries' clocks may differ by. */
const INQUIRE_AFTER_MS = 10 * 60 * 1_000;

/** When a period's payment falls due. */
export function dueMs(occasion: Occasion, period: number): TimeMs {
  if (occasion.kind === "above") return occasion.fromMs + period * LOOK_EVERY_MS;
  const { every, fromMs } = occasion;
  // From the first day each time: 31 January, 28 February, 31 March.
  return every.unit === "month" ? addMonths(fromMs, period) : fromMs + period * every.days * DAY_MS;
}

function slotMs(occasion: Occasion): number {
  return occasion.kind === "above" ? LOOK_EVERY_MS : DAY_MS;
}

/** The last period that has fallen due by `now`; -1 before the first. */
export function lastDue(occasion: Occasion, now: TimeMs): number {
  if (now < occasion.fromMs) return -1;
  const elapsed = now - occasion.fromMs;
  if (occasion.kind === "above") return Math.floor(elapsed / LOOK_EVERY_MS);
  const { every, count } = occasion;
  // A guess that is at most one too high, then exact.
  let period =
    every.unit === "month"
      ? Math.floor(elapsed / (28 * DAY_MS))
      : Math.floor(elapsed / (every.days * DAY_MS));
  while (dueMs(occasion, period) > now) period--;
  return count === null ? period : Math.min(period, count - 1);
}

export type StandingStep =
  | { kind: "ended" }
  | { kind: "wait"; untilMs: TimeMs }
  /** Too late for this period: go on with period `next`. */
  | { kind: "missed"; period: number; next: number }
  /** Submit the entry of this slot; `attempt` is the one that was begun, and is to be repeated unchanged. */
  | { kind: "pay"; period: number; slot: number; attempt: StandingAttempt | null }
  /** The slot is over: find out whether its entry was executed, then close it or settle the period. */
  | { kind: "inquire"; period: number; slot: number };

/** What there is to do at `now` for an order in this state. */
export function nextStep({ occasion }: StandingOrder, state: StandingState, now: TimeMs): StandingStep {
  const { period, attempt, closedSlots } = state;
  if (occasion.kind === "every" && occasion.count !== null && period >= occasion.count)
    return { kind: "ended" };
  const due = dueMs(occasion, period);
  if (now < due) return { kind: "wait", untilMs: due };
  const length = slotMs(occasion);
  const present = Math.floor((now - due) / length);
  if (attempt !== null) {
    if (attempt.slot >= present) return { kind: "pay", period, slot: attempt.slot, attempt };
    return inquiry(state, attempt.slot, due + (attempt.slot + 1) * length, now);
  }
  // What lay above the limit in hours that have passed is nobody's business any more.
  if (occasion.kind === "above" && present > 0) {
    return { kind: "missed", period, next: Math.max(period + 1, lastDue(occasion, now)) };
  }
  // Of earlier slots another life of this home may have known more: a backup was restored.
  if (closedSlots < Math.min(present, MAX_SLOTS)) {
    return inquiry(state, closedSlots, due + (closedSlots + 1) * length, now);
  }
  if (present >= MAX_SLOTS) return { kind: "missed", period, next: period + 1 };
  if (closedSlots > present) return { kind: "wait", untilMs: due + closedSlots * length };
  return { kind: "pay", period, slot: present, attempt: null };
}

/** Not before the slot's entry can no longer be executed, on anybody's clock. */
function inquiry({ period }: StandingState, slot: number, endMs: TimeMs, now: TimeMs): StandingStep {
  const fromMs = endMs + INQUIRE_AFTER_MS;
  return now < fromMs ? { kind: "wait", untilMs: fromMs } : { kind: "inquire", period, slot };
}

/** The period is settled: paid, missed, or there was nothing to pay. */
export function settled(state: StandingState, next = state.period + 1): StandingState {
  return { period: next, attempt: null, closedSlots: 0 };
}

/** No entry of this slot will be executed any more, nor was one: refused for good, or over. */
export function slotClosed(state: StandingState, slot: number): StandingState {
  return { ...state, attempt: null, closedSlots: Math.max(state.closedSlots, slot + 1) };
}

export interface StandingFrame {
  nonce: Uint8Array;
  notBefore: TimeMs;
  notAfter: TimeMs;
}

/** Nonce and window of the entry for a slot: the same wherever and whenever it is made. */
export function standingFrame(
  crypto: Crypto,
  { id, occasion }: Pick<StandingOrder, "id" | "occasion">,
  period: number,
  slot: number,
): StandingFrame {
  const nonce = labelledHash(crypto, "standingOrder", encodeCbor([1, id, period, slot])).slice(0, 16);
  const length = slotMs(occasion);
  const notBefore = dueMs(occasion, period) + slot * length;
  // One entry's window ends before the next one's begins.
  return { nonce, notBefore, notAfter: notBefore + length - 1 };
}
