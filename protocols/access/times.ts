/**
 * When a guest key is valid: windows of absolute time, and hours of the week by the clock on the lock's
 * wall. A lock has no table of time zones, so whoever makes the key writes into it how far local time is
 * from UTC, and from when on.
 */
import type { CborValue } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { SegmentError } from "../errors.ts";
import type { TimeMs } from "../ports.ts";

/** From `fromMs` up to, and without, `untilMs`. */
export interface Window {
  fromMs: TimeMs;
  untilMs: TimeMs;
}

/** Minutes after local midnight, on each of the days; beyond 1440 it goes on into the next day. */
export interface WeekHours {
  /** Bit 0 is Monday, bit 6 Sunday. */
  days: number;
  fromMinute: number;
  /** Without this minute itself; at most a day after `fromMinute`. */
  toMinute: number;
}

/** From `fromMs` on, local time is UTC and so many minutes. */
export interface Offset {
  fromMs: TimeMs;
  minutes: number;
}

export interface Times {
  /** In order, none touching the next; none at all: at any time. */
  windows: readonly Window[];
  /** None at all: at any hour. */
  week: readonly WeekHours[];
  /** The first from 0 on. Empty exactly when `week` is. */
  offsets: readonly Offset[];
}

export type TimeRefusal = "key-not-yet" | "key-expired" | "key-outside-hours";

export const MAX_WINDOWS = 16;
export const MAX_WEEK_HOURS = 32;
export const MAX_OFFSETS = 32;
/** The beginning of the year 10000. */
export const MAX_TIME_MS = 253_402_300_800_000;
const MINUTES_A_DAY = 1_440;
const MINUTES_A_WEEK = 7 * MINUTES_A_DAY;
const MINUTE_MS = 60_000;
/** 1 January 1970 was a Thursday. */
const FIRST_DAY = 3;
/** No place is farther from UTC than 14 hours. */
const MAX_OFFSET_MINUTES = 14 * 60;

/** Three lists: windows, hours of the week, offsets. */
export function encodeTimes({ windows, week, offsets }: Times): CborValue[][] {
  return [
    windows.map(({ fromMs, untilMs }) => [fromMs, untilMs]),
    week.map(({ days, fromMinute, toMinute }) => [days, fromMinute, toMinute]),
    offsets.map(({ fromMs, minutes }) => [fromMs, minutes]),
  ];
}

/** The next three fields of `reader`. Throws `cbor-wrong-shape` or `guest-key-invalid`. */
export function readTimes(reader: FieldReader): Times {
  const windows = reader.list("windows", { max: MAX_WINDOWS }).map((value) => {
    const fields = new FieldReader(value, "window", 2);
    const fromMs = fields.int("fromMs", { min: 0, max: MAX_TIME_MS });
    return { fromMs, untilMs: fields.int("untilMs", { min: fromMs + 1, max: MAX_TIME_MS }) };
  });
  const week = reader.list("week", { max: MAX_WEEK_HOURS }).map((value) => {
    const fields = new FieldReader(value, "week", 3);
    const days = fields.int("days", { min: 1, max: 127 });
    const fromMinute = fields.int("fromMinute", { min: 0, max: MINUTES_A_DAY - 1 });
    const bounds = { min: fromMinute + 1, max: fromMinute + MINUTES_A_DAY };
    return { days, fromMinute, toMinute: fields.int("toMinute", bounds) };
  });
  const offsets = reader.list("offsets", { max: MAX_OFFSETS }).map((value) => {
    const fields = new FieldReader(value, "offset", 2);
    const fromMs = fields.int("fromMs", { min: 0, max: MAX_TIME_MS });
    const bounds = { min: -MAX_OFFSET_MINUTES, max: MAX_OFFSET_MINUTES };
    return { fromMs, minutes: fields.int("minutes", bounds) };
  });
  if (windows.some(({ fromMs }, at) => at > 0 && fromMs <= windows[at - 1]!.untilMs))
    throw invalid("its windows are not in order", "windows");
  if (offsets.some(({ fromMs }, at) => (at === 0 ? fromMs !== 0 : fromMs <= offsets[at - 1]!.fromMs)))
    throw invalid("its offsets from UTC are not in order, from 0 on", "offsets");
  if ((week.length === 0) !== (offsets.length === 0))
    throw invalid("hours of the week and offsets from UTC belong together", "offsets");
  return { windows, week, offsets };
}

