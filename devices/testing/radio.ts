/** The radio between phone and drone: one session at a time, while both want it and are in reach. */
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import type { DeviceEffect } from "../device.ts";
import type { DroneState } from "../drone/state.ts";
import type { PhoneState } from "../phone/state.ts";
import type { Actor, ActorName } from "./actor.ts";
import { crypto } from "./cast.ts";

/** Something under way that can get lost. */
export interface Sent {
  from: string;
  to: string;
  /** What is said in a session begins with "ble/". */
  type: string;
  /** Of a receipt: the kind of its entry. */
  entry?: string;
}

export interface RadioParts {
  phone: Actor<PhoneState>;
  drone: Actor<DroneState>;
  /** What happens comes after what is under way. */
  later: (work: () => void) => void;
  loses: (sent: Sent) => boolean;
}

export class Radio {
  readonly #parts: RadioParts;
  #dialling = false;
  #advertising = false;
  #inReach = false;
  #sessions = 0;
  /** The number of the open session. */
  #live: number | undefined;

  constructor(parts: RadioParts) {
    this.#parts = parts;
  }

  dial(): void {
    this.#dialling = true;
    this.#connect();
  }

  hangUp(): void {
    this.#dialling = false;
    this.cut();
  }

  advertise(to: readonly string[]): void {
    this.#advertising = to.includes(this.#parts.phone.id);
    if (this.#advertising) this.#connect();
    else this.cut();
  }

  setInReach(inReach: boolean): void {
    this.#inReach = inReach;
    if (!inReach) this.cut();
  }

  /** Who dies neither calls nor listens any more. */
  died(name: ActorName): void {
    if (name === "phone") this.#dialling = false;
    if (name === "drone") this.#advertising = false;
    this.cut();
  }

  /** The link breaks; if both still want it, it comes back. */
  cut(): void {
    if (this.#live === undefined) return;
    const session = `ble-${this.#live}`;
    this.#live = undefined;
    const { phone, drone, later } = this.#parts;
    later(() => {
      drone.handle({ kind: "session-closed", session, peer: phone.id });
      phone.handle({ kind: "session-closed", session, peer: drone.id });
      this.#connect();
    });
  }

  say(from: ActorName, { session, type, body }: DeviceEffect & { kind: "say" }): void {
    const { phone, drone, later, loses } = this.#parts;
    const [self, other] = from === "phone" ? [phone, drone] : [drone, phone];
    const bytes = encodeMessage(body);
    later(() => {
      const gone = session !== `ble-${this.#live ?? 0}`;
      if (gone || loses({ from: self.id, to: other.id, type: `ble/${type}` })) return;
      other.handle({ kind: "session-message", session, peer: self.id, type, body: bytes });
    });
  }

  #connect(): void {
    if (!this.#dialling || !this.#advertising || !this.#inReach || this.#live !== undefined) return;
    const number = (this.#sessions += 1);
    this.#live = number;
    const { phone, drone, later } = this.#parts;
    const purpose = "plan" in phone.state ? phone.state.plan.termsId : new Uint8Array(32);
    const opened = {
      ...({ kind: "session-opened", session: `ble-${number}`, purpose } as const),
      sessionHash: crypto.sha256(Uint8Array.of(number)),
    };
    later(() => {
      if (this.#live !== number) return;
      drone.handle({ ...opened, peer: phone.id });
      phone.handle({ ...opened, peer: drone.id });
    });
  }
}
