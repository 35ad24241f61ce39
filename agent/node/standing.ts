/**
 * Executes a home's standing orders: looks what is due, writes down what it is about to pay, pays, writes
 * down what came of it. Whatever it is killed at, the same payment is the same entry
 * (protocols/money/standing.ts).
 */
import { toHex } from "../../protocols/encoding/bytes.ts";
import { errorCode, SegmentError } from "../../protocols/errors.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import type { EntryDraft } from "../../protocols/ledger/drafts.ts";
import { makeSubmission } from "../../protocols/ledger/submission.ts";
import { formatAmount } from "../../protocols/money/amounts.ts";
import { isoDay } from "../../protocols/calendar.ts";
import { dueMs, nextStep, settled, slotClosed, standingFrame } from "../../protocols/money/standing.ts";
import type { StandingAttempt, StandingState, StandingStep } from "../../protocols/money/standing.ts";
import type { Clock, Timer } from "../../protocols/ports.ts";
import { fetchHistory, keptHistory } from "./history.ts";
import type { Home } from "./home.ts";
import { askAccount } from "./run-client.ts";
import type { Client } from "./run-client.ts";
import { keepReceipt, register } from "./run-documents.ts";
import { readOrders, readStates, stateOf, writeStates } from "./standing-store.ts";
import type { KeptOrder, KeptState } from "./standing-store.ts";

const LOOK_MS = 30_000;
const PATIENCE_MS = 20_000;
/** Steps of one order at one look: each period takes two, one more for each slot that was missed. */
const MAX_STEPS = 512;

export interface StandingParts {
  home: Home;
  /** The network's time. */
  clock: Clock;
  /** When to look; the same unless a world is sped up. */
  linkClock: Clock;
  /** A connection of its own for as long as there is something to do. */
  open: () => Promise<Client>;
  say: (line: string) => void;
  failed: (error: unknown) => void;
}

/** What one look is done with. */
interface Look {
  states: Map<string, KeptState>;
  client: () => Promise<Client>;
  /** Entries that moved the account, in hex; undefined where the history has gaps. Asked for once. */
  history: () => Promise<ReadonlySet<string> | undefined>;
}

export class StandingOrders {
  readonly #parts: StandingParts;
  #timer: Timer | undefined;
  #looking: Promise<void> | undefined;
  #stopped = false;

  constructor(parts: StandingParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#lookLater(0);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#looking;
  }

