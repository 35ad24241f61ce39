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
const HEADER_ALGORITHM = 1;
const HEADER_KEY_ID = 4;
const EDDSA = -8;
/** Headers hold little; the payload is one opaque byte string. */
const LIMITS = { maxBytes: 4 << 20, maxDepth: 8, maxItems: 64 };

/** The four parts of a COSE_Sign1 message, as received. */
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
  const protectedBytes = encodeCbor(
    new Map<CborValue, CborValue>([
      [HEADER_ALGORITHM, EDDSA],
      [HEADER_KEY_ID, signer.publicKey],
    ]),
  );
  const signature = signer.sign(sigStructure(protectedBytes, externalAad(label, extraAad), payload));
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
  const signed = sigStructure(parts.protectedBytes, externalAad(label, extraAad), parts.payload);
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

/** Takes a COSE_Sign1 message apart without verifying it. Throws `signature-malformed`. */
export function openSign1(message: Uint8Array): Sign1Parts {
  const decoded = decodeHeader(message, "message");
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

/** The signer's key, from a header that says exactly: EdDSA, this key. */
function keyIdOf(protectedBytes: Uint8Array): Uint8Array {
  const header = decodeHeader(protectedBytes, "protected header");
  if (!(header instanceof Map) || header.size !== 2) throw malformed("the protected header has other fields");
  if (header.get(HEADER_ALGORITHM) !== EDDSA) throw malformed("the algorithm is not EdDSA");
  const keyId = header.get(HEADER_KEY_ID);
  if (!(keyId instanceof Uint8Array) || keyId.length !== 32)
    throw malformed("the key identifier is not a key");
  return keyId;
}

function decodeHeader(bytes: Uint8Array, what: string): CborValue {
  try {
    return decodeCbor(bytes, LIMITS);
  } catch (cause) {
    throw new SegmentError("signature-malformed", `the ${what} is not deterministic CBOR`, { cause });
  }
}

/** The label, and a zero byte before what the caller adds, so that no label can run into it. */
function externalAad(label: SignatureLabel, extraAad: Uint8Array | undefined): Uint8Array {
  const labelBytes = utf8(SIGNATURE_LABELS[label]);
  return extraAad === undefined ? labelBytes : concat(labelBytes, Uint8Array.of(0), extraAad);
}

function malformed(problem: string): SegmentError {
  return new SegmentError("signature-malformed", `not a COSE_Sign1 message of SEGMENT: ${problem}`);
}
