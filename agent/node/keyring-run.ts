/**
 * The keyring of a phone's home that runs: what was signed goes out as soon as a lock can be reached, and
 * keys that must be confirmed are, with no command. A keyring serves one process at a time: a command that
 * wants it leaves a note in its folder, and gets it until it is done.
 */
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { keyring } from "../../devices/keyring/keyring.ts";
import type { KeyringState } from "../../devices/keyring/state.ts";
import { errorCode, SegmentError } from "../../protocols/errors.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import type { Clock, Timer } from "../../protocols/ports.ts";
import type { Agent } from "../core/agent.ts";
import type { Negotiator } from "../core/negotiator.ts";
import { StayTaker, tellStays } from "../platform/rented-stays.ts";
import type { ReceiptAfter } from "../platform/rented-stays.ts";
import { agentFolder, openAgentHome } from "./agent-home.ts";
import type { AgentHome } from "./agent-home.ts";
import { systemClock } from "./crypto.ts";
import { makeFolder } from "./files.ts";
import { lockHome } from "./home.ts";
import type { Home } from "./home.ts";
import type { Machine } from "./run-connection.ts";
import { runningProcess } from "./run-status.ts";

/** How soon the running home sees a note. */
const TURN_MS = 100;
/** It hears the notaries itself; what it missed is looked for with every so many turns. */
const TELL_EVERY = 10;
/** How long a command waits until the running home has let go. */
const PATIENCE_MS = 5_000;
const LOOK_EVERY_MS = 20;
/** Notes of those who were killed. */
const STALE_MS = 10 * 60_000;
const NOTES = "wanted";

/**
 * Takes the keyring in that folder, from the home that runs if there is one. Returns what gives it back.
 * Errors: home-locked, store-failed.
 */
export async function takeKeyring(folder: string, linkClock: Clock): Promise<() => void> {
  makeFolder(folder);
  if (runningProcess(folder) === undefined) return lockHome(folder);
  const note = join(folder, NOTES, String(process.pid));
  mkdirSync(join(folder, NOTES), { recursive: true, mode: 0o700 });
  writeFileSync(note, "", { mode: 0o600 });
  const endsMs = linkClock.now() + PATIENCE_MS;
  try {
    for (;;) {
      try {
        const unlock = lockHome(folder);
        return () => {
          unlock();
          rmSync(note, { force: true });
        };
      } catch (error) {
        if (errorCode(error) !== "home-locked" || linkClock.now() >= endsMs) throw error;
      }
      await new Promise<void>((resolve) => void linkClock.at(linkClock.now() + LOOK_EVERY_MS, resolve));
    }
  } catch (error) {
    rmSync(note, { force: true });
    throw error;
  }
}

/** Whether a command waits for it, or has it. */
function isWanted(folder: string): boolean {
  try {
    const notes = readdirSync(join(folder, NOTES));
    return notes.some((name) => isAlive(Number(name)) && !isStale(join(folder, NOTES, name)));
  } catch (error) {
    // Nobody has ever left a note, or whoever did has just taken it away.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

/** By the time of the file system, whose stamps they are. */
function isStale(note: string): boolean {
  return systemClock.now() - statSync(note).mtimeMs > STALE_MS;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

export interface ResidentOptions {
  network: NetworkDescription;
  broker: string;
  /** The contracts of the home: a rental of its owner's lets the phone in. */
  negotiator: Negotiator | undefined;
  /** The signed card of an agent that has shown it. */
  cardOf: (id: string) => Uint8Array | undefined;
  receiptAfter: ReceiptAfter;
  /** Lines for people who watch. */
  say: (line: string) => void;
}

export interface ResidentKeyring {
  stop(): Promise<void>;
}

/** Runs it whenever no command has it. Errors: store-failed, journal-corrupt. */
export async function runKeyring(
  machine: Machine,
  home: Home,
  options: ResidentOptions,
): Promise<ResidentKeyring> {
  const resident = new Resident(machine, home, options);
  await resident.turn();
  return resident;
}

class Resident implements ResidentKeyring {
  readonly #machine: Machine;
  readonly #home: Home;
  readonly #options: ResidentOptions;
  readonly #folder: string;
  #opened: { keyring: AgentHome<KeyringState>; unlock: () => void } | undefined;
  #turning: Promise<void> = Promise.resolve();
  #timer: Timer | undefined;
  #stopping = false;
  readonly #stays: StayTaker | undefined;
  readonly #told = new Map<string, number>();
  /** Since it was opened. */
  #turns = 0;

  constructor(machine: Machine, home: Home, options: ResidentOptions) {
    this.#machine = machine;
    this.#home = home;
    this.#options = options;
    this.#folder = agentFolder(home.folder, keyring.kind);
    makeFolder(this.#folder);
    const { negotiator, cardOf } = options;
    const { crypto, clock } = machine;
    if (negotiator !== undefined)
      this.#stays = new StayTaker({ crypto, clock, self: home.id, negotiator, cardOf });
  }

  turn(): Promise<void> {
    this.#turning = this.#look();
    return this.#turning;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#timer?.cancel();
    await this.#turning;
    await this.#close();
  }

  async #look(): Promise<void> {
    const { linkClock, failed } = this.#machine;
    if (isWanted(this.#folder)) await this.#close();
    else await this.#open();
    if (this.#opened !== undefined) this.#tell(this.#opened.keyring.agent);
    if (this.#stopping) return;
    this.#timer = linkClock.at(linkClock.now() + TURN_MS, () => void this.turn().catch(failed));
  }

  #tell(agent: Agent<KeyringState>): void {
    this.#stays?.look(agent);
    if (this.#turns % TELL_EVERY === 0) tellStays(agent, this.#options.receiptAfter, this.#told);
    this.#turns += 1;
  }

  async #open(): Promise<void> {
    if (this.#opened !== undefined) return;
    const unlock = this.#lock();
    if (unlock === undefined) return;
    const { network, broker, say } = this.#options;
    try {
      const opened = await openAgentHome<KeyringState>(this.#machine, this.#home, {
        ...{ device: keyring, network, broker, radio: undefined },
        actuate: () => undefined,
        progress: (step, detail) => say(`keyring: ${detail === "" ? step : `${step}: ${detail}`}`),
        connected: () => undefined,
      });
      this.#opened = { keyring: opened, unlock };
      this.#turns = 0;
    } catch (error) {
      unlock();
      throw error;
    }
  }

  /** Undefined while a command has it that came before this home ran. */
  #lock(): (() => void) | undefined {
    try {
      return lockHome(this.#folder);
    } catch (error) {
      if (error instanceof SegmentError && error.code === "home-locked") return undefined;
      throw error;
    }
  }

  async #close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    await opened?.keyring.close();
    opened?.unlock();
  }
}
