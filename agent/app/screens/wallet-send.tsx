/** A payment, by a request or by hand; it is said in words before it is made. */
import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import { plainText } from "../../../protocols/documents/html.ts";
import { shortId } from "../../../protocols/documents/money.ts";
import { toHex } from "../../../protocols/encoding/bytes.ts";
import { agentId } from "../../../protocols/identity/keys.ts";
import type { AppContext } from "../app-context.ts";
import { errorText } from "../error-words.ts";
import type { PhoneMoney } from "../money/phone-money.ts";
import { moneyOf } from "../money/service.ts";
import { currencyLabel, moneyFormat } from "../money/wallet-view.ts";
import type { Payment } from "../money/wallet.ts";
import { Button, Field, Form, Note, Select } from "../ui.tsx";
import { Scanner } from "./scan.tsx";
import { NoNetwork } from "./wallet.tsx";
import { WALLET_WORDS } from "./wallet-words.ts";

export function SendScreen(context: AppContext): VNode {
  const money = moneyOf(context.runtime);
  if (money === undefined) return <NoNetwork context={context} />;
  return <Send context={context} money={money} />;
}

interface Props {
  context: AppContext;
  money: PhoneMoney;
}

function Send({ context, money }: Props): VNode {
  const words = WALLET_WORDS[context.language];
  const given = context.route.query;
  const [payment, setPayment] = useState<Payment>();
  const [isByHand, setByHand] = useState(given.has("to"));
  if (payment !== undefined)
    return (
      <ConfirmPayment context={context} money={money} payment={payment} back={() => setPayment(undefined)} />
    );
  return (
    <div class="stack wide">
      {isByHand ? (
        <ByHand context={context} money={money} found={setPayment} />
      ) : (
        <ByRequest context={context} money={money} found={setPayment} />
      )}
      <Button context={context} look="plain" act={() => setByHand(!isByHand)}>
        {isByHand ? words.byRequest : words.byHand}
      </Button>
    </div>
  );
}

type FindProps = Props & { found: (payment: Payment) => void };

function ByRequest({ context, money, found }: FindProps): VNode {
  const words = WALLET_WORDS[context.language];
  const [line, setLine] = useState(context.route.query.get("request") ?? "");
  const read = async (text: string): Promise<void> => found(await money.wallet.requestedPayment(text));
  return (
    <>
      <Scanner
        context={context}
        wants={(text) => text.startsWith("segment:pay?")}
        found={(text) => {
          setLine(text);
          read(text).catch((error: unknown) => context.fail(error));
        }}
      />
      <Form context={context} submit={words.check} act={() => read(line)} disabled={line.trim() === ""}>
        <Field
          label={words.requestLine}
          hint={words.requestHint}
          value={line}
          change={setLine}
          rows={4}
          isCode
        />
      </Form>
    </>
  );
}

function ByHand({ context, money, found }: FindProps): VNode {
  const words = WALLET_WORDS[context.language];
  const { query } = context.route;
  const { currencies } = money.wallet;
  const [to, setTo] = useState(query.get("to") ?? "");
  const [amount, setAmount] = useState("");
  const [currency, setCurrency] = useState(currencies[0]?.id ?? "");
  const [memo, setMemo] = useState("");
  const [refusal, setRefusal] = useState<string>();
  useEffect(() => {
    if (currency === "" && currencies[0] !== undefined) setCurrency(currencies[0].id);
  }, [currencies, currency]);
  if (currencies.length === 0) return <Note>{words.noCurrency}</Note>;
  const check = async (): Promise<void> => {
    setRefusal(undefined);
    try {
      found(await money.wallet.typedPayment(to, amount, currency, memo));
    } catch (error) {
      setRefusal(errorText(error, context.language));
      context.fail(error);
    }
  };
  const isEmpty = to.trim() === "" || amount.trim() === "";
  return (
    <Form context={context} submit={words.check} act={check} disabled={isEmpty}>
      <Field label={words.to} hint={words.toHint} value={to} change={setTo} rows={2} isCode />
      <Field label={words.amount} value={amount} change={setAmount} inputMode="decimal" error={refusal} />
      <CurrencyField context={context} money={money} value={currency} change={setCurrency} />
      <Field label={words.memo} hint={words.memoHint} value={memo} change={setMemo} />
    </Form>
  );
}

/** One of those of the network; two of one code are told apart by their issuers. */
export function CurrencyField(props: Props & { value: string; change: (id: string) => void }): VNode {
  const { currencies } = props.money.wallet;
  const options = currencies.map((one) => [one.id, currencyLabel(one, currencies)] as const);
  const label = WALLET_WORDS[props.context.language].currency;
  return <Select label={label} value={props.value} change={props.change} options={options} />;
}

function ConfirmPayment({
  context,
  money,
  payment,
  back,
}: Props & { payment: Payment; back: () => void }): VNode {
  const { language } = context;
  const words = WALLET_WORDS[language];
  const account = agentId(payment.to);
  const name = money.people.nameOf(account);
  const whom = name === undefined ? shortId(account) : plainText(name);
  const { minor, currency, memo } = payment;
  const amount = moneyFormat(language, money.wallet.currencies).amount(minor, currency.id);
  const pay = async (): Promise<void> => {
    const { receipt } = await money.wallet.pay(payment);
    context.say(words.paid(amount, whom), "good");
    context.go(`/wallet/receipts/${toHex(receipt.entryId)}`);
  };
  return (
    <div class="stack wide">
      <section class="card stack">
        <p class="amount">{words.confirm(amount, whom)}</p>
        {memo !== "" && <p>{words.confirmMemo(plainText(memo))}</p>}
        <p class="soft small">{words.confirmAccount}</p>
        <p class="mono small">{account}</p>
        <p class="soft small">{words.irrevocable}</p>
      </section>
      <div class="buttons">
        <Button context={context} act={back}>
          {words.back}
        </Button>
        <Button context={context} look="primary" act={pay} disabled={!context.runtime.isConnected}>
          {words.payNow}
        </Button>
      </div>
    </div>
  );
}
