/** A phone's wallet and contracts in Chromium, among four notaries, a broker, a bank and a shop. */
import { rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Page } from "playwright";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { nodeCrypto, nodeRandom, systemClock } from "../../agent/node/crypto.ts";
import { runContracts } from "../../agent/node/contracts-run.ts";
import type { RunningContracts } from "../../agent/node/contracts-run.ts";
import type { Home } from "../../agent/node/home.ts";
import { openLedgerClient } from "../../agent/node/run-roles.ts";
import { makeTerms } from "../../agent/platform/offers.ts";
import { openWebSocketDoor } from "../../agent/roles/websocket.ts";
import { templateOf } from "../../protocols/contract/templates/index.ts";
import type { Json } from "../../protocols/contract/templates/index.ts";
import { encodeTerms } from "../../protocols/contract/terms.ts";
import { positionBody, signFact } from "../../protocols/contract/facts.ts";
import { fromHex, toBase64Url, toHex, utf8 } from "../../protocols/encoding/bytes.ts";
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import { errorCode } from "../../protocols/errors.ts";
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
import { openBrowser } from "../browser/chromium.ts";
import type { BrowserStage } from "../browser/chromium.ts";
import type { MoneyPage } from "../browser/pages/money.ts";
import { temporaryFolder } from "../cli/segment.ts";
import { findChromium } from "../support/chromium.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** In the page. */
declare function moneyPage(): MoneyPage;

const NAMES = ["n0", "n1", "n2", "n3"] as const;
const POLL = { timeout: 60_000 };
const MINUTE_MS = 60_000;

/** A home that takes part in contracts, as a running one does. */
interface Trader {
  home: Home;
  connection: Connection;
  contracts: RunningContracts;
  submit: (body: EntryBody) => Promise<unknown>;
}

async function startTrader(world: Surroundings, connection: Connection): Promise<Trader> {
  const { home, messenger } = connection;
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
  await messenger.welcome(() => undefined);
  await messenger.announce();
  contracts.begin();
  const submit = (body: EntryBody): Promise<unknown> => ledger.submit({ body });
  await submit({ kind: "card", card: home.keys.card });
  return { home, connection, contracts, submit };
}

