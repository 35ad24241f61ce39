/** A device that was met before: its handles are remembered, and looked up again when they have moved. */
import { createRequire } from "node:module";
import { afterEach, describe, expect, it } from "vitest";
import { openCentral } from "../../../agent/node/ble/central.ts";
import { openPeripheral } from "../../../agent/node/ble/peripheral.ts";
import { openStack, stopStack } from "../../../agent/node/ble/stacks.ts";
import type { Stack } from "../../../agent/node/ble/stacks.ts";
import { bareUuid } from "../../../agent/node/ble/uuids.ts";
import { errorCode } from "../../../protocols/errors.ts";
import type { CentralRadio, PeripheralConnection } from "../../../protocols/ports.ts";
import { CHARACTERISTIC_UUIDS, SERVICE_UUID } from "../../../protocols/session/gatt.ts";
import { encodeInfo } from "../../../protocols/session/info.ts";
import { Air } from "../../../simulators/radio/air.ts";
import { airDriver } from "../../../simulators/radio/driver.ts";
import { realClock, seededRandom } from "./clocks.ts";

const DEVICE = "c0:00:00:00:00:01";
const PHONE = "c0:00:00:00:00:02";
const TIMEOUT_MS = 5_000;
const WORD = Uint8Array.of(1, 2, 3);

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

let challenges = 0;
function freshInfo(): Uint8Array {
  const challenge = new Uint8Array(16).fill((challenges += 1));
  return encodeInfo({ cardHash: new Uint8Array(16), fragmentSize: 244, challenge });
}

function makeAir(): Air {
  const air = new Air({ clock: realClock, random: seededRandom(5), connectionIntervalMs: 0 });
  closing.push(() => air.close());
  return air;
}

const transport = (air: Air, address: string) => ({
  clock: realClock,
  transport: { hciDriver: airDriver(air, address) },
});

async function makePhone(air: Air): Promise<CentralRadio> {
  const phone = await openCentral(transport(air, PHONE));
  closing.push(() => phone.close());
  return phone;
}

/** Notifies back what is written to it; `powerOff` ends it. */
async function echo(air: Air): Promise<{ powerOff: () => Promise<void> }> {
  const device = await openPeripheral(transport(air, DEVICE));
  const answer = (connection: PeripheralConnection, value: Uint8Array): void => {
    connection.notify(value).catch(() => connection.disconnect());
  };
  const nothing = (): void => undefined;
  await device.start(
    { name: "echo", serviceUuid: SERVICE_UUID },
    { connected: nothing, readInfo: freshInfo, written: answer, disconnected: nothing },
  );
  closing.push(() => device.close());
  return { powerOff: () => device.close() };
}

interface Bleno extends Stack {
  setServices(services: object[], done: () => void): void;
  startAdvertising(name: string, uuids: string[], done: () => void): void;
}

/** The same after an update: another service stands first, so that every handle is another. */
async function echoElsewhere(air: Air): Promise<void> {
  const bleno = await openStack<Bleno>("@abandonware/bleno", transport(air, DEVICE));
  closing.push(() => stopStack(bleno));
  const require = createRequire(import.meta.url);
  const Service = require("@abandonware/bleno/lib/primary-service.js") as new (options: object) => object;
  const Characteristic = require("@abandonware/bleno/lib/characteristic.js") as new (
    options: object,
  ) => object;
  let notify: (value: Uint8Array) => void = () => undefined;
  const part = (name: keyof typeof CHARACTERISTIC_UUIDS, options: object): object =>
    new Characteristic({ uuid: bareUuid(CHARACTERISTIC_UUIDS[name]), ...options });
  const other = new Characteristic({ uuid: "2a19", properties: ["read"], value: Buffer.from([50]) });
  const characteristics = [
    part("info", {
      properties: ["read"],
      onReadRequest: (_handle: unknown, _offset: number, done: (code: number, data: Uint8Array) => void) =>
        done(0, Buffer.from(freshInfo())),
    }),
    part("in", {
      properties: ["write", "writeWithoutResponse"],
      onWriteRequest: (...[, data, , , done]: [unknown, Buffer, number, boolean, (code: number) => void]) => {
        done(0);
        notify(data);
      },
    }),
    part("out", {
      properties: ["notify"],
      onSubscribe: (_handle: unknown, _size: number, update: (value: Uint8Array) => void) => {
        notify = update;
      },
    }),
  ];
  const services = [
    new Service({ uuid: "180f", characteristics: [other] }),
    new Service({ uuid: bareUuid(SERVICE_UUID), characteristics }),
  ];
  await new Promise<void>((resolve) => bleno.setServices(services, resolve));
  await new Promise<void>((resolve) => bleno.startAdvertising("echo", [bareUuid(SERVICE_UUID)], resolve));
}

