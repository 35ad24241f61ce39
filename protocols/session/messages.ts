/**
 * What the two sides of a session say: the signed hello inside the first Noise
 * message, the signed accept inside the second, and the kinds of transport message.
 */
import { concat, equalBytes } from "../encoding/bytes.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import type { ErrorCode } from "../errors.ts";
import { SegmentError } from "../errors.ts";
import type { Card } from "../identity/card.ts";
import { sign1, verify1 } from "../identity/cose.ts";
import type { Crypto, Signer, TimeMs } from "../ports.ts";
import { MAX_FRAME_BYTES, refusalByte, refusalCode } from "./frames.ts";
import { CHALLENGE_LENGTH } from "./info.ts";
import { KEY_LENGTH, TAG_LENGTH } from "./noise.ts";

const VERSION = 1;
export const MAX_PURPOSE_BYTES = 256;
export const MAX_COMMAND_BYTES = 8_192;
export const MAX_RESULT_BYTES = 8_192;
export const MAX_CARD_BYTES = 1_024;
/** The longest message that `send` takes. */
export const MAX_MESSAGE_BYTES = MAX_FRAME_BYTES - TAG_LENGTH - 1;

const LIMITS = { maxBytes: MAX_FRAME_BYTES, maxDepth: 4, maxItems: 16 };

/** What the initiator signs, once per command: it asks this device, by this challenge, for this. */
export interface Hello {
  /** 16 bytes, the responder's. */
  challenge: Uint8Array;
  /** Ed25519 of the responder. */
  responder: Uint8Array;
  /** Ed25519 of the initiator, who signs. */
  initiator: Uint8Array;
  /** X25519 of the initiator. */
  initiatorSessionKey: Uint8Array;
  /** What the session is for, e.g. a contract's id; at most 256 bytes. */
  purpose: Uint8Array;
  /** What the device is asked to do; at most 8 KiB, may be empty. */
  command: Uint8Array;
  /** By the initiator's clock. Freshness comes from the challenge, not from here. */
  timeMs: TimeMs;
}

/** What the responder signs to take the session. */
export interface Accept {
  /** Handshake hash after the first message (32). */
  helloHash: Uint8Array;
  initiator: Uint8Array;
  /** X25519 of the responder. */
  responderSessionKey: Uint8Array;
  /** For the next command in this session. */
  nextChallenge: Uint8Array;
  /** What came of the command; at most 8 KiB. */
  result: Uint8Array;
}

/** Who asks for what: proved by the handshake and the phone's signature before anybody decides. */
export interface SessionRequest {
  peerIdentity: Uint8Array;
  peerSessionKey: Uint8Array;
  purpose: Uint8Array;
  command: Uint8Array;
  /** By the peer's clock. */
  timeMs: TimeMs;
  /** True if the handshake also proved the psk, as when pairing. */
  paired: boolean;
  /** The signed hello, for the audit log: it proves to others that the peer asked for this. */
  evidence: Uint8Array;
  /** The card that the peer showed: verified, in date, of the same keys; it may have been revoked. */
  card?: Card;
  cardBytes?: Uint8Array;
}

/**
 * A session is open, and both sides have proved who they are. For the initiator the peer is the
 * responder, purpose, command and time are its own, and `evidence` is the signed accept.
 */
export interface SessionOpened extends SessionRequest {
  kind: "open";
  /** Noise handshake hash after message 2 (32): names the session for both sides. */
  sessionHash: Uint8Array;
  /** What the responder answered to the command. */
  result: Uint8Array;
}

export type SessionEvent =
  | SessionOpened
  | { kind: "message"; bytes: Uint8Array }
  /** Responder: a further command was accepted and answered with `result`. */
  | { kind: "command"; command: Uint8Array; result: Uint8Array; evidence: Uint8Array; timeMs: TimeMs }
  /** Initiator: what came of the further command. */
  | { kind: "answer"; result: Uint8Array }
  /** The handshake, the session or a further command failed. If the session is over, `closed` follows. */
  | { kind: "refused"; code: ErrorCode }
  /** This session is over and, unless it was replaced, the driver should disconnect. */
  | { kind: "closed" };

/** The signed hello. Throws `frame-too-large` for a purpose or a command beyond its bound. */
export function signHello(hello: Hello, signer: Signer): Uint8Array {
  const { challenge, responder, initiator, initiatorSessionKey, purpose, command, timeMs } = hello;
  checkSize(purpose, MAX_PURPOSE_BYTES, "purpose");
  checkSize(command, MAX_COMMAND_BYTES, "command");
  const fields = [VERSION, challenge, responder, initiator, initiatorSessionKey, purpose, command, timeMs];
  return sign1("sessionHello", encodeCbor(fields), signer);
}

/**
 * Also the way to check evidence later. Throws `signature-malformed`, `signature-invalid`
 * (also when another key signs than the hello names) or `cbor-wrong-shape`.
 */
export function openHello(crypto: Crypto, bytes: Uint8Array): Hello {
  const { signer, payload } = verify1(crypto, "sessionHello", bytes);
  const reader = FieldReader.fromBytes(payload, "hello", LIMITS);
  reader.int("version", { min: VERSION, max: VERSION });
  const hello: Hello = {
    challenge: reader.bytes("challenge", { length: CHALLENGE_LENGTH }),
    responder: reader.bytes("responder", { length: KEY_LENGTH }),
    initiator: reader.bytes("initiator", { length: KEY_LENGTH }),
    initiatorSessionKey: reader.bytes("initiatorSessionKey", { length: KEY_LENGTH }),
    purpose: reader.bytes("purpose", { max: MAX_PURPOSE_BYTES }),
    command: reader.bytes("command", { max: MAX_COMMAND_BYTES }),
    timeMs: reader.int("timeMs", { min: 0 }),
  };
  reader.end();
  if (!equalBytes(signer, hello.initiator)) {
    throw new SegmentError("signature-invalid", "the hello names another key than the one that signs it", {
      where: "hello.initiator",
    });
  }
  return hello;
}

