/**
 * Whatever is submitted in whatever order: money is neither made nor destroyed, and refusals change
 * nothing.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toHex } from "../../protocols/encoding/bytes.ts";
import type { EntryDraft } from "../../protocols/ledger/drafts.ts";
import { signNoRelease } from "../../protocols/ledger/statements.ts";
import type { Signer } from "../../protocols/ports.ts";
import { cardOf, personOf, START_MS } from "./committee.ts";
import {
  alice,
  bank,
  deliveryOf,
  DirectLedger,
  drone,
  euro,
  meetingDraft,
  people,
  removedDraft,
  shop,
} from "./village.ts";

const memo = new Uint8Array();
const someone = fc.constantFrom(...people, personOf("stranger"));
const amount = fc.oneof(fc.bigInt(1n, 12_000n), fc.constantFrom(2_490n, 1n, 2n ** 62n, 2n ** 63n - 1n));
const nonce = fc.constantFrom(1, 1, 1, 2, 3);
const deliveries = new Map([1, 2, 3].map((one) => [one, deliveryOf(one)]));

type Action = (village: DirectLedger) => { signer: Signer; draft: EntryDraft };

const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ from: someone, to: someone, amount }).map(({ from, to, amount: minor }): Action => () => {
    const body = { kind: "transfer" as const, to: to.root.publicKey, currency: euro, amount: minor, memo };
    return { signer: from.device, draft: { body } };
  }),
  fc.record({ by: someone, to: someone, amount }).map(({ by, to, amount: minor }): Action => () => {
    return {
      signer: by.device,
      draft: { body: { kind: "mint", currency: euro, to: to.root.publicKey, amount: minor } },
    };
  }),
  fc.record({ by: someone, nonce }).map(({ by, nonce: n }): Action => () => {
    return { signer: by.device, draft: deliveries.get(n)!.open };
  }),
  fc.record({ by: someone, nonce, amount }).map(({ by, nonce: n, amount: minor }): Action => () => {
    const termsId = deliveries.get(n)!.id;
    return {
      signer: by.device,
      draft: { body: { kind: "deposit", termsId, currency: euro, amount: minor } },
    };
  }),
  nonce.map((n): Action => () => ({ signer: alice.device, draft: deposit(n) })),
  nonce.map((n): Action => (village) => {
    return { signer: drone.device, draft: meetingDraft(deliveries.get(n)!, village.now) };
  }),
  fc.record({ nonce, alone: fc.boolean() }).map(({ nonce: n, alone }): Action => (village) => {
    const draft = removedDraft(deliveries.get(n)!, village.now, alone ? [drone] : [drone, alice]);
    return { signer: drone.device, draft };
  }),
  fc
    .record({
      nonce,
      choice: fc.constantFrom(
        [drone, "cancel"] as const,
        [alice, "object"] as const,
        [shop, "cancel"] as const,
      ),
    })
    .map(({ nonce: n, choice: [by, name] }): Action => () => {
      const termsId = deliveries.get(n)!.id;
      return { signer: by.device, draft: { body: { kind: "choice", termsId, name, value: 1n } } };
    }),
  fc.record({ nonce, quorum: fc.boolean() }).map(({ nonce: n, quorum }): Action => (village) => {
    const termsId = deliveries.get(n)!.id;
    const seq = village.ledger.contractView(termsId)?.state.seq ?? 0;
    const statements = village.configs.slice(quorum ? 1 : 2).map(({ termSigner }) => {
      return signNoRelease(village.ledger.rules, termSigner, { termsId, seq, timeMs: village.now });
    });
    return { signer: bank.device, draft: { body: { kind: "expire", termsId, seq, statements } } };
  }),
  fc.record({ by: someone }).map(({ by }): Action => () => {
    return { signer: by.root, draft: { body: { kind: "revoke", identity: by.device.publicKey } } };
  }),
  fc.record({ by: someone, root: someone }).map(({ by, root }): Action => () => {
    const card = cardOf(root.root, by.device, START_MS - 1_000);
    return { signer: by.device, draft: { body: { kind: "card", card } } };
  }),
);

function deposit(n: number): EntryDraft {
  return { body: { kind: "deposit", termsId: deliveries.get(n)!.id, currency: euro, amount: 2_490n } };
}

function expectConserved(village: DirectLedger): void {
  const { accounts, holds, supplies } = village.ledger.allBalances();
  for (const { currency, amount: supply } of supplies) {
    const sum = [...accounts, ...holds]
      .filter((one) => one.currency === currency)
      .reduce((total, one) => total + one.amount, 0n);
    expect(sum).toBe(supply);
  }
  for (const { amount: held } of [...accounts, ...holds]) expect(held).toBeGreaterThan(0n);
  for (const delivery of deliveries.values()) {
    const pot = village.ledger.contractView(delivery.id)?.state.pot ?? [];
    const held = holds.filter(({ termsId }) => termsId === toHex(delivery.id));
    expect(held.map(({ currency, amount: minor }) => [currency, minor])).toEqual(pot);
  }
}

describe("money", () => {
  it("is conserved at every entry, and holds are what contracts hold", () => {
    const steps = fc.array(fc.record({ action, waitMs: fc.constantFrom(0, 0, 0, 1_000, 60_000, 600_000) }), {
      minLength: 10,
      maxLength: 30,
      size: "max",
    });
    const start = fc.constantFrom(0, 1, 2, 3);
    const reached = new Set<string>();
    fc.assert(
      fc.property(start, steps, (underWay, all) => {
        const village = new DirectLedger().begin();
        if (underWay > 0) village.settle(shop.device, deliveries.get(1)!.open);
        if (underWay > 1) village.settle(alice.device, deposit(1));
        if (underWay > 2) village.settle(drone.device, meetingDraft(deliveries.get(1)!, village.now));
        for (const { action: act, waitMs } of all) {
          village.now += waitMs;
          const { signer, draft } = act(village);
          const before = village.ledger.allBalances();
          const { result, refusal } = village.settle(signer, draft);
          if (refusal !== undefined) expect(village.ledger.allBalances()).toEqual(before);
          expect(refusal?.code).not.toBe("internal");
          reached.add(result?.kind ?? refusal!.code);
          expectConserved(village);
        }
      }),
      { numRuns: 80, seed: 1 },
    );
    // The walk is worth something only if it gets around.
    for (const what of ["transfer", "mint", "open", "deposit", "facts", "choice", "expire", "funds-short"])
      expect(reached).toContain(what);
  });

  it("is the same for the same entries, in one block or in many", () => {
    const one = new DirectLedger().begin();
    const many = new DirectLedger().begin();
    const pay = (to: typeof shop, minor: bigint) => ({
      body: { kind: "transfer" as const, to: to.root.publicKey, currency: euro, amount: minor, memo },
    });
    const records = [1n, 2n, 20_000n, 3n].map((minor) => one.record(alice.device, pay(shop, minor)));
    const { block, executed } = one.execute(records);
    const last = records.map((record) => many.execute([record])).at(-1)!.block;
    expect(last.header.stateRoot).not.toEqual(block.header.stateRoot); // what was seen is chained by block
    expect(many.ledger.allBalances()).toEqual(one.ledger.allBalances());
    expect(executed.map(({ refusal }) => refusal?.code)).toEqual([
      undefined,
      undefined,
      "funds-short",
      undefined,
    ]);
  });
});
