/**
 * Noise sessions over BLE: the radio's values go into the session's state machines,
 * what comes out becomes events for the device. A session lives as long as its
 * connection; after a loss both sides begin anew, the contract's state is elsewhere.
 */
import { equalBytes } from "../../protocols/encoding/bytes.ts";
import { errorCode } from "../../protocols/errors.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import type { CentralRadio, PeripheralConnection, PeripheralRadio, Timer } from "../../protocols/ports.ts";
import { SERVICE_UUID, advertisedName } from "../../protocols/session/gatt.ts";
import { SessionResponder } from "../../protocols/session/responder.ts";
import type { SessionEvent } from "../../protocols/session/messages.ts";
import {
  BleCall,
  HANDSHAKE_MS,
  type KnownPeer,
  type SessionListener,
  type SessionParts,
} from "./ble-call.ts";

export type { KnownPeer, SessionListener, SessionParts } from "./ble-call.ts";

/** To `expect`: whoever comes is let in, for the device to judge. */
export const ANYONE = "*";
const REDIAL_MS = 1_000;
/** How long the last words may take before the radio is stopped. */
const FAREWELL_MS = 1_000;
/**
 * With so many connections, those whose session rests make room for who comes: a controller holds eight or
 * so, and then nobody else can even connect.
 */
const CROWD = 6;
/** Nothing said for so long: the session rests. */
const REST_MS = 200;

/** The device's side: advertises, and answers those whom it expects. */
export class SessionHost {
  readonly #radio: PeripheralRadio;
  readonly #parts: SessionParts;
  readonly #listener: SessionListener;
  readonly #guests = new Map<string, Guest>();
  #expected = new Set<string>();
  #psk: Uint8Array | null = null;
  #advertising = false;
  #sessions = 0;
  #crowd: Timer | undefined;
  #work: Promise<void> = Promise.resolve();

  constructor(radio: PeripheralRadio, parts: SessionParts, listener: SessionListener) {
    this.#radio = radio;
    this.#parts = parts;
    this.#listener = listener;
  }

