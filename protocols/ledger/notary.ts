/**
 * A notary's core: events in, effects out; no I/O, no clock of its own, and from the
 * same log the same blocks on every notary.
 *
 *   entry heard -> appended to the log by the notary whose turn it is (by others if it sleeps)
 *   entry in the log -> each notary stamps the time -> 2f+1 stamps make a cut
 *   cut in the log -> execute, vote (durably first) -> 2f+1 votes certify the block   (attesting.ts)
 *   deadline of a contract -> 2f+1 statements "no timely input" -> an `expire` entry  (deadlines.ts)
 */
import type { Contract } from "../contract/terms.ts";
import { equalBytes, toHex } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import type { TimeMs } from "../ports.ts";
import { Attesting } from "./attesting.ts";
import { Cutting } from "./cutting.ts";
import { ContractDeadlines } from "./deadlines.ts";
import { readBody } from "./entry.ts";
import type { HistoryPage } from "./history.ts";
import type { LatestReceipt } from "./latest-receipts.ts";
import { Ledger, ledgerRules, verifyRecord } from "./ledger.ts";
import type { AllBalances, ContractView, CurrencyView, Executed, VerifiedRecord } from "./ledger.ts";
import type { OwnAccount } from "./joint.ts";
import type { MandateView } from "./mandates.ts";
import { MAX_SKEW_MS, NotaryContext, turnOf } from "./notary-context.ts";
import type { NotaryChannel, NotaryConfig, NotaryEffect, NotaryEvent, Settled } from "./notary-events.ts";
import type { OwnersDevice } from "./owners-devices.ts";
import { EntryPool } from "./pool.ts";
import { decodeRecord, encodeCut, MAX_RECORD_BYTES } from "./record.ts";
import type { LogRecord } from "./record.ts";
import { openStamp, signStamp } from "./statements.ts";

export type { NotaryChannel, NotaryConfig, NotaryEffect, NotaryEvent, Settled } from "./notary-events.ts";
export { NOTARY_CHANNELS } from "./notary-events.ts";

type EntryRecord = Extract<LogRecord, { kind: "entry" }>;
type CutRecord = Extract<LogRecord, { kind: "cut" }>;

export class NotaryCore {
  readonly #context: NotaryContext;
  readonly #ledger: Ledger;
  readonly #pool: EntryPool;
  readonly #cutting: Cutting;
  readonly #attesting: Attesting;
  readonly #deadlines: ContractDeadlines;
  #nextIndex = 0;
  /** A cut of this height was planned. */
  #cutPlannedFor = 0;

  constructor(config: NotaryConfig) {
    const rules = ledgerRules(config.crypto, config.network);
    this.#context = new NotaryContext(config, rules);
    this.#ledger = new Ledger(rules, config.network.term);
    this.#pool = new EntryPool(config.crypto);
    this.#cutting = new Cutting(rules);
    this.#attesting = new Attesting(this.#context, (line) => this.#ledger.concernedBy(line));
    this.#deadlines = new ContractDeadlines(this.#context, this.#pool);
  }

  /**
   * Total for whatever comes from outside: it answers with effects, perhaps none. A gap in
   * the records is the driver's mistake and throws `internal`.
   */
  handle(event: NotaryEvent): NotaryEffect[] {
    const context = this.#context;
    if (context.halted !== undefined) return [];
    context.now = event.now;
    if (event.kind === "restored") this.#attesting.restore(event.saved);
    else if (event.kind === "record") this.#record(event.index, event.bytes, event.more === true);
    else if (event.kind === "cast") this.#heard(event.channel, event.bytes);
    if (!context.isBehind) this.#runDue();
    return context.takeEffects();
  }

  // What the driver may ask.

  /** Of the last executed block; 0 before the first. */
  get height(): number {
    return this.#ledger.height;
  }

  /** Log time of the last executed block. */
  get timeMs(): TimeMs {
    return this.#ledger.timeMs;
  }

  /** Where to go on reading the log. */
  get nextIndex(): number {
    return this.#nextIndex;
  }

  /** `log-conflict` once it has stopped. */
  get haltedBy(): SegmentError | undefined {
    return this.#context.halted;
  }

  rootOfDevice(identity: Uint8Array): Uint8Array | undefined {
    return this.#ledger.rootOfDevice(identity);
  }

  /** See `Ledger.accountFor`. */
  accountFor(identity: Uint8Array, wanted?: Uint8Array): OwnAccount | undefined {
    return this.#ledger.accountFor(identity, wanted);
  }

  mandates(contract: Contract): MandateView[] {
    return this.#ledger.mandates(contract);
  }

