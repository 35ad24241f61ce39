/**
 * Facts: what a device states about the world, signed and timed. A fact is a COSE_Sign1 (label
 * "fact") over the deterministic CBOR array [1, kind, subject, timeMs, body].
 */
import { decodeCbor, encodeCbor } from "../encoding/cbor.ts";
import type { CborValue } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { errorCode, SegmentError } from "../errors.ts";
import { sign1, verify1 } from "../identity/cose.ts";
import type { Crypto, Signer, TimeMs } from "../ports.ts";
import { MAX_TIME_MS } from "./bounds.ts";

/** What SEGMENT's own devices state; terms may name other kinds (1 to 32 of a-z, 0-9 and -). */
export const FACT_KINDS = {
  /** Where the device is: see `positionBody`. */
  position: "position",
  /** With whom it spoke in which session: see `metBody`. */
  met: "met",
  /**
   * The parcel left the drone: see `parcelRemovedBody`. Its countersignature is the same body, signed by
   * the phone.
   */
  parcelRemoved: "parcel-removed",
} as const;

export interface FactContent {
  kind: string;
  /** The contract's id (32 bytes), or null for a fact about no contract in particular. */
  subject: Uint8Array | null;
  /** When the device observed it, by its own clock. */
  timeMs: TimeMs;
  /** Integers, texts, byte strings, true, false and null: at most 16, and no arrays within. */
  body: CborValue[];
}

export interface Fact extends FactContent {
  /** Ed25519 public key of the device, 32 bytes. */
  signer: Uint8Array;
  /** The signed message as it was received. */
  bytes: Uint8Array;
}

/** A place: 1e-7 degree, and millimetres above the ellipsoid. */
export interface Position {
  latitudeE7: number;
  longitudeE7: number;
  altitudeMm: number;
}

/** Bytes of one signed fact. */
export const MAX_FACT_BYTES = 2_048;
const MAX_BODY_ITEMS = 16;
const VERSION = 1;

/** Signs a fact. Throws `fact-invalid` for what `openFact` would refuse. */
export function signFact(signer: Signer, content: FactContent): Uint8Array {
  const payload = encodeFactContent(content);
  readContent(payload);
  const bytes = sign1("fact", payload, signer);
  if (bytes.length > MAX_FACT_BYTES) {
    throw new SegmentError("fact-invalid", `the fact has ${bytes.length} bytes, ${MAX_FACT_BYTES} allowed`);
  }
  return bytes;
}

/** The same kind, subject and body, signed by another device at its own time. */
export function countersignFact(signer: Signer, fact: FactContent, timeMs: TimeMs): Uint8Array {
  return signFact(signer, { kind: fact.kind, subject: fact.subject, timeMs, body: fact.body });
}

/** Verifies and reads a fact. Throws `fact-invalid`, `signature-malformed` or `signature-invalid`. */
export function openFact(crypto: Crypto, bytes: Uint8Array): Fact {
  if (bytes.length > MAX_FACT_BYTES) {
    throw new SegmentError("fact-invalid", `the fact has ${bytes.length} bytes, ${MAX_FACT_BYTES} allowed`);
  }
  const { signer, payload } = verify1(crypto, "fact", bytes);
  return { ...readContent(payload), signer, bytes };
}

function encodeFactContent(content: FactContent): Uint8Array {
  try {
    return encodeCbor([VERSION, content.kind, content.subject, content.timeMs, content.body]);
  } catch (error) {
    throw asFactError(error);
  }
}

function readContent(payload: Uint8Array): FactContent {
  try {
    const reader = new FieldReader(decodeCbor(payload, { maxDepth: 4, maxItems: 64 }), "fact", 5);
    reader.int("version", { min: VERSION, max: VERSION });
    const kind = reader.text("kind", { min: 1, max: 32 });
    if (!isFactKind(kind)) throw new SegmentError("fact-invalid", "fact.kind is not of a-z, 0-9 and -");
    const subject = reader.nullable("subject", (fields) => fields.bytes("subject", { length: 32 }));
    const timeMs = reader.int("timeMs", { min: 0, max: MAX_TIME_MS });
    const body = reader.list("body", { max: MAX_BODY_ITEMS });
    if (!body.every(isPlain))
      throw new SegmentError("fact-invalid", "fact.body holds more than plain values");
    return { kind, subject, timeMs, body };
  } catch (error) {
    throw asFactError(error);
  }
}

