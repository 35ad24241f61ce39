/**
 * Which keepers hold a stream's shards: rendezvous hashing (Thaler and Ravishankar, 1998) over failure
 * domains, so that everybody finds the same keepers from the same list, and a keeper that comes or goes moves
 * only its own share.
 */
import { labelledHash } from "../crypto/hash.ts";
import { compareBytes, utf8 } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import type { Crypto } from "../ports.ts";

export interface KeeperSite {
  /** The keeper's agent id. */
  id: string;
  /** What fails, or is run by one hand, together: a house, an operator, a provider. */
  domain: string;
}

export interface PlacementOptions {
  /** What is placed: a stream's id. */
  key: Uint8Array;
  keepers: readonly KeeperSite[];
  n: number;
  /** At most so many shards in one domain: k - 1 or fewer, or that domain could rebuild the package. */
  maxPerDomain?: number;
}

/**
 * n keepers, best first, spread over as many domains as there are. Throws `keepers-short`.
 * A keeper's place in the list says nothing lasting: see `assignShards`.
 */
export function placeShards(crypto: Crypto, options: PlacementOptions): KeeperSite[] {
  const { n, maxPerDomain = 1 } = options;
  const domains = new Map<string, { keeper: KeeperSite; score: Uint8Array }[]>();
  for (const keeper of options.keepers) {
    const score = labelledHash(crypto, "placement", options.key, utf8(keeper.id));
    const ranked = domains.get(keeper.domain) ?? [];
    ranked.push({ keeper, score });
    domains.set(keeper.domain, ranked);
  }
  for (const ranked of domains.values()) ranked.sort((a, b) => compareBytes(b.score, a.score));
  // The best keeper of every domain comes before the second best of any.
  const candidates = [...domains.values()].flatMap((ranked) =>
    ranked.slice(0, maxPerDomain).map((one, round) => ({ ...one, round })),
  );
  candidates.sort((a, b) => a.round - b.round || compareBytes(b.score, a.score));
  if (candidates.length < n) {
    throw new SegmentError(
      "keepers-short",
      `${options.keepers.length} keepers in ${domains.size} failure domains cannot take ${n} shards`,
    );
  }
  return candidates.slice(0, n).map(({ keeper }) => keeper);
}

/**
 * Which keeper holds which shard after a change: keepers that stay keep their index, newcomers take the free
 * ones. `before` is by shard index (empty at first); so is the result.
 */
export function assignShards(before: readonly string[], chosen: readonly KeeperSite[]): string[] {
  const stays = new Set(chosen.map(({ id }) => id));
  const newcomers = chosen.map(({ id }) => id).filter((id) => !before.includes(id));
  return chosen.map((_, index) => {
    const holder = before[index];
    return holder !== undefined && stays.has(holder) ? holder : newcomers.shift()!;
  });
}
