/** Settings: this phone and its card, language, network, locking, and the end of it all. */
import type { VNode } from "preact";
import { formatCard } from "../../../protocols/access/owner-link.ts";
import { agentId } from "../../../protocols/identity/keys.ts";
import type { AppContext } from "../app-context.ts";
import type { Texts } from "../language.ts";
import { Button, Confirm, CopyButton, QrCode, Row, Select } from "../ui.tsx";
import { Facts } from "./door.tsx";

interface Words {
  phone: string;
  name: string;
  id: string;
  account: string;
  card: string;
  cardHint: string;
  qr: string;
  language: string;
  network: string;
  none: string;
  unlocking: string;
  unlockingHint: string;
  lock: string;
  lockHint: string;
  about: string;
  aboutText: string;
  erase: string;
  eraseAsk: string;
}

const WORDS: Texts<Words> = {
  en: {
    phone: "This phone",
    name: "Name",
    id: "Identity",
    account: "Account",
    card: "Card of this phone",
    cardHint: "It holds no secret. An owner of a lock scans it to make you an owner, too.",
    qr: "QR code with the card of this phone",
    language: "Language",
    network: "Network",
    none: "none: Bluetooth only",
    unlocking: "Unlocking",
    unlockingHint: "passkey, lock by itself",
    lock: "Lock the app",
    lockHint: "The keys are put away until it is unlocked again.",
    about: "About",
    aboutText:
      "SEGMENT, Apache-2.0. Everything runs in this browser; nothing is asked of anybody but the server that served the app, and the network that you joined.",
    erase: "Erase everything",
    eraseAsk:
      "Keys, locks and guest keys of this phone are erased and cannot be had back. Your words stay the owner of your account: with them another phone takes over.",
  },
  fr: {
    phone: "Ce téléphone",
    name: "Nom",
    id: "Identité",
    account: "Compte",
    card: "Carte de ce téléphone",
    cardHint:
      "Elle ne contient pas de secret. Un propriétaire de serrure la scanne pour vous faire propriétaire aussi.",
    qr: "Code QR avec la carte de ce téléphone",
    language: "Langue",
    network: "Réseau",
    none: "aucun : Bluetooth seul",
    unlocking: "Déverrouillage",
    unlockingHint: "clé d’accès, verrouillage automatique",
    lock: "Verrouiller l’app",
    lockHint: "Les clés sont rangées jusqu’au prochain déverrouillage.",
    about: "À propos",
    aboutText:
      "SEGMENT, Apache-2.0. Tout se passe dans ce navigateur ; rien n’est demandé à personne d’autre que le serveur qui a servi l’app et le réseau que vous avez rejoint.",
    erase: "Tout effacer",
    eraseAsk:
      "Les clés, serrures et clés d’invités de ce téléphone sont effacées sans retour. Vos mots restent propriétaires de votre compte : avec eux un autre téléphone prend la suite.",
  },
};

export function SettingsScreen(context: AppContext): VNode {
  const { language, runtime } = context;
  const words = WORDS[language];
  const { network } = runtime;
  return (
    <div class="stack wide">
      <ThisPhone context={context} words={words} />
      <ul class="list">
        <li>
          <Row
            to="/settings/network"
            icon="network"
            title={words.network}
            detail={network?.network ?? words.none}
          />
        </li>
        <li>
          <Row
            to="/settings/unlocking"
            icon="unlocked"
            title={words.unlocking}
            detail={words.unlockingHint}
          />
        </li>
      </ul>
      <Select
        label={words.language}
        value={language}
        change={context.setLanguage}
        options={[
          ["en", "English"],
          ["fr", "Français"],
        ]}
      />
      <section class="stack">
        <Button context={context} icon="lock" look="primary" act={context.lockApp}>
          {words.lock}
        </Button>
        <p class="soft small">{words.lockHint}</p>
      </section>
      <section class="stack">
        <h2>{words.about}</h2>
        <p class="soft">{words.aboutText}</p>
      </section>
      <Confirm
        context={context}
        label={words.erase}
        question={words.eraseAsk}
        yes={words.erase}
        act={context.erase}
      />
    </div>
  );
}

function ThisPhone({ context, words }: { context: AppContext; words: Words }): VNode {
  const { home } = context.runtime;
  const card = formatCard(home.keys.card);
  return (
    <section class="card">
      <h2>{words.phone}</h2>
      <Facts
        rows={[
          [words.name, home.name],
          [words.id, <span class="mono">{home.id}</span>],
          [words.account, <span class="mono">{agentId(home.card.root)}</span>],
        ]}
      />
      <details>
        <summary>{words.card}</summary>
        <div class="stack more">
          <QrCode text={card} label={words.qr} />
          <p class="soft small">{words.cardHint}</p>
          <p class="mono">{card}</p>
          <CopyButton context={context} text={card} />
        </div>
      </details>
    </section>
  );
}
