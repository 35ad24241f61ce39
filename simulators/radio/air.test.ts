import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Clock } from "../../protocols/ports.ts";
import { Air } from "./air.ts";
import type { Controller } from "./controller.ts";
import { rssiOver } from "./space.ts";

/** A clock that moves when told. */
class StillClock implements Clock {
  ms = 0;
  readonly #timers = new Map<object, { atMs: number; fire: () => void }>();

  now(): number {
    return this.ms;
  }

  at(atMs: number, fire: () => void) {
    const key = {};
    this.#timers.set(key, { atMs, fire });
    return { cancel: () => void this.#timers.delete(key) };
  }

  get waiting(): number {
    return this.#timers.size;
  }

  advance(ms: number): void {
    const end = this.ms + ms;
    for (;;) {
      const due = [...this.#timers].filter(([, t]) => t.atMs <= end).sort((a, b) => a[1].atMs - b[1].atMs)[0];
      if (due === undefined) break;
      this.#timers.delete(due[0]);
      this.ms = Math.max(this.ms, due[1].atMs);
      due[1].fire();
    }
    this.ms = end;
  }
}

const A = "c0:00:00:00:00:0a";
const B = "c0:00:00:00:00:0b";

interface Host {
  controller: Controller;
  events: Uint8Array[];
  /** Parameters of the last event with that code (and LE subevent). */
  last(code: number, subevent?: number): Uint8Array | undefined;
  command(opcode: number, ...parameters: number[]): void;
}

function host(air: Air, address: string): Host {
  const events: Uint8Array[] = [];
  const controller = air.powerOn(address, (packet) => events.push(packet));
  return {
    controller,
    events,
    last: (code, subevent) =>
      events
        .findLast((e) => e[0] === 4 && e[1] === code && (subevent === undefined || e[3] === subevent))
        ?.slice(3),
    command: (opcode, ...parameters) =>
      controller.fromHost(Uint8Array.of(1, opcode & 0xff, opcode >> 8, parameters.length, ...parameters)),
  };
}

function setUp(options: { connectionIntervalMs?: number; missedEvents?: number } = {}) {
  const clock = new StillClock();
  const random = { bytes: (length: number) => new Uint8Array(length).fill(0) };
  const air = new Air({ clock, random, connectionIntervalMs: 0, ...options });
  return { clock, air, a: host(air, A), b: host(air, B) };
}

const advertise = (h: Host): void => {
  h.command(0x2006, 0xa0, 0, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0); // every 100 ms, connectable
  h.command(0x2008, 3, 2, 1, 6);
  h.command(0x2009, 2, 1, 0x08);
  h.command(0x200a, 1);
};
const addressOfA = [0x0a, 0, 0, 0, 0, 0xc0];
const createConnection = (h: Host): void =>
  h.command(0x200d, 0x60, 0, 0x30, 0, 0, 0, ...addressOfA, 0, 6, 0, 18, 0, 0, 0, 42, 0, 0, 0, 0, 0);
const handleOf = (h: Host): number => {
  const event = h.last(0x3e, 0x01);
  return (event?.[2] ?? 0) | ((event?.[3] ?? 0) << 8);
};
const acl = (handle: number, flags: number, ...data: number[]): Uint8Array =>
  Uint8Array.of(2, handle & 0xff, (handle >> 8) | (flags << 4), data.length, 0, ...data);

function connected(options: { connectionIntervalMs?: number; missedEvents?: number } = {}) {
  const world = setUp(options);
  advertise(world.a);
  createConnection(world.b);
  world.clock.advance(120);
  return { ...world, ofA: handleOf(world.a), ofB: handleOf(world.b) };
}

describe("the air", () => {
  it("weakens with distance, down to silence", () => {
    expect(rssiOver(1)).toBe(-50);
    expect(rssiOver(10)).toBe(-75);
    expect(rssiOver(63)).toBe(-95);
    expect(rssiOver(64)).toBeUndefined();
  });

  it("reports advertisements and scan responses to who scans and is in range", () => {
    const { clock, air, a, b } = setUp();
    advertise(a);
    b.command(0x200b, 1, 0x12, 0, 0x12, 0, 0, 0);
    b.command(0x200c, 1, 0);
    air.place(B, { x: 0, y: 10, z: 0 });
    clock.advance(120);
    const reports = b.events.filter((e) => e[1] === 0x3e && e[3] === 0x02).map((e) => [...e.slice(5)]);
    expect(reports).toEqual([
      [0x00, 0, ...addressOfA, 3, 2, 1, 6, 256 - 75],
      [0x04, 0, ...addressOfA, 2, 1, 0x08, 256 - 75],
    ]);
    air.place(B, { x: 0, y: 100, z: 0 });
    const before = b.events.length;
    clock.advance(1000);
    expect(b.events.length).toBe(before);
  });

  it("filters duplicates when asked to", () => {
    const { clock, a, b } = setUp();
    advertise(a);
    b.command(0x200b, 0, 0x12, 0, 0x12, 0, 0, 0);
    b.command(0x200c, 1, 1);
    clock.advance(1000);
    expect(b.events.filter((e) => e[1] === 0x3e && e[3] === 0x02)).toHaveLength(1);
  });

  it("connects at an advertisement; the advertiser falls silent", () => {
    const { clock, air, a, b } = connected();
    expect(a.last(0x3e, 0x01)?.[4]).toBe(1); // role: peripheral
    expect(b.last(0x3e, 0x01)?.[4]).toBe(0);
    expect(air.counters.connections).toBe(1);
    const before = air.counters.advertisements;
    clock.advance(1000);
    expect(air.counters.advertisements).toBe(before);
  });

  it("uses the enhanced event only for hosts that asked for it", () => {
    const { clock, a, b } = setUp();
    b.command(0x2001, 0xff, 0x02, 0, 0, 0, 0, 0, 0);
    advertise(a);
    createConnection(b);
    clock.advance(120);
    expect(b.last(0x3e, 0x0a)).toHaveLength(31);
    expect(a.last(0x3e, 0x01)).toHaveLength(19);
  });

  it("carries data with the flags of the other direction and gives the buffer back", () => {
    const { a, b, ofA, ofB } = connected();
    b.controller.fromHost(acl(ofB, 0b00, 1, 2, 3));
    b.controller.fromHost(acl(ofB, 0b01, 4));
    const data = a.events.filter((e) => e[0] === 2);
    expect(data).toEqual([acl(ofA, 0b10, 1, 2, 3), acl(ofA, 0b01, 4)]);
    expect(b.events.filter((e) => e[1] === 0x13)).toHaveLength(2);
  });

  it("exchanges a few packets at each connection event, and an answer at the next", () => {
    const { clock, a, b, ofA, ofB } = connected({ connectionIntervalMs: 20 });
    clock.advance(20 - ((clock.ms - 100) % 20)); // to the next event
    for (let i = 0; i < 6; i += 1) b.controller.fromHost(acl(ofB, 0, i));
    const received = (): number => a.events.filter((e) => e[0] === 2).length;
    clock.advance(19);
    expect(received()).toBe(0);
    clock.advance(2);
    expect(received()).toBe(4);
    a.controller.fromHost(acl(ofA, 0, 9));
    clock.advance(20);
    expect(received()).toBe(6);
    expect(b.events.filter((e) => e[0] === 2)).toHaveLength(1);
  });

  it("says so when the host sends more than there are buffers", () => {
    const { b, ofB } = connected({ connectionIntervalMs: 20 });
    for (let i = 0; i < 13; i += 1) b.controller.fromHost(acl(ofB, 0, i));
    expect(b.events.filter((e) => e[1] === 0x1a)).toHaveLength(1);
  });

  it("ends a link with the reason that each side is due", () => {
    const { a, b, ofB } = connected();
    b.command(0x0406, ofB & 0xff, ofB >> 8, 0x13);
    expect(b.last(0x05)?.[3]).toBe(0x16);
    expect(a.last(0x05)?.[3]).toBe(0x13);
    b.command(0x0406, ofB & 0xff, ofB >> 8, 0x13);
    expect(b.last(0x0f)?.[0]).toBe(0x02); // there is no such connection any more
  });

  it("ends a link after the supervision timeout out of reach, and keeps it when reach returns in time", () => {
    const { clock, air, a, b, ofB } = connected();
    air.place(A, { x: 200, y: 0, z: 0 });
    b.controller.fromHost(acl(ofB, 0, 1));
    clock.advance(400);
    expect(a.events.some((e) => e[0] === 2)).toBe(false);
    air.place(A, { x: 0, y: 0, z: 0 });
    expect(a.events.some((e) => e[0] === 2)).toBe(true);
    air.place(A, { x: 200, y: 0, z: 0 });
    clock.advance(419);
    expect(a.last(0x05)).toBeUndefined();
    clock.advance(2);
    expect([a.last(0x05)?.[3], b.last(0x05)?.[3]]).toEqual([0x08, 0x08]);
    expect(air.counters.linksLost).toBe(1);
  });

  it("cancels an attempt to connect", () => {
    const { clock, a, b } = setUp();
    createConnection(b);
    createConnection(b);
    expect(b.last(0x0f)?.[0]).toBe(0x0c); // one attempt at a time
    b.command(0x200e);
    expect(b.last(0x3e, 0x01)?.[1]).toBe(0x02);
    advertise(a);
    clock.advance(500);
    expect(a.last(0x3e, 0x01)).toBeUndefined();
  });

  it("reports encryption to both ends once one starts it", () => {
    const { a, b, ofB } = connected();
    b.command(0x2019, ofB & 0xff, ofB >> 8, ...new Array<number>(26).fill(0));
    expect(a.last(0x08)?.[3]).toBe(1);
    expect(b.last(0x08)?.[3]).toBe(1);
  });

  it("tells the peer when a controller is reset or powered off, and leaves no timer", () => {
    const { clock, air, a, b } = connected({ connectionIntervalMs: 20 });
    b.command(0x0c03);
    expect(a.last(0x05)?.[3]).toBe(0x13);
    expect(b.last(0x05)).toBeUndefined();
    advertise(a);
    air.close();
    expect(clock.waiting).toBe(0);
  });

  it("answers unknown and short commands instead of failing", () => {
    const { a } = setUp();
    a.command(0xfc01);
    expect(a.last(0x0e)?.[3]).toBe(0x01);
    a.command(0x200d, 1, 2);
    expect(a.last(0x0e)?.[3]).toBe(0x12);
  });

  it("survives any packets from a host", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 30 }),
        fc.array(fc.nat(0xff)),
        (raw, low) => {
          const { clock, air, a, b } = connected();
          raw.forEach((bytes) => b.controller.fromHost(bytes));
          // Opcodes that exist, with any parameters.
          low.forEach((ocf, i) => b.command(0x2000 | (ocf & 0x3f), ...(raw[i] ?? [])));
          a.controller.fromHost(acl(0x40, 0));
          clock.advance(300);
          air.close();
          expect(clock.waiting).toBe(0);
        },
      ),
      { numRuns: 100 },
    );
  });
});
