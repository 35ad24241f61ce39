import { beforeEach, describe, expect, it } from "vitest";
import { nodeCrypto as crypto } from "../../agent/node/crypto.ts";
import { signFact } from "../../protocols/contract/facts.ts";
import { encodeTerms, signTerms, termsId } from "../../protocols/contract/terms.ts";
import type { Terms } from "../../protocols/contract/terms.ts";
import type { ErrorCode } from "../../protocols/errors.ts";
import { draftFacts, draftOpen } from "../../protocols/ledger/drafts.ts";
import type { EntryDraft } from "../../protocols/ledger/drafts.ts";
import type { EntryBody, EntryFrame } from "../../protocols/ledger/entry.ts";
import { signNoRelease } from "../../protocols/ledger/statements.ts";
import type { Signer } from "../../protocols/ports.ts";
import { cardOf, keyOf, personOf, START_MS } from "./committee.ts";
import { alice, bank, deliveryOf, DirectLedger, drone, euro, meetingDraft, removedDraft, shop } from "./village.ts";

const MINUTE = 60_000;
const memo = new Uint8Array();
const toShop = (amount: bigint): EntryBody => ({ kind: "transfer", to: shop.root.publicKey, currency: euro, amount, memo });

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
    const executed = village.settle(signer ?? alice.device, typeof draft === "function" ? draft() : draft, frame);
    expect(executed).toMatchObject({ result: null, refusal: { code } });
    expect(village.ledger.allBalances()).toEqual(root);
  });
}

