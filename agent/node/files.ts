/** Small file operations that survive power loss. */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
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

/** Makes a folder, and those above it, so that they are still there after a crash. Throws Node's own errors. */
export function makeFolderDurably(folder: string): void {
  const path = resolve(folder);
  const first = mkdirSync(path, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  // Each new name is flushed in the folder that holds it.
  for (let made = path; ; made = dirname(made)) {
    syncDirectory(dirname(made));
    if (made === resolve(first)) return;
  }
}

/** Writes a whole file or nothing: beside it, flushed, then renamed into place. Errors: store-failed. */
export function writeFileDurably(path: string, bytes: Uint8Array | string, mode = 0o600): void {
  try {
    makeFolderDurably(dirname(path));
    const temporary = `${path}.new`;
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
