/** CentralRadio on noble: the phone's side of BLE, on a real adapter or a driver handed in. */
import { SegmentError } from "../../../protocols/errors.ts";
import type { CentralConnection, CentralRadio, Clock, Sighting } from "../../../protocols/ports.ts";
import type { HandleTable, NobleAtt, NoblePeripheral } from "./central-gatt.ts";
import { openLink, type LinkHandlers } from "./central-link.ts";
import { type BleOptions, openStack, type Stack, stopStack, calling } from "./stacks.ts";
import { bareUuid } from "./uuids.ts";
import { bounded, noCounts, radioFailed, type RadioCounters } from "./wait.ts";

export type { BleOptions, BleTransport, HciDriver, HciDriverClass } from "./stacks.ts";
export type { RadioCounters } from "./wait.ts";

/** The part of noble's API that is used here. */
interface Noble extends Stack {
  _bindings: Stack["_bindings"] & {
    addressToId?: (address: string) => string | null;
    /** By the device's id; absent where the system is the host. */
    _gatts?: Record<string, NobleAtt>;
  };
  startScanning(serviceUuids: string[], allowDuplicates: boolean, done: (error?: Error | null) => void): void;
  stopScanning(done: () => void): void;
  connect(
    idOrAddress: string,
    options: { addressType: string; mtu: number },
    done: (error: Error | null | undefined, peripheral: NoblePeripheral | undefined) => void,
  ): void;
  cancelConnect(idOrAddress: string): void;
}

/** noble must ask for a size itself: left alone it adopts whatever the peer offers. */
const ASKED_MTU = 517;
const SCAN_COMMAND_TIMEOUT_MS = 2_000;
/** Devices whose handles are remembered: those of a house. */
const MAX_TABLES = 64;

interface Scanner {
  serviceUuid: string;
  sighted: (sighting: Sighting) => void;
  end: (error?: SegmentError) => void;
}

/** Opens the adapter. Throws `module-missing` or `radio-unavailable`. */
export async function openCentral(
  options: BleOptions,
): Promise<CentralRadio & { readonly counters: RadioCounters }> {
  const noble = await openStack<Noble>("@abandonware/noble", options);
  // noble warns on the console of events that it no longer expects; the adapter copes with them.
  noble.removeAllListeners("warning");
  return new NobleCentral(noble, options.clock);
}

class NobleCentral implements CentralRadio {
  readonly counters = noCounts();
  readonly #noble: Noble;
  readonly #clock: Clock;
  readonly #scanners = new Set<Scanner>();
  readonly #links = new Set<CentralConnection>();
  /** By address, the one that was met last at the end. */
  readonly #tables = new Map<string, HandleTable>();
  /** Tail of the chain of work that needs the controller for itself: a controller scans or initiates. */
  #exclusive: Promise<void> = Promise.resolve();
  #scanning = false;
  #open = true;

