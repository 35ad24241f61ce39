/**
 * Noise Protocol Framework, revision 34: patterns IK and IKpsk1 with 25519,
 * ChaChaPoly and SHA256. Section numbers below are of that document.
 */
import { concat, utf8 } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import type { Crypto, Random } from "../ports.ts";

export const KEY_LENGTH = 32;
export const TAG_LENGTH = 16;
/** Section 3: no Noise message is longer. */
export const MAX_NOISE_MESSAGE = 65_535;
/** Messages per direction before the keys must be renewed; far below the 2^64 - 2 of section 5.1. */
export const MESSAGE_LIMIT = 2 ** 32;

const EMPTY = new Uint8Array(0);

/** One direction's key and counter (section 5.1). */
export class CipherState {
  readonly #crypto: Crypto;
  readonly #limit: number;
  #key: Uint8Array | undefined;
  #nonce = 0;

  /** Takes the 32-byte key over: `destroy` zeroises it. */
  constructor(crypto: Crypto, key: Uint8Array, limit = MESSAGE_LIMIT) {
    this.#crypto = crypto;
    this.#key = key;
    this.#limit = limit;
  }

  /** Ciphertext, 16 bytes longer. Throws `session-limit` (and is then over) or `session-closed`. */
  encrypt(associated: Uint8Array, plaintext: Uint8Array): Uint8Array {
    const { key, nonce } = this.#next();
    const ciphertext = this.#crypto.chacha20Poly1305.seal(key, nonce, associated, plaintext);
    this.#nonce++;
    return ciphertext;
  }

  /** Throws `noise-failed`, `session-limit` or `session-closed`; after any of them it is over. */
  decrypt(associated: Uint8Array, ciphertext: Uint8Array): Uint8Array {
    const { key, nonce } = this.#next();
    const plaintext =
      ciphertext.length < TAG_LENGTH
        ? undefined
        : this.#crypto.chacha20Poly1305.open(key, nonce, associated, ciphertext);
    if (plaintext === undefined) {
      // Section 5.1 leaves the nonce as it is; on an ordered link nothing good can follow, so end here.
      this.destroy();
      throw new SegmentError("noise-failed", "a message does not authenticate");
    }
    this.#nonce++;
    return plaintext;
  }

  destroy(): void {
    this.#key?.fill(0);
    this.#key = undefined;
  }

