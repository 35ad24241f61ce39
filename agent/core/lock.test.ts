/** A lock and phones, each a whole agent: Noise over the memory radio, journals, a bus that may be away. */
import { afterEach, describe, expect, it } from "vitest";
import { keyring } from "../../devices/keyring/keyring.ts";
import type { KeyringState } from "../../devices/keyring/state.ts";
import { createLock } from "../../devices/lock/lock.ts";
import type { LockConfig, LockState } from "../../devices/lock/state.ts";
import { formatKeyLink } from "../../protocols/access/link.ts";
import { formatPairing } from "../../protocols/access/pairing.ts";
import type { Action } from "../../protocols/access/rights.ts";
import { memoryNetwork } from "../../simulators/network/memory-bus.ts";
import { MemoryStore } from "../../simulators/network/memory-store.ts";
import { MemoryAir } from "../../simulators/radio/memory.ts";
import { seededRandom } from "../../simulators/random.ts";
import { VirtualClock } from "../../simulators/virtual-clock.ts";
import { NETWORK, silentNetwork, somebody, START_MS } from "../../test/support/agents.ts";
import type { Somebody } from "../../test/support/agents.ts";
import { nodeCrypto as crypto } from "../node/crypto.ts";
import { Agent } from "./agent.ts";

const LOCK = "c0:00:00:00:00:01";
const PSK = new Uint8Array(32).fill(7);
const HOUR = 60 * 60_000;
const front = somebody("front door");
const olga = somebody("olga");
const ana = somebody("ana");

const CONFIG: LockConfig = {
  door: { pulseMs: 500, relockMs: 5_000, hasContact: true, hasBoltSensor: false, openAlarmMs: 60_000 },
  ...{ home: {}, resetHoldMs: 10_000, keepsTime: false },
};

interface Street {
  clock: VirtualClock;
  air: MemoryAir;
  lock: Agent<LockState>;
  /** What the bolt was told. */
  bolts: string[];
  phone(who: Somebody, place?: number): Promise<Phone>;
  /** Runs the world until it is so, at most for that long. */
  until(what: () => boolean, atMostMs?: number): Promise<number>;
  cutBus(): Promise<void>;
}

interface Phone {
  agent: Agent<KeyringState>;
  nonce(): Uint8Array;
  tap(action?: Action): void;
  verdict(): string;
}

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function street(): Promise<Street> {
  const clock = new VirtualClock(START_MS);
  const net = memoryNetwork({ network: NETWORK, clock, random: seededRandom(1, "net") });
  const air = new MemoryAir({ clock, random: seededRandom(2), connectionIntervalMs: 22.5 });
  const network = silentNetwork();
  closers.push(() => net.close());
  const bolts: string[] = [];
  const parts = (who: Somebody) => ({
    ...{ keys: who.keys, network, bus: net.join(who.id), store: new MemoryStore({ clock }) },
    ...{ clock, linkClock: clock, crypto, random: seededRandom(3, who.id) },
  });
  const surroundings = {
    keep: () => undefined,
    progress: () => undefined,
    failed: (error: unknown) => {
      throw error;
    },
  };
  const lock: Agent<LockState> = new Agent({
    ...parts(front),
    device: createLock(CONFIG),
    peripheral: air.peripheral(LOCK),
    surroundings: {
      ...surroundings,
      actuate: (name, value) => {
        if (name === "bolt") bolts.push((value as { to: string }).to);
      },
    },
  });
  await Promise.all([lock.start(), clock.runFor(1_000)]);
  lock.sensor("clock-known", true);
  lock.sensor("door-open", false);
  const phones: Agent<KeyringState>[] = [];
  closers.push(async () => {
    const ends = [lock, ...phones].map((agent) => agent.stop());
    await Promise.all([...ends, clock.runFor(30_000)]);
  });
  return {
    ...{ clock, air, lock, bolts },
    phone: async (who, place = phones.length + 2) => {
      const agent: Agent<KeyringState> = new Agent({
        ...parts(who),
        device: keyring,
        central: air.central(`c0:00:00:00:00:${String(place).padStart(2, "0")}`),
        surroundings: { ...surroundings, actuate: () => undefined },
      });
      phones.push(agent);
      await Promise.all([agent.start(), clock.runFor(1_000)]);
      let nonces = 0;
      const nonce = (): Uint8Array => {
        nonces += 1;
        return new Uint8Array(16).fill(place).fill(nonces, 0, 1);
      };
      return {
        agent,
        nonce,
        tap: (action = "open") =>
          agent.command("ask", { lock: front.id, nonce: nonce(), target: "door", action, isNear: true }),
        verdict: () => {
          const { wish, outcome } = agent.state;
          return wish !== null ? "waiting" : (outcome?.code ?? (outcome === null ? "nothing" : "done"));
        },
      };
    },
    until: async (what, atMostMs = 20_000) => {
      const fromMs = clock.now();
      while (!what() && clock.now() < fromMs + atMostMs) await clock.runFor(1);
      expect(what()).toBe(true);
      return clock.now() - fromMs;
    },
    cutBus: () => net.close(),
  };
}

