/**
 * The order log's records: an entry with its sealed attachment, or a cut that closes a block.
 *
 *     [1, entryBytes, sealedAttachment | null]
 *     [1, "cut", height, stamps, certificates]
 */
import { decodeCbor, encodeCbor } from "../encoding/cbor.ts";
import type { CborValue } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { SegmentError } from "../errors.ts";
import { hpkeOpen, hpkeSeal } from "../crypto/hpke.ts";
import { utf8 } from "../encoding/bytes.ts";
import { KEY_LABELS } from "../labels.ts";
import type { Crypto, Random } from "../ports.ts";
import { byteStrings, MAX_ENTRY_BYTES } from "./entry.ts";
import { MAX_NOTARIES, sealKey } from "./network.ts";
import type { NetworkDescription } from "./network.ts";

/** Largest attachment before sealing: terms and the signatures of all parties, or facts. */
export const MAX_ATTACHMENT_BYTES = 32_768;
/** Largest record: an entry and its attachment, or a cut. */
export const MAX_RECORD_BYTES = 131_072;
const RECORD_LIMITS = { maxBytes: MAX_RECORD_BYTES, maxDepth: 8, maxItems: 16_384, views: true };
const ATTACHMENT_LIMITS = { maxBytes: MAX_ATTACHMENT_BYTES, maxDepth: 3, maxItems: 256 };
const MAX_CUT_CERTIFICATES = 16;
const ATTACHMENT_INFO = utf8(KEY_LABELS.sealedAttachment);

export type LogRecord =
  | { kind: "entry"; entryBytes: Uint8Array; sealed: Uint8Array | null }
  /** `stamps` are COSE messages; `certificates` prove earlier blocks to who reads the log alone. */
  | { kind: "cut"; height: number; stamps: Uint8Array[]; certificates: CutCertificate[] };

export interface CutCertificate {
  height: number;
  certificate: CborValue[];
}

/** The record of an entry, as submitted and as appended. */
export function encodeEntryRecord(entryBytes: Uint8Array, sealed: Uint8Array | null): Uint8Array {
  return encodeCbor([1, entryBytes, sealed]);
}

export function encodeCut(cut: {
  height: number;
  stamps: Uint8Array[];
  certificates: CutCertificate[];
}): Uint8Array {
  const certificates = cut.certificates.map(({ height, certificate }) => [height, certificate]);
  return encodeCbor([1, "cut", cut.height, cut.stamps, certificates]);
}

/** Takes a record apart, into views of it; nothing in it is verified yet. Throws `cbor-…` codes. */
export function decodeRecord(bytes: Uint8Array): LogRecord {
  const fields = decodeCbor(bytes, RECORD_LIMITS);
  const isCut = Array.isArray(fields) && fields[1] === "cut";
  const reader = new FieldReader(fields, isCut ? "cut" : "record", isCut ? 5 : 3);
  reader.int("version", { min: 1, max: 1 });
  if (!isCut) {
    const entryBytes = reader.bytes("entry", { max: MAX_ENTRY_BYTES });
    const max = MAX_ATTACHMENT_BYTES + 64;
    return {
      kind: "entry",
      entryBytes,
      sealed: reader.nullable("sealed", (r) => r.bytes("sealed", { max })),
    };
  }
  reader.text("kind");
  const height = reader.int("height", { min: 1 });
  const stamps = byteStrings(reader.list("stamps", { max: MAX_NOTARIES }), "cut.stamps", 8_192);
  const certificates = reader.list("certificates", { max: MAX_CUT_CERTIFICATES }).map((value) => {
    const pair = new FieldReader(value, "cut.certificate", 2);
    return {
      height: pair.int("height", { min: 1 }),
      certificate: pair.list("certificate", { max: MAX_NOTARIES }),
    };
  });
  return { kind: "cut", height, stamps, certificates };
}

/** The plaintext beside an `open`: the terms and each party's signature over their id. */
export function encodeOpenAttachment(terms: Uint8Array, signatures: Uint8Array[]): Uint8Array {
  return encodeCbor([terms, signatures]);
}

/** Throws `cbor-…` codes. */
export function decodeOpenAttachment(bytes: Uint8Array): { terms: Uint8Array; signatures: Uint8Array[] } {
  const reader = FieldReader.fromBytes(bytes, "attachment", ATTACHMENT_LIMITS);
  const terms = reader.bytes("terms");
  const signatures = byteStrings(reader.list("signatures", { max: 32 }), "attachment.signatures", 512);
  reader.end();
  return { terms, signatures };
}

/** The plaintext beside a `facts`: signed facts, and preimages of `hash` conditions. */
export function encodeFactsAttachment(facts: Uint8Array[], preimages: Uint8Array[]): Uint8Array {
  return encodeCbor([facts, preimages]);
}

/** Throws `cbor-…` codes. */
export function decodeFactsAttachment(bytes: Uint8Array): { facts: Uint8Array[]; preimages: Uint8Array[] } {
  const reader = FieldReader.fromBytes(bytes, "attachment", ATTACHMENT_LIMITS);
  const facts = byteStrings(reader.list("facts", { max: 32 }), "attachment.facts", 2_048);
  const preimages = byteStrings(reader.list("preimages", { max: 16 }), "attachment.preimages", 1_024);
  reader.end();
  return { facts, preimages };
}

/** Seals an attachment to the committee, bound to its entry. */
export function sealAttachment(
  crypto: Crypto,
  random: Random,
  network: NetworkDescription,
  entryId: Uint8Array,
  attachment: Uint8Array,
): Uint8Array {
  if (attachment.length > MAX_ATTACHMENT_BYTES) {
    throw new SegmentError("entry-invalid", `the attachment is beyond ${MAX_ATTACHMENT_BYTES} bytes`);
  }
  return hpkeSeal(crypto, random, sealKey(network), ATTACHMENT_INFO, entryId, attachment);
}

/** Opens it with the committee's secret. Throws `seal-broken`. */
export function openAttachment(
  crypto: Crypto,
  sealSecretKey: Uint8Array,
  entryId: Uint8Array,
  sealed: Uint8Array,
): Uint8Array {
  return hpkeOpen(crypto, sealSecretKey, ATTACHMENT_INFO, entryId, sealed);
}
