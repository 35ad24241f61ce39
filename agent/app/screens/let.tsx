/** A host lets the place behind a lock: what it asks, then the terms in sentences, then the signature. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { lockOf } from "../../../devices/keyring/find.ts";
import type { KnownLock } from "../../../devices/keyring/state.ts";
import { parseCard } from "../../../protocols/access/owner-link.ts";
import { portableCrypto } from "../../../protocols/crypto/portable.ts";
import { plainText } from "../../../protocols/documents/html.ts";
import { shortId } from "../../../protocols/documents/money.ts";
import { equalBytes } from "../../../protocols/encoding/bytes.ts";
import { errorCode, SegmentError } from "../../../protocols/errors.ts";
import { openCard } from "../../../protocols/identity/card.ts";
import { agentId } from "../../../protocols/identity/keys.ts";
import type { AppContext } from "../app-context.ts";
import { acceptedOf, freshLet, letParams } from "../let-form.ts";
import type { LetForm } from "../let-form.ts";
import { acceptedIn, dealFormat } from "../money/deal-view.ts";
import type { Draft } from "../money/dealings.ts";
import type { PhoneMoney } from "../money/phone-money.ts";
import { moneyOf, peopleOf } from "../money/service.ts";
import { currencyLabel } from "../money/wallet-view.ts";
import { localFormat, localZone } from "../times.ts";
import { Button, Confirm, Field, Form, Note, Select } from "../ui.tsx";
import { TermsAndEndings } from "./contracts-parts.tsx";
import { LET_WORDS } from "./let-words.ts";
import { Scanner } from "./scan.tsx";
import { NoNetwork } from "./wallet.tsx";
import { CurrencyField } from "./wallet-send.tsx";

interface Props {
  context: AppContext;
  money: PhoneMoney;
  lock: KnownLock;
}

export function LetScreen(context: AppContext): VNode {
  const { runtime, keyring, route } = context;
  const words = LET_WORDS[context.language];
  const money = moneyOf(runtime);
  const lock = lockOf(keyring, route.params["id"] ?? "");
  if (money === undefined) return <NoNetwork context={context} />;
  if (lock?.isOwned !== true) return <Note tone="warn">{words.notYours}</Note>;
  const card = runtime.agent.messenger.cardOf(lock.id);
  if (card === undefined) return <Note tone="warn">{words.notHeard}</Note>;
  if (!equalBytes(card.root, runtime.home.card.root)) return <Note tone="warn">{words.otherRoot}</Note>;
  if (money.wallet.currencies.length === 0) return <Note>{words.noCurrency}</Note>;
  return <Let context={context} money={money} lock={lock} />;
}

function Let({ context, money, lock }: Props): VNode {
  const { runtime, language } = context;
  const words = LET_WORDS[language];
  const { clock } = runtime.machine;
  const [form, setForm] = useState(() => ({
    ...freshLet(clock.now(), lock.name),
    currency: money.wallet.currencies[0]?.id ?? "",
  }));
  const [draft, setDraft] = useState<Draft>();
  const [wrong, setWrong] = useState<string>();
  if (draft !== undefined) {
    const back = (): void => setDraft(undefined);
    return <Read context={context} money={money} lock={lock} form={form} draft={draft} back={back} />;
  }
  const read = (): void => {
    setWrong(undefined);
    try {
      if (form.guest === "") throw new SegmentError("option-invalid", "no guest", { where: "guest" });
      const params = letParams(form, lock.id, localZone(), clock.now());
      setDraft(money.dealings.draft("rental", params, acceptedOf(form)));
      scrollTo(0, 0);
    } catch (error) {
      const { where = "" } = error instanceof SegmentError ? error : {};
      const told = Object.hasOwn(words.wrong, where) ? words.wrong[where] : undefined;
      if (told === undefined || errorCode(error) === "internal") throw error;
      setWrong(told);
    }
  };
  const set = (part: Partial<LetForm>): void => setForm({ ...form, ...part });
  return (
    <Form context={context} submit={words.read} icon="contract" act={read}>
      <Guest context={context} lock={lock} value={form.guest} change={(guest) => set({ guest })} />
      <Field
        label={words.place}
        hint={words.placeHint}
        max={120}
        value={form.place}
        change={(place) => set({ place })}
      />
      <Field label={words.address} max={240} value={form.address} change={(address) => set({ address })} />
      <Times form={form} set={set} words={words} />
      <CurrencyField
        context={context}
        money={money}
        value={form.currency}
        change={(currency) => set({ currency })}
      />
      <Amounts form={form} set={set} words={words} />
      <Others money={money} form={form} set={set} words={words} />
      <Field label={words.note} max={280} value={form.note} change={(note) => set({ note })} />
      {wrong !== undefined && (
        <div role="alert">
          <Note tone="bad">{wrong}</Note>
        </div>
      )}
    </Form>
  );
}

interface PartProps {
  form: LetForm;
  set: (part: Partial<LetForm>) => void;
  words: (typeof LET_WORDS)["en"];
}

function Times({ form, set, words }: PartProps): VNode {
  return (
    <>
      <Field
        label={words.arrival}
        type="datetime-local"
        value={form.arrival}
        change={(arrival) => set({ arrival })}
      />
      <Field
        label={words.departure}
        type="datetime-local"
        value={form.departure}
        change={(departure) => set({ departure })}
      />
      <Field
        label={words.cancelBy}
        hint={words.cancelByHint}
        type="datetime-local"
        value={form.cancelBy}
        change={(cancelBy) => set({ cancelBy })}
      />
    </>
  );
}

function Amounts({ form, set, words }: PartProps): VNode {
  const decimal = { inputMode: "decimal", max: 20 } as const;
  return (
    <>
      <Field {...decimal} label={words.price} value={form.price} change={(price) => set({ price })} />
      <Field
        {...decimal}
        label={words.deposit}
        hint={words.depositHint}
        value={form.deposit}
        change={(deposit) => set({ deposit })}
      />
      <Field
        {...decimal}
        label={words.cancelFee}
        value={form.cancelFee}
        change={(cancelFee) => set({ cancelFee })}
      />
    </>
  );
}

const NO_MONEY = { price: "", deposit: "", cancelFee: "" };

function Others({ money, form, set, words }: PartProps & { money: PhoneMoney }): VNode | null {
  const { currencies } = money.wallet;
  const others = currencies.filter(({ id }) => id !== form.currency);
  if (others.length === 0) return null;
  return (
    <details>
      <summary>{words.others}</summary>
      <div class="stack wide more">
        <p class="soft small">{words.othersHow}</p>
        {others.map((one) => {
          const code = currencyLabel(one, currencies);
          const amounts = form.others[one.id] ?? NO_MONEY;
          const change = (part: Partial<typeof NO_MONEY>): void =>
            set({ others: { ...form.others, [one.id]: { ...amounts, ...part } } });
          const fields = [
            ["price", words.priceIn(code)],
            ["deposit", words.depositIn(code)],
            ["cancelFee", words.cancelFeeIn(code)],
          ] as const;
          // What is asked in a currency that is not accepted would say nothing.
          return fields
            .filter(([name]) => name === "price" || amounts.price.trim() !== "")
            .map(([name, label]) => (
              <Field
                key={`${one.id} ${name}`}
                label={label}
                inputMode="decimal"
                max={20}
                value={amounts[name]}
                change={(text) => change({ [name]: text })}
              />
            ));
        })}
      </div>
    </details>
  );
}

interface GuestProps {
  context: AppContext;
  lock: KnownLock;
  value: string;
  change: (id: string) => void;
}

/** One of those whom the phone has met, or whose card is shown to it. */
function Guest({ context, lock, value, change }: GuestProps): VNode {
  const { runtime, language } = context;
  const words = LET_WORDS[language];
  const [text, setText] = useState("");
  const isOther = ([id]: [string, unknown]): boolean => id !== runtime.home.id && id !== lock.id;
  const people = [...peopleOf(runtime)]
    .filter(isOther)
    .filter(([, { kind }]) => kind === "phone")
    .sort(([, one], [, other]) => one.name.localeCompare(other.name))
    .map(([id, { name }]) => [id, `${plainText(name)} (${shortId(id)})`] as const);
  const shown = (line: string): void => {
    setText(line);
    const card = cardIn(line);
    if (card === undefined) return;
    runtime.meet(card);
    const { identity, name } = openCard(portableCrypto, card);
    change(agentId(identity));
    context.say(words.met(plainText(name)));
    setText("");
  };
  return (
    <>
      {people.length > 0 && (
        <Select
          label={words.guest}
          value={value}
          change={change}
          options={[["", words.chooseGuest] as const, ...people]}
        />
      )}
      <details open={people.length === 0}>
        <summary>{words.byCard}</summary>
        <div class="stack wide more">
          {people.length === 0 && <p>{words.noGuest}</p>}
          <p class="soft small">{words.byCardHow}</p>
          <Scanner context={context} wants={(one) => cardIn(one) !== undefined} found={shown} />
          <Field isCode rows={3} label={words.card} hint={words.cardHint} value={text} change={shown} />
        </div>
      </details>
    </>
  );
}

