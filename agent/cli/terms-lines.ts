/** Terms on a terminal: the sentences, then every way they can end as a table. */
import {
  describeTerms,
  endingsTable,
  plainFormat,
  type TextFormat,
  type TextLanguage,
} from "../../protocols/contract/text.ts";
import type { Terms } from "../../protocols/contract/terms.ts";
import { paragraph, table } from "./layout.ts";

const TITLES: Readonly<Record<TextLanguage, [string, string, string]>> = {
  en: ["How it can end", "What each then has", "By"],
  fr: ["Comment cela peut finir", "Ce que chacun a alors", "Au plus tard"],
};

export function termsLines(
  terms: Terms,
  language: TextLanguage,
  width: number,
  format: TextFormat = plainFormat(language),
): string[] {
  const sentences = sentenceLines(describeTerms(terms, language, format), width);
  const rows = endingsTable(terms, language, format).map(({ ending, outcome, by }) => [ending, outcome, by]);
  return [...sentences, "", ...table([TITLES[language], ...rows], [5, 5, 3], width)];
}

/** Sentences below one another; the cases of a step are set in. */
export function sentenceLines(sentences: readonly string[], width: number): string[] {
  return sentences.flatMap((sentence) => {
    const isCase = sentence.startsWith("- ");
    return paragraph(isCase ? sentence.slice(2) : sentence, width, isCase ? "  - " : "");
  });
}
