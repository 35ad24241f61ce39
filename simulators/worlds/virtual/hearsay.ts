/**
 * Listens at every device's ears and mouth: what one hears another must have said, each
 * message counts once, and a session is open only with who is really there.
 */
import { toHex } from "../../../protocols/encoding/bytes.ts";
import type { Device, DeviceContext, DeviceEvent, Step } from "../../../devices/device.ts";
import { encodeMessage } from "../../../protocols/encoding/messages.ts";
import type { Clock, TimeMs } from "../../../protocols/ports.ts";
import type { Invariant } from "./invariants.ts";
import type { Life } from "./life.ts";

/** After this a step is durable, if its agent lives on. */
const WRITE_DOWN_MS = 100;

interface Taken {
  life: Life;
  atMs: TimeMs;
}

export interface HearsayParts {
  clock: Clock;
  violated: (invariant: Invariant, detail: string) => void;
  /** Whether the radios of these two agents are connected now, and a session between them can have begun. */
  areLinked: (a: string, b: string) => boolean;
}

export class Hearsay {
  readonly #parts: HearsayParts;
  readonly #said = new Set<string>();
  readonly #durable = new Set<string>();
  readonly #taken = new Map<string, Taken>();
  /** Who is at the other end of a session, by agent and session. */
  readonly #peers = new Map<string, string>();

  constructor(parts: HearsayParts) {
    this.#parts = parts;
  }

  /** The same device, overheard. */
  overheard<State>(device: Device<State>, life: Life): Device<State> {
    return {
      kind: device.kind,
      initial: () => device.initial(),
      step: (state, event, context) => {
        // A process that has just died may run to the end of its turn: nobody sees what it does there.
        if (!life.alive) return device.step(state, event, context);
        this.#hears(event, context, life);
        const step = device.step(state, event, context);
        this.#speaks(step, context);
        return step;
      },
    };
  }

  #hears(event: DeviceEvent, { self, crypto }: DeviceContext, life: Life): void {
    const { violated, areLinked } = this.#parts;
    const name = (from: string, type: string, body: Uint8Array): string =>
      `${from} ${self} ${type} ${toHex(crypto.sha256(body))}`;
    if (event.kind === "message") {
      const words = name(event.from, event.type, event.body);
      if (!this.#said.has(words)) violated("heard-was-said", `a message "${event.type}" was never sent`);
      if (this.#durable.has(words)) this.#once(words, life, event.type);
    } else if (event.kind === "session-opened") {
      this.#peers.set(`${self} ${event.session}`, event.peer);
      if (!areLinked(self, event.peer)) {
        violated("session-is-there", "a session is open with somebody whose radio is not connected");
      }
    } else if (event.kind === "session-message") {
      const words = name(event.peer, `ble/${event.type}`, event.body);
      if (!this.#said.has(words)) violated("heard-was-said", `"${event.type}" was never said over BLE`);
    }
  }

  #once(words: string, life: Life, type: string): void {
    const { clock, violated } = this.#parts;
    const before = this.#taken.get(words);
    const wasDurable = before !== undefined && before.life.livedUntil(before.atMs + WRITE_DOWN_MS);
    if (before !== undefined && (before.life === life || wasDurable)) {
      violated("message-once", `a message "${type}" counted twice`);
    }
    this.#taken.set(words, { life, atMs: clock.now() });
  }

  #speaks<State>({ effects }: Step<State>, { self, crypto }: DeviceContext): void {
    for (const effect of effects) {
      if (effect.kind !== "send" && effect.kind !== "say") continue;
      const hash = toHex(crypto.sha256(encodeMessage(effect.body)));
      if (effect.kind === "send") {
        const words = `${self} ${effect.to} ${effect.type} ${hash}`;
        this.#said.add(words);
        if (effect.durable) this.#durable.add(words);
      } else {
        const peer = this.#peers.get(`${self} ${effect.session}`) ?? "";
        this.#said.add(`${self} ${peer} ble/${effect.type} ${hash}`);
      }
    }
  }
}
