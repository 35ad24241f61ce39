/**
 * One delivery in virtual time: the agents and roles of the real world on in-memory links,
 * with the faults of its seed, and the watch that looks at everything after each step.
 */
import { Agent } from "../../../agent/core/agent.ts";
import type { NotaryRole } from "../../../agent/roles/notary.ts";
import type { DroneState } from "../../../devices/drone/state.ts";
import { phone } from "../../../devices/phone/phone.ts";
import type { PhoneState } from "../../../devices/phone/state.ts";
import type { ShopState } from "../../../devices/shop/state.ts";
import { readPlan } from "../../../protocols/delivery/plan.ts";
import { toHex } from "../../../protocols/encoding/bytes.ts";
import type { Store } from "../../../protocols/ports.ts";
import { errorCode } from "../../../protocols/errors.ts";
import { verifyReceipt } from "../../../protocols/ledger/receipt.ts";
import { createMemoryBlobs, type MemoryBlobs } from "../../network/memory-blobs.ts";
import { memoryNetwork, type MemoryNetwork } from "../../network/memory-bus.ts";
import { MemoryLog } from "../../network/memory-log.ts";
import { MemoryStore } from "../../network/memory-store.ts";
import { MemoryAir } from "../../radio/memory.ts";
import { seededRandom } from "../../random.ts";
import { VirtualClock } from "../../virtual-clock.ts";
import { localMetres, offset } from "../delivery/places.ts";
import { PRICE_MINOR, PRICES } from "../delivery/stage.ts";
import type { Outcome } from "../delivery/scenarios.ts";
import { DroneBody, Person, distanceMm, type Temper } from "./bodies.ts";
import { MEMBERS, type Faults, type Lie, type MemberName } from "./faults.ts";
import { LedgerWatch, missingReceipts, TIME_ALLOWANCE_MS, type Invariant, type Violation } from "./invariants.ts";
import { isWrittenDown, overlooked, type IsHeld } from "./durable.ts";
import { phoneUnder } from "./dishonest.ts";
import { Hearsay } from "./hearsay.ts";
import { Liars } from "./liars.ts";
import { Life, livingBus, livingStore, type Fate } from "./life.ts";
import {
  bearDrone,
  bearKeeper,
  bearNotary,
  bearPhone,
  bearShop,
  RADIO,
  type Birth,
  type Hands,
  type Service,
} from "./members.ts";
import { readingsKept } from "./readings.ts";
import type { TraceLine } from "./trace.ts";
import { KEEPERS, NOTARIES, START_MS, villager, type Village } from "./village.ts";

/** The shop's roof, and a garden 150 m from it. */
const ROOF = { latitudeE7: 473_769_000, longitudeE7: 85_417_000, altitudeMm: 412_000 };
const GARDEN = offset(ROOF, 110, 100);
const FLIGHT_MS = 60_000;
const REPORT_MS = 4_000;
/** A commit takes a millisecond or two. */
const WRITE_DOWN_MS = 100;
const ORDER_AT_MS = 2_000;
/** The person looks at the phone again if nothing came of the order. */
const ORDER_AGAIN_MS = 5_000;
/** The terms' radius, and what the rounding of positions may add. */
const NEAR_MM = 15_100;
/** A write is under way for some connection events. */
const JUST_NOW_MS = 500;
const LOOK_AROUND_MS = 5_000;
const SLOT_MS = 4 * 60 * 60_000;
const APPEND_MS = 2;
/** All deadlines of a contract are over by then, many times. */
const GIVE_UP_MS = 35 * 60_000;

export interface RunOptions {
  village: Village;
  seed: number;
  loss: number;
  faults: Faults;
  temper: Temper;
  trace?: (line: TraceLine) => void;
}

export interface RunResult {
  seed: number;
  outcome: Outcome | undefined;
  violations: Violation[];
  /** How many deeds each member did, over all its lives. */
  deeds: ReadonlyMap<MemberName, number>;
  worldMs: number;
}

