/**
 * The stage of a delivery: everything that runs before an order is placed. A broker, four
 * notaries, seven keepers, an issuer, the drone's owner and the shop in this process; drone
 * and phone in their own; the virtual air between their radios.
 */
import { join } from "node:path";
import { Agent } from "../../../agent/core/agent.ts";
import { Asker } from "../../../agent/core/asking.ts";
import { openJournal } from "../../../agent/node/journal-store.ts";
import type { Home } from "../../../agent/node/home.ts";
import type { Broker } from "../../../agent/roles/broker.ts";
import { createShop } from "../../../devices/shop/shop.ts";
import type { ShopState } from "../../../devices/shop/state.ts";
import { toHex } from "../../../protocols/encoding/bytes.ts";
import type { NetworkDescription } from "../../../protocols/ledger/network.ts";
import { currencyCode, currencyId } from "../../../protocols/money/currencies.ts";
import type { Clock } from "../../../protocols/ports.ts";
import { Air } from "../../radio/air.ts";
import { serveRadio, type ServedRadio } from "../../radio/server.ts";
import { seededRandom } from "../../random.ts";
import {
  connect,
  found,
  makeHomes,
  openBroker,
  openClerk,
  startKeeper,
  startNotaries,
  type Connection,
  type RunningKeeper,
  type RunningNotary,
  type Surroundings,
} from "../society.ts";
import { bakery } from "./firm.ts";
import type { Balances } from "./report.ts";
import type { Places } from "./places.ts";

const BUYER_HAS_MINOR = 10_000n;
const BUYER_LACKS_MINOR = 1_200n;
const NETWORK_NAME = "village";
const LOOK_EVERY_MS = 25;

export const RADIO = {
  drone: "c0:00:00:00:00:01",
  phone: "c0:00:00:00:00:02",
  impostor: "c0:00:00:00:00:03",
} as const;

export interface Stage {
  world: Surroundings;
  network: NetworkDescription;
  broker: Broker;
  homes: Map<string, Home>;
  notaries: RunningNotary[];
  keepers: RunningKeeper[];
  owner: { asker: Asker; connection: Connection; grants: Uint8Array[] };
  shop: Agent<ShopState>;
  air: Air;
  radios: { drone: ServedRadio; phone: ServedRadio; impostor: ServedRadio };
  currency: string;
  places: Places;
  linkClock: Clock;
  balances(): Balances;
}

export interface StageOptions {
  seed: number;
  funded: boolean;
  port: number;
  places: Places;
  progress: (by: string, step: string, detail: string) => void;
}

const NAMES = {
  notaries: ["notary-1", "notary-2", "notary-3", "notary-4"],
  keepers: ["keeper-1", "keeper-2", "keeper-3", "keeper-4", "keeper-5", "keeper-6", "keeper-7"],
} as const;

export async function setStage(world: Surroundings, options: StageOptions): Promise<Stage> {
  const { progress } = options;
  const notaryHomes = await makeHomes(world, NAMES.notaries, "notary");
  const others = (
    await Promise.all([
      makeHomes(world, NAMES.keepers, "keeper"),
      makeHomes(world, ["issuer"], "issuer"),
      makeHomes(world, ["owner"], "owner"),
      makeHomes(world, ["shop"], "shop"),
      makeHomes(world, ["drone"], "drone"),
      makeHomes(world, ["buyer", "impostor"], "phone"),
    ])
  ).flat();
  const { network, homes } = await found(world, NETWORK_NAME, notaryHomes, others);
  const home = (name: string): Home => required(homes.get(name), name);
  const broker = await openBroker(world, network, options.port);
  progress("world", "broker", `a broker listens on ${broker.url}`);
  const notaries = await startNotaries(world, broker, network, NAMES.notaries.map(home));
  const keepers = await Promise.all(
    NAMES.keepers.map((name) => startKeeper(world, broker, network, home(name))),
  );
  const cards = [...homes.values()].map(({ keys }) => keys.card);
  for (const { connection } of [...notaries, ...keepers])
    for (const card of cards) connection.messenger.meet(card);
  progress("world", "society", "four notaries and seven keepers are on");
  const currency = await issueMoney(world, broker, network, homes, options.funded);
  progress("issuer", "minted", `the issuer mints ${options.funded ? "100.00" : "12.00"} EUR for the buyer`);
  const owner = await openOwner(world, broker, network, home("owner"), cards);
  const shop = await openShop(world, broker, network, home("shop"), home("drone"), currency, options);
  const air = new Air({ clock: world.linkClock, random: seededRandom(options.seed, "air") });
  world.cleanup.add(() => air.close());
  const radio = async (address: string): Promise<ServedRadio> => {
    const served = await serveRadio(air, address);
    world.cleanup.add(() => served.close());
    return served;
  };
  const radios = {
    drone: await radio(RADIO.drone),
    phone: await radio(RADIO.phone),
    impostor: await radio(RADIO.impostor),
  };
  const parties = new Map(
    ["buyer", "drone", "shop", "issuer"].map((name) => [toHex(home(name).card.root), name]),
  );
  return {
    world,
    network,
    broker,
    homes,
    notaries,
    keepers,
    owner,
    shop,
    air,
    radios,
    currency,
    places: options.places,
    linkClock: world.linkClock,
    balances: () => listBalances(required(notaries[0], "notary"), parties, currency),
  };
}

