/**
 * Asks the notaries what time it is, and puts the network's clock right.
 *
 * Each answer tells the notary's time to within its round trip; the median of 2f+1 of them
 * lies between those of honest notaries, whatever f liars say. Only answers to the open
 * question count, by its nonce, so nobody can replay them; a broker that delays them can be
 * wrong by half of what is allowed for a round trip.
 */
import { equalBytes } from "../../protocols/encoding/bytes.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { quorum, type NetworkDescription } from "../../protocols/ledger/network.ts";
import { medianTime } from "../../protocols/ledger/statements.ts";
import { carriedTime } from "../../protocols/messaging/carried-time.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import { signTimeQuestion, TIME_NONCE_BYTES, timeAnswerSchema } from "../../protocols/messaging/time.ts";
import type { Bus, Clock, Crypto, Random, TimeMs, Timer } from "../../protocols/ports.ts";
import { castTopic } from "../../protocols/topics.ts";
import type { AgentKeys } from "./messenger.ts";
import type { NetworkClock } from "./network-clock.ts";

/** A slower answer says too little; on the links' clock. */
const ROUND_TRIP_MS = 2_000;
/** The clock in use is left alone while it is off by no more than this. */
const TOLERANCE_MS = 1_000;
const ASK_EVERY_MS = 10 * 60_000;
/** How long somebody may take to carry question and answers. */
const CARRIED_MS = 60_000;
/** After a doubt, or when too few have answered; the latter doubles up to ASK_EVERY_MS. */
const ASK_AGAIN_MS = 5_000;
/** Most answer at once or not at all: the first silence is short, and doubles up to ROUND_TRIP_MS. */
const FIRST_SILENCE_MS = 500;

export interface NetworkTimeParts {
  clock: NetworkClock;
  linkClock: Clock;
  bus: Bus;
  crypto: Crypto;
  random: Random;
  network: NetworkDescription;
  keys: AgentKeys;
  /** The notaries have told the time; the clock was put forward (or, negative, back) by so much. */
  told?: (shiftMs: number) => void;
}

interface Question {
  nonce: Uint8Array;
  /** When it left, by the steady clock and by the links'. */
  askedMs: TimeMs;
  linkMs: TimeMs;
  /** By notary; the first word of each counts. */
  answers: Map<string, Answer>;
}

interface Answer {
  /** Of the network's time to the steady clock. */
  offsetMs: number;
  roundTripMs: number;
}

export class NetworkTime {
  readonly #parts: NetworkTimeParts;
  readonly #self: string;
  readonly #notaries: ReadonlySet<string>;
  readonly #quorum: number;
  #question: Question | undefined;
  /** The next thing to do: end the question, or ask. */
  #timer: Timer | undefined;
  #askedLinkMs = -Infinity;
  #pauseMs = ASK_AGAIN_MS;
  #silenceMs = FIRST_SILENCE_MS;
  #connected = false;
  #started = false;
  #closed = false;
  readonly #waiting = new Set<() => void>();

  constructor(parts: NetworkTimeParts) {
    this.#parts = parts;
    this.#self = agentId(parts.keys.signer.publicKey);
    this.#notaries = new Set(parts.network.notaries.map(({ id }) => id));
    this.#quorum = quorum(this.#notaries.size);
  }

  get clock(): Clock {
    return this.#parts.clock;
  }

  /** Whether notaries have ever answered. */
  get isKnown(): boolean {
    return this.#parts.clock.isKnown;
  }

