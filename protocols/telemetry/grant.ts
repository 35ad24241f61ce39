/**
 * A grant: the cover of a span of a stream, sealed to a reader's X25519 key (HPKE) and signed by the stream's
 * owner (COSE_Sign1, label "grant") over the positional array
 *
 *   [1, publisher, streamId, generation, reader, fromPeriod, toPeriod, issuedAtMs, sealedCover]
 *
 * where sealedCover opens to [[level, index, key], ...] and its AAD is all that stands before it. A grant can
 * lie in storage: nobody but the reader opens it, and the publisher may sleep. What was read cannot be
 * unread.
 */
import { hpkeOpen, hpkeSeal } from "../crypto/hpke.ts";
import { equalBytes, utf8 } from "../encoding/bytes.ts";
import { encodeCbor, type CborValue } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { SegmentError } from "../errors.ts";
import { sign1, verify1 } from "../identity/cose.ts";
import { KEY_LABELS } from "../labels.ts";
import type { Crypto, Random, Signer, TimeMs } from "../ports.ts";
import {
  coverSpan,
  keyFromCover,
  nodeSpan,
  PERIOD_END,
  TREE_DEPTH,
  type KeyNode,
  type PeriodSpan,
} from "./keytree.ts";
import { HASH_BYTES, type OpenedManifest } from "./manifest.ts";

/** A grant, at most, in bytes: 42 nodes of 42 bytes, and the rest. */
export const MAX_GRANT_BYTES = 4096;
const MAX_COVER_NODES = 2 * TREE_DEPTH;
const VERSION = 1;
const INFO = utf8(KEY_LABELS.sealedGrant);

export interface GrantTerms {
  /** Ed25519 key that signs the stream's manifests. */
  publisher: Uint8Array;
  streamId: Uint8Array;
  generation: number;
  /** The reader's X25519 key. */
  reader: Uint8Array;
  span: PeriodSpan;
  issuedAtMs: TimeMs;
}

export interface OpenedGrant extends GrantTerms {
  /** Ed25519 key that signed the grant. */
  issuer: Uint8Array;
  cover: KeyNode[];
}

export interface MakeGrantOptions {
  crypto: Crypto;
  random: Random;
  /** The stream's owner, or its publisher on the owner's behalf. */
  signer: Signer;
  /** Of the stream's generation: `streamRootKey` of keytree.ts. */
  rootKey: Uint8Array;
  terms: GrantTerms;
}

/**
 * The grant's bytes. Throws `option-invalid` for an empty span, `key-invalid` for an unusable reader's key.
 */
export function makeGrant(options: MakeGrantOptions): Uint8Array {
  const { crypto, random, terms } = options;
  const cover = coverSpan(crypto, options.rootKey, terms.span);
  const plaintext = encodeCbor(cover.map(({ level, index, key }) => [level, index, key]));
  const fields = termFields(terms);
  const sealed = hpkeSeal(crypto, random, terms.reader, INFO, encodeCbor(fields), plaintext);
  return sign1("grant", encodeCbor([...fields, sealed]), options.signer);
}

function termFields(terms: GrantTerms): CborValue[] {
  const { publisher, streamId, generation, reader, span, issuedAtMs } = terms;
  return [VERSION, publisher, streamId, generation, reader, span.from, span.to, issuedAtMs];
}

/** What a grant says, its signature checked, without opening it. Throws `grant-invalid`. */
export function readGrant(
  crypto: Crypto,
  grant: Uint8Array,
): GrantTerms & { issuer: Uint8Array; sealed: Uint8Array } {
  if (grant.length > MAX_GRANT_BYTES) throw invalid(`is longer than ${MAX_GRANT_BYTES} bytes`);
  try {
    const { signer, payload } = verify1(crypto, "grant", grant);
    const reader = FieldReader.fromBytes(payload, "grant", { maxBytes: MAX_GRANT_BYTES });
    reader.int("version", { min: VERSION, max: VERSION });
    const terms = {
      publisher: reader.bytes("publisher", { length: 32 }),
      streamId: reader.bytes("streamId", { length: HASH_BYTES }),
      generation: reader.int("generation", { min: 0, max: 0xffffffff }),
      reader: reader.bytes("reader", { length: 32 }),
      span: {
        from: reader.int("fromPeriod", { min: 0, max: PERIOD_END - 1 }),
        to: reader.int("toPeriod", { min: 1, max: PERIOD_END }),
      },
      issuedAtMs: reader.int("issuedAtMs", { min: 0 }),
    };
    const sealed = reader.bytes("sealedCover", { max: MAX_GRANT_BYTES });
    reader.end();
    return { ...terms, issuer: signer, sealed };
  } catch (cause) {
    throw asInvalid(cause);
  }
}

export interface OpenGrantOptions {
  crypto: Crypto;
  grant: Uint8Array;
  /** X25519 secret key of the reader. */
  readerSecret: Uint8Array;
  /** Who must have signed: the stream's owner as the reader knows it. */
  issuer: Uint8Array;
}

/** Throws `grant-invalid`: signed by another, made for another reader, or a cover that is not the span's. */
export function openGrant(options: OpenGrantOptions): OpenedGrant {
  const { sealed, ...terms } = readGrant(options.crypto, options.grant);
  if (!equalBytes(terms.issuer, options.issuer)) throw invalid("is signed by another key");
  try {
    const aad = encodeCbor(termFields(terms));
    const plaintext = hpkeOpen(options.crypto, options.readerSecret, INFO, aad, sealed);
    return { ...terms, cover: readCover(plaintext, terms.span) };
  } catch (cause) {
    throw asInvalid(cause);
  }
}

/** The key that a grant gives for a chunk, or undefined if it is of another stream, generation or time. */
export function chunkKey(
  crypto: Crypto,
  grant: OpenedGrant,
  manifest: OpenedManifest,
): Uint8Array | undefined {
  const sameStream =
    equalBytes(grant.publisher, manifest.publisher) &&
    equalBytes(grant.streamId, manifest.streamId) &&
    grant.generation === manifest.generation;
  return sameStream ? keyFromCover(crypto, grant.cover, manifest.period) : undefined;
}

/** The nodes must follow one another and give exactly the span. */
function readCover(plaintext: Uint8Array, span: PeriodSpan): KeyNode[] {
  const reader = FieldReader.fromBytes(plaintext, "cover", { maxBytes: MAX_GRANT_BYTES });
  if (reader.remaining > MAX_COVER_NODES) throw invalid("has too many nodes");
  const cover: KeyNode[] = [];
  let next = span.from;
  while (reader.remaining > 0) {
    const fields = reader.record(String(cover.length), 3);
    const level = fields.int("level", { min: 0, max: TREE_DEPTH });
    const index = fields.int("index", { min: 0, max: 2 ** level - 1 });
    const node = { level, index, key: fields.bytes("key", { length: 32 }) };
    const below = nodeSpan(node);
    if (below.from !== next) throw invalid("has a cover with a hole");
    next = below.to;
    cover.push(node);
  }
  if (next !== span.to) throw invalid("has a cover that is not the span's");
  return cover;
}

function invalid(problem: string): SegmentError {
  return new SegmentError("grant-invalid", `the grant ${problem}`);
}

function asInvalid(cause: unknown): unknown {
  if (!(cause instanceof SegmentError) || cause.code === "grant-invalid") return cause;
  return new SegmentError("grant-invalid", `the grant does not open: ${cause.message}`, { cause });
}
