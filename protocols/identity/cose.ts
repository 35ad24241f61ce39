/**
 * COSE_Sign1 (RFC 9052 section 4.2) with EdDSA over Ed25519 (RFC 9053 section 2.2).
 * The key identifier is the public key itself, and the external data is the domain
 * label, so that a signature made for one purpose never passes for another.
 */
import { concat, utf8 } from "../encoding/bytes.ts";
import { CborTag, decodeCbor, encodeCbor } from "../encoding/cbor.ts";
import type { CborValue } from "../encoding/cbor.ts";
import { SegmentError } from "../errors.ts";
import { SIGNATURE_LABELS } from "../labels.ts";
import type { SignatureLabel } from "../labels.ts";
import type { Crypto, Signer } from "../ports.ts";

const TAG_SIGN1 = 18;
/** The protected header, up to the key: {1: -8 (algorithm: EdDSA), 4: 32 bytes (key identifier)}. */
const HEADER_START = Uint8Array.of(0xa2, 0x01, 0x27, 0x04, 0x58, 0x20);
const KEY_LENGTH = 32;
/** An array of four, whose first is the text "Signature1". */
const SIG_START = concat(Uint8Array.of(0x84, 0x6a), utf8("Signature1"));
/** Of a byte string in `scratch`. */
const MAX_HEAD = 3;
/** The labels' bytes. */
const labelled = Object.fromEntries(
  Object.entries(SIGNATURE_LABELS).map(([label, text]) => [label, utf8(text)]),
) as Record<SignatureLabel, Uint8Array>;
/** Headers hold little; the payload is one opaque byte string. */
const LIMITS = { maxBytes: 4 << 20, maxDepth: 8, maxItems: 64, views: true };

/** The four parts of a COSE_Sign1 message, as received: views of it. */
export interface Sign1Parts {
  protectedBytes: Uint8Array;
  unprotected: Map<CborValue, CborValue>;
  payload: Uint8Array;
  signature: Uint8Array;
}

/**
 * Signs `payload` for the purpose `label`. `extraAad` is bound by the signature
 * without being in the message; whoever verifies must give the same.
 */
export function sign1(
  label: SignatureLabel,
  payload: Uint8Array,
  signer: Signer,
  extraAad?: Uint8Array,
): Uint8Array {
  const protectedBytes = concat(HEADER_START, signer.publicKey);
  const signature = signer.sign(signedBytes(protectedBytes, externalAad(label, extraAad), payload));
  return encodeCbor(new CborTag(TAG_SIGN1, [protectedBytes, new Map(), payload, signature]));
}

/**
 * Verifies over the received bytes, at most 4 MiB. Whether `signer` may say this is the caller's question.
 * Throws `signature-malformed` or `signature-invalid`.
 */
export function verify1(
  crypto: Crypto,
  label: SignatureLabel,
  message: Uint8Array,
  extraAad?: Uint8Array,
): { signer: Uint8Array; payload: Uint8Array } {
  const parts = openSign1(message);
  if (parts.unprotected.size !== 0) throw malformed("the unprotected header is not empty");
  const signer = keyIdOf(parts.protectedBytes);
  const signed = signedBytes(parts.protectedBytes, externalAad(label, extraAad), parts.payload);
  if (!crypto.ed25519Verify(signer, signed, parts.signature)) {
    throw new SegmentError("signature-invalid", `the signature for "${label}" does not verify`);
  }
  return { signer, payload: parts.payload };
}

/** The bytes that a COSE_Sign1 signature covers (RFC 9052 section 4.4). */
export function sigStructure(
  protectedBytes: Uint8Array,
  externalAad: Uint8Array,
  payload: Uint8Array,
): Uint8Array {
  // An empty header map is signed as a zero-length string, in whichever way it was sent.
  const isEmptyMap = protectedBytes.length === 1 && protectedBytes[0] === 0xa0;
  const header = isEmptyMap ? new Uint8Array(0) : protectedBytes;
  return encodeCbor(["Signature1", header, externalAad, payload]);
}

/** Where `signedBytes` puts together what fits. */
const scratch = new Uint8Array(2_048);

/** The same for a header that is no empty map, until the next call: nobody keeps what is signed. */
function signedBytes(protectedBytes: Uint8Array, aad: Uint8Array, payload: Uint8Array): Uint8Array {
  const length = SIG_START.length + protectedBytes.length + aad.length + payload.length;
  if (length + 3 * MAX_HEAD > scratch.length) return sigStructure(protectedBytes, aad, payload);
  scratch.set(SIG_START);
  let end = SIG_START.length;
  for (const part of [protectedBytes, aad, payload]) {
    end = byteStringHead(end, part.length);
    scratch.set(part, end);
    end += part.length;
  }
  return scratch.subarray(0, end);
}

/** RFC 8949 section 3, of lengths below 65,536. Returns where the string itself begins. */
function byteStringHead(at: number, length: number): number {
  if (length < 24) {
    scratch[at] = 0x40 | length;
    return at + 1;
  }
  if (length < 0x100) {
    scratch[at] = 0x58;
    scratch[at + 1] = length;
    return at + 2;
  }
  scratch[at] = 0x59;
  scratch[at + 1] = length >> 8;
  scratch[at + 2] = length & 255;
  return at + MAX_HEAD;
}

/** Takes a COSE_Sign1 message apart without verifying it. Throws `signature-malformed`. */
export function openSign1(message: Uint8Array): Sign1Parts {
  const decoded = decodeMessage(message);
  if (!(decoded instanceof CborTag) || decoded.tag !== TAG_SIGN1) throw malformed("tag 18 is missing");
  const parts = decoded.value;
  if (!Array.isArray(parts) || parts.length !== 4) throw malformed("not an array of four");
  const [protectedBytes, unprotected, payload, signature] = parts;
  if (!(protectedBytes instanceof Uint8Array)) throw malformed("the protected header is not a byte string");
  if (!(unprotected instanceof Map)) throw malformed("the unprotected header is not a map");
  if (!(payload instanceof Uint8Array)) throw malformed("the payload is not a byte string");
  if (!(signature instanceof Uint8Array)) throw malformed("the signature is not a byte string");
  return { protectedBytes, unprotected, payload, signature };
}

/**
 * The signer's key, from a header that says exactly: EdDSA, this key. Deterministic CBOR has one form for
 * that.
 */
function keyIdOf(protectedBytes: Uint8Array): Uint8Array {
  if (protectedBytes.length !== HEADER_START.length + KEY_LENGTH || !beginsWith(protectedBytes, HEADER_START))
    throw malformed("the protected header is not EdDSA with one key");
  return protectedBytes.slice(HEADER_START.length);
}

function beginsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  for (let at = 0; at < start.length; at++) if (bytes[at] !== start[at]) return false;
  return true;
}

function decodeMessage(bytes: Uint8Array): CborValue {
  try {
    return decodeCbor(bytes, LIMITS);
  } catch (cause) {
    throw new SegmentError("signature-malformed", "the message is not deterministic CBOR", { cause });
  }
}

/** The label, and a zero byte before what the caller adds, so that no label can run into it. */
function externalAad(label: SignatureLabel, extraAad: Uint8Array | undefined): Uint8Array {
  const labelBytes = labelled[label];
  return extraAad === undefined ? labelBytes : concat(labelBytes, Uint8Array.of(0), extraAad);
}

function malformed(problem: string): SegmentError {
  return new SegmentError("signature-malformed", `not a COSE_Sign1 message of SEGMENT: ${problem}`);
}