  #next(): { key: Uint8Array; nonce: Uint8Array } {
    if (this.#key === undefined) throw new SegmentError("session-closed", "the session's keys are gone");
    if (this.#nonce >= this.#limit) {
      this.destroy();
      throw new SegmentError("session-limit", `${this.#limit} messages were sent in one direction`);
    }
    // Section 12.3: 32 bits of zeros, then the counter as 64 bits, little-endian.
    const nonce = new Uint8Array(12);
    const view = new DataView(nonce.buffer);
    view.setUint32(4, this.#nonce % 2 ** 32, true);
    view.setUint32(8, Math.floor(this.#nonce / 2 ** 32), true);
    return { key: this.#key, nonce };
  }
}

/** Chaining key, transcript hash and the cipher of the handshake (section 5.2). */
class SymmetricState {
  readonly #crypto: Crypto;
  #chainingKey: Uint8Array;
  #hash: Uint8Array;
  #cipher: CipherState | undefined;

  constructor(crypto: Crypto, protocolName: string) {
    const name = utf8(protocolName);
    const padded = new Uint8Array(KEY_LENGTH);
    if (name.length <= KEY_LENGTH) padded.set(name);
    this.#crypto = crypto;
    this.#hash = name.length <= KEY_LENGTH ? padded : crypto.sha256(name);
    this.#chainingKey = this.#hash.slice();
  }

  get hash(): Uint8Array {
    return this.#hash.slice();
  }

  mixHash(data: Uint8Array): void {
    this.#hash = this.#crypto.sha256(this.#hash, data);
  }

  mixKey(input: Uint8Array): void {
    const [chainingKey, key] = this.#hkdf(input);
    this.#advance(chainingKey, key);
  }

  mixKeyAndHash(input: Uint8Array): void {
    const [chainingKey, hashed, key] = this.#hkdf(input);
    this.mixHash(hashed);
    this.#advance(chainingKey, key);
  }

  encryptAndHash(plaintext: Uint8Array): Uint8Array {
    const ciphertext = this.#keyed().encrypt(this.#hash, plaintext);
    this.mixHash(ciphertext);
    return ciphertext;
  }

  decryptAndHash(ciphertext: Uint8Array): Uint8Array {
    const plaintext = this.#keyed().decrypt(this.#hash, ciphertext);
    this.mixHash(ciphertext);
    return plaintext;
  }

  /** The initiator's key to send, then the responder's. */
  split(): [Uint8Array, Uint8Array] {
    const [first, second] = this.#hkdf(EMPTY);
    return [first, second];
  }

  destroy(): void {
    this.#chainingKey.fill(0);
    this.#cipher?.destroy();
  }

  #advance(chainingKey: Uint8Array, key: Uint8Array): void {
    this.destroy();
    this.#chainingKey = chainingKey;
    this.#cipher = new CipherState(this.#crypto, key);
  }

  /** IK has a key before the first value it encrypts; without one there is nothing to fall back on. */
  #keyed(): CipherState {
    if (this.#cipher === undefined) throw new SegmentError("internal", "Noise: no key yet");
    return this.#cipher;
  }

  /** Section 4.3. */
  #hkdf(input: Uint8Array): [Uint8Array, Uint8Array, Uint8Array] {
    const secret = this.#crypto.hmacSha256(this.#chainingKey, input);
    const first = this.#crypto.hmacSha256(secret, Uint8Array.of(1));
    const second = this.#crypto.hmacSha256(secret, first, Uint8Array.of(2));
    const third = this.#crypto.hmacSha256(secret, second, Uint8Array.of(3));
    secret.fill(0);
    return [first, second, third];
  }
}

type Token = "e" | "s" | "ee" | "es" | "se" | "ss" | "psk";

/** Section 7.5. `psk` is IKpsk1's (section 9.4); without a psk that token does nothing. */
const MESSAGES: readonly (readonly Token[])[] = [
  ["e", "es", "s", "ss", "psk"],
  ["e", "ee", "se"],
];

export interface HandshakeOptions {
  crypto: Crypto;
  random: Random;
  role: "initiator" | "responder";
  prologue: Uint8Array;
  /** Own X25519 secret. Stays the caller's: it is copied, and the copy is zeroised. */
  staticSecret: Uint8Array;
  /** The responder's X25519 key, which the initiator knows beforehand. */
  remoteStatic?: Uint8Array;
  /** 32 bytes; with it the pattern is IKpsk1. */
  psk?: Uint8Array;
  /** Messages per direction afterwards; default `MESSAGE_LIMIT`. */
  messageLimit?: number;
}

/** What a finished handshake leaves. */
export interface CipherPair {
  send: CipherState;
  receive: CipherState;
}

/**
 * One handshake (section 5.3). The initiator writes then reads, the responder
 * reads then writes, then both `split`. Whatever throws also ends it: its secrets
 * are zeroised and every further call throws `session-closed`.
 */
export class HandshakeState {
  readonly #options: HandshakeOptions;
  readonly #symmetric: SymmetricState;
  readonly #staticSecret: Uint8Array;
  readonly #psk: Uint8Array | undefined;
  #ephemeralSecret: Uint8Array = EMPTY;
  #remoteStatic: Uint8Array | undefined;
  #remoteEphemeral: Uint8Array | undefined;
  #messageIndex = 0;
  #over = false;

  /** Throws `key-invalid` for a key that is missing or not 32 bytes long. */
  constructor(options: HandshakeOptions) {
    const { crypto, role, psk } = options;
    this.#options = options;
    this.#staticSecret = key(options.staticSecret, "static secret");
    this.#psk = psk === undefined ? undefined : key(psk, "psk");
    const pattern = psk === undefined ? "IK" : "IKpsk1";
    this.#symmetric = new SymmetricState(crypto, `Noise_${pattern}_25519_ChaChaPoly_SHA256`);
    this.#symmetric.mixHash(options.prologue);
    // IK's pre-message: the initiator knows the responder's static key.
    if (role === "initiator") {
      this.#remoteStatic = key(options.remoteStatic, "remote static key");
      this.#symmetric.mixHash(this.#remoteStatic);
    } else {
      this.#symmetric.mixHash(crypto.x25519PublicKey(this.#staticSecret));
    }
  }

  /** The transcript's hash so far; after the second message it names the session (section 11.2). */
  get hash(): Uint8Array {
    return this.#symmetric.hash;
  }

  /** The peer's X25519 key: for the responder known, and authenticated, once the first message is read. */
  get remoteStatic(): Uint8Array | undefined {
    return this.#remoteStatic?.slice();
  }

  /** Throws `frame-too-large` for a payload that no Noise message carries. */
  writeMessage(payload: Uint8Array): Uint8Array {
    return this.#step("initiator", (tokens) => {
      const parts = tokens.map((token) => this.#writeToken(token));
      const message = concat(...parts, this.#symmetric.encryptAndHash(payload));
      if (message.length > MAX_NOISE_MESSAGE) {
        throw new SegmentError("frame-too-large", `a Noise message of ${message.length} bytes`);
      }
      return message;
    });
  }

  /** The payload. Throws `noise-failed`. */
  readMessage(message: Uint8Array): Uint8Array {
    return this.#step("responder", (tokens) => {
      if (message.length > MAX_NOISE_MESSAGE) throw failed("the message is too long");
      let rest = message;
      const take = (length: number): Uint8Array => {
        if (rest.length < length) throw failed("the message is too short");
        const part = rest.subarray(0, length);
        rest = rest.subarray(length);
        return part;
      };
      for (const token of tokens) this.#readToken(token, take);
      return this.#symmetric.decryptAndHash(rest);
    });
  }

