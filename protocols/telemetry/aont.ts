/**
 * The keyed all-or-nothing transform that stands before the erasure code (AONT-RS: Resch and Plank, "AONT-RS:
 * Blending Security and Performance in Dispersed Storage Systems", FAST 2011).
 *
 * A systematic erasure code alone would give every keeper a readable part of the ciphertext, so that a
 * reader's key and one keeper would open a quarter of the data. Here the cipher's key depends on 32 random
 * bytes `s`, and `s` is hidden behind the hash of the whole ciphertext: without all of it (any k shards)
 * there is no key.
 *
 *   key     = HKDF-Expand(periodKey, label || 0x00 || s || header, 32)
 *   package = AES-256-GCM(key, nonce 0, aad = header, plaintext) || (s XOR SHA-256(ciphertext))
 *
 * The nonce is zero because each key seals once: `s` is fresh for each chunk.
 */
import { hkdfExpand } from "../crypto/hkdf.ts";
import { concat, utf8 } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import { KEY_LABELS } from "../labels.ts";
import type { Crypto, Random } from "../ports.ts";

const SECRET_BYTES = 32;
const TAG_BYTES = 16;
const NONCE = new Uint8Array(12);
const KEY_PREFIX = utf8(`${KEY_LABELS.chunk}\0`);

/** How much longer a package is than its plaintext. */
export const PACKAGE_OVERHEAD_BYTES = SECRET_BYTES + TAG_BYTES;

/** Package of `plaintext` under the key of its period; `header` is bound to it and not part of it. */
export function wrapPackage(
  crypto: Crypto,
  random: Random,
  periodKey: Uint8Array,
  header: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array {
  const secret = random.bytes(SECRET_BYTES);
  const key = chunkKey(crypto, periodKey, secret, header);
  const ciphertext = crypto.aes256Gcm.seal(key, NONCE, header, plaintext);
  return concat(ciphertext, xor(secret, crypto.sha256(ciphertext)));
}

/** The plaintext. Throws `chunk-invalid` for another key, another header, or any changed bit. */
export function unwrapPackage(
  crypto: Crypto,
  periodKey: Uint8Array,
  header: Uint8Array,
  sealedPackage: Uint8Array,
): Uint8Array {
  if (sealedPackage.length < PACKAGE_OVERHEAD_BYTES) throw refusal();
  const ciphertext = sealedPackage.subarray(0, sealedPackage.length - SECRET_BYTES);
  const hidden = sealedPackage.subarray(sealedPackage.length - SECRET_BYTES);
  const secret = xor(hidden, crypto.sha256(ciphertext));
  const key = chunkKey(crypto, periodKey, secret, header);
  const plaintext = crypto.aes256Gcm.open(key, NONCE, header, ciphertext);
  if (plaintext === undefined) throw refusal();
  return plaintext;
}

function chunkKey(crypto: Crypto, periodKey: Uint8Array, secret: Uint8Array, header: Uint8Array): Uint8Array {
  return hkdfExpand(crypto, periodKey, concat(KEY_PREFIX, secret, header), 32);
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, index) => byte ^ b[index]!);
}

function refusal(): SegmentError {
  return new SegmentError("chunk-invalid", "the chunk does not authenticate under this key");
}
