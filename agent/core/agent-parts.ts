/** What an agent is made of. */
import type { Device } from "../../devices/device.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import type {
  Bus,
  CentralRadio,
  Clock,
  Crypto,
  PeripheralRadio,
  Random,
  Store,
} from "../../protocols/ports.ts";
import type { AgentKeys } from "./messenger.ts";
import type { TelemetryParts } from "./telemetry.ts";
import type { VerifiedCards } from "./verified-cards.ts";

/** What the agent asks of the machine that it runs on. */
export interface Surroundings {
  /** A command to a driver. */
  actuate(name: string, value: unknown): void;
  /** A document for the owner: asked again in the agent's next life until it has returned or resolved. */
  keep(name: string, bytes: Uint8Array): void | Promise<void>;
  progress(step: string, detail: string): void;
  /** The agent cannot go on. */
  failed(error: unknown): void;
}

export interface AgentParts<State> {
  device: Device<State>;
  keys: AgentKeys;
  /** Shared with other agents of this process. Default: its own. */
  verifiedCards?: VerifiedCards;
  network: NetworkDescription;
  bus: Bus;
  store: Store;
  /** The machine's time; the agent adds what it lacks to the network's. */
  clock: Clock;
  /** Runs as fast as `clock`, whatever is done to that one. Absent: there is none. */
  steadyClock?: Clock;
  /** The links' time: retries and time-outs. The same as `clock`, unless a world is sped up. */
  linkClock: Clock;
  crypto: Crypto;
  random: Random;
  surroundings: Surroundings;
  peripheral?: PeripheralRadio;
  central?: CentralRadio;
  /** The device wakes at once, whether the bus answers or not. Default: it waits for the bus. */
  worksOffline?: boolean;
  telemetry?: Omit<TelemetryParts, "store" | "crypto" | "random" | "signer" | "send" | "clock" | "linkClock">;
}