  /** The agent hears its inbox: from now on it asks whenever the bus connects, and now and then. */
  start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#parts.bus.onConnected((connected) => {
      this.#connected = connected;
      this.#begin();
      if (connected) this.#ask();
      else this.#rest();
    });
  }

  /** Something was refused because of its time: one of the two clocks is wrong, perhaps this one. */
  doubted(): void {
    if (!this.#connected || this.#closed) return;
    if (this.#question !== undefined && this.#sinceAsked <= ROUND_TRIP_MS) return;
    if (this.#sinceAsked >= ASK_AGAIN_MS) this.#ask();
    else this.#wait(ASK_AGAIN_MS - this.#sinceAsked);
  }

  /** A message of kind "time", from a verified sender. Throws `message-invalid`. */
  answered(from: string, body: Uint8Array): void {
    const { clock, linkClock } = this.#parts;
    const { nonce, timeMs } = parseBody(timeAnswerSchema, body);
    const question = this.#question;
    if (question === undefined || !this.#notaries.has(from) || !equalBytes(nonce, question.nonce)) return;
    const now = clock.steadyNow();
    const roundTripMs = now - question.askedMs;
    const linkMs = linkClock.now() - question.linkMs;
    // Negative: a clock was set back meanwhile.
    if (question.answers.has(from) || roundTripMs < 0 || linkMs < 0 || linkMs > ROUND_TRIP_MS) return;
    const offsetMs = timeMs - Math.floor((question.askedMs + now) / 2);
    question.answers.set(from, { offsetMs, roundTripMs });
    if (question.answers.size === this.#notaries.size) this.#concluded(question);
    // The first time is urgent. Later all who will answer are waited for: others give another median, and
    // honest notaries may differ by more than is tolerated.
    else if (question.answers.size === this.#quorum && !this.isKnown) this.#settle(question);
  }

  /**
   * Statements with a nonce of our own, drawn at `drawnMs` by this clock, which somebody has brought. Returns
   * whether they tell the time; not used once the notaries have told it themselves.
   */
  carried(nonce: Uint8Array, drawnMs: TimeMs, statements: readonly Uint8Array[]): boolean {
    const { clock, crypto, network, told } = this.#parts;
    const sinceMs = clock.now() - drawnMs;
    if (this.isKnown || this.#closed || sinceMs < 0 || sinceMs > CARRIED_MS) return false;
    const timeMs = carriedTime(crypto, network, nonce, statements);
    if (timeMs === undefined) return false;
    // Stated at some time between then and now.
    const offsetMs = timeMs + Math.floor(sinceMs / 2) - clock.steadyNow();
    const shiftMs = clock.correct(offsetMs, Math.max(TOLERANCE_MS, sinceMs));
    this.#release();
    told?.(shiftMs);
    return true;
  }

  /** Resolves when the time is known, or after `patienceMs` on the links' clock. */
  known(patienceMs: number): Promise<void> {
    if (this.isKnown || this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      const { linkClock } = this.#parts;
      const done = (): void => {
        timer.cancel();
        this.#waiting.delete(done);
        resolve();
      };
      const timer = linkClock.at(linkClock.now() + patienceMs, done);
      this.#waiting.add(done);
    });
  }

  close(): void {
    this.#closed = true;
    this.#rest();
    this.#release();
  }

  #settle(question: Question): void {
    const { clock, told } = this.#parts;
    const answers = [...question.answers.values()];
    const offsetMs = medianTime(answers.map((answer) => answer.offsetMs));
    // An answer is as good as its round trip: never argue about less.
    const toleranceMs = Math.max(TOLERANCE_MS, ...answers.map(({ roundTripMs }) => roundTripMs));
    const shiftMs = clock.correct(offsetMs, toleranceMs);
    this.#release();
    told?.(shiftMs);
  }

  #ask(): void {
    if (this.#closed || !this.#connected) return;
    const { bus, clock, linkClock, network, keys, random } = this.#parts;
    const nonce = random.bytes(TIME_NONCE_BYTES);
    const linkMs = linkClock.now();
    const question: Question = { nonce, askedMs: clock.steadyNow(), linkMs, answers: new Map() };
    this.#question = question;
    this.#askedLinkMs = linkMs;
    this.#wake(this.#silenceMs, () => this.#heard(question));
    const bytes = signTimeQuestion(keys.signer, network.network, { nonce, card: keys.card });
    // A question that does not leave has no answers, and is asked again.
    bus.publish(castTopic(network.network, this.#self, "presence"), bytes).catch(() => undefined);
  }

  /** Most who are there have answered by now. */
  #heard(question: Question): void {
    if (question.answers.size >= this.#quorum) {
      this.#wake(ROUND_TRIP_MS - this.#silenceMs, () => this.#concluded(question));
    } else if (this.#silenceMs < ROUND_TRIP_MS) {
      this.#silenceMs *= 2;
      this.#ask();
    } else {
      this.#question = undefined;
      this.#wait(this.#pauseMs);
      this.#pauseMs = Math.min(2 * this.#pauseMs, ASK_EVERY_MS);
    }
  }

  /** Enough have answered, and the others had time to. */
  #concluded(question: Question): void {
    if (this.#question !== question) return;
    this.#question = undefined;
    this.#begin();
    this.#wait(ASK_EVERY_MS);
    this.#settle(question);
  }

  #begin(): void {
    this.#pauseMs = ASK_AGAIN_MS;
    this.#silenceMs = FIRST_SILENCE_MS;
  }

  /** Either way: the links' clock may have been set back, too. */
  get #sinceAsked(): number {
    return Math.abs(this.#parts.linkClock.now() - this.#askedLinkMs);
  }

  #wait(ms: number): void {
    this.#wake(ms, () => this.#ask());
  }

  #wake(ms: number, work: () => void): void {
    const { linkClock } = this.#parts;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (!this.#closed) this.#timer = linkClock.at(linkClock.now() + ms, work);
  }

  #rest(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#question = undefined;
  }

  #release(): void {
    for (const done of [...this.#waiting]) done();
  }
}
