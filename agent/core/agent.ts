/**
 * One agent: a device's pure step, joined to its journal, its outbox, the bus and the
 * radio. This is the only place where effects turn into acts.
 */
import type { DeviceContext, DeviceEffect, DeviceEvent } from "../../devices/device.ts";
import { equalBytes, toHex, utf8 } from "../../protocols/encoding/bytes.ts";
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import { SegmentError, errorCode, unreachable } from "../../protocols/errors.ts";
import { labelledHash } from "../../protocols/crypto/hash.ts";
import { publicKeyFromId } from "../../protocols/identity/keys.ts";
import { verifyReceipt, type VerifiedReceipt } from "../../protocols/ledger/receipt.ts";
import { isFinal } from "../../protocols/ledger/receipt-view.ts";
import { LEDGER_SCHEMAS } from "../../protocols/ledger/messages.ts";
import { makeSubmission } from "../../protocols/ledger/submission.ts";
import { MAX_SKEW_MS } from "../../protocols/ledger/notary-context.ts";
import type { OpenedEnvelope } from "../../protocols/messaging/envelope.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import { isAboutTime } from "../../protocols/messaging/time.ts";
import { z } from "zod";
import { SessionDialer, SessionHost } from "./ble-sessions.ts";
import type { AgentParts } from "./agent-parts.ts";
import { Documents } from "./documents.ts";
import { Loop, type Changes } from "./loop.ts";
import { Messenger } from "./messenger.ts";
import { NetworkClock } from "./network-clock.ts";
import { NetworkTime } from "./network-time.ts";
import { CARD_PREFIX, Notaries } from "./notaries.ts";
import { Outbox, type OutboxPromise } from "./outbox.ts";
import { PUSH } from "./push.ts";
import { Seen } from "./seen.ts";
import { sessionEvents } from "./session-events.ts";
import { Telemetry } from "./telemetry.ts";
import { Timers } from "./timers.ts";

export type { AgentParts, Surroundings } from "./agent-parts.ts";

const ackSchema = z.strictObject({ messageId: z.instanceof(Uint8Array) });

export class Agent<State> {
  readonly id: string;
  readonly messenger: Messenger;
  /** Whether the network's time is known yet, for what must not be done at another. */
  readonly time: NetworkTime;
  readonly #parts: AgentParts<State>;
  readonly #notaries: Notaries;
  readonly #loop: Loop<State>;
  readonly #outbox: Outbox;
  readonly #seen: Seen;
  readonly #documents: Documents;
  readonly #timers: Timers;
  readonly #readings = new Map<string, unknown>();
  readonly #host: SessionHost | undefined;
  readonly #dialer: SessionDialer | undefined;
  readonly telemetry: Telemetry | undefined;

