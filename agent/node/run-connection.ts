/** An agent's connection to its network: its bus, and the messages that are sealed for it. */
import { Messenger } from "../core/messenger.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import type { Clock, Crypto, Random } from "../../protocols/ports.ts";
import type { Home } from "./home.ts";
import { mqttBus } from "./mqtt-bus.ts";
import type { MqttBus } from "./mqtt-bus.ts";

/** What an agent asks of the machine on which it runs. */
export interface Machine {
  crypto: Crypto;
  random: Random;
  clock: Clock;
  /** The links' time: the same as `clock`, unless a world is sped up. */
  linkClock: Clock;
  /** How long notaries wait for one another, on `clock`; 300 ms unless told otherwise. */
  turnMs?: number;
  /** Something that runs on has failed for good. */
  failed: (error: unknown) => void;
}

export interface Connection {
  home: Home;
  network: NetworkDescription;
  bus: MqttBus;
  messenger: Messenger;
  close(): Promise<void>;
}

/** Begins to connect and returns at once; `bus.ready` says how it went. */
export function connect(machine: Machine, url: string, network: NetworkDescription, home: Home): Connection {
  const { crypto, random, clock } = machine;
  const bus = mqttBus({ url, network: network.network, signer: home.keys.signer, clock, random });
  const parts = { bus, clock, crypto, random, network: network.network, keys: home.keys };
  return { home, network, bus, messenger: new Messenger(parts), close: () => bus.close() };
}
