/**
 * From records to blocks: collects the log's uncut entries and the notaries' stamps, says
 * when a cut can be appended, and which cut counts.
 */
import { equalBytes } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import type { VerifiedRecord } from "./ledger.ts";
import { quorum } from "./network.ts";
import { openStamp } from "./statements.ts";
import type { Committee, Stamp } from "./statements.ts";

/** Stamps for heights further ahead are dropped: they come again. */
const MAX_HEIGHTS_AHEAD = 8;

export class Cutting {
  readonly #committee: Committee;
  readonly #quorum: number;
  #height = 1;
  #uncut: VerifiedRecord[] = [];
  readonly #uncutById = new Map<string, Uint8Array[]>();
  /** By height, then by notary. */
  readonly #stamps = new Map<number, Map<number, Stamp>>();

  constructor(committee: Committee) {
    this.#committee = committee;
    this.#quorum = quorum(committee.committee.length);
  }

  /** Of the block that is being gathered. */
  get height(): number {
    return this.#height;
  }

  get hasEntries(): boolean {
    return this.#uncut.length > 0;
  }

  /** Enough stamps and at least one entry. */
  get isReady(): boolean {
    return this.hasEntries && (this.#stamps.get(this.#height)?.size ?? 0) >= this.#quorum;
  }

  hasStampOf(notary: number): boolean {
    return this.#stamps.get(this.#height)?.has(notary) ?? false;
  }

  /** A record of the log; the very same bytes twice within a block count once. */
  addEntry(record: VerifiedRecord): boolean {
    const known = this.#uncutById.get(record.idHex);
    if (known?.some((bytes) => equalBytes(bytes, record.bytes)) === true) return false;
    if (known === undefined) this.#uncutById.set(record.idHex, [record.bytes]);
    else known.push(record.bytes);
    this.#uncut.push(record);
    return true;
  }

  /** The latest stamp of each notary counts. */
  addStamp(stamp: Stamp): void {
    if (stamp.height < this.#height || stamp.height > this.#height + MAX_HEIGHTS_AHEAD) return;
    let ofHeight = this.#stamps.get(stamp.height);
    if (ofHeight === undefined) {
      ofHeight = new Map();
      this.#stamps.set(stamp.height, ofHeight);
    }
    const known = ofHeight.get(stamp.notary);
    if (known === undefined || known.timeMs <= stamp.timeMs) ofHeight.set(stamp.notary, stamp);
  }

  /** The stamps for a cut of the present height, sorted by notary. */
  cutStamps(): Uint8Array[] {
    const stamps = [...(this.#stamps.get(this.#height)?.values() ?? [])];
    return stamps.sort((a, b) => a.notary - b.notary).map(({ bytes }) => bytes);
  }

  /**
   * The stamps of a cut in the log if it closes the present block, else undefined: a
   * question that the log alone decides, so that every notary answers the same.
   */
  validCut(cut: { height: number; stamps: Uint8Array[] }): Stamp[] | undefined {
    if (cut.height !== this.#height || !this.hasEntries || cut.stamps.length < this.#quorum) return undefined;
    const verified = [...(this.#stamps.get(this.#height)?.values() ?? [])];
    const stamps: Stamp[] = [];
    for (const bytes of cut.stamps) {
      const stamp = verified.find((one) => equalBytes(one.bytes, bytes)) ?? this.#tryOpen(bytes);
      if (stamp === undefined || stamp.height !== this.#height) return undefined;
      if (stamp.notary <= (stamps.at(-1)?.notary ?? -1)) return undefined;
      stamps.push(stamp);
    }
    return stamps;
  }

  #tryOpen(bytes: Uint8Array): Stamp | undefined {
    try {
      return openStamp(this.#committee, bytes);
    } catch (error) {
      if (error instanceof SegmentError) return undefined;
      throw error;
    }
  }

  /** The block is closed: hands out its entries and begins the next. */
  takeBlock(): VerifiedRecord[] {
    const records = this.#uncut;
    this.#uncut = [];
    this.#uncutById.clear();
    this.#stamps.delete(this.#height);
    this.#height++;
    return records;
  }
}
