/** One guest key: what it allows, its link to share while it holds, and its end. */
import type { VNode } from "preact";
import { lockOf } from "../../../devices/keyring/find.ts";
import { workMsOf } from "../../../devices/keyring/given.ts";
import type { GivenKey, HeldKey } from "../../../devices/keyring/state.ts";
import { toHex } from "../../../protocols/encoding/bytes.ts";
import { GUEST_KEY_WORDS, workText } from "../../platform/key-words.ts";
import type { AppContext } from "../app-context.ts";
import { look, waysTo } from "../doors.ts";
import type { Texts } from "../language.ts";
import { Button, Chip, Confirm, CopyButton, Icon, Note, QrCode, Sentences } from "../ui.tsx";
import { DOOR_WORDS } from "./door-words.ts";
import { isWaiting, keyLink, opened, sentencesOf, sharedLink, shortId, standingOf } from "./key-shown.ts";

interface Words {
  gone: string;
  id: string;
  share: string;
  shareText(lock: string): string;
  qr: string;
  line: string;
  revoke: string;
  revokeAsk: string;
  revoked: string;
  tell: string;
  waits(how: string): string;
  passOn: string;
  confirmed: string;
}

const WORDS: Texts<Words> = {
  en: {
    gone: "This phone has no such key.",
    id: "Key",
    share: "Share the link",
    shareText: (lock) => `A key to “${lock}”`,
    qr: "QR code with the link of the key",
    line: "The key alone, for the command line",
    revoke: "Revoke this key",
    revokeAsk: "It opens nothing any more once the lock hears of it. This cannot be undone.",
    revoked: "Revoked: the lock has heard it.",
    tell: "Tell the lock now",
    waits: (how) => `Revoked. It waits until this phone meets the lock, or the network carries it; ${how}.`,
    passOn: "Pass it on, or a part of it",
    confirmed:
      "The guest’s phone asks this one now and then to confirm the key: open this app online now and then.",
  },
  fr: {
    gone: "Ce téléphone n’a pas cette clé.",
    id: "Clé",
    share: "Partager le lien",
    shareText: (lock) => `Une clé de « ${lock} »`,
    qr: "Code QR avec le lien de la clé",
    line: "La clé seule, pour la ligne de commande",
    revoke: "Révoquer cette clé",
    revokeAsk: "Elle n’ouvre plus rien dès que la serrure l’apprend. C’est définitif.",
    revoked: "Révoquée : la serrure l’a appris.",
    tell: "Le dire à la serrure maintenant",
    waits: (how) =>
      `Révoquée. Cela attend que ce téléphone rencontre la serrure, ou que le réseau le porte ; ${how}.`,
    passOn: "La transmettre, ou une partie",
    confirmed:
      "Le téléphone de l’invité demande parfois à celui-ci de confirmer la clé : ouvrez parfois cette app en ligne.",
  },
};

/** How long an order gets over the network before the person is told that it waits. */
const HEARD_MS = 6_000;

export function KeyScreen(context: AppContext): VNode {
  const id = context.route.params["id"];
  const isIt = (key: { id: Uint8Array }): boolean => toHex(key.id) === id;
  const given = context.keyring.given.find(isIt);
  const held = context.keyring.held.find(isIt);
  if (given !== undefined) return <Given one={given} context={context} />;
  if (held !== undefined) return <Held one={held} context={context} />;
  return <Note tone="warn">{WORDS[context.language].gone}</Note>;
}

function Given({ one, context }: { one: GivenKey; context: AppContext }): VNode {
  const words = WORDS[context.language];
  const link = one.isRevoked ? undefined : keyLink(context.keyring, one);
  const guest = GUEST_KEY_WORDS[context.language];
  const { refreshMs } = opened(one);
  return (
    <div class="stack wide">
      <About one={one} context={context} />
      {link !== undefined && <Link link={link} one={one} context={context} />}
      {!one.isRevoked && link === undefined && <Note tone="warn">{guest.noLink}</Note>}
      {isWaiting(context.keyring, one) && (
        <Button context={context} look="primary" act={() => tell(one, context)}>
          {words.tell}
        </Button>
      )}
      {!one.isRevoked && refreshMs !== null && <Note>{words.confirmed}</Note>}
      {!one.isRevoked && (
        <Confirm
          context={context}
          label={words.revoke}
          question={words.revokeAsk}
          yes={words.revoke}
          act={() => revoke(one, context)}
        />
      )}
    </div>
  );
}

