/** Offers and contracts: what waits for the owner first. */
import type { VNode } from "preact";
import { plainText } from "../../../protocols/documents/html.ts";
import type { AppContext } from "../app-context.ts";
import { isDataRequest, partyRows, standingOf, templateName } from "../money/deal-view.ts";
import type { Deal } from "../money/dealings.ts";
import type { PhoneMoney } from "../money/phone-money.ts";
import { moneyOf } from "../money/service.ts";
import { Chip, Icon } from "../ui.tsx";
import { CONTRACT_SCREEN_WORDS } from "./contracts-words.ts";
import { NoNetwork } from "./wallet.tsx";

export function ContractsScreen(context: AppContext): VNode {
  const money = moneyOf(context.runtime);
  if (money === undefined) return <NoNetwork context={context} />;
  const words = CONTRACT_SCREEN_WORDS[context.language];
  const deals = money.dealings.list();
  const isLive = ({ status }: Deal): boolean =>
    !["closed", "replaced", "declined", "expired"].includes(status);
  const data = deals.filter((deal) => isLive(deal) && isDataRequest(deal));
  const rest = deals.filter((deal) => !data.includes(deal));
  const parts: [string, Deal[]][] = [
    [words.yours, rest.filter(({ status }) => status === "waits-for-you")],
    [words.open, rest.filter(({ status }) => status === "opened" || status === "agreed")],
    [words.others, rest.filter(({ status }) => status === "waits-for-others")],
    [words.ended, rest.filter((deal) => !isLive(deal))],
  ];
  return (
    <div class="stack wide">
      {deals.length === 0 && <p class="soft">{words.none}</p>}
      {data.length > 0 && (
        <section class="stack">
          <h2>{words.data}</h2>
          <p class="soft small">{words.dataHow}</p>
          <Deals deals={data} context={context} money={money} />
        </section>
      )}
      {parts.map(
        ([title, those]) =>
          those.length > 0 && (
            <section class="stack" key={title}>
              <h2>{title}</h2>
              <Deals deals={those} context={context} money={money} />
            </section>
          ),
      )}
    </div>
  );
}

interface Props {
  deals: readonly Deal[];
  context: AppContext;
  money: PhoneMoney;
}

function Deals({ deals, context, money }: Props): VNode {
  return (
    <ul class="list">
      {deals.map((deal) => (
        <li key={deal.id}>
          <Line deal={deal} context={context} money={money} />
        </li>
      ))}
    </ul>
  );
}

function Line({ deal, context, money }: { deal: Deal; context: AppContext; money: PhoneMoney }): VNode {
  const { language, runtime } = context;
  const { text, tone } = standingOf(deal, language);
  const { one } = deal;
  const rows = partyRows(one, runtime.home.id, language, (id) => money.people.nameOf(id));
  const others = rows.filter(({ id }) => id !== runtime.home.id).map(({ who }) => who);
  const title = [templateName(one.terms.template, language), others.join(", ")].join(" · ");
  return (
    <a class="row" href={`#/contracts/${deal.id}`}>
      <Icon name={one.terms.template.startsWith("delivery/") ? "drone" : "contract"} />
      <span class="grow">
        {title}
        {one.note !== "" && <span class="soft small detail">{plainText(one.note)}</span>}
        <Chip tone={tone}>{text}</Chip>
      </span>
      <Icon name="next" />
    </a>
  );
}
