import { describe, expect, it } from "vitest";
import { errorCode } from "../errors.ts";
import type { SegmentError } from "../errors.ts";
import { MAX_AMOUNT } from "../money/amounts.ts";
import { assertSafe, checkTerms, endings, SHORTEST_DISPUTE_MS } from "./check.ts";
import { decodeTerms, encodeTerms } from "./terms.ts";
import type { AmountExpr, Case, Node, Observation, Terms } from "./terms.ts";
import { delivery, EUR, KWH, MINUTE, ORDERED_AT, SHOP } from "./testing/delivery.ts";

const OPENS = ORDERED_AT + 10 * MINUTE;
const CLOSE: Node = { kind: "close" };
const HOUR = 60 * MINUTE;

function termsOf(contract: Node, change: Partial<Terms> = {}): Terms {
  return decodeTerms(encodeTerms({ ...delivery.terms, ...change, contract }));
}

/** Open for an hour, the n-th hour. */
function when(hour: number, cases: Case[], onTimeout: Node = CLOSE): Extract<Node, { kind: "when" }> {
  const actBy = OPENS + hour * HOUR;
  return {
    kind: "when",
    label: "waiting",
    cases,
    actBy,
    claimBy: actBy + 1,
    refundFrom: actBy + 2,
    onTimeout,
  };
}

function pay(to: string, amount: AmountExpr, then: Node = CLOSE, currency = EUR): Node {
  return { kind: "pay", to, currency, amount, then };
}

const available: AmountExpr = { kind: "available" };
const exactly = (minor: bigint): AmountExpr => ({ kind: "constant", minor });
const restTo = (to: string): Node => pay(to, available);
const deposit = (then: Node, by = "buyer", amount = 100n): Case => ({
  kind: "deposit",
  by,
  currency: EUR,
  amount,
  then,
});
const choice = (by: string, name: string, then: Node): Case => ({
  kind: "choice",
  by,
  name,
  min: 1n,
  max: 1n,
  then,
});
const facts = (condition: Observation, then: Node): Case => ({ kind: "facts", condition, then });
const attest = (role: string, factKind = "wh"): Observation => ({
  kind: "attest",
  role,
  factKind,
  maxAgeMs: 1,
});
const both: Extract<Observation, { kind: "signed" }> = {
  kind: "signed",
  k: 2,
  roles: ["buyer", "shop"],
  factKind: "wh",
  maxAgeMs: 1,
};
const before: Observation = { kind: "before", timeMs: OPENS };
const hash: Observation = { kind: "hash", digest: new Uint8Array(32) };
const metered: AmountExpr = {
  kind: "field",
  factKind: "wh",
  role: "shop",
  index: 0,
  numerator: 1n,
  denominator: 1n,
  min: 5n,
  max: 90n,
};

/** The buyer deposits 100; then, in the second hour, this. */
function afterDeposit(cases: Case[], onTimeout: Node = restTo("buyer")): Node {
  return when(1, [deposit(when(2, cases, onTimeout))]);
}

