/** The members of a virtual delivery: born, killed and born again with what they had made durable. */
import type { Agent } from "../../../agent/core/agent.ts";
import type { NotaryRole } from "../../../agent/roles/notary.ts";
import type { Device } from "../../../devices/device.ts";
import type { DroneState } from "../../../devices/drone/state.ts";
import { phone } from "../../../devices/phone/phone.ts";
import type { PhoneState } from "../../../devices/phone/state.ts";
import type { ShopState } from "../../../devices/shop/state.ts";
import type { Clock, Store } from "../../../protocols/ports.ts";
import { createMemoryBlobs, type MemoryBlobs } from "../../network/memory-blobs.ts";
import type { MemoryNetwork } from "../../network/memory-bus.ts";
import { MemoryLog } from "../../network/memory-log.ts";
import { MemoryStore } from "../../network/memory-store.ts";
import type { MemoryAir } from "../../radio/memory.ts";
import { PRICES } from "../delivery/firm.ts";
import { phoneUnder } from "./dishonest.ts";
import { overlooked, type IsHeld } from "./durable.ts";
import { MEMBERS, type Faults, type MemberName } from "./faults.ts";
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
import { KEEPERS, NOTARIES, villager, type Village } from "./village.ts";

const FLIGHT_MS = 60_000;
const APPEND_MS = 2;
/** What a greedy shop adds to the price of its goods. */
const GREED_MINOR = 100n;

export interface Member {
  name: MemberName;
  life: Life | undefined;
  lives: number;
  deeds: number;
  store: MemoryStore;
  agent: Agent<DroneState> | Agent<PhoneState> | Agent<ShopState> | undefined;
  service: Service | undefined;
  /** What its machine's clock adds to the time. */
  skewMs: number;
}

export interface CrewParts {
  village: Village;
  seed: number;
  faults: Faults;
  clock: Clock;
  net: MemoryNetwork;
  air: MemoryAir;
  /** What the drone's scale shows. */
  grams: () => number;
  hands: (member: Member, life: Life) => Hands;
  overheard: <State>(device: Device<State>, life: Life) => Device<State>;
  sniffs: Birth["sniffs"];
  /** A promise was dropped that its receiver does not hold. */
  lost: (detail: string) => void;
  say: (who: string, what: string, isDeed?: boolean) => void;
}

export class Crew {
  readonly shards = new Map<string, MemoryBlobs>();
  readonly members = new Map<MemberName, Member>();
  readonly #parts: CrewParts;
  readonly #log: MemoryLog;

  constructor(parts: CrewParts) {
    this.#parts = parts;
    const { village, clock } = parts;
    this.#log = new MemoryLog(village.log);
    for (const name of KEEPERS) this.shards.set(name, createMemoryBlobs());
    for (const name of MEMBERS) {
      const durable = village.stores[NOTARIES.indexOf(name as "notary-1")];
      const store = new MemoryStore({ clock }, durable);
      const member = { name, life: undefined, lives: 0, deeds: 0, store, agent: undefined };
      this.members.set(name, { ...member, service: undefined, skewMs: 0 });
    }
  }

  begin(): void {
    for (const member of this.members.values()) this.#bear(member);
  }

  get drone(): Agent<DroneState> | undefined {
    return this.members.get("drone")?.agent as Agent<DroneState> | undefined;
  }

  get phone(): Agent<PhoneState> | undefined {
    return this.members.get("phone")?.agent as Agent<PhoneState> | undefined;
  }

  get shop(): Agent<ShopState> | undefined {
    return this.members.get("shop")?.agent as Agent<ShopState> | undefined;
  }

  /** Of the notaries that live. */
  cores(): Map<string, NotaryRole["core"]> {
    const cores = new Map<string, NotaryRole["core"]>();
    for (const name of NOTARIES) {
      const core = this.members.get(name)?.service?.role?.core;
      if (core !== undefined) cores.set(name, core);
    }
    return cores;
  }

  idOf(name: string): string {
    return villager(this.#parts.village, name).id;
  }

  #bear(member: Member): void {
    const { village, seed, clock, net, say, hands: handsOf, overheard, sniffs } = this.#parts;
    const { name } = member;
    const person = villager(village, name);
    const life = new Life({
      clock,
      skewMs: () => member.skewMs,
      fate: (what) => this.#fate(member, what),
      died: (reached) => this.#died(member, reached),
    });
    member.life = life;
    member.lives += 1;
    const bus = livingBus(life, net.join(person.id));
    const store = this.#overlooked(member, livingStore(life, member.store));
    const hands = handsOf(member, life);
    // Another life draws other random bytes, as any process does.
    const lifeSeed = seed * 1_000 + member.lives;
    const birth: Birth = {
      ...{ village, person, life, bus, store, hands, sniffs, seed: lifeSeed },
      overheard: (device) => overheard(device, life),
    };
    say(name, member.lives === 1 ? "begins" : `begins its life ${member.lives}`);
    this.#become(member, birth).catch((error: unknown) => {
      if (life.alive) hands.failed(error);
    });
  }

  async #become(member: Member, birth: Birth): Promise<void> {
    const { air, faults, grams } = this.#parts;
    const { lies } = faults;
    const { name } = member;
    const notary = NOTARIES.indexOf(name as "notary-1");
    const shards = this.shards.get(name);
    const goods = PRICES.goods + (lies.includes("shop-greedy") ? GREED_MINOR : 0n);
    if (notary >= 0) member.service = bearNotary(birth, notary, this.#log, APPEND_MS);
    else if (shards !== undefined) member.service = bearKeeper(birth, shards);
    else if (name === "drone") member.agent = bearDrone(birth, air, lies);
    else if (name === "phone") member.agent = bearPhone(birth, air, phoneUnder(lies, phone));
    else member.agent = bearShop(birth, FLIGHT_MS, goods);
    await (member.service ?? member.agent)?.start();
    if (name === "drone" && birth.life.alive) member.agent?.sensor("scale", grams());
  }

  /** A promise may be dropped only when its receiver holds it durably. */
  #overlooked({ name }: Member, store: Store): Store {
    const isHeld: IsHeld = (to, mark) => {
      const receiver = [...this.members.values()].find((one) => this.idOf(one.name) === to);
      return receiver?.store.get(mark) !== undefined;
    };
    return overlooked(store, this.idOf(name), isHeld, this.#parts.lost);
  }

  #fate(member: Member, what: string): Fate {
    const { faults, clock, say } = this.#parts;
    member.deeds += 1;
    const { name, deeds } = member;
    const kill = faults.kills.find((one) => one.who === name && one.deed === deeds);
    say(name, `deed ${deeds}: ${what}`, true);
    if (kill === undefined) return "lives";
    say(name, `${kill.when === "dies-before" ? "dies before" : "dies after"} deed ${deeds} (${what})`);
    clock.at(clock.now() + kill.downMs, () => this.#bear(member));
    return kill.when;
  }

  #died(member: Member, reached: boolean): void {
    const { net, air } = this.#parts;
    member.store = member.store.crash(reached);
    net.vanish(this.idOf(member.name));
    if (member.name === "drone" || member.name === "phone") air.silence(RADIO[member.name]);
    member.agent = undefined;
    member.service = undefined;
  }
}
