/**
 * Whom to call over BLE, and when to stop: whoever something waits for, one after the other, and nobody when
 * nothing waits, so that a phone's radio rests. Who is not found rests ever longer, until something new waits
 * for it.
 */
import { toHex } from "../../protocols/encoding/bytes.ts";
import type { Clock } from "../../protocols/ports.ts";
import type { KnownPeer } from "./ble-call.ts";

/** Something that waits for a peer, or for its word. */
export interface Errand {
  peer: string;
  purpose: Uint8Array;
  /** Somebody stands there and waits: it goes before those that are not. */
  isUrgent: boolean;
  /** Changes with what waits: then it is worth another try. */
  stamp: string;
  /** How long another way may take to do it first, in ms. */
  graceMs: number;
}

export interface CallerParts {
  linkClock: Clock;
  /** What waits now, the most urgent first. */
  errands: () => Errand[];
  /** Whether a session with that peer for that purpose is open, whoever called. */
  isOpen: (errand: Errand) => boolean;
  /** Undefined while the peer's card is not known. */
  cardOf: (peer: string) => KnownPeer | undefined;
  dial: (peer: KnownPeer, purpose: Uint8Array) => void;
  hangUp: () => void;
}

/** How long a peer may take to be found, and to open a session. */
const FIND_MS = 8_000;
/** A session stays open so long after the last word: for what follows, or for the person's answer. */
const LAST_WORD_MS = 1_000;
const ANSWER_MS = 30_000;
/** The same while others are to be called. */
const OTHERS_MS = 5_000;
const FIRST_REST_MS = 2_000;
const LONGEST_REST_MS = 60_000;

interface Rest {
  stamp: string;
  /** By link time. */
  untilMs: number;
  restMs: number;
}

interface Current {
  errand: Errand;
  key: string;
  sinceMs: number;
  /** When something was said last; undefined before the session is open. */
  heardMs: number | undefined;
}

export class RadioCaller {
  readonly #parts: CallerParts;
  readonly #rests = new Map<string, Rest>();
  #current: Current | undefined;

  constructor(parts: CallerParts) {
    this.#parts = parts;
  }

  /** Whether nobody is being called. */
  get isIdle(): boolean {
    return this.#current === undefined;
  }

  /** Something was said, or a session was opened, with this peer. */
  heard(peer: string): void {
    if (this.#current?.errand.peer === peer) this.#current.heardMs = this.#parts.linkClock.now();
  }

  /** To be called every half second or so. */
  turn(): void {
    const now = this.#parts.linkClock.now();
    const errands = this.#parts.errands();
    const keys = new Set(errands.map(keyOf));
    for (const key of this.#rests.keys()) if (!keys.has(key)) this.#rests.delete(key);
    for (const errand of errands) this.#note(errand, now);
    if (this.#current !== undefined && !this.#goesOn(this.#current, errands, now)) {
      this.#current = undefined;
      this.#parts.hangUp();
    }
    if (this.#current === undefined) this.#begin(errands, now);
  }

  /** What is new, or has changed, may be tried (again) soon. */
  #note(errand: Errand, now: number): void {
    const key = keyOf(errand);
    const known = this.#rests.get(key);
    if (known?.stamp === errand.stamp) return;
    const { stamp, graceMs } = errand;
    this.#rests.set(key, { stamp, untilMs: now + graceMs, restMs: FIRST_REST_MS });
  }

  #goesOn(current: Current, errands: readonly Errand[], now: number): boolean {
    const { key, sinceMs, heardMs } = current;
    const errand = errands.find((one) => keyOf(one) === key);
    // The last words still leave.
    if (errand === undefined) return heardMs !== undefined && now - heardMs < LAST_WORD_MS;
    const others = errands.filter((one) => keyOf(one) !== key && this.#isDue(one, now));
    if (!errand.isUrgent && others.some(({ isUrgent }) => isUrgent)) return false;
    const quietMs = others.length > 0 ? OTHERS_MS : ANSWER_MS;
    const isOver =
      heardMs === undefined
        ? now - sinceMs >= FIND_MS
        : now - heardMs >= quietMs || !this.#parts.isOpen(errand);
    if (isOver) this.#rest(key, now);
    return !isOver;
  }

  #begin(errands: readonly Errand[], now: number): void {
    const { cardOf, isOpen, dial } = this.#parts;
    for (const errand of errands) {
      const card = cardOf(errand.peer);
      if (card === undefined || !this.#isDue(errand, now) || isOpen(errand)) continue;
      this.#current = { errand, key: keyOf(errand), sinceMs: now, heardMs: undefined };
      return dial(card, errand.purpose);
    }
  }

  #isDue(errand: Errand, now: number): boolean {
    return now >= (this.#rests.get(keyOf(errand))?.untilMs ?? now);
  }

  #rest(key: string, now: number): void {
    const rest = this.#rests.get(key);
    if (rest === undefined) return;
    rest.untilMs = now + rest.restMs;
    rest.restMs = Math.min(2 * rest.restMs, LONGEST_REST_MS);
  }
}

function keyOf({ peer, purpose }: Errand): string {
  return `${peer}/${toHex(purpose)}`;
}
