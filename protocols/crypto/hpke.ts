/**
 * HPKE (RFC 9180), base mode, single shot: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
 * ChaCha20-Poly1305. Base mode does not say who sealed it: sign inside.
 */
import { concat, utf8 } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import type { Crypto, Random } from "../ports.ts";
import { hkdfExpand, hkdfExtract } from "./hkdf.ts";

const EMPTY = new Uint8Array(0);
const VERSION = utf8("HPKE-v1");
/** RFC 9180 section 7.1: "KEM", DHKEM(X25519, HKDF-SHA256). */
const KEM_SUITE = concat(utf8("KEM"), Uint8Array.of(0x00, 0x20));
/** "HPKE", and the ids of KEM, KDF and AEAD (sections 7.1 to 7.3). */
const HPKE_SUITE = concat(utf8("HPKE"), Uint8Array.of(0x00, 0x20, 0x00, 0x01, 0x00, 0x03));
const MODE_BASE = 0;
const ENCAPSULATED_LENGTH = 32;
const TAG_LENGTH = 16;

/** What sealing adds: the encapsulated key and the tag, in bytes. */
export const HPKE_OVERHEAD = ENCAPSULATED_LENGTH + TAG_LENGTH;

/** The 32-byte encapsulated key, then the ciphertext. Throws `key-invalid` for a weak recipient key. */
export function hpkeSeal(
  crypto: Crypto,
  random: Random,
  recipientPublicKey: Uint8Array,
  info: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array {
  const ephemeralSecret = random.bytes(32);
  const encapsulated = crypto.x25519PublicKey(ephemeralSecret);
  const shared = crypto.x25519(ephemeralSecret, recipientPublicKey);
  const { key, nonce } = keySchedule(crypto, shared, encapsulated, recipientPublicKey, info);
  return concat(encapsulated, crypto.chacha20Poly1305.seal(key, nonce, aad, plaintext));
}

/** The plaintext. Throws `seal-broken`, whatever is wrong. */
export function hpkeOpen(
  crypto: Crypto,
  recipientSecretKey: Uint8Array,
  info: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
): Uint8Array {
  if (sealed.length < HPKE_OVERHEAD) throw broken("it is too short");
  const encapsulated = sealed.slice(0, ENCAPSULATED_LENGTH);
  const recipientPublicKey = crypto.x25519PublicKey(recipientSecretKey);
  const shared = sharedOrBroken(crypto, recipientSecretKey, encapsulated);
  const { key, nonce } = keySchedule(crypto, shared, encapsulated, recipientPublicKey, info);
  const plaintext = crypto.chacha20Poly1305.open(key, nonce, aad, sealed.subarray(ENCAPSULATED_LENGTH));
  if (plaintext === undefined) throw broken("it does not authenticate for this key and context");
  return plaintext;
}

function sharedOrBroken(crypto: Crypto, secret: Uint8Array, encapsulated: Uint8Array): Uint8Array {
  try {
    return crypto.x25519(secret, encapsulated);
  } catch {
    throw broken("its encapsulated key is of small order");
  }
}

/** Sections 4.1 (ExtractAndExpand) and 5.1 (KeySchedule), for the first and only message. */
function keySchedule(
  crypto: Crypto,
  dh: Uint8Array,
  encapsulated: Uint8Array,
  recipientPublicKey: Uint8Array,
  info: Uint8Array,
): { key: Uint8Array; nonce: Uint8Array } {
  const kemContext = concat(encapsulated, recipientPublicKey);
  const eaePrk = labeledExtract(crypto, KEM_SUITE, EMPTY, "eae_prk", dh);
  const sharedSecret = labeledExpand(crypto, KEM_SUITE, eaePrk, "shared_secret", kemContext, 32);

  const context = contextOf(crypto, info);
  const secret = labeledExtract(crypto, HPKE_SUITE, sharedSecret, "secret", EMPTY);
  return {
    key: labeledExpand(crypto, HPKE_SUITE, secret, "key", context, 32),
    nonce: labeledExpand(crypto, HPKE_SUITE, secret, "base_nonce", context, 12),
  };
}

/** mode ‖ psk_id_hash ‖ info_hash: of `info` alone, which callers keep as a constant and never change. */
function contextOf(crypto: Crypto, info: Uint8Array): Uint8Array {
  const known = contexts.get(info);
  if (known !== undefined) return known;
  const pskIdHash = labeledExtract(crypto, HPKE_SUITE, EMPTY, "psk_id_hash", EMPTY);
  const infoHash = labeledExtract(crypto, HPKE_SUITE, EMPTY, "info_hash", info);
  const context = concat(Uint8Array.of(MODE_BASE), pskIdHash, infoHash);
  contexts.set(info, context);
  return context;
}

const contexts = new WeakMap<Uint8Array, Uint8Array>();

function labeledExtract(
  crypto: Crypto,
  suite: Uint8Array,
  salt: Uint8Array,
  label: string,
  ikm: Uint8Array,
): Uint8Array {
  return hkdfExtract(crypto, salt, concat(VERSION, suite, utf8(label), ikm));
}

function labeledExpand(
  crypto: Crypto,
  suite: Uint8Array,
  prk: Uint8Array,
  label: string,
  info: Uint8Array,
  length: number,
): Uint8Array {
  const labeledInfo = concat(Uint8Array.of(length >> 8, length & 255), VERSION, suite, utf8(label), info);
  return hkdfExpand(crypto, prk, labeledInfo, length);
}

function broken(problem: string): SegmentError {
  return new SegmentError("seal-broken", `the sealed message cannot be opened: ${problem}`);
}
