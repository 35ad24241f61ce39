/**
 * The keeper: stores one shard of each chunk and the chunk's manifest, and gives them to whoever asks. It can
 * read neither. It acknowledges with a signed receipt, and only what is durable.
 *
 * It knows no transport: whoever runs it passes in what came in a signed envelope, and sends back the reply.
 */
import { encodeCbor } from "../../protocols/encoding/cbor.ts";
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import { FieldReader } from "../../protocols/encoding/reader.ts";
import { errorCode, SegmentError } from "../../protocols/errors.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { Blobs, Clock, Crypto, Signer } from "../../protocols/ports.ts";
import { isShardOf, openManifest, type OpenedManifest } from "../../protocols/telemetry/manifest.ts";
import {
  MAX_SHARD_BYTES,
  PUT_REFUSALS,
  TELEMETRY_SCHEMAS,
  type ManifestList,
  type PutRefusal,
  type ShardDrop,
  type ShardGet,
  type ShardPut,
  type TelemetryKind,
} from "../../protocols/telemetry/messages.ts";
import { signShardReceipt } from "../../protocols/telemetry/receipt.ts";
import {
  DEFAULT_KEEPER_LIMITS,
  KeeperIndex,
  type ChunkName,
  type Held,
  type KeeperLimits,
} from "./keeper-index.ts";

export interface KeeperOptions {
  crypto: Crypto;
  clock: Clock;
  /** The keeper's identity: signs receipts. */
  signer: Signer;
  blobs: Blobs;
  limits?: Partial<KeeperLimits>;
  /**
   * Who may store or drop a publisher's shards. `from` is the sender's agent id. Unless told otherwise, only
   * the publisher itself; a hub or a repairer needs to be admitted.
   */
  admits?: (from: string, publisher: Uint8Array) => boolean;
}

export interface KeeperReply {
  kind: TelemetryKind;
  body: Uint8Array;
}

export interface Keeper {
  /**
   * Answers one message; `from` is the agent id of its verified sender. Null for what is not for a keeper,
   * and for a malformed body, which is dropped. Never rejects for anything that a sender can do.
   */
  handle(from: string, kind: string, body: Uint8Array): Promise<KeeperReply | null>;
  usage(): { bytes: number; streams: number; chunks: number };
}

/** What one answer may weigh: it has to fit a message of the bus. */
const MAX_ANSWER_BYTES = 200 * 1024;
/** Manifest, shard and what stands around them. */
const MAX_STORED_BYTES = MAX_SHARD_BYTES + 8192;
const VERSION = 1;

/** Takes up what `blobs` holds from an earlier run. Rejects with `store-failed`. */
export async function openKeeper(options: KeeperOptions): Promise<Keeper> {
  const keeper = new BlobKeeper(options);
  await keeper.load();
  return keeper;
}

