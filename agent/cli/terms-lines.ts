/** Terms on a terminal: the sentences, then every way they can end as a table. */
import {
  byOutcome,
  describeTerms,
  endingsTable,
  plainFormat,
  type EndingRow,
  type TextFormat,
  type TextLanguage,
} from "../../protocols/contract/text.ts";
import type { Terms } from "../../protocols/contract/terms.ts";
import { paragraph, table } from "./layout.ts";

const TITLES: Readonly<Record<TextLanguage, [string, string, string]>> = {
  en: ["How it can end", "What each then has", "By"],
  fr: ["Comment cela peut finir", "Ce que chacun a alors", "Au plus tard"],
};

/** More endings than these are read by what comes of them. */
const MOST_ROWS = 12;
const BY: Readonly<Record<TextLanguage, (time: string) => string>> = {
  en: (time) => `(by ${time})`,
  fr: (time) => `(au plus tard ${time})`,
};

export function termsLines(
  terms: Terms,
  language: TextLanguage,
  width: number,
  format: TextFormat = plainFormat(language),
): string[] {
  const sentences = sentenceLines(describeTerms(terms, language, format), width);
  const endings = endingsTable(terms, language, format);
  if (endings.length > MOST_ROWS) return [...sentences, "", ...outcomeLines(endings, language, width)];
  const rows = endings.map(({ ending, outcome, by }) => [ending, outcome, by]);
  return [...sentences, "", ...table([TITLES[language], ...rows], [5, 5, 3], width)];
}

function outcomeLines(endings: readonly EndingRow[], language: TextLanguage, width: number): string[] {
  const lines = byOutcome(endings).flatMap(({ outcome, ways }) => {
    const told = ways.map(({ ending, by }) => `- ${ending} ${BY[language](by)}`);
    return ["", ...sentenceLines([outcome, ...told], width)];
  });
  return [`${TITLES[language][0]}:`, ...lines];
}

/** Sentences below one another; the cases of a step are set in. */
export function sentenceLines(sentences: readonly string[], width: number): string[] {
  return sentences.flatMap((sentence) => {
    const isCase = sentence.startsWith("- ");
    return paragraph(isCase ? sentence.slice(2) : sentence, width, isCase ? "  - " : "");
  });
}
