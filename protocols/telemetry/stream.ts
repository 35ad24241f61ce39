/** A stream of sealed chunks: writing them on the device, opening them at a reader. */
import { decodeSenml, encodeSenml } from "./senml-cbor.ts";
import { compact } from "./senml-compact.ts";
import { MAX_PACK_RECORDS, recordTimeMs, resolve, type SenmlRecord } from "./senml.ts";
import { labelledHash } from "../crypto/hash.ts";
import { equalBytes, toHex, utf8 } from "../encoding/bytes.ts";
import { SegmentError, errorCode, type ErrorCode } from "../errors.ts";
import type { Crypto, Random, Signer } from "../ports.ts";
import { PACKAGE_OVERHEAD_BYTES } from "./aont.ts";
import { checkChain, type ChainBreak, type ChainOptions } from "./chain.ts";
import { checkCode, decodeShards, encodeShards, type Shards } from "./erasure.ts";
import { periodKey, periodOf } from "./keytree.ts";
import {
  encodeHeader,
  isShardOf,
  NO_PREVIOUS,
  openManifest,
  shardHash,
  signManifest,
  type ChunkHeader,
  type OpenedManifest,
} from "./manifest.ts";
import { openPackage, padChunk, sealPadded, type Sealing } from "./seal.ts";

/** The id of a publisher's stream; the name is only in its hash. */
export function streamId(crypto: Crypto, publisher: Uint8Array, name: string): Uint8Array {
  return labelledHash(crypto, "stream", publisher, utf8(name));
}

export interface StreamOptions {
  crypto: Crypto;
  random: Random;
  /** The publisher: signs the manifests. */
  signer: Signer;
  /** 32 bytes. */
  streamId: Uint8Array;
  /** 32 bytes, of this generation: `streamRootKey` of keytree.ts. */
  rootKey: Uint8Array;
  generation?: number;
  /** k of n shards rebuild a chunk. */
  k: number;
  n: number;
  /**
   * The sequence number of the first chunk; pass another to `sealChunk` when numbers come from sequence.ts.
   */
  nextSequence?: number;
  /** The hash of the stream's last manifest; NO_PREVIOUS for a new stream. */
  previousHash?: Uint8Array;
  sealing?: Sealing;
}

export interface SealedChunk {
  manifest: OpenedManifest;
  /** n of them; shard i goes to one keeper, with `manifest.signed`. */
  shards: Uint8Array[];
}

export interface StreamWriter {
  /**
   * Seals 1 to MAX_PACK_RECORDS resolved records of one key period. Each call makes new ciphertext: keep the
   * result and send it again, never seal twice. Throws `record-invalid`.
   */
  sealChunk(records: readonly SenmlRecord[], sequence?: number): SealedChunk;
  /** What to store, durably and with the chunk, so that a restart goes on where this stopped. */
  position(): { nextSequence: number; previousHash: Uint8Array };
}

export function createStream(options: StreamOptions): StreamWriter {
  const { crypto, random, signer, rootKey, generation = 0, k, n, sealing = "sealed" } = options;
  checkCode(k, n);
  let nextSequence = options.nextSequence ?? 0;
  let previousHash = options.previousHash ?? NO_PREVIOUS;
  let known: { period: number; key: Uint8Array } | undefined;

  function keyOf(period: number): Uint8Array {
    if (known?.period !== period) known = { period, key: periodKey(crypto, rootKey, period) };
    return known.key;
  }

  function sealChunk(records: readonly SenmlRecord[], sequence: number = nextSequence): SealedChunk {
    if (sequence < nextSequence) {
      throw new SegmentError("internal", `sequence ${sequence} was used; the next is ${nextSequence}`);
    }
    const times = timesOf(records);
    const padded = padChunk(encodeSenml(compact(records)), k, sealing);
    const header: ChunkHeader = {
      ...{ streamId: options.streamId, generation, sequence, previousHash },
      ...times,
      ...{ recordCount: records.length, sealing, k, n },
      packageLength: padded.length + PACKAGE_OVERHEAD_BYTES,
    };
    const seal = { crypto, random, periodKey: keyOf(times.period), sealing };
    const shards = encodeShards(sealPadded(seal, encodeHeader(header), padded), k, n);
    const shardHashes = shards.map((shard) => shardHash(crypto, shard));
    const manifest = signManifest(crypto, { ...header, shardHashes }, signer);
    nextSequence = sequence + 1;
    previousHash = manifest.hash;
    return { manifest, shards };
  }

  return { sealChunk, position: () => ({ nextSequence, previousHash }) };
}

function timesOf(records: readonly SenmlRecord[]): {
  period: number;
  firstTimeMs: number;
  lastTimeMs: number;
} {
  if (records.length === 0 || records.length > MAX_PACK_RECORDS) {
    throw new SegmentError("record-invalid", `a chunk holds 1 to ${MAX_PACK_RECORDS} records`);
  }
  let firstTimeMs = Infinity;
  let lastTimeMs = -Infinity;
  for (const record of records) {
    const timeMs = recordTimeMs(record);
    firstTimeMs = Math.min(firstTimeMs, timeMs);
    lastTimeMs = Math.max(lastTimeMs, timeMs);
  }
  const period = periodOf(firstTimeMs);
  if (periodOf(lastTimeMs) !== period) {
    throw new SegmentError("record-invalid", "the records lie in two key periods: seal them apart", {
      where: "time",
    });
  }
  return { period, firstTimeMs, lastTimeMs };
}

export interface OpenChunkOptions {
  crypto: Crypto;
  manifest: OpenedManifest;
  /** By index. Shards that fail their hash count as missing. */
  shards: Shards;
  /** 32 bytes, of the manifest's generation and period. */
  periodKey: Uint8Array;
}

