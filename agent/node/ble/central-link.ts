/** One connection of noble to a SEGMENT device. */
import { errorCode, SegmentError } from "../../../protocols/errors.ts";
import type { CentralConnection, Clock } from "../../../protocols/ports.ts";
import { decodeInfo } from "../../../protocols/session/info.ts";
import { byHandles, discover } from "./central-gatt.ts";
import type { Gatt, HandleTable, NobleAtt, NoblePeripheral } from "./central-gatt.ts";
import { calling } from "./stacks.ts";
import { bounded, radioFailed, type RadioCounters } from "./wait.ts";

/** `disconnected` is called once for a connection that was made, whoever ended it. */
export interface LinkHandlers {
  notified: (value: Uint8Array) => void;
  disconnected: () => void;
}

export interface LinkOptions {
  peripheral: NoblePeripheral;
  clock: Clock;
  /** Discovery and subscription end by then. */
  untilMs: number;
  counters: RadioCounters;
  on: LinkHandlers;
  /** noble's ATT client of this connection, where noble is the host. */
  att: NobleAtt | undefined;
  /** The handles of a device that was met before. */
  known: HandleTable | undefined;
  /** What is to be remembered of it; undefined: it did not answer as it did before. */
  learnt: (table: HandleTable | undefined) => void;
}

/** The least that any two peers agree on (vol 3 part G, 5.2.1), and the most that is asked for. */
const MIN_MTU = 23;
const MAX_MTU = 517;
/** Beyond that the answer is lost, and nothing may follow on that link (vol 3 part F, 3.3.3). */
const OPERATION_TIMEOUT_MS = 10_000;
const DISCONNECT_TIMEOUT_MS = 2_000;
/** Time for what was written to arrive before the link is ended. */
const GRACE_MS = 1_000;
const MAX_WAITING_OPERATIONS = 1024;
/**
 * Writes go without a response, because a response costs a connection interval and
 * the link layer already acknowledges and orders packets. Every eighth asks for
 * one: it comes after the device has taken all before it, so the sender never runs far ahead.
 */
const WRITES_PER_RESPONSE = 8;

/**
 * Resolves when values can flow. Of a device that was met before it reads the info at once, for the first
 * `readInfo`, and subscribes together with what is written first. Throws `radio-failed`.
 */
export async function openLink(options: LinkOptions): Promise<CentralConnection> {
  const { peripheral, att, known, untilMs, learnt } = options;
  const link = new NobleLink(options);
  try {
    if (att !== undefined && known !== undefined) {
      const gatt = byHandles(peripheral, att, known);
      const info = await link.wait("reading info", untilMs, () => gatt.readInfo());
      if (isInfo(info)) {
        link.meetAgain(gatt, info);
        return link;
      }
      learnt(undefined);
    }
    const { gatt, table } = await link.wait("discovering the service", untilMs, () =>
      discover(peripheral, att),
    );
    await link.wait("subscribing", untilMs, () => gatt.subscribe((value) => link.notified(value)));
    link.ready(gatt);
    learnt(table);
    return link;
  } catch (error) {
    await link.disconnect();
    throw error;
  }
}

function isInfo(value: Uint8Array): boolean {
  try {
    decodeInfo(value);
    return true;
  } catch {
    return false;
  }
}