  #lookLater(delayMs: number): void {
    const { linkClock, failed } = this.#parts;
    if (this.#stopped) return;
    this.#timer = linkClock.at(linkClock.now() + delayMs, () => {
      this.#looking = this.look()
        .catch(failed)
        .then(() => this.#lookLater(LOOK_MS));
    });
  }

  /** Does all that is due. What cannot be done now is tried again at the next look. */
  async look(): Promise<void> {
    const { home, open, say } = this.#parts;
    let opened: Promise<Client> | undefined;
    let known: Promise<ReadonlySet<string> | undefined> | undefined;
    const client = (): Promise<Client> => (opened ??= open());
    const history = (): Promise<ReadonlySet<string> | undefined> => {
      return (known ??= client().then((one) => completeHistory(one, home)));
    };
    try {
      const states = readStates(home.folder);
      for (const order of readOrders(home.folder)) {
        if (order.network === home.network?.network) await this.#settle(order, { states, client, history });
      }
    } catch (error) {
      if (!(error instanceof SegmentError)) throw error;
      say(`standing orders: ${error.message} [${error.code}]; tries again`);
    } finally {
      // Where it could not be opened there is nothing to close.
      const client = await opened?.catch(() => undefined);
      await client?.close();
    }
  }

  /** Takes one order as far as it goes now. */
  async #settle(order: KeptOrder, look: Look): Promise<void> {
    for (let steps = 0; steps < MAX_STEPS && !this.#stopped; steps++) {
      const state = stateOf(look.states, order);
      const step = nextStep(order, state, this.#parts.clock.now());
      if (!isWork(step)) return;
      if (step.kind === "missed") this.#missed(order, state, step, look);
      else if (step.kind === "inquire") await this.#inquire(order, state, step, look);
      else await this.#pay(order, state, step, look);
    }
  }

  #missed(order: KeptOrder, state: KeptState, step: Work<"missed">, look: Look): void {
    const isPromise = order.occasion.kind === "every";
    const text = isPromise
      ? `the payment of ${dueDay(order, step.period)} could not be made in time`
      : undefined;
    this.#keep(order, settled(state, step.next), text, look);
  }

  /** A slot is over. Was its entry executed? Only a history without gaps can deny it. */
  async #inquire(order: KeptOrder, state: KeptState, step: Work<"inquire">, look: Look): Promise<void> {
    const entries = await look.history();
    const minor = state.attempt?.minor ?? order.occasion.minor;
    const { id } = await this.#entryOf(order, step.period, { slot: step.slot, minor }, look);
    if (entries?.has(id) === true) {
      this.#keep(order, settled(state), `the payment of ${dueDay(order, step.period)} was made`, look);
    } else if (entries === undefined) {
      // Better once too few than once too many: a person can still pay.
      const text =
        `it cannot be known whether the payment of ${dueDay(order, step.period)} was made: the notaries have ` +
        "forgotten receipts; it is not repeated";
      this.#keep(order, settled(state), text, look);
    } else this.#keep(order, slotClosed(state, step.slot), undefined, look);
  }

  async #pay(order: KeptOrder, state: KeptState, step: Work<"pay">, look: Look): Promise<void> {
    const attempt = step.attempt ?? (await this.#begin(order, state, step, look));
    if (attempt === undefined) return;
    const { period } = step;
    const { draft } = await this.#entryOf(order, period, attempt, look);
    const client = await look.client();
    const money = formatAmount(attempt.minor, order.exponent, order.code);
    try {
      await register(client.machine.crypto, this.#parts.home, client.ledger);
      const certified = await client.ledger.submit(draft, { patienceMs: PATIENCE_MS });
      keepReceipt(this.#parts.home, certified);
      this.#keep(order, settled(state), `paid ${money} to ${agentId(order.to)}`, look);
    } catch (error) {
      const code = errorCode(error);
      // Its fate is open: the same entry again at the next look.
      if (!(error instanceof SegmentError) || NOT_REFUSED.has(code)) throw error;
      const text = `${money} could not be paid: ${error.message} [${code}]`;
      this.#keep(order, slotClosed(state, attempt.slot), text, look);
    }
  }

  /** Writes down what is about to be paid; undefined if there is nothing to pay. */
  async #begin(
    order: KeptOrder,
    state: KeptState,
    step: Work<"pay">,
    look: Look,
  ): Promise<StandingAttempt | undefined> {
    const { occasion, currency } = order;
    let { minor } = occasion;
    if (occasion.kind === "above") {
      const { value } = await askAccount(await look.client());
      const held = value.balances.find((one) => one.currency === currency)?.minor ?? 0n;
      minor = held - occasion.minor;
    }
    if (minor <= 0n) {
      this.#keep(order, settled(state), undefined, look);
      return undefined;
    }
    const attempt = { slot: step.slot, minor };
    this.#keep(order, { ...state, attempt }, undefined, look);
    return attempt;
  }

  /** The one entry for this slot, and its id in hex. */
  async #entryOf(
    order: KeptOrder,
    period: number,
    attempt: StandingAttempt,
    look: Look,
  ): Promise<{ draft: EntryDraft; id: string }> {
    const { machine, connection } = await look.client();
    const { crypto, random } = machine;
    const { to, currency, memo } = order;
    const { nonce, ...window } = standingFrame(crypto, order, period, attempt.slot);
    const draft = {
      body: { kind: "transfer" as const, to, currency, amount: attempt.minor, memo },
      nonce,
      window,
    };
    const maker = { crypto, random, network: connection.network, signer: this.#parts.home.keys.signer };
    return { draft, id: toHex(makeSubmission(maker, connection.clock.now(), draft).id) };
  }

  #keep(order: KeptOrder, state: StandingState, text: string | undefined, { states }: Look): void {
    const { home, clock, say } = this.#parts;
    const { period, attempt, closedSlots } = state;
    const id = toHex(order.id);
    const before = states.get(id)?.last ?? null;
    const last = text === undefined ? before : { atMs: clock.now(), text: text.slice(0, 500) };
    states.set(id, { period, attempt, closedSlots, last });
    writeStates(home.folder, states);
    if (text !== undefined) say(`standing order ${id.slice(0, 8)}: ${text}`);
  }
}

type Work<K extends StandingStep["kind"]> = Extract<StandingStep, { kind: K }>;

function isWork(step: StandingStep): step is Work<"missed" | "pay" | "inquire"> {
  return step.kind !== "wait" && step.kind !== "ended";
}

/** Nothing is known about the entry, or nobody was reached. */
const NOT_REFUSED: ReadonlySet<string> = new Set([
  "quorum-missing",
  "broker-unreachable",
  "broker-refused",
  "queue-full",
  "store-failed",
  "entry-too-early",
]);

function dueDay({ occasion }: KeptOrder, period: number): string {
  return isoDay(dueMs(occasion, period));
}

/** Undefined where notaries count movements whose receipts nobody has any more. */
async function completeHistory(client: Client, home: Home): Promise<ReadonlySet<string> | undefined> {
  const { missing } = await fetchHistory(client, home);
  if (missing > 0) return undefined;
  return new Set(keptHistory(client.machine.crypto, home).paths.keys());
}
