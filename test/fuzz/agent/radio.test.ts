/**
 * The virtual air under any host: byte streams that are no H4, packets that are no HCI, commands out of
 * order.
 */
import fc from "fast-check";
import { describe, expect } from "vitest";
import { concat, equalBytes } from "../../../protocols/encoding/bytes.ts";
import { seededRandom } from "../../../simulators/random.ts";
import { Air } from "../../../simulators/radio/air.ts";
import type { Controller } from "../../../simulators/radio/controller.ts";
import { H4Parser } from "../../../simulators/radio/h4.ts";
import { addressBytes, OPCODES, u16 } from "../../../simulators/radio/hci.ts";
import { VirtualClock } from "../../../simulators/virtual-clock.ts";
import { fuzz } from "../support/harness.ts";
import { mutatedBytes } from "../support/mutate.ts";

const ADDRESSES = ["c0:00:00:00:00:0a", "c0:00:00:00:00:0b", "c0:00:00:00:00:0c"] as const;

function command(opcode: number, parameters: readonly number[]): Uint8Array {
  return Uint8Array.of(1, ...u16(opcode), parameters.length, ...parameters);
}

const zeros = (count: number): number[] => new Array<number>(count).fill(0);
const advertise = [
  command(OPCODES.leSetEventMask, [0xff, 0xff, ...zeros(6)]),
  command(OPCODES.leSetAdvertisingParameters, [0, 0, 32, 0, 0, ...zeros(10)]),
  command(OPCODES.leSetAdvertisingData, [3, 2, 1, 6, ...zeros(28)]),
  command(OPCODES.leSetScanResponseData, [31, ...zeros(31)]),
  command(OPCODES.leSetAdvertisingEnable, [1]),
  command(OPCODES.leSetAdvertisingEnable, [0]),
];
const scan = [
  command(OPCODES.leSetScanParameters, [1, ...zeros(6)]),
  command(OPCODES.leSetScanEnable, [1, 0]),
  command(OPCODES.leSetScanEnable, [0, 0]),
];
const connect = ADDRESSES.map((address) =>
  command(OPCODES.leCreateConnection, [
    ...zeros(6),
    ...addressBytes(address),
    ...zeros(3),
    6,
    0,
    0,
    0,
    100,
    0,
    ...zeros(4),
  ]),
);
const onLink = [0x40, 0x41, 0x42].flatMap((handle) => [
  command(OPCODES.disconnect, [handle, 0, 0x13]),
  command(OPCODES.readRemoteVersion, [handle, 0]),
  command(OPCODES.readRssi, [handle, 0]),
  command(OPCODES.leUpdateConnection, [handle, 0, ...zeros(12)]),
  command(OPCODES.leReadRemoteFeatures, [handle, 0]),
  command(OPCODES.leStartEncryption, [handle, 0, ...zeros(26)]),
  command(OPCODES.leSetDataLength, [handle, 0, ...zeros(4)]),
  Uint8Array.of(2, handle, 0x20, 4, 0, 1, 2, 3, 4),
  Uint8Array.of(2, handle, 0x10, 2, 0, 5, 6),
]);
const others = Object.values(OPCODES).map((opcode) => command(opcode, []));
const packets = [...advertise, ...scan, ...connect, ...onLink, ...others];

describe("H4", () => {
  fuzz(
    "cuts any stream the same way, however it comes in pieces",
    fc.tuple(
      fc.array(fc.oneof(fc.constantFrom(...packets), mutatedBytes(packets)), { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 20 }),
    ),
    ([parts, cuts]) => {
      const stream = concat(...parts);
      const whole = cut(stream, []);
      const pieces = cut(stream, cuts);
      // What comes before the fault may be handed out already when the stream comes in pieces.
      expect(pieces.length).toBeGreaterThanOrEqual(whole.length);
      whole.forEach((packet, index) => expect(equalBytes(packet, pieces[index]!)).toBe(true));
      const held = pieces.reduce((sum, packet) => sum + packet.length, 0);
      expect(held).toBeLessThanOrEqual(stream.length);
    },
  );
});

function cut(stream: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const parser = new H4Parser();
  const found: Uint8Array[] = [];
  let at = 0;
  try {
    for (const size of [...sizes, stream.length]) {
      found.push(...parser.push(stream.subarray(at, at + size)));
      at += size;
    }
  } catch {
    // Not H4 from here on: the driver hangs up.
  }
  return found;
}

interface Event {
  host: number;
  packet: Uint8Array;
  waitMs: number;
  moves: number | undefined;
}

const event: fc.Arbitrary<Event> = fc.record({
  host: fc.nat(ADDRESSES.length - 1),
  packet: fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...advertise, ...scan, ...connect) },
    { weight: 2, arbitrary: fc.constantFrom(...onLink) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
    { weight: 2, arbitrary: mutatedBytes(packets) },
  ),
  waitMs: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(200) }),
  moves: fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.nat(500) }),
});

describe("the virtual air", () => {
  fuzz(
    "answers any hosts with sound events, keeps its bounds and leaves no timer",
    fc.tuple(fc.array(event, { minLength: 1, maxLength: 60 }), fc.constantFrom(0, 7.5), fc.nat(1_000)),
    async ([events, connectionIntervalMs, seed]) => {
      const clock = new VirtualClock(0);
      const air = new Air({ clock, random: seededRandom(seed), connectionIntervalMs, missedEvents: 0.2 });
      const heard: Uint8Array[] = [];
      const links = new Map<Controller, Set<number>>();
      const controllers = ADDRESSES.map((address, index): Controller => {
        const open = new Set<number>();
        const controller: Controller = air.powerOn(address, (packet) => {
          heard.push(packet);
          noteLink(packet, open);
        });
        links.set(controller, open);
        air.place(address, { x: index, y: 0, z: 0 });
        return controller;
      });
      for (const { host, packet, waitMs, moves } of events) {
        if (moves !== undefined) air.place(ADDRESSES[host]!, { x: moves, y: 0, z: 0 });
        controllers[host]!.fromHost(packet);
        if (waitMs > 0) await clock.runFor(waitMs, 10_000);
      }
      for (const packet of heard) expect(new H4Parser().push(packet)).toHaveLength(1);
      for (const open of links.values()) expect(open.size).toBeLessThanOrEqual(9);
      air.close();
      expect(clock.pending).toBe(0);
    },
    { share: 0.1 },
  );
});

/** Connection complete and disconnection complete, as a host counts its links. */
function noteLink(packet: Uint8Array, open: Set<number>): void {
  const handle = packet[1] === 0x3e ? packet[5]! | (packet[6]! << 8) : packet[4]! | (packet[5]! << 8);
  const begins = packet[1] === 0x3e && (packet[3] === 0x01 || packet[3] === 0x0a) && packet[4] === 0;
  if (begins) {
    expect(open.has(handle)).toBe(false);
    open.add(handle);
  } else if (packet[1] === 0x05) {
    expect(open.delete(handle)).toBe(true);
  }
}
