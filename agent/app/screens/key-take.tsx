/** A key that somebody gave as a link: opened from a message, scanned, or pasted. */
import type { VNode } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { lockOf } from "../../../devices/keyring/find.ts";
import { openGuestKey } from "../../../protocols/access/key.ts";
import type { GuestKey } from "../../../protocols/access/key.ts";
import { parseKeyLink } from "../../../protocols/access/link.ts";
import { portableCrypto } from "../../../protocols/crypto/portable.ts";
import { agentId } from "../../../protocols/identity/keys.ts";
import { GUEST_KEY_WORDS } from "../../platform/key-words.ts";
import type { AppContext } from "../app-context.ts";
import { look, waysTo } from "../doors.ts";
import type { Texts } from "../language.ts";
import { Field, Form, Note, Sentences } from "../ui.tsx";
import { pastedLink, sentencesOf } from "./key-shown.ts";
import { Scanner } from "./scan.tsx";

interface Words {
  how: string;
  link: string;
  hint: string;
  name: string;
  defaultName: string;
  take: string;
  says: string;
  taken: string;
  owned: string;
}

const WORDS: Texts<Words> = {
  en: {
    how: "Open the link that you were given with this app, scan its code, or paste it.",
    link: "Link of the key",
    hint: "It holds segment:key: or segment:owner:",
    name: "What you call the lock",
    defaultName: "Their door",
    take: "Take the key",
    says: "What the key says",
    taken: "This phone has the key.",
    owned: "This phone owns the lock, once the lock has heard of it.",
  },
  fr: {
    how: "Ouvrez avec cette app le lien qu’on vous a donné, scannez son code, ou collez-le.",
    link: "Lien de la clé",
    hint: "Il contient segment:key: ou segment:owner:",
    name: "Comment vous appelez la serrure",
    defaultName: "Leur porte",
    take: "Prendre la clé",
    says: "Ce que dit la clé",
    taken: "Ce téléphone a la clé.",
    owned: "Ce téléphone possède la serrure, dès que la serrure l’apprend.",
  },
};

export function TakeKeyScreen(context: AppContext): VNode {
  const words = WORDS[context.language];
  const [text, setText] = useState(() => context.route.query.get("link") ?? "");
  const [name, setName] = useState(words.defaultName);
  // A secret does not stay in the address.
  useEffect(() => {
    if (context.route.query.has("link")) history.replaceState(null, "", "#/keys/take");
  }, []);
  const link = pastedLink(text);
  const key = useMemo(() => shownKey(link), [link]);
  const known = key && lockOf(context.keyring, agentId(key.lock));
  const isOwner = link.startsWith("segment:owner:");
  const own = async (): Promise<void> => {
    await context.runtime.run("own", { link, name: name.trim() });
    context.say(words.owned);
    context.go("/locks");
  };
  const take = async (): Promise<void> => {
    const { runtime } = context;
    await runtime.run("take", { link, name: name.trim() });
    const held = runtime.agent.state.held.at(-1)!;
    const lock = lockOf(runtime.agent.state, held.lock)!;
    context.go("/locks");
    const guest = GUEST_KEY_WORDS[context.language];
    if (held.isClaimed) return context.say(words.taken);
    context.say(`${words.taken} ${guest.isNotBound}`);
    // Over the network the lock hears of it at once; over Bluetooth with the first tap at the door.
    if (waysTo(runtime, lock)[0] !== "far") return;
    await look(runtime, lock.id, "far");
    context.say(`${words.taken} ${guest.isBound}`);
  };
  return (
    <div class="stack wide">
      <p>{words.how}</p>
      <Scanner context={context} wants={(one) => shownKey(pastedLink(one)) !== undefined} found={setText} />
      <Form
        context={context}
        submit={words.take}
        icon="key"
        act={isOwner ? own : take}
        disabled={link === "" || name.trim() === ""}
      >
        <Field isCode rows={3} label={words.link} hint={words.hint} value={text} change={setText} />
        {key !== undefined && (
          <Note>
            <h2>{words.says}</h2>
            <Sentences lines={sentencesOf(key, context.language)} />
          </Note>
        )}
        {known === undefined && <Field label={words.name} max={64} value={name} change={setName} />}
      </Form>
    </div>
  );
}

/** What it says, before it is verified with the whole chain; undefined while it is no whole link. */
function shownKey(link: string): GuestKey | undefined {
  try {
    return openGuestKey(portableCrypto, parseKeyLink(link).links.at(-1)!.key);
  } catch {
    return undefined;
  }
}
