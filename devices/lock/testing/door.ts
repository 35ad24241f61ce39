/** A lock on the bench: its step and journal, a clock and sensors that a test moves, people at the door. */
import { nodeCrypto as crypto } from "../../../agent/node/crypto.ts";
import { signRequest } from "../../../protocols/access/command.ts";
import type { Link } from "../../../protocols/access/chain.ts";
import { guestKeyId, signGuestKey } from "../../../protocols/access/key.ts";
import type { GuestKey } from "../../../protocols/access/key.ts";
import { ACCESS_SCHEMAS } from "../../../protocols/access/messages.ts";
import type { AccessBody, AuditEntry } from "../../../protocols/access/messages.ts";
import { signOrder } from "../../../protocols/access/orders.ts";
import type { OrderAct } from "../../../protocols/access/orders.ts";
import type { Action } from "../../../protocols/access/rights.ts";
import { keyOf, MONDAY_8H, person } from "../../../protocols/access/testing/kit.ts";
import { decodeMessage, encodeMessage } from "../../../protocols/encoding/messages.ts";
import { signCard } from "../../../protocols/identity/card.ts";
import { agentId } from "../../../protocols/identity/keys.ts";
import type { VerifiedReceipt } from "../../../protocols/ledger/receipt.ts";
import type { Crypto, Signer } from "../../../protocols/ports.ts";
import type { DeviceContext, DeviceEffect, DeviceEvent } from "../../device.ts";
import { createLock } from "../lock.ts";
import type { LockConfig, LockState } from "../state.ts";

export const CONFIG: LockConfig = {
  door: { pulseMs: 500, relockMs: 5_000, hasContact: true, hasBoltSensor: true, openAlarmMs: 60_000 },
  home: {
    shutter: { role: "shutter", actuator: "shutter-relay", pulseMs: 20_000 },
    light: { role: "light", actuator: "light-relay", pulseMs: 100 },
  },
  resetHoldMs: 10_000,
  keepsTime: false,
};

export interface Person {
  signer: Signer;
  root: Signer;
  id: string;
  card: Uint8Array;
}

export function personAt(seed: number, name: string): Person {
  const signer = person(seed, crypto);
  const root = person(seed + 100, crypto);
  const keys = {
    root: root.publicKey,
    identity: signer.publicKey,
    sessionKey: new Uint8Array(32).fill(seed),
  };
  const dates = { notBefore: MONDAY_8H - 1_000, notAfter: MONDAY_8H + 1e12 };
  const card = signCard({ ...keys, kind: "phone", name, ...dates }, root);
  return { signer, root, id: agentId(signer.publicKey), card };
}

export const olga = personAt(2, "Olga");
export const ana = personAt(3, "Ana");
export const bo = personAt(4, "Bo");
export const sam = personAt(5, "Sam");
export const otto = personAt(6, "Otto");
export const lock = person(1, crypto);

export type Answer = AccessBody<"lock-answer">;

interface Asking {
  links?: Link[];
  refreshes?: Uint8Array[];
  target?: string;
  action?: Action;
  /** Default: a new one for each tap. */
  nonce?: number;
  signer?: Signer;
  /** A rental's guest's word on the opening. */
  opened?: Uint8Array;
  changes?: Partial<Parameters<typeof signRequest>[0]>;
}

export class Door {
  now = MONDAY_8H;
  readonly readings = new Map<string, unknown>();
  readonly timers = new Map<string, number>();
  /** All effects, in order. */
  readonly effects: DeviceEffect[] = [];
  state: LockState;
  /** What the notaries' certificates say; they are checked elsewhere. */
  verifyReceipt = (_bytes: Uint8Array): VerifiedReceipt => {
    throw new Error("no receipts here");
  };
  readonly device;
  #sessions = 0;
  #nonces = 0;
  #orders = 0;

  readonly #crypto: Crypto;

  constructor(config: LockConfig = CONFIG, own: Crypto = crypto) {
    this.#crypto = own;
    this.device = createLock(config);
    this.state = this.device.initial();
    this.post({ kind: "started" });
  }

  get context(): DeviceContext {
    return {
      now: this.now,
      self: agentId(lock.publicKey),
      signer: lock,
      crypto: this.#crypto,
      card: new Uint8Array(0),
      network: "village",
      readings: this.readings,
      verifyReceipt: (bytes) => this.verifyReceipt(bytes),
    };
  }

  /** One step; the state goes through the journal each time. */
  post(event: DeviceEvent): DeviceEffect[] {
    const { state, effects } = this.device.step(this.state, event, this.context);
    this.state = decodeMessage(encodeMessage(state)) as LockState;
    for (const effect of effects) {
      if (effect.kind !== "timer") continue;
      if (effect.atMs === null) this.timers.delete(effect.name);
      else this.timers.set(effect.name, effect.atMs);
    }
    this.effects.push(...effects);
    return effects;
  }

  /** Time goes by, and timers ring. */
  wait(ms: number): DeviceEffect[] {
    const until = this.now + ms;
    const effects: DeviceEffect[] = [];
    for (;;) {
      const [next] = [...this.timers].toSorted((a, b) => a[1] - b[1]);
      if (next === undefined || next[1] > until) break;
      const [name, atMs] = next;
      this.timers.delete(name);
      this.now = Math.max(this.now, atMs);
      effects.push(...this.post({ kind: "timer", name }));
    }
    this.now = until;
    return effects;
  }

