/**
 * Bluetooth for a page in Chromium: the browser's own emulated controller (Chrome DevTools Protocol,
 * BluetoothEmulation), whose every operation is carried out on another central, such as noble on the virtual
 * air. The page's Web Bluetooth is the genuine one.
 */
import type { Browser, CDPSession, Page } from "playwright";
import { CHARACTERISTIC_UUIDS, SERVICE_UUID } from "../../protocols/session/gatt.ts";
import type { CentralConnection, CentralRadio, Sighting } from "../../protocols/ports.ts";

const SUCCESS = 0;
/** HCI: connection failed to be established. ATT: unlikely error. */
const NOT_CONNECTED = 0x3e;
const UNLIKELY = 0x0e;
const CONNECT_TIMEOUT_MS = 10_000;
/** Without this descriptor Chromium does not take notifications (client characteristic configuration). */
const CCC_DESCRIPTOR = "00002902-0000-1000-8000-00805f9b34fb";

type Operation = "read" | "write" | "subscribe-to-notifications" | "unsubscribe-from-notifications";

/** One device of the air, as Chromium sees it. */
interface Emulated {
  address: string;
  name: string;
  connection: CentralConnection | undefined;
  /** By Chromium's ids: which characteristic. */
  characteristics: Map<string, keyof typeof CHARACTERISTIC_UUIDS>;
  /** What the page has not been shown yet. */
  notifications: Uint8Array[];
  showing: Promise<void>;
}

export interface BluetoothBridge {
  /** Which device the person chooses from the browser's list. */
  chooses(address: string): void;
  /** Of the device of this address, as when it goes out of reach. */
  cut(address: string): Promise<void>;
  /** Resolves once the page that was loaded last has its Bluetooth; nobody answers a tap before. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** Begins before the page does anything with Bluetooth; `devices` are those that the person will see. */
export async function bridgeBluetooth(
  browser: Browser,
  page: Page,
  radio: CentralRadio,
  devices: Sighting[],
): Promise<BluetoothBridge> {
  const bridge = new Bridge(await browser.newBrowserCDPSession(), page, radio);
  await bridge.begin(devices);
  await choosing(page, bridge);
  return bridge;
}

/** Answers the browser's list of devices; each list once, for a second answer would end the browser. */
async function choosing(page: Page, bridge: Bridge): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const answered = new Set<string>();
  session.on("DeviceAccess.deviceRequestPrompted", ({ id, devices }) => {
    // By its address: the list has no names here.
    const wanted = devices.find((one) => one.id === bridge.wanted);
    if (wanted === undefined || answered.has(id)) return;
    answered.add(id);
    void session.send("DeviceAccess.selectPrompt", { id, deviceId: wanted.id });
  });
  // A page that is loaded anew forgets who answers its lists.
  page.on("load", () => {
    bridge.renewed = session
      .send("DeviceAccess.disable")
      .then(() => session.send("DeviceAccess.enable"))
      .then(() => bridge.renew());
    // Whoever waits for it hears of a failure; a page that is closed meanwhile misses nothing.
    bridge.renewed.catch(() => undefined);
  });
  await session.send("DeviceAccess.enable");
}

class Bridge implements BluetoothBridge {
  wanted = "";
  /** What the last loading of the page began. */
  renewed: Promise<void> = Promise.resolve();
  readonly #session: CDPSession;
  readonly #page: Page;
  readonly #radio: CentralRadio;
  readonly #devices = new Map<string, Emulated>();
  /** Since the page was loaded. */
  #isUsed = false;

  constructor(session: CDPSession, page: Page, radio: CentralRadio) {
    this.#session = session;
    this.#page = page;
    this.#radio = radio;
  }

  async begin(devices: Sighting[]): Promise<void> {
    const session = this.#session;
    session.on("BluetoothEmulation.gattOperationReceived", ({ address, type }) => {
      void (type === "connection" ? this.#connect(address) : this.#discover(address));
    });
    session.on("BluetoothEmulation.characteristicOperationReceived", (operation) => {
      const { characteristicId, type, data } = operation;
      void this.#operate(characteristicId, type, Buffer.from(data ?? "", "base64"));
    });
    // Chromium offers no way to push a value: the page reads what was notified, and hears it as a
    // notification.
    await this.#page.addInitScript(rememberOutputs);
    for (const { address, name } of devices) {
      const none = { connection: undefined, characteristics: new Map(), notifications: [] };
      // Chromium finds no device whose address is in lower case.
      const shown = address.toUpperCase();
      this.#devices.set(shown, { address, name, ...none, showing: Promise.resolve() });
    }
    await this.#simulate();
  }

  /** A page that is loaded anew finds no adapter any more, once one was used. */
  async renew(): Promise<void> {
    if (!this.#isUsed) return;
    this.#isUsed = false;
    for (const device of this.#devices.values()) {
      const { connection } = device;
      device.connection = undefined;
      await connection?.disconnect().catch(() => undefined);
    }
    await this.#session.send("BluetoothEmulation.disable");
    await this.#simulate();
  }

  async #simulate(): Promise<void> {
    await this.#session.send("BluetoothEmulation.enable", { state: "powered-on", leSupported: true });
    for (const [address, { name }] of this.#devices) {
      const peripheral = { address, name, manufacturerData: [], knownServiceUuids: [SERVICE_UUID] };
      await this.#session.send("BluetoothEmulation.simulatePreconnectedPeripheral", peripheral);
    }
  }

  chooses(address: string): void {
    this.wanted = address.toUpperCase();
  }

  async cut(address: string): Promise<void> {
    await this.#devices.get(address.toUpperCase())?.connection?.disconnect();
  }

  settled(): Promise<void> {
    return this.renewed;
  }

  async close(): Promise<void> {
    for (const { connection } of this.#devices.values()) await connection?.disconnect();
    await this.#session.send("BluetoothEmulation.disable").catch(() => undefined);
  }

  async #connect(address: string): Promise<void> {
    this.#isUsed = true;
    const device = this.#devices.get(address)!;
    // Of a page that was left: Chromium does not say that it has let go.
    const before = device.connection;
    device.connection = undefined;
    await before?.disconnect().catch(() => undefined);
    let code = SUCCESS;
    try {
      const connection: CentralConnection = await this.#radio.connect(
        device.address,
        {
          notified: (value) => this.#notified(device, value),
          disconnected: () => {
            if (device.connection === connection) void this.#disconnected(device);
          },
        },
        CONNECT_TIMEOUT_MS,
      );
      device.connection = connection;
    } catch {
      code = NOT_CONNECTED;
    }
    await this.#send("simulateGATTOperationResponse", { address, type: "connection", code });
  }

