/** What every screen of the app is given; screens are functions of it. */
import type { ComponentType, VNode } from "preact";
import type { KeyringState } from "../../devices/keyring/state.ts";
import type { PhoneRuntime } from "../browser/phone-runtime.ts";
import type { Language } from "./language.ts";
import type { IconName } from "./ui.tsx";

export interface AppContext {
  /** From unlocking to locking: identity, keys, bus, agent. See agent/browser/phone-runtime.ts. */
  readonly runtime: PhoneRuntime;
  /** Locks, keys given and held, the wish under way. Read anew at each drawing. */
  readonly keyring: KeyringState;
  readonly language: Language;
  readonly setLanguage: (language: Language) => void;
  readonly route: Route;
  /** To a path such as `/wallet/send?to=z6Mk…`. */
  readonly go: (path: string) => void;
  /** Says the result of what the person did, to eyes and to screen readers. */
  readonly say: (text: string, tone?: Tone) => void;
  /** What was said before is over: the person does something new. */
  readonly hush: () => void;
  /** Of anything that was thrown: its words in the person's language, where it has any. */
  readonly fail: (error: unknown) => void;
  /** Forgets the opened keys; the passphrase is asked for again. */
  readonly lockApp: () => void;
  /** Closes the runtime and opens it anew with the same keys: the network has changed. */
  readonly restart: () => Promise<void>;
  /** Forgets everything for ever. */
  readonly erase: () => Promise<void>;
}

export type Tone = "good" | "bad";

/** What is there before the keys are opened. */
export type Outside = Pick<AppContext, "language" | "setLanguage" | "say" | "hush" | "fail">;

export interface Route {
  /** As it stands in the list of routes, such as `/locks/:id`. */
  path: string;
  /** What stands in the places of `:id`. */
  params: Readonly<Record<string, string>>;
  query: URLSearchParams;
}

export interface AppRoute {
  /** `:name` stands for one part of any text. */
  path: string;
  title: Readonly<Record<Language, string>>;
  /** In the bar at the foot of each screen, in this order; absent: reached from other screens. */
  tab?: { order: number; icon: IconName; label: Readonly<Record<Language, string>> };
  /** Where the arrow back leads; none on screens with a tab. */
  back?: string;
  /** Loaded when it is first shown. */
  load: () => Promise<ScreenComponent>;
}

export type ScreenComponent = ComponentType<AppContext> | ((context: AppContext) => VNode | null);

/** Runs from unlocking to locking, whatever screen is shown. */
export interface Service {
  /** Loaded once the first screen is shown. What it must end, it hands to `runtime.onClose`. */
  load: () => Promise<(runtime: PhoneRuntime) => void | Promise<void>>;
}
