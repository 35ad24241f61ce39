/**
 * CentralRadio and PeripheralRadio in memory, without HCI or stacks: for worlds in
 * virtual time with thousands of agents. Everything waits on the injected clock;
 * the same seed gives the same run. Same behaviour as the real pair, which passes
 * the same suite (test/compliance/ble).
 */
import { SegmentError } from "../../protocols/errors.ts";
import type {
  CentralConnection,
  CentralRadio,
  Clock,
  PeripheralHandler,
  PeripheralRadio,
  Random,
  Sighting,
  Timer,
} from "../../protocols/ports.ts";
import { type CentralEvents, MemoryLink, type MemoryCounters } from "./memory-link.ts";
import { type Position, Space } from "./space.ts";

export type { MemoryCounters } from "./memory-link.ts";

export interface MemoryAirOptions {
  clock: Clock;
  random: Random;
  /**
   * Time between connection events; values cross at events, four each way. Default 22.5; 0 crosses at
   * once.
   */
  connectionIntervalMs?: number;
  /** Default 100, as bleno's. */
  advertisingIntervalMs?: number;
  /** Share of connection events that are missed, 0 to 1. Default 0. */
  missedEvents?: number;
  /** Default 256, which noble and bleno agree on. */
  mtu?: number;
  /** How long a link survives out of reach. Default 420, what noble asks for. */
  supervisionTimeoutMs?: number;
}

interface Advertiser {
  name: string;
  serviceUuid: string;
  accept: (centralAddress: string, on: CentralEvents, central: MemoryCounters) => MemoryLink;
}

/** Connection events of connecting, discovery and subscription with noble and bleno (440 ms at 22.5). */
const SETUP_EVENTS = 14;

export class MemoryAir {
  readonly #options: Required<MemoryAirOptions>;
  readonly #space = new Space();
  readonly #advertisers = new Map<string, Advertiser>();
  readonly #links = new Set<MemoryLink>();

  constructor(options: MemoryAirOptions) {
    const defaults = {
      connectionIntervalMs: 22.5,
      advertisingIntervalMs: 100,
      missedEvents: 0,
      mtu: 256,
      supervisionTimeoutMs: 420,
    };
    this.#options = { ...defaults, ...options };
  }

  central(address: string): CentralRadio & { readonly counters: MemoryCounters } {
    return new MemoryCentral(this, address);
  }

  peripheral(address: string): PeripheralRadio & { readonly counters: MemoryCounters } {
    return new MemoryPeripheral(this, address);
  }

