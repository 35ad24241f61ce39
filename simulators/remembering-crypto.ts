/**
 * The Crypto port for worlds in which all agents share one process: what one of them has
 * computed, another need not compute again. Every signature is made and verified, every
 * key agreed, by the real primitives, once; only the same question asked again is answered
 * from memory. Never for a device: secrets stay in this memory as long as the world lasts.
 */
import { equalBytes, toHex } from "../protocols/encoding/bytes.ts";
import type { Crypto } from "../protocols/ports.ts";

/** Answers kept of each kind; the oldest half is forgotten beyond it. */
const KEPT = 4_096;

export function rememberingCrypto(crypto: Crypto): Crypto {
  const verified = new Memory<{ publicKey: Uint8Array; message: Uint8Array; valid: boolean }>();
  const publicKeys = new Memory<Uint8Array>();
  const shared = new Memory<Uint8Array>();
  const publicKeyOf = (secret: Uint8Array): Uint8Array =>
    publicKeys.get(toHex(secret), () => crypto.x25519PublicKey(secret));
  return {
    ...crypto,
    ed25519Verify(publicKey, message, signature) {
      const ask = () => ({
        publicKey: publicKey.slice(),
        message: message.slice(),
        valid: crypto.ed25519Verify(publicKey, message, signature),
      });
      const known = verified.get(toHex(signature), ask);
      if (equalBytes(known.message, message) && equalBytes(known.publicKey, publicKey)) return known.valid;
      return crypto.ed25519Verify(publicKey, message, signature);
    },
    x25519PublicKey: (secret) => publicKeyOf(secret).slice(),
    x25519(secret, publicKey) {
      // Both sides of an agreement come to the same secret: the pair of public keys names it.
      const names = [toHex(publicKeyOf(secret)), toHex(publicKey)].sort();
      return shared.get(names.join(""), () => crypto.x25519(secret, publicKey)).slice();
    },
  };
}

class Memory<Value> {
  #young = new Map<string, Value>();
  #old = new Map<string, Value>();

  get(name: string, compute: () => Value): Value {
    const known = this.#young.get(name);
    if (known !== undefined) return known;
    const value = this.#old.get(name) ?? compute();
    if (this.#young.size >= KEPT) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(name, value);
    return value;
  }
}
