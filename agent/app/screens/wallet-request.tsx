/** A line and a code by which the owner asks for a payment. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { AppContext } from "../app-context.ts";
import type { PhoneMoney } from "../money/phone-money.ts";
import { moneyOf } from "../money/service.ts";
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
  const [line, setLine] = useState<string>();
  const currency = chosen === "" ? (currencies[0]?.id ?? "") : chosen;
  if (currencies.length === 0) return <Note>{words.noCurrency}</Note>;
  const make = async (): Promise<void> => {
    setLine(undefined);
    setLine(await money.wallet.request(amount, currency, memo, days));
  };
  return (
    <div class="stack wide">
      <Form context={context} submit={words.makeRequest} act={make} disabled={amount.trim() === ""}>
        <Field label={words.amount} value={amount} change={setAmount} inputMode="decimal" />
        <CurrencyField context={context} money={money} value={currency} change={setChosen} />
        <Field label={words.memo} hint={words.memoHint} value={memo} change={setMemo} />
        <Field label={words.days} hint={words.daysHint} value={days} change={setDays} inputMode="numeric" />
      </Form>
      {line !== undefined && (
        <section class="card stack" aria-live="polite">
          <h2>{words.requestFor(`${amount} ${money.wallet.currencyOf(currency).code}`)}</h2>
          <QrCode text={line} label={words.requestQr} />
          <p class="mono small">{line}</p>
          <CopyButton text={line} context={context} />
        </section>
      )}
    </div>
  );
}
