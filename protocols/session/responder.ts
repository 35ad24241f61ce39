/**
 * The side that is asked, usually a device: offers a challenge, judges the hello,
 * answers, then talks. A pure state machine, one per connection. Before a peer has
 * proved itself it costs at most `MAX_FAILED_HANDSHAKES` handshakes and one frame's memory.
 */
import { concat, equalBytes, utf8 } from "../encoding/bytes.ts";
import type { ErrorCode } from "../errors.ts";
import { SegmentError } from "../errors.ts";
import { openCard } from "../identity/card.ts";
import { NOISE_PROLOGUE } from "../labels.ts";
import type { Crypto, Random, Signer, TimeMs } from "../ports.ts";
import { Channel } from "./channel.ts";
import { clampFragmentSize, FRAME, refusalByte, refusalCode } from "./frames.ts";
import type { Frame } from "./frames.ts";
import { CARD_HASH_LENGTH, CHALLENGE_LENGTH, encodeInfo } from "./info.ts";
import { decodeFirstPayload, openHello, signAccept } from "./messages.ts";
import type { Hello, SessionEvent, SessionRequest, Transport } from "./messages.ts";
import { HandshakeState } from "./noise.ts";

export const MAX_FAILED_HANDSHAKES = 3;
/** From the reading of the info to the whole hello; a phone that dawdles reads again. */
export const CHALLENGE_LIFETIME_MS = 60_000;

/** Null: accepted. Bytes: accepted, and this is the command's result (at most 8 KiB). A code: refused. */
export type Verdict = ErrorCode | null | Uint8Array;

export interface SessionResponderOptions {
  crypto: Crypto;
  random: Random;
  /** Own Ed25519 identity. */
  signer: Signer;
  /** Own X25519 secret. */
  sessionSecret: Uint8Array;
  /** Bytes that one notification carries (ATT MTU - 3), from 20 up. */
  notifySize: number;
  /** SHA-256 of the own card. */
  cardHash: Uint8Array;
  /**
   * Asked once for each proved hello and for each further command, in one pure step of the device.
   * Must itself know strangers from friends: anybody can prove a key of their own.
   */
  authorize: (request: SessionRequest) => Verdict;
  /** 32 bytes. While it is given, only peers that hold it get in (IKpsk1). */
  psk?: Uint8Array;
  /** Messages per direction before `session-limit`; default 2^32. */
  messageLimit?: number;
}

export interface ResponderOutput {
  /** To notify on the `out` characteristic, in this order. */
  notifications: Uint8Array[];
  events: SessionEvent[];
}

type State =
  /** No live challenge: a hello is stale. */
  | { name: "idle" }
  | { name: "offered"; info: Uint8Array; challenge: Uint8Array; expiresAtMs: TimeMs }
  | { name: "open"; request: SessionRequest; challenge: Uint8Array }
  | { name: "closed" };

const NOTHING: ResponderOutput = { notifications: [], events: [] };

export class SessionResponder {
  /** May be raised when the MTU is negotiated; `info` announces it. */
  notifySize: number;
  readonly #options: SessionResponderOptions;
  readonly #sessionKey: Uint8Array;
  #channel = new Channel();
  #state: State = { name: "idle" };
  #failures = 0;
  /** An open session that a new reading of the info has ended, still to be reported. */
  #replaced = false;

  constructor(options: SessionResponderOptions) {
    this.notifySize = options.notifySize;
    this.#options = options;
    this.#sessionKey = options.crypto.x25519PublicKey(options.sessionSecret);
  }

  get isOpen(): boolean {
    return this.#state.name === "open";
  }

