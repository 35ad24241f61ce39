/** The street's money: what the issuer mints before anything happens. */
import type { EntryBody } from "../../../protocols/ledger/entry.ts";
import type { Dealer } from "./dealer.ts";
import type { Somebody } from "./people.ts";
import type { Street } from "./street.ts";

/** The host accepts each of these. */
export const CURRENCIES = ["EUR", "CHF"] as const;
/** What the guest has of each, in minor units. */
export const GUEST_HAS_MINOR = 50_000n;

/** Registers everybody but the stranger, founds the currencies, and gives the guest something of each. */
export async function mintMoney(street: Street, issuer: Dealer, people: readonly Somebody[]): Promise<void> {
  const settle = (bodies: EntryBody[]): Promise<unknown> =>
    street.passing(Promise.all(bodies.map((body) => issuer.submit({ body }))), 5_000);
  const known = people.filter(({ name }) => name !== "stranger");
  await settle(known.map(({ keys }) => ({ kind: "card", card: keys.card })));
  await settle(CURRENCIES.map((code) => ({ kind: "currency", code, exponent: 2, name: code })));
  const to = street.person("guest").root.publicKey;
  const amount = GUEST_HAS_MINOR;
  await settle(CURRENCIES.map((code) => ({ kind: "mint", currency: street.currency(code), to, amount })));
  street.say("issuer", "the guest has 500.00 EUR and 500.00 CHF");
}
