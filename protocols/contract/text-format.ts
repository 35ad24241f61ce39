/** How amounts and times are written in the languages that people read. */
import { formatAmount } from "../money/amounts.ts";
import { currencyCode, exponentOf } from "../money/currencies.ts";
import type { TimeMs } from "../ports.ts";
import { english } from "./words-en.ts";
import { french } from "./words-fr.ts";
import { formatTimeUtc } from "./words.ts";
import type { Words } from "./words.ts";

export type TextLanguage = "en" | "fr";

/** How amounts and times are written; an app may show local time and the names of community tokens. */
export interface TextFormat {
  amount(minor: bigint, currencyId: string): string;
  time(timeMs: TimeMs): string;
}

export const WORDS: Readonly<Record<TextLanguage, Words>> = { en: english, fr: french };

/**
 * "24.90 EUR" or "24,90 EUR", and times in UTC. `exponentOfCode` tells the decimals of community
 * tokens; without it they are shown in minor units.
 */
export function plainFormat(
  language: TextLanguage,
  exponentOfCode: (code: string) => number | undefined = exponentOf,
): TextFormat {
  const words = WORDS[language];
  return {
    amount: (minor, currencyId) => {
      const code = currencyCode(currencyId);
      return formatAmount(minor, exponentOfCode(code) ?? 0, code, words.decimalMark);
    },
    time: (timeMs) => formatTimeUtc(timeMs, words),
  };
}
