/** What all that is signed for a lock has in common: one label, one bounded array, one code when refused. */
import { encodeCbor } from "../encoding/cbor.ts";
import type { CborValue } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { SegmentError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import { sign1, verify1 } from "../identity/cose.ts";
import type { SignatureLabel } from "../labels.ts";
import type { Crypto, Signer } from "../ports.ts";

const VERSION = 1;
const LIMITS = { maxDepth: 4, maxItems: 512 };

/** How one kind of signed message is read. */
export interface SignedKind<T> {
  label: SignatureLabel;
  /** In errors. */
  what: string;
  /** The code with which a malformed one is refused. */
  code: ErrorCode;
  maxBytes: number;
  /** The fields after the version; all of them. */
  read: (reader: FieldReader) => T;
}

/** Signs what `openSigned` would open. Throws the kind's code for what it would refuse. */
export function signFields<T>(kind: SignedKind<T>, fields: CborValue[], signer: Signer): Uint8Array {
  const payload = encodeCbor([VERSION, ...fields]);
  readPayload(kind, payload);
  const bytes = sign1(kind.label, payload, signer);
  if (bytes.length > kind.maxBytes) throw tooLong(kind, bytes.length);
  return bytes;
}

/** Throws the kind's code: too long, not signed by the key that it names, malformed. */
export function openSigned<T>(
  crypto: Crypto,
  kind: SignedKind<T>,
  bytes: Uint8Array,
): { signer: Uint8Array; value: T } {
  if (bytes.length > kind.maxBytes) throw tooLong(kind, bytes.length);
  try {
    const { signer, payload } = verify1(crypto, kind.label, bytes);
    return { signer, value: readPayload(kind, payload) };
  } catch (error) {
    throw asKind(kind, error);
  }
}

function readPayload<T>(kind: SignedKind<T>, payload: Uint8Array): T {
  try {
    const reader = FieldReader.fromBytes(payload, kind.what, LIMITS);
    reader.int("version", { min: VERSION, max: VERSION });
    const value = kind.read(reader);
    reader.end();
    return value;
  } catch (error) {
    throw asKind(kind, error);
  }
}

function asKind<T>(kind: SignedKind<T>, error: unknown): unknown {
  if (!(error instanceof SegmentError) || error.code === kind.code) return error;
  return new SegmentError(kind.code, `the ${kind.what} is refused: ${error.message}`, {
    where: error.where ?? kind.what,
    cause: error,
  });
}

function tooLong<T>(kind: SignedKind<T>, length: number): SegmentError {
  return new SegmentError(kind.code, `the ${kind.what} has ${length} bytes, at most ${kind.maxBytes}`, {
    where: kind.what,
  });
}
