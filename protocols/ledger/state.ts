/**
 * The ledger's state: key -> bytes, with one hash over all of it.
 *
 * Keys fall into buckets by their hash; a bucket's hash covers its entries' digests, a
 * group's hash its buckets, the root its groups. A write rehashes one entry, one bucket
 * and one group, whatever the size of the state, and only when the root is asked for: a
 * busy account is hashed once a block.
 */
import { labelledHash } from "../crypto/hash.ts";
import { utf8 } from "../encoding/bytes.ts";
import type { Crypto, TimeMs } from "../ports.ts";

export interface StateReader {
  get(key: string): Uint8Array | undefined;
}

/** `null` removes a key. */
export type Writes = Map<string, Uint8Array | null>;

const GROUPS = 128;
const BUCKETS_PER_GROUP = 128;
const HASH_BYTES = 32;
const GROUP_BYTES = BUCKETS_PER_GROUP * HASH_BYTES;

interface Slot {
  value: Uint8Array;
  /** The key in UTF-8, encoded once. */
  keyBytes: Uint8Array;
  bucket: number;
  /** Written since the last root. */
  isDirty: boolean;
}

/** Keys and digests in the order of the keys. */
interface Bucket {
  keys: string[];
  digests: Uint8Array[];
}

export class LedgerState implements StateReader {
  readonly #crypto: Crypto;
  readonly #slots = new Map<string, Slot>();
  readonly #buckets = new Map<number, Bucket>();
  /** By group, its buckets' hashes; an empty bucket hashes to zeros. */
  readonly #bucketHashes = new Map<number, Uint8Array>();
  readonly #groupHashes = new Uint8Array(GROUPS * HASH_BYTES);
  /** Written since the last root; who was removed since is not dirty any more. */
  #dirtySlots: { key: string; slot: Slot }[] = [];
  readonly #dirtyBuckets = new Set<number>();

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
    const empty = labelledHash(crypto, "stateGroup", new Uint8Array(GROUP_BYTES));
    for (let group = 0; group < GROUPS; group++) this.#groupHashes.set(empty, group * HASH_BYTES);
  }

  get(key: string): Uint8Array | undefined {
    return this.#slots.get(key)?.value;
  }

  /** How many keys there are. */
  get size(): number {
    return this.#slots.size;
  }

  /** All keys that begin with `prefix`; walks the whole state, for reports and tests. */
  *entries(prefix: string): Generator<[key: string, value: Uint8Array]> {
    for (const [key, slot] of this.#slots) if (key.startsWith(prefix)) yield [key, slot.value];
  }

  write(writes: Writes): void {
    for (const [key, value] of writes) {
      if (value === null) this.#remove(key);
      else this.set(key, value);
    }
  }

  set(key: string, value: Uint8Array): void {
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      const keyBytes = utf8(key);
      slot = { value, keyBytes, bucket: this.#bucketOf(keyBytes), isDirty: false };
      this.#slots.set(key, slot);
    }
    slot.value = value;
    if (slot.isDirty) return;
    slot.isDirty = true;
    this.#dirtySlots.push({ key, slot });
  }

  #remove(key: string): void {
    const slot = this.#slots.get(key);
    if (slot === undefined) return;
    this.#slots.delete(key);
    // The key may never have got into its bucket, or be back by the next root.
    const bucket = this.#buckets.get(slot.bucket);
    const at = bucket === undefined ? -1 : position(bucket.keys, key);
    if (bucket?.keys[at] === key) {
      bucket.keys.splice(at, 1);
      bucket.digests.splice(at, 1);
    }
    slot.isDirty = false;
    this.#dirtyBuckets.add(slot.bucket);
  }

  /** Depends on the content alone, not on how it came about. 32 bytes. */
  root(): Uint8Array {
    for (const { key, slot } of this.#dirtySlots) if (slot.isDirty) this.#digest(key, slot);
    this.#dirtySlots = [];
    const dirtyGroups = new Set<number>();
    for (const index of this.#dirtyBuckets) {
      const bucket = this.#buckets.get(index);
      const group = Math.floor(index / BUCKETS_PER_GROUP);
      const hashes = this.#hashesOf(group);
      const at = (index % BUCKETS_PER_GROUP) * HASH_BYTES;
      if (bucket === undefined || bucket.keys.length === 0) {
        this.#buckets.delete(index);
        hashes.fill(0, at, at + HASH_BYTES);
      } else {
        hashes.set(labelledHash(this.#crypto, "stateBucket", ...joinable(bucket.digests)), at);
      }
      dirtyGroups.add(group);
    }
    this.#dirtyBuckets.clear();
    for (const group of dirtyGroups) {
      const hash = labelledHash(this.#crypto, "stateGroup", this.#hashesOf(group));
      this.#groupHashes.set(hash, group * HASH_BYTES);
    }
    return labelledHash(this.#crypto, "stateGroup", this.#groupHashes);
  }

  /** Made when first needed: most states are small. */
  #hashesOf(group: number): Uint8Array {
    let hashes = this.#bucketHashes.get(group);
    if (hashes === undefined) {
      hashes = new Uint8Array(GROUP_BYTES);
      this.#bucketHashes.set(group, hashes);
    }
    return hashes;
  }

  /** Puts the digest of a written entry into its bucket. */
  #digest(key: string, slot: Slot): void {
    const digest = entryDigest(this.#crypto, slot.keyBytes, slot.value);
    slot.isDirty = false;
    this.#dirtyBuckets.add(slot.bucket);
    const bucket = this.#buckets.get(slot.bucket);
    if (bucket === undefined) {
      this.#buckets.set(slot.bucket, { keys: [key], digests: [digest] });
      return;
    }
    const at = position(bucket.keys, key);
    if (bucket.keys[at] === key) {
      bucket.digests[at] = digest;
    } else {
      bucket.keys.splice(at, 0, key);
      bucket.digests.splice(at, 0, digest);
    }
  }

  #bucketOf(keyBytes: Uint8Array): number {
    const hash = this.#crypto.sha256(keyBytes);
    return ((hash[0]! << 8) | hash[1]!) % (GROUPS * BUCKETS_PER_GROUP);
  }
}

/** The key's length stands before it, so that key and value cannot run into one another. */
function entryDigest(crypto: Crypto, keyBytes: Uint8Array, value: Uint8Array): Uint8Array {
  const length = Uint8Array.of(keyBytes.length >> 8, keyBytes.length & 255);
  return labelledHash(crypto, "stateEntry", length, keyBytes, value);
}

/** One digest as it is, as most buckets hold; else one array of all. */
function joinable(digests: Uint8Array[]): Uint8Array[] {
  return digests.length === 1 ? digests : [joined(digests)];
}

/** One array of all digests; a spread call would overflow the stack on a crowded bucket. */
function joined(digests: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(digests.length * HASH_BYTES);
  let at = 0;
  for (const digest of digests) {
    bytes.set(digest, at);
    at += HASH_BYTES;
  }
  return bytes;
}

/** Where `key` is, or belongs, in a sorted list. */
export function position(keys: string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

const SEEN_SLICE_MS = 60_000;

/**
 * Which entries were executed, until their validity ends: an entry counts once. The ids
 * are grouped by the minute in which they expire; the state holds one running hash per
 * minute, so that an entry costs no bucket of its own.
 */
export class SeenEntries {
  readonly #crypto: Crypto;
  readonly #state: LedgerState;
  readonly #slices = new Map<number, Set<string>>();
  /** Of the block under way: ids in order, by minute. */
  #added = new Map<number, Uint8Array[]>();
  #forgottenBefore = 0;

  constructor(crypto: Crypto, state: LedgerState) {
    this.#crypto = crypto;
    this.#state = state;
  }

  has(notAfter: TimeMs, idHex: string): boolean {
    return this.#slices.get(sliceOf(notAfter))?.has(idHex) ?? false;
  }

  add(notAfter: TimeMs, id: Uint8Array, idHex: string): void {
    const slice = sliceOf(notAfter);
    const known = this.#slices.get(slice);
    if (known === undefined) this.#slices.set(slice, new Set([idHex]));
    else known.add(idHex);
    const added = this.#added.get(slice);
    if (added === undefined) this.#added.set(slice, [id]);
    else added.push(id);
  }

  /** At the end of a block: commits what was added to the state. */
  commit(): void {
    for (const [slice, ids] of this.#added) {
      const key = `seen/${slice}`;
      const before = this.#state.get(key) ?? new Uint8Array(HASH_BYTES);
      this.#state.set(key, labelledHash(this.#crypto, "seenEntries", before, joined(ids)));
    }
    this.#added = new Map();
  }

  /** At the start of a block: entries that expired before `timeMs` are refused for that anyway. */
  forgetExpired(timeMs: TimeMs): void {
    const current = sliceOf(timeMs);
    if (current <= this.#forgottenBefore) return;
    this.#forgottenBefore = current;
    for (const slice of this.#slices.keys()) {
      if (slice >= current) continue;
      this.#slices.delete(slice);
      this.#state.write(new Map([[`seen/${slice}`, null]]));
    }
  }
}

function sliceOf(timeMs: TimeMs): number {
  return Math.floor(timeMs / SEEN_SLICE_MS);
}
