/** Guest keys as the app shows them. */
import { bytesOf, isOrderWaiting, linkOf } from "../../../devices/keyring/given.ts";
import type { AnyKey } from "../../../devices/keyring/given.ts";
import type { GivenKey, KeyringState } from "../../../devices/keyring/state.ts";
import { openGuestKey } from "../../../protocols/access/key.ts";
import type { GuestKey } from "../../../protocols/access/key.ts";
import { keySentences } from "../../../protocols/access/text.ts";
import { portableCrypto } from "../../../protocols/crypto/portable.ts";
import { toHex } from "../../../protocols/encoding/bytes.ts";
import type { Language, Texts } from "../language.ts";
import { localFormat, shortTime } from "../times.ts";

/** Digits of a key's id that people are shown. */
const SHORT_ID = 12;

export function opened(key: AnyKey): GuestKey {
  return openGuestKey(portableCrypto, bytesOf(key));
}

export function sentencesOf(key: GuestKey, language: Language): string[] {
  return keySentences(key, language, localFormat(language));
}

export function shortId({ id }: { id: Uint8Array }): string {
  return toHex(id).slice(0, SHORT_ID);
}

export function keyLink(state: KeyringState, key: GivenKey): string | undefined {
  return linkOf(portableCrypto, state, key);
}

export function isWaiting(state: KeyringState, key: GivenKey): boolean {
  return isOrderWaiting(portableCrypto, state, key);
}

export const STANDING_WORDS: Texts<{
  revoked: string;
  unheard: string;
  forever: string;
  from(time: string): string;
  until(time: string): string;
  expired: string;
}> = {
  en: {
    revoked: "revoked",
    unheard: "revoked, the lock has not heard it yet",
    forever: "without an end",
    from: (time) => `from ${time}`,
    until: (time) => `until ${time}`,
    expired: "expired",
  },
  fr: {
    revoked: "révoquée",
    unheard: "révoquée, la serrure ne le sait pas encore",
    forever: "sans fin",
    from: (time) => `dès ${time}`,
    until: (time) => `jusqu’à ${time}`,
    expired: "expirée",
  },
};

export type Standing = { tone: "" | "good" | "warn" | "bad"; text: string };

/** In a few words. */
export function standingOf(state: KeyringState, key: AnyKey, now: number, language: Language): Standing {
  const words = STANDING_WORDS[language];
  if ("isRevoked" in key && key.isRevoked)
    return isWaiting(state, key)
      ? { tone: "warn", text: words.unheard }
      : { tone: "bad", text: words.revoked };
  const { windows } = opened(key);
  const fromMs = windows[0]?.fromMs;
  const untilMs = windows.at(-1)?.untilMs;
  if (fromMs === undefined || untilMs === undefined) return { tone: "good", text: words.forever };
  if (now < fromMs) return { tone: "", text: words.from(shortTime(fromMs, language)) };
  if (now >= untilMs) return { tone: "bad", text: words.expired };
  return { tone: "good", text: words.until(shortTime(untilMs, language)) };
}

/**
 * As it is shared: an address of this app, with the key behind the `#`, which no server ever sees. Whoever
 * opens it has the key in his own app.
 */
export function sharedLink(link: string, page: string): string {
  return `${page.split("#")[0]}#/keys/take?link=${encodeURIComponent(link)}`;
}

/** The link itself, or a new owner’s, from what a person pastes: alone, or in an address of the app. */
export function pastedLink(text: string): string {
  const found =
    /segment:owner:[\w-]+/.exec(text) ??
    /segment:key:[\w-]+/.exec(text) ??
    /segment%3Akey%3A[\w-]+/i.exec(text);
  return found === null ? text.trim() : decodeURIComponent(found[0]);
}
