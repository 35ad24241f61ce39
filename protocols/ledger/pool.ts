/**
 * Entries that a notary has heard of and that are not executed yet. It appends them to the
 * log when its turn comes, and remembers when it saw what belongs to a contract.
 */
import { toHex } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import type { Crypto, TimeMs } from "../ports.ts";
import { readBody } from "./entry.ts";
import type { VerifiedRecord } from "./ledger.ts";
import { MAX_STAMPED_ENTRIES } from "./statements.ts";

/** Beyond this, submissions are dropped: their senders repeat them. */
export const MAX_WAITING_ENTRIES = 20_000;
/** Only what was seen this long before the stamp is dated by itself; the rest has the stamp's time. */
const DATED_AFTER_MS = 1_000;
const DATED_KINDS: ReadonlySet<string> = new Set(["deposit", "choice", "facts", "legs"]);

export interface Waiting {
  record: VerifiedRecord;
  seenMs: TimeMs;
  inLog: boolean;
  /** The contracts that the entry is an input of, or charges by, in hex. */
  termsIds: string[];
  recordHash: string;
}

export class EntryPool {
  readonly #crypto: Crypto;
  readonly #waiting = new Map<string, Waiting>();
  readonly #byRecordHash = new Map<string, Waiting>();
  /** Inputs of contracts and charges, the oldest first. */
  readonly #contractInputs = new Map<string, Waiting>();
  readonly #byContract = new Map<string, Set<Waiting>>();

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
  }

  get isFull(): boolean {
    return this.#waiting.size >= MAX_WAITING_ENTRIES;
  }

  get(idHex: string): Waiting | undefined {
    return this.#waiting.get(idHex);
  }

  /** The same bytes were verified before, so that they need not be verified again in the log. */
  verifiedBefore(bytes: Uint8Array): VerifiedRecord | undefined {
    if (this.#byRecordHash.size === 0) return undefined;
    return this.#byRecordHash.get(toHex(this.#crypto.sha256(bytes)))?.record;
  }

  add(record: VerifiedRecord, seenMs: TimeMs, inLog: boolean): void {
    const termsIds = contractsOf(record);
    const recordHash = toHex(this.#crypto.sha256(record.bytes));
    const waiting = { record, seenMs, inLog, termsIds, recordHash };
    this.#waiting.set(record.idHex, waiting);
    this.#byRecordHash.set(recordHash, waiting);
    if (termsIds.length > 0) this.#contractInputs.set(record.idHex, waiting);
    for (const termsId of termsIds) {
      const siblings = this.#byContract.get(termsId);
      if (siblings === undefined) this.#byContract.set(termsId, new Set([waiting]));
      else siblings.add(waiting);
    }
  }

  remove(idHex: string): void {
    const waiting = this.#waiting.get(idHex);
    if (waiting === undefined) return;
    this.#waiting.delete(idHex);
    this.#byRecordHash.delete(waiting.recordHash);
    this.#contractInputs.delete(idHex);
    for (const termsId of waiting.termsIds) {
      const siblings = this.#byContract.get(termsId);
      siblings?.delete(waiting);
      if (siblings?.size === 0) this.#byContract.delete(termsId);
    }
  }

  /** Whether an input of this contract, or a charge by it, waits that was seen by its kind's deadline. */
  hasTimelyInput(termsIdHex: string, deadlines: { actBy: TimeMs; claimBy: TimeMs }): boolean {
    for (const { record, seenMs } of this.#byContract.get(termsIdHex) ?? []) {
      const deadline = record.entry.kind === "facts" ? deadlines.claimBy : deadlines.actBy;
      if (seenMs <= deadline) return true;
    }
    return false;
  }

  /** What a stamp made at `now` says about single entries. */
  datedInputs(now: TimeMs): { entryId: Uint8Array; timeMs: TimeMs }[] {
    const dated: { entryId: Uint8Array; timeMs: TimeMs }[] = [];
    for (const { record, seenMs } of this.#contractInputs.values()) {
      if (seenMs > now - DATED_AFTER_MS || dated.length >= MAX_STAMPED_ENTRIES) break;
      dated.push({ entryId: record.entry.id, timeMs: seenMs });
    }
    return dated;
  }
}

/** Those of entries whose outcome depends on when they were seen. */
function contractsOf({ entry }: VerifiedRecord): string[] {
  if (!DATED_KINDS.has(entry.kind)) return [];
  try {
    const body = readBody(entry);
    if (body.kind === "legs") return [...new Set(body.charges.map(({ termsId }) => toHex(termsId)))];
    return "termsId" in body ? [toHex(body.termsId)] : [];
  } catch (error) {
    if (error instanceof SegmentError) return [];
    throw error;
  }
}
