/** One offer or contract: what it says, how it can end, and the owner's word on it. */
import type { VNode } from "preact";
import { describeTerms, endingsTable } from "../../../protocols/contract/text.ts";
import { plainText } from "../../../protocols/documents/html.ts";
import { toHex } from "../../../protocols/encoding/bytes.ts";
import type { AppContext } from "../app-context.ts";
import { dealFormat, differences, partyRows, standingOf, templateName } from "../money/deal-view.ts";
import { moneyOf } from "../money/service.ts";
import { localFormat } from "../times.ts";
import { Chip, Icon, Note, Sentences } from "../ui.tsx";
import { Answer } from "./contracts-answer.tsx";
import { bare, dealOf, TermsSentences } from "./contracts-parts.tsx";
import type { DealProps } from "./contracts-parts.tsx";
import { Standing } from "./contracts-standing.tsx";
import { CONTRACT_SCREEN_WORDS } from "./contracts-words.ts";
import { NoNetwork } from "./wallet.tsx";

export function ContractScreen(context: AppContext): VNode {
  const { language, runtime, route } = context;
  const words = CONTRACT_SCREEN_WORDS[language];
  const money = moneyOf(runtime);
  if (money === undefined) return <NoNetwork context={context} />;
  const deal = dealOf(money, route.params["id"] ?? "");
  if (deal === undefined) return <Note tone="warn">{words.unknown}</Note>;
  const local = localFormat(language);
  const format = dealFormat(language, money.wallet.currencies, (timeMs) => local.time(timeMs));
  const props = { context, money, deal, format };
  const isOpen = deal.status === "opened";
  return (
    <div class="stack wide" key={deal.id}>
      <Head {...props} />
      {isOpen && <Standing {...props} />}
      <Changes {...props} />
      <Says {...props} />
      {!isOpen && <Answer {...props} />}
    </div>
  );
}

function Head({ context, money, deal, format }: DealProps): VNode {
  const { language, runtime } = context;
  const words = CONTRACT_SCREEN_WORDS[language];
  const { one, status, progress } = deal;
  const nameOf = (id: string): string | undefined => money.people.nameOf(id);
  const rows = partyRows(one, runtime.home.id, language, nameOf);
  const { text, tone } = standingOf(deal, language);
  const waits = status === "waits-for-you" || status === "waits-for-others";
  const whoOf = (id: string): string => rows.find((row) => row.id === id)?.who ?? id;
  return (
    <section class="card stack">
      <div class="head">
        <h2>{templateName(one.terms.template, language)}</h2>
        <Chip tone={tone}>{text}</Chip>
      </div>
      <dl class="facts">
        {rows.map(({ role, who, id }) => (
          <>
            <dt>{role}</dt>
            <dd>
              {who} {one.signatures.has(id) && <span class="soft small">({words.hasSigned})</span>}
            </dd>
          </>
        ))}
      </dl>
      {one.note !== "" && <p>{words.says(plainText(one.note))}</p>}
      {[...one.declines].map(([by, { text: reason }]) => (
        <Note tone="bad" key={by}>
          {words.declinedBy(whoOf(by), plainText(reason))}
        </Note>
      ))}
      {waits && <p class="soft small">{words.offerUntil(format.time(one.terms.offerExpires))}</p>}
      {status !== "opened" && progress !== undefined && (
        <p class="soft small">{words.lastKnown(progress.label, format.time(progress.timeMs))}</p>
      )}
      {money.tracks.planOf(one) !== undefined && (
        <a class="button" href={`#/contracts/${deal.id}/track`}>
          <Icon name="drone" />
          {words.track}
        </a>
      )}
    </section>
  );
}

/** What a counter-offer changes of the version that it replaces. */
function Changes({ context, money, deal, format }: DealProps): VNode | null {
  const words = CONTRACT_SCREEN_WORDS[context.language];
  const { replaces, terms } = deal.one;
  const before = replaces === null ? undefined : dealOf(money, toHex(replaces));
  if (before === undefined) return null;
  const { gone, come } = differences(before.one.terms, terms, context.language, format);
  if (gone.length + come.length === 0) return null;
  return (
    <section class="card stack">
      <h2>{words.changed}</h2>
      {gone.length > 0 && <p>{words.gone}</p>}
      {gone.length > 0 && <Sentences lines={gone.map(bare)} />}
      {come.length > 0 && <p>{words.come}</p>}
      {come.length > 0 && <Sentences lines={come.map(bare)} />}
    </section>
  );
}

function Says({ context, deal, format }: DealProps): VNode {
  const { language } = context;
  const words = CONTRACT_SCREEN_WORDS[language];
  const { terms } = deal.one;
  return (
    <>
      <section class="card stack">
        <h2>{words.terms}</h2>
        <TermsSentences lines={describeTerms(terms, language, format)} />
      </section>
      <section class="card stack">
        <h2>{words.endings}</h2>
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
              {endingsTable(terms, language, format).map(({ ending, outcome, by }) => (
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
      </section>
    </>
  );
}