describe("safe terms", () => {
  const payEnergy = pay("buyer", available, restTo("shop"), KWH);
  const energy: Case = { kind: "deposit", by: "shop", currency: KWH, amount: 7n, then: payEnergy };
  const safe: [name: string, contract: Node][] = [
    ["nothing at all", CLOSE],
    ["only waiting", when(1, [])],
    ["deposit and return", afterDeposit([])],
    ["paid by both signatures", afterDeposit([facts(both, restTo("shop"))])],
    ["paid by the other's word", afterDeposit([facts(attest("buyer"), restTo("shop"))])],
    ["paid by the other's choice", afterDeposit([choice("buyer", "accept", restTo("shop"))])],
    [
      "paid by a fact and a secret",
      afterDeposit([facts({ kind: "and", all: [attest("shop"), hash] }, restTo("shop"))]),
    ],
    ["metered", afterDeposit([facts(both, pay("shop", metered, restTo("buyer")))])],
    ["one's own money back by one's own choice", afterDeposit([choice("buyer", "cancel", restTo("buyer"))])],
    ["an own fact that pays the other", afterDeposit([facts(attest("shop"), restTo("buyer"))])],
    [
      "an own fact, with an hour to object",
      afterDeposit([
        facts(attest("shop"), when(3, [choice("buyer", "object", restTo("buyer"))], restTo("shop"))),
      ]),
    ],
    [
      "a decision by time",
      afterDeposit([
        facts(both, {
          kind: "if",
          condition: { kind: "not", not: before },
          then: restTo("shop"),
          else: restTo("buyer"),
        }),
      ]),
    ],
    ["an exchange of two currencies", afterDeposit([energy])],
    ["deadlines that touch on another branch", when(1, [deposit(restTo("shop"), "buyer", 1n)], when(2, []))],
  ];
  it.each(safe)("%s", (_, contract) => {
    expect(checkTerms(termsOf(contract))).toEqual([]);
    expect(() => assertSafe(termsOf(contract))).not.toThrow();
  });
});

