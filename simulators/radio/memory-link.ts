/** One link of the in-memory radios: two ordered pipes, and the ports' views of its two ends. */
import { errorCode, SegmentError } from "../../protocols/errors.ts";
import type {
  CentralConnection,
  Clock,
  PeripheralConnection,
  PeripheralHandler,
  Random,
  Timer,
} from "../../protocols/ports.ts";

/** As the real adapters count: `bytes` are those of values, both ways. */
export interface MemoryCounters {
  reads: number;
  writes: number;
  notifications: number;
  bytes: number;
}

export interface CentralEvents {
  notified: (value: Uint8Array) => void;
  disconnected: () => void;
}

export interface MemoryLinkOptions {
  clock: Clock;
  random: Random;
  connectionIntervalMs: number;
  missedEvents: number;
  mtu: number;
  supervisionTimeoutMs: number;
  central: { address: string; on: CentralEvents; counters: MemoryCounters };
  peripheral: { address: string; id: string; handler: PeripheralHandler; counters: MemoryCounters };
  inReach: () => boolean;
  ended: () => void;
}

const VALUES_PER_EVENT = 4;
/** A sender waits while more than this are under way, and is refused beyond the bound. */
const WINDOW = 12;
const MAX_WAITING = 1024;
/** The longest attribute value (Bluetooth Core, vol 3 part F, 3.2.9). */
const MAX_VALUE_BYTES = 512;

export class MemoryLink {
  readonly centralAddress: string;
  readonly peripheralAddress: string;
  readonly centralSide: CentralConnection;
  readonly #peripheralSide: PeripheralConnection;
  readonly #options: MemoryLinkOptions;
  readonly #toPeripheral: Pipe;
  readonly #toCentral: Pipe;
  /** Rejects the reads that are under way. */
  readonly #reads = new Set<(error: SegmentError) => void>();
  #supervision: Timer | undefined;
  #ended = false;
  #silent = false;
  #subscribed = false;

  constructor(options: MemoryLinkOptions) {
    this.#options = options;
    this.centralAddress = options.central.address;
    this.peripheralAddress = options.peripheral.address;
    const pipe = { ...options, inReach: () => this.#crosses() };
    this.#toPeripheral = new Pipe(pipe);
    this.#toCentral = new Pipe(pipe);
    this.centralSide = this.#makeCentralSide();
    this.#peripheralSide = this.#makePeripheralSide();
  }

  /** Tells the peripheral. Apart from the constructor, because it may end the link at once. */
  begin(): void {
    this.#options.peripheral.handler.connected(this.#peripheralSide);
  }

  /** The central has subscribed: values may flow. */
  ready(): void {
    this.#subscribed = true;
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#supervision?.cancel();
    this.#toPeripheral.close();
    this.#toCentral.close();
    for (const reject of [...this.#reads]) reject(linkEnded());
    const { central, peripheral, ended } = this.#options;
    ended();
    peripheral.handler.disconnected(this.#peripheralSide);
    central.on.disconnected();
  }

  get isAlive(): boolean {
    return !this.#ended && !this.#silent;
  }

  /** One end is dead: nothing crosses any more, and the link ends as if it had gone out of reach for good. */
  fallSilent(): void {
    this.#silent = true;
    this.reachChanged();
  }

  reachChanged(): void {
    const { clock, supervisionTimeoutMs } = this.#options;
    if (this.#crosses()) {
      this.#supervision?.cancel();
      this.#supervision = undefined;
      this.#toPeripheral.resume();
      this.#toCentral.resume();
    } else {
      this.#supervision ??= clock.at(clock.now() + supervisionTimeoutMs, () => this.end());
    }
  }

  #crosses(): boolean {
    return !this.#silent && this.#options.inReach();
  }

  #makeCentralSide(): CentralConnection {
    const { central, peripheral, mtu } = this.#options;
    return {
      writeSize: mtu - 3,
      readInfo: () => this.#readInfo(),
      write: async (value) => {
        const bytes = this.#fitting(value);
        await this.#toPeripheral.send(() => {
          count(peripheral.counters, "writes", bytes);
          refusable(
            () => peripheral.handler.written(this.#peripheralSide, bytes),
            () => this.#peripheralSide.disconnect(),
          );
        });
        count(central.counters, "writes", bytes);
      },
      disconnect: () => this.#finish(this.#toPeripheral),
    };
  }

  #makePeripheralSide(): PeripheralConnection {
    const { central, peripheral, mtu } = this.#options;
    return {
      id: peripheral.id,
      notifySize: mtu - 3,
      notify: async (value) => {
        const bytes = this.#fitting(value);
        if (!this.#subscribed) throw new SegmentError("radio-failed", "the central has not subscribed");
        await this.#toCentral.send(() => {
          count(central.counters, "notifications", bytes);
          refusable(
            () => central.on.notified(bytes),
            () => void this.centralSide.disconnect(),
          );
        });
        count(peripheral.counters, "notifications", bytes);
      },
      disconnect: () => void this.#finish(this.#toCentral),
    };
  }

  /** Ends the link once what this side has sent has arrived. */
  #finish(sent: Pipe): Promise<void> {
    return new Promise((resolve) => {
      sent.finish(() => {
        this.end();
        resolve();
      });
    });
  }

  #readInfo(): Promise<Uint8Array> {
    const { central, peripheral } = this.#options;
    return new Promise<Uint8Array>((resolve, reject) => {
      const fail = (error: Error): void => {
        this.#reads.delete(fail);
        reject(error);
      };
      this.#reads.add(fail);
      const answer = (value: Uint8Array): void => {
        this.#reads.delete(fail);
        count(central.counters, "reads", value);
        resolve(value);
      };
      const asked = (): void => {
        const value = this.#infoNow();
        count(peripheral.counters, "reads", value);
        const refused = new SegmentError("radio-failed", "the device refused to be read");
        this.#toCentral.send(() => (value.length === 0 ? fail(refused) : answer(value))).catch(fail);
      };
      this.#toPeripheral.send(asked).catch(fail);
    });
  }

  /** Empty where the device refuses. */
  #infoNow(): Uint8Array {
    let value = new Uint8Array(0);
    refusable(() => {
      value = this.#options.peripheral.handler.readInfo(this.#peripheralSide).slice(0, MAX_VALUE_BYTES);
    });
    return value;
  }

  /** A copy of a value that may cross now. */
  #fitting(value: Uint8Array): Uint8Array {
    if (this.#ended) throw linkEnded();
    const size = this.#options.mtu - 3;
    if (value.length > size) {
      throw new SegmentError("frame-too-large", `a value of ${value.length} bytes where ${size} fit`);
    }
    return value.slice();
  }
}