  /** The transport's keys (section 5.3); ends the handshake. */
  split(): CipherPair {
    if (this.#over || this.#messageIndex !== MESSAGES.length) {
      throw new SegmentError("session-closed", "the handshake is not complete");
    }
    const { crypto, role, messageLimit } = this.#options;
    const [initiatorKey, responderKey] = this.#symmetric.split();
    this.destroy();
    const initiator = new CipherState(crypto, initiatorKey, messageLimit);
    const responder = new CipherState(crypto, responderKey, messageLimit);
    return role === "initiator"
      ? { send: initiator, receive: responder }
      : { send: responder, receive: initiator };
  }

  destroy(): void {
    this.#over = true;
    this.#symmetric.destroy();
    this.#staticSecret.fill(0);
    this.#ephemeralSecret.fill(0);
    this.#psk?.fill(0);
  }

  /** Runs the next message if it is this side's turn; `firstBy` is the role that does this first. */
  #step(firstBy: "initiator" | "responder", run: (tokens: readonly Token[]) => Uint8Array): Uint8Array {
    const turn = this.#options.role === firstBy ? 0 : 1;
    const tokens = MESSAGES[this.#messageIndex];
    if (this.#over || tokens === undefined || this.#messageIndex !== turn) {
      throw new SegmentError("session-closed", "the handshake does not expect this now");
    }
    try {
      const result = run(tokens);
      this.#messageIndex++;
      return result;
    } catch (error) {
      this.destroy();
      throw error;
    }
  }

  #writeToken(token: Token): Uint8Array {
    if (token === "e") {
      this.#ephemeralSecret = this.#options.random.bytes(KEY_LENGTH);
      const ephemeral = this.#options.crypto.x25519PublicKey(this.#ephemeralSecret);
      this.#mixEphemeral(ephemeral);
      return ephemeral;
    }
    if (token === "s") {
      return this.#symmetric.encryptAndHash(this.#options.crypto.x25519PublicKey(this.#staticSecret));
    }
    this.#mixSecret(token);
    return EMPTY;
  }

  #readToken(token: Token, take: (length: number) => Uint8Array): void {
    if (token === "e") {
      this.#remoteEphemeral = Uint8Array.from(take(KEY_LENGTH));
      this.#mixEphemeral(this.#remoteEphemeral);
    } else if (token === "s") {
      this.#remoteStatic = this.#symmetric.decryptAndHash(take(KEY_LENGTH + TAG_LENGTH));
    } else {
      this.#mixSecret(token);
    }
  }

  /** Section 9.2: with a psk, `e` is mixed into the key too. */
  #mixEphemeral(ephemeral: Uint8Array): void {
    this.#symmetric.mixHash(ephemeral);
    if (this.#psk !== undefined) this.#symmetric.mixKey(ephemeral);
  }

  #mixSecret(token: Exclude<Token, "e" | "s">): void {
    if (token === "psk") {
      if (this.#psk !== undefined) this.#symmetric.mixKeyAndHash(this.#psk);
      return;
    }
    const shared = this.#diffieHellman(token);
    this.#symmetric.mixKey(shared);
    shared.fill(0);
  }

  /** A token's first letter is the initiator's key, its second the responder's. */
  #diffieHellman(token: "ee" | "es" | "se" | "ss"): Uint8Array {
    const initiator = this.#options.role === "initiator";
    const own = initiator ? token[0] : token[1];
    const other = initiator ? token[1] : token[0];
    const secret = own === "e" ? this.#ephemeralSecret : this.#staticSecret;
    const publicKey = other === "e" ? this.#remoteEphemeral : this.#remoteStatic;
    if (publicKey === undefined) throw new SegmentError("internal", "Noise: no key of the peer yet");
    try {
      return this.#options.crypto.x25519(secret, publicKey);
    } catch (error) {
      // RFC 7748 section 6.1: a small-order key gives zeros, which the port refuses.
      throw new SegmentError("noise-failed", "the peer's X25519 key is weak", { cause: error });
    }
  }
}

/** A copy, which may be zeroised. (Not `slice`: on Node's Buffer it would be the caller's own bytes.) */
function key(bytes: Uint8Array | undefined, what: string): Uint8Array {
  if (bytes?.length === KEY_LENGTH) return Uint8Array.from(bytes);
  throw new SegmentError("key-invalid", `the ${what} is not ${KEY_LENGTH} bytes long`, { where: what });
}

function failed(problem: string): SegmentError {
  return new SegmentError("noise-failed", problem);
}
