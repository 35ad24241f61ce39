/** What each device process is told at its start. */
import type { ClockFrame } from "../../clock.ts";
import { RADIO, required, type Stage } from "./stage.ts";
import type { DroneSetup, ImpostorSetup, PhoneSetup } from "./ipc.ts";
import type { Person } from "./physical.ts";
import { localMetres, offset } from "./places.ts";
import type { Cast } from "./scenarios.ts";
import type { DeliveryOptions } from "./world.ts";

type Common = Pick<DroneSetup, "home" | "network" | "broker" | "clock" | "contacts">;

export class Setups {
  readonly #stage: Stage;
  readonly #options: DeliveryOptions;
  readonly #frame: ClockFrame;

  constructor(stage: Stage, options: DeliveryOptions, frame: ClockFrame) {
    this.#stage = stage;
    this.#options = options;
    this.#frame = frame;
  }

  drone(hasFlown: boolean): DroneSetup {
    const { keepers, radios } = this.#stage;
    return {
      role: "drone",
      ...this.#common("drone"),
      contacts: [this.#card("shop"), ...keepers.map(({ connection }) => connection.home.keys.card)],
      radio: radios.drone.path,
      operator: required(this.#stage.homes.get("shop"), "shop").id,
      keepers: keepers.map(({ id }) => id),
      owner: this.#card("owner"),
      sealing: this.#options.sealing,
      hasFlown,
    };
  }

  phone(cast: Cast, overheard: boolean): PhoneSetup {
    return {
      role: "phone",
      ...this.#common("buyer"),
      radio: this.#stage.radios.phone.path,
      spoofs: cast.spoofs,
      recordsWrites: overheard,
    };
  }

  /** A buyer who comes waits some houses away and walks to the point when the drone calls. */
  person(cast: Cast): Person {
    const { point } = this.#stage.places;
    return {
      start: cast.buyerComes ? offset(point, 60, -35) : offset(point, -1_400, 1_500),
      walkTo: cast.buyerComes ? offset(point, 4, 2) : null,
      takesParcel: cast.takesParcel,
    };
  }

  /** Somebody at the point who is not the buyer. */
  impostor(purpose: Uint8Array, replay: Uint8Array[] | null): ImpostorSetup {
    const { air, places, radios } = this.#stage;
    air.place(RADIO.impostor, localMetres(places.point, offset(places.point, 3, 1)));
    return {
      role: "impostor",
      ...this.#common("impostor"),
      radio: radios.impostor.path,
      drone: this.#card("drone"),
      purpose,
      replay,
    };
  }

  #common(name: string): Common {
    return {
      home: required(this.#stage.homes.get(name), name).folder,
      network: this.#stage.network.network,
      broker: this.#stage.broker.url,
      clock: this.#frame,
      contacts: [],
    };
  }

  #card(name: string): Uint8Array {
    return required(this.#stage.homes.get(name), name).keys.card;
  }
}
