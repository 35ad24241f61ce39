import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromHex, toHex } from "../encoding/bytes.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import type { CborValue } from "../encoding/cbor.ts";
import { errorCode, SegmentError } from "../errors.ts";
import { sign1 } from "../identity/cose.ts";
import {
  countersignFact,
  MAX_FACT_BYTES,
  metBody,
  openFact,
  parcelRemovedBody,
  positionBody,
  readMet,
  readParcelRemoved,
  readPosition,
  signFact,
} from "./facts.ts";
import type { FactContent } from "./facts.ts";
import { crypto, ORDERED_AT, POINT, signerOf } from "./testing/delivery.ts";

const GOLDEN =
  "d2845826a201270458208139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394" +
  "a0581d850168706f736974696f6ef601831a1b490be01a01d709f01a00064190" +
  "58404ae29c01212f025e503e602820b7b40ec2298e4510c746db4910e5933244b3bc" +
  "421330e66df8968449702673c619db57b0bc62305964e3bb11c80f2d721a2100";
const drone = signerOf(2);
const phone = signerOf(1);
const subject = new Uint8Array(32).fill(0xc0);
const position: FactContent = { kind: "position", subject, timeMs: ORDERED_AT, body: positionBody(POINT) };

const codeOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    return errorCode(error);
  }
  return "none";
};

describe("a fact", () => {
  it("is read as it was signed, with its signer and the received bytes", () => {
    const bytes = signFact(drone, position);
    expect(openFact(crypto, bytes)).toEqual({ ...position, signer: drone.publicKey, bytes });
    expect(readPosition(openFact(crypto, bytes))).toEqual(POINT);
  });

  it("has one form (golden vector)", () => {
    const bytes = signFact(drone, { ...position, subject: null, timeMs: 1 });
    expect(toHex(bytes)).toBe(GOLDEN);
    expect(openFact(crypto, fromHex(GOLDEN))).toMatchObject({ kind: "position", subject: null, timeMs: 1 });
  });

  it("fails when any bit of it is changed", () => {
    const bytes = signFact(drone, position);
    for (let index = 0; index < bytes.length; index++) {
      const changed = bytes.slice();
      changed[index]! ^= 1 << (index % 8);
      expect(["signature-invalid", "signature-malformed"]).toContain(codeOf(() => openFact(crypto, changed)));
    }
  }, 120_000);

  it("never passes for something else", () => {
    const payload = encodeCbor([1, "position", null, 1, []]);
    expect(codeOf(() => openFact(crypto, sign1("terms", payload, drone)))).toBe("signature-invalid");
    expect(codeOf(() => openFact(crypto, sign1("fact", payload, drone)))).toBe("none");
  });

  it("is countersigned by the same kind, subject and body", () => {
    const body = parcelRemovedBody({
      label: "may-land",
      sessionHash: subject,
      gramsBefore: 850,
      gramsAfter: -2,
    });
    const fact = openFact(crypto, signFact(drone, { kind: "parcel-removed", subject, timeMs: 5, body }));
    const counter = openFact(crypto, countersignFact(phone, fact, 6));
    expect(counter).toMatchObject({ kind: "parcel-removed", subject, timeMs: 6, body });
    expect(counter.signer).toEqual(phone.publicKey);
    expect(readParcelRemoved(counter).gramsAfter).toBe(-2);
  });
});

describe("malformed facts", () => {
  const wrong: [name: string, change: Record<string, unknown>][] = [
    ["an empty kind", { kind: "" }],
    ["a kind of 33 letters", { kind: "a".repeat(33) }],
    ["a kind with capitals", { kind: "Position" }],
    ["a short subject", { subject: new Uint8Array(31) }],
    ["a time before 1970", { timeMs: -1 }],
    ["a time with a fraction", { timeMs: 1.5 }],
    ["a time after 9999", { timeMs: 253_402_300_800_000 }],
    ["a list in the body", { body: [[1]] }],
    ["a map in the body", { body: [new Map()] }],
    ["17 values", { body: Array.from({ length: 17 }, () => 0) }],
    ["a float", { body: [0.5] }],
    ["too much text", { body: ["x".repeat(MAX_FACT_BYTES)] }],
  ];
  it.each(wrong)("with %s are not signed", (_, change) => {
    expect(codeOf(() => signFact(drone, { ...position, ...change }))).toBe("fact-invalid");
  });

  const payloads: [name: string, payload: CborValue][] = [
    ["another version", [2, "position", null, 1, []]],
    ["a field too many", [1, "position", null, 1, [], 0]],
    ["a field too few", [1, "position", null, 1]],
    ["a map", new Map<CborValue, CborValue>([[1, 2]])],
    ["deep nesting", [1, "position", null, 1, [[[[[1]]]]]]],
  ];
  it.each(payloads)("as %s are refused though well signed", (_, payload) => {
    expect(codeOf(() => openFact(crypto, sign1("fact", encodeCbor(payload), drone)))).toBe("fact-invalid");
  });

  it("of any bytes throw nothing but SegmentError", () => {
    const seeds = [signFact(drone, position), encodeCbor([1, "position", null, 1, []])];
    const mutated = fc
      .tuple(fc.constantFrom(...seeds), fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 4 }))
      .map(([seed, changes]) => {
        const bytes = seed.slice();
        for (const [index, value] of changes) bytes[index % bytes.length] = value;
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated), (bytes) => {
        for (const message of [bytes, sign1("fact", bytes, NULL_SIGNER)]) {
          try {
            openFact(TRUSTING, message);
          } catch (error) {
            expect(error).toBeInstanceOf(SegmentError);
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});

/** Accepts every signature, so that fuzzing reaches what is behind it. */
const TRUSTING = { ...crypto, ed25519Verify: () => true };
const NULL_SIGNER = { publicKey: new Uint8Array(32), sign: () => new Uint8Array(64) };

describe("bodies", () => {
  it("are read only from facts of their kind and shape", () => {
    const met = {
      sessionHash: subject,
      initiatorIdentity: phone.publicKey,
      responderIdentity: drone.publicKey,
    };
    expect(readMet({ ...position, kind: "met", body: metBody(met) })).toEqual(met);
    expect(codeOf(() => readMet(position))).toBe("fact-invalid");
    expect(codeOf(() => readMet({ ...position, kind: "met", body: metBody(met).slice(1) }))).toBe(
      "fact-invalid",
    );
    expect(codeOf(() => readPosition({ ...position, body: [900_000_001, 0, 0] }))).toBe("fact-invalid");
    expect(codeOf(() => readPosition({ ...position, body: [0, 0, 0, 0] }))).toBe("fact-invalid");
    expect(codeOf(() => readPosition({ ...position, body: ["0", 0, 0] }))).toBe("fact-invalid");
    expect(codeOf(() => readParcelRemoved({ ...position, kind: "parcel-removed", body: [] }))).toBe(
      "fact-invalid",
    );
  });
});
