import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { portableCrypto as crypto } from "../crypto/portable.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import { sign1 } from "../identity/cose.ts";
import { signerFromSeed } from "../identity/keys.ts";
import { medianTime, openNoRelease, openStamp, seenTimes, signNoRelease, signStamp } from "./statements.ts";

const key = (value: number): Uint8Array => new Uint8Array(32).fill(value);
const signers = [1, 2, 3, 4].map((value) => signerFromSeed(crypto, key(value)));
const committee = {
  crypto,
  networkHash: key(9),
  zone: "main",
  committee: signers.map(({ publicKey }) => publicKey),
};
const stamp = {
  height: 5,
  timeMs: 1_000,
  seen: [
    { entryId: key(7), timeMs: 400 },
    { entryId: key(6), timeMs: 500 },
  ],
};

describe("a stamp", () => {
  it("is read as it was signed, its entries sorted", () => {
    const bytes = signStamp(committee, signers[2]!, stamp);
    expect(openStamp(committee, bytes)).toEqual({
      ...stamp,
      notary: 2,
      seen: [...stamp.seen].reverse(),
      bytes,
    });
  });

  it("counts only by a member, for this network and zone", () => {
    const stranger = signerFromSeed(crypto, key(5));
    for (const [scope, signer] of [
      [committee, stranger],
      [{ ...committee, networkHash: key(8) }, signers[0]!],
      [{ ...committee, zone: "north" }, signers[0]!],
    ] as const) {
      expect(() => openStamp(committee, signStamp(scope, signer, stamp))).toThrow(
        expect.objectContaining({ code: "receipt-foreign" }),
      );
    }
  });

  it("dates no entry after itself", () => {
    const bytes = signStamp(committee, signers[0]!, { ...stamp, seen: [{ entryId: key(7), timeMs: 1_001 }] });
    expect(() => openStamp(committee, bytes)).toThrow(expect.objectContaining({ code: "cbor-wrong-shape" }));
  });

  it("is not a statement, nor a statement a stamp", () => {
    const statement = signNoRelease(committee, signers[0]!, { termsId: key(1), seq: 2, timeMs: 3 });
    expect(openNoRelease(committee, statement)).toMatchObject({
      notary: 0,
      termsId: key(1),
      seq: 2,
      timeMs: 3,
    });
    expect(() => openStamp(committee, statement)).toThrow(
      expect.objectContaining({ code: "signature-invalid" }),
    );
    const payload = encodeCbor([1, key(9), key(1), 2, 3]);
    expect(() => openNoRelease(committee, sign1("stamp", payload, signers[0]!))).toThrow(
      expect.objectContaining({ code: "signature-invalid" }),
    );
  });
});

describe("log time", () => {
  it("is the median, the lower one of an even number", () => {
    expect(medianTime([5])).toBe(5);
    expect(medianTime([9, 1, 5])).toBe(5);
    expect(medianTime([9, 1, 5, 7])).toBe(5);
  });

  it("lies between honest clocks, whatever f of 2f+1 or of 3f+1 say", () => {
    const clocks = fc
      .integer({ min: 0, max: 4 })
      .chain((f) =>
        fc.tuple(
          fc.array(fc.integer({ min: -1e6, max: 1e6 }), { minLength: f + 1, maxLength: 2 * f + 1 }),
          fc.array(fc.integer({ min: -1e15, max: 1e15 }), { minLength: f, maxLength: f }),
        ),
      );
    const property = fc.property(clocks, ([honest, liars]) => {
      const found = medianTime([...liars, ...honest]);
      expect(found).toBeGreaterThanOrEqual(Math.min(...honest));
      expect(found).toBeLessThanOrEqual(Math.max(...honest));
    });
    fc.assert(property, { numRuns: 500 });
  });

  it("of one entry is the median of who saw it when; who did not say so saw it at the stamp", () => {
    const stamps = [
      { notary: 0, height: 1, timeMs: 1_000, seen: [{ entryId: key(1), timeMs: 100 }], bytes: key(0) },
      { notary: 1, height: 1, timeMs: 1_010, seen: [{ entryId: key(1), timeMs: 120 }], bytes: key(0) },
      { notary: 2, height: 1, timeMs: 1_020, seen: [{ entryId: key(2), timeMs: 5 }], bytes: key(0) },
    ];
    expect([...seenTimes(stamps).values()]).toEqual([120, 1_000]);
  });
});
