/**
 * A home in one file, sealed with a passphrase: keys, card, contacts, receipts, contracts, orders. Left out
 * is what belongs to the machine and not to the owner, or must not exist twice: telemetry under way, a
 * keeper's shards, and all of a notary's (its log is the ledger's, and one that forgets its votes could
 * sign a second history).
 *
 *     sealed box (passphrase.ts, label "backup") of [1, createdMs, [[path, mode, bytes], …]]
 */
import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { encodeCbor } from "../../protocols/encoding/cbor.ts";
import { FieldReader } from "../../protocols/encoding/reader.ts";
import { text as strictText, utf8 } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import type { TimeMs } from "../../protocols/ports.ts";
import { makeFolder, writeFileDurably } from "./files.ts";
import { openSealed, readSealed, SEALED, sealWithPassphrase } from "./passphrase.ts";

const VERSION = 1;
/** Of all files together: ten thousand receipts are some 15 MB. */
export const MAX_BACKUP_BYTES = 128 * 1024 * 1024;
const MAX_FILES = 100_000;
const MAX_PATH_CHARS = 200;
const MAX_DEPTH = 4;
const KEYS = "keys";
const CONFIG = "config.json";

/** Names at the top of a home that are not backed up, with what begins with them and a hyphen or a point. */
const LEFT_OUT = ["lock", "journal", "order-log", "notary.lmdb", "committee", "shards", "run-status.json"];

interface BackedUpFile {
  /** With "/" between the parts, everywhere. */
  path: string;
  mode: number;
  bytes: Uint8Array;
}

export interface BackupSummary {
  createdMs: TimeMs;
  files: number;
  bytes: number;
  /** The home was a notary, which its backup is not. */
  wasNotary: boolean;
}

/** Errors: home-missing, option-invalid (no passphrase, or too much to back up), store-failed. */
export async function makeBackup(
  folder: string,
  passphrase: string,
  createdMs: TimeMs,
): Promise<{ sealed: Uint8Array; summary: BackupSummary }> {
  if (!existsSync(join(folder, KEYS))) {
    throw new SegmentError("home-missing", `there is no agent in ${folder}`, { where: folder });
  }
  const files = filesOf(folder);
  const content = encodeCbor([VERSION, createdMs, files.map(({ path, mode, bytes }) => [path, mode, bytes])]);
  const sealed = await sealWithPassphrase("backup", content, passphrase);
  const bytes = files.reduce((sum, file) => sum + file.bytes.length, 0);
  const wasNotary = existsSync(join(folder, "committee"));
  return { sealed, summary: { createdMs, files: files.length, bytes, wasNotary } };
}

function filesOf(folder: string): BackedUpFile[] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  const files: BackedUpFile[] = [];
  let total = 0;
  for (const name of names) {
    const path = name.split(sep).join("/");
    const status = lstatSync(join(folder, name));
    if (!status.isFile() || isLeftOut(path)) continue;
    total += status.size;
    if (total > MAX_BACKUP_BYTES || files.length >= MAX_FILES) {
      const problem = `the home holds more than ${MAX_BACKUP_BYTES} bytes or ${MAX_FILES} files to back up`;
      throw new SegmentError("option-invalid", problem, { where: folder });
    }
    if (!isPath(path)) throw new SegmentError("option-invalid", `a file has an unusual name: ${path}`);
    files.push({ path, mode: status.mode & 0o777, bytes: new Uint8Array(readFileSync(join(folder, name))) });
  }
  return files;
}

/** Half-written files and locks of other processes are left out too. */
function isLeftOut(path: string): boolean {
  const [top = ""] = path.split("/");
  const isMachines = LEFT_OUT.some(
    (name) => top === name || top.startsWith(`${name}-`) || top.startsWith(`${name}.`),
  );
  return isMachines || path.endsWith(".new");
}

/** A relative path of plain names: it cannot lead out of the home. */
function isPath(path: string): boolean {
  const parts = path.split("/");
  const isPlain = parts.every((part) => /^[A-Za-z0-9_@+=,:-][A-Za-z0-9._@+=,:-]*$/.test(part));
  return isPlain && parts.length <= MAX_DEPTH && path.length <= MAX_PATH_CHARS;
}

