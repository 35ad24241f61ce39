/** One lock: state, what may be done, its keys, and what its owner can do with it. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { lockOf } from "../../../devices/keyring/find.ts";
import type { KnownLock } from "../../../devices/keyring/state.ts";
import type { AppContext } from "../app-context.ts";
import { waysTo } from "../doors.ts";
import type { Texts } from "../language.ts";
import { Confirm, Field, Form, Icon, Note, Row } from "../ui.tsx";
import { DOOR_WORDS } from "./door-words.ts";
import { DoorButtons, Facts, Heard, LookButton, StandingChips, useLiveState } from "./door.tsx";
import { KeyLists } from "./keys.tsx";
import { Lets } from "./lets.tsx";
import { StayCard } from "./stay.tsx";
import { stayHere } from "./stay-shown.ts";

interface Words {
  gone: string;
  state: string;
  way: string;
  near: string;
  far: string;
  noWay: string;
  network: string;
  noNetwork: string;
  id: string;
  keys: string;
  makeKey: string;
  log: string;
  logDetail: string;
  owners: string;
  ownersDetail: string;
  name: string;
  rename: string;
  renamed: string;
  forget: string;
  forgetOwned: string;
  forgetGuest: string;
  forgotten(name: string): string;
}

const WORDS: Texts<Words> = {
  en: {
    gone: "This phone does not know that lock.",
    state: "State",
    way: "Reached",
    near: "over Bluetooth",
    far: "over the network",
    noWay: "not now",
    network: "Network",
    noNetwork: "none",
    id: "Identity",
    keys: "Guest keys",
    makeKey: "Make a guest key",
    log: "Log",
    logDetail: "Who opened when, by which key",
    owners: "Owners",
    ownersDetail: "Add, remove, hand over",
    name: "Name on this phone",
    rename: "Rename",
    renamed: "Renamed.",
    forget: "Forget this lock",
    forgetOwned:
      "This phone forgets the lock and the keys that it gave. At the lock nothing changes: it still has this phone as its owner, and other phones of yours can remove it.",
    forgetGuest: "This phone forgets the lock and its keys. You need a new link to come back.",
    forgotten: (name) => `“${name}” is forgotten.`,
  },
  fr: {
    gone: "Ce téléphone ne connaît pas cette serrure.",
    state: "État",
    way: "Atteinte",
    near: "en Bluetooth",
    far: "par le réseau",
    noWay: "pas maintenant",
    network: "Réseau",
    noNetwork: "aucun",
    id: "Identité",
    keys: "Clés d’invités",
    makeKey: "Faire une clé d’invité",
    log: "Journal",
    logDetail: "Qui a ouvert quand, par quelle clé",
    owners: "Propriétaires",
    ownersDetail: "Ajouter, retirer, transmettre",
    name: "Nom sur ce téléphone",
    rename: "Renommer",
    renamed: "Renommée.",
    forget: "Oublier cette serrure",
    forgetOwned:
      "Ce téléphone oublie la serrure et les clés qu’il a données. À la serrure rien ne change : ce téléphone en reste propriétaire, et vos autres téléphones peuvent le retirer.",
    forgetGuest: "Ce téléphone oublie la serrure et ses clés. Il faudra un nouveau lien pour revenir.",
    forgotten: (name) => `« ${name} » est oubliée.`,
  },
};

export function LockScreen(context: AppContext): VNode {
  const lock = lockOf(context.keyring, context.route.params["id"] ?? "");
  const words = WORDS[context.language];
  return lock === undefined ? <Note tone="warn">{words.gone}</Note> : <Known lock={lock} context={context} />;
}

function Known({ lock, context }: { lock: KnownLock; context: AppContext }): VNode {
  const words = WORDS[context.language];
  useLiveState(context, [lock]);
  const [way] = waysTo(context.runtime, lock);
  const reached = way === "near" ? words.near : way === "far" ? words.far : words.noWay;
  const door = DOOR_WORDS[context.language];
  const stay = lock.isOwned ? undefined : stayHere(context.keyring, lock.id);
  return (
    <div class="stack wide">
      <section class="card">
        <h2>{lock.name}</h2>
        <div class="line">
          <StandingChips lock={lock} context={context} />
          <Heard lock={lock} context={context} />
        </div>
        {lock.standing?.isTimeKnown === false && <Note tone="warn">{door.clockUnknown}</Note>}
        {stay !== undefined && <StayCard stay={stay} context={context} />}
        <DoorButtons lock={lock} context={context} />
        <LookButton lock={lock} context={context} />
      </section>
      {lock.isOwned && (
        <ul class="list">
          <li>
            <Row to={`/locks/${lock.id}/log`} icon="log" title={words.log} detail={words.logDetail} />
          </li>
          <li>
            <Row
              to={`/locks/${lock.id}/owners`}
              icon="key"
              title={words.owners}
              detail={words.ownersDetail}
            />
          </li>
        </ul>
      )}
      {lock.isOwned && <Lets lock={lock} context={context} />}
      <section class="stack">
        <h2>{words.keys}</h2>
        <KeyLists context={context} lock={lock.id} />
        {lock.isOwned && (
          <a class="button primary" href={`#/keys/make?lock=${lock.id}`}>
            <Icon name="add" />
            {words.makeKey}
          </a>
        )}
      </section>
      <section class="card">
        <Facts
          rows={[
            [words.way, reached],
            [words.network, lock.network ?? words.noNetwork],
            [words.id, <span class="mono">{lock.id}</span>],
          ]}
        />
      </section>
      <Changes lock={lock} context={context} />
    </div>
  );
}

function Changes({ lock, context }: { lock: KnownLock; context: AppContext }): VNode {
  const words = WORDS[context.language];
  const [name, setName] = useState(lock.name);
  const rename = async (): Promise<void> => {
    await context.runtime.run("rename", { lock: lock.id, name: name.trim() });
    context.say(words.renamed);
  };
  const forget = async (): Promise<void> => {
    await context.runtime.run("forget", { lock: lock.id });
    context.say(words.forgotten(lock.name));
    context.go("/locks");
  };
  return (
    <section class="stack wide">
      <Form
        context={context}
        submit={words.rename}
        act={rename}
        disabled={name.trim() === "" || name.trim() === lock.name}
      >
        <Field label={words.name} max={64} value={name} change={setName} />
      </Form>
      <Confirm
        context={context}
        label={words.forget}
        question={lock.isOwned ? words.forgetOwned : words.forgetGuest}
        yes={words.forget}
        act={forget}
      />
    </section>
  );
}
