/**
 * A device's telemetry on its way out: records are batched, sealed once, cut into
 * shards and kept in the journal until every keeper has acknowledged its shard. A retry
 * sends the same ciphertext; nothing climbs back to the records.
 */
import { decodeMessage, encodeMessage } from "../../protocols/encoding/messages.ts";
import { errorCode, SegmentError } from "../../protocols/errors.ts";
import { publicKeyFromId } from "../../protocols/identity/keys.ts";
import type { Clock, Crypto, Random, Signer, Store, Timer } from "../../protocols/ports.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import {
  addRecord,
  DEFAULT_BATCH_LIMITS,
  EMPTY_BATCH,
  flushAtMs,
  tickBatch,
  type Batch,
  type BatchLimits,
} from "../../protocols/telemetry/batch.ts";
import { periodOf } from "../../protocols/telemetry/keytree.ts";
import { shardAckSchema, shardRefusedSchema } from "../../protocols/telemetry/messages.ts";
import { checkShardReceipt } from "../../protocols/telemetry/receipt.ts";
import { compact } from "../../protocols/telemetry/senml-compact.ts";
import { decodeSenml, encodeSenml } from "../../protocols/telemetry/senml-cbor.ts";
import { recordTimeMs, resolve, type SenmlRecord } from "../../protocols/telemetry/senml.ts";
import type { Sealing } from "../../protocols/telemetry/seal.ts";
import { createStream, type SealedChunk, type StreamWriter } from "../../protocols/telemetry/stream.ts";
import { NO_PREVIOUS, openManifest, type OpenedManifest } from "../../protocols/telemetry/manifest.ts";
import { z } from "zod";
import type { Changes } from "./loop.ts";

const HEAD_KEY = "telemetry/head";
/** Each step's records stand under a number of their own: what was written before is not written again. */
const BATCH_PREFIX = "telemetry/batch/";
const CHUNK_PREFIX = "telemetry/chunk/";
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;
/**
 * Chunks that wait for keepers; a device that is offline for longer refuses new records rather than lose
 * old ones.
 */
const MAX_WAITING_CHUNKS = 4_096;
/** Chunks whose shards are under way at once. Who waits for a keeper that is away holds no place. */
const WINDOW = 8;

export interface TelemetryParts {
  store: Store;
  crypto: Crypto;
  random: Random;
  signer: Signer;
  /** The world's time, which batches go by. */
  clock: Clock;
  linkClock: Clock;
  streamId: Uint8Array;
  rootKey: Uint8Array;
  k: number;
  /** By shard index: as many keepers as shards. */
  keepers: readonly string[];
  limits?: BatchLimits;
  sealing?: Sealing;
  send: (to: string, type: string, body: unknown) => Promise<void>;
}

interface WaitingChunk {
  sequence: number;
  manifest: Uint8Array;
  /** Taken apart at the first keeper's answer. */
  opened: OpenedManifest | undefined;
  shards: Uint8Array[];
  /** Indices whose keeper has not acknowledged. */
  missing: Set<number>;
  durable: boolean;
  attempts: number;
  /** The keepers are expected to answer. */
  underWay: boolean;
  /** Until the keepers have had time to answer, then until the next attempt. */
  timer: Timer | undefined;
}

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, "expected bytes");
const headSchema = z.strictObject({
  nextSequence: z.number(),
  previousHash: bytes,
  records: z.number(),
  refused: z.number(),
});
const chunkSchema = z.strictObject({ manifest: bytes, shards: z.array(bytes) });
const CHUNK_LIMITS = { maxBytes: 16 * 1024 * 1024, maxDepth: 4, maxItems: 1_024 };

export class Telemetry {
  readonly #parts: TelemetryParts;
  readonly #limits: BatchLimits;
  readonly #writer: StreamWriter;
  readonly #waiting = new Map<number, WaitingChunk>();
  /** What each plan sealed whose commit is to come. Commits end in the order of their plans. */
  #planned: WaitingChunk[][] = [];
  #batch: Batch = EMPTY_BATCH;
  /** Where the batch stands in the journal. */
  #batchKeys: string[] = [];
  #nextBatchKey = 0;
  /** How many of its records stand there. */
  #journaled = 0;
  #flushTimer: Timer | undefined;
  #open = false;
  #closed = false;
  #underWay = 0;
  /** Since the stream began: records taken and refused, chunks sealed, and the shards that they became. */
  readonly counters = { records: 0, refused: 0, chunks: 0, shards: 0 };
  /** Why keepers refused shards, by error code. */
  readonly refusals = new Map<string, number>();
  #drained: (() => void)[] = [];

