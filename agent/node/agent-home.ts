/** A home's agent whose device decides for itself, with no network either: its journal, bus and radio. */
import { join } from "node:path";
import { Agent } from "../core/agent.ts";
import type { AgentParts } from "../core/agent-parts.ts";
import type { Device } from "../../devices/device.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import type { CentralRadio, PeripheralRadio } from "../../protocols/ports.ts";
import { mqttBus } from "../platform/mqtt-bus.ts";
import { keepContact, readContacts } from "./contacts.ts";
import type { Home } from "./home.ts";
import { openJournal } from "./journal-store.ts";
import type { RadioOpeners } from "./radio-run.ts";
import type { Machine } from "./run-connection.ts";

export interface AgentHomeOptions<State> {
  device: Device<State>;
  network: NetworkDescription;
  /** Where the network's broker listens; it may be away, or for ever. */
  broker: string;
  radio: RadioOpeners | undefined;
  /** Where the device's records go; absent: they are dropped. */
  telemetry?: AgentParts<State>["telemetry"] | undefined;
  /** Commands to drivers. */
  actuate: (name: string, value: unknown) => void;
  progress: (step: string, detail: string) => void;
  connected: (isConnected: boolean, agent: Agent<State>) => void;
}

export interface AgentHome<State> {
  agent: Agent<State>;
  close(): Promise<void>;
}

/** Where a device of the home keeps what it knows. */
export function agentFolder(home: string, kind: string): string {
  return join(home, "agent", kind);
}

/**
 * Opens it, and wakes its device. Errors: store-failed, journal-corrupt, radio-unavailable, module-missing.
 */
export async function openAgentHome<State>(
  machine: Machine,
  home: Home,
  options: AgentHomeOptions<State>,
): Promise<AgentHome<State>> {
  const { crypto, random, clock, linkClock, steadyClock, failed } = machine;
  const { device, network, radio } = options;
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const one of closers.splice(0).reverse()) await one();
  };
  const lost = (): void => options.progress("radio-gone", "the radio is off");
  try {
    const store = await openJournal(agentFolder(home.folder, device.kind));
    closers.push(() => store.close());
    const bus = mqttBus({
      url: options.broker,
      network: network.network,
      signer: home.keys.signer,
      clock,
      random,
    });
    closers.push(() => bus.close());
    const peripheral: PeripheralRadio | undefined = await radio?.peripheral?.(lost);
    closers.push(async () => peripheral?.close());
    const central: CentralRadio | undefined = await radio?.central?.(lost);
    closers.push(async () => central?.close());
    const agent = new Agent<State>({
      ...{ device, keys: home.keys, network, bus, store, clock, linkClock, crypto, random },
      ...(steadyClock === undefined ? {} : { steadyClock }),
      ...(peripheral === undefined ? {} : { peripheral }),
      ...(central === undefined ? {} : { central }),
      worksOffline: true,
      ...(options.telemetry === undefined ? {} : { telemetry: options.telemetry }),
      surroundings: {
        actuate: options.actuate,
        keep: () => undefined,
        progress: options.progress,
        failed,
      },
    });
    closers.push(() => agent.stop());
    for (const card of readContacts(home.folder, crypto)) agent.meet(card);
    // Resolves when the broker has answered; the device does not wait for it.
    agent.start().catch((error: unknown) => {
      if (closers.length > 0) failed(error);
    });
    agent.messenger
      .welcome((card) => keepContact(home.folder, crypto, card))
      .catch((error: unknown) => {
        if (closers.length > 0) failed(error);
      });
    bus.onConnected((isConnected) => {
      options.connected(isConnected, agent);
      if (isConnected) agent.messenger.announce().catch(() => undefined);
    });
    return { agent, close };
  } catch (error) {
    await close();
    throw error;
  }
}
