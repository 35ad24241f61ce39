import { describe, expect, it } from "vitest";
import { rentalTerms } from "../../protocols/contract/templates/rental.ts";
import { saleTerms } from "../../protocols/contract/templates/sale.ts";
import { decodeTerms, encodeTerms } from "../../protocols/contract/terms.ts";
import type { Terms } from "../../protocols/contract/terms.ts";
import { RENTAL } from "../../protocols/contract/testing/samples.ts";
import { NETWORK, somebody } from "../../test/support/agents.ts";
import type { Somebody } from "../../test/support/agents.ts";
import { nodeCrypto as crypto } from "../node/crypto.ts";
import { whyUnsigned } from "./rental-consent.ts";

const [host, lock, guest, other] = ["host", "lock", "guest", "other"].map((name) => somebody(name)) as [
  Somebody,
  Somebody,
  Somebody,
  Somebody,
];
const party = ({ keys, root }: Somebody) => ({ identity: keys.signer.publicKey, account: root.publicKey });
const RENTED = rentalTerms({
  ...{ ...RENTAL, network: NETWORK, guest: party(guest), host: party(host) },
  lock: { ...party(lock), account: host.root.publicKey },
});
const BOUGHT = saleTerms({
  ...{ network: NETWORK, nonce: RENTAL.nonce, currency: RENTAL.currency, goods: "the lock", priceMinor: 1n },
  ...{ buyer: party(host), seller: party(lock), offeredAtMs: RENTAL.offeredAtMs },
  ...{ signByMs: RENTAL.signByMs, shipByMs: RENTAL.arrivalMs },
});

function judged(terms: Terms, signedBy: Somebody[], owners: Somebody[], self = lock): string | undefined {
  const termsBytes = encodeTerms(terms);
  const signatures = new Map(signedBy.map(({ id }) => [id, new Uint8Array()]));
  const one = { terms: decodeTerms(termsBytes), termsBytes, signatures };
  return whyUnsigned(
    crypto,
    one,
    self.id,
    owners.map(({ id }) => id),
  );
}

describe("what a lock signs by itself", () => {
  it("is a rental that one of its owners has signed as the host", () => {
    expect(judged(RENTED, [guest, host], [other, host])).toBeUndefined();
    expect(judged(RENTED, [host], [host])).toBeUndefined();
  });

  it("is nothing before the host has signed, and nothing of somebody who does not own it", () => {
    expect(judged(RENTED, [guest], [host])).toMatch(/has not signed/);
    expect(judged(RENTED, [guest, host], [other, guest])).toMatch(/does not own this lock/);
    expect(judged(RENTED, [guest, host], [])).toMatch(/does not own this lock/);
  });

  it("is no rental of another lock, or in which it is the host", () => {
    expect(judged(RENTED, [guest, host], [host], other)).toMatch(/another is the lock/);
    const swapped = { ...RENTED, parties: RENTED.parties.map((one) => ({ ...one, role: swap(one.role) })) };
    expect(judged(swapped, [guest, host], [host])).toMatch(/another is the lock/);
  });

  it("is no other contract, whoever has signed that", () => {
    expect(judged(BOUGHT, [host], [host])).toMatch(/no rental/);
    // What only calls itself a rental does not say when the door opens.
    const [seller, buyer] = [party(lock), party(host)];
    const parties = [
      { role: "lock", ...seller },
      { role: "host", ...buyer },
      { role: "guest", ...party(guest) },
    ];
    expect(judged({ ...BOUGHT, template: RENTED.template, parties }, [host], [host])).toMatch(/no stay/);
  });

  it("is nothing that takes money from the lock's account", () => {
    const paying: Terms = {
      ...RENTED,
      contract: {
        ...{ kind: "when", label: "booked", actBy: 1, claimBy: 2, refundFrom: 3 },
        cases: [
          { kind: "deposit", by: "lock", currency: RENTAL.currency, amount: 5n, then: RENTED.contract },
        ],
        onTimeout: { kind: "close" },
      },
    };
    expect(judged(paying, [host], [host])).toMatch(/takes money/);
  });
});

function swap(role: string): string {
  return role === "lock" ? "host" : role === "host" ? "lock" : role;
}
