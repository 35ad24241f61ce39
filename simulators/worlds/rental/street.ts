/**
 * The street in which all rentals play: a lock, its host, a guest and others, each a whole agent, with four
 * notaries, in virtual time. Radio and bus are in memory; sessions, signatures, journals and the ledger are
 * those of any home.
 */
import { Agent } from "../../../agent/core/agent.ts";
import type { NotaryRole } from "../../../agent/roles/notary.ts";
import type { Device } from "../../../devices/device.ts";
import { keyring } from "../../../devices/keyring/keyring.ts";
import type { KeyringState } from "../../../devices/keyring/state.ts";
import { createLock } from "../../../devices/lock/lock.ts";
import type { LockConfig, LockState } from "../../../devices/lock/state.ts";
import { formatPairing } from "../../../protocols/access/pairing.ts";
import { openCard } from "../../../protocols/identity/card.ts";
import type { NetworkDescription } from "../../../protocols/ledger/network.ts";
import { currencyId } from "../../../protocols/money/currencies.ts";
import type { Bus, Clock, Crypto, Random } from "../../../protocols/ports.ts";
import { memoryNetwork } from "../../network/memory-bus.ts";
import type { MemoryNetwork } from "../../network/memory-bus.ts";
import { MemoryStore } from "../../network/memory-store.ts";
import { MemoryAir } from "../../radio/memory.ts";
import { overheardCentral } from "../../radio/sniffer.ts";
import { seededRandom } from "../../random.ts";
import { VirtualClock } from "../../virtual-clock.ts";
import { foundCommittee, NETWORK } from "./committee.ts";
import { Dealer } from "./dealer.ts";
import { mintMoney } from "./money.ts";
import { somebody, START_MS } from "./people.ts";
import type { Somebody } from "./people.ts";

export const LOCK_ADDRESS = "c0:00:00:00:00:01";
const CAST = { issuer: "issuer", host: "phone", lock: "lock", guest: "phone", friend: "phone" } as const;
const OTHERS = { "guest-new-phone": "phone", stranger: "phone" } as const;
/** How often the world looks whether something has happened that it waits for. */
const LOOK_MS = 25;
/** Longer than this nothing is expected to happen. */
const TIME_PATIENCE_MS = 30_000;
const QUIET_MS = 60 * 60_000;
/** So long before something happens people have their phones in their hands. */
const AWAKE_MS = 15 * 60_000;

export interface StreetOptions {
  crypto: Crypto;
  seed: number;
  config: LockConfig;
  say: (who: string, text: string) => void;
}

/** A phone and what its owner's home does besides. */
export interface Phone {
  person: Somebody;
  agent: Agent<KeyringState>;
  dealer: Dealer;
}

export class Street {
  readonly clock = new VirtualClock(START_MS);
  readonly air: MemoryAir;
  readonly net: MemoryNetwork;
  readonly network: NetworkDescription;
  readonly phones = new Map<string, Phone>();
  /** What the bolt was told, and when. */
  readonly bolts: { to: string; atMs: number }[] = [];
  /** Documents that agents keep for their owners: "guest stay-opened". */
  readonly documents: { who: string; name: string; bytes: Uint8Array }[] = [];
  /** What the guest's radio wrote, for whoever listens. */
  readonly recording: Uint8Array[] = [];
  readonly failures: unknown[] = [];
  notaries: NotaryRole[] = [];
  lock!: Agent<LockState>;
  lockDealer!: Dealer;
  readonly #options: StreetOptions;
  readonly #people = new Map<string, Somebody>();
  readonly #lockStore: MemoryStore;
  readonly #centrals: ReturnType<MemoryAir["central"]>[] = [];
  /** Whom the story has cut off. */
  readonly #away = new Set<string>();
  #issuer: Dealer | undefined;
  #lockBus: Bus | undefined;
  #isOpen = false;
  #nonces = 0;