  /** Services vanish with each connection, so they are added anew. */
  async #discover(address: string): Promise<void> {
    const device = this.#devices.get(address)!;
    device.characteristics.clear();
    const { serviceId } = await this.#session.send("BluetoothEmulation.addService", {
      address,
      serviceUuid: SERVICE_UUID,
    });
    const properties = {
      info: { read: true },
      in: { write: true, writeWithoutResponse: true },
      out: { notify: true, read: true },
    };
    for (const name of ["info", "in", "out"] as const) {
      const { characteristicId } = await this.#session.send("BluetoothEmulation.addCharacteristic", {
        ...{ serviceId, characteristicUuid: CHARACTERISTIC_UUIDS[name], properties: properties[name] },
      });
      device.characteristics.set(characteristicId, name);
      if (name === "out") {
        const descriptor = { characteristicId, descriptorUuid: CCC_DESCRIPTOR };
        await this.#session.send("BluetoothEmulation.addDescriptor", descriptor);
      }
    }
    await this.#send("simulateGATTOperationResponse", { address, type: "discovery", code: SUCCESS });
  }

  async #operate(characteristicId: string, type: Operation, value: Uint8Array): Promise<void> {
    const device = [...this.#devices.values()].find((one) => one.characteristics.has(characteristicId));
    const name = device?.characteristics.get(characteristicId);
    if (device === undefined || name === undefined) return;
    let data: Uint8Array | undefined;
    let code = SUCCESS;
    try {
      if (name === "out" && type === "read") data = device.notifications.shift();
      else if (name === "info" && type === "read") data = await device.connection?.readInfo();
      else if (name === "in" && type === "write") await device.connection?.write(new Uint8Array(value));
      if (type === "read" && data === undefined) code = UNLIKELY;
    } catch {
      code = UNLIKELY;
    }
    const answer = { characteristicId, type, code };
    const read = data === undefined ? {} : { data: Buffer.from(data).toString("base64") };
    await this.#send("simulateCharacteristicOperationResponse", { ...answer, ...read });
  }

  #notified(device: Emulated, value: Uint8Array): void {
    device.notifications.push(value);
    device.showing = device.showing.then(async () => {
      // A page that went away reads nothing any more.
      await this.#page.evaluate(() => (globalThis as never as Outputs).readOutputs()).catch(() => undefined);
    });
  }

  async #disconnected(device: Emulated): Promise<void> {
    device.connection = undefined;
    await this.#send("simulateGATTDisconnection", {
      address: device.address.toUpperCase(),
    });
  }

  /** Chromium may have closed meanwhile, or forgotten what it asked for. */
  async #send(method: string, parameters: object): Promise<void> {
    await this.#session
      .send(
        `BluetoothEmulation.${method}` as "BluetoothEmulation.simulateGATTDisconnection",
        parameters as never,
      )
      .catch(() => undefined);
  }
}

interface Outputs {
  readOutputs(): Promise<void>;
}

/** In the page, before its own code: keeps the characteristics that it subscribes to. */
function rememberOutputs(): void {
  const { BluetoothRemoteGATTCharacteristic: Characteristic } = globalThis as never as {
    BluetoothRemoteGATTCharacteristic: {
      prototype: { startNotifications(): Promise<unknown>; readValue(): Promise<DataView> };
    };
  };
  const startNotifications = Reflect.get(Characteristic.prototype, "startNotifications");
  let current: { readValue(): Promise<DataView> } | undefined;
  Characteristic.prototype.startNotifications = new Proxy(startNotifications, {
    apply(native, characteristic: NonNullable<typeof current>) {
      current = characteristic;
      return Reflect.apply(native, characteristic, []);
    },
  });
  Object.assign(globalThis, { readOutputs: () => current?.readValue() });
}
