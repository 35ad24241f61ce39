/**
 * An agent's own folder: its keys, its card, what it is, and the network that it
 * belongs to. Everything else in it (journal, ledger, shards, documents) is made by
 * the parts that need it.
 */
import { existsSync, linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { AgentKeys } from "../core/messenger.ts";
import { equalBytes } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { openCard, signCard, type Card } from "../../protocols/identity/card.ts";
import { agentId, signerFromSeed } from "../../protocols/identity/keys.ts";
import { newDeviceKeys, newWords, rootFromSeed, rootFromWords } from "../../protocols/identity/root.ts";
import { formatNetwork, parseNetwork, type NetworkDescription } from "../../protocols/ledger/network.ts";
import type { Clock, Crypto, Random, Signer } from "../../protocols/ports.ts";
import { makeFolder, writeFileDurably } from "./files.ts";
import { loadKeystore, saveKeystore, type Secrets } from "./keystore.ts";

/** A card must outlive years without a network; what ends a device's rights is revocation. */
const CARD_YEARS_MS = 10 * 365 * 24 * 60 * 60 * 1_000;
const MAX_CONFIG_BYTES = 64 * 1024;

export const ROLES = ["broker", "notary", "keeper", "issuer"] as const;
export type Role = (typeof ROLES)[number];

const configSchema = z.strictObject({
  version: z.literal(1),
  kind: z.string().regex(/^[a-z0-9-]{1,32}$/, "expected 1 to 32 of a-z, 0-9 and hyphen"),
  name: z.string().min(1).max(64),
  roles: z.array(z.enum(ROLES)).max(ROLES.length),
  /** Where the network's broker listens, for instance mqtt://192.168.1.10:1883. */
  broker: z.string().max(200).nullable(),
  /** Where this agent's own broker listens, if it is one. */
  port: z.int().min(0).max(65_535),
  /** Agents that keep shards for this one's telemetry, by shard index. */
  keepers: z.array(z.string()).max(64),
});
/** What stands in config.json. */
export type HomeConfig = z.infer<typeof configSchema>;

export interface HomeOptions {
  crypto: Crypto;
  random: Random;
  clock: Clock;
  config: Omit<HomeConfig, "version">;
  /** BIP 39 words of the owner; new ones are made without them. */
  words?: string;
  /** Seals the key file. */
  passphrase?: string;
  /** Keep the owner's root in the key file too (a phone, a simulation); otherwise only the words hold it. */
  keepRoot: boolean;
}

export interface Home {
  readonly folder: string;
  readonly config: HomeConfig;
  readonly id: string;
  readonly keys: AgentKeys;
  readonly card: Card;
  readonly secrets: Secrets;
  /** The owner's root, where it is kept. */
  readonly root: Signer | undefined;
  readonly network: NetworkDescription | undefined;
}

/**
 * Makes a home. Returns it with the owner's words, to be shown once and written down. Errors: home-exists,
 * words-invalid, store-failed.
 */
export async function createHome(
  folder: string,
  options: HomeOptions,
): Promise<{ home: Home; words: string }> {
  const { crypto, random, clock, keepRoot, passphrase } = options;
  if (existsSync(join(folder, "keys"))) {
    throw new SegmentError("home-exists", `${folder} holds an agent already`, { where: folder });
  }
  const config = checkConfig({ version: 1, ...options.config }, join(folder, "config.json"));
  const words = options.words ?? newWords(random);
  const root = rootFromWords(crypto, words);
  const device = newDeviceKeys(random);
  const identity = signerFromSeed(crypto, device.identitySeed);
  const now = clock.now();
  const { kind, name } = options.config;
  const card = signCard(
    {
      root: root.publicKey,
      identity: identity.publicKey,
      sessionKey: crypto.x25519PublicKey(device.sessionSecret),
      kind,
      name,
      // A device whose clock is behind by a day must still believe it.
      notBefore: now - 24 * 60 * 60 * 1_000,
      notAfter: now + CARD_YEARS_MS,
    },
    root,
  );
  makeFolder(folder);
  writeFileDurably(join(folder, "card"), card, 0o644);
  writeConfig(folder, config);
  // The keys come last: they are what makes a folder a home, so that a crash before leaves none in the way.
  await saveKeystore(
    join(folder, "keys"),
    keepRoot ? { ...device, rootSeed: root.seed } : device,
    passphrase,
  );
  return { home: await openHome(folder, crypto, passphrase), words };
}

/**
 * Errors: home-missing, passphrase-missing, passphrase-wrong, keystore-damaged, card-invalid, option-invalid
 * (config.json), network-invalid.
 */
export async function openHome(folder: string, crypto: Crypto, passphrase?: string): Promise<Home> {
  if (!existsSync(join(folder, "keys"))) {
    throw new SegmentError("home-missing", `there is no agent in ${folder}`, { where: folder });
  }
  const secrets = await loadKeystore(join(folder, "keys"), passphrase);
  const cardBytes = readBounded(join(folder, "card"), 4_096);
  const card = openCard(crypto, cardBytes);
  const signer = signerFromSeed(crypto, secrets.identitySeed);
  if (!equalBytes(card.identity, signer.publicKey)) {
    throw new SegmentError("card-invalid", "the card is not of the keys beside it", {
      where: join(folder, "card"),
    });
  }
  return {
    folder,
    config: readConfig(folder),
    id: agentId(signer.publicKey),
    keys: { signer, sessionSecret: secrets.sessionSecret, card: cardBytes },
    card,
    secrets,
    root: secrets.rootSeed === undefined ? undefined : rootFromSeed(crypto, secrets.rootSeed),
    network: readHomeNetwork(folder),
  };
}

/** The network that the home has joined, if any. Errors: network-invalid. */
export function readHomeNetwork(folder: string): NetworkDescription | undefined {
  const path = join(folder, "network.json");
  if (!existsSync(path)) return undefined;
  return parseNetwork(new TextDecoder().decode(readBounded(path, MAX_CONFIG_BYTES)));
}

export function joinNetwork(folder: string, network: NetworkDescription): void {
  writeFileDurably(join(folder, "network.json"), formatNetwork(network), 0o644);
}

export function writeConfig(folder: string, config: HomeConfig): void {
  writeFileDurably(join(folder, "config.json"), `${JSON.stringify(config, undefined, 2)}\n`, 0o644);
}

function readConfig(folder: string): HomeConfig {
  const path = join(folder, "config.json");
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(readBounded(path, MAX_CONFIG_BYTES)));
  } catch (cause) {
    if (cause instanceof SegmentError) throw cause;
    throw new SegmentError("option-invalid", "config.json is not JSON", { where: path, cause });
  }
  return checkConfig(value, path);
}

