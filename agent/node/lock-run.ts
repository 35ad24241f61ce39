/**
 * The lock of a running home: the device decides at the door, with no network either. `segment pair` beside
 * it asks for a pairing by a file, and reads from another how the lock stands.
 */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { createLock } from "../../devices/lock/lock.ts";
import { ERASE_DRIVER, GRANT_DRIVER } from "../../devices/lock/state.ts";
import type { GrantWish, LockConfig, LockState } from "../../devices/lock/state.ts";
import { PSK_LENGTH } from "../../protocols/access/pairing.ts";
import { decodeMessage, encodeMessage } from "../../protocols/encoding/messages.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { DAY_MS } from "../../protocols/calendar.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import type { Timer } from "../../protocols/ports.ts";
import type { Agent } from "../core/agent.ts";
import type { Negotiator } from "../core/negotiator.ts";
import { PUSH } from "../core/push.ts";
import { openAgentHome } from "./agent-home.ts";
import type { AgentHome } from "./agent-home.ts";
import { writeFileDurably } from "./files.ts";
import type { Home } from "./home.ts";
import { lockLogParts, logGrant, writeGrants } from "./lock-log.ts";
import { LockSigner } from "./lock-signer.ts";
import type { RadioOpeners } from "./radio-run.ts";
import type { Machine } from "./run-connection.ts";

/** What moves, and what feels: a board's, or simulated. */
export interface LockPins {
  config: LockConfig;
  actuate(name: string, value: unknown): void;
  onSensor(report: (name: string, value: boolean | number) => void): void;
  close(): void;
}

export interface LockRunOptions {
  network: NetworkDescription;
  broker: string;
  radio: RadioOpeners | undefined;
  pins: LockPins;
  /** The contracts of the home: the lock signs the rentals of its owners. */
  negotiator: Negotiator | undefined;
  /** Lines for people who watch. */
  say: (line: string) => void;
}

const PAIRING_FILE = "pairing.cbor";
const STATUS_FILE = "lock.json";
const TURN_MS = 250;
/** How long the notaries get to tell the time, each time the network is there. */
const TIME_PATIENCE_MS = 30_000;
/** How long the keepers get at the end to take what of the log is under way. */
const LAST_PATIENCE_MS = 3_000;

const pairingSchema = z.strictObject({
  psk: z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === PSK_LENGTH),
  forMs: z.number().int().min(1_000),
});
const statusSchema = z.strictObject({ owners: z.array(z.string()), isPairing: z.boolean() });

/** To an owner who asks for the log of a lock that seals none. */
const NO_KEEPERS = {
  ...{ code: "keepers-short", message: "the lock's home names no keepers: its log stands in the lock alone" },
  ...{ waitMs: 0, state: null, fact: null },
};

export type PairingWish = z.infer<typeof pairingSchema>;
/** What a running lock tells the commands beside it. */
export type LockStatus = z.infer<typeof statusSchema>;

/**
 * Beside the running home, which holds the folder's lock and deals in contracts. Errors: radio-unavailable,
 * module-missing, store-failed, journal-corrupt.
 */
export async function runLock(machine: Machine, home: Home, options: LockRunOptions): Promise<RunningLock> {
  const running = new RunningLock(machine, home, options);
  await running.start();
  return running;
}

export class RunningLock {
  readonly #machine: Machine;
  readonly #home: Home;
  readonly #options: LockRunOptions;
  #opened: AgentHome<LockState> | undefined;
  #timer: Timer | undefined;
  #told = "";
  /** Whose grants were written, and on which day. */
  #granted = "";
  #isConnected = false;
  readonly #signer: LockSigner | undefined;

  constructor(machine: Machine, home: Home, options: LockRunOptions) {
    this.#machine = machine;
    this.#home = home;
    this.#options = options;
    const { negotiator, say } = options;
    if (negotiator !== undefined)
      this.#signer = new LockSigner({ crypto: machine.crypto, self: home.id, negotiator, say });
  }

