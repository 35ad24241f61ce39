/** Inputs that promise much more than they hold. */
import { concat } from "../../../protocols/encoding/bytes.ts";
import { cborHead, cloneTree, flattenTree, parseTree, writeTree } from "./cbor-tree.ts";
import type { CborNode } from "./cbor-tree.ts";

const LENGTHS = [
  2 ** 16,
  2 ** 31 - 1,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53 - 1,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];
const STRING_TO_TAG = [2, 3, 4, 5, 6] as const;

/** Heads of strings, lists and maps that claim up to 2^64 items, with next to nothing behind them. */
export function hugeHeads(): Uint8Array[] {
  return STRING_TO_TAG.flatMap((major) =>
    LENGTHS.flatMap((length) => {
      const head = cborHead(major, length);
      return [head, concat(head, new Uint8Array(64))];
    }),
  );
}

/** Deep nesting, many tiny items, repeated keys, long integers, indefinite lengths. */
export function cborBombs(): Uint8Array[] {
  const many = 100_000;
  const zeros = new Uint8Array(many);
  return [
    ...hugeHeads(),
    ...[0x81, 0xa1, 0xc1, 0xd8, 0x9f, 0xbf, 0x5f, 0x7f].map((byte) => new Uint8Array(many).fill(byte)),
    ...[0x80, 0xa0, 0x40, 0x60, 0xf6].map((byte) =>
      concat(cborHead(4, many), new Uint8Array(many).fill(byte)),
    ),
    concat(cborHead(4, many), zeros),
    concat(cborHead(5, many / 2), zeros),
    concat(Uint8Array.of(0xbf), zeros),
    concat(Uint8Array.of(0xc2), cborHead(2, many), new Uint8Array(many).fill(0xff)),
    concat(Uint8Array.of(0xc3), cborHead(2, many), new Uint8Array(many).fill(0xff)),
    concat(cborHead(3, many), new Uint8Array(many).fill(0xff)),
    concat(cborHead(4, 2), cborHead(2, 2 ** 31), zeros),
    // Wide and deep: 100 lists of 100 lists of 100 lists that hold nothing.
    concat(...Array.from({ length: 300 }, () => Uint8Array.of(0x98, 0x64))),
  ];
}

/** Each item of each CBOR sample, in its place, becomes each of the huge heads; what follows stays. */
export function bombsIn(samples: readonly Uint8Array[]): Uint8Array[] {
  const heads = STRING_TO_TAG.flatMap((major) =>
    [2 ** 20, 2 ** 32, 2n ** 63n].map((length) => cborHead(major, length)),
  );
  return samples.flatMap((sample) => {
    const tree = parseTree(sample);
    if (tree === undefined) return [];
    return flattenTree(tree).flatMap((_, index) => heads.map((head) => withHead(tree, index, head)));
  });
}

function withHead(tree: CborNode, index: number, head: Uint8Array): Uint8Array {
  const copy = cloneTree(tree);
  flattenTree(copy)[index]!.node.head = head;
  return writeTree(copy);
}
