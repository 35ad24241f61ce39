/**
 * A running home's radio: contacts find it, it calls those for whom something waits, and what the broker
 * cannot carry goes over BLE. Negotiations and tabs share it.
 */
import type { KnownPeer } from "../core/ble-call.ts";
import { NegotiationTalks } from "../core/negotiation-ble.ts";
import { negotiationErrands } from "../core/negotiation-errands.ts";
import type { Negotiator } from "../core/negotiator.ts";
import { RadioCaller } from "../core/radio-caller.ts";
import type { Errand } from "../core/radio-caller.ts";
import { RadioVisits } from "../core/radio-visits.ts";
import { SharedRadio } from "../core/shared-radio.ts";
import type { RadioUse } from "../core/shared-radio.ts";
import { errorCode } from "../../protocols/errors.ts";
import type { ErrorCode } from "../../protocols/errors.ts";
import type { CentralRadio, Clock, PeripheralRadio, Timer } from "../../protocols/ports.ts";
import type { Home } from "./home.ts";
import type { Machine } from "./run-connection.ts";
import type { HomeTabs } from "./tabs-run.ts";

/** Opens what the machine has; a radio plays one part, and only some can play both. */
export interface RadioOpeners {
  /** To be found by others. Errors: module-missing, radio-unavailable. */
  peripheral?: (lost: () => void) => Promise<PeripheralRadio>;
  /** To look for others. Errors: module-missing, radio-unavailable. */
  central?: (lost: () => void) => Promise<CentralRadio>;
}

export interface HomeRadioParts {
  machine: Machine;
  home: Pick<Home, "id" | "keys">;
  /** The network's time. */
  clock: Clock;
  tabs: HomeTabs;
  negotiator: Negotiator;
  /** Undefined while the card is not known. */
  cardOf: (peer: string) => KnownPeer | undefined;
  isOnline: () => boolean;
  say: (line: string) => void;
}

const TURN_MS = 500;
/** The same trouble is told once in this time: who is out of reach is tried again and again. */
const TELL_AGAIN_MS = 60_000;
/** What happens whenever people walk away. */
const USUAL: ReadonlySet<ErrorCode> = new Set(["radio-failed", "session-closed"]);

export class HomeRadio {
  readonly #parts: HomeRadioParts;
  readonly #shared: SharedRadio;
  readonly #talks: NegotiationTalks;
  readonly #caller: RadioCaller;
  readonly #visits: RadioVisits;
  readonly #contacts = new Set<string>();
  /** By code, in link time. */
  readonly #toldMs = new Map<ErrorCode, number>();
  #timer: Timer | undefined;

  constructor(parts: HomeRadioParts, radios: { peripheral?: PeripheralRadio; central?: CentralRadio }) {
    this.#parts = parts;
    const { machine, home, clock, tabs } = parts;
    const { crypto, random, linkClock } = machine;
    const { signer, sessionSecret, card } = home.keys;
    this.#talks = new NegotiationTalks({
      say: (session, bytes) => this.send(session, bytes),
      reachable: (peer) => parts.negotiator.reachable(peer),
      received: (peer, kind, body) => parts.negotiator.received(peer, kind, body),
    });
    this.#shared = new SharedRadio({
      ...radios,
      session: { crypto, random, signer, sessionSecret, card, clock, linkClock },
      uses: [this.#talks, tabs].map((use) => this.#watched(use)),
      refused: (error) => this.#refused(error),
    });
    this.#visits = new RadioVisits({
      linkClock,
      contacts: () => this.#contacts,
      listen: (durationMs) => this.#shared.listen(durationMs),
      refused: (error) => this.#refused(error),
    });
    this.#caller = new RadioCaller({
      linkClock,
      errands: () => this.#errands(),
      isOpen: (errand: Errand) =>
        tabs.serves(errand.purpose) ? tabs.isOpen(errand) : this.#talks.isOpen(errand.peer),
      cardOf: parts.cardOf,
      dial: (peer, purpose) => this.#shared.dial(peer, purpose),
      hangUp: () => this.#shared.hangUp(),
    });
  }

  get plays(): { isFound: boolean; looks: boolean } {
    return { isFound: this.#shared.isFound, looks: this.#shared.looks };
  }

  start(): void {
    this.#turn();
  }

  /** These contacts may find this home from now on. */
  meet(ids: readonly string[]): void {
    const fresh = ids.filter((id) => id !== this.#parts.home.id && !this.#contacts.has(id));
    if (fresh.length === 0) return;
    for (const id of fresh) this.#contacts.add(id);
    this.#shared.expect([...this.#contacts]);
  }

  /** Says a negotiation's message; undefined where no session with that peer is open. */
  tell(peer: string, kind: string, body: Uint8Array): Promise<void> | undefined {
    return this.#talks.send(peer, kind, body);
  }

  /** In an open session; one that is gone is no error. */
  send(session: string, bytes: Uint8Array): void {
    this.#shared.send(session, bytes);
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    await this.#shared.close();
  }

  #turn(): void {
    const { linkClock, failed } = this.#parts.machine;
    try {
      if (this.#shared.looks) {
        this.#caller.turn();
        if (this.#caller.isIdle && !this.#parts.isOnline()) this.#visits.turn();
      }
    } catch (error) {
      failed(error);
      return;
    }
    this.#timer = linkClock.at(linkClock.now() + TURN_MS, () => this.#turn());
  }

  /** The most urgent first; a visit only where nothing else leads there. */
  #errands(): Errand[] {
    const { tabs, negotiator, home, isOnline } = this.#parts;
    const online = isOnline();
    const talks = negotiationErrands(negotiator, home.id, online);
    const visits = online ? [] : this.#visits.errands();
    const others = visits.filter(({ peer }) => talks.every((one) => one.peer !== peer));
    return [...tabs.errands(), ...talks, ...others];
  }

  /** The caller stays where something is said. */
  #watched(use: RadioUse): RadioUse {
    return {
      serves: (purpose) => use.serves(purpose),
      opened: (session, peer, purpose, hash, paired) => {
        this.#caller.heard(peer);
        this.#visits.spoken(peer);
        use.opened(session, peer, purpose, hash, paired);
      },
      message: (session, peer, bytes) => {
        this.#caller.heard(peer);
        use.message(session, peer, bytes);
      },
      closed: (session, peer) => use.closed(session, peer),
    };
  }

  #refused(error: unknown): void {
    const code = errorCode(error);
    const { machine, say } = this.#parts;
    if (code === "internal") return machine.failed(error);
    const now = machine.linkClock.now();
    if (USUAL.has(code) || now - (this.#toldMs.get(code) ?? -Infinity) < TELL_AGAIN_MS) return;
    this.#toldMs.set(code, now);
    say(`radio: ${(error as Error).message} [${code}]`);
  }
}

/**
 * Opens the radios. What was opened is closed if the other cannot be; `lost` is called when one has gone off.
 * Errors: those of the openers.
 */
export async function openHomeRadio(
  parts: HomeRadioParts,
  openers: RadioOpeners,
  lost: () => void,
): Promise<HomeRadio> {
  const peripheral = await openers.peripheral?.(lost);
  try {
    const central = await openers.central?.(lost);
    return new HomeRadio(parts, {
      ...(peripheral === undefined ? {} : { peripheral }),
      ...(central === undefined ? {} : { central }),
    });
  } catch (error) {
    await peripheral?.close();
    throw error;
  }
}
