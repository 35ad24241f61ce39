/** Who stands between a phone and a lock, records them, or has stolen the lock's keys. Whole agents. */
import { afterEach, describe, expect, it } from "vitest";
import { LOCK_PURPOSE } from "../../devices/keyring/wishes.ts";
import { signRequest } from "../../protocols/access/command.ts";
import type { AccessBody } from "../../protocols/access/messages.ts";
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import type { CentralConnection, CentralRadio, PeripheralConnection } from "../../protocols/ports.ts";
import { advertisedName, SERVICE_UUID } from "../../protocols/session/gatt.ts";
import { seededRandom } from "../../simulators/random.ts";
import { START_MS } from "../../test/support/agents.ts";
import { front, LOCK, olga, paired, street } from "../../test/support/lock-street.ts";
import type { Phone, Street, StreetOptions } from "../../test/support/lock-street.ts";
import { nodeCrypto as crypto } from "../node/crypto.ts";
import { SessionDialer } from "./ble-sessions.ts";

const RELAY = "c0:00:00:00:00:66";
const THIEF = "c0:00:00:00:00:67";
const YEAR = 364 * 24 * 3_600_000;
const quiet = { notified: () => undefined, disconnected: () => undefined };

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function opened(options?: StreetOptions): Promise<Street> {
  const world = await street(options);
  closers.push(() => world.close());
  return world;
}

/** What a radio wrote, connection after connection. */
function recorder(): { calls: Uint8Array[][]; on: (radio: CentralRadio) => CentralRadio } {
  const calls: Uint8Array[][] = [];
  return {
    calls,
    on: (radio) => ({
      scan: (uuid, sighted, signal) => radio.scan(uuid, sighted, signal),
      close: () => radio.close(),
      connect: async (...where) => {
        const connection = await radio.connect(...where);
        const values: Uint8Array[] = [];
        calls.push(values);
        return {
          get writeSize() {
            return connection.writeSize;
          },
          readInfo: () => connection.readInfo(),
          write: (value) => {
            values.push(value);
            return connection.write(value);
          },
          disconnect: () => connection.disconnect(),
        };
      },
    }),
  };
}

async function connectedTo(world: Street, radio: CentralRadio, on = quiet): Promise<CentralConnection> {
  let connection: CentralConnection | undefined;
  const connecting = radio.connect(LOCK, on, 5_000).then((made) => (connection = made));
  await world.until(() => connection !== undefined);
  return connecting;
}

/** Says all that again on a connection of its own, which reads its own challenge first. */
async function playBack(world: Street, values: readonly Uint8Array[]): Promise<void> {
  const thief = world.air.central(THIEF);
  const connection = await connectedTo(world, thief);
  let isRead = false;
  connection.readInfo().then(
    () => (isRead = true),
    () => undefined,
  );
  await world.until(() => isRead);
  for (const value of values) connection.write(value).catch(() => undefined);
  await world.clock.runFor(3_000);
  await Promise.all([thief.close(), world.clock.runFor(3_000)]);
}

async function opensFor(world: Street, phone: Phone): Promise<void> {
  const before = world.bolts.length;
  phone.tap();
  await world.until(() => world.bolts.length > before);
  await world.until(() => phone.verdict() === "done");
}

/** The lock locks again, and the phone hangs up. */
const lull = (world: Street): Promise<void> => world.clock.runFor(60_000);

describe("a recorded visit", () => {
  it("opens nothing a second later, or a year later, and the owner gets in all the same", async () => {
    const world = await opened();
    const tape = recorder();
    const phone = await paired(world, tape.on);
    await lull(world);
    await opensFor(world, phone);
    const visit = tape.calls.at(-1)!;
    expect(visit.length).toBeGreaterThan(1);
    await world.clock.runFor(1_000);
    const before = world.bolts.filter((to) => to === "unlocked").length;
    await playBack(world, visit);
    expect(world.bolts.filter((to) => to === "unlocked")).toHaveLength(before);
    await lull(world);
    await opensFor(world, phone);

    const later = await opened({ startMs: START_MS + YEAR, memory: world.memory() });
    expect(later.lock.state.owners.map(({ id }) => id)).toEqual([olga.id]);
    for (const values of tape.calls) await playBack(later, values);
    expect(later.bolts).not.toContain("unlocked");
  });
});

/** Shows itself as the lock, and passes on what `alter` makes of it. */
async function relay(
  world: Street,
  alter: (value: Uint8Array, nth: number) => Uint8Array[],
): Promise<{ passed: Uint8Array[]; end: () => Promise<void> }> {
  const inside = world.air.central(RELAY);
  const outside = world.air.peripheral(RELAY);
  const passed: Uint8Array[] = [];
  let phone: PeripheralConnection | undefined;
  const lock = await connectedTo(world, inside, {
    ...quiet,
    notified: (value: Uint8Array) => void phone?.notify(value).catch(() => undefined),
  } as typeof quiet);
  let info: Uint8Array | undefined;
  const reading = lock.readInfo().then((value) => (info = value));
  await world.until(() => info !== undefined);
  await reading;
  await outside.start(
    { name: advertisedName(front.known.identity), serviceUuid: SERVICE_UUID },
    {
      connected: (connection) => void (phone = connection),
      readInfo: () => info!,
      written: (_connection, value) => {
        const values = alter(value, passed.length);
        passed.push(value);
        for (const one of values) lock.write(one).catch(() => undefined);
      },
      disconnected: () => (phone = undefined),
    },
  );
  return {
    passed,
    end: async () => {
      await Promise.all([inside.close(), outside.close(), world.clock.runFor(2_000)]);
    },
  };
}

