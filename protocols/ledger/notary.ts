/**
 * A notary's core: events in, effects out; no I/O, no clock of its own, and from the
 * same log the same blocks on every notary.
 *
 *   entry heard -> appended to the log by the notary whose turn it is (by others if it sleeps)
 *   entry in the log -> each notary stamps the time -> 2f+1 stamps make a cut
 *   cut in the log -> execute, vote (durably first) -> 2f+1 votes certify the block
 *   deadline of a contract -> 2f+1 statements "no timely input" -> an `expire` entry
 */
import { equalBytes, toHex } from "../encoding/bytes.ts";
import { decodeCbor, encodeCbor } from "../encoding/cbor.ts";
import { SegmentError } from "../errors.ts";
import { agentId } from "../identity/keys.ts";
import type { TimeMs } from "../ports.ts";
import { certificateFields, signVote } from "./certificate.ts";
import { Cutting } from "./cutting.ts";
import { ContractDeadlines } from "./deadlines.ts";
import { readBody, signEntry } from "./entry.ts";
import { Ledger, ledgerRules, verifyRecord } from "./ledger.ts";
import type { AllBalances, Block, ContractView, Executed, VerifiedRecord } from "./ledger.ts";
import { merklePath } from "./merkle.ts";
import type { NotaryChannel, NotaryConfig, NotaryEffect, NotaryEvent, Settled } from "./notary-events.ts";
import { EntryPool } from "./pool.ts";
import { encodeReceipt } from "./receipt.ts";
import { decodeRecord, encodeCut, encodeEntryRecord, MAX_RECORD_BYTES } from "./record.ts";
import type { LogRecord } from "./record.ts";
import { Schedule } from "./schedule.ts";
import { openNoRelease, openStamp, signNoRelease, signStamp } from "./statements.ts";
import { decodeVote, encodeVote, Voting } from "./voting.ts";
import type { Counted, Tally, Vote } from "./voting.ts";

export type { NotaryChannel, NotaryConfig, NotaryEffect, NotaryEvent, Settled } from "./notary-events.ts";
export { NOTARY_CHANNELS } from "./notary-events.ts";

/** How long a notary waits for each one before it in turn. */
const TURN_MS = 300;
/** An append that does not appear in the log, a stamp or statement that leads to nothing: again after this. */
const REPEAT_MS = 2_000;
const MAX_REPEAT_MS = 30_000;
/** Other notaries' times further off than this are not collected. */
const MAX_SKEW_MS = 5 * 60 * 1_000;
/** Of a notary that comes back, so many of the latest uncertified blocks are voted for aloud. */
const MAX_OLD_VOTES = 256;
const EXPIRE_VALIDITY_MS = 10 * 60 * 1_000;

type Task =
  | { kind: "append"; idHex: string }
  | { kind: "stamp"; height: number }
  | { kind: "cut"; height: number }
  | { kind: "vote"; height: number; waitMs: number }
  | { kind: "deadline"; termsIdHex: string; seq: number }
  | { kind: "expire"; termsIdHex: string; seq: number };

export class NotaryCore {
  readonly #config: NotaryConfig;
  readonly #size: number;
  readonly #ledger: Ledger;
  readonly #pool: EntryPool;
  readonly #cutting: Cutting;
  readonly #voting: Voting;
  readonly #deadlines: ContractDeadlines;
  readonly #schedule = new Schedule<Task>();
  /** Votes and certificates of earlier runs, by store key; each is used once. */
  readonly #saved = new Map<string, Uint8Array>();
  #effects: NotaryEffect[] = [];
  #now: TimeMs = 0;
  #nextIndex = 0;
  #isBehind = false;
  #announcedWake = Number.POSITIVE_INFINITY;
  #halted: SegmentError | undefined;
  #cutReadyFor = 0;
  #expireReadyFor = new Set<string>();

  constructor(config: NotaryConfig) {
    const rules = ledgerRules(config.crypto, config.network);
    const termKey = rules.committee[config.index];
    if (termKey === undefined || !equalBytes(termKey, config.termSigner.publicKey)) {
      throw new SegmentError("network-invalid", `notary ${config.index} does not hold its term key`);
    }
    this.#config = config;
    this.#size = rules.committee.length;
    this.#ledger = new Ledger(rules, config.network.term);
    this.#pool = new EntryPool(config.crypto);
    this.#cutting = new Cutting(rules);
    this.#voting = new Voting(config.crypto, rules.committee);
    this.#deadlines = new ContractDeadlines(this.#size);
  }

