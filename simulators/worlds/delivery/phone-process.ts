/** The buyer's phone in its own process, and the person who carries it. */
import { Agent } from "../../../agent/core/agent.ts";
import { openCentral } from "../../../agent/node/ble/central.ts";
import type { Device } from "../../../devices/device.ts";
import { phone } from "../../../devices/phone/phone.ts";
import type { PhoneState } from "../../../devices/phone/state.ts";
import type { CentralRadio } from "../../../protocols/ports.ts";
import { socketDriver } from "../../radio/driver.ts";
import type { Running } from "./device-process.ts";
import type { FromDevice, PhoneSetup, Spot } from "./ipc.ts";
import { every, lastWords, openParts } from "./parts.ts";
import { spoofing } from "./spoofer.ts";

const REPORT_MS = 1_000;
/** A person's pace. */
const WALK_MM_S = 1_400;
/** From the drone's standing still to the parcel in hand. */
const TAKE_MS = 8_000;
const MM_PER_E7 = 11.132;

export async function runPhone(
  setup: PhoneSetup,
  tell: (message: FromDevice) => void,
  failed: (error: unknown) => void,
): Promise<Running> {
  const { home, clock, linkClock, bus, crypto, random, store, network } = await openParts(setup);
  const central = await openCentral({
    clock: linkClock,
    transport: { hciDriver: socketDriver(setup.radio) },
  });
  const writes: Uint8Array[] = [];
  let here = setup.start;
  let walking = false;
  const device: Device<PhoneState> = setup.spoofs ? spoofing(phone) : phone;
  const agent = new Agent<PhoneState>({
    device,
    keys: home.keys,
    network,
    bus,
    store,
    clock,
    linkClock,
    crypto,
    random,
    central: setup.recordsWrites ? tapped(central, writes) : central,
    surroundings: {
      actuate: (name) => {
        if (name !== "take-parcel" || !setup.takesParcel) return;
        clock.at(clock.now() + TAKE_MS, () => tell({ kind: "takes-parcel" }));
      },
      keep: (name, bytes) => tell({ kind: "keep", name, bytes }),
      progress: (step, detail) => {
        if (step === "phone-called") walking = true;
        tell({ kind: "progress", step, detail });
      },
      failed,
    },
  });
  for (const card of setup.contacts) agent.meet(card);
  await agent.start();
  const stopReports = every(clock, REPORT_MS, () => {
    if (walking && setup.walkTo !== null)
      here = stepTowards(here, setup.walkTo, (WALK_MM_S * REPORT_MS) / 1_000);
    agent.sensor("position", { timeMs: clock.now(), ...here });
    tell({ kind: "walked", spot: here });
  });
  tell({ kind: "ready", id: agent.id });
  return {
    command: (name, value) => agent.command(name, value),
    physical: (name) => {
      if (name === "parcel-in-hand") agent.sensor("parcel-in-hand", true);
    },
    stop: async () => {
      stopReports();
      const radio = { ...central.counters };
      await agent.stop();
      await bus.close();
      await store.close();
      return { kind: "stopped", radio, ...lastWords(bus, agent.messenger.dropped), writes };
    },
  };
}

/** What a sniffer beside the phone would hear of its writes. */
function tapped(central: CentralRadio, writes: Uint8Array[]): CentralRadio {
  return {
    scan: (uuid, sighted, signal) => central.scan(uuid, sighted, signal),
    close: () => central.close(),
    connect: async (address, on, timeoutMs) => {
      const connection = await central.connect(address, on, timeoutMs);
      return {
        get writeSize() {
          return connection.writeSize;
        },
        readInfo: () => connection.readInfo(),
        disconnect: () => connection.disconnect(),
        write: (value) => {
          writes.push(Uint8Array.from(value));
          return connection.write(value);
        },
      };
    },
  };
}

/** A straight line over some hundred metres; the cosine keeps east as long as north. */
function stepTowards(from: Spot, to: Spot, stepMm: number): Spot {
  const shrink = Math.cos((from.latitudeE7 / 1e7) * (Math.PI / 180));
  const northMm = (to.latitudeE7 - from.latitudeE7) * MM_PER_E7;
  const eastMm = (to.longitudeE7 - from.longitudeE7) * MM_PER_E7 * shrink;
  const distanceMm = Math.hypot(northMm, eastMm);
  if (distanceMm <= stepMm) return to;
  const share = stepMm / distanceMm;
  return {
    latitudeE7: Math.round(from.latitudeE7 + (to.latitudeE7 - from.latitudeE7) * share),
    longitudeE7: Math.round(from.longitudeE7 + (to.longitudeE7 - from.longitudeE7) * share),
    altitudeMm: to.altitudeMm,
  };
}
