/**
 * The agent's loop: events in, one at a time, through the device's pure step; the new
 * state and everything that must not get lost become durable in one commit; only then
 * does anything happen in the world.
 *
 * A crash before the commit is as if the event had not come (its sender repeats it); a
 * crash after it finds the outbox full and the device's `started` event re-issues the rest.
 */
import type { Device, DeviceContext, DeviceEffect, DeviceEvent, Step } from "../../devices/device.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { decodeMessage, encodeMessage } from "../../protocols/encoding/messages.ts";
import type { Store } from "../../protocols/ports.ts";

/** Events wait here while a commit is under way; beyond this something is badly wrong. */
const MAX_WAITING_EVENTS = 10_000;
/** Steps that share one commit. */
const MAX_BATCH = 64;
const STATE_KEY = "device/state";

/** Changes that are committed together with the step that an event causes. */
export type Changes = Map<string, Uint8Array | undefined>;

export interface Posted {
  event: DeviceEvent;
  /** Joins the step's commit, such as the mark that a message was seen. */
  changes?: Changes;
  /** Runs once the step is durable, such as the acknowledgement to the sender. */
  afterCommit?: () => void;
}

export interface LoopParts<State> {
  device: Device<State>;
  store: Store;
  /** Made anew for every step, because it carries the time. */
  context: () => DeviceContext;
  /** Adds to the commit what an effect needs to survive a crash; called before the commit. */
  plan: (effect: DeviceEffect, changes: Changes) => void;
  /** Acts on an effect; called after the commit, in order. Must not throw. */
  act: (effect: DeviceEffect) => void;
  /** An event that the device refused as malformed: it changed nothing. */
  dropped: (error: SegmentError) => void;
  /** The agent cannot go on (the store failed, a step broke). */
  failed: (error: unknown) => void;
}

export class Loop<State> {
  readonly #parts: LoopParts<State>;
  #state: State;
  #waiting: Posted[] = [];
  #draining: Promise<void> | undefined;
  #stopped = false;

  constructor(parts: LoopParts<State>) {
    this.#parts = parts;
    const saved = parts.store.get(STATE_KEY);
    // Our own journal, CRC-checked: the device trusts what it wrote itself.
    this.#state =
      saved === undefined ? parts.device.initial() : (decodeMessage(saved, STATE_LIMITS) as State);
  }

  /** What the device remembers; read-only. */
  get state(): State {
    return this.#state;
  }

  /** Queues an event. Errors: queue-full. */
  post(posted: Posted): void {
    if (this.#stopped) return;
    if (this.#waiting.length >= MAX_WAITING_EVENTS) {
      throw new SegmentError("queue-full", `${MAX_WAITING_EVENTS} events wait for the journal`);
    }
    this.#waiting.push(posted);
    this.#draining ??= this.#drain();
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    while (this.#draining !== undefined) await this.#draining;
  }

  /** Takes no further events, finishes those that wait. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.idle();
  }

  async #drain(): Promise<void> {
    // Yield once, so that events posted together share a commit.
    await Promise.resolve();
    try {
      while (this.#waiting.length > 0) await this.#runBatch(this.#waiting.splice(0, MAX_BATCH));
    } catch (error) {
      this.#stopped = true;
      this.#waiting = [];
      this.#parts.failed(error);
    } finally {
      // In the same turn as the last look at what waits: an event that comes later starts anew.
      this.#draining = undefined;
    }
  }

  async #runBatch(batch: Posted[]): Promise<void> {
    const { store, plan, act } = this.#parts;
    const changes: Changes = new Map();
    const effects: DeviceEffect[] = [];
    let state = this.#state;
    for (const posted of batch) {
      const step = this.#step(state, posted.event);
      state = step.state;
      for (const effect of step.effects) {
        plan(effect, changes);
        effects.push(effect);
      }
      for (const [key, value] of posted.changes ?? []) changes.set(key, value);
    }
    if (state !== this.#state) changes.set(STATE_KEY, encodeState(state));
    this.#state = state;
    if (changes.size > 0) await store.commit(changes);
    for (const posted of batch) posted.afterCommit?.();
    for (const effect of effects) act(effect);
  }

  /** A peer's malformed message is refused by the device and dropped; the agent goes on. */
  #step(state: State, event: DeviceEvent): Step<State> {
    const { device, context, dropped } = this.#parts;
    try {
      return device.step(state, event, context());
    } catch (error) {
      if (!(error instanceof SegmentError) || error.code === "internal") throw error;
      dropped(error);
      return { state, effects: [] };
    }
  }
}

/** Errors: cbor-too-large; what could not be read back must not be written. */
function encodeState(state: unknown): Uint8Array {
  const bytes = encodeMessage(state);
  if (bytes.length <= STATE_LIMITS.maxBytes) return bytes;
  const message = `the device's state takes ${bytes.length} bytes where ${STATE_LIMITS.maxBytes} fit`;
  throw new SegmentError("cbor-too-large", message);
}

/** A device's own state may be larger than a message from a stranger. */
const STATE_LIMITS = { maxBytes: 4 * 1024 * 1024, maxDepth: 32, maxItems: 200_000 };
