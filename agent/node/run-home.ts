/**
 * Runs a home: one identity, one connection, and behind it all that the home has to do. It takes part in its
 * network from the first moment that the broker answers, and works on its own until then.
 */
import type { LedgerClient } from "../core/ledger-client.ts";
import type { Negotiator } from "../core/negotiator.ts";
import { serve } from "../core/service.ts";
import type { Answer } from "../core/service.ts";
import { startBroker } from "../roles/broker.ts";
import type { Broker } from "../roles/broker.ts";
import { relayTo } from "../roles/broker-relay.ts";
import { errorCode, SegmentError } from "../../protocols/errors.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import type { Timer } from "../../protocols/ports.ts";
import { runApp } from "./app-run.ts";
import type { AppOptions } from "./app-run.ts";
import type { AppServer } from "../roles/app-server.ts";
import { keepContact, readContacts } from "./contacts.ts";
import { lockHome } from "./home.ts";
import type { Home, Role } from "./home.ts";
import { openJournal } from "./journal-store.ts";
import { openClient } from "./run-client.ts";
import type { Client } from "./run-client.ts";
import { connect } from "./run-connection.ts";
import type { Connection, Machine } from "./run-connection.ts";
import { runDealings } from "./run-dealings.ts";
import type { Dealings } from "./run-dealings.ts";
import { register, registration } from "./run-documents.ts";
import type { RadioOpeners } from "./radio-run.ts";
import { runHealth } from "./run-health.ts";
import type { RunningHealth } from "./run-health.ts";
import { openLedgerClient, openOrderLog, runKeeper, runNotary } from "./run-roles.ts";
import type { RunningKeeper, RunningNotary } from "./run-roles.ts";
import { writeRunStatus } from "./run-status.ts";
import { StandingOrders } from "./standing.ts";

export interface RunOptions {
  /** Where its own broker listens, if it is one. */
  host: string;
  port: number;
  /** The network's broker, if it is none itself. */
  broker: string | null;
  /** Between two samples of the machine's health; 0 for none. */
  healthMs: number;
  /** How long the home may be without a network: what others pay it offline must be redeemed by then. */
  longestOfflineMs: number;
  /** How to open the machine's radio; absent: it uses none. */
  radio?: RadioOpeners;
  /** Where the phone's app is served; absent: it is not. */
  app?: AppOptions;
  /** Lines for people who watch. */
  say: (line: string) => void;
}

/** How long the keepers get at the end to take what is under way. */
const LAST_PATIENCE_MS = 3_000;
const REGISTER_AGAIN_MS = 30_000;
/** How long the notaries get to tell the time. */
const TIME_PATIENCE_MS = 2_000;
const STATUS_EVERY_MS = 60_000;

/**
 * Starts what needs no network and returns; `ready` resolves once the home takes part in its network.
 * Errors: home-locked, network-invalid, port-in-use, broker-unreachable (none is named), store-failed, …
 */
export async function runHome(machine: Machine, home: Home, options: RunOptions): Promise<RunningHome> {
  const running = new RunningHome(machine, home, options);
  try {
    await running.start();
    return running;
  } catch (error) {
    await running.stop();
    throw error;
  }
}

export class RunningHome {
  /** Rejects when the home can never be ready, or was stopped before. */
  ready: Promise<void> = Promise.resolve();
  readonly #machine: Machine;
  readonly #home: Home;
  readonly #options: RunOptions;
  readonly #network: NetworkDescription;
  readonly #startedMs: number;
  /** What has to be ended, in the order of its beginning. */
  readonly #closers: (() => Promise<void>)[] = [];
  #unlock: (() => void) | undefined;
  #connection: Connection | undefined;
  #ledger: LedgerClient | undefined;
  #notary: RunningNotary | undefined;
  #keeper: RunningKeeper | undefined;
  #health: RunningHealth | undefined;
  #dealings: Dealings | undefined;
  #app: AppServer | undefined;
  #url = "";
  #connected = false;
  #registered = false;
  #stopping = false;
  #statusTimer: Timer | undefined;
  #registerTimer: Timer | undefined;

  constructor(machine: Machine, home: Home, options: RunOptions) {
    if (home.network === undefined) {
      throw new SegmentError("network-invalid", "the home belongs to no network yet", { where: home.folder });
    }
    this.#machine = machine;
    this.#home = home;
    this.#options = options;
    this.#network = home.network;
    this.#startedMs = machine.clock.now();
  }