function checkConfig(value: unknown, path: string): HomeConfig {
  const parsed = configSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = ["config.json", ...(issue?.path.map(String) ?? [])].join(", ");
  throw new SegmentError("option-invalid", `${field}: ${issue?.message ?? "malformed"}`, { where: path });
}

function readBounded(path: string, maxBytes: number): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(readFileSync(path));
  } catch (cause) {
    throw new SegmentError("home-missing", `the home lacks a file: ${(cause as Error).message}`, {
      where: path,
      cause,
    });
  }
  if (bytes.length > maxBytes)
    throw new SegmentError("cbor-too-large", `the file has ${bytes.length} bytes`, { where: path });
  return bytes;
}

/** Only one process may run a home at a time. Returns what releases it. Errors: home-locked, store-failed. */
export function lockHome(folder: string): () => void {
  const path = join(folder, "lock");
  const mine = `${path}.${process.pid}`;
  try {
    for (let attempt = 0; attempt < 2; attempt++) {
      // Written before it becomes the lock, so that nobody ever reads half of one.
      writeFileSync(mine, `${process.pid} ${startOf(process.pid)}`, { mode: 0o600 });
      if (linked(mine, path)) return () => rmSync(path, { force: true });
      takeAway(path, mine, folder);
    }
  } catch (error) {
    if (error instanceof SegmentError) throw error;
    throw new SegmentError("store-failed", `cannot lock the home: ${(error as Error).message}`, {
      where: path,
      cause: error,
    });
  } finally {
    rmSync(mine, { force: true });
  }
  throw new SegmentError("home-locked", `the lock of ${folder} changes hands`, { where: folder });
}

/** Removes a lock that a process has left behind which was killed. Errors: home-locked. */
function takeAway(path: string, mine: string, folder: string): void {
  const refuse = (holder: string): never => {
    const [pid] = holder.split(" ");
    throw new SegmentError("home-locked", `process ${pid} runs the agent in ${folder}`, { where: folder });
  };
  const judged = readLock(path);
  if (judged === undefined) return;
  if (isRunning(judged)) refuse(judged);
  // Another process may have done the same since, and hold a lock of its own by now: that one goes back.
  renameSync(path, mine);
  const taken = readLock(mine) ?? "";
  if (taken === judged) return;
  linked(mine, path);
  refuse(taken);
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function readLock(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** A number alone says little: after a reboot, or in a container, another process has it, or this one. */
function isRunning(lock: string): boolean {
  const [number = "", start = ""] = lock.split(" ");
  const pid = Number.parseInt(number, 10);
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  const startNow = startOf(pid);
  return start === "" || startNow === "" || start === startNow;
}

/**
 * When the process began, as the kernel counts, and in which run of the machine; empty where there is no
 * /proc.
 */
function startOf(pid: number): string {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // Field 22; the name before it, in brackets, may hold anything (proc(5)).
    return `${boot}/${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? ""}`;
  } catch {
    return "";
  }
}
