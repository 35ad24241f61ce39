/**
 * Words of the Host Controller Interface that noble, bleno and a cautious third
 * stack use (Bluetooth Core 5.x, vol 4 part E): opcodes, and builders of events as H4 packets.
 */
import { H4_ACL, H4_EVENT } from "./h4.ts";

export const OPCODES = {
  disconnect: 0x0406,
  readRemoteVersion: 0x041d,
  setEventMask: 0x0c01,
  reset: 0x0c03,
  readLeHostSupport: 0x0c6c,
  writeLeHostSupport: 0x0c6d,
  readLocalVersion: 0x1001,
  readLocalCommands: 0x1002,
  readLocalFeatures: 0x1003,
  readBufferSize: 0x1005,
  readAddress: 0x1009,
  readRssi: 0x1405,
  leSetEventMask: 0x2001,
  leReadBufferSize: 0x2002,
  leReadFeatures: 0x2003,
  leSetRandomAddress: 0x2005,
  leSetAdvertisingParameters: 0x2006,
  leReadAdvertisingTxPower: 0x2007,
  leSetAdvertisingData: 0x2008,
  leSetScanResponseData: 0x2009,
  leSetAdvertisingEnable: 0x200a,
  leSetScanParameters: 0x200b,
  leSetScanEnable: 0x200c,
  leCreateConnection: 0x200d,
  leCancelConnection: 0x200e,
  leUpdateConnection: 0x2013,
  leReadRemoteFeatures: 0x2016,
  leStartEncryption: 0x2019,
  leReadStates: 0x201c,
  leSetDataLength: 0x2022,
  leReadMaxDataLength: 0x202f,
} as const;

/** Status and reason codes (vol 1 part F). */
export const STATUS = {
  ok: 0x00,
  unknownCommand: 0x01,
  unknownConnection: 0x02,
  timeout: 0x08,
  connectionLimit: 0x09,
  disallowed: 0x0c,
  invalidParameters: 0x12,
  remoteEnded: 0x13,
  localEnded: 0x16,
} as const;

/** Bits of the LE event mask (7.8.1). */
export const LE_EVENTS = {
  connectionComplete: 0,
  advertisingReport: 1,
  connectionUpdated: 2,
  remoteFeatures: 3,
  dataLength: 6,
  enhancedConnectionComplete: 9,
} as const;

/** Encryption (bit 0) and data length (bit 5). No extended advertising: stacks stay on legacy commands. */
export const LE_FEATURES = Uint8Array.of(0x21, 0, 0, 0, 0, 0, 0, 0);
/** Bluetooth 5.0 in HCI numbering. */
export const HCI_VERSION = 0x09;
/** No company: the value reserved for tests. */
export const MANUFACTURER = 0xffff;

export const ACL_MAX_BYTES = 251;
export const ACL_BUFFERS = 12;
/** Data length of a link: octets and microseconds at 1 Mbit/s. */
export const MAX_DATA_LENGTH = { octets: 251, timeUs: 2120 } as const;

export type Role = "central" | "peripheral";

export interface LinkParameters {
  /** Units of 1.25 ms. */
  interval: number;
  latency: number;
  /** Units of 10 ms. */
  supervisionTimeout: number;
}

export const u16 = (value: number): number[] => [value & 0xff, (value >> 8) & 0xff];

export function readU16(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
}

/** "c0:ff:ee:00:00:01" to its six bytes in the order of the air (little-endian), and back. */
export function addressBytes(address: string): number[] {
  return address
    .split(":")
    .map((pair) => Number.parseInt(pair, 16))
    .reverse();
}

export function addressText(bytes: Uint8Array): string {
  return [...bytes]
    .reverse()
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join(":");
}

function event(code: number, parameters: ArrayLike<number>): Uint8Array {
  return Uint8Array.from([H4_EVENT, code, parameters.length, ...Array.from(parameters)]);
}

