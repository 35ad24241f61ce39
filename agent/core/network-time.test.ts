import { afterEach, describe, expect, it } from "vitest";
import { foundNetwork } from "../node/committee.ts";
import { nodeCrypto as crypto } from "../node/crypto.ts";
import { TimeService } from "../roles/time-service.ts";
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import { openTimeQuestion, TIME_KIND } from "../../protocols/messaging/time.ts";
import type { Clock } from "../../protocols/ports.ts";
import { castTopic } from "../../protocols/topics.ts";
import { scaledClock } from "../../simulators/clock.ts";
import { memoryNetwork, type MemoryNetwork } from "../../simulators/network/memory-bus.ts";
import { seededRandom } from "../../simulators/random.ts";
import { VirtualClock } from "../../simulators/virtual-clock.ts";
import { NETWORK, somebody, START_MS, type Somebody } from "../../test/support/agents.ts";
import { skewedClock } from "../../test/support/clocks.ts";
import { Messenger } from "./messenger.ts";
import { NetworkClock } from "./network-clock.ts";
import { NetworkTime } from "./network-time.ts";

const HOUR = 3_600_000;
const MINUTE = 60_000;
const alice = somebody("alice");
const stranger = somebody("stranger");
const notaryNames = ["notary 1", "notary 2", "notary 3", "notary 4", "notary 5", "notary 6", "notary 7"];
const random = seededRandom(5);

let net: MemoryNetwork | undefined;
afterEach(() => net?.close());

/** How a notary answers: its clock, or what it says instead of the time; undefined says nothing. */
interface Manner {
  clock?: Clock;
  says?: (timeMs: number) => number;
  afterMs?: number;
}

class Village {
  readonly world = new VirtualClock(START_MS);
  readonly asked: { atMs: number; nonce: string; payload: Uint8Array }[] = [];
  readonly answers: { topic: string; payload: Uint8Array }[] = [];
  readonly manners: (Manner | undefined)[];
  readonly notaries: Somebody[];
  readonly net: MemoryNetwork;

  /** Their society is up: whoever joins is heard. */
  static async of(manners: (Manner | undefined)[], clock?: (world: Clock) => Clock): Promise<Village> {
    const village = new Village(manners);
    if (clock !== undefined) village.manners.fill({ clock: clock(village.world) });
    await village.world.runFor(1_000);
    return village;
  }

  private constructor(manners: (Manner | undefined)[]) {
    this.manners = manners;
    this.notaries = manners.map((_, index) => somebody(notaryNames[index]!));
    this.net = memoryNetwork({
      network: NETWORK,
      clock: this.world,
      random: seededRandom(3),
      overhears: (topic, payload) => this.#overhears(topic, payload),
    });
    net = this.net;
    for (const [index, notary] of this.notaries.entries()) this.#play(index, notary);
  }

  #overhears(topic: string, payload: Uint8Array): void {
    if (!topic.endsWith("/cast/presence")) {
      this.answers.push({ topic, payload });
      return;
    }
    const { nonce } = openTimeQuestion(crypto, NETWORK, payload);
    this.asked.push({
      atMs: this.world.now() - START_MS - 1_000,
      nonce: Buffer.from(nonce).toString("hex"),
      payload,
    });
  }

  #play(index: number, notary: Somebody): void {
    const { world } = this;
    const bus = this.net.join(notary.id);
    const { keys } = notary;
    const messenger = new Messenger({ bus, clock: world, crypto, random, network: NETWORK, keys });
    const service = new TimeService({
      ...{ crypto, network: NETWORK, clock: { now: () => this.#say(index), at: () => expect.fail("waits") } },
      introduce: (from, card) => messenger.introduce(from, card),
      answer: (to, body) => {
        const send = (): void => void messenger.send(to, TIME_KIND, body);
        const manner = this.manners[index];
        if (manner !== undefined) world.at(world.now() + (manner.afterMs ?? 0), send);
      },
    });
    void messenger.onCast("presence", (sender, bytes) => service.asked(sender, bytes));
  }

  #say(index: number): number {
    const { says, clock = this.world } = this.manners[index] ?? {};
    return says?.(clock.now()) ?? clock.now();
  }

  /** An agent with this clock; it knows no notary. */
  join(machine: Clock, linkClock: Clock = machine, steady?: Clock) {
    const bus = this.net.join(alice.id);
    const clock = new NetworkClock(machine, steady);
    const { network } = foundNetwork(
      crypto,
      seededRandom(9),
      NETWORK,
      this.notaries.map(({ id }) => id),
    );
    const corrections: number[] = [];
    const told = (shiftMs: number): void => {
      if (shiftMs !== 0) corrections.push(shiftMs);
    };
    const parts = { bus, crypto, random, keys: alice.keys };
    const time = new NetworkTime({ ...parts, clock, linkClock, network, told });
    const messenger = new Messenger({ ...parts, network: NETWORK, clock, time });
    void messenger.listen(() => undefined);
    return { bus, clock, time, messenger, corrections, offMs: () => clock.now() - this.world.now() };
  }
}

