import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toHex } from "../encoding/bytes.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { errorCode } from "../errors.ts";
import { MAX_PERIOD_MS, policyFields, readPolicy } from "./policy.ts";
import type { CurrencyPolicy } from "./policy.ts";

describe("a policy", () => {
  const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const periodMs = fc.integer({ min: 60_000, max: MAX_PERIOD_MS });
  const policies: fc.Arbitrary<CurrencyPolicy> = fc.oneof(
    fc.record({ kind: fc.constant("deed" as const), documentHash: key }),
    fc.record({
      kind: fc.constant("money" as const),
      minters: fc.uniqueArray(key, { minLength: 1, maxLength: 15, selector: toHex }),
      cap: fc.option(fc.record({ minor: fc.bigInt(1n, 2n ** 63n - 1n), periodMs })),
      demurrage: fc.option(fc.record({ ppm: fc.integer({ min: 1, max: 999_999 }), periodMs, fund: key })),
    }),
  );

  it("is read as it was written", () => {
    fc.assert(
      fc.property(policies, (policy) => {
        expect(readPolicy(FieldReader.fromBytes(encodeCbor(policyFields(policy)), "policy"))).toEqual(policy);
      }),
    );
  });

  it("never brings down its reader when it is mutated", () => {
    fc.assert(
      fc.property(policies, fc.nat(), fc.nat(255), (policy, at, to) => {
        const bytes = encodeCbor(policyFields(policy));
        bytes[at % bytes.length] = to;
        try {
          const read = readPolicy(FieldReader.fromBytes(bytes, "policy"));
          expect(toHex(encodeCbor(policyFields(read)))).toBe(toHex(bytes));
        } catch (error) {
          expect(errorCode(error)).toMatch(/^cbor-/);
        }
      }),
      { numRuns: 500 },
    );
  });
});
