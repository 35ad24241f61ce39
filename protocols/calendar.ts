/**
 * Civil dates in UTC, of the Gregorian calendar, without a clock and without Date (H. Hinnant,
 * "chrono-compatible low-level date algorithms"): years begin in March there, so that the leap day is the
 * last.
 */
import { SegmentError } from "./errors.ts";
import type { TimeMs } from "./ports.ts";

export const DAY_MS = 24 * 60 * 60 * 1_000;
/** The years that a date may have here; what is written elsewhere has four digits too. */
const MIN_YEAR = 1970;
const MAX_YEAR = 9999;

export interface CivilDate {
  year: number;
  /** 1 to 12. */
  month: number;
  /** 1 to 31. */
  day: number;
}

/** The date of a day counted from 1 January 1970 (civil_from_days). */
export function civilDate(daysSinceEpoch: number): CivilDate {
  const shifted = daysSinceEpoch + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1_460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

/** Days from 1 January 1970 to a date (days_from_civil). */
export function daysOf({ year, month, day }: CivilDate): number {
  const yearFromMarch = month <= 2 ? year - 1 : year;
  const era = Math.floor(yearFromMarch / 400);
  const yearOfEra = yearFromMarch - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

export function daysInMonth(year: number, month: number): number {
  const next = month === 12 ? { year: year + 1, month: 1 } : { year, month: month + 1 };
  return daysOf({ ...next, day: 1 }) - daysOf({ year, month, day: 1 });
}

/**
 * The same time of day, `months` later: on the same day of the month, or on its last where it is shorter
 * (31 January, 28 February, 31 March).
 */
export function addMonths(timeMs: TimeMs, months: number): TimeMs {
  const days = Math.floor(timeMs / DAY_MS);
  const { year, month, day } = civilDate(days);
  const counted = year * 12 + (month - 1) + months;
  const then = { year: Math.floor(counted / 12), month: (((counted % 12) + 12) % 12) + 1 };
  const last = daysInMonth(then.year, then.month);
  return daysOf({ ...then, day: Math.min(day, last) }) * DAY_MS + (timeMs - days * DAY_MS);
}

/** "2026-11-22", the day in UTC (ISO 8601). */
export function isoDay(timeMs: TimeMs): string {
  const { year, month, day } = civilDate(Math.floor(timeMs / DAY_MS));
  return `${digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}`;
}

/** "2026-11-22T08:06:37Z", in UTC to the second (ISO 8601). */
export function isoTime(timeMs: TimeMs): string {
  const seconds = Math.floor(timeMs / 1_000) % 86_400;
  const time = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  return `${isoDay(timeMs)}T${time.map((part) => digits(part, 2)).join(":")}Z`;
}

/** The beginning, in UTC, of a day such as 2026-11-22. Throws `option-invalid`. */
export function parseIsoDay(text: string): TimeMs {
  const parts = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/.exec(text)?.slice(1).map(Number);
  const [year = 0, month = 0, day = 0] = parts ?? [];
  const isDate =
    year >= MIN_YEAR &&
    year <= MAX_YEAR &&
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= daysInMonth(year, month);
  if (isDate) return daysOf({ year, month, day }) * DAY_MS;
  const problem = `not a day such as 2026-11-22: ${JSON.stringify(text.slice(0, 40))}`;
  throw new SegmentError("option-invalid", problem);
}

/** A moment such as 2026-11-22T08:06:37Z, in UTC to the second. Throws `option-invalid`. */
export function parseIsoTime(text: string): TimeMs {
  const parts = /^(.{10})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z$/.exec(text);
  const [hours = 24, minutes = 60, seconds = 60] = parts?.slice(2).map(Number) ?? [];
  if (parts !== null && hours < 24 && minutes < 60 && seconds < 60) {
    return parseIsoDay(parts[1] ?? "") + (hours * 3_600 + minutes * 60 + seconds) * 1_000;
  }
  const problem = `not a time such as 2026-11-22T08:06:37Z: ${JSON.stringify(text.slice(0, 40))}`;
  throw new SegmentError("option-invalid", problem);
}

function digits(value: number, length: number): string {
  return value.toString().padStart(length, "0");
}