describe("an entry's frame", () => {
  refused([
    { what: "another network", code: "entry-invalid", draft: { body: toShop(1n) }, frame: { network: "town" } },
    { what: "another zone", code: "entry-invalid", draft: { body: toShop(1n) }, frame: { zone: "north" } },
    { what: "after its window", code: "entry-expired", draft: { body: toShop(1n) }, frame: { notAfter: START_MS - 1 } },
    {
      what: "before its window",
      code: "entry-too-early",
      draft: { body: toShop(1n) },
      frame: { notBefore: START_MS + 1 },
    },
    { what: "an unregistered device", code: "account-unknown", signer: keyOf("stranger"), draft: { body: toShop(1n) } },
    {
      what: "a revoked device",
      code: "card-revoked",
      draft: { body: toShop(1n) },
      before: () => village.settle(alice.root, { body: { kind: "revoke", identity: alice.device.publicKey } }),
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
    expect(village.execute([record, village.record(alice.device, { body: toShop(1n) })]).executed).toHaveLength(1);
    village.now = record.entry.notAfter + 2 * MINUTE;
    expect(village.execute([record]).executed[0]!.refusal).toMatchObject({ code: "entry-expired" });
    expect(village.balance(alice)).toBe(9_998n);
  });

  it("is used up by a refusal that is its signer's doing, not by one that another can cause", () => {
    const poor = village.record(shop.device, { body: { ...toShop(1n), to: alice.root.publicKey } as EntryBody });
    village.execute([poor]);
    village.settle(alice.device, { body: toShop(100n) });
    expect(village.ledger.hasSeen(poor.entry, poor.idHex)).toBe(true);

    const open = village.record(shop.device, deliveryOf(1).open);
    const stripped = { ...open, attachment: undefined };
    expect(village.execute([stripped]).executed[0]!.refusal).toMatchObject({ code: "seal-broken", final: false });
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
      before: () => village.settle(alice.root, { body: { kind: "revoke", identity: alice.device.publicKey } }),
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
    const payStranger: EntryBody = { kind: "transfer", to: stranger.root.publicKey, currency: euro, amount: 5n, memo };
    expect(village.code(alice.device, { body: payStranger })).toBe("account-unknown");
    expect(village.code(alice.device, { body: { kind: "card", card: stranger.card } })).toBe("ok");
    expect(village.code(alice.device, { body: payStranger })).toBe("ok");
    expect(village.code(stranger.device, { body: toShop(5n) })).toBe("ok");
  });

  it("a device is not taken over by a stranger's card for it", () => {
    const forged = personOf("forger");
    const card = personOf("alice", START_MS + 1_000_000).card;
    expect(village.code(forged.device, { body: { kind: "card", card } })).toBe("ok"); // the same root: a renewal
    const stolen = cardOf(other.root, alice.device, START_MS - 1_000);
    expect(village.code(other.device, { body: { kind: "card", card: stolen } })).toBe("entry-unauthorized");
    expect(village.code(alice.device, { body: { kind: "card", card: stolen } })).toBe("ok"); // it moves itself
  });

  it("an older card does not replace a newer one", () => {
    const newer = cardOf(alice.root, alice.device, START_MS - 10);
    expect(village.code(alice.device, { body: { kind: "card", card: newer } })).toBe("ok");
    expect(village.code(alice.device, { body: { kind: "card", card: alice.card } })).toBe("card-invalid");
  });
});

describe("money", () => {
  const newCurrency = (code: string, exponent: number): EntryBody => ({ kind: "currency", code, exponent, name: "x" });
  const mint = (amount: bigint, currency: string = euro, to = alice.root.publicKey): EntryBody => {
    return { kind: "mint", currency, to, amount };
  };
  refused([
    { what: "more than there is", code: "funds-short", draft: { body: toShop(10_001n) } },
    { what: "an unknown currency", code: "currency-unknown", draft: { body: { ...toShop(1n), currency: "XYZ.00" } as EntryBody } },
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
    { what: "a mint of nothing known", code: "currency-unknown", signer: bank.device, draft: { body: mint(1n, "ABC.00") } },
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
    { what: "the same currency twice", code: "entry-invalid", signer: bank.device, draft: { body: newCurrency("EUR", 2) } },
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
    for (const [amount, sufficient] of [[10_000n, true], [10_001n, false]] as const) {
      const { result } = village.settle(alice.device, {
        body: { kind: "examine", termsId: termsIdBytes, currency: euro, amount },
      });
      expect(result).toMatchObject({ account: alice.root.publicKey, amount, sufficient });
    }
  });
});

describe("opening a contract", () => {
  const signedBy = (terms: Terms, signers: Signer[]): EntryDraft => {
    const bytes = encodeTerms(terms);
    const id = termsId(crypto, bytes);
    return draftOpen(crypto, id, bytes, signers.map((signer) => signTerms(signer, id)));
  };
  const all = [alice.device, drone.device, shop.device];
  const { terms } = deliveryOf(1);
  refused([
    { what: "not all signed", code: "signature-invalid", draft: signedBy(terms, all.slice(1)) },
    { what: "one signed twice", code: "signature-invalid", draft: signedBy(terms, [...all, alice.device]) },
    { what: "another signed", code: "signature-invalid", draft: signedBy(terms, [alice.device, drone.device, bank.device]) },
    { what: "another network's terms", code: "terms-invalid", draft: signedBy({ ...terms, network: "town" }, all) },
    { what: "by one who is no party", code: "entry-unauthorized", signer: bank.device, draft: deliveryOf(1).open },
    {
      what: "with money left at the end",
      code: "terms-unsafe",
      draft: signedBy({ ...terms, contract: unsafe(terms.contract) }, all),
    },
    {
      what: "an account that is not the device's",
      code: "entry-unauthorized",
      draft: signedBy(
        { ...terms, parties: terms.parties.map((party) => ({ ...party, account: bank.root.publicKey })) },
        all,
      ),
    },
    {
      what: "a revoked party",
      code: "card-revoked",
      draft: deliveryOf(1).open,
      before: () => village.settle(drone.root, { body: { kind: "revoke", identity: drone.device.publicKey } }),
    },
    {
      what: "another id",
      code: "terms-invalid",
      draft: () => {
        const draft = deliveryOf(1).open;
        return { ...draft, body: { ...draft.body, termsId: new Uint8Array(32) } as EntryBody };
      },
    },
    {
      what: "another attachment",
      code: "seal-broken",
      draft: { ...deliveryOf(1).open, attachment: deliveryOf(2).open.attachment! },
    },
    { what: "an attachment that is none", code: "cbor-wrong-shape", draft: attached("open", Uint8Array.of(1)) },
    {
      what: "after the offer",
      code: "terms-expired",
      draft: deliveryOf(1).open,
      before: () => (village.now += 6 * MINUTE),
    },
    {
      what: "before the offer",
      code: "contract-too-early",
      draft: deliveryOf(1, START_MS + MINUTE).open,
    },
    {
      what: "twice",
      code: "contract-not-expected",
      draft: deliveryOf(1).open,
      before: () => expect(village.code(shop.device, deliveryOf(1).open)).toBe("ok"),
    },
  ]);
});

function unsafe(contract: Terms["contract"]): Terms["contract"] {
  return contract.kind === "when" ? { ...contract, cases: [{ ...contract.cases[0]!, then: { kind: "close" } }] } : contract;
}

function attached(kind: "open" | "facts", attachment: Uint8Array, id: Uint8Array = new Uint8Array(32)): EntryDraft {
  const body = { kind, termsId: id, attachmentHash: crypto.sha256(attachment) };
  return { body, attachment };
}

describe("driving a contract", () => {
  const delivery = deliveryOf(1);
  const { id } = delivery;
  const deposit = (amount: bigint, currency = euro): EntryDraft => {
    return { body: { kind: "deposit", termsId: id, currency, amount } };
  };
  const open = () => expect(village.code(shop.device, delivery.open)).toBe("ok");
  const fly = () => {
    open();
    expect(village.code(alice.device, deposit(2_490n))).toBe("ok");
  };
  const expire = (seq: number, timeMs: () => number, signers: number[]): (() => EntryDraft) => () => {
    const statements = signers.map((index) => {
      const { termSigner } = village.configs[index]!;
      return signNoRelease(village.ledger.rules, termSigner, { termsId: id, seq, timeMs: timeMs() });
    });
    return { body: { kind: "expire", termsId: id, seq, statements } };
  };
  const refundFrom = delivery.landByMs + 2 * MINUTE;
  const waitForRefund = () => {
    fly();
    village.now = refundFrom;
  };
  refused([
    { what: "an unknown contract", code: "contract-unknown", draft: deposit(2_490n) },
    { what: "a deposit of another amount", code: "condition-not-met", draft: deposit(2_489n), before: open },
    { what: "a deposit by another", code: "contract-not-expected", signer: shop.device, draft: deposit(2_490n), before: open },
    { what: "one who is no party", code: "entry-unauthorized", signer: bank.device, draft: deposit(2_490n), before: open },
    {
      what: "a deposit without funds",
      code: "funds-short",
      draft: deposit(2_490n),
      before: () => {
        open();
        village.settle(alice.device, { body: toShop(8_000n) });
      },
    },
    { what: "a second deposit", code: "contract-not-expected", draft: deposit(2_490n), before: fly },
    {
      what: "a deposit too late",
      code: "contract-too-late",
      draft: deposit(2_490n),
      before: () => {
        open();
        village.now += 6 * MINUTE + 1;
      },
    },
    { what: "a choice not offered", code: "contract-not-expected", draft: choice(id, "object"), before: fly },
    { what: "stale facts", code: "condition-not-met", draft: meetingDraft(delivery, START_MS - 10 * MINUTE), before: fly },
    { what: "facts of another contract", code: "fact-invalid", draft: factsOfOther(delivery), before: fly },
    {
      what: "one side's facts alone",
      code: "condition-not-met",
      draft: removedDraft(delivery, START_MS),
      before: fly,
    },
    {
      what: "facts after the last claim",
      code: "contract-too-late",
      draft: () => meetingDraft(delivery, delivery.landByMs),
      before: () => {
        fly();
        village.now = delivery.landByMs + MINUTE + 1;
      },
    },
    {
      what: "an attachment that is none",
      code: "cbor-truncated",
      draft: attached("facts", Uint8Array.of(0x82), id),
      before: fly,
    },
    { what: "an expiry by too few", code: "quorum-missing", draft: expire(1, () => village.now, [0, 1]), before: waitForRefund },
    {
      what: "an expiry that counts one notary thrice",
      code: "quorum-missing",
      draft: expire(1, () => village.now, [0, 0, 0]),
      before: waitForRefund,
    },
    {
      what: "statements from before the deadline",
      code: "contract-too-early",
      draft: expire(1, () => refundFrom - 1, [0, 1, 2]),
      before: waitForRefund,
    },
    {
      what: "statements about another state",
      code: "contract-not-expected",
      draft: expire(0, () => village.now, [0, 1, 2]),
      before: waitForRefund,
    },
    {
      what: "an expiry before the log's time has come",
      code: "contract-too-early",
      draft: expire(1, () => refundFrom, [0, 1, 2]),
      before: () => {
        fly();
        village.now = refundFrom - 1;
      },
    },
    {
      what: "an ended contract",
      code: "contract-closed",
      draft: deposit(2_490n),
      before: () => {
        waitForRefund();
        expect(village.code(bank.device, expire(1, () => village.now, [0, 1, 3])())).toBe("ok");
      },
    },
  ]);

  it("statements by strangers do not expire it", () => {
    waitForRefund();
    const statements = ["x", "y", "z"].map((name) => {
      return signNoRelease(village.ledger.rules, keyOf(name), { termsId: id, seq: 1, timeMs: village.now });
    });
    expect(village.code(bank.device, { body: { kind: "expire", termsId: id, seq: 1, statements } })).toBe("receipt-foreign");
  });

  it("a delivery holds the money, then pays shop and drone", () => {
    fly();
    expect(village.balance(alice)).toBe(7_510n);
    expect(village.ledger.allBalances().holds).toMatchObject([{ currency: euro, amount: 2_490n }]);
    expect(village.code(drone.device, meetingDraft(delivery, village.now))).toBe("ok");
    expect(village.ledger.contractView(id)?.state.label).toBe("may-land");
    const { result } = village.settle(drone.device, removedDraft(delivery, village.now));
    expect(result).toMatchObject({
      kind: "facts",
      seq: 3,
      label: "closed",
      closed: true,
      payments: [
        { account: shop.root.publicKey, currency: euro, amount: 1_990n },
        { account: drone.root.publicKey, currency: euro, amount: 500n },
      ],
    });
    expect(village.ledger.allBalances().holds).toEqual([]);
    expect([alice, shop, drone].map((person) => village.balance(person))).toEqual([7_510n, 1_990n, 500n]);
    expect(village.ledger.contractView(id)).toMatchObject({ state: { closed: true }, contract: undefined });
  });

  it("a no-show is settled at the deadline by 2f+1 notaries' word", () => {
    waitForRefund();
    expect(village.code(bank.device, expire(1, () => village.now, [0, 1, 3])())).toBe("ok");
    expect([alice, shop, drone].map((person) => village.balance(person))).toEqual([9_500n, 200n, 300n]);
    expect(village.ledger.allBalances().holds).toEqual([]);
  });
});

function choice(id: Uint8Array, name: string): EntryDraft {
  return { body: { kind: "choice", termsId: id, name, value: 1n } };
}

function factsOfOther(delivery: ReturnType<typeof deliveryOf>): EntryDraft {
  const subject = new Uint8Array(32).fill(9);
  const fact = signFact(drone.device, { kind: "position", subject, timeMs: START_MS, body: [0, 0, 0] });
  return draftFacts(crypto, delivery.id, [fact]);
}