/** Whether a text can name a kind of fact. */
function isFactKind(kind: string): boolean {
  return /^[a-z][a-z0-9-]{0,31}$/.test(kind);
}

function isPlain(value: CborValue): boolean {
  return (
    value === null ||
    ["number", "bigint", "string", "boolean"].includes(typeof value) ||
    value instanceof Uint8Array
  );
}

function asFactError(error: unknown): unknown {
  if (!(error instanceof SegmentError) || !errorCode(error).startsWith("cbor-")) return error;
  return new SegmentError("fact-invalid", error.message, { where: error.where ?? "fact", cause: error });
}

/** Body of a "position" fact: [latitudeE7, longitudeE7, altitudeMm]. */
export function positionBody(position: Position): CborValue[] {
  return [position.latitudeE7, position.longitudeE7, position.altitudeMm];
}

/** Throws `fact-invalid` unless the fact is a position on Earth, from -500 m to 100 km. */
export function readPosition(fact: FactContent): Position {
  return readBody(fact, FACT_KINDS.position, 3, (reader) => ({
    latitudeE7: reader.int("latitudeE7", { min: -900_000_000, max: 900_000_000 }),
    longitudeE7: reader.int("longitudeE7", { min: -1_800_000_000, max: 1_800_000_000 }),
    altitudeMm: reader.int("altitudeMm", { min: -500_000, max: 100_000_000 }),
  }));
}

export interface Met {
  /** Hash of the Noise handshake, 32 bytes: the same on both sides, and of one session only. */
  sessionHash: Uint8Array;
  initiatorIdentity: Uint8Array;
  responderIdentity: Uint8Array;
}

/** Body of a "met" fact: [sessionHash, initiatorIdentity, responderIdentity]; both devices sign the same. */
export function metBody(met: Met): CborValue[] {
  return [met.sessionHash, met.initiatorIdentity, met.responderIdentity];
}

/** Throws `fact-invalid` unless the fact says who met. */
export function readMet(fact: FactContent): Met {
  return readBody(fact, FACT_KINDS.met, 3, (reader) => ({
    sessionHash: reader.bytes("sessionHash", { length: 32 }),
    initiatorIdentity: reader.bytes("initiatorIdentity", { length: 32 }),
    responderIdentity: reader.bytes("responderIdentity", { length: 32 }),
  }));
}

export interface ParcelRemoved {
  /** The label under which the drone landed, "may-land". */
  label: string;
  /** The session in which drone and phone met, 32 bytes. */
  sessionHash: Uint8Array;
  /** What the drone's scale read before and after, in grams. */
  gramsBefore: number;
  gramsAfter: number;
}

/** Body of a "parcel-removed" fact: [label, sessionHash, gramsBefore, gramsAfter]. */
export function parcelRemovedBody(removed: ParcelRemoved): CborValue[] {
  return [removed.label, removed.sessionHash, removed.gramsBefore, removed.gramsAfter];
}

/** Throws `fact-invalid` unless the fact is of that shape. */
export function readParcelRemoved(fact: FactContent): ParcelRemoved {
  return readBody(fact, FACT_KINDS.parcelRemoved, 4, (reader) => ({
    label: reader.text("label", { min: 1, max: 32 }),
    sessionHash: reader.bytes("sessionHash", { length: 32 }),
    gramsBefore: reader.int("gramsBefore", { min: -1_000_000, max: 1_000_000 }),
    gramsAfter: reader.int("gramsAfter", { min: -1_000_000, max: 1_000_000 }),
  }));
}

function readBody<T>(fact: FactContent, kind: string, length: number, read: (reader: FieldReader) => T): T {
  if (fact.kind !== kind) throw new SegmentError("fact-invalid", `a "${fact.kind}" fact is not a "${kind}"`);
  try {
    return read(new FieldReader(fact.body, `${kind} fact`, length));
  } catch (error) {
    throw asFactError(error);
  }
}
