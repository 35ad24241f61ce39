/**
 * What the parts of a notary's core share: who it is, what time it is, what it asks for, what it has
 * planned.
 */
import { equalBytes } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import type { TimeMs } from "../ports.ts";
import type { LedgerRules } from "./apply.ts";
import type { NotaryConfig, NotaryEffect } from "./notary-events.ts";
import { Schedule } from "./schedule.ts";

const DEFAULT_TURN_MS = 300;
const TURNS_BEFORE_REPEAT = 7;
/** Other notaries' times further off than this are not collected. */
export const MAX_SKEW_MS = 5 * 60 * 1_000;

export type Task =
  | { kind: "append"; idHex: string }
  | { kind: "stamp"; height: number }
  | { kind: "cut"; height: number }
  | { kind: "vote"; height: number; waitMs: number }
  | { kind: "deadline"; termsIdHex: string; seq: number }
  | { kind: "expire"; termsIdHex: string; seq: number };

export class NotaryContext {
  readonly config: NotaryConfig;
  readonly rules: LedgerRules;
  /** How long a notary waits for each one before it in turn. */
  readonly turnMs: number;
  /**
   * An append that does not appear in the log, a stamp or statement that leads to nothing: again after
   * this.
   */
  readonly repeatMs: number;
  readonly schedule = new Schedule<Task>();
  now: TimeMs = 0;
  /** Still reading old records: what it sees is no news to the others. */
  isBehind = false;
  halted: SegmentError | undefined;
  #effects: NotaryEffect[] = [];
  #announcedWake = Number.POSITIVE_INFINITY;

  constructor(config: NotaryConfig, rules: LedgerRules) {
    const termKey = rules.committee[config.index];
    if (termKey === undefined || !equalBytes(termKey, config.termSigner.publicKey)) {
      throw new SegmentError("network-invalid", `notary ${config.index} does not hold its term key`);
    }
    this.config = config;
    this.rules = rules;
    this.turnMs = config.turnMs ?? DEFAULT_TURN_MS;
    this.repeatMs = TURNS_BEFORE_REPEAT * this.turnMs;
  }

  emit(effect: NotaryEffect): void {
    this.#effects.push(effect);
  }

  /** Hands out the effects so far, with a `wake` if something is due sooner than was said. */
  takeEffects(): NotaryEffect[] {
    const next = this.schedule.next();
    const isNews = next !== undefined && (next < this.#announcedWake || this.#announcedWake <= this.now);
    if (isNews && !this.isBehind) {
      this.#announcedWake = next;
      this.emit({ kind: "wake", atMs: next });
    }
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  plan(delayMs: number, task: Task): void {
    this.schedule.add(this.now + delayMs, task);
  }

  /** 0 for the notary whose turn it is, 1 for the next, … */
  rank(turn: number): number {
    const size = this.rules.committee.length;
    return (((this.config.index - turn) % size) + size) % size;
  }

  /** Stops for good; `evidence` shows why. */
  halt(message: string, evidence: Uint8Array[]): void {
    this.halted = new SegmentError("log-conflict", message);
    this.emit({ kind: "halted", code: "log-conflict", message, evidence });
  }
}

/** An id as a turn: which notary acts first for it. */
export function turnOf(id: Uint8Array): number {
  return ((id[0]! << 16) | (id[1]! << 8) | id[2]!) >>> 0;
}
