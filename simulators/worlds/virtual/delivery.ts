/**
 * One delivery in virtual time: the agents and roles of the real world on in-memory links,
 * with the faults of its seed, and the watch that looks at everything after each step.
 */
import type { Agent } from "../../../agent/core/agent.ts";
import type { NotaryRole } from "../../../agent/roles/notary.ts";
import type { DroneState } from "../../../devices/drone/state.ts";
import { readPlan } from "../../../protocols/delivery/plan.ts";
import { toHex } from "../../../protocols/encoding/bytes.ts";
import { errorCode } from "../../../protocols/errors.ts";
import { verifyReceipt } from "../../../protocols/ledger/receipt.ts";
import { memoryNetwork, type MemoryNetwork } from "../../network/memory-bus.ts";
import { MemoryAir } from "../../radio/memory.ts";
import { seededRandom } from "../../random.ts";
import { every } from "../../clock.ts";
import { VirtualClock } from "../../virtual-clock.ts";
import { distanceM, localMetres, offset } from "../delivery/places.ts";
import { PRICE_MINOR, PRICES } from "../delivery/firm.ts";
import type { Outcome } from "../delivery/scenarios.ts";
import { DroneBody, Person, type Temper } from "./bodies.ts";
import { Crew, type Member } from "./crew.ts";
import { isWrittenDown } from "./durable.ts";
import type { Faults, Lie, MemberName } from "./faults.ts";
import { GARDEN, ROOF } from "./grounds.ts";
import { Hearsay } from "./hearsay.ts";
import {
  LedgerWatch,
  missingReceipts,
  TIME_ALLOWANCE_MS,
  type Buyer,
  type Clocks,
  type Invariant,
  type Violation,
} from "./invariants.ts";
import { Liars } from "./liars.ts";
import type { Life } from "./life.ts";
import { RADIO, type Hands } from "./members.ts";
import { readingsKept } from "./readings.ts";
import { outcomeOf, restless } from "./rest.ts";
import type { TraceLine } from "./trace.ts";
import { schedule } from "./troubles.ts";
import { NOTARIES, START_MS, villager, type Village } from "./village.ts";

const REPORT_MS = 4_000;
/** A commit takes a millisecond or two. */
const WRITE_DOWN_MS = 100;
const LAST_VOTES_MS = 60_000;
const ORDER_AT_MS = 2_000;
/** The person looks at the phone again if nothing came of the order. */
const ORDER_AGAIN_MS = 5_000;
/** The terms' radius, and what the rounding of positions may add. */
const NEAR_M = 15.1;
/** A write is under way for some connection events. */
const JUST_NOW_MS = 500;
const LOOK_AROUND_MS = 5_000;
const SLOT_MS = 4 * 60 * 60_000;
/** What one delivery may leave waiting, however many faults there are; a leak shows soon. */
const MAX_PROMISES = 40;
const MAX_TIMERS = 80;
const MAX_CHUNKS = 20;
const MAX_PENDING = 1_500;
/** All deadlines of a contract are over by then, and all faults. */
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

