/** The built app in Chromium, with money: payments, receipts, offers countered and signed, a delivery. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { fromHex } from "../../protocols/encoding/bytes.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { findChromium } from "../support/chromium.ts";
import { openMarket } from "./market.ts";
import type { Market } from "./market.ts";
import { picture } from "./pictures.ts";
import { AppPhone } from "./street.ts";

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const POLL = { timeout: 60_000 };

describe.skipIf(findChromium() === undefined)("money in the app", () => {
  let market: Market;
  let ann: AppPhone;
  let account = "";
  let id = "";

  beforeAll(async () => {
    market = await openMarket();
    ann = await AppPhone.open(await market.serveApp(), "", undefined);
    await ann.onboard("Ann");
    await ann.sees("Online");
  });

  afterAll(async () => {
    await ann?.close();
    await market?.close();
  });

  it("shows the account, and what arrives in it", async () => {
    await ann.follow("Wallet");
    await ann.sees("Your account");
    account = await ann.page.locator("p.mono").first().innerText();
    expect(account).toMatch(/^z6Mk/);
    await ann.sees("The account holds nothing.");
    await picture(ann.page, "wallet-empty");
    await market.pay(account, 50_00n, market.euro, "for bread");
    await ann.sees("+50.00 EUR");
    await market.pay(account, 5_00n, market.otherEuro, "");
    await ann.sees(`5.00 EUR (${market.otherEuro.slice(4, 8)}`);
    await picture(ann.page, "wallet");
  });

  it("pays a pasted request after it has been said in words; the receipt verifies", async () => {
    const to = agentId(market.shop.home.card.root);
    await ann.follow("Pay");
    await picture(ann.page, "wallet-pay");
    await ann.fill("Payment request", "segment:pay?network=village");
    await ann.tap("Check the payment");
    await ann.hears(/no payment request/);
    const line = `segment:pay?network=village&to=${to}&amount=12.34&currency=${market.euro}&memo=rent`;
    await ann.fill("Payment request", line);
    await ann.tap("Check the payment");
    await ann.sees(/^You pay 12\.34 EUR/);
    await picture(ann.page, "wallet-confirm");
    await ann.tap("Pay now");
    await ann.sees("Verify the receipt");
    await ann.tap("Verify the receipt");
    await ann.sees(/^Valid: [34] of 4 notaries/);
    await picture(ann.page, "receipt");
    await ann.go("/wallet");
    await ann.sees(/^37\.66 EUR/);
  });

  it("makes a request with its code, and refuses an amount that is none", async () => {
    await ann.follow("Ask for money");
    await ann.fill("Amount", "ten");
    await ann.tap("Make the request");
    await ann.hears(/./);
    await ann.fill("Amount", "3.50");
    await ann.fill("What for", "tea");
    await ann.tap("Make the request");
    await ann.sees(/^segment:pay\?network=village/);
    await picture(ann.page, "wallet-request");
  });

  it("counters an offer in words, and follows the contract to its end", async () => {
    const { shop } = market;
    await expect.poll(() => idOfAnn(), POLL).toBeDefined();
    id = idOfAnn()!;
    market.offer(id, "sale", market.sale(id), "as we said");
    await ann.go("/contracts");
    await ann.sees("Waiting for you");
    await picture(ann.page, "contracts");
    await ann.follow(/^Sale/);
    await ann.sees("Every way it can end");
    await picture(ann.page, "contract-offer");
    await ann.tap("Offer other terms");
    await ann.fill("Price", "8.00");
    await ann.fill("A line to the others", "too dear");
    await picture(ann.page, "contract-counter");
    await ann.tap("Sign and send the counter-offer");
    await ann.sees("What this offer changes");
    await picture(ann.page, "contract-countered");
    const theirs = (): string | undefined =>
      [...shop.contracts.negotiator.all].find(([, one]) => one.note === "too dear")?.[0];
    await expect.poll(theirs, POLL).toBeDefined();
    const termsId = fromHex(theirs()!);
    shop.contracts.negotiator.sign(termsId, true);
    await ann.sees(/It holds 8\.00 EUR/);
    await shop.submit({ kind: "choice", termsId, name: "ship", value: 1n });
    await ann.sees("You can now");
    await picture(ann.page, "contract-open");
    await ann.tap(/buyer accepts/i);
    await ann.tap(/buyer accepts/i);
    await ann.hears(/^Done/);
    await ann.sees("has ended");
    await ann.go("/wallet");
    await ann.sees(/^29\.66 EUR/);
  });

  it("signs and declines", async () => {
    market.offer(id, "sale", { ...market.sale(id), goods: "an old boat" }, "a boat");
    const signed = market.offer(id, "sale", { ...market.sale(id), price: "1.00" }, "a small one");
    await ann.go("/contracts");
    await ann.follow(/a boat/);
    await ann.fill("Why (the others read it)", "no room for it");
    await ann.tap("Decline");
    await ann.tap("Decline the offer");
    await ann.hears(/^Declined/);
    const why = (): (string | undefined)[] =>
      [...market.shop.contracts.negotiator.all.values()].map((one) => one.declines.get(id)?.text);
    await expect.poll(why, POLL).toContain("no room for it");
    await ann.go(`/contracts/${signed}`);
    await ann.sees(/at most 1\.00 EUR .*by itself/);
    await ann.tap("Sign");
    await ann.tap("I have read it and sign");
    await ann.sees(/It holds 1\.00 EUR/);
  });

  it("draws the drone's way", async () => {
    const delivery = market.offer(id, "delivery", market.delivery(id), "on its way");
    await ann.go("/contracts");
    await ann.follow(/Delivery/);
    await ann.follow("Where it is now");
    await ann.sees("Nothing has been heard of the drone yet.");
    await market.drone.connection.messenger.announce();
    await expect.poll(() => market.drone.connection.messenger.cardOf(id)?.name, POLL).toBe("Ann");
    for (let step = 0; step <= 8; step++) {
      const at = {
        latitudeE7: 457_772_000 + (8 - step) * 9_000,
        longitudeE7: 30_870_000 - (8 - step) * (8 - step) * 2_500,
      };
      await market.push(market.drone, id, delivery, at, step === 8);
    }
    await ann.sees("The drone says that it is there.");
    await expect.poll(() => ann.page.locator("polyline").getAttribute("points"), POLL).toMatch(/( .*){8}/);
    await picture(ann.page, "delivery");
    expect(ann.complaints).toEqual([]);
  });

  it("says it in French", async () => {
    await ann.go("/settings");
    await ann.page.getByRole("combobox").first().selectOption("fr");
    await ann.go("/wallet");
    await ann.sees("Votre compte");
    await picture(ann.page, "wallet-fr");
    await ann.go("/contracts");
    await ann.sees("Contrats");
    await ann.follow(/^Livraison/);
    await ann.sees("Toutes les fins possibles");
    await picture(ann.page, "contract-fr");
  });

  /** Ann's id, once the shop has heard of her. */
  function idOfAnn(): string | undefined {
    const { newcomers, connection } = market.shop;
    return newcomers.find((one) => connection.messenger.cardOf(one)?.name === "Ann");
  }
});
