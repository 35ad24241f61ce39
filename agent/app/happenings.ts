/** What happened by itself and a person wants to hear of. */
import { SegmentError } from "../../protocols/errors.ts";
import type { ErrorCode } from "../../protocols/errors.ts";
import type { Happening } from "../browser/phone-runtime.ts";
import type { Tone } from "./app-context.ts";
import { errorText } from "./error-words.ts";
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
  "alert-battery-low": {
    en: (name) => `The battery of “${name}” is low: change it soon.`,
    fr: (name) => `La pile de « ${name} » est faible : changez-la bientôt.`,
  },
};

export function happeningText(
  { step, detail }: Happening,
  language: Language,
): { text: string; tone: Tone } | undefined {
  const text = step === "order-refused" ? orderRefused(detail, language) : TEXTS[step]?.[language](detail);
  return text === undefined ? undefined : { text, tone: "bad" };
}

const REFUSED: Readonly<Record<Language, string>> = {
  en: "The lock refuses what you ordered.",
  fr: "La serrure refuse votre ordre.",
};

/** The detail is the lock's code, and its words in English. */
function orderRefused(detail: string, language: Language): string {
  const [, code = "", message = detail] = /^([a-z-]+): (.*)$/s.exec(detail) ?? [];
  // A lock of a later version may name a code that is not known here.
  return `${REFUSED[language]} ${errorText(new SegmentError(code as ErrorCode, message), language)}`;
}
