/** What a guest key allows: whom, when, at which hours, how often, what. */
import { MAX_DEPTH, MAX_REFRESH_MS, MAX_USES, MIN_REFRESH_MS } from "../../protocols/access/key.ts";
import type { GuestKey } from "../../protocols/access/key.ts";
import { ACTIONS, MAX_RIGHTS, TARGET } from "../../protocols/access/rights.ts";
import type { Action, Right } from "../../protocols/access/rights.ts";
import { endsMs, MAX_WEEK_HOURS, offsetsBetween } from "../../protocols/access/times.ts";
import type { Offset, Times, WeekHours, Window } from "../../protocols/access/times.ts";
import { addMonths } from "../../protocols/calendar.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { publicKeyFromId } from "../../protocols/identity/keys.ts";
import type { TimeMs } from "../../protocols/ports.ts";
import type { KeyContentCommand } from "../../devices/keyring/commands.ts";
import { integerOf, optionInvalid } from "./option-values.ts";
import { momentOf } from "./wall-clock.ts";
import type { Zone } from "./wall-clock.ts";

export interface ContentFlags {
  for: string;
  to?: string;
  from?: string;
  until?: string;
  forever?: boolean;
  hours?: string[];
  uses?: string;
  may?: string[];
  passOn?: string;
  refresh?: string;
}

/** All that a person decides of a key; random bytes come along later. */
export interface KeyWish {
  content: Omit<KeyContentCommand, "nonce" | "secret">;
  /**
   * Of hours without an end, in a place that changes its clocks: the moment up to which the key follows the
   * changes. null: as long as it is valid.
   */
  followsUntilMs: TimeMs | null;
}

export const USUAL_REFRESH = "24h";
const MINUTE_MS = 60_000;
const MINUTES_A_DAY = 1_440;
const UNIT_MS: Readonly<Record<string, number>> = { m: MINUTE_MS, h: 60 * MINUTE_MS, d: 1_440 * MINUTE_MS };
/** A key that is valid "from now" is valid by a lock's clock that is a little behind, too. */
const EARLIER_MS = 5 * MINUTE_MS;
const MONTHS_AHEAD = 100 * 12;
/** Of clock changes, where a key has no end. */
const MONTHS_FOLLOWED = 5 * 12;
const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const CONTROL = /\p{Cc}/u;

/**
 * Of a new key, or of a part of `parent`, which is the default for all that is not said. Times are read in
 * `zone`. Errors: option-invalid, did-invalid, key-invalid, key-exceeds (a part that would be more).
 */
export function keyWish(flags: ContentFlags, zone: Zone, now: TimeMs, parent?: GuestKey): KeyWish {
  if (parent?.depth === 0) throw exceeds("depth", "this key cannot be passed on");
  const windows = windowsOf(flags, zone, now, parent);
  const { week, offsets, followsUntilMs } = hoursOf(flags.hours, windows, zone, now, parent);
  const { uses, passOn } = flags;
  const content = {
    name: nameOf(flags.for),
    holder: flags.to === undefined ? null : publicKeyFromId(flags.to),
    rights: rightsOf(flags.may, parent),
    windows: windows.map((one) => ({ ...one })),
    week: week.map((one) => ({ ...one })),
    offsets: offsets.map((one) => ({ ...one })),
    uses: uses === undefined ? (parent?.uses ?? null) : integerOf("--uses", uses, 1, MAX_USES),
    depth: passOn === undefined ? 0 : integerOf("--pass-on", passOn, 0, MAX_DEPTH),
    refreshMs: refreshOf(flags.refresh, parent),
  };
  return { content, followsUntilMs };
}

function nameOf(text: string): string {
  const name = text.trim();
  if (name !== "" && name.length <= 64 && !CONTROL.test(name)) return name;
  throw optionInvalid("--for", "a name of 1 to 64 characters", name.slice(0, 64));
}

// ---------------------------------------------------------------- from when, until when

function windowsOf(flags: ContentFlags, zone: Zone, now: TimeMs, parent: GuestKey | undefined): Window[] {
  const fromMs = flags.from === undefined ? undefined : momentOf("--from", flags.from, zone);
  const untilMs = flags.until === undefined ? undefined : momentOf("--until", flags.until, zone);
  if (flags.forever === true) return endless(flags, parent);
  if (parent !== undefined && fromMs === undefined && untilMs === undefined) return [...parent.windows];
  const span = {
    fromMs: fromMs ?? parent?.windows[0]?.fromMs ?? minuteBefore(now),
    untilMs: untilMs ?? (parent === undefined ? null : endsMs(parent)),
  };
  return within(requireSpan(span, now), parent, flags);
}

