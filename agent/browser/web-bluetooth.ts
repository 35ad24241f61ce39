/**
 * CentralRadio in a browser that has Web Bluetooth (W3C community group draft): Chromium on Android, desktop
 * and ChromeOS; not Safari, not Firefox. A page sees only devices that the person has chosen for it, so
 * `choose` stands before `scan`, and needs a tap.
 */
import { SegmentError } from "../../protocols/errors.ts";
import type { CentralConnection, CentralRadio, Clock, Sighting } from "../../protocols/ports.ts";
import { CHARACTERISTIC_UUIDS, SERVICE_UUID } from "../../protocols/session/gatt.ts";

/** The part of Web Bluetooth that is used here. */
export interface WebBluetooth {
  requestDevice(options: { filters: { services: string[]; name?: string }[] }): Promise<WebDevice>;
  /** The devices that were chosen before; not in every browser. */
  getDevices?: () => Promise<WebDevice[]>;
}

interface WebDevice extends EventTarget {
  readonly id: string;
  readonly name?: string;
  readonly gatt?: WebServer;
}

interface WebServer {
  readonly connected: boolean;
  connect(): Promise<WebServer>;
  disconnect(): void;
  getPrimaryService(uuid: string): Promise<{ getCharacteristic(uuid: string): Promise<WebCharacteristic> }>;
}

interface WebCharacteristic extends EventTarget {
  readonly value?: DataView;
  readValue(): Promise<DataView>;
  writeValueWithResponse(value: Uint8Array): Promise<void>;
  writeValueWithoutResponse(value: Uint8Array): Promise<void>;
  startNotifications(): Promise<unknown>;
}

interface Handlers {
  notified: (value: Uint8Array) => void;
  disconnected: () => void;
}

/** Web Bluetooth tells no signal strength. */
const UNKNOWN_RSSI_DBM = -127;
/**
 * The largest value of any characteristic (Core 5.4, vol 3 part F, 3.2.9); the info says what the link
 * takes.
 */
const MAX_VALUE_BYTES = 512;
const OPERATION_TIMEOUT_MS = 10_000;
const MAX_WAITING_OPERATIONS = 1_024;
/** As on noble: an answered write now and then keeps the sender from running far ahead. */
const WRITES_PER_RESPONSE = 8;

/** Undefined where the browser has none, or the page is not served securely. */
export function webBluetooth(): WebBluetooth | undefined {
  return (navigator as { bluetooth?: WebBluetooth }).bluetooth;
}

export class WebBluetoothCentral implements CentralRadio {
  readonly #bluetooth: WebBluetooth;
  readonly #clock: Clock;
  readonly #devices = new Map<string, WebDevice>();
  readonly #links = new Set<WebLink>();
  readonly #scans = new Set<{ sight: (device: WebDevice) => void; end: () => void }>();
  #open = true;

  constructor(bluetooth: WebBluetooth, clock: Clock) {
    this.#bluetooth = bluetooth;
    this.#clock = clock;
  }

