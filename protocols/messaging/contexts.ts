/**
 * Between two agents one key agreement and one signature serve many messages: the sender
 * makes an HPKE context (RFC 9180 section 5.1), signs its encapsulated key once, and seals
 * each message in it under a number of its own. Every message carries that pledge inside,
 * sealed, so that a recipient that has just woken, or hears the tenth message first, needs
 * nothing else.
 *
 * The pledge: COSE_Sign1, label "message", over
 * [2, network, recipient (32), encapsulated (32), sinceMs]; it stands for messages dated within
 * CONTEXT_MS of that time. Only who made the context, and its recipient, can seal in it; the
 * recipient knows what it did not write itself. Whatever has to convince a third party is
 * signed on its own.
 */
import { hpkeRecipient, hpkeSender, type HpkeContext } from "../crypto/hpke.ts";
import { equalBytes, toHex, utf8 } from "../encoding/bytes.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { SegmentError } from "../errors.ts";
import { sign1, verify1 } from "../identity/cose.ts";
import { KEY_LABELS } from "../labels.ts";
import type { Crypto, Random, Signer, TimeMs } from "../ports.ts";

/** How long a context serves; of what was sealed in it, the next one tells nothing. */
export const CONTEXT_MS = 10 * 60 * 1000;
/** Or after so many messages, far from where its numbers or its cipher would end. */
export const CONTEXT_MESSAGES = 1 << 20;
/** Contexts kept of each kind; beyond it the ones that were used longest ago are made anew. */
export const CONTEXTS = 512;
/** The most that a pledge may weigh; with a network's longest name it has 224 bytes. */
export const MAX_PLEDGE_BYTES = 256;

const SEAL_INFO = utf8(KEY_LABELS.sealedMessage);

export interface SenderParties {
  crypto: Crypto;
  random: Random;
  network: string;
  sender: Signer;
  /** The recipient's Ed25519 public key. */
  recipient: Uint8Array;
  /** The recipient's X25519 public key, of its card. */
  recipientSessionKey: Uint8Array;
  /** directTopic of the two. */
  topic: string;
  timeMs: TimeMs;
}

interface OwnContext {
  hpke: HpkeContext;
  pledge: Uint8Array;
  recipientSessionKey: Uint8Array;
  sinceMs: TimeMs;
  /** The number of the next message. */
  next: number;
}

/** The contexts in which one agent seals, one for each recipient; in memory alone. */
export class SenderContexts {
  /** By topic; the one used last is the last. */
  readonly #own = new Map<string, OwnContext>();

  /** The context for a message, and its number in it, given out once. Throws `key-invalid`. */
  next(parties: SenderParties): { hpke: HpkeContext; pledge: Uint8Array; seq: number } {
    const { topic, timeMs, recipientSessionKey } = parties;
    const known = this.#own.get(topic);
    const serves =
      known !== undefined &&
      known.next < CONTEXT_MESSAGES &&
      // Either way: a clock may be set back.
      Math.abs(timeMs - known.sinceMs) < CONTEXT_MS &&
      equalBytes(known.recipientSessionKey, recipientSessionKey);
    const context = serves ? known : makeContext(parties);
    keepLast(this.#own, topic, context);
    return { hpke: context.hpke, pledge: context.pledge, seq: context.next++ };
  }
}

function makeContext(parties: SenderParties): OwnContext {
  const { crypto, random, network, sender, recipient, recipientSessionKey, timeMs } = parties;
  const hpke = hpkeSender(crypto, random, recipientSessionKey, SEAL_INFO);
  const pledged = [2, network, recipient, hpke.encapsulated, timeMs];
  const pledge = sign1("message", encodeCbor(pledged), sender);
  return { hpke, pledge, recipientSessionKey, sinceMs: timeMs, next: 0 };
}

export interface RecipientParties {
  crypto: Crypto;
  network: string;
  /** The opener's Ed25519 public key. */
  recipient: Uint8Array;
  /** The opener's X25519 secret key. */
  sessionSecret: Uint8Array;
  /** Its public key, if it is at hand: else it is computed. */
  sessionKey?: Uint8Array;
}

/** What a pledge says, verified. */
export interface Pledged {
  /** Who signed it, and so made the context. */
  signer: Uint8Array;
  sinceMs: TimeMs;
}

interface ProvenContext extends Pledged {
  hpke: HpkeContext;
  pledge: Uint8Array;
}

/** The contexts in which others have sealed for one agent, as far as they are proven; in memory alone. */
export class RecipientContexts {
  /** By encapsulated key, in hex; the one used last is the last. */
  readonly #proven = new Map<string, ProvenContext>();

  /** The context of an encapsulated key, proven or not. Throws `seal-broken`. */
  open(parties: RecipientParties, encapsulated: Uint8Array): HpkeContext {
    const known = this.#proven.get(toHex(encapsulated));
    if (known !== undefined) return known.hpke;
    const { crypto, sessionSecret, sessionKey } = parties;
    return hpkeRecipient(crypto, sessionSecret, encapsulated, SEAL_INFO, sessionKey);
  }

  /**
   * Who made a context and when, by the pledge that a message opened in it carries. Nothing is kept before it
   * is verified. Throws `signature-malformed`, `signature-invalid`, `message-invalid`.
   */
  pledgedBy(parties: RecipientParties, hpke: HpkeContext, pledge: Uint8Array): Pledged {
    const name = toHex(hpke.encapsulated);
    const known = this.#proven.get(name);
    const isKnown = known !== undefined && equalBytes(known.pledge, pledge);
    const proven = isKnown ? known : { hpke, pledge, ...verifyPledge(parties, hpke, pledge) };
    keepLast(this.#proven, name, proven);
    return proven;
  }
}

function verifyPledge(parties: RecipientParties, hpke: HpkeContext, pledge: Uint8Array): Pledged {
  const { crypto, network, recipient } = parties;
  const { signer, payload } = verify1(crypto, "message", pledge);
  const reader = FieldReader.fromBytes(payload, "pledge", { maxBytes: MAX_PLEDGE_BYTES });
  reader.int("version", { min: 2, max: 2 });
  if (reader.text("network", { max: 32 }) !== network) refuse("is of another network", "network");
  if (!equalBytes(reader.bytes("recipient", { length: 32 }), recipient))
    refuse("is to another agent", "recipient");
  if (!equalBytes(reader.bytes("encapsulated", { length: 32 }), hpke.encapsulated))
    refuse("is sealed in another context than its sender pledged", "encapsulated");
  const sinceMs = reader.int("sinceMs", { min: 0 });
  reader.end();
  return { signer, sinceMs };
}

/** Maps keep the order of insertion (ECMA-262 24.1.3.9): the first is the one used longest ago. */
function keepLast<Value>(map: Map<string, Value>, name: string, value: Value): void {
  map.delete(name);
  map.set(name, value);
  if (map.size <= CONTEXTS) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}

function refuse(problem: string, where: string): never {
  throw new SegmentError("message-invalid", `the message ${problem}`, { where });
}