class BlobKeeper implements Keeper {
  readonly #options: KeeperOptions;
  readonly #index: KeeperIndex;
  /** Chunks that are being forgotten; a put of one waits, or its bytes would go with the old ones. */
  readonly #leaving = new Map<string, Promise<boolean>>();

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#index = new KeeperIndex({ ...DEFAULT_KEEPER_LIMITS, ...options.limits });
  }

  async load(): Promise<void> {
    for (const key of await this.#options.blobs.list(KeeperIndex.prefix)) this.#index.restore(key);
  }

  usage(): { bytes: number; streams: number; chunks: number } {
    return this.#index.usage();
  }

  async handle(from: string, kind: string, body: Uint8Array): Promise<KeeperReply | null> {
    try {
      switch (kind) {
        case "shard-put":
          return await this.#put(from, parseBody(TELEMETRY_SCHEMAS[kind], body));
        case "shard-get":
          return await this.#get(parseBody(TELEMETRY_SCHEMAS[kind], body));
        case "manifest-list":
          return await this.#list(parseBody(TELEMETRY_SCHEMAS[kind], body));
        case "shard-drop":
          return await this.#drop(from, parseBody(TELEMETRY_SCHEMAS[kind], body));
        default:
          return null;
      }
    } catch (error) {
      if (errorCode(error) === "message-invalid") return null;
      throw error;
    }
  }

  async #put(from: string, put: ShardPut): Promise<KeeperReply> {
    const { publisher, streamId, sequence, index } = put;
    try {
      const manifest = this.#accept(from, put);
      const name = KeeperIndex.chunkKey(put);
      for (let left = this.#leaving.get(name); left !== undefined; left = this.#leaving.get(name)) await left;
      const held = this.#reserve(put, manifest);
      await held.durable;
      const receipt = signShardReceipt(
        {
          ...{ publisher, streamId, sequence, index },
          shardHash: manifest.shardHashes[index]!,
          manifestHash: manifest.hash,
          storedAtMs: this.#options.clock.now(),
        },
        this.#options.signer,
      );
      return reply("shard-ack", { publisher, streamId, sequence, index, receipt });
    } catch (error) {
      const code = errorCode(error);
      if (!isRefusal(code)) throw error;
      return reply("shard-refused", { publisher, streamId, sequence, index, code });
    }
  }

  /** The manifest, if sender, signature, position and shard are as they must be. */
  #accept(from: string, put: ShardPut): OpenedManifest {
    const { crypto } = this.#options;
    const admits = this.#options.admits ?? ((sender, publisher) => sender === agentId(publisher));
    if (!admits(from, put.publisher))
      throw new SegmentError("peer-refused", "the sender may not store this stream");
    const manifest = openManifest(crypto, put.manifest, put.publisher);
    if (!equalBytes(manifest.streamId, put.streamId) || manifest.sequence !== put.sequence) {
      throw new SegmentError("manifest-invalid", "the message names another chunk than its manifest");
    }
    if (!isShardOf(crypto, manifest, put.index, put.shard)) {
      throw new SegmentError("shard-invalid", "the shard is not the one that the manifest names");
    }
    return manifest;
  }

  /** The chunk's entry: the present one if it is the same, else a new one whose write has begun. */
  #reserve(put: ShardPut, manifest: OpenedManifest): Held {
    const manifestHash = toHex(manifest.hash);
    const present = this.#index.get(put);
    if (present !== undefined) {
      if (present.manifestHash !== manifestHash) {
        throw new SegmentError(
          "manifest-gap",
          "the publisher signed another manifest for this sequence number",
        );
      }
      if (present.index !== put.index)
        throw new SegmentError("keeper-holds-other", "another shard of it is held");
      return present;
    }
    const value = encodeCbor([VERSION, put.index, put.manifest, put.shard]);
    if (!this.#index.hasRoom(put, value.length))
      throw new SegmentError("keeper-full", "the quota is used up");
    const key = KeeperIndex.blobKey(put, put.index, value.length, manifestHash);
    const durable = this.#options.blobs.put(key, value).catch((error: unknown) => {
      this.#index.remove(put);
      throw new SegmentError("store-failed", "the shard could not be stored", { cause: error });
    });
    const held = { key, index: put.index, bytes: value.length, manifestHash, durable };
    this.#index.add(put, held);
    return held;
  }

  async #get(get: ShardGet): Promise<KeeperReply> {
    const { publisher, streamId, sequence } = get;
    const stored = await this.#read(get);
    if (stored === undefined) return reply("shard-missing", { publisher, streamId, sequence });
    return reply("shard", { publisher, streamId, sequence, ...stored });
  }

  async #list(list: ManifestList): Promise<KeeperReply> {
    const { publisher, streamId, fromSequence, limit } = list;
    const sequences = this.#index.sequences({ publisher, streamId }, fromSequence, limit + 1);
    const manifests: { index: number; manifest: Uint8Array }[] = [];
    let bytes = 0;
    let next: number | null = null;
    for (const sequence of sequences) {
      if (manifests.length === limit || bytes > MAX_ANSWER_BYTES) {
        next = sequence;
        break;
      }
      const stored = await this.#read({ publisher, streamId, sequence });
      if (stored === undefined) continue;
      manifests.push({ index: stored.index, manifest: stored.manifest });
      bytes += stored.manifest.length;
    }
    return reply("manifests", { publisher, streamId, fromSequence, manifests, next });
  }

  async #drop(from: string, drop: ShardDrop): Promise<KeeperReply | null> {
    const { publisher, streamId } = drop;
    const admits = this.#options.admits ?? ((sender, owner) => sender === agentId(owner));
    if (!admits(from, publisher)) return null;
    // All at once: what is put from now on, while the disk forgets, is not meant.
    const left = [...new Set(drop.sequences)].map(async (sequence) => {
      return (await this.#forget({ publisher, streamId, sequence })) ? [sequence] : [];
    });
    const dropped = (await Promise.all(left)).flat();
    return reply("shard-dropped", { publisher, streamId, sequences: dropped });
  }

  /** False if there is none, or if it is still held because the disk refused. */
  async #forget(name: ChunkName): Promise<boolean> {
    const held = this.#index.get(name);
    if (held === undefined) return false;
    this.#index.remove(name);
    const key = KeeperIndex.chunkKey(name);
    const erased = this.#erase(name, held).finally(() => this.#leaving.delete(key));
    this.#leaving.set(key, erased);
    return erased;
  }

  async #erase(name: ChunkName, held: Held): Promise<boolean> {
    try {
      await held.durable;
    } catch {
      return true; // it was never stored
    }
    try {
      await this.#options.blobs.delete(held.key);
      return true;
    } catch {
      this.#index.add(name, held);
      return false;
    }
  }

  /** Undefined also for what the disk has lost: other keepers have other shards. */
  async #read(
    name: ChunkName,
  ): Promise<{ index: number; manifest: Uint8Array; shard: Uint8Array } | undefined> {
    const held = this.#index.get(name);
    if (held === undefined) return undefined;
    try {
      await held.durable;
      const value = await this.#options.blobs.get(held.key);
      if (value === undefined) return undefined;
      const reader = FieldReader.fromBytes(value, "stored", { maxBytes: MAX_STORED_BYTES });
      reader.int("version", { min: VERSION, max: VERSION });
      return { index: reader.int("index"), manifest: reader.bytes("manifest"), shard: reader.bytes("shard") };
    } catch {
      return undefined;
    }
  }
}

function isRefusal(code: string): code is PutRefusal {
  return (PUT_REFUSALS as readonly string[]).includes(code);
}

function reply(kind: TelemetryKind, body: unknown): KeeperReply {
  return { kind, body: encodeMessage(body) };
}