  /** Total: whatever comes in from outside, it answers with effects (perhaps none). */
  handle(event: NotaryEvent): NotaryEffect[] {
    this.#now = event.now;
    this.#effects = [];
    if (this.#halted !== undefined) return [];
    if (event.kind === "restored") for (const { key, bytes } of event.saved) this.#saved.set(key, bytes);
    else if (event.kind === "record") this.#record(event.index, event.bytes, event.more === true);
    else if (event.kind === "cast") this.#heard(event.channel, event.bytes);
    if (!this.#isBehind) this.#runDue();
    this.#announceWake();
    return this.#effects;
  }

  // What the driver may ask.

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

  get haltedBy(): SegmentError | undefined {
    return this.#halted;
  }

  rootOfDevice(identity: Uint8Array): Uint8Array | undefined {
    return this.#ledger.rootOfDevice(identity);
  }

  accountBalances(root: Uint8Array): Map<string, bigint> {
    return this.#ledger.accountBalances(root);
  }

  allBalances(): AllBalances {
    return this.#ledger.allBalances();
  }

  currencies(): ReturnType<Ledger["currencies"]> {
    return this.#ledger.currencies();
  }

  contractView(termsId: Uint8Array): ContractView | undefined {
    return this.#ledger.contractView(termsId);
  }

  /** The receipt of an entry in a recent certified block; undefined if it is not settled, or long ago. */
  receiptFor(entryId: Uint8Array): Settled | undefined {
    const found = this.#voting.find(toHex(entryId));
    if (found === undefined || found.tally.certificate === undefined) return undefined;
    return this.#settled(found.tally, found.index);
  }

  // The bus.

  #heard(channel: NotaryChannel, bytes: Uint8Array): void {
    try {
      if (channel === "entry") this.#submitted(bytes);
      else if (channel === "stamp") this.#stampHeard(bytes);
      else if (channel === "vote") this.#voteHeard(decodeVote(bytes));
      else this.#statementHeard(bytes);
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
    const record = verifyRecord(this.#config.crypto, this.#config.sealSecretKey, decoded, bytes);
    const { entry, idHex } = record;
    if (this.#pool.get(idHex) !== undefined || this.#ledger.hasSeen(entry, idHex)) return;
    if (!this.#isWorthAppending(record)) return;
    this.#pool.add(record, this.#now, false);
    const rank = this.#rank(turnOf(entry.id));
    if (rank === 0) this.#append(idHex);
    else this.#schedule.add(this.#now + TURN_MS * rank, { kind: "append", idHex });
  }

  /** What could only be refused, and perhaps through another's fault, does not get into the log by us. */
  #isWorthAppending({ entry, attachment }: VerifiedRecord): boolean {
    const { network, crypto } = this.#config;
    if (entry.network !== network.network || entry.zone !== network.zone) return false;
    if (entry.notAfter < this.#now || entry.notBefore > this.#now + MAX_SKEW_MS) return false;
    const body = readBody(entry);
    if (!("attachmentHash" in body)) return true;
    return attachment !== undefined && equalBytes(crypto.sha256(attachment), body.attachmentHash);
  }

  #append(idHex: string): void {
    const waiting = this.#pool.get(idHex);
    if (waiting === undefined || waiting.inLog) return;
    if (waiting.record.entry.notAfter < this.#now) {
      this.#pool.remove(idHex);
      return;
    }
    this.#effects.push({ kind: "append", bytes: waiting.record.bytes });
    this.#schedule.add(this.#now + REPEAT_MS + TURN_MS * this.#config.index, { kind: "append", idHex });
  }

  #stampHeard(bytes: Uint8Array): void {
    const stamp = openStamp(this.#ledger.rules, bytes);
    if (Math.abs(stamp.timeMs - this.#now) > MAX_SKEW_MS) return;
    this.#cutting.addStamp(stamp);
    this.#planCut();
  }

  #statementHeard(bytes: Uint8Array): void {
    const statement = openNoRelease(this.#ledger.rules, bytes);
    if (Math.abs(statement.timeMs - this.#now) > MAX_SKEW_MS) return;
    if (this.#deadlines.addStatement(statement)) this.#planExpire(toHex(statement.termsId));
  }

  #voteHeard(vote: Vote): void {
    this.#counted(this.#voting.count(vote));
  }

  // The log.

  #record(index: number, bytes: Uint8Array, more: boolean): void {
    if (index !== this.#nextIndex) {
      if (index < this.#nextIndex) return;
      throw new SegmentError("internal", `record ${index} came where ${this.#nextIndex} was next`);
    }
    this.#nextIndex++;
    const wasBehind = this.#isBehind;
    this.#isBehind = more;
    const decoded = tryDecode(bytes);
    if (decoded?.kind === "entry") this.#entryLogged(decoded, bytes);
    else if (decoded?.kind === "cut") this.#cutLogged(decoded, index);
    if (this.#halted !== undefined || more) return;
    if (wasBehind) this.#caughtUp();
    this.#stampIfNeeded();
    this.#planCut();
  }

  #entryLogged(decoded: Extract<LogRecord, { kind: "entry" }>, bytes: Uint8Array): void {
    const record = this.#pool.verifiedBefore(bytes) ?? this.#tryVerify(decoded, bytes);
    if (record === undefined || this.#ledger.hasSeen(record.entry, record.idHex)) return;
    if (!this.#cutting.addEntry(record)) return;
    const waiting = this.#pool.get(record.idHex);
    if (waiting !== undefined) waiting.inLog = true;
    else if (!this.#isBehind && !this.#pool.isFull) this.#pool.add(record, this.#now, true);
  }

  #tryVerify(decoded: Extract<LogRecord, { kind: "entry" }>, bytes: Uint8Array): VerifiedRecord | undefined {
    try {
      return verifyRecord(this.#config.crypto, this.#config.sealSecretKey, decoded, bytes);
    } catch (error) {
      if (error instanceof SegmentError) return undefined;
      throw error;
    }
  }

  #stampIfNeeded(): void {
    if (this.#cutting.hasEntries && !this.#cutting.hasStampOf(this.#config.index)) this.#stamp();
  }

  #stamp(): void {
    const { height } = this.#cutting;
    const content = { height, timeMs: this.#now, seen: this.#pool.datedInputs(this.#now) };
    const bytes = signStamp(this.#ledger.rules, this.#config.termSigner, content);
    this.#cutting.addStamp({ ...content, notary: this.#config.index, bytes });
    this.#effects.push({ kind: "cast", channel: "stamp", bytes });
    this.#schedule.add(this.#now + REPEAT_MS, { kind: "stamp", height });
  }

  /** Once a cut is possible, the notary whose turn it is appends it, the others a little later each. */
  #planCut(): void {
    const { height } = this.#cutting;
    if (this.#isBehind || !this.#cutting.isReady || this.#cutReadyFor === height) return;
    this.#cutReadyFor = height;
    const rank = this.#rank(height);
    if (rank === 0) this.#cut(height);
    else this.#schedule.add(this.#now + TURN_MS * rank, { kind: "cut", height });
  }

  #cut(height: number): void {
    if (this.#cutting.height !== height || !this.#cutting.isReady) return;
    const certificates = this.#voting
      .unlogged()
      .map(({ height: of, certificate }) => ({ height: of, certificate: certificateFields(certificate) }));
    const bytes = encodeCut({ height, stamps: this.#cutting.cutStamps(), certificates });
    this.#effects.push({ kind: "append", bytes });
    this.#schedule.add(this.#now + REPEAT_MS, { kind: "cut", height });
  }

  #cutLogged(cut: Extract<LogRecord, { kind: "cut" }>, index: number): void {
    for (const certificate of cut.certificates) this.#counted(this.#voting.adopt(certificate));
    this.#voting.noteLogged(cut.certificates);
    const stamps = this.#cutting.validCut(cut);
    if (stamps === undefined) return;
    const block = this.#ledger.execute(this.#cutting.takeBlock(), stamps, index);
    for (const executed of block.executed) this.#settleLocally(executed);
    this.#vote(block);
  }

  #settleLocally({ record, applied }: Executed): void {
    const { idHex } = record;
    if (applied.ok || applied.final) {
      this.#pool.remove(idHex);
    } else {
      const waiting = this.#pool.get(idHex);
      // Somebody's broken copy went in: ours, which was checked, still has to.
      if (waiting !== undefined && waiting.record.bytes === record.bytes) this.#pool.remove(idHex);
      else if (waiting !== undefined) {
        waiting.inLog = false;
        this.#schedule.add(this.#now + TURN_MS * this.#rank(turnOf(record.entry.id)), { kind: "append", idHex });
      }
    }
    if (!applied.ok || !("seq" in applied.result)) return;
    const { termsId, seq } = applied.result;
    const deadlines = this.#ledger.contractView(termsId)?.state.deadlines ?? null;
    this.#deadlines.moved(termsId, seq, deadlines);
    const termsIdHex = toHex(termsId);
    if (deadlines !== null) this.#schedule.add(deadlines.refundFrom, { kind: "deadline", termsIdHex, seq });
  }

  // Votes.

  #vote(block: Block): void {
    const { height } = block.header;
    const saved = this.#takeSaved(`vote/${height}`);
    const own = saved === undefined ? this.#signOwn(block) : decodeVote(saved);
    this.#voting.addBlock(block);
    if (!equalBytes(own.hash, block.hash)) {
      this.#halt("the log now gives another block than the one that this notary voted for", [saved!, block.headerBytes]);
      return;
    }
    if (saved === undefined) this.#effects.push({ kind: "persist", key: `vote/${height}`, bytes: encodeVote(own) });
    const certificate = this.#takeSaved(`certificate/${height}`);
    if (certificate !== undefined) {
      const fields = decodeCbor(certificate);
      if (Array.isArray(fields)) this.#voting.adopt({ height, certificate: fields });
    }
    const tally = this.#voting.tally(height)!;
    if (tally.certificate !== undefined) return;
    if (!this.#isBehind) this.#castVote(own, REPEAT_MS);
    this.#counted(this.#voting.countVerified(tally, own));
    for (const early of this.#voting.takeEarly(height)) this.#counted(this.#voting.countVerified(tally, early));
  }

  #signOwn(block: Block): Vote {
    const signature = signVote(this.#config.termSigner, block.hash);
    return { height: block.header.height, hash: block.hash, notary: this.#config.index, signature, wanted: false };
  }

  #takeSaved(key: string): Uint8Array | undefined {
    const saved = this.#saved.get(key);
    this.#saved.delete(key);
    return saved;
  }

  #castVote(vote: Vote, waitMs: number): void {
    this.#effects.push({ kind: "cast", channel: "vote", bytes: encodeVote(vote) });
    this.#schedule.add(this.#now + waitMs, { kind: "vote", height: vote.height, waitMs });
  }

  /** Our vote once more, for a block that lacks a certificate; `wanted` asks the others for theirs. */
  #voteAgain(height: number, waitMs: number): void {
    const tally = this.#voting.tally(height);
    const signature = tally?.votes.get(this.#config.index);
    if (tally === undefined || signature === undefined || tally.certificate !== undefined) return;
    const vote = { height, hash: tally.block.hash, notary: this.#config.index, signature, wanted: true };
    this.#castVote(vote, Math.min(2 * waitMs, MAX_REPEAT_MS));
  }

  #caughtUp(): void {
    for (const height of this.#voting.uncertified().slice(-MAX_OLD_VOTES)) this.#voteAgain(height, REPEAT_MS / 2);
  }

  #counted(counted: Counted): void {
    if (counted.kind === "certified") this.#certified(counted.tally);
    else if (counted.kind === "asked") this.#answerVote(counted.tally);
    else if (counted.kind === "conflict") {
      this.#halt("other notaries certify another history than this one's", counted.evidence);
    }
  }

  #answerVote({ block, votes }: Tally): void {
    const signature = votes.get(this.#config.index);
    if (signature === undefined) return;
    const { height } = block.header;
    const bytes = encodeVote({ height, hash: block.hash, notary: this.#config.index, signature, wanted: false });
    this.#effects.push({ kind: "cast", channel: "vote", bytes });
  }

  #certified(tally: Tally): void {
    const { header, headerBytes, executed } = tally.block;
    const certificate = tally.certificate!;
    const key = `certificate/${header.height}`;
    this.#effects.push({ kind: "persist", key, bytes: encodeCbor(certificateFields(certificate)) });
    // While catching up, the others have long delivered these.
    const receipts = this.#isBehind ? [] : executed.map((_, index) => this.#settled(tally, index));
    this.#effects.push({ kind: "certified", header, headerBytes, certificate, receipts });
  }

  #settled(tally: Tally, index: number): Settled {
    const { block } = tally;
    const { record, parties, leaf, applied } = block.executed[index]!;
    const certificate = tally.certificate!;
    return {
      entryId: record.entry.id,
      signer: record.entry.signer,
      rank: this.#rank(turnOf(record.entry.id)),
      refusal: applied.ok ? undefined : { code: applied.code, message: applied.message },
      get parties() {
        return parties.map(agentId);
      },
      get bytes() {
        const path = merklePath(block.tree, index);
        const { headerBytes: header } = block;
        return encodeReceipt({ header, certificate, leaf, leafIndex: index, path, entry: record.entry.bytes });
      },
    };
  }

  #halt(message: string, evidence: Uint8Array[]): void {
    this.#halted = new SegmentError("log-conflict", message);
    this.#effects.push({ kind: "halted", code: "log-conflict", message, evidence });
  }

  // Deadlines.

  #deadlineReached(termsIdHex: string, seq: number): void {
    const contract = this.#deadlines.get(termsIdHex);
    if (contract === undefined || contract.seq !== seq) return;
    this.#schedule.add(this.#now + REPEAT_MS, { kind: "deadline", termsIdHex, seq });
    if (this.#pool.hasTimelyInput(termsIdHex, contract.deadlines)) return;
    const content = { termsId: contract.termsId, seq, timeMs: this.#now };
    const bytes = signNoRelease(this.#ledger.rules, this.#config.termSigner, content);
    this.#deadlines.addStatement({ ...content, notary: this.#config.index, bytes });
    this.#effects.push({ kind: "cast", channel: "statement", bytes });
    this.#planExpire(termsIdHex);
  }

  #planExpire(termsIdHex: string): void {
    const contract = this.#deadlines.get(termsIdHex);
    if (contract === undefined || !this.#deadlines.isReady(contract)) return;
    const { termsId, seq } = contract;
    const key = `${termsIdHex}/${seq}`;
    if (this.#expireReadyFor.has(key)) return;
    this.#expireReadyFor.add(key);
    const rank = this.#rank(turnOf(termsId) + seq);
    this.#schedule.add(this.#now + TURN_MS * rank, { kind: "expire", termsIdHex, seq });
  }

  #expire(termsIdHex: string, seq: number): void {
    this.#expireReadyFor.delete(`${termsIdHex}/${seq}`);
    const contract = this.#deadlines.get(termsIdHex);
    if (contract === undefined || contract.seq !== seq || !this.#deadlines.isReady(contract)) return;
    if (this.#pool.hasTimelyInput(termsIdHex, contract.deadlines)) return;
    const { crypto, network, termSigner } = this.#config;
    const statements = this.#deadlines.statementsOf(contract);
    const frame = {
      network: network.network,
      zone: network.zone,
      nonce: crypto.sha256(...statements).subarray(0, 16),
      notBefore: Math.max(0, this.#now - MAX_SKEW_MS),
      notAfter: this.#now + EXPIRE_VALIDITY_MS,
    };
    const { bytes } = signEntry(crypto, termSigner, frame, { kind: "expire", termsId: contract.termsId, seq, statements });
    this.#effects.push({ kind: "append", bytes: encodeEntryRecord(bytes, null) });
    // Until the log time has passed the deadline too, an expiry is refused: gather anew.
    contract.statements.clear();
  }

  // Time.

  #runDue(): void {
    for (let task = this.#schedule.take(this.#now); task !== undefined; task = this.#schedule.take(this.#now)) {
      if (this.#halted !== undefined) return;
      if (task.kind === "append") this.#append(task.idHex);
      else if (task.kind === "stamp") this.#stampAgain(task.height);
      else if (task.kind === "cut") this.#cut(task.height);
      else if (task.kind === "vote") this.#voteAgain(task.height, task.waitMs);
      else if (task.kind === "deadline") this.#deadlineReached(task.termsIdHex, task.seq);
      else this.#expire(task.termsIdHex, task.seq);
    }
  }

  /** The block is still open: our stamp may have been lost, and its time is old. */
  #stampAgain(height: number): void {
    if (this.#cutting.height !== height || !this.#cutting.hasEntries) return;
    this.#stamp();
    this.#planCut();
  }

  #announceWake(): void {
    const next = this.#schedule.next();
    if (next === undefined || this.#isBehind) return;
    const isEarlier = next < this.#announcedWake;
    if (!isEarlier && this.#announcedWake > this.#now) return;
    this.#announcedWake = next;
    this.#effects.push({ kind: "wake", atMs: next });
  }

  /** 0 for the notary whose turn it is, 1 for the next, … */
  #rank(turn: number): number {
    return (((this.#config.index - turn) % this.#size) + this.#size) % this.#size;
  }
}

function turnOf(id: Uint8Array): number {
  return ((id[0]! << 16) | (id[1]! << 8) | id[2]!) >>> 0;
}

function tryDecode(bytes: Uint8Array): LogRecord | undefined {
  try {
    return decodeRecord(bytes);
  } catch (error) {
    if (error instanceof SegmentError) return undefined;
    throw error;
  }
}
