import { EventEmitter } from "node:events";
import { createRequire } from "node:module";
import { afterEach, describe, expect, it, vi } from "vitest";
import { errorCode } from "../../../protocols/errors.ts";
import type { CentralRadio, PeripheralConnection, PeripheralRadio } from "../../../protocols/ports.ts";
import { Air } from "../../../simulators/radio/air.ts";
import { airDriver } from "../../../simulators/radio/driver.ts";
import { realClock, seededRandom } from "./clocks.ts";
import { scriptedDevice } from "./device.ts";
import { openCentral } from "../../../agent/node/ble/central.ts";
import { openPeripheral } from "../../../agent/node/ble/peripheral.ts";
import type { HciDriver } from "../../../agent/node/ble/stacks.ts";
import { SERVICE_UUID } from "../../../protocols/session/gatt.ts";

const DEVICE = "c0:00:00:00:00:01";
const PHONE = "c0:00:00:00:00:02";
const INTRUDER = "c0:00:00:00:00:66";

/** A driver whose adapter behaves as `start` says. */
function brokenDriver(start: (driver: EventEmitter) => void): new () => HciDriver {
  return class extends EventEmitter {
    bindRaw = () => 0;
    bindUser = () => 0;
    bindControl = () => 0;
    start = () => start(this);
    stop = () => {};
    reset = () => {};
    isDevUp = () => true;
    setFilter = () => {};
    write = () => {};
  };
}

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function world() {
  const air = new Air({ clock: realClock, random: seededRandom(3), connectionIntervalMs: 0 });
  const transport = (address: string) => ({
    clock: realClock,
    transport: { hciDriver: airDriver(air, address) },
  });
  const device: PeripheralRadio = await openPeripheral(transport(DEVICE));
  const { handler, log } = scriptedDevice();
  await device.start({ name: "Château d'eau à côté du vieux moulin", serviceUuid: SERVICE_UUID }, handler);
  const phone: CentralRadio = await openCentral(transport(PHONE));
  closing.push(
    async () => air.close(),
    () => device.close(),
    () => phone.close(),
  );
  return { air, device, phone, log, transport };
}

const quiet = { notified: () => {}, disconnected: () => {} };

describe("opening an adapter", () => {
  const failing: [string, (driver: EventEmitter) => void][] = [
    [
      "has no Bluetooth sockets",
      (driver) => driver.emit("error", Object.assign(new Error("no"), { syscall: "socket creation failed" })),
    ],
    ["refuses the user", (driver) => driver.emit("error", Object.assign(new Error("no"), { code: "EPERM" }))],
  ];
  it.each(failing)("is radio-unavailable where the system %s; nothing is printed", async (_name, start) => {
    const print = vi.spyOn(console, "log").mockImplementation(() => {});
    const options = { clock: realClock, transport: { hciDriver: brokenDriver(start) } };
    expect(await openCentral(options).then(() => "", errorCode)).toBe("radio-unavailable");
    expect(await openPeripheral(options).then(() => "", errorCode)).toBe("radio-unavailable");
    expect(print).not.toHaveBeenCalled();
    print.mockRestore();
  });

  it("is radio-unavailable when the adapter never answers, at the time-out of the clock", async () => {
    let nowMs = 0;
    const hasty = {
      now: () => nowMs,
      at: (atMs: number, fire: () => void) => realClock.at(0, () => ((nowMs = atMs), fire())),
    };
    const options = { clock: hasty, transport: { hciDriver: brokenDriver(() => {}) } };
    const startMs = performance.now();
    expect(await openCentral(options).then(() => "", errorCode)).toBe("radio-unavailable");
    expect(await openPeripheral(options).then(() => "", errorCode)).toBe("radio-unavailable");
    expect(nowMs).toBe(10_000);
    expect(performance.now() - startMs).toBeLessThan(2_000);
  });

  it("loads no native module in a simulation and takes Ctrl-C from nobody", async () => {
    const listeners = (): number => process.listenerCount("SIGINT") + process.listenerCount("exit");
    const before = listeners();
    await world();
    expect(listeners()).toBe(before);
    const loaded = Object.keys(createRequire(import.meta.url).cache);
    expect(loaded.some((path) => path.includes("noble"))).toBe(true);
    expect(
      loaded.filter((path) => /bluetooth-hci-socket.lib|\.node$/.test(path) && path.includes("bluetooth")),
    ).toEqual([]);
  });
});

