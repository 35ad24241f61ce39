/** A phone's home at work in a browser: from unlocking to locking. */
import type { CommandName } from "../../devices/keyring/commands.ts";
import type { KeyringState, Outcome } from "../../devices/keyring/state.ts";
import type { AccessBody } from "../../protocols/access/messages.ts";
import type { Card } from "../../protocols/identity/card.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import type { Bus, Clock, Crypto, Random, Store } from "../../protocols/ports.ts";
import type { Agent } from "../core/agent.ts";
import type { AgentKeys } from "../core/messenger.ts";
import type { PhoneNetwork } from "./phone-network.ts";
import type { WebBluetoothCentral } from "./web-bluetooth.ts";

/** What the agent asks of the browser. */
export interface PhoneMachine {
  crypto: Crypto;
  random: Random;
  clock: Clock;
  steadyClock: Clock;
  linkClock: Clock;
  /** Something that runs on has failed for good. */
  failed: (error: unknown) => void;
}

export interface PhoneHome {
  readonly id: string;
  readonly name: string;
  readonly keys: AgentKeys;
  /** The card of `keys.card`, opened. `card.root` is the owner's account. */
  readonly card: Card;
}

/** Something that happened by itself: "alert-left-open", "order-done", … */
export interface Happening {
  step: string;
  detail: string;
}

export type LogPage = AccessBody<"lock-log"> & { lock: string };

export interface PhoneRuntime {
  readonly home: PhoneHome;
  readonly machine: PhoneMachine;
  /** undefined: the app is in no network, and works over Bluetooth alone. */
  readonly network: NetworkDescription | undefined;
  /** The one connection to the broker, for several messengers. Never connects without a network. */
  readonly bus: Bus;
  readonly isConnected: boolean;
  /** The keyring's agent. */
  readonly agent: Agent<KeyringState>;
  /** Of this browser's Bluetooth; undefined where it has none. */
  readonly bluetooth: WebBluetoothCentral | undefined;
  /** Small things that the home keeps: contacts, its network. */
  readonly store: Store;
  /** By lock: the newest page of its log that was read. */
  readonly logs: ReadonlyMap<string, LogPage>;
  /** By lock: the link for the phone that was last made an owner. */
  readonly ownerLinks: ReadonlyMap<string, string>;
  /** By lock: when it was last heard, by this page's clock. */
  readonly heardMs: ReadonlyMap<string, number>;
  /** What the person does with locks and keys; see agent/platform/keyring-acts.ts. Throws refusals. */
  run(name: CommandName, value: unknown): Promise<Outcome | null>;
  /** Somebody's card, scanned or pasted: a contact from now on. Errors: card-invalid, card-expired. */
  meet(card: Uint8Array): void;
  /** Whether the lock can be written to over the network now. */
  isReachable(lock: string): boolean;
  /** Waits until locks have answered all orders, at most so long. */
  ordersHeard(atMostMs: number): Promise<boolean>;
  /** Something that screens show has changed: they are drawn again. */
  changed(): void;
  onChanged(listener: () => void): () => void;
  onHappening(listener: (happening: Happening) => void): () => void;
  /** At locking, before the bus and the stores are closed; the last added first. */
  onClose(close: () => void | Promise<void>): void;
  /** For the next unlocking; undefined leaves it. */
  changeNetwork(network: PhoneNetwork | undefined): Promise<void>;
  close(): Promise<void>;
}
