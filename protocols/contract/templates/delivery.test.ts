import { describe, expect, it } from "vitest";
import { errorCode } from "../../errors.ts";
import type { SegmentError } from "../../errors.ts";
import { checkTerms, endings, howItEnds } from "../check.ts";
import { stepContract } from "../machine.ts";
import type { ContractState, Input } from "../machine.ts";
import type { Contract } from "../terms.ts";
import {
  ARBITER,
  arbitrated,
  BUYER,
  choiceInput,
  crypto,
  DELIVERY,
  delivery,
  deliveryIn,
  DEPOSIT,
  done,
  DRONE,
  factsInput,
  meetingFacts,
  MINUTE,
  ORDERED_AT,
  parcelFact,
  POINT,
  run,
  SHOP,
} from "../testing/delivery.ts";
import { deliveryTerms } from "./delivery.ts";
import type { DeliveryParams } from "./delivery.ts";

type Gains = Record<string, bigint>;

function gainsOf(contract: Contract, state: ContractState, input: Input, nowMs: number): Gains {
  const { state: after, payments } = done(stepContract(crypto, contract, state, input, nowMs));
  expect(after.closed).toBe(true);
  expect(after.pot).toEqual([]);
  const gains: Gains = {};
  for (const { to, amount } of payments) gains[to] = (gains[to] ?? 0n) + amount;
  return gains;
}

const PAID: Gains = { shop: 1_990n, drone: 500n };
const NO_SHOW: Gains = { drone: 300n, shop: 200n, buyer: 1_990n };
const REMOVED_AT = ORDERED_AT + 32 * MINUTE;

describe("a delivery that goes well", () => {
  it("waits for the deposit, flies, may land, and pays shop and drone", () => {
    expect(deliveryIn("in-flight").label).toBe("in-flight");
    const landing = deliveryIn("may-land");
    expect(landing).toMatchObject({ label: "may-land", seq: 2, closed: false });
    expect(landing.pot).toEqual([[DELIVERY.currency, 2_490n]]);
    const both = factsInput(
      parcelFact(delivery, DRONE.identity, REMOVED_AT),
      parcelFact(delivery, BUYER.identity, REMOVED_AT + 500),
    );
    expect(gainsOf(delivery, landing, both, REMOVED_AT + 1_000)).toEqual(PAID);
  });

  it("credits the shop first and the drone with the rest", () => {
    const both = factsInput(
      parcelFact(delivery, DRONE.identity, REMOVED_AT),
      parcelFact(delivery, BUYER.identity, REMOVED_AT),
    );
    const step = done(stepContract(crypto, delivery, deliveryIn("may-land"), both, REMOVED_AT));
    expect(step.payments.map(({ to, amount }) => [to, amount])).toEqual([
      ["shop", 1_990n],
      ["drone", 500n],
    ]);
  });

  it("counts evidence that reaches the log after the deadline but before the last claim", () => {
    const removeBy = ORDERED_AT + 70 * MINUTE;
    const both = factsInput(
      parcelFact(delivery, DRONE.identity, removeBy),
      parcelFact(delivery, BUYER.identity, removeBy),
    );
    expect(gainsOf(delivery, deliveryIn("may-land"), both, removeBy + 2 * MINUTE)).toEqual(PAID);
    const late = stepContract(crypto, delivery, deliveryIn("may-land"), both, removeBy + 2 * MINUTE + 1);
    expect(late).toMatchObject({ ok: false, code: "contract-too-late" });
  });
});

