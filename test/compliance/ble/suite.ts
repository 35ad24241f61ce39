/** What every pair of CentralRadio and PeripheralRadio must do (protocols/ports.ts). */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { errorCode } from "../../../protocols/errors.ts";
import type { CentralConnection, CentralRadio, Clock, Sighting } from "../../../protocols/ports.ts";
import { SERVICE_UUID } from "../../../protocols/session/gatt.ts";
import { DEVICE_ADDRESS, DEVICE_NAME, PHONE_ADDRESS, TABLET_ADDRESS } from "./addresses.ts";
import { ASK, type DeviceLog, INFO_BYTES } from "./device.ts";

/** A scripted device that advertises, two centrals, and power over the space between them. */
export interface BleWorld {
  clock: Clock;
  phone: CentralRadio;
  tablet: CentralRadio;
  deviceLog(): Promise<DeviceLog>;
  /** Moves the device that far from both centrals. */
  moveDevice(distanceM: number): void;
  cut(centralAddress: string): boolean;
  close(): Promise<void>;
}

export function bleCompliance(name: string, open: () => Promise<BleWorld>): void {
  describe(`BLE ports: ${name}`, () => {
    let world: BleWorld;
    beforeAll(async () => {
      world = await open();
    });
    afterAll(() => world.close());
    const context: Context = { world: () => world };
    findingAndReading(context);
    carrying(context);
    ending(context);
    moving(context);
  });
}

interface Context {
  world: () => BleWorld;
}

const FAR_M = 500;
const CONNECT_TIMEOUT_MS = 10_000;

function findingAndReading({ world }: Context): void {
  it("sights the device with its name, its address and a signal that falls with distance", async () => {
    world().moveDevice(1);
    const near = await sight(world().phone);
    world().moveDevice(30);
    const far = await sight(world().phone);
    world().moveDevice(1);
    expect(near).toMatchObject({ address: DEVICE_ADDRESS, name: DEVICE_NAME });
    expect(near.rssiDbm).toBeGreaterThan(far.rssiDbm);
    expect(far.rssiDbm).toBeLessThan(-60);
  });

  it("sights again and again until the signal aborts, and only the service asked for", async () => {
    const stop = new AbortController();
    let sightings = 0;
    let others = 0;
    const wanted = world().phone.scan(SERVICE_UUID, () => (sightings += 1), stop.signal);
    const other = world().phone.scan(SERVICE_UUID.replace("5e69", "0000"), () => (others += 1), stop.signal);
    await until(() => sightings >= 3);
    stop.abort();
    await Promise.all([wanted, other]);
    const atAbort = sightings;
    await pause(world(), 300);
    expect(sightings).toBe(atAbort);
    expect(others).toBe(0);
  });

  it("reads a long info value whole, fresh at each read and each connection", async () => {
    const values: Uint8Array[] = [];
    for (let i = 0; i < 2; i += 1) {
      const { link } = await connect(world());
      values.push(await link.readInfo(), await link.readInfo());
      await link.disconnect();
    }
    for (const value of values) {
      expect(value.length).toBe(INFO_BYTES);
      expect(new Set(value).size).toBe(1); // all pieces are of one read
    }
    expect(new Set(values.map((value) => value[0])).size).toBe(4);
  });

  it("connects while it scans, and the scan goes on", async () => {
    const stop = new AbortController();
    let sightings = 0;
    const scan = world().phone.scan(SERVICE_UUID, () => (sightings += 1), stop.signal);
    await until(() => sightings > 0);
    const { link } = await connect(world());
    const before = sightings;
    await until(() => sightings > before + 1);
    stop.abort();
    await scan;
    await link.disconnect();
  });
}

