/** Whether a chain of keys gives a right now: all that a lock must know for it comes with the question. */
import { equalBytes } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import type { TimeMs } from "../ports.ts";
import type { OpenedLink } from "./chain.ts";
import type { Refresh } from "./orders.ts";
import type { Action } from "./rights.ts";
import { allows } from "./rights.ts";
import type { LockName } from "./tenure.ts";
import { timeRefusal } from "./times.ts";

/** What the lock remembers. */
export interface Knowledge extends LockName {
  now: TimeMs;
  /** False after a loss of power, until somebody trustworthy has told the time: no guest gets in. */
  isTimeKnown: boolean;
  isOwner(identity: Uint8Array): boolean;
  isRevoked(id: Uint8Array): boolean;
  uses(id: Uint8Array): number;
  /** Who was first to claim a link's key; undefined before. */
  claimant(id: Uint8Array): Uint8Array | undefined;
}

export interface Asked {
  /** Who asks, proved. */
  who: Uint8Array;
  target: string;
  action: Action;
}

/** How far ahead the clock of an owner's phone may be. */
export const CLOCK_AHEAD_MS = 5 * 60_000;

/**
 * Throws the reason why not: `key-foreign`, `key-not-holder`, `key-revoked`, `key-claimed`, `right-missing`,
 * `time-unknown`, `key-not-yet`, `key-expired`, `key-outside-hours`, `key-used-up`, `key-stale`.
 * `refreshes` are those of owners, verified.
 */
export function requireRight(
  chain: readonly OpenedLink[],
  asked: Asked,
  refreshes: readonly Refresh[],
  knowledge: Knowledge,
): void {
  requireHolder(chain, asked.who, knowledge);
  for (const { key } of chain) {
    if (!allows(key.rights, asked.target, asked.action))
      throw no("right-missing", `the key does not let anybody ${asked.action} "${asked.target}"`);
  }
  requireTime(chain, knowledge);
  for (const { key, id } of chain) {
    if (key.uses !== null && knowledge.uses(id) >= key.uses)
      throw no("key-used-up", `the key was good for ${key.uses} uses`);
    if (!isFresh(key.refreshMs, key.issuedMs, id, refreshes, knowledge))
      throw no("key-stale", "no owner has confirmed the key for too long");
  }
}

/** The part of it that holds at any time: the keys are of this lock, not revoked, and of who shows them. */
export function requireHolder(
  chain: readonly OpenedLink[],
  who: Uint8Array,
  knowledge: Omit<Knowledge, "now" | "isTimeKnown" | "uses">,
): void {
  const [first] = chain;
  const last = chain.at(-1);
  if (first === undefined || last === undefined) throw no("right-missing", "no key was shown");
  const { lock, tenure } = first.key;
  if (!equalBytes(lock, knowledge.lock) || !equalBytes(tenure, knowledge.tenure))
    throw no("key-foreign", "the key is of another lock, or of one of its former owners");
  if (!knowledge.isOwner(first.key.issuer)) throw no("key-foreign", "its issuer does not own this lock");
  if (!equalBytes(last.holder, who)) throw no("key-not-holder", "the key is another's");
  for (const { id, holder } of chain) {
    if (knowledge.isRevoked(id)) throw no("key-revoked", "an owner has revoked the key");
    const claimant = knowledge.claimant(id);
    if (claimant !== undefined && !equalBytes(claimant, holder))
      throw no("key-claimed", "another was first to use the link");
  }
}

function requireTime(chain: readonly OpenedLink[], { now, isTimeKnown }: Knowledge): void {
  if (!isTimeKnown) throw no("time-unknown", "the lock does not know what time it is");
  for (const { key } of chain) {
    const refusal = timeRefusal(key, now);
    if (refusal !== undefined) throw no(refusal, "this is no time for the key");
  }
}

/** Made, or confirmed, no longer ago than the key says; a date far ahead of the lock's clock says nothing. */
function isFresh(
  refreshMs: number | null,
  issuedMs: TimeMs,
  id: Uint8Array,
  refreshes: readonly Refresh[],
  { now, lock, tenure }: Knowledge,
): boolean {
  if (refreshMs === null) return true;
  const isRecent = (atMs: TimeMs): boolean => atMs > now - refreshMs && atMs <= now + CLOCK_AHEAD_MS;
  const isConfirmed = (refresh: Refresh): boolean =>
    equalBytes(refresh.lock, lock) &&
    equalBytes(refresh.tenure, tenure) &&
    refresh.keys.some((one) => equalBytes(one, id)) &&
    isRecent(refresh.timeMs);
  return isRecent(issuedMs) || refreshes.some(isConfirmed);
}

function no(code: ErrorCode, message: string): SegmentError {
  return new SegmentError(code, message, { where: "key" });
}
