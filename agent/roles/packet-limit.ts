/**
 * aedes has no bound on a packet's size: its parser collects whatever length a
 * stranger announces, up to 256 MB. This watches the fixed headers that go by
 * (MQTT 3.1.1, section 2.2) and cuts the socket at the first that announces too much.
 */
import type { Duplex } from "node:stream";

export interface PacketMeter {
  /** False as soon as a packet announces more than the bound, or a malformed length. */
  accepts(chunk: Uint8Array): boolean;
  /** Changes the bound, in bytes after the fixed header. */
  allow(maxBytes: number): void;
}

/** Pure: follows the packets through chunks cut anywhere. */
export function packetMeter(maxBytes: number): PacketMeter {
  let limit = maxBytes;
  /** Bytes of the present packet that are still to come. */
  let remaining = 0;
  /** Which byte of the fixed header comes next: 0 is the type, 1 to 4 are the length. */
  let headerByte = 0;
  let length = 0;

  return {
    accepts(chunk) {
      let at = 0;
      while (at < chunk.length) {
        if (remaining > 0) {
          const step = Math.min(remaining, chunk.length - at);
          remaining -= step;
          at += step;
          continue;
        }
        const byte = chunk[at++] as number;
        if (headerByte === 0) {
          headerByte = 1;
          length = 0;
          continue;
        }
        // Seven bits a byte, least significant first, at most four bytes (section 2.2.3).
        length += (byte & 0x7f) * 128 ** (headerByte - 1);
        if (length > limit || (byte >= 0x80 && headerByte === 4)) return false;
        if (byte >= 0x80) headerByte++;
        else {
          headerByte = 0;
          remaining = length;
        }
      }
      return true;
    },
    allow(bytes) {
      limit = bytes;
    },
  };
}

/** Puts a meter on a connection before anything reads from it. `exceeded` is called once, when it is cut. */
export function limitPackets(stream: Duplex, maxBytes: number, exceeded: () => void): PacketMeter {
  const meter = packetMeter(maxBytes);
  const read = stream.read.bind(stream);
  // aedes reads with `read`, not with `data` events: what does not pass here never reaches its parser.
  stream.read = (size?: number): Uint8Array | null => {
    const chunk = read(size) as Uint8Array | null;
    if (chunk === null || meter.accepts(chunk)) return chunk;
    exceeded();
    stream.destroy();
    return null;
  };
  return meter;
}
