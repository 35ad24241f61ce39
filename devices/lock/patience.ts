/**
 * A growing delay after failures, for each peer and for all strangers together. Owners are never delayed,
 * and guests only by their own failures: strangers cannot keep them out.
 */
import type { ErrorCode } from "../../protocols/errors.ts";
import { equalBytes } from "../../protocols/encoding/bytes.ts";
import { publicKeyFromId } from "../../protocols/identity/keys.ts";
import type { AgentId } from "../device.ts";
import { MAX_FAILURES } from "./state.ts";
import type { Failures, LockState } from "./state.ts";

/** So many cost nothing. */
const FREE = 3;
const FREE_OF_STRANGERS = 20;
const LONGEST_MS = 5 * 60_000;
const LONGEST_OF_STRANGERS_MS = 60_000;
/** For what an honest guest may try early or late. */
const LONGEST_HARMLESS_MS = 5_000;
/** After so long without a failure all is forgiven. */
const FORGET_MS = 60 * 60_000;

const HARMLESS: ReadonlySet<ErrorCode> = new Set([
  "key-not-yet",
  "key-outside-hours",
  "key-stale",
  "time-unknown",
  "door-open",
  "action-unknown",
]);

export function isOwner(state: LockState, peer: AgentId): boolean {
  return state.owners.some(({ id }) => id === peer);
}

/** Has used or claimed a key here, or has rented. */
export function isGuest(state: LockState, peer: AgentId): boolean {
  const identity = publicKeyFromId(peer);
  const holds = ({ holder }: { holder: Uint8Array }): boolean => equalBytes(holder, identity);
  return state.keys.some(holds) || state.stays.some(({ guest }) => equalBytes(guest, identity));
}

/** How long the peer has to wait before it is heard, by its own failures and by those of all strangers. */
export function waits(state: LockState, peer: AgentId, now: number): { ownMs: number; strangersMs: number } {
  if (isOwner(state, peer)) return { ownMs: 0, strangersMs: 0 };
  const own = state.failures.find((one) => one.peer === peer);
  const ownMs = own === undefined ? 0 : left(own, now);
  return { ownMs, strangersMs: isGuest(state, peer) ? 0 : left(state.strangers, now) };
}

/** With a clock that was set back nobody waits: it could be for years. */
function left({ lastMs, delayMs }: Pick<Failures, "lastMs" | "delayMs">, now: number): number {
  return now >= lastMs ? Math.max(0, lastMs + delayMs - now) : 0;
}

export function failed(state: LockState, peer: AgentId, code: ErrorCode, now: number): LockState {
  if (isOwner(state, peer)) return state;
  const known = isRecent(
    now,
    state.failures.find((one) => one.peer === peer),
  );
  const count = (known?.count ?? 0) + 1;
  const longest = HARMLESS.has(code) ? LONGEST_HARMLESS_MS : LONGEST_MS;
  const own: Failures = { peer, count, lastMs: now, delayMs: delayAfter(count - FREE, longest) };
  const others = state.failures.filter((one) => one.peer !== peer);
  const failures = [...others, own].slice(-MAX_FAILURES);
  return { ...state, failures, strangers: isGuest(state, peer) ? state.strangers : oneMore(state, now) };
}

function oneMore({ strangers }: LockState, now: number): LockState["strangers"] {
  const count = (isRecent(now, strangers)?.count ?? 0) + 1;
  const delayMs = delayAfter(count - FREE_OF_STRANGERS, LONGEST_OF_STRANGERS_MS);
  return { count, lastMs: now, delayMs };
}

/** So many failures of strangers, one after the other, are worth an alert; each time they double again. */
export function isWorthAlert({ strangers }: LockState): boolean {
  const times = strangers.count / FREE_OF_STRANGERS;
  return times >= 1 && Number.isInteger(Math.log2(times));
}

export function succeeded(state: LockState, peer: AgentId): LockState {
  if (!state.failures.some((one) => one.peer === peer)) return state;
  return { ...state, failures: state.failures.filter((one) => one.peer !== peer) };
}

function isRecent<T extends { lastMs: number }>(now: number, one: T | undefined): T | undefined {
  return one !== undefined && Math.abs(now - one.lastMs) < FORGET_MS ? one : undefined;
}

/** One second, then twice as long each time. */
function delayAfter(beyond: number, longestMs: number): number {
  return beyond <= 0 ? 0 : Math.min(longestMs, 1_000 * 2 ** Math.min(beyond - 1, 20));
}
