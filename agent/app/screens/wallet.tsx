/** The wallet: what the account holds, ways to pay and to be paid, and what has moved. */
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { movementRows, balanceRows } from "../money/wallet-view.ts";
import type { MovementRow } from "../money/wallet-view.ts";
import type { PhoneMoney } from "../money/phone-money.ts";
import { moneyOf } from "../money/service.ts";
import type { AppContext } from "../app-context.ts";
import { agoText, shortTime } from "../times.ts";
import { Button, CopyButton, Icon, Note } from "../ui.tsx";
import { WALLET_WORDS } from "./wallet-words.ts";

export function WalletScreen(context: AppContext): VNode {
  const money = moneyOf(context.runtime);
  const words = WALLET_WORDS[context.language];
  const { isConnected } = context.runtime;
  useEffect(() => {
    // A word that was lost on its way is found out when the person looks.
    if (isConnected) money?.wallet.refresh().catch(() => undefined);
  }, [money, isConnected]);
  if (money === undefined) return <NoNetwork context={context} />;
  return (
    <div class="stack wide">
      <Balances context={context} money={money} />
      <div class="buttons">
        <a class="button primary" href="#/wallet/send">
          <Icon name="share" />
          {words.pay}
        </a>
        <a class="button" href="#/wallet/request">
          <Icon name="add" />
          {words.ask}
        </a>
      </div>
      <section class="card stack">
        <h2>{words.account}</h2>
        <p class="mono">{money.wallet.account}</p>
        <p class="soft small">{words.accountHow}</p>
        <CopyButton text={money.wallet.account} context={context} />
      </section>
      <History context={context} money={money} />
    </div>
  );
}

/** In place of all that needs an account. */
export function NoNetwork({ context }: { context: AppContext }): VNode {
  return (
    <div class="stack">
      <Note>
        <p>{WALLET_WORDS[context.language].noNetwork}</p>
      </Note>
      <a class="button" href="#/settings/network">
        <Icon name="settings" />
        <span>{context.language === "fr" ? "Réseau" : "Network"}</span>
      </a>
    </div>
  );
}

function Balances({ context, money }: { context: AppContext; money: PhoneMoney }): VNode {
  const { language, runtime } = context;
  const words = WALLET_WORDS[language];
  const { statement } = money.wallet;
  const rows = statement === undefined ? [] : balanceRows(statement, language, money.wallet.currencies);
  const ago = (ms: number): string => agoText(Math.max(0, runtime.machine.clock.now() - ms), language);
  return (
    <section class="card stack">
      <h2>{words.balances}</h2>
      {statement !== undefined && rows.length === 0 && <p>{words.nothing}</p>}
      {rows.map(({ id, amount }) => (
        <p key={id} class="amount">
          {amount}
        </p>
      ))}
      <p class="soft small">
        {statement === undefined
          ? words.notAsked
          : words.said(statement.agreeing, statement.notaries, ago(statement.askedMs))}
        {!runtime.isConnected && ` ${words.offline}`}
      </p>
      <Button context={context} act={() => money.wallet.refresh()} disabled={!runtime.isConnected}>
        {words.refresh}
      </Button>
    </section>
  );
}

function History({ context, money }: { context: AppContext; money: PhoneMoney }): VNode {
  const { language } = context;
  const words = WALLET_WORDS[language];
  const { wallet, receipts, people } = money;
  const rows = movementRows(receipts.movements(), wallet.currencies, language, (id) => people.nameOf(id));
  const missing = wallet.missing ?? 0;
  return (
    <section class="stack">
      <h2>{words.history}</h2>
      {missing > 0 && <Note tone="warn">{words.missing(missing)}</Note>}
      {rows.length === 0 ? (
        <p class="soft">{words.noMovements}</p>
      ) : (
        <ul class="list">
          {rows.map((row) => (
            <li key={`${row.entryId} ${row.amount}`}>
              <Movement row={row} context={context} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Movement({ row, context }: { row: MovementRow; context: AppContext }): VNode {
  return (
    <a class="row" href={`#/wallet/receipts/${row.entryId}`}>
      <span class="grow">
        <strong>{row.amount}</strong>
        <span class="detail">{row.text}</span>
        <span class="soft small detail">
          {shortTime(row.timeMs, context.language)}
          {row.memo !== "" && ` · ${row.memo}`}
        </span>
      </span>
      <Icon name="next" />
    </a>
  );
}
