/**
 * The always-on part of a society on one machine: a broker, notaries over one order log,
 * keepers, an issuer. Each is an agent of its own, with its own home, identity and MQTT
 * connection; only the process is common.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Messenger } from "../../agent/core/messenger.ts";
import { LedgerClient } from "../../agent/core/ledger-client.ts";
import { serve } from "../../agent/core/service.ts";
import { openFileBlobs } from "../../agent/node/blobs.ts";
import { foundNetwork, loadCommittee, saveCommittee } from "../../agent/node/committee.ts";
import { createHome, joinNetwork, openHome, type Home } from "../../agent/node/home.ts";
import { openLmdbLog } from "../../agent/node/lmdb-log.ts";
import { openLmdbStore } from "../../agent/node/lmdb-store.ts";
import { mqttBus, type MqttBus } from "../../agent/node/mqtt-bus.ts";
import { startBroker, type Broker } from "../../agent/roles/broker.ts";
import { openKeeper } from "../../agent/roles/keeper.ts";
import { startNotary, type NotaryRole } from "../../agent/roles/notary.ts";
import { SegmentError, errorCode } from "../../protocols/errors.ts";
import { signerFromSeed } from "../../protocols/identity/keys.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import type { Clock, Crypto, Random } from "../../protocols/ports.ts";

export interface Surroundings {
  crypto: Crypto;
  random: Random;
  clock: Clock;
  linkClock: Clock;
  folder: string;
  /** Something that runs on has failed for good. */
  failed: (error: unknown) => void;
}

/** Makes a home below the world's folder; the owner's root stays in it, because nobody is there to keep the words. */
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
  const { network, secrets } = foundNetwork(crypto, random, name, notaries.map(({ id }) => id));
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

/** An agent's connection: its bus, and the messages sealed for it. */
export interface Connection {
  home: Home;
  bus: MqttBus;
  messenger: Messenger;
  close(): Promise<void>;
}

export async function connect(world: Surroundings, broker: Broker, network: NetworkDescription, home: Home): Promise<Connection> {
  const { crypto, random, clock } = world;
  const bus = mqttBus({ url: broker.url, network: network.network, signer: home.keys.signer, clock, random });
  await bus.ready();
  const messenger = new Messenger({ bus, clock, crypto, random, network: network.network, keys: home.keys });
  return { home, bus, messenger, close: () => bus.close() };
}

export function openBroker(world: Surroundings, network: NetworkDescription, port: number): Promise<Broker> {
  const { crypto, clock } = world;
  return startBroker({ host: "127.0.0.1", port, network: network.network, crypto, clock });
}

export interface RunningNotary {
  role: NotaryRole;
  connection: Connection;
  close(): Promise<void>;
}

/** The committee: one order log on this machine, and for each notary a store, a connection and a core. */
export async function startNotaries(
  world: Surroundings,
  broker: Broker,
  network: NetworkDescription,
  homes: readonly Home[],
): Promise<{ notaries: RunningNotary[]; close(): Promise<void> }> {
  const logFolder = join(world.folder, "order-log");
  mkdirSync(logFolder, { recursive: true });
  const log = openLmdbLog(join(logFolder, "log.lmdb"));
  const notaries: RunningNotary[] = [];
  for (const [index, home] of homes.entries()) {
    const connection = await connect(world, broker, network, home);
    const secrets = loadCommittee(home.folder);
    if (secrets === undefined) throw new SegmentError("keystore-damaged", "the notary has no term key", { where: home.folder });
    const store = openLmdbStore(join(home.folder, "notary.lmdb"));
    const { messenger, bus } = connection;
    const role = await startNotary({
      config: {
        crypto: world.crypto,
        network,
        index,
        termSigner: signerFromSeed(world.crypto, secrets.termSeed),
        sealSecretKey: secrets.sealSecret,
      },
      bus,
      log,
      store,
      clock: world.clock,
      deliver: (to, kind, body) => {
        messenger.send(to, kind, body).catch((error: unknown) => messenger.countDrop(errorCode(error)));
      },
      failed: world.failed,
    });
    await serve(messenger, (from, kind, body) => role.request(from, kind, body));
    const close = async (): Promise<void> => {
      await role.stop();
      await connection.close();
      await store.close();
    };
    notaries.push({ role, connection, close });
  }
  return {
    notaries,
    close: async () => {
      await Promise.all(notaries.map((notary) => notary.close()));
      await log.close();
    },
  };
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
  const folder = join(home.folder, "shards");
  const blobs = await openFileBlobs(folder);
  const keeper = await openKeeper({ crypto: world.crypto, clock: world.clock, signer: home.keys.signer, blobs });
  await serve(connection.messenger, (from, kind, body) => keeper.handle(from, kind, body));
  let closed = false;
  return {
    id: home.id,
    folder,
    connection,
    close: async () => {
      if (closed) return;
      closed = true;
      await connection.close();
      await blobs.close();
    },
  };
}

/** A connection that submits entries and waits for their receipts. */
export async function openClerk(
  world: Surroundings,
  broker: Broker,
  network: NetworkDescription,
  home: Home,
): Promise<{ connection: Connection; ledger: LedgerClient }> {
  const connection = await connect(world, broker, network, home);
  const { crypto, random, clock, linkClock } = world;
  const { messenger } = connection;
  const ledger = new LedgerClient({ messenger, network, crypto, random, signer: home.keys.signer, clock, linkClock });
  await messenger.listen((message) => {
    try {
      ledger.received(message);
    } catch (error) {
      messenger.countDrop(errorCode(error));
    }
  });
  return { connection, ledger };
}
