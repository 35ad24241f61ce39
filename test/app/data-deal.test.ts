/** The built app in Chromium: its owner lets somebody read data, and hands the key over from the phone. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { nodeCrypto } from "../../agent/node/crypto.ts";
import { fromHex, toHex } from "../../protocols/encoding/bytes.ts";
import { findChromium } from "../support/chromium.ts";
import { openMarket } from "./market.ts";
import type { Market } from "./market.ts";
import { picture } from "./pictures.ts";
import { AppPhone } from "./street.ts";

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const POLL = { timeout: 60_000 };
/** As the home of the data would have sealed it to the reader. */
const KEY = Uint8Array.from({ length: 80 }, (_, at) => (at * 7 + 3) % 256);

describe.skipIf(findChromium() === undefined)("data in the app", () => {
  let market: Market;
  let ann: AppPhone;
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

  it("is asked for in words; the owner signs and approves", async () => {
    const { shop, drone } = market;
    const strangers = (): string[] => shop.newcomers.filter((one) => one !== drone.home.id);
    await expect.poll(() => strangers().at(-1), POLL).toBeDefined();
    const phone = strangers().at(-1)!;
    id = market.offer(phone, "data", market.data(phone, nodeCrypto.sha256(KEY)), "for the bill");
    await ann.go("/contracts");
    await ann.follow(/^Data/);
    await ann.tap("Sign");
    await ann.tap(/sign/i);
    await ann.sees(/It holds 3\.00 EUR/);
    await ann.tap(/owner approves/i);
    await ann.tap(/owner approves/i);
    await ann.sees("Hand over the key");
    await picture(ann.page, "contract-key");
  });

  it("refuses another key on the phone itself, and takes the one of the terms", async () => {
    await ann.fill("The key, sealed to the reader", toHex(KEY.slice(1)));
    await ann.tap("Hand the key over");
    await ann.tap("Hand the key over");
    await ann.hears("The proof is not one of this contract");
    const text = toHex(KEY).replace(/(.{40})/g, "$1\n");
    await ann.fill("The key, sealed to the reader", text);
    await ann.sees("What was handed over cannot be taken back");
    await picture(ann.page, "contract-key-ask");
    await ann.tap("Hand the key over");
    await ann.hears(/^Done/);
    await expect.poll(() => ann.page.getByText("Hand over the key").count(), POLL).toBe(0);
    await picture(ann.page, "contract-inspection");
  });

  it("is paid for once the reader accepts", async () => {
    await market.shop.submit({ kind: "choice", termsId: fromHex(id), name: "accept", value: 1n });
    await ann.sees("has ended");
    await ann.go("/wallet");
    await ann.sees(/^3\.00 EUR/);
    expect(ann.complaints).toEqual([]);
  });
});
