/** Guest keys as people see them: ids, sentences, links, QR codes and lists. */
import { nodeCrypto as crypto } from "../node/crypto.ts";
import { writeFileDurably } from "../node/files.ts";
import {
  bytesOf,
  isOrderWaiting as isKeyOrderWaiting,
  linkOf as keyLinkOf,
} from "../../devices/keyring/given.ts";
import type { AnyKey } from "../../devices/keyring/given.ts";
import type { GivenKey, KeyringState, KnownLock } from "../../devices/keyring/state.ts";
import { openGuestKey } from "../../protocols/access/key.ts";
import { keySentences } from "../../protocols/access/text.ts";
import type { TextLanguage } from "../../protocols/contract/text-format.ts";
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { GUEST_KEY_WORDS } from "../platform/key-words.ts";
import type { KeyringFlags } from "./keyring-visit.ts";
import { paragraph, printable, terminalWidth, utc } from "./layout.ts";
import { optionInvalid } from "./options.ts";
import { print, say } from "./output.ts";
import { zoneFormat } from "../platform/wall-clock.ts";
import type { Zone } from "../platform/wall-clock.ts";

export interface TextFlags extends KeyringFlags {
  lang: string;
  zone?: string;
}

export interface LinkFlags extends TextFlags {
  qr: boolean;
  svg?: string;
}

/** In which words, and by which clock. */
export interface Text {
  language: TextLanguage;
  zone: Zone;
}

/** Digits of a key's id that people are shown; and how few they may write. */
const SHORT_ID = 12;
const GUEST_KEY_ID = /^[0-9a-f]{4,64}$/i;
/** Bytes in a QR code of version 40 with the least correction. */
const MAX_QR_CHARS = 2_953;
const QR_LOOK = { ecc: "low", border: 2 } as const;

/** Whether people mean a guest key: a device's id begins with z6Mk. */
export function isGuestKeyId(text: string): boolean {
  return GUEST_KEY_ID.test(text);
}

export function shortId({ id }: { id: Uint8Array }): string {
  return toHex(id).slice(0, SHORT_ID);
}

export function lockOf({ locks }: KeyringState, id: string): KnownLock | undefined {
  return locks.find((lock) => lock.id === id);
}

export function lockText(state: KeyringState, id: string): string {
  return printable(lockOf(state, id)?.name ?? id);
}

/** By the first digits of its id; the only one if none are given. Errors: option-invalid. */
export function keyNamed<Key extends { id: Uint8Array }>(
  keys: readonly Key[],
  text: string | undefined,
): Key {
  if (text !== undefined && !isGuestKeyId(text))
    throw optionInvalid("<key>", "4 digits or more of a guest key's id", text.slice(0, 80));
  const digits = text?.toLowerCase() ?? "";
  const found = keys.filter(({ id }) => toHex(id).startsWith(digits));
  const [one, ...others] = found;
  if (one === undefined) {
    const problem =
      text === undefined ? "this phone has no guest key" : `this phone has no such key: ${text}`;
    throw new SegmentError("option-invalid", problem, { where: "segment key list" });
  }
  // One that a phone gave to itself is both given and held.
  if (others.every(({ id }) => equalBytes(id, one.id))) return one;
  const ids = found.map((key) => shortId(key)).join(", ");
  throw new SegmentError("option-invalid", `several keys are meant: ${ids}`, { where: "<key>" });
}

/** As it is given to the guest; undefined where the keys of which it is a part are gone from this phone. */
export function linkOf(state: KeyringState, key: GivenKey): string | undefined {
  return keyLinkOf(crypto, state, key);
}

export function sentencesOf(bytes: Uint8Array, { language, zone }: Text): string[] {
  const key = openGuestKey(crypto, bytes);
  return keySentences(key, language, zoneFormat(zone, language)).map((sentence) => printable(sentence));
}

export async function tellLink(link: string, { language }: Text, flags: LinkFlags): Promise<void> {
  await writePicture(link, flags);
  const words = GUEST_KEY_WORDS[language];
  if (flags.qr) {
    const lines = (await qrOf(link, "ascii"))?.trimEnd().split("\n");
    const columns = lines?.[0]?.length ?? 0;
    // Broken over two lines it cannot be read; what is no terminal has lines of any length.
    const isNarrow = columns > (process.stdout.columns ?? columns);
    for (const line of lines === undefined || isNarrow ? [] : lines) print(line);
    if (lines === undefined) tell(words.tooLong);
    else if (isNarrow) tell(words.narrow(columns));
  }
  print(link);
}

/** Errors: those of the file system. */
export async function writePicture(link: string, { svg }: LinkFlags): Promise<void> {
  if (svg === undefined) return;
  const picture = await qrOf(link, "svg");
  if (picture === undefined) say(`${svg} is not written: the link is too long for a QR code`);
  else writeFileDurably(svg, picture, 0o600);
}

/** undefined: more characters than a QR code can hold. */
async function qrOf(link: string, output: "ascii" | "svg"): Promise<string | undefined> {
  if (link.length > MAX_QR_CHARS) return undefined;
  const { encodeQR } = await import("qr");
  return output === "svg" ? encodeQR(link, "svg", { ecc: "low" }) : encodeQR(link, "ascii", QR_LOOK);
}

export function tellAll(sentences: readonly string[]): void {
  for (const sentence of sentences)
    for (const line of paragraph(sentence, terminalWidth(), "  ")) print(line);
}

export function tell(text: string): void {
  for (const line of paragraph(text, terminalWidth())) print(line);
}

// ---------------------------------------------------------------- lists

/** For `segment key list`: the keys that this phone has given, and those that it holds. */
export function guestKeyDocuments(state: KeyringState) {
  const about = (key: AnyKey) => {
    const { name, windows } = openGuestKey(crypto, bytesOf(key));
    const host = { fromMs: windows[0]?.fromMs ?? null, untilMs: windows.at(-1)?.untilMs ?? null };
    return { key: toHex(key.id), name, lock: key.lock, host };
  };
  return {
    given: state.given.map((key) => ({
      ...about(key),
      revoked: key.isRevoked,
      heard: key.isRevoked && !isOrderWaiting(state, key),
    })),
    held: state.held.map((key) => ({ ...about(key), claimed: key.isClaimed })),
  };
}

/** [id, whom it is for or which lock, how it stands], given ones first. */
export function guestKeyRows(state: KeyringState, now: number): { given: string[][]; held: string[][] } {
  const standing = (key: AnyKey): string => {
    if ("isRevoked" in key && key.isRevoked)
      return isOrderWaiting(state, key) ? "revoked, not heard yet" : "revoked";
    const { windows } = openGuestKey(crypto, bytesOf(key));
    const [first] = windows;
    const last = windows.at(-1);
    if (first === undefined || last === undefined) return "without an end";
    if (now < first.fromMs) return `valid from ${utc(first.fromMs)}`;
    return now >= last.untilMs ? `expired ${utc(last.untilMs)}` : `valid until ${utc(last.untilMs)}`;
  };
  const nameOf = (key: GivenKey): string => printable(openGuestKey(crypto, key.bytes).name);
  return {
    given: state.given.map((key) => [
      shortId(key),
      `for ${nameOf(key)}, “${lockText(state, key.lock)}”`,
      standing(key),
    ]),
    held: state.held.map((key) => [shortId(key), `“${lockText(state, key.lock)}”`, standing(key)]),
  };
}

/** Whether the lock has not answered yet that it knows of the key's end. */
export function isOrderWaiting(state: KeyringState, key: GivenKey): boolean {
  return isKeyOrderWaiting(crypto, state, key);
}
