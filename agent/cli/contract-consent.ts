/** What a person reads before this agent signs, and the question. */
import { createInterface } from "node:readline/promises";
import type { Home } from "../node/home.ts";
import { costOf } from "../../protocols/contract/negotiation-next.ts";
import type { Negotiation } from "../../protocols/contract/negotiation-state.ts";
import type { Terms } from "../../protocols/contract/terms.ts";
import { describeTerms, roleName } from "../../protocols/contract/text.ts";
import type { TextFormat, TextLanguage } from "../../protocols/contract/text.ts";
import { SegmentError } from "../../protocols/errors.ts";
import type { Card } from "../../protocols/identity/card.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { personText } from "./contract-home.ts";
import type { ContractFlags } from "./contract-home.ts";
import { CONTRACT_WORDS } from "./contract-words.ts";
import { paragraph, terminalWidth } from "./layout.ts";
import { optionInvalid } from "./options.ts";
import { say } from "./output.ts";
import { sentenceLines, termsLines } from "./terms-lines.ts";

export interface DecisionFlags extends ContractFlags {
  yes?: boolean;
  /** False with --no-deposit. */
  deposit: boolean;
}

export interface Deciding {
  terms: Terms;
  replaced: Negotiation | undefined;
  /** This agent's role. */
  own: string;
  home: Home;
  flags: DecisionFlags;
  format: TextFormat;
  language: TextLanguage;
  people: ReadonlyMap<string, Card>;
}

/** Shows what is to be signed and asks, unless --yes is given. Errors: option-invalid (not agreed). */
export async function agreeTo(deciding: Deciding): Promise<void> {
  const { terms, replaced, home, flags, format, language, people } = deciding;
  if (flags.yes === true && flags.json === true) return;
  const width = terminalWidth();
  if (replaced === undefined) for (const line of termsLines(terms, language, width, format)) say(line);
  else for (const line of differences(replaced.terms, terms, language, format, width)) say(line);
  say("");
  for (const { role, identity } of terms.parties) {
    const who = personText(people, home, agentId(identity));
    for (const line of paragraph(who, width, `${role.padEnd(8)} `)) say(line);
  }
  for (const line of costLines(deciding, width)) say(line);
  if (flags.yes === true) return;
  if (flags.json === true || !process.stdin.isTTY)
    throw optionInvalid("--yes", "your word that you have read this and sign", "nothing");
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await lines.question(CONTRACT_WORDS[language].question);
    if (!/^(y|yes|o|oui)$/i.test(answer.trim()))
      throw new SegmentError("option-invalid", "nothing was signed and nothing was sent");
  } finally {
    lines.close();
  }
}

/** What signing may take from the account. */
function costLines({ terms, own, flags, format, language }: Deciding, width: number): string[] {
  const words = CONTRACT_WORDS[language];
  const { deposits, mandates } = costOf(terms, own);
  const amounts = deposits.map(({ currency, maxMinor }) => format.amount(maxMinor, currency)).join(", ");
  const cost = deposits.length === 0 ? words.depositsNothing : words.deposits(amounts, flags.deposit);
  const lines = [
    `${words.signs(roleName(own, language))} ${cost}`,
    ...mandates.map(({ by, currency, capMinor, totalMinor }) => {
      const [cap, total] = [format.amount(capMinor, currency), format.amount(totalMinor, currency)];
      return words.mandate(roleName(by, language), cap, total);
    }),
  ];
  return lines.flatMap((line) => paragraph(line, width));
}

/** What a counter-offer takes out and puts in. */
function differences(
  before: Terms,
  after: Terms,
  language: TextLanguage,
  format: TextFormat,
  width: number,
): string[] {
  const words = CONTRACT_WORDS[language];
  const [old, fresh] = [before, after].map((terms) => describeTerms(terms, language, format));
  const gone = (old ?? []).filter((line) => fresh?.includes(line) === false);
  const come = (fresh ?? []).filter((line) => old?.includes(line) === false);
  if (gone.length + come.length === 0) return [words.same];
  const marked = (lines: string[], mark: string): string[] =>
    lines.flatMap((line) => sentenceLines([line.replace(/^- /, "")], width - 2).map((one) => mark + one));
  return [words.takenOut, ...marked(gone, "- "), words.putIn, ...marked(come, "+ ")];
}
