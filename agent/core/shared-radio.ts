/**
 * One radio for all that an agent does over BLE. Negotiations, tabs and whatever comes later share it; what
 * a session is opened for (its purpose, which both sides have signed) says whose it is.
 */
import { SegmentError } from "../../protocols/errors.ts";
import type { CentralRadio, PeripheralRadio } from "../../protocols/ports.ts";
import { SERVICE_UUID } from "../../protocols/session/gatt.ts";
import type { KnownPeer, SessionListener, SessionParts } from "./ble-call.ts";
import { SessionDialer, SessionHost } from "./ble-sessions.ts";

/** One of those who share a radio. `opened` and `closed` must not throw; what `message` throws is refused. */
export interface RadioUse {
  /** Whether sessions that are opened for this are its own. */
  serves(purpose: Uint8Array): boolean;
  /** `paired`: the peer has proved the one-time secret of a pairing code. */
  opened(session: string, peer: string, purpose: Uint8Array, sessionHash: Uint8Array, paired: boolean): void;
  message(session: string, peer: string, bytes: Uint8Array): void;
  closed(session: string, peer: string): void;
}

export interface SharedRadioParts {
  session: SessionParts;
  /** To be found by others. */
  peripheral?: PeripheralRadio;
  /** To look for others. */
  central?: CentralRadio;
  uses: readonly RadioUse[];
  /** What was refused, or failed; the radio goes on. */
  refused: (error: unknown) => void;
}

export class SharedRadio {
  readonly #parts: SharedRadioParts;
  readonly #closing = new AbortController();
  readonly #host: SessionHost | undefined;
  readonly #dialer: SessionDialer | undefined;
  /** By session. */
  readonly #users = new Map<string, RadioUse>();

  constructor(parts: SharedRadioParts) {
    this.#parts = parts;
    const { session, peripheral, central } = parts;
    const listener: SessionListener = {
      opened: (name, peer, hash, purpose, paired) => {
        const use = parts.uses.find((one) => one.serves(purpose));
        if (use === undefined) return;
        this.#users.set(name, use);
        use.opened(name, peer, purpose, hash, paired);
      },
      message: (name, peer, bytes) => {
        try {
          this.#users.get(name)?.message(name, peer, bytes);
        } catch (error) {
          parts.refused(error);
        }
      },
      closed: (name, peer) => {
        const use = this.#users.get(name);
        this.#users.delete(name);
        use?.closed(name, peer);
      },
      refused: (code) => parts.refused(new SegmentError(code, "a session was refused, or has failed")),
    };
    if (peripheral !== undefined) this.#host = new SessionHost(peripheral, session, listener);
    if (central !== undefined) this.#dialer = new SessionDialer(central, session, listener);
  }

  /** Whether it can be found by others. */
  get isFound(): boolean {
    return this.#host !== undefined;
  }

  /** Whether it can look for others. */
  get looks(): boolean {
    return this.#dialer !== undefined;
  }

  /** Lets these peers find this agent, and talk to it; an empty list stops. */
  expect(peers: readonly string[]): void {
    this.#host?.expect(peers);
  }

  /** Looks for a peer and keeps a session open with it until `hangUp`. */
  dial(peer: KnownPeer, purpose: Uint8Array): void {
    this.#dialer?.dial(peer, purpose);
  }

  hangUp(): void {
    this.#dialer?.hangUp();
  }

  /** The names that are advertised nearby, listened for that long, in ms. Errors: radio-*. */
  async listen(durationMs: number): Promise<ReadonlySet<string>> {
    const names = new Set<string>();
    const { central, session } = this.#parts;
    if (central === undefined || this.#closing.signal.aborted) return names;
    const { linkClock } = session;
    const over = new AbortController();
    const stop = (): void => over.abort();
    const timer = linkClock.at(linkClock.now() + durationMs, stop);
    this.#closing.signal.addEventListener("abort", stop);
    try {
      await central.scan(SERVICE_UUID, ({ name }) => void names.add(name), over.signal);
      return names;
    } finally {
      timer.cancel();
      this.#closing.signal.removeEventListener("abort", stop);
    }
  }

  /** In an open session; one that is gone is no error. */
  send(session: string, bytes: Uint8Array): void {
    this.#host?.send(session, bytes);
    this.#dialer?.send(session, bytes);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#dialer?.close();
    await this.#host?.close();
  }
}