interface Member {
  name: MemberName;
  life: Life | undefined;
  lives: number;
  deeds: number;
  store: MemoryStore;
  agent: Agent<DroneState> | Agent<PhoneState> | Agent<ShopState> | undefined;
  service: Service | undefined;
  skewMs: number;
}

export class VirtualDelivery {
  readonly #options: RunOptions;
  readonly #clock = new VirtualClock(START_MS);
  readonly #net: MemoryNetwork;
  readonly #air: MemoryAir;
  readonly #log: MemoryLog;
  readonly #members = new Map<MemberName, Member>();
  readonly #shards = new Map<string, MemoryBlobs>();
  readonly #drone: DroneBody;
  readonly #person: Person;
  readonly #watch: LedgerWatch;
  readonly #hearsay: Hearsay;
  readonly #liars: Liars;
  readonly #violations: Violation[] = [];
  readonly #receipts = new Map<string, { entryId: Uint8Array; bytes: Uint8Array }>();
  /** Times of the flight's readings. */
  readonly #given = new Set<number>();
  readonly #durable = new Set<number>();
  #phoneWroteMs = 0;
  #lifts = 0;
  #ordered = false;

  constructor(options: RunOptions) {
    const { seed, village, loss, temper } = options;
    this.#options = options;
    const clock = this.#clock;
    this.#net = memoryNetwork({
      network: village.network.network,
      clock,
      random: seededRandom(seed, "bus"),
      loss,
      duplicates: loss,
      overhears: (topic, payload) => this.#liars.overhear(topic, payload),
    });
    this.#air = new MemoryAir({ clock, random: seededRandom(seed, "air"), missedEvents: loss });
    this.#log = new MemoryLog(village.log);
    this.#drone = new DroneBody(clock, seededRandom(seed, "wind"), ROOF);
    this.#person = new Person(clock, temper, offset(GARDEN, 30, -20), GARDEN);
    const violated = (invariant: Invariant, detail: string): void => this.#violated(invariant, detail);
    this.#watch = new LedgerWatch(village, PRICE_MINOR, () => this.#clocks(), violated);
    this.#hearsay = new Hearsay({ clock, violated, areLinked: (a, b) => this.#areLinked(a, b) });
    this.#liars = this.#hireLiars();
    for (const name of KEEPERS) this.#shards.set(name, createMemoryBlobs());
    for (const name of MEMBERS) {
      const durable = village.stores[NOTARIES.indexOf(name as "notary-1")];
      const store = new MemoryStore({ clock }, durable);
      const member = { name, life: undefined, lives: 0, deeds: 0, store, agent: undefined };
      this.#members.set(name, { ...member, service: undefined, skewMs: 0 });
    }
  }

  async run(): Promise<RunResult> {
    const clock = this.#clock;
    this.#placeBodies();
    this.#scheduleFaults();
    this.#liars.begin();
    for (const member of this.#members.values()) this.#bear(member);
    this.#every(REPORT_MS, () => this.#report());
    clock.at(START_MS + ORDER_AT_MS, () => this.#order());
    let outcome: Outcome | undefined;
    while (outcome === undefined && clock.now() < START_MS + GIVE_UP_MS) {
      await clock.runUntil(clock.now() + REPORT_MS, undefined, () => this.#look());
      outcome = this.#ended();
    }
    if (outcome === undefined) this.#violated("contracts-end", this.#unfinished());
    else await this.#atRest();
    const deeds = new Map([...this.#members.values()].map(({ name, deeds: count }) => [name, count]));
    const worldMs = clock.now() - START_MS;
    return { seed: this.#options.seed, outcome, violations: this.#violations, deeds, worldMs };
  }

  // ---------------------------------------------------------------- life and death

  #bear(member: Member): void {
    const { village, seed } = this.#options;
    const { name } = member;
    const person = villager(village, name);
    const life = new Life({
      clock: this.#clock,
      skewMs: () => member.skewMs,
      fate: (what) => this.#fate(member, what),
      died: (reached) => this.#died(member, reached),
    });
    member.life = life;
    member.lives += 1;
    const bus = livingBus(life, this.#net.join(person.id));
    const store = this.#overlooked(member, livingStore(life, member.store));
    const hands = this.#hands(member, life);
    // Another life draws other random bytes, as any process does.
    const birth: Birth = {
      ...{ village, person, life, bus, store, hands, seed: seed * 1_000 + member.lives },
      overheard: (device, ofLife) => this.#hearsay.overheard(device, ofLife),
      sniffs: (value) => {
        this.#phoneWroteMs = this.#clock.now();
        this.#liars.sniff(value);
      },
    };
    this.#say(name, member.lives === 1 ? "begins" : `begins its life ${member.lives}`);
    const started = this.#become(member, birth);
    started.catch((error: unknown) => {
      if (life.alive) hands.failed(error);
    });
  }

  async #become(member: Member, birth: Birth): Promise<void> {
    const { name } = member;
    const notary = NOTARIES.indexOf(name as "notary-1");
    const shards = this.#shards.get(name);
    if (notary >= 0) member.service = bearNotary(birth, notary, this.#log, APPEND_MS);
    else if (shards !== undefined) member.service = bearKeeper(birth, shards);
    else if (name === "drone") member.agent = bearDrone(birth, this.#air, this.#options.faults.lies);
    else if (name === "phone") member.agent = bearPhone(birth, this.#air, phoneUnder(this.#options.faults.lies, phone));
    else member.agent = bearShop(birth, FLIGHT_MS, PRICES.goods + (this.#lies("shop-greedy") ? 100n : 0n));
    await (member.service ?? member.agent)?.start();
    if (name === "drone" && birth.life.alive) member.agent?.sensor("scale", this.#drone.grams);
  }

  #clocks(): { now: number; wrongClocks: number } {
    const off = NOTARIES.filter((name) => Math.abs(this.#members.get(name)?.skewMs ?? 0) > TIME_ALLOWANCE_MS);
    return { now: this.#clock.now(), wrongClocks: off.length + (this.#lies("notary-lies") ? 1 : 0) };
  }

  #lies(lie: Lie): boolean {
    return this.#options.faults.lies.includes(lie);
  }

  #hireLiars(): Liars {
    const { village, seed, faults } = this.#options;
    const cores = (): NotaryRole["core"][] => [...this.#cores().values()];
    return new Liars({
      ...{ village, clock: this.#clock, net: this.#net, lies: faults.lies },
      random: seededRandom(seed, "liars"),
      radio: this.#air.central(RADIO.stranger),
      height: () => Math.max(...cores().map((core) => core.height), 0),
      contract: () => {
        const { termsId } = this.#watch;
        const view = termsId && cores()[0]?.contractView(termsId);
        return termsId && view && { termsId, seq: view.state.seq };
      },
      say: (what) => this.#say("liar", what),
    });
  }

  /** A promise may be dropped only when its receiver holds it durably. */
  #overlooked({ name }: Member, store: Store): Store {
    const person = villager(this.#options.village, name);
    const isHeld: IsHeld = (to, mark) => {
      const receiver = [...this.#members.values()].find((one) => this.#idOf(one.name) === to);
      return receiver?.store.get(mark) !== undefined;
    };
    return overlooked(store, person.id, isHeld, (detail) => this.#violated("acknowledged-kept", detail));
  }

  #idOf(name: string): string {
    return villager(this.#options.village, name).id;
  }

  /** Connected, and where the phone has to speak first, it has just spoken. */
  #areLinked(a: string, b: string): boolean {
    if (a === this.#idOf("drone") && this.#clock.now() - this.#phoneWroteMs > JUST_NOW_MS) return false;
    const address = (id: string): string => {
      if (id === this.#idOf("drone")) return RADIO.drone;
      return id === this.#idOf("phone") ? RADIO.phone : RADIO.stranger;
    };
    return this.#air.areLinked(address(a), address(b));
  }

  #fate(member: Member, what: string): Fate {
    member.deeds += 1;
    const { name, deeds } = member;
    const kill = this.#options.faults.kills.find((one) => one.who === name && one.deed === deeds);
    this.#options.trace?.({ atMs: this.#clock.now(), who: name, what: `deed ${deeds}: ${what}`, isDeed: true });
    if (kill === undefined) return "lives";
    this.#say(name, `${kill.when === "dies-before" ? "dies before" : "dies after"} deed ${deeds} (${what})`);
    this.#clock.at(this.#clock.now() + kill.downMs, () => this.#bear(member));
    return kill.when;
  }

  #died(member: Member, reached: boolean): void {
    member.store = member.store.crash(reached);
    this.#net.vanish(villager(this.#options.village, member.name).id);
    if (member.name === "drone" || member.name === "phone") this.#air.silence(RADIO[member.name]);
    member.agent = undefined;
    member.service = undefined;
  }

  #mustBeWritten({ name, life, agent, store }: Member, deed: string): void {
    if (life?.alive !== true || agent === undefined || isWrittenDown(store, agent.state)) return;
    this.#violated("written-first", `${name} does "${deed}" before it stands in its journal`);
  }

  #hands(member: Member, life: Life): Hands {
    const { name } = member;
    return {
      actuate: (what, value) => {
        this.#mustBeWritten(member, `actuate ${what}`);
        life.deed(`actuate ${what}`, () => this.#actuated(name, what, value));
      },
      keep: (what, bytes) => {
        this.#mustBeWritten(member, `keep ${what}`);
        life.deed(`keep ${what}`, () => this.#kept(name, what, bytes));
      },
      progress: (step, detail) => life.deed(`tells ${step}`, () => this.#told(name, step, detail)),
      certified: (header) => this.#watch.certified(header),
      failed: (error) => {
        this.#say(name, `fails: ${String(error)}`);
        this.#violated("agents-go-on", `${name} fails (${errorCode(error)}): ${String(error)}`);
      },
    };
  }

  // ---------------------------------------------------------------- the physical world

  #actuated(name: MemberName, what: string, value: unknown): void {
    if (name === "drone") {
      if (what === "land" && !this.#watch.isPermitted("may-land")) {
        this.#violated("lands-only-permitted", "the drone lands, and no quorum has executed may-land");
      }
      this.#drone.obey(what, value);
    } else if (name === "phone" && what === "come-to-point") {
      this.#person.called();
    } else if (name === "phone" && what === "take-parcel") {
      this.#person.asked(this.#drone, () => this.#lifted());
    }
  }

  #lifted(): void {
    const drone = this.#members.get("drone");
    if (this.#drone.grams > 0) {
      this.#lifts += 1;
      const atPoint = distanceMm(this.#drone.now(), GARDEN) <= 15_000;
      if (this.#lifts > 1 || !atPoint || !this.#watch.isPermitted("may-land")) {
        this.#violated("parcel-to-buyer", `the parcel leaves the drone for the ${this.#lifts}th time`);
      }
      this.#drone.grams = 0;
      this.#say("person", "takes the parcel");
    }
    drone?.agent?.sensor("scale", this.#drone.grams);
    this.#members.get("phone")?.agent?.sensor("parcel-in-hand", true);
  }

  #report(): void {
    const drone = this.#members.get("drone")?.agent;
    const carried = this.#members.get("phone")?.agent;
    this.#placeBodies();
    if (drone !== undefined) this.#measure(drone as Agent<DroneState>);
    carried?.sensor("position", this.#person.now());
  }

  /** What the drone's agent was given in flight, and lived on to write down, must never be lost. */
  #measure(agent: Agent<DroneState>): void {
    const sample = this.#drone.now();
    const life = this.#members.get("drone")?.life;
    const before = isFlying(agent.state);
    agent.sensor("position", sample);
    this.#given.add(sample.timeMs);
    this.#clock.at(this.#clock.now() + WRITE_DOWN_MS, () => {
      if (life?.alive === true && before && isFlying(agent.state)) this.#durable.add(sample.timeMs);
    });
  }

  #placeBodies(): void {
    this.#air.place(RADIO.drone, localMetres(GARDEN, this.#drone.now()));
    this.#air.place(RADIO.phone, localMetres(GARDEN, this.#person.now()));
    this.#air.place(RADIO.stranger, localMetres(GARDEN, offset(GARDEN, 3, 1)));
  }

  // ---------------------------------------------------------------- the story

  #order(): void {
    const agent = this.#members.get("phone")?.agent as Agent<PhoneState> | undefined;
    if (agent !== undefined && agent.state.phase !== "idle") return;
    const { village, seed } = this.#options;
    const shop = villager(village, "shop");
    const now = this.#clock.now();
    if (agent !== undefined) this.#say("person", "orders");
    this.#ordered = true;
    agent?.command("order", {
      orderId: seededRandom(seed, "order").bytes(16),
      shop: shop.id,
      shopCard: shop.keys.card,
      article: PRICES.article,
      address: "Garden of 3 Mill Lane",
      point: GARDEN,
      slotFrom: now,
      slotUntil: now + SLOT_MS,
      currency: village.currency,
      maxPriceMinor: PRICE_MINOR.toString(),
    });
    this.#clock.at(now + ORDER_AGAIN_MS, () => this.#order());
  }

  #told(name: MemberName, step: string, detail: string): void {
    this.#say(name, `${step}: ${detail}`);
    if (name === "phone" && step === "disputable") this.#askPerson();
  }

  /** The drone's word stands alone: whoever has no parcel objects, after a look around. */
  #askPerson(): void {
    this.#clock.at(this.#clock.now() + LOOK_AROUND_MS, () => {
      const agent = this.#phone;
      if (agent?.state.phase === "disputable" && !this.#person.hasParcel) agent.command("object", true);
      // A phone that is off or has forgotten the answer asks again.
      if (agent === undefined || (agent.state.phase === "disputable" && agent.state.answer === "none")) {
        this.#askPerson();
      }
    });
  }

  #kept(name: MemberName, what: string, bytes: Uint8Array): void {
    const { crypto, network } = this.#options.village;
    if (what === "terms" && name === "phone") {
      const plan = readPlan(crypto, bytes);
      this.#watch.follow(plan.termsId, BigInt(plan.priceMinor));
    } else if (what === "receipt") {
      const { entryId } = verifyReceipt(crypto, bytes, network);
      this.#receipts.set(toHex(entryId), { entryId, bytes });
    }
  }

  // ---------------------------------------------------------------- faults

  #scheduleFaults(): void {
    const { cuts, skews } = this.#options.faults;
    const clock = this.#clock;
    for (const { who, partition, fromMs, untilMs } of cuts) {
      const ids = who.map((name) => villager(this.#options.village, name).id);
      clock.at(START_MS + fromMs, () => {
        this.#say("network", `${partition ? "falls apart" : "is lost"}: ${who.join(", ")}`);
        if (partition) this.#net.partition([[], ids]);
        else for (const id of ids) this.#net.cut(id);
      });
      clock.at(START_MS + untilMs, () => {
        this.#say("network", `is whole again for ${who.join(", ")}`);
        if (partition) this.#net.heal();
        else for (const id of ids) this.#net.restore(id);
      });
    }
    for (const { who, fromMs, untilMs, byMs } of skews) {
      const member = this.#members.get(who);
      const set = (skewMs: number, when: number): void => {
        clock.at(START_MS + when, () => {
          this.#say(who, `its clock is ${skewMs === 0 ? "right" : `wrong by ${skewMs} ms`}`);
          if (member !== undefined) member.skewMs = skewMs;
        });
      };
      set(byMs, fromMs);
      set(0, untilMs);
    }
  }

  // ---------------------------------------------------------------- the watch

  #look(): void {
    const isNear = distanceMm(this.#person.spot, GARDEN) <= NEAR_MM;
    for (const name of NOTARIES) {
      const core = this.#members.get(name)?.service?.role?.core;
      if (core !== undefined) this.#watch.look(name, core, this.#person.hasParcel, isNear);
    }
  }

  /** Everything has come to rest, with this outcome; undefined while it has not. */
  #ended(): Outcome | undefined {
    if (!this.#ordered || this.#restless() !== undefined) return undefined;
    const { termsId } = this.#watch;
    const state = this.#phone?.state;
    const cores = this.#cores();
    const views = [...cores.values()].map((core) => termsId && core.contractView(termsId)?.state);
    if (views.some((view) => view !== undefined && !view.closed)) return undefined;
    if (state?.phase === "refused" && views.every((view) => view === undefined)) return "refused";
    if (views.some((view) => view === undefined)) return undefined;
    const { village } = this.#options;
    const earned = ["drone", "shop"].map(
      (name) =>
        cores.get("notary-1")?.accountBalances(villager(village, name).root).get(village.currency) ?? 0n,
    );
    return earned.reduce((sum, one) => sum + one, 0n) === PRICE_MINOR ? "delivered" : "refunded";
  }

  get #phone(): Agent<PhoneState> | undefined {
    return this.#members.get("phone")?.agent as Agent<PhoneState> | undefined;
  }

  #cores(): Map<string, NotaryRole["core"]> {
    const cores = new Map<string, NotaryRole["core"]>();
    for (const name of NOTARIES) {
      const core = this.#members.get(name)?.service?.role?.core;
      if (core !== undefined) cores.set(name, core);
    }
    return cores;
  }

  /** Who is not at rest yet, and why. */
  #restless(): string | undefined {
    for (const { name, life, agent, service } of this.#members.values()) {
      if (life?.alive !== true || (agent ?? service) === undefined) return `${name} is dead`;
      if (agent !== undefined && agent.pending > 0) return `${name} has ${agent.pending} promises to keep`;
      if ((agent?.telemetry?.unsent ?? 0) > 0) return `${name} has records to store`;
    }
    const heights = [...this.#cores().values()].map((core) => core.height);
    if (new Set(heights).size > 1) return `notaries stand at ${heights.join(", ")}`;
    const carried = this.#phone?.state;
    if (carried?.phase !== "done" && carried?.phase !== "refused") return `the phone is ${carried?.phase}`;
    const flyer = this.#members.get("drone")?.agent as Agent<DroneState> | undefined;
    const sample = this.#drone.now();
    if (flyer?.state.phase !== "idle") return `the drone is ${flyer?.state.phase}`;
    if (sample.airborne || distanceMm(sample, ROOF) > 50_000) return "the drone is not at home";
    const shop = this.#members.get("shop")?.agent as Agent<ShopState> | undefined;
    const open = shop?.state.orders.find(({ status }) => status !== "ended" && status !== "refused");
    return open === undefined ? undefined : `the shop's order is ${open.status}`;
  }

  #unfinished(): string {
    return this.#restless() ?? "the contract is open";
  }

  async #atRest(): Promise<void> {
    for (const problem of missingReceipts(this.#cores(), this.#receipts)) this.#violated("receipts-kept", problem);
    const problem = await readingsKept(
      this.#options.village,
      this.#shards,
      { durable: this.#durable, given: this.#given },
    );
    if (problem !== undefined) this.#violated("records-kept", problem);
  }

  #violated(invariant: Invariant, detail: string): void {
    // One that stays broken is told once.
    if (this.#violations.some((one) => one.invariant === invariant && one.detail === detail)) return;
    this.#violations.push({ invariant, atMs: this.#clock.now() - START_MS, detail });
    this.#say("watch", `VIOLATED ${invariant}: ${detail}`);
  }

  #say(who: string, what: string): void {
    this.#options.trace?.({ atMs: this.#clock.now(), who, what });
  }

  #every(everyMs: number, work: () => void): void {
    const run = (): void => {
      this.#clock.at(this.#clock.now() + everyMs, run);
      work();
    };
    this.#clock.at(this.#clock.now() + everyMs, run);
  }
}

/** As devices/drone/flight.ts: from take-off until it is home. */
function isFlying(state: DroneState): boolean {
  return "mission" in state && state.phase !== "signed" && state.phase !== "loading";
}
