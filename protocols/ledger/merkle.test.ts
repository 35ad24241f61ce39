import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { labelledHash } from "../crypto/hash.ts";
import { portableCrypto as crypto } from "../crypto/portable.ts";
import { toHex } from "../encoding/bytes.ts";
import { buildTree, leafHash, merklePath, rootFromPath, treeRoot } from "./merkle.ts";

const leaves = (count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => leafHash(crypto, Uint8Array.of(i)));

/** RFC 6962 section 2.1, word for word: split at the largest power of two below the number of leaves. */
function rfc6962(hashes: Uint8Array[]): Uint8Array {
  if (hashes.length === 1) return hashes[0]!;
  let split = 1;
  while (2 * split < hashes.length) split *= 2;
  return labelledHash(crypto, "merkleNode", rfc6962(hashes.slice(0, split)), rfc6962(hashes.slice(split)));
}

describe("the Merkle tree", () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 33])("of %i leaves is that of RFC 6962", (count) => {
    expect(toHex(treeRoot(buildTree(crypto, leaves(count))))).toBe(toHex(rfc6962(leaves(count))));
  });

  it.each([1, 2, 3, 5, 8, 13])("proves each of %i leaves, at its own place only", (count) => {
    const hashes = leaves(count);
    const tree = buildTree(crypto, hashes);
    const root = toHex(treeRoot(tree));
    const led = (hash: Uint8Array, index: number, size: number, path: Uint8Array[]): string | undefined => {
      const to = rootFromPath(crypto, hash, index, size, path);
      return to && toHex(to);
    };
    for (const [index, hash] of hashes.entries()) {
      const path = merklePath(tree, index);
      expect(led(hash, index, count, path)).toBe(root);
      for (let other = 0; other < count; other++) {
        if (other !== index) expect(led(hash, other, count, path)).not.toBe(root);
      }
      expect(rootFromPath(crypto, hash, index, count, [...path, hash])).toBeUndefined();
      expect(rootFromPath(crypto, hash, count, count, path)).toBeUndefined();
      if (path.length > 0) expect(rootFromPath(crypto, hash, index, count, path.slice(1))).toBeUndefined();
    }
  });

  it("takes no leaf for a node", () => {
    const [left, right] = leaves(2) as [Uint8Array, Uint8Array];
    const inner = treeRoot(buildTree(crypto, [left, right]));
    expect(toHex(leafHash(crypto, Uint8Array.from([...left, ...right])))).not.toBe(toHex(inner));
  });

  it("ends for any claim about index and size", () => {
    const claim = fc.record({ index: fc.maxSafeNat(), count: fc.maxSafeNat(), length: fc.nat(70) });
    fc.assert(
      fc.property(claim, ({ index, count, length }) => {
        const path = Array.from({ length }, () => new Uint8Array(32));
        const root = rootFromPath(crypto, new Uint8Array(32), index, count, path);
        expect(root === undefined || root.length === 32).toBe(true);
      }),
      { numRuns: 50, seed: 1 },
    );
  });
});
