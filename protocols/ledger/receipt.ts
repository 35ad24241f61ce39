/**
 * Receipts: an entry, what it did, and the proof, checked offline with nothing but the
 * network file. The file's bytes:
 *
 *     [1, header, certificate, leaf, leafIndex, path, entry]
 */
import { equalBytes } from "../encoding/bytes.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { SegmentError } from "../errors.ts";
import type { Crypto, TimeMs } from "../ports.ts";
import { decodeHeader, headerHash } from "./block.ts";
import type { Header } from "./block.ts";
import { certificateFields, readCertificate, verifyCertificate } from "./certificate.ts";
import type { Certificate } from "./certificate.ts";
import { byteStrings, MAX_ENTRY_BYTES, openEntry } from "./entry.ts";
import type { Entry } from "./entry.ts";
import { leafHash, rootFromPath } from "./merkle.ts";
import { networkHash, termKeys } from "./network.ts";
import type { NetworkDescription } from "./network.ts";
import { decodeLeaf } from "./result.ts";
import type { EntryResult, Leaf, Outcome } from "./result.ts";

/** Largest receipt: the largest entry and leaf, a hundred votes. */
export const MAX_RECEIPT_BYTES = 131_072;

export interface ReceiptParts {
  header: Uint8Array;
  certificate: Certificate;
  leaf: Uint8Array;
  leafIndex: number;
  path: Uint8Array[];
  entry: Uint8Array;
}

/** What a valid receipt proves. */
export interface VerifiedReceipt {
  entryId: Uint8Array;
  kind: string;
  signer: Uint8Array;
  /** `ok`, or the code for which the ledger refused the entry. */
  outcome: Outcome;
  /** Null exactly when refused. */
  result: EntryResult | null;
  /** Log time of the block. */
  timeMs: TimeMs;
  height: number;
  /** The entry's place in its block. */
  leafIndex: number;
  header: Header;
  headerHash: Uint8Array;
  certificate: Certificate;
  entry: Entry;
}

export function encodeReceipt(parts: ReceiptParts): Uint8Array {
  const { header, certificate, leaf, leafIndex, path, entry } = parts;
  return encodeCbor([1, header, certificateFields(certificate), leaf, leafIndex, path, entry]);
}

/** Of descriptions, which nobody changes: an agent verifies all its receipts by the same one. */
const committees = new WeakMap<NetworkDescription, { networkHash: Uint8Array; termKeys: Uint8Array[] }>();

function committeeOf(crypto: Crypto, network: NetworkDescription) {
  let committee = committees.get(network);
  if (committee === undefined) {
    committee = { networkHash: networkHash(crypto, network), termKeys: termKeys(network) };
    committees.set(network, committee);
  }
  return committee;
}

/**
 * Checks a receipt against the network's committee, never against keys of its own.
 * Throws `receipt-invalid`, `receipt-foreign` (another network or committee) or `quorum-missing`.
 */
export function verifyReceipt(
  crypto: Crypto,
  bytes: Uint8Array,
  network: NetworkDescription,
): VerifiedReceipt {
  const { parts, header, entry, leaf } = orInvalid(() => readReceipt(crypto, bytes));
  const hash = headerHash(crypto, parts.header);
  const known = committeeOf(crypto, network);
  if (!equalBytes(header.networkHash, known.networkHash)) {
    throw new SegmentError("receipt-foreign", "the receipt's block is of another network", {
      where: "header.networkHash",
    });
  }
  verifyCertificate(crypto, known.termKeys, { height: header.height, hash }, parts.certificate);
  const root = rootFromPath(
    crypto,
    leafHash(crypto, parts.leaf),
    parts.leafIndex,
    header.leafCount,
    parts.path,
  );
  if (root === undefined || !equalBytes(root, header.leavesRoot))
    fail("the path does not lead to the block", "path");
  if (leaf.index !== parts.leafIndex) fail("the leaf names another place in the block", "leaf.index");
  if (!equalBytes(leaf.entryId, entry.id)) fail("the entry is not the one in the block", "entry");
  return {
    entryId: entry.id,
    kind: entry.kind,
    signer: entry.signer,
    outcome: leaf.outcome,
    result: leaf.result,
    timeMs: header.timeMs,
    height: header.height,
    leafIndex: parts.leafIndex,
    header,
    headerHash: hash,
    certificate: parts.certificate,
    entry,
  };
}

function readReceipt(
  crypto: Crypto,
  bytes: Uint8Array,
): { parts: ReceiptParts; header: Header; entry: Entry; leaf: Leaf } {
  const limits = { maxBytes: MAX_RECEIPT_BYTES, maxDepth: 4, maxItems: 512 };
  const reader = FieldReader.fromBytes(bytes, "receipt", limits);
  reader.int("version", { min: 1, max: 1 });
  const parts: ReceiptParts = {
    header: reader.bytes("header", { max: 1_024 }),
    certificate: readCertificate(reader.list("certificate")),
    leaf: reader.bytes("leaf", { max: 65_536 }),
    leafIndex: reader.int("leafIndex", { min: 0 }),
    path: byteStrings(reader.list("path", { max: 64 }), "receipt.path", 32),
    entry: reader.bytes("entry", { max: MAX_ENTRY_BYTES }),
  };
  reader.end();
  const entry = openEntry(crypto, parts.entry);
  return { parts, header: decodeHeader(parts.header), entry, leaf: decodeLeaf(parts.leaf, entry.kind) };
}

/** A receipt that cannot even be read has one code, whatever part of it broke. */
function orInvalid<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SegmentError)) throw error;
    const where = error.where === undefined ? {} : { where: error.where };
    throw new SegmentError("receipt-invalid", `the receipt cannot be read: ${error.message}`, {
      cause: error,
      ...where,
    });
  }
}

function fail(message: string, where: string): never {
  throw new SegmentError("receipt-invalid", message, { where });
}
