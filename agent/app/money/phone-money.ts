/**
 * What a phone deals in with others over the network: its wallet, its contracts, deliveries on their way. It
 * shares the identity, the connection and the store of the phone's home.
 */
import { Asker } from "../../core/asking.ts";
import { LedgerClient } from "../../core/ledger-client.ts";
import type { Certified } from "../../core/ledger-client.ts";
import type { AgentKeys, Messenger } from "../../core/messenger.ts";
import type { FollowNews } from "../../core/negotiation-follow.ts";
import type { News } from "../../core/negotiator.ts";
import { ContractStore } from "../../platform/contract-store.ts";
import { dealInContracts } from "../../platform/contracts-run.ts";
import type { RunningContracts } from "../../platform/contracts-run.ts";
import type { NotaryLine } from "../../platform/notary-questions.ts";
import type { Negotiation } from "../../../protocols/contract/negotiation-state.ts";
import { equalBytes } from "../../../protocols/encoding/bytes.ts";
import { errorCode, SegmentError } from "../../../protocols/errors.ts";
import type { Card } from "../../../protocols/identity/card.ts";
import { readBody } from "../../../protocols/ledger/entry.ts";
import type { EntryDraft } from "../../../protocols/ledger/drafts.ts";
import type { NetworkDescription } from "../../../protocols/ledger/network.ts";
import { verifyReceipt } from "../../../protocols/ledger/receipt.ts";
import type { OpenedEnvelope } from "../../../protocols/messaging/envelope.ts";
import type { Bus, Clock, Crypto, Random, Store, Timer } from "../../../protocols/ports.ts";
import { keptShelf } from "./contract-shelf.ts";
import { Dealings } from "./dealings.ts";
import { Kept } from "./kept.ts";
import { People } from "./people.ts";
import { Receipts } from "./receipts.ts";
import { Tracks } from "./tracks.ts";
import { Wallet } from "./wallet.ts";

export interface PhoneMoneyParts {
  crypto: Crypto;
  random: Random;
  /** The network's time. */
  clock: Clock;
  linkClock: Clock;
  keys: AgentKeys;
  /** The same card, opened. */
  card: Card;
  network: NetworkDescription;
  bus: Bus;
  /** On that bus; somebody else introduces it to the others. */
  messenger: Messenger;
  store: Store;
  /** Cards of those whom the phone knows, by id. */
  people: () => ReadonlyMap<string, Card>;
  /** Something that screens show has changed. */
  changed: () => void;
  /** What the owner would want to know of a contract. */
  news?: (news: News | FollowNews, one: Negotiation) => void;
  failed: (error: unknown) => void;
}

/** How long a payment waits for its receipt, and how much longer it could still be executed. */
const PATIENCE_MS = 20_000;
const VALIDITY_MS = 60_000;
/** Between two questions to notaries who could not answer the first. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
/** A phone's keys begin its part of the store. */
const PREFIX = "money/";
const REGISTRATION = "registration";

export class PhoneMoney {
  readonly wallet: Wallet;
  readonly dealings: Dealings;
  readonly receipts: Receipts;
  readonly tracks: Tracks;
  readonly people: People;
  readonly line: NotaryLine;
  readonly #parts: PhoneMoneyParts;
  readonly #ledger: LedgerClient;
  readonly #running: RunningContracts;
  readonly #asker: Asker;
  readonly #own: Kept;
  readonly #all: readonly Kept[];
  #registered = false;
  #registering: Promise<void> | undefined;
  #again: Timer | undefined;
  #isOnline = false;
  #isClosed = false;

