/**
 * What notaries sign besides votes: stamps (when they saw the entries of a block) and
 * statements that they hold no timely input for a contract.
 */
import { compareBytes, equalBytes, toHex } from "../encoding/bytes.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { SegmentError } from "../errors.ts";
import { sign1, verify1 } from "../identity/cose.ts";
import type { Crypto, Signer, TimeMs } from "../ports.ts";

/** Entries that one stamp may date individually. */
export const MAX_STAMPED_ENTRIES = 64;

export interface Stamp {
  /** The notary's place in the committee. */
  notary: number;
  height: number;
  timeMs: TimeMs;
  /**
   * Contract inputs and charges that the notary saw well before `timeMs`, so that delay by the log
   * cannot make a timely one late. Sorted by id.
   */
  seen: { entryId: Uint8Array; timeMs: TimeMs }[];
  bytes: Uint8Array;
}

export interface Committee {
  crypto: Crypto;
  networkHash: Uint8Array;
  zone: string;
  /** Term keys by notary index. */
  committee: Uint8Array[];
}

/** COSE_Sign1 (label "stamp") over [1, networkHash, zone, height, timeMs, [[entryId, timeMs], …]]. */
export function signStamp(
  { networkHash, zone }: Committee,
  signer: Signer,
  stamp: Pick<Stamp, "height" | "timeMs" | "seen">,
): Uint8Array {
  const seen = [...stamp.seen]
    .sort((a, b) => compareBytes(a.entryId, b.entryId))
    .map(({ entryId, timeMs }) => [entryId, timeMs]);
  return sign1("stamp", encodeCbor([1, networkHash, zone, stamp.height, stamp.timeMs, seen]), signer);
}

/** Throws `signature-…`, `cbor-…` or, for who is not of the committee, `receipt-foreign`. */
export function openStamp(committee: Committee, bytes: Uint8Array): Stamp {
  const { signer, payload } = verify1(committee.crypto, "stamp", bytes);
  const notary = memberIndex(committee, signer);
  const reader = FieldReader.fromBytes(payload, "stamp", { maxBytes: 8_192, maxDepth: 4, maxItems: 512 });
  readScope(reader, committee);
  if (reader.text("zone") !== committee.zone) throw foreign("the stamp is of another zone");
  const height = reader.int("height", { min: 1 });
  const timeMs = reader.int("timeMs", { min: 0 });
  const seen = reader.list("seen", { max: MAX_STAMPED_ENTRIES }).map((value) => {
    const pair = new FieldReader(value, "stamp.seen", 2);
    return {
      entryId: pair.bytes("entryId", { length: 32 }),
      timeMs: pair.int("timeMs", { min: 0, max: timeMs }),
    };
  });
  reader.end();
  return { notary, height, timeMs, seen, bytes };
}

export interface NoRelease {
  notary: number;
  termsId: Uint8Array;
  /** The contract's transitions so far: the statement is about this state and no other. */
  seq: number;
  timeMs: TimeMs;
  bytes: Uint8Array;
}

/** COSE_Sign1 (label "noRelease") over [1, networkHash, termsId, seq, timeMs]. */
export function signNoRelease(
  { networkHash }: Committee,
  signer: Signer,
  statement: Pick<NoRelease, "termsId" | "seq" | "timeMs">,
): Uint8Array {
  const { termsId, seq, timeMs } = statement;
  return sign1("noRelease", encodeCbor([1, networkHash, termsId, seq, timeMs]), signer);
}

/** Throws as `openStamp`. */
export function openNoRelease(committee: Committee, bytes: Uint8Array): NoRelease {
  const { signer, payload } = verify1(committee.crypto, "noRelease", bytes);
  const notary = memberIndex(committee, signer);
  const reader = FieldReader.fromBytes(payload, "statement", { maxBytes: 256, maxDepth: 1, maxItems: 8 });
  readScope(reader, committee);
  const termsId = reader.bytes("termsId", { length: 32 });
  const seq = reader.int("seq", { min: 0 });
  const timeMs = reader.int("timeMs", { min: 0 });
  reader.end();
  return { notary, termsId, seq, timeMs, bytes };
}

/**
 * Log time: the median of the stamps, the lower one of an even number. With at most f liars
 * among 2f+1 or more, it lies between the times of honest notaries.
 */
export function medianTime(times: TimeMs[]): TimeMs {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[(sorted.length - 1) >> 1]!;
}

/**
 * When the notaries saw one entry, by the stamps of its block: whoever does not date it counts
 * with the time of the stamp. Only for entries that some stamp dates.
 */
export function seenTimes(stamps: Stamp[]): Map<string, TimeMs> {
  const ids = new Set(stamps.flatMap((stamp) => stamp.seen.map(({ entryId }) => toHex(entryId))));
  const perStamp = stamps.map((stamp) => ({
    timeMs: stamp.timeMs,
    seen: new Map(stamp.seen.map(({ entryId, timeMs }) => [toHex(entryId), timeMs])),
  }));
  const times = new Map<string, TimeMs>();
  for (const id of ids) times.set(id, medianTime(perStamp.map(({ timeMs, seen }) => seen.get(id) ?? timeMs)));
  return times;
}

function readScope(reader: FieldReader, { networkHash }: Committee): void {
  reader.int("version", { min: 1, max: 1 });
  if (!equalBytes(reader.bytes("networkHash", { length: 32 }), networkHash)) {
    throw foreign("the statement is of another network");
  }
}

function memberIndex({ committee }: Committee, key: Uint8Array): number {
  const index = committee.findIndex((termKey) => equalBytes(termKey, key));
  if (index < 0) throw foreign("the signer is not of this committee");
  return index;
}

function foreign(message: string): SegmentError {
  return new SegmentError("receipt-foreign", message);
}
