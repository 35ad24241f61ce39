/**
 * HPKE (RFC 9180), base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305; in
 * a single shot, or as a context that seals many messages, each under a number of its own.
 * Base mode does not say who sealed it: sign inside.
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
/** The labels of sections 4.1 and 5.1, each with what always stands before it. */
const LABELS = {
  eaePrk: labelled(KEM_SUITE, "eae_prk"),
  sharedSecret: labelled(KEM_SUITE, "shared_secret"),
  pskIdHash: labelled(HPKE_SUITE, "psk_id_hash"),
  infoHash: labelled(HPKE_SUITE, "info_hash"),
  secret: labelled(HPKE_SUITE, "secret"),
  key: labelled(HPKE_SUITE, "key"),
  nonce: labelled(HPKE_SUITE, "base_nonce"),
};
/** I2OSP(length, 2): LabeledExpand puts it before the label. */
const LENGTH_32 = Uint8Array.of(0, 32);
const LENGTH_12 = Uint8Array.of(0, 12);
/** In bytes. */
export const ENCAPSULATED_LENGTH = 32;
/** In bytes. */
export const TAG_LENGTH = 16;
const MAX_SEQ = 2 ** 32 - 1;

/** What sealing adds: the encapsulated key and the tag, in bytes. */
export const HPKE_OVERHEAD = ENCAPSULATED_LENGTH + TAG_LENGTH;

/** What sender and recipient share after one key agreement (section 5.1). */
export interface HpkeContext {
  /** The sender's ephemeral public key: of it the recipient makes the same context. 32 bytes. */
  readonly encapsulated: Uint8Array;
  readonly key: Uint8Array;
  /** 12 bytes. */
  readonly baseNonce: Uint8Array;
}

/** SetupBaseS (section 5.1.1). Throws `key-invalid` for a weak recipient key. */
export function hpkeSender(
  crypto: Crypto,
  random: Random,
  recipientPublicKey: Uint8Array,
  info: Uint8Array,
): HpkeContext {
  const ephemeralSecret = random.bytes(32);
  const encapsulated = crypto.x25519PublicKey(ephemeralSecret);
  const shared = crypto.x25519(ephemeralSecret, recipientPublicKey);
  return keySchedule(crypto, shared, encapsulated, recipientPublicKey, info);
}

/**
 * SetupBaseR (section 5.1.1). Whoever opens often gives its public key along, so that it is not computed each
 * time. Throws `seal-broken` for an encapsulated key of small order or of another length.
 */
export function hpkeRecipient(
  crypto: Crypto,
  recipientSecretKey: Uint8Array,
  encapsulated: Uint8Array,
  info: Uint8Array,
  recipientPublicKey: Uint8Array = crypto.x25519PublicKey(recipientSecretKey),
): HpkeContext {
  if (encapsulated.length !== ENCAPSULATED_LENGTH) throw sealBroken("it is too short");
  const shared = sharedOrBroken(crypto, recipientSecretKey, encapsulated);
  return keySchedule(crypto, shared, encapsulated, recipientPublicKey, info);
}

/**
 * Context.Seal (section 5.2) under the sequence number `seq`, 0 to 2^32 - 1, which the application carries
 * (section 9.7.1) and which a sender must never use twice in one context.
 */
