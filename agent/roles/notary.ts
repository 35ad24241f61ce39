/**
 * The notary's driver: feeds its core with the bus, the order log and the clock, and does
 * what the core asks, in order and durably. It decides nothing itself.
 */
import { toHex } from "../../protocols/encoding/bytes.ts";
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { publicKeyFromId } from "../../protocols/identity/keys.ts";
import type { Header } from "../../protocols/ledger/block.ts";
import type { OwnAccount } from "../../protocols/ledger/joint.ts";
import { ACCOUNT_PAGE, CURRENCY_PAGE, LEDGER_SCHEMAS, MAX_DEVICES } from "../../protocols/ledger/messages.ts";
import type { LedgerKind } from "../../protocols/ledger/messages.ts";
import { faultsTolerated } from "../../protocols/ledger/network.ts";
import { NOTARY_CHANNELS, NotaryCore } from "../../protocols/ledger/notary.ts";
import type {
  NotaryChannel,
  NotaryConfig,
  NotaryEffect,
  NotaryEvent,
  Settled,
} from "../../protocols/ledger/notary.ts";
import { signTimeStatement } from "../../protocols/messaging/carried-time.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { Bus, Clock, OrderLog, Store, Timer, Unsubscribe } from "../../protocols/ports.ts";
import { castFilter, castTopic, parseTopic } from "../../protocols/topics.ts";
import { TimeService } from "./time-service.ts";

const STORE_PREFIX = "notary/";
/** Of the receipts in one answer: a message holds a quarter of a megabyte. */
const MAX_HISTORY_BYTES = 192 * 1024;
/** Records read from the log at once. */
const PAGE = 256;

export interface NotaryParts {
  config: NotaryConfig;
  bus: Bus;
  log: OrderLog;
  /** For votes and certificates, under "notary/"; may be shared with others. */
  store: Store;
  clock: Clock;
  /** Sends a sealed message; the notary does not wait for it, and whoever misses it asks again. */
  deliver: (toAgentId: string, kind: LedgerKind, body: Uint8Array) => void;
  /**
   * Takes in the card that an agent shows as its own, so that something can be delivered to it. Errors:
   * card-invalid. Absent: only who is known already is told the time.
   */
  introduce?: (from: string, card: Uint8Array) => void;
  /** The notary has stopped for good: `log-conflict`, or its store or log failed (`store-failed`). */
  failed: (error: unknown) => void;
  /**
   * Told of each certified block; `settled` is empty for those that were certified while this notary was
   * away.
   */
  certified?: (header: Header, settled: Settled[]) => void;
}

export interface NotaryReply {
  kind: LedgerKind;
  body: Uint8Array;
}

/**
 * Resolves once the notary listens and has read the log that there is. Rejects with `store-failed` or
 * `broker-…`.
 */
export async function startNotary(parts: NotaryParts): Promise<NotaryRole> {
  const role = new NotaryRole(parts);
  await role.start();
  return role;
}