  async start(): Promise<void> {
    const { network, broker, radio, pins, say } = this.#options;
    // A wish of an earlier life: nobody waits at the door any more.
    rmSync(join(this.#home.folder, PAIRING_FILE), { force: true });
    this.#opened = await openAgentHome<LockState>(this.#machine, this.#home, {
      ...{ device: createLock(pins.config), network, broker, radio },
      telemetry: lockLogParts(this.#machine.crypto, this.#home),
      actuate: (name, value) => {
        if (name === ERASE_DRIVER) this.#erase();
        else if (name === GRANT_DRIVER) this.#answerGrant(value as GrantWish);
        else pins.actuate(name, value);
      },
      progress: (step, detail) => say(detail === "" ? step : `${step}: ${detail}`),
      connected: (isConnected, agent) => this.#connectedChanged(isConnected, agent),
    });
    const { agent } = this.#opened;
    pins.onSensor((name, value) => agent.sensor(name, value));
    await agent.idle();
    this.#turn();
  }

  /** Ends everything in its order. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    await this.#flushLog();
    await this.#opened?.close();
    this.#options.pins.close();
  }

  get agent(): Agent<LockState> {
    return this.#opened!.agent;
  }

  /** What the commands beside it want, and what they may know. */
  #turn(): void {
    const { linkClock, failed } = this.#machine;
    try {
      const wish = takePairing(this.#home.folder);
      if (wish !== undefined) this.agent.command("pair", wish);
      this.#tell();
      this.#grant();
      this.#signer?.look(this.agent.state.owners.map(({ id }) => id));
    } catch (error) {
      failed(error);
      return;
    }
    this.#timer = linkClock.at(linkClock.now() + TURN_MS, () => this.#turn());
  }

  #tell(): void {
    const { owners, pairing } = this.agent.state;
    const status: LockStatus = { owners: owners.map(({ id }) => id), isPairing: pairing !== null };
    const text = `${JSON.stringify(status, undefined, 2)}\n`;
    if (text === this.#told) return;
    this.#told = text;
    writeFileDurably(join(this.#home.folder, STATUS_FILE), text, 0o600);
  }

  /** Whoever owns the lock reads its log, as long as they own it. */
  #grant(): void {
    if (this.agent.telemetry === undefined) return;
    const owners = this.agent.state.owners.flatMap(({ id }) => {
      const card = this.agent.messenger.cardOf(id);
      return card === undefined ? [] : [{ id, sessionKey: card.sessionKey }];
    });
    const day = Math.floor(this.#machine.clock.now() / DAY_MS);
    const granted = [day, ...owners.map(({ id }) => id)].join(" ");
    if (granted === this.#granted) return;
    writeGrants(this.#machine, this.#home, owners);
    this.#granted = granted;
  }

  /** An owner's phone asks for it instead of fetching the file. One that does not hear this asks again. */
  #answerGrant({ to, about }: GrantWish): void {
    const { messenger, telemetry } = this.agent;
    const card = messenger.cardOf(to);
    const { keepers } = this.#home.config;
    if (card === undefined) return;
    const [kind, body] =
      telemetry === undefined
        ? [`${PUSH}lock-answer`, { about, ...NO_KEEPERS }]
        : ["lock-grant", { about, grant: logGrant(this.#machine, this.#home, card.sessionKey), keepers }];
    messenger.send(to, kind, encodeMessage(body)).catch(() => undefined);
  }

  async #flushLog(): Promise<void> {
    const telemetry = this.#opened?.agent.telemetry;
    if (telemetry === undefined || !this.#isConnected) return;
    const { linkClock } = this.#machine;
    await new Promise<void>((resolve, reject) => {
      const timer = linkClock.at(linkClock.now() + LAST_PATIENCE_MS, resolve);
      telemetry
        .flush()
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
  }

  #connectedChanged(isConnected: boolean, agent: Agent<LockState>): void {
    this.#isConnected = isConnected;
    if (!isConnected) return;
    agent.time
      .known(TIME_PATIENCE_MS)
      .then(() => (agent.time.isKnown ? agent.sensor("clock-known", true) : undefined))
      .catch((error: unknown) => this.#machine.failed(error));
  }

  /** As from the factory: whom it knew is forgotten as well. */
  #erase(): void {
    rmSync(join(this.#home.folder, "contacts"), { recursive: true, force: true });
    this.#options.say("erased: owners, keys and contacts are forgotten");
  }
}

/** Asks the lock that runs in this home to take the first phone that proves the secret. */
export function wishPairing(folder: string, wish: PairingWish): void {
  writeFileDurably(join(folder, PAIRING_FILE), encodeMessage(wish), 0o600);
}

/** Whether the lock takes phones by the last wish. Errors: store-failed. */
export function isPairingTaken(folder: string): boolean {
  return !existsSync(join(folder, PAIRING_FILE)) && readLockStatus(folder)?.isPairing === true;
}

function takePairing(folder: string): PairingWish | undefined {
  const path = join(folder, PAIRING_FILE);
  if (!existsSync(path)) return undefined;
  const bytes = new Uint8Array(readFileSync(path));
  rmSync(path, { force: true });
  return pairingSchema.safeParse(decodeMessage(bytes)).data;
}

/** Undefined if no lock has run there. Errors: store-failed. */
export function readLockStatus(folder: string): LockStatus | undefined {
  const path = join(folder, STATUS_FILE);
  if (!existsSync(path)) return undefined;
  const parsed = statusSchema.safeParse(JSON.parse(readFileSync(path, "utf8")));
  if (parsed.success) return parsed.data;
  throw new SegmentError("store-failed", "the lock's status is of another version", { where: path });
}
