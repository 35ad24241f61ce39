/**
 * A tenure is one span of a lock's ownership: from a pairing, or a hand-over, up to the next one or a reset.
 * All that is signed for a lock names its tenure, so that nothing of an earlier one holds again, not even
 * if the same person owns the lock once more: what was revoked then has been forgotten since.
 */
import { labelledHash } from "../crypto/hash.ts";
import type { FieldReader } from "../encoding/reader.ts";
import type { Crypto } from "../ports.ts";

export const TENURE_LENGTH = 16;

/** Whom something is for. */
export interface LockName {
  /** Ed25519 of the lock. */
  lock: Uint8Array;
  /** 16 bytes. */
  tenure: Uint8Array;
}

/**
 * `beginning` is what cannot come twice: the hash of the session in which the first phone paired, or the
 * signed order that hands the lock over.
 */
export function tenureOf(crypto: Crypto, beginning: Uint8Array): Uint8Array {
  return labelledHash(crypto, "tenure", beginning).slice(0, TENURE_LENGTH);
}

/** The next two fields. Throws `cbor-wrong-shape`. */
export function readLockName(reader: FieldReader): LockName {
  return {
    lock: reader.bytes("lock", { length: 32 }),
    tenure: reader.bytes("tenure", { length: TENURE_LENGTH }),
  };
}
