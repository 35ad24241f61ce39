/** `segment lock`: what people do at a door with their phone, and what owners read there. */
import { Option } from "commander";
import type { Command } from "commander";
import { nodeRandom, systemClock } from "../node/crypto.ts";
import type { Home } from "../node/home.ts";
import type { AuditEntry, LockStanding } from "../../protocols/access/messages.ts";
import { logDeed } from "../../protocols/access/log-words.ts";
import { ACTIONS } from "../../protocols/access/rights.ts";
import type { Action } from "../../protocols/access/rights.ts";
import type { TextLanguage } from "../../protocols/contract/text-format.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import type { Card } from "../../protocols/identity/card.ts";
import { peopleOf } from "./contract-home.ts";
import { lockNamed, requireDone, wayOf, withKeyring, withKeyringOptions } from "./keyring-visit.ts";
import type { KeyringFlags, WayFlags } from "./keyring-visit.ts";
import { printable, utc } from "./layout.ts";
import { addOwners } from "./lock-owners.ts";
import { addRentals, stayShown, stayText } from "./lock-rental.ts";
import { languageOf } from "./options.ts";
import { print, printDocument } from "./output.ts";

interface LogFlags extends WayFlags {
  lang: string;
}

interface AskFlags extends WayFlags {
  target: string;
}

export function addLock(program: Command): void {
  const lock = program.command("lock").description("Open doors with this phone, and read a lock's log.");
  lockCommand(lock, "open", "Open a door: one tap, signed by this phone.")
    .option("--target <name>", "which door of it", "door")
    .action((name: string | undefined, flags: AskFlags) => ask(name, "open", flags));
  lockCommand(lock, "do", "Anything that the lock moves: a light, a shutter, a window, the bolt.")
    .addOption(new Option("--action <action>", "what to do").choices(ACTIONS).makeOptionMandatory())
    .option("--target <name>", "with what", "door")
    .action((name: string | undefined, flags: AskFlags & { action: Action }) =>
      ask(name, flags.action, flags),
    );
  lockCommand(lock, "log", "Who asked for what, by which key, and what came of it. Owners only.")
    .option("--lang <language>", "en or fr", "en")
    .action(readLog);
  addOwners(lock);
  addRentals(lock);
  withKeyringOptions(lock.command("list"))
    .description("Show the locks that this phone owns, or has a key of.")
    .addHelpText("after", "\nExample:\n  segment lock list --home phone\n")
    .action(list);
}

function lockCommand(group: Command, verb: string, description: string): Command {
  return withKeyringOptions(group.command(verb))
    .description(description)
    .argument("[lock]", "its name, or the beginning of its id (default: the only one)")
    .option("--far", "over the network instead of Bluetooth")
    .addHelpText("after", `\nExample:\n  segment lock ${verb} "Front door" --home phone --radio air/phone\n`);
}

async function ask(name: string | undefined, action: Action, flags: AskFlags): Promise<void> {
  const isNear = wayOf(flags);
  await withKeyring(flags, async (keyring) => {
    const lock = lockNamed(keyring.state, name);
    const nonce = nodeRandom.bytes(16);
    const beganMs = systemClock.now();
    requireDone(await keyring.run("ask", { lock: lock.id, nonce, target: flags.target, action, isNear }));
    const durationMs = systemClock.now() - beganMs;
    const standing = keyring.state.locks.find(({ id }) => id === lock.id)?.standing ?? null;
    if (flags.json === true) {
      printDocument({
        lock: lock.id,
        target: flags.target,
        action,
        standing: shown(standing),
        host: { durationMs },
      });
      return;
    }
    print(`"${lock.name}": ${flags.target} ${action}: done in ${durationMs} ms`);
  });
}

/** Without what is no text. */
function shown(standing: LockStanding | null): object | null {
  if (standing === null) return null;
  const { isLocked, isOpen, isTimeKnown, targets } = standing;
  return { isLocked, isOpen, isTimeKnown, targets };
}

const LINE_WORDS: Readonly<Record<TextLanguage, Readonly<Record<string, string>>>> = {
  en: { you: "this phone", lock: "the lock", by: "by", done: "done", refused: "refused" },
  fr: { you: "ce téléphone", lock: "la serrure", by: "par", done: "fait", refused: "refusé" },
};

interface LogPage {
  entries: AuditEntry[];
  next: number | null;
}

async function readLog(name: string | undefined, flags: LogFlags): Promise<void> {
  const language = languageOf(flags.lang);
  const isNear = wayOf(flags);
  await withKeyring(flags, async (keyring, home) => {
    const lock = lockNamed(keyring.state, name);
    const entries: AuditEntry[] = [];
    for (let from: number | null = 0; from !== null;) {
      requireDone(
        await keyring.run("read-log", { lock: lock.id, nonce: nodeRandom.bytes(16), from, isNear }),
      );
      const page = keyring.logs.at(-1) as LogPage;
      entries.push(...page.entries);
      from = page.next;
    }
    if (flags.json === true) {
      const lines = entries.map(({ timeMs: _timeMs, key, evidence, ...line }) => {
        return { ...line, key: key && toHex(key), evidence: evidence && toHex(evidence) };
      });
      printDocument({
        lock: lock.id,
        entries: lines,
        host: { timesMs: entries.map(({ timeMs }) => timeMs) },
      });
      return;
    }
    const people = peopleOf(home);
    for (const entry of entries) print(lineOf(entry, home, people, language));
  });
}

function lineOf(
  entry: AuditEntry,
  home: Home,
  people: ReadonlyMap<string, Card>,
  language: TextLanguage,
): string {
  const { timeMs, who, key, code } = entry;
  // What the key's issuer calls them, or else what they call themselves.
  const name = entry.name === "" ? (people.get(who ?? "")?.name ?? "") : entry.name;
  const words = LINE_WORDS[language];
  const person =
    who === home.id ? words.you : name === "" ? (who ?? words.lock) : `${printable(name)} (${who ?? ""})`;
  const right = key === null ? "" : `  ${words.by} ${toHex(key).slice(0, 8)}`;
  const end = code === null ? words.done : `${words.refused} [${code}]`;
  return `${utc(timeMs)}  ${person}  ${logDeed(entry, language)}${right}  ${end}`;
}

async function list(flags: KeyringFlags): Promise<void> {
  await withKeyring(flags, async ({ state }) => {
    const stays = state.stays.map((one) => stayShown(state, one));
    const locks = state.locks.map(({ id, name, isOwned }) => {
      return { id, name, isOwned, stays: stays.filter(({ lock }) => lock === id) };
    });
    if (flags.json === true) return printDocument({ locks });
    if (locks.length === 0) return print("This phone knows no lock.");
    for (const { id, name, isOwned, stays: rented } of locks) {
      print(`${id}  ${isOwned ? "owner" : "guest"}  ${printable(name)}`);
      for (const one of rented) print(`  ${stayText(one, "en")}`);
    }
  });
}
