/**
 * H4: HCI packets on a byte stream (Bluetooth Core, vol 4 part A). One type byte,
 * then a header that says how long the packet is. The longest packet we take is
 * bounded, so that a broken peer can neither fill memory nor stall the reader.
 */
import { SegmentError } from "../../protocols/errors.ts";

export const H4_COMMAND = 0x01;
export const H4_ACL = 0x02;
export const H4_EVENT = 0x04;

/** ACL payloads above this are refused; the controller announces 251 bytes. */
const MAX_ACL_BYTES = 1024;

/** Bytes of header after the type byte, and where the length stands in it. */
const HEADERS: Record<number, { size: number; length: (header: Uint8Array) => number }> = {
  [H4_COMMAND]: { size: 3, length: (header) => header[2] ?? 0 },
  [H4_ACL]: { size: 4, length: (header) => (header[2] ?? 0) | ((header[3] ?? 0) << 8) },
  [H4_EVENT]: { size: 2, length: (header) => header[1] ?? 0 },
};

/** The whole length of the packet that starts at `start`, or undefined while its header is incomplete. */
function packetLength(bytes: Uint8Array, start: number): number | undefined {
  const type = bytes[start];
  if (type === undefined) return undefined;
  const header = HEADERS[type];
  if (header === undefined) {
    throw new SegmentError("radio-failed", `byte ${type} starts no H4 packet`, { where: `offset ${start}` });
  }
  if (bytes.length < start + 1 + header.size) return undefined;
  const length = header.length(bytes.subarray(start + 1, start + 1 + header.size));
  if (length > MAX_ACL_BYTES) {
    throw new SegmentError("radio-failed", `H4 packet of ${length} bytes, at most ${MAX_ACL_BYTES}`, {
      where: `offset ${start}`,
    });
  }
  return 1 + header.size + length;
}

/** Cuts a byte stream into H4 packets. */
export class H4Parser {
  #rest: Uint8Array = new Uint8Array(0);

  /** The packets that `bytes` completes, in order. Throws `radio-failed` on what is not H4. */
  push(bytes: Uint8Array): Uint8Array[] {
    const data = this.#rest.length === 0 ? bytes : joined(this.#rest, bytes);
    const packets: Uint8Array[] = [];
    let start = 0;
    for (;;) {
      const length = packetLength(data, start);
      if (length === undefined || data.length < start + length) break;
      packets.push(data.slice(start, start + length));
      start += length;
    }
    this.#rest = data.slice(start);
    return packets;
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const whole = new Uint8Array(a.length + b.length);
  whole.set(a);
  whole.set(b, a.length);
  return whole;
}
