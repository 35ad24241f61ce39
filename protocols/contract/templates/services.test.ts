import { describe, expect, it } from "vitest";
import { errorCode } from "../../errors.ts";
import type { SegmentError } from "../../errors.ts";
import { checkTerms } from "../check.ts";
import { stepContract } from "../machine.ts";
import type { Input } from "../machine.ts";
import { encodeTerms } from "../terms.ts";
import type { Role, Terms } from "../terms.ts";
import { choiceInput, crypto, DELIVERY, MINUTE, ORDERED_AT } from "../testing/delivery.ts";
import {
  allServices,
  ARBITER,
  CERTIFIER,
  COMMISSION,
  ENERGY,
  household,
  INSURER,
  PAYMENT_SERVICE,
  PLANS,
  RENTAL,
  SALE,
  SELLER,
  walkerOf,
} from "../testing/samples.ts";
import { gainsOf } from "../testing/walk.ts";
import type { Standing, Walker } from "../testing/walk.ts";
import { deliveryPlan } from "./delivery.ts";
import { energyPlan } from "./energy.ts";
import { CERTIFIED } from "./fact-kinds.ts";
import type { Plan } from "./plan.ts";
import { rentalPlan } from "./rental.ts";
import { salePlan } from "./sale.ts";
import { servicesSchema, termsOf, withServices } from "./services.ts";
import type { ServicesInput } from "./services.ts";

const gains = (at: Standing) => gainsOf(at, SALE.currency);
const SALE_PLAN = salePlan({ ...SALE, arbiter: ARBITER });

function woven(plan: Plan, services: ServicesInput): Terms {
  return withServices(plan, servicesSchema.parse(services), COMMISSION);
}

/** Price 149.00; fees 2.00, 1.50, 0.33, 1.01; cover 50.00; the network has 0.04, 0.03, 0.00, 0.02 of them. */
const walker = walkerOf(woven(SALE_PLAN, allServices(["seller"])));
const deposit = (by: Role, amount: bigint): Input => ({
  kind: "deposit",
  by,
  currency: SALE.currency,
  amount,
});

function certificate(of: Walker, timeMs: number): Input {
  return { kind: "facts", facts: [of.fact("certifier", CERTIFIED, [], timeMs)], preimages: [] };
}

/** All have deposited and certified: the sale begins. */
function begun(): Standing {
  const paid = walker.take(walker.opened(), deposit("buyer", 14_900n + 484n), ORDERED_AT + MINUTE);
  const covered = walker.take(paid, deposit("insurer", 5_000n), ORDERED_AT + 2 * MINUTE);
  return walker.take(covered, certificate(walker, ORDERED_AT + 3 * MINUTE), ORDERED_AT + 3 * MINUTE);
}

function after(...choices: [by: Role, name: string][]): Standing {
  return choices.reduce((at, [by, name]) => walker.take(at, choiceInput(by, name), at.nowMs), begun());
}

describe("services of a sale", () => {
  it("are all paid where the seller is, each less the network's part", () => {
    expect(gains(after(["seller", "ship"], ["buyer", "accept"]))).toEqual({
      buyer: -15_384n,
      seller: 14_900n,
      insurer: 196n,
      certifier: 147n,
      "payment-service": 33n,
      recommender: 99n,
      network: 9n,
    });
  });

  it("only the certifier is paid where it is called off", () => {
    expect(gains(after(["seller", "cancel"]))).toEqual({ buyer: -150n, certifier: 147n, network: 3n });
  });

  it("those for success are not paid where the loss is shared", () => {
    const disputed = after(["seller", "ship"], ["buyer", "object"]);
    expect(gains(walker.timedOut(disputed))).toEqual({
      buyer: -7_450n - 350n,
      seller: 7_450n,
      insurer: 196n,
      certifier: 147n,
      network: 7n,
    });
  });

  it("the cover goes to the insured where the arbiter has found the loss, and only there", () => {
    const lost = after(["seller", "ship"], ["buyer", "object"], ["arbiter", "for-the-buyer"]);
    expect(gains(lost)).toEqual({
      buyer: -350n,
      seller: 5_000n,
      insurer: 196n - 5_000n,
      certifier: 147n,
      network: 7n,
    });
    const won = after(["seller", "ship"], ["buyer", "object"], ["arbiter", "for-the-seller"]);
    expect(gains(won)["insurer"]).toBe(196n);
  });

  it("an insurer or a certifier who does not come makes it void, at nobody's cost", () => {
    const paid = walker.take(walker.opened(), deposit("buyer", 15_384n), ORDERED_AT + MINUTE);
    expect(paid.state.label).toBe("awaiting-cover");
    expect(gains(walker.timedOut(paid))).toEqual({});
    expect(gains(walker.take(paid, choiceInput("insurer", "decline"), paid.nowMs))).toEqual({});
    const covered = walker.take(paid, deposit("insurer", 5_000n), paid.nowMs);
    expect(covered.state.label).toBe("awaiting-certificate");
    expect(gains(walker.timedOut(covered))).toEqual({});
    expect(gains(walker.take(covered, choiceInput("certifier", "decline"), covered.nowMs))).toEqual({});
  });

  it("nobody but the certifier certifies", () => {
    const paid = walker.take(walker.opened(), deposit("buyer", 15_384n), ORDERED_AT + MINUTE);
    const covered = walker.take(paid, deposit("insurer", 5_000n), paid.nowMs);
    const facts = [walker.fact("seller", CERTIFIED, [], paid.nowMs)];
    const step = stepContract(
      crypto,
      walker.contract,
      covered.state,
      { kind: "facts", facts, preimages: [] },
      paid.nowMs,
    );
    expect(step).toMatchObject({ ok: false, code: "condition-not-met" });
  });

  it("work without a commission, and name no network then", () => {
    const services = servicesSchema.parse({ payment: { ...PAYMENT_SERVICE, feeMinor: 33n } });
    const terms = withServices(SALE_PLAN, services);
    expect(terms.beneficiaries).toEqual([]);
    const free = walkerOf(terms);
    const paid = free.take(free.opened(), deposit("buyer", 14_933n), ORDERED_AT);
    const shipped = free.take(paid, choiceInput("seller", "ship"), ORDERED_AT);
    expect(gains(free.timedOut(shipped))).toEqual({
      buyer: -14_933n,
      seller: 14_900n,
      "payment-service": 33n,
    });
  });

  it("leave the terms as they are where nobody joins", () => {
    expect(withServices(SALE_PLAN, undefined, COMMISSION)).toEqual(termsOf(SALE_PLAN));
  });
});

