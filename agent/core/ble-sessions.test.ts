import { describe, expect, it } from "vitest";
import type { CentralRadio, PeripheralRadio } from "../../protocols/ports.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { SERVICE_UUID } from "../../protocols/session/gatt.ts";
import { SessionInitiator } from "../../protocols/session/initiator.ts";
import { MemoryAir } from "../../simulators/radio/memory.ts";
import { seededRandom } from "../../simulators/random.ts";
import { VirtualClock } from "../../simulators/virtual-clock.ts";
import { somebody, START_MS, type Somebody } from "../../test/support/agents.ts";
import { nodeCrypto as crypto } from "../node/crypto.ts";
import { SessionDialer, SessionHost, type SessionListener, type SessionParts } from "./ble-sessions.ts";

const DRONE = "c0:00:00:00:00:01";
const PHONE = "c0:00:00:00:00:02";
const TABLET = "c0:00:00:00:00:03";
const [drone, phone, tablet] = ["drone", "phone", "tablet"].map((name) => somebody(name)) as [
  Somebody,
  Somebody,
  Somebody,
];
const PURPOSE = new TextEncoder().encode("a contract");
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Everything that one side is told, and what it answers. */
function diary(peers: Record<string, string>) {
  const told: string[] = [];
  const open = new Set<string>();
  let onOpened: (session: string) => void = () => {};
  let onMessage: (session: string, text: string) => void = () => {};
  const listener: SessionListener = {
    opened(session, peer, sessionHash, purpose) {
      expect(sessionHash).toHaveLength(32);
      expect(purpose).toEqual(PURPOSE);
      open.add(session);
      told.push(`open ${peers[peer] ?? peer}`);
      onOpened(session);
    },
    message(session, peer, body) {
      expect(open.has(session)).toBe(true);
      told.push(`${peers[peer]} says ${new TextDecoder().decode(body)}`);
      onMessage(session, new TextDecoder().decode(body));
    },
    closed(session, peer) {
      // Once for each session, and never for one that was not open.
      expect(open.delete(session)).toBe(true);
      told.push(`closed ${peers[peer]}`);
    },
    refused: (code) => told.push(`refused ${code}`),
  };
  return {
    told,
    open,
    listener,
    /** Takes what was told so far. */
    read: () => told.splice(0),
    whenOpened: (act: typeof onOpened) => (onOpened = act),
    whenTold: (act: typeof onMessage) => (onMessage = act),
  };
}

const names = { [drone.id]: "drone", [phone.id]: "phone", [tablet.id]: "tablet" };

function world(options: { connectionIntervalMs?: number } = {}) {
  const clock = new VirtualClock(START_MS);
  const air = new MemoryAir({ clock, random: seededRandom(4), ...options });
  const partsOf = ({ keys }: Somebody): SessionParts => ({
    ...{ crypto, random: seededRandom(6), clock, linkClock: clock },
    ...{ signer: keys.signer, sessionSecret: keys.sessionSecret, card: keys.card },
  });
  const host = diary(names);
  const call = diary(names);
  const door = new SessionHost(air.peripheral(DRONE), partsOf(drone), host.listener);
  const dialer = new SessionDialer(air.central(PHONE), partsOf(phone), call.listener);
  const seconds = (n: number): Promise<void> => clock.runFor(n * 1_000);

  /** Somebody's connection to the drone without a dialer, and the bytes that would begin a session. */
  const callByHand = async (
    address: string,
    who: Somebody,
    on: Parameters<CentralRadio["connect"]>[1] = DEAF,
  ) => {
    const connecting = air.central(address).connect(DRONE, on, 5_000);
    await seconds(1);
    const link = await connecting;
    const reading = link.readInfo();
    await seconds(1);
    const initiator = new SessionInitiator({
      ...partsOf(who),
      peerIdentity: drone.known.identity,
      peerSessionKey: drone.known.sessionKey,
      purpose: PURPOSE,
      command: new Uint8Array(),
      writeSize: link.writeSize,
      now: START_MS,
    });
    return { link, initiator, first: initiator.begin(await reading) };
  };
  return { clock, air, partsOf, host, call, door, dialer, seconds, callByHand };
}

