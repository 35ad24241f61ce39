/**
 * One message to one agent: signed inside, sealed outside. The signature names
 * sender, recipient and topic, so that a recipient cannot pass it on as if it had
 * been written to another; the seal names the topic, so that a broker cannot move
 * it. The topic's sender must be the signer.
 *
 * Inner bytes: COSE_Sign1, label "message", over the positional array
 * [1, network, sender (32), recipient (32), topic, messageId (16), timeMs, kind, body, card or null].
 * Outer bytes: HPKE (RFC 9180, base mode) to the recipient's X25519 session key.
 */
import { equalBytes, utf8 } from "../encoding/bytes.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { hpkeOpen, hpkeSeal } from "../crypto/hpke.ts";
import { SegmentError } from "../errors.ts";
import { agentId } from "../identity/keys.ts";
import { sign1, verify1 } from "../identity/cose.ts";
import { KEY_LABELS } from "../labels.ts";
import type { Crypto, Random, Signer, TimeMs } from "../ports.ts";
import { directTopic, parseTopic } from "../topics.ts";

/** The most that one published message may weigh, sealed, in bytes. */
export const MAX_PAYLOAD_BYTES = 256 * 1024;
/** The most that a body may weigh: what is left beside the card, the signature, the seal and the names. */
export const MAX_BODY_BYTES = MAX_PAYLOAD_BYTES - 2048;
/** How far a message's time may lie from the receiver's, either way, unless told otherwise. */
export const FRESHNESS_MS = 10 * 60 * 1000;

const MESSAGE_ID_BYTES = 16;
const MAX_CARD_BYTES = 1024;
const KIND = /^[a-z0-9][a-z0-9.-]{0,31}$/;

/** One message to seal. */
export interface Outgoing {
  crypto: Crypto;
  random: Random;
  network: string;
  /** The sender's identity; signs. */
  sender: Signer;
  /** The recipient's Ed25519 public key. */
  recipient: Uint8Array;
  /** The recipient's X25519 public key, of its card. */
  recipientSessionKey: Uint8Array;
  /** directTopic of the two. */
  topic: string;
  /** 16 bytes, random. The recipient drops a second message with the same id. */
  messageId: Uint8Array;
  timeMs: TimeMs;
  /** Which exchange and step the body belongs to: 1 to 32 of a-z, 0-9, dot and hyphen. */
  kind: string;
  /** Opaque here; encode it with encodeMessage. At most MAX_BODY_BYTES. */
  body: Uint8Array;
  /** The sender's signed card, for a recipient that may not know it. At most 1024 bytes. */
  card?: Uint8Array;
}

/**
 * Signs and seals one message; returns the payload to publish. Throws `message-invalid`, `topic-invalid`,
 * `key-invalid`.
 */
export function sealEnvelope(message: Outgoing): Uint8Array {
  const { crypto, random, network, sender, recipient, topic, messageId, timeMs, kind, body } = message;
  const card = message.card ?? null;
  if (!KIND.test(kind)) refuse("a kind is 1 to 32 of a-z, 0-9, dot and hyphen", "kind");
  if (body.length > MAX_BODY_BYTES) refuse(`the body exceeds ${MAX_BODY_BYTES} bytes`, "body");
  if (card !== null && card.length > MAX_CARD_BYTES)
    refuse(`the card exceeds ${MAX_CARD_BYTES} bytes`, "card");
  if (messageId.length !== MESSAGE_ID_BYTES) refuse("a message id has 16 bytes", "messageId");
  if (topic !== directTopic(network, agentId(sender.publicKey), agentId(recipient))) {
    refuse("the topic does not lead from this sender to this recipient", "topic");
  }
  const inner = encodeCbor([
    ...[1, network, sender.publicKey, recipient, topic, messageId, timeMs, kind, body],
    card,
  ]);
  const signed = sign1("message", inner, sender);
  return hpkeSeal(crypto, random, message.recipientSessionKey, SEAL_INFO, utf8(topic), signed);
}

