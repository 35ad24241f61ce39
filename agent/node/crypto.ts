/** The Crypto, Random and Clock ports on Node's own built-ins. */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hash,
  randomBytes,
  sign,
  verify,
} from "node:crypto";
import type { KeyObject } from "node:crypto";
import { isWorthVerifying } from "../../protocols/crypto/ed25519.ts";
import { equalBytes } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import type { Aead, Crypto, Random } from "../../protocols/ports.ts";

/** How many imported keys are kept of each kind; the same few peers sign nearly everything. */
const CACHED_KEYS = 512;
/** The ledger hashes 4096 bytes of a group's hashes and a label. */
const JOIN_UP_TO_BYTES = 8192;
/** Of SHA-256 (FIPS 180-4 section 1). */
const BLOCK_BYTES = 64;

type Curve = "Ed25519" | "X25519";

/** DER prefixes of RFC 8410, section 7: what comes before the 32 raw bytes of a private key. */
const PRIVATE_DER: Record<Curve, Buffer> = {
  Ed25519: Buffer.from("302e020100300506032b657004220420", "hex"),
  X25519: Buffer.from("302e020100300506032b656e04220420", "hex"),
};

const ed25519PublicKeys = publicKeys("Ed25519");
const ed25519PrivateKeys = privateKeys("Ed25519");
const x25519PublicKeys = publicKeys("X25519");
const fresh = freshKey();

export const nodeCrypto: Crypto = {
  sha256: (...parts) => digest("sha256", parts),
  sha512: (...parts) => digest("sha512", parts),
  hmacSha256: (key, ...parts) => hmac(key, parts),
  ed25519PublicKey: (seed) => rawPublicKey(ed25519PrivateKeys(seed)),
  ed25519Sign: (seed, message) => plain(sign(null, message, ed25519PrivateKeys(seed))),
  ed25519Verify(publicKey, message, signature) {
    if (!isWorthVerifying(publicKey, signature)) return false;
    try {
      // OpenSSL compares encode(S·B - k·A) with the bytes of R, and checks S < L.
      return verify(null, message, ed25519PublicKeys(publicKey), signature);
    } catch {
      return false; // the key is not on the curve
    }
  },
  x25519PublicKey: (secret) => rawPublicKey(fresh.make(secret)),
  x25519(secret, publicKey) {
    const privateKey = fresh.take(secret);
    const peerKey = x25519PublicKeys(publicKey);
    try {
      return plain(diffieHellman({ privateKey, publicKey: peerKey }));
    } catch (cause) {
      // RFC 7748 section 6.1: OpenSSL refuses an all-zero result.
      throw new SegmentError("key-invalid", "the X25519 public key is of small order", { cause });
    }
  },
  chacha20Poly1305: aead("chacha20-poly1305"),
  aes256Gcm: aead("aes-256-gcm"),
};

export const nodeRandom: Random = { bytes: (length) => plain(randomBytes(length)) };

export { steadyClock, systemClock } from "../platform/clocks.ts";

/** A Buffer as a Uint8Array proper: a Buffer's slice() shares memory where callers expect a copy. */
function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}

/** Where small parts are joined: an array of its own for each time would cost as much as the hash. */
const joined = new Uint8Array(JOIN_UP_TO_BYTES);
const joinedUpTo = views(joined);

/** Small parts are joined: one call on the whole is nearly twice as fast as a call for each. */
function digest(algorithm: "sha256" | "sha512", parts: Uint8Array[]): Uint8Array {
  if (parts.length === 1) return fromLatin1(hash(algorithm, parts[0]!, "binary"));
  let length = 0;
  for (const part of parts) length += part.length;
  if (length <= JOIN_UP_TO_BYTES) {
    let at = 0;
    for (const part of parts) {
      joined.set(part, at);
      at += part.length;
    }
    return fromLatin1(hash(algorithm, joinedUpTo(length), "binary"));
  }
  const stream = createHash(algorithm);
  for (const part of parts) stream.update(part);
  return plain(stream.digest());
}

/** The first bytes of an array, by their number: each view is made once. */
function views(bytes: Uint8Array): (length: number) => Uint8Array {
  const made: (Uint8Array | undefined)[] = Array.from({ length: bytes.length + 1 });
  return (length) => (made[length] ??= bytes.subarray(0, length));
}

const inner = new Uint8Array(BLOCK_BYTES + JOIN_UP_TO_BYTES);
const innerUpTo = views(inner);
const outer = new Uint8Array(BLOCK_BYTES + 32);

/** RFC 2104: two hashes of small inputs cost half of what Node's object for an HMAC does. */
function hmac(key: Uint8Array, parts: Uint8Array[]): Uint8Array {
  let end = BLOCK_BYTES;
  for (const part of parts) end += part.length;
  if (end > inner.length || key.length > BLOCK_BYTES) {
    const stream = createHmac("sha256", key);
    for (const part of parts) stream.update(part);
    return plain(stream.digest());
  }
  for (let at = 0; at < BLOCK_BYTES; at++) {
    const byte = at < key.length ? key[at]! : 0;
    inner[at] = byte ^ 0x36;
    outer[at] = byte ^ 0x5c;
  }
  let at = BLOCK_BYTES;
  for (const part of parts) {
    inner.set(part, at);
    at += part.length;
  }
  outer.set(fromLatin1(hash("sha256", innerUpTo(end), "binary")), BLOCK_BYTES);
  const mac = fromLatin1(hash("sha256", outer, "binary"));
  // Nothing secret stays behind.
  inner.fill(0, 0, end);
  outer.fill(0);
  return mac;
}

