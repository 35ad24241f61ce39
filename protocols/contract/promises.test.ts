import { describe, expect, it } from "vitest";
import { errorCode } from "../errors.ts";
import { checkTerms, endings } from "./check.ts";
import { startContract, stepContract } from "./machine.ts";
import { accountOf, decodeTerms, encodeTerms } from "./terms.ts";
import type { Mandate, Node, Terms } from "./terms.ts";
import { contractOf, crypto, delivery, DEPOSIT, done, EUR, MINUTE, signerOf } from "./testing/delivery.ts";
import { describeTerms, endingsTable } from "./text.ts";

const FUND = { role: "network", account: signerOf(40).publicKey };
const MANDATE: Mandate = {
  from: "buyer",
  by: "shop",
  currency: EUR,
  capMinor: 500n,
  periodMs: 24 * 60 * MINUTE,
  totalMinor: 15_000n,
};

function termsWith(change: Partial<Terms>): Terms {
  return { ...delivery.terms, ...change };
}

function codeOf(work: () => unknown): string {
  try {
    work();
    return "none";
  } catch (error) {
    return errorCode(error);
  }
}

describe("beneficiaries", () => {
  /** The price goes to the network's fund when the deposit has come. */
  const toFund: Extract<Node, { kind: "when" }> = {
    ...{ kind: "when", label: "awaiting-deposit", onTimeout: { kind: "close" } },
    ...{ actBy: delivery.terms.offerExpires + 1, claimBy: delivery.terms.offerExpires + 2 },
    refundFrom: delivery.terms.offerExpires + 3,
    cases: [
      {
        ...{ kind: "deposit", by: "buyer", currency: EUR, amount: 2_490n },
        then: {
          ...{ kind: "pay", to: "network", currency: EUR, amount: { kind: "available" } },
          then: { kind: "close" },
        },
      },
    ],
  };

  it("are paid and sign nothing", () => {
    const terms = termsWith({ beneficiaries: [FUND], contract: toFund });
    expect(checkTerms(terms)).toEqual([]);
    expect(decodeTerms(encodeTerms(terms))).toEqual(terms);
    const contract = contractOf(terms);
    const opened = done(startContract(contract, terms.notBefore)).state;
    const { payments } = done(stepContract(crypto, contract, opened, DEPOSIT, terms.notBefore));
    expect(payments).toEqual([{ to: "network", currency: EUR, amount: 2_490n }]);
    expect(accountOf(terms, "network")).toEqual(FUND.account);
    expect(endings(terms)[0]!.payouts).toEqual([
      { role: "network", currency: EUR, min: 2_490n, max: 2_490n },
    ]);
    expect(endingsTable(terms, "en")[0]!.outcome).toContain("the network gets 24.90 EUR");
    expect(endingsTable(terms, "fr")[0]!.outcome).toContain("le réseau reçoit 24,90 EUR");
  });

  it("do nothing else: they cannot deposit or choose, and share no role with a party", () => {
    const deposit = structuredClone<Extract<Node, { kind: "when" }>>(toFund);
    deposit.cases[0] = { ...deposit.cases[0]!, by: "network" } as never;
    const rules = checkTerms(termsWith({ beneficiaries: [FUND], contract: deposit })).map(({ rule }) => rule);
    expect(rules).toContain("role-unknown");
    expect(checkTerms(termsWith({ contract: toFund })).map(({ rule }) => rule)).toEqual(["role-unknown"]);
    const twice = termsWith({ beneficiaries: [{ ...FUND, role: "shop" }] });
    expect(codeOf(() => encodeTerms(twice))).toBe("terms-invalid");
    const many = Array.from({ length: 5 }, (_, index) => ({ ...FUND, role: `fund-${index}` }));
    expect(codeOf(() => encodeTerms(termsWith({ beneficiaries: many })))).toBe("terms-invalid");
  });
});

describe("mandates", () => {
  it("survive their bytes and are said in both languages", () => {
    const terms = termsWith({ mandates: [MANDATE] });
    expect(decodeTerms(encodeTerms(terms)).mandates).toEqual([MANDATE]);
    expect(checkTerms(terms)).toEqual([]);
    expect(describeTerms(terms, "en")).toContain(
      "While this contract is open, the shop may take up to 5.00 EUR in every 1 day from the account of " +
        "the buyer, and 150.00 EUR in all; the buyer may end this at any time.",
    );
    expect(describeTerms(terms, "fr").join(" ")).toContain("jusqu’à 5,00 EUR par tranche de 1 jour");
  });

  it.each([
    ["a stranger's", { from: "nobody" }, "role-unknown"],
    ["one's own", { from: "shop" }, "mandate"],
    ["a cap above the total", { totalMinor: 499n }, "mandate"],
  ])("are not safe: %s", (_, change, rule) => {
    const findings = checkTerms(termsWith({ mandates: [{ ...MANDATE, ...change }] }));
    expect(findings.map((finding) => finding.rule)).toEqual([rule]);
  });

  it.each([
    ["nothing a period", { capMinor: 0n }],
    ["a currency that is none", { currency: "EUR" }],
    ["periods of less than a second", { periodMs: 999 }],
    ["beyond 2^63 - 1", { totalMinor: 2n ** 63n }],
  ])("are malformed: %s", (_, change) => {
    expect(codeOf(() => encodeTerms(termsWith({ mandates: [{ ...MANDATE, ...change }] })))).toBe(
      "terms-invalid",
    );
  });
});