/**
 * Makes the home anew in a folder that is empty or not there yet; the role of a notary is not restored.
 * Errors: home-exists, passphrase-wrong (also for a changed byte: nobody can tell), backup-invalid,
 * store-failed.
 */
export async function restoreBackup(
  folder: string,
  sealed: Uint8Array,
  passphrase: string,
): Promise<BackupSummary> {
  if (existsSync(folder) && readdirSync(folder).length > 0) {
    throw new SegmentError("home-exists", `${folder} is not empty`, { where: folder });
  }
  const { createdMs, files } = await openBackup(sealed, passphrase);
  const keys = files.find(({ path }) => path === KEYS);
  if (keys === undefined) throw invalid("it holds no keys");
  makeFolder(folder);
  let wasNotary = false;
  for (const { path, mode, bytes } of files) {
    if (path === KEYS) continue;
    const config = path === CONFIG ? withoutNotary(bytes) : undefined;
    if (config?.wasNotary === true) wasNotary = true;
    makeFolder(dirname(join(folder, path)));
    writeFileDurably(join(folder, path), config?.bytes ?? bytes, mode);
  }
  // They are what makes a folder a home: a crash before leaves none that is half restored.
  writeFileDurably(join(folder, KEYS), keys.bytes, 0o600);
  const bytes = files.reduce((sum, file) => sum + file.bytes.length, 0);
  return { createdMs, files: files.length, bytes, wasNotary };
}

async function openBackup(
  sealed: Uint8Array,
  passphrase: string,
): Promise<{ createdMs: TimeMs; files: BackedUpFile[] }> {
  const box = orInvalid(() => {
    const limits = { maxBytes: 2 * MAX_BACKUP_BYTES, maxDepth: 2, maxItems: 16 };
    const fields = FieldReader.fromBytes(sealed, "backup", limits);
    fields.int("version", { min: VERSION, max: VERSION });
    if (fields.text("method", { max: 16 }) !== SEALED) throw invalid("its method is unknown");
    return readSealed(fields);
  });
  const content = await openSealed("backup", box, passphrase);
  if (content === undefined) {
    throw new SegmentError("passphrase-wrong", "the passphrase does not open the backup, or it was changed");
  }
  return orInvalid(() => {
    const limits = { maxBytes: 2 * MAX_BACKUP_BYTES, maxDepth: 4, maxItems: 4 * MAX_FILES + 8 };
    const fields = FieldReader.fromBytes(content, "backup", limits);
    fields.int("version", { min: VERSION, max: VERSION });
    const createdMs = fields.int("createdMs", { min: 0 });
    const files = fields.list("files", { max: MAX_FILES }).map((value) => {
      const file = new FieldReader(value, "backup.file", 3);
      const path = file.text("path", { max: MAX_PATH_CHARS });
      if (!isPath(path) || isLeftOut(path)) throw invalid("a file in it has a name that no home has");
      return { path, mode: file.int("mode", { min: 0, max: 0o777 }) & 0o644, bytes: file.bytes("bytes") };
    });
    fields.end();
    return { createdMs, files };
  });
}

function withoutNotary(config: Uint8Array): { bytes: Uint8Array; wasNotary: boolean } {
  const asIs = { bytes: config, wasNotary: false };
  try {
    const value: unknown = JSON.parse(strictText(config));
    if (typeof value !== "object" || value === null || !("roles" in value)) return asIs;
    const { roles } = value;
    if (!Array.isArray(roles) || !roles.includes("notary")) return asIs;
    const changed = { ...value, roles: roles.filter((role) => role !== "notary") };
    return { bytes: utf8(`${JSON.stringify(changed, undefined, 2)}\n`), wasNotary: true };
  } catch {
    // What is no config now was none then: opening the home says so.
    return asIs;
  }
}

function orInvalid<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SegmentError) || error.code === "backup-invalid") throw error;
    throw new SegmentError("backup-invalid", `the backup cannot be read: ${error.message}`, { cause: error });
  }
}

function invalid(problem: string): SegmentError {
  return new SegmentError("backup-invalid", `the backup cannot be used: ${problem}`);
}
