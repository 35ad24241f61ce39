/**
 * A keeper's receipt for a shard, given only once the shard is durable: COSE_Sign1, label "shardReceipt",
 * over [1, publisher, streamId, sequence, index, shardHash, manifestHash, storedAtMs].
 */
import { equalBytes } from "../encoding/bytes.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { SegmentError } from "../errors.ts";
import { sign1, verify1 } from "../identity/cose.ts";
import type { Crypto, Signer, TimeMs } from "../ports.ts";
import { MAX_SHARDS } from "./erasure.ts";
import { HASH_BYTES, type OpenedManifest } from "./manifest.ts";

const VERSION = 1;

export interface ShardReceipt {
  publisher: Uint8Array;
  streamId: Uint8Array;
  sequence: number;
  index: number;
  shardHash: Uint8Array;
  manifestHash: Uint8Array;
  storedAtMs: TimeMs;
}

export function signShardReceipt(receipt: ShardReceipt, keeper: Signer): Uint8Array {
  const { publisher, streamId, sequence, index, shardHash, manifestHash, storedAtMs } = receipt;
  const fields = [VERSION, publisher, streamId, sequence, index, shardHash, manifestHash, storedAtMs];
  return sign1("shardReceipt", encodeCbor(fields), keeper);
}

/** Throws `signature-invalid`, `signature-malformed` or `cbor-wrong-shape`. */
export function openShardReceipt(crypto: Crypto, bytes: Uint8Array): ShardReceipt & { keeper: Uint8Array } {
  const { signer, payload } = verify1(crypto, "shardReceipt", bytes);
  const reader = FieldReader.fromBytes(payload, "shardReceipt", { maxBytes: 512 });
  reader.int("version", { min: VERSION, max: VERSION });
  const receipt = {
    keeper: signer,
    publisher: reader.bytes("publisher", { length: 32 }),
    streamId: reader.bytes("streamId", { length: HASH_BYTES }),
    sequence: reader.int("sequence", { min: 0 }),
    index: reader.int("index", { min: 0, max: MAX_SHARDS - 1 }),
    shardHash: reader.bytes("shardHash", { length: HASH_BYTES }),
    manifestHash: reader.bytes("manifestHash", { length: HASH_BYTES }),
    storedAtMs: reader.int("storedAtMs", { min: 0 }),
  };
  reader.end();
  return receipt;
}

/**
 * Checks that a receipt says that `keeper` (its Ed25519 key) stored shard `index` of this chunk. Throws
 * `shard-invalid` if it does not: the shard then still has to be sent.
 */
export function checkShardReceipt(
  crypto: Crypto,
  bytes: Uint8Array,
  expected: { manifest: OpenedManifest; index: number; keeper: Uint8Array },
): ShardReceipt {
  const { manifest, index, keeper } = expected;
  let receipt: ShardReceipt & { keeper: Uint8Array };
  try {
    receipt = openShardReceipt(crypto, bytes);
  } catch (cause) {
    throw new SegmentError("shard-invalid", "the keeper's receipt does not open", { cause });
  }
  const fits =
    equalBytes(receipt.keeper, keeper) &&
    equalBytes(receipt.manifestHash, manifest.hash) &&
    receipt.index === index &&
    equalBytes(receipt.shardHash, manifest.shardHashes[index] ?? new Uint8Array());
  if (!fits) throw new SegmentError("shard-invalid", "the keeper's receipt is for another shard");
  return receipt;
}
