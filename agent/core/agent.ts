/**
 * One agent: a device's pure step, joined to its journal, its outbox, the bus and the
 * radio. This is the only place where effects turn into acts.
 */
import type { Device, DeviceContext, DeviceEffect, DeviceEvent } from "../../devices/device.ts";
import { equalBytes, toHex, utf8 } from "../../protocols/encoding/bytes.ts";
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import { SegmentError, errorCode, unreachable } from "../../protocols/errors.ts";
import { labelledHash } from "../../protocols/crypto/hash.ts";
import { verifyReceipt, type VerifiedReceipt } from "../../protocols/ledger/receipt.ts";
import { LEDGER_SCHEMAS } from "../../protocols/ledger/messages.ts";
import { makeSubmission } from "../../protocols/ledger/submission.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import type { OpenedEnvelope } from "../../protocols/messaging/envelope.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type {
  Bus,
  CentralRadio,
  Clock,
  Crypto,
  PeripheralRadio,
  Random,
  Store,
} from "../../protocols/ports.ts";
import { z } from "zod";
import { SessionDialer, SessionHost, type SessionListener } from "./ble-sessions.ts";
import { Loop, type Changes } from "./loop.ts";
import { Messenger, type AgentKeys } from "./messenger.ts";
import { Outbox, type OutboxPromise } from "./outbox.ts";
import { Seen } from "./seen.ts";
import { Telemetry, type TelemetryParts } from "./telemetry.ts";
import { Timers } from "./timers.ts";

/** Messages of kind "push.…" are news, not promises: nobody acknowledges or repeats them. */
const PUSH = "push.";
const CARD_PREFIX = "card/";

/** What the agent asks of the machine that it runs on. */
export interface Surroundings {
  /** A command to a driver. */
  actuate(name: string, value: unknown): void;
  /** A document for the owner. */
  keep(name: string, bytes: Uint8Array): void;
  progress(step: string, detail: string): void;
  /** The agent cannot go on. */
  failed(error: unknown): void;
}

export interface AgentParts<State> {
  device: Device<State>;
  keys: AgentKeys;
  network: NetworkDescription;
  bus: Bus;
  store: Store;
  /** The world's time. */
  clock: Clock;
  /** The links' time: retries and time-outs. The same as `clock`, unless a world is sped up. */
  linkClock: Clock;
  crypto: Crypto;
  random: Random;
  surroundings: Surroundings;
  peripheral?: PeripheralRadio;
  central?: CentralRadio;
  telemetry?: Omit<TelemetryParts, "store" | "crypto" | "random" | "signer" | "send" | "clock" | "linkClock">;
}

const ackSchema = z.strictObject({ messageId: z.instanceof(Uint8Array) });

export class Agent<State> {
  readonly id: string;
  readonly messenger: Messenger;
  readonly #parts: AgentParts<State>;
  readonly #loop: Loop<State>;
  readonly #outbox: Outbox;
  readonly #seen: Seen;
  readonly #timers: Timers;
  readonly #readings = new Map<string, unknown>();
  readonly #host: SessionHost | undefined;
  readonly #dialer: SessionDialer | undefined;
  readonly telemetry: Telemetry | undefined;

