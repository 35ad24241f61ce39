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
import { keyOf, START_MS } from "./committee.ts";
import {
  alice,
  bank,
  deliveryOf,
  DirectLedger,
  drone,
  euro,
  meetingDraft,
  removedDraft,
  shop,
} from "./village.ts";

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

describe("opening a contract", () => {
  const signedBy = (terms: Terms, signers: Signer[]): EntryDraft => {
    const bytes = encodeTerms(terms);
    const id = termsId(crypto, bytes);
    return draftOpen(
      crypto,
      id,
      bytes,
      signers.map((signer) => signTerms(signer, id)),
    );
  };
  const all = [alice.device, drone.device, shop.device];
  const { terms } = deliveryOf(1);
  refused([
    { what: "not all signed", code: "signature-invalid", draft: signedBy(terms, all.slice(1)) },
    { what: "one signed twice", code: "signature-invalid", draft: signedBy(terms, [...all, alice.device]) },
    {
      what: "another signed",
      code: "signature-invalid",
      draft: signedBy(terms, [alice.device, drone.device, bank.device]),
    },
    {
      what: "another network's terms",
      code: "terms-invalid",
      draft: signedBy({ ...terms, network: "town" }, all),
    },
    {
      what: "by one who is no party",
      code: "entry-unauthorized",
      signer: bank.device,
      draft: deliveryOf(1).open,
    },
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
      before: () =>
        village.settle(drone.root, { body: { kind: "revoke", identity: drone.device.publicKey } }),
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
    {
      what: "an attachment that is none",
      code: "cbor-wrong-shape",
      draft: attached("open", Uint8Array.of(1)),
    },
    {
      what: "after the offer",
      code: "terms-expired",
      draft: deliveryOf(1).open,
      before: () => (village.now += 6 * MINUTE),
    },
    {
      what: "before the offer",
      code: "contract-too-early",
      draft: deliveryOf(1, START_MS + 3 * MINUTE).open,
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
  return contract.kind === "when"
    ? { ...contract, cases: [{ ...contract.cases[0]!, then: { kind: "close" } }] }
    : contract;
}

function attached(
  kind: "open" | "facts",
  attachment: Uint8Array,
  id: Uint8Array = new Uint8Array(32),
): EntryDraft {
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
  const expire =
    (seq: number, timeMs: () => number, signers: number[]): (() => EntryDraft) =>
    () => {
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
    {
      what: "a deposit by another",
      code: "contract-not-expected",
      signer: shop.device,
      draft: deposit(2_490n),
      before: open,
    },
    {
      what: "one who is no party",
      code: "entry-unauthorized",
      signer: bank.device,
      draft: deposit(2_490n),
      before: open,
    },
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
    {
      what: "stale facts",
      code: "condition-not-met",
      draft: meetingDraft(delivery, START_MS - 10 * MINUTE),
      before: fly,
    },
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
    {
      what: "an expiry by too few",
      code: "quorum-missing",
      draft: expire(1, () => village.now, [0, 1]),
      before: waitForRefund,
    },
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
    expect(village.code(bank.device, { body: { kind: "expire", termsId: id, seq: 1, statements } })).toBe(
      "receipt-foreign",
    );
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
