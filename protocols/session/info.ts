/**
 * The value of the info characteristic, which a phone reads before anything else:
 * deterministic CBOR of [1, card hash (16), fragment size, challenge (16)], at most
 * 39 bytes: one read from an ATT MTU of 40 up, a long read below.
 *
 * The hash is cut to 16 bytes to keep that one read short. It only tells a phone
 * which cached card to use: the handshake proves the card's keys, so that a second
 * card with the same 16 bytes (2^128 attempts) would gain its maker nothing.
 */
import { encodeCbor } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { MAX_FRAGMENT_SIZE, MIN_FRAGMENT_SIZE } from "./frames.ts";

export const INFO_VERSION = 1;
export const CARD_HASH_LENGTH = 16;
export const CHALLENGE_LENGTH = 16;
export const MAX_INFO_BYTES = 39;

export interface Info {
  /** The first 16 bytes of the SHA-256 of the device's card. */
  cardHash: Uint8Array;
  /** Bytes that one value carries in either direction, 20 to 512. */
  fragmentSize: number;
  /** Good for one handshake on the connection on which it was read. */
  challenge: Uint8Array;
}

export function encodeInfo(info: Info): Uint8Array {
  return encodeCbor([INFO_VERSION, info.cardHash, info.fragmentSize, info.challenge]);
}

/** Throws `cbor-wrong-shape` and the other codes of `decodeCbor`. */
export function decodeInfo(bytes: Uint8Array): Info {
  const limits = { maxBytes: MAX_INFO_BYTES, maxDepth: 2, maxItems: 5 };
  const reader = FieldReader.fromBytes(bytes, "info", limits);
  reader.int("version", { min: INFO_VERSION, max: INFO_VERSION });
  const cardHash = reader.bytes("cardHash", { length: CARD_HASH_LENGTH });
  const fragmentSize = reader.int("fragmentSize", { min: MIN_FRAGMENT_SIZE, max: MAX_FRAGMENT_SIZE });
  const challenge = reader.bytes("challenge", { length: CHALLENGE_LENGTH });
  reader.end();
  return { cardHash, fragmentSize, challenge };
}
