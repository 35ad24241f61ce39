/**
 * The side that asks, usually a phone: writes the hello, reads the accept, then
 * talks. A pure state machine: values in, values and events out.
 */
import { concat, equalBytes, utf8 } from "../encoding/bytes.ts";
import type { ErrorCode } from "../errors.ts";
import { SegmentError } from "../errors.ts";
import { NOISE_PROLOGUE } from "../labels.ts";
import type { Crypto, Random, Signer, TimeMs } from "../ports.ts";
import { Channel } from "./channel.ts";
import { clampFragmentSize, FRAME, refusalByte, refusalCode } from "./frames.ts";
import type { Frame } from "./frames.ts";
import { decodeInfo } from "./info.ts";
import { encodeFirstPayload, openAccept, signHello } from "./messages.ts";
import type { SessionEvent } from "./messages.ts";
import { HandshakeState } from "./noise.ts";

export interface SessionInitiatorOptions {
  crypto: Crypto;
  random: Random;
  /** Own Ed25519 identity. */
  signer: Signer;
  /** Own X25519 secret. */
  sessionSecret: Uint8Array;
  /** The device's Ed25519 and X25519 keys, from its card (or the QR code when pairing). */
  peerIdentity: Uint8Array;
  peerSessionKey: Uint8Array;
  /** What the session is for, e.g. a contract's id; at most 256 bytes. */
  purpose: Uint8Array | string;
  /** What the device is asked to do at once; at most 8 KiB, may be empty. */
  command: Uint8Array;
  /** Bytes that one write may carry (ATT MTU - 3), from 20 up. */
  writeSize: number;
  /** Goes into the hello. */
  now: TimeMs;
  /** 32 bytes, once, when pairing. */
  psk?: Uint8Array;
  /** Own card, for a device that may not know it yet. */
  cardBytes?: Uint8Array;
  /** Messages per direction before `session-limit`; default 2^32. */
  messageLimit?: number;
}

export interface InitiatorOutput {
  /** To write to the `in` characteristic, in this order. */
  writes: Uint8Array[];
  events: SessionEvent[];
}

type State =
  | { name: "new" }
  | { name: "waiting"; handshake: HandshakeState; fragmentSize: number }
  /** `challenge` is undefined while a command waits for its answer. */
  | { name: "open"; challenge: Uint8Array | undefined; fragmentSize: number }
  | { name: "closed" };

/** One session on one connection; for another, make another after reading the info again. */
export class SessionInitiator {
  readonly #options: SessionInitiatorOptions;
  readonly #purpose: Uint8Array;
  readonly #sessionKey: Uint8Array;
  readonly #channel = new Channel();
  #state: State = { name: "new" };

  constructor(options: SessionInitiatorOptions) {
    const { purpose } = options;
    this.#options = options;
    this.#purpose = typeof purpose === "string" ? utf8(purpose) : purpose;
    this.#sessionKey = options.crypto.x25519PublicKey(options.sessionSecret);
  }

  get isOpen(): boolean {
    return this.#state.name === "open";
  }