  constructor(options: StreetOptions) {
    const { crypto, seed } = options;
    this.#options = options;
    const { clock } = this;
    for (const [name, kind] of Object.entries({ ...CAST, ...OTHERS }))
      this.#people.set(name, somebody(crypto, name, kind));
    this.net = memoryNetwork({ network: NETWORK, clock, random: seededRandom(seed, "bus") });
    this.air = new MemoryAir({ clock, random: seededRandom(seed, "air"), connectionIntervalMs: 22.5 });
    this.network = foundCommittee(crypto, clock, this.#failed).network;
    this.#lockStore = new MemoryStore({ clock });
  }

  readonly #failed = (error: unknown): void => void this.failures.push(error);

  get crypto(): Crypto {
    return this.#options.crypto;
  }

  person(name: string): Somebody {
    const found = this.#people.get(name);
    if (found === undefined) throw new Error(`nobody is called ${name}`);
    return found;
  }

  phone(name: string): Phone {
    const found = this.phones.get(name);
    if (found === undefined) throw new Error(`${name} has no phone here`);
    return found;
  }

  say(who: string, text: string): void {
    this.#options.say(who, text);
  }

  // ---------------------------------------------------------------- beginnings

  /** Notaries, money, phones and lock; the host's phone owns the lock. */
  async begin(): Promise<void> {
    const { crypto } = this.#options;
    const people = [...this.#people.values()];
    const cards = people.map(({ keys }) => keys.card);
    const committee = foundCommittee(crypto, this.clock, this.#failed);
    this.notaries = await this.passing(committee.start(this.net, cards), 5_000);
    const { dealer: issuer } = await this.#home("issuer");
    this.#issuer = issuer;
    await mintMoney(this, issuer, people);
    await this.bearLock(this.clock);
    const { dealer } = await this.#home("lock");
    this.lockDealer = dealer;
    for (const name of ["host", "guest", "friend"]) await this.bearPhone(name);
    await this.#pair();
  }

  currency(code: string): string {
    return currencyId(this.#options.crypto, code, this.person("issuer").root.publicKey);
  }

  #random(name: string): Random {
    return seededRandom(this.#options.seed, name);
  }

  /** A home beside the device, with a connection of its own. */
  async #home(name: string): Promise<{ dealer: Dealer }> {
    const { crypto } = this.#options;
    const person = this.person(name);
    const dealer = new Dealer({
      ...{ person, crypto, network: this.network, clock: this.clock, bus: this.net.join(person.id) },
      ...{ random: this.#random(`home of ${name}`), failed: this.#failed },
      cards: [...this.#people.values()].map(({ keys }) => keys.card),
      told: (text) => this.#told(name, text),
    });
    await this.passing(dealer.start(), 1_000);
    return { dealer };
  }

  #told(name: string, text: string): void {
    if (["offered", "agreed", "deposited"].includes(text)) this.say(name, `contract: ${text}`);
  }

  #agent<State>(
    name: string,
    device: Device<State>,
    store: MemoryStore,
    clock: Clock,
    radio: object,
    actuate: (what: string, value: unknown) => void,
  ): Agent<State> {
    const { crypto } = this.#options;
    const person = this.person(name);
    const bus = this.net.join(person.id);
    if (name === "lock") this.#lockBus = bus;
    if (this.#away.has(name)) this.net.cut(person.id);
    const agent = new Agent<State>({
      ...{ device, keys: person.keys, network: this.network, bus, store, clock, crypto },
      ...{ linkClock: this.clock, steadyClock: this.clock, worksOffline: true, ...radio },
      random: this.#random(`${name} ${this.clock.now()}`),
      surroundings: {
        actuate,
        keep: (what, bytes) => void this.documents.push({ who: name, name: what, bytes }),
        progress: (step, detail) => this.#progress(name, step, detail),
        failed: this.#failed,
      },
    });
    for (const { keys } of this.#people.values()) agent.meet(keys.card);
    return agent;
  }

  #progress(name: string, step: string, detail: string): void {
    const told: Record<string, string> = {
      obeyed: "the lock opens",
      departure: detail,
      locked: detail,
      "bolt-jammed": detail,
      refused: detail,
      rental: `the contract stands at "${detail}"`,
    };
    if (Object.hasOwn(told, step) && !(step === "refused" && name !== "lock"))
      this.say(name, told[step] ?? detail);
  }

  /** Of all phones together. */
  radioCounts(): { reads: number; writes: number; notifications: number; bytes: number } {
    const sum = { reads: 0, writes: 0, notifications: 0, bytes: 0 };
    for (const { counters } of this.#centrals) {
      sum.reads += counters.reads;
      sum.writes += counters.writes;
      sum.notifications += counters.notifications;
      sum.bytes += counters.bytes;
    }
    return sum;
  }

  async bearPhone(name: string): Promise<Phone> {
    const address = `c0:00:00:00:00:${String(this.phones.size + 2).padStart(2, "0")}`;
    const own = this.air.central(address);
    this.#centrals.push(own);
    const central = name === "guest" ? overheardCentral(own, (value) => this.recording.push(value)) : own;
    const store = new MemoryStore({ clock: this.clock });
    const agent = this.#agent(name, keyring, store, this.clock, { central }, () => undefined);
    const { dealer } = await this.#home(name);
    const phone: Phone = { person: this.person(name), agent, dealer };
    this.phones.set(name, phone);
    this.passing(agent.start(), 0).catch(this.#failed);
    await this.clock.runFor(1_000);
    return phone;
  }

  /** The lock's agent, by this clock; what it had made durable is still there. */
  async bearLock(clock: Clock): Promise<void> {
    const { config } = this.#options;
    const peripheral = this.air.peripheral(LOCK_ADDRESS);
    const actuate = (what: string, value: unknown): void => {
      if (what === "bolt")
        this.bolts.push({ to: (value as { to: string }).to, atMs: this.clock.now() - START_MS });
    };
    this.lock = this.#agent("lock", createLock(config), this.#lockStore, clock, { peripheral }, actuate);
    const { lock } = this;
    lock.start().catch(this.#failed);
    await this.clock.runFor(1_000);
    // As the running home does: only the notaries' word makes a clock that stood still trustworthy.
    const known = lock.time.known(TIME_PATIENCE_MS);
    known.then(() => lock.time.isKnown && lock.sensor("clock-known", true)).catch(this.#failed);
    this.lock.sensor("door-open", this.#isOpen);
    await this.clock.runFor(100);
  }

  /** The power fails: the agent dies, and comes back with whatever its clock then says. */
  async powerLoss(clock: Clock): Promise<void> {
    await this.passing(this.lock.stop(), 30_000);
    await this.#lockBus?.close();
    await this.bearLock(clock);
  }

  async #pair(): Promise<void> {
    const psk = this.#random("pairing").bytes(32);
    const { keys } = this.person("lock");
    const { identity, sessionKey } = openCard(this.#options.crypto, keys.card);
    this.lock.command("pair", { psk });
    const untilMs = this.clock.now() + 60_000;
    const code = formatPairing({ network: NETWORK, identity, sessionKey, psk, untilMs });
    const { agent } = this.phone("host");
    agent.command("pair", { code, name: "Lake house", nonce: this.nonce() });
    await this.until(() => agent.state.wish === null);
    this.say("host", "the host's phone owns the lock");
  }

  // ---------------------------------------------------------------- what people do

  nonce(): Uint8Array {
    this.#nonces += 1;
    return this.#random(`nonce ${this.#nonces}`).bytes(16);
  }

  /** One tap at the door. Returns "done", or the code of the refusal. */
  async tap(name: string): Promise<string> {
    const { agent } = this.phone(name);
    const lock = this.person("lock").id;
    const dropped = agent.messenger.dropped;
    const before = new Map(dropped);
    const nonce = this.nonce();
    agent.command("ask", { lock, nonce, target: "door", action: "open", isNear: true });
    await this.clock.runFor(LOOK_MS);
    if (agent.state.wish === null && agent.state.outcome === null) {
      // The phone itself knows that it is no use.
      const code = [...dropped].find(([one, count]) => count > (before.get(one) ?? 0))?.[0];
      return code ?? "nothing";
    }
    await this.until(() => agent.state.wish === null);
    const code = agent.state.outcome?.code ?? "done";
    await this.clock.runFor(500);
    this.say(name, code === "done" ? "taps: the door opens" : `taps: refused (${code})`);
    return code;
  }

  /** Somebody goes through: the door opens and, unless it is left open, is shut again. */
  async through(): Promise<void> {
    await this.moveDoor(true);
    await this.clock.runFor(4_000);
    await this.moveDoor(false);
    await this.clock.runFor(8_000);
  }

  async moveDoor(isOpen: boolean): Promise<void> {
    this.#isOpen = isOpen;
    this.lock.sensor("door-open", isOpen);
    await this.clock.runFor(100);
  }

  // ---------------------------------------------------------------- time and network

  /** Runs the world until a moment, in ms since the beginning; nobody is online in the quiet hours before. */
  async at(ms: number): Promise<void> {
    const untilMs = START_MS + ms;
    if (untilMs - this.clock.now() > QUIET_MS) {
      this.#sleep();
      await this.clock.runUntil(untilMs - AWAKE_MS);
      this.#wake();
    }
    await this.clock.runUntil(untilMs);
  }

  /** Quiet hours until it is so, at most so many: nobody but the notaries is online. */
  async quietly(what: () => boolean, hours: number): Promise<boolean> {
    this.#sleep();
    const is = await this.until(what, hours * 60 * 60_000, 60_000);
    this.#wake();
    await this.clock.runFor(5_000);
    return is;
  }

  #homes(): [name: string, dealer: Dealer][] {
    return [...this.phones].map(([name, { dealer }]) => [name, dealer]);
  }

  #sleep(): void {
    for (const [name, dealer] of this.#homes()) {
      dealer.sleep();
      this.net.cut(this.person(name).id);
    }
    this.lockDealer.sleep();
    this.#issuer?.sleep();
    this.net.cut(this.person("lock").id);
  }

  #wake(): void {
    for (const [name, dealer] of this.#homes()) {
      if (!this.#away.has(name)) this.net.restore(this.person(name).id);
      dealer.wake();
    }
    if (!this.#away.has("lock")) this.net.restore(this.person("lock").id);
  }

  /** Runs the world until it is so; gives up after so long, and says so to whoever checks. */
  async until(what: () => boolean, atMostMs = 20_000, lookMs = LOOK_MS): Promise<boolean> {
    const untilMs = this.clock.now() + atMostMs;
    while (!what() && this.clock.now() < untilMs) await this.clock.runFor(lookMs);
    return what();
  }

  /** What a promise waits for happens as the world goes on. */
  async passing<T>(promise: Promise<T>, ms: number): Promise<T> {
    const [value] = await Promise.all([promise, this.clock.runFor(ms)]);
    return value;
  }

  cut(...names: string[]): void {
    for (const name of names) {
      this.#away.add(name);
      this.net.cut(this.person(name).id);
    }
  }

  restore(...names: string[]): void {
    for (const name of names) {
      this.#away.delete(name);
      this.net.restore(this.person(name).id);
    }
  }

  async end(): Promise<void> {
    const agents = [this.lock, ...[...this.phones.values()].map(({ agent }) => agent)];
    this.#sleep();
    await this.passing(Promise.all(agents.map((agent) => agent.stop())), 30_000);
    await Promise.all(this.notaries.map((role) => role.stop()));
    await this.net.close();
  }
}
