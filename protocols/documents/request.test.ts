import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { portableCrypto as crypto } from "../crypto/portable.ts";
import { errorCode, SegmentError } from "../errors.ts";
import { formatJointPayment, parseJointPayment } from "./joint-payment.ts";
import { formatRequest, parseRequest } from "./request.ts";
import type { PaymentRequest } from "./request.ts";

const to = crypto.ed25519PublicKey(new Uint8Array(32).fill(3));
const REQUEST: PaymentRequest = {
  ...{ network: "village", to, currency: "EUR.1f0c9a8b7c6d5e4f", amount: "24.90", memo: "rent & more = 50%" },
  untilMs: Date.UTC(2026, 10, 30, 12),
};
const codeOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    return errorCode(error);
  }
  return "none";
};

describe("a payment request", () => {
  it("is one line that comes back as it was", () => {
    const line = formatRequest(REQUEST);
    expect(line).toMatch(
      /^segment:pay\?network=village&to=z6Mk\w{44}&amount=24\.90&currency=EUR\.1f0c9a8b7c6d5e4f&until=2026-11-30T12:00:00Z&memo=rent%20%26%20more%20%3D%2050%25$/,
    );
    expect(parseRequest(`  ${line}\n`)).toEqual(REQUEST);
    const plain = { ...REQUEST, memo: "", untilMs: null };
    expect(parseRequest(formatRequest(plain))).toEqual(plain);
  });

  it("with any memo survives the round trip", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 16, unit: "grapheme" }), (memo) => {
        fc.pre(new TextEncoder().encode(memo).length <= 64);
        expect(parseRequest(formatRequest({ ...REQUEST, memo })).memo).toBe(memo);
      }),
    );
  });

  it.each([
    ["another scheme", (line: string) => line.replace("segment:", "bitcoin:")],
    ["no account", (line: string) => line.replace(/&to=\w+/, "")],
    ["no amount", (line: string) => line.replace(/&amount=[\d.]+/, "")],
    ["two amounts", (line: string) => `${line}&amount=1`],
    ["an unknown field", (line: string) => `${line}&fee=1`],
    ["a negative amount", (line: string) => line.replace("24.90", "-24.90")],
    ["a code for an id", (line: string) => line.replace("EUR.1f0c9a8b7c6d5e4f", "EUR")],
    ["half a percent sign", (line: string) => `${line}%2`],
    ["a day that is none", (line: string) => line.replace("11-30", "11-31")],
    ["too long a memo", (line: string) => line + "x".repeat(60)],
    ["endless text", (line: string) => line + "x".repeat(600)],
  ])("with %s is refused", (_what, change) => {
    expect(codeOf(() => parseRequest(change(formatRequest(REQUEST))))).toBe("option-invalid");
  });

  it("never ends in anything but a refusal", () => {
    const line = formatRequest(REQUEST);
    const mutated = fc.tuple(fc.nat(line.length), fc.string({ maxLength: 3 })).map(([at, put]) => {
      return line.slice(0, at) + put + line.slice(at + 1);
    });
    fc.assert(
      fc.property(fc.oneof(mutated, fc.string()), (text) => {
        try {
          parseRequest(text);
        } catch (error) {
          expect(error).toBeInstanceOf(SegmentError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("a payment from a joint account", () => {
  it("is one line that comes back as it was; a changed one never crashes", () => {
    const payment = {
      ...{ network: "village", nonce: new Uint8Array(16).fill(1), notAfter: 5, from: to, to },
      ...{ currency: REQUEST.currency, minor: 1_500n, memo: new Uint8Array([1]) },
    };
    const line = formatJointPayment(payment);
    expect(parseJointPayment(line)).toEqual(payment);
    fc.assert(
      fc.property(fc.nat(line.length - 1), fc.string({ maxLength: 2 }), (at, put) => {
        const text = line.slice(0, at) + put + line.slice(at + 1);
        try {
          parseJointPayment(text);
        } catch (error) {
          expect(error).toBeInstanceOf(SegmentError);
        }
      }),
      { numRuns: 300 },
    );
  });
});
