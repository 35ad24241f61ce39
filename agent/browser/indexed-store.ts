/**
 * The Store port in a browser: one IndexedDB database, read whole when it is opened. Commits that arrive
 * while a transaction is under way share the next one; each resolves once the browser says that it is durable
 * (Indexed Database API 3.0, section 2.7.3, durability "strict").
 *
 * One page at a time may use a store: see `exclusively`.
 */
import { SegmentError } from "../../protocols/errors.ts";
import type { Store } from "../../protocols/ports.ts";

const VALUES = "values";
const VERSION = 1;

type Changes = ReadonlyMap<string, Uint8Array | undefined>;

interface Waiting {
  changes: Changes;
  resolve: () => void;
  reject: (error: SegmentError) => void;
}

/** Opens (or makes) the store of this name in the page's origin. Errors: store-failed. */
export async function openIndexedStore(name: string): Promise<Store> {
  try {
    const database = await openDatabase(name);
    return new IndexedStore(database, await readAll(database));
  } catch (error) {
    throw failed("cannot be opened", error);
  }
}

/** Erases the store; nothing of it is left in the browser. Errors: store-failed (it is open). */
export function eraseIndexedStore(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = () => resolve();
    request.onerror = () => reject(failed("cannot be erased", request.error));
    request.onblocked = () => reject(failed("cannot be erased", new Error("it is open in another tab")));
  });
}

function openDatabase(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, VERSION);
    request.onupgradeneeded = () => request.result.createObjectStore(VALUES);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("no reason is given"));
    request.onblocked = () => reject(new Error("another tab holds an older version of it"));
  });
}

function readAll(database: IDBDatabase): Promise<Map<string, Uint8Array>> {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(VALUES, "readonly");
    const store = transaction.objectStore(VALUES);
    const keys = store.getAllKeys();
    const values = store.getAll();
    transaction.oncomplete = () => {
      const found: [string, Uint8Array][] = keys.result.map((key, at) => [
        key as string,
        new Uint8Array(values.result[at] as ArrayBuffer),
      ]);
      resolve(new Map(found));
    };
    transaction.onabort = () => reject(transaction.error ?? new Error("reading was aborted"));
  });
}

class IndexedStore implements Store {
  readonly #database: IDBDatabase;
  readonly #values: Map<string, Uint8Array>;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  /** Why nothing is taken any more. */
  #refusal: SegmentError | undefined;

  constructor(database: IDBDatabase, values: Map<string, Uint8Array>) {
    this.#database = database;
    this.#values = values;
    // The browser took it away, or another tab erases it.
    database.onclose = () => this.#refuse(new Error("the browser has closed it"));
    database.onversionchange = () => this.#refuse(new Error("it is being erased or renewed elsewhere"));
  }

  get(key: string): Uint8Array | undefined {
    return this.#values.get(key)?.slice();
  }

  keys(prefix: string): string[] {
    return [...this.#values.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  commit(changes: Changes): Promise<void> {
    if (this.#refusal !== undefined) return Promise.reject(this.#refusal);
    // A copy: the caller may reuse its arrays while this waits.
    const copy = new Map([...changes].map(([key, value]) => [key, value?.slice()]));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ changes: copy, resolve, reject });
      this.#writing ??= this.#write();
    });
  }

  /** What was committed before is finished first. */
  async close(): Promise<void> {
    this.#refuse(new Error("it is closed"));
    await this.#writing;
    this.#database.close();
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0);
      try {
        await this.#transact(batch.flatMap(({ changes }) => [...changes]));
      } catch (error) {
        // A full disk takes no more, and who promised on the strength of it must know: all is refused.
        const refusal = this.#refuse(error);
        for (const { reject } of [...batch, ...this.#waiting.splice(0)]) reject(refusal);
        break;
      }
      for (const { changes, resolve } of batch) {
        this.#apply(changes);
        resolve();
      }
    }
    // No await between the last look at what waits and this: a commit that comes later starts anew.
    this.#writing = undefined;
  }

  #transact(changes: [string, Uint8Array | undefined][]): Promise<void> {
    return new Promise((resolve, reject) => {
      const transaction = this.#database.transaction(VALUES, "readwrite", { durability: "strict" });
      const store = transaction.objectStore(VALUES);
      // The copy's buffer holds nothing but the value.
      for (const [key, value] of changes) {
        if (value === undefined) store.delete(key);
        else store.put(value.buffer, key);
      }
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error ?? new Error("writing was aborted"));
    });
  }

  #apply(changes: Changes): void {
    for (const [key, value] of changes) {
      if (value === undefined) this.#values.delete(key);
      else this.#values.set(key, value);
    }
  }

  #refuse(cause: unknown): SegmentError {
    this.#refusal ??= failed("takes nothing more", cause);
    return this.#refusal;
  }
}

/**
 * Runs `work` while no other page of this origin does anything under the same name: an agent that ran in two
 * tabs would be two devices with one key. Errors: home-locked.
 */
export async function exclusively<T>(name: string, work: () => Promise<T>): Promise<T> {
  return navigator.locks.request(name, { ifAvailable: true }, async (lock) => {
    if (lock === null)
      throw new SegmentError("home-locked", "the app is open in another tab", { where: name });
    return work();
  }) as Promise<T>;
}

function failed(what: string, cause: unknown): SegmentError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new SegmentError("store-failed", `the browser's store ${what}: ${reason}`, { cause });
}
