/** The built app's ways in besides the passphrase, and how it locks by itself. */
import type { CDPSession } from "playwright";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { findChromium } from "../support/chromium.ts";
import { openHouse } from "./house.ts";
import type { House } from "./house.ts";
import { picture } from "./pictures.ts";
import { AppPhone, PASSPHRASE } from "./street.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 180_000 });

const MINUTE_MS = 60_000;
const PASSPHRASE_FIELD = "Passphrase of this phone";
const BY_PASSKEY = "Unlock with the passkey";

/** An authenticator of Chromium's own, in software: the page's WebAuthn is the genuine one. */
async function authenticator(
  phone: AppPhone,
  hasPrf: boolean,
): Promise<{ session: CDPSession; id: { authenticatorId: string } }> {
  const session = await phone.context.newCDPSession(phone.page);
  await session.send("WebAuthn.enable");
  const id = await session.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      ...{ protocol: "ctap2", ctap2Version: "ctap2_1", transport: "internal", hasPrf },
      ...{ hasResidentKey: true, hasUserVerification: true, isUserVerified: true },
      automaticPresenceSimulation: true,
    },
  });
  return { session, id };
}

async function unlocks(phone: AppPhone): Promise<void> {
  await phone.fill(PASSPHRASE_FIELD, PASSPHRASE);
  await phone.tap(/^Unlock$/);
  await phone.page.getByRole("navigation").waitFor();
}

describe.skipIf(findChromium() === undefined)("unlocking the app", () => {
  let house: House;
  let phone: AppPhone;
  const others: AppPhone[] = [];

  beforeAll(async () => {
    house = await openHouse();
    phone = await AppPhone.open(house.url, "", undefined);
    await phone.onboard("Olga’s phone");
  });

  afterEach(async () => {
    for (const one of others.splice(0)) await one.close();
  });

  afterAll(async () => {
    await phone?.close();
    await house?.close();
  });

  it("by a passkey: only a verified person gets in, and the passphrase is there as before", async () => {
    const { session, id } = await authenticator(phone, true);
    await phone.go("/settings");
    await phone.follow("Unlocking");
    await phone.sees("your words stay the last way back");
    await picture(phone.page, "unlocking");
    await phone.fill(PASSPHRASE_FIELD, "something else");
    await phone.tap("Add a passkey");
    await phone.hears("That is not the passphrase of this phone.");
    expect((await session.send("WebAuthn.getCredentials", id)).credentials).toEqual([]);
    await phone.fill(PASSPHRASE_FIELD, PASSPHRASE);
    await phone.tap("Add a passkey");
    await phone.hears("The passkey is added");
    const { credentials } = await session.send("WebAuthn.getCredentials", id);
    expect(credentials).toMatchObject([{ isResidentCredential: true, rpId: "localhost" }]);
    await picture(phone.page, "unlocking-passkey");

    await phone.tap("Lock now");
    await picture(phone.page, "unlock-passkey");
    await phone.tap(BY_PASSKEY);
    await phone.sees("A passkey unlocks the app on this phone.");
    await phone.reload();
    await session.send("WebAuthn.setUserVerified", { ...id, isUserVerified: false });
    await phone.tap(BY_PASSKEY);
    await phone.hears("The passkey was not used");
    await unlocks(phone);
    expect(phone.complaints).toEqual([]);
    await session.send("WebAuthn.removeVirtualAuthenticator", id);
  });

  it("not by another passkey, nor by a changed record", async () => {
    const { session, id } = await authenticator(phone, true);
    await phone.tap("Lock now");
    await phone.tap(BY_PASSKEY);
    // The new device does not hold it.
    await phone.hears("The passkey was not used");
    await unlocks(phone);
    await phone.tap("Remove the passkey");
    await phone.tap("Remove the passkey");
    await phone.hears("The passkey is removed.");
    await phone.fill(PASSPHRASE_FIELD, PASSPHRASE);
    await phone.tap("Add a passkey");
    await phone.hears("The passkey is added");
    // Another salt: the passkey answers it with another secret.
    await phone.page.evaluate(async () => {
      const opened = indexedDB.open("segment-keys", 1);
      await new Promise((resolve) => (opened.onsuccess = resolve));
      const transaction = opened.result.transaction("records", "readwrite");
      const records = transaction.objectStore("records");
      const found = records.get("home");
      found.onsuccess = () => {
        const record = found.result as { passkey: { salt: Uint8Array } };
        record.passkey.salt[0]! ^= 1;
        records.put(record, "home");
      };
      await new Promise((resolve) => (transaction.oncomplete = resolve));
      opened.result.close();
    });
    await phone.tap("Lock now");
    await phone.tap(BY_PASSKEY);
    await phone.hears("The keys in this browser are damaged");
    await unlocks(phone);
    await phone.tap("Remove the passkey");
    await phone.tap("Remove the passkey");
    await phone.hears("The passkey is removed.");
    await phone.tap("Lock now");
    await phone.sees("Unlock SEGMENT");
    expect(await phone.page.getByRole("button", { name: BY_PASSKEY }).count()).toBe(0);
    await unlocks(phone);
    await session.send("WebAuthn.removeVirtualAuthenticator", id);
  });

  it("refuses a passkey that keeps no secret", async () => {
    const { session, id } = await authenticator(phone, false);
    await phone.fill(PASSPHRASE_FIELD, PASSPHRASE);
    await phone.tap("Add a passkey");
    await phone.hears("cannot keep a secret for the app");
    await session.send("WebAuthn.removeVirtualAuthenticator", id);
    await phone.reload();
    await phone.sees("Unlock SEGMENT");
    expect(await phone.page.getByRole("button", { name: BY_PASSKEY }).count()).toBe(0);
    await unlocks(phone);
  });

  it("offers none where the page has no name or the browser no passkeys, and says why", async () => {
    const bare = await AppPhone.open(house.url.replace("localhost", "127.0.0.1"), "", undefined);
    others.push(bare);
    await bare.onboard("Bare");
    await bare.go("/settings/unlocking");
    await bare.sees("this page was opened by an address of numbers");
    expect(await bare.page.getByRole("button", { name: "Add a passkey" }).count()).toBe(0);
    await bare.page.addInitScript(() => Reflect.deleteProperty(globalThis, "PublicKeyCredential"));
    await bare.reload();
    await unlocks(bare);
    await bare.sees("This browser has no passkeys (WebAuthn)");
    await bare.go("/settings");
    await bare.page.getByLabel("Language").selectOption("fr");
    await bare.go("/settings/unlocking");
    await bare.sees("Ce navigateur n’a pas de clés d’accès");
    await picture(bare.page, "unlocking-none-fr");
  });
});