/** What arrived, and who opens it. */
export interface Incoming {
  crypto: Crypto;
  network: string;
  topic: string;
  payload: Uint8Array;
  /** The opener's Ed25519 public key. */
  recipient: Uint8Array;
  /** The opener's X25519 secret key. */
  sessionSecret: Uint8Array;
  /** Its public key, if it is at hand: else it is computed. */
  sessionKey?: Uint8Array;
  now: TimeMs;
  /** Default FRESHNESS_MS. */
  freshnessMs?: number;
  /** Kinds that are judged by a nonce in their body instead of by their date. Default: none. */
  undated?: readonly string[];
}

export interface OpenedEnvelope {
  /** The sender's agent id, verified. */
  from: string;
  /** The sender's Ed25519 public key, verified. */
  identity: Uint8Array;
  kind: string;
  body: Uint8Array;
  messageId: Uint8Array;
  timeMs: TimeMs;
  /** What the sender shows as its card; still to be opened. */
  card: Uint8Array | null;
}

/**
 * Opens a received message and verifies who wrote it, to whom, where and when.
 * It does not know what was seen before: see replay.ts, or take inbox.ts, which does both.
 * Throws `topic-invalid`, `message-invalid`, `seal-broken`, `signature-malformed`,
 * `signature-invalid` and the codes of the CBOR reader.
 */
export function openEnvelope(incoming: Incoming): OpenedEnvelope {
  const { crypto, network, topic, payload, recipient, now, freshnessMs = FRESHNESS_MS } = incoming;
  const parsed = parseTopic(topic);
  if (parsed.to !== "agent") refuse("the topic is public, not an inbox", "topic");
  if (parsed.network !== network) refuse("the message is of another network", "topic");
  if (parsed.recipient !== agentId(recipient)) refuse("the topic names another recipient", "topic");
  if (payload.length > MAX_PAYLOAD_BYTES) refuse(`the payload exceeds ${MAX_PAYLOAD_BYTES} bytes`, "payload");

  const { sessionSecret, sessionKey } = incoming;
  const signed = hpkeOpen(crypto, sessionSecret, SEAL_INFO, utf8(topic), payload, sessionKey);
  const { signer, payload: inner } = verify1(crypto, "message", signed);
  const message = readInner(inner);

  if (!equalBytes(message.sender, signer)) refuse("the message names a sender who did not sign it", "sender");
  if (agentId(signer) !== parsed.sender) refuse("the topic names a sender who did not sign it", "sender");
  if (!equalBytes(message.recipient, recipient)) refuse("the message is to another agent", "recipient");
  if (message.topic !== topic) refuse("the message was written for another topic", "topic");
  if (message.network !== network) refuse("the message is of another network", "network");
  if (!KIND.test(message.kind)) refuse("the message's kind is malformed", "kind");
  const isDated = incoming.undated?.includes(message.kind) !== true;
  if (isDated && Math.abs(message.timeMs - now) > freshnessMs) {
    refuse(
      `the message's time lies ${message.timeMs - now} ms from now; ${freshnessMs} are allowed`,
      "timeMs",
    );
  }
  const { kind, body, messageId, timeMs, card } = message;
  return { from: parsed.sender, identity: signer, kind, body, messageId, timeMs, card };
}

const SEAL_INFO = utf8(KEY_LABELS.sealedMessage);

function readInner(bytes: Uint8Array) {
  const reader = FieldReader.fromBytes(bytes, "message", { maxBytes: MAX_PAYLOAD_BYTES });
  reader.int("version", { min: 1, max: 1 });
  const message = {
    network: reader.text("network", { max: 32 }),
    sender: reader.bytes("sender", { length: 32 }),
    recipient: reader.bytes("recipient", { length: 32 }),
    topic: reader.text("topic", { max: 256 }),
    messageId: reader.bytes("messageId", { length: MESSAGE_ID_BYTES }),
    timeMs: reader.int("timeMs", { min: 0 }),
    kind: reader.text("kind", { max: 32 }),
    body: reader.bytes("body", { max: MAX_BODY_BYTES }),
    card: reader.nullable("card", () => reader.bytes("card", { max: MAX_CARD_BYTES })),
  };
  reader.end();
  return message;
}

function refuse(message: string, where: string): never {
  throw new SegmentError("message-invalid", message, { where });
}
