/** One central that is connected to bleno, and what leaves for it. */
import { SegmentError } from "../../../protocols/errors.ts";
import type { Clock, PeripheralConnection } from "../../../protocols/ports.ts";
import type { Handle } from "./peripheral.ts";
import { bounded, radioFailed, type RadioCounters } from "./wait.ts";

/** What of bleno's inside is used, absent on macOS. */
export interface BlenoInternals {
  _hci?: BlenoHci;
  _gatt?: {
    _connections: Map<Handle, { mtu: number }>;
    handlePrepareWriteRequest: (request: Uint8Array) => Uint8Array;
    errorResponse: (opcode: number, handle: number, status: number) => Uint8Array;
  };
}

interface BlenoHci {
  _aclOutQueue: unknown[];
  /** Packets in the controller by handle; the handle goes as the first thing at a disconnection. */
  _handleAclsInProgress: Record<Handle, number>;
  pushAclOutQueue: () => void;
}

const MIN_MTU = 23;
const REQUEST_NOT_SUPPORTED = 0x06;
const SEND_TIMEOUT_MS = 10_000;
/** Time for what was notified to arrive before the link is ended. */
const GRACE_MS = 1_000;
const DISCONNECT_TIMEOUT_MS = 2_000;
const MAX_WAITING_NOTIFICATIONS = 1024;

/** bleno's queue to the controller: what of it has left. */
export class Outgoing {
  readonly #hci: BlenoHci | undefined;
  readonly #gatt: BlenoInternals["_gatt"];
  /** Called whenever the controller took packets or sent some. */
  readonly moved = new Set<() => void>();

  constructor({ _hci: hci, _gatt: gatt }: BlenoInternals) {
    this.#hci = hci;
    this.#gatt = gatt;
    if (hci !== undefined) {
      // bleno reports a notification as sent when it is queued, and queues without bound.
      const push = hci.pushAclOutQueue.bind(hci);
      hci.pushAclOutQueue = () => {
        push();
        for (const look of [...this.moved]) look();
      };
    }
    if (gatt !== undefined) {
      // bleno collects prepared writes without bound; SEGMENT cuts frames itself and needs none.
      gatt.handlePrepareWriteRequest = (request) =>
        gatt.errorResponse(request[0] ?? 0, 0, REQUEST_NOT_SUPPORTED);
    }
  }

  /** The ATT MTU of a connection as it is now, if the stack tells. */
  mtu(handle: Handle): number | undefined {
    return this.#gatt?._connections.get(handle)?.mtu;
  }

  /**
   * Has the controller taken all that was queued? A queue that the end of the link emptied does not
   * count.
   */
  hasTaken(handle: Handle): boolean {
    const hci = this.#hci;
    return hci === undefined || (hci._aclOutQueue.length === 0 && handle in hci._handleAclsInProgress);
  }

  /** Has the other side acknowledged all that was queued for this link? */
  hasArrived(handle: Handle): boolean {
    const hci = this.#hci;
    return hci === undefined || (this.hasTaken(handle) && hci._handleAclsInProgress[handle] === 0);
  }
}

export interface ConnectionOptions {
  id: string;
  handle: Handle;
  clock: Clock;
  outgoing: Outgoing;
  counters: RadioCounters;
  hangUp: () => void;
}

export class BlenoConnection implements PeripheralConnection {
  readonly id: string;
  /** The value of the read that is under way. */
  info: Uint8Array | undefined;
  readonly #options: ConnectionOptions;
  readonly #lost = new Set<() => void>();
  #subscription: { size: number; update: (value: Uint8Array) => void } | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #closing = false;
  #ended = false;

  constructor(options: ConnectionOptions) {
    this.id = options.id;
    this.#options = options;
  }

  get notifySize(): number {
    const mtu = this.#options.outgoing.mtu(this.#options.handle);
    return mtu === undefined ? (this.#subscription?.size ?? MIN_MTU - 3) : mtu - 3;
  }

  notify(value: Uint8Array): Promise<void> {
    if (this.#closing) return Promise.reject(radioFailed("the link has ended"));
    // bleno would cut it without a word.
    if (value.length > this.notifySize) {
      const message = `a notification of ${value.length} bytes where ${this.notifySize} fit`;
      return Promise.reject(new SegmentError("frame-too-large", message));
    }
    if (this.#waiting >= MAX_WAITING_NOTIFICATIONS) {
      const message = `${this.#waiting} notifications wait for this central`;
      return Promise.reject(new SegmentError("queue-full", message));
    }
    const bytes = Buffer.from(value);
    this.#waiting += 1;
    const sent = this.#tail.then(() => this.#send(bytes)).finally(() => (this.#waiting -= 1));
    this.#tail = sent.catch(() => {});
    return sent;
  }

  /** Ends the link once what was notified has arrived: a controller drops what it has not sent by then. */
  disconnect(): void {
    if (this.#closing || this.#ended) return;
    this.#closing = true;
    const { outgoing, handle, hangUp } = this.#options;
    const finished = this.#bounded("finishing", GRACE_MS, (arrived) => {
      void this.#tail.then(() => this.#until(() => outgoing.hasArrived(handle), arrived));
    });
    finished
      .catch(() => {})
      .finally(() => {
        if (!this.#ended) hangUp();
      });
  }

  /** Resolves when the link has ended, or is taken for ended because the controller does not answer. */
  async gone(): Promise<void> {
    if (!this.#ended) await this.#bounded("disconnecting", DISCONNECT_TIMEOUT_MS, () => {}).catch(() => {});
  }

  subscribed(size: number, update: (value: Uint8Array) => void): void {
    this.#subscription = { size, update };
  }

  unsubscribed(): void {
    this.#subscription = undefined;
  }

  ended(): void {
    this.#ended = true;
    this.#subscription = undefined;
    for (const lost of [...this.#lost]) lost();
  }

  async #send(value: Uint8Array): Promise<void> {
    if (this.#ended) throw radioFailed("the link has ended");
    if (this.#subscription === undefined) throw radioFailed("the central has not subscribed");
    this.#subscription.update(value);
    this.#options.counters.notifications += 1;
    this.#options.counters.bytes += value.length;
    const { outgoing, handle } = this.#options;
    if (outgoing.hasTaken(handle)) return;
    await this.#bounded("notifying", SEND_TIMEOUT_MS, (taken) => {
      this.#until(() => outgoing.hasTaken(handle), taken);
    });
  }

  /** Calls `then` once the condition holds, unless the link ends before. */
  #until(condition: () => boolean, then: () => void): void {
    if (condition()) return then();
    const { moved } = this.#options.outgoing;
    const look = (): void => {
      if (!condition()) return;
      stop();
      then();
    };
    const stop = (): void => {
      moved.delete(look);
      this.#lost.delete(stop);
    };
    moved.add(look);
    this.#lost.add(stop);
  }

  #bounded(what: string, timeoutMs: number, begin: (resolve: () => void) => void): Promise<void> {
    const { clock } = this.#options;
    return bounded<void>(clock, clock.now() + timeoutMs, what, begin, this.#lost);
  }
}
