/** A phone's wallet and contracts in Chromium, among four notaries, a broker, a bank and a shop. */
import type { Page } from "playwright";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { nodeCrypto, nodeRandom } from "../../agent/node/crypto.ts";
import { fromHex, toHex } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { verifyReceipt } from "../../protocols/ledger/receipt.ts";
import { openBrowser } from "../browser/chromium.ts";
import type { BrowserStage } from "../browser/chromium.ts";
import type { MoneyPage } from "../browser/pages/money.ts";
import { findChromium } from "../support/chromium.ts";
import { openMarket } from "./market.ts";
import type { Market } from "./market.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** In the page. */
declare function moneyPage(): MoneyPage;

const POLL = { timeout: 60_000 };

describe.skipIf(findChromium() === undefined)("a phone's money in Chromium", () => {
  const seeds = [nodeRandom.bytes(32), nodeRandom.bytes(32)].map(toHex) as [string, string];
  let market: Market;
  let stage: BrowserStage;
  let page: Page;
  let phone: { id: string; account: string };
  let served = "";

  beforeAll(async () => {
    market = await openMarket();
    served = await market.serveNetwork();
    stage = await openBrowser();
    page = await stage.open("money");
    await page.waitForFunction(() => "moneyPage" in globalThis);
    phone = await open();
  });

  afterAll(async () => {
    await stage?.close();
    await market?.close();
  });

  const open = (): Promise<{ id: string; account: string }> =>
    page.evaluate((given) => moneyPage().open(...given), [...seeds, served] as [string, string, string]);
  const balances = (): Promise<Record<string, string>> =>
    page.evaluate(() => {
      const all = moneyPage().money.wallet.statement?.balances ?? [];
      return Object.fromEntries(all.map(({ currency, minor }) => [currency, minor]));
    });
  const refresh = (): Promise<void> => page.evaluate(() => moneyPage().money.wallet.refresh());
  it("registers by itself, hears of money, and keeps two currencies of one name apart", async () => {
    const agreeing = () => page.evaluate(() => moneyPage().money.wallet.statement?.agreeing);
    await expect.poll(agreeing, POLL).toBeGreaterThanOrEqual(3);
    const { euro, otherEuro } = market;
    await market.pay(phone.account, 50_00n, euro, "for bread");
    await expect.poll(balances, POLL).toEqual({ [market.euro]: "5000" });
    await market.pay(phone.account, 5_00n, otherEuro, "");
    await expect.poll(balances, POLL).toEqual({ [market.euro]: "5000", [market.otherEuro]: "500" });
    const refusal = await page.evaluate(
      ([to]) => moneyPage().refusal(() => moneyPage().money.wallet.typedPayment(to, "1", "EUR", "")),
      [agentId(market.shop.home.card.root)] as [string],
    );
    expect(refusal).toMatch(/^option-invalid: 2 currencies are called EUR/);
  });

  it("pays what a request asks for; the receipt verifies, and a changed one does not", async () => {
    const to = agentId(market.shop.home.card.root);
    const line = `segment:pay?network=village&to=${to}&amount=12.34&currency=${market.euro}&memo=rent`;
    const paid = await page.evaluate(async (asked) => {
      const { wallet, receipts } = moneyPage().money;
      const payment = await wallet.requestedPayment(asked);
      const { receipt, bytes } = await wallet.pay(payment);
      const id = [...receipt.entryId].map((one) => one.toString(16).padStart(2, "0")).join("");
      const verified = receipts.verify(id);
      const last = receipts.movements().at(-1);
      return {
        ...{ id, signed: verified.certificate.length, outcome: verified.outcome },
        ...{ change: last?.change.toString(), memo: last?.memo, to: last?.others, entry: last?.entryId },
        ...{ minor: payment.minor.toString(), bytes: [...bytes] },
      };
    }, line);
    expect(paid).toMatchObject({ outcome: "ok", change: "-1234", memo: "rent", to: [to], minor: "1234" });
    expect(paid.entry).toBe(paid.id);
    expect(paid.signed).toBeGreaterThanOrEqual(3);
    const bytes = new Uint8Array(paid.bytes);
    expect(verifyReceipt(nodeCrypto, bytes, market.network).outcome).toBe("ok");
    for (const at of [20, bytes.length >> 1, bytes.length - 70]) {
      const changed = bytes.slice();
      changed[at]! ^= 1;
      expect(() => verifyReceipt(nodeCrypto, changed, market.network)).toThrow(SegmentError);
    }
    await expect.poll(balances, POLL).toEqual({ [market.euro]: "3766", [market.otherEuro]: "500" });
  });

  it.each([
    ["an amount of nothing", "0", "", /^amount-invalid: an amount above 0 EUR/],
    ["a third decimal", "1.005", "", /^amount-invalid/],
    ["no number", "ten", "", /^amount-invalid/],
    ["more than there is", "1000", "", /^funds-short/],
    ["a memo that is too long", "1", "é".repeat(33), /^option-invalid: the memo has 66 bytes/],
  ])("refuses %s, and pays nothing", async (_what, amount, memo, words) => {
    const given = [agentId(market.shop.home.card.root), amount, market.euro, memo] as [
      string,
      string,
      string,
      string,
    ];
    const refusal = await page.evaluate((typed) => {
      const { wallet } = moneyPage().money;
      return moneyPage().refusal(async () => wallet.pay(await wallet.typedPayment(...typed)));
    }, given);
    expect(refusal).toMatch(words);
    await refresh();
    expect(await balances()).toEqual({ [market.euro]: "3766", [market.otherEuro]: "500" });
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
    const line = text.replace("TO", agentId(market.shop.home.card.root)).replace("EURO", market.euro);
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
      market.euro,
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

  const statusOf = (id: string): Promise<string | undefined> =>
    page.evaluate(
      (wanted) =>
        moneyPage()
          .money.dealings.list()
          .find((deal) => deal.id === wanted)?.status,
      id,
    );

  it("counters an offer and both sign: opened, the deposit follows, goods come, the shop is paid", async () => {
    await expect.poll(() => market.shop.connection.messenger.cardOf(phone.id)?.name, POLL).toBe("Ann");
    const first = market.offer(phone.id, "sale", market.sale(phone.id));
    await expect.poll(() => statusOf(first), POLL).toBe("waits-for-you");
    const second = await page.evaluate(async (id) => {
      const { one } = await moneyPage().money.dealings.counter(id, { price: "8.00" }, "too dear");
      return [...one.termsId].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    }, first);
    expect(await statusOf(first)).toBe("replaced");
    const theirs = market.shop.contracts.negotiator;
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
    await market.shop.submit({ kind: "choice", termsId: fromHex(second), name: "ship", value: 1n });
    await expect.poll(() => labelOf(second), POLL).toBe("inspection");
    const yours = await page.evaluate(async (id) => {
      const stand = await moneyPage().money.dealings.stand(id);
      return stand?.yours.map((one) => (one.kind === "choice" ? one.name : one.kind));
    }, second);
    expect(yours).toEqual(["accept", "object"]);
    await page.evaluate((id) => moneyPage().money.dealings.choose(id, "accept"), second);
    await expect.poll(() => statusOf(second), POLL).toBe("closed");
    await refresh();
    expect(await balances()).toEqual({ [market.euro]: "2966", [market.otherEuro]: "500" });
  });

  const labelOf = (id: string): Promise<string | undefined> =>
    page.evaluate(async (wanted) => (await moneyPage().money.dealings.stand(wanted))?.info.label, id);

  it("declines with a reason that the other side hears", async () => {
    const id = market.offer(phone.id, "sale", { ...market.sale(phone.id), goods: "an old boat" });
    await expect.poll(() => statusOf(id), POLL).toBe("waits-for-you");
    await page.evaluate((one) => moneyPage().money.dealings.decline(one, "no room for it"), id);
    const heard = (): string | undefined =>
      market.shop.contracts.negotiator.all.get(id)?.declines.get(phone.id)?.text;
    await expect.poll(heard, POLL).toBe("no room for it");
    expect(await statusOf(id)).toBe("declined");
  });

  it("draws nothing but what the delivery's own drone has signed", async () => {
    const { shop, drone } = market;
    const id = market.offer(phone.id, "delivery", market.delivery(phone.id));
    await expect.poll(() => statusOf(id), POLL).toBe("waits-for-you");
    await drone.connection.messenger.announce();
    await expect.poll(() => drone.connection.messenger.cardOf(phone.id)?.name, POLL).toBe("Ann");
    const at = (latitudeE7: number) => ({ latitudeE7, longitudeE7: -5_500_000 });
    const track = (): Promise<unknown> =>
      page.evaluate((wanted) => {
        const { fixes, hasArrived } = moneyPage().money.tracks.of(wanted);
        return [...fixes.map(({ latitudeE7 }) => latitudeE7), hasArrived];
      }, id);
    // Another may show the drone's words: they are not its own message.
    await market.push(shop, phone.id, id, at(470_000_001), false);
    await market.push(drone, phone.id, id, at(470_000_002), false);
    await market.push(drone, phone.id, id, at(470_000_003), true);
    await expect.poll(track, POLL).toEqual([470_000_002, 470_000_003, true]);
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
