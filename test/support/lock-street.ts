/**
 * A lock and phones for tests, each a whole agent: Noise over the memory radio, journals, a bus that may be
 * away.
 */
import { expect } from "vitest";
import { Agent } from "../../agent/core/agent.ts";
import { nodeCrypto as crypto } from "../../agent/node/crypto.ts";
import { keyring } from "../../devices/keyring/keyring.ts";
import type { KeyringState } from "../../devices/keyring/state.ts";
import { createLock } from "../../devices/lock/lock.ts";
import type { LockConfig, LockState } from "../../devices/lock/state.ts";
import { formatKeyLink } from "../../protocols/access/link.ts";
import { formatPairing } from "../../protocols/access/pairing.ts";
import type { Action } from "../../protocols/access/rights.ts";
import type { CentralRadio } from "../../protocols/ports.ts";
import { memoryNetwork } from "../../simulators/network/memory-bus.ts";
import { MemoryStore } from "../../simulators/network/memory-store.ts";
import { MemoryAir } from "../../simulators/radio/memory.ts";
import { seededRandom } from "../../simulators/random.ts";
import { VirtualClock } from "../../simulators/virtual-clock.ts";
import { NETWORK, silentNetwork, somebody, START_MS } from "./agents.ts";
import type { Somebody } from "./agents.ts";

export const LOCK = "c0:00:00:00:00:01";
export const PSK = new Uint8Array(32).fill(7);
export const HOUR = 60 * 60_000;
export const front = somebody("front door");
export const olga = somebody("olga");
export const ana = somebody("ana");

const CONFIG: LockConfig = {
  door: { pulseMs: 500, relockMs: 5_000, hasContact: true, hasBoltSensor: false, openAlarmMs: 60_000 },
  ...{ home: {}, resetHoldMs: 10_000, keepsTime: false },
};

export interface Street {
  clock: VirtualClock;
  air: MemoryAir;
  lock: Agent<LockState>;
  /** What the bolt was told. */
  bolts: string[];
  /** `heard` may stand between the phone and its radio. */
  phone(who: Somebody, place?: number, heard?: (radio: CentralRadio) => CentralRadio): Promise<Phone>;
  /** Runs the world until it is so, at most for that long. */
  until(what: () => boolean, atMostMs?: number): Promise<number>;
  cutBus(): Promise<void>;
  /** What the lock has written down. */
  memory(): ReadonlyMap<string, Uint8Array>;
  close(): Promise<void>;
}

export interface Phone {
  agent: Agent<KeyringState>;
  nonce(): Uint8Array;
  tap(action?: Action): void;
  verdict(): string;
}

export interface StreetOptions {
  /** When the world begins. */
  startMs?: number;
  /** What the lock remembers of an earlier world. */
  memory?: ReadonlyMap<string, Uint8Array>;
}

export async function street({ startMs = START_MS, memory }: StreetOptions = {}): Promise<Street> {
  const closers: (() => Promise<void> | void)[] = [];
  const clock = new VirtualClock(startMs);
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
  const store = new MemoryStore({ clock }, memory);
  const lock: Agent<LockState> = new Agent({
    ...{ ...parts(front), store },
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
    phone: async (who, place = phones.length + 2, heard = (radio) => radio) => {
      const agent: Agent<KeyringState> = new Agent({
        ...parts(who),
        device: keyring,
        central: heard(air.central(`c0:00:00:00:00:${String(place).padStart(2, "0")}`)),
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
    memory: () => new Map(store.keys("").map((key) => [key, store.get(key)!])),
    close: async () => {
      for (const close of closers.splice(0).reverse()) await close();
    },
  };
}

/** The lock shows a code, and Olga's phone reads it. */
export async function paired(world: Street, heard?: (radio: CentralRadio) => CentralRadio): Promise<Phone> {
  world.lock.command("pair", { psk: PSK });
  const { identity, sessionKey } = front.known;
  const code = formatPairing({ network: NETWORK, identity, sessionKey, psk: PSK, untilMs: START_MS + HOUR });
  const phone = await world.phone(olga, undefined, heard);
  phone.agent.command("pair", { code, name: "Front door", nonce: phone.nonce() });
  await world.until(() => phone.verdict() === "done");
  return phone;
}

/** The owner makes a key, and somebody takes it with their own phone. */
export async function invited(world: Street, owner: Phone, who: Somebody, place?: number): Promise<Phone> {
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
