import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkTerms } from "../contract/check.ts";
import {
  ARBITER,
  BUYER,
  DELIVERY,
  DRONE,
  EUR,
  KWH,
  MINUTE,
  ORDERED_AT,
  POINT,
  SHOP,
  crypto,
} from "../contract/testing/delivery.ts";
import { deliveryTerms, type DeliveryParams } from "../contract/templates/delivery.ts";
import { encodeTerms, termsId, type Node, type Terms } from "../contract/terms.ts";
import { SegmentError } from "../errors.ts";
import { agentId } from "../identity/keys.ts";
import { checkPlan, MAX_RADIUS_MM, readPlan, type Expected } from "./plan.ts";

const terms = deliveryTerms(DELIVERY);
const bytes = encodeTerms(terms);

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof SegmentError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "accepted";
}

describe("readPlan", () => {
  it("reads what the devices need from the contract's own nodes", () => {
    const landBy = ORDERED_AT + 60 * MINUTE;
    const removeBy = ORDERED_AT + 70 * MINUTE;
    const margin = 2 * MINUTE;
    expect(readPlan(crypto, bytes)).toEqual({
      termsId: termsId(crypto, bytes),
      buyer: agentId(BUYER.identity),
      drone: agentId(DRONE.identity),
      shop: agentId(SHOP.identity),
      point: POINT,
      radiusMm: 15_000,
      currency: EUR,
      priceMinor: "2490",
      coverMinor: "0",
      signByMs: ORDERED_AT + 10 * MINUTE,
      payByMs: ORDERED_AT + 12 * MINUTE,
      payEndsMs: ORDERED_AT + 16 * MINUTE,
      landByMs: landBy,
      landClaimByMs: landBy + margin,
      removeByMs: removeBy,
      removeClaimByMs: removeBy + margin,
      landingEndsMs: removeBy + 2 * margin,
      endsMs: removeBy + margin + 24 * 60 * MINUTE + 2 * margin,
    });
  });

  it("ends with the arbiter's time where there is one", () => {
    const arbitrated = readPlan(crypto, encodeTerms(deliveryTerms({ ...DELIVERY, arbiter: ARBITER })));
    expect(arbitrated.endsMs).toBeGreaterThan(readPlan(crypto, bytes).endsMs + 6 * 24 * 60 * MINUTE);
  });

  it("reads whatever the template makes", () => {
    const minor = fc.bigInt({ min: 0n, max: 1_000_000n });
    const params = fc
      .record({
        goodsMinor: minor,
        deliveryFeeMinor: minor,
        share: fc.record({ fee: fc.integer({ min: 0, max: 50 }), penalty: fc.integer({ min: 0, max: 50 }) }),
        refund: fc.option(fc.integer({ min: 0, max: 100 })),
        radiusMm: fc.integer({ min: 1_000, max: 1_000_000 }),
        withArbiter: fc.boolean(),
      })
      .filter(({ goodsMinor, deliveryFeeMinor }) => goodsMinor + deliveryFeeMinor > 0n);
    fc.assert(
      fc.property(params, ({ goodsMinor, deliveryFeeMinor, share, refund, radiusMm, withArbiter }) => {
        const price = goodsMinor + deliveryFeeMinor;
        const input: DeliveryParams = {
          ...DELIVERY,
          goodsMinor,
          deliveryFeeMinor,
          noShowFeeMinor: (price * BigInt(share.fee)) / 100n,
          noShowPenaltyMinor: (price * BigInt(share.penalty)) / 100n,
          ...(refund === null ? {} : { disputedRefundMinor: (price * BigInt(refund)) / 100n }),
          radiusMm,
          ...(withArbiter ? { arbiter: ARBITER } : {}),
        };
        let made: Uint8Array;
        try {
          made = encodeTerms(deliveryTerms(input));
        } catch (error) {
          // The template refuses some numbers itself.
          expect(error).toBeInstanceOf(SegmentError);
          return;
        }
        expect(readPlan(crypto, made)).toMatchObject({ priceMinor: price.toString(), radiusMm });
      }),
      { numRuns: 100 },
    );
  });

  it("remembers what it has read, and takes no other terms for it", () => {
    const first = readPlan(crypto, bytes);
    expect(readPlan(crypto, bytes.slice())).toBe(first);
    expect(() => Object.assign(first, { buyer: first.drone })).toThrow(TypeError);
    for (let minor = 1n; minor < 8n; minor++) {
      const other = encodeTerms(deliveryTerms({ ...DELIVERY, goodsMinor: DELIVERY.goodsMinor + minor }));
      const raised = readPlan(crypto, other);
      expect(BigInt(raised.priceMinor)).toBe(BigInt(first.priceMinor) + minor);
      expect(raised.termsId).not.toEqual(first.termsId);
    }
    for (const at of [0, bytes.length >> 1, bytes.length - 1]) {
      const changed = bytes.slice();
      changed[at]! ^= 1;
      expect(refusal(() => readPlan(crypto, changed))).not.toBe("accepted");
    }
    expect(readPlan(crypto, bytes)).toEqual(first);
  });

  it("refuses another template, and bytes that are no terms", () => {
    const rental = encodeTerms({ ...terms, template: "rental/1" });
    expect(refusal(() => readPlan(crypto, rental))).toBe(
      "terms-invalid: the template is rental/1, not delivery/1",
    );
    expect(refusal(() => readPlan(crypto, new Uint8Array()))).toMatch(/^terms-invalid/);
  });

  const changed: [string, (node: Node) => Node, RegExp][] = [
    [
      "another first label",
      (node) => (at(node, "awaiting-deposit") ? { ...node, label: "begin" } : node),
      /awaiting-deposit/,
    ],
    ["no cancel for the drone", (node) => cases(node, "in-flight", (all) => all.slice(0, 1)), /differ/],
    [
      "no case for the meeting",
      (node) => cases(node, "in-flight", (all) => all.slice(1)),
      /no case for facts/,
    ],
    [
      "the shop may end the dispute",
      (node) =>
        cases(node, "disputable", (all) =>
          all.map((one) => (one.kind === "choice" && one.name === "accept" ? { ...one, by: "shop" } : one)),
        ),
      /differ/,
    ],
    [
      "a longer claim",
      (node) => (at(node, "may-land") ? { ...node, claimBy: node.claimBy + 1 } : node),
      /differ|disputeMs/,
    ],
    [
      "the rest to the shop",
      (node) => (node.kind === "pay" && node.to === "buyer" ? { ...node, to: "shop" } : node),
      /differ/,
    ],
  ];

  it.each(changed)("refuses terms that look like a delivery's, with %s", (_name, change, reason) => {
    const other = encodeTerms({ ...terms, contract: everywhere(terms.contract, change) });
    expect(refusal(() => readPlan(crypto, other))).toMatch(reason);
    expect(refusal(() => readPlan(crypto, other))).toMatch(/^terms-(invalid|unsafe)/);
  });

  it("refuses what may be safe, but is not the template's", () => {
    const moved: Terms = { ...terms, details: [...terms.details, ["note", "by the back door"]] };
    expect(checkTerms(moved)).toEqual([]);
    expect(refusal(() => readPlan(crypto, encodeTerms(moved)))).toMatch(/^terms-invalid: the terms differ/);
  });

  it("answers mutated bytes with a code, or reads a plan", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: bytes.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        (place, flip) => {
          const mutated = bytes.map((byte, index) => (index === place ? byte ^ flip : byte));
          expect(refusal(() => readPlan(crypto, mutated))).toMatch(
            /^(accepted|terms-[a-z-]+: |cbor-[a-z-]+: )/,
          );
        },
      ),
      { numRuns: 300 },
    );
  });
});

