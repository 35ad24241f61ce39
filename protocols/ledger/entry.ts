/**
 * Entries: what devices ask of the ledger. An entry is a COSE_Sign1 (label "entry") over
 *
 *     [1, network, zone, kind, nonce(16), notBefore, notAfter, body]
 *
 * Its private part (terms, positions) stays outside: the body holds the SHA-256 of an
 * attachment, which travels beside the entry, sealed to the committee.
 */
import { labelledHash } from "../crypto/hash.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import type { CborValue } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { SegmentError } from "../errors.ts";
import { sign1, verify1 } from "../identity/cose.ts";
import { MAX_AMOUNT } from "../money/amounts.ts";
import type { Crypto, Signer, TimeMs } from "../ports.ts";
import { readJoint } from "./joint.ts";
import type { JointRule } from "./joint.ts";
import { legsFields, mandateIndex, MAX_MEMO_BYTES, readLegs } from "./legs.ts";
import type { LegsFields } from "./legs.ts";
import { policyFields, readPolicy } from "./policy.ts";
import type { CurrencyPolicy } from "./policy.ts";

/** Largest signed entry; an `expire` of 100 notaries is the longest. */
export const MAX_ENTRY_BYTES = 32_768;
/** An entry is valid for at most a day, because the ledger remembers it that long. */
export const MAX_VALIDITY_MS = 24 * 60 * 60 * 1_000;
const ENTRY_LIMITS = { maxBytes: MAX_ENTRY_BYTES, maxDepth: 8, maxItems: 1_024, views: true };

/** Accounts and issuers are root public keys (32 bytes); identities are device public keys (32 bytes). */
export type EntryBody =
  /** Registers the card's identity as a device of its root; the root's account comes to exist. */
  | { kind: "card"; card: Uint8Array }
  /** Signed by the root of the identity's card. */
  | { kind: "revoke"; identity: Uint8Array }
  /** The signer's root becomes the issuer; of a deed it gets the one that there is. */
  | { kind: "currency"; code: string; exponent: number; name: string; policy?: CurrencyPolicy }
  | { kind: "mint"; currency: string; to: Uint8Array; amount: bigint }
  | { kind: "transfer"; to: Uint8Array; currency: string; amount: bigint; memo: Uint8Array }
  /** Many accounts at once: the signer's, those that a mandate lets it charge, joint ones that approve. */
  | ({ kind: "legs" } & LegsFields)
  /** Makes an account that several roots share. Signed by a member. */
  | ({ kind: "joint" } & JointRule)
  /** The payer lets nothing more be charged by this mandate of an open contract, for good. */
  | { kind: "end-mandate"; termsId: Uint8Array; mandate: number }
  /** Asks the notaries to certify that the signer's account holds `amount`, for the contract. */
  | { kind: "examine"; termsId: Uint8Array; currency: string; amount: bigint }
  /** Attachment: [termsBytes, signatures]. */
  | { kind: "open"; termsId: Uint8Array; attachmentHash: Uint8Array }
  | { kind: "deposit"; termsId: Uint8Array; currency: string; amount: bigint }
  | { kind: "choice"; termsId: Uint8Array; name: string; value: bigint }
  /** Attachment: [facts, preimages]. */
  | { kind: "facts"; termsId: Uint8Array; attachmentHash: Uint8Array }
  /** 2f+1 notaries state that they hold no timely input for the contract's state `seq`. */
  | { kind: "expire"; termsId: Uint8Array; seq: number; statements: Uint8Array[] };

export type EntryKind = EntryBody["kind"];

/** An entry whose signature holds. `bytes` is the COSE message as received. */
export interface Entry {
  id: Uint8Array;
  signer: Uint8Array;
  network: string;
  zone: string;
  nonce: Uint8Array;
  notBefore: TimeMs;
  notAfter: TimeMs;
  /** As written; `readBody` checks it. */
  kind: string;
  fields: CborValue[];
  bytes: Uint8Array;
}

/** What an entry says besides its body. `nonce` is 16 random bytes. */
export interface EntryFrame {
  network: string;
  zone: string;
  nonce: Uint8Array;
  notBefore: TimeMs;
  notAfter: TimeMs;
}

/** Signs `body`. Returns the COSE message and the entry's id. Throws `entry-invalid` for a wrong frame. */
export function signEntry(
  crypto: Crypto,
  signer: Signer,
  frame: EntryFrame,
  body: EntryBody,
): { id: Uint8Array; bytes: Uint8Array } {
  checkWindow(frame.notBefore, frame.notAfter);
  if (frame.nonce.length !== 16) throw invalid("nonce", "is not 16 bytes long");
  const { network, zone, nonce, notBefore, notAfter } = frame;
  const payload = encodeCbor([1, network, zone, body.kind, nonce, notBefore, notAfter, bodyFields(body)]);
  return { id: entryId(crypto, signer.publicKey, payload), bytes: sign1("entry", payload, signer) };
}

/**
 * Verifies an entry's signature and frame; the body is read by `readBody`.
 * Throws `signature-malformed`, `signature-invalid`, `entry-invalid` or a `cbor-…` code.
 */
