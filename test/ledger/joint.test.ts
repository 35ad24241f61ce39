/** Joint accounts: who makes them, who is paid, and what it takes to spend. */
import { beforeEach, describe, expect, it } from "vitest";
import { nodeCrypto as crypto } from "../../agent/node/crypto.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import type { EntryDraft } from "../../protocols/ledger/drafts.ts";
import { movementsOf } from "../../protocols/ledger/history.ts";
import { approveLegs, jointAccount } from "../../protocols/ledger/joint.ts";
import { decodeLeaf } from "../../protocols/ledger/result.ts";
import type { Signer } from "../../protocols/ports.ts";
import { cardOf, keyOf, personOf, START_MS } from "./committee.ts";
import type { Person } from "./committee.ts";
import {
  approvalFrame,
  approved,
  charge,
  HOUR,
  leg,
  legsBody,
  legsOf,
  makePurse,
  MINUTE,
  purse,
  purseMembers,
  subscriptionOf,
} from "./shared-money.ts";
import { alice, bank, DirectLedger, drone, euro, shop } from "./village.ts";

const memo = new Uint8Array();
const roots = purseMembers.map(({ root }) => root.publicKey);
let village: DirectLedger;
beforeEach(() => {
  village = new DirectLedger().begin();
});

function has(account: Uint8Array): bigint {
  return village.ledger.accountBalances(account).get(euro) ?? 0n;
}

/** The purse is made, and Alice has put 50.00 into it. */
function fill(): void {
  expect(village.code(alice.device, makePurse)).toBe("ok");
  const body = { kind: "transfer" as const, to: purse, currency: euro, amount: 5_000n, memo };
  expect(village.code(alice.device, { body })).toBe("ok");
}

function code(signer: Signer, draft: EntryDraft): string {
  const before = village.ledger.allBalances();
  const nonce = draft.nonce === undefined ? {} : { nonce: draft.nonce };
  const outcome = village.code(signer, draft, nonce);
  if (outcome !== "ok") expect(village.ledger.allBalances()).toEqual(before);
  return outcome;
}

describe("a joint account", () => {
  it("is made by a member, once, and can be paid from then on", () => {
    const pay = { body: legsBody(legsOf([leg(alice, -5n), leg(purse, 5n)])) };
    expect(code(alice.device, pay)).toBe("account-unknown");
    const { result } = village.settle(alice.device, makePurse);
    expect(result).toEqual({ kind: "joint", account: purse, k: 2, members: roots });
    expect(code(alice.device, pay)).toBe("ok");
    expect(has(purse)).toBe(5n);
    expect(code(drone.device, makePurse)).toBe("entry-invalid");
    const reordered = { kind: "joint" as const, k: 2, members: roots.toReversed() };
    expect(code(drone.device, { body: reordered })).toBe("entry-invalid");
  });

  it.each<[string, Signer, Uint8Array[], string]>([
    ["by somebody else", bank.device, roots, "entry-unauthorized"],
    ["by a root itself", alice.root, roots, "account-unknown"],
    [
      "with a member whom nobody knows",
      alice.device,
      [...roots, keyOf("nobody").publicKey],
      "account-unknown",
    ],
    ["with a joint account as a member", alice.device, [...roots, purse], "entry-invalid"],
  ])("is not made %s", (_, signer, members, expected) => {
    if (members.includes(purse)) fill();
    expect(code(signer, { body: { kind: "joint", k: 2, members } })).toBe(expected);
  });

  it("takes mints and a contract's payments too", () => {
    fill();
    const mint = { kind: "mint" as const, currency: euro, to: purse, amount: 7n };
    expect(code(bank.device, { body: mint })).toBe("ok");
    expect(has(purse)).toBe(5_007n);
  });
});

