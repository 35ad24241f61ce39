import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { z } from "zod";
import { encodeMessage } from "../encoding/messages.ts";
import { errorCode } from "../errors.ts";
import { parseBody } from "../messaging/schemas.ts";
import {
  certifiedSchema,
  invoiceSchema,
  invoiceWantedSchema,
  landedSchema,
  meetingSchema,
  offerSchema,
  orderSchema,
  papersKeptSchema,
  papersSchema,
  parcelSchema,
  positionSchema,
  refusalSchema,
  signatureSchema,
} from "./messages.ts";

const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(1);
const point = { latitudeE7: 473_815_000, longitudeE7: 85_486_000, altitudeMm: 431_000 };

interface Sample {
  schema: z.ZodType;
  good: Record<string, unknown>;
  /** Values at the bounds, still accepted. */
  edges: Record<string, unknown[]>;
  /** Values just beyond, or of another type. */
  beyond: Record<string, unknown[]>;
}

const SAMPLES: Record<string, Sample> = {
  order: {
    schema: orderSchema,
    good: {
      orderId: bytes(16),
      article: "Bread",
      address: "x",
      point,
      slotFrom: 0,
      slotUntil: 1,
      card: bytes(300),
    },
    edges: {
      article: ["x".repeat(64)],
      address: ["x".repeat(200)],
      slotUntil: [0, Number.MAX_SAFE_INTEGER],
      card: [bytes(1), bytes(2_048)],
      point: [
        { latitudeE7: 900_000_000, longitudeE7: 1_800_000_000, altitudeMm: 10_000_000 },
        { latitudeE7: -900_000_000, longitudeE7: -1_800_000_000, altitudeMm: -500_000 },
      ],
    },
    beyond: {
      orderId: [bytes(15), bytes(17), "x"],
      article: ["", "x".repeat(65)],
      address: ["", "x".repeat(201)],
      slotFrom: [-1, 1.5, Number.MAX_SAFE_INTEGER + 1, "0", 1n],
      card: [bytes(0), bytes(2_049)],
      point: [
        { ...point, latitudeE7: 900_000_001 },
        { ...point, longitudeE7: -1_800_000_001 },
        { ...point, altitudeMm: 10_000_001 },
        { ...point, altitudeMm: 0.5 },
        { ...point, more: 1 },
        { latitudeE7: 0, longitudeE7: 0 },
      ],
    },
  },
  offer: {
    schema: offerSchema,
    good: { orderId: bytes(16), terms: bytes(900), cards: [bytes(300)] },
    edges: { terms: [bytes(16_384)], cards: [Array.from({ length: 8 }, () => bytes(1))] },
    beyond: {
      terms: [bytes(0), bytes(16_385)],
      cards: [[], Array.from({ length: 9 }, () => bytes(1)), [bytes(0)], bytes(3)],
    },
  },
  signature: {
    schema: signatureSchema,
    good: { orderId: bytes(16), termsId: bytes(32), signature: bytes(130), examination: bytes(800) },
    edges: { signature: [bytes(1), bytes(512)], examination: [null, bytes(32_768)] },
    beyond: {
      termsId: [bytes(31)],
      signature: [bytes(0), bytes(513)],
      examination: [bytes(0), bytes(32_769), undefined],
    },
  },
  refusal: {
    schema: refusalSchema,
    good: { orderId: bytes(16), code: "funds-short", message: "" },
    edges: { code: ["x".repeat(64)], message: ["x".repeat(300)] },
    beyond: { code: ["", "x".repeat(65)], message: ["x".repeat(301), null] },
  },
  invoice: {
    schema: invoiceSchema,
    good: { termsId: bytes(32), invoice: bytes(300) },
    edges: { invoice: [bytes(1), bytes(8_192)] },
    beyond: { termsId: [bytes(33)], invoice: [bytes(0), bytes(8_193)] },
  },
  "invoice-wanted": {
    schema: invoiceWantedSchema,
    good: { termsId: bytes(32) },
    edges: {},
    beyond: { termsId: [bytes(31), "x"] },
  },
  position: {
    schema: positionSchema,
    good: { termsId: bytes(32), fact: bytes(200), arrived: true },
    edges: { fact: [bytes(2_048)], arrived: [false] },
    beyond: { fact: [bytes(0), bytes(2_049)], arrived: [1, "yes"] },
  },
  meeting: {
    schema: meetingSchema,
    good: { position: bytes(200), met: bytes(200) },
    edges: { position: [bytes(2_048)], met: [bytes(1)] },
    beyond: { position: [bytes(0)], met: [bytes(2_049)] },
  },
  landed: {
    schema: landedSchema,
    good: { termsId: bytes(32) },
    edges: {},
    beyond: { termsId: [bytes(0), "x"] },
  },
  parcel: {
    schema: parcelSchema,
    good: { fact: bytes(200) },
    edges: {},
    beyond: { fact: [bytes(0), bytes(2_049)] },
  },
  certified: {
    schema: certifiedSchema,
    good: { receipt: bytes(900) },
    edges: { receipt: [bytes(32_768)] },
    beyond: { receipt: [bytes(0), bytes(32_769)] },
  },
  papers: {
    schema: papersSchema,
    good: { receipt: bytes(900), invoice: bytes(300) },
    edges: { invoice: [bytes(0), bytes(8_192)] },
    beyond: { receipt: [bytes(0), bytes(32_769)], invoice: [bytes(8_193), null] },
  },
  "papers-kept": {
    schema: papersKeptSchema,
    good: { termsId: bytes(32) },
    edges: {},
    beyond: { termsId: [bytes(31)] },
  },
};

function codeOf(schema: z.ZodType, value: unknown): string {
  try {
    parseBody(schema, encodeMessage(value));
    return "ok";
  } catch (error) {
    return errorCode(error);
  }
}

describe.each(Object.entries(SAMPLES))("the message %s", (_name, { schema, good, edges, beyond }) => {
  it("is taken as it was sent", () => {
    expect(parseBody(schema, encodeMessage(good))).toEqual(good);
  });

  it("is taken up to its bounds, and not beyond them", () => {
    for (const [field, values] of Object.entries(edges)) {
      for (const value of values) expect(codeOf(schema, { ...good, [field]: value }), field).toBe("ok");
    }
    for (const [field, values] of Object.entries(beyond)) {
      for (const value of values) expect(codeOf(schema, { ...good, [field]: value }), field).not.toBe("ok");
    }
  });

  it("lacks no field and has no other", () => {
    for (const field of Object.keys(good)) {
      const { [field]: _left, ...less } = good;
      expect(codeOf(schema, less), `without ${field}`).toBe("message-invalid");
    }
    expect(codeOf(schema, { ...good, more: 1 })).toBe("message-invalid");
  });

  it("is refused with a code when mutated, or taken", () => {
    const sent = encodeMessage(good);
    fc.assert(
      fc.property(fc.nat({ max: sent.length - 1 }), fc.integer({ min: 1, max: 255 }), (place, flip) => {
        const mutated = sent.map((byte, index) => (index === place ? byte ^ flip : byte));
        try {
          parseBody(schema, mutated);
        } catch (error) {
          expect(errorCode(error)).toBe("message-invalid");
        }
      }),
      { numRuns: 100 },
    );
  });
});
