/**
 * The Store port as one append-only file: what a device must know after power loss.
 *
 * Each commit is one record, `length(4) crc32(4) payload`, flushed before it resolves;
 * commits that arrive while a flush is under way share the next one. A record that was
 * being written when the power went is cut off at the next start: it was never
 * acknowledged. Flash wear is why this is a log and not a database of pages
 * (one write a commit, not dozens).
 */
import { closeSync, existsSync, fstatSync, fsyncSync, mkdirSync, openSync, readFileSync, truncateSync } from "node:fs";
import { open, rename, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import { SegmentError } from "../../protocols/errors.ts";
import { decodeCbor, encodeCbor, type CborValue } from "../../protocols/encoding/cbor.ts";
import { FieldReader } from "../../protocols/encoding/reader.ts";
import type { Store } from "../../protocols/ports.ts";
import { syncDirectory } from "./files.ts";

const HEADER_BYTES = 8;
/** A record is a step's changes: a few kilobytes. The bound keeps a damaged length from allocating the disk. */
const MAX_RECORD_BYTES = 16 * 1024 * 1024;
const COMPACT_ABOVE_BYTES = 1024 * 1024;

type Changes = ReadonlyMap<string, Uint8Array | undefined>;

interface Waiting {
  changes: Changes;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** Opens (or makes) the journal `name` in `folder`. Errors: store-failed, journal-corrupt. */
export async function openJournal(folder: string, name = "journal"): Promise<Store> {
  const path = join(folder, name);
  const values = new Map<string, Uint8Array>();
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (existsSync(path)) replay(path, values);
    const file = await open(path, "a", 0o600);
    syncDirectory(folder);
    return new JournalStore(path, file, values);
  } catch (error) {
    if (error instanceof SegmentError) throw error;
    throw new SegmentError("store-failed", `cannot open the journal: ${(error as Error).message}`, {
      where: path,
      cause: error,
    });
  }
}

class JournalStore implements Store {
  readonly #path: string;
  readonly #values: Map<string, Uint8Array>;
  #file: FileHandle;
  #bytes: number;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  #failure: SegmentError | undefined;

  constructor(path: string, file: FileHandle, values: Map<string, Uint8Array>) {
    this.#path = path;
    this.#file = file;
    this.#values = values;
    this.#bytes = fstatSync(file.fd).size;
  }

  get(key: string): Uint8Array | undefined {
    return this.#values.get(key);
  }

  keys(prefix: string): string[] {
    return [...this.#values.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  commit(changes: Changes): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ changes, resolve, reject });
      this.#flushing ??= this.#flush();
    });
  }

  async close(): Promise<void> {
    await this.#flushing;
    await this.#file.close();
  }

  async #flush(): Promise<void> {
    try {
      while (this.#waiting.length > 0) await this.#flushBatch(this.#waiting.splice(0));
    } finally {
      // In the same turn as the last look at what waits: a commit that comes later starts anew.
      this.#flushing = undefined;
    }
  }

  async #flushBatch(batch: Waiting[]): Promise<void> {
    try {
      // One record for the whole batch: a torn write can then only be the last record of the file.
      const bytes = encodeRecord(new Map(batch.flatMap(({ changes }) => [...changes])));
      await this.#file.appendFile(bytes);
      await this.#file.datasync();
      this.#bytes += bytes.length;
    } catch (error) {
      this.#poison(batch, error);
      return;
    }
    for (const { changes, resolve } of batch) {
      applyChanges(this.#values, changes);
      resolve();
    }
    if (this.#bytes > COMPACT_ABOVE_BYTES && this.#bytes > 4 * this.#liveBytes()) await this.#compact();
  }

  /** After a failed flush nobody knows what reached the disk: everything is refused until a restart replays it. */
  #poison(batch: Waiting[], error: unknown): void {
    const message = `the journal cannot be written: ${(error as Error).message}`;
    this.#failure = new SegmentError("store-failed", message, { where: this.#path, cause: error });
    for (const { reject } of [...batch, ...this.#waiting.splice(0)]) reject(this.#failure);
  }

  #liveBytes(): number {
    let total = 0;
    for (const [key, value] of this.#values) total += key.length + value.length + 8;
    return total;
  }

  async #compact(): Promise<void> {
    const temporary = `${this.#path}.new`;
    const file = await open(temporary, "w", 0o600);
    const bytes = encodeRecord(this.#values);
    await file.writeFile(bytes);
    await file.datasync();
    await file.close();
    await rename(temporary, this.#path);
    syncDirectory(dirname(this.#path));
    await this.#file.close();
    this.#file = await open(this.#path, "a", 0o600);
    this.#bytes = bytes.length;
  }
}

function applyChanges(values: Map<string, Uint8Array>, changes: Changes): void {
  for (const [key, value] of changes) {
    if (value === undefined) values.delete(key);
    else values.set(key, value);
  }
}

function encodeRecord(changes: Changes): Uint8Array {
  const payload = encodeCbor([...changes].map(([key, value]): CborValue => [key, value ?? null]));
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(payload.length, 0);
  header.writeUInt32BE(crc32(payload), 4);
  return Buffer.concat([header, payload]);
}

/** Applies whole records; cuts off a torn last one. A damaged record with others after it is `journal-corrupt`. */
function replay(path: string, values: Map<string, Uint8Array>): void {
  const bytes = readFileSync(path);
  let offset = 0;
  while (offset < bytes.length) {
    const payload = recordAt(bytes, offset);
    if (payload === undefined) {
      if (laterRecordExists(bytes, offset + 1)) {
        throw new SegmentError("journal-corrupt", `the record at byte ${offset} is damaged and is not the last one`, {
          where: path,
        });
      }
      truncateSync(path, offset);
      const descriptor = openSync(path, "r+");
      fsyncSync(descriptor);
      closeSync(descriptor);
      return;
    }
    applyChanges(values, decodeChanges(payload, path, offset));
    offset += HEADER_BYTES + payload.length;
  }
}

function recordAt(bytes: Buffer, offset: number): Uint8Array | undefined {
  if (offset + HEADER_BYTES > bytes.length) return undefined;
  const length = bytes.readUInt32BE(offset);
  if (length === 0 || length > MAX_RECORD_BYTES || offset + HEADER_BYTES + length > bytes.length) return undefined;
  const payload = bytes.subarray(offset + HEADER_BYTES, offset + HEADER_BYTES + length);
  return crc32(payload) === bytes.readUInt32BE(offset + 4) ? payload : undefined;
}

function laterRecordExists(bytes: Buffer, from: number): boolean {
  // A torn write is shorter than one commit; searching that far tells it from damage in the middle.
  const until = Math.min(bytes.length, from + MAX_RECORD_BYTES);
  for (let offset = from; offset < until; offset++) {
    if (recordAt(bytes, offset) !== undefined) return true;
  }
  return false;
}

function decodeChanges(payload: Uint8Array, path: string, offset: number): Changes {
  try {
    const list = decodeCbor(payload, { maxBytes: MAX_RECORD_BYTES, maxDepth: 3, maxItems: 1_000_000 });
    if (!Array.isArray(list)) throw new SegmentError("cbor-wrong-shape", "expected a list of changes");
    const changes = new Map<string, Uint8Array | undefined>();
    for (const item of list) {
      const change = new FieldReader(item, "change", 2);
      const key = change.text("key");
      changes.set(key, change.nullable("value", (reader) => reader.bytes("value")) ?? undefined);
    }
    return changes;
  } catch (error) {
    throw new SegmentError("journal-corrupt", `the record at byte ${offset} is not a commit`, { where: path, cause: error });
  }
}
