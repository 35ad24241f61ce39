/** Owners come and go, and a key is passed on: three phones in the app, a real lock, the network between. */
import type { Locator } from "playwright";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { findChromium } from "../support/chromium.ts";
import { picture } from "./pictures.ts";
import { openStreet } from "./street.ts";
import type { AppPhone, Street } from "./street.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 180_000 });

describe.skipIf(findChromium() === undefined)("who may open", () => {
  let street: Street;
  let olga: AppPhone;
  let ana: AppPhone;
  let bo: AppPhone;

  /** What a phone shows of itself to become an owner, and by which it is named. */
  const shown = new Map<AppPhone, { card: string; id: string }>();
  const clipboard = (phone: AppPhone): Promise<string> =>
    phone.page.evaluate(() => navigator.clipboard.readText());

  beforeAll(async () => {
    street = await openStreet({ radios: [], isLockOnline: true });
    for (const name of ["Olga", "Ana", "Bo"]) {
      const phone = await street.phone();
      await phone.onboard(`${name}’s phone`);
      await phone.go("/settings");
      await phone.page.getByText("Card of this phone").click();
      await phone.tap("Copy");
      const id = await phone.page.locator("dd", { hasText: /^z6Mk/ }).first().innerText();
      shown.set(phone, { card: await clipboard(phone), id });
      if (name === "Olga") olga = phone;
      else if (name === "Ana") ana = phone;
      else bo = phone;
    }
    await olga.go("/locks/pair");
    await olga.fill("Or paste its line", await street.code());
    await olga.fill("What you call the lock", "Front door");
    await olga.tap("Pair");
    await olga.sees("This phone owns “Front door” now.");
  });

  afterAll(() => street?.close());

  async function opens(phone: AppPhone): Promise<void> {
    await phone.go("/locks");
    const from = street.lock.mark;
    await phone.tap(/^Open: /);
    await street.lock.line(/^bolt: unlocked/, from);
    await phone.hears(/^Done/);
    await street.lock.line(/^bolt: locked/, from);
  }

  async function isRefused(phone: AppPhone, why: string): Promise<void> {
    await phone.go("/locks");
    const from = street.lock.mark;
    await phone.tap(/^Open: /);
    await phone.hears(why);
    expect(street.lock.stderr.slice(from)).not.toMatch(/bolt: unlocked/);
  }

  /** Another owner has ended its rights: the app learns it when it next asks how the lock stands. */
  async function hasNoKey(phone: AppPhone): Promise<void> {
    await phone.go("/locks");
    await phone.sees("No key of this phone opens it any more.");
    expect(await phone.page.getByRole("button", { name: /^Open: / }).count()).toBe(0);
  }

  /** Types the card of the other phone and orders by the button of that name. */
  async function orders(phone: AppPhone, other: AppPhone, button: string): Promise<void> {
    await phone.go(`/locks/${street.lockId}/owners`);
    await phone.fill("Card of the other phone", shown.get(other)!.card);
    await phone.tap(button);
    await phone.tap(button);
  }

  /** In the list of keys: the one that the phone was given. */
  const heldKey = (phone: AppPhone): Locator =>
    phone.page.locator("section", { hasText: "Keys that you hold" }).locator("a.row");

  async function takes(phone: AppPhone, link: string): Promise<void> {
    await phone.go("/keys/take");
    await phone.fill("Link of the key", link);
    await phone.tap("Take the key");
  }

  async function revokes(phone: AppPhone, key: RegExp): Promise<void> {
    await phone.go("/keys");
    await phone.follow(key);
    await phone.tap("Revoke this key");
    await phone.tap("Revoke this key");
    await phone.hears(/^Revoked/);
  }

  it("a second owner, until the first removes it", async () => {
    await orders(olga, ana, "Add as an owner");
    await olga.hears("The lock has heard it.");
    await olga.tap("Copy");
    await takes(ana, await clipboard(olga));
    await ana.hears("This phone owns the lock");
    await opens(ana);
    await olga.fill("Identity of that phone", shown.get(ana)!.id);
    await olga.tap("Remove an owner");
    await olga.sees("That phone and the keys that it gave open nothing any more.");
    await picture(olga.page, "owners-remove");
    await olga.tap("Remove an owner");
    await olga.hears("The lock has heard it.");
    await hasNoKey(ana);
    await opens(olga);
  });

  it("not without any owner: the last one cannot be removed", async () => {
    await olga.go(`/locks/${street.lockId}/owners`);
    await olga.fill("Identity of that phone", shown.get(olga)!.id);
    await olga.tap("Remove an owner");
    await olga.tap("Remove an owner");
    await olga.hears(/needs an owner/);
    await opens(olga);
  });

  it("a guest of a guest, by a part of the first key, and neither once that is revoked", async () => {
    await olga.go("/keys/make");
    await olga.fill("Whom is it for", "Ana");
    await olga.page.getByText("More choices").click();
    await olga.page.getByLabel("May it be passed on").selectOption("1");
    await olga.tap("Make the key");
    await olga.hears("The key is made");
    await olga.tap("Copy");
    await takes(ana, await clipboard(olga));
    await ana.hears(/This phone has the key/);
    await opens(ana);
    await ana.go("/keys");
    await heldKey(ana).click();
    await ana.follow("Pass it on, or a part of it");
    await ana.fill("Whom is it for", "Bo");
    await ana.sees(/Bo may open the door/);
    await picture(ana.page, "key-pass-on");
    await ana.tap("Make the key");
    await ana.hears("The key is made");
    await picture(ana.page, "key-passed-on");
    await ana.tap("Copy");
    await takes(bo, await clipboard(ana));
    await bo.hears(/This phone has the key/);
    await opens(bo);
    await bo.go("/keys");
    await heldKey(bo).click();
    // The end of the chain.
    expect(await bo.page.getByRole("link", { name: "Pass it on, or a part of it" }).count()).toBe(0);
    await revokes(olga, /For Ana/);
    await isRefused(bo, "An owner has revoked this key.");
    await isRefused(ana, "An owner has revoked this key.");
  });

  it("somebody else altogether, once the lock was handed over", async () => {
    await orders(olga, bo, "Hand the lock over");
    await olga.hears("The lock has heard it.");
    await olga.tap("Copy");
    await takes(bo, await clipboard(olga));
    await bo.hears("This phone owns the lock");
    await opens(bo);
    await hasNoKey(olga);
  });

  it("nothing was asked of anybody but the server", () => {
    expect([olga, ana, bo].flatMap(({ complaints }) => complaints)).toEqual([]);
  });
});
