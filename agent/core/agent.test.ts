import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import type { Device, DeviceEffect, DeviceEvent, Step } from "../../devices/device.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { decodeMessage, encodeMessage } from "../../protocols/encoding/messages.ts";
import { SegmentError } from "../../protocols/errors.ts";
import type { Clock } from "../../protocols/ports.ts";
import { memoryNetwork, type MemoryNetwork } from "../../simulators/network/memory-bus.ts";
import { MemoryStore } from "../../simulators/network/memory-store.ts";
import { MemoryAir } from "../../simulators/radio/memory.ts";
import { seededRandom } from "../../simulators/random.ts";
import { VirtualClock } from "../../simulators/virtual-clock.ts";
import { NETWORK, silentNetwork, somebody, START_MS, type Somebody } from "../../test/support/agents.ts";
import { nodeCrypto as crypto } from "../node/crypto.ts";
import { castFilter } from "../../protocols/topics.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { START_MS as LEDGER_START_MS, World as Ledger } from "../../test/ledger/committee.ts";
import { decodeRecord, encodeEntryRecord } from "../../protocols/ledger/record.ts";
import { verifyReceipt } from "../../protocols/ledger/receipt.ts";
import { alice as holder, deliveryOf, people } from "../../test/ledger/village.ts";
import { Agent, type AgentParts } from "./agent.ts";
import { Messenger } from "./messenger.ts";

const [alice, bob, carol] = ["alice", "bob", "carol"].map((name) => somebody(name)) as [
  Somebody,
  Somebody,
  Somebody,
];
const network = silentNetwork();
const MINUTE = 60_000;

interface Toy {
  said: number[];
  heard: number[];
  news: number[];
  events: string[];
}

/** Passes on what it is told, and remembers what it hears. */
function toy(peer: Somebody): Device<Toy> {
  return {
    kind: "toy",
    initial: () => ({ said: [], heard: [], news: [], events: [] }),
    step(state, event, context): Step<Toy> {
      const note = (text: string, ...effects: DeviceEffect[]): Step<Toy> => ({
        state: { ...state, events: [...state.events, text].slice(-20) },
        effects,
      });
      switch (event.kind) {
        case "started":
          return { state, effects: [{ kind: "meet", card: peer.keys.card }] };
        case "message": {
          const { n } = decodeMessage(event.body) as { n: number };
          if (event.type === "bad")
            throw new SegmentError("message-invalid", "not what this toy understands");
          if (event.type === "news") return { state: { ...state, news: [...state.news, n] }, effects: [] };
          return { state: { ...state, heard: [...state.heard, n] }, effects: [] };
        }
        case "command":
          return onCommand(state, event, peer);
        case "timer":
          return note(`timer ${event.name} at ${context.now - START_MS}`);
        case "sensor":
          return note(`${event.name} is ${String(context.readings.get(event.name))}`);
        case "receipt":
          return note(`receipt of ${event.receipt.kind}: ${event.receipt.outcome}`);
        case "session-opened":
          return note("open", { kind: "say", session: event.session, type: "hi", body: context.self });
        case "session-message":
          return note(`says ${String(decodeMessage(event.body))}`);
        case "session-closed":
          return note("closed");
        case "session-refused":
          return note(`refused ${event.code}`);
        default:
          return { state, effects: [] };
      }
    },
  };
}

function onCommand(
  state: Toy,
  { name, value }: DeviceEvent & { kind: "command" },
  peer: Somebody,
): Step<Toy> {
  const send = (n: number, type: string, durable: boolean): DeviceEffect => ({
    kind: "send",
    id: `${type}/${n}`,
    to: peer.id,
    type,
    body: { n },
    durable,
  });
  if (name === "effects") return { state, effects: value as DeviceEffect[] };
  if (name === "say") {
    const numbers = value as number[];
    return {
      state: { ...state, said: [...state.said, ...numbers] },
      effects: numbers.map((n) => send(n, "note", true)),
    };
  }
  return { state, effects: [send(value as number, name, name !== "news")] };
}

interface Life {
  agent: Agent<Toy>;
  store: MemoryStore;
  /** Power loss. What it leaves behind is found by the next life. */
  end(reached: boolean): MemoryStore;
}

let net: MemoryNetwork;
let clock: VirtualClock;
let failures: unknown[];
let told: string[];
afterEach(() => net.close());

function world(seed = 1, faults: { loss?: number; duplicates?: number } = {}): void {
  clock = new VirtualClock(START_MS);
  net = memoryNetwork({ network: NETWORK, clock, random: seededRandom(seed, "net"), ...faults });
  failures = [];
  told = [];
}

