/** One connection of noble to a SEGMENT device. */
import { errorCode, SegmentError } from "../../../protocols/errors.ts";
import type { CentralConnection, Clock } from "../../../protocols/ports.ts";
import { CHARACTERISTIC_UUIDS, SERVICE_UUID } from "../../../protocols/session/gatt.ts";
import { calling } from "./stacks.ts";
import { bareUuid } from "./uuids.ts";
import { bounded, radioFailed, type RadioCounters } from "./wait.ts";

export interface NoblePeripheral {
  readonly address: string;
  readonly rssi: number;
  /** Null until the peers have agreed on one. */
  readonly mtu: number | null;
  readonly state: string;
  readonly advertisement: { localName?: string; serviceUuids: string[] };
  once(event: "disconnect", listener: () => void): unknown;
  disconnect(): void;
  discoverSomeServicesAndCharacteristicsAsync(
    services: string[],
    characteristics: string[],
  ): Promise<{ characteristics: NobleCharacteristic[] }>;
}

interface NobleCharacteristic {
  readonly uuid: string;
  on(event: "data", listener: (data: Uint8Array, isNotification: boolean) => void): unknown;
  readAsync(): Promise<Uint8Array>;
  write(data: Uint8Array, withoutResponse: boolean, done: (error?: Error) => void): void;
  subscribeAsync(): Promise<unknown>;
  discoverDescriptorsAsync(): Promise<unknown>;
}

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

/** Discovers the service, subscribes, and resolves when values can flow. Throws `radio-failed`. */
export async function openLink(options: LinkOptions): Promise<CentralConnection> {
  const { peripheral, untilMs } = options;
  const link = new NobleLink(options);
  try {
    const { info, input, output } = await link.wait("discovering the service", untilMs, async () => {
      const uuids = Object.values(CHARACTERISTIC_UUIDS).map(bareUuid);
      const found = await peripheral.discoverSomeServicesAndCharacteristicsAsync(
        [bareUuid(SERVICE_UUID)],
        uuids,
      );
      return characteristics(found.characteristics);
    });
    output.on("data", (data, isNotification) => {
      if (isNotification) link.notified(new Uint8Array(data));
    });
    await link.wait("subscribing", untilMs, () => output.subscribeAsync());
    link.ready({ info, input, output });
    return link;
  } catch (error) {
    await link.disconnect();
    throw error;
  }
}

function characteristics(found: NobleCharacteristic[]) {
  const one = (name: keyof typeof CHARACTERISTIC_UUIDS): NobleCharacteristic => {
    const match = found.find((each) => each.uuid === bareUuid(CHARACTERISTIC_UUIDS[name]));
    if (match === undefined) throw radioFailed(`the device has no characteristic "${name}"`);
    return match;
  };
  return { info: one("info"), input: one("in"), output: one("out") };
}

interface Parts {
  info: NobleCharacteristic;
  input: NobleCharacteristic;
  output: NobleCharacteristic;
}

class NobleLink implements CentralConnection {
  readonly #options: LinkOptions;
  readonly #lost = new Set<() => void>();
  #parts: Parts | undefined;
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

  ready(parts: Parts): void {
    this.#parts = parts;
  }

  notified(value: Uint8Array): void {
    const { counters, on } = this.#options;
    counters.notifications += 1;
    counters.bytes += value.length;
    calling(
      () => on.notified(value),
      () => void this.disconnect(),
    );
  }

  async readInfo(): Promise<Uint8Array> {
    const value = await this.#inTurn(
      "reading info",
      async ({ info }) => new Uint8Array(await info.readAsync()),
    );
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
    const bytes = Buffer.from(value);
    await this.#inTurn("writing", ({ input }) => {
      this.#writes += 1;
      const withoutResponse = this.#writes % WRITES_PER_RESPONSE !== 0;
      this.#unconfirmed = withoutResponse ? this.#unconfirmed + 1 : 0;
      return new Promise<void>((resolve, reject) => {
        input.write(bytes, withoutResponse, (error) => (error ? reject(error) : resolve()));
      });
    });
    this.#options.counters.writes += 1;
    this.#options.counters.bytes += bytes.length;
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
    if (this.#unconfirmed > 0) await this.#parts?.output.discoverDescriptorsAsync();
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

  #inTurn<T>(what: string, work: (parts: Parts) => Promise<T>): Promise<T> {
    const parts = this.#parts;
    if (parts === undefined || this.#closing || this.#ended) {
      return Promise.reject(radioFailed("the link has ended"));
    }
    if (this.#waiting >= MAX_WAITING_OPERATIONS) {
      return Promise.reject(new SegmentError("queue-full", `${this.#waiting} operations wait on this link`));
    }
    this.#waiting += 1;
    const result = this.#tail
      .then(() => this.wait(what, this.#options.clock.now() + OPERATION_TIMEOUT_MS, () => work(parts)))
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
    if (this.#parts !== undefined) calling(this.#options.on.disconnected);
  }
}
