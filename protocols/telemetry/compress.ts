/** Bounded compression of chunks: raw DEFLATE (RFC 1951), by fflate, the same in Node and in the browser. */
import { deflateSync, inflateSync } from "fflate";
import { SegmentError } from "../errors.ts";

/** Higher levels gain under 2 % on telemetry, and a sensor's processor pays for each. */
const LEVEL = 4;
/** The window: a chunk is rarely larger, and fflate clears its tables at each call. */
const MEMORY = 4;

/** Shorter data gains next to nothing, and the compressor's tables cost more than all the rest of a chunk. */
const MIN_BYTES = 128;

/** The compressed bytes, or undefined where compressing gains nothing. */
export function compress(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length < MIN_BYTES) return undefined;
  const compressed = deflateSync(bytes, { level: LEVEL, mem: MEMORY });
  return compressed.length < bytes.length ? compressed : undefined;
}

/**
 * Exactly `length` bytes, or `chunk-invalid`: output beyond it is dropped as it is made, so that a small
 * input that would inflate to gigabytes costs no memory.
 */
export function decompress(compressed: Uint8Array, length: number): Uint8Array {
  // One byte more than is expected: only so does data that inflates to too much show.
  const room = new Uint8Array(length + 1);
  let inflated: Uint8Array;
  try {
    inflated = inflateSync(compressed, { out: room });
  } catch (cause) {
    throw new SegmentError("chunk-invalid", "the chunk's compressed data is malformed", { cause });
  }
  if (inflated.length !== length) {
    throw new SegmentError("chunk-invalid", "the chunk does not inflate to the length that it states");
  }
  return inflated;
}