const DEAF = { notified: () => {}, disconnected: () => {} };

/** The phone has a session with the drone. */
async function connected(options: { connectionIntervalMs?: number } = {}) {
  const it_ = world(options);
  it_.door.expect([phone.id]);
  it_.dialer.dial(drone.known, PURPOSE);
  await it_.seconds(3);
  expect([it_.host.read(), it_.call.read()]).toEqual([["open phone"], ["open drone"]]);
  return { ...it_, inside: [...it_.host.open][0]!, outside: [...it_.call.open][0]! };
}

describe("sessions over BLE", () => {
  it.each([22.5, 0])(
    "open, and carry messages both ways in their order (interval %s ms)",
    async (connectionIntervalMs) => {
      const { seconds, door, dialer, host, call, inside, outside } = await connected({
        connectionIntervalMs,
      });
      for (let i = 0; i < 5; i++) {
        dialer.send(outside, bytes(`p${i}`));
        door.send(inside, bytes(`d${i}`));
      }
      await seconds(2);
      expect(host.read()).toEqual([0, 1, 2, 3, 4].map((i) => `phone says p${i}`));
      expect(call.read()).toEqual([0, 1, 2, 3, 4].map((i) => `drone says d${i}`));
      const long = "x".repeat(10_000);
      door.send(inside, bytes(long));
      await seconds(5);
      expect(call.read()).toEqual([`drone says ${long}`]);
    },
  );

  it("let both sides speak the moment that they hear of it", async () => {
    const { door, dialer, host, call, seconds } = world();
    host.whenOpened((session) => door.send(session, bytes("welcome")));
    call.whenOpened((session) => dialer.send(session, bytes("hello")));
    door.expect([phone.id]);
    dialer.dial(drone.known, PURPOSE);
    await seconds(3);
    expect(host.read()).toEqual(["open phone", "phone says hello"]);
    expect(call.read()).toEqual(["open drone", "drone says welcome"]);
  });

  it("are refused to whom the device does not expect, and open once it does", async () => {
    const { door, dialer, host, call, seconds } = world();
    door.expect([tablet.id]);
    dialer.dial(drone.known, PURPOSE);
    await seconds(3);
    expect(host.read()[0]).toBe("refused peer-refused");
    expect(call.read()[0]).toBe("refused peer-refused");
    door.expect([phone.id]);
    await seconds(5);
    expect(host.read().at(-1)).toBe("open phone");
    expect(call.read().at(-1)).toBe("open drone");
  });

  it("are not opened with a device that advertises the name and shows another card", async () => {
    const { air, partsOf, dialer, call, seconds } = world();
    const impostor = diary(names);
    // The drone's identity, and so its name, but a card of its own making.
    const door = new SessionHost(
      air.peripheral(DRONE),
      { ...partsOf(drone), card: tablet.keys.card },
      impostor.listener,
    );
    door.expect([phone.id]);
    dialer.dial(drone.known, PURPOSE);
    await seconds(3);
    expect(call.read()[0]).toBe("refused peer-refused");
    expect(impostor.read()).toEqual([]);
  });

  it("close once on both sides when the link is lost, and come back by themselves", async () => {
    const { air, host, call, door, dialer, seconds, inside, outside } = await connected();
    expect(air.cut(PHONE, DRONE)).toBe(true);
    // What is said into the void is no error.
    door.send(inside, bytes("lost"));
    dialer.send(outside, bytes("lost"));
    await seconds(5);
    expect(host.read()).toEqual(["closed phone", "open phone"]);
    expect(call.read()).toEqual(["closed drone", "open drone"]);
    door.send(inside, bytes("into the old session"));
    dialer.send(outside, bytes("into the old session"));
    await seconds(2);
    expect([host.read(), call.read()]).toEqual([[], []]);
  });

  it("come back after the device was out of reach, however long", async () => {
    const { air, host, call, seconds } = await connected();
    air.place(DRONE, { x: 5_000, y: 0, z: 0 });
    await seconds(60);
    expect([host.read(), call.read()]).toEqual([["closed phone"], ["closed drone"]]);
    air.place(DRONE, { x: 0, y: 0, z: 0 });
    await seconds(5);
    expect([host.read(), call.read()]).toEqual([["open phone"], ["open drone"]]);
  });

  it("carry what was said last before hanging up, and then end on both sides for good", async () => {
    const { host, call, dialer, seconds, outside } = await connected();
    for (let i = 0; i < 30; i++) dialer.send(outside, bytes(`last ${i}`));
    dialer.hangUp();
    dialer.send(outside, bytes("nobody hears this"));
    await seconds(30);
    expect(host.read()).toEqual([
      ...Array.from({ length: 30 }, (_, i) => `phone says last ${i}`),
      "closed phone",
    ]);
    expect(call.read()).toEqual(["closed drone"]);
  });

  it("carry what the device said last before it expects nobody any more", async () => {
    const { host, call, door, dialer, seconds, inside } = await connected();
    for (let i = 0; i < 30; i++) door.send(inside, bytes(`last ${i}`));
    door.expect([]);
    await seconds(1);
    expect(call.read()).toEqual([
      ...Array.from({ length: 30 }, (_, i) => `drone says last ${i}`),
      "closed drone",
    ]);
    expect(host.read()).toEqual(["closed phone"]);
    await seconds(30);
    expect([host.read(), call.read()]).toEqual([[], []]);
    door.expect([phone.id]);
    await seconds(5);
    expect([host.read(), call.read()]).toEqual([["open phone"], ["open drone"]]);
    dialer.hangUp();
  });

  it("do not bring a side down that speaks while the other is closing", async () => {
    const { air, host, call, door, dialer, inside, outside, seconds } = await connected();
    let spoken = 0;
    const speak = (): void => {
      spoken += 1;
      door.send(inside, bytes("still there?"));
      dialer.send(outside, bytes("still there?"));
    };
    dialer.hangUp();
    for (let i = 0; i < 2_000; i++) air.clock.at(air.clock.now() + i, speak);
    await seconds(3);
    expect(spoken).toBe(2_000);
    const told = [...host.read(), ...call.read()];
    expect(told.filter((line) => !line.endsWith("says still there?"))).toEqual([
      "closed phone",
      "closed drone",
    ]);
  });

  it("take it well that a phone ends the session and keeps the connection", async () => {
    const { callByHand, host, door, seconds } = world();
    door.expect([phone.id]);
    const on = { notified: (value: Uint8Array) => void initiator.received(value), disconnected: () => {} };
    const { link, initiator, first } = await callByHand(PHONE, phone, on);
    for (const value of first) void link.write(value);
    await seconds(1);
    const [inside] = [...host.open];
    // Much is under way to the phone when its last word arrives: the connection ends only after that.
    for (let i = 0; i < 100; i++) door.send(inside!, bytes("on and on"));
    for (const value of initiator.close()) void link.write(value);
    for (let i = 0; i < 500; i++) {
      await seconds(0.005);
      door.send(inside!, bytes("still there?"));
    }
    await seconds(5);
    expect(host.read()).toEqual(["open phone", "closed phone"]);
  });

  it("tell when a message is too large, and stay open", async () => {
    const { host, call, door, dialer, seconds, inside, outside } = await connected();
    door.send(inside, new Uint8Array(1_000_000));
    dialer.send(outside, new Uint8Array(1_000_000));
    dialer.send(outside, bytes("smaller"));
    await seconds(2);
    expect(host.read()).toEqual(["refused frame-too-large", "phone says smaller"]);
    expect(call.read()).toEqual(["refused frame-too-large"]);
  });

  it("drop a connection that does not shake hands within two seconds", async () => {
    const { air, clock, host, door, seconds } = world();
    door.expect([phone.id]);
    let ended = 0;
    const on = { notified: () => {}, disconnected: () => (ended ||= clock.now()) };
    const connecting = air.central(TABLET).connect(DRONE, on, 5_000);
    await seconds(1);
    const link = await connecting;
    void link.readInfo();
    await seconds(0.8);
    expect(ended).toBe(0);
    await seconds(1);
    expect(ended).toBeGreaterThan(0);
    expect(host.read()).toEqual([]);
  });

  it("drop a phone whose device never answers, and try again", async () => {
    const { air, dialer, call, seconds } = world();
    const silent = { connected: 0 };
    const { advertisedName } = await import("../../protocols/session/gatt.ts");
    await air.peripheral(DRONE).start(
      { name: advertisedName(drone.known.identity), serviceUuid: SERVICE_UUID },
      {
        connected: () => (silent.connected += 1),
        readInfo: () => {
          throw new SegmentError("radio-failed", "not today");
        },
        written: () => {},
        disconnected: () => {},
      },
    );
    dialer.dial(drone.known, PURPOSE);
    await seconds(10);
    expect(silent.connected).toBeGreaterThan(2);
    expect(new Set(call.read())).toEqual(new Set(["refused radio-failed"]));
    dialer.hangUp();
    await seconds(5);
    expect(air.clock.now()).toBeGreaterThan(0);
  });

  it("serve two phones at once, each its own", async () => {
    const { air, partsOf, host, call, door, dialer, seconds } = world();
    const second = diary(names);
    const tabletDialer = new SessionDialer(air.central(TABLET), partsOf(tablet), second.listener);
    host.whenTold((session, text) => door.send(session, bytes(`you said ${text}`)));
    door.expect([phone.id, tablet.id]);
    dialer.dial(drone.known, PURPOSE);
    tabletDialer.dial(drone.known, PURPOSE);
    await seconds(5);
    expect(host.read().sort()).toEqual(["open phone", "open tablet"]);
    dialer.send([...call.open][0]!, bytes("one"));
    tabletDialer.send([...second.open][0]!, bytes("two"));
    await seconds(2);
    expect(call.read()).toEqual(["open drone", "drone says you said one"]);
    expect(second.read()).toEqual(["open drone", "drone says you said two"]);
    dialer.hangUp();
    await seconds(5);
    expect(second.read()).toEqual([]);
    tabletDialer.send([...second.open][0]!, bytes("still here"));
    await seconds(2);
    expect(second.read()).toEqual(["drone says you said still here"]);
  });

  it("of one agent have names of their own: what is said in one is not heard in another", async () => {
    const { inside, outside } = await connected();
    expect(inside).not.toBe(outside);
  });

  it("begin anew for another peer or another purpose, and not for the same", async () => {
    const { host, call, dialer, seconds } = await connected();
    dialer.dial(drone.known, PURPOSE);
    await seconds(5);
    expect([host.read(), call.read()]).toEqual([[], []]);
    dialer.hangUp();
    dialer.dial(drone.known, PURPOSE);
    await seconds(5);
    expect(call.read()).toEqual(["closed drone", "open drone"]);
    dialer.dial(tablet.known, PURPOSE);
    await seconds(5);
    expect(call.read()).toEqual(["closed drone"]);
    expect(call.open.size).toBe(0);
  });

  it("follow one another: the last words of a call have left before the next one begins", async () => {
    const { host, dialer, seconds, outside } = await connected();
    for (let i = 0; i < 300; i++) dialer.send(outside, bytes(`last ${i}`));
    dialer.hangUp();
    dialer.dial(drone.known, PURPOSE);
    await seconds(10);
    const last = Array.from({ length: 300 }, (_, i) => `phone says last ${i}`);
    expect(host.read()).toEqual([...last, "closed phone", "open phone"]);
  });

  it("end on both sides when either closes, with what that side said last", async () => {
    for (const who of ["door", "dialer"] as const) {
      const it_ = await connected();
      it_.dialer.send(it_.outside, bytes("bye"));
      it_.door.send(it_.inside, bytes("bye"));
      if (who === "dialer") it_.dialer.hangUp();
      let closed = false;
      void it_[who].close().then(() => (closed = true));
      await it_.seconds(5);
      expect(closed).toBe(true);
      // What the other side says at that moment crosses the end, and is lost.
      const [closing, left] = who === "door" ? [it_.host, it_.call] : [it_.call, it_.host];
      expect(closing.told).toEqual([who === "door" ? "closed phone" : "closed drone"]);
      expect(left.told.slice(0, 2)).toEqual(
        who === "door" ? ["drone says bye", "closed drone"] : ["phone says bye", "closed phone"],
      );
      // Nobody calls with a radio that is closed.
      it_.dialer.dial(drone.known, PURPOSE);
      await it_.seconds(5);
      if (who === "door") it_.dialer.hangUp();
      await it_.seconds(5);
      expect([it_.host.open.size, it_.call.open.size, it_.clock.pending]).toEqual([0, 0, 0]);
    }
  });
});

