/** What the parts of a contract's page have in common. */
import type { VNode } from "preact";
import type { TextFormat } from "../../../protocols/contract/text.ts";
import { errorCode } from "../../../protocols/errors.ts";
import type { AppContext } from "../app-context.ts";
import type { Deal } from "../money/dealings.ts";
import type { PhoneMoney } from "../money/phone-money.ts";
import { Sentences } from "../ui.tsx";

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
