/**
 * Without a network, who can only be found cannot say that it has something for this agent: so this agent
 * listens now and then who is near, and pays each of them a short visit.
 */
import { publicKeyFromId } from "../../protocols/identity/keys.ts";
import type { Clock } from "../../protocols/ports.ts";
import { advertisedName } from "../../protocols/session/gatt.ts";
import { NEGOTIATION_PURPOSE } from "./negotiation-ble.ts";
import type { Errand } from "./radio-caller.ts";

export interface VisitParts {
  linkClock: Clock;
  contacts: () => Iterable<string>;
  /** The names that are advertised nearby, listened for that long. Errors: radio-*. */
  listen: (durationMs: number) => Promise<ReadonlySet<string>>;
  refused: (error: unknown) => void;
}

/** Listening takes a fifteenth of the time. */
const LISTEN_MS = 2_000;
const LISTEN_EVERY_MS = 30_000;
/** Who was spoken to is not visited so soon again. */
const VISIT_EVERY_MS = 60_000;
/** Who was seen may have walked away. */
const STILL_THERE_MS = 15_000;

export class RadioVisits {
  readonly #parts: VisitParts;
  /** When each was seen that is to be visited; by link time. */
  readonly #seenMs = new Map<string, number>();
  /** When each was spoken to last; by link time. */
  readonly #spokenMs = new Map<string, number>();
  #nextMs = 0;
  #isListening = false;

  constructor(parts: VisitParts) {
    this.#parts = parts;
  }

  /** A session with this peer is open: it has said what it has to say. */
  spoken(peer: string): void {
    this.#spokenMs.set(peer, this.#parts.linkClock.now());
    this.#seenMs.delete(peer);
  }

  errands(): Errand[] {
    const now = this.#parts.linkClock.now();
    for (const [peer, seenMs] of this.#seenMs) if (now - seenMs > STILL_THERE_MS) this.#seenMs.delete(peer);
    return [...this.#seenMs].map(([peer, seenMs]) => {
      return { peer, purpose: NEGOTIATION_PURPOSE, isUrgent: false, stamp: `visit ${seenMs}`, graceMs: 0 };
    });
  }

  /** To be called while the radio has nothing else to do. */
  turn(): void {
    const { linkClock, listen, refused } = this.#parts;
    const now = linkClock.now();
    if (this.#isListening || now < this.#nextMs) return;
    this.#isListening = true;
    listen(LISTEN_MS)
      .then((names) => this.#heard(names), refused)
      .finally(() => {
        this.#isListening = false;
        this.#nextMs = linkClock.now() + LISTEN_EVERY_MS;
      })
      .catch(refused);
  }

  #heard(names: ReadonlySet<string>): void {
    const now = this.#parts.linkClock.now();
    if (names.size === 0) return;
    for (const id of this.#parts.contacts()) {
      if (now - (this.#spokenMs.get(id) ?? -Infinity) < VISIT_EVERY_MS) continue;
      if (names.has(advertisedName(publicKeyFromId(id)))) this.#seenMs.set(id, now);
    }
  }
}
