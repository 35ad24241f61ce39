/** HKDF with SHA-256 (RFC 5869). */
import { SegmentError } from "../errors.ts";
import type { Crypto } from "../ports.ts";

const HASH_LENGTH = 32;

/** RFC 5869 section 2.2. An empty salt stands for 32 zero bytes. Returns 32 bytes. */
export function hkdfExtract(crypto: Crypto, salt: Uint8Array, ikm: Uint8Array): Uint8Array {
  return crypto.hmacSha256(salt.length === 0 ? new Uint8Array(HASH_LENGTH) : salt, ikm);
}

/** RFC 5869 section 2.3. `length` is at most 8160 bytes. */
export function hkdfExpand(crypto: Crypto, prk: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  if (!Number.isInteger(length) || length < 0 || length > 255 * HASH_LENGTH) {
    throw new SegmentError("internal", `HKDF cannot make ${length} bytes`);
  }
  const output = new Uint8Array(length);
  let previous: Uint8Array = new Uint8Array(0);
  for (let counter = 1, at = 0; at < length; counter++, at += HASH_LENGTH) {
    previous = crypto.hmacSha256(prk, previous, info, Uint8Array.of(counter));
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
