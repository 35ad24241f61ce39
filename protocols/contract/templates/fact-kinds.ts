/** The facts that templates besides delivery wait for, and what their bodies hold. */
import type { CborValue } from "../../encoding/cbor.ts";
import { FieldReader } from "../../encoding/reader.ts";
import { SegmentError } from "../../errors.ts";
import { MAX_AMOUNT } from "../../money/amounts.ts";
import type { FactContent } from "../facts.ts";

/** A certifier's: what it was asked to look at is as it should be. */
export const CERTIFIED = "certified";
/** The door was opened: lock and phone sign the same `openedBody`, the phone before the bolt moves. */
export const OPENED = "opened";
/** The lock states that the door is shut and its guest gone. */
export const CLOSED = "closed";
/** The lock states that it did not open to a guest whom the label let in. */
export const REFUSED = "refused";
/** Offline money: the payer's word that the payee may have so much in all; see `voucherBody`. */
export const VOUCHER = "voucher";

/** Body of an "opened" fact: [label, sessionHash of the session in which it was asked for]. */
export function openedBody(opened: { label: string; sessionHash: Uint8Array }): CborValue[] {
  return [opened.label, opened.sessionHash];
}

/** Throws `fact-invalid` unless the fact is of that shape. */
export function readOpened(fact: FactContent): { label: string; sessionHash: Uint8Array } {
  return readBody(fact, OPENED, (reader) => ({
    label: reader.text("label", { min: 1, max: 32 }),
    sessionHash: reader.bytes("sessionHash", { length: 32 }),
  }));
}

/** Body of a "voucher" fact: [cumulativeMinor], all that the payee may have so far, in minor units. */
export function voucherBody(cumulativeMinor: bigint): CborValue[] {
  if (cumulativeMinor < 1n || cumulativeMinor > MAX_AMOUNT)
    throw new SegmentError("amount-invalid", "a voucher is for 1 to 2^63 - 1 minor units");
  return [cumulativeMinor];
}

/** The cumulative amount of a voucher. Throws `fact-invalid` unless the fact is one. */
export function readVoucher(fact: FactContent): bigint {
  return readBody(fact, VOUCHER, (reader) => reader.bigint("cumulativeMinor", { min: 1n, max: MAX_AMOUNT }));
}

function readBody<T>(fact: FactContent, kind: string, read: (reader: FieldReader) => T): T {
  if (fact.kind !== kind) throw new SegmentError("fact-invalid", `a "${fact.kind}" fact is not a "${kind}"`);
  try {
    const reader = new FieldReader(fact.body, `${kind} fact`);
    const value = read(reader);
    reader.end();
    return value;
  } catch (error) {
    if (!(error instanceof SegmentError)) throw error;
    throw new SegmentError("fact-invalid", error.message, { where: `${kind} fact`, cause: error });
  }
}
