import { afterEach, describe, expect, it } from "vitest";
import type { Device, DeviceEffect } from "../../devices/device.ts";
import type { EntryDraft } from "../../protocols/ledger/drafts.ts";
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import { TIME_KIND } from "../../protocols/messaging/time.ts";
import { memoryNetwork, type MemoryNetwork } from "../../simulators/network/memory-bus.ts";
import { MemoryStore } from "../../simulators/network/memory-store.ts";
import { MemoryAir } from "../../simulators/radio/memory.ts";
import { seededRandom } from "../../simulators/random.ts";
import { VirtualClock } from "../../simulators/virtual-clock.ts";
import { NETWORK, silentNetwork, somebody, START_MS, type Somebody } from "../../test/support/agents.ts";
import { skewedClock } from "../../test/support/clocks.ts";
import { id as streamId, makeRecords, rootKey } from "../../test/support/telemetry.ts";
import { nodeCrypto as crypto } from "../node/crypto.ts";
import { TimeService } from "../roles/time-service.ts";
import { Agent, type AgentParts } from "./agent.ts";
import { Messenger } from "./messenger.ts";

const HOUR = 3_600_000;
const [alice, bob] = [somebody("alice"), somebody("bob")];
const network = silentNetwork();

let net: MemoryNetwork;
let world: VirtualClock;
let failures: unknown[];
afterEach(() => net.close());

/** Its state is what it was told, and when. */
const note: Device<string[]> = {
  kind: "note",
  initial: () => [],
  step: (state, event, { now }) => {
    if (event.kind === "command") return { state, effects: event.value as DeviceEffect[] };
    if (event.kind !== "message" && event.kind !== "timer" && event.kind !== "session-refused")
      return { state, effects: [] };
    const told = "type" in event ? event.type : "name" in event ? event.name : event.code;
    return { state: [...state, `${told} at ${Math.round((now - START_MS) / 1_000)} s`], effects: [] };
  },
};

/** Waits for one thing, as `note` otherwise. */
function waiting(until: (now: number) => number): Device<string[]> {
  return {
    ...note,
    step: (state, event, context) => {
      if (event.kind !== "started" && event.kind !== "time-corrected")
        return note.step(state, event, context);
      return { state, effects: [{ kind: "timer", name: "wait", atMs: until(context.now) }] };
    },
  };
}

/** Four notaries that know the time. */
async function open(): Promise<void> {
  world = new VirtualClock(START_MS);
  net = memoryNetwork({ network: NETWORK, clock: world, random: seededRandom(3) });
  failures = [];
  for (const n of [1, 2, 3, 4]) {
    const { id, keys } = somebody(`notary ${n}`);
    const parts = { clock: world, crypto, network: NETWORK };
    const messenger = new Messenger({ ...parts, bus: net.join(id), random: seededRandom(n), keys });
    const service = new TimeService({
      ...parts,
      introduce: (from, card) => messenger.introduce(from, card),
      answer: (to, body) => void messenger.send(to, TIME_KIND, body),
    });
    void messenger.onCast("presence", (sender, bytes) => service.asked(sender, bytes));
  }
  await world.runFor(1_000);
}

async function live(who: Somebody, peer: Somebody, more: Partial<AgentParts<string[]>> = {}, byMs = 0) {
  const machine = skewedClock(world, byMs);
  const store = (more.store as MemoryStore | undefined) ?? new MemoryStore({ clock: world });
  const agent = new Agent({
    ...{ device: note, keys: who.keys, network, bus: net.join(who.id), store, clock: machine, crypto },
    linkClock: world,
    random: seededRandom(2, who.id),
    surroundings: {
      actuate: () => undefined,
      keep: () => undefined,
      progress: () => undefined,
      failed: (error) => void failures.push(error),
    },
    ...more,
  });
  const started = agent.start();
  agent.command("effects", [{ kind: "meet", card: peer.keys.card }]);
  await Promise.all([started, world.runFor(500)]);
  const die = (): MemoryStore => {
    net.vanish(who.id);
    return store.crash(true);
  };
  const do1 = (...effects: DeviceEffect[]): void => agent.command("effects", effects);
  return { agent, machine, die, do1, state: (): string[] => agent.state };
}

const say = (type: string, to: Somebody, durable = true): DeviceEffect => {
  return { kind: "send", id: type, to: to.id, type, body: 1, durable };
};

