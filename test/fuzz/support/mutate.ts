/**
 * Mutants of valid bytes, as fast-check arbitraries. A mutant is a sample and up to four changes, each
 * written as three numbers; so fast-check can shrink a failure to the one change that matters.
 */
import fc from "fast-check";
import { concat } from "../../../protocols/encoding/bytes.ts";
import type { SignatureLabel } from "../../../protocols/labels.ts";
import type { Signer } from "../../../protocols/ports.ts";
import { sign1 } from "../../../protocols/identity/cose.ts";
import { cborHead, cloneTree, encodeLoose, flattenTree, parseTree, writeTree } from "./cbor-tree.ts";
import type { CborNode } from "./cbor-tree.ts";

/** One change: which kind, where, and with what. */
type Change = [kind: number, at: number, by: number];

const NUMBER = fc.nat(0x7fff_ffff);
const CHANGES: fc.Arbitrary<Change[]> = fc.array(fc.tuple(fc.nat(0xffff), NUMBER, NUMBER), { maxLength: 4 });
const INTERESTING_BYTES = [0, 1, 0x17, 0x18, 0x1b, 0x5f, 0x7f, 0x80, 0x9f, 0xbf, 0xf6, 0xfb, 0xff] as const;
/** Around every width of a CBOR head, of int32, of a safe integer and of an amount. */
export const INTERESTING_INTEGERS = [
  ...[0, 1, 23, 24, 255, 256, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32],
  ...[2 ** 48, Number.MAX_SAFE_INTEGER, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n],
] as const;

/** Mutants of the samples: changed as bytes, changed as CBOR where they are CBOR, and some plain noise. */
export function mutated(samples: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const trees = samples.map(parseTree).filter((tree) => tree !== undefined);
  if (trees.length === 0) return fc.oneof({ weight: 9, arbitrary: mutatedBytes(samples) }, noise);
  return fc.oneof(
    { weight: 4, arbitrary: mutatedBytes(samples) },
    { weight: 5, arbitrary: mutatedCbor(samples) },
    noise,
  );
}

const noise = fc.uint8Array({ maxLength: 120 });

/** Changed without regard to structure: flipped, cut, extended, repeated, swapped, spliced, overwritten. */
export function mutatedBytes(samples: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  requireSamples(samples);
  return fc.tuple(fc.nat(samples.length - 1), CHANGES).map(([which, changes]) => {
    let bytes = samples[which]!;
    for (const change of changes) bytes = changeBytes(bytes, change, samples);
    return bytes;
  });
}

/**
 * Changed as CBOR, inside nested byte strings too: items dropped, repeated, swapped, replaced, integers
 * moved to their bounds, types exchanged, heads that lie. The lengths around a change fit.
 */
export function mutatedCbor(samples: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const trees = samples.map(parseTree).filter((tree) => tree !== undefined);
  requireSamples(trees);
  return fc.tuple(fc.nat(trees.length - 1), CHANGES).map(([which, changes]) => {
    const root: CborNode = { major: 4, argument: 1, children: [cloneTree(trees[which]!)] };
    for (const change of changes) changeTree(root, change, trees);
    return concat(...root.children.map(writeTree));
  });
}

/** Mutants of `payloads`, each signed anew with a valid key: they get past the signature. */
export function resigned(
  label: SignatureLabel,
  payloads: readonly Uint8Array[],
  signers: readonly Signer[],
  extraAad?: Uint8Array,
): fc.Arbitrary<Uint8Array> {
  requireSamples(signers);
  return fc
    .tuple(mutatedInside(payloads), fc.nat(signers.length - 1))
    .map(([payload, which]) => sign1(label, payload, signers[which]!, extraAad));
}

/** For what will be signed, sealed or authenticated anew: mostly sound CBOR with unsound content. */
export function mutatedInside(samples: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  return fc.oneof(
    { weight: 6, arbitrary: mutatedCbor(samples) },
    { weight: 1, arbitrary: mutatedBytes(samples) },
  );
}

function requireSamples(samples: readonly unknown[]): void {
  if (samples.length === 0) throw new Error("nothing to mutate: no sample, or none that is CBOR");
}

function changeBytes(bytes: Uint8Array, [kind, at, by]: Change, samples: readonly Uint8Array[]): Uint8Array {
  const length = bytes.length;
  const from = length === 0 ? 0 : at % length;
  const size = 1 + (by % 16);
  const slice = bytes.subarray(from, from + size);
  const before = bytes.subarray(0, from);
  const after = bytes.subarray(from + slice.length);
  switch (kind % 9) {
    case 0:
      return overwritten(bytes, from, (bytes[from] ?? 0) ^ (1 << (by % 8)));
    case 1:
      return overwritten(bytes, from, INTERESTING_BYTES[by % INTERESTING_BYTES.length]!);
    case 2:
      return before;
    case 3:
      return concat(bytes, new Uint8Array(size).fill(at & 255));
    case 4:
      return concat(before, after);
    case 5:
      return concat(before, slice, slice, after);
    case 6:
      return concat(before, after.subarray(0, size), slice, after.subarray(size));
    case 7: {
      const other = samples[by % samples.length]!;
      return concat(before, other.subarray(at % (other.length + 1)));
    }
    default:
      return concat(before, new Uint8Array(size).fill(by & 255), bytes.subarray(from));
  }
}