  /** See `AccountHistory.page`. */
  historyOf(account: Uint8Array, after: number, limit: number, maxBytes: number): HistoryPage {
    return this.#attesting.history.page(toHex(account), after, limit, maxBytes);
  }

  devicesOf(root: Uint8Array): OwnersDevice[] {
    return this.#ledger.devicesOf(root);
  }

  /** At `timeMs`; by default at the time of the last block. */
  accountBalances(root: Uint8Array, timeMs: TimeMs = this.timeMs): Map<string, bigint> {
    return this.#ledger.accountBalances(root, timeMs);
  }

  allBalances(): AllBalances {
    return this.#ledger.allBalances();
  }

  /** At most `max`, sorted by id, those after `after`. */
  currencies(after = "", max = Number.POSITIVE_INFINITY): CurrencyView[] {
    return this.#ledger.currencies(after, max);
  }

  contractView(termsId: Uint8Array): ContractView | undefined {
    return this.#ledger.contractView(termsId);
  }

  /** The receipt of an entry in a recent certified block; undefined if it is not settled, or long ago. */
  receiptFor(entryId: Uint8Array): Settled | undefined {
    return this.#attesting.receiptFor(entryId);
  }

  /** The newest certified receipt of a contract, also of one that has ended; undefined if long ago. */
  latestReceipt(termsId: Uint8Array): LatestReceipt | undefined {
    return this.#attesting.latestReceipt(termsId);
  }

  // The bus.