function carrying({ world }: Context): void {
  it("carries values of every size up to the announced one, both ways", async () => {
    const { link, next } = await connect(world());
    expect(link.writeSize).toBeGreaterThanOrEqual(20);
    for (const size of [1, 2, 19, 20, 21, 100, link.writeSize - 1, link.writeSize]) {
      const value = Uint8Array.from({ length: size }, (_, i) => (i * 7 + size) & 0xff);
      value[0] = ASK.echo;
      const answer = next();
      await link.write(value);
      expect(await answer).toEqual(value);
    }
    const answer = next();
    await link.write(Uint8Array.of(ASK.fullest));
    const fullest = await answer;
    expect(fullest.length).toBe(((fullest[0] ?? 0) << 8) | (fullest[1] ?? 0));
    expect(fullest.length).toBeGreaterThanOrEqual(20);
    await link.disconnect();
  });

  it("refuses what is too long, at both ends, and goes on", async () => {
    const { link, next } = await connect(world());
    await expectCode(link.write(new Uint8Array(link.writeSize + 1)), "frame-too-large");
    const answer = next();
    await link.write(Uint8Array.of(ASK.overflow));
    expect(await answer).toEqual(Uint8Array.of(ASK.overflow, 1));
    await link.disconnect();
  });

  it("keeps the order of writes, sent without waiting", async () => {
    const { link, next } = await connect(world());
    const count = 300;
    const writes = Array.from({ length: count }, (_, i) => {
      const value = new Uint8Array(20 + (i % 200));
      value.set([ASK.silent, i >> 8, i & 0xff]);
      return link.write(value);
    });
    await Promise.all(writes);
    const answer = next();
    await link.write(Uint8Array.of(ASK.report));
    expect(await answer).toEqual(Uint8Array.of(ASK.report, count >> 8, count & 0xff, 1));
    await link.disconnect();
  });

  it("delivers a burst of 500 notifications, in order and whole", async () => {
    const { link, received } = await connect(world());
    const size = 120;
    await link.write(Uint8Array.of(ASK.burst, 500 >> 8, 500 & 0xff, size));
    await until(() => received.length >= 500);
    expect(received.map((value) => ((value[0] ?? 0) << 8) | (value[1] ?? 0))).toEqual(
      Array.from({ length: 500 }, (_, i) => i),
    );
    expect(new Set(received.map((value) => value.length))).toEqual(new Set([size]));
    await link.disconnect();
  });

  it("serves two centrals at once without mixing them up", async () => {
    const links = await Promise.all([connect(world()), connect(world(), world().tablet)]);
    const answers = await Promise.all(
      links.map(async ({ link, received }, which) => {
        for (let i = 0; i < 30; i += 1) await link.write(Uint8Array.of(ASK.echo, which, i));
        await until(() => received.length >= 30);
        return received;
      }),
    );
    answers.forEach((received, which) => {
      expect(received).toEqual(Array.from({ length: 30 }, (_, i) => Uint8Array.of(ASK.echo, which, i)));
    });
    // The loss of one leaves the other alone.
    expect(world().cut(TABLET_ADDRESS)).toBe(true);
    await until(() => links[1]?.ended() === 1);
    const answer = links[0]?.next();
    await links[0]?.link.write(Uint8Array.of(ASK.echo, 9));
    expect(await answer).toEqual(Uint8Array.of(ASK.echo, 9));
    await links[0]?.link.disconnect();
  });
}

function ending({ world }: Context): void {
  it("disconnects from the central's side; both sides are told once", async () => {
    const { link, ended } = await connect(world());
    const before = await world().deviceLog();
    await link.disconnect();
    await link.disconnect();
    expect(ended()).toBe(1);
    await untilLogged(world(), (log) => log.disconnected.length === before.disconnected.length + 1);
    expect((await world().deviceLog()).disconnected.at(-1)).toBe(before.connected.at(-1));
    await expectCode(link.write(Uint8Array.of(ASK.echo)), "radio-failed");
    await expectCode(link.readInfo(), "radio-failed");
  });

  it("disconnects from the device's side", async () => {
    const { link, ended } = await connect(world());
    await link.write(Uint8Array.of(ASK.hangUp));
    await until(() => ended() === 1);
    await expectCode(link.write(Uint8Array.of(ASK.echo)), "radio-failed");
  });

  it("ends a link only when what was sent before has arrived, whichever side ends it", async () => {
    const first = await connect(world());
    const before = (await world().deviceLog()).silent;
    for (let i = 0; i < 13; i += 1) {
      const value = new Uint8Array(first.link.writeSize).fill(i);
      value.set([ASK.silent, 0, i]);
      await first.link.write(value);
    }
    await first.link.disconnect();
    await untilLogged(world(), (log) => log.silent === before + 13);
    const second = await connect(world());
    await second.link.write(Uint8Array.of(ASK.farewell, 0, 30, 200));
    await until(() => second.ended() === 1);
    expect(second.received.map((value) => value[1])).toEqual(Array.from({ length: 30 }, (_, i) => i));
  });

  it("reconnects after any end, and tells the connections apart", async () => {
    for (let i = 0; i < 5; i += 1) {
      const { link, ended, next } = await connect(world());
      const answer = next();
      await link.write(Uint8Array.of(ASK.echo, i));
      expect(await answer).toEqual(Uint8Array.of(ASK.echo, i));
      if (i % 2 === 0) await link.disconnect();
      else await link.write(Uint8Array.of(ASK.hangUp));
      await until(() => ended() === 1);
    }
    const { connected } = await world().deviceLog();
    expect(new Set(connected).size).toBe(connected.length);
  });

  it("rejects what is under way when the link is lost, and tells both sides", async () => {
    const { link, ended } = await connect(world());
    const before = (await world().deviceLog()).disconnected.length;
    await link.write(Uint8Array.of(ASK.burst, 1, 0, 100));
    const reads = [link.readInfo(), link.readInfo(), link.readInfo()].map((read) =>
      read.then(() => "read", errorCode),
    );
    expect(world().cut(PHONE_ADDRESS)).toBe(true);
    expect(new Set(await Promise.all(reads))).toEqual(new Set(["radio-failed"]));
    expect(ended()).toBe(1);
    await untilLogged(world(), (log) => log.disconnected.length === before + 1);
    await connect(world()).then(({ link: again }) => again.disconnect());
  });
}

