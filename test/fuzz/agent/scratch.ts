/** What the fuzz of files shares: a folder that costs little, and what damage leaves untouched. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

/**
 * In memory where the machine has such a place, because a case writes and forgets. Removed after the tests.
 */
export function scratchFolder(): string {
  const inMemory = "/dev/shm";
  const folder = mkdtempSync(join(existsSync(inMemory) ? inMemory : tmpdir(), "segment-fuzz-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** How many bytes two files have in common from the beginning. */
export function commonPrefix(a: Uint8Array, b: Uint8Array): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}

/** As JSON writes it, or as near as JSON comes to values that it does not know. */
export function looseJson(value: unknown): string {
  const text: string | undefined = JSON.stringify(value, (_key, field: unknown) =>
    typeof field === "bigint" ? Number(field) : field,
  );
  return text ?? "";
}