  #heard(channel: NotaryChannel, bytes: Uint8Array): void {
    try {
      if (channel === "entry") this.#submitted(bytes);
      else if (channel === "stamp") this.#stampHeard(bytes);
      else if (channel === "vote") this.#attesting.heard(bytes);
      else this.#deadlines.heard(bytes);
    } catch (error) {
      // Anybody may publish anything: what does not verify is nobody's.
      if (!(error instanceof SegmentError)) throw error;
    }
  }

  #submitted(bytes: Uint8Array): void {
    if (bytes.length > MAX_RECORD_BYTES || this.#pool.isFull) return;
    if (this.#pool.verifiedBefore(bytes) !== undefined) return;
    const decoded = decodeRecord(bytes);
    if (decoded.kind !== "entry") return;
    const { config, now } = this.#context;
    const record = verifyRecord(config.crypto, config.sealSecretKey, decoded, bytes);
    const { entry, idHex } = record;
    if (this.#pool.get(idHex) !== undefined) return;
    if (this.#ledger.hasSeen(entry, idHex)) {
      const settled = this.receiptFor(entry.id);
      if (settled !== undefined) this.#context.emit({ kind: "resubmitted", settled });
      return;
    }
    if (!this.#isWorthAppending(record)) return;
    this.#pool.add(record, now, false);
    const rank = this.#context.rank(turnOf(entry.id));
    if (rank === 0) this.#append(idHex);
    else this.#context.plan(this.#context.turnMs * rank, { kind: "append", idHex });
  }

  /** What could only be refused, and perhaps through another's fault, does not get into the log by us. */
  #isWorthAppending({ entry, attachment }: VerifiedRecord): boolean {
    const { config, rules, now } = this.#context;
    if (entry.network !== rules.network || entry.zone !== rules.zone) return false;
    if (entry.notAfter < now || entry.notBefore > now + MAX_SKEW_MS) return false;
    const body = readBody(entry);
    if (!("attachmentHash" in body)) return true;
    return attachment !== undefined && equalBytes(config.crypto.sha256(attachment), body.attachmentHash);
  }

  #append(idHex: string): void {
    const waiting = this.#pool.get(idHex);
    if (waiting === undefined || waiting.inLog) return;
    if (waiting.record.entry.notAfter < this.#context.now) {
      this.#pool.remove(idHex);
      return;
    }
    this.#context.emit({ kind: "append", bytes: waiting.record.bytes });
    this.#context.plan(this.#context.repeatMs + this.#context.turnMs * this.#context.config.index, {
      kind: "append",
      idHex,
    });
  }

  #stampHeard(bytes: Uint8Array): void {
    const stamp = openStamp(this.#context.rules, bytes);
    if (Math.abs(stamp.timeMs - this.#context.now) > MAX_SKEW_MS) return;
    this.#cutting.addStamp(stamp);
    this.#planCut();
  }

  // The log.

  #record(index: number, bytes: Uint8Array, more: boolean): void {
    if (index < this.#nextIndex) return;
    if (index > this.#nextIndex) {
      throw new SegmentError("internal", `record ${index} of the log came where ${this.#nextIndex} was next`);
    }
    this.#nextIndex++;
    const wasBehind = this.#context.isBehind;
    this.#context.isBehind = more;
    const decoded = orUndefined(() => decodeRecord(bytes));
    if (decoded?.kind === "entry") this.#entryLogged(decoded, bytes);
    else if (decoded?.kind === "cut") this.#cutLogged(decoded, index);
    if (this.#context.halted !== undefined || more) return;
    if (wasBehind) this.#attesting.caughtUp();
    if (this.#cutting.hasEntries && !this.#cutting.hasStampOf(this.#context.config.index)) this.#stamp();
    this.#planCut();
  }

  #entryLogged(decoded: EntryRecord, bytes: Uint8Array): void {
    const { crypto, sealSecretKey } = this.#context.config;
    const record =
      this.#pool.verifiedBefore(bytes) ??
      orUndefined(() => verifyRecord(crypto, sealSecretKey, decoded, bytes));
    if (record === undefined || this.#ledger.hasSeen(record.entry, record.idHex)) return;
    if (!this.#cutting.addEntry(record)) return;
    const waiting = this.#pool.get(record.idHex);
    if (waiting !== undefined) waiting.inLog = true;
    else if (!this.#context.isBehind && !this.#pool.isFull) this.#pool.add(record, this.#context.now, true);
  }

  #stamp(): void {
    const { config, rules, now } = this.#context;
    const { height } = this.#cutting;
    const content = { height, timeMs: now, seen: this.#pool.datedInputs(now) };
    const bytes = signStamp(rules, config.termSigner, content);
    this.#cutting.addStamp({ ...content, notary: config.index, bytes });
    this.#context.emit({ kind: "cast", channel: "stamp", bytes });
    this.#context.plan(this.#context.repeatMs, { kind: "stamp", height });
  }

  /** The block is still open: our stamp may have been lost, and its time is old. */
  #stampAgain(height: number): void {
    if (this.#cutting.height !== height || !this.#cutting.hasEntries) return;
    this.#stamp();
    this.#planCut();
  }

  /** Once a cut is possible, the notary whose turn it is appends it, the others a little later each. */
  #planCut(): void {
    const { height } = this.#cutting;
    if (this.#context.isBehind || !this.#cutting.isReady || this.#cutPlannedFor === height) return;
    this.#cutPlannedFor = height;
    const rank = this.#context.rank(height);
    if (rank === 0) this.#cut(height);
    else this.#context.plan(this.#context.turnMs * rank, { kind: "cut", height });
  }

  #cut(height: number): void {
    if (this.#cutting.height !== height || !this.#cutting.isReady) return;
    const stamps = this.#cutting.cutStamps();
    const bytes = encodeCut({ height, stamps, certificates: this.#attesting.unlogged() });
    this.#context.emit({ kind: "append", bytes });
    this.#context.plan(this.#context.repeatMs, { kind: "cut", height });
  }

  #cutLogged(cut: CutRecord, index: number): void {
    this.#attesting.logged(cut.certificates);
    const stamps = this.#cutting.validCut(cut);
    if (stamps === undefined) return;
    const { block, executed } = this.#ledger.execute(this.#cutting.takeBlock(), stamps, index);
    for (const one of executed) this.#executed(one);
    this.#attesting.vote(block);
  }

  #executed({ record, result, refusal }: Executed): void {
    const { idHex } = record;
    const waiting = this.#pool.get(idHex);
    if (refusal === undefined || refusal.final || waiting?.record.bytes === record.bytes) {
      this.#pool.remove(idHex);
    } else if (waiting !== undefined) {
      // Somebody's broken copy went in; ours, which was checked, still has to.
      waiting.inLog = false;
      this.#context.plan(this.#context.turnMs * this.#context.rank(turnOf(record.entry.id)), {
        kind: "append",
        idHex,
      });
    }
    if (result === null || !("seq" in result)) return;
    const deadlines = this.#ledger.contractView(result.termsId)?.state.deadlines ?? null;
    this.#deadlines.moved(result.termsId, result.seq, deadlines);
  }

  // Time.

  #runDue(): void {
    const { schedule, now } = this.#context;
    for (let task = schedule.take(now); task !== undefined; task = schedule.take(now)) {
      if (this.#context.halted !== undefined) return;
      if (task.kind === "append") this.#append(task.idHex);
      else if (task.kind === "stamp") this.#stampAgain(task.height);
      else if (task.kind === "cut") this.#cut(task.height);
      else if (task.kind === "vote") this.#attesting.voteAgain(task.height, task.waitMs);
      else if (task.kind === "deadline") this.#deadlines.reached(task.termsIdHex, task.seq);
      else this.#deadlines.expire(task.termsIdHex, task.seq);
    }
  }
}

/** What cannot be read or does not verify is nobody's record, on every notary alike. */
function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof SegmentError) return undefined;
    throw error;
  }
}
