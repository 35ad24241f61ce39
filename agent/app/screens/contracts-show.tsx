/** Showing what a contract waits for, such as the key of data; it cannot be taken back. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { Texts } from "../language.ts";
import { Confirm, Field } from "../ui.tsx";
import type { DealProps } from "./contracts-parts.tsx";

interface Words {
  title: string;
  key: string;
  hint: string;
  show: string;
  ask: string;
}

const WORDS: Texts<Words> = {
  en: {
    title: "Hand over the key",
    key: "The key, sealed to the reader",
    hint: "As the home of the data has made it: hexadecimal or base64url. Nothing else fits these terms.",
    show: "Hand the key over",
    ask: "The reader can then open the data of this contract. What was handed over cannot be taken back.",
  },
  fr: {
    title: "Remettre la clé",
    key: "La clé, scellée pour le lecteur",
    hint: "Telle que le foyer des données l’a faite : hexadécimal ou base64url. Rien d’autre ne convient à ces conditions.",
    show: "Remettre la clé",
    ask: "Le lecteur pourra alors ouvrir les données de ce contrat. Ce qui a été remis ne peut être repris.",
  },
};

interface ShowProps extends Pick<DealProps, "context" | "money" | "deal"> {
  /** Does it, says so, and asks how the contract stands. */
  did: (work: () => Promise<void>) => Promise<void>;
}

export function Show({ context, money, deal, did }: ShowProps): VNode {
  const words = WORDS[context.language];
  const [pasted, setPasted] = useState("");
  return (
    <div class="stack">
      <h3>{words.title}</h3>
      <Field isCode rows={3} label={words.key} hint={words.hint} value={pasted} change={setPasted} />
      {pasted.trim() !== "" && (
        <Confirm
          context={context}
          label={words.show}
          question={words.ask}
          yes={words.show}
          act={() => did(() => money.dealings.show(deal.id, pasted))}
          look="primary"
          icon="key"
        />
      )}
    </div>
  );
}
