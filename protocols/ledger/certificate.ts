/**
 * Votes and certificates. A vote is a plain Ed25519 signature by a notary's term key over
 * `label ‖ 0x00 ‖ header hash`; whole COSE messages would double the size of a receipt.
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

/** What a notary signs for a header. */
export function voteMessage(headerHash: Uint8Array): Uint8Array {
  return concat(VOTE_PREFIX, headerHash);
}

export function signVote(signer: Signer, headerHash: Uint8Array): Uint8Array {
  return signer.sign(voteMessage(headerHash));
}

export function verifyVote(
  crypto: Crypto,
  termKey: Uint8Array,
  headerHash: Uint8Array,
  signature: Uint8Array,
): boolean {
  return crypto.ed25519Verify(termKey, voteMessage(headerHash), signature);
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
  headerHash: Uint8Array,
  certificate: Certificate,
): void {
  const needed = quorum(committee.length);
  if (certificate.length < needed) {
    throw new SegmentError(
      "quorum-missing",
      `${certificate.length} votes certify nothing, ${needed} are needed`,
    );
  }
  const message = voteMessage(headerHash);
  for (const { notary, signature } of certificate) {
    const termKey = committee[notary];
    if (termKey === undefined || !crypto.ed25519Verify(termKey, message, signature)) {
      throw new SegmentError("receipt-foreign", `vote ${notary} is not of this network's committee`, {
        where: `certificate.${notary}`,
      });
    }
  }
}
