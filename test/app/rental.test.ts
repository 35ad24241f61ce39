/** A rental in the built app, from offer to departure: two phones, a lock, notaries, and time that passes. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { MINUTE_MS } from "../../protocols/contract/templates/params.ts";
import { findChromium } from "../support/chromium.ts";
import { picture } from "./pictures.ts";
import type { AppPhone } from "./street.ts";
import { openVillage, unlock } from "./village.ts";
import type { Village, VillageLock } from "./village.ts";

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const HOUR_MS = 60 * MINUTE_MS;

describe.skipIf(findChromium() === undefined)("a rental in the app", () => {
  let village: Village;
  let lock: VillageLock;
  let host: AppPhone;
  let anna: AppPhone;
  let arrivalMs = 0;
  let departureMs = 0;

  beforeAll(async () => {
    village = await openVillage(["anna"]);
    host = await village.phone();
    const words = await host.onboard("Henri’s phone");
    // The lock is of the same root as its owner's phone, whose account is the host's.
    lock = await village.openLock(words.join(" "), "Lake house");
    anna = await village.phone("anna", lock.id);
    await anna.onboard("Anna’s phone");
  });

  afterAll(async () => {
    await village?.close();
  });

  const account = async (phone: AppPhone): Promise<string> => {
    await phone.go("/wallet");
    await phone.sees("Your account");
    return phone.page.locator("p.mono").first().innerText();
  };
  const fieldMs = async (phone: AppPhone, label: string): Promise<number> =>
    Date.parse(`${await phone.page.getByLabel(label, { exact: true }).inputValue()}:00+01:00`);

  /** Guest, place and price; the times are as the form begins. */
  const fillOffer = async (): Promise<void> => {
    const guests = host.page.getByLabel("Guest", { exact: true });
    const guest = await guests.locator("option", { hasText: "Anna’s phone" }).getAttribute("value");
    await guests.selectOption(guest);
    await host.fill("Address", "3 Mill Lane");
    await host.page.getByLabel("Currency").selectOption(village.currencies.EUR);
    await host.fill("Price of the whole stay", "240");
    await host.fill("Deposit", "100");
  };

  it("the host pairs the lock, the guest has money", async () => {
    await host.follow("Add a lock");
    await host.fill("Or paste its line", lock.code);
    await host.fill("What you call the lock", "Lake house");
    await host.tap("Pair");
    await host.hears("This phone owns “Lake house” now.");
    const id = await account(anna);
    await village.pay(id, 500_00n, "EUR");
    await village.pay(id, 500_00n, "CHF");
    await anna.sees("500.00 CHF");
  });

  it("the host offers a stay, and reads all of it before it is signed", async () => {
    await host.go(`/locks/${lock.id}`);
    await host.sees("Nobody has rented it yet.");
    await host.follow("Let this house");
    await host.tap("Read the offer");
    await host.page.getByRole("alert").getByText("Choose the guest first.").waitFor();
    await fillOffer();
    await host.fill("Fee if the guest cancels", "20");
    await host.page.getByText("Other currencies that you accept").click();
    await host.fill("Price in CHF", "230");
    await host.fill("Deposit in CHF", "95");
    await host.fill("Cancellation fee in CHF", "19");
    await host.fill("A line to the guest", "The boat is yours too");
    arrivalMs = await fieldMs(host, "Arrival");
    departureMs = await fieldMs(host, "Departure");
    await picture(host.page, "let");
    await host.fill("Departure", "2020-01-01T10:00");
    await host.tap("Read the offer");
    await host.page.getByRole("alert").getByText("The departure must be after the arrival.").waitFor();
    await host.fill("Departure", localTime(departureMs));
    await host.tap("Read the offer");
    await host.sees("Offer to Anna’s phone");
    await host.sees("You also accept 230.00 CHF.");
    await host.sees("Every way it can end");
    await picture(host.page, "let-read");
    await host.tap("Sign and send the offer");
    await host.tap("Sign and send the offer");
    await host.hears("Signed and sent");
    await host.sees("signed by you, waits for the others");
  });

  it("the guest would pay in another currency that the host accepts", async () => {
    await anna.go("/contracts");
    await anna.follow(/Rental/);
    await anna.sees("The same is also offered for 230.00 CHF");
    await picture(anna.page, "rental-offer");
    await anna.tap("Offer other terms");
    await anna.page.getByLabel("Pay in").selectOption(village.currencies.CHF);
    await picture(anna.page, "rental-counter");
    await anna.tap("Sign and send the counter-offer");
    await anna.hears("The counter-offer is signed by you");
  });

  it("the host signs, then the lock by itself; price and deposit are held", async () => {
    await host.go("/contracts");
    await host.follow(/waits for your signature/);
    await host.sees("What this offer changes");
    await host.tap("Sign");
    await host.tap("I have read it and sign");
    await host.hears("Signed");
    await village.hears(/the lock has signed it, as its owner has/);
    await anna.go("/wallet");
    await anna.sees("175.00 CHF");
    await anna.go("/locks");
    await anna.sees(/^You may open from/);
    await picture(anna.page, "stay-booked");
    await host.go(`/locks/${lock.id}`);
    await host.sees("booked, may still be cancelled");
    await picture(host.page, "lock-let");
  });

  it("does not open before the arrival", async () => {
    await village.leapTo(arrivalMs - HOUR_MS);
    await host.go(`/locks/${lock.id}`);
    await host.sees("opens from the arrival on");
    await anna.go("/locks");
    const from = village.mark();
    await anna.tap("Open: Lake house");
    await anna.hears(/^It is before the arrival/);
    expect(village.said(from)).not.toMatch(/bolt: unlocked/);
    await picture(anna.page, "stay-early");
  });

  it("opens within the stay with one tap; the first opening pays the host", async () => {
    await village.leapTo(arrivalMs + 10 * MINUTE_MS);
    await anna.go("/locks");
    await anna.sees(/^You may open until/);
    const from = village.mark();
    await anna.tap("Open: Lake house");
    await village.hears(/bolt: unlocked/, from);
    await anna.hears(/^Done/);
    await anna.sees(/^paid$/);
    await picture(anna.page, "stay");
    await host.go("/wallet");
    await host.sees("230.00 CHF");
    await host.go(`/locks/${lock.id}`);
    await host.sees("begun; the host is paid");
    await picture(host.page, "lock-let-paid");
  });

  it("is over once the door is shut after the departure", async () => {
    lock.pins.toggle("door-open");
    const from = village.mark();
    await village.leapTo(departureMs + 10 * MINUTE_MS);
    await anna.go("/locks");
    await anna.sees("The stay is over: shut the door behind you");
    // The phone hears nothing of the notaries for a while; the lock decides by itself.
    await anna.page.evaluate(async () => {
      await navigator.serviceWorker.ready;
    });
    await anna.context.setOffline(true);
    await anna.reload();
    await unlock(anna);
    await anna.sees("Offline");
    expect(village.said(from)).not.toMatch(/the door is shut/);
    lock.pins.toggle("door-open");
    await village.hears(/the stay is over and the door is shut/, from);
    await anna.follow("Devices");
    await anna.tap("Open: Lake house");
    await anna.hears("The stay is over: the contract opens nothing any more.");
    await anna.context.setOffline(false);
    await anna.sees("Online");
    await anna.sees("Over; the deposit goes back unless the host claims it");
    expect(await anna.page.getByRole("button", { name: "Open: Lake house" }).count()).toBe(0);
    await picture(anna.page, "stay-over");
    expect(village.said(from)).not.toMatch(/bolt: unlocked/);
  });

  it("the host gives the deposit back", async () => {
    await host.go("/contracts");
    await host.follow(/Rental/);
    await host.tap("The host releases what is held.");
    await host.tap("The host releases what is held.");
    await host.hears("Done; the notaries have certified it.");
    await anna.go("/wallet");
    await anna.sees("270.00 CHF");
    await picture(anna.page, "stay-wallet");
  });

  it("the log tells it in words", async () => {
    await host.go(`/locks/${lock.id}/log`);
    await host.sees("showed a rental");
    await host.sees("Anna’s phone");
    await host.sees("the stay is over and the door is shut");
    await picture(host.page, "log-rental");
  });

  it("a guest whom the host refuses is told so at the door, and not let in", async () => {
    await host.go(`/locks/${lock.id}/let`);
    await fillOffer();
    const secondMs = await fieldMs(host, "Arrival");
    await host.tap("Read the offer");
    await host.tap("Sign and send the offer");
    await host.tap("Sign and send the offer");
    await host.hears("Signed and sent");
    await anna.go("/contracts");
    await anna.follow(/waits for your signature/);
    await anna.tap("Sign");
    await anna.tap("I have read it and sign");
    await anna.hears("Signed");
    await anna.go("/locks");
    await anna.sees(/^You may open from/);
    await host.tap("Refuse this guest");
    await picture(host.page, "lock-refuse");
    await host.tap("Refuse the guest");
    await host.hears("The lock has heard it");
    await host.sees("The lock refuses this guest.");
    await village.leapTo(secondMs + 10 * MINUTE_MS);
    const from = village.mark();
    await anna.go("/locks");
    await anna.sees(/^You may open until/);
    await anna.tap("Open: Lake house");
    await anna.hears("The host lets nobody in by this contract.");
    await anna.sees("The lock has refused you, and this phone keeps its signed word.");
    await picture(anna.page, "stay-refused");
    expect(village.said(from)).not.toMatch(/bolt: unlocked/);
  });

  it("the lock gets a tariff for whoever walks up, and loses it", async () => {
    const tariff = (): unknown => lock.running.agent.state.letting.tariff;
    await host.go(`/locks/${lock.id}`);
    await host.page.getByText("Guests who walk up").click();
    await host.page.getByLabel("Currency").selectOption(village.currencies.EUR);
    await host.fill("Price of a day", "90,00");
    await host.fill("Least that it takes", "95");
    await host.tap("Let the lock agree");
    await host.hears(/Write an amount/);
    await host.fill("Least that it takes", "80");
    await host.tap("Let the lock agree");
    await host.hears("The lock has heard it.");
    expect(tariff()).toMatchObject({
      currency: village.currencies.EUR,
      askedMinor: "9000",
      leastMinor: "8000",
    });
    await picture(host.page, "tariff");
    await host.tap("No more walk-ups");
    await expect.poll(tariff, { timeout: 30_000 }).toBeNull();
  });

  it("says all of it in French as well", async () => {
    for (const phone of [host, anna]) {
      await phone.go("/settings");
      await phone.page.getByLabel("Language").selectOption("fr");
      await phone.sees("Réglages");
    }
    await host.go(`/locks/${lock.id}`);
    await host.sees("Louer ce logement");
    await picture(host.page, "lock-let-fr");
    await host.go(`/locks/${lock.id}/log`);
    await host.sees("a présenté une location");
    await picture(host.page, "log-rental-fr");
    await host.go(`/locks/${lock.id}/let`);
    await host.tap("Lire l’offre");
    await host.page.getByRole("alert").getByText("Choisissez d’abord le voyageur.").waitFor();
    await picture(host.page, "let-fr");
    await anna.go("/keys");
    await anna.sees("Séjours que vous avez loués");
    await picture(anna.page, "keys-stay-fr");
    await anna.go("/locks");
    await anna.sees("La serrure vous a refusé");
    await picture(anna.page, "stay-refused-fr");
    await anna.go("/contracts");
    await anna.follow(/Location/);
    await anna.sees("Toutes les fins possibles");
    await picture(anna.page, "rental-fr");
  });

  it("asked nobody but its own server, and broke no rule of its policy", () => {
    expect([...host.complaints, ...anna.complaints]).toEqual([]);
  });
});

/** As a field for date and time wants it, in the phones' zone. */
function localTime(timeMs: number): string {
  return new Date(timeMs + HOUR_MS).toISOString().slice(0, 16);
}
