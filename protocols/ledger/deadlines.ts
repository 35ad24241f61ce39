/**
 * Deadlines of open contracts. When one has passed and this notary holds no timely input,
 * it says so; 2f+1 such statements become an `expire` entry. Timely evidence that even f+1
 * honest notaries know of can therefore not be overtaken by a refund.
 */
import { toHex } from "../encoding/bytes.ts";
import type { Deadlines } from "../contract/machine.ts";
import { signEntry } from "./entry.ts";
import { quorum } from "./network.ts";
import { MAX_SKEW_MS, turnOf } from "./notary-context.ts";
import type { NotaryContext } from "./notary-context.ts";
import type { EntryPool } from "./pool.ts";
import { encodeEntryRecord } from "./record.ts";
import { openNoRelease, signNoRelease } from "./statements.ts";
import type { NoRelease } from "./statements.ts";

const EXPIRE_VALIDITY_MS = 10 * 60 * 1_000;

interface OpenContract {
  termsId: Uint8Array;
  termsIdHex: string;
  seq: number;
  deadlines: Deadlines;
  /** Statements for this `seq`, by notary: the latest of each. */
  statements: Map<number, NoRelease>;
  /** An `expire` is planned. */
  isPlanned: boolean;
}

export class ContractDeadlines {
  readonly #context: NotaryContext;
  readonly #pool: EntryPool;
  readonly #quorum: number;
  readonly #open = new Map<string, OpenContract>();

  constructor(context: NotaryContext, pool: EntryPool) {
    this.#context = context;
    this.#pool = pool;
    this.#quorum = quorum(context.rules.committee.length);
  }

  /** A contract made a transition; `deadlines` is null when it has ended. */
  moved(termsId: Uint8Array, seq: number, deadlines: Deadlines | null): void {
    const termsIdHex = toHex(termsId);
    if (deadlines === null) {
      this.#open.delete(termsIdHex);
      return;
    }
    this.#open.set(termsIdHex, {
      termsId,
      termsIdHex,
      seq,
      deadlines,
      statements: new Map(),
      isPlanned: false,
    });
    this.#context.schedule.add(deadlines.refundFrom, { kind: "deadline", termsIdHex, seq });
  }

  /** States that there is no timely input, if that is so, and again until the contract has moved on. */
  reached(termsIdHex: string, seq: number): void {
    const contract = this.#at(termsIdHex, seq);
    if (contract === undefined) return;
    this.#context.plan(this.#context.repeatMs, { kind: "deadline", termsIdHex, seq });
    if (this.#pool.hasTimelyInput(termsIdHex, contract.deadlines)) return;
    const { config, rules, now } = this.#context;
    const content = { termsId: contract.termsId, seq, timeMs: now };
    const bytes = signNoRelease(rules, config.termSigner, content);
    contract.statements.set(config.index, { ...content, notary: config.index, bytes });
    this.#context.emit({ kind: "cast", channel: "statement", bytes });
    this.#planExpire(contract);
  }

  /** Another notary's statement. Throws `signature-…`, `cbor-…` or `receipt-foreign`. */
  heard(bytes: Uint8Array): void {
    const statement = openNoRelease(this.#context.rules, bytes);
    if (Math.abs(statement.timeMs - this.#context.now) > MAX_SKEW_MS) return;
    const contract = this.#at(toHex(statement.termsId), statement.seq);
    if (contract === undefined || statement.timeMs < contract.deadlines.refundFrom) return;
    contract.statements.set(statement.notary, statement);
    this.#planExpire(contract);
  }

  #planExpire(contract: OpenContract): void {
    if (contract.isPlanned || contract.statements.size < this.#quorum) return;
    contract.isPlanned = true;
    const { termsIdHex, termsId, seq } = contract;
    const rank = this.#context.rank(turnOf(termsId) + seq);
    if (rank === 0) this.expire(termsIdHex, seq);
    else this.#context.plan(this.#context.turnMs * rank, { kind: "expire", termsIdHex, seq });
  }

  /** Appends the expiry with 2f+1 statements. Not against our own better knowledge. */
  expire(termsIdHex: string, seq: number): void {
    const contract = this.#at(termsIdHex, seq);
    if (contract === undefined) return;
    contract.isPlanned = false;
    if (contract.statements.size < this.#quorum) return;
    if (this.#pool.hasTimelyInput(termsIdHex, contract.deadlines)) return;
    const sorted = [...contract.statements.values()].sort((a, b) => a.notary - b.notary);
    const statements = sorted.slice(0, this.#quorum).map(({ bytes }) => bytes);
    const { config, rules, now } = this.#context;
    const frame = {
      network: rules.network,
      zone: rules.zone,
      nonce: config.crypto.sha256(...statements).subarray(0, 16),
      notBefore: Math.max(0, now - MAX_SKEW_MS),
      notAfter: now + EXPIRE_VALIDITY_MS,
    };
    const body = { kind: "expire" as const, termsId: contract.termsId, seq, statements };
    const { bytes } = signEntry(config.crypto, config.termSigner, frame, body);
    this.#context.emit({ kind: "append", bytes: encodeEntryRecord(bytes, null) });
    // As long as the log time has not passed the deadline too, an expiry is refused: then gather anew.
    contract.statements.clear();
  }

  #at(termsIdHex: string, seq: number): OpenContract | undefined {
    const contract = this.#open.get(termsIdHex);
    return contract?.seq === seq ? contract : undefined;
  }
}
