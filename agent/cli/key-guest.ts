/** `segment key make | take | show | pass-on`, and the end of a guest key: what a phone gives to people. */
import type { Command } from "commander";
import { nodeCrypto as crypto, nodeRandom, systemClock } from "../node/crypto.ts";
import type { RunningKeyring } from "../node/keyring-home.ts";
import type { GivenKey, KeyringState, KnownLock } from "../../devices/keyring/state.ts";
import { openGuestKey } from "../../protocols/access/key.ts";
import type { GuestKey } from "../../protocols/access/key.ts";
import { parseKeyLink } from "../../protocols/access/link.ts";
import { allows } from "../../protocols/access/rights.ts";
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { errorCode, SegmentError } from "../../protocols/errors.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { keyWish, USUAL_REFRESH } from "../platform/key-content.ts";
import type { ContentFlags, KeyWish } from "../platform/key-content.ts";
import { bytesOf, workMsOf } from "../../devices/keyring/given.ts";
import type { AnyKey } from "../../devices/keyring/given.ts";
import {
  isOrderWaiting,
  keyNamed,
  linkOf,
  lockOf,
  lockText,
  sentencesOf,
  shortId,
  tell,
  tellAll,
  tellLink,
  writePicture,
} from "./key-shown.ts";
import type { LinkFlags, Text, TextFlags } from "./key-shown.ts";
import { GUEST_KEY_WORDS, workText } from "../platform/key-words.ts";
import { lockNamed, withKeyring, withKeyringOptions } from "./keyring-visit.ts";
import type { KeyringFlags } from "./keyring-visit.ts";
import { printable } from "./layout.ts";
import { gather, languageOf, optionInvalid } from "./options.ts";
import { printDocument, say } from "./output.ts";
import { zoneFormat, zoneOf } from "../platform/wall-clock.ts";

type MakeFlags = LinkFlags & ContentFlags;

/** How long an order gets over the network. */
const HEARD_MS = 8_000;

const CONTENT_HELP =
  "\nTimes are those of the clocks in the zone (--zone; default: this machine's). Hours are days and a span:\n" +
  '"mon-fri 08:00-18:00", "sat,sun 22:00-06:00" (into the next day), "daily 00:00-24:00".\n';

export function addGuestKeys(key: Command): void {
  contentOptions(textOptions(withKeyringOptions(key.command("make"))))
    .description("Make a guest key: a link for whoever has it first, or for one known phone (--to).")
    .argument("[lock]", "its name, or the beginning of its id (default: the only one)")
    .addHelpText(
      "after",
      '\nExamples:\n  segment key make --for Ana --until "2026-11-24 18:00" --home phone\n' +
        '  segment key make "Front door" --for Cleaner --forever --hours "mon,thu 09:00-12:00"\n' +
        CONTENT_HELP,
    )
    .action(make);
  contentOptions(textOptions(withKeyringOptions(key.command("pass-on"))))
    .description("Pass on a key that this phone holds, or a part of it; what is not said stays as it is.")
    .argument("<key>", "the first digits of its id (segment key list shows it)")
    .addHelpText(
      "after",
      "\nExample:\n  segment key pass-on 3f0c2a --for Bo --uses 1 --home phone\n" + CONTENT_HELP,
    )
    .action(passOn);
  textOptions(withKeyringOptions(key.command("take")))
    .description("Keep a key that somebody gave as a link; its sentences are shown.")
    .argument("<link>", "segment:key:…")
    .option("--name <name>", "what the lock is to be called")
    .addHelpText("after", '\nExample:\n  segment key take segment:key:… --name "Olga\'s door" --home phone\n')
    .action(take);
  linkOptions(textOptions(withKeyringOptions(key.command("show"))))
    .description("Show what a key allows, and its link while it is not revoked.")
    .argument("[key]", "the first digits of its id (default: the only one)")
    .addHelpText("after", "\nExample:\n  segment key show 3f0c2a --lang fr --home phone\n")
    .action(show);
}

function textOptions(command: Command): Command {
  return command
    .option("--lang <language>", "language of the sentences: en or fr", "en")
    .option("--zone <zone>", "the zone whose clocks tell the time, such as Europe/Paris");
}

function linkOptions(command: Command): Command {
  return command
    .option("--no-qr", "the link alone")
    .option("--svg <file>", "write the QR code as a picture, to print");
}