describe.skipIf(findChromium() === undefined)("a phone's money in Chromium", () => {
  const folder = temporaryFolder();
  const world: Surroundings = {
    ...{ crypto: nodeCrypto, random: nodeRandom, clock: systemClock, linkClock: systemClock },
    ...{ folder, cleanup: new Cleanup() },
    failed: (error) => {
      throw error;
    },
  };
  const seeds = [nodeRandom.bytes(32), nodeRandom.bytes(32)].map(toHex) as [string, string];
  let network: NetworkDescription;
  let shop: Trader;
  let drone: Trader;
  let stage: BrowserStage;
  let page: Page;
  let phone: { id: string; account: string };
  let served = "";
  let euro = "";
  let otherEuro = "";

  beforeAll(async () => {
    const notaries = await Promise.all(NAMES.map((name) => makeHome(world, name, "notary")));
    const names = ["bank", "shop", "drone"] as const;
    const others = await Promise.all(names.map((name) => makeHome(world, name, "hub")));
    const made = await found(world, "village", notaries, others);
    ({ network } = made);
    const homeOf = (name: string): Home => made.homes.get(name)!;
    const broker = await openBroker(world, network, 0);
    const committee = await startNotaries(world, broker, network, NAMES.map(homeOf));
    for (const { connection } of committee) await connection.messenger.welcome(() => undefined);
    const bank = await openClerk(world, broker, network, homeOf("bank"));
    const { root } = homeOf("bank").card;
    await bank.ledger.submit({ body: { kind: "card", card: homeOf("bank").keys.card } });
    await bank.ledger.submit({ body: { kind: "currency", code: "EUR", exponent: 2, name: "Euro" } });
    euro = currencyId(nodeCrypto, "EUR", root);
    shop = await startTrader(world, await connect(world, broker, network, homeOf("shop")));
    drone = await startTrader(world, await connect(world, broker, network, homeOf("drone")));
    await bank.ledger.submit({
      body: { kind: "mint", currency: euro, to: shop.home.card.root, amount: 100_00n },
    });
    await shop.submit({ kind: "currency", code: "EUR", exponent: 2, name: "Shop's own euro" });
    otherEuro = currencyId(nodeCrypto, "EUR", shop.home.card.root);
    await shop.submit({
      ...{ kind: "mint", currency: otherEuro, to: shop.home.card.root, amount: 7_00n },
    });
    served = await serveNetwork(world, network, broker);
    stage = await openBrowser();
    world.cleanup.add(() => stage.close());
    page = await stage.open("money");
    await page.waitForFunction(() => "moneyPage" in globalThis);
    phone = await open();
  });

  afterAll(async () => {
    await world.cleanup.run();
    rmSync(folder, { recursive: true });
  });

  const open = (): Promise<{ id: string; account: string }> =>
    page.evaluate((given) => moneyPage().open(...given), [...seeds, served] as [string, string, string]);
  const balances = (): Promise<Record<string, string>> =>
    page.evaluate(() => {
      const all = moneyPage().money.wallet.statement?.balances ?? [];
      return Object.fromEntries(all.map(({ currency, minor }) => [currency, minor]));
    });
  const refresh = (): Promise<void> => page.evaluate(() => moneyPage().money.wallet.refresh());
  const pay = (amount: bigint, currency: string, memo: string): Promise<unknown> =>
    shop.submit({
      ...{ kind: "transfer", to: publicKeyFromId(phone.account), currency, amount, memo: utf8(memo) },
    });

  it("registers by itself, hears of money, and keeps two currencies of one name apart", async () => {
    const agreeing = () => page.evaluate(() => moneyPage().money.wallet.statement?.agreeing);
    await expect.poll(agreeing, POLL).toBeGreaterThanOrEqual(3);
    await pay(50_00n, euro, "for bread");
    await expect.poll(balances, POLL).toEqual({ [euro]: "5000" });
    await pay(5_00n, otherEuro, "");
    await expect.poll(balances, POLL).toEqual({ [euro]: "5000", [otherEuro]: "500" });
    const refusal = await page.evaluate(
      ([to]) => moneyPage().refusal(() => moneyPage().money.wallet.typedPayment(to, "1", "EUR", "")),
      [agentId(shop.home.card.root)] as [string],
    );
    expect(refusal).toMatch(/^option-invalid: 2 currencies are called EUR/);
  });

  it("pays what a request asks for; the receipt verifies, and a changed one does not", async () => {
    const to = agentId(shop.home.card.root);
    const line = `segment:pay?network=village&to=${to}&amount=12.34&currency=${euro}&memo=rent`;
    const paid = await page.evaluate(async (asked) => {
      const { wallet, receipts } = moneyPage().money;
      const payment = await wallet.requestedPayment(asked);
      const { receipt, bytes } = await wallet.pay(payment);
      const id = [...receipt.entryId].map((one) => one.toString(16).padStart(2, "0")).join("");
      const verified = receipts.verify(id);
      const last = receipts.movements().at(-1);
      const changed = bytes.slice();
      changed[changed.length - 70]! ^= 1;
      return {
        ...{ id, signed: verified.certificate.length, outcome: verified.outcome },
        ...{ change: last?.change.toString(), memo: last?.memo, to: last?.others, entry: last?.entryId },
        ...{ minor: payment.minor.toString() },
      };
    }, line);
    expect(paid).toMatchObject({ outcome: "ok", change: "-1234", memo: "rent", to: [to], minor: "1234" });
    expect(paid.entry).toBe(paid.id);
    expect(paid.signed).toBeGreaterThanOrEqual(3);
    await expect.poll(balances, POLL).toEqual({ [euro]: "3766", [otherEuro]: "500" });
  });

  it.each([
    ["an amount of nothing", "0", "", /^amount-invalid: an amount above 0 EUR/],
    ["a third decimal", "1.005", "", /^amount-invalid/],
    ["no number", "ten", "", /^amount-invalid/],
    ["more than there is", "1000", "", /^funds-short/],
    ["a memo that is too long", "1", "é".repeat(33), /^option-invalid: the memo has 66 bytes/],
  ])("refuses %s, and pays nothing", async (_what, amount, memo, words) => {
    const given = [agentId(shop.home.card.root), amount, euro, memo] as [string, string, string, string];
    const refusal = await page.evaluate((typed) => {
      const { wallet } = moneyPage().money;
      return moneyPage().refusal(async () => wallet.pay(await wallet.typedPayment(...typed)));
    }, given);
    expect(refusal).toMatch(words);
    await refresh();
    expect(await balances()).toEqual({ [euro]: "3766", [otherEuro]: "500" });
  });

  it.each([
    [
      "another network's",
      "segment:pay?network=city&to=TO&amount=1&currency=EURO",
      /is for the network "city"/,
    ],
    [
      "one that is over",
      "segment:pay?network=village&to=TO&amount=1&currency=EURO&until=2020-01-01T00:00:00Z",
      /has expired/,
    ],
    ["no request", "https://example.org", /this is no payment request/],
  ])("refuses a request: %s", async (_what, text, words) => {
    const line = text.replace("TO", agentId(shop.home.card.root)).replace("EURO", euro);
    const refusal = await page.evaluate(
      (asked) => moneyPage().refusal(() => moneyPage().money.wallet.requestedPayment(asked)),
      line,
    );
    expect(refusal).toMatch(/^option-invalid/);
    expect(refusal).toMatch(words);
  });

  it("writes a request that another phone can pay", async () => {
    const line = await page.evaluate(
      (currency) => moneyPage().money.wallet.request("3,50", currency, "tea & cake", "14"),
      euro,
    );
    expect(line).toContain(`to=${phone.account}`);
    expect(line).toContain("amount=3.50");
    expect(line).toContain("memo=tea%20%26%20cake");
    expect(
      await page.evaluate(
        (asked) => moneyPage().refusal(() => moneyPage().money.wallet.requestedPayment(asked)),
        line,
      ),
    ).toBe("");
  });

  /** The shop offers goods to the phone. */
  function offer(template: string, params: Record<string, Json>): string {
    const { home, connection, contracts } = shop;
    const people = new Map([home, drone.home].map(({ id, card }) => [id, card] as const));
    const card = connection.messenger.cardOf(phone.id)!;
    people.set(phone.id, card);
    const currencies = [{ id: euro, code: "EUR", exponent: 2 }];
    const maker = { self: home.card, people, network, currencies, nowMs: Date.now(), random: nodeRandom };
    const { terms, shared } = makeTerms(maker, template, params);
    const mayDeposit = true;
    const made = { terms: encodeTerms(terms), replaces: null, note: "fresh", params: shared, mayDeposit };
    return toHex(contracts.negotiator.propose(made).termsId);
  }

  const inMs = (ms: number): string => `${new Date(Date.now() + ms).toISOString().slice(0, 19)}Z`;
  const sale = (): Record<string, string> => ({
    ...{ buyer: phone.id, seller: "me", currency: euro, goods: "a jar of honey", price: "10.00" },
    ...{ signBy: inMs(20 * MINUTE_MS), shipBy: inMs(80 * MINUTE_MS) },
  });
  const statusOf = (id: string): Promise<string | undefined> =>
    page.evaluate(
      (wanted) =>
        moneyPage()
          .money.dealings.list()
          .find((deal) => deal.id === wanted)?.status,
      id,
    );

  it("counters an offer and both sign: opened, the deposit follows, goods come, the shop is paid", async () => {
    await expect.poll(() => shop.connection.messenger.cardOf(phone.id)?.name, POLL).toBe("Ann");
    const first = offer("sale", sale());
    await expect.poll(() => statusOf(first), POLL).toBe("waits-for-you");
    const second = await page.evaluate(async (id) => {
      const { one } = await moneyPage().money.dealings.counter(id, { price: "8.00" }, "too dear");
      return [...one.termsId].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    }, first);
    expect(await statusOf(first)).toBe("replaced");
    const theirs = shop.contracts.negotiator;
    await expect.poll(() => theirs.all.get(second)?.note, POLL).toBe("too dear");
    theirs.sign(fromHex(second), true);
    await expect.poll(() => statusOf(second), POLL).toBe("opened");
    // The deposit was allowed by the signature.
    await expect.poll(() => labelOf(second), POLL).toBe("awaiting-shipment");
    const early = await page.evaluate(
      (id) => moneyPage().refusal(() => moneyPage().money.dealings.choose(id, "accept")),
      second,
    );
    expect(early).toMatch(/^contract-not-expected/);
    await shop.submit({ kind: "choice", termsId: fromHex(second), name: "ship", value: 1n });
    await expect.poll(() => labelOf(second), POLL).toBe("inspection");
    const yours = await page.evaluate(async (id) => {
      const stand = await moneyPage().money.dealings.stand(id);
      return stand?.yours.map((one) => (one.kind === "choice" ? one.name : one.kind));
    }, second);
    expect(yours).toEqual(["accept", "object"]);
    await page.evaluate((id) => moneyPage().money.dealings.choose(id, "accept"), second);
    await expect.poll(() => statusOf(second), POLL).toBe("closed");
    await refresh();
    expect(await balances()).toEqual({ [euro]: "2966", [otherEuro]: "500" });
  });

  const labelOf = (id: string): Promise<string | undefined> =>
    page.evaluate(async (wanted) => (await moneyPage().money.dealings.stand(wanted))?.info.label, id);

  it("declines with a reason that the other side hears", async () => {
    const id = offer("sale", { ...sale(), goods: "an old boat" });
    await expect.poll(() => statusOf(id), POLL).toBe("waits-for-you");
    await page.evaluate((one) => moneyPage().money.dealings.decline(one, "no room for it"), id);
    const heard = (): string | undefined =>
      shop.contracts.negotiator.all.get(id)?.declines.get(phone.id)?.text;
    await expect.poll(heard, POLL).toBe("no room for it");
    expect(await statusOf(id)).toBe("declined");
  });

  it("draws nothing but what the delivery's own drone has signed", async () => {
    const { connection, home } = drone;
    const id = offer("delivery", delivery());
    await expect.poll(() => statusOf(id), POLL).toBe("waits-for-you");
    await connection.messenger.announce();
    await expect.poll(() => connection.messenger.cardOf(phone.id)?.name, POLL).toBe("Ann");
    const push = (by: Trader, latitudeE7: number, arrived: boolean): Promise<void> => {
      const body = positionBody({ latitudeE7, longitudeE7: -5_500_000, altitudeMm: 60_000 });
      const content = { kind: "position", subject: fromHex(id), timeMs: latitudeE7, body };
      const fact = signFact(home.keys.signer, content);
      const message = encodeMessage({ termsId: fromHex(id), fact, arrived });
      return by.connection.messenger.send(phone.id, "push.position", message);
    };
    const track = (): Promise<unknown> =>
      page.evaluate((wanted) => {
        const { fixes, hasArrived } = moneyPage().money.tracks.of(wanted);
        return [...fixes.map(({ latitudeE7 }) => latitudeE7), hasArrived];
      }, id);
    // Another may show the drone's words: they are not its own message.
    await push(shop, 470_000_001, false);
    await push(drone, 470_000_002, false);
    await push(drone, 470_000_003, true);
    await expect.poll(track, POLL).toEqual([470_000_002, 470_000_003, true]);
  });

  const delivery = (): Record<string, Json> => ({
    ...templateOf("delivery").example(Date.now()),
    ...{ buyer: phone.id, shop: "me", drone: drone.home.id, currency: euro },
  });

  it("comes back as it was when the app is opened again", async () => {
    const before = await page.evaluate(() => {
      const { dealings, receipts } = moneyPage().money;
      return [dealings.list().map(({ id, status }) => [id, status]), receipts.ids().size];
    });
    await page.evaluate(() => moneyPage().close());
    await page.reload();
    await page.waitForFunction(() => "moneyPage" in globalThis);
    await open();
    const after = await page.evaluate(() => {
      const { dealings, receipts, wallet } = moneyPage().money;
      const count = receipts.ids().size;
      const listed = dealings.list().map(({ id, status }) => [id, status]);
      return { listed, count, euros: wallet.statement?.balances.length };
    });
    expect([after.listed, after.count]).toEqual(before);
    // What notaries said last is there before they can be asked again.
    expect(after.euros).toBe(2);
  });
});

/** As `segment run --app` tells the app; the broker's door is on the same server. */
async function serveNetwork(
  world: Surroundings,
  network: NetworkDescription,
  broker: Parameters<typeof openWebSocketDoor>[0],
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