/** 7.7.14 */
export function commandComplete(opcode: number, status: number, result: ArrayLike<number> = []): Uint8Array {
  return event(0x0e, [1, ...u16(opcode), status, ...Array.from(result)]);
}

/** 7.7.15 */
export function commandStatus(opcode: number, status: number): Uint8Array {
  return event(0x0f, [status, 1, ...u16(opcode)]);
}

/** 7.7.5 */
export function disconnectionComplete(handle: number, reason: number): Uint8Array {
  return event(0x05, [STATUS.ok, ...u16(handle), reason]);
}

/** 7.7.8 */
export function encryptionChange(handle: number): Uint8Array {
  return event(0x08, [STATUS.ok, ...u16(handle), 1]);
}

/** 7.7.12 */
export function remoteVersion(handle: number): Uint8Array {
  return event(0x0c, [STATUS.ok, ...u16(handle), HCI_VERSION, ...u16(MANUFACTURER), ...u16(0)]);
}

/** 7.7.19 */
export function completedPackets(handle: number, count: number): Uint8Array {
  return event(0x13, [1, ...u16(handle), ...u16(count)]);
}

/** 7.7.26: the host sent more than the controller has buffers for. */
export function bufferOverflow(): Uint8Array {
  return event(0x1a, [1]);
}

/** 7.7.65.1, or 7.7.65.10 for hosts that asked for the enhanced form. */
export function connectionComplete(
  enhanced: boolean,
  link: { handle: number; role: Role; peer: string } & LinkParameters,
): Uint8Array {
  const head = [
    STATUS.ok,
    ...u16(link.handle),
    link.role === "central" ? 0 : 1,
    0,
    ...addressBytes(link.peer),
  ];
  const timing = [...u16(link.interval), ...u16(link.latency), ...u16(link.supervisionTimeout), 0];
  const noPrivateAddresses = new Array<number>(12).fill(0);
  return enhanced
    ? event(0x3e, [0x0a, ...head, ...noPrivateAddresses, ...timing])
    : event(0x3e, [0x01, ...head, ...timing]);
}

/** A connection attempt that ended without a connection. */
export function connectionFailed(enhanced: boolean, status: number): Uint8Array {
  return event(0x3e, [enhanced ? 0x0a : 0x01, status, ...new Array<number>(enhanced ? 29 : 17).fill(0)]);
}

/** 7.7.65.2. `kind` 0 is connectable advertising, 4 a scan response. */
export function advertisingReport(
  kind: number,
  address: string,
  data: Uint8Array,
  rssiDbm: number,
): Uint8Array {
  return event(0x3e, [0x02, 1, kind, 0, ...addressBytes(address), data.length, ...data, rssiDbm & 0xff]);
}

/** 7.7.65.3 */
export function connectionUpdated(handle: number, link: LinkParameters): Uint8Array {
  const timing = [...u16(link.interval), ...u16(link.latency), ...u16(link.supervisionTimeout)];
  return event(0x3e, [0x03, STATUS.ok, ...u16(handle), ...timing]);
}

/** 7.7.65.4 */
export function remoteFeatures(handle: number): Uint8Array {
  return event(0x3e, [0x04, STATUS.ok, ...u16(handle), ...LE_FEATURES]);
}

/** 7.7.65.7 */
export function dataLengthChange(handle: number): Uint8Array {
  const one = [...u16(MAX_DATA_LENGTH.octets), ...u16(MAX_DATA_LENGTH.timeUs)];
  return event(0x3e, [0x07, ...u16(handle), ...one, ...one]);
}

/** ACL data towards the host: a start carries the flag 0b10, a continuation 0b01 (5.4.2). */
export function aclToHost(handle: number, continuation: boolean, data: Uint8Array): Uint8Array {
  const packet = new Uint8Array(5 + data.length);
  packet.set([H4_ACL, ...u16(handle | ((continuation ? 0b01 : 0b10) << 12)), ...u16(data.length)]);
  packet.set(data, 5);
  return packet;
}
