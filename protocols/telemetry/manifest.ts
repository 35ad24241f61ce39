/**
 * The manifest of a chunk: what is stored, in which order, signed by the device. Signed bytes (COSE_Sign1,
 * label "manifest") are the positional array
 *
 *   [1, streamId, generation, sequence, previousHash, period, firstTimeMs, lastTimeMs, recordCount,
 *    sealing, k, n, packageLength, [shardHash, ...]]
 *
 * Keepers see it: it tells them how much was stored and when, never what. All of it but the shard hashes is
 * the chunk's **header**, which the seal binds.
 */
import { labelledHash } from "../crypto/hash.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import { equalBytes } from "../encoding/bytes.ts";
import { FieldReader } from "../encoding/reader.ts";
import { SegmentError } from "../errors.ts";
import { sign1, verify1 } from "../identity/cose.ts";
import type { Crypto, Signer, TimeMs } from "../ports.ts";
import { MAX_SHARDS } from "./erasure.ts";
import { PERIOD_END, PERIOD_MS } from "./keytree.ts";
import { MAX_PACKAGE_BYTES, MIN_SHARD_BYTES } from "./seal.ts";
import { MAX_PACK_RECORDS } from "./senml.ts";

export const HASH_BYTES = 32;
/** A signed manifest, at most, in bytes. */
export const MAX_MANIFEST_BYTES = 4096;
/** `previousHash` of a stream's first manifest, and of the first after a device lost its journal. */
export const NO_PREVIOUS = new Uint8Array(HASH_BYTES);

const VERSION = 1;
const SEALINGS = ["unsealed-for-the-plaintext-search-test", "sealed"] as const;

export interface ChunkHeader {
  /** 32 bytes; a stream is known by its publisher's key and this. */
  streamId: Uint8Array;
  /** Of the stream's root key; revoking a reader starts a new one. */
  generation: number;
  /** Rises within a stream; may skip, never repeats. */
  sequence: number;
  /** `manifestHash` of the manifest before this one, or NO_PREVIOUS. */
  previousHash: Uint8Array;
  /** Of the key tree; every record of the chunk lies in it. */
  period: number;
  firstTimeMs: TimeMs;
  lastTimeMs: TimeMs;
  recordCount: number;
  sealing: (typeof SEALINGS)[number];
  k: number;
  n: number;
  packageLength: number;
}

export interface Manifest extends ChunkHeader {
  /** n of them, 32 bytes each, by shard index. */
  shardHashes: Uint8Array[];
}

/** A manifest whose signature was checked. */
export interface OpenedManifest extends Manifest {
  /** Ed25519 public key of the signer. */
  publisher: Uint8Array;
  /** Of the signed payload: what the next manifest names as its previous one. */
  hash: Uint8Array;
  /** The signed bytes. */
  signed: Uint8Array;
}

/** The bytes that the seal binds: deterministic CBOR of the header. */
export function encodeHeader(header: ChunkHeader): Uint8Array {
  return encodeCbor(headerFields(header));
}

function headerFields(header: ChunkHeader): (number | Uint8Array)[] {
  return [
    VERSION,
    header.streamId,
    header.generation,
    header.sequence,
    header.previousHash,
    header.period,
    header.firstTimeMs,
    header.lastTimeMs,
    header.recordCount,
    SEALINGS.indexOf(header.sealing),
    header.k,
    header.n,
    header.packageLength,
  ];
}

/** Signs a manifest and opens it again, so that what a device sends is what everybody will read. */
export function signManifest(crypto: Crypto, manifest: Manifest, signer: Signer): OpenedManifest {
  const payload = encodeCbor([...headerFields(manifest), manifest.shardHashes]);
  const read = readManifest(payload);
  return {
    ...read,
    publisher: signer.publicKey,
    hash: labelledHash(crypto, "manifest", payload),
    signed: sign1("manifest", payload, signer),
  };
}

/**
 * Checks shape and signature. `publisher`, where given, is who must have signed.
 * Throws `manifest-invalid`.
 */
export function openManifest(crypto: Crypto, signed: Uint8Array, publisher?: Uint8Array): OpenedManifest {
  if (signed.length > MAX_MANIFEST_BYTES) throw invalid(`is longer than ${MAX_MANIFEST_BYTES} bytes`);
  try {
    const { signer, payload } = verify1(crypto, "manifest", signed);
    if (publisher !== undefined && !equalBytes(signer, publisher)) throw invalid("is signed by another key");
    return {
      ...readManifest(payload),
      publisher: signer,
      hash: labelledHash(crypto, "manifest", payload),
      signed,
    };
  } catch (cause) {
    if (!(cause instanceof SegmentError) || cause.code === "manifest-invalid") throw cause;
    throw new SegmentError("manifest-invalid", `the manifest does not open: ${cause.message}`, { cause });
  }
}

function readManifest(payload: Uint8Array): Manifest {
  const reader = FieldReader.fromBytes(payload, "manifest", { maxBytes: MAX_MANIFEST_BYTES });
  reader.int("version", { min: VERSION, max: VERSION });
  const streamId = reader.bytes("streamId", { length: HASH_BYTES });
  const generation = reader.int("generation", { min: 0, max: 0xffffffff });
  const sequence = reader.int("sequence", { min: 0 });
  const previousHash = reader.bytes("previousHash", { length: HASH_BYTES });
  const period = reader.int("period", { min: 0, max: PERIOD_END - 1 });
  const inPeriod = { min: period * PERIOD_MS, max: (period + 1) * PERIOD_MS - 1 };
  const firstTimeMs = reader.int("firstTimeMs", inPeriod);
  const lastTimeMs = reader.int("lastTimeMs", { min: firstTimeMs, max: inPeriod.max });
  const recordCount = reader.int("recordCount", { min: 1, max: MAX_PACK_RECORDS });
  const sealing = SEALINGS[reader.int("sealing", { min: 0, max: SEALINGS.length - 1 })]!;
  const k = reader.int("k", { min: 1, max: MAX_SHARDS });
  const n = reader.int("n", { min: k, max: MAX_SHARDS });
  const packageLength = reader.int("packageLength", { min: k * MIN_SHARD_BYTES, max: MAX_PACKAGE_BYTES });
  if (packageLength % k !== 0) throw invalid("states a package that does not cut into k shards");
  const hashes = new FieldReader(reader.list("shardHashes", { max: MAX_SHARDS }), "manifest.shardHashes", n);
  const shardHashes = Array.from({ length: n }, (_, index) =>
    hashes.bytes(String(index), { length: HASH_BYTES }),
  );
  reader.end();
  return {
    streamId,
    generation,
    sequence,
    previousHash,
    period,
    firstTimeMs,
    lastTimeMs,
    recordCount,
    sealing,
    k,
    n,
    packageLength,
    shardHashes,
  };
}

/** What a manifest says of a shard: the hash of its bytes. */
export function shardHash(crypto: Crypto, shard: Uint8Array): Uint8Array {
  return labelledHash(crypto, "shard", shard);
}

/** Whether these bytes are shard `index` of the manifest's chunk. */
export function isShardOf(crypto: Crypto, manifest: Manifest, index: number, shard: Uint8Array): boolean {
  const expected = manifest.shardHashes[index];
  return (
    expected !== undefined &&
    shard.length === manifest.packageLength / manifest.k &&
    equalBytes(expected, shardHash(crypto, shard))
  );
}

function invalid(problem: string): SegmentError {
  return new SegmentError("manifest-invalid", `the manifest ${problem}`);
}
