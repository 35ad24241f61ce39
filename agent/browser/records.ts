/** Records in IndexedDB that hold more than bytes: a key of Web Crypto that cannot be taken out. */
import { SegmentError } from "../../protocols/errors.ts";

const STORE = "records";
export const KEYS_DATABASE = "segment-keys";
export const HOME_RECORD = "home";

/** Whether this browser holds a home's keys. Errors: store-failed. */
export async function hasHome(): Promise<boolean> {
  return (await readRecord(KEYS_DATABASE, HOME_RECORD)) !== undefined;
}

/** Whether those keys can be opened with a passkey. Errors: store-failed. */
export async function hasPasskey(): Promise<boolean> {
  const record = await readRecord(KEYS_DATABASE, HOME_RECORD);
  return typeof record === "object" && record !== null && "passkey" in record;
}

/** Errors: store-failed. */
export async function readRecord(database: string, key: string): Promise<unknown> {
  return inStore(database, "readonly", (store) => store.get(key));
}

/** Durable when it resolves. Errors: store-failed. */
export async function writeRecord(database: string, key: string, value: unknown): Promise<void> {
  await inStore(database, "readwrite", (store) => store.put(value, key));
}

async function inStore<T>(
  name: string,
  mode: IDBTransactionMode,
  work: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  try {
    const database = await opened(name);
    try {
      return await new Promise<T>((resolve, reject) => {
        const transaction = database.transaction(STORE, mode, { durability: "strict" });
        const request = work(transaction.objectStore(STORE));
        transaction.oncomplete = () => resolve(request.result);
        transaction.onabort = () => reject(transaction.error ?? new Error("it was aborted"));
      });
    } finally {
      database.close();
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SegmentError("store-failed", `the browser's store fails: ${reason}`, { cause });
  }
}

function opened(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("no reason is given"));
    request.onblocked = () => reject(new Error("another tab holds an older version of it"));
  });
}
