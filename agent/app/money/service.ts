/** The phone's money beside its keys: from unlocking to locking, whatever screen is shown. */
import { StayTaker, tellStays } from "../../platform/rented-stays.ts";
import type { PhoneRuntime } from "../../browser/phone-runtime.ts";
import type { Card } from "../../../protocols/identity/card.ts";
import { PhoneMoney } from "./phone-money.ts";

const CONTACT = "contact/";

const opened = new WeakMap<PhoneRuntime, PhoneMoney>();

/** Undefined where the phone is in no network, which is where money and contracts are. */
export function moneyOf(runtime: PhoneRuntime): PhoneMoney | undefined {
  const { home, machine, network, bus, agent, store } = runtime;
  const known = opened.get(runtime);
  if (known !== undefined || network === undefined) return known;
  const { crypto, random, linkClock, failed } = machine;
  const { messenger, time } = agent;
  const money = new PhoneMoney({
    ...{ crypto, random, linkClock, failed, network, bus, messenger, store, clock: time.clock },
    ...{ keys: home.keys, card: home.card, changed: () => runtime.changed() },
    people: () => peopleOf(runtime),
  });
  opened.set(runtime, money);
  runtime.onClose(() => money.close());
  money.start();
  takeStays(runtime, money);
  return money;
}

/** What the phone's owner has rented opens the lock: the keyring gets it, once its contract is open. */
function takeStays(runtime: PhoneRuntime, money: PhoneMoney): void {
  const { agent, home, machine } = runtime;
  const taker = new StayTaker({
    ...{ crypto: machine.crypto, clock: agent.time.clock, self: home.id, negotiator: money.negotiator },
    cardOf: (id) => agent.messenger.cardOf(id)?.bytes,
  });
  const told = new Map<string, number>();
  const look = (): void => {
    taker.look(agent);
    tellStays(agent, (termsId, seq) => money.dealings.receiptAfter(termsId, seq), told);
  };
  look();
  runtime.onChanged(look);
}

/** Those whom the phone has met, and itself. */
export function peopleOf({ home, agent, store }: PhoneRuntime): Map<string, Card> {
  const people = new Map<string, Card>([[home.id, home.card]]);
  for (const key of store.keys(CONTACT)) {
    const id = key.slice(CONTACT.length);
    const card = agent.messenger.cardOf(id);
    if (card !== undefined) people.set(id, card);
  }
  return people;
}
