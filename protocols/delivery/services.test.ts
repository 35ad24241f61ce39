import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ARBITER, crypto, DELIVERY, MINUTE, signerOf } from "../contract/testing/delivery.ts";
import { deliveryPlan } from "../contract/templates/delivery.ts";
import { servicesSchema, withServices } from "../contract/templates/services.ts";
import type { ServicesInput } from "../contract/templates/services.ts";
import { encodeTerms } from "../contract/terms.ts";
import type { Case, Node, Terms, When } from "../contract/terms.ts";
import { SegmentError } from "../errors.ts";
import { readPlan } from "./plan.ts";

const key = (seed: number) => ({
  identity: signerOf(seed).publicKey,
  account: signerOf(seed + 100).publicKey,
});
const COMMISSION = { account: signerOf(90).publicKey, ppm: 20_000 };
const PRICE = 2_490n;
const SERVICES: ServicesInput = {
  insurer: { ...key(11), feeMinor: 50n, coverMinor: 3_000n, insured: ["buyer", "shop"] },
  certifier: { ...key(12), feeMinor: 100n },
  payment: { ...key(13), feeMinor: 7n },
  recommendation: { ...key(14), feeMinor: 51n },
  joinMs: 5 * MINUTE,
};

function served(services: ServicesInput, commission?: typeof COMMISSION, arbitrated = true): Terms {
  const plan = deliveryPlan({ ...DELIVERY, ...(arbitrated ? { arbiter: ARBITER } : {}) });
  return withServices(plan, servicesSchema.parse(services), commission);
}

const terms = served(SERVICES, COMMISSION);

