/** The first start: the owner's words, a name, a passphrase. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { browserRandom } from "../../browser/platform.ts";
import { LEAST_PASSPHRASE, makeHome } from "../../browser/phone-keys.ts";
import type { PhoneHome } from "../../browser/phone-runtime.ts";
import { newWords, seedFromWords } from "../../../protocols/identity/root.ts";
import type { Outside } from "../app-context.ts";
import type { Texts } from "../language.ts";
import { Button, Field, Form } from "../ui.tsx";
import { LanguageChoice, Mark } from "./unlock.tsx";

interface Words {
  welcome: string;
  what: string;
  makeNew: string;
  haveWords: string;
  yourWords: string;
  explain: string;
  written: string;
  back: string;
  next: string;
  enter: string;
  enterHint: string;
  check: string;
  checkWhy: string;
  word(number: number): string;
  wrongWord: string;
  thisPhone: string;
  name: string;
  nameHint: string;
  defaultName: string;
  passphrase: string;
  passphraseHint: string;
  again: string;
  different: string;
  tooShort: string;
  done: string;
}

const WORDS: Texts<Words> = {
  en: {
    welcome: "Welcome to SEGMENT",
    what: "This app makes your phone a key and a wallet. Twelve words are the owner of all that is yours here; no company keeps a copy.",
    makeNew: "Begin with new words",
    haveWords: "I have my words already",
    yourWords: "Your twelve words",
    explain:
      "Write them on paper, in this order. They are shown this once and not kept in this phone. Whoever has them owns your account; with them you replace a lost phone.",
    written: "I have written them down",
    back: "Back",
    next: "Continue",
    enter: "Your words",
    enterHint: "12 to 24 English words, apart by spaces",
    check: "Two of your words",
    checkWhy: "To be sure that the paper is right.",
    word: (number) => `Word ${number}`,
    wrongWord: "That is another word than the one shown.",
    thisPhone: "This phone",
    name: "Name of this phone",
    nameHint: "Others see it, such as “Olga’s phone”.",
    defaultName: "My phone",
    passphrase: "Passphrase",
    passphraseHint: `At least ${LEAST_PASSPHRASE} characters. It opens the app, and seals the keys in this browser.`,
    again: "The passphrase again",
    different: "The two differ.",
    tooShort: `At least ${LEAST_PASSPHRASE} characters.`,
    done: "Make this phone’s keys",
  },
  fr: {
    welcome: "Bienvenue dans SEGMENT",
    what: "Cette app fait de votre téléphone une clé et un porte-monnaie. Douze mots sont le propriétaire de tout ce qui est à vous ici ; aucune entreprise n’en garde de copie.",
    makeNew: "Commencer avec de nouveaux mots",
    haveWords: "J’ai déjà mes mots",
    yourWords: "Vos douze mots",
    explain:
      "Écrivez-les sur papier, dans cet ordre. Ils ne sont montrés que cette fois et ne restent pas dans ce téléphone. Qui les a possède votre compte ; avec eux vous remplacez un téléphone perdu.",
    written: "Je les ai notés",
    back: "Retour",
    next: "Continuer",
    enter: "Vos mots",
    enterHint: "12 à 24 mots anglais, séparés par des espaces",
    check: "Deux de vos mots",
    checkWhy: "Pour être sûr que le papier est juste.",
    word: (number) => `Mot ${number}`,
    wrongWord: "C’est un autre mot que celui qui a été montré.",
    thisPhone: "Ce téléphone",
    name: "Nom de ce téléphone",
    nameHint: "Les autres le voient, par exemple « Téléphone d’Olga ».",
    defaultName: "Mon téléphone",
    passphrase: "Phrase secrète",
    passphraseHint: `Au moins ${LEAST_PASSPHRASE} caractères. Elle ouvre l’app et scelle les clés dans ce navigateur.`,
    again: "La phrase secrète encore une fois",
    different: "Les deux ne sont pas les mêmes.",
    tooShort: `Au moins ${LEAST_PASSPHRASE} caractères.`,
    done: "Faire les clés de ce téléphone",
  },
};

type Step = "welcome" | "show" | "check" | "enter" | "phone";

interface OnboardingProps {
  outside: Outside;
  enter: (home: PhoneHome) => Promise<void>;
}

interface StepProps {
  outside: Outside;
  words: Words;
  /** The owner's. */
  phrase: string;
  setPhrase: (phrase: string) => void;
  go: (step: Step) => void;
}

export function Onboarding({ outside, enter }: OnboardingProps): VNode {
  const words = WORDS[outside.language];
  const [step, go] = useState<Step>("welcome");
  const [phrase, setPhrase] = useState("");
  const props = { outside, words, phrase, setPhrase, go };
  return (
    <main class="stack wide">
      {step === "welcome" && <Welcome {...props} />}
      {step === "show" && <Show {...props} />}
      {step === "check" && <CheckWords {...props} />}
      {step === "enter" && <Enter {...props} />}
      {step === "phone" && <ThisPhone {...props} enter={enter} />}
    </main>
  );
}