  /** Puts the radio of that address somewhere; out of reach, links end after the supervision timeout. */
  place(address: string, position: Position): void {
    this.#space.place(address, position);
    for (const link of [...this.#links]) link.reachChanged();
  }

  /** Link loss on demand. True if there was a link. */
  cut(address: string, otherAddress: string): boolean {
    for (const link of this.#links) {
      const ends = [link.centralAddress, link.peripheralAddress];
      if (ends.includes(address) && ends.includes(otherAddress)) {
        link.end();
        return true;
      }
    }
    return false;
  }

  areLinked(address: string, otherAddress: string): boolean {
    const ends = [address, otherAddress];
    return [...this.#links].some((link) => {
      return link.isAlive && ends.includes(link.centralAddress) && ends.includes(link.peripheralAddress);
    });
  }

  /**
   * Whoever used the radio of that address is dead: it says nothing more, and its peers find out by their
   * supervision timeout.
   */
  silence(address: string): void {
    this.#advertisers.delete(address);
    for (const link of [...this.#links]) {
      if (link.centralAddress === address || link.peripheralAddress === address) link.fallSilent();
    }
  }

  get clock(): Clock {
    return this.#options.clock;
  }

  /** For the radios of this file, as all below. */
  advertise(address: string, advertiser: Advertiser | undefined): void {
    if (advertiser === undefined) this.#advertisers.delete(address);
    else this.#advertisers.set(address, advertiser);
  }

  /** The advertisement of `address`, if `listener` can hear it now. */
  heard(listener: string, address: string): { advertiser: Advertiser; rssiDbm: number } | undefined {
    const advertiser = this.#advertisers.get(address);
    const rssiDbm = this.#space.rssiDbm(listener, address);
    return advertiser === undefined || rssiDbm === undefined ? undefined : { advertiser, rssiDbm };
  }

  sightings(listener: string, serviceUuid: string): Sighting[] {
    const sightings: Sighting[] = [];
    for (const address of this.#advertisers.keys()) {
      const heard = this.heard(listener, address);
      if (heard?.advertiser.serviceUuid !== serviceUuid) continue;
      sightings.push({ address, name: heard.advertiser.name, rssiDbm: heard.rssiDbm });
    }
    return sightings;
  }

  /** Calls `fire` at the next advertising event after now, at a random phase. */
  afterAdvertisement(fire: () => void): Timer {
    const { clock, random, advertisingIntervalMs } = this.#options;
    const share = (random.bytes(1)[0] ?? 0) / 256;
    return clock.at(Math.ceil(clock.now() + advertisingIntervalMs * (0.5 + share / 2)), fire);
  }

  get setupMs(): number {
    return Math.ceil(SETUP_EVENTS * this.#options.connectionIntervalMs);
  }

  link(options: {
    central: { address: string; on: CentralEvents; counters: MemoryCounters };
    peripheral: { address: string; id: string; handler: PeripheralHandler; counters: MemoryCounters };
    ended: () => void;
  }): MemoryLink {
    const { central, peripheral } = options;
    const link: MemoryLink = new MemoryLink({
      ...this.#options,
      ...options,
      inReach: () => this.#space.rssiDbm(central.address, peripheral.address) !== undefined,
      ended: () => {
        this.#links.delete(link);
        options.ended();
      },
    });
    this.#links.add(link);
    return link;
  }
}

class MemoryPeripheral implements PeripheralRadio {
  readonly counters = noCounts();
  readonly #air: MemoryAir;
  readonly #address: string;
  readonly #links = new Set<MemoryLink>();
  #accepted = 0;
  #open = true;

  constructor(air: MemoryAir, address: string) {
    this.#air = air;
    this.#address = address;
  }

  async start(
    advertisement: { name: string; serviceUuid: string },
    handler: PeripheralHandler,
  ): Promise<void> {
    if (!this.#open) throw radioFailed("the radio is closed");
    const accept: Advertiser["accept"] = (centralAddress, on, centralCounters) => {
      this.#accepted += 1;
      const id = `${centralAddress}#${this.#accepted}`;
      const link: MemoryLink = this.#air.link({
        central: { address: centralAddress, on, counters: centralCounters },
        peripheral: { address: this.#address, id, handler, counters: this.counters },
        ended: () => this.#links.delete(link),
      });
      this.#links.add(link);
      return link;
    };
    this.#air.advertise(this.#address, { ...advertisement, accept });
  }

  async stop(): Promise<void> {
    this.#air.advertise(this.#address, undefined);
    for (const link of [...this.#links]) link.end();
  }

  async close(): Promise<void> {
    await this.stop();
    this.#open = false;
  }
}

class MemoryCentral implements CentralRadio {
  readonly counters = noCounts();
  readonly #air: MemoryAir;
  readonly #address: string;
  readonly #links = new Set<MemoryLink>();
  /** Ends what is under way: scans and attempts to connect. */
  readonly #stops = new Set<() => void>();
  #open = true;

  constructor(air: MemoryAir, address: string) {
    this.#air = air;
    this.#address = address;
  }

  scan(serviceUuid: string, sighted: (sighting: Sighting) => void, signal: AbortSignal): Promise<void> {
    if (!this.#open) return Promise.reject(radioFailed("the radio is closed"));
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const look = (): void => {
        timer = this.#air.afterAdvertisement(look);
        for (const sighting of this.#air.sightings(this.#address, serviceUuid)) {
          if (this.#stops.has(end)) sighted(sighting);
        }
      };
      const end = (): void => {
        if (!this.#stops.delete(end)) return;
        signal.removeEventListener("abort", end);
        timer.cancel();
        resolve();
      };
      let timer = this.#air.afterAdvertisement(look);
      this.#stops.add(end);
      signal.addEventListener("abort", end);
    });
  }

  connect(address: string, on: CentralEvents, timeoutMs: number): Promise<CentralConnection> {
    if (!this.#open) return Promise.reject(radioFailed("the radio is closed"));
    const { clock } = this.#air;
    return new Promise((resolve, reject) => {
      let link: MemoryLink | undefined;
      let phase: "connecting" | "connected" | "failed" = "connecting";
      const settle = (to: "connected" | "failed"): void => {
        phase = to;
        this.#stops.delete(stop);
        deadline.cancel();
        timer.cancel();
      };
      const fail = (why: string): void => {
        if (phase !== "connecting") return;
        settle("failed");
        reject(radioFailed(why));
        link?.end();
      };
      const ended = (): void => {
        if (link !== undefined) this.#links.delete(link);
        if (phase === "connected") on.disconnected();
        else fail("the link ended while connecting");
      };
      const attempt = (): void => {
        const heard = this.#air.heard(this.#address, address);
        if (heard === undefined) return void (timer = this.#air.afterAdvertisement(attempt));
        const made = heard.advertiser.accept(
          this.#address,
          { notified: on.notified, disconnected: ended },
          this.counters,
        );
        link = made;
        this.#links.add(made);
        timer = clock.at(clock.now() + this.#air.setupMs, () => {
          settle("connected");
          made.ready();
          resolve(made.centralSide);
        });
        made.begin();
      };
      const stop = (): void => fail("the radio was closed");
      const deadline = clock.at(clock.now() + timeoutMs, () =>
        fail(`connecting to ${address} took too long`),
      );
      let timer = this.#air.afterAdvertisement(attempt);
      this.#stops.add(stop);
    });
  }

  async close(): Promise<void> {
    this.#open = false;
    for (const stop of [...this.#stops]) stop();
    for (const link of [...this.#links]) link.end();
  }
}

function noCounts(): MemoryCounters {
  return { reads: 0, writes: 0, notifications: 0, bytes: 0 };
}

function radioFailed(why: string): SegmentError {
  return new SegmentError("radio-failed", why);
}