const four = (change: (Manner | undefined)[] = []): (Manner | undefined)[] =>
  Array.from({ length: 4 }, (_, index) => (index < change.length ? change[index] : {}));

describe("an agent asks what time it is", () => {
  it.each([
    ["in 1970", -START_MS],
    ["an hour behind", -HOUR],
    ["two minutes ahead", 2 * MINUTE],
    ["in 2300", 274 * 365 * 24 * HOUR],
  ])("%s, and knows it in a moment, to a few milliseconds", async (_when, byMs) => {
    const village = await Village.of(four());
    const { time, corrections, offMs, messenger } = village.join(skewedClock(village.world, byMs));
    expect([time.isKnown, offMs()]).toEqual([false, byMs]);
    await village.world.runFor(1_000);
    expect(time.isKnown).toBe(true);
    expect(Math.abs(offMs())).toBeLessThan(60);
    expect(corrections).toHaveLength(1);
    // It has met the notaries by the way.
    for (const { id } of village.notaries) expect(messenger.validCardOf(id).name).toMatch("notary");
    expect([...messenger.dropped]).toEqual([]);
    time.close();
  });

  it("leaves a clock alone that is off by less than a second", async () => {
    const village = await Village.of(four());
    const { time, corrections, offMs } = village.join(skewedClock(village.world, -950));
    await village.world.runFor(HOUR);
    expect([time.isKnown, corrections, offMs()]).toEqual([true, [], -950]);
    // Once when it came, and every ten minutes.
    expect(village.asked.map(({ atMs }) => Math.round(atMs / MINUTE))).toEqual([0, 10, 20, 30, 40, 50]);
    time.close();
  });

  it("asks the one notary of a small network", async () => {
    const village = await Village.of([{}]);
    const { time, offMs } = village.join(skewedClock(village.world, HOUR));
    await village.world.runFor(1_000);
    expect(Math.abs(offMs())).toBeLessThan(60);
    time.close();
  });

  it("asks again when the bus comes back", async () => {
    const village = await Village.of(four());
    const machine = skewedClock(village.world);
    const { time, offMs } = village.join(machine);
    await village.world.runFor(MINUTE);
    village.net.cut(alice.id);
    machine.byMs = -HOUR;
    await village.world.runFor(MINUTE);
    expect(offMs()).toBe(-HOUR);
    village.net.restore(alice.id);
    await village.world.runFor(1_000);
    expect(Math.abs(offMs())).toBeLessThan(60);
    time.close();
  });

  it("asks at once when something is refused for its date, every five seconds at most", async () => {
    const village = await Village.of(four());
    const machine = skewedClock(village.world);
    const { time, offMs } = village.join(machine);
    await village.world.runFor(MINUTE);
    machine.byMs = -HOUR;
    time.doubted();
    await village.world.runFor(500);
    expect(Math.abs(offMs())).toBeLessThan(60);
    for (let n = 0; n < 600; n++) {
      time.doubted();
      await village.world.runFor(100);
    }
    expect(village.asked.length).toBeLessThanOrEqual(2 + 12);
    expect(village.asked.length).toBeGreaterThan(10);
    // And then no more.
    await village.world.runFor(2 * MINUTE);
    expect(village.asked.length).toBeLessThanOrEqual(2 + 13);
    time.close();
  });

  it("asks less and less often while nobody answers, and goes by its machine", async () => {
    const village = await Village.of(four([undefined, undefined, undefined, undefined]));
    const { time, offMs } = village.join(skewedClock(village.world, HOUR));
    await village.world.runFor(2 * HOUR);
    expect([time.isKnown, offMs()]).toEqual([false, HOUR]);
    expect(village.asked.length).toBeLessThan(24);
    const known = time.known(1_000);
    await Promise.all([known, village.world.runFor(1_000)]);
    time.close();
    expect(village.world.pending).toBe(0);
  });
});

