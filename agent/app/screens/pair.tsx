/** Adding a lock: its code, by camera or pasted, and what the person calls it. */
import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import { parsePairing } from "../../../protocols/access/pairing.ts";
import type { AppContext } from "../app-context.ts";
import { pair } from "../doors.ts";
import type { Texts } from "../language.ts";
import { Check, Field, Form, Note } from "../ui.tsx";
import { BluetoothNote } from "./locks.tsx";
import { Scanner } from "./scan.tsx";

interface Words {
  how: string;
  command: string;
  line: string;
  hint: string;
  name: string;
  defaultName: string;
  pair: string;
  choose: string;
  far: string;
  seen: string;
  paired(name: string): string;
  none: string;
}

const WORDS: Texts<Words> = {
  en: {
    how: "Let the lock show its code, stand near it, and scan the code. The first phone that proves it owns the lock.",
    command: "At the machine of the lock: segment pair --home …",
    line: "Or paste its line",
    hint: "It begins with segment:pair:",
    name: "What you call the lock",
    defaultName: "Front door",
    pair: "Pair",
    choose: "The browser then asks which device: choose the one that begins with SEGMENT.",
    far: "Over the network instead of Bluetooth",
    seen: "The lock must be in the same network, and on.",
    paired: (name) => `This phone owns “${name}” now.`,
    none: "No device was chosen: the lock must be on and near.",
  },
  fr: {
    how: "Faites afficher son code par la serrure, restez près d’elle et scannez le code. Le premier téléphone qui le prouve possède la serrure.",
    command: "Sur la machine de la serrure : segment pair --home …",
    line: "Ou collez sa ligne",
    hint: "Elle commence par segment:pair:",
    name: "Comment vous appelez la serrure",
    defaultName: "Porte d’entrée",
    pair: "Appairer",
    choose: "Le navigateur demande ensuite quel appareil : choisissez celui qui commence par SEGMENT.",
    far: "Par le réseau plutôt que par Bluetooth",
    seen: "La serrure doit être dans le même réseau, et allumée.",
    paired: (name) => `Ce téléphone possède maintenant « ${name} ».`,
    none: "Aucun appareil choisi : la serrure doit être allumée et proche.",
  },
};

export function PairScreen(context: AppContext): VNode {
  const words = WORDS[context.language];
  const { bluetooth, network } = context.runtime;
  const [code, setCode] = useState(() => context.route.query.get("code") ?? "");
  const [name, setName] = useState(words.defaultName);
  const [isFar, setFar] = useState(bluetooth === undefined);
  // A secret does not stay in the address.
  useEffect(() => {
    if (context.route.query.has("code")) history.replaceState(null, "", "#/locks/pair");
  }, []);
  const connect = async (): Promise<void> => {
    const lock = await pair(context.runtime, code.trim(), name.trim(), isFar ? "far" : "near");
    if (lock === undefined) return context.say(words.none, "bad");
    context.say(words.paired(name.trim()));
    context.go("/locks");
  };
  return (
    <div class="stack wide">
      <BluetoothNote {...context} />
      <div class="stack">
        <p>{words.how}</p>
        <p class="soft small">{words.command}</p>
      </div>
      <Scanner context={context} wants={isPairing} found={setCode} />
      <Form
        context={context}
        submit={words.pair}
        icon="radio"
        act={connect}
        disabled={code.trim() === "" || name.trim() === ""}
      >
        <Field isCode rows={3} label={words.line} hint={words.hint} value={code} change={setCode} />
        <Field label={words.name} max={64} value={name} change={setName} />
        {bluetooth !== undefined && network !== undefined && (
          <Check label={words.far} checked={isFar} change={setFar} />
        )}
        <Note>{isFar ? words.seen : words.choose}</Note>
      </Form>
    </div>
  );
}

function isPairing(text: string): boolean {
  try {
    parsePairing(text);
    return true;
  } catch {
    return false;
  }
}