function contentOptions(command: Command): Command {
  return linkOptions(command)
    .requiredOption("--for <name>", "whom it is for, as you call them")
    .option("--to <id>", "the phone that may use it, z6Mk… (default: a link, for whoever has it first)")
    .option("--from <time>", 'valid from, such as "2026-11-24 08:00" (default: now)')
    .option("--until <time>", "valid until")
    .option("--forever", "valid without an end")
    .option("--hours <hours>", "only at these hours of the week; may be given several times", gather)
    .option("--uses <n>", "how often in all (default: as often as needed)")
    .option("--may <right>", "what it is for, such as light:on,off (default: door:open)", gather)
    .option("--pass-on <n>", "how many times it may be passed on, one after the other (default: 0)")
    .option(
      "--refresh <time>",
      "how long it works at a lock that is offline without this phone's word that it still holds, such as " +
        `1h, 7d, none (default: ${USUAL_REFRESH})`,
    );
}

function textOf({ lang, zone }: TextFlags): Text {
  return { language: languageOf(lang), zone: zoneOf(zone) };
}

// ---------------------------------------------------------------- giving

async function make(lockName: string | undefined, flags: MakeFlags): Promise<void> {
  const text = textOf(flags);
  const wish = keyWish(flags, text.zone, systemClock.now());
  await withKeyring(flags, async (keyring) => {
    const { id } = lockNamed(keyring.state, lockName);
    const key = await given(keyring, "give", { lock: id }, wish);
    await tellMade(keyring.state, key, wish, text, flags);
  });
}

async function passOn(idText: string, flags: MakeFlags): Promise<void> {
  const text = textOf(flags);
  await withKeyring(flags, async (keyring) => {
    const held = keyNamed(keyring.state.held, idText);
    const wish = keyWish(flags, text.zone, systemClock.now(), openGuestKey(crypto, bytesOf(held)));
    const key = await given(keyring, "pass-on", { key: held.id }, wish);
    await tellMade(keyring.state, key, wish, text, flags);
  });
}

async function given(
  keyring: RunningKeyring,
  command: "give" | "pass-on",
  of: { lock: string } | { key: Uint8Array },
  { content }: KeyWish,
): Promise<GivenKey> {
  const secret = content.holder === null ? nodeRandom.bytes(32) : null;
  await keyring.run(command, { ...of, ...content, nonce: nodeRandom.bytes(16), secret });
  return keyring.state.given.at(-1)!;
}

async function tellMade(
  state: KeyringState,
  key: GivenKey,
  { content, followsUntilMs }: KeyWish,
  text: Text,
  flags: MakeFlags,
): Promise<void> {
  const link = linkOf(state, key)!;
  if (flags.json === true) {
    await writePicture(link, flags);
    printDocument({ key: toHex(key.id), link, lock: key.lock, host: {} });
    return;
  }
  const words = GUEST_KEY_WORDS[text.language];
  const { refreshMs, windows, rights } = content;
  const endMs = windows.at(-1)?.untilMs ?? null;
  const isLonger = refreshMs !== null && (endMs === null || endMs - systemClock.now() > refreshMs);
  const time = (timeMs: number): string => zoneFormat(text.zone, text.language).time(timeMs);
  tell(words.made(shortId(key), lockText(state, key.lock)));
  tellAll(sentencesOf(key.bytes, text));
  await tellLink(link, text, flags);
  tell(content.holder === null ? words.secret : words.named);
  const isPart = openGuestKey(crypto, key.bytes).parent !== null;
  if (isLonger) tell(isPart ? words.partConfirmed(refreshMs) : words.confirmed(refreshMs));
  if (followsUntilMs !== null) tell(words.follows(text.zone.name, time(followsUntilMs)));
  for (const note of strangeRights(lockOf(state, key.lock), rights, text)) tell(note);
}

/** What the lock has not named when it was last heard: perhaps a slip of the pen. */
function strangeRights(
  lock: KnownLock | undefined,
  rights: GuestKey["rights"],
  { language }: Text,
): string[] {
  const targets = lock?.standing?.targets;
  if (targets === undefined) return [];
  const named = targets.map(({ name, actions }) => ({ target: name, actions }));
  const known = named.map(({ target, actions }) => `${target} (${actions.join(", ")})`).join("; ");
  return rights.flatMap(({ target, actions }) =>
    actions
      .filter((action) => !allows(named, target, action))
      .map((action) => GUEST_KEY_WORDS[language].unknownTarget(target, action, known)),
  );
}

// ---------------------------------------------------------------- taking

