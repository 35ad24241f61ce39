/**
 * Noise sessions over BLE: the radio's values go into the session's state machines,
 * what comes out becomes events for the device. A session lives as long as its
 * connection; after a loss both sides begin anew, the contract's state is elsewhere.
 */
import { SegmentError, errorCode, type ErrorCode } from "../../protocols/errors.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import type {
  CentralConnection,
  CentralRadio,
  Clock,
  Crypto,
  PeripheralConnection,
  PeripheralRadio,
  Random,
  Signer,
  Timer,
} from "../../protocols/ports.ts";
import { SERVICE_UUID, advertisedName } from "../../protocols/session/gatt.ts";
import { decodeInfo } from "../../protocols/session/info.ts";
import { SessionInitiator } from "../../protocols/session/initiator.ts";
import { SessionResponder } from "../../protocols/session/responder.ts";
import type { SessionEvent } from "../../protocols/session/messages.ts";
import { equalBytes } from "../../protocols/encoding/bytes.ts";

/** A connection that does not shake hands in this time is dropped: it would keep honest phones out. */
const HANDSHAKE_MS = 5_000;
const CONNECT_MS = 10_000;
const REDIAL_MS = 1_000;

export interface SessionParts {
  crypto: Crypto;
  random: Random;
  signer: Signer;
  sessionSecret: Uint8Array;
  card: Uint8Array;
  /** Wall time for the signed hello; the world's clock. */
  clock: Clock;
  /** The radio's time-outs: never sped up. */
  linkClock: Clock;
}

/** A peer as its card presents it. */
export interface KnownPeer {
  identity: Uint8Array;
  sessionKey: Uint8Array;
  /** SHA-256 of its signed card. */
  cardHash: Uint8Array;
}

/** What sessions tell the agent. */
export interface SessionListener {
  opened(session: string, peer: string, sessionHash: Uint8Array, purpose: Uint8Array): void;
  message(session: string, peer: string, bytes: Uint8Array): void;
  closed(session: string, peer: string): void;
  refused(code: ErrorCode): void;
}

/** The device's side: advertises, and answers those whom it expects. */
export class SessionHost {
  readonly #radio: PeripheralRadio;
  readonly #parts: SessionParts;
  readonly #listener: SessionListener;
  readonly #guests = new Map<string, Guest>();
  #expected = new Set<string>();
  #advertising = false;
  #sessions = 0;
  #work: Promise<void> = Promise.resolve();

  constructor(radio: PeripheralRadio, parts: SessionParts, listener: SessionListener) {
    this.#radio = radio;
    this.#parts = parts;
    this.#listener = listener;
  }

  /** Who may open a session; nobody stops the advertising. */
  expect(peers: readonly string[]): void {
    this.#expected = new Set(peers);
    this.#work = this.#work.then(() => this.#adjust()).catch((error: unknown) => this.#listener.refused(errorCode(error)));
  }

  /** Sends in an open session; a session that is gone is no error, its end has been told. */
  send(session: string, bytes: Uint8Array): void {
    for (const guest of this.#guests.values()) {
      if (guest.session?.id === session) notifyAll(guest, guest.responder.send(bytes));
    }
  }

  async close(): Promise<void> {
    this.#expected = new Set();
    await this.#work;
    await this.#radio.close();
  }

  async #adjust(): Promise<void> {
    const wanted = this.#expected.size > 0;
    if (wanted === this.#advertising) return;
    this.#advertising = wanted;
    if (!wanted) return this.#radio.stop();
    const name = advertisedName(this.#parts.signer.publicKey);
    await this.#radio.start(
      { name, serviceUuid: SERVICE_UUID },
      {
        connected: (connection) => this.#connected(connection),
        readInfo: (connection) => this.#readInfo(connection),
        written: (connection, value) => this.#written(connection, value),
        disconnected: (connection) => this.#disconnected(connection),
      },
    );
  }

  #readInfo(connection: PeripheralConnection): Uint8Array {
    const { responder } = this.#guestOf(connection);
    // The MTU may have been negotiated since the connection was made.
    responder.notifySize = connection.notifySize;
    return responder.info(this.#parts.linkClock.now());
  }