/** Errors: option-invalid, key-exceeds. */
function endless(flags: ContentFlags, parent: GuestKey | undefined): Window[] {
  if (flags.from !== undefined || flags.until !== undefined) {
    const problem = "a key without an end is valid from now on: give --forever alone, or --until";
    throw new SegmentError("option-invalid", problem, { where: "--forever" });
  }
  if (parent === undefined || parent.windows.length === 0) return [];
  throw exceeds("--forever", "the key of which it is a part has an end");
}

function requireSpan({ fromMs, untilMs }: { fromMs: TimeMs; untilMs: TimeMs | null }, now: TimeMs): Window {
  const refused = (problem: string): SegmentError =>
    new SegmentError("option-invalid", problem, { where: "--until" });
  if (untilMs === null) throw refused("say until when the key is valid: --until, or --forever");
  if (untilMs <= now) throw refused("--until takes a time to come: that one has passed");
  if (untilMs <= fromMs) throw refused("--until takes a time after that of --from");
  if (untilMs > addMonths(now, MONTHS_AHEAD))
    throw refused("--until takes a time within 100 years; without an end a key is made with --forever");
  return { fromMs, untilMs };
}

/** The part of the parent's windows that lies in the span; what was said may not go beyond them. */
function within(span: Window, parent: GuestKey | undefined, { from, until }: ContentFlags): Window[] {
  const { windows } = parent ?? { windows: [] };
  const [first] = windows;
  const last = windows.at(-1);
  if (first === undefined || last === undefined) return [span];
  if (from !== undefined && span.fromMs < first.fromMs)
    throw exceeds("--from", "the key of which it is a part begins later");
  if (until !== undefined && span.untilMs > last.untilMs)
    throw exceeds("--until", "the key of which it is a part ends earlier");
  const cut = windows
    .map((one) => ({
      fromMs: Math.max(one.fromMs, span.fromMs),
      untilMs: Math.min(one.untilMs, span.untilMs),
    }))
    .filter((one) => one.fromMs < one.untilMs);
  if (cut.length > 0) return cut;
  throw exceeds("--from", "the key of which it is a part is not valid then");
}

function minuteBefore(now: TimeMs): TimeMs {
  return Math.max(0, wholeMinute(now - EARLIER_MS));
}

function wholeMinute(timeMs: TimeMs): TimeMs {
  return Math.floor(timeMs / MINUTE_MS) * MINUTE_MS;
}

// ---------------------------------------------------------------- at which hours

type Hours = Pick<Times, "week" | "offsets"> & Pick<KeyWish, "followsUntilMs">;

function hoursOf(
  texts: readonly string[] | undefined,
  windows: readonly Window[],
  zone: Zone,
  now: TimeMs,
  parent: GuestKey | undefined,
): Hours {
  if (texts !== undefined && texts.length > MAX_WEEK_HOURS)
    throw optionInvalid("--hours", `at most ${MAX_WEEK_HOURS} spans`, `${texts.length} of them`);
  const week = texts?.map(weekHours) ?? parent?.week ?? [];
  if (week.length === 0) return { week, offsets: [], followsUntilMs: null };
  // By the clock that the key's own parent tells: another would shift the hours.
  if (parent !== undefined && parent.week.length > 0)
    return { week, offsets: parent.offsets, followsUntilMs: null };
  const endMs = windows.at(-1)?.untilMs;
  const untilMs = endMs ?? wholeMinute(addMonths(now, MONTHS_FOLLOWED));
  const offsets = changesOf(zone, windows[0]?.fromMs ?? minuteBefore(now), untilMs);
  return { week, offsets, followsUntilMs: endMs === undefined && offsets.length > 1 ? untilMs : null };
}

/** Errors: option-invalid (more changes of the clock than a key can hold). */
function changesOf(zone: Zone, fromMs: TimeMs, untilMs: TimeMs): Offset[] {
  try {
    return offsetsBetween((atMs) => zone.minutesAt(atMs), fromMs, untilMs);
  } catch (cause) {
    const problem =
      `the clocks of ${zone.name} change too often until then for a key with hours: ` +
      "give an earlier --until, or leave out --hours";
    throw new SegmentError("option-invalid", problem, { where: "--until", cause });
  }
}

