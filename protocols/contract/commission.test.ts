import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { requireCommission } from "./commission.ts";
import { deliveryPlan } from "./templates/delivery.ts";
import { servicesSchema, withServices } from "./templates/services.ts";
import type { ServicesInput } from "./templates/services.ts";
import { encodeTerms } from "./terms.ts";
import type { Node, Terms } from "./terms.ts";
import { ARBITER, DELIVERY, MINUTE, signerOf } from "./testing/delivery.ts";
import { deliveryTerms } from "./templates/delivery.ts";

const key = (seed: number) => ({
  identity: signerOf(seed).publicKey,
  account: signerOf(seed + 100).publicKey,
});
const FUND = signerOf(90).publicKey;
const COMMISSION = { account: FUND, ppm: 20_000 };

function served(fees: [bigint, bigint, bigint, bigint], ppm?: number): Terms {
  const services: ServicesInput = {
    insurer: { ...key(11), feeMinor: fees[0], coverMinor: 3_000n, insured: ["buyer", "shop"] },
    certifier: { ...key(12), feeMinor: fees[1] },
    payment: { ...key(13), feeMinor: fees[2] },
    recommendation: { ...key(14), feeMinor: fees[3] },
    joinMs: 5 * MINUTE,
  };
  const plan = deliveryPlan({ ...DELIVERY, arbiter: ARBITER });
  return withServices(
    plan,
    servicesSchema.parse(services),
    ppm === undefined ? undefined : { account: FUND, ppm },
  );
}

const FEES: [bigint, bigint, bigint, bigint] = [500n, 1_000n, 700n, 300n];

function refusal(terms: Terms, commission = COMMISSION): string {
  try {
    requireCommission(terms, commission);
    return "accepted";
  } catch (error) {
    return (error as { code: string }).code;
  }
}

function everywhere(node: Node, change: (node: Node) => Node): Node {
  if (node.kind === "pay") return change({ ...node, then: everywhere(node.then, change) });
  if (node.kind !== "when") return change(node);
  const cases = node.cases.map((one) => ({ ...one, then: everywhere(one.then, change) }));
  return change({ ...node, cases, onTimeout: everywhere(node.onTimeout, change) });
}

describe("a network's commission", () => {
  it("is in the terms that templates make, whatever fees and share", () => {
    const fee = fc.bigInt({ min: 1n, max: 1_000_000n });
    fc.assert(
      fc.property(fc.tuple(fee, fee, fee, fee), fc.integer({ min: 1, max: 999_999 }), (fees, ppm) => {
        expect(refusal(served(fees, ppm), { account: FUND, ppm })).toBe("accepted");
      }),
      { numRuns: 100 },
    );
  });

  it("is not asked where the network has none, or nobody earns a fee", () => {
    expect(() => requireCommission(served(FEES), undefined)).not.toThrow();
    expect(refusal(deliveryTerms(DELIVERY))).toBe("accepted");
  });

  it("is missed where it is left out, too small, or another's", () => {
    expect(refusal(served(FEES))).toBe("commission-missing");
    expect(refusal(served(FEES, 19_000))).toBe("commission-missing");
    const made = served(FEES, COMMISSION.ppm);
    const other = { ...made, beneficiaries: [{ role: "network", account: signerOf(91).publicKey }] };
    expect(refusal(other)).toBe("commission-missing");
  });

  it("is missed at a single ending", () => {
    const made = served(FEES, COMMISSION.ppm);
    let pays = 0;
    const count = (node: Node): Node => {
      if (node.kind === "pay" && node.to === "network") pays += 1;
      return node;
    };
    everywhere(made.contract, count);
    expect(pays).toBeGreaterThan(5);
    for (let left = 0; left < pays; left++) {
      let seen = 0;
      const cut = (node: Node): Node => {
        if (node.kind !== "pay" || node.to !== "network" || seen++ !== left) return node;
        // It goes to the rest.
        return node.then;
      };
      const other = { ...made, contract: everywhere(made.contract, cut) };
      encodeTerms(other);
      expect(refusal(other), `ending ${left}`).toBe("commission-missing");
    }
  });
});
