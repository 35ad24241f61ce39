import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { crypto, EUR, signerOf } from "../contract/testing/delivery.ts";
import { signFact } from "../contract/facts.ts";
import { encodeCbor, type CborValue } from "../encoding/cbor.ts";
import { errorCode } from "../errors.ts";
import { sign1 } from "../identity/cose.ts";
import { agentId } from "../identity/keys.ts";
import { openInvoice, signInvoice, type Invoice } from "./invoice.ts";

const shop = signerOf(3);
const ID = new Uint8Array(32).fill(7);
const INVOICE: Invoice = {
  number: "000042",
  termsId: ID,
  issuedMs: 1_772_618_400_000,
  seller: "The village bakery",
  buyer: "12 rue des Lilas",
  currency: EUR,
  lines: [
    { text: "2 loaves of bread", minor: 1_990n },
    { text: "Delivery by drone", minor: 500n },
  ],
  totalMinor: 2_490n,
};
const signed = signInvoice(shop, INVOICE);

function codeOf(work: () => unknown): string {
  try {
    work();
    return "ok";
  } catch (error) {
    return errorCode(error);
  }
}

describe("an invoice", () => {
  it("comes back as it was written, with its signer", () => {
    expect(openInvoice(crypto, signed)).toEqual({ ...INVOICE, signer: agentId(shop.publicKey) });
  });

  it("comes back whatever it says, within bounds", () => {
    const text = fc.string({ maxLength: 50 });
    const line = fc.record({ text, minor: fc.bigInt({ min: 0n, max: 1n << 40n }) });
    const invoice = fc.record({
      seller: text,
      buyer: text,
      issuedMs: fc.nat(),
      lines: fc.array(line, { maxLength: 64 }),
    });
    fc.assert(
      fc.property(invoice, (changes) => {
        const totalMinor = changes.lines.reduce((sum, { minor }) => sum + minor, 0n);
        const whole = { ...INVOICE, ...changes, totalMinor };
        expect(openInvoice(crypto, signInvoice(shop, whole))).toMatchObject(whole);
      }),
      { numRuns: 50 },
    );
  });

  it("counts for its shop and its delivery only", () => {
    const expected = { shop: agentId(shop.publicKey), termsId: ID };
    expect(codeOf(() => openInvoice(crypto, signed, expected))).toBe("ok");
    const another = { ...expected, shop: agentId(signerOf(4).publicKey) };
    expect(codeOf(() => openInvoice(crypto, signed, another))).toBe("signature-invalid");
    const elsewhere = { ...expected, termsId: new Uint8Array(32) };
    expect(codeOf(() => openInvoice(crypto, signed, elsewhere))).toBe("signature-invalid");
  });

  it("whose lines do not add up is refused, though signed", () => {
    const more = signInvoice(shop, { ...INVOICE, totalMinor: 2_491n });
    expect(codeOf(() => openInvoice(crypto, more))).toBe("cbor-wrong-shape");
  });

  it("changed in any byte does not open", () => {
    for (let place = 0; place < signed.length; place += 1) {
      const changed = signed.map((byte, index) => (index === place ? byte ^ 1 : byte));
      expect(
        codeOf(() => openInvoice(crypto, changed)),
        `byte ${place}`,
      ).toMatch(/^(signature|cbor|key)-/);
    }
  });

  it("cut short does not open", () => {
    for (let length = 0; length < signed.length; length += 1) {
      expect(codeOf(() => openInvoice(crypto, signed.slice(0, length)))).toMatch(/^(signature|cbor)-/);
    }
  });

  it("is not what was signed for another purpose", () => {
    const fact = signFact(shop, { kind: "position", subject: ID, timeMs: 1, body: [1, 2, 3] });
    expect(codeOf(() => openInvoice(crypto, fact))).toBe("signature-invalid");
  });

  const fields: CborValue[] = [1, "1", ID, 1, "s", "b", "EUR", [["x", 5]], 5];
  const withField = (place: number, value: CborValue): CborValue[] =>
    fields.map((field, index) => (index === place ? value : field));
  it.each<[string, CborValue]>([
    ["another version", withField(0, 2)],
    ["an empty number", withField(1, "")],
    ["a short id", withField(2, new Uint8Array(31))],
    ["a time before the epoch", withField(3, -1)],
    ["a seller's name that is too long", withField(4, "x".repeat(201))],
    ["no currency", withField(6, "")],
    [
      "too many lines",
      withField(
        7,
        Array.from({ length: 65 }, () => ["x", 0]),
      ),
    ],
    ["a line without an amount", withField(7, [["x"]])],
    [
      "a negative line",
      withField(7, [
        ["x", 10],
        ["y", -5],
      ]),
    ],
    ["a total beyond the ledger's", withField(8, 1n << 63n)],
    ["one field too many", [...fields, 0]],
    ["no list", "invoice"],
  ])("with %s is refused, though signed", (_name, value) => {
    expect(codeOf(() => openInvoice(crypto, sign1("invoice", encodeCbor(fields), shop)))).toBe("ok");
    expect(codeOf(() => openInvoice(crypto, sign1("invoice", encodeCbor(value), shop)))).toBe(
      "cbor-wrong-shape",
    );
  });
});
