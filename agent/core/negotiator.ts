/**
 * Negotiations in progress: the pure step joined to storage and to whatever leads to the other parties.
 * Each party is told what it lacks, at growing pauses, until it says that it holds it or the offer has
 * expired. Nothing is queued: what is owed to whom follows from what is known, also after a restart.
 */
import { toHex } from "../../protocols/encoding/bytes.ts";
import { errorCode, SegmentError } from "../../protocols/errors.ts";
import { owedTo, refusalOf, stepNegotiation, subjectOf } from "../../protocols/contract/negotiation.ts";
import type {
  NegotiationContext,
  NegotiationEffect,
  NegotiationEvent,
  NewsKind,
} from "../../protocols/contract/negotiation.ts";
import {
  encodeNegotiationMessage,
  isNegotiationKind,
  readNegotiationMessage,
} from "../../protocols/contract/negotiation-messages.ts";
import type { NegotiationMessage } from "../../protocols/contract/negotiation-messages.ts";
import { openFact } from "../../protocols/contract/facts.ts";
import { factOwedTo } from "../../protocols/contract/negotiation-facts.ts";
import { find, partiesOf, replacementOf, statusOf } from "../../protocols/contract/negotiation-state.ts";
import type {
  AgentId,
  Negotiation,
  Negotiations,
  NegotiationStatus,
} from "../../protocols/contract/negotiation-state.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import type { Clock, Crypto, Signer, Timer } from "../../protocols/ports.ts";

/** Where negotiations are kept. Several processes of one home may use it at the same time. */
export interface NegotiationStore {
  /** Those that are not settled; by terms id in hex. */
  load(): Negotiations;
  /** The same of one; undefined if there is none, or it is settled. */
  read(termsId: string): Negotiation | undefined;
  /** Adds what is not kept yet; durable when it returns. Errors: store-failed. */
  save(one: Negotiation): void;
  /** Takes back that the deposit may follow, which stands without its owner's signature. */
  withdrawDeposit(termsId: Uint8Array): void;
  forget(termsId: Uint8Array): void;
  /** It has ended, and stays for its owner to look at. */
  settle(termsId: Uint8Array): void;
  isSettled(termsId: Uint8Array): boolean;
  /** Of which another process has changed something since they were read here: terms ids in hex. */
  changed(): string[];
}

export interface News {
  what: NewsKind;
  by: AgentId;
  detail: string;
}

export interface NegotiatorParts {
  crypto: Crypto;
  signer: Signer;
  self: AgentId;
  /** The owner's root. */
  account: Uint8Array;
  network: string;
  /** The network's time. */
  clock: Clock;
  /** The links' time. */
  linkClock: Clock;
  store: NegotiationStore;
  /** By whichever way leads there now; rejects if none does. */
  send: (to: AgentId, kind: string, body: Uint8Array) => Promise<void>;
  /** What the owner would want to know. */
  news: (news: News, one: Negotiation) => void;
  /** All have signed: asked once in each life of the agent. */
  open: (one: Negotiation) => void;
  /** The store refuses. */
  failed: (error: unknown) => void;
}

interface Attempt {
  /** When to say it again. */
  nextMs: number;
  pauseMs: number;
}

const TURN_MS = 1_000;
const FIRST_PAUSE_MS = 3_000;
const LONGEST_PAUSE_MS = 5 * 60_000;

export class Negotiator {
  readonly #parts: NegotiatorParts;
  #state: Negotiations;
  /** By `${termsId}/${peer}`. */
  readonly #attempts = new Map<string, Attempt>();
  readonly #opening = new Set<string>();
  #timer: Timer | undefined;
  #started = false;
  #closed = false;

  constructor(parts: NegotiatorParts) {
    this.#parts = parts;
    this.#state = parts.store.load();
  }

  /** Says what is owed, opens what is agreed, and goes on doing so until `close`. */
  start(): void {
    this.#started = true;
    this.#turn();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  get all(): Negotiations {
    return this.#state;
  }