function overwritten(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = bytes.slice();
  if (at < copy.length) copy[at] = value;
  return copy;
}

function changeTree(root: CborNode, [kind, at, by]: Change, trees: readonly CborNode[]): void {
  const all = flattenTree(root).filter(({ parent }) => parent !== undefined);
  const chosen = all[at % Math.max(1, all.length)];
  if (chosen === undefined) return;
  const { node, parent } = chosen;
  const siblings = parent!.children;
  const index = siblings.indexOf(node);
  switch (kind % 12) {
    case 0:
      siblings.splice(index, 1);
      return;
    case 1:
      siblings.splice(index, 0, cloneTree(node));
      return;
    case 2: {
      const other = by % siblings.length;
      siblings[index] = siblings[other]!;
      siblings[other] = node;
      return;
    }
    case 3: {
      const donors = flattenTree(by % 3 === 0 ? trees[by % trees.length]! : root.children[0]!);
      siblings[index] = cloneTree(donors[by % donors.length]!.node);
      return;
    }
    case 4:
    case 5:
      changeArgument(node, by);
      return;
    case 6:
      forceHead(node, by);
      return;
    case 7:
      siblings[index] = strangeNode(by);
      return;
    case 8:
      siblings[index] = { major: by % 2 === 0 ? 4 : 6, argument: by % 64, children: [node] };
      return;
    case 9:
      siblings.splice(by % (siblings.length + 1), 0, strangeNode(at));
      return;
    default:
      changeContent(node, by);
  }
}

/** An integer becomes its neighbour or a bound; a sign is turned round; a tag becomes another. */
function changeArgument(node: CborNode, by: number): void {
  if (node.major > 1 && node.major !== 6) {
    changeContent(node, by);
    return;
  }
  const choice = by % (INTERESTING_INTEGERS.length + 4);
  const argument = BigInt(node.argument);
  if (choice === 0) node.argument = argument + 1n;
  else if (choice === 1) node.argument = argument === 0n ? 0n : argument - 1n;
  else if (choice === 2 && node.major <= 1) node.major = 1 - node.major;
  else if (choice === 3) node.argument = argument ^ (1n << BigInt(by % 53));
  else node.argument = INTERESTING_INTEGERS[(choice + by) % INTERESTING_INTEGERS.length]!;
  node.argument = BigInt.asUintN(64, BigInt(node.argument));
}

/** A head of another length or width than what follows, or of another major type. */
function forceHead(node: CborNode, by: number): void {
  const length = node.content?.length ?? (node.major >= 4 ? node.children.length : node.argument);
  const major = by % 5 === 0 ? (by >> 3) % 8 : node.major;
  const choice = (by >> 6) % 4;
  if (choice === 0) node.head = cborHead(major, INTERESTING_INTEGERS[by % INTERESTING_INTEGERS.length]!);
  else if (choice === 1) node.head = cborHead(major, BigInt(length) + 1n);
  else if (choice === 2) node.head = cborHead(major, length, 24 + (by % 4));
  else node.head = Uint8Array.of((major << 5) | 31);
}

/** A string's content is flipped, cut, extended, blanked; a container's order is turned round. */
function changeContent(node: CborNode, by: number): void {
  const { content } = node;
  if (content === undefined) {
    node.children.reverse();
    return;
  }
  const at = content.length === 0 ? 0 : by % content.length;
  switch ((by >> 8) % 6) {
    case 0:
      node.content = overwritten(content, at, content[at]! ^ (1 << (by % 8)));
      return;
    case 1:
      node.content = content.slice(0, at);
      return;
    case 2:
      node.content = concat(content, Uint8Array.of(by & 255));
      return;
    case 3:
      node.content = new Uint8Array(content.length).fill(by % 3 === 0 ? 0xff : 0);
      return;
    case 4:
      node.content = new Uint8Array(0);
      return;
    default:
      // Printable, so that a text stays a text.
      node.content = overwritten(content, at, 32 + (by % 95));
  }
}

/** What a field never expects. */
const STRANGE: readonly CborNode[] = [
  ...[null, undefined, true, false, 0, -1, 1.5, Number.NaN, -0, Number.MAX_SAFE_INTEGER, 2n ** 53n],
  ...[-(2n ** 63n), 2n ** 64n, 2n ** 600n, "", "\0", "__proto__", "é".repeat(300), [], new Map(), [[[]]]],
  ...[new Uint8Array(0), new Uint8Array(31), new Uint8Array(32), new Uint8Array(64), new Uint8Array(3_000)],
  ...[new Map([["constructor", 1]]), Array.from({ length: 100 }, () => 0), nested(70)],
].map((value) => parseTree(encodeLoose(value)) ?? { major: 7, argument: 23, children: [] });

function nested(depth: number): unknown {
  return depth === 0 ? [] : [nested(depth - 1)];
}

function strangeNode(by: number): CborNode {
  return cloneTree(STRANGE[by % STRANGE.length]!);
}