describe("an agent whose clock is wrong", () => {
  it("starts in 1970 with the cards that it kept, finds out the time, and is heard", async () => {
    await open();
    const first = await live(alice, bob);
    const other = await live(bob, alice);
    const store = first.die();
    const { agent, do1, state } = await live(alice, bob, { store }, -START_MS);
    expect(agent.time.isKnown).toBe(true);
    do1(say("hello", bob));
    other.do1(say("welcome", alice));
    await world.runFor(1_000);
    expect([state(), other.state()]).toEqual([["welcome at 3 s"], ["hello at 3 s"]]);
    expect([agent.pending, [...agent.messenger.dropped], failures]).toEqual([0, [], []]);
    await Promise.all([agent.stop(), other.agent.stop(), world.runFor(2_000)]);
  });

  it("goes on by its machine's clock where no notary answers", async () => {
    await open();
    for (const n of [1, 2]) net.cut(somebody(`notary ${n}`).id);
    const { agent, do1, state } = await live(alice, bob, {}, HOUR);
    do1({ kind: "timer", name: "later", atMs: START_MS + HOUR + 60_000 });
    await world.runFor(120_000);
    expect([agent.time.isKnown, state()]).toEqual([false, ["later at 3660 s"]]);
    await Promise.all([agent.stop(), world.runFor(2_000)]);
  });

  it("whose clock jumps back by an hour learns of it from the first message that it must refuse", async () => {
    await open();
    const device = waiting(() => START_MS + 600_000);
    const { agent, machine, do1, state } = await live(alice, bob, { device });
    const other = await live(bob, alice);
    machine.byMs = -HOUR;
    await world.runFor(60_000);
    other.do1(say("there", alice));
    // The message is lost by its date, and comes again a little later.
    await world.runFor(2_000);
    expect(agent.messenger.dropped.get("message-invalid")).toBeGreaterThan(0);
    expect([state(), other.agent.pending]).toEqual([["there at 63 s"], 0]);
    do1(say("yes", bob));
    await world.runFor(600_000);
    // Its timer was set by the clock as it was before.
    expect(state()).toEqual(["there at 63 s", "wait at 600 s"]);
    expect(other.state()).toEqual(["yes at 64 s"]);
    await Promise.all([agent.stop(), other.agent.stop(), world.runFor(2_000)]);
  });

  it("gives up an entry that no notary would take any more, once it has been told the time, and no other", async () => {
    await open();
    const { agent, machine, do1, die } = await live(alice, bob);
    const entry: EntryDraft = { body: { kind: "card", card: alice.keys.card } };
    machine.byMs = -START_MS;
    do1({ kind: "submit", id: "in 1970", entry });
    await world.runFor(1_000);
    machine.byMs = 0;
    do1({ kind: "submit", id: "today", entry });
    await world.runFor(1_000);
    expect(agent.pending).toBe(2);
    const again = await live(alice, bob, { store: die() });
    expect(again.agent.pending).toBe(1);
    // Whatever its own machine says meanwhile: a clock in 2100 is no reason.
    again.machine.byMs = 75 * 365 * 24 * HOUR;
    await world.runFor(12 * HOUR);
    expect(again.agent.pending).toBe(1);
    await world.runFor(HOUR);
    expect([again.agent.pending, failures]).toEqual([0, []]);
    await Promise.all([again.agent.stop(), world.runFor(2_000)]);
  });

  it.each([
    ["ahead", HOUR],
    ["behind", -HOUR],
  ])("tells its device, which waits from then on: %s", async (_where, byMs) => {
    await open();
    // Nobody tells the time before the device has begun to wait.
    for (const n of [1, 2, 3, 4]) net.cut(somebody(`notary ${n}`).id);
    const { agent, state } = await live(alice, bob, { device: waiting((now) => now + 60_000) }, byMs);
    await world.runFor(20_000);
    for (const n of [1, 2, 3, 4]) net.restore(somebody(`notary ${n}`).id);
    await world.runFor(500);
    agent.time.doubted();
    await world.runFor(500);
    expect([agent.time.isKnown, state()]).toEqual([true, []]);
    await world.runFor(2 * HOUR);
    expect(state()).toEqual(["wait at 82 s"]);
    await Promise.all([agent.stop(), world.runFor(2_000)]);
  });

  it.each([
    ["ahead", HOUR],
    ["behind", -HOUR],
  ])("seals its records as soon as ever, by the steady clock: %s", async (_where, byMs) => {
    await open();
    for (const n of [1, 2, 3, 4]) net.cut(somebody(`notary ${n}`).id);
    const telemetry = { streamId, rootKey, k: 1, keepers: [bob.id, alice.id] };
    const { agent, do1 } = await live(alice, bob, { telemetry, steadyClock: world }, byMs);
    do1({ kind: "record", records: makeRecords(3) });
    await world.runFor(20_000);
    for (const n of [1, 2, 3, 4]) net.restore(somebody(`notary ${n}`).id);
    await world.runFor(500);
    agent.time.doubted();
    await world.runFor(5_000);
    expect([agent.time.isKnown, agent.telemetry?.counters.chunks]).toEqual([true, 0]);
    await world.runFor(10_000);
    expect(agent.telemetry?.counters).toMatchObject({ records: 3, chunks: 1 });
    await Promise.all([agent.stop(), world.runFor(2_000)]);
  });

  it("with a steady clock knows the time whatever is done to its machine's", async () => {
    await open();
    const { agent, machine, do1, state } = await live(alice, bob, { steadyClock: world }, -START_MS);
    do1({ kind: "timer", name: "deadline", atMs: START_MS + 600_000 });
    for (const byMs of [0, -HOUR, 10 * HOUR, 0]) {
      machine.byMs = byMs;
      await world.runFor(200_000);
    }
    expect(state()).toEqual(["deadline at 600 s"]);
    await Promise.all([agent.stop(), world.runFor(2_000)]);
  });

  it("sends what waits once more as soon as it knows the time", async () => {
    await open();
    const other = await live(bob, alice);
    for (const n of [1, 2, 3, 4]) net.cut(somebody(`notary ${n}`).id);
    const { agent, do1 } = await live(alice, bob, {}, -HOUR);
    do1(say("hello", bob));
    await world.runFor(40_000);
    // Bob drops it for its date each time, later and later.
    expect([agent.pending, other.state()]).toEqual([1, []]);
    for (const n of [1, 2, 3, 4]) net.restore(somebody(`notary ${n}`).id);
    await world.runFor(1_000);
    agent.time.doubted();
    await world.runFor(1_000);
    expect([agent.pending, other.state()]).toEqual([0, ["hello at 43 s"]]);
    await Promise.all([agent.stop(), other.agent.stop(), world.runFor(2_000)]);
  });
});

