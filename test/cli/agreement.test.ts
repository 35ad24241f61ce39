/** What a wallet believes: four notaries on a real broker, some of them away, one of them a liar. */
import { rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { reply, serve } from "../../agent/core/service.ts";
import { nodeCrypto, nodeRandom, systemClock } from "../../agent/node/crypto.ts";
import type { Home } from "../../agent/node/home.ts";
import { askAccount, askCurrencies, openClient } from "../../agent/node/run-client.ts";
import type { Client } from "../../agent/node/run-client.ts";
import type { Broker } from "../../agent/roles/broker.ts";
import { CURRENCY_PAGE } from "../../protocols/ledger/messages.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import { currencyId } from "../../protocols/money/currencies.ts";
import {
  connect,
  found,
  makeHome,
  openBroker,
  openClerk,
  startNotaries,
} from "../../simulators/worlds/society.ts";
import { Cleanup } from "../../simulators/worlds/cleanup.ts";
import type { RunningNotary, Surroundings } from "../../simulators/worlds/society.ts";
import { temporaryFolder } from "./segment.ts";

const folder = temporaryFolder();
const world: Surroundings = {
  crypto: nodeCrypto,
  random: nodeRandom,
  clock: systemClock,
  linkClock: systemClock,
  folder,
  cleanup: new Cleanup(),
  failed: (error) => {
    throw error;
  },
};
const NAMES = ["n0", "n1", "n2", "n3"] as const;

let network: NetworkDescription;
let homes: Map<string, Home>;
let broker: Broker;
let committee: RunningNotary[];
let client: Client;
let euro: string;

const home = (name: string): Home => homes.get(name)!;

beforeAll(async () => {
  const notaries = await Promise.all(NAMES.map((name) => makeHome(world, name, "notary")));
  const owner = await makeHome(world, "owner", "phone");
  ({ network, homes } = await found(world, "village", notaries, [owner]));
  broker = await openBroker(world, network, 0);
  committee = await startNotaries(world, broker, network, NAMES.map(home));
  for (const { connection } of committee) {
    await connection.messenger.welcome(() => undefined);
    connection.messenger.meet(home("owner").keys.card);
  }
  const clerk = await openClerk(world, broker, network, home("owner"));
  const { root } = home("owner").card;
  await clerk.ledger.submit({ body: { kind: "card", card: home("owner").keys.card } });
  await clerk.ledger.submit({ body: { kind: "currency", code: "EUR", exponent: 2, name: "Euro" } });
  euro = currencyId(nodeCrypto, "EUR", root);
  await clerk.ledger.submit({ body: { kind: "mint", currency: euro, to: root, amount: 500n } });
  await clerk.connection.close();
  client = await openClient(world, broker.url, network, home("owner"));
});

afterAll(async () => {
  await client?.close();
  await world.cleanup.run();
  rmSync(folder, { recursive: true });
});

async function stop(notary: RunningNotary | undefined): Promise<void> {
  await notary?.role.stop();
  await notary?.connection.close();
}

describe("what a wallet believes", () => {
  it("is what at least three of four notaries say", async () => {
    const { value, agreeing, notaries } = await askAccount(client);
    expect(agreeing).toBeGreaterThanOrEqual(3);
    expect(notaries).toBe(4);
    expect(value.balances).toEqual([{ currency: euro, minor: 500n }]);
    expect(value.root).toEqual(home("owner").card.root);
    expect(value.timeMs).toBeGreaterThan(Date.now() - 60_000);
    const { value: currencies } = await askCurrencies(client);
    expect(currencies).toMatchObject([{ id: euro, code: "EUR", supply: 500n }]);
  });

  it("takes as many questions as there are pages of currencies", async () => {
    const codes = Array.from({ length: 2 * CURRENCY_PAGE }, (_, at) => `C${at}`);
    const bodies = codes.map((code) => ({ kind: "currency" as const, code, exponent: 0, name: code }));
    await Promise.all(bodies.map((body) => client.ledger.submit({ body }, { patienceMs: 60_000 })));
    // All four have to settle these blocks in this one process: until they have, they answer too late.
    const { value: currencies } = await vi.waitFor(() => askCurrencies(client), { timeout: 60_000 });
    const ids = currencies.map(({ id }) => id);
    const { root } = home("owner").card;
    expect(ids).toEqual([...codes.map((code) => currencyId(nodeCrypto, code, root)), euro].sort());
    expect((await askAccount(client)).value.balances).toEqual([{ currency: euro, minor: 500n }]);
  }, 120_000);

  it("does not change when one notary is away, or lies in its place", async () => {
    await stop(committee[0]);
    expect((await askAccount(client)).value.balances).toEqual([{ currency: euro, minor: 500n }]);
    const liar = await connect(world, broker, network, home("n0"));
    let lies = 0;
    await serve(liar.messenger, (_from, kind) => {
      if (kind !== "account-wanted") return Promise.resolve(null);
      lies++;
      const { root } = home("owner").card;
      return Promise.resolve(
        reply("account", { root, balances: [{ currency: euro, minor: 9n }], timeMs: 1 }),
      );
    });
    const { value } = await askAccount(client);
    expect(value.balances).toEqual([{ currency: euro, minor: 500n }]);
    expect(lies).toBeGreaterThan(0);

    // With the liar and one more away, two honest ones are left: too few to believe anybody.
    await stop(committee[1]);
    await expect(askAccount(client)).rejects.toMatchObject({ code: "quorum-missing" });
    await liar.close();
    await expect(askAccount(client)).rejects.toMatchObject({
      code: "quorum-missing",
      message: expect.stringMatching(/^2 of 4 notaries answered; 3 must agree$/),
    });
  });
});