/** "mon-fri 08:00-18:00", "sat,sun 22:00-06:00" (into the next day), "daily 00:00-24:00". */
function weekHours(text: string): WeekHours {
  const parts = /^\s*([a-z,-]+)\s+(\d{2}:\d{2})-(\d{2}:\d{2})\s*$/.exec(text.toLowerCase().slice(0, 100));
  const [, days = "", from = "", to = ""] = parts ?? [];
  const bits = daysOf(days);
  const fromMinute = minuteOf(from);
  const toMinute = minuteOf(to);
  if (bits === undefined || fromMinute === undefined || toMinute === undefined) throw noHours(text);
  if (fromMinute === toMinute || fromMinute === MINUTES_A_DAY) throw noHours(text);
  return { days: bits, fromMinute, toMinute: toMinute < fromMinute ? toMinute + MINUTES_A_DAY : toMinute };
}

/** Bit 0 is Monday; undefined if it names no days. */
function daysOf(text: string): number | undefined {
  if (text === "daily") return 127;
  let bits = 0;
  for (const part of text.split(",")) {
    const [first = -1, last = first, ...more] = part.split("-").map((name) => DAYS.indexOf(name));
    if (first < 0 || last < 0 || more.length > 0) return undefined;
    // "sat-mon" goes on over the end of the week.
    const count = ((last - first + 7) % 7) + 1;
    for (let at = 0; at < count; at++) bits |= 1 << ((first + at) % 7);
  }
  return bits;
}

/** Up to 24:00, the end of the day. */
function minuteOf(text: string): number | undefined {
  const [hours = 0, minutes = 0] = text.split(":").map(Number);
  const minute = hours * 60 + minutes;
  return text === "" || minutes > 59 || minute > MINUTES_A_DAY ? undefined : minute;
}

function noHours(text: string): SegmentError {
  const takes = 'days and hours such as "mon-fri 08:00-18:00" or "sat,sun 22:00-06:00"';
  return optionInvalid("--hours", takes, text.slice(0, 64));
}

// ---------------------------------------------------------------- what, and how long without a word

function rightsOf(texts: readonly string[] | undefined, parent: GuestKey | undefined): KeyRights {
  if (texts === undefined && parent !== undefined) return copied(parent.rights);
  const rights = new Map<string, Set<Action>>();
  for (const text of texts ?? ["door:open"]) {
    const [target = "", verbs = "", ...more] = text.split(":");
    const actions = verbs.split(",");
    if (!TARGET.test(target) || more.length > 0 || !actions.every(isAction)) throw noRight(text);
    rights.set(target, new Set([...(rights.get(target) ?? []), ...actions]));
  }
  if (rights.size > MAX_RIGHTS)
    throw optionInvalid("--may", `at most ${MAX_RIGHTS} targets`, `${rights.size} of them`);
  return copied([...rights].map(([target, actions]) => ({ target, actions: [...actions] })));
}

type KeyRights = KeyContentCommand["rights"];

function copied(rights: readonly Right[]): KeyRights {
  return rights.map(({ target, actions }) => ({
    target,
    actions: ACTIONS.filter((action) => actions.includes(action)),
  }));
}

function isAction(text: string): text is Action {
  return (ACTIONS as readonly string[]).includes(text);
}

function noRight(text: string): SegmentError {
  const takes = `a target and what may be done with it, such as door:open or light:on,off (${ACTIONS.join(", ")})`;
  return optionInvalid("--may", takes, text.slice(0, 64));
}

function refreshOf(given: string | undefined, parent: GuestKey | undefined): number | null {
  if (given === undefined && parent !== undefined) return parent.refreshMs;
  const text = given ?? USUAL_REFRESH;
  if (text === "none") return null;
  const [, count = "0", unit = "m"] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const ms = Number(count) * (UNIT_MS[unit] ?? 0);
  if (ms >= MIN_REFRESH_MS && ms <= MAX_REFRESH_MS) return ms;
  throw optionInvalid("--refresh", "1m to 366d, such as 30m, 24h or 7d, or none", text.slice(0, 64));
}

function exceeds(where: string, problem: string): SegmentError {
  return new SegmentError("key-exceeds", problem, { where });
}
