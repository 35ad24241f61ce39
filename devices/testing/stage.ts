/**
 * A delivery in memory: phone, shop and drone as pure steps, a real ledger that executes
 * and certifies their entries, and between them a bus and a radio that can lose things.
 * States go through the journal's encoding at every step, as they do in an agent.
 */
import { nodeCrypto as crypto } from "../../agent/node/crypto.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { decodeMessage, encodeMessage } from "../../protocols/encoding/messages.ts";
import type { DeliveryPlan } from "../../protocols/delivery/plan.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { signVote } from "../../protocols/ledger/certificate.ts";
import type { EntryDraft } from "../../protocols/ledger/drafts.ts";
import { merklePath } from "../../protocols/ledger/merkle.ts";
import { encodeReceipt, verifyReceipt, type VerifiedReceipt } from "../../protocols/ledger/receipt.ts";
import { signNoRelease } from "../../protocols/ledger/statements.ts";
import type { Signer } from "../../protocols/ports.ts";
import { alice, DirectLedger, drone, euro, POINT, shop } from "../../test/ledger/village.ts";
import { START_MS, type Person } from "../../test/ledger/committee.ts";
import type { Device, DeviceContext, DeviceEffect, DeviceEvent } from "../device.ts";
import { createDrone } from "../drone/drone.ts";
import type { DroneConfig, DroneState, FlightReading } from "../drone/state.ts";
import { phone } from "../phone/phone.ts";
import type { PhoneState } from "../phone/state.ts";
import { createShop } from "../shop/shop.ts";
import type { ShopConfig, ShopState } from "../shop/state.ts";

export { alice, crypto, drone, euro, POINT, shop, START_MS };

export const MINUTE = 60_000;
/** 1 km south of the point. */
export const BASE = {
  latitudeE7: POINT.latitudeE7 - 90_000,
  longitudeE7: POINT.longitudeE7,
  altitudeMm: 15_000,
};

export const idOf = (person: Person): string => agentId(person.device.publicKey);

export const DRONE_CONFIG: DroneConfig = {
  operator: idOf(shop),
  rangeM: 5_000,
  arrivedWithinM: 5,
  pushEveryMs: 5_000,
  countersignWaitMs: 90_000,
  papersWaitMs: 120_000,
};

export const SHOP_CONFIG: ShopConfig = {
  name: "The village bakery",
  drone: idOf(drone),
  droneCard: drone.card,
  currency: euro,
  catalogue: { Bread: 1_990n },
  deliveryFeeMinor: 500n,
  noShowFeeMinor: 300n,
  noShowPenaltyMinor: 200n,
  radiusMm: 15_000,
  maxAgeMs: 5 * MINUTE,
  timing: {
    payMs: 4 * MINUTE,
    flyMs: 10 * MINUTE,
    removeMs: 3 * MINUTE,
    claimMs: 45_000,
    disputeMs: 10 * MINUTE,
  },
};

/** What Alice orders: bread to the point, for at most 24.90. */
export function wish(nonce = 1): Record<string, unknown> {
  return {
    orderId: new Uint8Array(16).fill(nonce),
    shop: idOf(shop),
    shopCard: shop.card,
    article: "Bread",
    address: "1 Village Square",
    point: { ...POINT },
    slotFrom: START_MS,
    slotUntil: START_MS + 120 * MINUTE,
    currency: euro,
    maxPriceMinor: "2490",
  };
}

/** One device on the stage. */
export class Actor<State> {
  readonly name: string;
  readonly id: string;
  readonly signer: Signer;
  readonly device: Device<State>;
  readonly readings = new Map<string, unknown>();
  readonly timers = new Map<string, number>();
  /** All effects so far, in order. */
  readonly effects: DeviceEffect[] = [];
  /** Codes of the events that it refused as malformed. */
  readonly dropped: string[] = [];
  /** Nothing reaches it. */
  away = false;
  state: State;
  readonly #stage: Stage;
  readonly #card: Uint8Array;

  constructor(stage: Stage, name: string, person: Person, device: Device<State>) {
    this.#stage = stage;
    this.name = name;
    this.id = idOf(person);
    this.signer = person.device;
    this.#card = person.card;
    this.device = device;
    this.state = device.initial();
  }

  context(): DeviceContext {
    const { now, ledger } = this.#stage;
    return {
      now,
      self: this.id,
      signer: this.signer,
      crypto,
      card: this.#card,
      network: "village",
      readings: this.readings,
      verifyReceipt: (bytes) => verifyReceipt(crypto, bytes, ledger.network),
    };
  }

