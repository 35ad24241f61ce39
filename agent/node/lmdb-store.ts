/** The Store port on lmdb: for an always-on agent whose store outgrows memory or a journal. */
import type { RootDatabase } from "lmdb";
import { SegmentError } from "../../protocols/errors.ts";
import type { Store } from "../../protocols/ports.ts";
import { openLmdb } from "./lmdb-log.ts";

/** Opens (or makes) the store in the file `path`. Throws `store-failed`. */
export function openLmdbStore(path: string): Store {
  return new LmdbStore(path, openLmdb(path));
}

class LmdbStore implements Store {
  readonly #path: string;
  readonly #database: RootDatabase<Uint8Array, string>;
  readonly #committing = new Set<Promise<unknown>>();
  #closed = false;

  constructor(path: string, database: RootDatabase<Uint8Array, string>) {
    this.#path = path;
    this.#database = database;
  }

  get(key: string): Uint8Array | undefined {
    const value = this.#database.get(key);
    return value === undefined ? undefined : new Uint8Array(value);
  }

  keys(prefix: string): string[] {
    const keys: string[] = [];
    for (const key of this.#database.getKeys({ start: prefix })) {
      if (!key.startsWith(prefix)) break;
      keys.push(key);
    }
    return keys;
  }

  async commit(changes: ReadonlyMap<string, Uint8Array | undefined>): Promise<void> {
    const database = this.#database;
    // A copy: the transaction runs later, and the caller may reuse its map and arrays by then.
    const copy = [...changes].map(([key, value]) => [key, value?.slice()] as const);
    try {
      if (this.#closed) throw new Error("the store is closed");
      const committing = database.transaction(() => {
        for (const [key, value] of copy) {
          if (value === undefined) void database.remove(key);
          else void database.put(key, value);
        }
      });
      this.#committing.add(committing);
      await committing.finally(() => this.#committing.delete(committing));
      await database.flushed;
    } catch (cause) {
      throw new SegmentError("store-failed", `the store cannot be written: ${(cause as Error).message}`, {
        where: this.#path,
        cause,
      });
    }
  }

  /** What was committed before is finished first. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#committing);
    await this.#database.close();
  }
}
