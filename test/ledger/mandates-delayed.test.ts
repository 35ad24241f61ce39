/** Mandates with four notaries and an orderer that holds charges back. */
import { beforeEach, expect, it } from "vitest";
import { nodeCrypto as crypto } from "../../agent/node/crypto.ts";
import { openEntry } from "../../protocols/ledger/entry.ts";
import { decodeRecord } from "../../protocols/ledger/record.ts";
import { World } from "./committee.ts";
import { charge, HOUR, leg, legsBody, legsOf, MINUTE, subscriptionOf } from "./shared-money.ts";
import type { Subscription } from "./shared-money.ts";
import { alice, bank, euro, people, shop } from "./village.ts";

const SECOND = 1_000;
let world: World;
let subscription: Subscription;
let startMs: number;

beforeEach(() => {
  world = new World(4, { seed: 1, delayMs: 20 });
  for (const { card, device } of people) world.submit(device, { kind: "card", card });
  world.run(2 * SECOND);
  world.submit(bank.device, { kind: "currency", code: "EUR", exponent: 2, name: "Euro" });
  world.run(2 * SECOND);
  world.submit(bank.device, { kind: "mint", currency: euro, to: alice.root.publicKey, amount: 10_000n });
  world.run(2 * SECOND);
  startMs = world.now;
  subscription = subscriptionOf(1, { now: startMs });
  world.submit(shop.device, subscription.open.body, subscription.open.attachment);
  world.run(2 * SECOND);
});

function chargeAlice(amount: bigint): void {
  const legs = [leg(alice, -amount), leg(shop, amount)];
  world.submit(shop.device, legsBody(legsOf(legs, [charge(0, subscription, 0)])));
}

function isCharge(bytes: Uint8Array): boolean {
  const record = decodeRecord(bytes);
  return record.kind === "entry" && openEntry(crypto, record.entryBytes).kind === "legs";
}

/** What the shop has, by every notary. */
function earned(): bigint[] {
  return world.members.map(({ core }) => core.accountBalances(shop.root.publicKey).get(euro) ?? 0n);
}

function labels(): (string | undefined)[] {
  return world.members.map(({ core }) => core.contractView(subscription.id)?.state.label);
}

function until(atMs: number): void {
  world.run(atMs - world.now);
}

it("a charge that is held back counts in the period in which it was seen", () => {
  until(startMs + HOUR - 10 * SECOND);
  world.logBlocked = isCharge;
  chargeAlice(1_000n);
  until(startMs + HOUR + MINUTE);
  expect(earned()).toEqual(Array(4).fill(0n));
  world.logBlocked = () => false;
  world.run(30 * SECOND);
  // The second hour's cap is whole.
  chargeAlice(1_000n);
  world.run(5 * SECOND);
  expect(earned()).toEqual(Array(4).fill(2_000n));
  chargeAlice(1n);
  world.run(5 * SECOND);
  expect(earned()).toEqual(Array(4).fill(2_000n));
});

it("a timely charge that is held back is not lost to the end of the contract", () => {
  const { contract } = subscription.terms;
  if (contract.kind !== "when") throw new Error("the subscription waits");
  until(contract.actBy - 10 * SECOND);
  world.logBlocked = isCharge;
  chargeAlice(700n);
  until(contract.refundFrom + 3 * MINUTE);
  expect(labels()).toEqual(Array(4).fill("subscribed"));
  world.logBlocked = () => false;
  world.run(MINUTE);
  expect(earned()).toEqual(Array(4).fill(700n));
  expect(labels()).toEqual(Array(4).fill("closed"));
});

it("a charge that comes too late does not hold the contract's end back", () => {
  const { contract } = subscription.terms;
  if (contract.kind !== "when") throw new Error("the subscription waits");
  until(contract.actBy + 10 * SECOND);
  world.logBlocked = isCharge;
  chargeAlice(700n);
  until(contract.refundFrom + 30 * SECOND);
  expect(labels()).toEqual(Array(4).fill("closed"));
  world.logBlocked = () => false;
  world.run(MINUTE);
  expect(earned()).toEqual(Array(4).fill(0n));
});
