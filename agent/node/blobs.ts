/**
 * The Blobs port as append-only segment files: one flush for all that waits (group commit), an index in
 * memory, and files that are written again without their dead records once half of one is dead. Append-only,
 * because a keeper's flash wears by what is written (facts: 1.1 bytes written a byte stored; a database of
 * pages takes 26 to 61).
 *
 * A deleted value's bytes stay in its file until that is compacted: to erase, destroy the key.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { open, readFile, readdir, truncate, unlink, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { SegmentError } from "../../protocols/errors.ts";
import type { Blobs } from "../../protocols/ports.ts";
import { syncDirectory } from "./files.ts";
import {
  encodeFileHeader,
  encodeFrame,
  FILE_HEADER_BYTES,
  MAX_KEY_BYTES,
  MAX_VALUE_BYTES,
  readFileHeader,
  readFrame,
  scanFile,
  type Damage,
  type FrameKind,
} from "./segment-file.ts";

/** A segment is closed when it has grown to this. */
const SEGMENT_BYTES = 16 * 1024 * 1024;
/** What waits for the disk, at most: beyond it, `queue-full`. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;
/** Written and flushed at once, at most. */
const MAX_GROUP_BYTES = 8 * 1024 * 1024;

interface Segment {
  path: string;
  marker: Uint8Array;
  file: FileHandle;
  bytes: number;
  deadBytes: number;
}

interface Stored {
  segment: Segment;
  offset: number;
  length: number;
}

/** Where a key's value is: on disk, or on its way. */
type Slot = { stored: Stored } | { bytes: Uint8Array; written: Promise<void> };

interface Waiting {
  kind: FrameKind;
  key: string;
  value: Uint8Array;
  done: (stored: Stored) => void;
  failed: (error: unknown) => void;
}

export interface FileBlobs extends Blobs {
  /** What was found unreadable at the start, by file name; a torn tail is cut off and not listed. */
  readonly damage: ReadonlyMap<string, Damage[]>;
  close(): Promise<void>;
}

export interface FileBlobsOptions {
  segmentBytes?: number;
}

/** Opens (or makes) the store in `folder`; one process at a time. Errors: store-failed. */
export async function openFileBlobs(folder: string, options: FileBlobsOptions = {}): Promise<FileBlobs> {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const blobs = new SegmentedBlobs(folder, options.segmentBytes ?? SEGMENT_BYTES);
    await blobs.load();
    return blobs;
  } catch (error) {
    throw storeFailed(folder, error);
  }
}

function storeFailed(where: string, cause: unknown): SegmentError {
  if (cause instanceof SegmentError) return cause;
  return new SegmentError("store-failed", `the blobs cannot be stored: ${(cause as Error).message}`, {
    where,
    cause,
  });
}

const NAME = /^blobs-(\d{8})\.seg$/;
const NO_VALUE = new Uint8Array(0);

class SegmentedBlobs implements FileBlobs {
  readonly damage = new Map<string, Damage[]>();
  readonly #folder: string;
  readonly #segmentBytes: number;
  readonly #slots = new Map<string, Slot>();
  /** By age; the last one is written to. */
  #segments: Segment[] = [];
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #writing: Promise<void> | undefined;
  #failure: SegmentError | undefined;
  #nextId = 1;

  constructor(folder: string, segmentBytes: number) {
    this.#folder = folder;
    this.#segmentBytes = segmentBytes;
  }

