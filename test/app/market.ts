/** A market for a phone: four notaries, a broker, a bank, a shop and a drone, all in this process. */
import { rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { nodeCrypto, nodeRandom, systemClock } from "../../agent/node/crypto.ts";
import { runContracts } from "../../agent/node/contracts-run.ts";
import type { RunningContracts } from "../../agent/node/contracts-run.ts";
import type { Home } from "../../agent/node/home.ts";
import { openLedgerClient } from "../../agent/node/run-roles.ts";
import { makeTerms } from "../../agent/platform/offers.ts";
import { startAppServer } from "../../agent/roles/app-server.ts";
import type { Broker } from "../../agent/roles/broker.ts";
import { openWebSocketDoor } from "../../agent/roles/websocket.ts";
import { positionBody, signFact } from "../../protocols/contract/facts.ts";
import { templateOf } from "../../protocols/contract/templates/index.ts";
import type { Json } from "../../protocols/contract/templates/index.ts";
import { encodeTerms } from "../../protocols/contract/terms.ts";
import { fromHex, toBase64Url, toHex, utf8 } from "../../protocols/encoding/bytes.ts";
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import { errorCode } from "../../protocols/errors.ts";
import { openCard } from "../../protocols/identity/card.ts";
import { agentId, publicKeyFromId } from "../../protocols/identity/keys.ts";
import type { EntryBody } from "../../protocols/ledger/entry.ts";
import { formatNetwork } from "../../protocols/ledger/network.ts";
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
import type { Connection, Surroundings } from "../../simulators/worlds/society.ts";
import { temporaryFolder } from "../cli/segment.ts";
import { repositoryRoot } from "../support/shared.ts";

const NAMES = ["n0", "n1", "n2", "n3"] as const;
const MINUTE_MS = 60_000;

/** A home that takes part in contracts, as a running one does. */
export interface Trader {
  home: Home;
  connection: Connection;
  contracts: RunningContracts;
  submit: (body: EntryBody) => Promise<unknown>;
  /** Ids of those who have come since. */
  newcomers: readonly string[];
}

async function startTrader(world: Surroundings, connection: Connection): Promise<Trader> {
  const { home, messenger } = connection;
  const newcomers: string[] = [];
  const ledger = openLedgerClient(world, connection);
  const contracts = runContracts(world, connection, { ledger, say: () => undefined });
  world.cleanup.add(() => Promise.resolve(contracts.close()));
  await messenger.listen(({ from, kind, body }) => {
    try {
      if (!contracts.received(from, kind, body)) ledger.received({ kind, body });
    } catch (error) {
      messenger.countDrop(errorCode(error));
    }
  });
  await messenger.welcome((card) => newcomers.push(agentId(openCard(nodeCrypto, card).identity)));
  await messenger.announce();
  contracts.begin();
  const submit = (body: EntryBody): Promise<unknown> => ledger.submit({ body });
  await submit({ kind: "card", card: home.keys.card });
  return { home, connection, contracts, submit, newcomers };
}

export interface Market {
  network: NetworkDescription;
  /** Has 100.00 of the bank's euro, and 7.00 of one of its own. */
  shop: Trader;
  drone: Trader;
  euro: string;
  otherEuro: string;
  cleanup: Cleanup;
  /** Serves segment.json and the broker's door to pages of other servers. Resolves with where. */
  serveNetwork(): Promise<string>;
  /** Serves the built app, as `segment run --app` does. Resolves with where. */
  serveApp(): Promise<string>;
  /** The shop pays an account. */
  pay(account: string, amount: bigint, currency: string, memo: string): Promise<unknown>;
  /** The shop offers terms to a phone that it knows. Returns their id in hex. */
  offer(phone: string, template: string, params: Record<string, Json>, note?: string): string;
  sale(phone: string): Record<string, Json>;
  delivery(phone: string): Record<string, Json>;
  /** The shop wants to read data of the phone's, whose key has this SHA-256, if its owner approves. */
  data(phone: string, keyDigest: Uint8Array): Record<string, Json>;
  /** Somebody says to the phone that the drone signed that it is there. */
  push(
    by: Trader,
    phone: string,
    id: string,
    at: { latitudeE7: number; longitudeE7: number },
    arrived: boolean,
  ): Promise<void>;
  close(): Promise<void>;
}

export async function openMarket(): Promise<Market> {
  const folder = temporaryFolder();
  const world: Surroundings = {
    ...{ crypto: nodeCrypto, random: nodeRandom, clock: systemClock, linkClock: systemClock },
    ...{ folder, cleanup: new Cleanup() },
    failed: (error) => {
      throw error;
    },
  };
  const notaries = await Promise.all(NAMES.map((name) => makeHome(world, name, "notary")));
  const names = ["bank", "shop", "drone"] as const;
  const others = await Promise.all(names.map((name) => makeHome(world, name, "hub")));
  const { network, homes } = await found(world, "village", notaries, others);
  const homeOf = (name: string): Home => homes.get(name)!;
  const broker = await openBroker(world, network, 0);
  const committee = await startNotaries(world, broker, network, NAMES.map(homeOf));
  for (const { connection } of committee) await connection.messenger.welcome(() => undefined);
  const shop = await startTrader(world, await connect(world, broker, network, homeOf("shop")));
  const drone = await startTrader(world, await connect(world, broker, network, homeOf("drone")));
  const bank = homeOf("bank");
  const euro = await issue(world, broker, network, bank, shop.home);
  const own = shop.home.card.root;
  await shop.submit({ kind: "currency", code: "EUR", exponent: 2, name: "Shop's own euro" });
  const otherEuro = currencyId(nodeCrypto, "EUR", own);
  await shop.submit({ kind: "mint", currency: otherEuro, to: own, amount: 7_00n });
  // Each position has a time of its own.
  let pushed = 0;
  return {
    ...{ network, shop, drone, euro, otherEuro, cleanup: world.cleanup },
    serveNetwork: () => serveNetwork(world, network, broker),
    serveApp: () => serveApp(world, network, broker),
    pay: (account, amount, currency, memo) =>
      shop.submit({ kind: "transfer", to: publicKeyFromId(account), currency, amount, memo: utf8(memo) }),
    offer: (phone, template, params, note = "fresh") =>
      offer({ shop, drone, network, euro }, phone, template, params, note),
    sale: (phone) => ({
      ...{ buyer: phone, seller: "me", currency: euro, goods: "a jar of honey", price: "10.00" },
      ...{ signBy: inMs(20 * MINUTE_MS), shipBy: inMs(80 * MINUTE_MS) },
    }),
    delivery: (phone) => ({
      ...templateOf("delivery").example(Date.now()),
      ...{ buyer: phone, shop: "me", drone: drone.home.id, currency: euro },
    }),
    data: (phone, keyDigest) => ({
      ...{ reader: "me", owner: phone, currency: euro, stream: "the house, October", price: "3.00" },
      ...{ spanFrom: inMs(-60 * MINUTE_MS), spanUntil: inMs(-30 * MINUTE_MS), keyDigest: toHex(keyDigest) },
      ...{ signBy: inMs(20 * MINUTE_MS), approval: true, approveBy: inMs(80 * MINUTE_MS) },
      ...{ keyBy: inMs(140 * MINUTE_MS) },
    }),
    push: (by, phone, id, at, arrived) => {
      const body = positionBody({ ...at, altitudeMm: 60_000 });
      const content = { kind: "position", subject: fromHex(id), timeMs: Date.now() + pushed++, body };
      const fact = signFact(drone.home.keys.signer, content);
      const message = encodeMessage({ termsId: fromHex(id), fact, arrived });
      return by.connection.messenger.send(phone, "push.position", message);
    },
    close: async () => {
      await world.cleanup.run();
      rmSync(folder, { recursive: true });
    },
  };
}

async function issue(
  world: Surroundings,
  broker: Broker,
  network: NetworkDescription,
  bank: Home,
  first: Home,
): Promise<string> {
  const { ledger } = await openClerk(world, broker, network, bank);
  await ledger.submit({ body: { kind: "card", card: bank.keys.card } });
  await ledger.submit({ body: { kind: "currency", code: "EUR", exponent: 2, name: "Euro" } });
  const currency = currencyId(nodeCrypto, "EUR", bank.card.root);
  await ledger.submit({ body: { kind: "mint", currency, to: first.card.root, amount: 100_00n } });
  return currency;
}

function offer(
  { shop, drone, network, euro }: Pick<Market, "shop" | "drone" | "network" | "euro">,
  phone: string,
  template: string,
  params: Record<string, Json>,
  note: string,
): string {
  const { home, connection, contracts } = shop;
  const people = new Map([home, drone.home].map(({ id, card }) => [id, card] as const));
  people.set(phone, connection.messenger.cardOf(phone)!);
  const currencies = [{ id: euro, code: "EUR", exponent: 2 }];
  const maker = { self: home.card, people, network, currencies, nowMs: Date.now(), random: nodeRandom };
  const { terms, shared } = makeTerms(maker, template, params);
  const made = { terms: encodeTerms(terms), replaces: null, note, params: shared, mayDeposit: true };
  return toHex(contracts.negotiator.propose(made).termsId);
}

function inMs(ms: number): string {
  return `${new Date(Date.now() + ms).toISOString().slice(0, 19)}Z`;
}

/** As `segment run --app` tells the app; the broker's door is on the same server. */
async function serveNetwork(
  world: Surroundings,
  network: NetworkDescription,
  broker: Broker,
): Promise<string> {
  const door = openWebSocketDoor(broker);
  const description = toBase64Url(utf8(formatNetwork(network)));
  const server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "application/json", "access-control-allow-origin": "*" });
    response.end(JSON.stringify({ version: 1, network: description, mqtt: "mqtt" }));
  });
  server.on("upgrade", (request, socket, head) => door.upgrade(request, socket, head));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  world.cleanup.add(async () => {
    door.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

async function serveApp(world: Surroundings, network: NetworkDescription, broker: Broker): Promise<string> {
  const description = toBase64Url(utf8(formatNetwork(network)));
  const server = await startAppServer({
    ...{ host: "127.0.0.1", port: 0, broker, settings: { version: 1, network: description } },
    folder: join(repositoryRoot, "dist", "agent", "app", "static"),
  });
  world.cleanup.add(() => server.close());
  return server.url;
}
