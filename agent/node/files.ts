/** Small file operations that survive power loss. */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { SegmentError } from "../../protocols/errors.ts";

/** After a rename or a new file, the folder itself must be flushed, or the name may be gone after a crash. */
export function syncDirectory(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Makes a folder for its owner alone, with those above it, so that it outlasts a crash. Errors:
 * store-failed.
 */
export function makeFolder(folder: string): void {
  const path = resolve(folder);
  try {
    const first = mkdirSync(path, { recursive: true, mode: 0o700 });
    if (first === undefined) return;
    // Each new name is flushed in the folder that holds it.
    for (let made = path; made !== dirname(first); made = dirname(made)) syncDirectory(dirname(made));
  } catch (cause) {
    throw new SegmentError("store-failed", `cannot make the folder: ${(cause as Error).message}`, {
      where: folder,
      cause,
    });
  }
}

/** Writes a whole file or nothing: beside it, flushed, then renamed into place. Errors: store-failed. */
export function writeFileDurably(path: string, bytes: Uint8Array | string, mode = 0o600): void {
  writeThrough(path, `${path}.new`, bytes, mode);
}

/** The same where another process of the home may write that file at the same time. Errors: store-failed. */
export function writeSharedFile(path: string, bytes: Uint8Array | string): void {
  writeThrough(path, `${path}.${process.pid}.new`, bytes, 0o600);
}

/** The same for a file that never changes once it is there. Errors: store-failed. */
export function addSharedFile(path: string, bytes: Uint8Array): void {
  if (!existsSync(path)) writeSharedFile(path, bytes);
}

function writeThrough(path: string, temporary: string, bytes: Uint8Array | string, mode: number): void {
  makeFolder(dirname(path));
  try {
    const descriptor = openSync(temporary, "w", mode);
    try {
      const data = typeof bytes === "string" ? Buffer.from(bytes, "utf8") : bytes;
      let written = 0;
      while (written < data.length) written += writeSync(descriptor, data, written);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, path);
    syncDirectory(dirname(path));
  } catch (error) {
    throw new SegmentError("store-failed", `cannot write the file: ${(error as Error).message}`, {
      where: path,
      cause: error,
    });
  }
}
