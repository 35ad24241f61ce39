/**
 * Sealed messages between agents over a bus that is trusted with nothing: every
 * message is sealed to its recipient, in a context that its sender has signed for; what does not open is
 * counted and dropped, and the agent goes on.
 */
import { equalBytes } from "../../protocols/encoding/bytes.ts";
import { SegmentError, errorCode, type ErrorCode } from "../../protocols/errors.ts";
import { checkValidity } from "../../protocols/identity/card.ts";
import { sign1, verify1 } from "../../protocols/identity/cose.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { RecipientContexts, SenderContexts } from "../../protocols/messaging/contexts.ts";
import { openEnvelope, sealEnvelope, type OpenedEnvelope } from "../../protocols/messaging/envelope.ts";
import { isAboutTime, TIME_KIND } from "../../protocols/messaging/time.ts";
import type { Bus, Clock, Crypto, Random, Signer } from "../../protocols/ports.ts";
import {
  castFilter,
  castTopic,
  directTopic,
  inboxFilter,
  parseTopic,
  type Channel,
} from "../../protocols/topics.ts";
import { VerifiedCards, type KnownCard } from "./verified-cards.ts";

/** What an agent is on a network: its keys and its card. */
export interface AgentKeys {
  readonly signer: Signer;
  /** X25519 secret: opens sealed messages and answers BLE sessions. */
  readonly sessionSecret: Uint8Array;
  readonly card: Uint8Array;
}

/** How long a peer is trusted to remember our card; a peer that was away learns it again. */
const INTRODUCE_EVERY_MS = 30_000;
/** A message that brings a card and nothing else. */
const CARD_KIND = "card";
/** A message whose date is further off is believed, but makes one wonder about the clocks. */
const DOUBTFUL_MS = 60_000;
/** Strangers that may introduce themselves. */
const MAX_PEERS = 10_000;

export interface MessengerParts {
  bus: Bus;
  clock: Clock;
  crypto: Crypto;
  random: Random;
  network: string;
  keys: AgentKeys;
  /** Shared with other agents of this process. Default: its own. */
  verifiedCards?: VerifiedCards;
  /** The keeper of `clock`, if it is the network's; absent for a notary, whose clock is its own. */
  time?: TimeListener;
  /** A peer has introduced itself by a card that was not known. */
  introduced?: (from: string, card: Uint8Array) => void;
}

/** What messages tell about the time. */
export interface TimeListener {
  /** The inbox is heard. */
  start(): void;
  /** A verified answer to the question for the time. Errors: message-invalid. */
  answered(from: string, body: Uint8Array): void;
  /** Something was, or nearly was, refused because of its date. */
  doubted(): void;
}

interface Content {
  kind: string;
  body: Uint8Array;
  messageId?: Uint8Array | undefined;
  /** Ours, to be shown. */
  card?: Uint8Array;
}

export type Received = (message: OpenedEnvelope) => void;

export class Messenger {
  readonly self: string;
  /** How many messages were dropped, by error code. */
  readonly dropped = new Map<ErrorCode, number>();
  readonly #parts: MessengerParts;
  /** The public half of the session secret. */
  readonly #sessionKey: Uint8Array;
  /** What was agreed with each peer, in memory alone. */
  readonly #sealing = new SenderContexts();
  readonly #opening = new RecipientContexts();
  readonly #cards = new Map<string, KnownCard>();
  readonly #verified: VerifiedCards;
  /** When each peer was last shown our card, or last showed that it knows it. */
  readonly #introduced = new Map<string, number>();

  constructor(parts: MessengerParts) {
    this.#parts = parts;
    this.#verified = parts.verifiedCards ?? new VerifiedCards(parts.crypto);
    this.self = agentId(parts.keys.signer.publicKey);
    this.meet(parts.keys.card);
    this.#sessionKey = parts.crypto.x25519PublicKey(parts.keys.sessionSecret);
  }

