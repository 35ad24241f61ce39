/** The Blobs port in memory, for simulated keepers: same promises, and it can be told to fail. */
import { equalBytes } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import type { Blobs } from "../../protocols/ports.ts";

export interface MemoryBlobsOptions {
  /** Asked before each put and delete: true makes it fail, as a full or broken disk would. */
  fails?: () => boolean;
}

export interface MemoryBlobs extends Blobs {
  /** What a thief of the disk would see. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

export function createMemoryBlobs(options: MemoryBlobsOptions = {}): MemoryBlobs {
  const files = new Map<string, Uint8Array>();

  function mayFail(key: string): void {
    if (options.fails?.() === true)
      throw new SegmentError("store-failed", "the simulated disk fails", { where: key });
  }

  return {
    files,
    async put(key, bytes) {
      mayFail(key);
      const before = files.get(key);
      if (before !== undefined && !equalBytes(before, bytes)) {
        throw new SegmentError("store-failed", "this key holds other bytes", { where: key });
      }
      files.set(key, new Uint8Array(bytes));
    },
    async get(key) {
      const bytes = files.get(key);
      return bytes === undefined ? undefined : new Uint8Array(bytes);
    },
    async list(prefix) {
      return [...files.keys()].filter((key) => key.startsWith(prefix)).sort();
    },
    async delete(key) {
      mayFail(key);
      files.delete(key);
    },
  };
}
