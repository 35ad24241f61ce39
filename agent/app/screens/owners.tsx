/** Who owns a lock, and what one owner may do about the others: add, remove, hand over. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { lockOf } from "../../../devices/keyring/find.ts";
import type { KnownLock } from "../../../devices/keyring/state.ts";
import { portableCrypto } from "../../../protocols/crypto/portable.ts";
import { parseCard } from "../../../protocols/access/owner-link.ts";
import { openCard } from "../../../protocols/identity/card.ts";
import { publicKeyFromId } from "../../../protocols/identity/keys.ts";
import type { AppContext } from "../app-context.ts";
import { look, waysTo } from "../doors.ts";
import type { Texts } from "../language.ts";
import { Button, Confirm, CopyButton, Field, Note, QrCode } from "../ui.tsx";
import { DOOR_WORDS } from "./door-words.ts";
import { Scanner } from "./scan.tsx";

interface Words {
  notYours: string;
  how: string;
  card: string;
  cardHint: string;
  whose(name: string): string;
  link: string;
  qr: string;
  add: string;
  addAsk(name: string): string;
  handOver: string;
  handOverAsk(name: string): string;
  remove: string;
  removeHow: string;
  id: string;
  removeAsk: string;
  done: string;
  waits: string;
  tell: string;
}

const WORDS: Texts<Words> = {
  en: {
    notYours: "Only an owner of the lock may do this.",
    how: "Another person becomes an owner by the card of his phone: it stands in his app under Settings, as a code and a line.",
    card: "Card of the other phone",
    cardHint: "It begins with segment:card:",
    whose: (name) => `The card of “${name}”`,
    link: "For that phone, and for no other: it takes this link in its app under “Take a key”.",
    qr: "QR code with the link for the new owner",
    add: "Add as an owner",
    addAsk: (name) => `“${name}” may then do all that you may, and remove you as well.`,
    handOver: "Hand the lock over",
    handOverAsk: (name) =>
      `“${name}” becomes the only owner. You and all guest keys lose the lock. This cannot be undone from here.`,
    remove: "Remove an owner",
    removeHow: "For a phone that was lost, or an owner who leaves.",
    id: "Identity of that phone",
    removeAsk: "That phone and the keys that it gave open nothing any more.",
    done: "The lock has heard it.",
    waits: "It waits until this phone meets the lock, or the network carries it.",
    tell: "Tell the lock now",
  },
  fr: {
    notYours: "Seul un propriétaire de la serrure peut le faire.",
    how: "Une autre personne devient propriétaire par la carte de son téléphone : elle est dans son app sous Réglages, en code et en ligne.",
    card: "Carte de l’autre téléphone",
    cardHint: "Elle commence par segment:card:",
    whose: (name) => `La carte de « ${name} »`,
    link: "Pour ce téléphone et aucun autre : il prend ce lien dans son app sous « Prendre une clé ».",
    qr: "Code QR avec le lien pour le nouveau propriétaire",
    add: "Ajouter comme propriétaire",
    addAsk: (name) => `« ${name} » pourra tout ce que vous pouvez, et vous retirer aussi.`,
    handOver: "Transmettre la serrure",
    handOverAsk: (name) =>
      `« ${name} » devient le seul propriétaire. Vous et toutes les clés d’invités perdez la serrure. C’est définitif d’ici.`,
    remove: "Retirer un propriétaire",
    removeHow: "Pour un téléphone perdu, ou un propriétaire qui part.",
    id: "Identité de ce téléphone",
    removeAsk: "Ce téléphone et les clés qu’il a données n’ouvrent plus rien.",
    done: "La serrure l’a appris.",
    waits: "Cela attend que ce téléphone rencontre la serrure, ou que le réseau le porte.",
    tell: "Le dire à la serrure maintenant",
  },
};

const HEARD_MS = 6_000;

type Order = (name: "add-owner" | "hand-over" | "remove-owner", what: object) => Promise<void>;

interface PartProps {
  context: AppContext;
  words: Words;
  order: Order;
}

export function OwnersScreen(context: AppContext): VNode {
  const words = WORDS[context.language];
  const lock = lockOf(context.keyring, context.route.params["id"] ?? "");
  if (lock?.isOwned !== true) return <Note tone="warn">{words.notYours}</Note>;
  const order: Order = async (name, what) => {
    const { runtime } = context;
    // A refusal is told by itself, and nothing may be said over it.
    let isRefused = false;
    const forget = runtime.onHappening(({ step }) => {
      if (step === "order-refused") isRefused = true;
    });
    try {
      await runtime.run(name, { lock: lock.id, ...what });
      const isThere = runtime.isReachable(lock.id) || runtime.agent.state.session?.lock === lock.id;
      const heard = isThere && (await runtime.ordersHeard(HEARD_MS));
      if (!isRefused) context.say(heard ? words.done : words.waits);
    } finally {
      forget();
    }
  };
  const link = context.runtime.ownerLinks.get(lock.id);
  const isWaiting = context.keyring.orders.some((one) => one.lock === lock.id);
  return (
    <div class="stack wide">
      {isWaiting && <Waiting context={context} words={words} lock={lock} />}
      <Add context={context} words={words} order={order} />
      {link !== undefined && (
        <section class="stack">
          <p>{words.link}</p>
          <QrCode text={link} label={words.qr} />
          <CopyButton context={context} text={link} />
        </section>
      )}
      <Remove context={context} words={words} order={order} />
    </div>
  );
}

function Waiting({ context, words, lock }: Omit<PartProps, "order"> & { lock: KnownLock }): VNode {
  const tell = async (): Promise<void> => {
    const doors = DOOR_WORDS[context.language];
    const [way] = waysTo(context.runtime, lock);
    if (way === undefined) return context.say(doors.noWay, "bad");
    if (!(await look(context.runtime, lock.id, way))) return context.say(doors.chosenNone, "bad");
    if (await context.runtime.ordersHeard(HEARD_MS)) context.say(words.done);
  };
  return (
    <Note tone="warn">
      <div class="stack">
        <p>{words.waits}</p>
        <Button context={context} look="primary" act={tell}>
          {words.tell}
        </Button>
      </div>
    </Note>
  );
}

function Add({ context, words, order }: PartProps): VNode {
  const [text, setText] = useState("");
  const shown = cardIn(text);
  return (
    <section class="stack">
      <p>{words.how}</p>
      <Scanner context={context} wants={(one) => cardIn(one) !== undefined} found={setText} />
      <Field isCode rows={3} label={words.card} hint={words.cardHint} value={text} change={setText} />
      {shown !== undefined && (
        <>
          <Note>{words.whose(shown.name)}</Note>
          <Confirm
            context={context}
            label={words.add}
            question={words.addAsk(shown.name)}
            yes={words.add}
            act={() => order("add-owner", { card: shown.bytes })}
          />
          <Confirm
            context={context}
            label={words.handOver}
            question={words.handOverAsk(shown.name)}
            yes={words.handOver}
            act={() => order("hand-over", { card: shown.bytes })}
          />
        </>
      )}
    </section>
  );
}

function Remove({ context, words, order }: PartProps): VNode {
  const [id, setId] = useState("");
  return (
    <section class="stack">
      <h2>{words.remove}</h2>
      <p class="soft">{words.removeHow}</p>
      <Field isCode label={words.id} max={80} value={id} change={setId} />
      {id.trim() !== "" && (
        <Confirm
          context={context}
          label={words.remove}
          question={words.removeAsk}
          yes={words.remove}
          act={() => order("remove-owner", { identity: publicKeyFromId(id.trim()) })}
        />
      )}
    </section>
  );
}

/** A card as it is shown in another phone's settings; undefined while it is none. */
function cardIn(text: string): { name: string; bytes: Uint8Array } | undefined {
  try {
    const bytes = parseCard(portableCrypto, text);
    return { name: openCard(portableCrypto, bytes).name, bytes };
  } catch {
    return undefined;
  }
}