function live(who: Somebody, peer: Somebody, store: MemoryStore, more: Partial<AgentParts<Toy>> = {}): Life {
  let alive = true;
  // Timers of a process that has died do not fire.
  const mortal: Clock = {
    now: () => clock.now(),
    at: (atMs, fire) => clock.at(atMs, () => void (alive && fire())),
  };
  const bus = net.join(who.id);
  const agent = new Agent<Toy>({
    ...{ device: toy(peer), keys: who.keys, network, bus, store, clock: mortal, linkClock: mortal, crypto },
    random: seededRandom(2, who.id),
    surroundings: {
      actuate: (name, value) => told.push(`actuate ${name} ${String(value)}`),
      keep: (name, bytes) => void (alive && told.push(`keep ${name} ${bytes.length}`)),
      progress: (step, detail) => told.push(`progress ${step} ${detail}`),
      failed: (error) => void (alive && failures.push(error)),
    },
    ...more,
  });
  agent.start().catch((error: unknown) => alive && failures.push(error));
  return {
    agent,
    store,
    end(reached) {
      alive = false;
      void bus.close();
      return store.crash(reached);
    },
  };
}

/** Notaries with a real ledger, and one of the village's people among its agents. */
function ledgerWorld(seed: number, faults: { loss?: number; duplicates?: number } = {}) {
  const ledger = new Ledger(4, { seed });
  clock = new VirtualClock(LEDGER_START_MS);
  net = memoryNetwork({ network: NETWORK, clock, random: seededRandom(1), ...faults });
  failures = [];
  const { device, card } = holder;
  const who: Somebody = {
    ...alice,
    id: agentId(device.publicKey),
    keys: { signer: device, sessionSecret: crypto.sha256(device.publicKey), card },
    known: { ...alice.known, identity: device.publicKey },
  };
  /** The entries that it casts, as often as it casts them. */
  const casts: Uint8Array[] = [];
  const bus = net.join(carol.id);
  void bus.subscribe(castFilter(NETWORK, "entry"), (_topic, record) => casts.push(record));
  const parts = { bus, clock, crypto, random: seededRandom(3), network: NETWORK };
  const messenger = new Messenger({ ...parts, keys: carol.keys });
  messenger.meet(card);
  return {
    ledger,
    casts,
    live: (store: MemoryStore) => live(who, bob, store, { network: ledger.network }),
    show: (receipt: Uint8Array) => void messenger.send(who.id, "receipt", encodeMessage({ receipt })),
  };
}

function entryIn(record: Uint8Array): Uint8Array {
  const decoded = decodeRecord(record);
  if (decoded.kind !== "entry") throw new Error("not an entry");
  return decoded.entryBytes;
}

const fresh = (seed = 1): MemoryStore => {
  const random = seededRandom(seed, "disk");
  return new MemoryStore({ clock, writeMs: () => 1 + Math.floor(random.next() * 30) });
};
const sorted = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b);

