/**
 * Settling with everything: a broker on loopback, four notaries with lmdb, sealed messages,
 * all on one core. Beside it the same durable commits on the same disk, the same messages
 * through the same broker, and the same signatures, one after the other and without notaries.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeCrypto as crypto, nodeRandom as random, systemClock as clock } from "../../agent/node/crypto.ts";
import type { Home } from "../../agent/node/home.ts";
import { openLmdbLog } from "../../agent/node/lmdb-log.ts";
import { openLmdbStore } from "../../agent/node/lmdb-store.ts";
import type { LedgerClient } from "../../agent/core/ledger-client.ts";
import type { EntryBody } from "../../protocols/ledger/entry.ts";
import { currencyId } from "../../protocols/money/currencies.ts";
import { directTopic, inboxFilter } from "../../protocols/topics.ts";
import { Cleanup } from "../../simulators/worlds/cleanup.ts";
import {
  connect,
  found,
  makeHomes,
  openBroker,
  openClerk,
  startNotaries,
} from "../../simulators/worlds/society.ts";
import type { Connection, Surroundings } from "../../simulators/worlds/society.ts";
import { elapsedMs, spread } from "./harness.ts";
import type { Bench } from "./harness.ts";
import { settlingSignaturesMs } from "./primitives.ts";

const NETWORK = "bench";
const NOTARIES = ["notary-1", "notary-2", "notary-3", "notary-4"];
const OTHERS = ["issuer", "shop", "near", "far"];
const TRANSFERS_PER_ROUND = 10;
/** About a vote, and about an entry. */
const COMMIT_BYTES = 150;
const MESSAGE_BYTES = 300;

interface Society {
  ledger: LedgerClient;
  transfer: EntryBody;
  hop: () => Promise<void>;
  append: () => Promise<unknown>;
  commitAll: () => Promise<unknown>;
  close(): Promise<void>;
}

async function openSociety(): Promise<Society> {
  const folder = mkdtempSync(join(tmpdir(), "segment-bench-"));
  const cleanup = new Cleanup();
  cleanup.add(() => rmSync(folder, { recursive: true }));
  const failed = (error: unknown): never => {
    throw error;
  };
  try {
    const world = { crypto, random, clock, linkClock: clock, folder, cleanup, failed };
    return { ...(await populate(world)), close: () => cleanup.run() };
  } catch (error) {
    await cleanup.run();
    throw error;
  }
}

async function populate(world: Surroundings): Promise<Omit<Society, "close">> {
  const notaryHomes = await makeHomes(world, NOTARIES, "notary");
  const otherHomes = await makeHomes(world, OTHERS, "phone");
  const { network, homes } = await found(world, NETWORK, notaryHomes, otherHomes);
  const home = (name: string): Home => {
    const one = homes.get(name);
    if (one === undefined) throw new Error(`there is no ${name}`);
    return one;
  };
  const broker = await openBroker(world, network, 0);
  const notaries = await startNotaries(world, broker, network, NOTARIES.map(home));
  const issuer = home("issuer");
  for (const { connection } of notaries) connection.messenger.meet(issuer.keys.card);
  const { ledger } = await openClerk(world, broker, network, issuer);
  const near = await connect(world, broker, network, home("near"));
  const far = await connect(world, broker, network, home("far"));
  const disk = openBareDisk(world.folder);
  world.cleanup.add(() => disk.close());
  const currency = currencyId(crypto, "EUR", issuer.card.root);
  const begin: EntryBody[] = [
    { kind: "card", card: issuer.keys.card },
    { kind: "card", card: home("shop").keys.card },
    { kind: "currency", code: "EUR", exponent: 2, name: "Euro" },
    { kind: "mint", currency, to: issuer.card.root, amount: 1_000_000n },
  ];
  for (const body of begin) await ledger.submit({ body });
  const to = home("shop").card.root;
  const transfer: EntryBody = { kind: "transfer", to, currency, amount: 1n, memo: new Uint8Array() };
  return { ledger, transfer, hop: await openHop(near, far), append: disk.append, commitAll: disk.commitAll };
}

/** One message from one client through the broker to another. */
async function openHop(near: Connection, far: Connection): Promise<() => Promise<void>> {
  let arrived: () => void = () => undefined;
  await far.bus.subscribe(inboxFilter(NETWORK, far.home.id), () => arrived());
  const topic = directTopic(NETWORK, near.home.id, far.home.id);
  const payload = new Uint8Array(MESSAGE_BYTES);
  return async () => {
    const arrival = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    await Promise.all([arrival, near.bus.publish(topic, payload)]);
  };
}

/** A log and four stores like the notaries', on the same disk. */
function openBareDisk(folder: string) {
  const log = openLmdbLog(join(folder, "bare-log.lmdb"));
  const stores = NOTARIES.map((name) => openLmdbStore(join(folder, `bare-${name}.lmdb`)));
  const value = new Uint8Array(COMMIT_BYTES);
  let commits = 0;
  return {
    append: () => log.append(new Uint8Array(MESSAGE_BYTES)),
    commitAll: () => {
      const changes = new Map([[`vote/${(commits += 1)}`, value]]);
      return Promise.all(stores.map((store) => store.commit(changes)));
    },
    close: async () => {
      await log.close();
      for (const store of stores) await store.close();
    },
  };
}

/**
 * The chain that no settlement can cut short: the entry reaches the notaries (message) and is
 * appended (commit); their stamps go round (message) and the cut is appended (commit); each
 * keeps its vote (commit, four stores at once) and casts it (message); each keeps the
 * certificate (commit) and one delivers the receipt (message).
 */
async function bareChain({ hop, append, commitAll }: Society): Promise<void> {
  await hop();
  await append();
  await hop();
  await append();
  await commitAll();
  await hop();
  await commitAll();
  await hop();
}

async function p50Ms(work: () => Promise<unknown>): Promise<number> {
  const durations: number[] = [];
  for (let time = 0; time < TRANSFERS_PER_ROUND; time++) durations.push(await elapsedMs(work));
  return spread(durations).median;
}

function fullStack(): Bench {
  let society: Society | undefined;
  const opened = (): Society => {
    if (society === undefined) throw new Error("the society is not open");
    return society;
  };
  return {
    name: "settlement: transfer to verified receipt, lmdb and MQTT, p50",
    unit: "ms",
    better: "less",
    open: async () => {
      society = await openSociety();
    },
    run: () => p50Ms(() => opened().ledger.submit({ body: opened().transfer })),
    limit: {
      name: "its 4 durable commits, 4 MQTT messages and signatures alone",
      run: async () => settlingSignaturesMs() + (await p50Ms(() => bareChain(opened()))),
    },
    close: () => society?.close(),
  };
}

export const fullSettlementBench: Bench = fullStack();
