/** `segment lock`: what people do at a door with their phone, and what owners read there. */
import { Option } from "commander";
import type { Command } from "commander";
import { nodeRandom, systemClock } from "../node/crypto.ts";
import type { Home } from "../node/home.ts";
import type { LockStanding } from "../../protocols/access/messages.ts";
import { ACTIONS } from "../../protocols/access/rights.ts";
import type { Action } from "../../protocols/access/rights.ts";
import { lockNamed, requireDone, wayOf, withKeyring, withKeyringOptions } from "./keyring-visit.ts";
import type { KeyringFlags, WayFlags } from "./keyring-visit.ts";
import { utc } from "./layout.ts";
import { addOwners } from "./lock-owners.ts";
import { print, printDocument } from "./output.ts";

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
  lockCommand(lock, "log", "Who asked for what, by which key, and what came of it. Owners only.").action(
    readLog,
  );
  addOwners(lock);
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

interface LogPage {
  entries: {
    number: number;
    timeMs: number;
    who: string | null;
    name: string;
    what: string;
    target: string | null;
    action: string | null;
    code: string | null;
  }[];
  next: number | null;
}

async function readLog(name: string | undefined, flags: WayFlags): Promise<void> {
  const isNear = wayOf(flags);
  await withKeyring(flags, async (keyring, home) => {
    const lock = lockNamed(keyring.state, name);
    const entries: LogPage["entries"] = [];
    for (let from: number | null = 0; from !== null;) {
      requireDone(
        await keyring.run("read-log", { lock: lock.id, nonce: nodeRandom.bytes(16), from, isNear }),
      );
      const page = keyring.logs.at(-1) as LogPage;
      entries.push(...page.entries);
      from = page.next;
    }
    if (flags.json === true) {
      const lines = entries.map(({ timeMs: _timeMs, ...line }) => line);
      printDocument({
        lock: lock.id,
        entries: lines,
        host: { timesMs: entries.map(({ timeMs }) => timeMs) },
      });
      return;
    }
    for (const entry of entries) print(lineOf(entry, home));
  });
}

function lineOf(
  { timeMs, who, name, what, target, action, code }: LogPage["entries"][number],
  home: Home,
): string {
  const person =
    who === home.id ? "this phone" : name === "" ? (who ?? "the lock") : `${name} (${who ?? ""})`;
  const deed = target === null ? what : `${action ?? ""} ${target}`;
  return `${utc(timeMs)}  ${person}  ${deed}  ${code === null ? "done" : `refused [${code}]`}`;
}

async function list(flags: KeyringFlags): Promise<void> {
  await withKeyring(flags, async ({ state }) => {
    const locks = state.locks.map(({ id, name, isOwned }) => ({ id, name, isOwned }));
    if (flags.json === true) return printDocument({ locks });
    if (locks.length === 0) return print("This phone knows no lock.");
    for (const { id, name, isOwned } of locks) print(`${id}  ${isOwned ? "owner" : "guest"}  ${name}`);
  });
}
