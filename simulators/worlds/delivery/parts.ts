/** What every device process of this world is made of. */
import { nodeCrypto, nodeRandom, systemClock } from "../../../agent/node/crypto.ts";
import { openHome, type Home } from "../../../agent/node/home.ts";
import { openJournal } from "../../../agent/node/journal-store.ts";
import { mqttBus, type MqttBus } from "../../../agent/platform/mqtt-bus.ts";
import { SegmentError } from "../../../protocols/errors.ts";
import type { NetworkDescription } from "../../../protocols/ledger/network.ts";
import type { Clock, Crypto, Random, Store } from "../../../protocols/ports.ts";
import { scaledClock, type ClockFrame } from "../../clock.ts";
import type { FromDevice } from "./ipc.ts";

export interface Parts {
  home: Home;
  network: NetworkDescription;
  crypto: Crypto;
  random: Random;
  clock: Clock;
  linkClock: Clock;
  bus: MqttBus;
  store: Store;
}

/** Opens a home, its journal, and the connection to the broker. */
export async function openParts(setup: { home: string; broker: string; clock: ClockFrame }): Promise<Parts> {
  const crypto = nodeCrypto;
  const random = nodeRandom;
  const linkClock = systemClock;
  const clock = scaledClock(systemClock, setup.clock);
  const home = await openHome(setup.home, crypto);
  if (home.network === undefined) {
    throw new SegmentError("network-invalid", "the home has joined no network", { where: setup.home });
  }
  const store = await openJournal(setup.home);
  const bus = mqttBus({
    url: setup.broker,
    network: home.network.network,
    signer: home.keys.signer,
    clock,
    random,
  });
  await bus.ready();
  return { home, network: home.network, crypto, random, clock, linkClock, bus, store };
}

/** Documents on their way to the world: its word that it has one may come after this process's death. */
export class Papers {
  readonly #tell: (message: FromDevice) => void;
  readonly #waiting = new Map<number, () => void>();
  #next = 1;

  constructor(tell: (message: FromDevice) => void) {
    this.#tell = tell;
  }

  handOver(name: string, bytes: Uint8Array): Promise<void> {
    const id = this.#next++;
    this.#tell({ kind: "keep", id, name, bytes });
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  kept(id: number): void {
    this.#waiting.get(id)?.();
    this.#waiting.delete(id);
  }
}

/** For the report: what an agent's connection carried, and what it refused. */
export function lastWords(
  bus: MqttBus,
  dropped: ReadonlyMap<string, number>,
): { mqtt: { messages: number; bytes: number }; dropped: [string, number][] } {
  return { mqtt: { messages: bus.counters.messages, bytes: bus.counters.bytes }, dropped: [...dropped] };
}
