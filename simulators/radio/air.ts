/**
 * The air between virtual controllers: who hears whose advertisements, which links
 * there are, and what becomes of them when radios move apart.
 *
 * A link with an interval exchanges packets only at its connection events, a few
 * each way, as a real one does; with interval 0 packets cross at once.
 */
import type { Clock, Random, Timer } from "../../protocols/ports.ts";
import { Controller, type Surroundings } from "./controller.ts";
import { type LinkParameters, STATUS } from "./hci.ts";
import { Link, type LinkEnd } from "./link.ts";
import { Space, type Position } from "./space.ts";

export interface AirOptions {
  clock: Clock;
  random: Random;
  /** Time between connection events; 0 delivers at once. Default 22.5, what noble asks for. */
  connectionIntervalMs?: number;
  /** Overrides the interval that the advertisers ask for (bleno: 100). */
  advertisingIntervalMs?: number;
  /**
   * Share of connection events that are missed, 0 to 1: what they carry arrives at a later one. Default
   * 0.
   */
  missedEvents?: number;
}

export interface AirCounters {
  advertisements: number;
  connections: number;
  packets: number;
  bytes: number;
  linksLost: number;
}

export class Air {
  readonly counters: AirCounters = { advertisements: 0, connections: 0, packets: 0, bytes: 0, linksLost: 0 };
  readonly #options: AirOptions;
  readonly #space = new Space();
  readonly #controllers = new Map<string, Controller>();
  readonly #off = new WeakMap<Controller, () => void>();
  readonly #advertisers = new Map<Controller, Timer>();
  readonly #links = new Set<Link>();
  readonly #surroundings: Surroundings;

  constructor(options: AirOptions) {
    this.#options = options;
    this.#surroundings = {
      advertisingChanged: (controller) => this.#advertisingChanged(controller),
      carry: (from, handle, continuation, data) => this.#end(from, handle)?.send(continuation, data) ?? true,
      disconnect: (by, handle, reason) => this.#disconnect(by, handle, reason),
      encrypt: (by, handle) => this.#linkOf(by, handle)?.encrypt(),
      updateLink: (by, handle, parameters) => this.#linkOf(by, handle)?.update(parameters),
      rssiDbm: (by, handle) => this.#rssiOfLink(by, handle),
    };
  }

  /**
   * Powers on a controller with that address ("c0:00:…", six bytes); a controller
   * that had the address is powered off first. `toHost` receives H4 packets; `off`
   * is called once, when the controller has been powered off.
   */
  powerOn(address: string, toHost: (packet: Uint8Array) => void, off: () => void = () => {}): Controller {
    const before = this.#controllers.get(address);
    if (before !== undefined) this.powerOff(before);
    const controller = new Controller(address, toHost, this.#surroundings);
    this.#controllers.set(address, controller);
    this.#off.set(controller, off);
    return controller;
  }

  /** The controller's links end; its peers notice at once. */
  powerOff(controller: Controller): void {
    if (this.#controllers.get(controller.address) !== controller) return;
    this.#controllers.delete(controller.address);
    controller.reset();
    this.#off.get(controller)?.();
  }

  /** Puts the radio of that address somewhere; it need not be powered on yet. */
  place(address: string, position: Position): void {
    this.#space.place(address, position);
    for (const link of this.#links) link.reachChanged();
  }

  /** Link loss on demand: both hosts are told that the link timed out. True if there was a link. */
  cut(address: string, otherAddress: string): boolean {
    const ends = new Set([address, otherAddress]);
    for (const link of this.#links) {
      if (ends.has(link.central.address) && ends.has(link.peripheral.address)) {
        link.end(STATUS.timeout, STATUS.timeout);
        return true;
      }
    }
    return false;
  }

  /** Powers everything off; no timer remains. */
  close(): void {
    for (const controller of [...this.#controllers.values()]) this.powerOff(controller);
  }

  #advertisingChanged(controller: Controller): void {
    this.#advertisers.get(controller)?.cancel();
    this.#advertisers.delete(controller);
    if (controller.advertising.enabled) this.#scheduleAdvertisement(controller);
  }

  #scheduleAdvertisement(controller: Controller): void {
    const { clock, random, advertisingIntervalMs } = this.#options;
    const intervalMs = advertisingIntervalMs ?? controller.advertising.intervalMs;
    // A random delay of up to 10 ms keeps advertisers from colliding for ever (vol 6 part B, 4.4.2.2).
    const jitterMs = Math.min(10, intervalMs / 10) * ((random.bytes(1)[0] ?? 0) / 255);
    // Whole milliseconds, so that no agent meets a fraction as the time.
    const timer = clock.at(Math.ceil(clock.now() + intervalMs + jitterMs), () => this.#advertise(controller));
    this.#advertisers.set(controller, timer);
  }

  #advertise(advertiser: Controller): void {
    this.#scheduleAdvertisement(advertiser);
    this.counters.advertisements += 1;
    for (const listener of [...this.#controllers.values()]) {
      if (listener === advertiser) continue;
      const rssiDbm = this.#space.rssiDbm(advertiser.address, listener.address);
      if (rssiDbm === undefined) continue;
      listener.hear(advertiser, rssiDbm);
      if (listener.initiating?.peer === advertiser.address && advertiser.advertising.connectable) {
        if (advertiser.hasRoom) return this.#connect(listener, advertiser, listener.initiating.parameters);
      }
    }
  }

  #connect(central: Controller, peripheral: Controller, asked: LinkParameters): void {
    const { clock, random, connectionIntervalMs = 22.5, missedEvents = 0 } = this.#options;
    const interval = connectionIntervalMs === 0 ? asked.interval : Math.round(connectionIntervalMs / 1.25);
    const link: Link = new Link({
      central,
      peripheral,
      parameters: { ...asked, interval },
      intervalMs: connectionIntervalMs,
      missedEvents,
      clock,
      random,
      counters: this.counters,
      inReach: () => this.#space.rssiDbm(central.address, peripheral.address) !== undefined,
      ended: () => this.#links.delete(link),
    });
    this.#links.add(link);
    this.counters.connections += 1;
    link.begin();
  }

  #linkOf(controller: Controller, handle: number): Link | undefined {
    for (const link of this.#links) if (link.endOf(controller, handle) !== undefined) return link;
    return undefined;
  }

  #end(controller: Controller, handle: number): LinkEnd | undefined {
    return this.#linkOf(controller, handle)?.endOf(controller, handle);
  }

  #disconnect(by: Controller, handle: number, reason: number): void {
    const link = this.#linkOf(by, handle);
    if (link === undefined) return;
    if (link.central === by) link.end(STATUS.localEnded, reason);
    else link.end(reason, STATUS.localEnded);
  }

  #rssiOfLink(by: Controller, handle: number): number {
    const link = this.#linkOf(by, handle);
    if (link === undefined) return 127; // 127: not available (7.5.4)
    return this.#space.rssiDbm(link.central.address, link.peripheral.address) ?? -127;
  }
}
