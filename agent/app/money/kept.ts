/**
 * A part of a store, written to without waiting: what is set is there at once, and `durable` tells when it
 * will outlast a crash. Nothing that rests on it may leave the phone before that.
 */
import { SegmentError } from "../../../protocols/errors.ts";
import type { Store } from "../../../protocols/ports.ts";

export class Kept {
  readonly #store: Store;
  readonly #prefix: string;
  readonly #values = new Map<string, Uint8Array>();
  #written: Promise<void> = Promise.resolve();
  #broken: SegmentError | undefined;

  /** All keys that begin with `prefix` are its own. */
  constructor(store: Store, prefix: string) {
    this.#store = store;
    this.#prefix = prefix;
    for (const key of store.keys(prefix)) this.#values.set(key.slice(prefix.length), store.get(key)!);
  }

  get(key: string): Uint8Array | undefined {
    return this.#values.get(key);
  }

  /** Sorted. */
  keys(prefix: string): string[] {
    return [...this.#values.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  /** Undefined removes it. Errors: store-failed (an earlier change could not be written). */
  set(key: string, bytes: Uint8Array | undefined): void {
    if (this.#broken !== undefined) throw this.#broken;
    if (bytes === undefined) this.#values.delete(key);
    else this.#values.set(key, bytes.slice());
    const committed = this.#store.commit(new Map([[this.#prefix + key, bytes]]));
    const written = Promise.all([this.#written, committed]).then(() => undefined);
    this.#written = written;
    written.catch((cause: unknown) => {
      this.#broken ??= new SegmentError("store-failed", "the browser's store takes nothing more", { cause });
    });
  }

  /** Resolves once all that was set until now is durable. Errors: store-failed. */
  durable(): Promise<void> {
    return this.#written;
  }
}
