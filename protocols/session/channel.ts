/**
 * What both sides of a session share: frames in and out of values, and the ciphers
 * over them once the handshake is done.
 */
import { SegmentError } from "../errors.ts";
import { FRAME, fragment, Reassembler, SEQUENCE_MODULUS } from "./frames.ts";
import type { Frame, FrameType } from "./frames.ts";
import { decodeTransport, encodeTransport } from "./messages.ts";
import type { Transport } from "./messages.ts";
import type { CipherPair } from "./noise.ts";

const NO_ASSOCIATED_DATA = new Uint8Array(0);

export class Channel {
  readonly #incoming = new Reassembler();
  #outgoing = 0;
  #ciphers: CipherPair | undefined;

  get isOpen(): boolean {
    return this.#ciphers !== undefined;
  }

  open(ciphers: CipherPair): void {
    this.#ciphers = ciphers;
  }

  /** The frame that this value completes, if it does. Throws `frame-invalid` or `frame-too-large`. */
  accept(value: Uint8Array): Frame | undefined {
    return this.#incoming.accept(value);
  }

  /** The values that carry one frame. Throws `frame-too-large`. */
  frame(type: FrameType, body: Uint8Array, fragmentSize: number): Uint8Array[] {
    const fragments = fragment({ type, body }, fragmentSize, this.#outgoing);
    this.#outgoing = (this.#outgoing + fragments.length) % SEQUENCE_MODULUS;
    return fragments;
  }

  /** Throws `session-closed`, `session-limit` or `frame-too-large`. */
  seal(transport: Transport, fragmentSize: number): Uint8Array[] {
    const plaintext = encodeTransport(transport);
    const ciphertext = this.#openCiphers().send.encrypt(NO_ASSOCIATED_DATA, plaintext);
    return this.frame(FRAME.transport, ciphertext, fragmentSize);
  }

  /** Throws `noise-failed`, `frame-invalid`, `session-closed` or `session-limit`. */
  unseal(body: Uint8Array): Transport {
    return decodeTransport(this.#openCiphers().receive.decrypt(NO_ASSOCIATED_DATA, body));
  }

  /** Forgets the keys. */
  destroy(): void {
    this.#ciphers?.send.destroy();
    this.#ciphers?.receive.destroy();
    this.#ciphers = undefined;
  }

  #openCiphers(): CipherPair {
    if (this.#ciphers === undefined) throw new SegmentError("session-closed", "no session is open");
    return this.#ciphers;
  }
}
