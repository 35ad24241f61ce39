/** What happened by itself and a person wants to hear of. */
import type { Happening } from "../browser/phone-runtime.ts";
import type { Tone } from "./app-context.ts";
import type { Language } from "./language.ts";

const TEXTS: Readonly<Record<string, Readonly<Record<Language, (name: string) => string>>>> = {
  "alert-left-open": {
    en: (name) => `“${name}” was left open.`,
    fr: (name) => `« ${name} » est restée ouverte.`,
  },
  "alert-bolt-jammed": {
    en: (name) => `The bolt of “${name}” is jammed.`,
    fr: (name) => `Le pêne de « ${name} » est coincé.`,
  },
  "alert-reset": {
    en: (name) => `“${name}” was reset at the lock: it has no owner any more.`,
    fr: (name) => `« ${name} » a été réinitialisée à la serrure : elle n’a plus de propriétaire.`,
  },
  "alert-many-failures": {
    en: (name) => `Somebody tries to open “${name}” again and again.`,
    fr: (name) => `Quelqu’un essaie sans cesse d’ouvrir « ${name} ».`,
  },
  "order-refused": {
    en: (why) => `The lock refuses what you ordered: ${why}`,
    fr: (why) => `La serrure refuse votre ordre : ${why}`,
  },
};

export function happeningText(
  { step, detail }: Happening,
  language: Language,
): { text: string; tone: Tone } | undefined {
  const text = TEXTS[step]?.[language](detail);
  return text === undefined ? undefined : { text, tone: "bad" };
}
