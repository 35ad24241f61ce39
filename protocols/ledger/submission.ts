/** From a draft to the bytes that a device submits: window, nonce, signature and seal. */
import type { Crypto, Random, Signer, TimeMs } from "../ports.ts";
import type { EntryDraft } from "./drafts.ts";
import { signEntry } from "./entry.ts";
import type { NetworkDescription } from "./network.ts";
import { MAX_SKEW_MS } from "./notary-context.ts";
import { encodeEntryRecord, sealAttachment } from "./record.ts";

/** Who makes entries, and for which network. */
export interface EntryMaker {
  crypto: Crypto;
  random: Random;
  network: NetworkDescription;
  signer: Signer;
}

/** What a device submits: `record` goes to the notaries, `id` names the receipt to come. */
export interface Submission {
  id: Uint8Array;
  record: Uint8Array;
  notAfter: TimeMs;
}

/** How long an entry stays valid unless told otherwise: a device may be offline for a while. */
export const DEFAULT_VALIDITY_MS = 10 * 60 * 1_000;
/**
 * Entries are valid from a while ago: the ledger's time may be behind the signer's clock by as much as
 * notaries may differ and still make blocks together.
 */
const CLOCK_ALLOWANCE_MS = MAX_SKEW_MS;

/**
 * Signs and packs a draft. The same draft twice makes two entries, unless it names nonce and window: keep
 * the submission to retry it.
 */
export function makeSubmission(
  maker: EntryMaker,
  now: TimeMs,
  draft: EntryDraft,
  validityMs: number = DEFAULT_VALIDITY_MS,
): Submission {
  const { crypto, random, network, signer } = maker;
  const frame = {
    network: network.network,
    zone: network.zone,
    nonce: draft.nonce ?? random.bytes(16),
    ...(draft.window ?? { notBefore: Math.max(0, now - CLOCK_ALLOWANCE_MS), notAfter: now + validityMs }),
  };
  const { id, bytes } = signEntry(crypto, signer, frame, draft.body);
  const sealed =
    draft.attachment === undefined ? null : sealAttachment(crypto, random, network, id, draft.attachment);
  return { id, record: encodeEntryRecord(bytes, sealed), notAfter: frame.notAfter };
}
