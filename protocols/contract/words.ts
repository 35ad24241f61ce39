/** What one language must say; and what languages share: times and durations. */
import type { CborValue } from "../encoding/cbor.ts";
import { civilDate } from "../calendar.ts";
import type { TimeMs } from "../ports.ts";

/** Sentences in parts. Clauses come without a capital and without a full stop; `sentence` adds both. */
export interface Words {
  decimalMark: string;
  months: readonly string[];
  timeOfDay(day: string, time: string): string;

  title(template: string, parties: string): string;
  detail(name: string, value: CborValue, time: (timeMs: TimeMs) => string): string[];
  offer(from: string, until: string): string;
  step(number: number, label: string, until: string): string;
  /** Added to a step that waits for facts. */
  evidenceUntil(time: string): string;

  role(role: string): string;
  label(label: string): string;
  /** "that the parcel was taken". */
  statement(factKind: string): string;
  /** The fact as a thing that was measured. */
  factName(factKind: string): string;

  deposits(who: string, amount: string): string;
  chooses(who: string, name: string): string;
  range(min: string, max: string): string;
  near(who: string[], place: string, radius: string): string;
  attests(who: string, statement: string): string;
  agree(who: string[], k: number, statement: string): string;
  met(one: string, other: string): string;
  /** How old the fact before it may be; `count` facts before it. */
  aged(maxAgeMs: number, count: number): string;
  before(time: string): string;
  notBefore(time: string): string;
  secret: string;
  not(clause: string): string;

  atPlace(who: string[]): string;
  nothingHappens(label: string): string;

  paid(who: string, amount: string): string;
  rest: string;
  /** An amount that a fact states as it is. */
  stated(of: { role: string; fact: string; min: string; max: string }): string;
  measured(of: {
    role: string;
    fact: string;
    price: string;
    per: string;
    /** Which value of the fact, from 1. */
    position: number;
    min: string;
    max: string;
  }): string;
  /** What was given with a choice, as an amount; `choice` is the clause of it. */
  chosenAmount(choice: string, min: string, max: string): string;
  mandate(of: { from: string; by: string; cap: string; total: string; periodMs: number }): string;
  ends: string;
  goesOn(step: number): string;
  ifThen(condition: string, consequence: string): string;
  ifNothing(consequence: string, from: string): string;
  either(condition: string, consequence: string, otherwise: string): string;

  account(who: string, paid: string[], got: string[]): string;
  between(min: string, max: string): string;
  nobodyPays: string;

  and(clauses: string[]): string;
  or(clauses: string[]): string;
  /** One after the other in time. */
  then(clauses: string[]): string;
  /** Side by side. */
  series(clauses: string[]): string;
  sentence(clause: string): string;
}

/** "a, b and c". */
export function listed(clauses: string[], conjunction: string): string {
  const last = clauses.at(-1) ?? "";
  return clauses.length < 2 ? last : `${clauses.slice(0, -1).join(", ")} ${conjunction} ${last}`;
}

/** One entry for each of the numbers 1 to 7, for roles and choices that are numbered. */
export function numbered(prefix: string, say: (number: number) => string): [string, string][] {
  return [1, 2, 3, 4, 5, 6, 7].map((number) => [`${prefix}${number}`, say(number)]);
}

/** A capital and a full stop. */
export function asSentence(clause: string): string {
  return `${clause.slice(0, 1).toUpperCase()}${clause.slice(1)}.`;
}

/** Largest two units, "2 hours 5 minutes"; each unit as [singular, plural], from days to milliseconds. */
export function formatDuration(ms: number, units: readonly (readonly [string, string])[]): string {
  const sizes = [86_400_000, 3_600_000, 60_000, 1_000, 1];
  const parts: string[] = [];
  let left = ms;
  for (const [index, size] of sizes.entries()) {
    const count = Math.floor(left / size);
    left -= count * size;
    const [singular, plural] = units[index]!;
    if (count > 0) parts.push(`${count} ${count === 1 ? singular : plural}`);
  }
  return parts.length === 0 ? `0 ${units[4]![1]}` : parts.join(" ");
}

/** Day and time of day in UTC; seconds only where they are not zero. */
export function formatTimeUtc(timeMs: TimeMs, words: Pick<Words, "months" | "timeOfDay">): string {
  const days = Math.floor(timeMs / 86_400_000);
  const seconds = Math.floor((timeMs - days * 86_400_000) / 1_000);
  const { year, month, day } = civilDate(days);
  const two = (value: number): string => value.toString().padStart(2, "0");
  const clock = `${two(Math.floor(seconds / 3_600))}:${two(Math.floor(seconds / 60) % 60)}`;
  const time = seconds % 60 === 0 ? clock : `${clock}:${two(seconds % 60)}`;
  return words.timeOfDay(`${day} ${words.months[month - 1]} ${year}`, time);
}
