/**
 * The Store port in memory, for virtual worlds: a commit takes its time on the world's
 * clock, commits that arrive meanwhile share the next write, and a crash forgets what
 * was not durable yet.
 */
import { SegmentError } from "../../protocols/errors.ts";
import type { Clock, Store } from "../../protocols/ports.ts";

export interface MemoryStoreOptions {
  clock: Clock;
  /** How long one write takes. Default 1 ms. */
  writeMs?: () => number;
  /** Asked before each write: true makes it fail, as a full or broken disk would. */
  fails?: () => boolean;
}

type Changes = ReadonlyMap<string, Uint8Array | undefined>;

interface Waiting {
  changes: Changes;
  resolve: () => void;
  reject: (error: SegmentError) => void;
}

export class MemoryStore implements Store {
  readonly #options: MemoryStoreOptions;
  readonly #values: Map<string, Uint8Array>;
  #waiting: Waiting[] = [];
  /** What is being written. */
  #writing: Waiting[] = [];
  /** Why nothing is taken any more. */
  #refusal: SegmentError | undefined;
  /** A process that has crashed hears nothing any more. */
  #crashed = false;
  #idle: (() => void)[] = [];

  constructor(options: MemoryStoreOptions, values: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.#options = options;
    this.#values = new Map(values);
  }

  get(key: string): Uint8Array | undefined {
    return this.#values.get(key)?.slice();
  }

  keys(prefix: string): string[] {
    return [...this.#values.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  commit(changes: Changes): Promise<void> {
    if (this.#crashed) return new Promise(() => undefined);
    if (this.#refusal !== undefined) return Promise.reject(this.#refusal);
    const copy = new Map([...changes].map(([key, value]) => [key, value?.slice()]));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ changes: copy, resolve, reject });
      if (this.#writing.length === 0) this.#write();
    });
  }

  async close(): Promise<void> {
    this.#refusal ??= new SegmentError("store-failed", "the store is closed");
    if (this.#writing.length > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** What is durable now. */
  contents(): ReadonlyMap<string, Uint8Array> {
    return new Map(this.#values);
  }

  /** What a restart would find now. */
  reopen(): MemoryStore {
    return new MemoryStore(this.#options, this.#values);
  }

  /**
   * Power loss: nothing settles any more here. Returns what the next start finds; with `reached`, the write
   * under way has come to the disk although nobody was told.
   */
  crash(reached = false): MemoryStore {
    this.#crashed = true;
    if (reached) for (const { changes } of this.#writing) this.#apply(changes);
    return this.reopen();
  }

  #write(): void {
    this.#writing = this.#waiting;
    this.#waiting = [];
    const { clock, writeMs, fails } = this.#options;
    clock.at(clock.now() + (writeMs?.() ?? 1), () => {
      if (this.#crashed) return;
      if (fails?.() === true) return this.#fail();
      for (const { changes, resolve } of this.#writing) {
        this.#apply(changes);
        resolve();
      }
      this.#writing = [];
      if (this.#waiting.length > 0) this.#write();
      else for (const resolve of this.#idle.splice(0)) resolve();
    });
  }

  /** As in the journal: nobody knows what a failed write has left, so nothing more is taken. */
  #fail(): void {
    this.#refusal = new SegmentError("store-failed", "the simulated disk fails");
    for (const { reject } of [...this.#writing, ...this.#waiting]) reject(this.#refusal);
    this.#writing = [];
    this.#waiting = [];
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #apply(changes: Changes): void {
    for (const [key, value] of changes) {
      if (value === undefined) this.#values.delete(key);
      else this.#values.set(key, value);
    }
  }
}