/** Connects, reads, says a word and hears it; the packets that this took. */
async function visit(air: Air, phone: CentralRadio): Promise<{ packets: number; infos: Uint8Array[] }> {
  const before = air.counters.packets;
  let heard: (value: Uint8Array) => void = () => undefined;
  const answered = new Promise<Uint8Array>((resolve) => {
    heard = resolve;
  });
  const on = { notified: (value: Uint8Array) => heard(value), disconnected: () => undefined };
  const connection = await phone.connect(DEVICE, on, TIMEOUT_MS);
  try {
    const first = await connection.readInfo();
    await connection.write(WORD);
    expect(await answered).toEqual(WORD);
    const packets = air.counters.packets - before;
    return { packets, infos: [first, await connection.readInfo()] };
  } finally {
    await connection.disconnect();
  }
}

describe("a device that was met before", () => {
  it("costs one read, one write and one notification beside MTU and subscription", async () => {
    const air = makeAir();
    await echo(air);
    const phone = await makePhone(air);
    const first = await visit(air, phone);
    const second = await visit(air, phone);
    // MTU, info and subscription with their answers, the word and its echo.
    expect(second.packets).toBe(8);
    expect(first.packets).toBeGreaterThan(second.packets);
    // Each reading is a fresh one, and none is given twice.
    const challenges = [...first.infos, ...second.infos].map((info) => info.join());
    expect(new Set(challenges).size).toBe(4);
  });

  it("is looked at anew when it has changed, and remembered as it is then", async () => {
    const air = makeAir();
    const before = await echo(air);
    const phone = await makePhone(air);
    await visit(air, phone);
    await visit(air, phone);
    await before.powerOff();
    await echoElsewhere(air);
    const changed = await visit(air, phone);
    const known = await visit(air, phone);
    expect(changed.packets).toBeGreaterThan(8);
    expect(known.packets).toBe(8);
  });

  it("is given up, and looked at anew the next time, where it no longer answers", async () => {
    const air = makeAir();
    const before = await echo(air);
    const phone = await makePhone(air);
    await visit(air, phone);
    await before.powerOff();
    const mute = await openPeripheral(transport(air, DEVICE));
    closing.push(() => mute.close());
    const nothing = (): void => undefined;
    const hangUp = (connection: PeripheralConnection): void => connection.disconnect();
    await mute.start(
      { name: "mute", serviceUuid: SERVICE_UUID },
      { connected: nothing, readInfo: freshInfo, written: hangUp, disconnected: nothing },
    );
    let ended: () => void = () => undefined;
    const end = new Promise<void>((resolve) => {
      ended = resolve;
    });
    const connection = await phone.connect(
      DEVICE,
      { notified: nothing, disconnected: () => ended() },
      TIMEOUT_MS,
    );
    await connection.write(WORD);
    await end;
    expect(await connection.write(WORD).then(() => "", errorCode)).toBe("radio-failed");
    await mute.close();
    await echo(air);
    expect((await visit(air, phone)).packets).toBeGreaterThan(8);
  });
});
