/**
 * From a chunk's bytes to the package that is cut into shards, and back: compress, pad, seal.
 *
 * Padded plaintext: flag (1 B: 0 stored, 1 deflated) || length before compression (4 B) || length of the body
 * (4 B) || body || zeros. All of it is sealed, so that the package shows a rounded length and nothing more.
 */
import { SegmentError } from "../errors.ts";
import type { Crypto, Random } from "../ports.ts";
import { PACKAGE_OVERHEAD_BYTES, unwrapPackage, wrapPackage } from "./aont.ts";
import { compress, decompress } from "./compress.ts";
import { padmeLength } from "./pad.ts";

/** The most that a chunk may hold before compression. */
export const MAX_CHUNK_BYTES = 4 * 1024 * 1024;
/** The longest package: the largest chunk, padded, sealed and rounded up for 64 shards. */
export const MAX_PACKAGE_BYTES = 5 * 1024 * 1024;
/** Shorter shards could be guessed by whoever holds the other k - 1. */
export const MIN_SHARD_BYTES = 32;

const FRAME_BYTES = 9;

/**
 * "unsealed-for-the-plaintext-search-test" neither compresses nor encrypts. It exists so that the search for
 * plaintext in keepers' files (search.ts) can be shown to find something when there is something; no reader
 * opens such a chunk.
 */
export type Sealing = "sealed" | "unsealed-for-the-plaintext-search-test";

export interface SealOptions {
  crypto: Crypto;
  random: Random;
  /** 32 bytes, of keytree.ts. */
  periodKey: Uint8Array;
  sealing?: Sealing;
}

/** The length of the package of a body of `bodyBytes`: a multiple of k. */
function packageLength(bodyBytes: number, k: number): number {
  const padded = padmeLength(FRAME_BYTES + bodyBytes) + PACKAGE_OVERHEAD_BYTES;
  return Math.max(Math.ceil(padded / k), MIN_SHARD_BYTES) * k;
}

/**
 * Compresses and pads a chunk for k shards. Still plaintext: the header, which states the package's length,
 * comes between this and the seal. Throws `cbor-too-large`.
 */
export function padChunk(bytes: Uint8Array, k: number, sealing: Sealing = "sealed"): Uint8Array {
  if (bytes.length > MAX_CHUNK_BYTES) {
    throw new SegmentError("cbor-too-large", `a chunk of ${bytes.length} bytes exceeds ${MAX_CHUNK_BYTES}`);
  }
  const compressed = sealing === "sealed" ? compress(bytes) : undefined;
  const body = compressed ?? bytes;
  const padded = new Uint8Array(packageLength(body.length, k) - PACKAGE_OVERHEAD_BYTES);
  const view = new DataView(padded.buffer);
  view.setUint8(0, compressed === undefined ? 0 : 1);
  view.setUint32(1, bytes.length);
  view.setUint32(5, body.length);
  padded.set(body, FRAME_BYTES);
  return padded;
}

/** The package of a padded chunk, PACKAGE_OVERHEAD_BYTES longer. */
export function sealPadded(options: SealOptions, header: Uint8Array, padded: Uint8Array): Uint8Array {
  if (options.sealing !== undefined && options.sealing !== "sealed") {
    const unsealed = new Uint8Array(padded.length + PACKAGE_OVERHEAD_BYTES);
    unsealed.set(padded);
    return unsealed;
  }
  return wrapPackage(options.crypto, options.random, options.periodKey, header, padded);
}

/** The chunk's bytes. Throws `chunk-invalid`. */
export function openPackage(
  crypto: Crypto,
  periodKey: Uint8Array,
  header: Uint8Array,
  sealedPackage: Uint8Array,
): Uint8Array {
  const padded = unwrapPackage(crypto, periodKey, header, sealedPackage);
  if (padded.length < FRAME_BYTES) throw new SegmentError("chunk-invalid", "the chunk is too short");
  const view = new DataView(padded.buffer, padded.byteOffset, padded.byteLength);
  const flag = view.getUint8(0);
  const length = view.getUint32(1);
  const bodyBytes = view.getUint32(5);
  if (flag > 1 || length > MAX_CHUNK_BYTES || bodyBytes > padded.length - FRAME_BYTES) {
    throw new SegmentError("chunk-invalid", "the chunk states lengths beyond its bounds");
  }
  const body = padded.subarray(FRAME_BYTES, FRAME_BYTES + bodyBytes);
  if (flag === 1) return decompress(body, length);
  if (length !== bodyBytes) throw new SegmentError("chunk-invalid", "the chunk states two lengths");
  return body;
}
