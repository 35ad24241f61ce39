/** One offer or contract: what it says, how it can end, and the owner's word on it. */
import type { VNode } from "preact";
import type { Negotiation } from "../../../protocols/contract/negotiation-state.ts";
import { plainText } from "../../../protocols/documents/html.ts";
import { toHex } from "../../../protocols/encoding/bytes.ts";
import type { AppContext } from "../app-context.ts";
import {
  acceptedIn,
  counterChanges,
  dealFormat,
  differences,
  partyRows,
  standingOf,
  templateName,
} from "../money/deal-view.ts";
import { sharedParams } from "../../platform/offers.ts";
import type { PhoneMoney } from "../money/phone-money.ts";
import { moneyOf } from "../money/service.ts";
import { localFormat } from "../times.ts";
import { Chip, Icon, Note, Sentences } from "../ui.tsx";
import { Answer } from "./contracts-answer.tsx";
import { bare, dealOf, TermsAndEndings } from "./contracts-parts.tsx";
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
      {!isOpen && deal.status !== "closed" && <Changes {...props} />}
      <TermsAndEndings context={context} terms={deal.one.terms} format={format} />
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
  const accepted = acceptedIn(one, language, money.wallet.currencies).map(({ price }) => price);
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
      {status === "waits-for-you" && accepted.length > 0 && <p>{words.alsoAccepted(accepted.join(", "))}</p>}
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
  const lines = (
    <>
      {gone.length > 0 && <p>{words.gone}</p>}
      {gone.length > 0 && <Sentences lines={gone.map(bare)} />}
      {come.length > 0 && <p>{words.come}</p>}
      {come.length > 0 && <Sentences lines={come.map(bare)} />}
    </>
  );
  const [was, is] = [before.one, deal.one].map((one) => currencyOf(one, money)) as [string, string];
  const isLong = gone.length + come.length > MOST_CHANGES;
  return (
    <section class="card stack">
      <h2>{words.changed}</h2>
      {was !== is && (
        <p>
          {words.payIn}: {was} → <strong>{is}</strong>
        </p>
      )}
      {counterChanges(before.one, deal.one, context.language).map(({ label, from, to }) => (
        <p key={label}>
          {label}: {from} → <strong>{to}</strong>
        </p>
      ))}
      {isLong ? (
        <details>
          <summary>{words.sentences}</summary>
          <div class="stack">{lines}</div>
        </details>
      ) : (
        lines
      )}
    </section>
  );
}

/** In which it was made, by its code; "" where its maker did not say. */
function currencyOf(one: Pick<Negotiation, "params">, money: PhoneMoney): string {
  const { currency } = sharedParams(one);
  if (typeof currency !== "string") return "";
  return money.wallet.currencies.find(({ id }) => id === currency)?.code ?? currency;
}

/** More sentences than these are folded in. */
const MOST_CHANGES = 8;