export class VirtualDelivery {
  readonly #options: RunOptions;
  readonly #clock = new VirtualClock(START_MS);
  readonly #net: MemoryNetwork;
  readonly #air: MemoryAir;
  readonly #crew: Crew;
  readonly #drone: DroneBody;
  readonly #person: Person;
  readonly #watch: LedgerWatch;
  readonly #hearsay: Hearsay;
  readonly #liars: Liars;
  readonly #members: readonly Member[];
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
    this.#drone = new DroneBody(clock, seededRandom(seed, "wind"), ROOF);
    this.#person = new Person(clock, temper, offset(GARDEN, 30, -20), GARDEN);
    const violated = (invariant: Invariant, detail: string): void => this.#violated(invariant, detail);
    const buyer = (): Buyer => {
      const { hasParcel, toPointM } = this.#person;
      return { hasParcel, isNear: toPointM <= NEAR_M };
    };
    this.#watch = new LedgerWatch(village, PRICE_MINOR, () => this.#clocks(), buyer, violated);
    this.#hearsay = new Hearsay({ clock, violated, areLinked: (a, b) => this.#areLinked(a, b) });
    this.#crew = new Crew({
      ...{ village, seed, faults: options.faults, clock, net: this.#net, air: this.#air },
      grams: () => this.#drone.grams,
      hands: (member, life) => this.#hands(member, life),
      overheard: (device, life) => this.#hearsay.overheard(device, life),
      sniffs: (value) => {
        this.#phoneWroteMs = clock.now();
        this.#liars.sniff(value);
      },
      lost: (detail) => this.#violated("acknowledged-kept", detail),
      say: (who, what, isDeed) => this.#say(who, what, isDeed),
    });
    this.#members = [...this.#crew.members.values()];
    this.#liars = this.#hireLiars();
  }

  async run(): Promise<RunResult> {
    const clock = this.#clock;
    this.#placeBodies();
    const say = (who: string, what: string): void => this.#say(who, what);
    schedule(this.#options.faults, { clock, net: this.#net, crew: this.#crew, say });
    this.#liars.begin();
    this.#crew.begin();
    every(clock, REPORT_MS, () => this.#report());
    clock.at(START_MS + ORDER_AT_MS, () => this.#order());
    let outcome: Outcome | undefined;
    while (outcome === undefined && clock.now() < START_MS + GIVE_UP_MS) {
      await clock.runUntil(clock.now() + REPORT_MS, undefined, () => this.#look());
      outcome = this.#ended();
    }
    if (outcome === undefined)
      this.#violated("contracts-end", restless(this.#crew, this.#drone) ?? "the contract is open");
    else await this.#atRest();
    const deeds = new Map([...this.#crew.members.values()].map(({ name, deeds: count }) => [name, count]));
    const worldMs = clock.now() - START_MS;
    return { seed: this.#options.seed, outcome, violations: this.#violations, deeds, worldMs };
  }

  #clocks(): Clocks {
    const off = NOTARIES.filter(
      (name) => Math.abs(this.#crew.members.get(name)?.skewMs ?? 0) > TIME_ALLOWANCE_MS,
    );
    // Of those who state where they are, and of those who judge how long ago that was.
    const skews = this.#options.faults.skews
      .filter(({ who }) => who === "drone" || who === "phone" || NOTARIES.some((name) => name === who))
      .map(({ byMs }) => byMs);
    const small = [0, ...skews.filter((byMs) => Math.abs(byMs) <= TIME_ALLOWANCE_MS)];
    const spreadMs = Math.max(...small) - Math.min(...small);
    const wrongClocks = off.length + (this.#lies("notary-lies") ? 1 : 0);
    return { now: this.#clock.now(), wrongClocks, spreadMs };
  }

  #lies(lie: Lie): boolean {
    return this.#options.faults.lies.includes(lie);
  }

  #hireLiars(): Liars {
    const { village, seed, faults } = this.#options;
    const cores = (): NotaryRole["core"][] => [...this.#crew.cores().values()];
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

  /** Connected, and where the phone has to speak first, it has just spoken. */
  #areLinked(a: string, b: string): boolean {
    if (a === this.#crew.idOf("drone") && this.#clock.now() - this.#phoneWroteMs > JUST_NOW_MS) return false;
    const address = (id: string): string => {
      if (id === this.#crew.idOf("drone")) return RADIO.drone;
      return id === this.#crew.idOf("phone") ? RADIO.phone : RADIO.stranger;
    };
    return this.#air.areLinked(address(a), address(b));
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
    const drone = this.#crew.members.get("drone");
    if (this.#drone.grams > 0) {
      this.#lifts += 1;
      const atPoint = distanceM(this.#drone.now(), GARDEN) <= NEAR_M;
      if (this.#lifts > 1 || !atPoint || !this.#watch.isPermitted("may-land")) {
        this.#violated("parcel-to-buyer", `the parcel leaves the drone for the ${this.#lifts}th time`);
      }
      this.#drone.grams = 0;
      this.#say("person", "takes the parcel");
    }
    drone?.agent?.sensor("scale", this.#drone.grams);
    this.#crew.members.get("phone")?.agent?.sensor("parcel-in-hand", true);
  }

  #report(): void {
    const drone = this.#crew.members.get("drone")?.agent;
    const carried = this.#crew.members.get("phone")?.agent;
    this.#placeBodies();
    if (drone !== undefined) this.#measure(drone as Agent<DroneState>);
    carried?.sensor("position", this.#person.now());
  }

  /** What the drone's agent was given in flight, and lived on to write down, must never be lost. */
  #measure(agent: Agent<DroneState>): void {
    const sample = this.#drone.now();
    const life = this.#crew.members.get("drone")?.life;
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
    const agent = this.#crew.phone;
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
      const agent = this.#crew.phone;
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

  // ---------------------------------------------------------------- the watch

  #look(): void {
    this.#watch.see(this.#clock.now());
    for (const { name, life, agent, service } of this.#members) {
      const core = service?.role?.core;
      if (core !== undefined) this.#watch.look(name, core);
      const promises = agent?.pending ?? 0;
      const timers = life?.timers ?? 0;
      const chunks = agent?.telemetry?.waiting ?? 0;
      if (promises <= MAX_PROMISES && timers <= MAX_TIMERS && chunks <= MAX_CHUNKS) continue;
      this.#violated(
        "queues-bounded",
        `${name} has ${promises} promises, ${timers} timers, ${chunks} chunks`,
      );
    }
    if (this.#clock.pending > MAX_PENDING)
      this.#violated("queues-bounded", "too much is under way in the world");
  }

  /** Everything has come to rest, with this outcome; undefined while it has not. */
  #ended(): Outcome | undefined {
    if (!this.#ordered || restless(this.#crew, this.#drone) !== undefined) return undefined;
    return outcomeOf(this.#options.village, this.#crew, this.#watch.termsId);
  }

  async #atRest(): Promise<void> {
    // The last votes may still be under way to a notary.
    const untilMs = this.#clock.now() + LAST_VOTES_MS;
    while (this.#clock.now() < untilMs && missingReceipts(this.#crew.cores(), this.#receipts).length > 0) {
      await this.#clock.runUntil(this.#clock.now() + REPORT_MS, undefined, () => this.#look());
    }
    for (const problem of missingReceipts(this.#crew.cores(), this.#receipts))
      this.#violated("receipts-kept", problem);
    const problem = await readingsKept(this.#options.village, this.#crew.shards, {
      durable: this.#durable,
      given: this.#given,
    });
    if (problem !== undefined) this.#violated("records-kept", problem);
  }

  #violated(invariant: Invariant, detail: string): void {
    // One that stays broken is told once.
    if (this.#violations.some((one) => one.invariant === invariant && one.detail === detail)) return;
    this.#violations.push({ invariant, atMs: this.#clock.now() - START_MS, detail });
    this.#say("watch", `VIOLATED ${invariant}: ${detail}`);
  }

  #say(who: string, what: string, isDeed = false): void {
    this.#options.trace?.({ atMs: this.#clock.now(), who, what, isDeed });
  }
}

/** As devices/drone/flight.ts: from take-off until it is home. */
function isFlying(state: DroneState): boolean {
  return "mission" in state && state.phase !== "signed" && state.phase !== "loading";
}
