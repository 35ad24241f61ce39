/**
 * Votes and certificates. A vote is a plain Ed25519 signature by a notary's term key over
 * `label ‖ 0x00 ‖ height, 8 bytes ‖ header hash`; whole COSE messages would double the size of a receipt.
 * A certificate lists 2f+1 or more of them, sorted by notary: [[index, signature], …].
 */
import { concat, utf8 } from "../encoding/bytes.ts";
import type { CborValue } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { SegmentError } from "../errors.ts";
import { SIGNATURE_LABELS } from "../labels.ts";
import type { Crypto, Signer } from "../ports.ts";
import { MAX_NOTARIES, quorum } from "./network.ts";

export interface CertificateVote {
  /** The notary's place in the network description. */
  notary: number;
  signature: Uint8Array;
}

/** Sorted by notary, each at most once. */
export type Certificate = CertificateVote[];

const VOTE_PREFIX = concat(utf8(SIGNATURE_LABELS.vote), Uint8Array.of(0));

/** The block that a vote is about, by its header's height and hash. */
export interface Voted {
  height: number;
  hash: Uint8Array;
}

/**
 * What a notary signs for a header. The hash holds the height already, but who lacks the header cannot see
 * it there: a vote for one block must not be taken for a contrary one at another height.
 */
function voteMessage({ height, hash }: Voted): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(height));
  return concat(VOTE_PREFIX, bytes, hash);
}

export function signVote(signer: Signer, voted: Voted): Uint8Array {
  return signer.sign(voteMessage(voted));
}

export function verifyVote(
  crypto: Crypto,
  termKey: Uint8Array,
  voted: Voted,
  signature: Uint8Array,
): boolean {
  return crypto.ed25519Verify(termKey, voteMessage(voted), signature);
}

export function certificateFields(certificate: Certificate): CborValue[] {
  return certificate.map(({ notary, signature }) => [notary, signature]);
}

/** Throws `cbor-wrong-shape`; the signatures are not verified yet. */
export function readCertificate(fields: CborValue[]): Certificate {
  if (fields.length > MAX_NOTARIES) {
    throw new SegmentError("cbor-wrong-shape", `certificate has more than ${MAX_NOTARIES} votes`);
  }
  let previous = -1;
  return fields.map((value) => {
    const reader = new FieldReader(value, "certificate.vote", 2);
    const notary = reader.int("notary", { min: previous + 1, max: MAX_NOTARIES - 1 });
    previous = notary;
    return { notary, signature: reader.bytes("signature", { length: 64 }) };
  });
}

/**
 * Every vote is verified, superfluous ones too, so that no byte of a receipt is loose.
 * Throws `quorum-missing` for too few votes, `receipt-foreign` for one that is not of this committee.
 */
export function verifyCertificate(
  crypto: Crypto,
  committee: Uint8Array[],
  voted: Voted,
  certificate: Certificate,
): void {
  const needed = quorum(committee.length);
  if (certificate.length < needed) {
    throw new SegmentError(
      "quorum-missing",
      `${certificate.length} votes certify nothing, ${needed} are needed`,
    );
  }
  const message = voteMessage(voted);
  for (const { notary, signature } of certificate) {
    const termKey = committee[notary];
    if (termKey === undefined || !crypto.ed25519Verify(termKey, message, signature)) {
      throw new SegmentError("receipt-foreign", `vote ${notary} is not of this network's committee`, {
        where: `certificate.${notary}`,
      });
    }
  }
}