/** The lock shows a code, and Olga's phone reads it. */
async function paired(world: Street): Promise<Phone> {
  world.lock.command("pair", { psk: PSK });
  const { identity, sessionKey } = front.known;
  const code = formatPairing({ network: NETWORK, identity, sessionKey, psk: PSK, untilMs: START_MS + HOUR });
  const phone = await world.phone(olga);
  phone.agent.command("pair", { code, name: "Front door", nonce: phone.nonce() });
  await world.until(() => phone.verdict() === "done");
  return phone;
}

/** The owner makes a key, and somebody takes it with their own phone. */
async function invited(world: Street, owner: Phone, who: Somebody, place?: number): Promise<Phone> {
  const before = owner.agent.state.given.length;
  const content = {
    ...{ name: `Guest ${before}`, holder: null, secret: new Uint8Array(32).fill(5 + before) },
    rights: [{ target: "door", actions: ["open"] }],
    windows: [{ fromMs: START_MS, untilMs: START_MS + HOUR }],
    ...{ week: [], offsets: [], uses: null, depth: 0, refreshMs: null },
  };
  owner.agent.command("give", { lock: front.id, nonce: owner.nonce(), ...content });
  await world.until(() => owner.agent.state.given.length > before);
  const { bytes, secret } = owner.agent.state.given[before]!;
  const { sessionKey } = front.known;
  const guest = await world.phone(who, place);
  const links = [{ key: bytes, claim: null }];
  guest.agent.command("take", {
    link: formatKeyLink({ network: null, sessionKey, links, secret }),
    name: "Olga's",
  });
  await world.until(() => guest.agent.state.held.length === 1);
  return guest;
}

describe("a lock over the air", () => {
  it("takes the first phone with the code as its owner, and opens for it", async () => {
    const world = await street();
    const phone = await paired(world);
    expect(world.lock.state.owners.map(({ id }) => id)).toEqual([olga.id]);
    phone.tap();
    const connectedMs = await world.until(() => world.bolts.length > 0);
    expect(world.bolts).toEqual(["unlocked"]);
    // The session is open: one write, at the next connection event.
    expect(connectedMs).toBeLessThan(2 * 22.5);
    await world.until(() => phone.verdict() === "done");
  });

  it("lets nobody in who has not the secret, and is not deaf to the owner afterwards", async () => {
    const world = await street();
    world.lock.command("pair", { psk: PSK });
    await world.clock.runFor(100);
    const { identity, sessionKey } = front.known;
    const wrong = { network: NETWORK, identity, sessionKey, untilMs: START_MS + HOUR };
    const thief = await world.phone(ana, 9);
    const code = formatPairing({ ...wrong, psk: new Uint8Array(32).fill(8) });
    thief.agent.command("pair", { code, name: "", nonce: thief.nonce() });
    await world.until(() => thief.verdict() === "radio-failed");
    expect(world.lock.state.owners).toEqual([]);
    await paired(world);
  });

  it("works without the bus, for owner and guest at once", async () => {
    const world = await street();
    const owner = await paired(world);
    await world.cutBus();
    const guest = await invited(world, owner, ana);
    guest.tap();
    owner.tap();
    const ms = await world.until(() => guest.verdict() === "done" && owner.verdict() === "done");
    expect(ms).toBeLessThan(3_000);
    const requests = world.lock.state.audit.filter(({ what, code }) => what === "request" && code === null);
    expect(new Set(requests.map(({ who }) => who))).toEqual(new Set([ana.id, olga.id]));
  });

  it("opens for ten phones that tap at once, all within three seconds", async () => {
    const world = await street();
    const owner = await paired(world);
    const phones = [owner];
    for (let place = 10; place < 19; place++)
      phones.push(await invited(world, owner, somebody(`guest ${place}`), place));
    for (const phone of phones) phone.tap();
    const ms = await world.until(() => phones.every((phone) => phone.verdict() === "done"));
    expect(ms).toBeLessThan(3_000);
    const entries = world.lock.state.audit.filter(({ what, code }) => what === "request" && code === null);
    expect(new Set(entries.map(({ who }) => who)).size).toBe(10);
    // Whoever has been served makes room, and does not come again for nothing.
    await world.clock.runFor(5_000);
    expect(world.lock.state.sessions.length).toBeLessThanOrEqual(6);
  });
});
