/**
 * Sealed messages between agents over a bus that is trusted with nothing: every
 * message is signed by its sender and sealed to its recipient; what does not open is
 * counted and dropped, and the agent goes on.
 */
import { SegmentError, errorCode, type ErrorCode } from "../../protocols/errors.ts";
import { openCard, type Card } from "../../protocols/identity/card.ts";
import { sign1, verify1 } from "../../protocols/identity/cose.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { openEnvelope, sealEnvelope, type OpenedEnvelope } from "../../protocols/messaging/envelope.ts";
import type { Bus, Clock, Crypto, Random, Signer } from "../../protocols/ports.ts";
import {
  castFilter,
  castTopic,
  directTopic,
  inboxFilter,
  parseTopic,
  type Channel,
} from "../../protocols/topics.ts";

/** What an agent is on a network: its keys and its card. */
export interface AgentKeys {
  readonly signer: Signer;
  /** X25519 secret: opens sealed messages and answers BLE sessions. */
  readonly sessionSecret: Uint8Array;
  readonly card: Uint8Array;
}

/** A peer's verified card; `cardHash` is the SHA-256 of its signed bytes. */
export type KnownCard = Card & { cardHash: Uint8Array };

/** How long a peer is trusted to remember our card; a peer that was away learns it again. */
const INTRODUCE_EVERY_MS = 30_000;
const CARD_KIND = "card";
/** Strangers that may introduce themselves. */
const MAX_PEERS = 10_000;

export interface MessengerParts {
  bus: Bus;
  clock: Clock;
  crypto: Crypto;
  random: Random;
  network: string;
  keys: AgentKeys;
}

export type Received = (message: OpenedEnvelope) => void;

export class Messenger {
  readonly self: string;
  /** How many messages were dropped, by error code. */
  readonly dropped = new Map<ErrorCode, number>();
  readonly #parts: MessengerParts;
  readonly #cards = new Map<string, KnownCard>();
  /** When each peer was last shown our card. */
  readonly #introduced = new Map<string, number>();

  constructor(parts: MessengerParts) {
    this.#parts = parts;
    this.self = agentId(parts.keys.signer.publicKey);
    this.meet(parts.keys.card);
  }

  /** Learns a peer from its signed card. Errors: card-invalid, card-expired. */
  meet(cardBytes: Uint8Array): KnownCard {
    const card = openCard(this.#parts.crypto, cardBytes, this.#parts.clock.now());
    const known = { ...card, cardHash: this.#parts.crypto.sha256(cardBytes) };
    this.#cards.set(agentId(card.identity), known);
    return known;
  }

  cardOf(id: string): KnownCard | undefined {
    return this.#cards.get(id);
  }

  /**
   * Seals and publishes; resolves when the broker has it. A peer that has not heard from us lately gets
   * our card first, so that it can answer. Errors: card-invalid (unknown peer), broker-*, queue-full.
   */
  async send(to: string, kind: string, body: Uint8Array, messageId?: Uint8Array): Promise<void> {
    const now = this.#parts.clock.now();
    const isDue = now - (this.#introduced.get(to) ?? -Infinity) >= INTRODUCE_EVERY_MS;
    await Promise.all([isDue && this.#introduceTo(to, now), this.#publish(to, kind, body, messageId)]);
  }

  async #introduceTo(to: string, now: number): Promise<void> {
    // Before it has left, so that messages sent at once bring it once.
    this.#introduced.set(to, now);
    try {
      await this.#publish(to, CARD_KIND, this.#parts.keys.card);
    } catch (error) {
      // It never left: the next message brings it.
      this.#introduced.delete(to);
      throw error;
    }
  }

  async #publish(to: string, kind: string, body: Uint8Array, messageId?: Uint8Array): Promise<void> {
    const { bus, clock, crypto, random, network, keys } = this.#parts;
    const card = this.#cards.get(to);
    if (card === undefined)
      throw new SegmentError("card-invalid", `no card is known for ${to}`, { where: "recipient" });
    const topic = directTopic(network, this.self, to);
    const sealed = sealEnvelope({
      crypto,
      random,
      network,
      sender: keys.signer,
      recipient: card.identity,
      recipientSessionKey: card.sessionKey,
      topic,
      messageId: messageId ?? random.bytes(16),
      timeMs: clock.now(),
      kind,
      body,
    });
    await bus.publish(topic, sealed);
  }

  /** Opens what arrives for this agent. `received` must not throw. */
  async listen(received: Received): Promise<void> {
    const { bus, clock, crypto, network, keys } = this.#parts;
    await bus.subscribe(inboxFilter(network, this.self), (topic, payload) => {
      try {
        const message = openEnvelope({
          crypto,
          network,
          topic,
          payload,
          recipient: keys.signer.publicKey,
          sessionSecret: keys.sessionSecret,
          now: clock.now(),
        });
        if (message.kind === CARD_KIND) this.#introduce(message);
        else received(message);
      } catch (error) {
        this.countDrop(errorCode(error));
      }
    });
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
      this.#publish(sender, CARD_KIND, this.#parts.keys.card).catch((error: unknown) =>
        this.countDrop(errorCode(error)),
      );
    });
  }

  /**
   * The card in an announcement. Its root signed the card, its device the announcement: else a broker could
   * make a card of its own for anybody's identity, and read what is sealed for it.
   */
  #announced(sender: string, payload: Uint8Array): Uint8Array {
    const { crypto, clock } = this.#parts;
    try {
      const { signer, payload: card } = verify1(crypto, "announcement", payload);
      const { identity } = openCard(crypto, card, clock.now());
      if (agentId(signer) === sender && agentId(identity) === sender) return card;
    } catch (cause) {
      if (errorCode(cause) === "card-expired") throw cause;
      throw new SegmentError("card-invalid", "a newcomer's announcement does not verify", { cause });
    }
    throw new SegmentError("card-invalid", "a newcomer showed another's card");
  }

  /** Only a device's own card: nobody is introduced by another. */
  #introduce(message: OpenedEnvelope): void {
    const { crypto, clock } = this.#parts;
    const card = openCard(crypto, message.body, clock.now());
    if (agentId(card.identity) !== message.from) {
      throw new SegmentError("card-invalid", "a peer showed another's card");
    }
    if (this.#cards.size < MAX_PEERS || this.#cards.has(message.from)) this.meet(message.body);
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