/** The tree with `change` made at each node, leaves first. */
function everywhere(node: Node, change: (node: Node) => Node): Node {
  switch (node.kind) {
    case "close":
      return change(node);
    case "pay":
      return change({ ...node, then: everywhere(node.then, change) });
    case "if":
      return change({ ...node, then: everywhere(node.then, change), else: everywhere(node.else, change) });
    case "when":
      return change({
        ...node,
        cases: node.cases.map((one) => ({ ...one, then: everywhere(one.then, change) })),
        onTimeout: everywhere(node.onTimeout, change),
      });
  }
}

type When = Extract<Node, { kind: "when" }>;

function at(node: Node, label: string): node is When {
  return node.kind === "when" && node.label === label;
}

function cases(node: Node, label: string, change: (cases: When["cases"]) => When["cases"]): Node {
  return at(node, label) ? { ...node, cases: change(node.cases) } : node;
}

describe("checkPlan", () => {
  const plan = readPlan(crypto, bytes);
  const expected: Expected = {
    network: "village",
    buyer: plan.buyer,
    shop: plan.shop,
    point: POINT,
    currency: EUR,
    maxPriceMinor: "2490",
    slotFrom: ORDERED_AT,
    slotUntil: plan.landByMs,
    now: plan.signByMs,
  };

  it("accepts what was wished for, to the last cent and millisecond", () => {
    expect(refusal(() => checkPlan(plan, terms, expected))).toBe("accepted");
    expect(refusal(() => checkPlan(plan, terms, { ...expected, slotFrom: plan.landByMs }))).toBe("accepted");
    expect(refusal(() => checkPlan({ ...plan, radiusMm: MAX_RADIUS_MM }, terms, expected))).toBe("accepted");
  });

  it.each<[string, Partial<Expected>, RegExp]>([
    ["network", { network: "town" }, /the network village/],
    ["buyer", { buyer: plan.shop }, /another buyer/],
    ["shop", { shop: plan.buyer }, /another shop/],
    ["currency", { currency: KWH }, /another currency/],
    ["price", { maxPriceMinor: "2489" }, /price is higher/],
    ["latitude", { point: { ...POINT, latitudeE7: POINT.latitudeE7 + 1 } }, /delivery point/],
    ["longitude", { point: { ...POINT, longitudeE7: POINT.longitudeE7 + 1 } }, /delivery point/],
    ["altitude", { point: { ...POINT, altitudeMm: POINT.altitudeMm + 1 } }, /delivery point/],
    ["slot's end", { slotUntil: plan.landByMs - 1 }, /after the slot/],
    ["slot's beginning", { slotFrom: plan.landByMs + 1 }, /before the slot/],
    ["time", { now: plan.signByMs + 1 }, /^terms-expired/],
  ])("refuses another %s", (_name, change, reason) => {
    expect(refusal(() => checkPlan(plan, terms, { ...expected, ...change }))).toMatch(reason);
  });

  it("refuses a circle that is too wide, and an arbiter", () => {
    const wide = { ...plan, radiusMm: MAX_RADIUS_MM + 1 };
    expect(refusal(() => checkPlan(wide, terms, expected))).toMatch(/too far/);
    const arbitrated = deliveryTerms({ ...DELIVERY, arbiter: ARBITER });
    expect(refusal(() => checkPlan(plan, arbitrated, expected))).toMatch(/nobody asked for/);
  });
});