  /**
   * Asks the person to choose a device, only that of this advertised name if one is given; to be called
   * from a tap. Returns false if the person chose none. Errors: radio-unavailable, radio-failed.
   */
  async choose(name?: string): Promise<boolean> {
    const filter = { services: [SERVICE_UUID], ...(name === undefined ? {} : { name }) };
    try {
      this.#add(await this.#bluetooth.requestDevice({ filters: [filter] }));
      return true;
    } catch (error) {
      const reason = error instanceof DOMException ? error.name : "";
      // By the same name as when nothing is chosen; what it says is all that tells them apart.
      if (reason === "NotFoundError" && /adapter/i.test(messageOf(error)))
        throw new SegmentError("radio-unavailable", "Bluetooth is off, or this machine has none", {
          cause: error,
        });
      // The person closed the list, or nothing was in it.
      if (reason === "NotFoundError") return false;
      const isForbidden = reason === "SecurityError" || reason === "NotAllowedError";
      throw new SegmentError(
        isForbidden ? "radio-unavailable" : "radio-failed",
        `the browser does not let this page choose a device: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  /** Whether a device of this advertised name was chosen, as far as is known by now. */
  knows(name: string): boolean {
    return [...this.#devices.values()].some((device) => device.name === name);
  }

  /** The person chooses anew: it may be there, and the browser not find it by what it remembers. */
  forget(name: string): void {
    for (const [id, device] of this.#devices) if (device.name === name) this.#devices.delete(id);
  }

  /** Finds those that were chosen in earlier visits, where the browser remembers them. */
  async remember(): Promise<void> {
    try {
      for (const device of (await this.#bluetooth.getDevices?.()) ?? []) this.#add(device);
    } catch {
      // A browser that remembers none: the person chooses again.
    }
  }

  /** Sees what was chosen, now or in earlier visits where the browser remembers them. */
  async scan(serviceUuid: string, sighted: (sighting: Sighting) => void, signal: AbortSignal): Promise<void> {
    if (!this.#open) throw radioFailed("the radio is closed");
    if (serviceUuid !== SERVICE_UUID || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const scan = {
        sight: ({ id, name = "" }: WebDevice) => sighted({ address: id, name, rssiDbm: UNKNOWN_RSSI_DBM }),
        end: () => {
          if (!this.#scans.delete(scan)) return;
          signal.removeEventListener("abort", scan.end);
          resolve();
        },
      };
      this.#scans.add(scan);
      signal.addEventListener("abort", scan.end);
      for (const device of this.#devices.values()) if (this.#scans.has(scan)) scan.sight(device);
      void this.remember();
    });
  }

  async connect(address: string, on: Handlers, timeoutMs: number): Promise<CentralConnection> {
    if (!this.#open) throw radioFailed("the radio is closed");
    const device = this.#devices.get(address);
    if (device?.gatt === undefined) throw radioFailed("this device was not chosen for the page");
    const link: WebLink = new WebLink(device.gatt, this.#clock, {
      notified: on.notified,
      disconnected: () => {
        this.#links.delete(link);
        on.disconnected();
      },
    });
    this.#links.add(link);
    device.addEventListener("gattserverdisconnected", link.ended, { once: true });
    try {
      await link.open(this.#clock.now() + timeoutMs);
      return link;
    } catch (error) {
      this.#links.delete(link);
      await link.disconnect();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#open = false;
    for (const { end } of [...this.#scans]) end();
    await Promise.all([...this.#links].map((link) => link.disconnect()));
  }

  #add(device: WebDevice): void {
    if (this.#devices.has(device.id)) return;
    this.#devices.set(device.id, device);
    for (const { sight } of [...this.#scans]) sight(device);
  }
}

class WebLink implements CentralConnection {
  readonly writeSize = MAX_VALUE_BYTES;
  readonly #server: WebServer;
  readonly #clock: Clock;
  readonly #on: Handlers;
  #info: WebCharacteristic | undefined;
  #input: WebCharacteristic | undefined;
  /** The browser refuses a second operation while one is under way. */
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #writes = 0;
  #isReady = false;
  #isOver = false;
  readonly #lost = new Set<(error: SegmentError) => void>();

  constructor(server: WebServer, clock: Clock, on: Handlers) {
    this.#server = server;
    this.#clock = clock;
    this.#on = on;
  }

  async open(untilMs: number): Promise<void> {
    await this.#bounded("connecting", untilMs, async () => {
      await this.#server.connect();
      const service = await this.#server.getPrimaryService(SERVICE_UUID);
      this.#info = await service.getCharacteristic(CHARACTERISTIC_UUIDS.info);
      this.#input = await service.getCharacteristic(CHARACTERISTIC_UUIDS.in);
      const output = await service.getCharacteristic(CHARACTERISTIC_UUIDS.out);
      output.addEventListener("characteristicvaluechanged", () => {
        if (output.value !== undefined && !this.#isOver) this.#on.notified(bytesOf(output.value));
      });
      await output.startNotifications();
    });
    this.#isReady = true;
  }

  readonly ended = (): void => {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const lost of [...this.#lost]) lost(radioFailed("the link has ended"));
    if (this.#isReady) this.#on.disconnected();
  };

  readInfo(): Promise<Uint8Array> {
    return this.#inTurn("reading info", async () => bytesOf(await this.#info!.readValue()));
  }

  async write(value: Uint8Array): Promise<void> {
    if (value.length > this.writeSize)
      throw new SegmentError(
        "frame-too-large",
        `a value of ${value.length} bytes where ${this.writeSize} fit`,
      );
    // A copy: it may wait, and the browser takes no view into shared memory.
    const bytes = value.slice();
    await this.#inTurn("writing", () => {
      this.#writes += 1;
      const answered = this.#writes % WRITES_PER_RESPONSE === 0;
      const input = this.#input!;
      return answered ? input.writeValueWithResponse(bytes) : input.writeValueWithoutResponse(bytes);
    });
  }

  /** Ends the link once what was written is with the browser. */
  async disconnect(): Promise<void> {
    if (this.#isOver) return;
    await this.#tail.catch(() => undefined);
    if (this.#server.connected) this.#server.disconnect();
    this.ended();
  }

  #inTurn<T>(what: string, work: () => Promise<T>): Promise<T> {
    if (!this.#isReady || this.#isOver) return Promise.reject(radioFailed("the link has ended"));
    if (this.#waiting >= MAX_WAITING_OPERATIONS)
      return Promise.reject(new SegmentError("queue-full", `${this.#waiting} operations wait on this link`));
    this.#waiting += 1;
    const result = this.#tail
      .then(() => this.#bounded(what, this.#clock.now() + OPERATION_TIMEOUT_MS, work))
      .finally(() => {
        this.#waiting -= 1;
      });
    this.#tail = result.catch(() => {
      // After a lost answer nobody knows what is under way.
      if (this.#server.connected) this.#server.disconnect();
    });
    return result;
  }

  #bounded<T>(what: string, untilMs: number, work: () => Promise<T>): Promise<T> {
    if (this.#isOver) return Promise.reject(radioFailed("the link has ended"));
    return new Promise<T>((resolve, reject) => {
      const settle = (end: () => void): void => {
        timer.cancel();
        this.#lost.delete(fail);
        end();
      };
      const fail = (error: SegmentError): void => settle(() => reject(error));
      const timer = this.#clock.at(untilMs, () => fail(radioFailed(`${what} took too long`)));
      this.#lost.add(fail);
      work().then(
        (value) => settle(() => resolve(value)),
        (error: unknown) => fail(radioFailed(`${what} failed: ${messageOf(error)}`, error)),
      );
    });
  }
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice();
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function radioFailed(why: string, cause?: unknown): SegmentError {
  return new SegmentError("radio-failed", why, cause === undefined ? {} : { cause });
}