  handle(event: DeviceEvent): void {
    if (this.away) return;
    try {
      const { state, effects } = this.device.step(this.state, event, this.context());
      this.state = decodeMessage(encodeMessage(state)) as State;
      this.effects.push(...effects);
      for (const effect of effects) this.#stage.perform(this, effect);
    } catch (error) {
      if (!(error instanceof SegmentError) || error.code === "internal") throw error;
      this.dropped.push(error.code);
    }
  }

  sensor(name: string, value: unknown): void {
    this.readings.set(name, value);
    this.handle({ kind: "sensor", name, value });
  }

  /** The process dies and comes back with its journal: timers, readings and sessions are gone. */
  crash(): void {
    this.timers.clear();
    this.readings.clear();
    this.#stage.cutRadio(this.name);
    this.handle({ kind: "started" });
  }

  steps(): string[] {
    return this.effects.flatMap((effect) => (effect.kind === "progress" ? [effect.step] : []));
  }

  actuated(): string[] {
    return this.effects.flatMap((effect) => (effect.kind === "actuate" ? [effect.name] : []));
  }

  submitted(): string[] {
    return this.effects.flatMap((effect) =>
      effect.kind === "submit" ? [effect.id.split("/")[0] ?? ""] : [],
    );
  }

  inquiries(): number {
    return this.effects.filter(({ kind }) => kind === "inquire").length;
  }

  kept(): string[] {
    return this.effects.flatMap((effect) => (effect.kind === "keep" ? [effect.name] : []));
  }
}

interface Certified {
  bytes: Uint8Array;
  receipt: VerifiedReceipt;
  parties: string[];
}

type Performer = Pick<Actor<unknown>, "name" | "id" | "signer" | "timers">;

export interface Delivery {
  from: string;
  to: string;
  type: string;
  /** Of a receipt: the kind of its entry. */
  entry?: string;
}