  #guestOf(connection: PeripheralConnection): Guest {
    return this.#guests.get(connection.id) ?? this.#connected(connection);
  }

  #connected(connection: PeripheralConnection): Guest {
    const { crypto, random, signer, sessionSecret, card, linkClock } = this.#parts;
    const responder = new SessionResponder({
      crypto,
      random,
      signer,
      sessionSecret,
      notifySize: connection.notifySize,
      cardHash: crypto.sha256(card),
      authorize: (hello) => (this.#expected.has(agentId(hello.peerIdentity)) ? null : "peer-refused"),
    });
    const patience = linkClock.at(linkClock.now() + HANDSHAKE_MS, () => connection.disconnect());
    const guest: Guest = { connection, responder, patience, session: undefined, sending: Promise.resolve() };
    this.#guests.set(connection.id, guest);
    return guest;
  }

  #written(connection: PeripheralConnection, value: Uint8Array): void {
    const guest = this.#guestOf(connection);
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
        guest.session = { id: `ble-${(this.#sessions += 1)}`, peer: agentId(event.peerIdentity) };
        this.#listener.opened(guest.session.id, guest.session.peer, event.sessionHash, event.purpose);
        return;
      }
      case "message":
        if (guest.session !== undefined) this.#listener.message(guest.session.id, guest.session.peer, event.bytes);
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
  #call: { peer: string; abort: AbortController; running: Promise<void> } | undefined;
  #live: { id: string; send: (bytes: Uint8Array) => void } | undefined;
  #sessions = 0;

  constructor(radio: CentralRadio, parts: SessionParts, listener: SessionListener) {
    this.#radio = radio;
    this.#parts = parts;
    this.#listener = listener;
  }

  /** Calls until `hangUp`. Dialling the same peer again changes nothing. */
  dial(peer: KnownPeer, purpose: Uint8Array): void {
    const id = agentId(peer.identity);
    if (this.#call?.peer === id) return;
    this.hangUp();
    const abort = new AbortController();
    this.#call = { peer: id, abort, running: this.#keepCalling(peer, purpose, abort.signal) };
  }

  hangUp(): void {
    this.#call?.abort.abort();
    this.#call = undefined;
  }

  send(session: string, bytes: Uint8Array): void {
    if (this.#live?.id === session) this.#live.send(bytes);
  }

  async close(): Promise<void> {
    const running = this.#call?.running;
    this.hangUp();
    await running;
    await this.#radio.close();
  }

  async #keepCalling(peer: KnownPeer, purpose: Uint8Array, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const address = await this.#find(peer, signal);
        if (address !== undefined) await this.#talk(address, peer, purpose, signal);
      } catch (error) {
        // Out of range, a lost link, a refusal: tell, wait, try again.
        this.#listener.refused(errorCode(error));
      }
      if (!signal.aborted) await this.#pause(REDIAL_MS, signal);
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

  async #talk(address: string, peer: KnownPeer, purpose: Uint8Array, signal: AbortSignal): Promise<void> {
    const parts = this.#parts;
    const listener = this.#listener;
    const peerId = agentId(peer.identity);
    const state: { session: string | undefined; initiator: SessionInitiator | undefined } = {
      session: undefined,
      initiator: undefined,
    };
    let ended: () => void = () => undefined;
    const gone = new Promise<void>((resolve) => {
      ended = resolve;
    });
    let writing: Promise<void> = Promise.resolve();
    const writeAll = (connection: CentralConnection, values: Uint8Array[]): void => {
      for (const value of values) writing = writing.then(() => connection.write(value));
      writing = writing.catch(() => ended());
    };
    let connection: CentralConnection | undefined;
    const notified = (value: Uint8Array): void => {
      if (state.initiator === undefined || connection === undefined) return;
      const { writes, events } = state.initiator.received(value);
      writeAll(connection, writes);
      for (const event of events) heard(event);
    };
    const heard = (event: SessionEvent): void => {
      if (event.kind === "open") {
        patience.cancel();
        state.session = `ble-${(this.#sessions += 1)}`;
        this.#live = {
          id: state.session,
          send: (bytes) => {
            if (connection !== undefined && state.initiator !== undefined) writeAll(connection, state.initiator.send(bytes));
          },
        };
        listener.opened(state.session, peerId, event.sessionHash, purpose);
      } else if (event.kind === "message" && state.session !== undefined) {
        listener.message(state.session, peerId, event.bytes);
      } else if (event.kind === "refused") {
        listener.refused(event.code);
        ended();
      } else if (event.kind === "closed") {
        ended();
      }
    };
    const patience = parts.linkClock.at(parts.linkClock.now() + CONNECT_MS + HANDSHAKE_MS, () => ended());
    signal.addEventListener("abort", ended);
    try {
      connection = await this.#radio.connect(address, { notified, disconnected: ended }, CONNECT_MS);
      const info = await connection.readInfo();
      const { cardHash } = decodeInfo(info);
      if (!equalBytes(cardHash, peer.cardHash.subarray(0, cardHash.length))) {
        throw new SegmentError("peer-refused", "the device there shows another card");
      }
      state.initiator = new SessionInitiator({
        crypto: parts.crypto,
        random: parts.random,
        signer: parts.signer,
        sessionSecret: parts.sessionSecret,
        peerIdentity: peer.identity,
        peerSessionKey: peer.sessionKey,
        purpose,
        command: new Uint8Array(),
        writeSize: connection.writeSize,
        now: parts.clock.now(),
      });
      writeAll(connection, state.initiator.begin(info));
      await gone;
      // What was said last still leaves: the phone's "papers kept" before it hangs up.
      if (state.session !== undefined) writeAll(connection, state.initiator.close());
      await writing;
    } finally {
      patience.cancel();
      signal.removeEventListener("abort", ended);
      if (state.session !== undefined) {
        this.#live = undefined;
        listener.closed(state.session, peerId);
      }
      await connection?.disconnect().catch(() => undefined);
    }
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
