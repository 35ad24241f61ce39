/** The built app in Chromium, at the door of a real lock: pairing, opening, guest keys, two phones. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { findChromium } from "../support/chromium.ts";
import { picture } from "./pictures.ts";
import { openStreet, PASSPHRASE } from "./street.ts";
import type { AppPhone, Street } from "./street.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 180_000 });

describe.skipIf(findChromium() === undefined)("the app over Bluetooth alone", () => {
  let street: Street;
  let olga: AppPhone;
  let ana: AppPhone;

  beforeAll(async () => {
    // The lock never finds the broker: whatever happens at the door goes over the air.
    street = await openStreet({ radios: ["olga", "ana"], isLockOnline: false });
    olga = await street.phone("olga");
  });

  afterAll(async () => {
    await street?.close();
  });

  it("makes words and keys, and joins the network of the server", async () => {
    const words = await olga.onboard("Olga’s phone");
    expect(words).toHaveLength(12);
    await olga.sees("Online");
    await olga.sees("No device yet");
    await picture(olga.page, "devices-none");
    expect(olga.complaints).toEqual([]);
  });

  it("pairs with the code that the lock shows", async () => {
    await olga.follow("Add a lock");
    await olga.fill("Or paste its line", await street.code());
    await olga.fill("What you call the lock", "Front door");
    await picture(olga.page, "pair");
    await olga.tap("Pair");
    await olga.hears("This phone owns “Front door” now.");
    await street.lock.line(/^paired/);
  });

  it("opens with one tap", async () => {
    const from = street.lock.mark;
    await olga.tap("Open: Front door");
    await street.lock.line(/^bolt: unlocked/, from);
    await olga.hears(/^Done: the door is open for you/);
    await picture(olga.page, "devices");
  });

  it("takes up again after the link was lost in the middle", async () => {
    await olga.bridge!.cut("c0:00:00:00:00:01");
    const from = street.lock.mark;
    await olga.tap("Open: Front door");
    await street.lock.line(/^bolt: unlocked/, from);
    await olga.hears(/^Done/);
  });

  it("gives a key by a link, with which another phone opens", async () => {
    await olga.follow("Keys");
    await olga.follow("Make a guest key");
    await olga.fill("Whom is it for", "Ana");
    await olga.sees(/Ana may open the door/);
    await picture(olga.page, "key-make");
    await olga.tap("Make the key");
    await olga.hears("The key is made");
    await olga.page.getByRole("img", { name: /QR code/ }).waitFor();
    await picture(olga.page, "key-given");
    await olga.tap("Copy");
    const link = await olga.page.evaluate(() => navigator.clipboard.readText());
    expect(link).toMatch(/#\/keys\/take\?link=segment%3Akey%3A/);
    ana = await street.phone("ana");
    await ana.onboard("Ana’s phone");
    await ana.visit(link);
    await ana.sees(/open the door/);
    // The secret has left the address.
    await expect.poll(() => ana.page.url()).not.toContain("segment");
    await ana.fill("What you call the lock", "Olga’s door");
    await picture(ana.page, "key-take");
    await ana.tap("Take the key");
    await ana.hears(/This phone has the key/);
    const from = street.lock.mark;
    await ana.tap("Open: Olga’s door");
    await street.lock.line(/^bolt: unlocked/, from);
  });

  it("serves two phones at once", async () => {
    const from = street.lock.mark;
    await Promise.all([olga.go("/locks"), ana.go("/locks")]);
    await Promise.all([olga.tap("Open: Front door"), ana.tap("Open: Olga’s door")]);
    await Promise.all([olga.hears(/^Done/), ana.hears(/^Done/)]);
    await street.lock.line(/^bolt: unlocked/, from);
  });

  it("shows the owner who opened", async () => {
    await olga.go(`/locks/${street.lockId}/log`);
    await olga.tap("Read the newest lines");
    await olga.sees("Ana");
    await olga.sees("this phone");
    await picture(olga.page, "log");
    await olga.go(`/locks/${street.lockId}`);
    await olga.sees("Guest keys");
    await picture(olga.page, "lock");
    await olga.go(`/locks/${street.lockId}/owners`);
    await olga.sees("Remove an owner");
    await picture(olga.page, "owners");
  });

  it("revokes the key, and the guest is refused at the door", async () => {
    await olga.go("/keys");
    await olga.follow(/For Ana/);
    await olga.tap("Revoke this key");
    await olga.tap("Revoke this key");
    await olga.hears(/Revoked/);
    if (await olga.page.getByRole("button", { name: "Tell the lock now" }).isVisible())
      await olga.tap("Tell the lock now");
    await expect.poll(() => olga.page.getByRole("button", { name: "Tell the lock now" }).count()).toBe(0);
    const from = street.lock.mark;
    await ana.tap("Open: Olga’s door");
    await ana.hears("An owner has revoked this key.");
    await picture(ana.page, "refused");
    await picture(olga.page, "key-revoked");
    await olga.go("/keys");
    await olga.sees("Keys that you gave");
    await picture(olga.page, "keys");
    await olga.go("/settings");
    await olga.sees("Lock the app");
    await olga.page.getByText("Card of this phone").click();
    await picture(olga.page, "settings");
    await olga.go("/settings/network");
    await olga.sees("Notaries");
    await picture(olga.page, "network");
    expect(street.lock.stderr.slice(from)).not.toMatch(/bolt: unlocked/);
  });

  it("makes another phone an owner by its card and a link", async () => {
    await ana.go("/settings");
    await ana.page.getByText("Card of this phone").click();
    await ana.tap("Copy");
    const card = await ana.page.evaluate(() => navigator.clipboard.readText());
    await olga.go(`/locks/${street.lockId}/owners`);
    await olga.fill("Card of the other phone", card);
    await olga.sees("The card of “Ana’s phone”");
    await olga.tap("Add as an owner");
    await olga.tap("Add as an owner");
    await olga.tap("Copy");
    const link = await olga.page.evaluate(() => navigator.clipboard.readText());
    expect(link).toMatch(/^segment:owner:/);
    await ana.go("/keys/take");
    await ana.fill("Link of the key", link);
    await ana.tap("Take the key");
    await ana.hears("This phone owns the lock");
    const from = street.lock.mark;
    await ana.tap("Open: Olga’s door");
    await street.lock.line(/^bolt: unlocked/, from);
  });

  it("asks for the passphrase again after it was closed, and knows its lock", async () => {
    await olga.reload();
    await olga.fill("Passphrase of this phone", "something else");
    await olga.tap("Unlock");
    await olga.hears("That is not the passphrase");
    await picture(olga.page, "unlock");
    await olga.fill("Passphrase of this phone", PASSPHRASE);
    await olga.tap("Unlock");
    await olga.follow("Devices");
    const from = street.lock.mark;
    await olga.tap("Open: Front door");
    await street.lock.line(/^bolt: unlocked/, from);
  });

  it("asked nobody but its own server, and broke no rule of its policy", () => {
    expect([...olga.complaints, ...ana.complaints]).toEqual([]);
  });
});
