/**
 * One device on the stage: its pure step, one event at a time. Its state goes through the journal's
 * encoding at every step, as it does in an agent.
 */
import { decodeMessage, encodeMessage } from "../../protocols/encoding/messages.ts";
import { SegmentError } from "../../protocols/errors.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import { verifyReceipt } from "../../protocols/ledger/receipt.ts";
import type { Signer } from "../../protocols/ports.ts";
import type { Person } from "../../test/ledger/committee.ts";
import type { Device, DeviceContext, DeviceEffect, DeviceEvent } from "../device.ts";
import { crypto, idOf } from "./cast.ts";

/** What an actor needs of the stage. */
export interface Surroundings {
  readonly now: number;
  readonly network: NetworkDescription;
  perform(actor: Performer, effect: DeviceEffect): void;
  /** The actor's process has ended, and its radio with it. */
  died(name: ActorName): void;
}

export type ActorName = "phone" | "shop" | "drone";
export type Performer = Pick<Actor<unknown>, "name" | "id" | "signer" | "timers">;

export class Actor<State> {
  readonly name: ActorName;
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
  readonly #surroundings: Surroundings;
  readonly #card: Uint8Array;

  constructor(surroundings: Surroundings, name: ActorName, person: Person, device: Device<State>) {
    this.#surroundings = surroundings;
    this.name = name;
    this.id = idOf(person);
    this.signer = person.device;
    this.#card = person.card;
    this.device = device;
    this.state = device.initial();
  }

  context(): DeviceContext {
    const { now, network } = this.#surroundings;
    return {
      now,
      self: this.id,
      signer: this.signer,
      crypto,
      card: this.#card,
      network: "village",
      readings: this.readings,
      verifyReceipt: (bytes) => verifyReceipt(crypto, bytes, network),
    };
  }

  handle(event: DeviceEvent): void {
    if (this.away) return;
    try {
      const { state, effects } = this.device.step(this.state, event, this.context());
      this.state = decodeMessage(encodeMessage(state)) as State;
      this.effects.push(...effects);
      for (const effect of effects) this.#surroundings.perform(this, effect);
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
    this.#surroundings.died(this.name);
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
