/**
 * Somebody at the door who has not rented, and no network anywhere: phone and lock agree over BLE, by the
 * tariff that an owner has signed for the lock, and the guest pays from a tab that was opened for this lock
 * before. Each says what it would agree to by a signed fact; what both have signed alike is agreed.
 *
 * Fact "stay-offer", about the tab: [untilMs, priceMinor].
 */
import { openFact, signFact } from "../contract/facts.ts";
import { FieldReader } from "../encoding/reader.ts";
import { equalBytes } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import { MAX_AMOUNT } from "../money/amounts.ts";
import type { Crypto, Signer, TimeMs } from "../ports.ts";
import { MAX_TIME_MS } from "./times.ts";

export const STAY_OFFER = "stay-offer";
/** The phase of a stay that was agreed at the door, where a rental has its contract's. */
export const WALKED_UP = "walk-up";
const DAY_MS = 24 * 60 * 60_000;
/** Nobody walks in for longer. */
export const LONGEST_WALK_UP_MS = 30 * DAY_MS;

/** What an owner lets the lock agree to, for each day that has begun; amounts in minor units. */
export interface Tariff {
  currency: string;
  askedMinor: bigint;
  /** The lock agrees to no less. */
  leastMinor: bigint;
}

export interface StayOffer {
  /** Id of the tab that pays. */
  tab: Uint8Array;
  untilMs: TimeMs;
  priceMinor: bigint;
}

export function signStayOffer(
  signer: Signer,
  { tab, untilMs, priceMinor }: StayOffer,
  now: TimeMs,
): Uint8Array {
  return signFact(signer, { kind: STAY_OFFER, subject: tab, timeMs: now, body: [untilMs, priceMinor] });
}

/** Errors: fact-invalid (also: another has signed it), signature-… */
export function openStayOffer(crypto: Crypto, bytes: Uint8Array, by: Uint8Array): StayOffer {
  const { kind, subject, body, signer } = openFact(crypto, bytes);
  if (kind !== STAY_OFFER || subject === null || !equalBytes(signer, by))
    throw new SegmentError("fact-invalid", "this is no offer of a stay by that party", { where: "offer" });
  try {
    const reader = new FieldReader(body, "offer", 2);
    const untilMs = reader.int("untilMs", { min: 0, max: MAX_TIME_MS });
    const priceMinor = reader.bigint("priceMinor", { min: 1n, max: MAX_AMOUNT });
    return { tab: subject, untilMs, priceMinor };
  } catch (cause) {
    throw new SegmentError("fact-invalid", "the offer is not of its shape", { where: "offer", cause });
  }
}

/** For a stay from now on. */
export function priceOf(perDayMinor: bigint, now: TimeMs, untilMs: TimeMs): bigint {
  return perDayMinor * BigInt(Math.max(1, Math.ceil((untilMs - now) / DAY_MS)));
}

/** What both have signed: the stay's id, where a rental has that of its contract. */
export function walkUpId(crypto: Crypto, locksOffer: Uint8Array): Uint8Array {
  return crypto.sha256(locksOffer);
}