  constructor(parts: AgentParts<State>) {
    this.#parts = parts;
    const { bus, clock, linkClock, crypto, random, network, keys, store, device } = parts;
    this.messenger = new Messenger({ bus, clock, crypto, random, network: network.network, keys });
    this.id = this.messenger.self;
    this.#outbox = new Outbox({ store, linkClock, attempt: (promise) => this.#attempt(promise) });
    this.#seen = new Seen(store, clock);
    this.#timers = new Timers(clock, (name) => this.#post({ kind: "timer", name }));
    this.#loop = new Loop({
      device,
      store,
      context: () => this.#context(),
      plan: (effect, changes) => this.#plan(effect, changes),
      act: (effect) => this.#act(effect),
      dropped: (error) => this.messenger.countDrop(errorCode(error)),
      failed: (error) => parts.surroundings.failed(error),
    });
    const session = { crypto, random, ...keys, clock, linkClock };
    const listener = this.#sessionListener();
    if (parts.peripheral !== undefined) this.#host = new SessionHost(parts.peripheral, session, listener);
    if (parts.central !== undefined) this.#dialer = new SessionDialer(parts.central, session, listener);
    if (parts.telemetry !== undefined) {
      this.telemetry = new Telemetry({
        ...parts.telemetry,
        store,
        crypto,
        random,
        signer: keys.signer,
        clock,
        linkClock,
        send: (to, type, body) => this.messenger.send(to, type, encodeMessage(body)),
      });
    }
    for (const key of store.keys(CARD_PREFIX)) this.messenger.meet(store.get(key) ?? new Uint8Array());
  }

  /** What the device remembers; read-only. */
  get state(): State {
    return this.#loop.state;
  }

  /** Promises that wait for an acknowledgement. */
  get pending(): number {
    return this.#outbox.size;
  }

  /** Joins the bus and wakes the device. Resolves when subscribed. */
  async start(): Promise<void> {
    await this.messenger.listen((message) => this.#received(message));
    this.#post({ kind: "started" });
    this.#parts.bus.onConnected((connected) => {
      this.#outbox.setOpen(connected);
      this.telemetry?.setOpen(connected);
    });
  }

  sensor(name: string, value: unknown): void {
    this.#readings.set(name, value);
    this.#post({ kind: "sensor", name, value });
  }

  command(name: string, value: unknown): void {
    this.#post({ kind: "command", name, value });
  }

  /** Learns a peer's card and keeps it. Errors: card-invalid, card-expired. */
  meet(card: Uint8Array): void {
    this.messenger.meet(card);
  }

  /** Finishes what is under way, closes radio and timers; the bus and the store belong to the caller. */
  async stop(): Promise<void> {
    await this.#dialer?.close();
    await this.#host?.close();
    await this.#loop.stop();
    // The last steps may have set some anew.
    this.#timers.clear();
    this.#outbox.close();
    await this.telemetry?.close();
  }

  /** For what nobody would repeat: if the loop cannot take it, the agent cannot go on. */
  #post(event: DeviceEvent): void {
    try {
      this.#loop.post({ event });
    } catch (error) {
      this.#parts.surroundings.failed(error);
    }
  }

  #context(): DeviceContext {
    const { clock, keys, crypto, network } = this.#parts;
    return {
      now: clock.now(),
      self: this.id,
      signer: keys.signer,
      crypto,
      card: keys.card,
      network: network.network,
      readings: this.#readings,
      verifyReceipt: (bytes) => verifyReceipt(crypto, bytes, network),
    };
  }

  // ---------------------------------------------------------------- what comes in

  #received(message: OpenedEnvelope): void {
    try {
      switch (message.kind) {
        case "ack":
          return this.#acknowledged(message.from, parseBody(ackSchema, message.body).messageId);
        case "receipt":
          return this.#receipted(parseBody(LEDGER_SCHEMAS.receipt, message.body).receipt);
        default:
          if (this.telemetry?.handles(message.kind) === true) {
            this.telemetry.received(message.from, message.kind, message.body);
          } else {
            this.#deliver(message);
          }
      }
    } catch (error) {
      this.messenger.countDrop(errorCode(error));
    }
  }

  /** A peer's message: once into the device, and acknowledged only when its step is durable. */
  #deliver(message: OpenedEnvelope): void {
    const { from, kind, body, messageId } = message;
    if (kind.startsWith(PUSH)) {
      this.#loop.post({ event: { kind: "message", from, type: kind.slice(PUSH.length), body } });
      return;
    }
    const acknowledge = (): void => {
      // A lost acknowledgement brings the message again, and this again.
      this.messenger.send(from, "ack", encodeMessage({ messageId })).catch((error: unknown) => {
        this.messenger.countDrop(errorCode(error));
      });
    };
    const mark = `${from}/${toHex(messageId)}`;
    const known = this.#seen.stateOf(mark);
    if (known === "durable") acknowledge();
    if (known !== "new") return;
    if (this.#outbox.size > MAX_BACKLOG) throw new SegmentError("queue-full", "too much waits for others");
    const changes: Changes = new Map();
    const afterCommit = (): void => {
      this.#seen.confirm(mark);
      acknowledge();
    };
    // The mark comes second: a message that the loop refuses has to be new when it is repeated.
    this.#loop.post({ event: { kind: "message", from, type: kind, body }, changes, afterCommit });
    this.#seen.add(mark, changes);
  }

  /** Only the recipient can say that it has a message: others may know or guess its id. */
  #acknowledged(from: string, messageId: Uint8Array): void {
    const changes: Changes = new Map();
    const found = this.#outbox.settle((promise) => {
      return promise.kind === "message" && promise.to === from && equalBytes(promise.messageId, messageId);
    }, changes);
    if (!found) return;
    this.#parts.store.commit(changes).catch((error: unknown) => this.#parts.surroundings.failed(error));
  }

  #receipted(bytes: Uint8Array): void {
    const receipt: VerifiedReceipt = verifyReceipt(this.#parts.crypto, bytes, this.#parts.network);
    const mark = `receipt/${toHex(receipt.entryId)}`;
    if (this.#seen.stateOf(mark) !== "new") return;
    const changes: Changes = new Map();
    this.#loop.post({ event: { kind: "receipt", receipt, bytes }, changes });
    this.#seen.add(mark, changes);
    this.#outbox.settle(
      (promise) => promise.kind === "entry" && equalBytes(promise.entryId, receipt.entryId),
      changes,
    );
  }

  #sessionListener(): SessionListener {
    return {
      opened: (session, peer, sessionHash, purpose) =>
        this.#post({ kind: "session-opened", session, peer, sessionHash, purpose }),
      message: (session, peer, bytes) => {
        try {
          const { type, body } = parseBody(sessionMessageSchema, bytes);
          this.#post({ kind: "session-message", session, peer, type, body });
        } catch (error) {
          this.messenger.countDrop(errorCode(error));
        }
      },
      closed: (session, peer) => this.#post({ kind: "session-closed", session, peer }),
      refused: (code) => this.#post({ kind: "session-refused", code }),
    };
  }

  // ---------------------------------------------------------------- what goes out

  /** What must survive a crash joins the step's commit. */
  #plan(effect: DeviceEffect, changes: Changes): void {
    if (effect.kind === "send" && effect.durable) {
      const { id, to, type } = effect;
      const hash = labelledHash(this.#parts.crypto, "effect", utf8(`${this.id}/${id}`));
      const body = encodeMessage(effect.body);
      this.#outbox.plan(id, { kind: "message", to, type, body, messageId: hash.slice(0, 16) }, changes);
    } else if (effect.kind === "submit") {
      const { crypto, random, network, keys, clock } = this.#parts;
      const maker = { crypto, random, network, signer: keys.signer };
      const { id, record } = makeSubmission(maker, clock.now(), effect.entry, ENTRY_VALIDITY_MS);
      this.#outbox.plan(effect.id, { kind: "entry", entryId: id, record }, changes);
    } else if (effect.kind === "record") {
      this.telemetry?.plan(effect.records, changes);
    } else if (effect.kind === "meet") {
      this.#planCard(effect.card, changes);
    }
  }

  /** A peer may pass on a bad card: it is not kept, and messages to its owner will not find a way. */
  #planCard(bytes: Uint8Array, changes: Changes): void {
    try {
      const card = this.messenger.meet(bytes);
      changes.set(CARD_PREFIX + toHex(card.identity), bytes);
    } catch (error) {
      this.messenger.countDrop(errorCode(error));
    }
  }

  #act(effect: DeviceEffect): void {
    const { surroundings } = this.#parts;
    switch (effect.kind) {
      case "send":
        if (effect.durable) this.#outbox.confirm(effect.id);
        else this.#push(effect);
        return;
      case "submit":
        return this.#outbox.confirm(effect.id);
      case "record":
        return this.telemetry?.confirm();
      case "meet":
        return;
      case "timer":
        return this.#timers.set(effect.name, effect.atMs);
      case "advertise":
        return this.#host?.expect(effect.to);
      case "dial":
        return this.#dial(effect);
      case "hang-up":
        return this.#dialer?.hangUp();
      case "say": {
        const bytes = encodeMessage({ type: effect.type, body: encodeMessage(effect.body) });
        this.#host?.send(effect.session, bytes);
        this.#dialer?.send(effect.session, bytes);
        return;
      }
      case "actuate":
        return surroundings.actuate(effect.name, effect.value);
      case "keep":
        return surroundings.keep(effect.name, effect.bytes);
      case "progress":
        return surroundings.progress(effect.step, effect.detail);
      default:
        return unreachable(effect);
    }
  }

  /** News: lost if the bus is away, the next one follows. */
  #push(effect: DeviceEffect & { kind: "send" }): void {
    this.messenger.send(effect.to, PUSH + effect.type, encodeMessage(effect.body)).catch((error: unknown) => {
      this.messenger.countDrop(errorCode(error));
    });
  }

  #dial(effect: DeviceEffect & { kind: "dial" }): void {
    const card = this.messenger.cardOf(effect.peer);
    if (card === undefined || this.#dialer === undefined) {
      this.#post({
        kind: "session-refused",
        code: card === undefined ? "card-invalid" : "radio-unavailable",
      });
      return;
    }
    this.#dialer.dial(card, effect.purpose);
  }

  #attempt(promise: OutboxPromise): Promise<void> {
    switch (promise.kind) {
      case "message":
        return this.messenger.send(promise.to, promise.type, promise.body, promise.messageId);
      case "entry":
        return this.messenger.cast("entry", promise.record);
      default:
        return unreachable(promise);
    }
  }
}

/** With more than this waiting for others, new messages are not taken in; their senders repeat them. */
const MAX_BACKLOG = 3_500;
/** Entries wait in the outbox of a device that is offline: half a day. */
const ENTRY_VALIDITY_MS = 12 * 60 * 60 * 1_000;

const sessionMessageSchema = z.strictObject({
  type: z.string().min(1).max(32),
  body: z.instanceof(Uint8Array),
});
