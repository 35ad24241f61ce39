/** Guest keys: those that this phone has given, and those that it holds. */
import type { VNode } from "preact";
import { lockOf } from "../../../devices/keyring/find.ts";
import type { AnyKey } from "../../../devices/keyring/given.ts";
import { toHex } from "../../../protocols/encoding/bytes.ts";
import type { AppContext } from "../app-context.ts";
import type { Texts } from "../language.ts";
import { Chip, Icon } from "../ui.tsx";
import { opened, standingOf } from "./key-shown.ts";
import { StayLine } from "./stay.tsx";
import { STAY_WORDS } from "./stay-words.ts";

interface Words {
  given: string;
  held: string;
  noneGiven: string;
  noneHeld: string;
  none: string;
  make: string;
  take: string;
  forWhom(name: string): string;
  unknownLock: string;
}

const WORDS: Texts<Words> = {
  en: {
    given: "Keys that you gave",
    held: "Keys that you hold",
    noneGiven: "You have given no key yet.",
    noneHeld: "Nobody has given you a key yet.",
    none: "No guest key yet.",
    make: "Make a guest key",
    take: "Take a key by its link",
    forWhom: (name) => `For ${name}`,
    unknownLock: "a lock that is forgotten",
  },
  fr: {
    given: "Clés que vous avez données",
    held: "Clés que vous tenez",
    noneGiven: "Vous n’avez donné aucune clé.",
    noneHeld: "Personne ne vous a donné de clé.",
    none: "Aucune clé d’invité.",
    make: "Faire une clé d’invité",
    take: "Prendre une clé par son lien",
    forWhom: (name) => `Pour ${name}`,
    unknownLock: "une serrure oubliée",
  },
};

export function KeysScreen(context: AppContext): VNode {
  const words = WORDS[context.language];
  const { given, held, locks, stays } = context.keyring;
  const nameOf = (lock: string): string => lockOf(context.keyring, lock)?.name ?? words.unknownLock;
  return (
    <div class="stack wide">
      {stays.length > 0 && (
        <section class="stack">
          <h2>{STAY_WORDS[context.language].stays}</h2>
          <ul class="list">
            {[...stays].reverse().map((stay) => (
              <li key={toHex(stay.termsId)}>
                <StayLine stay={stay} name={nameOf(stay.lock)} context={context} />
              </li>
            ))}
          </ul>
        </section>
      )}
      <section class="stack">
        <h2>{words.given}</h2>
        {given.length === 0 ? <p class="soft">{words.noneGiven}</p> : <List keys={given} context={context} />}
        {locks.some(({ isOwned }) => isOwned) && (
          <a class="button primary" href="#/keys/make">
            <Icon name="add" />
            {words.make}
          </a>
        )}
      </section>
      <section class="stack">
        <h2>{words.held}</h2>
        {held.length === 0 ? <p class="soft">{words.noneHeld}</p> : <List keys={held} context={context} />}
        <a class="button" href="#/keys/take">
          <Icon name="key" />
          {words.take}
        </a>
      </section>
    </div>
  );
}

/** Of one lock. */
export function KeyLists({ context, lock }: { context: AppContext; lock: string }): VNode {
  const { given, held } = context.keyring;
  const keys: AnyKey[] = [...given, ...held].filter((key) => key.lock === lock);
  if (keys.length === 0) return <p class="soft">{WORDS[context.language].none}</p>;
  return <List keys={keys} context={context} />;
}

function List({ keys, context }: { keys: readonly AnyKey[]; context: AppContext }): VNode {
  return (
    <ul class="list">
      {keys.map((key) => (
        <li key={`${"bytes" in key ? "given" : "held"} ${toHex(key.id)}`}>
          <Line one={key} context={context} />
        </li>
      ))}
    </ul>
  );
}

function Line({ one, context }: { one: AnyKey; context: AppContext }): VNode {
  const { keyring, language, runtime } = context;
  const words = WORDS[language];
  const lock = lockOf(keyring, one.lock)?.name ?? words.unknownLock;
  const { tone, text } = standingOf(keyring, one, runtime.machine.clock.now(), language);
  const isGiven = "bytes" in one;
  return (
    <a class="row" href={`#/keys/${toHex(one.id)}`}>
      <Icon name={isGiven ? "share" : "key"} />
      <span class="grow">
        {isGiven ? words.forWhom(opened(one).name) : lock}
        {isGiven && <span class="soft small detail">{lock}</span>}
        <Chip tone={tone}>{text}</Chip>
      </span>
      <Icon name="next" />
    </a>
  );
}