  async load(): Promise<void> {
    const names = (await readdir(this.#folder)).filter((name) => NAME.test(name)).sort();
    for (const name of names) {
      await this.#loadSegment(name, name === names.at(-1));
      this.#nextId = Number(NAME.exec(name)![1]) + 1;
    }
    if (this.#segments.length === 0) await this.#startSegment();
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (key === "" || Buffer.byteLength(key) > MAX_KEY_BYTES || bytes.length > MAX_VALUE_BYTES) {
      throw new SegmentError("store-failed", `a blob's key or value exceeds its bound`, {
        where: key.slice(0, 64),
      });
    }
    const slot = this.#slots.get(key);
    if (slot === undefined) {
      if (this.#waitingBytes + bytes.length > MAX_WAITING_BYTES) {
        throw new SegmentError("queue-full", "too much waits for the disk", { where: this.#folder });
      }
      const value = Uint8Array.from(bytes);
      const written = this.#enqueue("put", key, value).then((stored) => {
        // A delete that came meanwhile wins; its tombstone comes after this frame.
        if (this.#slots.get(key) === fresh) this.#slots.set(key, { stored });
        else stored.segment.deadBytes += stored.length;
      });
      const fresh: Slot = { bytes: value, written };
      this.#slots.set(key, fresh);
      return written;
    }
    const present = "bytes" in slot ? slot.bytes : await this.get(key);
    if (present === undefined || Buffer.compare(present, bytes) !== 0) {
      throw new SegmentError("store-failed", "this key holds other bytes", { where: key });
    }
    if ("written" in slot) await slot.written;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    for (;;) {
      const slot = this.#slots.get(key);
      if (slot === undefined) return undefined;
      if ("written" in slot) {
        await slot.written;
        continue;
      }
      try {
        return await this.#read(key, slot.stored);
      } catch (error) {
        // Compaction may have moved the value while it was being read.
        if (this.#slots.get(key) === slot) throw storeFailed(slot.stored.segment.path, error);
      }
    }
  }

  async list(prefix: string): Promise<string[]> {
    if (this.#failure !== undefined) throw this.#failure;
    const keys: string[] = [];
    for (const [key, slot] of this.#slots) if ("stored" in slot && key.startsWith(prefix)) keys.push(key);
    return keys.sort();
  }

  async delete(key: string): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const slot = this.#slots.get(key);
    if (slot === undefined) return;
    this.#slots.delete(key);
    if ("stored" in slot) slot.stored.segment.deadBytes += slot.stored.length;
    const tombstone = await this.#enqueue("delete", key, NO_VALUE);
    tombstone.segment.deadBytes += tombstone.length;
  }

  async close(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    this.#failure ??= new SegmentError("store-failed", "the blobs are closed", { where: this.#folder });
    await Promise.all(this.#segments.map(({ file }) => file.close()));
    this.#segments = [];
  }

  async #read(key: string, stored: Stored): Promise<Uint8Array> {
    const bytes = Buffer.alloc(stored.length);
    await stored.segment.file.read(bytes, 0, stored.length, stored.offset);
    const frame = readFrame(bytes, 0, stored.segment.marker);
    if (frame === undefined || frame.key !== key) {
      throw new SegmentError("store-failed", "the stored bytes are damaged", { where: key });
    }
    return Uint8Array.from(frame.value);
  }

  #enqueue(kind: FrameKind, key: string, value: Uint8Array): Promise<Stored> {
    return new Promise((done, failed) => {
      this.#waiting.push({ kind, key, value, done, failed });
      this.#waitingBytes += value.length;
      this.#writing ??= this.#writeAll();
    });
  }

  /** The only writer: group after group until nothing waits, then what is worth compacting. */
  async #writeAll(): Promise<void> {
    // Let callers of this turn join the first group.
    await Promise.resolve();
    let group: Waiting[] = [];
    try {
      do {
        while (this.#waiting.length > 0) {
          group = this.#takeGroup();
          const stored = await this.#append(group);
          group.forEach((one, index) => one.done(stored[index]!));
          group = [];
          await Promise.resolve();
        }
        await this.#compact();
      } while (this.#waiting.length > 0);
    } catch (error) {
      // What a failed flush left on disk is unknown: nothing is acknowledged any more until the next start.
      this.#failure = storeFailed(this.#folder, error);
      for (const one of [...group, ...this.#waiting]) one.failed(this.#failure);
      this.#waiting = [];
    } finally {
      // In the same turn as the last look at the queue: what comes later starts a new writer.
      this.#writing = undefined;
    }
  }

  #takeGroup(): Waiting[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#waiting.length && (count === 0 || bytes < MAX_GROUP_BYTES)) {
      bytes += this.#waiting[count]!.value.length;
      count += 1;
    }
    const group = this.#waiting.splice(0, count);
    for (const one of group) this.#waitingBytes -= one.value.length;
    return group;
  }

  /** Resolves once all of the records are durable. */
  async #append(records: readonly { kind: FrameKind; key: string; value: Uint8Array }[]): Promise<Stored[]> {
    if (this.#segments.at(-1)!.bytes >= this.#segmentBytes) await this.#startSegment();
    const segment = this.#segments.at(-1)!;
    const frames = records.map(({ kind, key, value }) => encodeFrame(segment.marker, kind, key, value));
    await writeFully(segment.file, Buffer.concat(frames), segment.bytes);
    await segment.file.datasync();
    return frames.map((frame) => {
      const stored = { segment, offset: segment.bytes, length: frame.length };
      segment.bytes += frame.length;
      return stored;
    });
  }

  async #startSegment(): Promise<void> {
    const id = this.#nextId;
    this.#nextId += 1;
    const path = join(this.#folder, `blobs-${String(id).padStart(8, "0")}.seg`);
    const marker = randomBytes(8);
    const file = await open(path, "wx+", 0o600);
    await writeFully(file, encodeFileHeader(marker), 0);
    await file.datasync();
    syncDirectory(this.#folder);
    this.#segments.push({ path, marker, file, bytes: FILE_HEADER_BYTES, deadBytes: 0 });
  }

  /** Moves the living records of half-dead segments to the newest one, and removes the files. */
  async #compact(): Promise<void> {
    for (const segment of this.#segments.slice(0, -1)) {
      if (segment.deadBytes * 2 < segment.bytes) continue;
      const { frames } = scanFile(await readFile(segment.path), segment.marker);
      const isOldest = segment === this.#segments[0];
      const kept = frames.filter((frame) => {
        const slot = this.#slots.get(frame.key);
        if (frame.kind === "put") return slot !== undefined && isAt(slot, segment, frame.offset);
        // A tombstone is needed while an older file may hold the value, unless the key lives again.
        return !isOldest && slot === undefined;
      });
      // The newest segment may change on the way: in groups, as any other write.
      for (let from = 0; from < kept.length; from += 256) {
        const part = kept.slice(from, from + 256);
        const moved = await this.#append(part);
        part.forEach((frame, index) =>
          this.#moved(frame.kind, frame.key, frame.offset, segment, moved[index]!),
        );
      }
      this.#forgetUnread(segment);
      this.#segments = this.#segments.filter((one) => one !== segment);
      await segment.file.close();
      await unlink(segment.path);
      syncDirectory(this.#folder);
    }
  }

  #moved(kind: FrameKind, key: string, offset: number, from: Segment, to: Stored): void {
    const slot = this.#slots.get(key);
    if (kind === "put" && slot !== undefined && isAt(slot, from, offset))
      this.#slots.set(key, { stored: to });
    else to.segment.deadBytes += to.length;
  }

  /** Values that have become unreadable since the start are gone with their file, and no longer listed. */
  #forgetUnread(segment: Segment): void {
    for (const [key, slot] of this.#slots) {
      if ("stored" in slot && slot.stored.segment === segment) this.#slots.delete(key);
    }
  }

  async #loadSegment(name: string, isLast: boolean): Promise<void> {
    const path = join(this.#folder, name);
    const content = await readFile(path);
    const marker = readFileHeader(content);
    if (marker === undefined) {
      // Power went while the file was made: nothing in it was acknowledged.
      if (isLast && content.length <= FILE_HEADER_BYTES) await unlink(path);
      else this.damage.set(name, [{ offset: 0, length: content.length }]);
      return;
    }
    const { frames, damage } = scanFile(content, marker);
    let bytes = content.length;
    const tail = damage.at(-1);
    if (isLast && tail !== undefined && tail.offset + tail.length === bytes) {
      // A write that power loss cut short: never acknowledged.
      damage.pop();
      bytes = tail.offset;
      await truncate(path, bytes);
    }
    if (damage.length > 0) this.damage.set(name, damage);
    const segment: Segment = {
      ...{ path, marker, bytes },
      file: await open(path, "r+"),
      deadBytes: damage.reduce((sum, { length }) => sum + length, 0),
    };
    this.#segments.push(segment);
    for (const { kind, key, offset, length } of frames) {
      const before = this.#slots.get(key);
      if (before !== undefined && "stored" in before) before.stored.segment.deadBytes += before.stored.length;
      if (kind === "put") this.#slots.set(key, { stored: { segment, offset, length } });
      else {
        this.#slots.delete(key);
        segment.deadBytes += length;
      }
    }
  }
}

function isAt(slot: Slot, segment: Segment, offset: number): boolean {
  return "stored" in slot && slot.stored.segment === segment && slot.stored.offset === offset;
}

async function writeFully(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    written += (await file.write(bytes, written, bytes.length - written, position + written)).bytesWritten;
  }
}
