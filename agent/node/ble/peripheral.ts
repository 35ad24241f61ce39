/** PeripheralRadio on bleno: the device's side of BLE, on a real adapter or a driver handed in. */
import { createRequire } from "node:module";
import { SegmentError } from "../../../protocols/errors.ts";
import type { Clock, PeripheralHandler, PeripheralRadio } from "../../../protocols/ports.ts";
import { CHARACTERISTIC_UUIDS, SERVICE_UUID } from "../../../protocols/session/gatt.ts";
import { BlenoConnection, type BlenoInternals, Outgoing } from "./peripheral-link.ts";
import { type BleOptions, openStack, type Stack, stopStack, calling } from "./stacks.ts";
import { bareUuid } from "./uuids.ts";
import { bounded, noCounts, type RadioCounters } from "./wait.ts";

export type { BleOptions, BleTransport, HciDriver, HciDriverClass } from "./stacks.ts";
export type { RadioCounters } from "./wait.ts";

/** A number from HCI, a text from macOS. */
export type Handle = number | string;

/** The part of bleno's API that is used here. */
interface Bleno extends Stack {
  readonly _bindings: Stack["_bindings"] & BlenoInternals;
  startAdvertising(name: string, serviceUuids: string[], done: (error?: Error | null) => void): void;
  stopAdvertising(done: () => void): void;
  setServices(services: object[], done: (error?: Error | null) => void): void;
  disconnect(handle?: Handle): void;
}

interface CharacteristicOptions {
  uuid: string;
  properties: string[];
  onReadRequest?: (
    handle: Handle,
    offset: number,
    answer: (result: number, data?: Uint8Array) => void,
  ) => void;
  onWriteRequest?: (
    handle: Handle,
    data: Uint8Array,
    offset: number,
    withoutResponse: boolean,
    answer: (result: number) => void,
  ) => void;
  onSubscribe?: (handle: Handle, size: number, update: (value: Uint8Array) => void) => void;
  onUnsubscribe?: (handle: Handle) => void;
}

/** ATT results (vol 3 part F, 3.4.1.1). */
const OK = 0x00;
const INVALID_OFFSET = 0x07;
const UNLIKELY = 0x0e;
/** The longest attribute value (vol 3 part F, 3.2.9). */
const MAX_VALUE_BYTES = 512;
/** A name of 29 bytes fills the scan response. */
const MAX_NAME_BYTES = 29;
const COMMAND_TIMEOUT_MS = 2_000;
/**
 * A central that has seen one advertisement connects at the next: that wait is a good part of an unlock.
 * bleno reads it, in ms, from its own variable, where the operator may say otherwise; left alone it takes
 * 100.
 */
const ADVERTISING_MS = "50";

const require = createRequire(import.meta.url);

/** Opens the adapter. Throws `module-missing` or `radio-unavailable`. */
export async function openPeripheral(
  options: BleOptions,
): Promise<PeripheralRadio & { readonly counters: RadioCounters }> {
  process.env["BLENO_ADVERTISING_INTERVAL"] ??= ADVERTISING_MS;
  const bleno = await openStack<Bleno>("@abandonware/bleno", options);
  return new BlenoPeripheral(bleno, options.clock);
}

class BlenoPeripheral implements PeripheralRadio {
  readonly counters = noCounts();
  readonly #bleno: Bleno;
  readonly #clock: Clock;
  readonly #outgoing: Outgoing;
  readonly #connections = new Map<Handle, BlenoConnection>();
  #handler: PeripheralHandler | undefined;
  #accepted = 0;
  #open = true;

