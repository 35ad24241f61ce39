/**
 * A home's keyring for one command: the phone's part of locks and keys. It speaks over the radio that is
 * given, or over the broker if that answers; what it signed and nobody has heard yet goes out with the next
 * command.
 */
import type { CommandName } from "../../devices/keyring/commands.ts";
import { keyring } from "../../devices/keyring/keyring.ts";
import { OWNER_LINK } from "../../devices/keyring/owners.ts";
import type { KeyringState, Outcome } from "../../devices/keyring/state.ts";
import type { AccessBody } from "../../protocols/access/messages.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import { verifyReceipt } from "../../protocols/ledger/receipt.ts";
import { KeyringActs } from "../platform/keyring-acts.ts";
import { tellStays } from "../platform/rented-stays.ts";
import { agentFolder, openAgentHome } from "./agent-home.ts";
import type { AgentHome } from "./agent-home.ts";
import { openContracts } from "./contracts.ts";
import type { Home } from "./home.ts";
import { takeKeyring } from "./keyring-run.ts";
import type { RadioOpeners } from "./radio-run.ts";
import type { Machine } from "./run-connection.ts";

export interface KeyringOptions {
  network: NetworkDescription;
  broker: string;
  radio: RadioOpeners | undefined;
  /** What a lock shows to who watches it, as it comes. */
  watched?: (body: AccessBody<"lock-watched"> & { lock: string }) => void;
}

export interface RunningKeyring {
  /** What the phone knows: locks, keys given and held, orders that wait. */
  readonly state: KeyringState;
  /** Pages of a lock's log that came. */
  readonly logs: readonly unknown[];
  /** For phones that were made owners. */
  readonly ownerLinks: readonly string[];
  /**
   * Resolves when it is durable; for what a lock answers (pair, ask, look, read-log) with the outcome. Throws
   * what the keyring refuses.
   */
  run(name: CommandName, value: unknown): Promise<Outcome | null>;
  /** Waits until locks have answered all orders, at most so long; returns whether none waits. */
  ordersHeard(atMostMs: number): Promise<boolean>;
  /** Waits until it is so, at most so long. */
  until(isSo: () => boolean, atMostMs: number): Promise<void>;
  close(): Promise<void>;
}

/** Errors: home-locked (another command uses it), radio-unavailable, module-missing, store-failed. */
export async function openKeyring(
  machine: Machine,
  home: Home,
  options: KeyringOptions,
): Promise<RunningKeyring> {
  const folder = agentFolder(home.folder, keyring.kind);
  const unlock = await takeKeyring(folder, machine.linkClock);
  const logs: unknown[] = [];
  const ownerLinks: string[] = [];
  let isConnected = false;
  try {
    const opened = await openAgentHome<KeyringState>(machine, home, {
      ...{ device: keyring, ...options },
      actuate: (name, value) => {
        if (name === "log") logs.push(value);
        else if (name === OWNER_LINK) ownerLinks.push((value as { link: string }).link);
        else if (name === "watched")
          options.watched?.(value as AccessBody<"lock-watched"> & { lock: string });
      },
      progress: () => undefined,
      connected: (connected) => {
        isConnected = connected;
      },
    });
    await opened.agent.idle();
    const contracts = openContracts(home.folder, machine.crypto);
    tellStays(opened.agent, (termsId, seq) => contracts.receiptAfter(termsId, seq));
    await opened.agent.idle();
    return new HomeKeyring(machine, home, options, {
      opened,
      logs,
      ownerLinks,
      isConnected: () => isConnected,
      unlock,
    });
  } catch (error) {
    unlock();
    throw error;
  }
}

interface Opened {
  opened: AgentHome<KeyringState>;
  logs: unknown[];
  ownerLinks: string[];
  isConnected: () => boolean;
  unlock: () => void;
}

class HomeKeyring implements RunningKeyring {
  readonly logs: readonly unknown[];
  readonly ownerLinks: readonly string[];
  readonly #acts: KeyringActs;
  readonly #parts: Opened;

  constructor({ crypto, clock, linkClock }: Machine, home: Home, options: KeyringOptions, parts: Opened) {
    this.#parts = parts;
    this.logs = parts.logs;
    this.ownerLinks = parts.ownerLinks;
    const { agent } = parts.opened;
    const { network: description } = options;
    const { network } = description;
    const { isConnected } = parts;
    this.#acts = new KeyringActs({
      ...{ agent, keys: home.keys, network, crypto, clock, linkClock, isConnected },
      verifyReceipt: (bytes) => verifyReceipt(crypto, bytes, description),
    });
  }

  get state(): KeyringState {
    return this.#parts.opened.agent.state;
  }

  run(name: CommandName, value: unknown): Promise<Outcome | null> {
    return this.#acts.run(name, value);
  }

  ordersHeard(atMostMs: number): Promise<boolean> {
    return this.#acts.ordersHeard(atMostMs);
  }

  until(isSo: () => boolean, atMostMs: number): Promise<void> {
    return this.#acts.until(isSo, atMostMs);
  }

  async close(): Promise<void> {
    await this.#parts.opened.close();
    this.#parts.unlock();
  }
}