/** Cards are registered, the currency is created by its issuer, and the buyer's money is minted. */
async function issueMoney(
  world: Surroundings,
  broker: Broker,
  network: NetworkDescription,
  homes: Map<string, Home>,
  funded: boolean,
): Promise<string> {
  const issuer = required(homes.get("issuer"), "issuer");
  const clerk = await openClerk(world, broker, network, issuer);
  const registered = ["issuer", "buyer", "drone", "shop"].map(
    (name) => required(homes.get(name), name).keys.card,
  );
  await Promise.all(registered.map((card) => clerk.ledger.submit({ body: { kind: "card", card } })));
  await clerk.ledger.submit({ body: { kind: "currency", code: "EUR", exponent: 2, name: "Euro" } });
  const currency = currencyId(world.crypto, "EUR", issuer.card.root);
  const to = required(homes.get("buyer"), "buyer").card.root;
  const amount = funded ? BUYER_HAS_MINOR : BUYER_LACKS_MINOR;
  await clerk.ledger.submit({ body: { kind: "mint", currency, to, amount } });
  await clerk.connection.close();
  return currency;
}

/** Whoever owns the drone: it is granted the flight's keys, and reads the flight back. */
async function openOwner(
  world: Surroundings,
  broker: Broker,
  network: NetworkDescription,
  home: Home,
  cards: readonly Uint8Array[],
): Promise<Stage["owner"]> {
  const connection = await connect(world, broker, network, home);
  for (const card of cards) connection.messenger.meet(card);
  const grants: Uint8Array[] = [];
  const asker = new Asker(connection.messenger, world.linkClock, (message) => {
    if (message.kind === "grant") grants.push(message.body);
  });
  await asker.listen();
  return { asker, connection, grants };
}

async function openShop(
  world: Surroundings,
  broker: Broker,
  network: NetworkDescription,
  home: Home,
  drone: Home,
  currency: string,
  options: StageOptions,
): Promise<Agent<ShopState>> {
  const connection = await connect(world, broker, network, home);
  const store = await openJournal(home.folder);
  world.cleanup.add(() => store.close());
  const { crypto, random, clock, linkClock } = world;
  const agent = new Agent<ShopState>({
    device: createShop(
      bakery({ drone: drone.id, droneCard: drone.keys.card, currency, flightMs: options.places.flightMs }),
    ),
    keys: home.keys,
    network,
    bus: connection.bus,
    store,
    clock,
    linkClock,
    crypto,
    random,
    surroundings: {
      actuate: () => undefined,
      keep: () => undefined,
      progress: (step, detail) => options.progress("shop", step, detail),
      failed: world.failed,
    },
  });
  world.cleanup.add(() => agent.stop());
  await agent.start();
  return agent;
}

/** Every account that exists, and every hold: their sum is what the issuer has minted. */
function listBalances(notary: RunningNotary, parties: Map<string, string>, currency: string): Balances {
  const { accounts, holds } = notary.role.core.allBalances();
  const balances: Balances = {};
  for (const party of parties.values()) balances[party] = { [currencyCode(currency)]: "0" };
  for (const account of accounts) {
    const party = parties.get(account.root) ?? account.root.slice(0, 16);
    balances[party] = { ...balances[party], [currencyCode(account.currency)]: account.amount.toString() };
  }
  for (const hold of holds) {
    const party = `hold:${hold.termsId.slice(0, 16)}`;
    balances[party] = { ...balances[party], [currencyCode(hold.currency)]: hold.amount.toString() };
  }
  return balances;
}

/** Resolves when every notary has executed the contract's end. */
export function contractClosed({ notaries, linkClock }: Stage, termsId: Uint8Array): Promise<void> {
  const isClosed = (): boolean =>
    notaries.every(({ role }) => role.core.contractView(termsId)?.state.closed === true);
  return new Promise((resolve) => {
    const look = (): void => {
      if (isClosed()) resolve();
      else linkClock.at(linkClock.now() + LOOK_EVERY_MS, look);
    };
    look();
  });
}

export function required<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`the stage lacks ${what}`);
  return value;
}

/** Where an agent of the stage keeps its documents. */
export function documentPath(folder: string, name: string): string {
  return join(folder, `${name}.cbor`);
}