  /**
   * The values to write, given the info exactly as it was read.
   * Throws `cbor-wrong-shape` and other codes of `decodeCbor` for the info, `frame-too-large`
   * for a purpose, command or card beyond its bound, `key-invalid`, or `session-closed` if begun before.
   */
  begin(info: Uint8Array): Uint8Array[] {
    if (this.#state.name !== "new") throw new SegmentError("session-closed", "the session has begun before");
    const { crypto, random, sessionSecret, peerSessionKey, psk, messageLimit, cardBytes } = this.#options;
    const { challenge, fragmentSize: announced } = decodeInfo(info);
    const payload = encodeFirstPayload(
      this.#sign(challenge, this.#options.command, this.#options.now),
      cardBytes,
    );
    const handshake = new HandshakeState({
      crypto,
      random,
      role: "initiator",
      prologue: concat(utf8(NOISE_PROLOGUE), info),
      staticSecret: sessionSecret,
      remoteStatic: peerSessionKey,
      ...(psk === undefined ? {} : { psk }),
      ...(messageLimit === undefined ? {} : { messageLimit }),
    });
    const message = handshake.writeMessage(payload);
    const fragmentSize = Math.min(clampFragmentSize(this.#options.writeSize), announced);
    this.#state = { name: "waiting", handshake, fragmentSize };
    return this.#channel.frame(FRAME.handshake1, message, fragmentSize);
  }

  /** One notification. Never throws for what it holds: a failure is `refused`, then `closed`. */
  received(value: Uint8Array): InitiatorOutput {
    if (this.#state.name === "closed") return { writes: [], events: [] };
    try {
      const frame = this.#channel.accept(value);
      return { writes: [], events: frame === undefined ? [] : this.#handle(frame) };
    } catch (error) {
      if (!(error instanceof SegmentError)) throw error;
      return this.#fail(error.code);
    }
  }

  /**
   * The values that carry a message. Throws `session-closed`, `session-limit` (it is then over)
   * or `frame-too-large` beyond `MAX_MESSAGE_BYTES`.
   */
  send(message: Uint8Array): Uint8Array[] {
    const { fragmentSize } = this.#open();
    return this.#seal({ kind: "message", bytes: message }, fragmentSize);
  }

  /**
   * A further command for the same purpose, signed over the challenge that the last answer
   * brought: one write, and one notification for its `answer` or `refused`.
   * Throws as `send`, and `challenge-stale` while the last command waits for its answer.
   */
  command(command: Uint8Array, now: TimeMs): Uint8Array[] {
    const { challenge, fragmentSize } = this.#open();
    if (challenge === undefined) {
      throw new SegmentError("challenge-stale", "the last command has not been answered yet");
    }
    const signedHello = this.#sign(challenge, command, now);
    const writes = this.#seal({ kind: "command", signedHello }, fragmentSize);
    this.#state = { name: "open", challenge: undefined, fragmentSize };
    return writes;
  }

  /** Ends the session, and gives the values that tell the peer. */
  close(): Uint8Array[] {
    const state = this.#state;
    this.#end();
    if (state.name === "new" || state.name === "closed") return [];
    return this.#channel.frame(FRAME.close, new Uint8Array(0), state.fragmentSize);
  }

  #handle(frame: Frame): SessionEvent[] {
    switch (frame.type) {
      case FRAME.handshake2:
        return [this.#readAccept(frame.body)];
      case FRAME.transport:
        return [this.#readTransport(frame.body)];
      case FRAME.refusal:
        if (frame.body.length !== 1) throw invalid("a refusal is one byte");
        this.#end();
        return [{ kind: "refused", code: refusalCode(frame.body[0]!) }, { kind: "closed" }];
      case FRAME.close:
        if (frame.body.length !== 0) throw invalid("a close carries nothing");
        this.#end();
        return [{ kind: "closed" }];
      case FRAME.handshake1:
        throw invalid("a hello came from the device");
    }
  }

  #readAccept(body: Uint8Array): SessionEvent {
    if (this.#state.name !== "waiting") throw invalid("an accept came that nobody waits for");
    const { crypto, signer, peerIdentity, peerSessionKey } = this.#options;
    const { handshake, fragmentSize } = this.#state;
    const helloHash = handshake.hash;
    const evidence = handshake.readMessage(body);
    const { signer: acceptedBy, accept } = openAccept(crypto, evidence);
    // Both keys of the device come from its card; the accept ties them to each other and to this handshake.
    const genuine =
      equalBytes(acceptedBy, peerIdentity) &&
      equalBytes(accept.responderSessionKey, peerSessionKey) &&
      equalBytes(accept.initiator, signer.publicKey) &&
      equalBytes(accept.helloHash, helloHash);
    if (!genuine) throw new SegmentError("noise-failed", "the accept is of another device or handshake");
    const sessionHash = handshake.hash;
    this.#channel.open(handshake.split());
    this.#state = { name: "open", challenge: accept.nextChallenge, fragmentSize };
    return {
      kind: "open",
      peerIdentity,
      peerSessionKey,
      purpose: this.#purpose,
      command: this.#options.command,
      timeMs: this.#options.now,
      paired: this.#options.psk !== undefined,
      evidence,
      sessionHash,
      result: accept.result,
    };
  }

  #readTransport(body: Uint8Array): SessionEvent {
    if (this.#state.name !== "open") throw invalid("a message came before the session is open");
    const transport = this.#channel.unseal(body);
    if (transport.kind === "message") return { kind: "message", bytes: transport.bytes };
    if (transport.kind === "command") throw invalid("a command came from the device");
    if (this.#state.challenge !== undefined) throw invalid("an answer came to no command");
    this.#state = { ...this.#state, challenge: transport.nextChallenge };
    if (transport.kind === "answer") return { kind: "answer", result: transport.result };
    return { kind: "refused", code: transport.code };
  }

  #sign(challenge: Uint8Array, command: Uint8Array, timeMs: TimeMs): Uint8Array {
    const { signer, peerIdentity } = this.#options;
    return signHello(
      {
        challenge,
        responder: peerIdentity,
        initiator: signer.publicKey,
        initiatorSessionKey: this.#sessionKey,
        purpose: this.#purpose,
        command,
        timeMs,
      },
      signer,
    );
  }

  #seal(transport: Parameters<Channel["seal"]>[0], fragmentSize: number): Uint8Array[] {
    try {
      return this.#channel.seal(transport, fragmentSize);
    } catch (error) {
      if (error instanceof SegmentError && error.code === "session-limit") this.#end();
      throw error;
    }
  }

  #open(): Extract<State, { name: "open" }> {
    if (this.#state.name === "open") return this.#state;
    throw new SegmentError("session-closed", "no session is open");
  }

  #fail(code: ErrorCode): InitiatorOutput {
    const state = this.#state;
    this.#end();
    const events: SessionEvent[] = [{ kind: "refused", code }, { kind: "closed" }];
    if (state.name === "new" || state.name === "closed") return { writes: [], events };
    const writes = this.#channel.frame(FRAME.refusal, Uint8Array.of(refusalByte(code)), state.fragmentSize);
    return { writes, events };
  }

  #end(): void {
    if (this.#state.name === "waiting") this.#state.handshake.destroy();
    this.#channel.destroy();
    this.#state = { name: "closed" };
  }
}

function invalid(problem: string): SegmentError {
  return new SegmentError("frame-invalid", problem);
}
