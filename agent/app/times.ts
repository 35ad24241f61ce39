/** Times as the person reads them, by the browser's own clock and zone. */
import { zoneFormat, zoneOf } from "../platform/wall-clock.ts";
import type { Zone } from "../platform/wall-clock.ts";
import type { TextFormat } from "../../protocols/contract/text-format.ts";
import type { Language } from "./language.ts";

export function localZone(): Zone {
  return zoneOf(undefined);
}

export function localFormat(language: Language): Pick<TextFormat, "time"> {
  return zoneFormat(localZone(), language);
}

const UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["day", 24 * 60 * 60_000],
  ["hour", 60 * 60_000],
  ["minute", 60_000],
];

/** "2 minutes ago", "just now". */
export function agoText(ms: number, language: Language): string {
  const unit = UNITS.find(([, size]) => ms >= size);
  if (unit === undefined) return language === "fr" ? "à l’instant" : "just now";
  const [name, size] = unit;
  return new Intl.RelativeTimeFormat(language, { numeric: "always" }).format(-Math.floor(ms / size), name);
}

/** Dates and hours as in Europe, whichever English the browser speaks. */
const LOCALES: Readonly<Record<Language, string>> = { en: "en-GB", fr: "fr" };

/** "Mon 24 Nov, 18:00". */
export function shortTime(timeMs: number, language: Language): string {
  return new Intl.DateTimeFormat(LOCALES[language], {
    ...{ weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
  }).format(timeMs);
}

/** As a field for date and time wants it: "2026-11-24T18:00". */
export function fieldTime(timeMs: number): string {
  const local = timeMs + localZone().minutesAt(timeMs) * 60_000;
  return new Date(local).toISOString().slice(0, 16);
}