/** The resolved records of a chunk. Throws `shards-missing`, `chunk-invalid`. */
export function openChunk(options: OpenChunkOptions): SenmlRecord[] {
  const { crypto, manifest } = options;
  if (manifest.sealing !== "sealed") throw new SegmentError("chunk-invalid", "the chunk is not sealed");
  const good = manifest.shardHashes.map((_, index) => {
    const shard = options.shards[index];
    return shard !== undefined && isShardOf(crypto, manifest, index, shard) ? shard : undefined;
  });
  const sealedPackage = decodeShards(good, manifest.k, manifest.n);
  return readRecords(manifest, openPackage(crypto, options.periodKey, encodeHeader(manifest), sealedPackage));
}

/**
 * The manifest and the records were made by one device; where they disagree, it is at fault or was tampered
 * with.
 */
function readRecords(manifest: OpenedManifest, bytes: Uint8Array): SenmlRecord[] {
  let records: SenmlRecord[];
  try {
    records = resolve(decodeSenml(bytes), 0);
  } catch (cause) {
    throw new SegmentError("chunk-invalid", "the chunk holds no SenML records", { cause });
  }
  const inTime = (record: SenmlRecord): boolean => {
    const timeMs = recordTimeMs(record);
    return timeMs >= manifest.firstTimeMs && timeMs <= manifest.lastTimeMs;
  };
  if (records.length !== manifest.recordCount || !records.every(inTime)) {
    throw new SegmentError("chunk-invalid", "the chunk's records are not those that its manifest describes");
  }
  return records;
}

export interface ReadStreamOptions extends ChainOptions {
  crypto: Crypto;
  publisher: Uint8Array;
  streamId: Uint8Array;
  /** Signed manifests, in any order, from any number of keepers. */
  manifests: readonly Uint8Array[];
  /** Asks the keepers for one shard; undefined when none has it. */
  fetchShard: (manifest: OpenedManifest, index: number) => Promise<Uint8Array | undefined>;
  /**
   * The key of a chunk's generation and period, or undefined where the reader has none (`chunkKey` of
   * grant.ts).
   */
  keyOf: (manifest: OpenedManifest) => Uint8Array | undefined;
}

export interface ReadStream {
  /** Opened chunks, by sequence. */
  chunks: { manifest: OpenedManifest; records: SenmlRecord[] }[];
  /** Chunks that did not open, and why: `grant-invalid` means that no key covers it. */
  unread: { manifest: OpenedManifest; code: ErrorCode }[];
  breaks: ChainBreak[];
  /** Shards that came and were wrong: their keepers are at fault. */
  badShards: { manifest: OpenedManifest; index: number }[];
  /** Manifests that are malformed, or not of this publisher and stream: so are the keepers that sent them. */
  badManifests: Uint8Array[];
}

/**
 * Reads all that the keys open of what the keepers still have. What one keeper damages does not hide the
 * rest.
 */
export async function readStream(options: ReadStreamOptions): Promise<ReadStream> {
  const { crypto } = options;
  const distinct = new Map(options.manifests.map((signed) => [toHex(signed), signed]));
  const { opened, badManifests } = openAll(options, [...distinct.values()]);
  const chain = checkChain(opened, options);
  const result: ReadStream = { chunks: [], unread: [], breaks: chain.breaks, badShards: [], badManifests };
  for (const manifest of chain.manifests) {
    const key = options.keyOf(manifest);
    if (key === undefined) {
      result.unread.push({ manifest, code: "grant-invalid" });
      continue;
    }
    try {
      const { shards, bad } = await fetchEnough(options, manifest);
      result.badShards.push(...bad.map((index) => ({ manifest, index })));
      result.chunks.push({ manifest, records: openChunk({ crypto, manifest, shards, periodKey: key }) });
    } catch (error) {
      const code = errorCode(error);
      if (code === "internal") throw error;
      result.unread.push({ manifest, code });
    }
  }
  return result;
}

function openAll(
  options: ReadStreamOptions,
  manifests: readonly Uint8Array[],
): { opened: OpenedManifest[]; badManifests: Uint8Array[] } {
  const opened: OpenedManifest[] = [];
  const badManifests: Uint8Array[] = [];
  for (const signed of manifests) {
    try {
      const manifest = openManifest(options.crypto, signed, options.publisher);
      if (equalBytes(manifest.streamId, options.streamId)) opened.push(manifest);
      else badManifests.push(signed);
    } catch (error) {
      if (errorCode(error) !== "manifest-invalid") throw error;
      badManifests.push(signed);
    }
  }
  return { opened, badManifests };
}

/**
 * Asks for as many shards as are still missing, at once, until k good ones are there or all were asked for.
 */
async function fetchEnough(
  options: ReadStreamOptions,
  manifest: OpenedManifest,
): Promise<{ shards: (Uint8Array | undefined)[]; bad: number[] }> {
  const shards = new Array<Uint8Array | undefined>(manifest.n).fill(undefined);
  const bad: number[] = [];
  let good = 0;
  for (let next = 0; good < manifest.k && next < manifest.n;) {
    const indices = Array.from(
      { length: Math.min(manifest.k - good, manifest.n - next) },
      (_, at) => next + at,
    );
    next += indices.length;
    const fetched = await Promise.all(indices.map((index) => options.fetchShard(manifest, index)));
    fetched.forEach((shard, at) => {
      const index = indices[at]!;
      if (shard === undefined) return;
      if (isShardOf(options.crypto, manifest, index, shard)) {
        shards[index] = shard;
        good += 1;
      } else {
        bad.push(index);
      }
    });
  }
  return { shards, bad };
}
