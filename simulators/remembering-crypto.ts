/**
 * The Crypto port for worlds in which all agents share one process: what one of them has
 * computed, another need not compute again. Every signature is made, every key agreed, by the
 * real primitives, once; only the same question asked again is answered from memory.
 *
 * A signature that was made here is known to be valid for its key and message: Ed25519 gives
 * one signature for both (RFC 8032 section 5.1.6). Any other, be it of one bit, is verified;
 * so is one in sixteen of those made here, to see that signing and verifying agree.
 * Never for a device: secrets stay in this memory as long as the world lasts.
 */
import { equalBytes } from "../protocols/encoding/bytes.ts";
import { SegmentError } from "../protocols/errors.ts";
import type { Crypto } from "../protocols/ports.ts";

/** Answers kept of each kind; the oldest half is forgotten beyond it. */
const KEPT = 4_096;
const CHECKED_ONE_IN = 16;

interface Verified {
  publicKey: Uint8Array;
  message: Uint8Array;
  signature: Uint8Array;
  valid: boolean;
  /** Made here, and not verified. */
  isOwn: boolean;
}

export function rememberingCrypto(crypto: Crypto): Crypto {
  const verified = new Memory<Verified>();
  const signers = new Memory<Pair>();
  const publicKeys = new Memory<Pair>();
  const shared = new Memory<{ keys: [Uint8Array, Uint8Array]; secret: Uint8Array }>();
  const remembered = (memory: Memory<Pair>, input: Uint8Array, work: (input: Uint8Array) => Uint8Array) =>
    memory.get(
      nameOf(input),
      (known) => equalBytes(known.input, input),
      () => ({ input: input.slice(), output: work(input) }),
    ).output;
  const signerOf = (seed: Uint8Array) => remembered(signers, seed, (input) => crypto.ed25519PublicKey(input));
  const publicKeyOf = (secret: Uint8Array) =>
    remembered(publicKeys, secret, (input) => crypto.x25519PublicKey(input));
  return {
    ...crypto,
    ed25519PublicKey: (seed) => signerOf(seed).slice(),
    ed25519Sign(seed, message) {
      const signature = crypto.ed25519Sign(seed, message);
      const publicKey = signerOf(seed);
      const made = { publicKey, message: message.slice(), signature, valid: true, isOwn: true };
      verified.set(nameOf(signature), made);
      return signature.slice();
    },
    ed25519Verify(publicKey, message, signature) {
      const answer = verified.get(
        nameOf(signature),
        (known) =>
          equalBytes(known.signature, signature) &&
          equalBytes(known.message, message) &&
          equalBytes(known.publicKey, publicKey),
        () => ({
          ...{ publicKey: publicKey.slice(), message: message.slice(), signature: signature.slice() },
          ...{ valid: crypto.ed25519Verify(publicKey, message, signature), isOwn: false },
        }),
      );
      if (answer.isOwn && signature[0]! % CHECKED_ONE_IN === 0) {
        answer.isOwn = false;
        if (!crypto.ed25519Verify(publicKey, message, signature))
          throw new SegmentError("internal", "a signature that was made here does not verify");
      }
      return answer.valid;
    },
    x25519PublicKey: (secret) => publicKeyOf(secret).slice(),
    x25519(secret, publicKey) {
      // Both sides of an agreement come to the same secret: the pair of public keys names it.
      const own = publicKeyOf(secret);
      const isSame = ({ keys: [a, b] }: { keys: [Uint8Array, Uint8Array] }): boolean =>
        (equalBytes(a, own) && equalBytes(b, publicKey)) || (equalBytes(a, publicKey) && equalBytes(b, own));
      return shared
        .get(nameOf(own) + nameOf(publicKey), isSame, () => ({
          keys: [own, publicKey.slice()],
          secret: crypto.x25519(secret, publicKey),
        }))
        .secret.slice();
    },
  };
}

interface Pair {
  input: Uint8Array;
  output: Uint8Array;
}

/** Six bytes of what is random in all its bytes: enough to find it by, not to know it by. */
function nameOf(bytes: Uint8Array): number {
  const high = (bytes[0]! << 16) | (bytes[1]! << 8) | bytes[2]!;
  const low = (bytes[3]! << 16) | (bytes[4]! << 8) | bytes[5]!;
  return high * 0x1_00_00_00 + low;
}

class Memory<Value> {
  #young = new Map<number, Value>();
  #old = new Map<number, Value>();

  /** What is remembered under the name, if it is the same; else what is computed, from now on. */
  get(name: number, isSame: (known: Value) => boolean, compute: () => Value): Value {
    const young = this.#young.get(name);
    if (young !== undefined && isSame(young)) return young;
    const old = this.#old.get(name);
    const value = old !== undefined && isSame(old) ? old : compute();
    this.set(name, value);
    return value;
  }

  set(name: number, value: Value): void {
    if (this.#young.size >= KEPT) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(name, value);
  }
}