  constructor(noble: Noble, clock: Clock) {
    this.#noble = noble;
    this.#clock = clock;
    noble.on("discover", (peripheral: NoblePeripheral) => this.#discovered(peripheral));
    noble.on("stateChange", (state: string) => {
      if (state === "poweredOn") return;
      const off = new SegmentError("radio-unavailable", `the Bluetooth adapter is ${state}`);
      for (const scanner of [...this.#scanners]) scanner.end(off);
    });
  }

  scan(serviceUuid: string, sighted: (sighting: Sighting) => void, signal: AbortSignal): Promise<void> {
    if (!this.#open) return Promise.reject(radioFailed("the radio is closed"));
    if (signal.aborted) return Promise.resolve();
    return new Promise<void>((resolve, reject) => {
      const scanner: Scanner = {
        serviceUuid: bareUuid(serviceUuid),
        sighted,
        end: (error) => {
          if (!this.#scanners.delete(scanner)) return;
          signal.removeEventListener("abort", aborted);
          // Stopped before it resolves, so that what follows finds the controller free.
          const done = error === undefined ? resolve : (): void => reject(error);
          this.#alone(() => this.#syncScanning()).then(done, done);
        },
      };
      const aborted = (): void => scanner.end();
      signal.addEventListener("abort", aborted);
      this.#scanners.add(scanner);
      this.#alone(() => this.#syncScanning(true)).catch((error: unknown) => {
        scanner.end(error instanceof SegmentError ? error : radioFailed("scanning failed", error));
      });
    });
  }

  async connect(address: string, on: LinkHandlers, timeoutMs: number): Promise<CentralConnection> {
    const untilMs = this.#clock.now() + timeoutMs;
    const peripheral = await this.#alone(() => this.#establish(address, untilMs));
    const link: CentralConnection = await openLink({
      peripheral,
      clock: this.#clock,
      untilMs,
      counters: this.counters,
      att: this.#noble._bindings._gatts?.[peripheral.id],
      known: this.#tables.get(address),
      learnt: (table) => this.#remember(address, table),
      on: {
        notified: on.notified,
        disconnected: () => {
          this.#links.delete(link);
          on.disconnected();
        },
      },
    });
    this.#links.add(link);
    return link;
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    for (const scanner of [...this.#scanners]) scanner.end();
    await Promise.allSettled([...this.#links].map((link) => link.disconnect()));
    await this.#exclusive;
    stopStack(this.#noble);
  }

  #remember(address: string, table: HandleTable | undefined): void {
    this.#tables.delete(address);
    if (table !== undefined) this.#tables.set(address, table);
    const [oldest] = this.#tables.keys();
    if (this.#tables.size > MAX_TABLES && oldest !== undefined) this.#tables.delete(oldest);
  }

  #discovered(peripheral: NoblePeripheral): void {
    const { advertisement, address, rssi } = peripheral;
    for (const scanner of [...this.#scanners]) {
      if (!advertisement.serviceUuids.includes(scanner.serviceUuid)) continue;
      calling(() => scanner.sighted({ address, name: advertisement.localName ?? "", rssiDbm: rssi }));
    }
  }

  /** The link up to the point where noble calls it connected, scanning set aside meanwhile. */
  async #establish(address: string, untilMs: number): Promise<NoblePeripheral> {
    if (!this.#open) throw radioFailed("the radio is closed");
    if (this.#clock.now() >= untilMs) throw radioFailed(`connecting to ${address} took too long`);
    await this.#stopScanning();
    const id = this.#noble._bindings.addressToId?.(address) ?? address;
    try {
      return await bounded<NoblePeripheral>(
        this.#clock,
        untilMs,
        `connecting to ${address}`,
        (resolve, reject) => {
          // The type of address counts only for a device that was not sighted before.
          this.#noble.connect(id, { addressType: "public", mtu: ASKED_MTU }, (error, peripheral) => {
            if (peripheral === undefined || error) reject(error ?? "no such device");
            else resolve(peripheral);
          });
        },
      );
    } catch (error) {
      this.#noble.cancelConnect(id);
      throw error;
    } finally {
      await this.#syncScanning().catch(() => {});
    }
  }

  async #syncScanning(restart = false): Promise<void> {
    if (restart || this.#scanners.size === 0) await this.#stopScanning();
    if (this.#scanning || this.#scanners.size === 0) return;
    const uuids = [...new Set([...this.#scanners].map((scanner) => scanner.serviceUuid))];
    await this.#scanCommand("starting to scan", (resolve, reject) => {
      // Duplicates, because each sighting brings a new RSSI.
      this.#noble.startScanning(uuids, true, (error) => (error ? reject(error) : resolve()));
    });
    this.#scanning = true;
  }

  async #stopScanning(): Promise<void> {
    if (!this.#scanning) return;
    this.#scanning = false;
    await this.#scanCommand("stopping the scan", (resolve) => this.#noble.stopScanning(resolve));
  }

  #scanCommand(
    what: string,
    begin: (resolve: (value: void) => void, reject: (error: unknown) => void) => void,
  ): Promise<void> {
    return bounded<void>(this.#clock, this.#clock.now() + SCAN_COMMAND_TIMEOUT_MS, what, begin);
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#exclusive.then(work);
    this.#exclusive = result.then(
      () => {},
      () => {},
    );
    return result;
  }
}
