/** A guest key in sentences: what an owner reads before making it, and a guest who gets it. */
import { plainFormat } from "../contract/text-format.ts";
import type { TextFormat, TextLanguage } from "../contract/text-format.ts";
import type { GuestKey } from "./key.ts";
import { endsMs } from "./times.ts";
import type { WeekHours } from "./times.ts";
import { KEY_WORDS } from "./words.ts";
import type { KeyWords } from "./words.ts";

/** All that a key says of who may do what. */
export type KeyContent = Omit<GuestKey, "lock" | "tenure" | "nonce" | "issuer" | "parent" | "issuedMs">;

/**
 * One sentence each: who may do what, when, at which hours, how often, whether it can be passed on, and how
 * long it works if it is revoked while the lock is offline (as far as the clocks of lock and owner agree).
 */
export function keySentences(
  key: KeyContent,
  language: TextLanguage,
  format: Pick<TextFormat, "time"> = plainFormat(language),
): string[] {
  const words = KEY_WORDS[language];
  const isLink = key.holder.kind === "link";
  const who = key.name === "" ? (isLink ? words.linkHolder : words.holder) : key.name;
  const deeds = key.rights.map(({ target, actions }) => words.deed(actions, target));
  return [
    words.may(who, deeds),
    ...timeSentences(key, words, format),
    words.uses(key.uses),
    words.passOn(key.depth),
    ...(isLink ? [words.link] : []),
    revocationSentence(key, words, format),
  ];
}

function timeSentences(
  { windows, week }: KeyContent,
  words: KeyWords,
  format: Pick<TextFormat, "time">,
): string[] {
  const shown = windows.map(({ fromMs, untilMs }) => words.window(format.time(fromMs), format.time(untilMs)));
  const times = windows.length > 0 ? [words.times(shown)] : [];
  const hours = week.length > 0 ? [words.hours(week.map((one) => spanOf(one, words)))] : [];
  return times.length + hours.length > 0 ? [...times, ...hours] : [words.always];
}

/** A key never works longer than it would have without being revoked. */
function revocationSentence(key: KeyContent, words: KeyWords, format: Pick<TextFormat, "time">): string {
  if (key.refreshMs !== null) return words.refreshed(key.refreshMs);
  const end = endsMs(key);
  return words.notRefreshed(end === null ? null : format.time(end));
}

function spanOf({ days, fromMinute, toMinute }: WeekHours, words: KeyWords): string {
  const named = [0, 1, 2, 3, 4, 5, 6].filter((day) => (days >> day) & 1);
  // Midnight at the end of the day itself is written 24:00.
  const intoNextDay = toMinute > 1_440;
  return words.span(
    words.days(named),
    clock(fromMinute),
    clock(intoNextDay ? toMinute - 1_440 : toMinute),
    intoNextDay,
  );
}

function clock(minute: number): string {
  const two = (value: number): string => value.toString().padStart(2, "0");
  return `${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
}
