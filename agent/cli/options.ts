/** Options that many commands share, read and checked in one place. */
import { closeSync, openSync, readSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { nodeCrypto, nodeRandom, steadyClock, systemClock } from "../node/crypto.ts";
import { openHome } from "../node/home.ts";
import type { Home } from "../node/home.ts";
import type { Machine } from "../node/run-connection.ts";
import { optionInvalid } from "../platform/option-values.ts";
import { readRunStatus, runningProcess } from "../node/run-status.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { publicKeyFromId } from "../../protocols/identity/keys.ts";
import { parseNetwork } from "../../protocols/ledger/network.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";

export { integerOf, numberOf, optionInvalid } from "../platform/option-values.ts";

const MAX_SMALL_FILE_BYTES = 4_096;
const MAX_NETWORK_BYTES = 64 * 1024;

export interface JsonFlags {
  json?: boolean;
}

export interface HomeFlags extends JsonFlags {
  home?: string;
  passphraseFile?: string;
}

/** Of commands that talk to the network. */
export interface NetworkFlags extends HomeFlags {
  broker?: string;
}

export function withJson(command: Command): Command {
  return command.option("--json", "print one JSON document on stdout");
}

export function withHome(command: Command): Command {
  return withJson(command)
    .option("--home <dir>", "the agent's own folder (or env SEGMENT_HOME; default ~/.segment)")
    .option("--passphrase-file <file>", "holds the passphrase of the key file (or env SEGMENT_PASSPHRASE)");
}

export function withNetwork(command: Command): Command {
  return withHome(command).option("--broker <url>", "the broker to use instead of the home's");
}

export function homeFolder(flags: HomeFlags): string {
  const named = flags.home ?? process.env["SEGMENT_HOME"];
  if (named === "") throw optionInvalid("--home", "the name of a folder", named);
  return named === undefined ? join(homedir(), ".segment") : resolve(named);
}

/** Without the line break that an editor leaves at the end. */
export function passphraseOf(flags: HomeFlags): string | undefined {
  const { passphraseFile } = flags;
  if (passphraseFile === undefined) return process.env["SEGMENT_PASSPHRASE"];
  return smallText(passphraseFile).replace(/\r?\n$/, "");
}

/** Errors: home-missing, passphrase-missing, passphrase-wrong, keystore-damaged, … */
export function loadHome(flags: HomeFlags): Promise<Home> {
  return openHome(homeFolder(flags), nodeCrypto, passphraseOf(flags));
}

/** Errors: network-invalid. */
export function networkOf(home: Home): NetworkDescription {
  if (home.network !== undefined) return home.network;
  const problem = "the home belongs to no network yet: it was made without --found and --network";
  throw new SegmentError("network-invalid", problem, { where: home.folder });
}

/** Where the network's broker listens, as far as the home knows. Errors: broker-unreachable. */
export function brokerOf(flags: NetworkFlags, { folder, config }: Home): string {
  if (flags.broker !== undefined) return brokerUrl("--broker", flags.broker);
  if (!config.roles.includes("broker") && config.broker !== null) return config.broker;
  // Its own broker may listen elsewhere than it was told at the beginning.
  const status = runningProcess(folder) === undefined ? undefined : readRunStatus(folder);
  if (status !== undefined) return status.broker;
  if (config.roles.includes("broker") && config.port !== 0) return `mqtt://127.0.0.1:${config.port}`;
  throw new SegmentError("broker-unreachable", "the home names no broker: give one with --broker", {
    where: folder,
  });
}

/** Errors: home-missing, network-invalid. */
export function readNetworkFile(path: string): NetworkDescription {
  return parseNetwork(new TextDecoder().decode(readFileBounded(path, MAX_NETWORK_BYTES)));
}

/** A small file of text that the user names. Errors: option-invalid. */
export function smallText(path: string): string {
  return new TextDecoder().decode(readFileBounded(path, MAX_SMALL_FILE_BYTES));
}

/** A file that the user names. Errors: option-invalid. */
export function readFileBounded(path: string, maxBytes: number): Uint8Array {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, "r");
    const buffer = new Uint8Array(maxBytes + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < buffer.length; length += read) {
      read = readSync(descriptor, buffer, length, buffer.length - length, null);
    }
    if (length <= maxBytes) return buffer.slice(0, length);
  } catch (cause) {
    const problem = `the file cannot be read: ${(cause as Error).message}`;
    throw new SegmentError("option-invalid", problem, { where: path, cause });
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
  throw new SegmentError("option-invalid", `the file has more than ${maxBytes} bytes`, { where: path });
}

/** Of an option that may be given several times. */
export function gather(value: string, before: string[] = []): string[] {
  return [...before, value];
}

export function languageOf(text: string): "en" | "fr" {
  if (text === "en" || text === "fr") return text;
  throw optionInvalid("--lang", "en or fr", text);
}

/** Errors: option-invalid. */
export function brokerUrl(name: string, text: string): string {
  if (/^(mqtts?|wss?):\/\/[^\s/@]+/.test(text) && text.length <= 200) return text;
  throw optionInvalid(name, "an address such as mqtt://192.168.1.10:1883", text);
}

/** Ids of agents, apart by commas or spaces. Errors: did-invalid, option-invalid. */
export function idsOf(name: string, texts: readonly string[]): string[] {
  const ids = texts.flatMap((text) => text.split(/[\s,]+/)).filter((id) => id !== "");
  for (const id of ids) publicKeyFromId(id);
  const plain = ids.map((id) => id.replace(/^did:key:/, ""));
  if (new Set(plain).size !== plain.length) throw optionInvalid(name, "every id once", texts.join(" "));
  return plain;
}

/** This machine, for commands: what fails ends the command. */
export function thisMachine(failed: (error: unknown) => void): Machine {
  const clocks = { clock: systemClock, linkClock: steadyClock, steadyClock };
  return { crypto: nodeCrypto, random: nodeRandom, ...clocks, failed };
}