describe("cards, whatever the clock says", () => {
  const old = somebody("old", { notBefore: START_MS - 2_000, notAfter: START_MS - 1_000 });
  const later = somebody("later", { notBefore: START_MS + HOUR, notAfter: START_MS + 2 * HOUR });

  it("are learned, and judged when they are used: over the bus and over BLE", async () => {
    await open();
    const air = new MemoryAir({ clock: world, random: seededRandom(1) });
    const central = air.central("c0:00:00:00:00:02");
    const { agent, do1, state } = await live(alice, old, { central });
    do1(
      { kind: "meet", card: later.keys.card },
      { kind: "dial", peer: old.id, purpose: new Uint8Array() },
      { kind: "dial", peer: later.id, purpose: new Uint8Array() },
      say("x", old, false),
      say("y", later, false),
    );
    await world.runFor(1_000);
    expect(state()).toEqual(
      ["card-expired at 1 s", "card-invalid at 1 s"].map((text) => text.replace("1 s", "2 s")),
    );
    expect(Object.fromEntries(agent.messenger.dropped)).toEqual({ "card-expired": 1, "card-invalid": 1 });
    await world.runFor(HOUR);
    do1(say("y", later, false));
    await world.runFor(1_000);
    expect(Object.fromEntries(agent.messenger.dropped)).toEqual({ "card-expired": 1, "card-invalid": 1 });
    await Promise.all([agent.stop(), world.runFor(2_000)]);
  });

  it("of two of one device the newer counts, in the next life as well", async () => {
    await open();
    const newer = somebody("bob", { notBefore: START_MS - 1_000, notAfter: START_MS + HOUR });
    const { agent, do1, die } = await live(alice, newer);
    do1({ kind: "meet", card: bob.keys.card });
    await world.runFor(100);
    const { cardHash } = newer.known;
    expect(agent.messenger.cardOf(bob.id)?.cardHash).toEqual(cardHash);
    const again = await live(alice, bob, { store: die() });
    expect(again.agent.messenger.cardOf(bob.id)?.cardHash).toEqual(cardHash);
    await Promise.all([again.agent.stop(), world.runFor(2_000)]);
  });
});

it("takes no answer for a message: the device never hears of it", async () => {
  await open();
  const { agent, state } = await live(alice, bob);
  const notary = somebody("notary 1");
  const bus = net.join(notary.id);
  const parts = { bus, clock: world, crypto, network: NETWORK, random: seededRandom(7), keys: notary.keys };
  const messenger = new Messenger(parts);
  messenger.meet(alice.keys.card);
  void messenger.send(alice.id, TIME_KIND, encodeMessage({ nonce: new Uint8Array(16), timeMs: 1 }));
  void messenger.send(alice.id, TIME_KIND, encodeMessage("nonsense"));
  await world.runFor(1_000);
  expect([state(), [...agent.messenger.dropped]]).toEqual([[], [["message-invalid", 1]]]);
  await Promise.all([agent.stop(), world.runFor(2_000)]);
});