  constructor(parts: TelemetryParts) {
    this.#parts = parts;
    this.#limits = parts.limits ?? DEFAULT_BATCH_LIMITS;
    const saved = parts.store.get(HEAD_KEY);
    const head = saved === undefined ? undefined : headSchema.parse(decodeMessage(saved));
    this.#writer = createStream({
      crypto: parts.crypto,
      random: parts.random,
      signer: parts.signer,
      streamId: parts.streamId,
      rootKey: parts.rootKey,
      k: parts.k,
      n: parts.keepers.length,
      nextSequence: head?.nextSequence ?? 0,
      previousHash: head?.previousHash ?? NO_PREVIOUS,
      ...(parts.sealing === undefined ? {} : { sealing: parts.sealing }),
    });
    this.counters.records = head?.records ?? 0;
    this.counters.refused = head?.refused ?? 0;
    this.counters.chunks = head?.nextSequence ?? 0;
    this.counters.shards = this.counters.chunks * parts.keepers.length;
    this.#restore();
  }

  /** Chunks that wait for a keeper. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Records that wait in the batch, and chunks that wait for a keeper. */
  get unsent(): number {
    return this.#batch.records.length + this.#waiting.size;
  }

  /** Takes records into a commit; whole batches are sealed in the same commit. One `confirm` follows each. */
  plan(records: readonly SenmlRecord[], changes: Changes): void {
    const sealed: WaitingChunk[] = [];
    this.#planned.push(sealed);
    if (this.#waiting.size >= MAX_WAITING_CHUNKS) {
      this.counters.refused += records.length;
      this.#planHead(changes);
      return;
    }
    // All at once, as they nearly always are sound; one by one to find those that are not.
    const areSealable = isSealable(records);
    for (const record of records) {
      if (!areSealable && !isSealable([record])) {
        this.counters.refused += 1;
        continue;
      }
      const { batch, flush } = addRecord(this.#batch, record, this.#parts.clock.now(), this.#limits);
      this.#batch = batch;
      this.counters.records += 1;
      for (const full of flush) sealed.push(this.#seal(full, changes));
      if (flush.length > 0) this.#forgetBatch(changes);
    }
    this.#planBatch(changes);
    this.#planHead(changes);
  }

  /** The oldest plan's commit is durable: what it sealed may leave, and nothing of a later one. */
  confirm(): void {
    this.#release(this.#planned.shift() ?? []);
  }

  /** Seals what waits in the batch now, and resolves once every shard is acknowledged. */
  async flush(): Promise<void> {
    if (this.#batch.records.length > 0) {
      const changes: Changes = new Map();
      const chunk = this.#seal(this.#batch.records, changes);
      this.#batch = EMPTY_BATCH;
      this.#forgetBatch(changes);
      this.#planHead(changes);
      await this.#parts.store.commit(changes);
      this.#release([chunk]);
    }
    if (this.#waiting.size === 0) return;
    await new Promise<void>((resolve) => this.#drained.push(resolve));
  }

  /** The link is up or down. Up: everything is offered at once, in order. */
  setOpen(open: boolean): void {
    this.#open = open;
    if (!open) return;
    for (const chunk of this.#waiting.values()) this.#rest(chunk);
    this.#kick();
  }

  handles(kind: string): boolean {
    return kind === "shard-ack" || kind === "shard-refused";
  }

  /** A keeper's signed receipt: it holds the shard durably. Errors: message-invalid, signature-*. */
  received(from: string, kind: string, body: Uint8Array): void {
    if (kind === "shard-refused") {
      const { code } = parseBody(shardRefusedSchema, body);
      // The shard stays in the journal and is offered again: a full keeper may have room later.
      this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
      return;
    }
    const ack = parseBody(shardAckSchema, body);
    const chunk = this.#waiting.get(ack.sequence);
    if (chunk === undefined || this.#parts.keepers[ack.index] !== from) return;
    chunk.opened ??= openManifest(this.#parts.crypto, chunk.manifest);
    checkShardReceipt(this.#parts.crypto, ack.receipt, {
      manifest: chunk.opened,
      index: ack.index,
      keeper: publicKeyFromId(from),
    });
    chunk.missing.delete(ack.index);
    if (chunk.missing.size > 0) return;
    this.#rest(chunk);
    this.#waiting.delete(ack.sequence);
    const changes: Changes = new Map([[chunkKey(ack.sequence), undefined]]);
    this.#parts.store
      .commit(changes)
      // A chunk that stays in the journal is sent again after a restart; the keepers have it already.
      .catch((error: unknown) => errorCode(error));
    this.#kick();
    if (this.#waiting.size === 0) for (const resolve of this.#drained.splice(0)) resolve();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#open = false;
    this.#flushTimer?.cancel();
    for (const chunk of this.#waiting.values()) this.#rest(chunk);
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  #restore(): void {
    const { store } = this.#parts;
    for (const key of store.keys(CHUNK_PREFIX)) {
      const { manifest, shards } = chunkSchema.parse(
        decodeMessage(store.get(key) ?? new Uint8Array(), CHUNK_LIMITS),
      );
      this.#wait(numberIn(key), manifest, shards).durable = true;
    }
    this.#batchKeys = store.keys(BATCH_PREFIX);
    if (this.#batchKeys.length === 0) return;
    const parts = this.#batchKeys.map((key) => store.get(key) ?? new Uint8Array());
    const records = parts.flatMap((part) => resolve(decodeSenml(part), 0));
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    this.#batch = { records, bytes: size, openedAtMs: this.#parts.clock.now() };
    this.#nextBatchKey = numberIn(this.#batchKeys.at(-1)!) + 1;
    this.#journaled = records.length;
    this.#armFlush();
  }

  #seal(records: readonly SenmlRecord[], changes: Changes): WaitingChunk {
    const chunk: SealedChunk = this.#writer.sealChunk(records);
    const { sequence, signed } = chunk.manifest;
    changes.set(chunkKey(sequence), encodeMessage({ manifest: signed, shards: chunk.shards }));
    this.counters.chunks += 1;
    this.counters.shards += chunk.shards.length;
    return this.#wait(sequence, signed, chunk.shards);
  }

  #wait(sequence: number, manifest: Uint8Array, shards: Uint8Array[]): WaitingChunk {
    const chunk: WaitingChunk = {
      sequence,
      manifest,
      opened: undefined,
      shards,
      missing: new Set(shards.keys()),
      durable: false,
      attempts: 0,
      underWay: false,
      timer: undefined,
    };
    this.#waiting.set(sequence, chunk);
    return chunk;
  }

  #release(chunks: readonly WaitingChunk[]): void {
    for (const chunk of chunks) chunk.durable = true;
    this.#armFlush();
    this.#kick();
  }

  /** Writes down what is new in the batch. */
  #planBatch(changes: Changes): void {
    const fresh = this.#batch.records.slice(this.#journaled);
    if (fresh.length === 0) return;
    const key = `${BATCH_PREFIX}${inOrder(this.#nextBatchKey++)}`;
    changes.set(key, encodeSenml(fresh));
    this.#batchKeys.push(key);
    this.#journaled = this.#batch.records.length;
  }

  /** What stood in the batch is sealed. */
  #forgetBatch(changes: Changes): void {
    for (const key of this.#batchKeys) changes.set(key, undefined);
    this.#batchKeys = [];
    this.#journaled = 0;
  }

  #planHead(changes: Changes): void {
    const { records, refused } = this.counters;
    const { nextSequence, previousHash } = this.#writer.position();
    changes.set(HEAD_KEY, encodeMessage({ nextSequence, previousHash, records, refused }));
  }

  #armFlush(): void {
    const due = flushAtMs(this.#batch, this.#limits);
    this.#flushTimer?.cancel();
    this.#flushTimer = undefined;
    if (due === undefined || this.#closed) return;
    this.#flushTimer = this.#parts.clock.at(due, () => {
      const { flush } = tickBatch(this.#batch, this.#parts.clock.now(), this.#limits);
      if (flush.length > 0) this.flush().catch((error: unknown) => errorCode(error));
    });
  }

  #kick(): void {
    if (!this.#open) return;
    for (const chunk of this.#waiting.values()) {
      if (this.#underWay >= WINDOW) return;
      if (chunk.durable && chunk.timer === undefined) this.#upload(chunk);
    }
  }

  #upload(chunk: WaitingChunk): void {
    const { keepers, linkClock, send, signer, streamId } = this.#parts;
    chunk.attempts += 1;
    chunk.underWay = true;
    this.#underWay += 1;
    chunk.timer = linkClock.at(linkClock.now() + FIRST_RETRY_MS, () => {
      // Others come first now: a keeper that is away must not hold up those that are there.
      this.#rest(chunk);
      const pauseMs = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(chunk.attempts - 1, 10));
      chunk.timer = linkClock.at(linkClock.now() + pauseMs, () => {
        chunk.timer = undefined;
        this.#kick();
      });
      this.#kick();
    });
    for (const index of chunk.missing) {
      const keeper = keepers[index];
      const shard = chunk.shards[index];
      if (keeper === undefined || shard === undefined) continue;
      const { sequence, manifest } = chunk;
      const body = { publisher: signer.publicKey, streamId, sequence, index, manifest, shard };
      // What does not arrive is sent again by the timer.
      send(keeper, "shard-put", body).catch(() => undefined);
    }
  }

  #rest(chunk: WaitingChunk): void {
    chunk.timer?.cancel();
    chunk.timer = undefined;
    if (!chunk.underWay) return;
    chunk.underWay = false;
    this.#underWay -= 1;
  }
}

/**
 * Whether keys cover their times and SenML can say them: a receiver without a fix may report 1970. What a
 * broken driver reports must not stop the agent, nor wait in the batch for ever.
 */
function isSealable(records: readonly SenmlRecord[]): boolean {
  try {
    for (const record of records) periodOf(recordTimeMs(record));
    encodeSenml(compact(records));
    return true;
  } catch (error) {
    if (error instanceof SegmentError) return false;
    throw error;
  }
}

function chunkKey(sequence: number): string {
  return CHUNK_PREFIX + inOrder(sequence);
}

/** Keys sort as their numbers do. */
function inOrder(number: number): string {
  return number.toString().padStart(12, "0");
}

/** The number at a key's end. */
function numberIn(key: string): number {
  return Number(key.slice(key.lastIndexOf("/") + 1));
}
