/** Before the keys are open: unlocking, and what stands in the way. */
import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import { hasPasskey } from "../../browser/records.ts";
import type { PhoneHome } from "../../browser/phone-runtime.ts";
import type { Outside } from "../app-context.ts";
import { errorText } from "../error-words.ts";
import type { Language, Texts } from "../language.ts";
import { Button, Field, Form, Note } from "../ui.tsx";

interface Words {
  title: string;
  passphrase: string;
  open: string;
  byPasskey: string;
  insecure: string;
  why: string;
  trust: string;
  local: string;
  failed: string;
  again: string;
}

const WORDS: Texts<Words> = {
  en: {
    title: "Unlock SEGMENT",
    passphrase: "Passphrase of this phone",
    open: "Unlock",
    byPasskey: "Unlock with the passkey",
    insecure: "This page is not served securely",
    why: "Without a secure connection a browser gives an app neither Bluetooth nor a safe place for keys, and anybody on the way could change the app. So it stops here.",
    trust:
      "Open the address that begins with https://. If the browser warns of the certificate: “segment doctor” on the machine that serves the app explains how to trust it.",
    local: "On the machine itself http://localhost works, too.",
    failed: "The app has stopped",
    again: "Load it again",
  },
  fr: {
    title: "Déverrouiller SEGMENT",
    passphrase: "Phrase secrète de ce téléphone",
    open: "Déverrouiller",
    byPasskey: "Déverrouiller avec la clé d’accès",
    insecure: "Cette page n’est pas servie de façon sûre",
    why: "Sans connexion sûre, un navigateur ne donne à une app ni Bluetooth ni place sûre pour des clés, et n’importe qui en chemin pourrait changer l’app. Elle s’arrête donc ici.",
    trust:
      "Ouvrez l’adresse qui commence par https://. Si le navigateur met en garde contre le certificat : « segment doctor », sur la machine qui sert l’app, explique comment lui faire confiance.",
    local: "Sur la machine elle-même, http://localhost marche aussi.",
    failed: "L’app s’est arrêtée",
    again: "La recharger",
  },
};

export function Unlock({
  outside,
  enter,
}: {
  outside: Outside;
  enter: (home: PhoneHome) => Promise<void>;
}): VNode {
  const words = WORDS[outside.language];
  const [passphrase, setPassphrase] = useState("");
  const unlock = async (): Promise<void> => {
    const { openHome } = await import("../../browser/phone-keys.ts");
    await enter(await openHome(passphrase));
  };
  const [isOffered, setOffered] = useState(false);
  // Where it cannot be told, the passphrase says what is wrong.
  useEffect(() => void hasPasskey().then(setOffered, () => undefined), []);
  const byPasskey = async (): Promise<void> => {
    const { openHomeByPasskey } = await import("../../browser/phone-keys.ts");
    await enter(await openHomeByPasskey());
  };
  return (
    <main class="stack wide">
      <Mark />
      <h1 class="center">{words.title}</h1>
      {isOffered && (
        <Button context={outside} look="primary" icon="key" act={byPasskey}>
          {words.byPasskey}
        </Button>
      )}
      <Form context={outside} submit={words.open} icon="unlocked" act={unlock} disabled={passphrase === ""}>
        <Field
          label={words.passphrase}
          type="password"
          autocomplete="current-password"
          value={passphrase}
          change={setPassphrase}
        />
      </Form>
      <LanguageChoice {...outside} />
    </main>
  );
}

export function Insecure(outside: Outside): VNode {
  const words = WORDS[outside.language];
  return (
    <main class="stack wide">
      <Mark />
      <h1 class="center">{words.insecure}</h1>
      <p>{words.why}</p>
      <Note tone="warn">{words.trust}</Note>
      <p>{words.local}</p>
      <LanguageChoice {...outside} />
    </main>
  );
}

export function Failed({ error, outside }: { error: unknown; outside: Outside }): VNode {
  const words = WORDS[outside.language];
  return (
    <main class="stack wide">
      <Mark />
      <h1 class="center">{words.failed}</h1>
      <Note tone="bad">{errorText(error, outside.language)}</Note>
      <Button context={outside} look="primary" act={() => location.reload()}>
        {words.again}
      </Button>
    </main>
  );
}

export function Mark(): VNode {
  return <img class="mark" src="./icon.svg" alt="" width="72" height="72" />;
}

const OTHER: Readonly<Record<Language, { language: Language; name: string }>> = {
  en: { language: "fr", name: "Français" },
  fr: { language: "en", name: "English" },
};

export function LanguageChoice(outside: Outside): VNode {
  const { language, name } = OTHER[outside.language];
  return (
    <p class="center" lang={language}>
      <Button context={outside} look="plain" act={() => outside.setLanguage(language)}>
        {name}
      </Button>
    </p>
  );
}
