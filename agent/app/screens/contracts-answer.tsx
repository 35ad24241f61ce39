/** The owner's word on an offer: sign, offer other terms, decline. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { acceptedIn, costSentences, counterFields } from "../money/deal-view.ts";
import { sharedParams } from "../../platform/offers.ts";
import { Button, Check, Confirm, Field, Form, Note, Select, Sentences } from "../ui.tsx";
import type { DealProps } from "./contracts-parts.tsx";
import { CONTRACT_SCREEN_WORDS } from "./contracts-words.ts";

/** Nothing for what is over, and for what nothing can be said to any more. */
export function Answer(props: DealProps): VNode | null {
  const { status } = props.deal;
  const [isCountering, setCountering] = useState(false);
  if (status !== "waits-for-you" && status !== "waits-for-others") return null;
  if (isCountering) return <Counter {...props} back={() => setCountering(false)} />;
  return (
    <>
      {status === "waits-for-you" && <Sign {...props} />}
      <OtherTerms {...props} begin={() => setCountering(true)} />
      <Decline {...props} />
    </>
  );
}

function Sign({ context, money, deal, format }: DealProps): VNode {
  const { language } = context;
  const words = CONTRACT_SCREEN_WORDS[language];
  const [byItself, setByItself] = useState(true);
  const sign = async (): Promise<void> => {
    await money.dealings.sign(deal.id, byItself);
    context.say(words.signed, "good");
  };
  return (
    <section class="card stack">
      <h2>{words.sign}</h2>
      <Sentences lines={costSentences(deal.one.terms, deal.role, language, format, byItself)} />
      <Check label={words.byItself} checked={byItself} change={setByItself} />
      <Confirm
        context={context}
        label={words.sign}
        question={words.signQuestion}
        yes={words.signYes}
        act={sign}
        look="primary"
        icon="contract"
      />
    </section>
  );
}

function OtherTerms({ context, deal, begin }: DealProps & { begin: () => void }): VNode {
  const words = CONTRACT_SCREEN_WORDS[context.language];
  if (counterFields(deal.one, context.language).length === 0)
    return <p class="soft small">{words.cannotCounter}</p>;
  return (
    <Button context={context} act={begin}>
      {words.counter}
    </Button>
  );
}

interface PayInProps extends DealProps {
  changes: Readonly<Record<string, string>>;
  change: (changes: Readonly<Record<string, string>>) => void;
}

/** In which currency, where the maker accepts several: each with its own amounts. */
function PayIn({ context, money, deal, changes, change }: PayInProps): VNode | null {
  const { language } = context;
  const accepted = acceptedIn(deal.one, language, money.wallet.currencies);
  const { currency } = sharedParams(deal.one);
  if (accepted.length === 0 || typeof currency !== "string") return null;
  const own = money.wallet.currencies.find(({ id, code }) => id === currency || code === currency);
  const options = accepted.map(({ price, terms }) => [terms.currency, price] as const);
  const choose = (id: string): void => {
    const found = accepted.find(({ terms }) => terms.currency === id);
    change(found === undefined ? {} : { ...found.terms });
  };
  return (
    <Select
      label={CONTRACT_SCREEN_WORDS[language].payIn}
      value={changes["currency"] ?? currency}
      change={choose}
      options={[[currency, own?.code ?? currency] as const, ...options]}
    />
  );
}

function Counter(props: DealProps & { back: () => void }): VNode {
  const { context, money, deal, back } = props;
  const { language } = context;
  const words = CONTRACT_SCREEN_WORDS[language];
  const fields = counterFields(deal.one, language);
  const [changes, setChanges] = useState<Readonly<Record<string, string>>>({});
  const [note, setNote] = useState("");
  const isSame =
    changes["currency"] === undefined &&
    fields.every(({ name, value }) => (changes[name] ?? value) === value);
  const send = async (): Promise<void> => {
    const made = await money.dealings.counter(deal.id, changes, note);
    context.say(words.countered, "good");
    context.go(`/contracts/${made.id}`);
  };
  return (
    <section class="card stack">
      <h2>{words.counter}</h2>
      <p class="soft small">{words.counterHow}</p>
      <Form context={context} submit={words.counterSend} act={send} disabled={isSame}>
        <PayIn {...props} changes={changes} change={setChanges} />
        {fields.map(({ name, label, value }) => (
          <Field
            key={name}
            label={label}
            value={changes[name] ?? value}
            change={(typed) => setChanges({ ...changes, [name]: typed })}
          />
        ))}
        <Field label={words.counterNote} value={note} change={setNote} max={280} />
      </Form>
      <Button context={context} look="plain" icon="back" act={back}>
        {words.back}
      </Button>
    </section>
  );
}

function Decline({ context, money, deal }: DealProps): VNode {
  const words = CONTRACT_SCREEN_WORDS[context.language];
  const [reason, setReason] = useState("");
  const decline = async (): Promise<void> => {
    await money.dealings.decline(deal.id, reason);
    context.say(words.declined);
  };
  return (
    <section class="card stack">
      <h2>{words.decline}</h2>
      {deal.status === "waits-for-others" && <Note tone="warn">{words.hadSigned}</Note>}
      <Field label={words.reason} value={reason} change={setReason} max={280} />
      <Confirm
        context={context}
        label={words.decline}
        question={words.declineYes}
        yes={words.declineYes}
        act={decline}
        icon="close"
      />
    </section>
  );
}
