import { beforeEach, describe, expect, it } from "vitest";
import type { ErrorCode } from "../../protocols/errors.ts";
import type { EntryDraft } from "../../protocols/ledger/drafts.ts";
import type { EntryBody, EntryFrame } from "../../protocols/ledger/entry.ts";
import type { Signer } from "../../protocols/ports.ts";
import { cardOf, keyOf, personOf, START_MS } from "./committee.ts";
import { alice, bank, deliveryOf, DirectLedger, euro, shop } from "./village.ts";

const MINUTE = 60_000;
const memo = new Uint8Array();
const toShop = (amount: bigint): EntryBody => ({
  kind: "transfer",
  to: shop.root.publicKey,
  currency: euro,
  amount,
  memo,
});

let village: DirectLedger;
beforeEach(() => {
  village = new DirectLedger().begin();
});

interface Case {
  what: string;
  code: ErrorCode;
  signer?: Signer;
  draft: EntryDraft | (() => EntryDraft);
  frame?: Partial<EntryFrame>;
  /** What happened before. */
  before?: () => void;
}

function refused(cases: Case[]): void {
  it.each(cases)("$what: $code", ({ code, signer, draft, frame, before }) => {
    before?.();
    const root = village.ledger.allBalances();
    const executed = village.settle(
      signer ?? alice.device,
      typeof draft === "function" ? draft() : draft,
      frame,
    );
    expect(executed).toMatchObject({ result: null, refusal: { code } });
    expect(village.ledger.allBalances()).toEqual(root);
  });
}

describe("an entry's frame", () => {
  refused([
    {
      what: "another network",
      code: "entry-invalid",
      draft: { body: toShop(1n) },
      frame: { network: "town" },
    },
    { what: "another zone", code: "entry-invalid", draft: { body: toShop(1n) }, frame: { zone: "north" } },
    {
      what: "after its window",
      code: "entry-expired",
      draft: { body: toShop(1n) },
      frame: { notAfter: START_MS - 1 },
    },
    {
      what: "before its window",
      code: "entry-too-early",
      draft: { body: toShop(1n) },
      frame: { notBefore: START_MS + 1 },
    },
    {
      what: "an unregistered device",
      code: "account-unknown",
      signer: keyOf("stranger"),
      draft: { body: toShop(1n) },
    },
    {
      what: "a revoked device",
      code: "card-revoked",
      draft: { body: toShop(1n) },
      before: () =>
        village.settle(alice.root, { body: { kind: "revoke", identity: alice.device.publicKey } }),
    },
    {
      what: "a device whose card has expired",
      code: "card-expired",
      signer: personOf("guest", START_MS + MINUTE).device,
      draft: { body: toShop(1n) },
      before: () => {
        const guest = personOf("guest", START_MS + MINUTE);
        village.settle(guest.device, { body: { kind: "card", card: guest.card } });
        village.now += MINUTE;
      },
    },
  ]);

  it("is valid at both ends of its window", () => {
    expect(village.code(alice.device, { body: toShop(1n) }, { notBefore: START_MS })).toBe("ok");
    expect(village.code(alice.device, { body: toShop(1n) }, { notAfter: START_MS })).toBe("ok");
  });

  it("counts once", () => {
    const record = village.record(alice.device, { body: toShop(1n) });
    expect(village.execute([record, record]).executed).toHaveLength(1);
    const other = village.record(alice.device, { body: toShop(2n) });
    const again = village.execute([record, other]);
    expect(again.executed.map(({ record: { idHex } }) => idHex)).toEqual([other.idHex]);
    expect(village.balance(alice)).toBe(9_997n);
  });

  it("is remembered until it expires, and refused for that afterwards", () => {
    const record = village.record(alice.device, { body: toShop(1n) });
    village.execute([record]);
    village.now = record.entry.notAfter;
    expect(
      village.execute([record, village.record(alice.device, { body: toShop(1n) })]).executed,
    ).toHaveLength(1);
    village.now = record.entry.notAfter + 2 * MINUTE;
    expect(village.execute([record]).executed[0]!.refusal).toMatchObject({ code: "entry-expired" });
    expect(village.balance(alice)).toBe(9_998n);
  });

  it("is used up by a refusal that is its signer's doing, not by one that another can cause", () => {
    const poor = village.record(shop.device, {
      body: { ...toShop(1n), to: alice.root.publicKey } as EntryBody,
    });
    village.execute([poor]);
    village.settle(alice.device, { body: toShop(100n) });
    expect(village.ledger.hasSeen(poor.entry, poor.idHex)).toBe(true);

    const open = village.record(shop.device, deliveryOf(1).open);
    const stripped = { ...open, attachment: undefined };
    expect(village.execute([stripped]).executed[0]!.refusal).toMatchObject({
      code: "seal-broken",
      final: false,
    });
    expect(village.execute([open]).executed[0]!.refusal).toBeUndefined();
  });
});