  constructor(parts: PhoneMoneyParts) {
    const { crypto, random, clock, linkClock, keys, card, network, bus, messenger, changed } = parts;
    this.#parts = parts;
    const keptOf = (name: string): Kept => new Kept(parts.store, `${PREFIX}${name}/`);
    const [own, receipts, contracts, tracks, people] = [
      ...[keptOf("own"), keptOf("receipts"), keptOf("contracts"), keptOf("tracks"), keptOf("people")],
    ] as const;
    this.#own = own;
    this.#all = [own, receipts, contracts, tracks, people];
    this.people = new People(people, parts.people);
    const { signer } = keys;
    const self = messenger.self;
    this.#ledger = new LedgerClient({ messenger, network, crypto, random, signer, clock, linkClock });
    this.#asker = new Asker(messenger, linkClock, (message) => this.#heard(message));
    this.line = { network, messenger, asker: this.#asker, linkClock };
    this.receipts = new Receipts({ kept: receipts, crypto, network, account: card.root });
    const durable = (): Promise<void> => this.#durable();
    const submit = (draft: EntryDraft): Promise<Certified> => this.#submit(draft);
    const store = new ContractStore(keptShelf(contracts), crypto);
    const news = (told: News | FollowNews, one: Negotiation): void => {
      parts.news?.(told, one);
      changed();
    };
    this.#running = dealInContracts({
      ...{ crypto, signer, self, account: card.root, network, bus, messenger, ledger: this.#ledger, store },
      ...{ clock, linkClock, durable, news, followed: news, failed: parts.failed },
      certified: (certified) => this.#certified(certified),
    });
    this.wallet = new Wallet({
      ...{ kept: own, receipts: this.receipts, crypto, line: this.line, network, account: card.root, clock },
      ...{ submit, durable, register: () => this.#register(), changed },
      moved: () => this.#refreshSoon(FIRST_PAUSE_MS),
    });
    this.dealings = new Dealings({
      ...{ crypto, random, signer, card, self, network, clock, store, running: this.#running },
      ...{ line: this.line, ledger: this.#ledger, submit, durable, people: this.people, changed },
      currencies: () => this.wallet.currencies,
      certified: (certified) => this.#certified(certified),
    });
    this.tracks = new Tracks({
      ...{ kept: tracks, crypto, changed },
      contractOf: (id) => store.loadAll().get(id),
    });
  }

  /** What is negotiated, and what all have signed. */
  get negotiator(): RunningContracts["negotiator"] {
    return this.#running.negotiator;
  }

  /** Hears the network from now on, whenever it is there. */
  start(): void {
    const { bus, failed } = this.#parts;
    // Resolves when the broker has answered, which may be never.
    this.#asker.listen().catch((error: unknown) => (this.#isClosed ? undefined : failed(error)));
    this.#running.begin();
    bus.onConnected((connected) => {
      this.#isOnline = connected;
      if (!connected || this.#isClosed) return;
      this.#running.reachable();
      this.#refreshSoon(FIRST_PAUSE_MS);
    });
  }

  /** Notaries may be away, or busy with what has just happened: they are asked again, at growing pauses. */
  #refreshSoon(pauseMs: number): void {
    const { linkClock } = this.#parts;
    this.#again?.cancel();
    this.#again = undefined;
    const again = (): void => {
      if (this.#isClosed || !this.#isOnline) return;
      this.#again?.cancel();
      const nextMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
      this.#again = linkClock.at(linkClock.now() + pauseMs, () => this.#refreshSoon(nextMs));
    };
    this.wallet.refresh().then(
      () => (this.wallet.isBehind ? again() : undefined),
      (error: unknown) => {
        this.#parts.messenger.countDrop(errorCode(error));
        again();
      },
    );
  }

  /** What was taken in is durable when it resolves. Errors: store-failed. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#again?.cancel();
    this.#running.close();
    await this.#durable();
  }

  async #durable(): Promise<void> {
    await Promise.all(this.#all.map((kept) => kept.durable()));
  }

  #heard({ from, kind, body }: OpenedEnvelope): void {
    if (this.#isClosed) return;
    try {
      const card = this.#parts.messenger.cardOf(from);
      if (card !== undefined) this.people.met(card);
      if (this.tracks.handles(kind)) return this.tracks.received(from, body);
      if (this.#running.received(from, kind, body)) return;
      this.#ledger.received({ kind, body });
    } catch (error) {
      this.#parts.messenger.countDrop(errorCode(error));
    }
  }

  /** Whatever moved the owner's account is filed; what notaries say it holds now is asked. */
  #certified(certified: Certified): void {
    if (!this.receipts.keep(certified)) return;
    this.#parts.changed();
    this.#refreshSoon(FIRST_PAUSE_MS);
  }

  /** Errors: quorum-missing (there is no network now, or no receipt came in time), the ledger's refusal. */
  async #submit(draft: EntryDraft): Promise<Certified> {
    if (!this.#isOnline)
      throw new SegmentError("quorum-missing", "there is no network now; nothing was sent");
    await this.#register();
    await this.#durable();
    try {
      return await this.#ledger.submit(draft, { patienceMs: PATIENCE_MS, validityMs: VALIDITY_MS });
    } catch (error) {
      if (errorCode(error) !== "quorum-missing") throw error;
      const problem =
        `the notaries have not certified it within ${PATIENCE_MS / 1_000} s; it may still be executed for ` +
        `${(VALIDITY_MS - PATIENCE_MS) / 1_000} s more, so look at the wallet after that, before you do it again`;
      throw new SegmentError("quorum-missing", problem, { cause: error });
    }
  }

  /** Once in the life of a card. Errors: quorum-missing, the ledger's refusal, store-failed. */
  #register(): Promise<void> {
    this.#registered ||= this.#isRegistered();
    if (this.#registered) return Promise.resolve();
    this.#registering ??= this.#registerNow().finally(() => {
      this.#registering = undefined;
    });
    return this.#registering;
  }

  async #registerNow(): Promise<void> {
    if (!this.#isOnline) throw new SegmentError("quorum-missing", "there is no network now");
    const { bytes } = await this.#ledger.submit({ body: { kind: "card", card: this.#parts.keys.card } });
    this.#own.set(REGISTRATION, bytes);
    await this.#own.durable();
  }

  #isRegistered(): boolean {
    const { crypto, network, keys } = this.#parts;
    const bytes = this.#own.get(REGISTRATION);
    if (bytes === undefined) return false;
    try {
      const receipt = verifyReceipt(crypto, bytes, network);
      const body = readBody(receipt.entry);
      return receipt.outcome === "ok" && body.kind === "card" && equalBytes(body.card, keys.card);
    } catch (error) {
      // Of another network, or damaged: the card is registered again, which changes nothing.
      if (error instanceof SegmentError) return false;
      throw error;
    }
  }
}