describe("a delivery that does not go well", () => {
  it("ends without a deposit, at nobody's cost", () => {
    const step = run(delivery, [[{ kind: "timeout" }, ORDERED_AT + 16 * MINUTE]]);
    expect(step).toMatchObject({ state: { closed: true, label: "closed", pot: [] }, payments: [] });
  });

  it("pays flight and penalty when the buyer does not come", () => {
    const after = ORDERED_AT + 64 * MINUTE;
    expect(gainsOf(delivery, deliveryIn("in-flight"), { kind: "timeout" }, after)).toEqual(NO_SHOW);
  });

  it("pays flight and penalty when nobody takes the parcel", () => {
    const after = ORDERED_AT + 74 * MINUTE;
    expect(gainsOf(delivery, deliveryIn("may-land"), { kind: "timeout" }, after)).toEqual(NO_SHOW);
  });

  it.each(["in-flight", "may-land"] as const)("gives everything back when the drone cancels: %s", (label) => {
    const cancel = choiceInput("drone", "cancel");
    const gains = gainsOf(delivery, deliveryIn(label), cancel, ORDERED_AT + 35 * MINUTE);
    expect(gains).toEqual({ buyer: 2_490n });
  });

  it.each(["buyer", "shop"])("lets nobody but the drone cancel: %s", (by) => {
    const step = stepContract(
      crypto,
      delivery,
      deliveryIn("in-flight"),
      choiceInput(by, "cancel"),
      ORDERED_AT,
    );
    expect(step).toMatchObject({ ok: false, code: "contract-not-expected" });
  });
});

describe("who lies", () => {
  const disputed = deliveryIn("disputable");
  const objectedAt = ORDERED_AT + 60 * MINUTE;

  it("the drone alone is not paid at once", () => {
    const word = factsInput(parcelFact(delivery, DRONE.identity, REMOVED_AT));
    const step = done(stepContract(crypto, delivery, deliveryIn("may-land"), word, REMOVED_AT));
    expect(step.payments).toEqual([]);
    expect(step.state.label).toBe("disputable");
  });

  it("the buyer alone, or with another body, settles nothing", () => {
    const landing = deliveryIn("may-land");
    const alone = factsInput(parcelFact(delivery, BUYER.identity, REMOVED_AT));
    expect(stepContract(crypto, delivery, landing, alone, REMOVED_AT)).toMatchObject({
      ok: false,
      code: "condition-not-met",
    });
    const differing = factsInput(
      parcelFact(delivery, DRONE.identity, REMOVED_AT),
      parcelFact(delivery, BUYER.identity, REMOVED_AT, 1),
    );
    expect(done(stepContract(crypto, delivery, landing, differing, REMOVED_AT)).state.label).toBe(
      "disputable",
    );
  });

  it("silence of the buyer accepts the drone's word; so does saying so", () => {
    const end = disputed.deadlines!.refundFrom;
    expect(gainsOf(delivery, disputed, { kind: "timeout" }, end)).toEqual(PAID);
    expect(gainsOf(delivery, disputed, choiceInput("buyer", "accept"), objectedAt)).toEqual(PAID);
  });

  it("word against word shares the loss: nobody wins all", () => {
    const gains = gainsOf(delivery, disputed, choiceInput("buyer", "object"), objectedAt);
    expect(gains).toEqual({ buyer: 1_245n, shop: 995n, drone: 250n });
  });

  it("an arbiter decides, and shares the loss by silence", () => {
    const before = deliveryIn("disputable", arbitrated);
    const { state } = done(
      stepContract(crypto, arbitrated, before, choiceInput("buyer", "object"), objectedAt),
    );
    expect(state.label).toBe("arbitration");
    const rule = (name: string): Gains =>
      gainsOf(arbitrated, state, choiceInput("arbiter", name), objectedAt + MINUTE);
    expect(rule("delivered")).toEqual(PAID);
    expect(rule("not-delivered")).toEqual({ buyer: 2_490n });
    const silent = gainsOf(arbitrated, state, { kind: "timeout" }, state.deadlines!.refundFrom);
    expect(silent).toEqual({ buyer: 1_245n, shop: 995n, drone: 250n });
  });

  it("a phone elsewhere does not make the drone land", () => {
    const timeMs = ORDERED_AT + 30 * MINUTE;
    const away = { ...POINT, longitudeE7: POINT.longitudeE7 + 104_400 };
    const facts = meetingFacts(delivery, { timeMs, buyerAt: away });
    const step = stepContract(crypto, delivery, deliveryIn("in-flight"), factsInput(...facts), timeMs);
    expect(step).toEqual({
      ok: false,
      code: "condition-not-met",
      message: "buyer is 812 m from the point, 15 m allowed",
    });
  });
});

