/** Mandates in the ledger: who charges whom, how much in which period, and until when. */
import { beforeEach, describe, expect, it } from "vitest";
import { toHex } from "../../protocols/encoding/bytes.ts";
import type { EntryDraft } from "../../protocols/ledger/drafts.ts";
import type { Charge, Leg } from "../../protocols/ledger/legs.ts";
import { signNoRelease } from "../../protocols/ledger/statements.ts";
import type { Signer } from "../../protocols/ports.ts";
import { cardOf, keyOf } from "./committee.ts";
import {
  charge,
  HOUR,
  leg,
  legsBody,
  legsOf,
  makePurse,
  MINUTE,
  purse,
  subscriptionOf,
} from "./shared-money.ts";
import { alice, bank, deliveryOf, DirectLedger, drone, shop } from "./village.ts";

const subscription = subscriptionOf(1);
const { id } = subscription;
let village: DirectLedger;
beforeEach(() => {
  village = new DirectLedger().begin();
});

/** The shop charges Alice, for itself. */
function chargeAlice(amount: bigint, change: Partial<Charge> = {}): EntryDraft {
  const legs = [leg(alice, -amount), leg(shop, amount)];
  return { body: legsBody(legsOf(legs, [{ ...charge(0, subscription, 0), ...change }])) };
}

function code(signer: Signer, draft: EntryDraft): string {
  const before = village.ledger.allBalances();
  const outcome = village.code(signer, draft);
  if (outcome !== "ok") expect(village.ledger.allBalances()).toEqual(before);
  return outcome;
}

const endMandate = (mandate: number, termsId = id): EntryDraft => {
  return { body: { kind: "end-mandate", termsId, mandate } };
};
const endContract: EntryDraft = { body: { kind: "choice", termsId: id, name: "end", value: 1n } };

/** What the ledger says of the subscription's mandates: charged in this period, in all, ended. */
function charged(): [bigint, bigint, boolean][] {
  return village.ledger
    .mandates({ id, terms: subscription.terms })
    .map(({ inPeriod, inAll, isEnded }) => [inPeriod, inAll, isEnded]);
}

