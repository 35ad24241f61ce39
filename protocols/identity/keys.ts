/** Ed25519 identities and their text form, did:key (W3C CCG did:key method, multicodec 0xed01). */
import { base58 } from "@scure/base";
import { isCanonicalStrongKey } from "../crypto/ed25519.ts";
import { concat, equalBytes } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import type { Crypto, Signer } from "../ports.ts";

const DID_PREFIX = "did:key:";
/** Multicodec ed25519-pub, as a varint. */
const ED25519_MULTICODEC = Uint8Array.of(0xed, 0x01);
/** z (base58btc) and 47 digits; bounded before decoding, whose cost is quadratic. */
const AGENT_ID = /^z6Mk[1-9A-HJ-NP-Za-km-z]{44}$/;

/** Base58 is slow, and the same few agents are named again and again: ids by the first bytes of the key. */
const knownIds: ({ key: Uint8Array; id: string } | undefined)[] = Array.from({ length: 1_024 });
/** And keys by id, for the way back. */
const knownKeys = new Map<string, Uint8Array>();
const MAX_KNOWN_KEYS = 1_024;

/** "z6Mk…", 48 characters: the identity in topics and maps. Throws `key-invalid`. */
export function agentId(publicKey: Uint8Array): string {
  const slot = ((publicKey[0]! << 8) | publicKey[1]!) % knownIds.length;
  const known = knownIds[slot];
  if (known !== undefined && equalBytes(known.key, publicKey)) return known.id;
  requirePublicKey(publicKey);
  const id = `z${base58.encode(concat(ED25519_MULTICODEC, publicKey))}`;
  knownIds[slot] = { key: publicKey.slice(), id };
  return id;
}

/** "did:key:z6Mk…". Throws `key-invalid`. */
export function didKey(publicKey: Uint8Array): string {
  return DID_PREFIX + agentId(publicKey);
}

/** Reads either form. Throws `did-invalid`, or `key-invalid` for a key that is refused everywhere. */
export function publicKeyFromId(idOrDid: string): Uint8Array {
  const id = idOrDid.startsWith(DID_PREFIX) ? idOrDid.slice(DID_PREFIX.length) : idOrDid;
  const known = knownKeys.get(id);
  if (known !== undefined) return known.slice();
  if (!AGENT_ID.test(id)) {
    throw new SegmentError("did-invalid", "not an identity: expected z6Mk… of 48 characters");
  }
  const decoded = base58.decode(id.slice(1));
  if (decoded.length !== 34 || decoded[0] !== 0xed || decoded[1] !== 0x01) {
    throw new SegmentError("did-invalid", "the identity does not hold an Ed25519 key");
  }
  const publicKey = decoded.slice(2);
  requirePublicKey(publicKey);
  if (knownKeys.size >= MAX_KNOWN_KEYS) knownKeys.clear();
  knownKeys.set(id, publicKey.slice());
  return publicKey;
}

/** Throws `key-invalid` unless the key is canonical and not of small order. */
export function requirePublicKey(publicKey: Uint8Array): void {
  if (!isCanonicalStrongKey(publicKey)) {
    throw new SegmentError("key-invalid", "not an Ed25519 public key, or one of small order");
  }
}

/** Signs with the 32-byte private key `seed`, which is copied. Throws `key-invalid`. */
export function signerFromSeed(crypto: Crypto, seed: Uint8Array): Signer {
  const ownSeed = Uint8Array.from(seed);
  const publicKey = crypto.ed25519PublicKey(ownSeed);
  return { publicKey, sign: (message) => crypto.ed25519Sign(ownSeed, message) };
}
