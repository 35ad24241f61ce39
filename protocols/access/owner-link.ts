/**
 * A lock on its way to a new owner's phone, as a link or a QR code:
 *
 *     segment:owner:Bl9…
 *
 * base64url of deterministic CBOR [1, network or null, session key of the lock (32), order], where the order
 * is the signed one that makes the phone an owner. It holds no secret: it is of use to the phone whose card
 * stands in the order, which may bring it to the lock as well.
 */
import { fromBase64Url, toBase64Url, utf8 } from "../encoding/bytes.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { SegmentError } from "../errors.ts";
import { openCard } from "../identity/card.ts";
import type { Crypto } from "../ports.ts";
import { isNetworkName } from "../topics.ts";
import { MAX_CARD_BYTES, MAX_ORDER_BYTES } from "./orders.ts";

export interface OwnerLink {
  network: string | null;
  /** X25519 of the lock; its identity stands in the order. */
  sessionKey: Uint8Array;
  /** As signed: see `openOrder`. */
  order: Uint8Array;
}

const PREFIX = "segment:owner:";
const MAX_CHARS = PREFIX.length + Math.ceil(((MAX_ORDER_BYTES + 128) * 4) / 3);
const CARD_PREFIX = "segment:card:";

export function formatOwnerLink({ network, sessionKey, order }: OwnerLink): string {
  return PREFIX + toBase64Url(encodeCbor([1, network, sessionKey, order]));
}

/** As opened, scanned or pasted; the order is still to be verified. Throws `message-invalid`. */
export function parseOwnerLink(text: string): OwnerLink {
  const line = text.trim();
  if (line.length > MAX_CHARS) throw invalid(`it has more than ${MAX_CHARS} characters`);
  if (!line.startsWith(PREFIX)) throw invalid(`it does not begin with ${PREFIX}`);
  try {
    const bytes = fromBase64Url(line.slice(PREFIX.length));
    const reader = FieldReader.fromBytes(bytes, "owner link", { maxDepth: 2, maxItems: 8 });
    reader.int("version", { min: 1, max: 1 });
    const network = reader.nullable("network", (fields) => fields.text("network", { max: 64 }));
    if (network !== null && !isNetworkName(network)) throw invalid("its network has no such name");
    const sessionKey = reader.bytes("sessionKey", { length: 32 });
    const order = reader.bytes("order", { min: 1, max: MAX_ORDER_BYTES });
    reader.end();
    return { network, sessionKey, order };
  } catch (error) {
    if (!(error instanceof SegmentError)) throw error;
    throw invalid(error.message);
  }
}

function invalid(problem: string): SegmentError {
  return new SegmentError("message-invalid", `this is no owner's link: ${problem}`, { where: "link" });
}

/** A phone's card, for an owner who wants to make it one. */
export function formatCard(card: Uint8Array): string {
  return CARD_PREFIX + toBase64Url(card);
}

/** As scanned or pasted, verified. Throws `card-invalid`. */
export function parseCard(crypto: Crypto, text: string): Uint8Array {
  const line = text.trim();
  if (!line.startsWith(CARD_PREFIX) || utf8(line).length > CARD_PREFIX.length + 2 * MAX_CARD_BYTES)
    throw new SegmentError("card-invalid", `a phone's card begins with ${CARD_PREFIX}`, { where: "card" });
  try {
    const card = fromBase64Url(line.slice(CARD_PREFIX.length));
    openCard(crypto, card);
    return card;
  } catch (cause) {
    if (!(cause instanceof SegmentError)) throw cause;
    throw new SegmentError("card-invalid", `this is no card: ${cause.message}`, { where: "card", cause });
  }
}
