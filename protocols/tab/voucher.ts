/**
 * Vouchers: signed facts by which a tab's payer pays, and the facts by which the payee redeems the last
 * one.
 */
import { openFact, signFact } from "../contract/facts.ts";
import { FACT_TIME_AHEAD_MS } from "../contract/observe.ts";
import { readVoucher, VOUCHER, voucherBody } from "../contract/templates/fact-kinds.ts";
import { equalBytes } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import type { Crypto, Signer, TimeMs } from "../ports.ts";
import type { Tab } from "./tab.ts";

/**
 * The payer's word that the payee may have so much in all. Throws `amount-invalid`, `voucher-beyond-hold`.
 */
export function signVoucher(signer: Signer, tab: Tab, cumulativeMinor: bigint, now: TimeMs): Uint8Array {
  if (cumulativeMinor > BigInt(tab.heldMinor)) {
    const problem = `${cumulativeMinor} minor units in all, and the tab holds ${tab.heldMinor}`;
    throw new SegmentError("voucher-beyond-hold", problem, { where: "voucher" });
  }
  const body = voucherBody(cumulativeMinor);
  return signFact(signer, { kind: VOUCHER, subject: tab.termsId, timeMs: now, body });
}

/**
 * The amount in all of a voucher that the payee is shown. `lastMinor` is what its last one was for.
 * Errors: signature-…, fact-invalid, voucher-invalid (another tab or signer), voucher-late,
 * voucher-beyond-hold, voucher-replayed (not above the last one).
 */
export function openVoucher(
  crypto: Crypto,
  tab: Tab,
  bytes: Uint8Array,
  lastMinor: bigint,
  now: TimeMs,
): bigint {
  const fact = openFact(crypto, bytes);
  const cumulativeMinor = readVoucher(fact);
  const where = { where: "voucher" };
  if (fact.subject === null || !equalBytes(fact.subject, tab.termsId))
    throw new SegmentError("voucher-invalid", "the voucher is of another tab", where);
  if (!equalBytes(fact.signer, tab.payer.identity))
    throw new SegmentError("voucher-invalid", "the voucher is not signed by the tab's payer", where);
  if (fact.timeMs > tab.payByMs || now > tab.payByMs)
    throw new SegmentError("voucher-late", `the tab took vouchers until ${tab.payByMs}`, where);
  if (fact.timeMs > now + FACT_TIME_AHEAD_MS)
    throw new SegmentError("voucher-invalid", "the voucher comes from the future", where);
  if (cumulativeMinor > BigInt(tab.heldMinor)) {
    const problem = `the voucher is for ${cumulativeMinor} in all, and the tab holds ${tab.heldMinor}`;
    throw new SegmentError("voucher-beyond-hold", problem, where);
  }
  if (cumulativeMinor <= lastMinor) {
    const problem = `the voucher is for ${cumulativeMinor} in all, and ${lastMinor} was paid before`;
    throw new SegmentError("voucher-replayed", problem, where);
  }
  return cumulativeMinor;
}

/**
 * The facts with which the payee redeems a voucher that it has opened: the payer's, and its own of the
 * same.
 */
export function redemptionFacts(
  crypto: Crypto,
  signer: Signer,
  tab: Tab,
  voucher: Uint8Array,
): [payers: Uint8Array, payees: Uint8Array] {
  // Of the same time: whatever the clocks do, both count or neither.
  const { timeMs, body } = openFact(crypto, voucher);
  return [voucher, signFact(signer, { kind: VOUCHER, subject: tab.termsId, timeMs, body })];
}
