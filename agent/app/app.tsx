/** The whole app: before the keys are opened, and its screens afterwards. */
import type { VNode } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { hasHome } from "../browser/records.ts";
import type { PhoneHome, PhoneRuntime } from "../browser/phone-runtime.ts";
import type { Outside, Tone } from "./app-context.ts";
import { errorText } from "./error-words.ts";
import { keepLanguage, startLanguage } from "./language.ts";
import type { Language } from "./language.ts";
import { Inside } from "./inside.tsx";
import { Failed, Insecure, Unlock } from "./screens/unlock.tsx";
import type { Onboarding } from "./screens/onboarding.tsx";
import { Icon } from "./ui.tsx";

type Stage =
  | { kind: "start" }
  | { kind: "insecure" }
  | { kind: "new"; Screen: typeof Onboarding }
  | { kind: "locked"; closing: Promise<void> }
  | { kind: "open"; runtime: PhoneRuntime; home: PhoneHome }
  | { kind: "failed"; error: unknown };

interface Said {
  text: string;
  tone: Tone;
  atMs: number;
}

/** What was done is gone from sight after this; what went wrong stays. */
const GOOD_NEWS_MS = 6_000;
const JUST_MS = 1_500;
const CLOSE: Record<Language, string> = { en: "Dismiss", fr: "Fermer" };

export function App(): VNode {
  const [language, setLanguage] = useState(startLanguage);
  const [stage, setStage] = useState<Stage>({ kind: "start" });
  const [said, setSaid] = useState<Said>();
  useEffect(() => {
    // What was said of the screen before is over, unless it led here.
    const moved = (): void => setSaid((now) => (now && Date.now() - now.atMs > JUST_MS ? undefined : now));
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  useEffect(() => {
    begin().then(setStage, (error: unknown) => setStage({ kind: "failed", error }));
  }, []);
  useEffect(() => {
    if (said?.tone !== "good") return undefined;
    const timer = setTimeout(() => setSaid(undefined), GOOD_NEWS_MS);
    return () => clearTimeout(timer);
  }, [said]);
  const outside: Outside = useMemo(
    () => ({
      language,
      setLanguage: (chosen) => {
        keepLanguage(chosen);
        setLanguage(chosen);
      },
      say: (text, tone = "good") => setSaid({ text, tone, atMs: Date.now() }),
      hush: () => setSaid(undefined),
      fail: (error) => setSaid({ text: errorText(error, language), tone: "bad", atMs: Date.now() }),
    }),
    [language],
  );
  return (
    <div class={stage.kind === "open" ? "app" : "app alone"}>
      <div class="said" role="status" aria-live="polite">
        {said !== undefined && (
          <div class={said.tone}>
            <p>{said.text}</p>
            <button type="button" aria-label={CLOSE[language]} onClick={() => setSaid(undefined)}>
              <Icon name="close" />
            </button>
          </div>
        )}
      </div>
      {shown(stage, setStage, outside)}
    </div>
  );
}

function shown(stage: Stage, setStage: (stage: Stage) => void, outside: Outside): VNode | null {
  const enter = async (home: PhoneHome): Promise<void> => {
    const { openPhone } = await import("../browser/phone-home.ts");
    const { servedNetwork } = await import("../browser/phone-network.ts");
    const [page = ""] = location.href.split("#");
    const runtime = await openPhone({
      home,
      findNetwork: () => servedNetwork(page),
      failed: (error) => setStage({ kind: "failed", error }),
    });
    setStage({ kind: "open", runtime, home });
  };
  switch (stage.kind) {
    case "start":
      return null;
    case "insecure":
      return <Insecure {...outside} />;
    case "new":
      return <stage.Screen outside={outside} enter={enter} />;
    case "locked":
      return (
        <Unlock
          outside={outside}
          enter={async (home) => {
            await stage.closing;
            await enter(home);
          }}
        />
      );
    case "failed":
      return <Failed error={stage.error} outside={outside} />;
    case "open": {
      const { runtime, home } = stage;
      const lock = (): void => {
        // What stood in the address, such as a request for money, is not kept either.
        const [path = ""] = location.hash.split("?");
        history.replaceState(null, "", path === "" ? "#" : path);
        const closing = runtime.close();
        // Told at the next unlocking, which waits for it.
        closing.catch(() => undefined);
        setStage({ kind: "locked", closing });
      };
      return (
        <Inside
          key={home.id}
          outside={outside}
          runtime={runtime}
          lock={lock}
          restart={async () => {
            await runtime.close();
            await enter(home);
          }}
          erase={async () => {
            await runtime.close();
            const { erasePhone } = await import("../browser/phone-home.ts");
            await erasePhone();
            location.replace(location.href.split("#")[0]!);
          }}
        />
      );
    }
  }
}

async function begin(): Promise<Stage> {
  if (!isSecureContext) return { kind: "insecure" };
  if (await hasHome()) return { kind: "locked", closing: Promise.resolve() };
  const { Onboarding: Screen } = await import("./screens/onboarding.tsx");
  return { kind: "new", Screen };
}
