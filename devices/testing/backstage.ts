/**
 * What lies between the devices: a bus and a radio that can lose things, the notaries, and the time that
 * passes.
 */
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import type { EntryDraft } from "../../protocols/ledger/drafts.ts";
import type { EntryKind } from "../../protocols/ledger/entry.ts";
import type { Signer } from "../../protocols/ports.ts";
import type { DeviceEffect } from "../device.ts";
import { createDrone } from "../drone/drone.ts";
import type { DroneConfig, DroneState } from "../drone/state.ts";
import { phone } from "../phone/phone.ts";
import type { PhoneState } from "../phone/state.ts";
import { createShop } from "../shop/shop.ts";
import type { ShopConfig, ShopState } from "../shop/state.ts";
import { Actor, type ActorName, type Performer, type Surroundings } from "./actor.ts";
import { alice, drone, DRONE_CONFIG, shop, SHOP_CONFIG, START_MS } from "./cast.ts";
import { Notaries, type Certified } from "./notaries.ts";
import { Radio, type Sent } from "./radio.ts";

type AnyActor = Actor<PhoneState> | Actor<ShopState> | Actor<DroneState>;

/** What differs from the cast's. */
export interface Configs {
  drone?: Partial<DroneConfig>;
  shop?: Partial<ShopConfig>;
}

export class Backstage implements Surroundings {
  readonly phone: Actor<PhoneState>;
  readonly shop: Actor<ShopState>;
  readonly drone: Actor<DroneState>;
  /** Messages, receipts and what is said over BLE, for which this holds, get lost. */
  loses: (sent: Sent) => boolean = () => false;
  /** Entries for which this holds do not reach the notaries (yet). */
  holdsBack: (draft: EntryDraft) => boolean = () => false;
  /** Happens when an entry comes to the notaries, before it is executed. */
  onSubmit: () => void = () => undefined;
  readonly #notaries = new Notaries();
  protected readonly radio: Radio;
  readonly #queue: (() => void)[] = [];

  constructor(configs: Configs = {}) {
    this.ledger.now = START_MS;
    this.phone = new Actor(this, "phone", alice, phone);
    this.shop = new Actor(this, "shop", shop, createShop({ ...SHOP_CONFIG, ...configs.shop }));
    this.drone = new Actor(this, "drone", drone, createDrone({ ...DRONE_CONFIG, ...configs.drone }));
    this.radio = new Radio({
      ...{ phone: this.phone, drone: this.drone },
      later: (work) => void this.#queue.push(work),
      loses: (sent) => this.loses(sent),
    });
    for (const actor of this.actors) actor.handle({ kind: "started" });
  }

  get ledger(): Notaries["ledger"] {
    return this.#notaries.ledger;
  }

  get now(): number {
    return this.ledger.now;
  }

  get network(): Notaries["ledger"]["network"] {
    return this.ledger.network;
  }

  get actors(): AnyActor[] {
    return [this.phone, this.shop, this.drone];
  }

  /** From now on all of these types get lost. */
  losing(...types: string[]): this {
    this.loses = ({ type }) => types.includes(type);
    return this;
  }

  /** From now on no entry of these kinds reaches the notaries. */
  holdingBack(...kinds: EntryKind[]): this {
    this.holdsBack = ({ body }) => kinds.includes(body.kind);
    return this;
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
        return this.#deliver(actor.id, effect);
      case "submit":
        if (!this.holdsBack(effect.entry)) this.#queue.push(() => this.submit(actor.signer, effect.entry));
        return;
      case "timer":
        if (effect.atMs === null) actor.timers.delete(effect.name);
        else actor.timers.set(effect.name, effect.atMs);
        return;
      case "advertise":
        return this.radio.advertise(effect.to);
      case "dial":
        return this.radio.dial();
      case "hang-up":
        this.#queue.push(() => this.radio.hangUp());
        return;
      case "say":
        return this.radio.say(actor.name, effect);
      case "inquire":
        return this.#answer(actor.id, effect.termsId);
      default:
        return;
    }
  }

  died(name: ActorName): void {
    this.radio.died(name);
  }

  #deliver(from: string, { to, type, body }: DeviceEffect & { kind: "send" }): void {
    const bytes = encodeMessage(body);
    this.#queue.push(() => {
      if (this.loses({ from, to, type })) return;
      this.#actorOf(to)?.handle({ kind: "message", from, type, body: bytes });
    });
  }

  #actorOf(id: string): AnyActor | undefined {
    return this.actors.find((actor) => actor.id === id);
  }

  /** The notaries execute an entry, and tell the parties. */
  submit(signer: Signer, draft: EntryDraft): Certified {
    this.onSubmit();
    const certified = this.certify(signer, draft);
    for (const party of certified.parties) this.#tell(party, certified);
    return certified;
  }

  /** The notaries execute an entry; nobody hears of it. */
  certify(signer: Signer, draft: EntryDraft): Certified {
    return this.#notaries.certify(signer, draft);
  }

  /** The notaries end a contract whose deadline has passed. */
  expire(termsId: Uint8Array): Certified {
    const { signer, draft } = this.#notaries.expiry(termsId);
    const certified = this.submit(signer, draft);
    this.settle();
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
      const latest = this.#notaries.latestOf(termsId);
      if (latest?.parties.includes(party) === true) this.#tell(party, latest);
    });
  }
}