  /**
   * The info characteristic's value with a fresh challenge, good for one hello within a minute.
   * Ends what was before: older challenges, a hello in flight, an open session
   * (whose `closed` comes with the next `received`). Call once per read, not per part of a long read.
   */
  info(now: TimeMs): Uint8Array {
    const challenge = this.#options.random.bytes(CHALLENGE_LENGTH);
    const cardHash = this.#options.cardHash.slice(0, CARD_HASH_LENGTH);
    const info = encodeInfo({ cardHash, fragmentSize: clampFragmentSize(this.notifySize), challenge });
    // Too many failures are final for this connection: the challenge stays dead.
    if (this.#failures >= MAX_FAILED_HANDSHAKES) return info;
    if (this.#state.name === "open") this.#replaced = true;
    this.#restart({ name: "offered", info, challenge, expiresAtMs: now + CHALLENGE_LIFETIME_MS });
    return info;
  }

  /** One written value. Never throws for what it holds: a failure is `refused`, and `closed` if final. */
  received(value: Uint8Array, now: TimeMs): ResponderOutput {
    const output = this.#receive(value, now);
    if (!this.#replaced) return output;
    this.#replaced = false;
    return { ...output, events: [{ kind: "closed" }, ...output.events] };
  }

  /**
   * The values that carry a message. Throws `session-closed`, `session-limit` (it is then over)
   * or `frame-too-large` beyond `MAX_MESSAGE_BYTES`.
   */
  send(message: Uint8Array): Uint8Array[] {
    try {
      return this.#seal({ kind: "message", bytes: message });
    } catch (error) {
      if (error instanceof SegmentError && error.code === "session-limit") this.#restart({ name: "closed" });
      throw error;
    }
  }

  /** Ends the session, and gives the values that tell the peer. */
  close(): Uint8Array[] {
    const values = this.isOpen ? this.#frame(FRAME.close, new Uint8Array(0)) : [];
    this.#restart({ name: "closed" });
    return values;
  }

  #receive(value: Uint8Array, now: TimeMs): ResponderOutput {
    if (this.#state.name === "closed") return NOTHING;
    let frame: Frame | undefined;
    try {
      frame = this.#channel.accept(value);
      return frame === undefined ? NOTHING : this.#handle(frame, now);
    } catch (error) {
      if (!(error instanceof SegmentError)) throw error;
      // After a refused hello the phone may read the info and try again; a broken link or session is over.
      return this.#fail(error.code, frame?.type !== FRAME.handshake1 || this.isOpen);
    }
  }

  #handle(frame: Frame, now: TimeMs): ResponderOutput {
    switch (frame.type) {
      case FRAME.handshake1:
        return this.#answerHello(frame.body, now);
      case FRAME.transport:
        return this.#readTransport(frame.body, now);
      case FRAME.refusal: {
        if (frame.body.length !== 1) throw invalid("a refusal is one byte");
        this.#restart({ name: "closed" });
        const code = refusalCode(frame.body[0]!);
        return { notifications: [], events: [{ kind: "refused", code }, { kind: "closed" }] };
      }
      case FRAME.close:
        if (frame.body.length !== 0) throw invalid("a close carries nothing");
        this.#restart({ name: "closed" });
        return { notifications: [], events: [{ kind: "closed" }] };
      case FRAME.handshake2:
        throw invalid("an accept came from the phone");
    }
  }

  #answerHello(message: Uint8Array, now: TimeMs): ResponderOutput {
    const offer = this.#state;
    if (offer.name === "open") throw invalid("a hello came inside a session");
    // Single use, whatever comes of it.
    this.#state = { name: "idle" };
    if (offer.name !== "offered" || now > offer.expiresAtMs) {
      throw new SegmentError("challenge-stale", "the hello answers no live challenge");
    }
    const handshake = this.#handshake(offer.info);
    try {
      const payload = handshake.readMessage(message);
      const request = this.#judge(payload, handshake.remoteStatic!, offer.challenge, now);
      const verdict = this.#options.authorize(request);
      if (typeof verdict === "string") throw new SegmentError(verdict, "the device refuses the request");
      return this.#accept(handshake, request, verdict ?? new Uint8Array(0));
    } finally {
      handshake.destroy();
    }
  }

  #handshake(info: Uint8Array): HandshakeState {
    const { crypto, random, sessionSecret, psk, messageLimit } = this.#options;
    return new HandshakeState({
      crypto,
      random,
      role: "responder",
      prologue: concat(utf8(NOISE_PROLOGUE), info),
      staticSecret: sessionSecret,
      ...(psk === undefined ? {} : { psk }),
      ...(messageLimit === undefined ? {} : { messageLimit }),
    });
  }

  /** What the first payload proves. `sessionKey` is the X25519 key that the handshake has proved. */
  #judge(payload: Uint8Array, sessionKey: Uint8Array, challenge: Uint8Array, now: TimeMs): SessionRequest {
    const { signedHello, card: cardBytes } = decodeFirstPayload(payload);
    const hello = this.#openHello(signedHello, sessionKey, challenge);
    const request: SessionRequest = {
      peerIdentity: hello.initiator,
      peerSessionKey: sessionKey,
      purpose: hello.purpose,
      command: hello.command,
      timeMs: hello.timeMs,
      paired: this.#options.psk !== undefined,
      evidence: signedHello,
    };
    if (cardBytes === undefined) return request;
    const card = openCard(this.#options.crypto, cardBytes, now);
    if (!equalBytes(card.identity, hello.initiator) || !equalBytes(card.sessionKey, sessionKey)) {
      throw new SegmentError("card-invalid", "the peer shows the card of other keys");
    }
    return { ...request, card, cardBytes };
  }