  async start(): Promise<void> {
    const { folder, config, id } = this.#home;
    const { say } = this.#options;
    this.#unlock = lockHome(folder);
    say(`agent ${id} (${config.kind} "${config.name}") of the network "${this.#network.network}"`);
    const broker = await this.#openBroker();
    this.#url = broker.url;
    await this.#openApp(broker.own);
    const connection = connect(this.#machine, this.#url, this.#network, this.#home, (_from, card) => {
      this.#keepContact(card);
    });
    this.#connection = connection;
    this.#ledger = openLedgerClient(this.#machine, connection);
    this.#closers.push(() => connection.close());
    for (const card of readContacts(folder, this.#machine.crypto)) connection.messenger.meet(card);
    await this.#openDealings(connection, this.#ledger);
    await this.#openHealth(connection);
    if (this.#plays("keeper")) {
      const keeper = await runKeeper(this.#machine, connection);
      this.#keeper = keeper;
      this.#closers.push(() => keeper.close());
    }
    this.ready = this.#join(connection);
    // Whoever awaits `ready` learns of it; nobody has to.
    this.ready.catch(() => undefined);
    this.#writeStatusAgain();
  }

  /** Ends everything in its order, at any time; may be called again. Throws the first failure at the end. */
  async stop(): Promise<void> {
    const isFirst = !this.#stopping;
    this.#stopping = true;
    this.#statusTimer?.cancel();
    this.#registerTimer?.cancel();
    const failures: unknown[] = [];
    const attempt = async (work: () => Promise<void> | void): Promise<void> => {
      try {
        await work();
      } catch (error) {
        // What fails to end does not keep the rest open.
        failures.push(error);
      }
    };
    // First, while whoever keeps its shards still listens; that may be this very home.
    if (isFirst) await attempt(() => this.#health?.close(this.#connected ? LAST_PATIENCE_MS : 0));
    for (let close = this.#closers.pop(); close !== undefined; close = this.#closers.pop())
      await attempt(close);
    if (isFirst && this.#connection !== undefined) await attempt(() => this.#writeStatus());
    this.#unlock?.();
    if (failures.length > 0) throw failures[0];
  }

  #plays(role: Role): boolean {
    return this.#home.config.roles.includes(role);
  }

  /** Starts the home's own broker, if it is one. Returns where to connect. */
  async #openBroker(): Promise<{ url: string; own?: Broker }> {
    const { host, port, broker: url, say } = this.#options;
    if (!this.#plays("broker")) {
      if (url !== null) return { url };
      const problem = "no broker is named: neither --broker nor config.json says where one listens";
      throw new SegmentError("broker-unreachable", problem, { where: this.#home.folder });
    }
    const { crypto, clock } = this.#machine;
    const broker = await startBroker({ host, port, network: this.#network.network, crypto, clock });
    this.#closers.push(() => broker.close());
    say(`broker: listens on ${broker.url}`);
    // An address that stands for all of the machine's own is not one to connect to.
    const everywhere = host === "0.0.0.0" || host === "::";
    return { url: everywhere ? `mqtt://127.0.0.1:${broker.port}` : broker.url, own: broker };
  }

  /** Of its broker, its own or the network's. */
  get url(): string {
    return this.#url;
  }

  /** Where its app is served; undefined if it is not. */
  get appUrl(): string | undefined {
    return this.#app?.url;
  }

  /** What it negotiates; undefined before it has started. */
  get negotiator(): Negotiator | undefined {
    return this.#dealings?.negotiator;
  }

  /** The signed card of an agent that has shown it. */
  cardOf(id: string): Uint8Array | undefined {
    return this.#connection?.messenger.cardOf(id)?.bytes;
  }

  async #openApp(own: Broker | undefined): Promise<void> {
    const { app, say } = this.#options;
    if (app === undefined) return;
    const broker = own ?? relayTo(this.#url);
    const server = await runApp(this.#machine, this.#home, { ...app, network: this.#network, broker, say });
    this.#app = server;
    this.#closers.push(() => server.close());
  }

  async #openHealth(connection: Connection): Promise<void> {
    const { healthMs, say } = this.#options;
    const { keepers } = this.#home.config;
    if (healthMs === 0) return;
    if (keepers.length === 0) {
      say("telemetry: none, because no keepers are named (segment telemetry keepers)");
      return;
    }
    const store = await openJournal(this.#home.folder);
    this.#closers.push(() => store.close());
    const health = runHealth(this.#machine, connection, store, healthMs);
    this.#health = health;
    say(`telemetry: health every ${healthMs / 1_000} s, sealed, to ${keepers.length} keeper(s)`);
  }

  /** From here on the broker is needed: waits for it as long as it takes. */
  async #join(connection: Connection): Promise<void> {
    const { say } = this.#options;
    const { bus, messenger } = connection;
    await bus.ready().catch((error: unknown) => {
      if (this.#stopping) throw error;
      say(`offline: ${(error as Error).message} [${errorCode(error)}]; goes on trying`);
      const by = this.#dealings?.radio === undefined ? "wait for the network" : "go over Bluetooth meanwhile";
      say(`ready offline: contracts and tabs ${by}`);
      this.#dealings?.begin();
    });
    if (this.#plays("notary")) await this.#openNotary(connection);
    await serve(messenger, this.#answer);
    await messenger.welcome((card) => this.#keepContact(card));
    if (this.#keeper !== undefined) say(`keeper: holds ${this.#keeper.keeper.usage().chunks} shard(s)`);
    bus.onConnected((connected) => this.#connectionChanged(connection, connected));
    // What is dated by a wrong clock no notary takes.
    await connection.time?.known(TIME_PATIENCE_MS);
    await this.#register();
    if (this.#stopping) return;
    this.#dealings?.begin();
    this.#openStanding(connection);
    say("ready");
  }

  #keepContact(card: Uint8Array): void {
    try {
      keepContact(this.#home.folder, this.#machine.crypto, card);
      this.#dealings?.met(card);
    } catch (error) {
      this.#connection?.messenger.countDrop(errorCode(error));
    }
  }

  async #openDealings(connection: Connection, ledger: LedgerClient): Promise<void> {
    const { say, longestOfflineMs, radio } = this.#options;
    const dealings = await runDealings(this.#machine, connection, {
      ...{ ledger, longestOfflineMs, radio, say },
      radioChanged: () => this.#tellStatus(),
    });
    this.#dealings = dealings;
    this.#closers.push(() => dealings.close());
  }

  /** The owner's standing orders, each over a short connection of its own. */
  #openStanding({ clock }: Connection): void {
    const home = this.#home;
    const { linkClock, failed } = this.#machine;
    const { say } = this.#options;
    const open = (): Promise<Client> => openClient(this.#machine, this.#url, this.#network, home);
    const standing = new StandingOrders({ home, clock, linkClock, open, say, failed });
    this.#closers.push(() => standing.stop());
    standing.start();
  }

  async #openNotary(connection: Connection): Promise<void> {
    const { notaries, network } = this.#network;
    if (notaries.length > 1) {
      const problem =
        `"${network}" has ${notaries.length} notaries, and its order log is not on this machine: ` +
        "`segment run` serves networks of one notary";
      throw new SegmentError("option-invalid", problem, { where: this.#home.folder });
    }
    const log = openOrderLog(this.#home.folder);
    this.#closers.push(() => log.close());
    const notary = await runNotary(this.#machine, connection, log);
    this.#notary = notary;
    this.#closers.push(() => notary.close());
    this.#options.say(`notary: at block ${notary.role.core.height}`);
  }

  /** Each message goes to the one part whose business it is. */
  readonly #answer: Answer = async (from, kind, body) => {
    if (this.#dealings?.received(from, kind, body) === true) return null;
    if (this.#ledger?.received({ kind, body }) === true) return null;
    const telemetry = this.#health?.telemetry;
    if (telemetry?.handles(kind) === true) {
      telemetry.received(from, kind, body);
      return null;
    }
    const reply = (await this.#notary?.answer(from, kind, body)) ?? null;
    return reply ?? (await this.#keeper?.answer(from, kind, body)) ?? null;
  };

  #connectionChanged({ messenger }: Connection, connected: boolean): void {
    if (this.#stopping) return;
    if (connected !== this.#connected) {
      this.#options.say(
        connected ? `connected: to ${this.#url}` : "offline: the broker is gone; goes on trying",
      );
    }
    this.#connected = connected;
    // Those who came while this agent was away do not know it, nor it them.
    if (connected) messenger.announce().catch((error: unknown) => messenger.countDrop(errorCode(error)));
    if (connected) this.#dealings?.reachable();
  }

  /** Once in the life of a card; what cannot be done now is tried again later. */
  async #register(): Promise<void> {
    const { say } = this.#options;
    const { crypto, linkClock } = this.#machine;
    if (this.#ledger === undefined || this.#stopping) return;
    try {
      const before = registration(crypto, this.#home) !== undefined;
      await register(crypto, this.#home, this.#ledger);
      this.#registered = true;
      if (!before) say("registered: the ledger knows this device's card");
    } catch (error) {
      if (this.#stopping) return;
      say(`not registered yet: ${(error as Error).message} [${errorCode(error)}]; tries again`);
      this.#registerTimer = linkClock.at(linkClock.now() + REGISTER_AGAIN_MS, () => {
        this.#register().catch(this.#machine.failed);
      });
    }
  }

  #tellStatus(): void {
    try {
      this.#writeStatus();
    } catch (error) {
      this.#machine.failed(error);
    }
  }

  #writeStatusAgain(): void {
    const { clock } = this.#machine;
    this.#tellStatus();
    const { healthMs } = this.#options;
    const everyMs = healthMs === 0 ? STATUS_EVERY_MS : healthMs;
    this.#statusTimer = clock.at(clock.now() + everyMs, () => this.#writeStatusAgain());
  }

  #writeStatus(): void {
    const telemetry = this.#health?.telemetry;
    const core = this.#notary?.role.core;
    writeRunStatus(this.#home.folder, {
      startedMs: this.#startedMs,
      atMs: this.#machine.clock.now(),
      broker: this.#url,
      connected: this.#connected && !this.#stopping,
      registered: this.#registered,
      telemetry:
        telemetry === undefined
          ? null
          : {
              records: telemetry.counters.records,
              refused: telemetry.counters.refused,
              chunks: telemetry.counters.chunks,
              waiting: telemetry.waiting,
              refusals: Object.fromEntries(telemetry.refusals),
            },
      notary: core === undefined ? null : { height: core.height, logTimeMs: core.timeMs },
      keeper: this.#keeper?.keeper.usage() ?? null,
      ...(this.#dealings?.radio === undefined ? {} : { radio: this.#dealings.radio }),
      dropped: Object.fromEntries(this.#connection?.messenger.dropped ?? []),
    });
  }
}