describe("a radio that fails", () => {
  it("is told, and tried again at the next wish", async () => {
    const { partsOf } = world();
    const { told, listener } = diary(names);
    let broken = true;
    let starts = 0;
    const radio: PeripheralRadio = {
      start: async () => {
        starts += 1;
        if (broken) throw new SegmentError("radio-unavailable", "no adapter");
      },
      stop: async () => {},
      close: async () => {},
    };
    const door = new SessionHost(radio, partsOf(drone), listener);
    door.expect([phone.id]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).toEqual(["refused radio-unavailable"]);
    broken = false;
    door.expect([phone.id, tablet.id]);
    door.expect([phone.id]);
    await new Promise((resolve) => setImmediate(resolve));
    expect([told.length, starts]).toEqual([1, 2]);
  });

  it("does not keep a call from being hung up, wherever it hangs", async () => {
    const { partsOf, clock, seconds } = world();
    const { listener } = diary(names);
    const { advertisedName } = await import("../../protocols/session/gatt.ts");
    let disconnected = 0;
    const radio: CentralRadio = {
      scan: async (_uuid, sighted) =>
        sighted({ address: DRONE, name: advertisedName(drone.known.identity), rssiDbm: -50 }),
      connect: async () => ({
        writeSize: 100,
        readInfo: () => new Promise(() => {}),
        write: async () => {},
        disconnect: async () => void (disconnected += 1),
      }),
      close: async () => {},
    };
    const dialer = new SessionDialer(radio, partsOf(phone), listener);
    dialer.dial(drone.known, PURPOSE);
    await seconds(2);
    let closed = false;
    void dialer.close().then(() => (closed = true));
    await seconds(0.1);
    expect([closed, disconnected, clock.pending]).toEqual([true, 1, 0]);
  });
});

describe("a stranger's bytes", () => {
  it("end the connection, not the device", async () => {
    const { callByHand, host, door, seconds } = world();
    door.expect([phone.id]);
    const random = seededRandom(8);
    for (let attempt = 0; attempt < 5; attempt++) {
      const { link, first } = await callByHand(TABLET, tablet);
      const writes =
        attempt % 2 === 0
          ? [random.bytes(40), random.bytes(200)]
          : first.map((value) => value.fill(attempt, 20));
      for (const value of writes) void link.write(value).catch(() => {});
      await seconds(6);
    }
    expect(host.read().every((line) => line.startsWith("refused"))).toBe(true);
    expect(host.open.size).toBe(0);
  });
});
