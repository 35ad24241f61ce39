/**
 * Deadlines of open contracts: gathers the notaries' statements that they hold no timely
 * input, 2f+1 of which expire a contract's state.
 */
import { toHex } from "../encoding/bytes.ts";
import type { Deadlines } from "../contract/machine.ts";
import { quorum } from "./network.ts";
import type { NoRelease } from "./statements.ts";

export interface OpenContract {
  termsId: Uint8Array;
  seq: number;
  deadlines: Deadlines;
  /** Statements for this `seq`, by notary: the latest of each. */
  statements: Map<number, NoRelease>;
}

export class ContractDeadlines {
  readonly #quorum: number;
  readonly #open = new Map<string, OpenContract>();

  constructor(committeeSize: number) {
    this.#quorum = quorum(committeeSize);
  }

  get(termsIdHex: string): OpenContract | undefined {
    return this.#open.get(termsIdHex);
  }

  /** A contract made a transition; `deadlines` is null when it has ended. */
  moved(termsId: Uint8Array, seq: number, deadlines: Deadlines | null): void {
    const key = toHex(termsId);
    if (deadlines === null) this.#open.delete(key);
    else this.#open.set(key, { termsId, seq, deadlines, statements: new Map() });
  }

  /** Keeps a statement about the present state of an open contract; says whether it was of use. */
  addStatement(statement: NoRelease): boolean {
    const contract = this.#open.get(toHex(statement.termsId));
    if (contract === undefined || contract.seq !== statement.seq) return false;
    if (statement.timeMs < contract.deadlines.refundFrom) return false;
    contract.statements.set(statement.notary, statement);
    return true;
  }

  isReady(contract: OpenContract): boolean {
    return contract.statements.size >= this.#quorum;
  }

  /** Sorted by notary. */
  statementsOf(contract: OpenContract): Uint8Array[] {
    const statements = [...contract.statements.values()].sort((a, b) => a.notary - b.notary);
    return statements.slice(0, this.#quorum).map(({ bytes }) => bytes);
  }
}
