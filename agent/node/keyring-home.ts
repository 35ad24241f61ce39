/**
 * A home's keyring for one command: the phone's part of locks and keys. It speaks over the radio that is
 * given, or over the broker if that answers; what it signed and nobody has heard yet goes out with the next
 * command.
 */
import { COMMANDS } from "../../devices/keyring/commands.ts";
import type { CommandName } from "../../devices/keyring/commands.ts";
import { keyring } from "../../devices/keyring/keyring.ts";
import { WISH_MS } from "../../devices/keyring/state.ts";
import type { KeyringState, Outcome } from "../../devices/keyring/state.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import type { DeviceContext } from "../../devices/device.ts";
import { agentFolder, openAgentHome } from "./agent-home.ts";
import type { AgentHome } from "./agent-home.ts";
import { makeFolder } from "./files.ts";
import { lockHome } from "./home.ts";
import type { Home } from "./home.ts";
import type { RadioOpeners } from "./radio-run.ts";
import type { Machine } from "./run-connection.ts";

export interface KeyringOptions {
  network: NetworkDescription;
  broker: string;
  radio: RadioOpeners | undefined;
}

export interface RunningKeyring {
  /** What the phone knows: locks, keys given and held, orders that wait. */
  readonly state: KeyringState;
  /** Pages of a lock's log that came. */
  readonly logs: readonly unknown[];
  /**
   * Resolves when it is durable; for what a lock answers (pair, ask, look, read-log) with the outcome. Throws
   * what the keyring refuses.
   */
  run(name: CommandName, value: unknown): Promise<Outcome | null>;
  /** Waits until locks have answered all orders, at most so long; returns whether none waits. */
  ordersHeard(atMostMs: number): Promise<boolean>;
  close(): Promise<void>;
}

const LOOK_EVERY_MS = 20;
/** How long the broker may take before a command goes on without it. */
const CONNECT_MS = 3_000;

/** Errors: home-locked (another command uses it), radio-unavailable, module-missing, store-failed. */
export async function openKeyring(
  machine: Machine,
  home: Home,
  options: KeyringOptions,
): Promise<RunningKeyring> {
  const folder = agentFolder(home.folder, keyring.kind);
  makeFolder(folder);
  const unlock = lockHome(folder);
  const logs: unknown[] = [];
  let isConnected = false;
  try {
    const opened = await openAgentHome<KeyringState>(machine, home, {
      ...{ device: keyring, ...options },
      actuate: (_name, value) => logs.push(value),
      progress: () => undefined,
      connected: (connected) => {
        isConnected = connected;
      },
    });
    await opened.agent.idle();
    return new HomeKeyring(machine, home, options, { opened, logs, isConnected: () => isConnected, unlock });
  } catch (error) {
    unlock();
    throw error;
  }
}

interface Opened {
  opened: AgentHome<KeyringState>;
  logs: unknown[];
  isConnected: () => boolean;
  unlock: () => void;
}

class HomeKeyring implements RunningKeyring {
  readonly logs: readonly unknown[];
  readonly #machine: Machine;
  readonly #home: Home;
  readonly #network: NetworkDescription;
  readonly #parts: Opened;

  constructor(machine: Machine, home: Home, { network }: KeyringOptions, parts: Opened) {
    this.#machine = machine;
    this.#home = home;
    this.#network = network;
    this.#parts = parts;
    this.logs = parts.logs;
  }

  get state(): KeyringState {
    return this.#parts.opened.agent.state;
  }

  async run(name: CommandName, value: unknown): Promise<Outcome | null> {
    const { agent } = this.#parts.opened;
    // The same pure step, to hear what it refuses: the agent would only count that.
    keyring.step(this.state, { kind: "command", name, value }, this.#context());
    const { lock, isNear } = value as { lock?: string; isNear?: boolean };
    // Over the bus only somebody whose card is known can be written to; it shows it when this phone comes.
    const isThere = (): boolean =>
      this.#parts.isConnected() && agent.messenger.cardOf(lock ?? "") !== undefined;
    if ("isNear" in COMMANDS[name].shape && isNear === false) await this.#until(isThere, CONNECT_MS);
    agent.command(name, value);
    await agent.idle();
    if (this.state.wish === null) return this.state.outcome;
    await this.#until(() => this.state.wish === null, WISH_MS + 1_000);
    // What the answer brought has been acted on as well.
    await agent.idle();
    return this.state.outcome;
  }

  async ordersHeard(atMostMs: number): Promise<boolean> {
    await this.#until(() => this.state.orders.length === 0, atMostMs);
    return this.state.orders.length === 0;
  }

  async close(): Promise<void> {
    await this.#parts.opened.close();
    this.#parts.unlock();
  }

  #context(): DeviceContext {
    const { crypto, clock } = this.#machine;
    const { id, keys } = this.#home;
    return {
      ...{ now: clock.now(), self: id, signer: keys.signer, crypto, card: keys.card },
      ...{ network: this.#network.network, readings: new Map() },
      verifyReceipt: () => {
        throw new Error("no receipts here");
      },
    };
  }

  async #until(isSo: () => boolean, atMostMs: number): Promise<void> {
    const { linkClock } = this.#machine;
    const endsMs = linkClock.now() + atMostMs;
    while (!isSo() && linkClock.now() < endsMs) {
      await new Promise<void>((resolve) => void linkClock.at(linkClock.now() + LOOK_EVERY_MS, resolve));
    }
  }
}
