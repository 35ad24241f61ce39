/**
 * A lock and phones for the benches of unlocking, each a whole agent: the devices' own steps, journals
 * on this machine's disk, real noble and bleno on the virtual air. There is no network.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent } from "../../agent/core/agent.ts";
import { openCentral } from "../../agent/node/ble/central.ts";
import { openPeripheral } from "../../agent/node/ble/peripheral.ts";
import { nodeCrypto as crypto, nodeRandom as random, systemClock as clock } from "../../agent/node/crypto.ts";
import { openJournal } from "../../agent/node/journal-store.ts";
import type { Device } from "../../devices/device.ts";
import { keyring } from "../../devices/keyring/keyring.ts";
import type { KeyringState } from "../../devices/keyring/state.ts";
import { createLock } from "../../devices/lock/lock.ts";
import { formatKeyLink } from "../../protocols/access/link.ts";
import { formatPairing } from "../../protocols/access/pairing.ts";
import type { CentralRadio, PeripheralRadio, Store } from "../../protocols/ports.ts";
import { memoryNetwork } from "../../simulators/network/memory-bus.ts";
import { Air } from "../../simulators/radio/air.ts";
import { airDriver } from "../../simulators/radio/driver.ts";
import { seededRandom } from "../../simulators/random.ts";
import { NETWORK, silentNetwork, somebody } from "../support/agents.ts";
import type { Somebody } from "../support/agents.ts";

const LOCK_ADDRESS = "c0:de:00:00:01:00";
const HOUR_MS = 3_600_000;
const PATIENCE_MS = 20_000;
const DOOR = { pulseMs: 500, relockMs: 5_000, hasContact: false, hasBoltSensor: false, openAlarmMs: 60_000 };

export interface BenchPhone {
  /** From the tap to the bolt, in ms. Rejects when the lock refuses. */
  tap(): Promise<number>;
  /** The same of a phone that is not connected, from the first advertisement that it saw. */
  tapFromAfar(): Promise<number>;
  /** From the tap to the lock's word that it was done, in ms. */
  open(): Promise<number>;
  /** Ends its connection. */
  leave(): Promise<void>;
}

export interface Doorway {
  phones: BenchPhone[];
  close(): Promise<void>;
}

/** The first phone owns the lock; the others have keys of it. */
export async function openDoorway(connectionIntervalMs: number, phones: number): Promise<Doorway> {
  const doorway = new BenchDoorway(connectionIntervalMs);
  try {
    await doorway.furnish(phones);
    return doorway;
  } catch (error) {
    await doorway.close();
    throw error;
  }
}

class BenchDoorway implements Doorway {
  readonly phones: Phone[] = [];
  readonly #air: Air;
  readonly #folder = mkdtempSync(join(tmpdir(), "segment-door-"));
  readonly #network = silentNetwork();
  readonly #net = memoryNetwork({ network: NETWORK, clock, random: seededRandom(1, "net") });
  readonly #closers: (() => Promise<void> | void)[] = [];
  readonly #front = resident("front door");
  /** Told when the bolt moves for somebody. */
  readonly #waiting: (() => void)[] = [];

  constructor(connectionIntervalMs: number) {
    this.#air = new Air({ clock, random: seededRandom(1), connectionIntervalMs });
    this.#closers.push(
      () => rmSync(this.#folder, { recursive: true, force: true }),
      () => this.#air.close(),
    );
  }

  async furnish(phones: number): Promise<void> {
    const radio = await openPeripheral(this.#transport(LOCK_ADDRESS));
    this.#closers.push(() => radio.close());
    const device = createLock({ door: DOOR, home: {}, resetHoldMs: null, keepsTime: false });
    const lock = await this.#agent(this.#front, device, await this.store("lock"), {
      peripheral: radio,
      actuate: (name, value) => {
        if (name === "bolt" && (value as { to: string }).to === "unlocked") this.#waiting.shift()?.();
      },
    });
    this.#closers.push(() => lock.stop());
    lock.sensor("clock-known", true);
    const psk = random.bytes(32);
    lock.command("pair", { psk });
    const { identity, sessionKey } = this.#front.known;
    const code = formatPairing({
      network: NETWORK,
      identity,
      sessionKey,
      psk,
      untilMs: clock.now() + HOUR_MS,
    });
    for (let place = 0; place < phones; place++) this.phones.push(await this.#phone(place));
    const [owner, ...guests] = this.phones;
    await owner!.wish("pair", { code, name: "Front door", nonce: random.bytes(16) });
    for (const [place, guest] of guests.entries()) {
      const { bytes, secret } = await owner!.give(place);
      const links = [{ key: bytes, claim: null }];
      await guest.take(formatKeyLink({ network: null, sessionKey, links, secret }));
    }
    await owner!.leave();
  }

