import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nodeCrypto as crypto } from "../../agent/node/crypto.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import { fromHex, toHex } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import { sign1 } from "../identity/cose.ts";
import { agentId, signerFromSeed } from "../identity/keys.ts";
import { isAboutTime, openTimeQuestion, signTimeQuestion, timeAnswerSchema } from "./time.ts";

const signer = signerFromSeed(crypto, new Uint8Array(32).fill(1));
const nonce = fromHex("000102030405060708090a0b0c0d0e0f");
const card = Uint8Array.of(1, 2, 3);
const bytes = signTimeQuestion(signer, "village", { nonce, card });

function codeOf(read: () => unknown): string {
  try {
    read();
    return "no error";
  } catch (error) {
    return (error as SegmentError).code;
  }
}

describe("the question for the time", () => {
  it("comes back as it was asked, and reads as noted here", () => {
    expect(openTimeQuestion(crypto, "village", bytes)).toEqual({
      from: agentId(signer.publicKey),
      nonce,
      card,
    });
    const payload = `84016776696c6c61676550${toHex(nonce)}43010203`;
    expect(toHex(bytes)).toContain(payload);
  });

  it("is refused of another network, of another label, of other shapes, and too long", () => {
    const signed = (
      fields: Parameters<typeof encodeCbor>[0],
      label: "timeQuestion" | "announcement" = "timeQuestion",
    ) => codeOf(() => openTimeQuestion(crypto, "village", sign1(label, encodeCbor(fields), signer)));
    expect(codeOf(() => openTimeQuestion(crypto, "town", bytes))).toBe("message-invalid");
    expect(signed([1, "village", nonce, card])).toBe("no error");
    expect(signed([1, "village", nonce, card], "announcement")).toBe("signature-invalid");
    expect(signed([2, "village", nonce, card])).toBe("cbor-wrong-shape");
    expect(signed([1, "village", nonce.slice(1), card])).toBe("cbor-wrong-shape");
    expect(signed([1, "village", nonce, card, 1])).toBe("cbor-wrong-shape");
    expect(signed([1, "village", nonce, new Uint8Array(1_025)])).toBe("cbor-wrong-shape");
    expect(signed([1, "village", nonce, new Uint8Array(2_100)])).toBe("message-invalid");
  });

  it("never comes through with a byte changed, and only ever fails as it should", () => {
    const property = fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
      const changed = bytes.slice();
      changed[at]! ^= by;
      expect(() => openTimeQuestion(crypto, "village", changed)).toThrowError(SegmentError);
    });
    fc.assert(property, { numRuns: 300 });
    const noise = fc.property(fc.uint8Array({ maxLength: 2_500 }), (some) => {
      expect(() => openTimeQuestion(crypto, "village", some)).toThrowError(SegmentError);
    });
    fc.assert(noise, { numRuns: 300 });
  });
});

describe("the answer", () => {
  it("is the nonce and a time before the year 10000", () => {
    const fits = (value: unknown): boolean => timeAnswerSchema.safeParse(value).success;
    expect(fits({ nonce, timeMs: 253_402_300_800_000 })).toBe(true);
    for (const timeMs of [-1, 1.5, 253_402_300_800_001, Number.NaN, "1", null])
      expect(fits({ nonce, timeMs })).toBe(false);
    expect(fits({ nonce: nonce.slice(1), timeMs: 0 })).toBe(false);
    expect(fits({ nonce, timeMs: 0, more: 1 })).toBe(false);
  });
});

describe("what is about time", () => {
  it("is a date that was refused, and nothing else", () => {
    const about = [
      new SegmentError("card-expired", "x", { where: "card.notAfter" }),
      new SegmentError("card-invalid", "x", { where: "card.notBefore" }),
      new SegmentError("message-invalid", "x", { where: "timeMs" }),
    ];
    const others = [
      new SegmentError("card-invalid", "x", { where: "card" }),
      new SegmentError("message-invalid", "x", { where: "sender" }),
      new SegmentError("seal-broken", "x"),
      new Error("x"),
      undefined,
    ];
    expect(about.map(isAboutTime)).toEqual([true, true, true]);
    expect(others.some(isAboutTime)).toBe(false);
  });
});
