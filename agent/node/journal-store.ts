/**
 * The Store port as one append-only file: what a device must know after power loss.
 *
 * Each commit is one record (journal-file.ts), flushed before it resolves;
 * commits that arrive while a flush is under way share the next one. A record that was
 * being written when the power went is cut off at the next start: it was never
 * acknowledged. Flash wear is why this is a log and not a database of pages
 * (one write a commit, not dozens).
 */
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, fstatSync, fsyncSync, openSync, readFileSync, truncateSync } from "node:fs";
import { open, rename, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { SegmentError } from "../../protocols/errors.ts";
import { decodeCbor, encodeCbor, type CborValue } from "../../protocols/encoding/cbor.ts";
import { FieldReader } from "../../protocols/encoding/reader.ts";
import type { Store } from "../../protocols/ports.ts";
import { makeFolder, syncDirectory } from "./files.ts";
import {
  encodeHeader,
  encodeRecord,
  MARKER_BYTES,
  MAX_RECORD_BYTES,
  RECORD_HEADER_BYTES,
  scanJournal,
} from "./journal-file.ts";

/**
 * What a change may weigh beside key and value; high enough that a record holds no more items than replay
 * reads.
 */
const CHANGE_OVERHEAD_BYTES = 64;
const COMPACT_ABOVE_BYTES = 1024 * 1024;

type Change = [key: string, value: Uint8Array | undefined];
type Changes = ReadonlyMap<string, Uint8Array | undefined>;

interface Waiting {
  changes: Changes;
  bytes: number;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** Opens (or makes) the journal `name` in `folder`. Errors: store-failed, journal-corrupt. */
export async function openJournal(folder: string, name = "journal"): Promise<Store> {
  const path = join(folder, name);
  const values = new Map<string, Uint8Array>();
  try {
    makeFolder(folder);
    const before = existsSync(path) ? replay(path, values) : undefined;
    const file = await open(path, "a", 0o600);
    const marker = before ?? (await beginFile(file));
    syncDirectory(folder);
    return new JournalStore(path, file, marker, values);
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
  #marker: Uint8Array;
  #bytes: number;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  #failure: SegmentError | undefined;

  constructor(path: string, file: FileHandle, marker: Uint8Array, values: Map<string, Uint8Array>) {
    this.#path = path;
    this.#file = file;
    this.#marker = marker;
    this.#values = values;
    this.#bytes = fstatSync(file.fd).size;
  }

  get(key: string): Uint8Array | undefined {
    // A copy: the caller may write into it.
    return this.#values.get(key)?.slice();
  }

  keys(prefix: string): string[] {
    return [...this.#values.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  commit(changes: Changes): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    // A copy: the caller may reuse its arrays while this waits.
    const copy = new Map([...changes].map(([key, value]) => [key, value?.slice()]));
    const bytes = weightOf(copy);
    if (bytes > MAX_RECORD_BYTES) {
      const message = `one commit of ${bytes} bytes where ${MAX_RECORD_BYTES} fit`;
      return Promise.reject(new SegmentError("cbor-too-large", message, { where: this.#path }));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ changes: copy, bytes, resolve, reject });
      this.#flushing ??= this.#flush();
    });
  }

  /** What was committed before is finished first. */
  async close(): Promise<void> {
    this.#failure ??= new SegmentError("store-failed", "the journal is closed", { where: this.#path });
    await this.#flushing;
    await this.#file.close();
  }

  async #flush(): Promise<void> {
    try {
      while (this.#waiting.length > 0) await this.#flushSome();
    } catch (error) {
      // After a failed write nobody knows what reached the disk: refuse everything until a restart replays
      // it.
      this.#failure = new SegmentError(
        "store-failed",
        `the journal cannot be written: ${(error as Error).message}`,
        {
          where: this.#path,
          cause: error,
        },
      );
      for (const { reject } of this.#waiting.splice(0)) reject(this.#failure);
    } finally {
      // No await between the last look at what waits and this: a commit that comes later starts anew.
      this.#flushing = undefined;
    }
  }

  async #flushSome(): Promise<void> {
    const count = fitting(this.#waiting.map(({ bytes }) => bytes));
    const batch = this.#waiting.slice(0, count);
    // One record for the whole batch: a torn write can then only be the last record of the file.
    const bytes = encodeRecord(this.#marker, encodeChanges(batch.flatMap(({ changes }) => [...changes])));
    await this.#file.appendFile(bytes);
    await this.#file.datasync();
    this.#bytes += bytes.length;
    this.#waiting.splice(0, count);
    for (const { changes, resolve } of batch) {
      applyChanges(this.#values, changes);
      resolve();
    }
    if (this.#bytes > COMPACT_ABOVE_BYTES && this.#bytes > 4 * this.#liveBytes()) await this.#compact();
  }

  #liveBytes(): number {
    let total = 0;
    for (const [key, value] of this.#values) total += key.length + value.length + RECORD_HEADER_BYTES;
    return total;
  }

  /**
   * Writes what is valid beside the journal and puts it in its place: a crash finds the one or the other,
   * whole.
   */
  async #compact(): Promise<void> {
    const temporary = `${this.#path}.new`;
    const file = await open(temporary, "w", 0o600);
    const marker = newMarker();
    try {
      await file.appendFile(encodeHeader(marker));
      for (let rest = [...this.#values]; rest.length > 0;) {
        const count = fitting(rest.map((change) => weightOf([change])));
        await file.appendFile(encodeRecord(marker, encodeChanges(rest.slice(0, count))));
        rest = rest.slice(count);
      }
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(temporary, this.#path);
    syncDirectory(dirname(this.#path));
    await this.#file.close();
    this.#file = await open(this.#path, "a", 0o600);
    this.#marker = marker;
    this.#bytes = fstatSync(this.#file.fd).size;
  }
}

function applyChanges(values: Map<string, Uint8Array>, changes: Changes): void {
  for (const [key, value] of changes) {
    if (value === undefined) values.delete(key);
    else values.set(key, value);
  }
}

/**
 * At least as many bytes as the changes take in a record; UTF-8 is at most three times as long as the text.
 */
function weightOf(changes: Iterable<Change>): number {
  let total = 0;
  for (const [key, value] of changes) total += CHANGE_OVERHEAD_BYTES + 3 * key.length + (value?.length ?? 0);
  return total;
}

/** How many from the front fit one record; at least one. */
function fitting(weights: readonly number[]): number {
  let total = weights[0] ?? 0;
  let count = 1;
  for (const weight of weights.slice(1)) {
    total += weight;
    if (total > MAX_RECORD_BYTES) break;
    count += 1;
  }
  return count;
}

function encodeChanges(changes: readonly Change[]): Uint8Array {
  // Later changes of a key replace earlier ones.
  return encodeCbor([...new Map(changes)].map(([key, value]): CborValue => [key, value ?? null]));
}

function newMarker(): Uint8Array {
  return randomBytes(MARKER_BYTES);
}

async function beginFile(file: FileHandle): Promise<Uint8Array> {
  const marker = newMarker();
  await file.appendFile(encodeHeader(marker));
  await file.datasync();
  return marker;
}

/**
 * Applies whole records, cuts off a torn last one, and returns the file's marker if it has one. Other damage
 * is `journal-corrupt`.
 */
function replay(path: string, values: Map<string, Uint8Array>): Uint8Array | undefined {
  const bytes = readFileSync(path);
  const { marker, records, end, damagedAt } = scanJournal(bytes);
  if (damagedAt !== undefined) {
    const problem =
      marker === undefined
        ? "the file does not begin as a journal"
        : `the record at byte ${damagedAt} is damaged and is not the last one`;
    throw new SegmentError("journal-corrupt", problem, { where: path });
  }
  for (const { offset, payload } of records) applyChanges(values, decodeChanges(payload, path, offset));
  if (end < bytes.length) {
    truncateSync(path, end);
    const descriptor = openSync(path, "r+");
    fsyncSync(descriptor);
    closeSync(descriptor);
  }
  return marker;
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
    throw new SegmentError("journal-corrupt", `the record at byte ${offset} is not a commit`, {
      where: path,
      cause: error,
    });
  }
}