describe.skipIf(findChromium() === undefined)("the app that nobody touches", () => {
  let house: House;
  let phone: AppPhone;

  const isOpen = async (): Promise<boolean> => (await phone.page.getByRole("navigation").count()) === 1;
  const choose = async (option: string): Promise<void> => {
    await phone.go("/settings/unlocking");
    await phone.page.getByLabel("Lock by itself").selectOption(option);
  };

  beforeAll(async () => {
    house = await openHouse();
    phone = await AppPhone.open(house.url, "", undefined);
    await phone.page.clock.install();
    await phone.reload();
    await phone.onboard("Olga’s phone");
  });

  afterAll(async () => {
    await phone?.close();
    await house?.close();
  });

  it("locks after 15 minutes, and keeps nothing that was half written", async () => {
    await phone.go("/wallet/send?request=segment:pay?half");
    const line = phone.page.getByRole("textbox").first();
    await line.fill("segment:pay?half-written");
    await phone.page.clock.fastForward(14 * MINUTE_MS);
    expect(await isOpen()).toBe(true);
    await line.press("End");
    await phone.page.clock.fastForward(14 * MINUTE_MS);
    expect(await isOpen()).toBe(true);
    await phone.page.clock.fastForward(2 * MINUTE_MS);
    await phone.sees("Unlock SEGMENT");
    expect(await isOpen()).toBe(false);
    // Nothing runs on that holds the keys: the home's own lock is free.
    const held = (): Promise<number> =>
      phone.page.evaluate(async () => (await navigator.locks.query()).held?.length ?? 0);
    await expect.poll(held).toBe(0);
    await unlocks(phone);
    expect(phone.page.url()).not.toContain("half");
    expect(await line.inputValue()).toBe("");
  });

  it("locks as soon as a page that slept is looked at or touched", async () => {
    await choose("1");
    const later = async (): Promise<void> => {
      const now = await phone.page.evaluate(() => Date.now());
      // The clock goes on, and no timer runs.
      await phone.page.clock.setSystemTime(now + 2 * MINUTE_MS);
    };
    await later();
    expect(await isOpen()).toBe(true);
    await phone.page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    await phone.sees("Unlock SEGMENT");
    await unlocks(phone);
    await later();
    await phone.follow("Wallet");
    await phone.sees("Unlock SEGMENT");
    // The touch did nothing else.
    expect(phone.page.url()).toContain("#/settings/unlocking");
    await unlocks(phone);
  });

  it("stays open when it is told never to lock, until it is locked by hand", async () => {
    await choose("0");
    await phone.page.clock.fastForward(600 * MINUTE_MS);
    await phone.page.clock.fastForward(MINUTE_MS);
    expect(await isOpen()).toBe(true);
    await phone.reload();
    await unlocks(phone);
    expect(await phone.page.getByLabel("Lock by itself").inputValue()).toBe("0");
    await phone.tap("Lock now");
    await phone.sees("Unlock SEGMENT");
    expect(await isOpen()).toBe(false);
  });
});