describe("unsafe terms", () => {
  const unsafe: [name: string, contract: Node, rule: string, where: string][] = [
    ["money left at the end", when(1, [deposit(CLOSE)]), "pot-left", "contract.cases[0].then"],
    [
      "money left of what was metered",
      afterDeposit([facts(both, pay("shop", metered))]),
      "pot-left",
      "contract.cases[0].then.cases[0].then.then",
    ],
    [
      "more paid than deposited",
      when(1, [deposit(pay("shop", exactly(101n)))]),
      "pot-short",
      "contract.cases[0].then",
    ],
    ["paid without any deposit", pay("shop", exactly(1n)), "pot-short", "contract"],
    [
      "perhaps more metered than is left",
      when(1, [
        deposit(
          when(
            2,
            [facts(both, pay("drone", exactly(11n), pay("shop", metered, restTo("buyer"))))],
            restTo("buyer"),
          ),
        ),
      ]),
      "pot-short",
      "contract.cases[0].then.cases[0].then.then",
    ],
    [
      "less sure to be left than was deposited",
      afterDeposit([facts(both, pay("shop", metered, pay("drone", exactly(11n), restTo("buyer"))))]),
      "pot-short",
      "contract.cases[0].then.cases[0].then.then",
    ],
    [
      "another currency than was deposited",
      when(1, [deposit(pay("shop", exactly(1n), restTo("shop"), KWH))]),
      "pot-short",
      "contract.cases[0].then",
    ],
    [
      "a pot beyond the ledger",
      when(1, [deposit(when(2, [deposit(restTo("shop"), "shop", MAX_AMOUNT)], restTo("buyer")))]),
      "pot-overflow",
      "contract.cases[0].then.cases[0]",
    ],
    ["a payment to nobody", when(1, [deposit(restTo("nobody"))]), "role-unknown", "contract.cases[0].then"],
    [
      "a fact of nobody",
      afterDeposit([facts({ kind: "and", all: [attest("nobody"), both] }, restTo("shop"))]),
      "role-unknown",
      "contract.cases[0].then.cases[0]",
    ],
    ["a choice of nobody", when(1, [choice("nobody", "yes", CLOSE)]), "role-unknown", "contract.cases[0]"],
    ["deadlines out of order", { ...when(1, []), claimBy: OPENS + HOUR }, "deadlines", "contract"],
    [
      "refunds before the last claim",
      { ...when(1, []), refundFrom: OPENS + HOUR + 1 },
      "deadlines",
      "contract",
    ],
    ["a state that is over before the offer", when(0, []), "deadlines", "contract"],
    [
      "a state that is over before its predecessor's last claim",
      when(1, [
        choice("shop", "yes", {
          ...when(1, []),
          actBy: OPENS + HOUR + 1,
          claimBy: OPENS + 2 * HOUR,
          refundFrom: OPENS + 3 * HOUR,
        }),
      ]),
      "deadlines",
      "contract.cases[0].then",
    ],
    ["a timeout into what is over", when(2, [], when(1, [])), "deadlines", "contract.onTimeout"],
    [
      "paid by one's own fact",
      afterDeposit([facts(attest("shop"), restTo("shop"))]),
      "own-word",
      "contract.cases[0].then.cases[0].then",
    ],
    [
      "paid by the facts of one's own side",
      afterDeposit([facts({ kind: "or", any: [both, attest("shop")] }, restTo("shop"))]),
      "own-word",
      "contract.cases[0].then.cases[0].then",
    ],
    [
      "paid back by one's own fact",
      afterDeposit([facts(attest("buyer"), restTo("buyer"))]),
      "own-word",
      "contract.cases[0].then.cases[0].then",
    ],
    [
      "another's money by one's own choice",
      afterDeposit([choice("shop", "claim", restTo("shop"))]),
      "own-word",
      "contract.cases[0].then.cases[0].then",
    ],
    [
      "an own fact, then a deposit of one's own",
      afterDeposit([facts(attest("shop"), when(3, [deposit(restTo("shop"), "shop", 1n)], restTo("buyer")))]),
      "own-word",
      "contract.cases[0].then.cases[0].then.cases[0].then",
    ],
    [
      "an own fact, then only one's own choice",
      afterDeposit([
        facts(attest("shop"), when(3, [choice("shop", "claim", restTo("shop"))], restTo("buyer"))),
      ]),
      "own-word",
      "contract.cases[0].then.cases[0].then.cases[0].then",
    ],
    [
      "an own fact, then waiting in vain",
      afterDeposit([facts(attest("shop"), when(3, [], restTo("shop")))]),
      "own-word",
      "contract.cases[0].then.cases[0].then.onTimeout",
    ],
    [
      "no evidence asked",
      afterDeposit([facts(before, restTo("shop"))]),
      "no-evidence",
      "contract.cases[0].then.cases[0]",
    ],
    [
      "evidence that must be missing",
      afterDeposit([
        facts({ kind: "and", all: [both, { kind: "not", not: attest("drone") }] }, restTo("shop")),
      ]),
      "withheld-evidence",
      "contract.cases[0].then.cases[0]",
    ],
    [
      "a decision by facts",
      afterDeposit([
        facts(both, { kind: "if", condition: attest("drone"), then: restTo("shop"), else: restTo("buyer") }),
      ]),
      "withheld-evidence",
      "contract.cases[0].then.cases[0].then",
    ],
    [
      "metered by a fact that need not be there",
      afterDeposit([facts(attest("buyer"), pay("shop", metered, restTo("buyer")))]),
      "unproven-field",
      "contract.cases[0].then.cases[0].then",
    ],
    [
      "metered by one of three, of whom two must sign",
      afterDeposit([
        facts({ ...both, roles: ["buyer", "drone", "shop"] }, pay("shop", metered, restTo("buyer"))),
      ]),
      "unproven-field",
      "contract.cases[0].then.cases[0].then",
    ],
    [
      "metered without facts",
      afterDeposit([choice("buyer", "accept", pay("shop", metered, restTo("buyer")))]),
      "unproven-field",
      "contract.cases[0].then.cases[0].then",
    ],
    [
      "metered after the facts have gone",
      afterDeposit([facts(both, when(3, [], pay("shop", metered, restTo("buyer"))))]),
      "unproven-field",
      "contract.cases[0].then.cases[0].then.onTimeout",
    ],
    ["the label of the end", { ...when(1, []), label: "closed" }, "label", "contract"],
  ];
  it.each(unsafe)("%s", (_, contract, rule, where) => {
    const findings = checkTerms(termsOf(contract));
    expect(findings.map((finding) => [finding.rule, finding.where])).toContainEqual([rule, where]);
    try {
      assertSafe(termsOf(contract));
      expect.unreachable("unsafe terms passed");
    } catch (error) {
      expect(errorCode(error)).toBe("terms-unsafe");
      expect((error as SegmentError).where).toBe(findings[0]!.where);
    }
  });

  it("an own fact needs a whole minute in which another can object", () => {
    const claimBy = OPENS + 2 * HOUR + 1;
    const objectable = (windowMs: number): Node => {
      const actBy = claimBy + windowMs;
      const cases = [choice("buyer", "object", restTo("buyer"))];
      const window: Node = {
        ...when(3, cases, restTo("shop")),
        actBy,
        claimBy: actBy + 1,
        refundFrom: actBy + 2,
      };
      return afterDeposit([facts(attest("shop"), window)]);
    };
    const rules = (windowMs: number): string[] =>
      checkTerms(termsOf(objectable(windowMs))).map((finding) => finding.rule);
    expect(rules(SHORTEST_DISPUTE_MS - 1)).toEqual(["own-word"]);
    expect(rules(SHORTEST_DISPUTE_MS)).toEqual([]);
  });

  it("two roles of one owner are one side", () => {
    const parties = delivery.terms.parties.map((party) =>
      party.role === "drone" ? { ...party, account: SHOP.account } : party,
    );
    const contract = afterDeposit([facts(attest("drone"), restTo("shop"))]);
    expect(checkTerms(termsOf(contract))).toEqual([]);
    expect(checkTerms(termsOf(contract, { parties })).map((finding) => finding.rule)).toEqual(["own-word"]);
    const colluding: Observation = {
      kind: "signed",
      k: 2,
      roles: ["drone", "shop"],
      factKind: "wh",
      maxAgeMs: 1,
    };
    const alike = afterDeposit([facts(colluding, restTo("shop"))]);
    expect(checkTerms(termsOf(alike))).toEqual([]);
    expect(checkTerms(termsOf(alike, { parties })).map((finding) => finding.rule)).toEqual(["own-word"]);
  });
});