  /** A hello signed by its initiator, for this device, this challenge and this X25519 key. */
  #openHello(signedHello: Uint8Array, sessionKey: Uint8Array, challenge: Uint8Array): Hello {
    const hello = openHello(this.#options.crypto, signedHello);
    if (!equalBytes(hello.challenge, challenge)) {
      throw new SegmentError("challenge-stale", "the hello is signed for another challenge");
    }
    if (!equalBytes(hello.responder, this.#options.signer.publicKey)) {
      throw new SegmentError("noise-failed", "the hello is for another device");
    }
    if (!equalBytes(hello.initiatorSessionKey, sessionKey)) {
      throw new SegmentError("noise-failed", "the hello names another X25519 key than the handshake's");
    }
    return hello;
  }

  #accept(handshake: HandshakeState, request: SessionRequest, result: Uint8Array): ResponderOutput {
    const { random, signer } = this.#options;
    const nextChallenge = random.bytes(CHALLENGE_LENGTH);
    const accept = {
      helloHash: handshake.hash,
      initiator: request.peerIdentity,
      responderSessionKey: this.#sessionKey,
      nextChallenge,
      result,
    };
    const message = handshake.writeMessage(signAccept(accept, signer));
    const sessionHash = handshake.hash;
    this.#channel.open(handshake.split());
    this.#state = { name: "open", request, challenge: nextChallenge };
    return {
      notifications: this.#frame(FRAME.handshake2, message),
      events: [{ kind: "open", ...request, sessionHash, result }],
    };
  }

  #readTransport(body: Uint8Array, now: TimeMs): ResponderOutput {
    if (this.#state.name !== "open") throw invalid("a message came before the session is open");
    const transport = this.#channel.unseal(body);
    if (transport.kind === "message") {
      return { notifications: [], events: [{ kind: "message", bytes: transport.bytes }] };
    }
    if (transport.kind === "command") return this.#answerCommand(this.#state, transport.signedHello, now);
    throw invalid("an answer came from the phone");
  }

  #answerCommand(
    session: Extract<State, { name: "open" }>,
    evidence: Uint8Array,
    now: TimeMs,
  ): ResponderOutput {
    const { request } = session;
    const hello = this.#openHello(evidence, request.peerSessionKey, session.challenge);
    if (!equalBytes(hello.initiator, request.peerIdentity) || !equalBytes(hello.purpose, request.purpose)) {
      throw new SegmentError("noise-failed", "the command is of another peer or purpose than the session");
    }
    const nextChallenge = this.#options.random.bytes(CHALLENGE_LENGTH);
    this.#state = { ...session, challenge: nextChallenge };
    const { command, timeMs } = hello;
    const verdict = this.#decide({ ...request, command, timeMs, evidence }, now);
    if (typeof verdict === "string") {
      const notifications = this.#seal({ kind: "refusal", nextChallenge, code: verdict });
      return { notifications, events: [{ kind: "refused", code: verdict }] };
    }
    const result = verdict ?? new Uint8Array(0);
    const notifications = this.#seal({ kind: "answer", nextChallenge, result });
    return { notifications, events: [{ kind: "command", command, result, evidence, timeMs }] };
  }

  /** In a session a card may have expired since, and a refusal by throwing ends nothing. */
  #decide(request: SessionRequest, now: TimeMs): Verdict {
    if (request.card !== undefined && now >= request.card.notAfter) return "card-expired";
    try {
      return this.#options.authorize(request);
    } catch (error) {
      if (error instanceof SegmentError) return error.code;
      throw error;
    }
  }

  #seal(transport: Transport): Uint8Array[] {
    return this.#channel.seal(transport, this.notifySize);
  }

  #frame(type: Frame["type"], body: Uint8Array): Uint8Array[] {
    return this.#channel.frame(type, body, this.notifySize);
  }

  #fail(code: ErrorCode, final: boolean): ResponderOutput {
    this.#failures++;
    const over = final || this.#failures >= MAX_FAILED_HANDSHAKES;
    const notifications = this.#frame(FRAME.refusal, Uint8Array.of(refusalByte(code)));
    this.#restart({ name: over ? "closed" : "idle" });
    const refused: SessionEvent = { kind: "refused", code };
    return { notifications, events: over ? [refused, { kind: "closed" }] : [refused] };
  }

  /** Forgets the keys; each attempt counts its fragments from 0 in both directions. */
  #restart(state: State): void {
    this.#channel.destroy();
    this.#channel = new Channel();
    this.#state = state;
  }
}

function invalid(problem: string): SegmentError {
  return new SegmentError("frame-invalid", problem);
}
