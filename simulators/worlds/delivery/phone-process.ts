/** The buyer's phone in its own process. The person who carries it is in the world's. */
import { Agent } from "../../../agent/core/agent.ts";
import { openCentral } from "../../../agent/node/ble/central.ts";
import type { Device } from "../../../devices/device.ts";
import { phone } from "../../../devices/phone/phone.ts";
import type { PhoneState } from "../../../devices/phone/state.ts";
import { socketDriver } from "../../radio/driver.ts";
import type { Running } from "./device-process.ts";
import { overheardCentral } from "../../radio/sniffer.ts";
import type { FromDevice, PhoneSetup } from "./ipc.ts";
import { lastWords, openParts, Papers } from "./parts.ts";
import { spoofing } from "./spoofer.ts";

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
  const papers = new Papers(tell);
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
    central: setup.recordsWrites ? overheardCentral(central, (value) => writes.push(value)) : central,
    surroundings: {
      actuate: (name, value) => tell({ kind: "actuate", name, value }),
      keep: (name, bytes) => papers.handOver(name, bytes),
      progress: (step, detail) => tell({ kind: "progress", step, detail }),
      failed,
    },
  });
  for (const card of setup.contacts) agent.meet(card);
  await agent.start();
  tell({ kind: "ready", id: agent.id });
  return {
    command: (name, value) => agent.command(name, value),
    sensor: (name, value) => agent.sensor(name, value),
    kept: (id) => papers.kept(id),
    stop: async () => {
      const radio = { ...central.counters };
      await agent.stop();
      await bus.close();
      await store.close();
      return { kind: "stopped", radio, ...lastWords(bus, agent.messenger.dropped), writes };
    },
  };
}
