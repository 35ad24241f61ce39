/**
 * The order log on lmdb: for one machine, several users in one process or in many.
 * A record is durable before `append` resolves: lmdb resolves a write once it is
 * committed, and only `flushed` says that it is on the disk.
 */
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import type * as Lmdb from "lmdb";
import type { RootDatabase } from "lmdb";
import { SegmentError } from "../../protocols/errors.ts";
import type { OrderLog, Unsubscribe } from "../../protocols/ports.ts";

/** How often a log looks for what other processes have appended. */
const POLL_MS = 5;

/** Opens (or makes) the log in the file `path`. Throws `store-failed`. */
export function openLmdbLog(path: string): OrderLog {
  return new LmdbLog(path, openLmdb(path));
}

/**
 * Opens an lmdb file with keys of one kind and values of bytes. Throws `store-failed` or
 * `module-missing`.
 */
export function openLmdb<K extends string | number>(path: string): RootDatabase<Uint8Array, K> {
  const { open } = loadLmdb();
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    return open<Uint8Array, K>({ path, encoding: "binary", noSubdir: true });
  } catch (cause) {
    throw new SegmentError("store-failed", `cannot open the store: ${(cause as Error).message}`, {
      where: path,
      cause,
    });
  }
}

/** Its native part comes as an optional package for each platform: where that is missing, say so in words. */
export function loadLmdb(): typeof Lmdb {
  try {
    return createRequire(import.meta.url)("lmdb") as typeof Lmdb;
  } catch (cause) {
    throw new SegmentError(
      "module-missing",
      "the native part of lmdb, the ledger's store, cannot be loaded",
      { cause },
    );
  }
}

class LmdbLog implements OrderLog {
  readonly #path: string;
  readonly #database: RootDatabase<Uint8Array, number>;
  readonly #listeners = new Set<() => void>();
  readonly #poll: NodeJS.Timeout;
  #announced: number;

  constructor(path: string, database: RootDatabase<Uint8Array, number>) {
    this.#path = path;
    this.#database = database;
    this.#announced = this.#next();
    this.#poll = setInterval(() => this.#announce(), POLL_MS);
    // Waiting for other processes is no reason to stay alive.
    this.#poll.unref();
  }

  async append(record: Uint8Array): Promise<number> {
    const database = this.#database;
    try {
      const index = await database.transaction(() => {
        const next = this.#next();
        void database.put(next, record);
        return next;
      });
      await database.flushed;
      this.#announce();
      return index;
    } catch (cause) {
      throw new SegmentError("store-failed", `the order log refuses a record: ${(cause as Error).message}`, {
        where: this.#path,
        cause,
      });
    }
  }

  read(from: number, limit: number): Promise<{ index: number; record: Uint8Array }[]> {
    const range = this.#database.getRange({ start: from, limit });
    // A copy: lmdb's own buffers belong to its pages.
    return Promise.resolve(
      [...range].map(({ key, value }) => ({ index: key, record: new Uint8Array(value) })),
    );
  }

  onAppended(listener: () => void): Unsubscribe {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      return Promise.resolve();
    };
  }

  async close(): Promise<void> {
    clearInterval(this.#poll);
    this.#listeners.clear();
    await this.#database.close();
  }

  #next(): number {
    for (const last of this.#database.getKeys({ reverse: true, limit: 1 })) return last + 1;
    return 0;
  }

  #announce(): void {
    const next = this.#next();
    if (next === this.#announced) return;
    this.#announced = next;
    for (const listener of this.#listeners) listener();
  }
}