export function hpkeSealAt(
  crypto: Crypto,
  context: HpkeContext,
  seq: number,
  aad: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array {
  return crypto.chacha20Poly1305.seal(context.key, nonceOf(context, seq), aad, plaintext);
}

/** Context.Open (section 5.2), in any order. Throws `seal-broken`. */
export function hpkeOpenAt(
  crypto: Crypto,
  context: HpkeContext,
  seq: number,
  aad: Uint8Array,
  ciphertext: Uint8Array,
): Uint8Array {
  const plaintext = crypto.chacha20Poly1305.open(context.key, nonceOf(context, seq), aad, ciphertext);
  if (plaintext === undefined) throw sealBroken("it does not authenticate for this key and context");
  return plaintext;
}

/** The 32-byte encapsulated key, then the ciphertext. Throws `key-invalid` for a weak recipient key. */
export function hpkeSeal(
  crypto: Crypto,
  random: Random,
  recipientPublicKey: Uint8Array,
  info: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array {
  const context = hpkeSender(crypto, random, recipientPublicKey, info);
  return concat(context.encapsulated, hpkeSealAt(crypto, context, 0, aad, plaintext));
}

/** The plaintext. Throws `seal-broken`, whatever is wrong. */
export function hpkeOpen(
  crypto: Crypto,
  recipientSecretKey: Uint8Array,
  info: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
): Uint8Array {
  if (sealed.length < HPKE_OVERHEAD) throw sealBroken("it is too short");
  const encapsulated = sealed.slice(0, ENCAPSULATED_LENGTH);
  const context = hpkeRecipient(crypto, recipientSecretKey, encapsulated, info);
  return hpkeOpenAt(crypto, context, 0, aad, sealed.subarray(ENCAPSULATED_LENGTH));
}

function sharedOrBroken(crypto: Crypto, secret: Uint8Array, encapsulated: Uint8Array): Uint8Array {
  try {
    return crypto.x25519(secret, encapsulated);
  } catch {
    throw sealBroken("its encapsulated key is of small order");
  }
}

/** ComputeNonce (section 5.2): the last four bytes of the base nonce, XORed with the number. */
function nonceOf({ baseNonce }: HpkeContext, seq: number): Uint8Array {
  if (!Number.isInteger(seq) || seq < 0 || seq > MAX_SEQ) throw sealBroken("its number is out of range");
  if (seq === 0) return baseNonce;
  const nonce = baseNonce.slice();
  for (let byte = 0; byte < 4; byte++) nonce[11 - byte]! ^= (seq >>> (8 * byte)) & 255;
  return nonce;
}

/** Sections 4.1 (ExtractAndExpand) and 5.1 (KeySchedule). */
function keySchedule(
  crypto: Crypto,
  dh: Uint8Array,
  encapsulated: Uint8Array,
  recipientPublicKey: Uint8Array,
  info: Uint8Array,
): HpkeContext {
  const eaePrk = hkdfExtract(crypto, EMPTY, concat(LABELS.eaePrk, dh));
  const sharedInfo = [LENGTH_32, LABELS.sharedSecret, encapsulated, recipientPublicKey];
  const sharedSecret = hkdfExpand(crypto, eaePrk, sharedInfo, 32);

  const context = contextOf(crypto, info);
  const secret = hkdfExtract(crypto, sharedSecret, LABELS.secret);
  return {
    encapsulated,
    key: hkdfExpand(crypto, secret, [LENGTH_32, LABELS.key, context], 32),
    baseNonce: hkdfExpand(crypto, secret, [LENGTH_12, LABELS.nonce, context], 12),
  };
}

/** mode ‖ psk_id_hash ‖ info_hash: of `info` alone, which callers keep as a constant and never change. */
function contextOf(crypto: Crypto, info: Uint8Array): Uint8Array {
  const known = contexts.get(info);
  if (known !== undefined) return known;
  const pskIdHash = hkdfExtract(crypto, EMPTY, LABELS.pskIdHash);
  const infoHash = hkdfExtract(crypto, EMPTY, concat(LABELS.infoHash, info));
  const context = concat(Uint8Array.of(MODE_BASE), pskIdHash, infoHash);
  contexts.set(info, context);
  return context;
}

const contexts = new WeakMap<Uint8Array, Uint8Array>();

/** Section 4: LabeledExtract and LabeledExpand put this before their input. */
function labelled(suite: Uint8Array, label: string): Uint8Array {
  return concat(VERSION, suite, utf8(label));
}

/** What cannot be opened. */
export function sealBroken(problem: string): SegmentError {
  return new SegmentError("seal-broken", `the sealed message cannot be opened: ${problem}`);
}