function moving({ world }: Context): void {
  it("neither sees nor reaches a device out of range, and reaches it once it is back", async () => {
    world().moveDevice(FAR_M);
    const stop = new AbortController();
    let sightings = 0;
    const scan = world().phone.scan(SERVICE_UUID, () => (sightings += 1), stop.signal);
    await pause(world(), 400);
    stop.abort();
    await scan;
    expect(sightings).toBe(0);
    await expectCode(connect(world(), world().phone, 400), "radio-failed");
    world().moveDevice(1);
    const { link } = await connect(world());
    await link.disconnect();
  });

  it("loses the link after the supervision timeout, not at once", async () => {
    const { link, ended, next } = await connect(world());
    world().moveDevice(FAR_M);
    await pause(world(), 150);
    expect(ended()).toBe(0);
    world().moveDevice(1);
    const answer = next();
    await link.write(Uint8Array.of(ASK.echo, 1));
    expect(await answer).toEqual(Uint8Array.of(ASK.echo, 1));
    world().moveDevice(FAR_M);
    const leftMs = world().clock.now();
    await until(() => ended() === 1);
    expect(world().clock.now() - leftMs).toBeGreaterThanOrEqual(400);
    await expectCode(link.write(Uint8Array.of(ASK.echo, 1)), "radio-failed");
    world().moveDevice(1);
  });

  it("gives up on an absent device and connects to another, with no late connection", async () => {
    const absent = world().phone.connect(
      "c0:de:00:00:00:99",
      { notified: () => {}, disconnected: () => {} },
      200,
    );
    await expectCode(absent, "radio-failed");
    world().moveDevice(FAR_M);
    await expectCode(connect(world(), world().phone, 200), "radio-failed");
    const before = (await world().deviceLog()).connected.length;
    world().moveDevice(1);
    await pause(world(), 400);
    expect((await world().deviceLog()).connected.length).toBe(before);
    await connect(world()).then(({ link }) => link.disconnect());
  });

  it("connects after attempts that timed out", async () => {
    world().moveDevice(FAR_M);
    await expectCode(connect(world(), world().phone, 200), "radio-failed");
    await expectCode(connect(world(), world().phone, 200), "radio-failed");
    world().moveDevice(1);
    const { link } = await connect(world());
    await link.disconnect();
  });
}

interface Connected {
  link: CentralConnection;
  received: Uint8Array[];
  /** The next notification. */
  next: () => Promise<Uint8Array>;
  /** How often the end was told. */
  ended: () => number;
}

export async function connect(
  world: BleWorld,
  central = world.phone,
  timeoutMs = CONNECT_TIMEOUT_MS,
): Promise<Connected> {
  const received: Uint8Array[] = [];
  let waiting: ((value: Uint8Array) => void) | undefined;
  let ends = 0;
  const on = {
    notified: (value: Uint8Array) => {
      received.push(value);
      waiting?.(value);
    },
    disconnected: () => void (ends += 1),
  };
  const link = await central.connect(DEVICE_ADDRESS, on, timeoutMs);
  return { link, received, next: () => new Promise((resolve) => (waiting = resolve)), ended: () => ends };
}

async function sight(central: CentralRadio): Promise<Sighting> {
  const stop = new AbortController();
  let first: Sighting | undefined;
  await central.scan(
    SERVICE_UUID,
    (sighting) => {
      first ??= sighting;
      stop.abort();
    },
    stop.signal,
  );
  if (first === undefined) throw new Error("the scan ended without a sighting");
  return first;
}

function pause(world: BleWorld, ms: number): Promise<void> {
  return new Promise((resolve) => world.clock.at(world.clock.now() + ms, resolve));
}

/** Waits in real time, up to ten seconds, whatever clock the world has. */
async function until(condition: () => boolean): Promise<void> {
  const endMs = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`never came true: ${String(condition)}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

async function untilLogged(world: BleWorld, condition: (log: DeviceLog) => boolean): Promise<void> {
  const endMs = performance.now() + 10_000;
  while (!condition(await world.deviceLog())) {
    if (performance.now() > endMs) throw new Error(`never logged: ${String(condition)}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

async function expectCode(work: Promise<unknown>, code: string): Promise<void> {
  expect(await work.then(() => "no error", errorCode)).toBe(code);
}