describe("two agents", () => {
  it("take each other's durable messages once, though the bus loses and repeats and both crash", async () => {
    const who = fc.nat(1);
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({ do: fc.constant("say" as const), who, n: fc.integer({ min: 1, max: 5 }) }),
      },
      { weight: 5, arbitrary: fc.record({ do: fc.constant("wait" as const), who, n: fc.nat(300) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("wait" as const), who, n: fc.nat(700_000) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("crash" as const), who, n: fc.nat(1) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("cut" as const), who, n: fc.constant(0) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("restore" as const), who, n: fc.constant(0) }) },
    );
    let crashes = 0;
    let delivered = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.nat(10_000),
        fc.array(step, { minLength: 5, maxLength: 40 }),
        async (seed, steps) => {
          world(seed, { loss: 0.2, duplicates: 0.2 });
          const people = [alice, bob] as const;
          const lives = [live(alice, bob, fresh(seed)), live(bob, alice, fresh(seed + 1))];
          let next = 0;
          await clock.runFor(100);
          for (const { do: what, who: index, n } of steps) {
            const life = lives[index]!;
            if (what === "say")
              life.agent.command(
                "say",
                Array.from({ length: n }, () => (next += 1)),
              );
            else if (what === "wait") await clock.runFor(n);
            else if (what === "cut") net.cut(people[index]!.id);
            else if (what === "restore") net.restore(people[index]!.id);
            else {
              crashes += 1;
              lives[index] = live(people[index]!, people[1 - index]!, life.end(n === 1));
              await clock.runFor(n * 50);
            }
          }
          for (const { id } of people) net.restore(id);
          await clock.runFor(400_000);
          const [a, b] = [lives[0]!.agent, lives[1]!.agent];
          expect(failures).toEqual([]);
          expect(sorted(b.state.heard)).toEqual(sorted(a.state.said));
          expect(sorted(a.state.heard)).toEqual(sorted(b.state.said));
          expect([a.pending, b.pending]).toEqual([0, 0]);
          for (const { messenger } of [a, b]) expect(messenger.dropped.get("internal")).toBeUndefined();
          delivered += a.state.heard.length + b.state.heard.length;
          for (const life of lives) life.end(false);
          await net.close();
        },
      ),
      { numRuns: 25 },
    );
    // The test would be empty if nothing had happened.
    expect(crashes).toBeGreaterThan(15);
    expect(delivered).toBeGreaterThan(80);
  });

  it("send news without promise: once, or not at all to who is away", async () => {
    world();
    const [a, b] = [live(alice, bob, fresh()), live(bob, alice, fresh())];
    await clock.runFor(1_000);
    a.agent.command("news", 1);
    await clock.runFor(1_000);
    net.cut(bob.id);
    a.agent.command("news", 2);
    await clock.runFor(1_000);
    net.restore(bob.id);
    await clock.runFor(60_000);
    a.agent.command("news", 3);
    await clock.runFor(1_000);
    expect([b.agent.state.news, a.agent.pending]).toEqual([[1, 3], 0]);
  });

  it("drop a message that the device refuses, once, and tell its sender that it came", async () => {
    world(3, { duplicates: 0.9 });
    const [a, b] = [live(alice, bob, fresh()), live(bob, alice, fresh())];
    await clock.runFor(1_000);
    a.agent.command("bad", 1);
    a.agent.command("say", [2]);
    await clock.runFor(60_000);
    expect([b.agent.state.heard, a.agent.pending, b.agent.messenger.dropped.get("message-invalid")]).toEqual([
      [2],
      0,
      1,
    ]);
    const again = live(bob, alice, b.end(false));
    await clock.runFor(60_000);
    expect(again.agent.state.heard).toEqual([2]);
  });

  it("meet over BLE as their devices say, and part", async () => {
    world();
    const air = new MemoryAir({ clock, random: seededRandom(7) });
    const a = live(alice, bob, fresh(), { central: air.central("c0:00:00:00:00:02") });
    const b = live(bob, alice, fresh(), { peripheral: air.peripheral("c0:00:00:00:00:01") });
    await clock.runFor(1_000);
    const purpose = Uint8Array.of(1);
    b.agent.command("effects", [{ kind: "advertise", to: [alice.id] }]);
    a.agent.command("effects", [{ kind: "dial", peer: bob.id, purpose }]);
    await clock.runFor(5_000);
    a.agent.command("effects", [{ kind: "hang-up" }]);
    await clock.runFor(5_000);
    expect(a.agent.state.events).toEqual(["open", `says ${bob.id}`, "closed"]);
    expect(b.agent.state.events).toEqual(["open", `says ${alice.id}`, "closed"]);
    a.agent.command("effects", [{ kind: "dial", peer: carol.id, purpose }]);
    b.agent.command("effects", [{ kind: "dial", peer: alice.id, purpose }]);
    await clock.runFor(1_000);
    expect(a.agent.state.events.at(-1)).toBe("refused card-invalid");
    expect(b.agent.state.events.at(-1)).toBe("refused radio-unavailable");
    const stopping = Promise.all([a.agent.stop(), b.agent.stop()]);
    await clock.runFor(5_000);
    await stopping;
    expect(failures).toEqual([]);
  });
});

