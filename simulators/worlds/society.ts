/**
 * The always-on part of a society on one machine: a broker, notaries over one order log,
 * keepers, an issuer. Each is an agent of its own, with its own home, identity and MQTT
 * connection; only the process is common.
 */
import { join } from "node:path";
import type { LedgerClient } from "../../agent/core/ledger-client.ts";
import { serve } from "../../agent/core/service.ts";
import { foundNetwork, saveCommittee } from "../../agent/node/committee.ts";
import { createHome, joinNetwork, openHome, type Home } from "../../agent/node/home.ts";
import { connect as beginToConnect, type Connection, type Machine } from "../../agent/node/run-connection.ts";
import { openLedgerClient, openOrderLog, runKeeper, runNotary } from "../../agent/node/run-roles.ts";
import { startBroker, type Broker } from "../../agent/roles/broker.ts";
import type { NotaryRole } from "../../agent/roles/notary.ts";
import { errorCode } from "../../protocols/errors.ts";
import type { Cleanup } from "./cleanup.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";

export type { Connection } from "../../agent/node/run-connection.ts";

export interface Surroundings extends Machine {
  folder: string;
  /** Whatever is opened in the world is registered here. */
  cleanup: Cleanup;
}

/**
 * Makes a home below the world's folder; the owner's root stays in it, because nobody is there to keep
 * the words.
 */
export async function makeHome(world: Surroundings, name: string, kind: string): Promise<Home> {
  const { crypto, random, clock, folder } = world;
  const config = { kind, name, roles: [], broker: null, port: 0, keepers: [] };
  const { home } = await createHome(join(folder, name), { crypto, random, clock, config, keepRoot: true });
  return home;
}

/** Several at once: making a root from words takes some 30 ms each. */
export function makeHomes(world: Surroundings, names: readonly string[], kind: string): Promise<Home[]> {
  return Promise.all(names.map((name) => makeHome(world, name, kind)));
}

/** Founds the network, tells every home of it, and gives the notaries their secrets. */
export async function found(
  world: Surroundings,
  name: string,
  notaries: readonly Home[],
  others: readonly Home[],
): Promise<{ network: NetworkDescription; homes: Map<string, Home> }> {
  const { crypto, random } = world;
  const { network, secrets } = foundNetwork(
    crypto,
    random,
    name,
    notaries.map(({ id }) => id),
  );
  for (const [index, notary] of notaries.entries()) {
    const secret = secrets[index];
    if (secret !== undefined) saveCommittee(notary.folder, secret);
  }
  const homes = new Map<string, Home>();
  for (const home of [...notaries, ...others]) {
    joinNetwork(home.folder, network);
    homes.set(home.config.name, await openHome(home.folder, crypto));
  }
  return { network, homes };
}

/** Connected: resolves once the broker has taken it in. */
export async function connect(
  world: Surroundings,
  broker: Broker,
  network: NetworkDescription,
  home: Home,
): Promise<Connection> {
  const connection = beginToConnect(world, broker.url, network, home);
  world.cleanup.add(() => connection.close());
  await connection.bus.ready();
  return connection;
}

export async function openBroker(
  world: Surroundings,
  network: NetworkDescription,
  port: number,
): Promise<Broker> {
  const { crypto, clock, cleanup } = world;
  const broker = await startBroker({ host: "127.0.0.1", port, network: network.network, crypto, clock });
  cleanup.add(() => broker.close());
  return broker;
}

export interface RunningNotary {
  role: NotaryRole;
  connection: Connection;
}

/** The committee: one order log on this machine, and for each notary a store, a connection and a core. */
export async function startNotaries(
  world: Surroundings,
  broker: Broker,
  network: NetworkDescription,
  homes: readonly Home[],
): Promise<RunningNotary[]> {
  const log = openOrderLog(world.folder);
  world.cleanup.add(() => log.close());
  const notaries: RunningNotary[] = [];
  for (const home of homes) {
    const connection = await connect(world, broker, network, home);
    const notary = await runNotary(world, connection, log);
    world.cleanup.add(() => notary.close());
    await serve(connection.messenger, notary.answer);
    notaries.push({ role: notary.role, connection });
  }
  return notaries;
}

export interface RunningKeeper {
  id: string;
  /** Where its shards lie. */
  folder: string;
  connection: Connection;
  close(): Promise<void>;
}

export async function startKeeper(
  world: Surroundings,
  broker: Broker,
  network: NetworkDescription,
  home: Home,
): Promise<RunningKeeper> {
  const connection = await connect(world, broker, network, home);
  const keeper = await runKeeper(world, connection);
  const close = world.cleanup.add(async () => {
    await connection.close();
    await keeper.close();
  });
  await serve(connection.messenger, keeper.answer);
  return { id: home.id, folder: keeper.folder, connection, close };
}

/** A connection that submits entries and waits for their receipts. */
export async function openClerk(
  world: Surroundings,
  broker: Broker,
  network: NetworkDescription,
  home: Home,
): Promise<{ connection: Connection; ledger: LedgerClient }> {
  const connection = await connect(world, broker, network, home);
  const { messenger } = connection;
  const ledger = openLedgerClient(world, connection);
  await messenger.listen((message) => {
    try {
      ledger.received(message);
    } catch (error) {
      messenger.countDrop(errorCode(error));
    }
  });
  return { connection, ledger };
}