describe("a mandate", () => {
  beforeEach(() => {
    expect(code(shop.device, subscription.open)).toBe("ok");
  });

  it("lets the one that it names charge, for itself and for others", () => {
    expect(code(shop.device, chargeAlice(300n))).toBe("ok");
    const legs = [leg(alice, -200n), leg(drone, 150n), leg(bank, 50n)];
    expect(code(shop.device, { body: legsBody(legsOf(legs, [charge(0, subscription, 0)])) })).toBe("ok");
    expect([alice, shop, drone, bank].map((person) => village.balance(person))).toEqual([
      9_500n,
      300n,
      150n,
      50n,
    ]);
    expect(charged()).toEqual([
      [500n, 500n, false],
      [0n, 0n, false],
    ]);
  });

  it("caps each period, and all of them", () => {
    expect(code(shop.device, chargeAlice(1_001n))).toBe("mandate-exceeded");
    expect(code(shop.device, chargeAlice(600n))).toBe("ok");
    expect(code(shop.device, chargeAlice(401n))).toBe("mandate-exceeded");
    expect(code(shop.device, chargeAlice(400n))).toBe("ok");
    village.now += HOUR - 1;
    expect(code(shop.device, chargeAlice(1n))).toBe("mandate-exceeded");
    village.now += 1;
    expect(code(shop.device, chargeAlice(1_000n))).toBe("ok");
    village.now += 5 * HOUR;
    expect(code(shop.device, chargeAlice(501n))).toBe("mandate-exceeded");
    expect(code(shop.device, chargeAlice(500n))).toBe("ok");
    expect(code(shop.device, chargeAlice(1n))).toBe("mandate-exceeded");
    expect(charged()[0]).toEqual([500n, 2_500n, false]);
  });

  it("is counted together in one entry: two charges of one mandate cannot hide behind one another", () => {
    const both = [leg(alice, -600n), leg(alice, -600n), leg(shop, 1_200n)];
    const charges = [charge(0, subscription, 0), charge(1, subscription, 0)];
    expect(code(shop.device, { body: legsBody(legsOf(both, charges)) })).toBe("mandate-exceeded");
    const less = [leg(alice, -500n), leg(alice, -500n), leg(shop, 1_000n)];
    expect(code(shop.device, { body: legsBody(legsOf(less, charges)) })).toBe("ok");
  });

  it("takes nothing that is not there, but what the account receives by the same entry", () => {
    const ofDrone = charge(0, subscription, 1);
    expect(code(shop.device, { body: legsBody(legsOf([leg(drone, -1n), leg(shop, 1n)], [ofDrone])) })).toBe(
      "funds-short",
    );
    const legs = [leg(drone, -100n), leg(alice, -300n), leg(drone, 100n), leg(shop, 300n)];
    const charges = [ofDrone, charge(1, subscription, 0)];
    expect(code(shop.device, { body: legsBody(legsOf(legs, charges)) })).toBe("ok");
    expect(village.balance(drone)).toBe(0n);
    expect(charged()).toEqual([
      [300n, 300n, false],
      [100n, 100n, false],
    ]);
  });

  const cases: [string, Signer, Leg[], Charge[], string][] = [
    ["without a charge", shop.device, [leg(alice, -1n), leg(shop, 1n)], [], "entry-unauthorized"],
    [
      "by another party",
      drone.device,
      [leg(alice, -1n), leg(shop, 1n)],
      [charge(0, subscription, 0)],
      "entry-unauthorized",
    ],
    [
      "by the payer herself",
      alice.device,
      [leg(alice, -1n), leg(shop, 1n)],
      [charge(0, subscription, 0)],
      "entry-unauthorized",
    ],
    [
      "by a stranger",
      bank.device,
      [leg(alice, -1n), leg(bank, 1n)],
      [charge(0, subscription, 0)],
      "entry-unauthorized",
    ],
    [
      "from another account",
      shop.device,
      [leg(bank, -1n), leg(shop, 1n)],
      [charge(0, subscription, 0)],
      "entry-unauthorized",
    ],
    [
      "from another's mandate",
      shop.device,
      [leg(alice, -1n), leg(shop, 1n)],
      [charge(0, subscription, 1)],
      "entry-unauthorized",
    ],
    [
      "by no mandate",
      shop.device,
      [leg(alice, -1n), leg(shop, 1n)],
      [charge(0, subscription, 2)],
      "entry-invalid",
    ],
    [
      "by no contract",
      shop.device,
      [leg(alice, -1n), leg(shop, 1n)],
      [charge(0, { id: new Uint8Array(32) }, 0)],
      "contract-unknown",
    ],
    [
      "for nobody known",
      shop.device,
      [leg(alice, -1n), leg(keyOf("nobody").publicKey, 1n)],
      [charge(0, subscription, 0)],
      "account-unknown",
    ],
    [
      "in no currency",
      shop.device,
      [leg(alice, -1n, "XYZ.00"), leg(shop, 1n, "XYZ.00")],
      [charge(0, subscription, 0)],
      "currency-unknown",
    ],
    [
      "from one charged and one not",
      shop.device,
      [leg(alice, -1n), leg(drone, -1n), leg(shop, 2n)],
      [charge(0, subscription, 0)],
      "entry-unauthorized",
    ],
  ];
  it.each(cases)("does not let money be taken %s", (_, signer, legs, charges, expected) => {
    expect(code(signer, { body: legsBody(legsOf(legs, charges)) })).toBe(expected);
  });

  it("is for its currency alone", () => {
    const leaf = { kind: "currency" as const, code: "LEAF", exponent: 0, name: "Leaf" };
    const { result } = village.settle(bank.device, { body: leaf });
    const currency = result?.kind === "currency" ? result.currency : "";
    const mint = { kind: "mint" as const, currency, to: alice.root.publicKey, amount: 5n };
    expect(code(bank.device, { body: mint })).toBe("ok");
    const legs = [leg(alice, -1n, currency), leg(shop, 1n, currency)];
    expect(code(shop.device, { body: legsBody(legsOf(legs, [charge(0, subscription, 0)])) })).toBe(
      "entry-unauthorized",
    );
  });

  it("is charged by the device in the terms only while that acts for its account", () => {
    expect(code(shop.root, { body: { kind: "revoke", identity: shop.device.publicKey } })).toBe("ok");
    expect(code(shop.device, chargeAlice(1n))).toBe("card-revoked");
    const other = keyOf("another till");
    expect(code(other, { body: { kind: "card", card: cardOf(shop.root, other, village.now) } })).toBe("ok");
    expect(code(other, chargeAlice(1n))).toBe("entry-unauthorized");
  });

  it("is not charged by a device that has moved to another owner", () => {
    const card = cardOf(bank.root, shop.device, village.now - 1);
    expect(code(shop.device, { body: { kind: "card", card } })).toBe("ok");
    expect(code(shop.device, chargeAlice(1n))).toBe("entry-unauthorized");
  });

  it("ends when its payer says so, by any device, and no other one with it", () => {
    expect(code(drone.device, endMandate(0))).toBe("entry-unauthorized");
    expect(code(shop.device, endMandate(0))).toBe("entry-unauthorized");
    expect(code(bank.device, endMandate(0))).toBe("entry-unauthorized");
    expect(code(alice.device, endMandate(2))).toBe("entry-invalid");
    expect(code(alice.device, endMandate(0, new Uint8Array(32)))).toBe("contract-unknown");
    const phone = keyOf("second phone");
    expect(code(phone, { body: { kind: "card", card: cardOf(alice.root, phone, village.now) } })).toBe("ok");
    const { block, executed } = village.execute([village.record(phone, endMandate(0))]);
    expect(executed[0]!.result).toEqual({
      kind: "end-mandate",
      termsId: id,
      mandate: 0,
      account: alice.root.publicKey,
    });
    const told = [phone, alice.device, drone.device, shop.device].map(({ publicKey }) => toHex(publicKey));
    expect(village.ledger.concernedBy(block.lines[0]!).map(toHex).sort()).toEqual(told.sort());
    expect(code(shop.device, chargeAlice(1n))).toBe("mandate-ended");
    expect(code(alice.device, endMandate(0))).toBe("mandate-ended");
    expect(charged().map(([, , isEnded]) => isEnded)).toEqual([true, false]);
  });

  it("ends with its contract, and nothing of it is left", () => {
    expect(code(shop.device, chargeAlice(1n))).toBe("ok");
    expect(code(alice.device, endContract)).toBe("ok");
    expect(code(shop.device, chargeAlice(1n))).toBe("contract-closed");
    expect(code(alice.device, endMandate(0))).toBe("contract-closed");
    expect(charged()).toEqual([]);
  });

  it("ends with the contract's time, however long that takes to be executed", () => {
    const timeout = (): string => {
      const statements = village.configs.slice(1).map(({ termSigner }) => {
        return signNoRelease(village.ledger.rules, termSigner, { termsId: id, seq: 0, timeMs: village.now });
      });
      return code(bank.device, { body: { kind: "expire", termsId: id, seq: 0, statements } });
    };
    village.now += 24 * HOUR + 2 * MINUTE;
    expect(code(shop.device, chargeAlice(1n))).toBe("ok");
    expect(timeout()).toBe("ok");
    expect(code(shop.device, chargeAlice(1n))).toBe("contract-closed");
  });

  it("tells payers and payees, and its receipt names every leg", () => {
    const legs = [leg(alice, -200n), leg(drone, 150n), leg(bank, 50n)];
    const draft = { body: legsBody(legsOf(legs, [charge(0, subscription, 0)])) };
    const { block } = village.execute([village.record(shop.device, draft)]);
    const told = [shop, alice, drone, bank].map(({ device }) => toHex(device.publicKey));
    expect(village.ledger.concernedBy(block.lines[0]!).map(toHex).sort()).toEqual(told.sort());
  });
});

