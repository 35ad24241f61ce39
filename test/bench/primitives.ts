/**
 * The bare primitives of node:crypto, keys imported beforehand: what the pipelines built
 * from them are compared with. Each function is one call.
 */
import {
  createCipheriv,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hash,
  randomBytes,
  sign,
  verify,
} from "node:crypto";
import { perSecond } from "./harness.ts";

export interface Primitives {
  /** Ed25519 over a message of the size of a signed entry. */
  sign: () => unknown;
  verify: () => unknown;
  /** X25519 with two known keys. */
  agree: () => unknown;
  /** A new X25519 key pair, its public key as bytes. */
  makeKey: () => unknown;
  sealChaCha: (plaintext: Uint8Array) => unknown;
  sealAes: (plaintext: Uint8Array) => unknown;
  sha256: (bytes: Uint8Array) => unknown;
  hmac: (bytes: Uint8Array) => unknown;
}

const MESSAGE_BYTES = 250;

export function barePrimitives(): Primitives {
  const message = randomBytes(MESSAGE_BYTES);
  const signing = generateKeyPairSync("ed25519");
  const own = generateKeyPairSync("x25519");
  const other = generateKeyPairSync("x25519");
  const signature = sign(null, message, signing.privateKey);
  const key = randomBytes(32);
  const nonce = randomBytes(12);
  const seal = (algorithm: "chacha20-poly1305" | "aes-256-gcm", plaintext: Uint8Array): unknown => {
    const cipher = createCipheriv(algorithm as "aes-256-gcm", key, nonce, { authTagLength: 16 });
    const ciphertext = cipher.update(plaintext);
    cipher.final();
    return [ciphertext, cipher.getAuthTag()];
  };
  return {
    sign: () => sign(null, message, signing.privateKey),
    verify: () => verify(null, message, signing.publicKey, signature),
    agree: () => diffieHellman({ privateKey: own.privateKey, publicKey: other.publicKey }),
    makeKey: () => {
      const { privateKey } = generateKeyPairSync("x25519");
      return createPublicKey(privateKey).export({ format: "der", type: "spki" });
    },
    sealChaCha: (plaintext) => seal("chacha20-poly1305", plaintext),
    sealAes: (plaintext) => seal("aes-256-gcm", plaintext),
    sha256: (bytes) => hash("sha256", bytes, "buffer"),
    hmac: (bytes) => createHmac("sha256", key).update(bytes).digest(),
  };
}

/** How long one call takes, in ms. */
export function msOf(work: () => unknown, forMs = 25): number {
  return 1000 / perSecond(work, forMs, 8);
}

/** The sum of so many calls of each, in ms. */
export function sumMs(...calls: [count: number, work: () => unknown][]): number {
  return calls.reduce((sum, [count, work]) => sum + count * msOf(work), 0);
}

/**
 * The least that one transfer costs a committee of four and its payer in signatures, in ms on
 * one core. Made: the payer's, three stamps, four votes. Verified: the entry by four notaries;
 * three stamps by each notary, own ones apart; two votes by each, beside its own; the entry
 * and three votes by the payer. (Four notaries in memory make 8 and verify 26.)
 */
export function settlingSignaturesMs(): number {
  const bare = barePrimitives();
  return sumMs([1 + 3 + 4, bare.sign], [4 + (4 * 3 - 3) + 4 * 2 + 4, bare.verify]);
}
