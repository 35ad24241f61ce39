/** Currencies with rules of their own, and deeds: who mints, how much, what lying still costs. */
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { nodeCrypto as crypto } from "../../agent/node/crypto.ts";
import { encodeTerms, signTerms, termsId } from "../../protocols/contract/terms.ts";
import type { Node, Terms } from "../../protocols/contract/terms.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import type { ErrorCode } from "../../protocols/errors.ts";
import { draftOpen } from "../../protocols/ledger/drafts.ts";
import type { EntryBody } from "../../protocols/ledger/entry.ts";
import { movementsOf } from "../../protocols/ledger/history.ts";
import type { Executed } from "../../protocols/ledger/ledger.ts";
import { MAX_PERIOD_MS } from "../../protocols/ledger/policy.ts";
import type { CurrencyPolicy, MoneyPolicy } from "../../protocols/ledger/policy.ts";
import { decodeLeaf, encodeLeaf } from "../../protocols/ledger/result.ts";
import { currencyId, DEED_CODE, deedId } from "../../protocols/money/currencies.ts";
import { keyOf } from "./committee.ts";
import type { Person } from "./committee.ts";
import { alice, bank, DirectLedger, drone, shop } from "./village.ts";

const DAY = 24 * 60 * 60 * 1_000;
const memo = new Uint8Array();
const sun = currencyId(crypto, "SUN", bank.root.publicKey);
const document = crypto.sha256(new Uint8Array([1, 2, 3]));
const house = deedId(crypto, alice.root.publicKey, document);
const plain: MoneyPolicy = { kind: "money", minters: [bank.root.publicKey], cap: null, demurrage: null };
const deed: CurrencyPolicy = { kind: "deed", documentHash: document };
/** Half a percent each day goes to the shop. */
const fading: MoneyPolicy = {
  ...plain,
  demurrage: { ppm: 5_000, periodMs: DAY, fund: shop.root.publicKey },
};

function makeSun(policy: CurrencyPolicy, change: Partial<Extract<EntryBody, { kind: "currency" }>> = {}) {
  return { body: { kind: "currency" as const, code: "SUN", exponent: 0, name: "Sun", policy, ...change } };
}

function mint(amount: bigint, to: Person, currency = sun): { body: EntryBody } {
  return { body: { kind: "mint", currency, to: to.root.publicKey, amount } };
}

function pay(amount: bigint, to: Person, currency = sun): { body: EntryBody } {
  return { body: { kind: "transfer", to: to.root.publicKey, currency, amount, memo } };
}

const makeHouse: { body: EntryBody } = {
  body: { kind: "currency", code: DEED_CODE, exponent: 0, name: "House", policy: deed },
};

let village: DirectLedger;
beforeEach(() => {
  village = new DirectLedger().begin();
  // At the very beginning of a period.
  village.now = Math.ceil(village.now / DAY) * DAY;
});

function has(person: Person, currency = sun): bigint {
  return village.ledger.accountBalances(person.root.publicKey, village.now).get(currency) ?? 0n;
}

function expectConserved(): void {
  const { accounts, holds, supplies } = village.ledger.allBalances();
  for (const { currency, amount } of supplies) {
    const all = [...accounts, ...holds].filter((one) => one.currency === currency);
    expect(all.reduce((sum, one) => sum + one.amount, 0n)).toBe(amount);
  }
}

describe("a currency's minters", () => {
  it("are those that the policy names, and nobody else", () => {
    const policy = { ...plain, minters: [alice.root.publicKey, shop.root.publicKey] };
    expect(village.code(bank.device, makeSun(policy))).toBe("ok");
    expect(village.code(alice.device, mint(5n, drone))).toBe("ok");
    expect(village.code(shop.device, mint(6n, drone))).toBe("ok");
    for (const { device } of [bank, drone])
      expect(village.code(device, mint(1n, bank))).toBe("entry-unauthorized");
    expect(has(drone)).toBe(11n);
    expectConserved();
  });

  it("mint no more in one period than is laid down, all together, and again in the next", () => {
    const cap = { minor: 100n, periodMs: DAY };
    const minters = [alice.root.publicKey, shop.root.publicKey];
    village.settle(bank.device, makeSun({ ...plain, minters, cap }));
    expect(village.code(alice.device, mint(60n, drone))).toBe("ok");
    expect(village.settle(shop.device, mint(41n, drone)).refusal).toMatchObject({
      code: "mint-capped",
      message: expect.stringMatching(/^40 minor units .* may still be minted .* ends in 86400000 ms$/),
    });
    expect(village.code(shop.device, mint(40n, drone))).toBe("ok");
    village.now += DAY - 1;
    expect(village.code(alice.device, mint(1n, drone))).toBe("mint-capped");
    village.now += 1;
    expect(village.code(alice.device, mint(101n, drone))).toBe("mint-capped");
    expect(village.code(alice.device, mint(100n, drone))).toBe("ok");
    expect(has(drone)).toBe(200n);
  });
});