export function openEntry(crypto: Crypto, bytes: Uint8Array): Entry {
  if (bytes.length > MAX_ENTRY_BYTES) throw invalid("size", `is beyond ${MAX_ENTRY_BYTES} bytes`);
  const { signer, payload } = verify1(crypto, "entry", bytes);
  const reader = FieldReader.fromBytes(payload, "entry", ENTRY_LIMITS);
  reader.int("version", { min: 1, max: 1 });
  const network = reader.text("network", { max: 32 });
  const zone = reader.text("zone", { max: 32 });
  const kind = reader.text("kind", { max: 32 });
  const nonce = reader.bytes("nonce", { length: 16 });
  const notBefore = reader.int("notBefore", { min: 0 });
  const notAfter = reader.int("notAfter", { min: 0 });
  const fields = reader.list("body");
  reader.end();
  checkWindow(notBefore, notAfter);
  const id = entryId(crypto, signer, payload);
  return { id, signer, network, zone, nonce, notBefore, notAfter, kind, fields, bytes };
}

/**
 * The id holds the signer too: else anyone could sign another's payload, be first in the
 * log, and so make the real entry a duplicate.
 */
function entryId(crypto: Crypto, signer: Uint8Array, payload: Uint8Array): Uint8Array {
  return labelledHash(crypto, "entry", signer, payload);
}

function bodyFields(body: EntryBody): CborValue[] {
  switch (body.kind) {
    case "card":
      return [body.card];
    case "revoke":
      return [body.identity];
    case "currency":
      return [
        body.code,
        body.exponent,
        body.name,
        ...(body.policy === undefined ? [] : [policyFields(body.policy)]),
      ];
    case "mint":
      return [body.currency, body.to, body.amount];
    case "transfer":
      return [body.to, body.currency, body.amount, body.memo];
    case "legs":
      return legsFields(body);
    case "joint":
      return [body.k, body.members];
    case "end-mandate":
      return [body.termsId, body.mandate];
    case "examine":
    case "deposit":
      return [body.termsId, body.currency, body.amount];
    case "open":
    case "facts":
      return [body.termsId, body.attachmentHash];
    case "choice":
      return [body.termsId, body.name, body.value];
    case "expire":
      return [body.termsId, body.seq, body.statements];
  }
}

/** The body of a verified entry. Throws `entry-invalid` with `where`. */
export function readBody(entry: Pick<Entry, "kind" | "fields">): EntryBody {
  try {
    const reader = new FieldReader(entry.fields, `entry.${entry.kind}`);
    const body = bodyOf(entry.kind, reader);
    reader.end();
    return body;
  } catch (error) {
    if (!(error instanceof SegmentError) || error.code !== "cbor-wrong-shape") throw error;
    throw new SegmentError(
      "entry-invalid",
      error.message,
      error.where === undefined ? {} : { where: error.where },
    );
  }
}

function bodyOf(kind: string, reader: FieldReader): EntryBody {
  switch (kind) {
    case "card":
      return { kind, card: reader.bytes("card", { max: 2_048 }) };
    case "revoke":
      return { kind, identity: reader.bytes("identity", { length: 32 }) };
    case "currency":
      return {
        kind,
        code: reader.text("code", { min: 1, max: 16 }),
        exponent: reader.int("exponent", { min: 0, max: 18 }),
        name: reader.text("name", { min: 1, max: 64 }),
        ...(reader.remaining > 0 ? { policy: readPolicy(reader.record("policy")) } : {}),
      };
    case "mint":
      return { kind, currency: currency(reader), to: key(reader, "to"), amount: amount(reader) };
    case "transfer":
      return {
        kind,
        to: key(reader, "to"),
        currency: currency(reader),
        amount: amount(reader),
        memo: reader.bytes("memo", { max: MAX_MEMO_BYTES }),
      };
    case "legs":
      return { kind, ...readLegs(reader) };
    case "joint":
      return { kind, ...readJoint(reader) };
    case "end-mandate":
      return { kind, termsId: key(reader, "termsId"), mandate: mandateIndex(reader) };
    case "examine":
    case "deposit":
      return { kind, termsId: key(reader, "termsId"), currency: currency(reader), amount: amount(reader) };
    case "open":
    case "facts":
      return { kind, termsId: key(reader, "termsId"), attachmentHash: key(reader, "attachmentHash") };
    case "choice":
      return {
        kind,
        termsId: key(reader, "termsId"),
        name: reader.text("name", { min: 1, max: 64 }),
        value: reader.bigint("value", { min: -MAX_AMOUNT, max: MAX_AMOUNT }),
      };
    case "expire":
      return {
        kind,
        termsId: key(reader, "termsId"),
        seq: reader.int("seq", { min: 0 }),
        statements: byteStrings(reader.list("statements", { max: 100 }), "entry.expire.statements", 512),
      };
    default:
      throw invalid("kind", "is not one that this version knows");
  }
}

/** A list of byte strings, each of at most `maxBytes`. Throws `cbor-wrong-shape`. */
export function byteStrings(values: CborValue[], what: string, maxBytes: number): Uint8Array[] {
  const reader = new FieldReader(values, what);
  return values.map((_, index) => reader.bytes(String(index), { max: maxBytes }));
}

function key(reader: FieldReader, name: string): Uint8Array {
  return reader.bytes(name, { length: 32 });
}

function currency(reader: FieldReader): string {
  return reader.text("currency", { min: 1, max: 64 });
}

function amount(reader: FieldReader): bigint {
  return reader.bigint("amount", { min: 1n, max: MAX_AMOUNT });
}

function checkWindow(notBefore: TimeMs, notAfter: TimeMs): void {
  if (notAfter < notBefore) throw invalid("notAfter", "lies before notBefore");
  if (notAfter - notBefore > MAX_VALIDITY_MS) throw invalid("notAfter", "is more than 24 h after notBefore");
}

function invalid(field: string, problem: string): SegmentError {
  return new SegmentError("entry-invalid", `entry.${field} ${problem}`, { where: `entry.${field}` });
}