describe("money of a joint account", () => {
  const frame = approvalFrame(1);
  const spend = legsOf([leg(purse, -2_000n), leg(bank, 2_000n)]);
  beforeEach(fill);

  it("is spent by k of its members, whoever submits it", () => {
    expect(code(bank.device, approved(spend, frame, [drone, shop]))).toBe("ok");
    expect(has(purse)).toBe(3_000n);
    expect(village.balance(bank)).toBe(2_000n);
  });

  it.each<[string, () => EntryDraft]>([
    ["nobody", () => approved(spend, frame, [])],
    ["one member", () => approved(spend, frame, [alice])],
    ["one member twice", () => approved(spend, frame, [alice, alice])],
    ["a member and a stranger", () => approved(spend, frame, [alice, bank])],
    ["a member and somebody unregistered", () => approved(spend, frame, [alice, personOf("stranger")])],
    [
      "members' roots, which are no devices",
      () => {
        const ofRoots = purseMembers.map((member) => ({ ...member, device: member.root }));
        return approved(spend, frame, ofRoots);
      },
    ],
    [
      "members of other legs",
      () => {
        const other = approved(legsOf([leg(purse, -1n), leg(bank, 1n)]), frame, [alice, drone]);
        const approvals = other.body.kind === "legs" ? other.body.approvals : [];
        return { body: legsBody(spend, approvals), nonce: frame.nonce };
      },
    ],
    [
      "members of the same legs with another memo",
      () => {
        const approvals = [alice, drone].map(({ device }) => approveLegs(crypto, device, frame, spend));
        return { body: legsBody({ ...spend, memo: Uint8Array.of(1) }, approvals), nonce: frame.nonce };
      },
    ],
    [
      "members for another nonce",
      () => ({ ...approved(spend, approvalFrame(2), [alice, drone]), nonce: frame.nonce }),
    ],
    [
      "members for another network",
      () => approved(spend, approvalFrame(1, { network: "town" }), [alice, drone]),
    ],
    ["members for another zone", () => approved(spend, approvalFrame(1, { zone: "north" }), [alice, drone])],
    [
      "members whose approval has ended",
      () => approved(spend, approvalFrame(1, { notAfter: START_MS - 1 }), [alice, drone]),
    ],
  ])("is not spent with the approval of %s", (_, draft) => {
    expect(code(alice.device, draft())).toBe("approvals-missing");
    expect(has(purse)).toBe(5_000n);
  });

  it("is spent although some approvals count for nothing", () => {
    const late = approveLegs(crypto, shop.device, approvalFrame(1, { notAfter: START_MS - 1 }), spend);
    const { body } = approved(spend, frame, [bank, alice, drone]);
    const approvals = body.kind === "legs" ? [late, ...body.approvals] : [];
    expect(code(bank.device, { body: legsBody(spend, approvals), nonce: frame.nonce })).toBe("ok");
  });

  it("is not spent with a forged approval", () => {
    const { body } = approved(spend, frame, [alice, drone, shop]);
    const approvals = body.kind === "legs" ? body.approvals.map((bytes) => Uint8Array.from(bytes)) : [];
    approvals[2]![approvals[2]!.length - 1]! ^= 1;
    expect(code(alice.device, { body: legsBody(spend, approvals), nonce: frame.nonce })).toBe(
      "signature-invalid",
    );
  });

  it("is spent once by a nonce: other signers, windows and legs do not help, and time neither", () => {
    const draft = approved(spend, frame, [alice, drone]);
    const again = () => [
      village.code(bank.device, draft, { nonce: frame.nonce, notAfter: village.now + MINUTE }),
      village.code(shop.device, draft, { nonce: frame.nonce }),
      village.code(alice.device, approved(spend, frame, [alice, drone, shop]), { nonce: frame.nonce }),
      village.code(alice.device, approved(legsOf([leg(purse, -1n), leg(bank, 1n)]), frame, [alice, drone]), {
        nonce: frame.nonce,
      }),
    ];
    expect(code(bank.device, draft)).toBe("ok");
    expect(again()).toEqual(Array(4).fill("approvals-used"));
    // The entry itself is forgotten after a day; that its nonce has paid is not.
    village.now += 23 * HOUR;
    expect(again()).toEqual(Array(4).fill("approvals-used"));
    expect(has(purse)).toBe(3_000n);
    expect(code(bank.device, approved(spend, approvalFrame(2), [alice, drone]))).toBe("ok");
  });

  it("keeps a nonce that was refused", () => {
    const tooMuch = legsOf([leg(purse, -5_001n), leg(bank, 5_001n)]);
    expect(code(bank.device, approved(tooMuch, frame, [alice, drone]))).toBe("funds-short");
    expect(code(bank.device, approved(spend, frame, [alice, drone]))).toBe("ok");
  });

  it("is not spent by the devices of members that may not act any more", () => {
    const revoke = { body: { kind: "revoke" as const, identity: drone.device.publicKey } };
    expect(code(drone.root, revoke)).toBe("ok");
    expect(code(bank.device, approved(spend, frame, [alice, drone]))).toBe("approvals-missing");
    const newer: Person = { ...drone, device: keyOf("newer") };
    expect(
      code(newer.device, { body: { kind: "card", card: cardOf(drone.root, newer.device, START_MS) } }),
    ).toBe("ok");
    expect(code(bank.device, approved(spend, frame, [alice, newer]))).toBe("ok");
  });

  it("counts two devices of one member once", () => {
    const second: Person = { ...alice, device: keyOf("second") };
    expect(
      code(second.device, { body: { kind: "card", card: cardOf(alice.root, second.device, START_MS) } }),
    ).toBe("ok");
    expect(code(bank.device, approved(spend, frame, [alice, second]))).toBe("approvals-missing");
    expect(code(bank.device, approved(spend, frame, [alice, second, drone]))).toBe("ok");
  });

  it("is not taken by a transfer, a deposit, or without a reason", () => {
    expect(code(alice.device, { body: legsBody(legsOf([leg(purse, -1n), leg(alice, 1n)])) })).toBe(
      "approvals-missing",
    );
    const subscription = subscriptionOf(1);
    expect(code(shop.device, subscription.open)).toBe("ok");
    const charged = legsBody(legsOf([leg(purse, -1n), leg(shop, 1n)], [charge(0, subscription, 0)]));
    expect(code(shop.device, { body: charged })).toBe("entry-unauthorized");
  });

  it("moves together with the signer's own, and from two joint accounts at once", () => {
    const members = [alice, bank].map(({ root }) => root.publicKey);
    const pair = jointAccount(crypto, 2, members);
    expect(code(bank.device, { body: { kind: "joint", k: 2, members } })).toBe("ok");
    expect(code(alice.device, { body: legsBody(legsOf([leg(alice, -100n), leg(pair, 100n)])) })).toBe("ok");
    const content = legsOf([leg(purse, -10n), leg(pair, -20n), leg(alice, -30n), leg(shop, 60n)]);
    // The drone and Alice suffice for the purse, and not for the pair.
    expect(code(alice.device, approved(content, frame, [alice, drone]))).toBe("approvals-missing");
    expect(code(alice.device, approved(content, frame, [alice, drone, bank]))).toBe("ok");
    expect([has(purse), has(pair), village.balance(shop)]).toEqual([4_990n, 80n, 60n]);
  });

  it("takes no approvals for what needs none", () => {
    const content = legsOf([leg(alice, -1n), leg(purse, 1n)]);
    expect(code(alice.device, approved(content, frame, [alice, drone]))).toBe("entry-invalid");
  });

  it("tells all members' devices, and its receipt names every leg", () => {
    const draft = approved(spend, frame, [drone, shop]);
    const { block, executed } = village.execute([village.record(bank.device, draft, { nonce: frame.nonce })]);
    expect(executed[0]!.result).toEqual({ kind: "legs", legs: spend.legs });
    const [line] = block.lines;
    expect(decodeLeaf(line!.leaf, "legs")).toMatchObject({ outcome: "ok", result: { legs: spend.legs } });
    const told = [bank, alice, drone, shop].map(({ device }) => toHex(device.publicKey)).sort();
    expect(village.ledger.concernedBy(line!).map(toHex).sort()).toEqual(told);
    expect(movementsOf(line!.result!).map(({ account }) => account)).toEqual([purse, bank.root.publicKey]);
  });

  it("is its members' to ask about", () => {
    const joint = { k: 2, members: roots.map(toHex).sort() };
    for (const { device, root } of purseMembers) {
      const own = village.ledger.accountFor(device.publicKey, purse);
      expect(own?.account).toEqual(purse);
      expect({ k: own?.joint?.k, members: own?.joint?.members.map(toHex) }).toEqual(joint);
      expect(village.ledger.accountFor(device.publicKey)).toEqual({ account: root.publicKey });
    }
    expect(village.ledger.accountFor(bank.device.publicKey, purse)).toBeUndefined();
    expect(village.ledger.accountFor(bank.device.publicKey, alice.root.publicKey)).toBeUndefined();
    expect(village.ledger.accountFor(keyOf("nobody").publicKey)).toBeUndefined();
  });
});