export class Stage {
  readonly ledger = new DirectLedger().begin();
  readonly phone: Actor<PhoneState>;
  readonly shop: Actor<ShopState>;
  readonly drone: Actor<DroneState>;
  /** Messages, receipts and what is said over BLE, for which this holds, get lost. */
  loses: (delivery: Delivery) => boolean = () => false;
  /** Entries for which this holds do not reach the notaries (yet). */
  holdsBack: (draft: EntryDraft) => boolean = () => false;
  /** Happens when an entry comes to the notaries, before it is executed. */
  onSubmit: () => void = () => undefined;
  readonly #queue: (() => void)[] = [];
  #radio: { dialling: boolean; advertising: boolean; live: number | undefined } = {
    dialling: false,
    advertising: false,
    live: undefined,
  };
  /** By contract. */
  readonly #latest = new Map<string, Certified>();
  #sessions = 0;
  #inRange = false;
  #seq = 0;

  constructor(configs: { drone?: Partial<DroneConfig>; shop?: Partial<ShopConfig> } = {}) {
    this.ledger.now = START_MS;
    this.phone = new Actor(this, "phone", alice, phone);
    this.shop = new Actor(this, "shop", shop, createShop({ ...SHOP_CONFIG, ...configs.shop }));
    this.drone = new Actor(this, "drone", drone, createDrone({ ...DRONE_CONFIG, ...configs.drone }));
    for (const actor of this.actors) actor.handle({ kind: "started" });
    this.drone.sensor("scale", 850);
    this.fly(BASE, { airborne: false, motorsOn: false });
  }

  get now(): number {
    return this.ledger.now;
  }

  get actors(): (Actor<PhoneState> | Actor<ShopState> | Actor<DroneState>)[] {
    return [this.phone, this.shop, this.drone];
  }

  // ---------------------------------------------------------------- the story, piece by piece

  order(changes: Record<string, unknown> = {}): this {
    this.phone.handle({ kind: "command", name: "order", value: { ...wish(), ...changes } });
    return this.settle();
  }

  fly(
    place: { latitudeE7: number; longitudeE7: number; altitudeMm: number },
    changes: Partial<FlightReading> = {},
  ): this {
    this.drone.sensor("position", flightReading(this.now, place, changes));
    return this.settle();
  }

  arrive(): this {
    this.wait(2 * MINUTE);
    return this.fly(POINT);
  }

  /** The person walks to the point; the radio reaches that far. */
  walk(place: { latitudeE7: number; longitudeE7: number; altitudeMm: number } = POINT): this {
    this.#inRange = true;
    this.phone.sensor("position", { timeMs: this.now, ...place });
    return this.settle();
  }

  touchDown(): this {
    this.wait(20_000);
    return this.fly(POINT, { airborne: false, motorsOn: false });
  }

  lift(): this {
    this.wait(5_000);
    this.drone.sensor("scale", 0);
    return this.settle();
  }

  inHand(): this {
    this.phone.sensor("parcel-in-hand", true);
    return this.settle();
  }

  flyHome(): this {
    this.wait(60_000);
    return this.fly(BASE, { airborne: false, motorsOn: false });
  }

  /** Time passes: timers ring in their order. */
  wait(ms: number): this {
    const until = this.now + ms;
    for (;;) {
      const due = this.actors
        .filter(({ away }) => !away)
        .flatMap((actor) => [...actor.timers].map(([name, atMs]) => ({ actor, name, atMs })))
        .filter(({ atMs }) => atMs <= until)
        .sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.ledger.now = Math.max(this.now, due.atMs);
      due.actor.timers.delete(due.name);
      due.actor.handle({ kind: "timer", name: due.name });
      this.settle();
    }
    this.ledger.now = until;
    return this;
  }

  /** Delivers what is under way until nothing is. */
  settle(): this {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) next();
    return this;
  }

  // ---------------------------------------------------------------- what effects do

  perform(actor: Performer, effect: DeviceEffect): void {
    switch (effect.kind) {
      case "send":
        this.message(actor.id, effect.to, effect.type, encodeMessage(effect.body));
        return;
      case "submit":
        if (!this.holdsBack(effect.entry)) this.#queue.push(() => this.submit(actor.signer, effect.entry));
        return;
      case "timer":
        if (effect.atMs === null) actor.timers.delete(effect.name);
        else actor.timers.set(effect.name, effect.atMs);
        return;
      case "advertise":
        this.#radio.advertising = effect.to.includes(this.phone.id);
        if (!this.#radio.advertising) this.cutRadio();
        else this.connect();
        return;
      case "dial":
        this.#radio.dialling = true;
        this.connect();
        return;
      case "hang-up":
        this.#queue.push(() => this.cutRadio("phone"));
        return;
      case "say":
        this.#say(actor.name, effect);
        return;
      case "inquire":
        this.#answer(actor.id, effect.termsId);
        return;
      default:
        return;
    }
  }

  message(from: string, to: string, type: string, body: Uint8Array): void {
    this.#queue.push(() => {
      if (this.loses({ from, to, type })) return;
      this.#actorOf(to)?.handle({ kind: "message", from, type, body });
    });
  }

  #actorOf(id: string): Actor<PhoneState> | Actor<ShopState> | Actor<DroneState> | undefined {
    return this.actors.find((actor) => actor.id === id);
  }

  /** Executes an entry in a block of its own, and tells the parties. */
  submit(signer: Signer, draft: EntryDraft): { bytes: Uint8Array; receipt: VerifiedReceipt } {
    this.onSubmit();
    const certified = this.certify(signer, draft);
    for (const party of certified.parties) this.#tell(party, certified);
    return certified;
  }

  #tell(party: string, { receipt, bytes }: Certified): void {
    this.#queue.push(() => {
      if (this.loses({ from: "notaries", to: party, type: "receipt", entry: receipt.kind })) return;
      this.#actorOf(party)?.handle({ kind: "receipt", receipt, bytes });
    });
  }

  /** What the notaries say to a party that asks how a contract stands. */
  #answer(party: string, termsId: Uint8Array): void {
    this.#queue.push(() => {
      const latest = this.#latest.get(toHex(termsId));
      if (latest?.parties.includes(party) === true) this.#tell(party, latest);
    });
  }

  certify(signer: Signer, draft: EntryDraft): Certified {
    const { block } = this.ledger.execute([this.ledger.record(signer, draft)]);
    const line = block.lines[0]!;
    const certificate = this.ledger.configs.slice(0, 3).map(({ termSigner, index }) => ({
      notary: index,
      signature: signVote(termSigner, { height: block.header.height, hash: block.hash }),
    }));
    const path = merklePath(block.tree, 0);
    const { headerBytes: header } = block;
    const bytes = encodeReceipt({
      header,
      certificate,
      leaf: line.leaf,
      leafIndex: 0,
      path,
      entry: line.entry,
    });
    const receipt = verifyReceipt(crypto, bytes, this.ledger.network);
    const transition = receipt.result !== null && "seq" in receipt.result ? receipt.result : undefined;
    const certified = { bytes, receipt, parties: line.parties.map(agentId) };
    if (transition !== undefined) {
      this.#seq = transition.seq;
      this.#latest.set(toHex(transition.termsId), certified);
    }
    return certified;
  }

  /** The notaries end a contract whose deadline has passed. */
  expire(termsId: Uint8Array): { bytes: Uint8Array; receipt: VerifiedReceipt } {
    const { rules } = this.ledger.ledger;
    const content = { termsId, seq: this.#seq, timeMs: this.now };
    const statements = this.ledger.configs
      .slice(0, 3)
      .map((one) => signNoRelease(rules, one.termSigner, content));
    const body = { kind: "expire" as const, termsId, seq: this.#seq, statements };
    const notary = this.ledger.configs[0]!.termSigner;
    const certified = this.submit(notary, { body });
    this.settle();
    return certified;
  }

  /** Phone and drone open a session if both want to. */
  connect(): void {
    const { dialling, advertising, live } = this.#radio;
    if (!dialling || !advertising || live !== undefined || !this.#inRange) return;
    const number = (this.#sessions += 1);
    this.#radio.live = number;
    const purpose = "plan" in this.phone.state ? this.phone.state.plan.termsId : new Uint8Array(32);
    const sessionHash = crypto.sha256(Uint8Array.of(number));
    const session = `ble-${number}`;
    this.#queue.push(() => {
      if (this.#radio.live !== number) return;
      this.drone.handle({ kind: "session-opened", session, peer: this.phone.id, sessionHash, purpose });
      this.phone.handle({ kind: "session-opened", session, peer: this.drone.id, sessionHash, purpose });
    });
  }

  /** The link breaks, or the phone hangs up, or one side dies. */
  cutRadio(by?: string): void {
    const { live } = this.#radio;
    this.#radio.live = undefined;
    if (by === "phone") this.#radio.dialling = false;
    if (by === "drone") this.#radio.advertising = false;
    if (live === undefined) return;
    const session = `ble-${live}`;
    this.#queue.push(() => {
      this.drone.handle({ kind: "session-closed", session, peer: this.phone.id });
      this.phone.handle({ kind: "session-closed", session, peer: this.drone.id });
      this.connect();
    });
  }

  /** Out of each other's reach. */
  part(): this {
    this.#inRange = false;
    this.cutRadio();
    return this.settle();
  }

  #say(name: string, { session, type, body }: DeviceEffect & { kind: "say" }): void {
    const other = name === "phone" ? this.drone : this.phone;
    const peer = name === "phone" ? this.phone.id : this.drone.id;
    const bytes = encodeMessage(body);
    this.#queue.push(() => {
      const gone = session !== `ble-${this.#radio.live ?? 0}`;
      if (gone || this.loses({ from: peer, to: other.id, type: `ble/${type}` })) return;
      other.handle({ kind: "session-message", session, peer, type, body: bytes });
    });
  }

  // ---------------------------------------------------------------- what a test asks

  get termsId(): Uint8Array {
    const order = this.shop.state.orders.at(-1);
    if (order === undefined) throw new Error("nothing was ordered");
    return order.termsId;
  }

  get plan(): DeliveryPlan {
    const { state } = this.phone;
    if (!("plan" in state)) throw new Error(`the phone is ${state.phase}`);
    return state.plan;
  }

  get balances(): Record<"alice" | "drone" | "shop", bigint> {
    return {
      alice: this.ledger.balance(alice),
      drone: this.ledger.balance(drone),
      shop: this.ledger.balance(shop),
    };
  }

  get label(): string | undefined {
    return this.ledger.ledger.contractView(this.termsId)?.state.label;
  }
}

export function flightReading(
  timeMs: number,
  place: { latitudeE7: number; longitudeE7: number; altitudeMm: number },
  changes: Partial<FlightReading> = {},
): FlightReading {
  return {
    timeMs,
    ...place,
    speedMmS: 0,
    headingCdeg: 0,
    batteryPermille: 900,
    airborne: true,
    motorsOn: true,
    ...changes,
  };
}

/** The stages of an honest delivery, each from the one before. */
export const STORY = {
  idle: (stage: Stage) => stage,
  outbound: (stage: Stage) => stage.order(),
  hovering: (stage: Stage) => stage.order().arrive(),
  landing: (stage: Stage) => stage.order().arrive().walk(),
  landed: (stage: Stage) => stage.order().arrive().walk().touchDown(),
  "parcel-gone": (stage: Stage) => stage.order().arrive().walk().touchDown().lift(),
  returning: (stage: Stage) => stage.order().arrive().walk().touchDown().lift().inHand(),
  home: (stage: Stage) => stage.order().arrive().walk().touchDown().lift().inHand().flyHome(),
} as const satisfies Record<string, (stage: Stage) => Stage>;
