/**
 * One link of the virtual air. Packets are never lost or reordered, as the link
 * layer acknowledges and repeats them; they are late, or the link ends.
 */
import type { Clock, Random, Timer } from "../../protocols/ports.ts";
import type { Controller } from "./controller.ts";
import { ACL_BUFFERS, type LinkParameters, STATUS } from "./hci.ts";

/** Packets that one connection event carries each way: what a phone grants in practice. */
const PACKETS_PER_EVENT = 4;

export interface LinkOptions {
  central: Controller;
  peripheral: Controller;
  parameters: LinkParameters;
  /** 0 delivers at once. */
  intervalMs: number;
  missedEvents: number;
  clock: Clock;
  random: Random;
  counters: { packets: number; bytes: number; linksLost: number };
  inReach: () => boolean;
  /** Called once, when the link is no more. */
  ended: () => void;
}

interface Packet {
  continuation: boolean;
  data: Uint8Array;
}

/** What one controller has put into the link and the other has not received yet. */
export interface LinkEnd {
  readonly controller: Controller;
  readonly handle: number;
  readonly waiting: Packet[];
  /** False when the buffers that the controller announced are full. */
  send(continuation: boolean, data: Uint8Array): boolean;
}

export class Link {
  readonly central: Controller;
  readonly peripheral: Controller;
  readonly #options: LinkOptions;
  #parameters: LinkParameters;
  #ends: [LinkEnd, LinkEnd] | undefined;
  #nextEvent: Timer | undefined;
  #supervision: Timer | undefined;
  #anchorMs = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#parameters = options.parameters;
    this.central = options.central;
    this.peripheral = options.peripheral;
  }

  begin(): void {
    this.#anchorMs = this.#options.clock.now();
    const peripheralHandle = this.peripheral.linked("peripheral", this.central.address, this.#parameters);
    const centralHandle = this.central.linked("central", this.peripheral.address, this.#parameters);
    this.#ends = [
      this.#makeEnd(this.central, centralHandle),
      this.#makeEnd(this.peripheral, peripheralHandle),
    ];
  }

  endOf(controller: Controller, handle: number): LinkEnd | undefined {
    return this.#ends?.find((end) => end.controller === controller && end.handle === handle);
  }

  /** Ends the link, with the reason that each host is told. */
  end(reasonForCentral: number, reasonForPeripheral: number): void {
    const ends = this.#ends;
    if (ends === undefined) return;
    this.#ends = undefined;
    this.#nextEvent?.cancel();
    this.#supervision?.cancel();
    this.#options.ended();
    if (reasonForCentral === STATUS.timeout) this.#options.counters.linksLost += 1;
    ends[0].controller.unlinked(ends[0].handle, reasonForCentral);
    ends[1].controller.unlinked(ends[1].handle, reasonForPeripheral);
  }

  encrypt(): void {
    for (const end of this.#ends ?? []) end.controller.encrypted(end.handle);
  }

  /** New latency and supervision timeout; the interval stays as the air was told. */
  update(asked: LinkParameters): void {
    this.#parameters = { ...asked, interval: this.#parameters.interval };
    for (const end of this.#ends ?? []) end.controller.linkUpdated(end.handle, this.#parameters);
  }

  /** A radio moved. Out of reach the supervision timer runs; back in reach what waits is carried. */
  reachChanged(): void {
    const { clock, inReach } = this.#options;
    if (inReach()) {
      this.#supervision?.cancel();
      this.#supervision = undefined;
      this.#scheduleEvent();
    } else if (this.#supervision === undefined) {
      const timeoutMs = this.#parameters.supervisionTimeout * 10;
      this.#supervision = clock.at(clock.now() + timeoutMs, () => this.end(STATUS.timeout, STATUS.timeout));
    }
  }

  #makeEnd(controller: Controller, handle: number): LinkEnd {
    const waiting: Packet[] = [];
    const send = (continuation: boolean, data: Uint8Array): boolean => {
      if (waiting.length >= ACL_BUFFERS) return false;
      waiting.push({ continuation, data });
      this.#scheduleEvent();
      return true;
    };
    return { controller, handle, waiting, send };
  }

  #scheduleEvent(): void {
    const { clock, intervalMs, inReach } = this.#options;
    if (this.#nextEvent !== undefined || !inReach() || !this.#ends?.some((end) => end.waiting.length > 0))
      return;
    if (intervalMs === 0) return this.#exchange();
    const eventsSoFar = Math.floor((clock.now() - this.#anchorMs) / intervalMs);
    const nextMs = this.#anchorMs + (eventsSoFar + 1) * intervalMs;
    this.#nextEvent = clock.at(Math.ceil(nextMs), () => {
      this.#nextEvent = undefined;
      if (inReach() && !this.#missed()) this.#exchange();
      this.#scheduleEvent();
    });
  }

  #missed(): boolean {
    const { random, missedEvents } = this.#options;
    return missedEvents > 0 && (random.bytes(1)[0] ?? 0) < missedEvents * 256;
  }

  /** One connection event: both ends hand over some of what waits. */
  #exchange(): void {
    if (this.#ends === undefined) return;
    const [central, peripheral] = this.#ends;
    // Both batches are taken before either is delivered: an answer waits for the next event.
    const fromCentral = central.waiting.splice(0, PACKETS_PER_EVENT);
    const fromPeripheral = peripheral.waiting.splice(0, PACKETS_PER_EVENT);
    this.#carry(fromCentral, central, peripheral);
    this.#carry(fromPeripheral, peripheral, central);
  }

  #carry(packets: Packet[], from: LinkEnd, to: LinkEnd): void {
    const { counters } = this.#options;
    for (const { continuation, data } of packets) {
      counters.packets += 1;
      counters.bytes += data.length;
      to.controller.deliver(to.handle, continuation, data);
    }
    if (packets.length > 0) from.controller.completed(from.handle, packets.length);
  }
}