describe("what may be said to it", () => {
  it("needs 2f+1 notaries, of whom f may lie as they like, and one may be away", async () => {
    const century = (timeMs: number): number => timeMs + 100 * 365 * 24 * HOUR;
    for (const says of [century, (): number => 0]) {
      const village = await Village.of(four([{ says }, undefined]));
      const { time, offMs } = village.join(skewedClock(village.world, -HOUR));
      await village.world.runFor(MINUTE);
      expect(Math.abs(offMs())).toBeLessThan(60);
      time.close();
      await village.net.close();
    }
    const village = await Village.of(four([{}, undefined, undefined]));
    const { time } = village.join(skewedClock(village.world, -HOUR));
    await village.world.runFor(MINUTE);
    expect(time.isKnown).toBe(false);
    time.close();
  });

  it("does not move by the first liars to answer of seven, nor flips between honest ones", async () => {
    const slow = { afterMs: 300 };
    const late = { says: (): number => 4e12 };
    const near = [-40_000, 0, 20_000].map((byMs) => ({ ...slow, says: (timeMs: number) => timeMs + byMs }));
    const village = await Village.of([late, late, ...near, slow, slow]);
    const { time, corrections, offMs } = village.join(skewedClock(village.world, HOUR));
    await village.world.runFor(MINUTE);
    expect(offMs()).toBeGreaterThanOrEqual(-40_000);
    expect(offMs()).toBeLessThanOrEqual(20_060);
    // At once by five of them, two liars among these, then perhaps by all seven, and then no more.
    const first = corrections.length;
    expect([1, 2]).toContain(first);
    await village.world.runFor(3 * HOUR);
    expect(corrections).toHaveLength(first);
    time.close();
  });

  it("throws away what comes too late to be worth anything", async () => {
    const village = await Village.of(four(Array.from({ length: 4 }, () => ({ afterMs: 2_100 }))));
    const { time } = village.join(skewedClock(village.world, -HOUR));
    await village.world.runFor(HOUR);
    expect(time.isKnown).toBe(false);
    time.close();
  });

  it("is believed by half of its round trip: a broker that delays it is wrong by a second at most", async () => {
    const village = await Village.of(four(Array.from({ length: 4 }, () => ({ afterMs: 1_800 }))));
    const { time, offMs } = village.join(skewedClock(village.world, -HOUR));
    await village.world.runFor(MINUTE);
    expect(time.isKnown).toBe(true);
    expect(Math.abs(offMs())).toBeLessThan(1_000);
    time.close();
  });

  it("is an answer to the open question, from a notary: a broker that repeats answers moves nothing", async () => {
    const village = await Village.of(four());
    const machine = skewedClock(village.world, -HOUR);
    const { time, messenger, offMs } = village.join(machine);
    await village.world.runFor(MINUTE);
    const old = village.answers.splice(0);
    expect(old).toHaveLength(4);
    // An hour later every one of them would put the clock back by an hour, if it counted.
    await village.world.runFor(HOUR);
    for (const { topic, payload } of old) village.net.inject(topic, payload);
    time.doubted();
    for (const { topic, payload } of old) village.net.inject(topic, payload);
    await village.world.runFor(1_000);
    expect(Math.abs(offMs())).toBeLessThan(60);
    expect([...messenger.dropped]).toEqual([]);
    time.close();
  });

  it("counts for nothing from strangers, twice from one notary, or malformed", async () => {
    const village = await Village.of(four([{}, undefined, undefined, undefined]));
    const { time, offMs } = village.join(skewedClock(village.world, -HOUR));
    await village.world.runFor(20);
    for (let n = 0; n < 100 && village.asked.length === 0; n++) await village.world.runFor(1);
    const nonce = new Uint8Array(Buffer.from(village.asked.at(-1)!.nonce, "hex"));
    const body = encodeMessage({ nonce, timeMs: 0 });
    const [notary] = village.notaries;
    for (let n = 0; n < 4; n++) time.answered(notary!.id, body);
    time.answered(stranger.id, body);
    time.answered(alice.id, body);
    for (const bad of [
      {},
      { nonce },
      { nonce, timeMs: -1 },
      { nonce, timeMs: 1e15 },
      { nonce: 1, timeMs: 1 },
    ]) {
      const wrong = (): void => time.answered(notary!.id, encodeMessage(bad));
      expect(wrong).toThrowError(expect.objectContaining({ code: "message-invalid" }));
    }
    expect([time.isKnown, offMs()]).toEqual([false, -HOUR]);
    time.close();
  });
});

describe("where clocks are not what they seem", () => {
  it("a world that runs forty times as fast is not disturbed", async () => {
    const frame = { baseMs: START_MS, worldMs: START_MS, speed: 40 };
    const village = await Village.of(four(), (world) => scaledClock(world, frame));
    const { time, corrections } = village.join(scaledClock(village.world, frame), village.world);
    await village.world.runFor(2 * HOUR);
    expect([time.isKnown, corrections]).toEqual([true, []]);
    time.close();
  });

  it("a clock that jumps while a question is open is asked about anew", async () => {
    const village = await Village.of(four());
    const machine = skewedClock(village.world);
    const { time, offMs } = village.join(machine);
    for (let n = 0; n < 200 && village.asked.length === 0; n++) await village.world.runFor(1);
    machine.byMs = -HOUR;
    await village.world.runFor(10_000);
    // All timers of this machine stand still for an hour; a refused message sets it going.
    time.doubted();
    await village.world.runFor(1_000);
    expect(Math.abs(offMs())).toBeLessThan(60);
    time.close();
  });

  it("with a steady clock a jump is never noticed", async () => {
    const village = await Village.of(four());
    const machine = skewedClock(village.world, -HOUR);
    const { time, offMs } = village.join(machine, village.world, village.world);
    await village.world.runFor(MINUTE);
    for (const byMs of [-START_MS, HOUR, -2 * HOUR]) {
      machine.byMs = byMs;
      expect(Math.abs(offMs())).toBeLessThan(60);
    }
    time.close();
  });

  it("casts its question where only it may", async () => {
    const village = await Village.of(four());
    const { bus, time } = village.join(village.world);
    await village.world.runFor(1_000);
    await expect(
      bus.publish(castTopic(NETWORK, stranger.id, "presence"), new Uint8Array()),
    ).rejects.toThrow();
    time.close();
  });
});
