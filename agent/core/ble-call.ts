/** One call to a peer over BLE: connect, shake hands, talk, say the last word. */
import { equalBytes } from "../../protocols/encoding/bytes.ts";
import { SegmentError, errorCode, type ErrorCode } from "../../protocols/errors.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import type {
  CentralConnection,
  CentralRadio,
  Clock,
  Crypto,
  Random,
  Signer,
} from "../../protocols/ports.ts";
import { decodeInfo } from "../../protocols/session/info.ts";
import { SessionInitiator } from "../../protocols/session/initiator.ts";
import type { SessionEvent } from "../../protocols/session/messages.ts";

/** A connection that does not shake hands in this time is dropped: it would keep honest phones out. */
export const HANDSHAKE_MS = 2_000;
const CONNECT_MS = 10_000;

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
  /** SHA-256 of its signed card; null where its keys are known from elsewhere, such as a pairing code. */
  cardHash: Uint8Array | null;
  /** The one-time secret of a pairing code (Noise IKpsk1). */
  psk?: Uint8Array | null;
}

/** What sessions tell the agent. Must not throw. */
export interface SessionListener {
  /** `paired`: the peer has proved the one-time secret. */
  opened(session: string, peer: string, sessionHash: Uint8Array, purpose: Uint8Array, paired: boolean): void;
  message(session: string, peer: string, bytes: Uint8Array): void;
  closed(session: string, peer: string): void;
  refused(code: ErrorCode): void;
}

export interface CallParts extends SessionParts {
  /** The name of the session that the call opens. */
  session: string;
  peer: KnownPeer;
  purpose: Uint8Array;
  listener: SessionListener;
}

export class BleCall {
  readonly #parts: CallParts;
  readonly #peerId: string;
  /** Ends the call, from whichever side; more than once does no harm. */
  #end: () => void = () => undefined;
  readonly #ended: Promise<void>;
  #isOver = false;
  #connection: CentralConnection | undefined;
  #initiator: SessionInitiator | undefined;
  /** Writes leave in order. */
  #writing: Promise<void> = Promise.resolve();
  #outcome: "none" | "opened" | "refused" = "none";

  constructor(parts: CallParts) {
    this.#parts = parts;
    this.#peerId = agentId(parts.peer.identity);
    this.#ended = new Promise((resolve) => {
      this.#end = () => {
        this.#isOver = true;
        resolve();
      };
    });
  }

  /**
   * Resolves when a session that was open, or refused and told so, has ended. Errors: `radio-failed`,
   * `peer-refused` (another device answers there), and what decoding its info may throw.
   */
  async talk(radio: CentralRadio, address: string, signal: AbortSignal): Promise<void> {
    const { linkClock, listener, session } = this.#parts;
    const patience = linkClock.at(linkClock.now() + CONNECT_MS + HANDSHAKE_MS, () => {
      if (this.#outcome === "none") this.#end();
    });
    signal.addEventListener("abort", this.#end);
    try {
      const on = { notified: (value: Uint8Array) => this.#notified(value), disconnected: this.#end };
      this.#connection = await radio.connect(address, on, CONNECT_MS);
      // Told to stop while it was connecting: an abort is heard once only.
      if (signal.aborted) return;
      await Promise.race([this.#greet(this.#connection), this.#ended]);
      await this.#ended;
      // What was said last still leaves: the phone's "papers kept" before it hangs up.
      if (this.#outcome === "opened") this.#write(this.#initiator?.close() ?? []);
      await this.#writing;
      if (this.#outcome === "none" && !signal.aborted) {
        throw new SegmentError("radio-failed", "the link ended before a session was open", {
          where: address,
        });
      }
    } finally {
      patience.cancel();
      signal.removeEventListener("abort", this.#end);
      if (this.#outcome === "opened") listener.closed(session, this.#peerId);
      await this.#connection?.disconnect().catch(() => undefined);
    }
  }

  /** Sends in the session of that name; one that is gone is no error, its end is told. */
  send(session: string, bytes: Uint8Array): void {
    if (session !== this.#parts.session || this.#isOver || this.#initiator?.isOpen !== true) return;
    try {
      this.#write(this.#initiator.send(bytes));
    } catch (error) {
      this.#parts.listener.refused(errorCode(error));
      if (!this.#initiator.isOpen) this.#end();
    }
  }

  async #greet(connection: CentralConnection): Promise<void> {
    const { peer, purpose, clock, crypto, random, signer, sessionSecret } = this.#parts;
    const info = await connection.readInfo();
    if (this.#isOver) return;
    const { cardHash } = decodeInfo(info);
    if (peer.cardHash !== null && !equalBytes(cardHash, peer.cardHash.subarray(0, cardHash.length))) {
      throw new SegmentError("peer-refused", "the device there shows another card");
    }
    this.#initiator = new SessionInitiator({
      crypto,
      random,
      signer,
      sessionSecret,
      peerIdentity: peer.identity,
      peerSessionKey: peer.sessionKey,
      purpose,
      command: new Uint8Array(),
      writeSize: connection.writeSize,
      now: clock.now(),
      ...(peer.psk === undefined || peer.psk === null ? {} : { psk: peer.psk }),
    });
    this.#write(this.#initiator.begin(info));
  }

  #write(values: Uint8Array[]): void {
    for (const value of values) this.#writing = this.#writing.then(() => this.#connection?.write(value));
    // A failed write means that the link is going.
    this.#writing = this.#writing.catch(this.#end);
  }

  #notified(value: Uint8Array): void {
    if (this.#initiator === undefined) return;
    const { writes, events } = this.#initiator.received(value);
    this.#write(writes);
    for (const event of events) this.#heard(event);
  }

  #heard(event: SessionEvent): void {
    const { listener, session, purpose } = this.#parts;
    switch (event.kind) {
      case "open":
        this.#outcome = "opened";
        listener.opened(session, this.#peerId, event.sessionHash, purpose, event.paired);
        return;
      case "message":
        listener.message(session, this.#peerId, event.bytes);
        return;
      case "refused":
        if (this.#outcome === "none") this.#outcome = "refused";
        listener.refused(event.code);
        this.#end();
        return;
      case "closed":
        this.#end();
        return;
      case "command":
      case "answer":
        // Commands inside a session belong to locks; here the session's messages carry everything.
        return;
    }
  }
}
