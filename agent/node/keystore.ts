/**
 * The agent's key file: one file, mode 0600, sealed with a passphrase or plain.
 *
 * Deterministic CBOR, one of
 *   [1, "plain", secrets]
 *   [1, "scrypt", …]   sealed with a passphrase, see passphrase.ts
 * where secrets = [1, identity seed, session secret, root seed or null].
 */
import { open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { encodeCbor } from "../../protocols/encoding/cbor.ts";
import { FieldReader } from "../../protocols/encoding/reader.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { openSealed, readSealed, SEALED, sealWithPassphrase } from "./passphrase.ts";
import type { SealedBox } from "./passphrase.ts";

export interface Secrets {
  /** 32-byte Ed25519 private key of the device. */
  identitySeed: Uint8Array;
  /** 32-byte X25519 private key of the device. */
  sessionSecret: Uint8Array;
  /** 64-byte BIP 39 seed of the owner, only where the owner chose to keep it on this machine. */
  rootSeed?: Uint8Array;
}

const VERSION = 1;
const PLAIN = "plain";
const MAX_FILE_BYTES = 4096;

/**
 * Writes the key file, whole or not at all. Without a passphrase the secrets lie open to whoever
 * can read the file. Throws `store-failed`, or `option-invalid` for an empty passphrase.
 */
export async function saveKeystore(path: string, secrets: Secrets, passphrase?: string): Promise<void> {
  const plain = encodeSecrets(secrets);
  const bytes =
    passphrase === undefined
      ? encodeCbor([VERSION, PLAIN, plain])
      : await sealWithPassphrase("keystore", plain, passphrase);
  await writeAtomically(path, bytes);
}

/**
 * Reads the key file. A passphrase given for a plain file is not needed and not looked at.
 * Throws `home-missing`, `passphrase-missing`, `passphrase-wrong`, `keystore-damaged` or `store-failed`.
 */
export async function loadKeystore(path: string, passphrase?: string): Promise<Secrets> {
  const bytes = await readKeyFile(path);
  const fields = readDamageable(path, () => openHeader(bytes));
  if (fields.method === PLAIN) return readDamageable(path, () => decodeSecrets(fields.content));
  if (passphrase === undefined) {
    const problem = `the keys in ${path} are sealed: a passphrase is needed`;
    throw new SegmentError("passphrase-missing", problem, { where: path });
  }
  const plain = await openSealed("keystore", fields.box, passphrase);
  if (plain === undefined) {
    throw new SegmentError("passphrase-wrong", `the passphrase does not open ${path}`, { where: path });
  }
  return readDamageable(path, () => decodeSecrets(plain));
}

/**
 * What `segment doctor` and a prompt need to know before the keys are opened.
 * Throws `home-missing`, `keystore-damaged` or `store-failed`.
 */
export async function inspectKeystore(path: string): Promise<{ sealed: boolean; othersCanRead: boolean }> {
  const bytes = await readKeyFile(path);
  const { method } = readDamageable(path, () => openHeader(bytes));
  const { mode } = await stat(path);
  return { sealed: method === SEALED, othersCanRead: (mode & 0o077) !== 0 };
}

function encodeSecrets({ identitySeed, sessionSecret, rootSeed }: Secrets): Uint8Array {
  return encodeCbor([VERSION, identitySeed, sessionSecret, rootSeed ?? null]);
}

function decodeSecrets(bytes: Uint8Array): Secrets {
  const fields = FieldReader.fromBytes(bytes, "secrets");
  fields.int("version", { min: VERSION, max: VERSION });
  const identitySeed = fields.bytes("identitySeed", { length: 32 });
  const sessionSecret = fields.bytes("sessionSecret", { length: 32 });
  const rootSeed = fields.nullable("rootSeed", (reader) => reader.bytes("rootSeed", { length: 64 }));
  fields.end();
  return rootSeed === null ? { identitySeed, sessionSecret } : { identitySeed, sessionSecret, rootSeed };
}

type KeyFile = { method: typeof PLAIN; content: Uint8Array } | { method: typeof SEALED; box: SealedBox };

function openHeader(bytes: Uint8Array): KeyFile {
  const fields = FieldReader.fromBytes(bytes, "key file", { maxBytes: MAX_FILE_BYTES });
  fields.int("version", { min: VERSION, max: VERSION });
  const method = fields.text("method");
  if (method === PLAIN) {
    const content = fields.bytes("content");
    fields.end();
    return { method, content };
  }
  if (method !== SEALED) throw new SegmentError("keystore-damaged", "the key file's method is unknown");
  return { method, box: readSealed(fields) };
}

async function readKeyFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    if (isMissing(cause))
      throw new SegmentError("home-missing", `there is no key file ${path}`, { where: path, cause });
    throw new SegmentError("store-failed", `the key file ${path} cannot be read`, { where: path, cause });
  }
}

function isMissing(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return code === "ENOENT" || code === "ENOTDIR";
}

function readDamageable<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const problem = cause instanceof SegmentError ? cause.message : "it cannot be read";
    throw new SegmentError("keystore-damaged", `the key file ${path} is damaged: ${problem}`, {
      where: path,
      cause,
    });
  }
}

/** A new file, on disk before it takes the old one's name: a crash leaves one of the two. */
async function writeAtomically(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.new`;
  try {
    await rm(temporary, { force: true });
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {});
    throw new SegmentError("store-failed", `the key file ${path} cannot be written`, { where: path, cause });
  }
}

/** Makes the rename itself durable; Windows has no such call. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
