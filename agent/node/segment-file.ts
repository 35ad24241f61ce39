/**
 * One append-only file of framed records. The file begins with "SEGMENT1" and eight random bytes, its marker;
 * a frame is
 *
 *   marker (8) || CRC-32 of the rest (4) || kind (1) || key length (2) || value length (4) || key || value
 *
 * After damage the reader looks for the marker to go on. It is random for each file, so that nobody can plant
 * frames in the values that they send.
 */
import { crc32 } from "node:zlib";

const MAGIC = Buffer.from("SEGMENT1", "latin1");
const MARKER_BYTES = 8;
export const FILE_HEADER_BYTES = MAGIC.length + MARKER_BYTES;
const CRC_AT = MARKER_BYTES;
const KIND_AT = CRC_AT + 4;
const KEY_LENGTH_AT = KIND_AT + 1;
const VALUE_LENGTH_AT = KEY_LENGTH_AT + 2;
export const FRAME_HEADER_BYTES = VALUE_LENGTH_AT + 4;

export const MAX_KEY_BYTES = 512;
export const MAX_VALUE_BYTES = 8 * 1024 * 1024;

/** A value is there, or from here on it is not. */
export type FrameKind = "put" | "delete";
const KINDS: readonly FrameKind[] = ["put", "delete"];

export interface Frame {
  kind: FrameKind;
  key: string;
  /** Where the frame begins in its file, and its length. */
  offset: number;
  length: number;
  value: Uint8Array;
}

export function encodeFileHeader(marker: Uint8Array): Uint8Array {
  return Buffer.concat([MAGIC, marker]);
}

/** The marker of a file, or undefined if it does not begin as it must. */
export function readFileHeader(file: Uint8Array): Uint8Array | undefined {
  if (file.length < FILE_HEADER_BYTES || !MAGIC.equals(file.subarray(0, MAGIC.length))) return undefined;
  const marker = file.slice(MAGIC.length, FILE_HEADER_BYTES);
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (bytes.indexOf(marker, FILE_HEADER_BYTES) >= 0) return marker;
  // A bit of it has gone wrong, or the only frame's has: the first frame tells it too. Otherwise all of the
  // file would look like one torn write, and be cut off.
  const first = file.slice(FILE_HEADER_BYTES, FILE_HEADER_BYTES + MARKER_BYTES);
  return readFrame(file, FILE_HEADER_BYTES, first) === undefined ? marker : first;
}

export function encodeFrame(marker: Uint8Array, kind: FrameKind, key: string, value: Uint8Array): Uint8Array {
  const keyBytes = Buffer.from(key, "utf8");
  const frame = Buffer.alloc(FRAME_HEADER_BYTES + keyBytes.length + value.length);
  frame.set(marker, 0);
  frame.writeUInt8(KINDS.indexOf(kind), KIND_AT);
  frame.writeUInt16BE(keyBytes.length, KEY_LENGTH_AT);
  frame.writeUInt32BE(value.length, VALUE_LENGTH_AT);
  frame.set(keyBytes, FRAME_HEADER_BYTES);
  frame.set(value, FRAME_HEADER_BYTES + keyBytes.length);
  frame.writeUInt32BE(crc32(frame.subarray(KIND_AT)), CRC_AT);
  return frame;
}

/** The frame at `offset` of `bytes`, or undefined if none begins there or its CRC fails. */
export function readFrame(bytes: Uint8Array, offset: number, marker: Uint8Array): Frame | undefined {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (offset + FRAME_HEADER_BYTES > view.length) return undefined;
  if (!view.subarray(offset, offset + MARKER_BYTES).equals(marker)) return undefined;
  const kind = KINDS[view.readUInt8(offset + KIND_AT)];
  const keyLength = view.readUInt16BE(offset + KEY_LENGTH_AT);
  const valueLength = view.readUInt32BE(offset + VALUE_LENGTH_AT);
  const length = FRAME_HEADER_BYTES + keyLength + valueLength;
  if (kind === undefined || keyLength > MAX_KEY_BYTES || valueLength > MAX_VALUE_BYTES) return undefined;
  if (offset + length > view.length) return undefined;
  if (crc32(view.subarray(offset + KIND_AT, offset + length)) !== view.readUInt32BE(offset + CRC_AT))
    return undefined;
  const keyEnd = offset + FRAME_HEADER_BYTES + keyLength;
  return {
    kind,
    key: view.toString("utf8", offset + FRAME_HEADER_BYTES, keyEnd),
    offset,
    length,
    value: bytes.subarray(keyEnd, offset + length),
  };
}

/** Stretches of a file that hold no frame: bit rot, or a write that power loss cut short. */
export interface Damage {
  offset: number;
  length: number;
}

/** All whole frames of a file, in order, and what lies between them. */
export function scanFile(file: Uint8Array, marker: Uint8Array): { frames: Frame[]; damage: Damage[] } {
  const frames: Frame[] = [];
  const damage: Damage[] = [];
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  let offset = FILE_HEADER_BYTES;
  while (offset < bytes.length) {
    const frame = readFrame(bytes, offset, marker);
    if (frame !== undefined) {
      frames.push(frame);
      offset += frame.length;
      continue;
    }
    let next = bytes.indexOf(marker, offset + 1);
    while (next >= 0 && readFrame(bytes, next, marker) === undefined) next = bytes.indexOf(marker, next + 1);
    const end = next < 0 ? bytes.length : next;
    damage.push({ offset, length: end - offset });
    offset = end;
  }
  return { frames, damage };
}