  constructor(bleno: Bleno, clock: Clock) {
    this.#bleno = bleno;
    this.#clock = clock;
    this.#outgoing = new Outgoing(bleno._bindings);
    bleno.on("accept", (address: string, handle?: Handle) => this.#accept(address, handle ?? address));
    bleno.on("disconnect", (address: string, handle?: Handle) => this.#drop(handle ?? address));
    bleno.on("stateChange", (state: string) => {
      // bleno forgets its connections without a word when the adapter goes.
      if (state !== "poweredOn") for (const handle of [...this.#connections.keys()]) this.#drop(handle);
    });
  }

  async start(
    advertisement: { name: string; serviceUuid: string },
    handler: PeripheralHandler,
  ): Promise<void> {
    if (!this.#open) throw new SegmentError("radio-failed", "the radio is closed");
    this.#handler = handler;
    await this.#command("setting up the service", (done) => this.#bleno.setServices([this.#service()], done));
    const name = advertisedName(advertisement.name);
    const uuid = bareUuid(advertisement.serviceUuid);
    await this.#command("advertising", (done) => this.#bleno.startAdvertising(name, [uuid], done));
  }

  async stop(): Promise<void> {
    if (this.#handler === undefined) return;
    if (this.#bleno.state === "poweredOn") {
      await this.#command("ending advertising", (done) => this.#bleno.stopAdvertising(done)).catch(() => {});
    }
    const gone = [...this.#connections.values()].map((connection) => connection.gone());
    for (const connection of this.#connections.values()) connection.disconnect();
    await Promise.all(gone);
    for (const handle of [...this.#connections.keys()]) this.#drop(handle); // the controller did not answer
    this.#handler = undefined;
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    await this.stop();
    this.#open = false;
    stopStack(this.#bleno);
  }

  #command(what: string, begin: (done: (error?: Error | null) => void) => void): Promise<void> {
    return bounded<void>(this.#clock, this.#clock.now() + COMMAND_TIMEOUT_MS, what, (resolve, reject) =>
      begin((error) => (error ? reject(error) : resolve())),
    );
  }

  #accept(address: string, handle: Handle): void {
    const handler = this.#handler;
    if (handler === undefined) return this.#bleno.disconnect(handle);
    this.#accepted += 1;
    const connection = new BlenoConnection({
      id: `${address}#${this.#accepted}`,
      handle,
      clock: this.#clock,
      outgoing: this.#outgoing,
      counters: this.counters,
      hangUp: () => this.#bleno.disconnect(handle),
    });
    this.#connections.set(handle, connection);
    calling(() => handler.connected(connection));
  }

  #drop(handle: Handle): void {
    const connection = this.#connections.get(handle);
    if (connection === undefined) return;
    this.#connections.delete(handle);
    connection.ended();
    calling(() => this.#handler?.disconnected(connection));
  }

  #service(): object {
    const base = "@abandonware/bleno/lib";
    const Service = require(`${base}/primary-service.js`) as new (options: object) => object;
    const Characteristic = require(`${base}/characteristic.js`) as new (
      options: CharacteristicOptions,
    ) => object;
    const info: CharacteristicOptions = {
      uuid: bareUuid(CHARACTERISTIC_UUIDS.info),
      properties: ["read"],
      onReadRequest: (handle, offset, answer) => this.#read(handle, offset, answer),
    };
    const input: CharacteristicOptions = {
      uuid: bareUuid(CHARACTERISTIC_UUIDS.in),
      properties: ["write", "writeWithoutResponse"],
      onWriteRequest: (handle, data, _offset, _withoutResponse, answer) =>
        this.#written(handle, data, answer),
    };
    const output: CharacteristicOptions = {
      uuid: bareUuid(CHARACTERISTIC_UUIDS.out),
      properties: ["notify"],
      onSubscribe: (handle, size, update) => this.#connections.get(handle)?.subscribed(size, update),
      onUnsubscribe: (handle) => this.#connections.get(handle)?.unsubscribed(),
    };
    const characteristics = [info, input, output].map((options) => new Characteristic(options));
    return new Service({ uuid: bareUuid(SERVICE_UUID), characteristics });
  }

  /** A long read comes in pieces: the value is made at offset 0 and stays until the next read. */
  #read(handle: Handle, offset: number, answer: (result: number, data?: Uint8Array) => void): void {
    const connection = this.#connections.get(handle);
    const handler = this.#handler;
    if (connection === undefined || handler === undefined) return answer(UNLIKELY);
    if (offset === 0) {
      connection.info = undefined;
      calling(() => {
        const value = handler.readInfo(connection);
        if (value.length === 0 || value.length > MAX_VALUE_BYTES) {
          throw new SegmentError("internal", `info has ${value.length} bytes, not 1 to ${MAX_VALUE_BYTES}`);
        }
        connection.info = Buffer.from(value);
        this.counters.reads += 1;
        this.counters.bytes += value.length;
      });
    }
    if (connection.info === undefined) return answer(UNLIKELY);
    if (offset > connection.info.length) return answer(INVALID_OFFSET);
    answer(OK, connection.info.subarray(offset));
  }

  #written(handle: Handle, data: Uint8Array, answer: (result: number) => void): void {
    const connection = this.#connections.get(handle);
    const handler = this.#handler;
    if (connection === undefined || handler === undefined) return answer(UNLIKELY);
    this.counters.writes += 1;
    this.counters.bytes += data.length;
    // Answered first: the device's reply should not wait behind its own consequences.
    answer(OK);
    calling(
      () => handler.written(connection, new Uint8Array(data)),
      () => connection.disconnect(),
    );
  }
}

/** Plain ASCII of at most 29 characters: bleno counts characters where the packet holds bytes. */
function advertisedName(name: string): string {
  const plain = name.normalize("NFKD").replace(/\p{M}/gu, "");
  return plain.replace(/[^\x20-\x7e]/g, "?").slice(0, MAX_NAME_BYTES);
}
