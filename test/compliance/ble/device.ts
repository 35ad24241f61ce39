/** The scripted device that the BLE suite talks to: what it does follows from the first byte it is sent. */
import type { PeripheralConnection, PeripheralHandler } from "../../../protocols/ports.ts";

export const ASK = {
  /** Notify the same value back. */
  echo: 0x45,
  /** [burst, count high, count low, size]: notify `count` values of `size` bytes, numbered. */
  burst: 0x42,
  /** [silent, number high, number low, …]: count it and check that it follows the one before. */
  silent: 0x53,
  /** Notify [report, count high, count low, in order]. */
  report: 0x52,
  hangUp: 0x44,
  /** Notify as many bytes as `notifySize` says, that number in the first two. */
  fullest: 0x4d,
  /** As `burst`, and disconnect. */
  farewell: 0x46,
  /** Notify one byte more than fits, and answer with [overflow, 1 if that was refused]. */
  overflow: 0x4f,
} as const;

/** Longer than any negotiated MTU here, so that it takes several reads. */
export const INFO_BYTES = 400;

export interface DeviceLog {
  connected: string[];
  disconnected: string[];
  /** Silent writes, of all connections. */
  silent: number;
  /** Codes of what `notify` rejected with. */
  refusals: string[];
}

export function scriptedDevice(): { handler: PeripheralHandler; log: DeviceLog } {
  const log: DeviceLog = { connected: [], disconnected: [], silent: 0, refusals: [] };
  const silent = new Map<string, { count: number; inOrder: boolean }>();
  let reads = 0;
  const notify = async (connection: PeripheralConnection, value: Uint8Array): Promise<boolean> => {
    try {
      await connection.notify(value);
      return true;
    } catch (error) {
      log.refusals.push((error as { code?: string }).code ?? String(error));
      return false;
    }
  };
  const burst = (connection: PeripheralConnection, count: number, size: number): void => {
    for (let i = 0; i < count; i += 1) {
      const value = new Uint8Array(size);
      value.set([i >> 8, i & 0xff]);
      void notify(connection, value);
    }
  };
  const obey = async (connection: PeripheralConnection, value: Uint8Array): Promise<void> => {
    const number = ((value[1] ?? 0) << 8) | (value[2] ?? 0);
    const seen = silent.get(connection.id) ?? { count: 0, inOrder: true };
    if (value[0] === ASK.echo) await notify(connection, value);
    else if (value[0] === ASK.burst) burst(connection, number, value[3] ?? 0);
    else if (value[0] === ASK.fullest) {
      const fullest = new Uint8Array(connection.notifySize).fill(0xee);
      fullest.set([fullest.length >> 8, fullest.length & 0xff]);
      await notify(connection, fullest);
    } else if (value[0] === ASK.hangUp) connection.disconnect();
    else if (value[0] === ASK.farewell) {
      burst(connection, number, value[3] ?? 0);
      connection.disconnect();
    } else if (value[0] === ASK.silent) {
      log.silent += 1;
      silent.set(connection.id, { count: seen.count + 1, inOrder: seen.inOrder && number === seen.count });
    } else if (value[0] === ASK.report) {
      await notify(
        connection,
        Uint8Array.of(ASK.report, seen.count >> 8, seen.count & 0xff, seen.inOrder ? 1 : 0),
      );
    } else if (value[0] === ASK.overflow) {
      const fitted = await notify(connection, new Uint8Array(connection.notifySize + 1));
      await notify(connection, Uint8Array.of(ASK.overflow, fitted ? 0 : 1));
    }
  };
  const handler: PeripheralHandler = {
    connected: (connection) => void log.connected.push(connection.id),
    disconnected: (connection) => void log.disconnected.push(connection.id),
    readInfo: () => {
      reads += 1;
      return new Uint8Array(INFO_BYTES).fill(reads & 0xff);
    },
    written: (connection, value) => void obey(connection, value),
  };
  return { handler, log };
}
