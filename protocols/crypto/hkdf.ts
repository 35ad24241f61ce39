/** HKDF with SHA-256 (RFC 5869). */
import { SegmentError } from "../errors.ts";
import type { Crypto } from "../ports.ts";

const HASH_LENGTH = 32;
const NO_SALT = new Uint8Array(HASH_LENGTH);
const FIRST = Uint8Array.of(1);

/** RFC 5869 section 2.2. An empty salt stands for 32 zero bytes. Returns 32 bytes. */
export function hkdfExtract(crypto: Crypto, salt: Uint8Array, ikm: Uint8Array): Uint8Array {
  return crypto.hmacSha256(salt.length === 0 ? NO_SALT : salt, ikm);
}

/** RFC 5869 section 2.3; `info` may come in parts. `length` is at most 8160 bytes. */
export function hkdfExpand(
  crypto: Crypto,
  prk: Uint8Array,
  info: Uint8Array | readonly Uint8Array[],
  length: number,
): Uint8Array {
  if (!Number.isInteger(length) || length < 0 || length > 255 * HASH_LENGTH) {
    throw new SegmentError("internal", `HKDF cannot make ${length} bytes`);
  }
  // The first block is the whole of most keys.
  const parts = info instanceof Uint8Array ? [info] : info;
  const first = crypto.hmacSha256(prk, ...parts, FIRST);
  if (length === HASH_LENGTH) return first;
  const output = new Uint8Array(length);
  let previous: Uint8Array = first;
  output.set(previous.subarray(0, length));
  for (let counter = 2, at = HASH_LENGTH; at < length; counter++, at += HASH_LENGTH) {
    previous = crypto.hmacSha256(prk, previous, ...parts, Uint8Array.of(counter));
    output.set(previous.subarray(0, length - at), at);
  }
  return output;
}

/** Extract, then expand. */
export function hkdf(
  crypto: Crypto,
  ikm: Uint8Array,
  salt: Uint8Array,
  info: Uint8Array,
  length: number,
): Uint8Array {
  return hkdfExpand(crypto, hkdfExtract(crypto, salt, ikm), info, length);
}