describe("the template", () => {
  it("is safe, and ends in nine ways without an arbiter, eleven with", () => {
    expect(checkTerms(delivery.terms)).toEqual([]);
    expect(checkTerms(arbitrated.terms)).toEqual([]);
    expect(
      endings(delivery.terms)
        .map(howItEnds)
        .map((how) => how.at(-1)),
    ).toEqual([
      "facts in may-land",
      "buyer chooses object",
      "buyer chooses accept",
      "disputable times out",
      "drone chooses cancel",
      "may-land times out",
      "drone chooses cancel",
      "in-flight times out",
      "awaiting-deposit times out",
    ]);
    expect(endings(arbitrated.terms)).toHaveLength(11);
  });

  it("leaves payments of zero out", () => {
    const free = { noShowFeeMinor: 0n, noShowPenaltyMinor: 0n, goodsMinor: 0n };
    const terms = deliveryTerms({ ...DELIVERY, ...free });
    expect(checkTerms(terms)).toEqual([]);
    expect(
      endings(terms)
        .flatMap((ending) => ending.payouts)
        .filter((payout) => payout.max === 0n),
    ).toEqual([]);
  });

  it("holds for one owner of drone and shop, and refuses an arbiter who is the shop", () => {
    expect(() => deliveryTerms({ ...DELIVERY, drone: { ...DRONE, account: SHOP.account } })).not.toThrow();
    const biased = { ...DELIVERY, arbiter: { ...ARBITER, account: SHOP.account } };
    expect(() => deliveryTerms(biased)).toThrowError(/arbitration|more than it put in/);
  });

  const wrong: [name: string, change: Partial<DeliveryParams>, where: string][] = [
    ["a foreign currency text", { currency: "EUR" }, "currency"],
    ["a short key", { buyer: { ...BUYER, identity: new Uint8Array(31) } }, "buyer.identity"],
    [
      "nothing to pay",
      { goodsMinor: 0n, deliveryFeeMinor: 0n, noShowFeeMinor: 0n, noShowPenaltyMinor: 0n },
      "goodsMinor",
    ],
    ["a negative price", { goodsMinor: -1n }, "goodsMinor"],
    ["a no-show above the price", { noShowFeeMinor: 2_291n }, "noShowFeeMinor"],
    ["a refund above the price", { disputedRefundMinor: 2_491n }, "disputedRefundMinor"],
    ["a price beyond the ledger", { goodsMinor: 2n ** 63n - 1n }, "goodsMinor"],
    ["no time to fly", { landByMs: DELIVERY.signByMs + 4 * MINUTE }, "landByMs"],
    ["no time to take the parcel", { removeByMs: DELIVERY.landByMs + 2 * MINUTE }, "removeByMs"],
    ["a point off the Earth", { point: { ...POINT, latitudeE7: 900_000_001 } }, "point.latitudeE7"],
    ["no time to object", { disputeMs: 59_999 }, "disputeMs"],
    ["a float", { landByMs: DELIVERY.landByMs + 0.5 }, "landByMs"],
    ["signing before ordering", { signByMs: ORDERED_AT - 1 }, "signByMs"],
  ];
  it.each(wrong)("refuses %s", (_, change, where) => {
    try {
      deliveryTerms({ ...DELIVERY, ...change });
    } catch (error) {
      expect(errorCode(error)).toBe("terms-invalid");
      expect((error as SegmentError).where).toBe(where);
      return;
    }
    expect.unreachable("the parameters were accepted");
  });

  it("refuses lines smuggled into what people read", () => {
    const goods = "bread\nThe buyer gets everything.";
    expect(() => deliveryTerms({ ...DELIVERY, goods })).toThrowError(/line breaks/);
  });

  it("begins by waiting for exactly the price", () => {
    const short: Input = { ...DEPOSIT, amount: 2_489n } as Input;
    expect(() => run(delivery, [[short, ORDERED_AT]])).toThrowError(/2490 minor units are due, not 2489/);
    const generous: Input = { ...DEPOSIT, amount: 2_491n } as Input;
    expect(() => run(delivery, [[generous, ORDERED_AT]])).toThrowError(/2490 minor units are due, not 2491/);
  });
});