describe("demurrage", () => {
  beforeEach(() => {
    expect(village.code(bank.device, makeSun(fading))).toBe("ok");
    village.settle(bank.device, mint(1_000n, alice));
  });

  it("is what a balance shows, period by period, before anything is written", () => {
    expect(has(alice)).toBe(1_000n);
    village.now += DAY - 1;
    expect(has(alice)).toBe(1_000n);
    village.now += 1;
    expect(has(alice)).toBe(995n);
    village.now += 2 * DAY;
    expect(has(alice)).toBe(985n);
    expect(has(shop)).toBe(0n);
    expectConserved();
  });

  it("goes to the fund when the account is next used, and stands in the receipt", () => {
    village.now += 3 * DAY;
    const { result } = village.settle(alice.device, pay(100n, drone));
    expect([alice, drone, shop].map((person) => has(person))).toEqual([885n, 100n, 15n]);
    const loss = { account: alice.root.publicKey, fund: shop.root.publicKey, currency: sun, amount: 15n };
    expect(result).toMatchObject({ kind: "transfer", losses: [loss] });
    const leaf = { index: 0, entryId: new Uint8Array(32), outcome: "ok" as const, result };
    expect(decodeLeaf(encodeLeaf(leaf), "transfer")).toEqual(leaf);
    expectConserved();
  });

  it("spares the fund", () => {
    village.settle(alice.device, pay(400n, shop));
    village.now += 10 * DAY;
    expect(has(shop)).toBe(400n);
    village.settle(shop.device, pay(1n, alice));
    expect(has(shop)).toBe(400n - 1n + 600n - has(alice) + 1n);
  });

  it("leaves too little to pay with", () => {
    village.now += DAY;
    expect(village.settle(alice.device, pay(996n, drone)).refusal).toMatchObject({ code: "funds-short" });
    // What was refused has changed nothing: the loss is counted anew.
    expect(village.ledger.allBalances().accounts.find(({ currency }) => currency === sun)?.amount).toBe(
      1_000n,
    );
    expect(village.code(alice.device, pay(995n, drone))).toBe("ok");
    expect([alice, drone, shop].map((person) => has(person))).toEqual([0n, 995n, 5n]);
  });

  it("is what an examination counts with", () => {
    village.now += DAY;
    const examine = (amount: bigint): Executed => {
      const body: EntryBody = { kind: "examine", termsId: document, currency: sun, amount };
      return village.settle(alice.device, { body });
    };
    expect(examine(996n).result).toMatchObject({ sufficient: false });
    expect(examine(995n).result).toMatchObject({ sufficient: true });
  });

  it("takes the last unit in the end", () => {
    village.now += 4_000 * DAY;
    expect(has(alice)).toBe(0n);
  });

  it("takes from nobody else's pocket, whoever pays whom and whenever", () => {
    const three = [alice, drone, shop];
    const steps = fc.record({
      from: fc.nat(2),
      to: fc.nat(2),
      amount: fc.bigInt(1n, 600n),
      days: fc.constantFrom(0, 0, 1, 2, 9),
    });
    fc.assert(
      fc.property(fc.array(steps, { minLength: 5, maxLength: 20 }), (all) => {
        village = new DirectLedger().begin();
        village.settle(bank.device, makeSun(fading));
        for (const person of [alice, drone]) village.settle(bank.device, mint(1_000n, person));
        const known = new Map<string, bigint>([alice, drone].map((one) => [hex(one), 1_000n]));
        for (const { amount, days, ...step } of all) {
          const [from, to] = [three[step.from]!, three[step.to]!];
          village.now += days * DAY;
          const before = has(from);
          const { result, refusal } = village.settle(from.device, pay(amount, to));
          if (from === to) expect(refusal?.code).toBe("entry-invalid");
          else expect(refusal?.code).toBe(before < amount ? "funds-short" : undefined);
          expectConserved();
          for (const { account, change } of result === null ? [] : movementsOf(result)) {
            known.set(toHex(account), (known.get(toHex(account)) ?? 0n) + change);
          }
          expectRecorded(known);
        }
      }),
      { numRuns: 40, seed: 1 },
    );
  });
});