function Welcome({ outside, words, setPhrase, go }: StepProps): VNode {
  const begin = (): void => {
    setPhrase(newWords(browserRandom));
    go("show");
  };
  return (
    <>
      <Mark />
      <h1 class="center">{words.welcome}</h1>
      <p>{words.what}</p>
      <div class="stack">
        <Button context={outside} look="primary" act={begin}>
          {words.makeNew}
        </Button>
        <Button context={outside} act={() => go("enter")}>
          {words.haveWords}
        </Button>
      </div>
      <LanguageChoice {...outside} />
    </>
  );
}

function Show({ outside, words, phrase, go }: StepProps): VNode {
  return (
    <>
      <h1>{words.yourWords}</h1>
      <p>{words.explain}</p>
      <ol class="words" lang="en" translate={false}>
        {phrase.split(" ").map((word, at) => (
          <li key={at}>
            <small aria-hidden="true">{at + 1}</small>
            {word}
          </li>
        ))}
      </ol>
      <Button context={outside} look="primary" act={() => go("check")}>
        {words.written}
      </Button>
      <Button context={outside} look="plain" act={() => go("welcome")}>
        {words.back}
      </Button>
    </>
  );
}

function CheckWords({ outside, words, phrase, go }: StepProps): VNode {
  const all = phrase.split(" ");
  const [asked] = useState(() => twoOf(all.length));
  const [given, setGiven] = useState(["", ""]);
  const [isWrong, setWrong] = useState(false);
  const isRight = (at: number): boolean => given[at]?.trim().toLowerCase() === all[asked[at]!];
  const check = (): void => {
    setWrong(true);
    if (isRight(0) && isRight(1)) go("phone");
  };
  return (
    <>
      <h1>{words.check}</h1>
      <p>{words.checkWhy}</p>
      <Form context={outside} submit={words.next} act={check}>
        {asked.map((number, at) => (
          <Field
            key={number}
            isCode
            label={words.word(number + 1)}
            value={given[at]!}
            change={(word) => setGiven(given.map((one, other) => (other === at ? word : one)))}
            error={isWrong && !isRight(at) ? words.wrongWord : undefined}
          />
        ))}
      </Form>
      <Button context={outside} look="plain" act={() => go("show")}>
        {words.back}
      </Button>
    </>
  );
}

/** Two different places, in order. */
function twoOf(count: number): [number, number] {
  const [one = 0, other = 0] = browserRandom.bytes(2);
  const first = one % count;
  const second = (first + 1 + (other % (count - 1))) % count;
  return first < second ? [first, second] : [second, first];
}

function Enter({ outside, words, phrase, setPhrase, go }: StepProps): VNode {
  const check = (): void => {
    seedFromWords(phrase);
    go("phone");
  };
  return (
    <>
      <h1>{words.enter}</h1>
      <Form context={outside} submit={words.next} act={check} disabled={phrase.trim() === ""}>
        <Field isCode rows={4} label={words.enter} hint={words.enterHint} value={phrase} change={setPhrase} />
      </Form>
      <Button context={outside} look="plain" act={() => go("welcome")}>
        {words.back}
      </Button>
    </>
  );
}

function ThisPhone({ outside, words, phrase, enter }: StepProps & OnboardingProps): VNode {
  const [name, setName] = useState(words.defaultName);
  const [passphrase, setPassphrase] = useState("");
  const [again, setAgain] = useState("");
  const [isTried, setTried] = useState(false);
  const isShort = passphrase.length < LEAST_PASSPHRASE;
  const isDifferent = passphrase !== again;
  const make = async (): Promise<void> => {
    setTried(true);
    if (isShort || isDifferent) return;
    // The browser may otherwise throw the keys away when room is short.
    await navigator.storage?.persist?.();
    await enter(await makeHome({ words: phrase, name, passphrase }));
  };
  return (
    <>
      <h1>{words.thisPhone}</h1>
      <Form context={outside} submit={words.done} icon="key" act={make} disabled={name.trim() === ""}>
        <Field label={words.name} hint={words.nameHint} max={64} value={name} change={setName} />
        <Field
          label={words.passphrase}
          hint={words.passphraseHint}
          type="password"
          autocomplete="new-password"
          value={passphrase}
          change={setPassphrase}
          error={isTried && isShort ? words.tooShort : undefined}
        />
        <Field
          label={words.again}
          type="password"
          autocomplete="new-password"
          value={again}
          change={setAgain}
          error={isTried && isDifferent ? words.different : undefined}
        />
      </Form>
    </>
  );
}
