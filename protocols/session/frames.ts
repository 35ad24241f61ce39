/**
 * Frames over GATT values. A frame is cut into fragments, one per value:
 *
 *   first fragment     0x80 | sequence, type, length (2 bytes, big-endian), bytes...
 *   later fragments           sequence, bytes...
 *
 * `sequence` counts all fragments of one direction modulo 128, across frames, so
 * that a lost, repeated or reordered value is noticed at once. One frame is in
 * flight per direction: it ends when `length` bytes of body have come.
 */
import { concat } from "../encoding/bytes.ts";
import type { ErrorCode } from "../errors.ts";
import { SegmentError } from "../errors.ts";

/** ATT MTU 23 less its 3-byte header. */
export const MIN_FRAGMENT_SIZE = 20;
/** The longest attribute value (Bluetooth Core 5.4, vol. 3, part F, section 3.2.9). */
export const MAX_FRAGMENT_SIZE = 512;
/** The longest body of a frame. */
export const MAX_FRAME_BYTES = 16_384;

export const SEQUENCE_MODULUS = 128;
const FIRST_FRAGMENT = 0x80;
const FIRST_HEADER = 4;
const LATER_HEADER = 1;

export const FRAME = { handshake1: 1, handshake2: 2, transport: 3, refusal: 4, close: 5 } as const;
export type FrameType = (typeof FRAME)[keyof typeof FRAME];
const FRAME_TYPES: ReadonlySet<number> = new Set(Object.values(FRAME));

export interface Frame {
  type: FrameType;
  body: Uint8Array;
}

/** A fragment size that both sides can hold: an integer within the bounds above. */
export function clampFragmentSize(size: number): number {
  if (!(size >= MIN_FRAGMENT_SIZE)) return MIN_FRAGMENT_SIZE;
  return Math.min(Math.floor(size), MAX_FRAGMENT_SIZE);
}

/**
 * The values to send, of at most `fragmentSize` bytes each; the first is number
 * `sequence` of its direction. Throws `frame-too-large`.
 */
export function fragment(frame: Frame, fragmentSize: number, sequence = 0): Uint8Array[] {
  const { type, body } = frame;
  if (body.length > MAX_FRAME_BYTES) {
    throw new SegmentError("frame-too-large", `a frame of ${body.length} bytes, at most ${MAX_FRAME_BYTES}`);
  }
  const size = clampFragmentSize(fragmentSize);
  const number = (index: number): number => (sequence + index) % SEQUENCE_MODULUS;
  const first = Uint8Array.of(FIRST_FRAGMENT | number(0), type, body.length >> 8, body.length & 255);
  let offset = Math.min(size - FIRST_HEADER, body.length);
  const fragments = [concat(first, body.subarray(0, offset))];
  while (offset < body.length) {
    const end = Math.min(offset + size - LATER_HEADER, body.length);
    fragments.push(concat(Uint8Array.of(number(fragments.length)), body.subarray(offset, end)));
    offset = end;
  }
  return fragments;
}

/** Puts one direction's fragments together. It never holds more than one frame. */
export class Reassembler {
  readonly #maxBytes: number;
  #sequence = 0;
  #partial: { type: FrameType; body: Uint8Array; filled: number } | undefined;
  #broken = false;

  constructor(maxBytes = MAX_FRAME_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /**
   * The frame that this value completes, if it does. Throws `frame-invalid` or
   * `frame-too-large`; afterwards the direction is out of step and every value is refused.
   */
  accept(value: Uint8Array): Frame | undefined {
    if (this.#broken) throw invalid("the link is out of step");
    try {
      return this.#take(value);
    } catch (error) {
      this.#broken = true;
      this.#partial = undefined;
      throw error;
    }
  }

  #take(value: Uint8Array): Frame | undefined {
    const header = value[0];
    if (header === undefined) throw invalid("a fragment is empty");
    const sequence = header & (SEQUENCE_MODULUS - 1);
    if (sequence !== this.#sequence) {
      throw invalid(`fragment ${sequence} came where ${this.#sequence} was expected`);
    }
    this.#sequence = (sequence + 1) % SEQUENCE_MODULUS;
    const isFirst = (header & FIRST_FRAGMENT) !== 0;
    if (isFirst !== (this.#partial === undefined)) {
      throw invalid(isFirst ? "a frame begins inside another" : "a fragment belongs to no frame");
    }
    return isFirst ? this.#begin(value) : this.#continue(value.subarray(LATER_HEADER));
  }

  #begin(value: Uint8Array): Frame | undefined {
    if (value.length < FIRST_HEADER) throw invalid("a frame's header is cut short");
    const type = value[1]!;
    const length = (value[2]! << 8) | value[3]!;
    if (!isFrameType(type)) throw invalid(`frame type ${type} is unknown`);
    if (length > this.#maxBytes) {
      throw new SegmentError("frame-too-large", `a frame of ${length} bytes, at most ${this.#maxBytes}`);
    }
    const content = value.subarray(FIRST_HEADER);
    // An empty fragment would cost the sender nothing and keep a frame open for ever.
    if (content.length === 0 && length > 0) throw invalid("a fragment carries nothing");
    this.#partial = { type, body: new Uint8Array(length), filled: 0 };
    return this.#fill(content);
  }

  #continue(content: Uint8Array): Frame | undefined {
    if (content.length === 0) throw invalid("a fragment carries nothing");
    return this.#fill(content);
  }

  #fill(content: Uint8Array): Frame | undefined {
    const partial = this.#partial!;
    if (partial.filled + content.length > partial.body.length) {
      throw invalid("a fragment goes beyond the frame's length");
    }
    partial.body.set(content, partial.filled);
    partial.filled += content.length;
    if (partial.filled < partial.body.length) return undefined;
    this.#partial = undefined;
    return { type: partial.type, body: partial.body };
  }
}

function isFrameType(type: number): type is FrameType {
  return FRAME_TYPES.has(type);
}

/**
 * What a refusal says on the wire: its place in this list, from 1. Append only.
 * A code that is not here is refused as `peer-refused`: the reason is the device's own affair.
 */
const REFUSALS: readonly ErrorCode[] = [
  "peer-refused",
  "noise-failed",
  "frame-invalid",
  "frame-too-large",
  "challenge-stale",
  "session-closed",
  "session-limit",
  "card-invalid",
  "card-expired",
  "card-revoked",
  "signature-invalid",
  "contract-unknown",
  "contract-closed",
  "contract-not-expected",
  "contract-too-early",
  "contract-too-late",
  "condition-not-met",
  "receipt-invalid",
  "receipt-foreign",
  "queue-full",
];

export function refusalByte(code: ErrorCode): number {
  const index = REFUSALS.indexOf(code);
  return index < 0 ? 1 : index + 1;
}

/** A newer peer may know more reasons than this list: they read as `peer-refused`. */
export function refusalCode(byte: number): ErrorCode {
  return REFUSALS[byte - 1] ?? "peer-refused";
}

function invalid(problem: string): SegmentError {
  return new SegmentError("frame-invalid", problem);
}
