/** The built app in a browser without Bluetooth: everything goes over the network, also after it was away. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { findChromium } from "../support/chromium.ts";
import { picture } from "./pictures.ts";
import { openStreet, PASSPHRASE } from "./street.ts";
import type { AppPhone, Street } from "./street.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 180_000 });

describe.skipIf(findChromium() === undefined)("the app without Bluetooth", () => {
  let street: Street;
  let olga: AppPhone;

  beforeAll(async () => {
    street = await openStreet({ radios: [], isLockOnline: true });
    olga = await street.phone();
  });

  afterAll(async () => {
    await street?.close();
  });

  it("says plainly by which way doors are opened", async () => {
    await olga.onboard("Olga’s phone");
    await olga.sees("This browser has no Web Bluetooth: doors are opened over the network");
    await olga.sees("Online");
  });

  it("pairs and opens over the network, and shows how the lock stands", async () => {
    await olga.follow("Add a lock");
    await olga.fill("Or paste its line", await street.code());
    await olga.tap("Pair");
    await olga.hears("This phone owns “Front door” now.");
    const from = street.lock.mark;
    await olga.tap("Open: Front door");
    await street.lock.line(/^bolt: unlocked/, from);
    await olga.hears(/^Done/);
    await street.lock.line(/^bolt: locked/, from);
    // Nobody taps: the app asks again by itself while it is looked at.
    await olga.sees(/^Locked$/);
    await olga.sees("Battery 87%");
    await picture(olga.page, "devices-far");
  });

  it("speaks French when it is told to", async () => {
    await olga.go("/settings");
    await olga.page.getByLabel("Language").selectOption("fr");
    await olga.sees("Réglages");
    await picture(olga.page, "settings-fr");
    await olga.go("/locks");
    await olga.sees("Porte fermée");
    await olga.sees("Pile 87 %");
    await picture(olga.page, "devices-fr");
    await olga.go("/keys/make");
    await olga.fill("Pour qui", "Ana");
    await olga.sees("Ana peut ouvrir la porte.");
    await olga.go("/settings");
    await olga.page.getByLabel("Langue").selectOption("en");
  });

  it("puts the keys away, and takes no wrong passphrase", async () => {
    await olga.go("/settings");
    await olga.tap("Lock the app");
    await olga.fill("Passphrase of this phone", "something else");
    await olga.tap("Unlock");
    await olga.hears("That is not the passphrase");
    await olga.fill("Passphrase of this phone", PASSPHRASE);
    await olga.tap("Unlock");
    await olga.sees("This phone");
  });

  it("refuses what is no code, no key and no network, in words", async () => {
    await olga.go("/locks/pair");
    await olga.fill("Or paste its line", "segment:pair:nonsense");
    await olga.tap("Pair");
    await olga.hears("This is no pairing code of a lock");
    await olga.go("/keys/take");
    await olga.fill("Link of the key", "segment:key:nonsense");
    await olga.tap("Take the key");
    await olga.hears("This is no whole link to a key");
    await olga.go("/keys/make");
    await olga.tap("Make the key");
    await olga.page.getByRole("alert").getByText("Write a name of 1 to 64 characters.").waitFor();
    await olga.go("/locks/nobody");
    await olga.sees("This phone does not know that lock.");
  });

  it("begins without its server, once it has been there", async () => {
    await olga.page.evaluate(async () => {
      await navigator.serviceWorker.ready;
    });
    await olga.context.setOffline(true);
    await olga.reload();
    await olga.fill("Passphrase of this phone", PASSPHRASE);
    await olga.tap("Unlock");
    await olga.follow("Devices");
    await olga.sees("Offline");
    await olga.sees("Front door");
    await olga.context.setOffline(false);
    await olga.sees("Online");
  });

  it("asked nobody but its own server, and broke no rule of its policy", () => {
    expect(olga.complaints).toEqual([]);
  });

  it("forgets everything when it is told to", async () => {
    await olga.go("/settings");
    await olga.tap("Erase everything");
    await olga.tap("Erase everything");
    await olga.sees("Welcome to SEGMENT");
    // Where it looked for keys, in vain.
    const names = await olga.page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name));
    expect(names).toEqual(["segment-keys"]);
  });
});