function refusal(changed: Terms): string {
  try {
    readPlan(crypto, encodeTerms(changed));
  } catch (error) {
    if (error instanceof SegmentError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "accepted";
}

/** The tree with `change` made at each node, leaves first. */
function everywhere(node: Node, change: (node: Node) => Node): Node {
  if (node.kind === "pay") return change({ ...node, then: everywhere(node.then, change) });
  if (node.kind !== "when") return change(node);
  const cases = node.cases.map((one) => ({ ...one, then: everywhere(one.then, change) }));
  return change({ ...node, cases, onTimeout: everywhere(node.onTimeout, change) });
}

const at =
  (label: string, change: (step: When) => Node) =>
  (node: Node): Node =>
    node.kind === "when" && node.label === label ? change(node) : node;
const cases = (label: string, change: (all: Case[]) => Case[]) =>
  at(label, (step) => ({ ...step, cases: change(step.cases) }));
const pay = (to: string, minor: bigint, then: Node): Node => ({
  ...{ kind: "pay", to, currency: DELIVERY.currency, amount: { kind: "constant", minor }, then },
});
const changed = (change: (node: Node) => Node): Terms => ({
  ...terms,
  contract: everywhere(terms.contract, change),
});

describe("a delivery that services have joined", () => {
  it("is the same to its devices but for the price, the cover and when it can fly at the latest", () => {
    const alone = readPlan(crypto, encodeTerms(served({ payment: { ...key(13), feeMinor: 1n } })));
    const plan = readPlan(crypto, encodeTerms(terms));
    const { payEndsMs, termsId: _id, priceMinor: _price, coverMinor: _cover, ...rest } = plan;
    expect(alone).toMatchObject(rest);
    expect(alone).toMatchObject({ priceMinor: "2491", coverMinor: "0" });
    expect(plan).toMatchObject({ priceMinor: (PRICE + 208n).toString(), coverMinor: "3000" });
    // Insurer and certifier have five minutes each, and each its margins.
    expect(payEndsMs - alone.payEndsMs).toBe(2 * (5 + 2) * MINUTE);
  });

  it("is read whoever joins, with a commission or without, with an arbiter or without", () => {
    const names = ["insurer", "certifier", "payment", "recommendation"] as const;
    const fee = fc.bigInt({ min: 1n, max: 500n });
    fc.assert(
      fc.property(
        fc.subarray([...names], { minLength: 1 }),
        fc.tuple(fee, fee, fee, fee),
        fc.integer({ min: 0, max: 999_999 }),
        fc.boolean(),
        (joined, fees, ppm, arbitrated) => {
          // Without an arbiter no ending is a loss that could be insured.
          const present = joined.filter((name) => arbitrated || name !== "insurer");
          if (present.length === 0) return;
          const chosen = names.flatMap((name, index) =>
            present.includes(name) ? [[name, { ...SERVICES[name], feeMinor: fees[index] }]] : [],
          );
          const input = { joinMs: 5 * MINUTE, ...Object.fromEntries(chosen) } as ServicesInput;
          const made = served(input, { ...COMMISSION, ppm }, arbitrated);
          const total = names.reduce(
            (sum, name, index) => (present.includes(name) ? sum + fees[index]! : sum),
            PRICE,
          );
          expect(readPlan(crypto, encodeTerms(made)).priceMinor).toBe(total.toString());
        },
      ),
      { numRuns: 100 },
    );
  });

  const certified: Case = {
    kind: "facts",
    condition: { kind: "attest", role: "certifier", factKind: "certified", maxAgeMs: 60_000 },
    then: { kind: "close" },
  };
  const wrong: [string, Terms, RegExp][] = [
    [
      "a service's word releases the price",
      changed(cases("may-land", ([first, ...others]) => [{ ...certified, then: first!.then }, ...others])),
      /differ/,
    ],
    [
      "a service's word lets the drone land",
      changed(
        cases("in-flight", ([first, ...others]) => [first!, { ...certified, then: first!.then }, ...others]),
      ),
      /differ/,
    ],
    [
      "the buyer need not be near",
      changed(
        cases("in-flight", ([first, ...others]) => {
          if (first?.kind !== "facts" || first.condition.kind !== "and") throw new Error("no meeting");
          const [drone, , met] = first.condition.all;
          return [{ ...first, condition: { kind: "and", all: [drone!, met!] } }, ...others];
        }),
      ),
      /differ/,
    ],
    [
      "a service may call off the flight",
      changed(
        cases("in-flight", (all) => [
          ...all,
          ...all.flatMap((one) =>
            one.kind === "choice" ? [{ ...one, by: "insurer", name: "decline" }] : [],
          ),
        ]),
      ),
      /differ/,
    ],
    [
      "the certifier may let it land before it flies",
      changed(at("awaiting-certificate", (step) => ({ ...step, label: "may-land" }))),
      /in-flight/,
    ],
    [
      "the payment service certifies",
      changed(
        cases("awaiting-certificate", ([first, ...others]) => {
          if (first?.kind !== "facts" || first.condition.kind !== "attest") throw new Error("no certificate");
          return [{ ...first, condition: { ...first.condition, role: "payment-service" } }, ...others];
        }),
      ),
      /differ/,
    ],
    [
      "the certifier's silence costs the buyer",
      changed(
        at("awaiting-certificate", (step) => ({
          ...step,
          onTimeout: pay("certifier", 100n, step.onTimeout),
        })),
      ),
      /differ/,
    ],
    [
      "the insurer's silence costs the buyer",
      changed(at("awaiting-cover", (step) => ({ ...step, onTimeout: pay("insurer", 1n, step.onTimeout) }))),
      /differ/,
    ],
    [
      "a service is paid before the end",
      changed(
        cases("in-flight", ([first, ...others]) => [
          { ...first!, then: pay("payment-service", 7n, first!.then) },
          ...others,
        ]),
      ),
      /./,
    ],
    [
      "a service has the drone's pay at one ending",
      changed(at("in-flight", (step) => ({ ...step, onTimeout: pay("recommender", 100n, step.onTimeout) }))),
      /for services/,
    ],
    [
      "one who is no service takes part",
      {
        ...changed((node) =>
          node.kind === "pay" && node.to === "recommender" ? { ...node, to: "friend" } : node,
        ),
        parties: terms.parties.map((party) =>
          party.role === "recommender" ? { ...party, role: "friend" } : party,
        ),
      },
      /"friend" is no service/,
    ],
    [
      "one who is no service is to be paid",
      { ...terms, beneficiaries: [...terms.beneficiaries, { role: "friend", account: key(20).account }] },
      /"friend" is to be paid/,
    ],
    [
      "a note is hidden in it",
      { ...terms, details: [...terms.details, ["note", "by the back door"]] },
      /differ/,
    ],
  ];

  it.each(wrong)("is refused where %s", (_what, other, reason) => {
    expect(other).not.toEqual(terms);
    const why = refusal(other);
    expect(why).toMatch(/^terms-(invalid|unsafe): /);
    expect(why).toMatch(reason);
  });

  it("answers mutated bytes with a code, or reads a plan", () => {
    const bytes = encodeTerms(terms);
    const place = fc.integer({ min: 0, max: bytes.length - 1 });
    fc.assert(
      fc.property(place, fc.integer({ min: 1, max: 255 }), (where, flip) => {
        const mutated = bytes.map((byte, index) => (index === where ? byte ^ flip : byte));
        try {
          readPlan(crypto, mutated);
        } catch (error) {
          expect(error).toBeInstanceOf(SegmentError);
          expect((error as SegmentError).code).not.toBe("internal");
        }
      }),
      { numRuns: 200 },
    );
  });
});
