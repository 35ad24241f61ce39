/**
 * What a home does for its owner beside the device: offers and signs contracts over the bus, opens them,
 * deposits, and puts entries before the notaries. Messages, ledger and negotiations are the agents' own.
 */
import { LedgerClient } from "../../../agent/core/ledger-client.ts";
import type { Certified } from "../../../agent/core/ledger-client.ts";
import { Messenger } from "../../../agent/core/messenger.ts";
import { ContractFollower } from "../../../agent/core/negotiation-follow.ts";
import { Negotiator } from "../../../agent/core/negotiator.ts";
import type { NegotiationStore } from "../../../agent/core/negotiator.ts";
import type { Negotiation } from "../../../protocols/contract/negotiation-state.ts";
import { toHex } from "../../../protocols/encoding/bytes.ts";
import { errorCode, SegmentError } from "../../../protocols/errors.ts";
import { encodeMessage } from "../../../protocols/encoding/messages.ts";
import type { EntryDraft } from "../../../protocols/ledger/drafts.ts";
import type { EntryBody } from "../../../protocols/ledger/entry.ts";
import { makeSubmission } from "../../../protocols/ledger/submission.ts";
import { LEDGER_SCHEMAS } from "../../../protocols/ledger/messages.ts";
import type { NetworkDescription } from "../../../protocols/ledger/network.ts";
import { verifyReceipt } from "../../../protocols/ledger/receipt.ts";
import { parseBody } from "../../../protocols/messaging/schemas.ts";
import type { Bus, Clock, Crypto, Random } from "../../../protocols/ports.ts";
import type { Somebody } from "./people.ts";

const ASK_EVERY_MS = 500;
const VALID_MS = 60_000;

export interface DealerParts {
  person: Somebody;
  crypto: Crypto;
  network: NetworkDescription;
  clock: Clock;
  bus: Bus;
  random: Random;
  cards: readonly Uint8Array[];
  /** What its owner would be told. */
  told: (text: string) => void;
  failed: (error: unknown) => void;
}

/** The part that ends when the process sleeps, and begins anew with what was written down. */
interface Awake {
  negotiator: Negotiator;
  follower: ContractFollower;
}

export class Dealer {
  readonly messenger: Messenger;
  readonly #parts: DealerParts;
  readonly #ledger: LedgerClient;
  readonly #store = new Contracts();
  #awake: Awake | undefined;
  #isOnline = false;

  constructor(parts: DealerParts) {
    const { person, crypto, network, clock, bus, random } = parts;
    this.#parts = parts;
    const { signer } = person.keys;
    const shared = { crypto, network, random, clock };
    this.messenger = new Messenger({ ...shared, bus, network: network.network, keys: person.keys });
    for (const card of parts.cards) this.messenger.meet(card);
    this.#ledger = new LedgerClient({ ...shared, messenger: this.messenger, signer, linkClock: clock });
    bus.onConnected((isConnected) => this.#connected(isConnected));
  }

  async start(): Promise<void> {
    await this.messenger.listen(({ from, kind, body }) => this.#received(from, kind, body));
    this.wake();
  }

  get negotiator(): Negotiator {
    this.wake();
    return this.#awake!.negotiator;
  }

  wake(): void {
    if (this.#awake !== undefined) return;
    const { person, crypto, network, clock, failed, told } = this.#parts;
    const { signer } = person.keys;
    const follow = { crypto, clock, linkClock: clock, failed };
    const negotiator: Negotiator = new Negotiator({
      ...{ ...follow, signer, self: person.id, account: person.root.publicKey, network: network.network },
      store: this.#store,
      send: (to, kind, body) => this.#send(to, kind, body),
      news: ({ what }) => told(what),
      open: (one) => follower.open(one),
    });
    const follower = new ContractFollower({
      ...{ ...follow, negotiator, self: person.id },
      notaries: network.notaries.map(({ id }) => id),
      send: (to, kind, body) => this.#send(to, kind, body),
      submit: (draft) => this.submit(draft),
      keep: () => undefined,
      news: (news) => told("label" in news ? `${news.what} ${news.label}` : news.what),
    });
    this.#awake = { negotiator, follower };
    negotiator.start();
    follower.start();
  }

  sleep(): void {
    this.#awake?.negotiator.close();
    this.#awake?.follower.close();
    this.#awake = undefined;
  }

  /** Errors: the ledger's refusal by its code; quorum-missing without a network. */
  submit(draft: EntryDraft): Promise<Certified> {
    if (!this.#isOnline) return Promise.reject(new SegmentError("quorum-missing", "there is no network now"));
    return this.#ledger.submit(draft);
  }

  /** What the owner's root signs: nobody delivers a receipt to a root, so it is asked for. */
  async submitAsRoot(body: EntryBody): Promise<Certified> {
    const { crypto, random, network, clock, person } = this.#parts;
    const now = clock.now();
    const window = { notBefore: now - VALID_MS, notAfter: now + VALID_MS };
    const draft = { body, nonce: random.bytes(16), window };
    const { id: entryId } = makeSubmission({ crypto, random, network, signer: person.root }, now, draft);
    const question = encodeMessage({ entryId });
    const ask = (): void => {
      for (const { id } of network.notaries)
        this.#send(id, "receipt-wanted", question).catch(() => undefined);
      timer = clock.at(clock.now() + ASK_EVERY_MS, ask);
    };
    let timer = clock.at(now + ASK_EVERY_MS, ask);
    try {
      return await this.#ledger.submit(draft, { signer: person.root });
    } finally {
      timer.cancel();
    }
  }

  #connected(isConnected: boolean): void {
    this.#isOnline = isConnected;
    if (!isConnected) return;
    this.#awake?.negotiator.reachable();
    this.#awake?.follower.reachable();
  }

  #send(to: string, kind: string, body: Uint8Array): Promise<void> {
    if (!this.#isOnline) return Promise.reject(new SegmentError("broker-unreachable", "there is no network"));
    return this.messenger.send(to, kind, body);
  }

  #received(from: string, kind: string, body: Uint8Array): void {
    try {
      if (kind === "receipt") this.#receipt(body);
      else if (this.#awake === undefined || this.#awake.follower.answered(from, kind, body)) return;
      else if (this.#awake.negotiator.handles(kind)) this.#awake.negotiator.received(from, kind, body);
    } catch (error) {
      this.messenger.countDrop(errorCode(error));
    }
  }

  #receipt(body: Uint8Array): void {
    const { crypto, network } = this.#parts;
    this.#ledger.received({ kind: "receipt", body });
    const { receipt } = parseBody(LEDGER_SCHEMAS.receipt, body);
    this.#awake?.follower.receipt(verifyReceipt(crypto, receipt, network), receipt);
  }
}

/** Kept as long as the world lasts. */
class Contracts implements NegotiationStore {
  readonly #kept = new Map<string, Negotiation>();
  readonly #settled = new Set<string>();

  load(): Map<string, Negotiation> {
    return new Map([...this.#kept].filter(([id]) => !this.#settled.has(id)));
  }

  read(id: string): Negotiation | undefined {
    return this.#settled.has(id) ? undefined : this.#kept.get(id);
  }

  save(one: Negotiation): void {
    this.#kept.set(toHex(one.termsId), one);
  }

  /** What is saved replaces all that was. */
  withdrawDeposit(): void {}

  forget(id: Uint8Array): void {
    this.#kept.delete(toHex(id));
  }

  settle(id: Uint8Array): void {
    this.#settled.add(toHex(id));
  }

  isSettled(id: Uint8Array): boolean {
    return this.#settled.has(toHex(id));
  }

  changed(): string[] {
    return [];
  }
}