  constructor(parts: AgentParts<State>) {
    const clock = new NetworkClock(parts.clock, parts.steadyClock);
    this.#parts = { ...parts, clock };
    const { bus, linkClock, crypto, random, network, keys, store, device } = parts;
    const told = (shiftMs: number): void => this.#timeTold(shiftMs);
    this.time = new NetworkTime({ clock, linkClock, bus, crypto, random, network, keys, told });
    const { time } = this;
    const introduced = (from: string, card: Uint8Array): void => this.#notaries.introduced(from, card);
    const messages = { bus, clock, crypto, random, network: network.network, keys, introduced, time };
    const { verifiedCards } = parts;
    this.messenger = new Messenger(verifiedCards === undefined ? messages : { ...messages, verifiedCards });
    this.id = this.messenger.self;
    const failed = (error: unknown): void => parts.surroundings.failed(error);
    this.#notaries = new Notaries({ messenger: this.messenger, network, store, failed });
    this.#outbox = new Outbox({ store, linkClock, attempt: (promise) => this.#attempt(promise) });
    this.#seen = new Seen(store, clock);
    this.#documents = new Documents({
      store,
      crypto,
      handOver: (name, bytes) => parts.surroundings.keep(name, bytes),
      failed,
    });
    this.#timers = new Timers(clock, (name) => this.#post({ kind: "timer", name }));
    this.#loop = new Loop({
      device,
      store,
      context: () => this.#context(),
      plan: (effect, changes) => this.#plan(effect, changes),
      act: (effect) => this.#act(effect),
      dropped: this.#refused,
      failed,
    });
    const session = { crypto, random, ...keys, clock, linkClock };
    const listener = sessionEvents((event) => this.#post(event), this.#refused);
    if (parts.peripheral !== undefined) this.#host = new SessionHost(parts.peripheral, session, listener);
    if (parts.central !== undefined) this.#dialer = new SessionDialer(parts.central, session, listener);
    if (parts.telemetry !== undefined) {
      this.telemetry = new Telemetry({
        ...{ ...parts.telemetry, store, crypto, random, linkClock, signer: keys.signer, clock: clock.steady },
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
    const listening = this.messenger.listen((message) => this.#received(message));
    if (this.#parts.worksOffline !== true) await listening;
    this.#documents.resume();
    this.#post({ kind: "started" });
    await listening;
    this.#parts.bus.onConnected((connected) => this.#link(connected));
  }

  /** Resolves when all that was posted has been taken in and is durable. */
  idle(): Promise<void> {
    return this.#loop.idle();
  }

  /**
   * What left with a wrong date was dropped: at once again. What the device waits for by the time that it
   * was told is counted anew. And what no notary would take any more, because
   * it waited too long or was dated by a wrong clock, is given up: its device has its own deadlines.
   */
  #timeTold(shiftMs: number): void {
    if (shiftMs !== 0) {
      this.#link(true);
      this.#timers.clear();
      this.#post({ kind: "time-corrected" });
    }
    const latestMs = this.#parts.clock.now() - MAX_SKEW_MS;
    this.#settle((promise) => promise.kind === "entry" && (promise.notAfter ?? Infinity) < latestMs);
  }

  /** Up: all that waits is tried at once. */
  #link(isUp: boolean): void {
    this.#outbox.setOpen(isUp);
    this.telemetry?.setOpen(isUp);
  }

  sensor(name: string, value: unknown): void {
    this.#readings.set(name, value);
    this.#post({ kind: "sensor", name, value });
  }

  command(name: string, value: unknown): void {
    this.#post({ kind: "command", name, value });
  }

  /** Learns a peer's card. Errors: card-invalid. */
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
    this.time.close();
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

  /** What others sent and is not to be used, or does not leave. */
  readonly #refused = (error: unknown): void => {
    if (isAboutTime(error)) this.time.doubted();
    this.messenger.countDrop(errorCode(error));
  };

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
          return this.#receipted(message.from, parseBody(LEDGER_SCHEMAS.receipt, message.body).receipt);
        case "receipt-missing":
          // To an inquiry; the device asks again.
          return;
        default:
          if (this.telemetry?.handles(message.kind) === true) {
            this.telemetry.received(message.from, message.kind, message.body);
          } else {
            this.#deliver(message);
          }
      }
    } catch (error) {
      this.#refused(error);
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
      this.messenger.send(from, "ack", encodeMessage({ messageId })).catch(this.#refused);
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
    this.#settle((promise) => {
      return promise.kind === "message" && promise.to === from && equalBytes(promise.messageId, messageId);
    });
  }

  #settle(matches: (promise: OutboxPromise) => boolean): void {
    const { store, surroundings } = this.#parts;
    const changes: Changes = new Map();
    if (!this.#outbox.settle(matches, changes)) return;
    store.commit(changes).catch((error: unknown) => surroundings.failed(error));
  }

  #receipted(from: string, bytes: Uint8Array): void {
    const receipt: VerifiedReceipt = verifyReceipt(this.#parts.crypto, bytes, this.#parts.network);
    if (!isFinal(receipt)) return;
    const mark = `receipt/${toHex(receipt.entryId)}`;
    const wanted = this.#notaries.answers(from, receipt);
    if (!wanted && this.#seen.stateOf(mark) !== "new") return;
    const changes: Changes = new Map();
    this.#loop.post({ event: { kind: "receipt", receipt, bytes }, changes });
    this.#seen.add(mark, changes);
    this.#outbox.settle(
      (promise) => promise.kind === "entry" && equalBytes(promise.entryId, receipt.entryId),
      changes,
    );
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
      const { id, record, notAfter } = makeSubmission(maker, clock.now(), effect.entry, ENTRY_VALIDITY_MS);
      this.#outbox.plan(effect.id, { kind: "entry", entryId: id, record, notAfter }, changes);
    } else if (effect.kind === "record") {
      this.telemetry?.plan(effect.records, changes);
    } else if (effect.kind === "meet") {
      this.#planCard(effect.card, changes);
    } else if (effect.kind === "keep") {
      this.#documents.plan(effect.name, effect.bytes, changes);
    }
  }

  /** A peer may pass on a bad card: it is not kept, and messages to its owner will not find a way. */
  #planCard(bytes: Uint8Array, changes: Changes): void {
    try {
      const { identity, cardHash } = this.messenger.meet(bytes);
      const isNewest = equalBytes(cardHash, this.#parts.crypto.sha256(bytes));
      if (isNewest) changes.set(CARD_PREFIX + toHex(identity), bytes);
    } catch (error) {
      this.#refused(error);
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
      case "inquire":
        return this.#notaries.inquire(effect.termsId);
      case "ask-time":
        return this.#notaries.askTime(effect.nonce);
      case "trust-time":
        if (this.time.carried(effect.nonce, effect.drawnMs, effect.statements))
          this.sensor("clock-known", true);
        return;
      case "timer":
        return this.#timers.set(effect.name, effect.atMs);
      case "advertise":
        return this.#host?.expect(effect.to);
      case "dial":
        return this.#dial(effect);
      case "hang-up":
        return this.#dialer?.hangUp();
      case "admit":
        return this.#host?.admit(effect.psk);
      case "say": {
        const bytes = encodeMessage({ type: effect.type, body: encodeMessage(effect.body) });
        this.#host?.send(effect.session, bytes);
        this.#dialer?.send(effect.session, bytes);
        return;
      }
      case "actuate":
        return surroundings.actuate(effect.name, effect.value);
      case "keep":
        return this.#documents.confirm(effect.name, effect.bytes);
      case "progress":
        return surroundings.progress(effect.step, effect.detail);
      default:
        return unreachable(effect);
    }
  }

  /** News: lost if the bus is away, the next one follows. */
  #push(effect: DeviceEffect & { kind: "send" }): void {
    this.messenger.send(effect.to, PUSH + effect.type, encodeMessage(effect.body)).catch(this.#refused);
  }

  #dial({ peer, purpose, keys }: DeviceEffect & { kind: "dial" }): void {
    try {
      const known = keys && { ...keys, identity: publicKeyFromId(peer), cardHash: null };
      if (this.#dialer === undefined) this.#post({ kind: "session-refused", code: "radio-unavailable" });
      this.#dialer?.dial(known ?? this.messenger.validCardOf(peer), purpose);
    } catch (error) {
      this.#post({ kind: "session-refused", code: errorCode(error) });
    }
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