  /**
   * Learns a peer from its signed card, and returns what is known of that peer now: of two cards the newer
   * counts. Dates are judged when a card is used, because the clock may not be right yet. Errors:
   * card-invalid.
   */
  meet(cardBytes: Uint8Array): KnownCard {
    return this.learn(this.#verified.open(cardBytes));
  }

  /** As `meet`, of a card that `verifiedCards` has opened. */
  learn(card: KnownCard): KnownCard {
    const id = agentId(card.identity);
    const present = this.#cards.get(id);
    if (present !== undefined && present.notBefore > card.notBefore) return present;
    this.#cards.set(id, card);
    return card;
  }

  /** What is known of a peer, valid or not. */
  cardOf(id: string): KnownCard | undefined {
    return this.#cards.get(id);
  }

  /**
   * A peer's card, if it is valid now. Errors: card-invalid (unknown, or its time has not come),
   * card-expired.
   */
  validCardOf(id: string): KnownCard {
    const known = this.#cards.get(id);
    if (known === undefined)
      throw new SegmentError("card-invalid", `no card is known for ${id}`, { where: "recipient" });
    try {
      checkValidity(known, this.#parts.clock.now());
    } catch (error) {
      this.#parts.time?.doubted();
      throw error;
    }
    return known;
  }

  /**
   * Seals and publishes; resolves when the broker has it. To a peer that has not shown lately that it knows
   * our card, the message brings it along, so that it can answer. Errors: card-invalid (unknown peer),
   * card-expired, broker-*, queue-full.
   */
  async send(to: string, kind: string, body: Uint8Array, messageId?: Uint8Array): Promise<void> {
    const now = this.#parts.clock.now();
    const introduced = this.#introduced.get(to) ?? -Infinity;
    // Either way: a clock may be set back.
    if (Math.abs(now - introduced) < INTRODUCE_EVERY_MS) return this.#publish(to, { kind, body, messageId });
    // Before it has left, so that messages sent at once bring it once.
    this.#introduced.set(to, now);
    try {
      await this.#publish(to, { kind, body, messageId, card: this.#parts.keys.card });
    } catch (error) {
      // It never left: the next message brings it.
      this.#introduced.delete(to);
      throw error;
    }
  }

  async #publish(to: string, content: Content): Promise<void> {
    const { bus, clock, crypto, random, network, keys } = this.#parts;
    const { kind, body, messageId, card } = content;
    const known = this.validCardOf(to);
    const topic = directTopic(network, this.self, to);
    const sealed = sealEnvelope({
      crypto,
      random,
      network,
      contexts: this.#sealing,
      sender: keys.signer,
      recipient: known.identity,
      recipientSessionKey: known.sessionKey,
      topic,
      messageId: messageId ?? random.bytes(16),
      timeMs: clock.now(),
      kind,
      body,
      card,
    });
    await bus.publish(topic, sealed);
  }

  /** Opens what arrives for this agent. `received` must not throw. */
  async listen(received: Received): Promise<void> {
    const { bus, clock, crypto, network, keys, time } = this.#parts;
    await bus.subscribe(inboxFilter(network, this.self), (topic, payload) => {
      try {
        const message = openEnvelope({
          crypto,
          network,
          topic,
          payload,
          contexts: this.#opening,
          recipient: keys.signer.publicKey,
          sessionSecret: keys.sessionSecret,
          sessionKey: this.#sessionKey,
          now: clock.now(),
          undated: [TIME_KIND],
        });
        // Whoever seals for us knows our card.
        this.#introduced.set(message.from, clock.now());
        if (message.card !== null) this.introduce(message.from, message.card);
        this.#pass(message, received);
      } catch (error) {
        if (isAboutTime(error)) time?.doubted();
        this.countDrop(errorCode(error));
      }
    });
    time?.start();
  }

  #pass(message: OpenedEnvelope, received: Received): void {
    const { clock, time } = this.#parts;
    const { kind, from, body, timeMs } = message;
    if (kind === TIME_KIND) return time?.answered(from, body);
    if (Math.abs(timeMs - clock.now()) > DOUBTFUL_MS) time?.doubted();
    if (kind !== CARD_KIND) received(message);
  }

  /** Shows our card to everybody who listens for newcomers; they introduce themselves in turn. */
  announce(): Promise<void> {
    const { card, signer } = this.#parts.keys;
    return this.cast("card", sign1("announcement", card, signer));
  }

  /**
   * For always-on agents: learns the cards of newcomers and introduces itself to them. `learned` gets each
   * new card, to be kept across restarts.
   */
  async welcome(learned: (card: Uint8Array) => void): Promise<void> {
    await this.onCast("card", (sender, payload) => {
      if (sender === this.self) return;
      const card = this.#announced(sender, payload);
      const known = this.#cards.has(sender);
      if (!known && this.#cards.size >= MAX_PEERS)
        throw new SegmentError("queue-full", "too many agents are known");
      this.meet(card);
      if (!known) learned(card);
      const introduction = { kind: CARD_KIND, body: new Uint8Array(), card: this.#parts.keys.card };
      this.#publish(sender, introduction).catch((error: unknown) => this.countDrop(errorCode(error)));
    });
  }

  /**
   * The card in an announcement. Its root signed the card, its device the announcement: else a broker could
   * make a card of its own for anybody's identity, and read what is sealed for it.
   */
  #announced(sender: string, payload: Uint8Array): Uint8Array {
    const { crypto, clock, time } = this.#parts;
    try {
      const { signer, payload: card } = verify1(crypto, "announcement", payload);
      const shown = this.#verified.open(card);
      checkValidity(shown, clock.now());
      if (agentId(signer) === sender && agentId(shown.identity) === sender) return card;
    } catch (cause) {
      if (isAboutTime(cause)) time?.doubted();
      if (errorCode(cause) === "card-expired") throw cause;
      throw new SegmentError("card-invalid", "a newcomer's announcement does not verify", { cause });
    }
    throw new SegmentError("card-invalid", "a newcomer showed another's card");
  }

  /**
   * Learns the card that a verified sender shows as its own: nobody is introduced by another. Errors:
   * card-invalid.
   */
  introduce(from: string, bytes: Uint8Array): void {
    const card = this.#verified.open(bytes);
    if (agentId(card.identity) !== from)
      throw new SegmentError("card-invalid", "a peer showed another's card");
    const before = this.#cards.get(from)?.cardHash;
    if (before === undefined && this.#cards.size >= MAX_PEERS) return;
    const { cardHash } = this.learn(card);
    if (before === undefined || !equalBytes(before, cardHash)) this.#parts.introduced?.(from, bytes);
  }

  countDrop(code: ErrorCode): void {
    this.dropped.set(code, (this.dropped.get(code) ?? 0) + 1);
  }

  cast(channel: Channel, payload: Uint8Array): Promise<void> {
    return this.#parts.bus.publish(castTopic(this.#parts.network, this.self, channel), payload);
  }

  async onCast(channel: Channel, received: (sender: string, payload: Uint8Array) => void): Promise<void> {
    await this.#parts.bus.subscribe(castFilter(this.#parts.network, channel), (topic, payload) => {
      try {
        received(parseTopic(topic).sender, payload);
      } catch (error) {
        this.countDrop(errorCode(error));
      }
    });
  }
}