async function take(line: string, flags: TextFlags & { name?: string }): Promise<void> {
  const text = textOf(flags);
  const { links, secret, network } = parseKeyLink(line);
  const { lock } = openGuestKey(crypto, links.at(-1)!.key);
  const name = flags.name ?? `lock-${agentId(lock).slice(-4)}`;
  if (name === "" || name.length > 64) throw optionInvalid("--name", "a name of 1 to 64 characters", name);
  const words = GUEST_KEY_WORDS[text.language];
  await withKeyring(flags, async (keyring, home) => {
    await keyring.run("take", { link: line, name });
    const held = keyring.state.held.at(-1)!;
    if (flags.json !== true) {
      tell(words.taken(shortId(held), lockText(keyring.state, held.lock)));
      tellAll(sentencesOf(bytesOf(held), text));
    }
    const isNear = flags.radio !== undefined;
    const isReachable = isNear || network === home.network?.network;
    if (secret !== null && isReachable) say(words.claims);
    const isMet = secret !== null && isReachable && (await meets(keyring, held.lock, isNear));
    const isBound = keyring.state.held.some(({ id, isClaimed }) => isClaimed && equalBytes(id, held.id));
    if (flags.json === true) {
      printDocument({ key: toHex(held.id), lock: held.lock, claimed: isBound, host: {} });
    } else if (secret !== null) {
      tell(isBound ? words.isBound : isMet ? words.wasNotBound : words.isNotBound);
    }
  });
}

/** A phone that looks at a lock claims its links' keys there; false if the lock was not reached. */
async function meets(keyring: RunningKeyring, lock: string, isNear: boolean): Promise<boolean> {
  const outcome = await keyring.run("look", { lock, nonce: nodeRandom.bytes(16), isNear });
  return outcome !== null && outcome.code !== "radio-failed" && outcome.code !== "broker-unreachable";
}

// ---------------------------------------------------------------- showing

async function show(idText: string | undefined, flags: LinkFlags): Promise<void> {
  const text = textOf(flags);
  await withKeyring(flags, async ({ state }) => {
    const key = keyNamed<AnyKey>([...state.given, ...state.held], idText);
    const isGiven = "bytes" in key;
    const link = isGiven && !key.isRevoked ? linkOf(state, key) : undefined;
    const sentences = sentencesOf(bytesOf(key), text);
    if (flags.json === true) {
      if (link !== undefined) await writePicture(link, flags);
      const about = isGiven ? { revoked: key.isRevoked } : { claimed: key.isClaimed };
      printDocument({
        key: toHex(key.id),
        lock: key.lock,
        ...about,
        sentences,
        link: link ?? null,
        host: {},
      });
      return;
    }
    const words = GUEST_KEY_WORDS[text.language];
    const names = [shortId(key), lockText(state, key.lock)] as const;
    tell(isGiven ? words.made(...names) : words.taken(...names));
    tellAll(sentences);
    if (!isGiven) return;
    if (key.isRevoked) return tell(words.isRevoked);
    if (link === undefined) return tell(words.noLink);
    await tellLink(link, text, flags);
    tell(key.secret === null ? words.named : words.secret);
  });
}

// ---------------------------------------------------------------- revoking

/** Errors: option-invalid (no such key), owner-required, queue-full, those of `withKeyring`. */
export async function revokeGuestKey(idText: string, flags: KeyringFlags): Promise<void> {
  await withKeyring(flags, async (keyring) => {
    const key = keyNamed(keyring.state.given, idText);
    // A second time it is not signed again, but brought again where the lock has not heard it.
    if (!key.isRevoked) await keyring.run("revoke", { key: key.id }).catch(explained);
    const isWaiting = (): boolean => isOrderWaiting(keyring.state, key);
    if (isWaiting() && flags.radio !== undefined) await meets(keyring, key.lock, true);
    if (isWaiting()) await keyring.ordersHeard(HEARD_MS);
    const heard = !isWaiting();
    const opened = openGuestKey(crypto, key.bytes);
    const workMs = workMsOf(opened, systemClock.now());
    if (flags.json === true) {
      const host = { worksAtMostMs: heard ? 0 : workMs };
      printDocument({ revoked: toHex(key.id), lock: key.lock, heard, host });
      return;
    }
    tell(`Revoked ${shortId(key)}, the key for ${printable(opened.name)}.`);
    if (heard) return tell("The lock has heard it: the key opens nothing any more.");
    tell(`It waits until this phone meets the lock, or the network carries it; ${workText(workMs)}.`);
  });
}

function explained(error: unknown): never {
  if (errorCode(error) !== "owner-required") throw error;
  const problem =
    "a lock takes the end of a key from its owners alone: ask one to revoke the key that this is of";
  throw new SegmentError("owner-required", problem, { cause: error });
}