describe("the radios", () => {
  it("advertise a name that fits, in plain letters", async () => {
    const { phone } = await world();
    const stop = new AbortController();
    let name = "";
    await phone.scan(SERVICE_UUID, (sighting) => ((name = sighting.name), stop.abort()), stop.signal);
    expect(name).toBe("Chateau d'eau a cote du vieux");
  });

  it("tell their connections when the controller is lost", async () => {
    const { air, phone, log } = await world();
    let ends = 0;
    const link = await phone.connect(DEVICE, { ...quiet, disconnected: () => (ends += 1) }, 5_000);
    air.close();
    await vi.waitFor(() => expect(ends).toBe(1));
    await vi.waitFor(() => expect(log.disconnected).toHaveLength(1));
    expect(await link.readInfo().then(() => "", errorCode)).toBe("radio-failed");
  });

  it("drop the connections when the device stops, and serve again when it starts", async () => {
    const { device, phone } = await world();
    let ends = 0;
    await phone.connect(DEVICE, { ...quiet, disconnected: () => (ends += 1) }, 5_000);
    await device.stop();
    await vi.waitFor(() => expect(ends).toBe(1));
    expect(await phone.connect(DEVICE, quiet, 300).then(() => "", errorCode)).toBe("radio-failed");
    await device.start({ name: "again", serviceUuid: SERVICE_UUID }, scriptedDevice().handler);
    const link = await phone.connect(DEVICE, quiet, 5_000);
    expect(await link.readInfo()).toHaveLength(400);
  });

  it("hold senders back, and refuse more than the bound, while the link stands still", async () => {
    const { air, device, phone } = await world();
    await device.stop();
    let central: PeripheralConnection | undefined;
    const handler = {
      ...scriptedDevice().handler,
      connected: (connection: PeripheralConnection) => (central = connection),
    };
    await device.start({ name: "x", serviceUuid: SERVICE_UUID }, handler);
    const link = await phone.connect(DEVICE, quiet, 5_000);
    air.place(DEVICE, { x: 900, y: 0, z: 0 }); // 420 ms until the link is lost
    const ends = async (send: () => Promise<void>): Promise<Record<string, number>> => {
      const counts: Record<string, number> = {};
      const attempts = Array.from({ length: 1100 }, () => send().then(() => "sent", errorCode));
      for (const result of await Promise.all(attempts)) counts[result] = (counts[result] ?? 0) + 1;
      return counts;
    };
    const [notified, written] = await Promise.all([
      ends(() => central?.notify(new Uint8Array(20)) ?? Promise.reject(new Error("not connected"))),
      ends(() => link.write(new Uint8Array(20))),
    ]);
    // The controller has 12 buffers; a write asks for a response at the eighth.
    expect(notified).toEqual({ sent: 12, "queue-full": 76, "radio-failed": 1012 });
    expect(written).toEqual({ sent: 7, "queue-full": 76, "radio-failed": 1017 });
  });

  it("refuse everything once closed", async () => {
    const { device, phone } = await world();
    await phone.close();
    await device.close();
    expect(await phone.connect(DEVICE, quiet, 100).then(() => "", errorCode)).toBe("radio-failed");
    expect(
      await phone.scan(SERVICE_UUID, () => {}, new AbortController().signal).then(() => "", errorCode),
    ).toBe("radio-failed");
    const again = device.start({ name: "x", serviceUuid: SERVICE_UUID }, scriptedDevice().handler);
    expect(await again.then(() => "", errorCode)).toBe("radio-failed");
  });

  it("survive malformed packets of a stranger, and serve others meanwhile", async () => {
    const { air, phone } = await world();
    const events: Uint8Array[] = [];
    const intruder = air.powerOn(INTRUDER, (packet) => events.push(packet));
    const deviceBytes = [0x01, 0, 0, 0, 0, 0xc0];
    const connection = [0x60, 0, 0x30, 0, 0, 0, ...deviceBytes, 0, 6, 0, 18, 0, 0, 0, 42, 0, 0, 0, 0, 0];
    intruder.fromHost(Uint8Array.of(0x01, 0x0d, 0x20, connection.length, ...connection));
    await vi.waitFor(() => expect(events.some((event) => event[1] === 0x3e && event[3] === 1)).toBe(true));
    const send = (...data: number[]): void =>
      intruder.fromHost(Uint8Array.of(2, 0x40, 0, data.length, data.length >> 8, ...data));
    // ATT and SMP packets that end too early, in each of their kinds; a lone L2CAP header; a foreign channel.
    for (let kind = 0; kind < 256; kind += 1) {
      send(1, 0, 4, 0, kind);
      send(2, 0, 4, 0, kind, 1);
      send(1, 0, 6, 0, kind);
    }
    send(9);
    send(1, 0, 0x40, 0, 1);
    // A prepared write, which would be collected without bound.
    const answers = events.length;
    send(6, 0, 4, 0, 0x16, 11, 0, 0, 0, 7);
    await vi.waitFor(() =>
      expect(events.slice(answers).some((event) => event[0] === 2 && event[9] === 0x01)).toBe(true),
    );
    const link = await phone.connect(DEVICE, quiet, 5_000);
    expect(await link.readInfo()).toHaveLength(400);
  });
});