  /** Errors: contract-unknown. */
  get(termsId: Uint8Array): Negotiation {
    return find(this.#state, termsId);
  }

  statusOf(one: Negotiation): NegotiationStatus {
    return statusOf(this.#state, one, this.#parts.self, this.#parts.clock.now());
  }

  /** Whether a counter-offer has taken its place; the parties may still have signed this one as well. */
  isReplaced(one: Negotiation): boolean {
    return replacementOf(this.#state, one) !== undefined;
  }

  /** Whether the peer has said that it holds what this agent has to tell it, or wants none of it. */
  isHeldBy(termsId: Uint8Array, peer: AgentId): boolean {
    return owedTo(this.get(termsId), peer, this.#parts.self) === undefined;
  }

  /** Signs and offers terms. Errors: those of an offer, `contract-unknown`, `queue-full`, `store-failed`. */
  propose(offer: Omit<NegotiationEvent & { kind: "propose" }, "kind">): Negotiation {
    this.#step({ kind: "propose", ...offer });
    const { crypto } = this.#parts;
    const body = { terms: offer.terms, signatures: [], replaces: null, note: "", params: "" };
    return this.get(subjectOf(crypto, { kind: "contract-offer", body }));
  }

  /** Errors: contract-unknown, offer-replaced, offer-declined, terms-expired, store-failed. */
  sign(termsId: Uint8Array, mayDeposit: boolean): void {
    const { store, self } = this.#parts;
    // A try that was cut short may have left its own decision.
    if (!mayDeposit && !this.get(termsId).signatures.has(self)) store.withdrawDeposit(termsId);
    this.#step({ kind: "sign", termsId, mayDeposit });
  }

  /** Errors: contract-unknown, contract-not-expected (all have signed), store-failed. */
  decline(termsId: Uint8Array, text: string): void {
    this.#step({ kind: "decline", termsId, code: "declined", text });
  }

  /** The ledger has it. */
  opened(termsId: Uint8Array): void {
    this.#step({ kind: "opened", termsId });
  }

  /**
   * A fact for the other parties to keep. Errors: contract-unknown, fact-invalid, signature-*, queue-full,
   * store-failed.
   */
  state(termsId: Uint8Array, fact: Uint8Array): void {
    this.#step({ kind: "fact", termsId, fact });
  }

  /** Whether the peer keeps all facts that this agent does, or wants none. */
  hasFacts(termsId: Uint8Array, peer: AgentId): boolean {
    return factOwedTo(this.get(termsId), peer, this.#parts.self) === undefined;
  }

  /** It has ended. */
  settled(termsId: Uint8Array): void {
    const { store } = this.#parts;
    store.settle(termsId);
    for (const known of this.#state.values())
      if (store.isSettled(known.termsId)) this.#step({ kind: "settled", termsId: known.termsId });
  }

  handles(kind: string): boolean {
    return isNegotiationKind(kind);
  }

  /**
   * A message from a peer who has proved who it is. Throws for what does not count: the sender is told
   * the code, and nothing changes.
   */
  received(from: AgentId, kind: string, body: Uint8Array): void {
    if (!isNegotiationKind(kind) || this.#closed) return;
    const message = readNegotiationMessage(kind, body);
    const { crypto, store } = this.#parts;
    const subject = subjectOf(crypto, message);
    this.#refresh(toHex(subject));
    try {
      if (store.isSettled(subject)) throw new SegmentError("contract-closed", "the contract has ended");
      this.#step({ kind: "message", from, message });
    } catch (error) {
      if (kind === "contract-held") throw error;
      const held = refusalOf(subject, errorCode(error));
      this.#send(from, { kind: "contract-held", body: held });
      throw error;
    }
  }

  /** There is a way to this peer, or to all, that was not there before. */
  reachable(peer?: AgentId): void {
    for (const key of this.#attempts.keys()) {
      if (peer === undefined || key.endsWith(`/${peer}`)) this.#attempts.delete(key);
    }
    this.#say();
  }

  // ---------------------------------------------------------------- the loop

  #turn(): void {
    if (this.#closed) return;
    const { store, linkClock, failed } = this.#parts;
    try {
      for (const termsId of store.changed()) this.#refresh(termsId);
      this.#step({ kind: "tick" });
      for (const one of this.#state.values()) if (this.statusOf(one) === "agreed") this.#open(one);
    } catch (error) {
      failed(error);
    }
    this.#timer = linkClock.at(linkClock.now() + TURN_MS, () => this.#turn());
  }

  /** What a command beside this process has written down. */
  #refresh(termsId: string): void {
    const { store, self, news } = this.#parts;
    const before = this.#state.get(termsId);
    const stored = store.read(termsId);
    if (stored === undefined) {
      if (before === undefined) return;
      this.#state = new Map([...this.#state].filter(([key]) => key !== termsId));
      return;
    }
    const heldBy = before?.heldBy ?? stored.heldBy;
    this.#state = new Map([...this.#state, [termsId, { ...stored, heldBy }]]);
    if (before === undefined && stored.from !== self)
      news(
        { what: stored.replaces === null ? "offered" : "countered", by: stored.from, detail: stored.note },
        stored,
      );
    for (const by of stored.signatures.keys()) {
      if (before !== undefined && by !== self && !before.signatures.has(by))
        news({ what: "signed", by, detail: "" }, stored);
    }
    for (const [key, bytes] of before === undefined ? [] : stored.facts) {
      const { signer, kind } = openFact(this.#parts.crypto, bytes);
      if (before?.facts.has(key) === false && agentId(signer) !== self)
        news({ what: "stated", by: agentId(signer), detail: kind }, stored);
    }
  }

  #context(): NegotiationContext {
    const { crypto, signer, self, account, network, clock } = this.#parts;
    return { crypto, signer, self, account, network, now: clock.now() };
  }

  #step(event: NegotiationEvent): void {
    const { state, effects } = stepNegotiation(this.#state, event, this.#context());
    const before = this.#state;
    this.#state = state;
    try {
      for (const effect of effects) this.#perform(effect);
    } catch (error) {
      // What could not be written down has not happened.
      this.#state = before;
      throw error;
    }
    if (effects.length > 0) this.#forgetAttempts(effects);
    this.#say();
  }

  #perform(effect: NegotiationEffect): void {
    const { store, news } = this.#parts;
    switch (effect.kind) {
      case "store":
        return store.save(this.get(effect.termsId));
      case "forget":
        return store.forget(effect.termsId);
      case "reply":
        return this.#send(effect.to, { kind: "contract-held", body: effect.held });
      case "news": {
        const { what, by, detail } = effect;
        return news({ what, by, detail }, this.get(effect.termsId));
      }
      case "open":
        return this.#open(this.get(effect.termsId));
    }
  }

  #open(one: Negotiation): void {
    const key = toHex(one.termsId);
    if (!this.#started || this.#opening.has(key)) return;
    this.#opening.add(key);
    this.#parts.open(one);
  }

  // ---------------------------------------------------------------- telling the others

  /** What has changed is told at once. */
  #forgetAttempts(effects: readonly NegotiationEffect[]): void {
    for (const effect of effects) {
      if (effect.kind !== "store") continue;
      const prefix = `${toHex(effect.termsId)}/`;
      for (const key of this.#attempts.keys()) if (key.startsWith(prefix)) this.#attempts.delete(key);
    }
  }

  #say(): void {
    if (this.#closed || !this.#started) return;
    const { self, linkClock } = this.#parts;
    const now = linkClock.now();
    for (const [termsId, one] of this.#state) {
      const status = this.statusOf(one);
      const isLive = status === "agreed" || status === "declined" || status.startsWith("waits-");
      for (const peer of isLive || one.facts.size > 0 ? partiesOf(one.terms) : []) {
        const message = (isLive ? owedTo(one, peer, self) : undefined) ?? factOwedTo(one, peer, self);
        const key = `${termsId}/${peer}`;
        const last = this.#attempts.get(key);
        if (message === undefined || (last !== undefined && now < last.nextMs)) continue;
        const pauseMs = last === undefined ? FIRST_PAUSE_MS : Math.min(2 * last.pauseMs, LONGEST_PAUSE_MS);
        this.#attempts.set(key, { nextMs: now + pauseMs, pauseMs });
        this.#send(peer, message);
      }
    }
  }

  /** Lost if the peer is away: what matters is said again. */
  #send(to: AgentId, message: NegotiationMessage): void {
    const { send } = this.#parts;
    send(to, message.kind, encodeNegotiationMessage(message)).catch(() => undefined);
  }
}
