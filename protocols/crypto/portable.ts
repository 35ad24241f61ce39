/** The Crypto port on @noble: for browsers, and for tests that must not depend on OpenSSL. */
import { gcm } from "@noble/ciphers/aes.js";
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { ed25519, x25519 } from "@noble/curves/ed25519.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import { concat, equalBytes } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import type { Aead, Crypto } from "../ports.ts";
import { isWorthVerifying } from "./ed25519.ts";

const GROUP_ORDER = ed25519.Point.Fn.ORDER;

export const portableCrypto: Crypto = {
  sha256: (...parts) => sha256(joined(parts)),
  sha512: (...parts) => sha512(joined(parts)),
  hmacSha256: (key, ...parts) => hmac(sha256, key, joined(parts)),
  ed25519PublicKey: (seed) => ed25519.getPublicKey(requireKey(seed)),
  ed25519Sign: (seed, message) => ed25519.sign(message, requireKey(seed)),
  ed25519Verify: verifyEd25519,
  x25519PublicKey: (secret) => x25519.getPublicKey(requireKey(secret)),
  x25519: sharedSecret,
  chacha20Poly1305: aead(chacha20poly1305),
  aes256Gcm: aead(gcm),
};

function joined(parts: Uint8Array[]): Uint8Array {
  return parts.length === 1 ? parts[0]! : concat(...parts);
}

function requireKey(key: Uint8Array): Uint8Array {
  if (key.length !== 32) throw new SegmentError("key-invalid", "a key is not 32 bytes long");
  return key;
}

/** See ed25519.ts for the rule. */
function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (!isWorthVerifying(publicKey, signature)) return false;
  const encodedR = signature.slice(0, 32);
  const s = littleEndian(signature.slice(32));
  if (s >= GROUP_ORDER) return false;
  try {
    const a = ed25519.Point.fromBytes(publicKey);
    const k = littleEndian(sha512(concat(encodedR, publicKey, message))) % GROUP_ORDER;
    const expectedR = ed25519.Point.BASE.multiplyUnsafe(s).subtract(a.multiplyUnsafe(k));
    // Comparing encodings, not points, refuses a non-canonical R as well.
    return equalBytes(expectedR.toBytes(), encodedR);
  } catch {
    return false; // the key is not on the curve
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
  return value;
}

function sharedSecret(secret: Uint8Array, publicKey: Uint8Array): Uint8Array {
  requireKey(secret);
  requireKey(publicKey);
  try {
    return x25519.getSharedSecret(secret, publicKey);
  } catch (cause) {
    // RFC 7748 section 6.1: an all-zero result means a public key of small order.
    throw new SegmentError("key-invalid", "the X25519 public key is of small order", { cause });
  }
}

type NobleCipher = (
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
) => { encrypt(plaintext: Uint8Array): Uint8Array; decrypt(ciphertext: Uint8Array): Uint8Array };

function aead(cipher: NobleCipher): Aead {
  const make = (key: Uint8Array, nonce: Uint8Array, aad: Uint8Array): ReturnType<NobleCipher> => {
    requireKey(key);
    if (nonce.length !== 12) throw new SegmentError("key-invalid", "a nonce is not 12 bytes long");
    return cipher(key, nonce, aad);
  };
  return {
    seal: (key, nonce, aad, plaintext) => make(key, nonce, aad).encrypt(plaintext),
    open(key, nonce, aad, ciphertext) {
      const opener = make(key, nonce, aad);
      try {
        return opener.decrypt(ciphertext);
      } catch {
        return undefined;
      }
    },
  };
}