  sense(name: string, value: unknown): DeviceEffect[] {
    this.readings.set(name, value);
    return this.post({ kind: "sensor", name, value });
  }

  restart(): DeviceEffect[] {
    this.readings.clear();
    this.timers.clear();
    return this.post({ kind: "started" });
  }

  open(who: Person, paired = false): Session {
    this.#sessions += 1;
    const hash = crypto.sha256(new Uint8Array([this.#sessions >> 8, this.#sessions, 1]));
    const id = `ble-in-${this.#sessions}`;
    const opened = { kind: "session-opened" as const, session: id, peer: who.id, sessionHash: hash };
    this.post({ ...opened, purpose: new Uint8Array(0), ...(paired ? { paired } : {}) });
    return { id, hash, who };
  }

  say(session: Session, type: string, body: unknown): DeviceEffect[] {
    const said = { kind: "session-message" as const, session: session.id, peer: session.who.id };
    return this.post({ ...said, type, body: encodeMessage(body) });
  }

  /** The bytes of a signed request, as the phone of the session makes it. */
  requested(session: Session | null, who: Person, asking: Asking = {}): AccessBody<"lock-request"> {
    const { links = [], refreshes = [], target = "door", action = "open" } = asking;
    this.#nonces += 1;
    const nonce = new Uint8Array(16).fill(asking.nonce ?? 0);
    if (asking.nonce === undefined) nonce.set([255, this.#nonces >> 8, this.#nonces]);
    const last = links.at(-1);
    const request = {
      lock: lock.publicKey,
      tenure: this.state.tenure ?? new Uint8Array(16),
      session: session?.hash ?? null,
      nonce,
      target,
      action,
      timeMs: this.now,
      key: last === undefined ? null : guestKeyId(crypto, last.key),
      ...asking.changes,
    };
    const signed = signRequest(request, asking.signer ?? who.signer);
    return { request: signed, links, refreshes, opened: asking.opened ?? null };
  }

  ask(session: Session, asking: Asking = {}): DeviceEffect[] {
    return this.say(session, "lock-request", this.requested(session, session.who, asking));
  }

  /** By order of the owner. */
  order(signer: Signer, act: OrderAct, number = (this.#orders += 1)): Uint8Array {
    const tenure = this.state.tenure ?? new Uint8Array(16);
    return signOrder({ lock: lock.publicKey, tenure, number, timeMs: this.now, act }, signer);
  }

  /** An owner's key of this lock. */
  key(changes: Partial<GuestKey> = {}, issuer: Signer = olga.signer): Link {
    const here = { lock: lock.publicKey, tenure: this.state.tenure ?? new Uint8Array(16) };
    const key = keyOf({ ...here, issuer: issuer.publicKey, issuedMs: this.now, ...changes });
    return { key: signGuestKey(key, issuer), claim: null };
  }

  pair(who: Person = olga): Session {
    this.post({ kind: "command", name: "pair", value: { psk: new Uint8Array(32).fill(1) } });
    const session = this.open(who, true);
    this.say(session, "lock-pair", { card: who.card, proof: null });
    return session;
  }
}

export interface Session {
  id: string;
  hash: Uint8Array;
  who: Person;
}

/** Olga owns it, the door is shut and locked, and the time is known. */
export function ownedDoor(config: LockConfig = CONFIG, own: Crypto = crypto): Door {
  const door = new Door(config, own);
  door.sense("clock-known", true);
  door.sense("door-open", false);
  door.sense("bolt-locked", true);
  door.pair();
  door.effects.length = 0;
  return door;
}

/** Pulses of the bolt: "unlocked" or "locked". */
export function bolts(effects: readonly DeviceEffect[]): string[] {
  return effects.flatMap((effect) =>
    effect.kind === "actuate" && effect.name === "bolt" ? [(effect.value as { to: string }).to] : [],
  );
}

/** What the lock answers, checked against the schema of its type. */
export function answers(effects: readonly DeviceEffect[]): Answer[] {
  return effects.flatMap((effect) => {
    if ((effect.kind !== "say" && effect.kind !== "send") || effect.type !== "lock-answer") return [];
    return [ACCESS_SCHEMAS["lock-answer"].parse(decodeMessage(encodeMessage(effect.body)))];
  });
}

/** The code of the only answer; "done" if it was done. */
export function verdict(effects: readonly DeviceEffect[]): string {
  const all = answers(effects);
  if (all.length !== 1) return `${all.length} answers`;
  return all[0]!.code ?? "done";
}

/** What somebody's phone gets when it comes, shows these keys and asks. */
export function asked(door: Door, who: Person, links: Link[], asking: Asking = {}): string {
  return verdict(door.ask(door.open(who), { links, ...asking }));
}

export function alertsOf(effects: readonly DeviceEffect[]): string[] {
  return effects.flatMap((effect) => {
    if (effect.kind !== "send" || effect.type !== "lock-alert") return [];
    return [`${ACCESS_SCHEMAS["lock-alert"].parse(effect.body).kind} ${effect.to}`];
  });
}

/** The lines that went into the sealed log, without those of sensors. */
export function loggedLines(effects: readonly DeviceEffect[]): number {
  return effects.filter((one) => one.kind === "record" && one.records[0]!.n === "lock/log").length;
}

export function lastLine({ state }: Door): AuditEntry | undefined {
  return state.audit.at(-1);
}
