/** Contracts at their deadlines, with four notaries: who is delayed, and who wins. */
import { beforeEach, describe, expect, it } from "vitest";
import { nodeCrypto as crypto } from "../../agent/node/crypto.ts";
import { contractReceipt } from "../../protocols/ledger/receipt-view.ts";
import { verifyReceipt } from "../../protocols/ledger/receipt.ts";
import { decodeRecord, encodeEntryRecord } from "../../protocols/ledger/record.ts";
import type { EntryDraft } from "../../protocols/ledger/drafts.ts";
import type { Submission } from "../../protocols/ledger/submission.ts";
import { openEntry } from "../../protocols/ledger/entry.ts";
import type { Signer } from "../../protocols/ports.ts";
import { World } from "./committee.ts";
import { alice, bank, deliveryOf, drone, euro, meetingDraft, people, removedDraft, shop } from "./village.ts";
import type { Delivery } from "./village.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
let world: World;
let delivery: Delivery;

function send(signer: Signer, { body, attachment }: EntryDraft): Submission {
  return world.submit(signer, body, attachment);
}

function kindOf(bytes: Uint8Array): string {
  const record = decodeRecord(bytes);
  return record.kind === "cut" ? "cut" : openEntry(crypto, record.entryBytes).kind;
}

function labels(): (string | undefined)[] {
  return world.members.map(({ core }) => core.contractView(delivery.id)?.state.label);
}

function balances(): bigint[] {
  const { core } = world.members[0]!;
  return [alice, shop, drone].map(({ root }) => core.accountBalances(root.publicKey).get(euro) ?? 0n);
}

/** Waits until `atMs` on everybody's clock. */
function until(atMs: number): void {
  world.run(atMs - world.now);
}

beforeEach(() => {
  world = new World(4, { seed: 1, delayMs: 20 });
  for (const { card, device } of people) world.submit(device, { kind: "card", card });
  world.run(2 * SECOND);
  world.submit(bank.device, { kind: "currency", code: "EUR", exponent: 2, name: "Euro" });
  world.run(2 * SECOND);
  world.submit(bank.device, { kind: "mint", currency: euro, to: alice.root.publicKey, amount: 10_000n });
  world.run(2 * SECOND);
  delivery = deliveryOf(1, world.now);
  send(shop.device, delivery.open);
  world.run(2 * SECOND);
  world.submit(alice.device, { kind: "deposit", termsId: delivery.id, currency: euro, amount: 2_490n });
  world.run(2 * SECOND);
  expect(labels()).toEqual(Array(4).fill("in-flight"));
});

describe("a delivery", () => {
  it("is paid, and every party's device is due a receipt", () => {
    const landing = send(drone.device, meetingDraft(delivery, world.now));
    world.run(2 * SECOND);
    const { bytes, parties } = world.members[2]!.core.receiptFor(landing.id)!;
    const receipt = verifyReceipt(crypto, bytes, world.network);
    expect(contractReceipt(receipt)).toMatchObject({
      termsId: delivery.id,
      transition: { seq: 2, label: "may-land", closed: false, payments: [] },
    });
    expect(parties).toHaveLength(3);
    send(drone.device, removedDraft(delivery, world.now));
    world.run(2 * SECOND);
    expect(labels()).toEqual(Array(4).fill("closed"));
    expect(balances()).toEqual([7_510n, 1_990n, 500n]);
  });

  it("is told by its newest certified receipt, by every notary, also by one that was restarted", () => {
    const newest = (): unknown[] =>
      world.members.map(({ core }) => {
        const latest = core.latestReceipt(delivery.id);
        const about = contractReceipt(verifyReceipt(crypto, latest!.bytes, world.network));
        expect(latest!.parties).toHaveLength(3);
        expect(about!.termsId).toEqual(delivery.id);
        return [about!.transition!.seq, about!.transition!.label];
      });
    expect(newest()).toEqual(Array(4).fill([1, "in-flight"]));
    // A refused entry moves nothing.
    world.submit(alice.device, { kind: "deposit", termsId: delivery.id, currency: euro, amount: 2_490n });
    world.run(2 * SECOND);
    expect(newest()).toEqual(Array(4).fill([1, "in-flight"]));
    send(drone.device, meetingDraft(delivery, world.now));
    world.run(2 * SECOND);
    send(drone.device, removedDraft(delivery, world.now));
    world.run(2 * SECOND);
    expect(newest()).toEqual(Array(4).fill([3, "closed"]));
    world.members[1]!.crash();
    world.submit(bank.device, { kind: "mint", currency: euro, to: alice.root.publicKey, amount: 1n });
    world.run(2 * SECOND);
    world.members[1]!.restart();
    expect(newest()).toEqual(Array(4).fill([3, "closed"]));
    expect(world.members[0]!.core.latestReceipt(new Uint8Array(32))).toBeUndefined();
  });

  it("is not told before it is certified", () => {
    // All execute, and none hears the others' votes.
    for (const member of world.members) {
      member.rewrite = (effect) => (effect.kind === "cast" && effect.channel === "vote" ? [] : [effect]);
    }
    send(drone.device, meetingDraft(delivery, world.now));
    world.run(5 * SECOND);
    expect(labels()).toEqual(Array(4).fill("may-land"));
    for (const { core } of world.members) {
      const { bytes } = core.latestReceipt(delivery.id)!;
      expect(contractReceipt(verifyReceipt(crypto, bytes, world.network))!.transition!.label).toBe(
        "in-flight",
      );
    }
  });

  it("is never in the log in plain text", () => {
    const terms = "Village Square";
    const found = world.log.some((bytes) => Buffer.from(bytes).includes(terms));
    expect(found).toBe(false);
  });

  it("refuses in words what it refuses by code", () => {
    const early = send(drone.device, removedDraft(delivery, world.now));
    world.run(2 * SECOND);
    const settled = world.members[0]!.core.receiptFor(early.id)!;
    expect(verifyReceipt(crypto, settled.bytes, world.network)).toMatchObject({
      outcome: "condition-not-met",
      result: null,
    });
    expect(settled.refusal?.message).toMatch(/drone/);
  });
});

