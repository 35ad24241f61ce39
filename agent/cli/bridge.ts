/** `segment bridge`: shows what this home has a key of to another system. */
import type { Command } from "commander";
import { HomeAssistantBridge } from "../bridges/home-assistant-run.ts";
import type { HomeAssistantOptions, WatchedLock } from "../bridges/home-assistant-run.ts";
import { nodeCrypto, nodeRandom, steadyClock } from "../node/crypto.ts";
import type { RunningKeyring } from "../node/keyring-home.ts";
import type { KeyringState, KnownLock } from "../../devices/keyring/state.ts";
import { openChain } from "../../protocols/access/chain.ts";
import { allows } from "../../protocols/access/rights.ts";
import type { Action, Right } from "../../protocols/access/rights.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { lockNamed, wayOf, withKeyring, withKeyringOptions } from "./keyring-visit.ts";
import type { WayFlags } from "./keyring-visit.ts";
import { languageOf, optionInvalid, smallText } from "./options.ts";
import { say } from "./output.ts";
import { endOfRun } from "./run.ts";

interface Flags extends WayFlags {
  mqtt: string;
  mqttUser?: string;
  mqttPasswordFile?: string;
  prefix: string;
  lang: string;
}

/** What the lock calls its own bolt. */
const DOOR = "door";
const COMMANDS: readonly Action[] = ["lock", "unlock", "open"];
const OWNER = { en: "owner", fr: "propriétaire" };

export function addBridge(program: Command): void {
  const bridge = program.command("bridge").description("Show a lock to another system, by a key of its own.");
  withKeyringOptions(bridge.command("home-assistant"))
    .description("Show a lock in Home Assistant by MQTT discovery, until SIGINT or SIGTERM.")
    .argument("[lock]", "its name, or the beginning of its id (default: the only one)")
    .requiredOption("--mqtt <url>", "Home Assistant's own broker: mqtt://192.168.1.20:1883")
    .option("--mqtt-user <name>", "its user there")
    .option("--mqtt-password-file <file>", "a file with that user's password")
    .option("--prefix <topic>", "Home Assistant's discovery prefix", "homeassistant")
    .option("--far", "over the network instead of Bluetooth")
    .option("--lang <language>", "of what it shows: en or fr", "en")
    .addHelpText(
      "after",
      "\nThe bridge is an agent of its own (segment init --kind bridge) that holds a guest key. With a key to\n" +
        "watch it shows bolt, door, battery and last user; with lock, unlock and open it lets Home Assistant do\n" +
        "that too: then whoever is in Home Assistant is in the house. The owner revokes it like any key.\n" +
        "\nExamples:\n  segment key make --for Bridge --may door:watch --home phone     # at the owner's\n" +
        "  segment key take segment:key:… --home bridge\n" +
        "  segment bridge home-assistant --far --mqtt mqtt://127.0.0.1:1883 --home bridge\n",
    )
    .action(homeAssistant);
}

async function homeAssistant(name: string | undefined, flags: Flags): Promise<void> {
  const isNear = wayOf(flags);
  const options = optionsOf(flags);
  const ended = endOfRun();
  let bridge: HomeAssistantBridge | undefined;
  try {
    await withKeyring(
      flags,
      async (keyring) => {
        const lock = watchedLock(keyring, lockNamed(keyring.state, name), isNear);
        const may = lock.actions.length === 0 ? "state only" : `commands: ${lock.actions.join(", ")}`;
        say(`bridge: ${lock.name} (${lock.id}), ${may}`);
        bridge = new HomeAssistantBridge(lock, { ...options, clock: steadyClock, say, failed: ended.failed });
        const error = await ended.promise;
        await bridge.close();
        if (error !== undefined) throw error;
      },
      (watched) => bridge?.watched(watched),
    );
  } finally {
    ended.forget();
  }
}

function optionsOf(
  flags: Flags,
): Pick<HomeAssistantOptions, "url" | "username" | "password" | "prefix" | "owner"> {
  const { mqtt: url, mqttUser: username, mqttPasswordFile: file, prefix } = flags;
  if (!/^mqtts?:\/\/[^\s/@]+$/.test(url))
    throw optionInvalid("--mqtt", "an address such as mqtt://192.168.1.20:1883, without a password", url);
  if (!/^[\w-]+(\/[\w-]+)*$/.test(prefix)) throw optionInvalid("--prefix", "a topic", prefix);
  const password = file === undefined ? undefined : smallText(file).trim();
  return {
    ...{ url, prefix, owner: OWNER[languageOf(flags.lang)] },
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  };
}

/** Errors: option-invalid (this home owns the lock), right-missing. */
function watchedLock(keyring: RunningKeyring, lock: KnownLock, isNear: boolean): WatchedLock {
  if (lock.isOwned) {
    const problem = "this home owns the lock: a bridge holds a guest key, which can be revoked";
    throw new SegmentError("option-invalid", problem, { where: lock.id });
  }
  const rights = rightsOf(keyring.state, lock.id);
  if (!allows(rights, DOOR, "watch")) {
    const problem = `no key of this home lets it watch "${lock.name}"`;
    throw new SegmentError("right-missing", problem, { where: lock.id });
  }
  const asked = (): { lock: string; nonce: Uint8Array; isNear: boolean } => {
    return { lock: lock.id, nonce: nodeRandom.bytes(16), isNear };
  };
  return {
    ...{ id: lock.id, name: lock.name },
    actions: COMMANDS.filter((action) => allows(rights, DOOR, action)),
    watch: () => keyring.run("watch", asked()),
    act: (action) => keyring.run("ask", { ...asked(), target: DOOR, action }),
  };
}

/** Of all keys of the lock. */
function rightsOf({ held }: KeyringState, lock: string): Right[] {
  return held
    .filter((key) => key.lock === lock)
    .flatMap(({ links }) => [...openChain(nodeCrypto, links).at(-1)!.key.rights]);
}
