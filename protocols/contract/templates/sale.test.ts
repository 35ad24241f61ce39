import { describe, expect, it } from "vitest";
import { errorCode } from "../../errors.ts";
import type { SegmentError } from "../../errors.ts";
import { stepContract } from "../machine.ts";
import type { Input } from "../machine.ts";
import { choiceInput, crypto, KWH, MINUTE, ORDERED_AT } from "../testing/delivery.ts";
import { ARBITER, DAY, DEED, DEED_SALE, SALE, walkerOf } from "../testing/samples.ts";
import { gainsOf } from "../testing/walk.ts";
import type { Standing, Walker } from "../testing/walk.ts";
import { saleTerms } from "./sale.ts";
import type { SaleParams } from "./sale.ts";

const gains = (at: Standing) => gainsOf(at, SALE.currency);
const deposit: Input = { kind: "deposit", by: "buyer", currency: SALE.currency, amount: 14_900n };

function paidIn(walker: Walker): Standing {
  return walker.take(walker.opened(), deposit, ORDERED_AT + MINUTE);
}

function shipped(walker: Walker): Standing {
  return walker.take(paidIn(walker), choiceInput("seller", "ship"), ORDERED_AT + 2 * DAY);
}

describe("a sale of goods", () => {
  const walker = walkerOf(saleTerms(SALE));
  const paid = { buyer: -14_900n, seller: 14_900n };

  it("pays the seller if the buyer accepts, or says nothing until the goods could be looked at", () => {
    const at = shipped(walker);
    expect(gains(walker.take(at, choiceInput("buyer", "accept"), at.nowMs))).toEqual(paid);
    const silent = walker.timedOut(at);
    expect(gains(silent)).toEqual(paid);
    expect(silent.nowMs).toBeGreaterThan(SALE.shipByMs + 14 * DAY);
  });

  it("gives all back if the seller cancels, or ships nothing", () => {
    const at = paidIn(walker);
    expect(gains(walker.take(at, choiceInput("seller", "cancel"), at.nowMs))).toEqual({});
    expect(gains(walker.timedOut(at))).toEqual({});
  });

  it("a seller who only says that it shipped wins half against an objection, and so does a buyer who has the goods", () => {
    const at = shipped(walker);
    const objected = walker.take(at, choiceInput("buyer", "object"), at.nowMs);
    expect(gains(objected)).toEqual({ buyer: -7_450n, seller: 7_450n });
  });

  it("a seller cannot be paid by its own word, nor the buyer take the price back once it is shipped", () => {
    const at = shipped(walker);
    for (const [by, name] of [
      ["seller", "accept"],
      ["seller", "ship"],
      ["buyer", "cancel"],
    ] as const) {
      expect(stepContract(crypto, walker.contract, at.state, choiceInput(by, name), at.nowMs)).toMatchObject({
        code: "contract-not-expected",
      });
    }
  });

  it("an arbiter who sees through it leaves a liar nothing", () => {
    const judged = walkerOf(saleTerms({ ...SALE, arbiter: ARBITER, disputedRefundMinor: 10_000n }));
    const at = shipped(judged);
    const disputed = judged.take(at, choiceInput("buyer", "object"), at.nowMs);
    const rules = (name: string) =>
      gains(judged.take(disputed, choiceInput("arbiter", name), disputed.nowMs));
    expect(rules("for-the-seller")).toEqual(paid);
    expect(rules("for-the-buyer")).toEqual({});
    expect(gains(judged.timedOut(disputed))).toEqual({ buyer: -4_900n, seller: 4_900n });
  });
});

describe("a sale of a deed", () => {
  const walker = walkerOf(saleTerms(DEED_SALE));
  const deed: Input = { kind: "deposit", by: "seller", currency: DEED, amount: 1n };

  it("changes hands in the step in which the deed comes in", () => {
    const at = walker.take(paidIn(walker), deed, ORDERED_AT + DAY);
    expect(at.state.closed).toBe(true);
    expect(gains(at)).toEqual({ buyer: -14_900n, seller: 14_900n });
    expect(gainsOf(at, DEED)).toEqual({ buyer: 1n, seller: -1n });
  });

  it("gives the price back without the deed; no other deed will do", () => {
    const at = paidIn(walker);
    expect(gains(walker.timedOut(at))).toEqual({});
    expect(gains(walker.take(at, choiceInput("seller", "cancel"), at.nowMs))).toEqual({});
    const other: Input = { ...deed, currency: KWH };
    expect(stepContract(crypto, walker.contract, at.state, other, at.nowMs)).toMatchObject({
      code: "contract-not-expected",
    });
  });
});

describe("parameters of a sale", () => {
  const wrong: [name: string, change: Partial<SaleParams>, where: string][] = [
    ["nothing to pay", { priceMinor: 0n }, "priceMinor"],
    ["no time to ship", { shipByMs: SALE.signByMs + 4 * MINUTE }, "shipByMs"],
    ["no time to look", { inspectByMs: SALE.shipByMs + DAY }, "inspectByMs"],
    ["a refund above the price", { disputedRefundMinor: 14_901n }, "disputedRefundMinor"],
    ["money for the same money", { asset: { currency: SALE.currency, amountMinor: 1n } }, "asset.currency"],
    ["a currency that is none", { asset: { currency: "DEED", amountMinor: 1n } }, "asset.currency"],
    ["an arbiter over a deed", { asset: DEED_SALE.asset, arbiter: ARBITER }, "arbiter"],
    [
      "a time to look at a deed",
      { asset: DEED_SALE.asset, inspectByMs: SALE.shipByMs + 3 * DAY },
      "inspectByMs",
    ],
    ["lines in what people read", { goods: "x".repeat(301) }, "goods"],
  ];
  it.each(wrong)("refuse %s", (_, change, where) => {
    try {
      saleTerms({ ...SALE, ...change });
    } catch (error) {
      expect(errorCode(error)).toBe("terms-invalid");
      expect((error as SegmentError).where).toBe(where);
      return;
    }
    expect.unreachable("the parameters were accepted");
  });
});