describe("services of a rental", () => {
  it("an insured guest whom the lock has refused gets the cover besides all it paid for the stay", () => {
    const rental = walkerOf(
      woven(rentalPlan(RENTAL), {
        insurer: { ...INSURER, feeMinor: 500n, coverMinor: 9_001n, insured: ["guest"] },
      }),
    );
    const paid = rental.take(rental.opened(), deposit("guest", 34_500n), ORDERED_AT + MINUTE);
    const booked = rental.take(paid, deposit("insurer", 9_001n), paid.nowMs);
    const open = rental.timedOut(booked);
    const disputed = rental.take(open, choiceInput("guest", "object"), RENTAL.arrivalMs);
    const unsettled = rental.timedOut(disputed);
    const facts = [rental.fact("lock", "refused", [], RENTAL.arrivalMs)];
    const ended = rental.take(unsettled, { kind: "facts", facts, preimages: [] }, unsettled.nowMs);
    expect(gains(ended)).toEqual({ guest: 9_001n - 500n, insurer: 490n - 9_001n, network: 10n });
  });

  it("two insured share the cover to the cent", () => {
    const both = { insurer: { ...INSURER, feeMinor: 10n, coverMinor: 5_001n, insured: ["shop", "buyer"] } };
    const terms = withServices(
      deliveryPlan({ ...DELIVERY, arbiter: ARBITER }),
      servicesSchema.parse({ ...both, joinMs: MINUTE }),
    );
    const text = JSON.stringify(terms, (_, value: unknown) =>
      typeof value === "bigint" ? value.toString() : value,
    );
    expect(text).toContain(
      '"to":"shop","currency":"' + SALE.currency + '","amount":{"kind":"constant","minor":"2501"}',
    );
    expect(text).toContain(
      '"to":"buyer","currency":"' + SALE.currency + '","amount":{"kind":"constant","minor":"2500"}',
    );
  });
});

describe("services that cannot join", () => {
  const insurer = (insured: string[]) => ({ insurer: { ...INSURER, feeMinor: 1n, coverMinor: 1n, insured } });
  const wrong: [name: string, make: () => Terms, code: string, where: string | undefined][] = [
    [
      "a loss that no ending names",
      () => woven(salePlan(SALE), insurer(["buyer"])),
      "terms-invalid",
      "services.insurer.insured",
    ],
    [
      "somebody who is no party",
      () => woven(SALE_PLAN, insurer(["mayor"])),
      "terms-invalid",
      "services.insurer.insured",
    ],
    [
      "the same insured twice",
      () => woven(SALE_PLAN, insurer(["buyer", "buyer"])),
      "terms-invalid",
      "services.insurer.insured",
    ],
    [
      "a certifier for whom there is no time",
      () => woven(deliveryPlan(DELIVERY), { certifier: { ...CERTIFIER, feeMinor: 1n } }),
      "terms-invalid",
      "services.joinMs",
    ],
    [
      "fees beyond the ledger",
      () => woven(SALE_PLAN, { payment: { ...PAYMENT_SERVICE, feeMinor: 2n ** 63n - 1n } }),
      "terms-invalid",
      "services",
    ],
    [
      "a service that is a party already",
      () => woven(SALE_PLAN, { payment: { ...SELLER, feeMinor: 1n } }),
      "terms-invalid",
      "terms.parties",
    ],
    [
      "more parties than terms have room for",
      () =>
        woven(
          energyPlan({
            ...ENERGY,
            households: [1, 2, 3, 4, 5, 6, 7].map((one) => ({ party: household(one), capMinor: 1n })),
          }),
          { payment: { ...PAYMENT_SERVICE, feeMinor: 1n } },
        ),
      "terms-invalid",
      "terms.parties",
    ],
  ];
  it.each(wrong)("are refused: %s", (_, make, code, where) => {
    try {
      make();
    } catch (error) {
      expect(errorCode(error)).toBe(code);
      expect((error as SegmentError).where).toBe(where);
      return;
    }
    expect.unreachable("the services were accepted");
  });

  it("are refused by their schema: for nothing, for no fee, for no cover", () => {
    expect(servicesSchema.safeParse({}).success).toBe(false);
    expect(servicesSchema.safeParse({ payment: { ...PAYMENT_SERVICE, feeMinor: 0n } }).success).toBe(false);
    const uncovered = { insurer: { ...INSURER, feeMinor: 1n, coverMinor: 0n, insured: ["buyer"] } };
    expect(servicesSchema.safeParse(uncovered).success).toBe(false);
  });
});

it.each(PLANS)("all at once fit into the bounds, and stay safe: %s", (_, plan, insured) => {
  const { insurer, ...others } = allServices(insured);
  const terms = woven(plan(), insured.length === 0 ? others : { ...others, insurer });
  expect(checkTerms(terms)).toEqual([]);
  expect(encodeTerms(terms).length).toBeLessThan(16_384);
});