describe("facts that could be shown twice", () => {
  const twice = (first: string, second: string): Node => {
    const said = (factKind: string): Observation => ({ ...both, factKind });
    const later = when(3, [facts(said(second), restTo("shop"))], restTo("buyer"));
    return afterDeposit([facts(said(first), pay("shop", exactly(10n), later))]);
  };

  it("are refused, unless their kinds are apart, or they say where one is", () => {
    const findings = checkTerms(termsOf(twice("wh", "wh")));
    expect(findings.map((finding) => finding.rule)).toEqual(["reused-fact", "reused-fact"]);
    expect(findings[0]!.message).toMatch(/"buyer\/wh"/);
    expect(checkTerms(termsOf(twice("wh-1", "wh-2")))).toEqual([]);
    expect(checkTerms(termsOf(twice("position", "position")))).toEqual([]);
  });

  it("may be asked for again where the first was never shown", () => {
    const again = when(3, [facts(both, restTo("shop"))], restTo("buyer"));
    expect(checkTerms(termsOf(afterDeposit([facts(both, restTo("shop"))], again)))).toEqual([]);
  });
});

describe("endings", () => {
  it("say who has paid and got what, within which bounds and by when", () => {
    const contract = afterDeposit([facts(both, pay("shop", metered, restTo("buyer")))]);
    const [metering, silence, none] = endings(termsOf(contract));
    const deposits = [{ role: "buyer", currency: EUR, min: 100n, max: 100n }];
    expect(metering).toMatchObject({
      deposits,
      payouts: [
        { role: "buyer", currency: EUR, min: 10n, max: 95n },
        { role: "shop", currency: EUR, min: 5n, max: 90n },
      ],
      byWhen: OPENS + 2 * HOUR + 1,
    });
    const back = [{ role: "buyer", currency: EUR, min: 100n, max: 100n }];
    expect(silence).toMatchObject({ deposits, payouts: back, byWhen: OPENS + 2 * HOUR + 2 });
    expect(none).toMatchObject({ deposits: [], payouts: [], byWhen: OPENS + HOUR + 2 });
  });
});