/** Why not now; undefined if now is a time for it. */
export function timeRefusal({ windows, week, offsets }: Times, now: TimeMs): TimeRefusal | undefined {
  const [first] = windows;
  if (first !== undefined && now < first.fromMs) return "key-not-yet";
  if (first !== undefined && now >= windows.at(-1)!.untilMs) return "key-expired";
  const isIn = ({ fromMs, untilMs }: Window): boolean => fromMs <= now && now < untilMs;
  if (first !== undefined && !windows.some(isIn)) return "key-outside-hours";
  if (week.length === 0) return undefined;
  const localMinute = Math.floor(now / MINUTE_MS) + offsetAt(offsets, now);
  const sinceMonday = localMinute + FIRST_DAY * MINUTES_A_DAY;
  const minute = ((sinceMonday % MINUTES_A_WEEK) + MINUTES_A_WEEK) % MINUTES_A_WEEK;
  return minutesOf(week)[minute] === 1 ? undefined : "key-outside-hours";
}

/** The moment from which on it is never valid again; null if there is none. */
export function endsMs({ windows }: Times): TimeMs | null {
  return windows.at(-1)?.untilMs ?? null;
}

export function windowsWithin(inner: readonly Window[], outer: readonly Window[]): boolean {
  if (outer.length === 0) return true;
  const isIn = (one: Window): boolean =>
    outer.some(({ fromMs, untilMs }) => fromMs <= one.fromMs && one.untilMs <= untilMs);
  return inner.length > 0 && inner.every(isIn);
}

/** By the same clock on the wall: other offsets would shift the hours. */
export function hoursWithin(inner: Times, outer: Times): boolean {
  if (outer.week.length === 0) return true;
  if (inner.week.length === 0) return false;
  const sameOffsets =
    inner.offsets.length === outer.offsets.length &&
    inner.offsets.every(({ fromMs, minutes }, at) => {
      const other = outer.offsets[at]!;
      return fromMs === other.fromMs && minutes === other.minutes;
    });
  const allowed = minutesOf(outer.week);
  return sameOffsets && minutesOf(inner.week).every((is, minute) => is <= allowed[minute]!);
}

/**
 * The offsets of a place between two moments, found with what tells its offset at a moment (a phone's own
 * table of time zones). The last one holds for all time after. Throws `guest-key-invalid` if it changes
 * more often than a key can hold.
 */
export function offsetsBetween(tells: (atMs: TimeMs) => number, fromMs: TimeMs, untilMs: TimeMs): Offset[] {
  const offsets: Offset[] = [{ fromMs: 0, minutes: tells(fromMs) }];
  // No place changes its clocks twice in a week.
  const stepMs = MINUTES_A_WEEK * MINUTE_MS;
  for (let at = fromMs; at < untilMs; at += stepMs) {
    const next = Math.min(at + stepMs, untilMs);
    const minutes = tells(next);
    if (minutes === offsets.at(-1)!.minutes) continue;
    if (offsets.length === MAX_OFFSETS) throw invalid("its local time changes too often", "offsets");
    offsets.push({ fromMs: changeBetween(tells, at, next), minutes });
  }
  return offsets;
}

/** The minute from which on the later offset holds. */
function changeBetween(tells: (atMs: TimeMs) => number, fromMs: TimeMs, untilMs: TimeMs): TimeMs {
  const later = tells(untilMs);
  let before = Math.floor(fromMs / MINUTE_MS);
  let after = Math.ceil(untilMs / MINUTE_MS);
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (tells(middle * MINUTE_MS) === later) after = middle;
    else before = middle;
  }
  return after * MINUTE_MS;
}

function offsetAt(offsets: readonly Offset[], now: TimeMs): number {
  return offsets.findLast(({ fromMs }) => fromMs <= now)?.minutes ?? 0;
}

/** One for each minute of the week from Monday 0:00: 1 if it is allowed. */
function minutesOf(week: readonly WeekHours[]): Uint8Array {
  const minutes = new Uint8Array(MINUTES_A_WEEK);
  for (const { days, fromMinute, toMinute } of week) {
    for (let day = 0; day < 7; day++) {
      if (((days >> day) & 1) === 0) continue;
      for (let minute = fromMinute; minute < toMinute; minute++)
        minutes[(day * MINUTES_A_DAY + minute) % MINUTES_A_WEEK] = 1;
    }
  }
  return minutes;
}

function invalid(problem: string, where: string): SegmentError {
  return new SegmentError("guest-key-invalid", `the key's times are refused: ${problem}`, { where });
}
