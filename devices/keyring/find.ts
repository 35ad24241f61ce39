/** Looking things up in a keyring, and putting them back. */
import { equalBytes } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import type { GivenKey, HeldKey, KeyringState, KnownLock, RentedStay } from "./state.ts";

export function lockOf({ locks }: KeyringState, id: string): KnownLock | undefined {
  return locks.find((one) => one.id === id);
}

/** Errors: key-foreign (this phone knows no such lock). */
export function requireLock(state: KeyringState, id: string): KnownLock {
  const lock = lockOf(state, id);
  if (lock === undefined) throw new SegmentError("key-foreign", "this phone has no key of that lock");
  return lock;
}

/** Errors: key-foreign, owner-required. */
export function requireOwned(state: KeyringState, id: string): KnownLock {
  const lock = requireLock(state, id);
  if (!lock.isOwned) throw new SegmentError("owner-required", "this phone does not own the lock");
  return lock;
}

/** Errors: queue-full. */
export function withLock(state: KeyringState, lock: KnownLock, most: number): KeyringState {
  const others = state.locks.filter((one) => one.id !== lock.id);
  if (others.length >= most) throw new SegmentError("queue-full", `${most} locks are known`);
  return { ...state, locks: [...others, lock] };
}

export function withKnown(state: KeyringState, lock: KnownLock): KeyringState {
  return { ...state, locks: state.locks.map((one) => (one.id === lock.id ? lock : one)) };
}

export function givenOf({ given }: KeyringState, id: Uint8Array): GivenKey | undefined {
  return given.find((one) => equalBytes(one.id, id));
}

export function heldOf({ held }: KeyringState, lock: string): HeldKey[] {
  return held.filter((one) => one.lock === lock);
}

export function withHeld(state: KeyringState, key: HeldKey): KeyringState {
  const isOther = (one: HeldKey): boolean => !equalBytes(one.id, key.id);
  return { ...state, held: [...state.held.filter(isOther), key] };
}

/** The newest rental of a lock that is not over. */
export function stayAt({ stays }: KeyringState, lock: string): RentedStay | undefined {
  return stays.findLast((one) => one.lock === lock && one.phase !== "closed");
}

export function withRented(state: KeyringState, stay: RentedStay): KeyringState {
  const isSame = (one: RentedStay): boolean => equalBytes(one.termsId, stay.termsId);
  return { ...state, stays: state.stays.map((one) => (isSame(one) ? stay : one)) };
}

/** What a lock says to an owner who was removed, or who owned it before it was handed over. */
const NO_OWNER: ReadonlySet<string> = new Set(["right-missing", "owner-required", "key-foreign"]);

/**
 * What the lock's answer tells of it. Another owner may have ended this phone's rights: from then on it asks
 * by a key, where it has one. Who has never been answered as an owner waits: perhaps the lock has yet to hear
 * the order that makes it one.
 */
export function answered(lock: KnownLock, code: string | null, standing: KnownLock["standing"]): KnownLock {
  const isEnded = lock.standing !== null && code !== null && NO_OWNER.has(code);
  return { ...lock, standing: standing ?? lock.standing, isOwned: lock.isOwned && !isEnded };
}
