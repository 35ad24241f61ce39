/** One central that is connected to bleno, and what leaves for it. */
import { SegmentError } from "../../../protocols/errors.ts";
import type { Clock, PeripheralConnection } from "../../../protocols/ports.ts";
import type { Handle } from "./peripheral.ts";
import { bounded, radioFailed, type RadioCounters } from "./wait.ts";

/** What of bleno's inside is used, absent on macOS. */
export interface BlenoInternals {
  _hci?: {
    _aclOutQueue: unknown[];
    pushAclOutQueue: () => void;
  };
  _gatt?: {
    _connections: Map<Handle, { mtu: number }>;
    handlePrepareWriteRequest: (request: Uint8Array) => Uint8Array;
    errorResponse: (opcode: number, handle: number, status: number) => Uint8Array;
  };
}

const MIN_MTU = 23;
const REQUEST_NOT_SUPPORTED = 0x06;
const SEND_TIMEOUT_MS = 10_000;
const DISCONNECT_TIMEOUT_MS = 2_000;
const MAX_WAITING_NOTIFICATIONS = 1024;

/** bleno's queue to the controller: how much may be in it, and when it is empty. */
export class Outgoing {
  readonly #internals: BlenoInternals;
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();

  constructor(internals: BlenoInternals, clock: Clock) {
    this.#internals = internals;
    this.#clock = clock;
    const { _hci: hci, _gatt: gatt } = internals;
    if (hci !== undefined) {
      // bleno reports a notification as sent when it is queued, and queues without bound.
      const push = hci.pushAclOutQueue.bind(hci);
      hci.pushAclOutQueue = () => {
        push();
        if (hci._aclOutQueue.length > 0) return;
        for (const resolve of [...this.#waiting]) resolve();
      };
    }
    if (gatt !== undefined) {
      // bleno collects prepared writes without bound; SEGMENT cuts frames itself and needs none.
      gatt.handlePrepareWriteRequest = (request) => gatt.errorResponse(request[0] ?? 0, 0, REQUEST_NOT_SUPPORTED);
    }
  }

  /** The ATT MTU of a connection as it is now, if the stack tells. */
  mtu(handle: Handle): number | undefined {
    return this.#internals._gatt?._connections.get(handle)?.mtu;
  }

  /** Resolves when the controller has taken all that was queued. */
  drained(lost: Set<() => void>): Promise<void> {
    const hci = this.#internals._hci;
    if (hci === undefined || hci._aclOutQueue.length === 0) return Promise.resolve();
    let drained = (): void => {};
    const untilMs = this.#clock.now() + SEND_TIMEOUT_MS;
    const wait = bounded<void>(
      this.#clock,
      untilMs,
      "notifying",
      (resolve) => {
        drained = resolve;
        this.#waiting.add(drained);
      },
      lost,
    );
    return wait.finally(() => this.#waiting.delete(drained));
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
    // bleno would cut it without a word.
    if (value.length > this.notifySize) {
      const message = `a notification of ${value.length} bytes where ${this.notifySize} fit`;
      return Promise.reject(new SegmentError("frame-too-large", message));
    }
    if (this.#waiting >= MAX_WAITING_NOTIFICATIONS) {
      return Promise.reject(new SegmentError("queue-full", `${this.#waiting} notifications wait for this central`));
    }
    const bytes = Buffer.from(value);
    this.#waiting += 1;
    const sent = this.#tail.then(() => this.#send(bytes)).finally(() => (this.#waiting -= 1));
    this.#tail = sent.catch(() => {});
    return sent;
  }

  disconnect(): void {
    if (!this.#ended) this.#options.hangUp();
  }

  /** Resolves when the link has ended, or is taken for ended because the controller does not answer. */
  async gone(): Promise<void> {
    const { clock } = this.#options;
    const untilMs = clock.now() + DISCONNECT_TIMEOUT_MS;
    if (!this.#ended) await bounded<void>(clock, untilMs, "disconnecting", () => {}, this.#lost).catch(() => {});
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
    await this.#options.outgoing.drained(this.#lost);
  }
}
