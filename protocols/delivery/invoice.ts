/**
 * The shop's invoice: a COSE_Sign1 (label "invoice") that the drone carries to the buyer.
 * Positional: [1, number, termsId, issuedMs, seller, buyer, currency, lines [[text, minor]…], total].
 */
import { equalBytes } from "../encoding/bytes.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { SegmentError } from "../errors.ts";
import { sign1, verify1 } from "../identity/cose.ts";
import { agentId } from "../identity/keys.ts";
import type { Crypto, Signer } from "../ports.ts";

export interface Invoice {
  number: string;
  termsId: Uint8Array;
  issuedMs: number;
  /** Names as people write them. */
  seller: string;
  buyer: string;
  currency: string;
  lines: { text: string; minor: bigint }[];
  totalMinor: bigint;
}

const MAX_MINOR = (1n << 63n) - 1n;

export function signInvoice(signer: Signer, invoice: Invoice): Uint8Array {
  const lines = invoice.lines.map(({ text, minor }) => [text, minor]);
  const { number, termsId, issuedMs, seller, buyer, currency, totalMinor } = invoice;
  return sign1(
    "invoice",
    encodeCbor([1, number, termsId, issuedMs, seller, buyer, currency, lines, totalMinor]),
    signer,
  );
}

/**
 * Verifies and reads. Errors: `signature-malformed`, `signature-invalid` (also when it is not this shop's
 * for this delivery), `cbor-…`; `cbor-wrong-shape` when its lines do not add up.
 */
export function openInvoice(
  crypto: Crypto,
  bytes: Uint8Array,
  expected?: { shop: string; termsId: Uint8Array },
): Invoice & { signer: string } {
  const { signer, payload } = verify1(crypto, "invoice", bytes);
  const reader = FieldReader.fromBytes(payload, "invoice", { maxBytes: 8_192, maxDepth: 4, maxItems: 256 });
  reader.int("version", { min: 1, max: 1 });
  const invoice = {
    signer: agentId(signer),
    number: reader.text("number", { min: 1, max: 64 }),
    termsId: reader.bytes("termsId", { length: 32 }),
    issuedMs: reader.int("issuedMs", { min: 0 }),
    seller: reader.text("seller", { max: 200 }),
    buyer: reader.text("buyer", { max: 200 }),
    currency: reader.text("currency", { min: 1, max: 64 }),
    lines: reader.list("lines", { max: 64 }).map((value) => {
      const line = new FieldReader(value, "invoice.line", 2);
      return {
        text: line.text("text", { max: 200 }),
        minor: line.bigint("minor", { min: 0n, max: MAX_MINOR }),
      };
    }),
    totalMinor: reader.bigint("totalMinor", { min: 0n, max: MAX_MINOR }),
  };
  reader.end();
  const sum = invoice.lines.reduce((total, line) => total + line.minor, 0n);
  if (sum !== invoice.totalMinor)
    throw new SegmentError("cbor-wrong-shape", "the invoice's lines do not add up to its total");
  if (expected !== undefined) {
    const right = invoice.signer === expected.shop && equalBytes(invoice.termsId, expected.termsId);
    if (!right)
      throw new SegmentError("signature-invalid", "the invoice is not this shop's for this delivery");
  }
  return invoice;
}