/**
 * As JWK (RFC 8037), which Node hands to OpenSSL as raw bytes: ten times as fast as OpenSSL's decoders of
 * DER.
 */
function importPublic(crv: Curve, raw: Uint8Array): KeyObject {
  return createPublicKey({ key: { kty: "OKP", crv, x: base64Url(raw) }, format: "jwk" });
}

function importPrivate(crv: Curve, raw: Uint8Array): KeyObject {
  try {
    // Node asks for the public part `x` and then makes the key of `d` alone.
    return createPrivateKey({ key: { kty: "OKP", crv, d: base64Url(raw), x: "" }, format: "jwk" });
  } catch {
    // A Node that looks at `x` after all.
    return createPrivateKey({ key: Buffer.concat([PRIVATE_DER[crv], raw]), format: "der", type: "pkcs8" });
  }
}

function rawPublicKey(privateKey: KeyObject): Uint8Array {
  const { x = "" } = createPublicKey(privateKey).export({ format: "jwk" });
  return Uint8Array.from(Buffer.from(x, "base64url"));
}

function base64Url(raw: Uint8Array): string {
  return Buffer.from(raw.buffer, raw.byteOffset, raw.length).toString("base64url");
}

/** Bytes of a text whose characters are bytes: made of a hash so, they cost half of what a Buffer does. */
function fromLatin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/**
 * Imports raw public keys and keeps them by their first bytes: comparing a key with the one that is there
 * costs a tenth of making a map's name of it.
 */
function publicKeys(curve: Curve): (raw: Uint8Array) => KeyObject {
  const slots = new Array<{ raw: Uint8Array; key: KeyObject } | undefined>(CACHED_KEYS);
  return (raw) => {
    requireKey(raw);
    const slot = ((raw[0]! << 8) | raw[1]!) % CACHED_KEYS;
    const known = slots[slot];
    if (known !== undefined && equalBytes(known.raw, raw)) return known.key;
    const key = importPublic(curve, raw);
    slots[slot] = { raw: raw.slice(), key };
    return key;
  };
}

/**
 * Imports raw private keys and keeps the last used ones, under a hash: no secret stays behind as a string.
 */
function privateKeys(curve: Curve): (raw: Uint8Array) => KeyObject {
  let young = new Map<string, KeyObject>();
  let old = new Map<string, KeyObject>();
  return (raw) => {
    requireKey(raw);
    const name = hash("sha256", raw, "base64");
    const known = young.get(name);
    if (known !== undefined) return known;
    const key = old.get(name) ?? importPrivate(curve, raw);
    // What was not used since the young ones were half of all is forgotten with the old ones.
    if (young.size >= CACHED_KEYS / 2) {
      old = young;
      young = new Map();
    }
    young.set(name, key);
    return key;
  };
}

/**
 * X25519 secrets are not cached: most are the ephemeral keys of one message or handshake, which must not
 * outlive it (forward secrecy). But nearly each is used twice in a row, for its public key and then for an
 * agreement, and its import costs as much as these: one key waits for its agreement, which takes it away.
 */
function freshKey() {
  let waiting: { raw: Uint8Array; key: KeyObject } | undefined;
  return {
    make(raw: Uint8Array): KeyObject {
      const key = importPrivate("X25519", requireKey(raw));
      waiting = { raw: raw.slice(), key };
      return key;
    },
    take(raw: Uint8Array): KeyObject {
      const known = waiting !== undefined && equalBytes(waiting.raw, raw) ? waiting.key : undefined;
      waiting?.raw.fill(0);
      waiting = undefined;
      return known ?? importPrivate("X25519", requireKey(raw));
    },
  };
}

function requireKey(raw: Uint8Array): Uint8Array {
  if (raw.length !== 32) throw new SegmentError("key-invalid", "a key is not 32 bytes long");
  return raw;
}

function aead(algorithm: "chacha20-poly1305" | "aes-256-gcm"): Aead {
  const options = { authTagLength: 16 };
  const check = (key: Uint8Array, nonce: Uint8Array): void => {
    if (key.length !== 32) throw new SegmentError("key-invalid", "a key is not 32 bytes long");
    if (nonce.length !== 12) throw new SegmentError("key-invalid", "a nonce is not 12 bytes long");
  };
  return {
    seal(key, nonce, aad, plaintext) {
      check(key, nonce);
      const cipher = createCipheriv(algorithm as "aes-256-gcm", key, nonce, options);
      cipher.setAAD(aad);
      const sealed = new Uint8Array(plaintext.length + 16);
      sealed.set(cipher.update(plaintext));
      cipher.final();
      sealed.set(cipher.getAuthTag(), plaintext.length);
      return sealed;
    },
    open(key, nonce, aad, ciphertext) {
      check(key, nonce);
      if (ciphertext.length < 16) return undefined;
      const end = ciphertext.length - 16;
      const decipher = createDecipheriv(algorithm as "aes-256-gcm", key, nonce, options);
      decipher.setAAD(aad);
      decipher.setAuthTag(ciphertext.subarray(end));
      const opened = decipher.update(ciphertext.subarray(0, end));
      try {
        decipher.final();
      } catch {
        return undefined;
      }
      return plain(opened);
    },
  };
}
