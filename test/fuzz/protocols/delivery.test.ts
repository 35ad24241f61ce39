/** Fuzz: the delivery's messages, its invoice, and the plan that devices read from terms. */
import { describe } from "vitest";
import { nodeCrypto } from "../../../agent/node/crypto.ts";
import { rolesIn } from "../../../protocols/contract/evidence-rules.ts";
import { deliveryPlan, deliveryTerms } from "../../../protocols/contract/templates/delivery.ts";
import { servicesSchema, withServices } from "../../../protocols/contract/templates/services.ts";
import { decodeTerms, encodeTerms } from "../../../protocols/contract/terms.ts";
import type { Node } from "../../../protocols/contract/terms.ts";
import * as kit from "../../../protocols/contract/testing/delivery.ts";
import { openInvoice, signInvoice } from "../../../protocols/delivery/invoice.ts";
import type { Invoice } from "../../../protocols/delivery/invoice.ts";
import * as messages from "../../../protocols/delivery/messages.ts";
import { checkPlan, readPlan } from "../../../protocols/delivery/plan.ts";
import { SegmentError } from "../../../protocols/errors.ts";
import { verify1 } from "../../../protocols/identity/cose.ts";
import { agentId } from "../../../protocols/identity/keys.ts";
import { parseBody } from "../../../protocols/messaging/schemas.ts";
import { encodeLoose } from "../support/cbor-tree.ts";
import { bombsIn, cborBombs } from "../support/bombs.ts";
import { bombs, fuzz } from "../support/harness.ts";
import { mutated, mutatedCbor } from "../support/mutate.ts";
import { mutatedValue } from "../support/mutate-value.ts";
import { must, mustEqual } from "../support/must.ts";
import { fuzzShape } from "../support/shapes.ts";
import { fuzzSigned, trusting, unsigned } from "../support/signed.ts";

const { arbitrated, delivery, DELIVERY, ORDERED_AT, POINT } = kit;
const shop = kit.signerOf(3, nodeCrypto);
const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(1);
const { pointSchema, orderSchema, offerSchema, signatureSchema, refusalSchema, invoiceSchema } = messages;
const { positionSchema, meetingSchema, landedSchema, parcelSchema, certifiedSchema } = messages;
const { papersSchema, papersKeptSchema, invoiceWantedSchema } = messages;

const ORDER = {
  ...{ orderId: bytes(16), article: "bread", address: "3 Mill Lane", point: POINT },
  ...{ slotFrom: ORDERED_AT, slotUntil: ORDERED_AT + 1, card: bytes(300) },
};
const SCHEMAS = [
  { name: "pointSchema", schema: pointSchema, sample: POINT },
  { name: "orderSchema", schema: orderSchema, sample: ORDER },
  {
    name: "offerSchema",
    schema: offerSchema,
    sample: { orderId: bytes(16), terms: bytes(900), cards: [bytes(300)] },
  },
  {
    name: "signatureSchema",
    schema: signatureSchema,
    sample: { orderId: bytes(16), termsId: bytes(32), signature: bytes(150), examination: null },
  },
  {
    name: "refusalSchema",
    schema: refusalSchema,
    sample: { orderId: bytes(16), code: "funds-short", message: "no" },
  },
  { name: "invoiceSchema", schema: invoiceSchema, sample: { termsId: bytes(32), invoice: bytes(300) } },
  {
    name: "positionSchema",
    schema: positionSchema,
    sample: { termsId: bytes(32), fact: bytes(200), arrived: true },
  },
  { name: "meetingSchema", schema: meetingSchema, sample: { position: bytes(200), met: bytes(200) } },
  { name: "landedSchema", schema: landedSchema, sample: { termsId: bytes(32) } },
  { name: "parcelSchema", schema: parcelSchema, sample: { fact: bytes(200) } },
  { name: "certifiedSchema", schema: certifiedSchema, sample: { receipt: bytes(900) } },
  { name: "papersSchema", schema: papersSchema, sample: { receipt: bytes(900), invoice: bytes(0) } },
  { name: "invoiceWantedSchema", schema: invoiceWantedSchema, sample: { termsId: bytes(32) } },
  { name: "papersKeptSchema", schema: papersKeptSchema, sample: { termsId: bytes(32) } },
];