  /** Who may open a session; nobody stops the advertising. */
  expect(peers: readonly string[]): void {
    this.#expected = new Set(peers);
    this.#work = this.#work
      .then(() => this.#adjust())
      .catch((error: unknown) => this.#listener.refused(errorCode(error)));
  }

  /**
   * While a secret is given, only peers that hold it get in (IKpsk1); null: as before. It counts for
   * connections that are made from here on.
   */
  admit(psk: Uint8Array | null): void {
    this.#psk = psk;
  }

  /** Sends in an open session; a session that is gone is no error, its end has been told. */
  send(session: string, bytes: Uint8Array): void {
    for (const guest of this.#guests.values()) {
      if (guest.session?.id !== session || !guest.responder.isOpen) continue;
      try {
        notifyAll(guest, guest.responder.send(bytes));
      } catch (error) {
        this.#listener.refused(errorCode(error));
        if (!guest.responder.isOpen) guest.connection.disconnect();
      }
    }
  }

  async close(): Promise<void> {
    this.expect([]);
    await this.#work;
    this.#crowd?.cancel();
    await this.#radio.close();
  }

  #isExpected(peer: string): boolean {
    return this.#expected.has(ANYONE) || this.#expected.has(peer);
  }

  async #adjust(): Promise<void> {
    const wanted = this.#expected.size > 0;
    if (wanted === this.#advertising) return;
    await (wanted ? this.#start() : this.#stop());
    this.#advertising = wanted;
  }

  #start(): Promise<void> {
    const name = advertisedName(this.#parts.signer.publicKey);
    return this.#radio.start(
      { name, serviceUuid: SERVICE_UUID },
      {
        connected: (connection) => this.#connected(connection),
        readInfo: (connection) => this.#readInfo(connection),
        written: (connection, value) => this.#written(connection, value),
        disconnected: (connection) => this.#disconnected(connection),
      },
    );
  }

  /** To stop the radio cuts off who is connected: what was said last arrives before. */
  async #stop(): Promise<void> {
    const { linkClock } = this.#parts;
    const farewells = [...this.#guests.values()].map(async (guest) => {
      notifyAll(guest, guest.responder.close());
      await guest.sending;
      guest.connection.disconnect();
      await guest.gone;
    });
    await new Promise<void>((resolve) => {
      const timer = linkClock.at(linkClock.now() + FAREWELL_MS, resolve);
      void Promise.allSettled(farewells).then(() => {
        timer.cancel();
        resolve();
      });
    });
    await this.#radio.stop();
  }

  #readInfo(connection: PeripheralConnection): Uint8Array {
    const { responder } = this.#guestOf(connection);
    // The MTU may have been negotiated since the connection was made.
    responder.notifySize = connection.notifySize;
    return responder.info(this.#parts.linkClock.now());
  }

  #guestOf(connection: PeripheralConnection): Guest {
    return this.#connected(connection);
  }

  #connected(connection: PeripheralConnection): Guest {
    // Asked for twice, it would forget the first one's timer and session.
    const known = this.#guests.get(connection.id);
    if (known !== undefined) return known;
    const { crypto, random, signer, sessionSecret, card, linkClock } = this.#parts;
    const responder = new SessionResponder({
      crypto,
      random,
      signer,
      sessionSecret,
      notifySize: connection.notifySize,
      cardHash: crypto.sha256(card),
      authorize: ({ peerIdentity }) => (this.#isExpected(agentId(peerIdentity)) ? null : "peer-refused"),
      ...(this.#psk === null ? {} : { psk: this.#psk }),
    });
    const patience = linkClock.at(linkClock.now() + HANDSHAKE_MS, () => connection.disconnect());
    let leave: () => void = () => undefined;
    const gone = new Promise<void>((resolve) => {
      leave = resolve;
    });
    const sending = Promise.resolve();
    const guest: Guest = {
      ...{ connection, responder, patience, session: undefined, sending, gone, leave },
      ...{ spokeMs: linkClock.now(), isDismissed: false },
    };
    this.#guests.set(connection.id, guest);
    this.#makeRoom();
    return guest;
  }

  /** Whoever rests longest goes first; they come again when they want something. */
  #makeRoom(): void {
    this.#crowd?.cancel();
    const { linkClock } = this.#parts;
    const here = [...this.#guests.values()].filter(({ isDismissed }) => !isDismissed);
    const open = here.filter(({ responder }) => responder.isOpen).sort((a, b) => a.spokeMs - b.spokeMs);
    for (const guest of open.slice(0, Math.max(0, here.length - CROWD))) {
      const restsMs = guest.spokeMs + REST_MS;
      if (linkClock.now() < restsMs) {
        this.#crowd = linkClock.at(restsMs, () => this.#makeRoom());
        return;
      }
      guest.isDismissed = true;
      notifyAll(guest, guest.responder.close());
      guest.sending = guest.sending.then(() => guest.connection.disconnect());
    }
  }

  #written(connection: PeripheralConnection, value: Uint8Array): void {
    const guest = this.#guestOf(connection);
    guest.spokeMs = this.#parts.linkClock.now();
    const { notifications, events } = guest.responder.received(value, this.#parts.linkClock.now());
    // The answer leaves before the device speaks, so that the peer's session is open when it does.
    notifyAll(guest, notifications);
    for (const event of events) this.#heard(guest, event);
  }

  #heard(guest: Guest, event: SessionEvent): void {
    switch (event.kind) {
      case "open": {
        guest.patience.cancel();
        if (guest.session !== undefined) this.#listener.closed(guest.session.id, guest.session.peer);
        guest.session = { id: `ble-in-${(this.#sessions += 1)}`, peer: agentId(event.peerIdentity) };
        const { id, peer } = guest.session;
        this.#listener.opened(id, peer, event.sessionHash, event.purpose, event.paired);
        this.#makeRoom();
        return;
      }
      case "message":
        if (guest.session !== undefined)
          this.#listener.message(guest.session.id, guest.session.peer, event.bytes);
        return;
      case "refused":
        this.#listener.refused(event.code);
        return;
      case "command":
      case "answer":
        // Commands inside a session belong to locks; here the session's messages carry everything.
        return;
      case "closed":
        guest.sending = guest.sending.then(() => guest.connection.disconnect());
        return;
    }
  }

  #disconnected(connection: PeripheralConnection): void {
    const guest = this.#guests.get(connection.id);
    if (guest === undefined) return;
    guest.patience.cancel();
    guest.leave();
    this.#guests.delete(connection.id);
    if (guest.session !== undefined) this.#listener.closed(guest.session.id, guest.session.peer);
  }
}

