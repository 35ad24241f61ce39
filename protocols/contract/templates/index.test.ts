import { describe, expect, it } from "vitest";
import { utf8 } from "../../encoding/bytes.ts";
import type { SegmentError } from "../../errors.ts";
import { signerFromSeed } from "../../identity/keys.ts";
import { checkTerms } from "../check.ts";
import { EUR, ORDERED_AT, crypto } from "../testing/delivery.ts";
import { TEMPLATES, templateOf, termsFromParams } from "./index.ts";
import type { Json, TemplateContext } from "./index.ts";
import { deliveryTerms } from "./delivery.ts";

/** Everybody has keys made from the name; "nobody" has none, and the lock is bob's. */
const context: TemplateContext = {
  network: "village",
  nowMs: ORDERED_AT + 345,
  nonce: new Uint8Array(16).fill(7),
  party: (name) => (name === "nobody" ? undefined : keysOf(name)),
  currency: (code) => (code === "EUR" ? { id: EUR, exponent: 2 } : undefined),
};

function keysOf(name: string): { identity: Uint8Array; account: Uint8Array } {
  const key = (text: string) => signerFromSeed(crypto, crypto.sha256(utf8(text))).publicKey;
  return { identity: key(`${name}/device`), account: key(`${name === "lock-1" ? "bob" : name}/root`) };
}

describe("templates by name", () => {
  it.each(TEMPLATES.map((one) => [one.name, one] as const))(
    "make safe terms of the example: %s",
    (name, template) => {
      const terms = termsFromParams(name, template.example(ORDERED_AT), context);
      expect(checkTerms(terms)).toEqual([]);
      expect(terms).toMatchObject({
        network: "village",
        template: `${name}/${template.version}`,
        notBefore: ORDERED_AT,
      });
      expect(terms.parties.length).toBeGreaterThanOrEqual(2);
    },
  );

  it("are found with and without their version", () => {
    expect(templateOf("sale/1")).toBe(templateOf("sale"));
    expect(() => templateOf("sale/2")).toThrowError(/there are delivery, /);
  });

  it("read every parameter as the template takes it", () => {
    const json = templateOf("delivery").example(ORDERED_AT);
    const terms = termsFromParams("delivery", { ...json, radius: "12.5 m", dispute: "2 h" }, context);
    const same = deliveryTerms({
      network: "village",
      nonce: context.nonce,
      buyer: keysOf("alice"),
      drone: keysOf("drone-1"),
      shop: keysOf("bakery"),
      currency: EUR,
      goodsMinor: 1_990n,
      deliveryFeeMinor: 500n,
      noShowFeeMinor: 300n,
      noShowPenaltyMinor: 200n,
      point: { latitudeE7: 457_772_000, longitudeE7: 30_870_000, altitudeMm: 410_000 },
      address: "12 rue des Lilas, Clermont-Ferrand",
      goods: "2 loaves of bread",
      orderedAtMs: ORDERED_AT,
      signByMs: ORDERED_AT + 600_000,
      landByMs: ORDERED_AT + 3_600_000,
      removeByMs: ORDERED_AT + 4_200_000,
      radiusMm: 12_500,
      disputeMs: 7_200_000,
    });
    expect(terms).toEqual(same);
  });
});

describe("parameters that are wrong", () => {
  const sale = templateOf("sale").example(ORDERED_AT);
  const wrong: [name: string, change: Record<string, Json>, code: string, where: string, says: RegExp][] = [
    ["a name that is not known", { colour: "red" }, "terms-invalid", "colour", /known are buyer, seller/],
    ["an amount with a comma", { price: "149,00" }, "amount-invalid", "price", /price: not an amount/],
    ["an amount too precise", { price: "149.001" }, "amount-invalid", "price", /more than 2 decimals/],
    ["an amount in another currency", { price: "149.00 CHF" }, "amount-invalid", "price", /not an amount/],
    ["a negative amount", { price: "-1" }, "amount-invalid", "price", /not an amount/],
    ["nothing to pay", { price: "0.00" }, "terms-invalid", "price", /price/],
    ["an amount beyond the ledger", { price: "92233720368547758.08" }, "amount-overflow", "price", /2\^63/],
    ["a float", { price: 14.5 }, "terms-invalid", "price", /between quotes/],
    ["nobody's name", { buyer: "nobody" }, "terms-invalid", "buyer", /nobody is called/],
    ["an unknown currency", { currency: "XYZ" }, "currency-unknown", "currency", /no currency "XYZ"/],
    ["a day that is none", { shipBy: "2026-02-29" }, "terms-invalid", "shipBy", /no such time/],
    ["a time without its zone", { shipBy: "2026-03-08T10:00" }, "terms-invalid", "shipBy", /not a time/],
    ["a deadline before another", { shipBy: "2026-03-04" }, "terms-invalid", "shipBy", /after signBy/],
    ["a span without a unit", { dispute: "15" }, "terms-invalid", "dispute", /not a span/],
    ["a service for nothing", { services: {} }, "terms-invalid", "", /names no service/],
    ["a list", { services: [] }, "terms-invalid", "services", /not an object/],
    [
      "a refund above the price",
      { disputedRefund: "150" },
      "terms-invalid",
      "disputedRefund",
      /above the price/,
    ],
  ];
  it.each(wrong)("refuse %s", (_, change, code, where, says) => {
    try {
      termsFromParams("sale", { ...sale, ...change }, context);
    } catch (error) {
      expect(error).toMatchObject({ name: "SegmentError", code, where });
      expect((error as SegmentError).message).toMatch(says);
      return;
    }
    expect.unreachable("the parameters were accepted");
  });

  it.each([null, 7, "sale", [], new Map()])("refuse what is no object: %s", (json) => {
    expect(() => termsFromParams("sale", json, context)).toThrowError(/not an object|currency/);
  });

  it("refuse a missing name, and say what to write", () => {
    const { price: _, ...without } = sale;
    expect(() => termsFromParams("sale", without, context)).toThrowError(
      'price: is missing: an amount such as "24.90"',
    );
  });
});