/** The first Noise payload: the signed hello and, if the initiator shows it, its card. */
export function encodeFirstPayload(signedHello: Uint8Array, card: Uint8Array | undefined): Uint8Array {
  if (card !== undefined) checkSize(card, MAX_CARD_BYTES, "card");
  return encodeCbor([VERSION, signedHello, card ?? null]);
}

/** Throws the codes of `decodeCbor` and `cbor-wrong-shape`. */
export function decodeFirstPayload(bytes: Uint8Array): {
  signedHello: Uint8Array;
  card: Uint8Array | undefined;
} {
  const reader = FieldReader.fromBytes(bytes, "first payload", LIMITS);
  reader.int("version", { min: VERSION, max: VERSION });
  const signedHello = reader.bytes("signedHello");
  const card = reader.nullable("card", (r) => r.bytes("card", { max: MAX_CARD_BYTES }));
  reader.end();
  return { signedHello, card: card ?? undefined };
}

/** The second Noise payload. Throws `frame-too-large` for a result beyond its bound. */
export function signAccept(accept: Accept, signer: Signer): Uint8Array {
  const { helloHash, initiator, responderSessionKey, nextChallenge, result } = accept;
  checkSize(result, MAX_RESULT_BYTES, "result");
  const fields = [VERSION, helloHash, initiator, responderSessionKey, nextChallenge, result];
  return sign1("sessionAccept", encodeCbor(fields), signer);
}

/** Throws `signature-malformed`, `signature-invalid` or `cbor-wrong-shape`. */
export function openAccept(crypto: Crypto, bytes: Uint8Array): { signer: Uint8Array; accept: Accept } {
  const { signer, payload } = verify1(crypto, "sessionAccept", bytes);
  const reader = FieldReader.fromBytes(payload, "accept", LIMITS);
  reader.int("version", { min: VERSION, max: VERSION });
  const accept: Accept = {
    helloHash: reader.bytes("helloHash", { length: 32 }),
    initiator: reader.bytes("initiator", { length: KEY_LENGTH }),
    responderSessionKey: reader.bytes("responderSessionKey", { length: KEY_LENGTH }),
    nextChallenge: reader.bytes("nextChallenge", { length: CHALLENGE_LENGTH }),
    result: reader.bytes("result", { max: MAX_RESULT_BYTES }),
  };
  reader.end();
  return { signer, accept };
}

/** The first byte of every transport plaintext. */
const KIND = { message: 0, command: 1, answer: 2, refusal: 3 } as const;

/** One transport message, decrypted. Commands go to the responder, answers and refusals to the initiator. */
export type Transport =
  | { kind: "message"; bytes: Uint8Array }
  | { kind: "command"; signedHello: Uint8Array }
  | { kind: "answer"; nextChallenge: Uint8Array; result: Uint8Array }
  | { kind: "refusal"; nextChallenge: Uint8Array; code: ErrorCode };

/** Throws `frame-too-large` for a message beyond `MAX_MESSAGE_BYTES`. */
export function encodeTransport(transport: Transport): Uint8Array {
  const kind = Uint8Array.of(KIND[transport.kind]);
  switch (transport.kind) {
    case "message":
      checkSize(transport.bytes, MAX_MESSAGE_BYTES, "message");
      return concat(kind, transport.bytes);
    case "command":
      return concat(kind, transport.signedHello);
    case "answer":
      checkSize(transport.result, MAX_RESULT_BYTES, "result");
      return concat(kind, transport.nextChallenge, transport.result);
    case "refusal":
      return concat(kind, transport.nextChallenge, Uint8Array.of(refusalByte(transport.code)));
  }
}

/** Throws `frame-invalid`. */
export function decodeTransport(plaintext: Uint8Array): Transport {
  const body = plaintext.slice(1);
  switch (plaintext[0]) {
    case KIND.message:
      return { kind: "message", bytes: body };
    case KIND.command:
      return { kind: "command", signedHello: body };
    case KIND.answer:
      if (body.length < CHALLENGE_LENGTH || body.length > CHALLENGE_LENGTH + MAX_RESULT_BYTES) break;
      return {
        kind: "answer",
        nextChallenge: body.slice(0, CHALLENGE_LENGTH),
        result: body.slice(CHALLENGE_LENGTH),
      };
    case KIND.refusal:
      if (body.length !== CHALLENGE_LENGTH + 1) break;
      return {
        kind: "refusal",
        nextChallenge: body.slice(0, CHALLENGE_LENGTH),
        code: refusalCode(body[CHALLENGE_LENGTH]!),
      };
    default:
      break;
  }
  throw new SegmentError("frame-invalid", "a transport message of an unknown kind or size");
}

function checkSize(bytes: Uint8Array, max: number, what: string): void {
  if (bytes.length <= max) return;
  throw new SegmentError("frame-too-large", `a ${what} of ${bytes.length} bytes, at most ${max}`, {
    where: what,
  });
}