describe("a charge belongs to the period in which the notaries saw it", () => {
  /** Executes one charge at `village.now` that was seen so long before. */
  function late(amount: bigint, beforeMs: number): string {
    const record = village.record(shop.device, chargeAlice(amount));
    return (
      village.execute([record], [{ record, timeMs: village.now - beforeMs }]).executed[0]!.refusal?.code ??
      "ok"
    );
  }

  it("though the log brings it after the first of the next", () => {
    expect(code(shop.device, subscription.open)).toBe("ok");
    expect(code(shop.device, chargeAlice(900n))).toBe("ok");
    village.now += HOUR;
    expect(code(shop.device, chargeAlice(1_000n))).toBe("ok");
    expect(late(101n, 1)).toBe("mandate-exceeded");
    expect(late(100n, 1)).toBe("ok");
    expect(late(1n, 1)).toBe("mandate-exceeded");
    expect(late(1n, HOUR + 1)).toBe("contract-too-early");
    expect(charged()[0]).toEqual([1_000n, 2_000n, false]);
    village.now += HOUR;
    expect(late(500n, 0)).toBe("ok");
  });
});

describe("an opening", () => {
  it("registers the mandates once, and only with what the terms say", () => {
    expect(village.ledger.mandates({ id, terms: subscription.terms })).toEqual([]);
    expect(code(shop.device, chargeAlice(1n))).toBe("contract-unknown");
    expect(code(shop.device, subscription.open)).toBe("ok");
    expect(code(shop.device, chargeAlice(1n))).toBe("ok");
    expect(code(shop.device, subscription.open)).toBe("contract-not-expected");
    expect(charged()).toEqual([
      [1n, 1n, false],
      [0n, 0n, false],
    ]);
  });

  it("is refused when it pays somebody unknown; a joint account may be paid", () => {
    const beneficiaries = [{ role: "fund", account: purse }];
    const { open } = subscriptionOf(2, { beneficiaries });
    expect(code(shop.device, open)).toBe("account-unknown");
    expect(code(alice.device, makePurse)).toBe("ok");
    expect(code(shop.device, open)).toBe("ok");
  });

  it("is refused with a mandate of nobody's", () => {
    const { mandates } = subscription.terms;
    const { open } = subscriptionOf(3, { mandates: [{ ...mandates[0]!, from: "bank" }] });
    expect(code(shop.device, open)).toBe("terms-unsafe");
  });

  it("of a contract without mandates has none to charge", () => {
    const delivery = deliveryOf(1);
    expect(code(shop.device, delivery.open)).toBe("ok");
    const legs = [leg(alice, -1n), leg(shop, 1n)];
    expect(code(shop.device, { body: legsBody(legsOf(legs, [charge(0, delivery, 0)])) })).toBe(
      "entry-invalid",
    );
    expect(village.balance(alice)).toBe(10_000n);
  });
});