describe("a no-show", () => {
  it("is settled by the notaries alone, some seconds after the deadline and not before", () => {
    until(delivery.landByMs + 2 * MINUTE - 1);
    expect(labels()).toEqual(Array(4).fill("in-flight"));
    world.run(5 * SECOND);
    expect(labels()).toEqual(Array(4).fill("closed"));
    expect(balances()).toEqual([9_500n, 200n, 300n]);
  });

  it.each([0, 1, 2, 3])("is settled with notary %i away", (away) => {
    world.members[away]!.crash();
    until(delivery.landByMs + 2 * MINUTE + 10 * SECOND);
    const alive = world.members.filter((_, index) => index !== away);
    expect(alive.map(({ core }) => core.contractView(delivery.id)?.state.label)).toEqual(
      Array(3).fill("closed"),
    );
  });

  it("is settled after a restart of all", () => {
    for (const member of world.members) member.crash();
    until(delivery.landByMs + 3 * MINUTE);
    for (const member of world.members) member.restart();
    world.run(10 * SECOND);
    expect(labels()).toEqual(Array(4).fill("closed"));
  });

  it("is settled with clocks apart", () => {
    for (const [index, skewMs] of [-20_000, 0, 5_000, 40_000].entries())
      world.members[index]!.skewMs = skewMs;
    until(delivery.landByMs + 2 * MINUTE + MINUTE);
    expect(labels()).toEqual(Array(4).fill("closed"));
    expect(balances()).toEqual([9_500n, 200n, 300n]);
  });
});

describe("a notary that strips attachments", () => {
  // For one of them it is the first turn: its broken copy is in the log before any other.
  it.each([0, 1, 2, 3])("delays evidence, and uses nothing up: notary %i", (index) => {
    world.members[index]!.rewrite = (effect) => {
      if (effect.kind !== "append" || kindOf(effect.bytes) !== "facts") return [effect];
      const record = decodeRecord(effect.bytes);
      return record.kind === "cut"
        ? [effect]
        : [{ ...effect, bytes: encodeEntryRecord(record.entryBytes, null) }];
    };
    send(drone.device, meetingDraft(delivery, world.now));
    world.run(5 * SECOND);
    expect(labels()).toEqual(Array(4).fill("may-land"));
  });
});

describe("an orderer that holds evidence back", () => {
  it("does not turn a timely meeting into a no-show", () => {
    until(delivery.landByMs - 10 * SECOND);
    world.logBlocked = (bytes) => kindOf(bytes) === "facts";
    send(drone.device, meetingDraft(delivery, world.now));
    // Way past the refund's time: the notaries know of the meeting and state nothing.
    until(delivery.landByMs + 5 * MINUTE);
    expect(labels()).toEqual(Array(4).fill("in-flight"));
    expect(world.log.some((bytes) => kindOf(bytes) === "expire")).toBe(false);
    world.logBlocked = () => false;
    world.run(30 * SECOND);
    // By the time that the notaries saw it, it was neither stale nor late.
    expect(labels()).toEqual(Array(4).fill("may-land"));
  });

  it("cannot do so with one notary's help", () => {
    until(delivery.landByMs - 10 * SECOND);
    world.logBlocked = (bytes) => kindOf(bytes) === "facts";
    const { record } = world.draft(drone.device, meetingDraft(delivery, world.now));
    // The evidence reaches only three; the fourth states "no timely input" as often as it likes.
    for (const member of world.members.slice(0, 3)) {
      member.handle({ kind: "cast", now: world.now, channel: "entry", bytes: record });
    }
    until(delivery.landByMs + 5 * MINUTE);
    world.logBlocked = () => false;
    world.run(30 * SECOND);
    expect(labels()).toEqual(Array(4).fill("may-land"));
  });

  it("but evidence that nobody saw by the last claim comes too late", () => {
    until(delivery.landByMs - 10 * SECOND);
    const draft = meetingDraft(delivery, world.now);
    until(delivery.landByMs + MINUTE + 2 * SECOND);
    world.logBlocked = (bytes) => kindOf(bytes) === "facts";
    send(drone.device, draft);
    until(delivery.landByMs + 3 * MINUTE);
    world.logBlocked = () => false;
    world.run(30 * SECOND);
    expect(labels()).toEqual(Array(4).fill("closed"));
    expect(balances()).toEqual([9_500n, 200n, 300n]);
  });

  it("a meeting made at the last moment and sent before the last claim still counts", () => {
    until(delivery.landByMs + MINUTE - 100);
    send(drone.device, meetingDraft(delivery, delivery.landByMs - 1));
    until(delivery.landByMs + 4 * MINUTE);
    expect(labels()).toEqual(Array(4).fill("may-land"));
  });
});
