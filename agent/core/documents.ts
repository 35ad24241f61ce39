/**
 * Documents that a device has for its owner. A device says once that one is to be kept: it
 * is remembered in that step's commit, until it has been handed over, in this life or the next.
 */
import { toHex } from "../../protocols/encoding/bytes.ts";
import type { Crypto, Store } from "../../protocols/ports.ts";
import type { Changes } from "./loop.ts";

const PREFIX = "keep/";

export interface DocumentsParts {
  store: Store;
  crypto: Crypto;
  /** Resolves, or returns, once the owner has it. */
  handOver: (name: string, bytes: Uint8Array) => void | Promise<void>;
  /** It cannot be handed over, or the store refuses. */
  failed: (error: unknown) => void;
}

export class Documents {
  readonly #parts: DocumentsParts;

  constructor(parts: DocumentsParts) {
    this.#parts = parts;
  }

  plan(name: string, bytes: Uint8Array, changes: Changes): void {
    changes.set(this.#key(name, bytes), bytes);
  }

  /** The commit is durable. Whoever dies before the second one hands the document over twice. */
  confirm(name: string, bytes: Uint8Array): void {
    const { store, handOver, failed } = this.#parts;
    Promise.resolve(handOver(name, bytes))
      .then(() => store.commit(new Map([[this.#key(name, bytes), undefined]])))
      .catch(failed);
  }

  /** What an earlier life had no time to hand over. */
  resume(): void {
    const { store } = this.#parts;
    for (const key of store.keys(PREFIX)) {
      const bytes = store.get(key);
      if (bytes !== undefined) this.confirm(key.slice(PREFIX.length, key.lastIndexOf("/")), bytes);
    }
  }

  /** Names the content too: another document of that name does not push this one aside. */
  #key(name: string, bytes: Uint8Array): string {
    return `${PREFIX}${name}/${toHex(this.#parts.crypto.sha256(bytes)).slice(0, 16)}`;
  }
}
