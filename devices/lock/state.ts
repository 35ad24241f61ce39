/** What a lock is told when it is made, and what it remembers; plain data. */
import type { Action } from "../../protocols/access/rights.ts";
import type { AuditEntry } from "../../protocols/access/messages.ts";
import type { ErrorCode } from "../../protocols/errors.ts";
import type { TimeMs } from "../../protocols/ports.ts";
import type { AgentId, Step } from "../device.ts";
import type { PayeeState } from "../tab/payee.ts";

/** What hangs on the lock's pins; from the hardware profile. */
export interface LockConfig {
  door: DoorConfig;
  /** Other things that it moves, by the name of the target. */
  home: Readonly<Record<string, HomeConfig>>;
  /** Held so long, the button erases everything. null: there is no button. */
  resetHoldMs: number | null;
  /** Whether the clock goes on without power. Else nobody knows the time until somebody has told it. */
  keepsTime: boolean;
}

export interface DoorConfig {
  /** How long the bolt's driver is on. */
  pulseMs: number;
  /** Locks again so long after the door was shut; null for a bolt that springs back by itself. */
  relockMs: number | null;
  /** Whether there is a sensor "door-open", a boolean. */
  hasContact: boolean;
  /** Whether there is a sensor "bolt-locked", a boolean. */
  hasBoltSensor: boolean;
  /** Open for longer, the owners are told; needs the contact. */
  openAlarmMs: number;
}

export type HomeRole = "door" | "window" | "shutter" | "light";

export interface HomeConfig {
  role: HomeRole;
  /** The driver, by the profile's name. It gets { action, pulseMs }. */
  actuator: string;
  pulseMs: number;
}

/** What each thing can do. */
export const ROLE_ACTIONS: Readonly<Record<HomeRole, readonly Action[]>> = {
  door: ["open", "close"],
  window: ["open", "close"],
  shutter: ["open", "close"],
  light: ["on", "off"],
};

/** The target whose bolt is the lock's own. */
export const DOOR = "door";
/** To `advertise`: whoever comes is let in to speak; the lock decides what to. */
export const ANYONE = "*";
/** What shows the pairing code, if anything does: { psk, untilMs }, or null when that is over. */
export const PAIRING_DRIVER = "pairing";
/** The agent's own driver: its home is to be as new (keys, outbox, what waits to be stored). */
export const ERASE_DRIVER = "erase";
/** The agent's own driver: this owner gets the key to the sealed log; `GrantWish`. */
export const GRANT_DRIVER = "grant";

export interface GrantWish {
  to: AgentId;
  /** The nonce of the question. */
  about: Uint8Array;
}

export interface Owner {
  id: AgentId;
  identity: Uint8Array;
  /** Of its card: may order as the owner does, when the phone is lost. */
  root: Uint8Array;
}

/** One key of which something must be remembered. */
export interface KeyMemory {
  id: Uint8Array;
  /** The owner's key that it is, or of which it is a part. */
  root: Uint8Array;
  /** Who holds it: of a link its first claimant. */
  holder: Uint8Array;
  isLink: boolean;
  uses: number;
  /** From here on it is worth nothing, and is forgotten. */
  endsMs: TimeMs | null;
}

export interface OpenSession {
  id: string;
  peer: AgentId;
  hash: Uint8Array;
  /** It has proved the psk of a pairing code. */
  paired: boolean;
  /** What was asked in it, and what was answered. */
  done: Done[];
  /** When it was opened, by whatever the clock then was. */
  openedMs: TimeMs;
  /** What notaries have stated on the time, brought in it. */
  times: Uint8Array[];
}

export interface Done {
  nonce: Uint8Array;
  /** Why not; null if it was done. */
  code: ErrorCode | null;
}

export interface Failures {
  peer: AgentId;
  count: number;
  lastMs: TimeMs;
  /** Hears nothing for so long after. */
  delayMs: number;
}

export interface DoorState {
  /** To be locked again: at a time, or (null) so long after the door is shut. */
  relock: { atMs: TimeMs | null } | null;
  /** The bolt was told to move, and has until then. */
  moving: { toLocked: boolean; byMs: TimeMs } | null;
  /** Open since then; null while shut, or not known. */
  openSinceMs: TimeMs | null;
  alerted: boolean;
}

