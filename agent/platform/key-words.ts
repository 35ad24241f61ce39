/** What the commands of guest keys say around a key's own sentences, in the languages of those. */
import type { TextLanguage } from "../../protocols/contract/text-format.ts";
import { formatDuration } from "../../protocols/contract/words.ts";
import { UNITS as UNITS_EN } from "../../protocols/contract/words-en.ts";
import { UNITS as UNITS_FR } from "../../protocols/contract/words-fr.ts";

export interface GuestKeyWords {
  made(key: string, lock: string): string;
  taken(key: string, lock: string): string;
  /** A link that anybody can claim. */
  secret: string;
  /** A link that serves one phone alone. */
  named: string;
  /** Of a key that is valid for longer than it works without this phone's word. */
  confirmed(ms: number): string;
  /** The same of a part: the owner's phone confirms it. */
  partConfirmed(ms: number): string;
  follows(zone: string, until: string): string;
  tooLong: string;
  narrow(columns: number): string;
  unknownTarget(target: string, action: string, known: string): string;
  isRevoked: string;
  noLink: string;
  claims: string;
  isBound: string;
  isNotBound: string;
  wasNotBound: string;
}

export const GUEST_KEY_WORDS: Readonly<Record<TextLanguage, GuestKeyWords>> = {
  en: {
    made: (key, lock) => `Key ${key} of “${lock}”:`,
    taken: (key, lock) => `This phone has the key ${key} of “${lock}”:`,
    secret: "The link is a secret: whoever has it first gets the key. Give it to nobody else.",
    named: "The link serves the phone for which it was made, and no other.",
    confirmed: (ms) =>
      "The guest’s phone asks this one to confirm the key. Without an answer for " +
      `${formatDuration(ms, UNITS_EN)} it opens nothing until there is one: keep this phone online, or make ` +
      "the key with --refresh none.",
    partConfirmed: (ms) =>
      "The guest’s phone asks the owner’s to confirm the key. Without an answer for " +
      `${formatDuration(ms, UNITS_EN)} it opens nothing until there is one.`,
    follows: (zone, until) =>
      `Its hours follow the changes of the clocks of ${zone} until ${until}, and no longer: make a new key then.`,
    tooLong: "(The link is too long for a QR code.)",
    narrow: (columns) => `(The QR code needs a terminal of ${columns} columns.)`,
    unknownTarget: (target, action, known) =>
      `The lock has not named “${target}” with “${action}”; what it has named: ${known}.`,
    isRevoked: "This key is revoked.",
    noLink: "Its link cannot be shown again: this phone no longer holds the key of which it is a part.",
    claims: "claims it at the lock…",
    isBound: "The lock knows that it is this phone’s.",
    isNotBound:
      "The link is claimed when this phone first meets the lock: until then, another who has it can be first.",
    wasNotBound: "The lock did not accept the claim: perhaps another phone has used the link first.",
  },
  fr: {
    made: (key, lock) => `Clé ${key} de « ${lock} » :`,
    taken: (key, lock) => `Ce téléphone a la clé ${key} de « ${lock} » :`,
    secret: "Le lien est un secret : le premier qui l’a obtient la clé. Ne le donnez à personne d’autre.",
    named: "Le lien ne sert qu’au téléphone pour lequel il a été fait.",
    confirmed: (ms) =>
      "Le téléphone de l’invité demande à celui-ci de confirmer la clé. Sans réponse pendant " +
      `${formatDuration(ms, UNITS_FR)}, elle n’ouvre rien avant d’en avoir une : gardez ce téléphone en ligne, ` +
      "ou faites la clé avec --refresh none.",
    partConfirmed: (ms) =>
      "Le téléphone de l’invité demande à celui du propriétaire de confirmer la clé. Sans réponse pendant " +
      `${formatDuration(ms, UNITS_FR)}, elle n’ouvre rien avant d’en avoir une.`,
    follows: (zone, until) =>
      `Ses heures suivent les changements d’heure de ${zone} jusqu’au ${until}, et pas plus longtemps : ` +
      "faites alors une nouvelle clé.",
    tooLong: "(Le lien est trop long pour un code QR.)",
    narrow: (columns) => `(Le code QR demande un terminal de ${columns} colonnes.)`,
    unknownTarget: (target, action, known) =>
      `La serrure n’a pas nommé « ${target} » avec « ${action} » ; ce qu’elle a nommé : ${known}.`,
    isRevoked: "Cette clé est révoquée.",
    noLink: "Son lien ne peut plus être montré : ce téléphone n’a plus la clé dont elle est une partie.",
    claims: "la réclame à la serrure…",
    isBound: "La serrure sait qu’elle est à ce téléphone.",
    isNotBound:
      "Le lien sera réclamé quand ce téléphone rencontrera la serrure : d’ici là, un autre qui l’a peut être " +
      "le premier.",
    wasNotBound:
      "La serrure n’a pas accepté la réclamation : peut-être un autre téléphone a-t-il utilisé le lien avant.",
  },
};

/** How long a key that is revoked works at a lock that has not heard of it; null: however long that takes. */
export function workText(ms: number | null, language: TextLanguage = "en"): string {
  const words = WORK_WORDS[language];
  if (ms === null) return words.ever;
  if (ms <= 0) return words.over;
  // To the minute, and no less than it is.
  return words.atMost(Math.ceil(ms / 60_000) * 60_000);
}

const WORK_WORDS = {
  en: {
    ever: "until then the key works, however long that takes",
    over: "the key does not work any more, as its time has passed",
    atMost: (ms: number) => `until then the key works at most ${formatDuration(ms, UNITS_EN)} longer`,
  },
  fr: {
    ever: "d’ici là la clé marche, quel que soit le temps que cela prend",
    over: "la clé ne marche plus, car son temps est passé",
    atMost: (ms: number) => `d’ici là la clé marche encore au plus ${formatDuration(ms, UNITS_FR)}`,
  },
};