const hex = (person: Person): string => toHex(person.root.publicKey);

/** Whoever adds up the receipts knows what stands in the state. */
function expectRecorded(known: Map<string, bigint>): void {
  const { accounts } = village.ledger.allBalances();
  const recorded = accounts.filter(({ currency }) => currency === sun);
  for (const [root, amount] of known) {
    expect(recorded.find((one) => one.root === root)?.amount ?? 0n).toBe(amount);
  }
}

describe("a deed", () => {
  it("is made once, belongs to its maker, and changes hands whole", () => {
    const { result } = village.settle(alice.device, makeHouse);
    expect(result).toEqual({ kind: "currency", currency: house, to: alice.root.publicKey });
    expect(movementsOf(result!)).toEqual([{ account: alice.root.publicKey, currency: house, change: 1n }]);
    expect(has(alice, house)).toBe(1n);
    expect(village.code(alice.device, makeHouse)).toBe("entry-invalid");
    for (const { device } of [alice, bank])
      expect(village.code(device, mint(1n, alice, house))).toBe("entry-unauthorized");
    expect(village.code(alice.device, pay(1n, shop, house))).toBe("ok");
    expect(village.code(alice.device, pay(1n, drone, house))).toBe("funds-short");
    expect(village.code(shop.device, pay(2n, drone, house))).toBe("funds-short");
    expect([has(alice, house), has(shop, house)]).toEqual([0n, 1n]);
    expectConserved();
  });

  it("of the same document by another maker is another deed", () => {
    village.settle(alice.device, makeHouse);
    const { result } = village.settle(shop.device, makeHouse);
    expect(result).toMatchObject({ kind: "currency", to: shop.root.publicKey });
    expect(new Set(village.ledger.currencies().map(({ id }) => id)).size).toBe(3);
    expect(village.ledger.currencies().filter(({ policy }) => policy?.kind === "deed")).toHaveLength(2);
  });
});

describe("contracts", () => {
  it("hold deeds like money, and what they hold does not shrink", () => {
    village.settle(bank.device, makeSun(fading));
    village.settle(bank.device, mint(1_000n, drone));
    village.settle(alice.device, makeHouse);
    const bytes = encodeTerms(saleTerms(village.now));
    const id = termsId(crypto, bytes);
    const signatures = [alice, drone].map(({ device }) => signTerms(device, id));
    expect(village.code(alice.device, draftOpen(crypto, id, bytes, signatures))).toBe("ok");
    const deposit = (currency: string, amount: bigint): { body: EntryBody } => {
      return { body: { kind: "deposit", termsId: id, currency, amount } };
    };
    expect(village.code(drone.device, deposit(sun, 400n))).toBe("ok");
    village.now += 10 * DAY;
    expect(village.code(alice.device, deposit(house, 1n))).toBe("ok");
    expect([has(alice), has(alice, house), has(drone, house)]).toEqual([400n, 0n, 1n]);
    // 600 lay on the account meanwhile.
    expect(has(drone)).toBe(570n);
    expectConserved();
  });
});