describe("messages", () => {
  for (const { name, schema, sample } of SCHEMAS) fuzzShape(name, schema, sample);

  fuzz(
    "parseBody of any bytes with any schema",
    mutatedValue(SCHEMAS.map(({ sample }) => sample)).map(encodeLoose),
    (body) => {
      const accepted = SCHEMAS.filter(({ schema }) => parses(() => parseBody(schema, body)));
      // Three kinds of a mere id share a shape, and others are nearly alike.
      must(accepted.length <= 4, "a body is of few shapes");
    },
    { share: 0.1, accepted: 1 },
  );
});

function parses(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (error) {
    if (error instanceof SegmentError && error.code === "message-invalid") return false;
    throw error;
  }
}

describe("the invoice", () => {
  const invoice: Invoice = {
    ...{ number: "2026-17", termsId: delivery.id, issuedMs: ORDERED_AT, seller: "Bakery", buyer: "Ann" },
    ...{ currency: kit.EUR, totalMinor: 2_490n },
    lines: [
      { text: "2 loaves", minor: 1_990n },
      { text: "delivery", minor: 500n },
    ],
  };
  const signed = signInvoice(shop, invoice);
  const { payload } = verify1(nodeCrypto, "invoice", signed);
  const expected = { shop: agentId(shop.publicKey), termsId: delivery.id };

  fuzzSigned("openInvoice", {
    label: "invoice",
    payloads: [payload],
    signers: [shop, shop, kit.signerOf(4, nodeCrypto)],
    open: (crypto, message) => {
      const opened = openInvoice(crypto, message, expected);
      must(opened.lines.reduce((sum, line) => sum + line.minor, 0n) === opened.totalMinor, "it adds up");
      const again = verify1(trusting, "invoice", signInvoice(unsigned(shop), opened)).payload;
      mustEqual(again, verify1(crypto, "invoice", message).payload, "the invoice");
    },
  });
  bombs("openInvoice", [...cborBombs(), ...bombsIn([signed])], (b) => openInvoice(nodeCrypto, b));
});

describe("the plan", () => {
  const samples = [delivery.terms, arbitrated.terms, deliveryTerms({ ...DELIVERY, goodsMinor: 1n })].map(
    encodeTerms,
  );
  const expected = {
    ...{ network: "village", buyer: agentId(kit.BUYER.identity), shop: agentId(kit.SHOP.identity) },
    ...{ point: POINT, currency: kit.EUR, maxPriceMinor: "2490", now: ORDERED_AT },
    ...{ slotFrom: ORDERED_AT, slotUntil: DELIVERY.landByMs },
  };
  fuzz(
    "readPlan takes only what the template makes, and checkPlan only what was ordered",
    mutatedCbor(samples),
    (terms) => {
      const plan = readPlan(nodeCrypto, terms);
      checkPlan(plan, decodeTerms(terms), expected);
      must(BigInt(plan.priceMinor) <= 2_490n && plan.buyer === expected.buyer, "what was ordered");
    },
    { accepted: 0.03, share: 0.2 },
  );
  const service = (seed: number) => ({
    identity: kit.signerOf(seed).publicKey,
    account: kit.signerOf(seed + 100).publicKey,
  });
  const joined = withServices(
    deliveryPlan({ ...DELIVERY, arbiter: kit.ARBITER }),
    servicesSchema.parse({
      insurer: { ...service(11), feeMinor: 50n, coverMinor: 3_000n, insured: ["buyer"] },
      certifier: { ...service(12), feeMinor: 100n },
      joinMs: 300_000,
    }),
  );
  fuzz(
    "readPlan lets no service say who may land, nor what releases the price",
    mutatedCbor([encodeTerms(joined)]),
    (bytes) => {
      readPlan(nodeCrypto, bytes);
      const heard = deciders(decodeTerms(bytes).contract);
      must(![...heard].some((role) => role === "insurer" || role === "certifier"), "nobody else decides");
    },
    { accepted: 0.03, share: 0.2 },
  );
  fuzz("readPlan of any bytes", mutated(samples), (terms) => readPlan(nodeCrypto, terms), {
    accepted: 0.05,
    share: 0.3,
  });
});

/** Whose word moves the contract from the flight on. */
function deciders(node: Node, isFlight = false): Set<string> {
  if (node.kind === "pay") return deciders(node.then, isFlight);
  if (node.kind !== "when") return new Set();
  const flies = isFlight || node.label === "in-flight";
  const own = node.cases.flatMap((one) => (one.kind === "facts" ? rolesIn(one.condition) : [one.by]));
  const later = [...node.cases.map(({ then }) => then), node.onTimeout].map((next) => deciders(next, flies));
  return new Set([...(flies ? own : []), ...later.flatMap((roles) => [...roles])]);
}