function cardIn(text: string): Uint8Array | undefined {
  try {
    return parseCard(portableCrypto, text);
  } catch (error) {
    if (error instanceof SegmentError) return undefined;
    throw error;
  }
}

/** What will be signed, and nothing else: the same terms that are read here. */
function Read(props: Props & { form: LetForm; draft: Draft; back: () => void }): VNode {
  const { context, money, lock, form, draft, back } = props;
  const { language } = context;
  const words = LET_WORDS[language];
  const format = dealFormat(language, money.wallet.currencies, localFormat(language).time);
  const guest = plainText(money.people.nameOf(form.guest) ?? shortId(form.guest));
  const accepted = acceptedIn({ params: draft.shared }, language, money.wallet.currencies)
    .map(({ price }) => price)
    .join(", ");
  const send = async (): Promise<void> => {
    await money.dealings.propose(draft, form.note.trim());
    context.say(words.sent, "good");
    context.go(`/locks/${lock.id}`);
  };
  return (
    <div class="stack wide">
      <section class="card stack">
        <h2>{words.offerTo(guest)}</h2>
        <p class="soft small">{words.signBy(format.time(draft.terms.offerExpires))}</p>
        {accepted !== "" && <p>{words.alsoIn(accepted)}</p>}
        {form.note.trim() !== "" && <p>“{form.note.trim()}”</p>}
      </section>
      <TermsAndEndings context={context} terms={draft.terms} format={format} />
      <Confirm
        context={context}
        label={words.sign}
        question={words.signAsk(guest)}
        yes={words.sign}
        act={send}
        look="primary"
        icon="contract"
      />
      <Button context={context} look="plain" icon="back" act={back}>
        {words.change}
      </Button>
    </div>
  );
}
