/** The worlds that the BLE suite runs in. */
import { Air } from "../../../simulators/radio/air.ts";
import { airDriver } from "../../../simulators/radio/driver.ts";
import { MemoryAir } from "../../../simulators/radio/memory.ts";
import { serveRadio } from "../../../simulators/radio/server.ts";
import { openCentral } from "../../../agent/node/ble/central.ts";
import { openPeripheral } from "../../../agent/node/ble/peripheral.ts";
import { SERVICE_UUID } from "../../../protocols/session/gatt.ts";
import { DEVICE_ADDRESS, DEVICE_NAME, PHONE_ADDRESS, TABLET_ADDRESS } from "./addresses.ts";
import { realClock, RunningClock, seededRandom } from "./clocks.ts";
import { scriptedDevice } from "./device.ts";
import { startCentral, startDevice } from "./processes.ts";
import type { BleWorld } from "./suite.ts";

const advertisement = { name: DEVICE_NAME, serviceUuid: SERVICE_UUID };

function newAir(connectionIntervalMs: number): Air {
  return new Air({ clock: realClock, random: seededRandom(1), connectionIntervalMs });
}

/** Real noble and bleno in this process. */
export async function oneProcess(connectionIntervalMs: number): Promise<BleWorld> {
  const air = newAir(connectionIntervalMs);
  const options = (address: string) => ({
    clock: realClock,
    transport: { hciDriver: airDriver(air, address) },
  });
  const device = await openPeripheral(options(DEVICE_ADDRESS));
  const { handler, log } = scriptedDevice();
  await device.start(advertisement, handler);
  const phone = await openCentral(options(PHONE_ADDRESS));
  const tablet = await openCentral(options(TABLET_ADDRESS));
  return {
    clock: realClock,
    phone,
    tablet,
    deviceLog: async () => structuredClone(log),
    moveDevice: (distanceM) => air.place(DEVICE_ADDRESS, { x: distanceM, y: 0, z: 0 }),
    cut: (central) => air.cut(central, DEVICE_ADDRESS),
    close: async () => {
      await phone.close();
      await tablet.close();
      await device.close();
      air.close();
    },
  };
}

/** Real noble and bleno, each in a process of its own; the air is in this one. */
export async function severalProcesses(connectionIntervalMs: number): Promise<BleWorld> {
  const air = newAir(connectionIntervalMs);
  const addresses = [DEVICE_ADDRESS, PHONE_ADDRESS, TABLET_ADDRESS] as const;
  const radios = await Promise.all(addresses.map((address) => serveRadio(air, address)));
  const path = (which: number): string => radios[which]?.path ?? "";
  const [device, phone, tablet] = await Promise.all([
    startDevice(path(0), advertisement),
    startCentral(path(1)),
    startCentral(path(2)),
  ]);
  return {
    clock: realClock,
    phone,
    tablet,
    deviceLog: () => device.log(),
    moveDevice: (distanceM) => air.place(DEVICE_ADDRESS, { x: distanceM, y: 0, z: 0 }),
    cut: (central) => air.cut(central, DEVICE_ADDRESS),
    close: async () => {
      await Promise.all([device.close(), phone.close(), tablet.close()]);
      await Promise.all(radios.map((radio) => radio.close()));
      air.close();
    },
  };
}

/** The in-memory pair, in virtual time. */
export async function inMemory(connectionIntervalMs: number): Promise<BleWorld> {
  const clock = new RunningClock();
  const air = new MemoryAir({ clock, random: seededRandom(2), connectionIntervalMs });
  const device = air.peripheral(DEVICE_ADDRESS);
  const { handler, log } = scriptedDevice();
  await device.start(advertisement, handler);
  const phone = air.central(PHONE_ADDRESS);
  const tablet = air.central(TABLET_ADDRESS);
  return {
    clock,
    phone,
    tablet,
    deviceLog: async () => structuredClone(log),
    moveDevice: (distanceM) => air.place(DEVICE_ADDRESS, { x: distanceM, y: 0, z: 0 }),
    cut: (central) => air.cut(central, DEVICE_ADDRESS),
    close: async () => {
      await phone.close();
      await tablet.close();
      await device.close();
    },
  };
}