/** A rental of which this lock is a party: its guest may open while it lasts. */
export interface HeldStay {
  termsId: Uint8Array;
  /** Identity of the guest's phone. */
  guest: Uint8Array;
  arrivalMs: TimeMs;
  departureMs: TimeMs;
  /** What was certified last: "may-open" before the first opening, "stay" after it, "closed" at the end. */
  phase: string;
  seq: number;
  /** The first opening, signed by the guest's phone and by the lock. */
  opening: { guest: Uint8Array; lock: Uint8Array } | null;
  /** The lock's word that the door was shut after the departure. */
  departure: Uint8Array | null;
  /** How often something was handed to the notaries. */
  filed: number;
}

/** Is told for a while how the lock stands, whenever that changes. */
export interface Watcher {
  peer: AgentId;
  /** null over the bus. */
  session: string | null;
  about: Uint8Array;
  /** By which it may watch; null for an owner. */
  key: Uint8Array | null;
  untilMs: TimeMs;
  /** A digest of what it was told last. */
  told: Uint8Array;
}

/** What was offered to somebody who walks up. */
export interface AgreedStay {
  /** Id of the tab that is to pay. */
  tab: Uint8Array;
  guest: Uint8Array;
  untilMs: TimeMs;
  /** Minor units, as text. */
  priceMinor: string;
  /** The lock's word, and the guest's on the same; null while they do not agree. */
  offer: Uint8Array;
  bid: Uint8Array | null;
}

export interface Letting {
  /** For each day that has begun, in minor units as text. null: only who has rented may come. */
  tariff: { currency: string; askedMinor: string; leastMinor: string } | null;
  till: PayeeState;
  /** Oldest first. */
  offers: AgreedStay[];
}

export interface LockState {
  owners: Owner[];
  /** null without an owner. */
  tenure: Uint8Array | null;
  pairing: { psk: Uint8Array; forMs: number; untilMs: TimeMs } | null;
  /** The last order of each signer, and how answers name it. */
  heard: { signer: Uint8Array; number: number; about: Uint8Array }[];
  keys: KeyMemory[];
  revoked: { id: Uint8Array; untilMs: TimeMs | null }[];
  /** Oldest first. */
  stays: HeldStay[];
  letting: Letting;
  /** Oldest first. */
  sessions: OpenSession[];
  /** Asked over the bus, a short while ago. */
  remote: (Done & { peer: AgentId; timeMs: TimeMs })[];
  failures: Failures[];
  /** Of all whom the lock does not know, together. */
  strangers: Omit<Failures, "peer">;
  door: DoorState;
  watchers: Watcher[];
  /** The newest lines of the log, oldest first; all of them are in the sealed stream. */
  audit: AuditEntry[];
  nextAudit: number;
  /** Somebody trustworthy has told the time since the power came. */
  isTimeTold: boolean;
  /** The latest moment at which the lock knew the time: an earlier one must be wrong. */
  latestMs: TimeMs;
  buttonSinceMs: TimeMs | null;
  /** The owners have been told, and it was not changed or charged since. */
  isBatteryLow: boolean;
}

export type Result = Step<LockState>;

export function freshState(): LockState {
  return {
    owners: [],
    tenure: null,
    pairing: null,
    heard: [],
    keys: [],
    revoked: [],
    stays: [],
    letting: { tariff: null, till: { tabs: [] }, offers: [] },
    sessions: [],
    remote: [],
    failures: [],
    strangers: { count: 0, lastMs: 0, delayMs: 0 },
    door: { relock: null, moving: null, openSinceMs: null, alerted: false },
    watchers: [],
    audit: [],
    nextAudit: 1,
    isTimeTold: false,
    latestMs: 0,
    buttonSinceMs: null,
    isBatteryLow: false,
  };
}

/** Bounds of what is remembered. */
export const MAX_OWNERS = 16;
export const MAX_KEYS = 512;
/** Keys that stem from one of an owner's: who passes on cannot fill the lock. */
export const MAX_KEYS_OF_ONE = 32;
export const MAX_REVOKED = 1_024;
export const MAX_STAYS = 32;
export const MAX_OFFERS = 8;
export const MAX_SESSIONS = 32;
/** Requests in one session; or of one peer over the bus, within a minute. */
export const MAX_DONE = 64;
/** Notaries' statements in one session. */
export const MAX_STATEMENTS = 16;
export const MAX_REMOTE = 1_024;
export const MAX_HEARD = 64;
export const MAX_FAILURES = 64;
export const MAX_AUDIT = 100;
