/**
 * Entries as a device writes them: the body and, where terms or facts must stay private,
 * the attachment that only the committee may read. The agent adds nonce, window,
 * signature and seal when it puts the entry into its outbox.
 */
import type { Crypto, TimeMs } from "../ports.ts";
import type { EntryBody } from "./entry.ts";
import { encodeFactsAttachment, encodeOpenAttachment } from "./record.ts";

export interface EntryDraft {
  body: EntryBody;
  /** Plaintext; the body holds its SHA-256. */
  attachment?: Uint8Array;
  /** 16 bytes that were chosen before, as for approvals (joint.ts); random ones unless given. */
  nonce?: Uint8Array;
  /**
   * When the entry is valid, instead of from now on. Two entries of one signer with the same nonce, window
   * and body are one entry, which the ledger executes once; with another window they are two.
   */
  window?: { notBefore: TimeMs; notAfter: TimeMs };
}

/** Opens a contract that all parties have signed. */
export function draftOpen(
  crypto: Crypto,
  termsId: Uint8Array,
  termsBytes: Uint8Array,
  signatures: Uint8Array[],
): EntryDraft {
  const attachment = encodeOpenAttachment(termsBytes, signatures);
  return { body: { kind: "open", termsId, attachmentHash: crypto.sha256(attachment) }, attachment };
}

/** Shows facts to the notaries for the contract's present state. */
export function draftFacts(
  crypto: Crypto,
  termsId: Uint8Array,
  facts: Uint8Array[],
  preimages: Uint8Array[] = [],
): EntryDraft {
  const attachment = encodeFactsAttachment(facts, preimages);
  return { body: { kind: "facts", termsId, attachmentHash: crypto.sha256(attachment) }, attachment };
}
