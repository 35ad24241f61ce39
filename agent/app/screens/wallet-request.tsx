/** A line and a code by which the owner asks for a payment. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { AppContext } from "../app-context.ts";
import type { PhoneMoney } from "../money/phone-money.ts";
import { moneyOf } from "../money/service.ts";
import { currencyLabel } from "../money/wallet-view.ts";
import { CopyButton, Field, Form, Note, QrCode } from "../ui.tsx";
import { NoNetwork } from "./wallet.tsx";
import { CurrencyField } from "./wallet-send.tsx";
import { WALLET_WORDS } from "./wallet-words.ts";

export function RequestScreen(context: AppContext): VNode {
  const money = moneyOf(context.runtime);
  if (money === undefined) return <NoNetwork context={context} />;
  return <Ask context={context} money={money} />;
}

function Ask({ context, money }: { context: AppContext; money: PhoneMoney }): VNode {
  const words = WALLET_WORDS[context.language];
  const { currencies } = money.wallet;
  const [amount, setAmount] = useState("");
  const [chosen, setChosen] = useState("");
  const [memo, setMemo] = useState("");
  const [days, setDays] = useState("");
  const [made, setMade] = useState<{ line: string; title: string }>();
  const currency = chosen === "" ? (currencies[0]?.id ?? "") : chosen;
  if (currencies.length === 0) return <Note>{words.noCurrency}</Note>;
  const make = async (): Promise<void> => {
    setMade(undefined);
    const line = await money.wallet.request(amount, currency, memo, days);
    const label = currencyLabel(money.wallet.currencyOf(currency), currencies);
    setMade({ line, title: words.requestFor(`${amount} ${label}`) });
  };
  return (
    <div class="stack wide">
      <Form context={context} submit={words.makeRequest} act={make} disabled={amount.trim() === ""}>
        <Field label={words.amount} value={amount} change={setAmount} inputMode="decimal" />
        <CurrencyField context={context} money={money} value={currency} change={setChosen} />
        <Field label={words.memo} hint={words.memoHint} value={memo} change={setMemo} />
        <Field label={words.days} hint={words.daysHint} value={days} change={setDays} inputMode="numeric" />
      </Form>
      {made !== undefined && (
        <section class="card stack" aria-live="polite">
          <h2>{made.title}</h2>
          <QrCode text={made.line} label={words.requestQr} />
          <p class="mono small">{made.line}</p>
          <CopyButton text={made.line} context={context} />
        </section>
      )}
    </div>
  );
}
