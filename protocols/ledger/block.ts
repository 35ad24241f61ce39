/** A block's header: what the notaries vote on. */
import { labelledHash } from "../crypto/hash.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import type { Crypto, TimeMs } from "../ports.ts";

export interface Header {
  networkHash: Uint8Array;
  zone: string;
  term: number;
  /** From 1. */
  height: number;
  /** Of the block before; the network's hash at height 1. */
  previous: Uint8Array;
  /** Where in the order log the cut stands that closes this block. */
  logIndex: number;
  /** Log time: the median of the cut's stamps. */
  timeMs: TimeMs;
  leavesRoot: Uint8Array;
  stateRoot: Uint8Array;
  leafCount: number;
}

/** Deterministic, positional, version 1. */
export function encodeHeader(header: Header): Uint8Array {
  return encodeCbor([
    1,
    header.networkHash,
    header.zone,
    header.term,
    header.height,
    header.previous,
    header.logIndex,
    header.timeMs,
    header.leavesRoot,
    header.stateRoot,
    header.leafCount,
  ]);
}

/** Throws `cbor-…` codes. */
export function decodeHeader(bytes: Uint8Array): Header {
  const reader = FieldReader.fromBytes(bytes, "header", { maxBytes: 1_024, maxDepth: 1, maxItems: 16 });
  reader.int("version", { min: 1, max: 1 });
  const header = {
    networkHash: reader.bytes("networkHash", { length: 32 }),
    zone: reader.text("zone", { max: 32 }),
    term: reader.int("term", { min: 1 }),
    height: reader.int("height", { min: 1 }),
    previous: reader.bytes("previous", { length: 32 }),
    logIndex: reader.int("logIndex", { min: 0 }),
    timeMs: reader.int("timeMs", { min: 0 }),
    leavesRoot: reader.bytes("leavesRoot", { length: 32 }),
    stateRoot: reader.bytes("stateRoot", { length: 32 }),
    leafCount: reader.int("leafCount", { min: 1 }),
  };
  reader.end();
  return header;
}

export function headerHash(crypto: Crypto, headerBytes: Uint8Array): Uint8Array {
  return labelledHash(crypto, "header", headerBytes);
}
