/**
 * The chain of a stream's manifests: each names the hash of the one before it, so that whoever holds a few
 * sees what was left out, doubled or told in two ways.
 */
import { compareBytes, equalBytes, toHex } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import { NO_PREVIOUS, type OpenedManifest } from "./manifest.ts";

/**
 * - gap: the manifest before this one is not there;
 * - fork: two manifests claim one sequence number, or one place in the chain: the device, or who stole its
 *   key, lies;
 * - order: the manifest does not come after the one that it names;
 * - replay: the same manifest twice, which harms nobody;
 * - restart: the device lost its journal and began anew; what it had sealed last may be missing.
 */
export type BreakKind = "gap" | "fork" | "order" | "replay" | "restart";

export interface ChainBreak {
  kind: BreakKind;
  /** Of the manifest at which it shows. */
  sequence: number;
}

export interface Chain {
  /** By sequence, each manifest once; of a fork both sides. */
  manifests: OpenedManifest[];
  /** By sequence. */
  breaks: ChainBreak[];
}

export interface ChainOptions {
  /** The list begins in the middle of the stream: what its first manifest follows is not asked for. */
  midway?: boolean;
}

/**
 * Orders the manifests of one stream and finds what is wrong. Throws `manifest-invalid` if they are of two
 * streams.
 */
export function checkChain(manifests: readonly OpenedManifest[], options: ChainOptions = {}): Chain {
  const breaks: ChainBreak[] = [];
  const byHash = new Map<string, OpenedManifest>();
  for (const manifest of manifests) {
    requireSameStream(manifest, manifests[0]!);
    const hash = toHex(manifest.hash);
    if (byHash.has(hash)) breaks.push({ kind: "replay", sequence: manifest.sequence });
    else byHash.set(hash, manifest);
  }
  const ordered = [...byHash.values()].sort(
    (a, b) => a.sequence - b.sequence || compareBytes(a.hash, b.hash),
  );

  const successors = new Set<string>();
  ordered.forEach((manifest, index) => {
    const { sequence } = manifest;
    const sameSequence = ordered[index - 1]?.sequence === sequence;
    const previous = toHex(manifest.previousHash);
    const isStart = equalBytes(manifest.previousHash, NO_PREVIOUS);
    if (sameSequence || (!isStart && successors.has(previous))) breaks.push({ kind: "fork", sequence });
    if (!isStart) successors.add(previous);
    if (isStart) {
      if (index > 0) breaks.push({ kind: "restart", sequence });
      return;
    }
    const before = byHash.get(previous);
    if (before !== undefined && before.sequence >= sequence) breaks.push({ kind: "order", sequence });
    if (before === undefined && !(options.midway === true && index === 0))
      breaks.push({ kind: "gap", sequence });
  });
  breaks.sort((a, b) => a.sequence - b.sequence);
  return { manifests: ordered, breaks };
}

/** Throws `manifest-gap`, naming the first fault, unless the chain has none but replays and restarts. */
export function requireWhole(chain: Chain): void {
  const fault = chain.breaks.find(({ kind }) => kind === "gap" || kind === "fork" || kind === "order");
  if (fault === undefined) return;
  throw new SegmentError(
    "manifest-gap",
    `the chain has a fault (${fault.kind}) at sequence ${fault.sequence}`,
    {
      where: `sequence ${fault.sequence}`,
    },
  );
}

function requireSameStream(manifest: OpenedManifest, first: OpenedManifest): void {
  if (!equalBytes(manifest.streamId, first.streamId) || !equalBytes(manifest.publisher, first.publisher)) {
    throw new SegmentError("manifest-invalid", "the manifests are of different streams");
  }
}
