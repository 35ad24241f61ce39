/** An agent's connection to its network: its bus, its time, and the messages that are sealed for it. */
import { Messenger } from "../core/messenger.ts";
import { NetworkClock } from "../core/network-clock.ts";
import { NetworkTime } from "../core/network-time.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import type { Clock, Crypto, Random } from "../../protocols/ports.ts";
import type { Home } from "./home.ts";
import { mqttBus } from "../platform/mqtt-bus.ts";
import type { MqttBus } from "../platform/mqtt-bus.ts";

/** What an agent asks of the machine on which it runs. */
export interface Machine {
  crypto: Crypto;
  random: Random;
  clock: Clock;
  /** Runs as fast as `clock`, whatever is done to that one. Absent: there is none. */
  steadyClock?: Clock;
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
  /** The network's time; a notary's own, because it is one of those whom the others ask. */
  clock: Clock;
  /** Absent for a notary. */
  time?: NetworkTime;
  close(): Promise<void>;
}

/**
 * Begins to connect and returns at once; `bus.ready` says how it went. `introduced` gets the new card of
 * whoever shows one with a message.
 */
export function connect(
  machine: Machine,
  url: string,
  network: NetworkDescription,
  home: Home,
  introduced: (from: string, card: Uint8Array) => void = () => undefined,
): Connection {
  const { crypto, random, linkClock } = machine;
  const { keys } = home;
  const isNotary = network.notaries.some(({ id }) => id === home.id);
  const networkClock = isNotary ? undefined : new NetworkClock(machine.clock, machine.steadyClock);
  const clock = networkClock ?? machine.clock;
  const bus = mqttBus({ url, network: network.network, signer: keys.signer, clock, random });
  const parts = { bus, crypto, random, keys };
  const messages = { ...parts, clock, network: network.network, introduced };
  if (networkClock === undefined) {
    return { home, network, bus, clock, messenger: new Messenger(messages), close: () => bus.close() };
  }
  const time = new NetworkTime({ ...parts, clock: networkClock, linkClock, network });
  const messenger = new Messenger({ ...messages, time });
  const close = (): Promise<void> => {
    time.close();
    return bus.close();
  };
  return { home, network, bus, clock, messenger, time, close };
}