export class NotaryRole {
  readonly core: NotaryCore;
  /** This notary's agent id. */
  readonly id: string;
  /** Casts and appends that failed; the core repeats what matters. */
  failedSends = 0;
  readonly #parts: NotaryParts;
  readonly #notaries: Set<string>;
  readonly #time: TimeService;
  readonly #unsubscribes: Unsubscribe[] = [];
  #effects: NotaryEffect[] = [];
  #performing: Promise<void> | undefined;
  #reading: Promise<void> | undefined;
  #readAgain = false;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(parts: NotaryParts) {
    const { crypto, network, index } = parts.config;
    const { clock, deliver, introduce = () => undefined } = parts;
    this.#parts = parts;
    const answer = (to: string, body: Uint8Array): void => deliver(to, "time", body);
    this.#time = new TimeService({ crypto, clock, network: network.network, introduce, answer });
    this.core = new NotaryCore(parts.config);
    this.id = network.notaries[index]!.id;
    this.#notaries = new Set(network.notaries.map(({ id }) => id));
  }

  async start(): Promise<void> {
    const { bus, log, store, clock, config } = this.#parts;
    const saved = store.keys(STORE_PREFIX).map((key) => {
      return { key: key.slice(STORE_PREFIX.length), bytes: store.get(key) ?? new Uint8Array() };
    });
    this.#handle({ kind: "restored", now: clock.now(), saved });
    for (const channel of NOTARY_CHANNELS) {
      const filter = castFilter(config.network.network, channel);
      this.#unsubscribes.push(
        await bus.subscribe(filter, (topic, bytes) => this.#heard(channel, topic, bytes)),
      );
    }
    const questions = castFilter(config.network.network, "presence");
    this.#unsubscribes.push(await bus.subscribe(questions, (topic, bytes) => this.#asked(topic, bytes)));
    this.#unsubscribes.push(log.onAppended(() => this.#readLog()));
    this.#readLog();
    await this.#reading;
  }

  /** An entry's log record, handed in directly instead of by the bus. */
  submit(record: Uint8Array): void {
    this.#handle({ kind: "cast", now: this.#parts.clock.now(), channel: "entry", bytes: record });
  }

  /** Finishes what is under way; bus, log and store belong to the caller. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    for (const unsubscribe of this.#unsubscribes) await unsubscribe();
    await this.#reading;
    await this.#performing;
  }

  // What comes in.

  #heard(channel: NotaryChannel, topic: string, bytes: Uint8Array): void {
    const sender = senderOf(topic);
    if (sender === undefined) return;
    // What it said itself it knows; but its owner's commands cast entries under the same identity.
    if (channel !== "entry" && sender === this.id) return;
    // Only notaries stamp, vote and state: others are not worth a verification.
    if (channel !== "entry" && !this.#notaries.has(sender)) return;
    this.#handle({ kind: "cast", now: this.#parts.clock.now(), channel, bytes });
  }

  #asked(topic: string, bytes: Uint8Array): void {
    const sender = senderOf(topic);
    if (sender === undefined || this.#stopped) return;
    try {
      this.#time.asked(sender, bytes);
    } catch (error) {
      // Whoever asks badly gets no answer.
      if (!(error instanceof SegmentError)) throw error;
    }
  }

  #readLog(): void {
    this.#readAgain = true;
    this.#reading ??= this.#readAll().catch((error: unknown) => this.#fail(error));
  }

  async #readAll(): Promise<void> {
    try {
      while (this.#readAgain && !this.#stopped) await this.#readPage();
    } finally {
      // In the same turn as the last look: what comes later starts anew.
      this.#reading = undefined;
    }
  }

  async #readPage(): Promise<void> {
    const { log, clock } = this.#parts;
    this.#readAgain = false;
    const from = this.core.nextIndex;
    const records = await log.read(from, PAGE);
    const goesOn = records.length === PAGE && (await log.read(from + PAGE, 1)).length > 0;
    for (const [place, { index, record }] of records.entries()) {
      const more = goesOn || place + 1 < records.length;
      this.#handle({ kind: "record", now: clock.now(), index, bytes: record, more });
      if (this.#stopped) return;
    }
    if (goesOn) this.#readAgain = true;
  }

  #handle(event: NotaryEvent): void {
    if (this.#stopped) return;
    try {
      this.#effects.push(...this.core.handle(event));
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (this.#effects.length === 0) return;
    this.#performing ??= this.#performAll().catch((error: unknown) => this.#fail(error));
  }

  // What goes out.

  async #performAll(): Promise<void> {
    try {
      while (this.#effects.length > 0) await this.#performBatch(this.#effects.splice(0));
    } finally {
      this.#performing = undefined;
    }
  }

  async #performBatch(effects: NotaryEffect[]): Promise<void> {
    // One commit for all of them: earlier than asked is durable too, later would not be.
    const changes = new Map<string, Uint8Array>();
    for (const effect of effects) {
      if (effect.kind === "persist") changes.set(STORE_PREFIX + effect.key, effect.bytes);
    }
    if (changes.size > 0) await this.#parts.store.commit(changes);
    for (const effect of effects) await this.#perform(effect);
  }

  async #perform(effect: NotaryEffect): Promise<void> {
    const { log, bus, config } = this.#parts;
    switch (effect.kind) {
      case "persist":
        return;
      case "append":
        return this.#attempt(log.append(effect.bytes));
      case "cast":
        return this.#attempt(
          bus.publish(castTopic(config.network.network, this.id, effect.channel), effect.bytes),
        );
      case "certified":
        for (const settled of effect.receipts)
          if (settled.rank === 0) this.#deliver(settled, settled.parties);
        this.#parts.certified?.(effect.header, effect.receipts);
        return;
      case "resubmitted":
        // Whose turn it was seems to be away: as many as may be faulty, and one more, answer.
        if (effect.settled.rank <= faultsTolerated(this.#notaries.size))
          this.#deliver(effect.settled, effect.settled.parties);
        return;
      case "wake":
        this.#timer?.cancel();
        this.#timer = this.#parts.clock.at(effect.atMs, () => {
          this.#handle({ kind: "tick", now: this.#parts.clock.now() });
        });
        return;
      case "halted":
        await this.#keepEvidence(effect.evidence);
        this.#fail(new SegmentError(effect.code, effect.message));
    }
  }

  /** Nobody waits for these: the core repeats what leads to nothing. */
  #attempt(sent: Promise<unknown>): void {
    sent.catch(() => {
      this.failedSends++;
    });
  }

  #deliver({ bytes }: Settled, parties: readonly string[]): void {
    const body = encodeMessage({ receipt: bytes });
    for (const party of parties) this.#parts.deliver(party, "receipt", body);
  }

  async #keepEvidence(evidence: Uint8Array[]): Promise<void> {
    const changes = new Map(evidence.map((bytes, place) => [`evidence/log-conflict/${place}`, bytes]));
    await this.#parts.store.commit(changes);
  }

  #fail(error: unknown): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#timer?.cancel();
    this.#parts.failed(error);
  }

  // Questions.

  /**
   * Answers a verified sender's question; null for what is not for a notary. Rejects with
   * `message-invalid`.
   */
  async request(from: string, kind: string, body: Uint8Array): Promise<NotaryReply | null> {
    return this.#answer(from, kind, body);
  }

  #answer(from: string, kind: string, body: Uint8Array): NotaryReply | null {
    switch (kind) {
      case "receipt-wanted": {
        const wanted = parseBody(LEDGER_SCHEMAS[kind], body);
        if ("termsId" in wanted) return this.#answerLatest(from, wanted.termsId);
        const { entryId } = wanted;
        const settled = this.core.receiptFor(entryId);
        if (settled === undefined) return reply("receipt-missing", { entryId });
        return reply("receipt", { receipt: settled.bytes });
      }
      case "account-wanted": {
        const { account, after } = parseBody(LEDGER_SCHEMAS[kind], body);
        return this.#answerAccount(this.core.accountFor(publicKeyFromId(from), account), after);
      }
      case "history-wanted": {
        const { account, after, limit } = parseBody(LEDGER_SCHEMAS[kind], body);
        const own = this.core.accountFor(publicKeyFromId(from), account)?.account;
        return this.#answerHistory(own, after, limit);
      }
      case "devices-wanted": {
        parseBody(LEDGER_SCHEMAS[kind], body);
        const root = this.core.rootOfDevice(publicKeyFromId(from)) ?? null;
        const devices = root === null ? [] : this.core.devicesOf(root).slice(-MAX_DEVICES);
        return reply("devices", { root, devices });
      }
      case "contract-wanted":
        return this.#answerContract(from, parseBody(LEDGER_SCHEMAS[kind], body).termsId);
      case "time-wanted": {
        const { nonce } = parseBody(LEDGER_SCHEMAS[kind], body);
        const { network, termSigner } = this.#parts.config;
        const timeMs = this.#parts.clock.now();
        return reply("time-statement", {
          statement: signTimeStatement(termSigner, network.network, { nonce, timeMs }),
        });
      }
      case "currencies-wanted":
        return this.#answerCurrencies(parseBody(LEDGER_SCHEMAS[kind], body).after);
      default:
        return null;
    }
  }

  #answerAccount(own: OwnAccount | undefined, after: string | undefined): NotaryReply {
    const { timeMs } = this.core;
    const asked = pageAfter(after);
    if (own === undefined) return reply("account", { root: null, ...asked, balances: [], timeMs });
    const { account: root, joint } = own;
    const now = Math.max(timeMs, this.#parts.clock.now());
    const all = [...this.core.accountBalances(root, now)];
    const balances = all.filter(([currency]) => currency > (after ?? "")).slice(0, ACCOUNT_PAGE);
    const answer = { root, ...asked, balances: balances.map(holding), timeMs };
    return reply("account", joint === undefined ? answer : { ...answer, joint });
  }

  #answerCurrencies(after: string | undefined): NotaryReply {
    return reply("currencies", {
      ...pageAfter(after),
      currencies: this.core.currencies(after, CURRENCY_PAGE),
    });
  }

  /** How a contract stands, or ended, for its parties: they may have missed the word on it. */
  #answerLatest(from: string, termsId: Uint8Array): NotaryReply {
    const latest = this.core.latestReceipt(termsId);
    if (latest?.parties.includes(from) !== true) return reply("receipt-missing", { termsId });
    return reply("receipt", { receipt: latest.bytes });
  }

  #answerHistory(account: Uint8Array | undefined, after: number, limit: number): NotaryReply {
    if (account === undefined) return reply("history", { account: null, count: 0, first: 1, receipts: [] });
    return reply("history", { account, ...this.core.historyOf(account, after, limit, MAX_HISTORY_BYTES) });
  }

  /**
   * What a contract holds is its parties' business; of an ended one the terms are forgotten, and so is
   * who they were.
   */
  #answerContract(from: string, termsId: Uint8Array): NotaryReply {
    const view = this.core.contractView(termsId);
    const sender = toHex(publicKeyFromId(from));
    const isParty = view?.contract?.terms.parties.some(({ identity }) => toHex(identity) === sender) ?? true;
    if (view === undefined || !isParty) return reply("contract-missing", { termsId });
    const { seq, label, closed, pot, path } = view.state;
    const answer = { termsId, seq, label, closed, pot: pot.map(holding), path };
    const mandates = view.contract === undefined ? [] : this.core.mandates(view.contract);
    return reply("contract", mandates.length === 0 ? answer : { ...answer, mandates });
  }
}

function holding([currency, minor]: [string, bigint]): { currency: string; minor: bigint } {
  return { currency, minor };
}

function pageAfter(after: string | undefined): { after?: string } {
  return after === undefined ? {} : { after };
}

function reply(kind: LedgerKind, body: unknown): NotaryReply {
  return { kind, body: encodeMessage(body) };
}

function senderOf(topic: string): string | undefined {
  try {
    return parseTopic(topic).sender;
  } catch (error) {
    if (error instanceof SegmentError) return undefined;
    throw error;
  }
}
