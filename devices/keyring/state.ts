/** What a phone knows of locks and keys; plain data. */
import type { Link } from "../../protocols/access/chain.ts";
import type { LockStanding } from "../../protocols/access/messages.ts";
import type { Action } from "../../protocols/access/rights.ts";
import type { TimeMs } from "../../protocols/ports.ts";
import type { Tab } from "../../protocols/tab/tab.ts";
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

/** A rental of this phone's: its contract opens the lock while it lasts. */
export interface RentedStay {
  lock: AgentId;
  termsId: Uint8Array;
  terms: Uint8Array;
  /** The newest certified receipt of the contract, and what it says; null before there is one. */
  receipt: Uint8Array | null;
  seq: number;
  phase: string;
  /** The newest that the lock was shown; -1 before. */
  shownSeq: number;
  /** What this phone has signed for the opening that is under way. */
  offered: Uint8Array | null;
  /** The first opening, signed by this phone and by the lock. */
  opening: { guest: Uint8Array; lock: Uint8Array } | null;
  /** The lock's last signed refusal. */
  refusal: Uint8Array | null;
  /** How often the opening was handed to the notaries, and when last. */
  filed: number;
  filedMs: TimeMs;
}

/** A stay that is being agreed at the door, with no network; amounts as text, in minor units. */
export interface WalkUp {
  lock: AgentId;
  /** What pays: set aside for this lock before. */
  tab: Tab;
  terms: Uint8Array;
  receipt: Uint8Array;
  untilMs: TimeMs;
  bidMinor: string;
  mostMinor: string;
  /** Signed by this phone, by the lock. */
  bid: Uint8Array | null;
  offer: Uint8Array | null;
  tenure: Uint8Array | null;
  /** Signed once they agree. */
  voucher: Uint8Array | null;
}

/** An order that its lock has not answered yet. */
export interface OpenOrder {
  lock: AgentId;
  bytes: Uint8Array;
  /** By what its answer names it. */
  about: Uint8Array;
}

/** X25519 of the lock, and the secret, both from the code. */
interface PairingKeys {
  sessionKey: Uint8Array;
  psk: Uint8Array;
}

/** What the person has just asked for; forgotten by a restart, for nobody waits at the door any more. */
export type Wish = { lock: AgentId; about: Uint8Array; untilMs: TimeMs } & (
  | ({ kind: "pair"; name: string; network: string | null; isNear: boolean } & PairingKeys)
  /** `stay`: by this rental. */
  | { kind: "ask"; target: string; action: Action; isNear: boolean; stay: Uint8Array | null }
  | { kind: "look" | "watch"; isNear: boolean }
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
  stays: RentedStay[];
  walkUp: WalkUp | null;
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
export const MAX_RENTED = 16;

export function freshKeyring(): KeyringState {
  return {
    locks: [],
    given: [],
    held: [],
    stays: [],
    walkUp: null,
    orders: [],
    wish: null,
    outcome: null,
    session: null,
  };
}
