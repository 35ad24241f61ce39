/** A delivery in memory, piece by piece: phone, shop and drone as pure steps, and a real ledger. */
import type { DeliveryPlan } from "../../protocols/delivery/plan.ts";
import type { FlightReading } from "../drone/state.ts";
import { Backstage, type Configs } from "./backstage.ts";
import { alice, BASE, drone, flightReading, MINUTE, type Place, POINT, shop, wish } from "./cast.ts";

export class Stage extends Backstage {
  /** The drone stands at its base, the parcel in its bay. */
  constructor(configs: Configs = {}) {
    super(configs);
    this.drone.sensor("scale", 850);
    this.fly(BASE, { airborne: false, motorsOn: false });
  }

  order(changes: Record<string, unknown> = {}): this {
    this.phone.handle({ kind: "command", name: "order", value: { ...wish(), ...changes } });
    return this.settle();
  }

  fly(place: Place, changes: Partial<FlightReading> = {}): this {
    this.drone.sensor("position", flightReading(this.now, place, changes));
    return this.settle();
  }

  arrive(): this {
    this.wait(2 * MINUTE);
    return this.fly(POINT);
  }

  /** The person walks to the point; the radio reaches that far. */
  walk(place: Place = POINT): this {
    this.radio.setInReach(true);
    this.phone.sensor("position", { timeMs: this.now, ...place });
    return this.settle();
  }

  /** Phone and drone get out of each other's reach. */
  part(): this {
    this.radio.setInReach(false);
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