interface Guest {
  connection: PeripheralConnection;
  responder: SessionResponder;
  patience: Timer;
  session: { id: string; peer: string } | undefined;
  /** Notifications leave in order. */
  sending: Promise<void>;
  /** When it wrote something last, by the radio's clock. */
  spokeMs: number;
  /** It was told to make room. */
  isDismissed: boolean;
  /** Resolves when the connection has ended; `leave` says so. */
  gone: Promise<void>;
  leave: () => void;
}

function notifyAll(guest: Guest, values: Uint8Array[]): void {
  for (const value of values) {
    guest.sending = guest.sending
      .then(() => guest.connection.notify(value))
      // A failed notification means that the connection is going: its end is told by the radio.
      .catch(() => guest.connection.disconnect());
  }
}

/** The phone's side: looks for one peer and keeps a session open with it until told otherwise. */
export class SessionDialer {
  readonly #radio: CentralRadio;
  readonly #parts: SessionParts;
  readonly #listener: SessionListener;
  #dialled: { peer: string; purpose: Uint8Array; abort: AbortController } | undefined;
  /** The call that is under way. */
  #call: BleCall | undefined;
  /** One after the other: the last words of a call leave before the next one begins. */
  #calling: Promise<void> = Promise.resolve();
  #sessions = 0;
  #closed = false;

  constructor(radio: CentralRadio, parts: SessionParts, listener: SessionListener) {
    this.#radio = radio;
    this.#parts = parts;
    this.#listener = listener;
  }

  /** Calls until `hangUp`. Dialling the same peer again for the same purpose changes nothing. */
  dial(peer: KnownPeer, purpose: Uint8Array): void {
    if (this.#closed) return;
    const id = agentId(peer.identity);
    if (this.#dialled?.peer === id && equalBytes(this.#dialled.purpose, purpose)) return;
    this.hangUp();
    const abort = new AbortController();
    this.#dialled = { peer: id, purpose, abort };
    this.#calling = this.#calling.then(() => this.#keepCalling(peer, purpose, abort.signal));
  }

  hangUp(): void {
    this.#dialled?.abort.abort();
    this.#dialled = undefined;
  }

  send(session: string, bytes: Uint8Array): void {
    this.#call?.send(session, bytes);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.hangUp();
    await this.#calling;
    await this.#radio.close();
  }

  async #keepCalling(peer: KnownPeer, purpose: Uint8Array, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const address = await this.#find(peer, signal);
        if (address !== undefined) await this.#callOnce(address, peer, purpose, signal);
      } catch (error) {
        // Out of range, a lost link, a refusal: tell, wait, try again.
        this.#listener.refused(errorCode(error));
      }
      if (!signal.aborted) await this.#pause(REDIAL_MS, signal);
    }
  }

  async #callOnce(address: string, peer: KnownPeer, purpose: Uint8Array, signal: AbortSignal): Promise<void> {
    const session = `ble-out-${(this.#sessions += 1)}`;
    this.#call = new BleCall({ ...this.#parts, session, peer, purpose, listener: this.#listener });
    try {
      await this.#call.talk(this.#radio, address, signal);
    } finally {
      this.#call = undefined;
    }
  }

  async #find(peer: KnownPeer, signal: AbortSignal): Promise<string | undefined> {
    const wanted = advertisedName(peer.identity);
    const scan = new AbortController();
    const stop = (): void => scan.abort();
    signal.addEventListener("abort", stop);
    let address: string | undefined;
    try {
      await this.#radio.scan(
        SERVICE_UUID,
        (sighting) => {
          if (sighting.name !== wanted) return;
          address ??= sighting.address;
          scan.abort();
        },
        scan.signal,
      );
    } finally {
      signal.removeEventListener("abort", stop);
    }
    return signal.aborted ? undefined : address;
  }

  #pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = this.#parts.linkClock.at(this.#parts.linkClock.now() + ms, done);
      signal.addEventListener("abort", done);
    });
  }
}
