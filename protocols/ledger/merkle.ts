/** Merkle tree over a block's leaves, shaped as RFC 6962 section 2.1, with SEGMENT's labels as prefixes. */
import { labelledHash } from "../crypto/hash.ts";
import type { Crypto } from "../ports.ts";

const HASH_BYTES = 32;

/**
 * All levels of a tree, leaves' hashes first, so that a path is a walk and not a computation. A level is its
 * hashes one after another: blocks are kept by the thousand, and an array for each hash takes ten times its
 * bytes.
 */
export interface MerkleTree {
  levels: Uint8Array[];
}

export function leafHash(crypto: Crypto, leaf: Uint8Array): Uint8Array {
  return labelledHash(crypto, "merkleLeaf", leaf);
}

function nodeHash(crypto: Crypto, left: Uint8Array, right: Uint8Array): Uint8Array {
  return labelledHash(crypto, "merkleNode", left, right);
}

/**
 * Level by level; a last node without a sibling moves up as it is, which gives the
 * same tree as RFC 6962's split at the largest power of two.
 */
export function buildTree(crypto: Crypto, leafHashes: Uint8Array[]): MerkleTree {
  let level: Uint8Array = new Uint8Array(leafHashes.length * HASH_BYTES);
  for (const [index, hash] of leafHashes.entries()) level.set(hash, index * HASH_BYTES);
  const levels = [level];
  while (level.length > HASH_BYTES) {
    const above = new Uint8Array(Math.ceil(level.length / HASH_BYTES / 2) * HASH_BYTES);
    for (let at = 0; at < above.length; at += HASH_BYTES) {
      const pair = level.subarray(2 * at, 2 * at + 2 * HASH_BYTES);
      above.set(pair.length === HASH_BYTES ? pair : labelledHash(crypto, "merkleNode", pair), at);
    }
    levels.push(above);
    level = above;
  }
  return { levels };
}

/** Empty beyond the level's end. */
function hashAt(level: Uint8Array, at: number): Uint8Array {
  return level.subarray(at, at + HASH_BYTES);
}

/** A tree has at least one leaf. */
export function treeRoot(tree: MerkleTree): Uint8Array {
  return tree.levels.at(-1)!;
}

/** The siblings from the leaf at `index` up. */
export function merklePath(tree: MerkleTree, index: number): Uint8Array[] {
  const path: Uint8Array[] = [];
  let position = index;
  for (const level of tree.levels) {
    const sibling = hashAt(level, (position ^ 1) * HASH_BYTES);
    if (sibling.length > 0) path.push(sibling);
    position >>= 1;
  }
  return path;
}

/**
 * The root that a leaf and its path lead to (RFC 6962 section 2.1.1), or undefined when the
 * path does not have exactly the length that `index` and `count` ask for.
 */
export function rootFromPath(
  crypto: Crypto,
  hash: Uint8Array,
  index: number,
  count: number,
  path: Uint8Array[],
): Uint8Array | undefined {
  if (index >= count) return undefined;
  let node = hash;
  let position = index;
  let last = count - 1;
  let used = 0;
  while (last > 0) {
    if (position % 2 === 1 || position < last) {
      const sibling = path[used++];
      if (sibling === undefined) return undefined;
      node = position % 2 === 1 ? nodeHash(crypto, sibling, node) : nodeHash(crypto, node, sibling);
    }
    position = Math.floor(position / 2);
    last = Math.floor(last / 2);
  }
  return used === path.length ? node : undefined;
}