describe("an agent", () => {
  it("believes only the recipient that a message has come", async () => {
    world();
    const a = live(alice, bob, fresh());
    await clock.runFor(1_000);
    const seals: Uint8Array[] = [];
    const bobs = net.join(bob.id);
    const reader = new Messenger({
      bus: bobs,
      clock,
      crypto,
      random: seededRandom(4),
      network: NETWORK,
      keys: bob.keys,
    });
    void reader.listen(({ messageId }) => void seals.push(messageId));
    await clock.runFor(1_000);
    a.agent.command("say", [1]);
    await clock.runFor(1_000);
    const bus = net.join(carol.id);
    const stranger = new Messenger({
      bus,
      clock,
      crypto,
      random: seededRandom(5),
      network: NETWORK,
      keys: carol.keys,
    });
    stranger.meet(alice.keys.card);
    void stranger.send(alice.id, "ack", encodeMessage({ messageId: seals[0] }));
    void stranger.send(alice.id, "ack", encodeMessage({ messageId: "nonsense" }));
    void stranger.send(alice.id, "receipt", encodeMessage({ receipt: new Uint8Array(20) }));
    await clock.runFor(1_000);
    expect([a.agent.pending, a.agent.messenger.dropped.get("message-invalid")]).toEqual([1, 1]);
    expect(a.agent.messenger.dropped.get("receipt-invalid")).toBe(1);
    void reader.send(alice.id, "ack", encodeMessage({ messageId: seals[0] }));
    await clock.runFor(1_000);
    expect(a.agent.pending).toBe(0);
  });

  it("takes nothing in from others while too much waits for others, and does afterwards", async () => {
    world();
    const [a, b] = [live(alice, bob, fresh()), live(bob, carol, fresh())];
    await clock.runFor(1_000);
    b.agent.command(
      "say",
      Array.from({ length: 3_501 }, (_, i) => i),
    );
    await clock.runFor(1_000);
    expect(b.agent.pending).toBe(3_501);
    a.agent.command("say", [1]);
    await clock.runFor(3_000);
    expect([b.agent.state.heard, a.agent.pending]).toEqual([[], 1]);
    expect(b.agent.messenger.dropped.get("queue-full")).toBeGreaterThan(0);
    b.end(false);
    const c = live(bob, alice, fresh());
    await clock.runFor(40_000);
    expect([c.agent.state.heard, a.agent.pending]).toEqual([[1], 0]);
  });

  it("fails when it is asked to promise more than it can keep", async () => {
    world();
    const a = live(alice, bob, fresh());
    await clock.runFor(1_000);
    a.agent.command(
      "say",
      Array.from({ length: 4_097 }, (_, i) => i),
    );
    await clock.runFor(100);
    expect(failures).toMatchObject([{ code: "queue-full" }]);
    // Nothing of that step was written.
    expect(live(alice, bob, a.end(true)).agent.pending).toBe(0);
  });

  it("acts as its device says: timers, sensors, drivers, documents", async () => {
    world();
    const a = live(alice, bob, fresh());
    await clock.runFor(1_000);
    const timer = (name: string, inMs: number | null): DeviceEffect => {
      return { kind: "timer", name, atMs: inMs === null ? null : START_MS + inMs };
    };
    a.agent.command("effects", [timer("tea", 5_000), timer("cake", 6_000), timer("nap", 7_000)]);
    await clock.runFor(1_000);
    a.agent.command("effects", [timer("tea", 9_000), timer("cake", null)]);
    a.agent.sensor("weight", 12);
    const document: DeviceEffect = { kind: "keep", name: "invoice", bytes: new Uint8Array(3) };
    a.agent.command("effects", [{ kind: "actuate", name: "door", value: "open" }, document]);
    await clock.runFor(20_000);
    expect(a.agent.state.events).toEqual(["weight is 12", "timer nap at 7000", "timer tea at 9000"]);
    expect(told).toEqual(["actuate door open", "keep invoice 3"]);
    const again = live(alice, bob, a.end(false));
    expect(again.agent.state).toEqual(a.agent.state);
  });

  it("hands a document to its owner, also when it dies between writing and handing over", async () => {
    world();
    const a = live(alice, bob, fresh());
    await clock.runFor(1_000);
    const document = (bytes: number): DeviceEffect => {
      return { kind: "keep", name: "deep/receipt", bytes: new Uint8Array(bytes) };
    };
    const promise: DeviceEffect = {
      ...{ kind: "send", id: "note/1", to: bob.id, type: "note", body: { n: 1 }, durable: true },
    };
    a.agent.command("effects", [promise, document(3), document(4)]);
    await clock.runFor(0);
    expect(told).toEqual([]);
    const b = live(alice, bob, a.end(true));
    await clock.runFor(1_000);
    expect([...told].sort()).toEqual(["keep deep/receipt 3", "keep deep/receipt 4"]);
    // Once handed over it is the owner's.
    live(alice, bob, b.end(false));
    await clock.runFor(1_000);
    expect(told).toHaveLength(2);
    expect(failures).toEqual([]);
  });

  it("stops: finishes what is under way, takes nothing more, and leaves no timer", async () => {
    world();
    const a = live(alice, bob, fresh());
    await clock.runFor(1_000);
    a.agent.command("say", [1, 2]);
    a.agent.command("effects", [{ kind: "timer", name: "late", atMs: START_MS + 60_000 }]);
    let stopped = false;
    void a.agent.stop().then(() => (stopped = true));
    await clock.runFor(2_000);
    a.agent.command("say", [3]);
    a.agent.sensor("weight", 1);
    await clock.runFor(2_000);
    expect([stopped, a.agent.state.said, clock.pending]).toEqual([true, [1, 2], 0]);
    expect(live(alice, bob, a.end(false)).agent.pending).toBe(2);
    expect(failures).toEqual([]);
  });

  it("says so when its store fails, and does nothing more", async () => {
    world();
    let broken = false;
    const store = new MemoryStore({ clock, fails: () => broken });
    const a = live(alice, bob, store);
    await clock.runFor(1_000);
    broken = true;
    a.agent.command("effects", [{ kind: "actuate", name: "door", value: "open" }]);
    a.agent.command("say", [1]);
    await clock.runFor(1_000);
    a.agent.command("effects", [{ kind: "actuate", name: "door", value: "open" }]);
    await clock.runFor(1_000);
    expect([failures.length, told]).toEqual([1, []]);
    expect(failures).toMatchObject([{ code: "store-failed" }]);
  });

  it("casts one entry, also after a crash, until its receipt has come, and takes that once", async () => {
    const { ledger, casts, live: holderLives, show } = ledgerWorld(1, { loss: 0.1, duplicates: 0.3 });
    let life = holderLives(fresh());
    await clock.runFor(3_000);
    const entry = { body: { kind: "card" as const, card: holder.card } };
    life.agent.command("effects", [{ kind: "submit", id: "register", entry }]);
    life.agent.command("effects", [{ kind: "submit", id: "register", entry }]);
    await clock.runFor(10_000);
    life = holderLives(life.end(false));
    await clock.runFor(10_000);
    expect([new Set(casts.map(toHex)).size, life.agent.pending]).toEqual([1, 1]);
    expect(casts.length).toBeGreaterThan(5);

    ledger.now = clock.now();
    ledger.cast("entry", casts[0]!);
    ledger.run(10_000);
    const [settled] = ledger.members[0]!.settled.values();
    for (let i = 0; i < 3; i++) show(settled!.bytes);
    await clock.runFor(10_000);
    expect([life.agent.pending, life.agent.state.events]).toEqual([0, ["receipt of card: ok"]]);
    life = holderLives(life.end(false));
    await clock.runFor(3_000);
    show(settled!.bytes);
    await clock.runFor(10_000);
    expect([life.agent.pending, life.agent.state.events]).toEqual([0, ["receipt of card: ok"]]);
    expect(failures).toEqual([]);
  });

  it.each<[string, number, (record: Uint8Array) => Uint8Array]>([
    // What is signed is the entry alone: anybody can take its attachment away.
    ["a copy without the attachment", 0, (record) => encodeEntryRecord(entryIn(record), null)],
    ["it before its time", MINUTE, (record) => record],
  ])(
    "goes on with its entry when one notary puts %s into the log first",
    async (_what, validInMs, spoilt) => {
      const { ledger, casts, live: holderLives, show } = ledgerWorld(2);
      const life = holderLives(fresh());
      await clock.runFor(3_000);
      for (const { device, card } of people) ledger.submit(device, { kind: "card", card });
      ledger.run(5_000);
      const window = { notBefore: clock.now() + validInMs, notAfter: clock.now() + 5 * MINUTE };
      const entry = { ...deliveryOf(1, clock.now()).open, window };
      life.agent.command("effects", [{ kind: "submit", id: "open", entry }]);
      await clock.runFor(2_000);
      const outcomes: string[] = [];
      const told = async (): Promise<void> => {
        for (const { bytes } of ledger.members[0]!.settled.values()) {
          const { kind, outcome } = verifyReceipt(crypto, bytes, ledger.network);
          if (kind !== "open") continue;
          outcomes.push(outcome);
          show(bytes);
        }
        await clock.runFor(1_000);
      };
      ledger.now = Math.max(ledger.now, clock.now());
      ledger.append(spoilt(casts[0]!));
      ledger.run(3_000);
      await told();
      expect([life.agent.pending, life.agent.state.events]).toEqual([1, []]);
      await clock.runFor(validInMs);
      ledger.now = Math.max(ledger.now, clock.now());
      ledger.cast("entry", casts.at(-1)!);
      ledger.run(5_000);
      await told();
      expect(outcomes).toEqual([validInMs === 0 ? "seal-broken" : "entry-too-early", "ok"]);
      expect([life.agent.pending, life.agent.state.events]).toEqual([0, ["receipt of open: ok"]]);
      expect(failures).toEqual([]);
    },
  );
});