/** The drone buys Alice's house for 400 suns: whoever comes first waits for the other. */
function saleTerms(now: number): Terms {
  const party = (role: string, { device, root }: Person) => {
    return { role, identity: device.publicKey, account: root.publicKey };
  };
  const all = { kind: "available" as const };
  const close: Node = { kind: "close" };
  const times = { actBy: now + 20 * DAY, claimBy: now + 21 * DAY, refundFrom: now + 22 * DAY };
  const swapped: Node = {
    kind: "pay",
    to: "buyer",
    currency: house,
    amount: all,
    then: { kind: "pay", to: "seller", currency: sun, amount: all, then: close },
  };
  return {
    network: "village",
    template: "test/1",
    nonce: new Uint8Array(16).fill(1),
    parties: [party("seller", alice), party("buyer", drone)],
    beneficiaries: [],
    mandates: [],
    notBefore: now,
    offerExpires: now + DAY,
    details: [],
    contract: {
      kind: "when",
      label: "awaiting-money",
      cases: [
        {
          kind: "deposit",
          by: "buyer",
          currency: sun,
          amount: 400n,
          then: {
            kind: "when",
            label: "awaiting-deed",
            cases: [{ kind: "deposit", by: "seller", currency: house, amount: 1n, then: swapped }],
            actBy: times.actBy + 2 * DAY,
            claimBy: times.claimBy + 2 * DAY,
            refundFrom: times.refundFrom + 2 * DAY,
            onTimeout: { kind: "pay", to: "buyer", currency: sun, amount: all, then: close },
          },
        },
      ],
      ...times,
      onTimeout: close,
    },
  };
}

describe("a currency is not made", () => {
  interface Case {
    what: string;
    code: ErrorCode;
    draft: { body: EntryBody };
  }
  const nobody = keyOf("nobody").publicKey;
  const names = ["", " Sun", "Sun ", "S\nun", "S\u202eun", "S\u200bun", "S\u0000", "\u{e0041}", "Su\u2066n"];
  it.each<Case>([
    ...names.map((name): Case => {
      return {
        what: `called ${JSON.stringify(name)}`,
        code: "entry-invalid",
        draft: makeSun(plain, { name }),
      };
    }),
    { what: "with no minter", code: "entry-invalid", draft: makeSun({ ...plain, minters: [] }) },
    {
      what: "with 16 minters",
      code: "entry-invalid",
      draft: makeSun({ ...plain, minters: Array.from({ length: 16 }, (_, at) => keyOf(`${at}`).publicKey) }),
    },
    {
      what: "with one minter twice",
      code: "entry-invalid",
      draft: makeSun({ ...plain, minters: [nobody, nobody] }),
    },
    {
      what: "with a cap of nothing",
      code: "entry-invalid",
      draft: makeSun({ ...plain, cap: { minor: 0n, periodMs: DAY } }),
    },
    {
      what: "with periods of a second",
      code: "entry-invalid",
      draft: makeSun({ ...plain, cap: { minor: 1n, periodMs: 1_000 } }),
    },
    {
      what: "with periods beyond ten years",
      code: "entry-invalid",
      draft: makeSun({ ...plain, cap: { minor: 1n, periodMs: MAX_PERIOD_MS + 1 } }),
    },
    {
      what: "that loses all in a period",
      code: "entry-invalid",
      draft: makeSun({ ...plain, demurrage: { ppm: 1_000_000, periodMs: DAY, fund: nobody } }),
    },
    {
      what: "whose fund is no account",
      code: "account-unknown",
      draft: makeSun({ ...plain, demurrage: { ppm: 1, periodMs: DAY, fund: nobody } }),
    },
    {
      what: "that passes for a deed",
      code: "entry-invalid",
      draft: { body: { kind: "currency", code: DEED_CODE, exponent: 0, name: "House" } },
    },
    {
      what: "with minters, under the code of deeds",
      code: "entry-invalid",
      draft: makeSun(plain, { code: DEED_CODE }),
    },
    { what: "as a deed by another code", code: "entry-invalid", draft: makeSun(deed) },
    {
      what: "as a deed with decimals",
      code: "entry-invalid",
      draft: makeSun(deed, { code: DEED_CODE, exponent: 2 }),
    },
    {
      what: "of the euro's name with another exponent",
      code: "entry-invalid",
      draft: makeSun(plain, { code: "EUR" }),
    },
  ])("$what: $code", ({ code, draft }) => {
    const before = village.ledger.allBalances();
    expect(village.settle(bank.device, draft)).toMatchObject({ result: null, refusal: { code } });
    expect(village.ledger.allBalances()).toEqual(before);
  });

  it("but with letters of any script and signs", () => {
    for (const [at, name] of ["Sonnentaler", "太陽", "شمس", "☀️ Sun", "🌞"].entries()) {
      expect(village.code(bank.device, makeSun(plain, { code: `SUN${at}`, name }))).toBe("ok");
    }
  });
});
