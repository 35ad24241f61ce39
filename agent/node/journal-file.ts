/**
 * The bytes of a journal: a header, then one record for each commit (or for several that came at once).
 *
 *   header   "SEGJRNL1" (8) || marker (8)
 *   record   marker (8) || length of the payload (4) || CRC-32 of all the rest (4) || payload
 *
 * The marker is random for each file. After damage the reader looks for it to tell a last write that power
 * loss cut short from damage in the middle; who can only send values cannot plant a record in one.
 */
import { crc32 } from "node:zlib";

const MAGIC = Buffer.from("SEGJRNL1", "latin1");
export const MARKER_BYTES = 8;
export const HEADER_BYTES = MAGIC.length + MARKER_BYTES;
const LENGTH_AT = MARKER_BYTES;
const CRC_AT = LENGTH_AT + 4;
export const RECORD_HEADER_BYTES = CRC_AT + 4;
/**
 * A record is a step's changes: a few kilobytes. The bound keeps a damaged length from allocating the disk.
 */
export const MAX_RECORD_BYTES = 16 * 1024 * 1024;

export interface JournalScan {
  /** Undefined for a file that was still being made: nothing in it was acknowledged. */
  marker: Uint8Array | undefined;
  records: { offset: number; payload: Uint8Array }[];
  /** Where the last whole record ends; what follows was being written when the power went. */
  end: number;
  /** Where damage begins that is no torn end: whole records follow, or the file is no journal. */
  damagedAt: number | undefined;
}

export function encodeHeader(marker: Uint8Array): Uint8Array {
  return Buffer.concat([MAGIC, marker]);
}

export function encodeRecord(marker: Uint8Array, payload: Uint8Array): Uint8Array {
  const header = Buffer.alloc(RECORD_HEADER_BYTES);
  header.set(marker, 0);
  header.writeUInt32BE(payload.length, LENGTH_AT);
  header.writeUInt32BE(crcOf(header, payload), CRC_AT);
  return Buffer.concat([header, payload]);
}

/** Never throws. Takes time in proportion to the file. */
export function scanJournal(file: Uint8Array): JournalScan {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  const records: JournalScan["records"] = [];
  if (bytes.length <= HEADER_BYTES) {
    const marker = markerOf(bytes);
    return { marker, records, end: marker === undefined ? 0 : HEADER_BYTES, damagedAt: undefined };
  }
  const marker = markerOf(bytes);
  if (marker === undefined) return { marker, records, end: 0, damagedAt: 0 };
  let end = HEADER_BYTES;
  for (let payload = recordAt(bytes, end, marker); payload !== undefined;) {
    records.push({ offset: end, payload });
    end += RECORD_HEADER_BYTES + payload.length;
    payload = recordAt(bytes, end, marker);
  }
  return { marker, records, end, damagedAt: recordFollows(bytes, end + 1, marker) ? end : undefined };
}

/**
 * The header's marker; should a bit of the header be wrong, that of the first record, which vouches for
 * itself.
 */
function markerOf(bytes: Buffer): Uint8Array | undefined {
  const isWhole = bytes.length >= HEADER_BYTES && MAGIC.equals(bytes.subarray(0, MAGIC.length));
  const marker = isWhole ? bytes.subarray(MAGIC.length, HEADER_BYTES) : undefined;
  if (marker !== undefined && recordAt(bytes, HEADER_BYTES, marker) !== undefined) return marker;
  const first = bytes.subarray(HEADER_BYTES, HEADER_BYTES + MARKER_BYTES);
  return recordAt(bytes, HEADER_BYTES, first) === undefined ? marker : first;
}

function recordAt(bytes: Buffer, offset: number, marker: Uint8Array): Uint8Array | undefined {
  const payloadAt = offset + RECORD_HEADER_BYTES;
  if (payloadAt > bytes.length) return undefined;
  if (!bytes.subarray(offset, offset + MARKER_BYTES).equals(marker)) return undefined;
  const length = bytes.readUInt32BE(offset + LENGTH_AT);
  if (length > MAX_RECORD_BYTES || payloadAt + length > bytes.length) return undefined;
  const payload = bytes.subarray(payloadAt, payloadAt + length);
  const header = bytes.subarray(offset, payloadAt);
  return crcOf(header, payload) === header.readUInt32BE(CRC_AT) ? payload : undefined;
}

function recordFollows(bytes: Buffer, from: number, marker: Uint8Array): boolean {
  for (let at = bytes.indexOf(marker, from); at >= 0; at = bytes.indexOf(marker, at + 1)) {
    if (recordAt(bytes, at, marker) !== undefined) return true;
  }
  return false;
}

function crcOf(header: Buffer, payload: Uint8Array): number {
  return crc32(payload, crc32(header.subarray(0, CRC_AT)));
}