describe("cards", () => {
  const stranger = personOf("stranger");
  const other = personOf("other");
  refused([
    { what: "not a card", code: "card-invalid", draft: { body: { kind: "card", card: new Uint8Array(9) } } },
    {
      what: "an expired card",
      code: "card-expired",
      draft: { body: { kind: "card", card: personOf("late", START_MS).card } },
    },
    {
      what: "a revoked device",
      code: "card-revoked",
      draft: { body: { kind: "card", card: alice.card } },
      before: () =>
        village.settle(alice.root, { body: { kind: "revoke", identity: alice.device.publicKey } }),
    },
    {
      what: "a revocation by another root",
      code: "entry-unauthorized",
      signer: shop.root,
      draft: { body: { kind: "revoke", identity: alice.device.publicKey } },
    },
    {
      what: "a revocation by the device itself",
      code: "entry-unauthorized",
      draft: { body: { kind: "revoke", identity: alice.device.publicKey } },
    },
    {
      what: "a revocation of nobody",
      code: "account-unknown",
      signer: alice.root,
      draft: { body: { kind: "revoke", identity: stranger.device.publicKey } },
    },
  ]);

  it("anyone may hand one in, and the account can be paid from then on", () => {
    const payStranger: EntryBody = {
      kind: "transfer",
      to: stranger.root.publicKey,
      currency: euro,
      amount: 5n,
      memo,
    };
    expect(village.code(alice.device, { body: payStranger })).toBe("account-unknown");
    expect(village.code(alice.device, { body: { kind: "card", card: stranger.card } })).toBe("ok");
    expect(village.code(alice.device, { body: payStranger })).toBe("ok");
    expect(village.code(stranger.device, { body: toShop(5n) })).toBe("ok");
  });

  it("a device is not taken over by a stranger's card for it", () => {
    const forged = personOf("forger");
    const card = personOf("alice", START_MS + 1_000_000).card;
    // The same root: a renewal.
    expect(village.code(forged.device, { body: { kind: "card", card } })).toBe("ok");
    const stolen = cardOf(other.root, alice.device, START_MS - 1_000);
    expect(village.code(other.device, { body: { kind: "card", card: stolen } })).toBe("entry-unauthorized");
    // It moves itself.
    expect(village.code(alice.device, { body: { kind: "card", card: stolen } })).toBe("ok");
  });

  it("an older card does not replace a newer one", () => {
    const newer = cardOf(alice.root, alice.device, START_MS - 10);
    expect(village.code(alice.device, { body: { kind: "card", card: newer } })).toBe("ok");
    expect(village.code(alice.device, { body: { kind: "card", card: alice.card } })).toBe("card-invalid");
  });
});

describe("money", () => {
  const newCurrency = (code: string, exponent: number): EntryBody => ({
    kind: "currency",
    code,
    exponent,
    name: "x",
  });
  const mint = (amount: bigint, currency: string = euro, to = alice.root.publicKey): EntryBody => {
    return { kind: "mint", currency, to, amount };
  };
  refused([
    { what: "more than there is", code: "funds-short", draft: { body: toShop(10_001n) } },
    {
      what: "an unknown currency",
      code: "currency-unknown",
      draft: { body: { ...toShop(1n), currency: "XYZ.00" } as EntryBody },
    },
    {
      what: "an examination in an unknown currency",
      code: "currency-unknown",
      draft: { body: { kind: "examine", termsId: new Uint8Array(32), currency: "XYZ.00", amount: 1n } },
    },
    {
      what: "an unknown account",
      code: "account-unknown",
      draft: { body: { ...toShop(1n), to: keyOf("nobody").publicKey } as EntryBody },
    },
    {
      what: "oneself",
      code: "entry-invalid",
      draft: { body: { ...toShop(1n), to: alice.root.publicKey } as EntryBody },
    },
    { what: "nothing", code: "entry-invalid", draft: { body: toShop(0n) } },
    { what: "less than nothing", code: "entry-invalid", draft: { body: toShop(-1n) } },
    { what: "beyond 2^63", code: "entry-invalid", draft: { body: toShop(2n ** 63n) } },
    {
      what: "a memo of 65 bytes",
      code: "entry-invalid",
      draft: { body: { ...toShop(1n), memo: new Uint8Array(65) } as EntryBody },
    },
    { what: "a mint by another", code: "entry-unauthorized", draft: { body: mint(1n) } },
    {
      what: "a mint of nothing known",
      code: "currency-unknown",
      signer: bank.device,
      draft: { body: mint(1n, "ABC.00") },
    },
    {
      what: "a mint for nobody",
      code: "account-unknown",
      signer: bank.device,
      draft: { body: mint(1n, euro, keyOf("nobody").publicKey) },
    },
    {
      what: "a mint beyond 2^63 in all",
      code: "amount-overflow",
      signer: bank.device,
      draft: { body: mint(2n ** 63n - 10_000n) },
    },
    {
      what: "the same currency twice",
      code: "entry-invalid",
      signer: bank.device,
      draft: { body: newCurrency("EUR", 2) },
    },
    { what: "euros with three decimals", code: "entry-invalid", draft: { body: newCurrency("EUR", 3) } },
    { what: "a token with ten decimals", code: "entry-invalid", draft: { body: newCurrency("LEAF", 10) } },
    { what: "a code in small letters", code: "currency-unknown", draft: { body: newCurrency("eur", 2) } },
  ]);

  it("may be minted up to 2^63 - 1", () => {
    expect(village.code(bank.device, { body: mint(2n ** 63n - 1n - 10_000n) })).toBe("ok");
    expect(village.balance(alice)).toBe(2n ** 63n - 1n);
  });

  it("is examined without saying how much there is", () => {
    const termsIdBytes = new Uint8Array(32).fill(1);
    for (const [amount, sufficient] of [
      [10_000n, true],
      [10_001n, false],
    ] as const) {
      const { result } = village.settle(alice.device, {
        body: { kind: "examine", termsId: termsIdBytes, currency: euro, amount },
      });
      expect(result).toMatchObject({ account: alice.root.publicKey, amount, sufficient });
    }
  });
});
