/**
 * The key tree over time: a binary tree of HKDF keys whose leaves are the keys of 15-minute periods (after
 * TimeCrypt, NSDI 2020, and Droplet, USENIX Security 2020). Who is given an inner node derives every period
 * below it and no other, so that a span of time is a handful of nodes: a **cover**.
 */
import { hkdfExpand } from "../crypto/hkdf.ts";
import { concat, utf8 } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import { KEY_LABELS } from "../labels.ts";
import type { Crypto, TimeMs } from "../ports.ts";

/** The shortest span that a reader can be given. */
export const PERIOD_MS = 15 * 60 * 1000;
/** Levels below the root: 2^22 periods since the Unix epoch last until August 2089. */
export const TREE_DEPTH = 22;
/** One more than the last period. */
export const PERIOD_END = 2 ** TREE_DEPTH;

/** One node of the tree: it stands for the periods index * 2^(TREE_DEPTH - level) and the following ones. */
export interface KeyNode {
  /** 0 for the root, TREE_DEPTH for a period. */
  level: number;
  index: number;
  /** 32 bytes. */
  key: Uint8Array;
}

/** Periods from `from` up to, not including, `to`. */
export interface PeriodSpan {
  from: number;
  to: number;
}

/** The period in which `timeMs` lies. Throws `record-invalid` for a time before 1970 or after 2089. */
export function periodOf(timeMs: TimeMs): number {
  const period = Math.floor(timeMs / PERIOD_MS);
  if (!(period >= 0 && period < PERIOD_END)) {
    throw new SegmentError("record-invalid", `the time ${timeMs} ms lies outside the key tree`, {
      where: "time",
    });
  }
  return period;
}

/** The periods that touch the time from `fromMs` up to, not including, `toMs`. */
export function spanOfTimes(fromMs: TimeMs, toMs: TimeMs): PeriodSpan {
  if (!(toMs > fromMs))
    throw new SegmentError("option-invalid", "the span of time is empty", { where: "to" });
  return { from: periodOf(fromMs), to: periodOf(toMs - 1) + 1 };
}

/** The root key of one generation of a stream; a new generation shuts out the readers of the one before. */
export function streamRootKey(
  crypto: Crypto,
  streamSecret: Uint8Array,
  streamId: Uint8Array,
  generation: number,
): Uint8Array {
  const count = new Uint8Array(4);
  new DataView(count.buffer).setUint32(0, generation);
  return hkdfExpand(crypto, streamSecret, concat(utf8(`${KEY_LABELS.streamRoot}\0`), streamId, count), 32);
}

/** The key of one period, from the root. */
export function periodKey(crypto: Crypto, rootKey: Uint8Array, period: number): Uint8Array {
  checkSpan({ from: period, to: period + 1 });
  return descend(crypto, { level: 0, index: 0, key: rootKey }, period);
}

/**
 * The fewest nodes that give exactly the periods of the span, in order: at most 2 * TREE_DEPTH - 2 of them.
 */
export function coverSpan(crypto: Crypto, rootKey: Uint8Array, span: PeriodSpan): KeyNode[] {
  checkSpan(span);
  const cover: KeyNode[] = [];
  collect({ level: 0, index: 0, key: rootKey });
  return cover;

  function collect(node: KeyNode): void {
    const { from, to } = nodeSpan(node);
    if (to <= span.from || from >= span.to) return;
    if (from >= span.from && to <= span.to) {
      cover.push(node);
      return;
    }
    collect(child(crypto, node, 0));
    collect(child(crypto, node, 1));
  }
}

/** The key of a period that the cover gives, or undefined. */
export function keyFromCover(
  crypto: Crypto,
  cover: readonly KeyNode[],
  period: number,
): Uint8Array | undefined {
  for (const node of cover) {
    const { from, to } = nodeSpan(node);
    if (period >= from && period < to) return descend(crypto, node, period);
  }
  return undefined;
}

/** The periods below a node. */
export function nodeSpan(node: { level: number; index: number }): PeriodSpan {
  const size = 2 ** (TREE_DEPTH - node.level);
  return { from: node.index * size, to: (node.index + 1) * size };
}

function descend(crypto: Crypto, from: KeyNode, period: number): Uint8Array {
  let node = from;
  while (node.level < TREE_DEPTH) {
    const side = Math.floor(period / 2 ** (TREE_DEPTH - node.level - 1)) % 2;
    node = child(crypto, node, side);
  }
  return node.key;
}

const SIDES = [utf8(KEY_LABELS.keyTreeLeft), utf8(KEY_LABELS.keyTreeRight)];

function child(crypto: Crypto, node: KeyNode, side: number): KeyNode {
  return {
    level: node.level + 1,
    index: node.index * 2 + side,
    key: hkdfExpand(crypto, node.key, SIDES[side]!, 32),
  };
}

/** Refuses an empty span, and one outside the tree, with `option-invalid`. */
export function checkSpan(span: PeriodSpan): void {
  const { from, to } = span;
  if (!Number.isInteger(from) || !Number.isInteger(to) || from < 0 || to <= from || to > PERIOD_END) {
    throw new SegmentError("option-invalid", `periods ${from} to ${to} are no span of the key tree`, {
      where: "span",
    });
  }
}