describe("a relay between phone and lock", () => {
  /** The phone hears nobody but the relay while that is so. */
  async function deceived(): Promise<{ world: Street; phone: Phone; heeds: { relay: boolean } }> {
    const world = await opened();
    const heeds = { relay: false };
    const phone = await paired(world, (radio) => ({
      scan: (uuid, sighted, signal) =>
        radio.scan(
          uuid,
          (sighting) => {
            if ((sighting.address === RELAY) === heeds.relay) sighted(sighting);
          },
          signal,
        ),
      connect: (...where) => radio.connect(...where),
      close: () => radio.close(),
    }));
    await lull(world);
    heeds.relay = true;
    return { world, phone, heeds };
  }

  it("that changes nothing passes on the one tap, and cannot make a second of it", async () => {
    const { world, phone } = await deceived();
    const between = await relay(world, (value) => [value]);
    await opensFor(world, phone);
    await world.clock.runFor(20_000);
    await between.end();
    await playBack(world, between.passed);
    expect(world.bolts.filter((to) => to === "unlocked")).toHaveLength(1);
  });

  const turned = (value: Uint8Array, at: number): Uint8Array =>
    value.map((byte, index) => (index === at % value.length ? byte ^ 0x10 : byte));
  it.each<[string, (value: Uint8Array, nth: number) => Uint8Array[]]>([
    ["turns a bit of the hello", (value, nth) => [nth === 0 ? turned(value, 40) : value]],
    ["turns a bit of the hello's end", (value, nth) => [nth === 1 ? turned(value, 3) : value]],
    ["cuts every value", (value) => [value.slice(0, -1)]],
    ["keeps the first value back", (value, nth) => (nth === 0 ? [] : [value])],
    ["says every value twice", (value) => [value, value]],
    ["puts bytes of its own before", (value, nth) => (nth === 0 ? [new Uint8Array(20), value] : [value])],
    ["gives a hello with a key of its own", (value, nth) => (nth === 0 ? [swapped(value)] : [value])],
  ])("that %s opens nothing, and the owner gets in without it", async (_what, alter) => {
    const { world, phone, heeds } = await deceived();
    const between = await relay(world, alter);
    phone.tap();
    await world.clock.runFor(2);
    expect(phone.verdict()).toBe("waiting");
    await world.until(() => phone.verdict() !== "waiting", 30_000);
    expect(phone.verdict()).not.toBe("done");
    expect(world.bolts).not.toContain("unlocked");
    expect(between.passed.length).toBeGreaterThan(0);
    await between.end();
    heeds.relay = false;
    await opensFor(world, phone);
  });
});

/** The ephemeral key stands first in the hello, behind the frame's header of four bytes. */
function swapped(value: Uint8Array): Uint8Array {
  const own = crypto.x25519PublicKey(seededRandom(7, "relay").bytes(32));
  const altered = value.slice();
  altered.set(own, 4);
  return altered;
}

describe("a thief of the lock's keys", () => {
  it("is somebody without a key for the lock: it cannot pose as a phone", async () => {
    const world = await opened();
    const phone = await paired(world);
    await lull(world);
    const { tenure } = world.lock.state;
    const told: string[] = [];
    const nonce = new Uint8Array(16).fill(9);
    const thief: SessionDialer = new SessionDialer(
      world.air.central(THIEF),
      {
        ...{ crypto, random: seededRandom(6), ...front.keys, clock: world.clock, linkClock: world.clock },
      },
      {
        opened: (session, _peer, hash) => {
          const asked = {
            ...{ lock: front.keys.signer.publicKey, tenure: tenure!, session: hash, nonce },
            ...{ target: "door", action: "open" as const, timeMs: world.clock.now(), key: null },
          };
          const request = signRequest(asked, front.keys.signer);
          const said: AccessBody<"lock-request"> = { request, links: [], refreshes: [], opened: null };
          const body = encodeMessage(said);
          thief.send(session, encodeMessage({ type: "lock-request", body }));
        },
        message: () => told.push("answer"),
        closed: () => told.push("closed"),
        refused: (code) => told.push(code),
      },
    );
    thief.dial(front.known, LOCK_PURPOSE);
    await world.until(() => told.includes("answer"));
    expect(world.bolts).not.toContain("unlocked");
    expect(world.lock.state.audit.at(-1)).toMatchObject({ who: front.id, code: "right-missing" });
    await Promise.all([thief.close(), world.clock.runFor(2_000)]);
    await opensFor(world, phone);
  });
});