function Held({ one, context }: { one: HeldKey; context: AppContext }): VNode {
  const guest = GUEST_KEY_WORDS[context.language];
  return (
    <div class="stack wide">
      <About one={one} context={context} />
      <Note tone={one.isClaimed ? "good" : "warn"}>{one.isClaimed ? guest.isBound : guest.isNotBound}</Note>
      {opened(one).depth > 0 && (
        <a class="button" href={`#/keys/make?of=${toHex(one.id)}`}>
          <Icon name="share" />
          {WORDS[context.language].passOn}
        </a>
      )}
    </div>
  );
}

function About({ one, context }: { one: GivenKey | HeldKey; context: AppContext }): VNode {
  const { keyring, language, runtime } = context;
  const words = WORDS[language];
  const { tone, text } = standingOf(keyring, one, runtime.machine.clock.now(), language);
  return (
    <section class="card">
      <h2>{lockOf(keyring, one.lock)?.name ?? one.lock}</h2>
      <div class="line">
        <Chip tone={tone}>{text}</Chip>
        <span class="soft small">
          {words.id} <span class="mono">{shortId(one)}</span>
        </span>
      </div>
      <Sentences lines={sentencesOf(opened(one), language)} />
    </section>
  );
}

function Link({ link, one, context }: { link: string; one: GivenKey; context: AppContext }): VNode {
  const words = WORDS[context.language];
  const guest = GUEST_KEY_WORDS[context.language];
  const url = sharedLink(link, location.href);
  const lock = lockOf(context.keyring, one.lock)?.name ?? "";
  const share = async (): Promise<void> => {
    await navigator.share({ title: words.shareText(lock), url }).catch((error: unknown) => {
      // The person has thought better of it.
      if (!(error instanceof DOMException && error.name === "AbortError")) throw error;
    });
  };
  return (
    <section class="stack">
      <QrCode text={url} label={words.qr} />
      <Note tone="warn">{one.secret === null ? guest.named : guest.secret}</Note>
      <div class="buttons">
        {typeof navigator.share === "function" && (
          <Button context={context} look="primary" icon="share" act={share}>
            {words.share}
          </Button>
        )}
        <CopyButton context={context} text={url} />
      </div>
      <details>
        <summary>{words.line}</summary>
        <p class="mono">{link}</p>
      </details>
    </section>
  );
}

/** From a tap at the door: what waits goes with the next session. */
async function tell(key: GivenKey, context: AppContext): Promise<void> {
  const { runtime, language } = context;
  const doors = DOOR_WORDS[language];
  const lock = lockOf(context.keyring, key.lock);
  const [way] = lock === undefined ? [] : waysTo(runtime, lock);
  if (way === undefined) return context.say(doors.noWay, "bad");
  if (!(await look(runtime, key.lock, way))) return context.say(doors.chosenNone, "bad");
  await runtime.ordersHeard(HEARD_MS);
  if (!isWaiting(runtime.agent.state, key)) context.say(WORDS[language].revoked);
}

async function revoke(key: GivenKey, context: AppContext): Promise<void> {
  const { runtime, language } = context;
  const words = WORDS[language];
  await runtime.run("revoke", { key: key.id });
  if (runtime.isReachable(key.lock) || runtime.agent.state.session?.lock === key.lock)
    await runtime.ordersHeard(HEARD_MS);
  if (!isWaiting(runtime.agent.state, key)) return context.say(words.revoked);
  context.say(words.waits(workText(workMsOf(opened(key), runtime.machine.clock.now()), language)));
}
