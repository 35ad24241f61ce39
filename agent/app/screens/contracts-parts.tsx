/** What the parts of a contract's page have in common. */
import type { VNode } from "preact";
import type { Terms } from "../../../protocols/contract/terms.ts";
import { byOutcome, describeTerms, endingsTable } from "../../../protocols/contract/text.ts";
import type { EndingRow, TextFormat } from "../../../protocols/contract/text.ts";
import { errorCode } from "../../../protocols/errors.ts";
import type { AppContext } from "../app-context.ts";
import type { Deal } from "../money/dealings.ts";
import type { PhoneMoney } from "../money/phone-money.ts";
import { Sentences } from "../ui.tsx";
import { CONTRACT_SCREEN_WORDS } from "./contracts-words.ts";
import type { ContractScreenWords } from "./contracts-words.ts";

/** What the parts of the page are given. */
export interface DealProps {
  context: AppContext;
  money: PhoneMoney;
  deal: Deal;
  format: TextFormat;
}

/** Undefined where this phone has none of that id. */
export function dealOf(money: PhoneMoney, id: string): Deal | undefined {
  try {
    return money.dealings.get(id);
  } catch (error) {
    if (errorCode(error) === "contract-unknown") return undefined;
    throw error;
  }
}

/** Cases of a step are set in by a dash. */
export function bare(line: string): string {
  return line.replace(/^- /, "");
}

/** Sentences as paragraphs; the cases of a step as a list below it. */
export function TermsSentences({ lines }: { lines: readonly string[] }): VNode {
  const groups: { line: string; cases: string[] }[] = [];
  for (const line of lines) {
    const last = groups.at(-1);
    if (line.startsWith("- ") && last !== undefined) last.cases.push(bare(line));
    else groups.push({ line: bare(line), cases: [] });
  }
  return (
    <>
      {groups.map(({ line, cases }) => (
        <div key={line}>
          <p>{line}</p>
          {cases.length > 0 && <Sentences lines={cases} />}
        </div>
      ))}
    </>
  );
}

/** What the terms say, and each way in which they can end. */
export function TermsAndEndings(props: {
  context: Pick<AppContext, "language">;
  terms: Terms;
  format: TextFormat;
}): VNode {
  const { terms, format } = props;
  const { language } = props.context;
  const words = CONTRACT_SCREEN_WORDS[language];
  return (
    <>
      <section class="card stack">
        <h2>{words.terms}</h2>
        <TermsSentences lines={describeTerms(terms, language, format)} />
      </section>
      <section class="card stack">
        <h2>{words.endings}</h2>
        <Endings rows={endingsTable(terms, language, format)} words={words} />
      </section>
    </>
  );
}

type Rows = readonly EndingRow[];

/** More rows than these are read by what comes of them, and the ways to each are folded in. */
const MOST_ROWS = 8;

function Endings({ rows, words }: { rows: Rows; words: ContractScreenWords }): VNode {
  if (rows.length > MOST_ROWS) return <Outcomes rows={rows} words={words} />;
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            {words.columns.map((title) => (
              <th key={title} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ ending, outcome, by }) => (
            <tr key={ending}>
              <td>{ending}</td>
              <td>
                {outcome}
                <span class="soft small detail">{words.by(by)}</span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Outcomes({ rows, words }: { rows: Rows; words: ContractScreenWords }): VNode {
  return (
    <ul class="list">
      {byOutcome(rows).map(({ outcome, ways }) => (
        <li key={outcome}>
          <div class="outcome">
            <strong>{outcome}</strong>
            <details>
              <summary>{words.ways(ways.length)}</summary>
              <ul class="sentences">
                {ways.map(({ ending, by }) => (
                  <li key={ending}>
                    {ending} <span class="soft small detail">{words.by(by)}</span>
                  </li>
                ))}
              </ul>
            </details>
          </div>
        </li>
      ))}
    </ul>
  );
}
