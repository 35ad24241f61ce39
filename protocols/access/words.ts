/** What is said of guest keys, in the languages that people read. */
import type { TextLanguage } from "../contract/text-format.ts";
import { formatDuration, listed } from "../contract/words.ts";
import { UNITS as UNITS_EN } from "../contract/words-en.ts";
import { UNITS as UNITS_FR } from "../contract/words-fr.ts";
import type { Action } from "./rights.ts";

export interface KeyWords {
  /** Somebody without a name. */
  holder: string;
  linkHolder: string;
  may(who: string, deeds: string[]): string;
  deed(actions: readonly Action[], target: string): string;
  always: string;
  window(from: string, until: string): string;
  times(windows: string[]): string;
  hours(spans: string[]): string;
  days(days: readonly number[]): string;
  span(days: string, from: string, to: string, intoNextDay: boolean): string;
  uses(count: number | null): string;
  passOn(depth: number): string;
  link: string;
  refreshed(ms: number): string;
  notRefreshed(end: string | null): string;
}

const DAYS_EN = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const DAYS_FR = ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"];

const ACTIONS_EN: Readonly<Record<Action, string>> = {
  open: "open",
  close: "close",
  lock: "lock",
  unlock: "unlock",
  on: "switch on",
  off: "switch off",
  watch: "watch",
};
const ACTIONS_FR: Readonly<Record<Action, string>> = {
  open: "ouvrir",
  close: "fermer",
  lock: "verrouiller",
  unlock: "déverrouiller",
  on: "allumer",
  off: "éteindre",
  watch: "surveiller",
};

const TARGETS_EN = new Map([
  ["door", "the door"],
  ["garage", "the garage"],
  ["gate", "the gate"],
  ["window", "the window"],
  ["shutter", "the shutter"],
  ["light", "the light"],
]);
const TARGETS_FR = new Map([
  ["door", "la porte"],
  ["garage", "le garage"],
  ["gate", "le portail"],
  ["window", "la fenêtre"],
  ["shutter", "le volet"],
  ["light", "la lumière"],
]);

/** Three days or more in a row as a span: "Monday to Friday". */
function daySpans(days: readonly number[], names: readonly string[], to: string): string[] {
  const spans: string[] = [];
  for (let at = 0; at < days.length;) {
    let end = at;
    while (end + 1 < days.length && days[end + 1] === days[end]! + 1) end++;
    if (end - at >= 2) spans.push(`${names[days[at]!]} ${to} ${names[days[end]!]}`);
    else for (let one = at; one <= end; one++) spans.push(names[days[one]!]!);
    at = end + 1;
  }
  return spans;
}

const english: KeyWords = {
  holder: "The holder of this key",
  linkHolder: "Whoever has the link",
  may: (who, deeds) => `${who} may ${listed(deeds, "and")}.`,
  deed: (actions, target) => {
    const verbs = actions.map((action) => ACTIONS_EN[action]);
    return `${listed(verbs, "and")} ${TARGETS_EN.get(target) ?? `“${target}”`}`;
  },
  always: "At any time, without an end.",
  window: (from, until) => `from ${from} until ${until}`,
  times: (windows) => `Only ${listed(windows, "and")}.`,
  hours: (spans) => `Only at these hours, by the clock at the lock: ${spans.join("; ")}.`,
  days: (days) => (days.length === 7 ? "every day" : listed(daySpans(days, DAYS_EN, "to"), "and")),
  span: (days, from, to, next) => `${days} ${from} to ${to}${next ? " of the next day" : ""}`,
  uses: (count) => {
    if (count === null) return "As often as needed.";
    return count === 1 ? "Once only." : `At most ${count} times in all.`;
  },
  passOn: (depth) => {
    if (depth === 0) return "The key cannot be passed on.";
    if (depth === 1) return "It can be passed on, in whole or in part, but not further from there.";
    return `It can be passed on, in whole or in part, and from there on, ${depth} times one after the other.`;
  },
  link: "Whoever uses the link first has the key; afterwards the link is worth nothing to others.",
  refreshed: (ms) =>
    `If it is revoked while the lock is offline, it works at most ${formatDuration(ms, UNITS_EN)} longer.`,
  notRefreshed: (end) =>
    `If it is revoked while the lock is offline, it works until the lock hears of it` +
    (end === null ? ", however long that takes." : `, at most until ${end}.`),
};

const french: KeyWords = {
  holder: "Le porteur de cette clé",
  linkHolder: "Quiconque a le lien",
  may: (who, deeds) => `${who} peut ${listed(deeds, "et")}.`,
  deed: (actions, target) => {
    const verbs = actions.map((action) => ACTIONS_FR[action]);
    return `${listed(verbs, "et")} ${TARGETS_FR.get(target) ?? `« ${target} »`}`;
  },
  always: "À tout moment, sans fin.",
  window: (from, until) => `du ${from} au ${until}`,
  times: (windows) => `Seulement ${listed(windows, "et")}.`,
  hours: (spans) => `Seulement à ces heures, à l’horloge de la serrure : ${spans.join(" ; ")}.`,
  days: (days) => (days.length === 7 ? "chaque jour" : listed(daySpans(days, DAYS_FR, "à"), "et")),
  span: (days, from, to, next) => `${days} de ${from} à ${to}${next ? " le lendemain" : ""}`,
  uses: (count) => {
    if (count === null) return "Aussi souvent que nécessaire.";
    return count === 1 ? "Une seule fois." : `Au plus ${count} fois en tout.`;
  },
  passOn: (depth) => {
    if (depth === 0) return "La clé ne peut pas être transmise.";
    if (depth === 1) return "Elle peut être transmise, en tout ou en partie, mais pas plus loin ensuite.";
    return `Elle peut être transmise, en tout ou en partie, et de là encore, ${depth} fois à la suite.`;
  },
  link: "Le premier qui utilise le lien a la clé ; ensuite le lien ne vaut plus rien pour les autres.",
  refreshed: (ms) =>
    `Si elle est révoquée pendant que la serrure est hors ligne, elle marche encore au plus ` +
    `${formatDuration(ms, UNITS_FR)}.`,
  notRefreshed: (end) =>
    `Si elle est révoquée pendant que la serrure est hors ligne, elle marche jusqu’à ce que la serrure ` +
    (end === null
      ? "l’apprenne, quel que soit le temps que cela prend."
      : `l’apprenne, au plus jusqu’au ${end}.`),
};

export const KEY_WORDS: Readonly<Record<TextLanguage, KeyWords>> = { en: english, fr: french };
