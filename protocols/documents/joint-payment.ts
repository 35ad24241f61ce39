/**
 * A payment from a joint account on its way from member to member: one line that says all that they approve.
 * Deterministic CBOR in base64url:
 *
 *     segment:joint-payment:[1, network, nonce, notAfter, from, to, currency, minor, memo]
 */
import { fromBase64Url, toBase64Url } from "../encoding/bytes.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { SegmentError } from "../errors.ts";
import type { LegsContent } from "../ledger/legs.ts";
import { MAX_MEMO_BYTES } from "../ledger/legs.ts";
import { MAX_AMOUNT } from "../money/amounts.ts";
import type { TimeMs } from "../ports.ts";

export interface JointPayment {
  network: string;
  /** 16 random bytes: of the entry to come. By one nonce a joint account pays once. */
  nonce: Uint8Array;
  /** Approvals end here. */
  notAfter: TimeMs;
  /** The joint account. */
  from: Uint8Array;
  to: Uint8Array;
  currency: string;
  minor: bigint;
  memo: Uint8Array;
}

const PAYMENT = "segment:joint-payment:";
const APPROVAL = "segment:joint-approval:";
const MAX_LINE = 2_048;

export function formatJointPayment(payment: JointPayment): string {
  const { network, nonce, notAfter, from, to, currency, minor, memo } = payment;
  return PAYMENT + toBase64Url(encodeCbor([1, network, nonce, notAfter, from, to, currency, minor, memo]));
}

/** Throws `option-invalid`, `text-malformed` or a `cbor-…` code. */
export function parseJointPayment(line: string): JointPayment {
  const bytes = taken(line, PAYMENT);
  const reader = FieldReader.fromBytes(bytes, "payment", { maxBytes: MAX_LINE, maxDepth: 1, maxItems: 16 });
  reader.int("version", { min: 1, max: 1 });
  const payment = {
    network: reader.text("network", { max: 32 }),
    nonce: reader.bytes("nonce", { length: 16 }),
    notAfter: reader.int("notAfter", { min: 0 }),
    from: reader.bytes("from", { length: 32 }),
    to: reader.bytes("to", { length: 32 }),
    currency: reader.text("currency", { min: 1, max: 64 }),
    minor: reader.bigint("minor", { min: 1n, max: MAX_AMOUNT }),
    memo: reader.bytes("memo", { max: MAX_MEMO_BYTES }),
  };
  reader.end();
  return payment;
}

/** What the ledger moves, and members approve. */
export function jointLegs({ from, to, currency, minor, memo }: JointPayment): LegsContent {
  const legs = [
    { account: from, currency, change: -minor },
    { account: to, currency, change: minor },
  ];
  return { legs, charges: [], memo };
}

/** A member's consent (ledger/joint.ts) as a line. */
export function formatJointApproval(approval: Uint8Array): string {
  return APPROVAL + toBase64Url(approval);
}

/** Throws `option-invalid` or `text-malformed`. */
export function parseJointApproval(line: string): Uint8Array {
  return taken(line, APPROVAL);
}

function taken(line: string, prefix: string): Uint8Array {
  const text = line.trim();
  if (text.startsWith(prefix) && text.length <= MAX_LINE) return fromBase64Url(text.slice(prefix.length));
  throw new SegmentError("option-invalid", `this is no line that begins with ${prefix}`);
}
