/** By which tariff the lock agrees with whoever walks up: a day's price, and the least that it takes. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { KnownLock } from "../../../devices/keyring/state.ts";
import { SegmentError } from "../../../protocols/errors.ts";
import { parseAmount } from "../../../protocols/money/amounts.ts";
import type { AppContext } from "../app-context.ts";
import type { Texts } from "../language.ts";
import type { PhoneMoney } from "../money/phone-money.ts";
import { Button, Field, Form } from "../ui.tsx";
import { CurrencyField } from "./wallet-send.tsx";

interface Words {
  title: string;
  how: string;
  asked: string;
  least: string;
  leastHint: string;
  set: string;
  stop: string;
  heard: string;
  waits: string;
}

const WORDS: Texts<Words> = {
  en: {
    title: "Guests who walk up",
    how: "With no network the lock itself agrees with a guest at the door, by this tariff, and is paid from a tab that the guest has opened for it.",
    asked: "Price of a day",
    least: "Least that it takes",
    leastHint: "The lock asks the price, and takes an offer that is not below this; empty: the price itself.",
    set: "Let the lock agree",
    stop: "No more walk-ups",
    heard: "The lock has heard it.",
    waits: "It waits until this phone meets the lock, or the network carries it.",
  },
  fr: {
    title: "Voyageurs sans réservation",
    how: "Sans réseau, la serrure s’accorde elle-même à la porte avec un voyageur, selon ce tarif, et est payée d’une ardoise que le voyageur a ouverte pour elle.",
    asked: "Prix d’une journée",
    least: "Au moins",
    leastHint:
      "La serrure demande le prix, et accepte une offre qui n’est pas au-dessous de ceci ; vide : le prix.",
    set: "Laisser la serrure s’accorder",
    stop: "Plus personne sans réservation",
    heard: "La serrure l’a appris.",
    waits: "Cela attend que ce téléphone rencontre la serrure, ou que le réseau le porte.",
  },
};

const HEARD_MS = 6_000;

interface Props {
  context: AppContext;
  money: PhoneMoney;
  lock: KnownLock;
}

export function Tariff({ context, money, lock }: Props): VNode | null {
  const { runtime, language } = context;
  const words = WORDS[language];
  const { currencies } = money.wallet;
  const [chosen, setChosen] = useState("");
  const [asked, setAsked] = useState("");
  const [least, setLeast] = useState("");
  const currency = currencies.find(({ id }) => id === chosen) ?? currencies[0];
  if (currency === undefined) return null;
  const order = async (tariff: object | null): Promise<void> => {
    await runtime.run("let", { lock: lock.id, tariff });
    const isThere = runtime.isReachable(lock.id) || runtime.agent.state.session?.lock === lock.id;
    context.say(isThere && (await runtime.ordersHeard(HEARD_MS)) ? words.heard : words.waits);
  };
  const set = (): Promise<void> => {
    const minorOf = (text: string): bigint => parseAmount(text.trim().replace(",", "."), currency.exponent);
    const askedMinor = minorOf(asked);
    const leastMinor = least.trim() === "" ? askedMinor : minorOf(least);
    if (leastMinor === 0n || leastMinor > askedMinor)
      throw new SegmentError("amount-invalid", "the least is above zero and not above the price");
    const amounts = { askedMinor: askedMinor.toString(), leastMinor: leastMinor.toString() };
    return order({ currency: currency.id, ...amounts });
  };
  return (
    <details>
      <summary>{words.title}</summary>
      <div class="stack wide more">
        <p class="soft small">{words.how}</p>
        <Form context={context} submit={words.set} act={set} disabled={asked.trim() === ""}>
          <CurrencyField context={context} money={money} value={currency.id} change={setChosen} />
          <Field label={words.asked} inputMode="decimal" max={20} value={asked} change={setAsked} />
          <Field
            label={words.least}
            hint={words.leastHint}
            inputMode="decimal"
            max={20}
            value={least}
            change={setLeast}
          />
        </Form>
        <Button context={context} act={() => order(null)}>
          {words.stop}
        </Button>
      </div>
    </details>
  );
}
