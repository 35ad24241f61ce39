/** Merkle tree over a block's leaves, shaped as RFC 6962 section 2.1, with SEGMENT's labels as prefixes. */
import { labelledHash } from "../crypto/hash.ts";
import type { Crypto } from "../ports.ts";

/** All levels of a tree, leaves' hashes first, so that a path is a walk and not a computation. */
export interface MerkleTree {
  levels: Uint8Array[][];
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
  const levels = [leafHashes];
  let level = leafHashes;
  while (level.length > 1) {
    const above: Uint8Array[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const left = level[i]!;
      const right = level[i + 1];
      above.push(right === undefined ? left : nodeHash(crypto, left, right));
    }
    levels.push(above);
    level = above;
  }
  return { levels };
}

/** A tree has at least one leaf. */
export function treeRoot(tree: MerkleTree): Uint8Array {
  return tree.levels.at(-1)![0]!;
}

/** The siblings from the leaf at `index` up. */
export function merklePath(tree: MerkleTree, index: number): Uint8Array[] {
  const path: Uint8Array[] = [];
  let position = index;
  for (const level of tree.levels) {
    const sibling = level[position ^ 1];
    if (sibling !== undefined) path.push(sibling);
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
