/** Whose word a wallet takes for its history: four notaries on a real broker, one a liar, some away. */
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { reply, serve } from "../../agent/core/service.ts";
import { nodeCrypto, nodeRandom, systemClock } from "../../agent/node/crypto.ts";
import { fetchHistory, keptHistory } from "../../agent/node/history.ts";
import type { Home } from "../../agent/node/home.ts";
import { openClient } from "../../agent/node/run-client.ts";
import type { Broker } from "../../agent/roles/broker.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import { currencyId } from "../../protocols/money/currencies.ts";
import { Cleanup } from "../../simulators/worlds/cleanup.ts";
import {
  connect,
  found,
  makeHome,
  openBroker,
  openClerk,
  startNotaries,
} from "../../simulators/worlds/society.ts";
import type { Connection, RunningNotary, Surroundings } from "../../simulators/worlds/society.ts";
import { temporaryFolder } from "./segment.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const folder = temporaryFolder();
const world: Surroundings = {
  ...{ crypto: nodeCrypto, random: nodeRandom, clock: systemClock, linkClock: systemClock, folder },
  cleanup: new Cleanup(),
  failed: (error) => {
    throw error;
  },
};
const NAMES = ["n0", "n1", "n2", "n3"] as const;
const MOVEMENTS = 7;

let network: NetworkDescription;
let homes: Map<string, Home>;
let broker: Broker;
let committee: RunningNotary[];

const home = (name: string): Home => homes.get(name)!;

beforeAll(async () => {
  const notaries = await Promise.all(NAMES.map((name) => makeHome(world, name, "notary")));
  const others = [await makeHome(world, "owner", "phone"), await makeHome(world, "issuer", "phone")];
  ({ network, homes } = await found(world, "village", notaries, others));
  broker = await openBroker(world, network, 0);
  committee = await startNotaries(world, broker, network, NAMES.map(home));
  for (const { connection } of committee) await connection.messenger.welcome(() => undefined);
  const owner = await openClerk(world, broker, network, home("owner"));
  const issuer = await openClerk(world, broker, network, home("issuer"));
  for (const clerk of [owner, issuer]) {
    const { home: own, messenger } = clerk.connection;
    for (const { connection } of committee) connection.messenger.meet(own.keys.card);
    await messenger.announce();
    await clerk.ledger.submit({ body: { kind: "card", card: own.keys.card } });
  }
  await issuer.ledger.submit({ body: { kind: "currency", code: "EUR", exponent: 2, name: "Euro" } });
  const euro = currencyId(nodeCrypto, "EUR", home("issuer").card.root);
  for (let amount = 1n; amount <= MOVEMENTS; amount++) {
    await issuer.ledger.submit({
      body: { kind: "mint", currency: euro, to: home("owner").card.root, amount },
    });
  }
  // What the issuer receives is no business of the owner's.
  await issuer.ledger.submit({
    body: { kind: "mint", currency: euro, to: home("issuer").card.root, amount: 99n },
  });
  await owner.connection.close();
  await issuer.connection.close();
});

afterAll(async () => {
  await world.cleanup.run();
  rmSync(folder, { recursive: true });
});

async function fetched(): Promise<{ counted: number; missing: number; held: string[] }> {
  const client = await openClient(world, broker.url, network, home("owner"));
  try {
    const completeness = await fetchHistory(client, home("owner"));
    const { movements } = keptHistory(nodeCrypto, home("owner"));
    return { ...completeness, held: movements.map(({ change }) => change.toString()) };
  } finally {
    await client.close();
  }
}

function forget(): void {
  const documents = join(home("owner").folder, "documents");
  for (const name of readdirSync(documents)) rmSync(join(documents, name));
}

async function stop(notary: RunningNotary | undefined): Promise<void> {
  await notary?.role.stop();
  await notary?.connection.close();
}

/** Takes a notary's place, and says of every account's history what it likes. */
async function lie(name: string, count: number): Promise<Connection> {
  const liar = await connect(world, broker, network, home(name));
  await serve(liar.messenger, (_from, kind) => {
    // About all else it tells the truth.
    const currencies = committee[3]?.role.core.currencies();
    if (kind === "currencies-wanted") return Promise.resolve(reply("currencies", { currencies }));
    if (kind !== "history-wanted") return Promise.resolve(null);
    const account = home("owner").card.root;
    return Promise.resolve(reply("history", { account, count, first: 1, receipts: [] }));
  });
  await liar.messenger.welcome(() => undefined);
  return liar;
}

const ALL = ["1", "2", "3", "4", "5", "6", "7"];

describe("the history of an account", () => {
  it("is all that moved it, in order, once; nothing of others", async () => {
    expect(await fetched()).toEqual({ counted: MOVEMENTS, missing: 0, held: ALL });
    expect(await fetched()).toEqual({ counted: MOVEMENTS, missing: 0, held: ALL });
    expect(readdirSync(join(home("owner").folder, "documents"))).toHaveLength(MOVEMENTS);
  });

  it("is whole although one notary hides it, or claims what never was", async () => {
    await stop(committee[0]);
    for (const count of [0, 1_000_000]) {
      const liar = await lie("n0", count);
      forget();
      expect(await fetched(), `a claim of ${count}`).toEqual({ counted: MOVEMENTS, missing: 0, held: ALL });
      await liar.close();
    }
  });

  it("is not called whole when too few notaries answer", async () => {
    await stop(committee[1]);
    await expect(fetched()).rejects.toMatchObject({ code: "quorum-missing" });
  });

  it("that two notaries claim to be longer has a gap, which is said", async () => {
    // Two liars of four are more than the network bears: they can pretend a gap, but no movement.
    const liars = [await lie("n0", 9), await lie("n1", 9)];
    expect(await fetched()).toEqual({ counted: 9, missing: 2, held: ALL });
    for (const liar of liars) await liar.close();
  });
});