function count(
  counters: MemoryCounters,
  what: "reads" | "writes" | "notifications",
  value: Uint8Array,
): void {
  counters[what] += 1;
  counters.bytes += value.length;
}

/** A SegmentError of the agent refuses what the peer did; anything else is a fault and goes on up. */
function refusable(work: () => void, refused: () => void = () => {}): void {
  try {
    work();
  } catch (error) {
    if (errorCode(error) === "internal") throw error;
    refused();
  }
}

function linkEnded(): SegmentError {
  return new SegmentError("radio-failed", "the link has ended");
}

interface Crossing {
  atMs: number;
  arrive: () => void;
  admit: () => void;
  refuse: (error: SegmentError) => void;
}

/** One direction of a link: in order, a few values at each connection event, standing still out of reach. */
class Pipe {
  readonly #options: MemoryLinkOptions;
  readonly #anchorMs: number;
  readonly #crossings: Crossing[] = [];
  #timer: Timer | undefined;
  #lastEventMs = -1;
  #inLastEvent = 0;
  #closed = false;
  /** Nothing more may be sent; these are called when all has arrived. */
  #finishing: (() => void)[] | undefined;

  constructor(options: MemoryLinkOptions) {
    this.#options = options;
    this.#anchorMs = options.clock.now();
  }

  /** Resolves when the value is close enough to leaving that the sender may go on. */
  send(arrive: () => void): Promise<void> {
    if (this.#closed || this.#finishing !== undefined) return Promise.reject(linkEnded());
    if (this.#crossings.length >= MAX_WAITING) {
      return Promise.reject(new SegmentError("queue-full", `${MAX_WAITING} values wait on this link`));
    }
    return new Promise((admit, refuse) => {
      this.#crossings.push({ atMs: this.#slot(), arrive, admit, refuse });
      if (this.#crossings.length <= WINDOW) admit();
      this.resume();
    });
  }

  resume(): void {
    const next = this.#crossings[0];
    if (next === undefined || this.#timer !== undefined || !this.#options.inReach()) return;
    this.#timer = this.#options.clock.at(Math.ceil(next.atMs), () => {
      this.#timer = undefined;
      if (!this.#options.inReach()) return;
      this.#crossings.shift();
      this.#crossings[WINDOW - 1]?.admit();
      next.arrive();
      if (this.#crossings.length === 0) this.#finished();
      this.resume();
    });
  }

  /** Refuses what comes after; calls `then` when what was sent has arrived, or the link has ended. */
  finish(then: () => void): void {
    this.#finishing ??= [];
    this.#finishing.push(then);
    if (this.#closed || this.#crossings.length === 0) this.#finished();
  }

  #finished(): void {
    for (const then of this.#finishing?.splice(0) ?? []) then();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    for (const crossing of this.#crossings.splice(0)) crossing.refuse(linkEnded());
    this.#finished();
  }

  /** The time of the connection event that the next value gets. */
  #slot(): number {
    const { clock, random, connectionIntervalMs: interval, missedEvents } = this.#options;
    if (interval === 0) return clock.now();
    const nextEventMs =
      this.#anchorMs + (Math.floor((clock.now() - this.#anchorMs) / interval) + 1) * interval;
    let eventMs = Math.max(nextEventMs, this.#lastEventMs);
    if (eventMs === this.#lastEventMs) {
      if (this.#inLastEvent < VALUES_PER_EVENT) {
        this.#inLastEvent += 1;
        return eventMs;
      }
      eventMs += interval;
    }
    while ((random.bytes(1)[0] ?? 0) < missedEvents * 256) eventMs += interval;
    this.#lastEventMs = eventMs;
    this.#inLastEvent = 1;
    return eventMs;
  }
}
