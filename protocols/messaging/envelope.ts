/**
 * One message to one agent: sealed in a context that its sender has signed for (contexts.ts).
 * The signature names sender, recipient and network, so that a recipient cannot pass it on as
 * if it had been written to another; the seal names the topic, so that a broker cannot move it.
 * The topic's sender must be the signer.
 *
 * Inner bytes: the positional array [2, pledge, messageId (16), timeMs, kind, body, card or null].
 * Outer bytes: the encapsulated key (32) of HPKE (RFC 9180, base mode) to the recipient's X25519
 * session key, the message's number in this context (4, big-endian), the ciphertext.
 */
import { utf8 } from "../encoding/bytes.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { ENCAPSULATED_LENGTH, hpkeOpenAt, hpkeSealAt, sealBroken, TAG_LENGTH } from "../crypto/hpke.ts";
import { SegmentError } from "../errors.ts";
import { agentId } from "../identity/keys.ts";
import type { TimeMs } from "../ports.ts";
import { directTopic, parseTopic } from "../topics.ts";
import {
  CONTEXT_MS,
  MAX_PLEDGE_BYTES,
  RecipientContexts,
  SenderContexts,
  type RecipientParties,
  type SenderParties,
} from "./contexts.ts";

/** The most that one published message may weigh, sealed, in bytes. */
export const MAX_PAYLOAD_BYTES = 256 * 1024;
/** The most that a body may weigh: what is left beside the card, the signature, the seal and the names. */
export const MAX_BODY_BYTES = MAX_PAYLOAD_BYTES - 2048;
/** How far a message's time may lie from the receiver's, either way, unless told otherwise. */
export const FRESHNESS_MS = 10 * 60 * 1000;

const MESSAGE_ID_BYTES = 16;
/** The encapsulated key and the number. */
const HEAD_BYTES = ENCAPSULATED_LENGTH + 4;
const MAX_CARD_BYTES = 1024;
const KIND = /^[a-z0-9][a-z0-9.-]{0,31}$/;

/** One message to seal. */
export interface Outgoing extends SenderParties {
  /** The sender's, which spare a key agreement and a signature. Default: one of the message's own. */
  contexts?: SenderContexts;
  /** 16 bytes, random. The recipient drops a second message with the same id. */
  messageId: Uint8Array;
  /** Which exchange and step the body belongs to: 1 to 32 of a-z, 0-9, dot and hyphen. */
  kind: string;
  /** Opaque here; encode it with encodeMessage. At most MAX_BODY_BYTES. */
  body: Uint8Array;
  /** The sender's signed card, for a recipient that may not know it. At most 1024 bytes. */
  card?: Uint8Array | undefined;
}

/**
 * Seals one message; returns the payload to publish. Throws `message-invalid`, `topic-invalid`,
 * `key-invalid`.
 */
export function sealEnvelope(message: Outgoing): Uint8Array {
  const { crypto, network, sender, recipient, topic, messageId, timeMs, kind, body } = message;
  const card = message.card ?? null;
  if (!KIND.test(kind)) refuse("a kind is 1 to 32 of a-z, 0-9, dot and hyphen", "kind");
  if (body.length > MAX_BODY_BYTES) refuse(`the body exceeds ${MAX_BODY_BYTES} bytes`, "body");
  if (card !== null && card.length > MAX_CARD_BYTES)
    refuse(`the card exceeds ${MAX_CARD_BYTES} bytes`, "card");
  if (messageId.length !== MESSAGE_ID_BYTES) refuse("a message id has 16 bytes", "messageId");
  if (topic !== directTopic(network, agentId(sender.publicKey), agentId(recipient))) {
    refuse("the topic does not lead from this sender to this recipient", "topic");
  }
  const { hpke, pledge, seq } = (message.contexts ?? new SenderContexts()).next(message);
  const inner = encodeCbor([2, pledge, messageId, timeMs, kind, body, card]);
  const ciphertext = hpkeSealAt(crypto, hpke, seq, utf8(topic), inner);
  const payload = new Uint8Array(HEAD_BYTES + ciphertext.length);
  payload.set(hpke.encapsulated);
  new DataView(payload.buffer).setUint32(ENCAPSULATED_LENGTH, seq);
  payload.set(ciphertext, HEAD_BYTES);
  return payload;
}

/** What arrived, and who opens it. */
export interface Incoming extends RecipientParties {
  topic: string;
  payload: Uint8Array;
  /** What the opener knows of earlier messages. Default: nothing. */
  contexts?: RecipientContexts;
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

  if (payload.length < HEAD_BYTES + TAG_LENGTH) throw sealBroken("it is too short");
  const contexts = incoming.contexts ?? new RecipientContexts();
  const hpke = contexts.open(incoming, payload.slice(0, ENCAPSULATED_LENGTH));
  const seq = new DataView(payload.buffer, payload.byteOffset).getUint32(ENCAPSULATED_LENGTH);
  const inner = hpkeOpenAt(crypto, hpke, seq, utf8(topic), payload.subarray(HEAD_BYTES));
  const message = readInner(inner);

  const { signer, sinceMs } = contexts.pledgedBy(incoming, hpke, message.pledge);
  if (agentId(signer) !== parsed.sender) refuse("the topic names a sender who did not sign it", "sender");
  if (!KIND.test(message.kind)) refuse("the message's kind is malformed", "kind");
  // Else whoever steals the recipient's key could write in an old context for ever.
  if (Math.abs(message.timeMs - sinceMs) > CONTEXT_MS)
    refuse("the message is dated long before or after what its sender pledged", "sinceMs");
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

function readInner(bytes: Uint8Array) {
  const reader = FieldReader.fromBytes(bytes, "message", { maxBytes: MAX_PAYLOAD_BYTES });
  reader.int("version", { min: 2, max: 2 });
  const message = {
    pledge: reader.bytes("pledge", { max: MAX_PLEDGE_BYTES }),
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
