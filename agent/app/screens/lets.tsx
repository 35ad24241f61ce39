/** On the lock's page, for its host: who rented when, how it stands, and how a guest is refused. */
import type { VNode } from "preact";
import type { KnownLock } from "../../../devices/keyring/state.ts";
import { stayStanding } from "../../../protocols/access/log-words.ts";
import { MAY_OPEN, readStay } from "../../../protocols/access/stay.ts";
import { RENTAL_TEMPLATE } from "../../../protocols/contract/templates/rental.ts";
import { partyOf } from "../../../protocols/contract/terms.ts";
import { portableCrypto } from "../../../protocols/crypto/portable.ts";
import { plainText } from "../../../protocols/documents/html.ts";
import { shortId } from "../../../protocols/documents/money.ts";
import { agentId } from "../../../protocols/identity/keys.ts";
import { DAY_MS } from "../../../protocols/calendar.ts";
import type { AppContext } from "../app-context.ts";
import type { Language } from "../language.ts";
import { standingOf } from "../money/deal-view.ts";
import type { DealTone } from "../money/deal-view.ts";
import type { Deal } from "../money/dealings.ts";
import type { PhoneMoney } from "../money/phone-money.ts";
import { moneyOf } from "../money/service.ts";
import { shortTime } from "../times.ts";
import { Chip, Confirm, Icon, Note } from "../ui.tsx";
import { LET_WORDS } from "./let-words.ts";
import { Tariff } from "./tariff.tsx";
import { STAY_WORDS } from "./stay-words.ts";

interface Props {
  lock: KnownLock;
  context: AppContext;
}

/** Nothing where the phone is in no network. */
export function Lets({ lock, context }: Props): VNode | null {
  const { runtime, language } = context;
  const money = moneyOf(runtime);
  if (money === undefined) return null;
  const words = STAY_WORDS[language];
  const deals = rentalsOf(money, lock);
  return (
    <section class="stack">
      <h2>{words.staysHere}</h2>
      {deals.length === 0 && <p class="soft">{words.none}</p>}
      {deals.length > 0 && (
        <ul class="list">
          {deals.map((deal) => (
            <li key={deal.id}>
              <Rented deal={deal} money={money} lock={lock} context={context} />
            </li>
          ))}
        </ul>
      )}
      <a class="button" href={`#/locks/${lock.id}/let`}>
        <Icon name="door" />
        {LET_WORDS[language].let}
      </a>
      <Tariff context={context} money={money} lock={lock} />
    </section>
  );
}

/** What this phone lets as the host, but for what came to nothing; the latest arrival first. */
function rentalsOf(money: PhoneMoney, { id }: KnownLock): Deal[] {
  const isHere = ({ id: contract, one: { terms }, role, status }: Deal): boolean => {
    const lock = terms.template === RENTAL_TEMPLATE ? partyOf(terms, "lock") : undefined;
    const isNever = status === "closed" && money.dealings.stayPhase(contract) === undefined;
    const isDead = isNever || status === "replaced" || status === "declined" || status === "expired";
    return role === "host" && !isDead && lock !== undefined && agentId(lock.identity) === id;
  };
  const arrivalOf = (deal: Deal): number => readStay(portableCrypto, deal.one.termsBytes).arrivalMs;
  return money.dealings
    .list()
    .filter(isHere)
    .sort((one, other) => arrivalOf(other) - arrivalOf(one));
}

function Rented({ deal, money, lock, context }: Props & { deal: Deal; money: PhoneMoney }): VNode {
  const { language, runtime } = context;
  const words = STAY_WORDS[language];
  const { termsId, guest, arrivalMs, departureMs } = readStay(portableCrypto, deal.one.termsBytes);
  const id = agentId(guest.identity);
  const name = plainText(money.people.nameOf(id) ?? shortId(id));
  const { tone, text } = hostStanding(deal, money, language);
  const isRefused = runtime.store.get(REFUSED + deal.id) !== undefined;
  const isLive = deal.status === "agreed" || deal.status === "opened";
  const refuse = async (): Promise<void> => {
    await runtime.run("revoke-stay", { lock: lock.id, stay: termsId, untilMs: departureMs + REMEMBER_MS });
    await runtime.store.commit(new Map([[REFUSED + deal.id, new Uint8Array([1])]]));
    const isThere = runtime.isReachable(lock.id) || runtime.agent.state.session?.lock === lock.id;
    const heard = isThere && (await runtime.ordersHeard(HEARD_MS));
    context.say(heard ? words.refused : words.refusedWaits);
    runtime.changed();
  };
  return (
    <div class="stack rented">
      <a class="row" href={`#/contracts/${deal.id}`}>
        <Icon name="contract" />
        <span class="grow">
          {name}
          <span class="soft small detail">
            {shortTime(arrivalMs, language)} – {shortTime(departureMs, language)}
          </span>
          <Chip tone={tone}>{text}</Chip>
        </span>
        <Icon name="next" />
      </a>
      {isRefused && <Note tone="warn">{words.isRefused}</Note>}
      {isLive && !isRefused && runtime.machine.clock.now() < departureMs && (
        <Confirm
          context={context}
          label={words.refuse}
          question={words.refuseAsk}
          yes={words.refuseYes}
          act={refuse}
        />
      )}
    </div>
  );
}

/** By contract, in hex: those whose guests the owner has told the lock to refuse. */
const REFUSED = "refused-stay/";
/** After the departure a lock that knows its guest no more needs no reminder. */
const REMEMBER_MS = 30 * DAY_MS;
/** How long an order gets over the network before the person is told that it waits. */
const HEARD_MS = 6_000;

/** Before all have signed: whose turn it is; then what the notaries have certified of it. */
function hostStanding(deal: Deal, money: PhoneMoney, language: Language): { text: string; tone: DealTone } {
  const isOpen = deal.status === "opened" || deal.status === "closed";
  const phase = isOpen ? money.dealings.stayPhase(deal.id) : undefined;
  if (phase === undefined) return standingOf(deal, language);
  const isGood = phase === MAY_OPEN || phase === "stay";
  return { text: stayStanding(phase, language), tone: isGood ? "good" : "" };
}