  async close(): Promise<void> {
    for (const phone of this.phones) await phone.leave();
    for (const close of this.#closers.splice(0).reverse()) await close();
    await this.#net.close();
  }

  /** Resolves when the bolt moves; whoever waited first is told first. */
  bolt(): Promise<void> {
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  get lock(): string {
    return this.#front.id;
  }

  agentOf(who: Somebody, store: Store, central: CentralRadio): Promise<Agent<KeyringState>> {
    return this.#agent(who, keyring, store, { central, actuate: () => undefined });
  }

  async store(name: string): Promise<Store> {
    const store = await openJournal(join(this.#folder, name));
    this.#closers.push(() => store.close());
    return store;
  }

  async #phone(place: number): Promise<Phone> {
    const radio = await openCentral(this.#transport(`c0:de:00:00:02:${String(place).padStart(2, "0")}`));
    this.#closers.push(() => radio.close());
    return new Phone(this, resident(`phone ${place}`), await this.store(`phone-${place}`), radio);
  }

  async #agent<State>(
    who: Somebody,
    device: Device<State>,
    store: Store,
    { actuate, ...radios }: { actuate: (name: string, value: unknown) => void } & Radios,
  ): Promise<Agent<State>> {
    const agent = new Agent<State>({
      ...{ device, keys: who.keys, network: this.#network, bus: this.#net.join(who.id), store },
      ...{ clock, linkClock: clock, crypto, random, worksOffline: true },
      ...radios,
      surroundings: {
        actuate,
        keep: () => undefined,
        progress: () => undefined,
        failed: (error) => {
          throw error;
        },
      },
    });
    await agent.start();
    return agent;
  }

  #transport(address: string) {
    return { clock, transport: { hciDriver: airDriver(this.#air, address) } };
  }
}

interface Radios {
  peripheral?: PeripheralRadio;
  central?: CentralRadio;
}

function resident(name: string): Somebody {
  const nowMs = clock.now();
  return somebody(name, { notBefore: nowMs - HOUR_MS, notAfter: nowMs + 24 * HOUR_MS });
}

class Phone implements BenchPhone {
  readonly #doorway: BenchDoorway;
  readonly #who: Somebody;
  readonly #store: Store;
  readonly #radio: CentralRadio;
  #agent: Agent<KeyringState> | undefined;
  #seenMs: number | undefined;

  constructor(doorway: BenchDoorway, who: Somebody, store: Store, radio: CentralRadio) {
    this.#doorway = doorway;
    this.#who = who;
    this.#store = store;
    this.#radio = radio;
  }

  async tap(): Promise<number> {
    const agent = await this.#awake();
    const moved = this.#doorway.bolt();
    const tappedMs = performance.now();
    const [boltMs] = await Promise.all([moved.then(() => performance.now()), this.#ask(agent)]);
    return boltMs - tappedMs;
  }

  async tapFromAfar(): Promise<number> {
    await this.leave();
    const agent = await this.#awake();
    const moved = this.#doorway.bolt();
    this.#seenMs = undefined;
    const [boltMs] = await Promise.all([moved.then(() => performance.now()), this.#ask(agent)]);
    if (this.#seenMs === undefined) throw new Error("the phone opened a door that it had not seen");
    return boltMs - this.#seenMs;
  }

  async open(): Promise<number> {
    const agent = await this.#awake();
    const tappedMs = performance.now();
    await this.#ask(agent);
    return performance.now() - tappedMs;
  }

  async leave(): Promise<void> {
    await this.#agent?.stop();
    this.#agent = undefined;
  }

  async give(place: number): Promise<{ bytes: Uint8Array; secret: Uint8Array }> {
    const agent = await this.#awake();
    const nowMs = clock.now();
    const nonce = random.bytes(16);
    agent.command("give", {
      ...{ lock: this.#doorway.lock, nonce, name: `Guest ${place}`, holder: null, secret: random.bytes(32) },
      rights: [{ target: "door", actions: ["open"] }],
      windows: [{ fromMs: nowMs - HOUR_MS, untilMs: nowMs + HOUR_MS }],
      ...{ week: [], offsets: [], uses: null, depth: 0, refreshMs: null },
    });
    await agent.idle();
    const { bytes, secret } = agent.state.given.at(-1)!;
    if (agent.state.given.length !== place + 1 || secret === null) throw new Error("no key was made");
    return { bytes, secret };
  }

  async take(link: string): Promise<void> {
    const agent = await this.#awake();
    agent.command("take", { link, name: "Front door" });
    await agent.idle();
    if (agent.state.held.length !== 1) throw new Error("the key was not taken");
    await this.leave();
  }

  async wish(name: string, value: unknown): Promise<void> {
    await this.#granted(await this.#awake(), name, value);
  }

  #ask(agent: Agent<KeyringState>): Promise<void> {
    const nonce = random.bytes(16);
    return this.#granted(agent, "ask", {
      ...{ lock: this.#doorway.lock, nonce, target: "door", action: "open", isNear: true },
    });
  }

  async #granted(agent: Agent<KeyringState>, name: string, value: unknown): Promise<void> {
    agent.command(name, value);
    await agent.idle();
    const endsMs = clock.now() + PATIENCE_MS;
    while (agent.state.wish !== null && clock.now() < endsMs) {
      await new Promise<void>((resolve) => void clock.at(clock.now() + 2, resolve));
    }
    const { outcome } = agent.state;
    if (outcome === null || outcome.code !== null)
      throw new Error(`the lock has not obeyed: ${outcome?.code ?? "no answer"}`);
  }

  async #awake(): Promise<Agent<KeyringState>> {
    this.#agent ??= await this.#doorway.agentOf(this.#who, this.#store, {
      scan: (uuid, sighted, signal) =>
        this.#radio.scan(
          uuid,
          (sighting) => {
            this.#seenMs ??= performance.now();
            sighted(sighting);
          },
          signal,
        ),
      connect: (address, on, timeoutMs) => this.#radio.connect(address, on, timeoutMs),
      // The radio outlives the agent, as on a phone that is switched on.
      close: () => Promise.resolve(),
    });
    return this.#agent;
  }
}