class NobleLink implements CentralConnection {
  readonly #options: LinkOptions;
  readonly #lost = new Set<() => void>();
  #gatt: Gatt | undefined;
  /** Read as the link was opened, for the first who asks. */
  #info: Uint8Array | undefined;
  /** The device is addressed as it was before, and has not said anything yet. */
  #isUnproven = false;
  /** noble keeps one callback a kind of operation: only one may be under way. */
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #writes = 0;
  /** Writes after which nothing has come back yet. */
  #unconfirmed = 0;
  #closing = false;
  #ended = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    options.peripheral.once("disconnect", () => this.#end());
    // It may have gone between noble's callback and this line.
    if (options.peripheral.state !== "connected") this.#end();
  }

  get writeSize(): number {
    return Math.min(this.#options.peripheral.mtu ?? MIN_MTU, MAX_MTU) - 3;
  }

  ready(gatt: Gatt): void {
    this.#gatt = gatt;
  }

  /** What is written next follows the subscription within the same connection event. */
  meetAgain(gatt: Gatt, info: Uint8Array): void {
    this.#gatt = gatt;
    this.#info = info;
    this.#isUnproven = true;
    const untilMs = this.#options.clock.now() + OPERATION_TIMEOUT_MS;
    this.wait("subscribing", untilMs, () => gatt.subscribe((value) => this.notified(value))).catch(() =>
      this.#hangUp(),
    );
  }

  notified(value: Uint8Array): void {
    this.#isUnproven = false;
    const { counters, on } = this.#options;
    counters.notifications += 1;
    counters.bytes += value.length;
    calling(
      () => on.notified(value),
      () => void this.disconnect(),
    );
  }

  async readInfo(): Promise<Uint8Array> {
    const known = this.#info;
    this.#info = undefined;
    const value = await this.#inTurn("reading info", async (gatt) => known ?? (await gatt.readInfo()));
    // noble gives an empty value where the device answered with an error.
    if (value.length === 0) throw radioFailed("the device refused to be read");
    this.#options.counters.reads += 1;
    this.#options.counters.bytes += value.length;
    return value;
  }

  async write(value: Uint8Array): Promise<void> {
    if (value.length > this.writeSize) {
      throw new SegmentError(
        "frame-too-large",
        `a value of ${value.length} bytes where ${this.writeSize} fit`,
      );
    }
    await this.#inTurn("writing", (gatt) => {
      this.#writes += 1;
      const withoutResponse = this.#writes % WRITES_PER_RESPONSE !== 0;
      this.#unconfirmed = withoutResponse ? this.#unconfirmed + 1 : 0;
      return gatt.write(value, withoutResponse);
    });
    this.#options.counters.writes += 1;
    this.#options.counters.bytes += value.length;
  }

  /** Ends the link once what was written has arrived. */
  async disconnect(): Promise<void> {
    if (!this.#closing && !this.#ended) {
      this.#closing = true;
      const untilMs = this.#options.clock.now() + GRACE_MS;
      await this.wait("finishing", untilMs, () => this.#finish()).catch(() => {});
    }
    await this.#hangUp();
  }

  /**
   * A controller drops what it has not sent when it is told to disconnect. Any request
   * serves as a confirmation, because its answer comes after all that went before.
   */
  async #finish(): Promise<void> {
    await this.#tail;
    if (this.#unconfirmed > 0) await this.#gatt?.confirm();
  }

  async #hangUp(): Promise<void> {
    if (this.#ended) return;
    const { peripheral, clock } = this.#options;
    const untilMs = clock.now() + DISCONNECT_TIMEOUT_MS;
    await bounded<void>(clock, untilMs, "disconnecting", (resolve) => {
      peripheral.once("disconnect", resolve);
      peripheral.disconnect();
    }).catch(() => this.#end()); // the controller does not answer: the link is gone for us
  }

  /** Waits for `work`, at most until then and not beyond the end of the link. */
  wait<T>(what: string, untilMs: number, work: () => Promise<T>): Promise<T> {
    if (this.#ended) return Promise.reject(radioFailed("the link has ended"));
    return bounded<T>(
      this.#options.clock,
      untilMs,
      what,
      (resolve, reject) => void work().then(resolve, reject),
      this.#lost,
    );
  }

  #inTurn<T>(what: string, work: (gatt: Gatt) => Promise<T>): Promise<T> {
    const gatt = this.#gatt;
    if (gatt === undefined || this.#closing || this.#ended) {
      return Promise.reject(radioFailed("the link has ended"));
    }
    if (this.#waiting >= MAX_WAITING_OPERATIONS) {
      return Promise.reject(new SegmentError("queue-full", `${this.#waiting} operations wait on this link`));
    }
    this.#waiting += 1;
    const result = this.#tail
      .then(() => this.wait(what, this.#options.clock.now() + OPERATION_TIMEOUT_MS, () => work(gatt)))
      .finally(() => (this.#waiting -= 1));
    this.#tail = result.catch((error: unknown) => {
      // After a lost answer the stacks no longer agree on what is under way.
      return errorCode(error) === "radio-failed" ? this.#hangUp() : undefined;
    });
    return result;
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const lost of [...this.#lost]) lost();
    // Handles may have moved, as after an update of the device: the next link looks again.
    if (this.#isUnproven && this.#writes > 0) this.#options.learnt(undefined);
    if (this.#gatt !== undefined) calling(this.#options.on.disconnected);
  }
}
