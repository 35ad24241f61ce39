/** The app with its keys open: the screen that the address names, the bar of tabs, and what runs behind. */
import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { PhoneRuntime } from "../browser/phone-runtime.ts";
import type { AppContext, AppRoute, Outside, ScreenComponent } from "./app-context.ts";
import { happeningText } from "./happenings.ts";
import { lockWhenIdle } from "./idle.ts";
import type { Texts } from "./language.ts";
import { findRoute } from "./router.ts";
import { ROUTES, SERVICES } from "./routes.ts";
import { Chip, Icon, Note } from "./ui.tsx";

export const HOME_PATH = "/locks";

interface InsideProps {
  outside: Outside;
  runtime: PhoneRuntime;
  lock: () => void;
  restart: () => Promise<void>;
  erase: () => Promise<void>;
}

interface Words {
  tabs: string;
  back: string;
  online: string;
  offline: string;
  alone: string;
  notLoaded: string;
}

const WORDS: Texts<Words> = {
  en: {
    tabs: "Main parts",
    back: "Back",
    online: "Online",
    offline: "Offline",
    alone: "Bluetooth only",
    notLoaded: "This part of the app could not be loaded: connect once to the server that serves it.",
  },
  fr: {
    tabs: "Parties principales",
    back: "Retour",
    online: "En ligne",
    offline: "Hors ligne",
    alone: "Bluetooth seul",
    notLoaded: "Cette partie de l’app n’a pas pu être chargée : connectez-vous une fois à son serveur.",
  },
};

const loaded = new Map<string, ScreenComponent>();

export function Inside({ outside, runtime, lock, restart, erase }: InsideProps): VNode | null {
  const [, draw] = useState({});
  const hash = useHash();
  const title = useRef<HTMLHeadingElement>(null);
  const { language, say } = outside;
  useEffect(() => runtime.onChanged(() => draw({})), [runtime]);
  useEffect(
    () =>
      runtime.onHappening((happening) => {
        const news = happeningText(happening, language);
        if (news !== undefined) say(news.text, news.tone);
      }),
    [runtime, language],
  );
  useEffect(() => lockWhenIdle(lock), [runtime]);
  useServices(runtime, outside);
  const found = findRoute(ROUTES, hash) ?? findRoute(ROUTES, HOME_PATH)!;
  const { route, at } = found;
  const isLoaded = useScreen(route);
  const place = `${at.path} ${JSON.stringify(at.params)}`;
  useEffect(() => {
    document.title = `${route.title[language]} · SEGMENT`;
  }, [route, language]);
  const isFirst = useRef(true);
  useEffect(() => {
    if (!isFirst.current) title.current?.focus();
    isFirst.current = false;
    scrollTo(0, 0);
  }, [place]);
  const Screen = loaded.get(route.path);
  const words = WORDS[language];
  const context: AppContext = {
    ...outside,
    ...{ runtime, restart, erase, route: at, lockApp: lock },
    keyring: runtime.agent.state,
    go: (path) => {
      location.hash = path;
    },
  };
  return (
    <>
      <header class="top">
        {route.back !== undefined && (
          <a class="back" href={`#${filled(route.back, at.params)}`} aria-label={words.back}>
            <Icon name="back" />
          </a>
        )}
        <h1 tabIndex={-1} ref={title}>
          {route.title[language]}
        </h1>
        <Standing runtime={runtime} words={words} />
      </header>
      <main key={place}>
        {Screen !== undefined && <Screen {...context} />}
        {isLoaded === false && <Note tone="bad">{words.notLoaded}</Note>}
      </main>
      <Tabs current={route} context={context} />
    </>
  );
}

function Standing({ runtime, words }: { runtime: PhoneRuntime; words: Words }): VNode {
  if (runtime.network === undefined) return <Chip>{words.alone}</Chip>;
  return runtime.isConnected ? (
    <Chip tone="good">{words.online}</Chip>
  ) : (
    <Chip tone="warn">{words.offline}</Chip>
  );
}

function Tabs({ current, context }: { current: AppRoute; context: AppContext }): VNode {
  const tabs = ROUTES.filter(({ tab }) => tab !== undefined).sort((a, b) => a.tab!.order - b.tab!.order);
  const { language } = context;
  const inTab = tabs.find(({ path }) => current.path === path || current.path.startsWith(`${path}/`));
  return (
    <nav class="tabs" aria-label={WORDS[language].tabs}>
      <ul>
        {tabs.map(({ path, tab }) => (
          <li key={path}>
            <a href={`#${path}`} aria-current={inTab?.path === path ? "page" : undefined}>
              <Icon name={tab!.icon} />
              {tab!.label[language]}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function useHash(): string {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = (): void => setHash(location.hash);
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return hash;
}

/** Whether the screen is there: undefined while it is being loaded. */
function useScreen({ path, load }: AppRoute): boolean | undefined {
  const [failed, setFailed] = useState<string>();
  const [, draw] = useState({});
  useEffect(() => {
    if (loaded.has(path)) return;
    load().then(
      (screen) => {
        loaded.set(path, screen);
        draw({});
      },
      () => setFailed(path),
    );
  }, [path]);
  if (loaded.has(path)) return true;
  return failed === path ? false : undefined;
}

function useServices(runtime: PhoneRuntime, { fail }: Outside): void {
  useEffect(() => {
    let isOver = false;
    for (const { load } of SERVICES) {
      load()
        .then((begin) => (isOver ? undefined : begin(runtime)))
        .catch(fail);
    }
    return () => {
      isOver = true;
    };
  }, [runtime]);
}

/** "/locks/:id" with what stands in the address. */
function filled(path: string, params: Readonly<Record<string, string>>): string {
  return path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ""));
}
