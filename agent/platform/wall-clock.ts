/** Times as people read them off the clock on the wall, in a zone of this machine's table. */
import { parseIsoDay } from "../../protocols/calendar.ts";
import { WORDS } from "../../protocols/contract/text-format.ts";
import type { TextFormat, TextLanguage } from "../../protocols/contract/text-format.ts";
import { formatTimeUtc } from "../../protocols/contract/words.ts";
import type { TimeMs } from "../../protocols/ports.ts";
import { optionInvalid } from "./option-values.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const MOMENT = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}):(\d{2})(?::(\d{2}))?(Z|[+-]\d{2}:\d{2})?$/;
const OFFSET = /^GMT(?:([+-])(\d{2}):(\d{2})(?::\d{2})?)?$/;

export interface Zone {
  /** "Europe/Paris". */
  name: string;
  /** How many minutes local time is ahead of UTC at a moment. */
  minutesAt(atMs: TimeMs): number;
}

/** The machine's own unless one is named. Errors: option-invalid. */
export function zoneOf(name: string | undefined): Zone {
  const formatter = formatterOf(name);
  return { name: formatter.resolvedOptions().timeZone, minutesAt: (atMs) => minutesIn(formatter, atMs) };
}

function formatterOf(name: string | undefined): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat("en-US", {
      timeZoneName: "longOffset",
      ...(name === undefined ? {} : { timeZone: name }),
    });
  } catch {
    throw optionInvalid("--zone", "a time zone such as Europe/Paris", (name ?? "").slice(0, 64));
  }
}

function minutesIn(formatter: Intl.DateTimeFormat, atMs: TimeMs): number {
  const text = formatter.formatToParts(atMs).find(({ type }) => type === "timeZoneName")?.value ?? "";
  const [, sign, hours, minutes] = OFFSET.exec(text) ?? [];
  const size = Number(hours ?? 0) * 60 + Number(minutes ?? 0);
  return sign === "-" ? -size : size;
}

/**
 * "2026-11-24 18:00" by the zone's clock, or with its own offset ("2026-11-24T18:00:00Z", "…+01:00"). A time
 * that the clock skips, or shows twice, is refused. Errors: option-invalid.
 */
export function momentOf(option: string, text: string, zone: Zone): TimeMs {
  const [, day = "", hours = "", minutes = "", seconds = "0", offset] = MOMENT.exec(text) ?? [];
  const time = [Number(hours), Number(minutes), Number(seconds)] as const;
  if (day === "" || time[0] > 23 || time[1] > 59 || time[2] > 59) throw noMoment(option, text);
  const civilMs = dayMs(option, day, text) + ((time[0] * 60 + time[1]) * 60 + time[2]) * 1_000;
  const moments =
    offset === undefined ? momentsAt(civilMs, zone) : [civilMs - offsetMs(option, offset, text)];
  const [moment, ...others] = moments.filter((atMs) => atMs >= 0);
  if (moment === undefined) {
    throw optionInvalid(option, `a time that is shown by the clocks of ${zone.name}`, text);
  }
  if (others.length === 0) return moment;
  const twice = `a time that the clocks of ${zone.name} show once, or one with its offset such as ${day}T`;
  throw optionInvalid(option, `${twice}${hours}:${minutes}${offsetText(zone.minutesAt(moment))}`, text);
}

/** All moments at which the zone's clock shows this; a place does not change its clock twice in two days. */
function momentsAt(civilMs: number, zone: Zone): TimeMs[] {
  const near = [civilMs - DAY_MS, civilMs + DAY_MS].map((atMs) => zone.minutesAt(atMs));
  const moments = [...new Set(near)].map((minutes) => civilMs - minutes * MINUTE_MS);
  return moments.filter((atMs) => atMs + zone.minutesAt(atMs) * MINUTE_MS === civilMs).sort((a, b) => a - b);
}

function dayMs(option: string, day: string, text: string): TimeMs {
  try {
    return parseIsoDay(day);
  } catch {
    throw noMoment(option, text);
  }
}

function offsetMs(option: string, offset: string, text: string): number {
  if (offset === "Z") return 0;
  const [hours = 0, minutes = 0] = offset.slice(1).split(":").map(Number);
  if (hours > 14 || minutes > 59) throw noMoment(option, text);
  return (hours * 60 + minutes) * MINUTE_MS * (offset.startsWith("-") ? -1 : 1);
}

function offsetText(minutes: number): string {
  const two = (value: number): string => value.toString().padStart(2, "0");
  const size = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

function noMoment(option: string, text: string): Error {
  return optionInvalid(
    option,
    `a time such as "2026-11-24 18:00" or 2026-11-24T17:00:00Z`,
    text.slice(0, 64),
  );
}

/** "24 November 2026, 18:00 (Europe/Paris)". */
export function zoneFormat(zone: Zone, language: TextLanguage): Pick<TextFormat, "time"> {
  const { months } = WORDS[language];
  const timeOfDay = (day: string, time: string): string => {
    const place = zone.name === "UTC" ? "UTC" : `(${zone.name})`;
    return language === "fr" ? `${day} à ${time} ${place}` : `${day}, ${time} ${place}`;
  };
  return {
    time: (timeMs) => formatTimeUtc(timeMs + zone.minutesAt(timeMs) * MINUTE_MS, { months, timeOfDay }),
  };
}
