/** How the app is unlocked besides the passphrase, and when it locks by itself. */
import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import { passkeyHindrance } from "../../browser/passkey.ts";
import type { Hindrance } from "../../browser/passkey.ts";
import { addPasskey, removePasskey } from "../../browser/phone-keys.ts";
import { hasPasskey } from "../../browser/records.ts";
import type { AppContext } from "../app-context.ts";
import { keepLockAfter, LOCK_AFTER, lockAfter } from "../idle.ts";
import type { LockAfter } from "../idle.ts";
import type { Texts } from "../language.ts";
import { Button, Confirm, Field, Form, Note, Select } from "../ui.tsx";

interface Words {
  after: string;
  afterHint: string;
  minutes(count: LockAfter): string;
  lock: string;
  passkey: string;
  what: string;
  isSet: string;
  add: string;
  passphrase: string;
  passphraseHint: string;
  added: string;
  remove: string;
  removeAsk: string;
  removed: string;
  hindrance: Readonly<Record<Hindrance, string>>;
}

const WORDS: Texts<Words> = {
  en: {
    after: "Lock by itself",
    afterHint: "Without a touch or a key for so long, also while the app is not looked at.",
    minutes: (count) =>
      count === 0
        ? "Never"
        : count === 60
          ? "After 1 hour"
          : `After ${count} minute${count === 1 ? "" : "s"}`,
    lock: "Lock now",
    passkey: "Passkey",
    what: "With a passkey this phone unlocks the app by your finger, your face or its own code. The passphrase still unlocks it, and your words stay the last way back.",
    isSet: "A passkey unlocks the app on this phone.",
    add: "Add a passkey",
    passphrase: "Passphrase of this phone",
    passphraseHint: "Once more, so that nobody else adds a passkey of theirs.",
    added: "The passkey is added: it unlocks the app from now on.",
    remove: "Remove the passkey",
    removeAsk: "From then on the passphrase alone unlocks the app.",
    removed: "The passkey is removed.",
    hindrance: {
      "no-webauthn": "This browser has no passkeys (WebAuthn): the passphrase unlocks the app.",
      "no-prf":
        "The passkeys of this browser cannot keep a secret for an app (no PRF extension): the passphrase unlocks it.",
      "no-name":
        "A passkey belongs to a name, and this page was opened by an address of numbers. Open the app by the machine’s name, or by localhost, to add one.",
    },
  },
  fr: {
    after: "Se verrouiller seule",
    afterHint: "Sans toucher ni touche pendant ce temps, même quand l’app n’est pas regardée.",
    minutes: (count) =>
      count === 0
        ? "Jamais"
        : count === 60
          ? "Après 1 heure"
          : `Après ${count} minute${count === 1 ? "" : "s"}`,
    lock: "Verrouiller maintenant",
    passkey: "Clé d’accès",
    what: "Avec une clé d’accès, ce téléphone déverrouille l’app par votre doigt, votre visage ou son propre code. La phrase secrète la déverrouille toujours, et vos mots restent le dernier recours.",
    isSet: "Une clé d’accès déverrouille l’app sur ce téléphone.",
    add: "Ajouter une clé d’accès",
    passphrase: "Phrase secrète de ce téléphone",
    passphraseHint: "Encore une fois, pour que personne d’autre n’ajoute sa propre clé d’accès.",
    added: "La clé d’accès est ajoutée : elle déverrouille l’app désormais.",
    remove: "Retirer la clé d’accès",
    removeAsk: "Ensuite la phrase secrète seule déverrouille l’app.",
    removed: "La clé d’accès est retirée.",
    hindrance: {
      "no-webauthn":
        "Ce navigateur n’a pas de clés d’accès (WebAuthn) : la phrase secrète déverrouille l’app.",
      "no-prf":
        "Les clés d’accès de ce navigateur ne peuvent pas garder de secret pour une app (pas d’extension PRF) : la phrase secrète la déverrouille.",
      "no-name":
        "Une clé d’accès appartient à un nom, et cette page a été ouverte par une adresse en chiffres. Ouvrez l’app par le nom de la machine, ou par localhost, pour en ajouter une.",
    },
  },
};

export function UnlockingScreen(context: AppContext): VNode {
  const words = WORDS[context.language];
  const [minutes, setMinutes] = useState(lockAfter);
  const choose = (chosen: string): void => {
    const found = LOCK_AFTER.find((one) => String(one) === chosen)!;
    keepLockAfter(found);
    setMinutes(found);
  };
  return (
    <div class="stack wide">
      <Select
        label={words.after}
        hint={words.afterHint}
        value={String(minutes)}
        change={choose}
        options={LOCK_AFTER.map((one) => [String(one), words.minutes(one)] as const)}
      />
      <Button context={context} icon="lock" act={context.lockApp}>
        {words.lock}
      </Button>
      <section class="card stack">
        <h2>{words.passkey}</h2>
        <p class="soft">{words.what}</p>
        <PasskeyPart context={context} words={words} />
      </section>
    </div>
  );
}

interface PartProps {
  context: AppContext;
  words: Words;
}

function PasskeyPart({ context, words }: PartProps): VNode | null {
  const [standing, setStanding] = useState<{ isSet: boolean; hindrance: Hindrance | undefined }>();
  const look = async (): Promise<void> => {
    const isSet = await hasPasskey();
    setStanding({ isSet, hindrance: isSet ? undefined : await passkeyHindrance() });
  };
  useEffect(() => void look().catch(context.fail), []);
  if (standing === undefined) return null;
  if (standing.isSet) {
    const remove = async (): Promise<void> => {
      await removePasskey();
      await look();
      context.say(words.removed);
    };
    return (
      <>
        <Note tone="good">{words.isSet}</Note>
        <Confirm
          context={context}
          label={words.remove}
          question={words.removeAsk}
          yes={words.remove}
          act={remove}
        />
      </>
    );
  }
  if (standing.hindrance !== undefined) return <Note>{words.hindrance[standing.hindrance]}</Note>;
  const added = async (): Promise<void> => {
    await look();
    context.say(words.added);
  };
  return <AddPasskey context={context} words={words} added={added} />;
}

function AddPasskey({ context, words, added }: PartProps & { added: () => Promise<void> }): VNode {
  const [passphrase, setPassphrase] = useState("");
  const add = async (): Promise<void> => {
    await addPasskey(passphrase);
    await added();
  };
  return (
    <Form context={context} submit={words.add} icon="key" act={add} disabled={passphrase === ""}>
      <Field
        label={words.passphrase}
        hint={words.passphraseHint}
        type="password"
        autocomplete="current-password"
        value={passphrase}
        change={setPassphrase}
      />
    </Form>
  );
}
