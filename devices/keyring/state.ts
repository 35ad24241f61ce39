/** What a phone knows of locks and keys; plain data. */
import type { Link } from "../../protocols/access/chain.ts";
import type { LockStanding } from "../../protocols/access/messages.ts";
import type { Action } from "../../protocols/access/rights.ts";
import type { TimeMs } from "../../protocols/ports.ts";
import type { AgentId, Step } from "../device.ts";

/** A lock that this phone owns, or has a key of. */
export interface KnownLock {
  id: AgentId;
  /** X25519, from the pairing code or the key's link. */
  sessionKey: Uint8Array;
  network: string | null;
  /** What the person calls it. */
  name: string;
  tenure: Uint8Array;
  isOwned: boolean;
  /** The number of the last order that this phone has signed for it. */
  orders: number;
  /** What it last said of itself. */
  standing: LockStanding | null;
}

/** A key that this phone has made: what it was is written in it. */
export interface GivenKey {
  lock: AgentId;
  id: Uint8Array;
  bytes: Uint8Array;
  /** Seed of a link's key, so that the link can be shown again; null where the holder is named. */
  secret: Uint8Array | null;
  isRevoked: boolean;
}

/** A key of this phone's own, with those of which it is a part. */
export interface HeldKey {
  lock: AgentId;
  /** Id of the last of the chain. */
  id: Uint8Array;
  links: Link[];
  /** What owners have last confirmed, at most one a key of the chain. */
  refreshes: Uint8Array[];
  isClaimed: boolean;
}

/** An order that its lock has not answered yet. */
export interface OpenOrder {
  lock: AgentId;
  bytes: Uint8Array;
  /** By what its answer names it. */
  about: Uint8Array;
}

/** What the person has just asked for; forgotten by a restart, for nobody waits at the door any more. */
export type Wish = { lock: AgentId; about: Uint8Array; untilMs: TimeMs } & (
  | { kind: "pair"; name: string; network: string | null; sessionKey: Uint8Array; psk: Uint8Array }
  | { kind: "ask"; target: string; action: Action; isNear: boolean }
  | { kind: "look"; isNear: boolean }
  | { kind: "log"; from: number; isNear: boolean }
);

/** What came of the last wish. */
export interface Outcome {
  about: Uint8Array;
  /** Why not; null if it was done. */
  code: string | null;
  message: string;
  /** How long the lock wants the phone to wait after too many failures. */
  waitMs: number;
}

export interface KeyringState {
  locks: KnownLock[];
  given: GivenKey[];
  held: HeldKey[];
  orders: OpenOrder[];
  wish: Wish | null;
  outcome: Outcome | null;
  session: { id: string; lock: AgentId; hash: Uint8Array } | null;
}

export type Result = Step<KeyringState>;

/** How long a wish waits for its lock: whoever stands at a door does not wait longer. */
export const WISH_MS = 15_000;
/** How long a session stays open after the last answer, for the next tap. */
export const LINGER_MS = 30_000;
export const MAX_LOCKS = 64;
export const MAX_GIVEN = 256;
export const MAX_HELD = 64;
export const MAX_ORDERS = 64;

export function freshKeyring(): KeyringState {
  return { locks: [], given: [], held: [], orders: [], wish: null, outcome: null, session: null };
}
