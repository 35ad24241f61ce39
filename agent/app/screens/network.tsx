/** The network of this phone: that of the server which served the app, one that is pasted, or none. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { pastedNetwork, servedNetwork } from "../../browser/phone-network.ts";
import type { AppContext } from "../app-context.ts";
import type { Texts } from "../language.ts";
import { Button, Confirm, Field, Form, Note } from "../ui.tsx";
import { Facts } from "./door.tsx";

interface Words {
  none: string;
  name: string;
  notaries: string;
  standing: string;
  online: string;
  offline: string;
  ask: string;
  asked: string;
  notServed: string;
  paste: string;
  pasteHint: string;
  broker: string;
  brokerHint: string;
  join: string;
  joined(name: string): string;
  leave: string;
  leaveAsk: string;
  left: string;
}

const WORDS: Texts<Words> = {
  en: {
    none: "This phone is in no network: it reaches doors over Bluetooth alone, and has no wallet.",
    name: "Name",
    notaries: "Notaries",
    standing: "Connection",
    online: "online",
    offline: "offline; goes on trying",
    ask: "Ask this server for its network",
    asked: "The server that serves this app brings its network along.",
    notServed: "This server serves files alone: it brings no network along.",
    paste: "Text of network.json",
    pasteHint: "Whoever gives it to you is believed: compare it with somebody else’s if it matters.",
    broker: "Address of its broker",
    brokerHint:
      "Empty: beside this page. The page’s policy allows this server alone, unless it was built for another.",
    join: "Join this network",
    joined: (name) => `This phone is in the network “${name}” now.`,
    leave: "Leave the network",
    leaveAsk: "Locks and keys stay; they are reached over Bluetooth alone.",
    left: "The network is left.",
  },
  fr: {
    none: "Ce téléphone n’est dans aucun réseau : il atteint les portes en Bluetooth seul, et n’a pas de porte-monnaie.",
    name: "Nom",
    notaries: "Notaires",
    standing: "Connexion",
    online: "en ligne",
    offline: "hors ligne ; essaie encore",
    ask: "Demander son réseau à ce serveur",
    asked: "Le serveur qui sert cette app apporte son réseau.",
    notServed: "Ce serveur ne sert que des fichiers : il n’apporte pas de réseau.",
    paste: "Texte de network.json",
    pasteHint: "Qui vous le donne est cru : comparez-le avec celui de quelqu’un d’autre si cela importe.",
    broker: "Adresse de son relais",
    brokerHint:
      "Vide : à côté de cette page. La page n’autorise que ce serveur, sauf si elle a été faite pour un autre.",
    join: "Rejoindre ce réseau",
    joined: (name) => `Ce téléphone est maintenant dans le réseau « ${name} ».`,
    leave: "Quitter le réseau",
    leaveAsk: "Serrures et clés restent ; elles sont atteintes en Bluetooth seul.",
    left: "Le réseau est quitté.",
  },
};

export function NetworkScreen(context: AppContext): VNode {
  const { runtime, language } = context;
  const words = WORDS[language];
  const { network } = runtime;
  if (network === undefined) return <Join context={context} words={words} />;
  const leave = async (): Promise<void> => {
    await runtime.changeNetwork(undefined);
    await context.restart();
    context.say(words.left);
  };
  return (
    <div class="stack wide">
      <section class="card">
        <Facts
          rows={[
            [words.name, network.network],
            [words.notaries, String(network.notaries.length)],
            [words.standing, runtime.isConnected ? words.online : words.offline],
          ]}
        />
      </section>
      <Confirm
        context={context}
        label={words.leave}
        question={words.leaveAsk}
        yes={words.leave}
        act={leave}
      />
    </div>
  );
}

function Join({ context, words }: { context: AppContext; words: Words }): VNode {
  const { runtime } = context;
  const [json, setJson] = useState("");
  const [broker, setBroker] = useState("");
  const [page = ""] = location.href.split("#");
  const enter = async (one: Awaited<ReturnType<typeof servedNetwork>>): Promise<void> => {
    if (one === undefined) return context.say(words.notServed, "bad");
    await runtime.changeNetwork(one);
    await context.restart();
    context.say(words.joined(one.network.network));
  };
  return (
    <div class="stack wide">
      <Note>{words.none}</Note>
      <section class="stack">
        <p>{words.asked}</p>
        <Button context={context} look="primary" act={async () => enter(await servedNetwork(page))}>
          {words.ask}
        </Button>
      </section>
      <Form
        context={context}
        submit={words.join}
        act={() => enter(pastedNetwork(json, broker.trim(), page))}
        disabled={json.trim() === ""}
      >
        <Field isCode rows={5} label={words.paste} hint={words.pasteHint} value={json} change={setJson} />
        <Field
          isCode
          label={words.broker}
          hint={words.brokerHint}
          max={200}
          value={broker}
          change={setBroker}
        />
      </Form>
    </div>
  );
}
