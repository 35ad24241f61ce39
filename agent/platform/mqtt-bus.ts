/**
 * The Bus port over MQTT, by mqtt.js: 3.1.1 (aedes, mosquitto) or 5 (mosquitto), over TCP in Node and over
 * WebSocket in a browser.
 *
 * QoS 1 and clean sessions. What is published waits here, in order and bounded, until
 * the broker acknowledges it, across reconnects; what others publish while this agent
 * is away is lost to it, and the exchanges above repeat what matters. Delivery is at
 * least once: a receiver may see a message twice (a lost acknowledgement, or two of its
 * filters that match), and must drop the second by its id.
 *
 * mqtt.js resends by itself, but holds back `connect` until all of that is acknowledged
 * and fails what was published meanwhile; so here it only ever holds what is in flight
 * on the present connection, and the queue is ours.
 */
import mqtt from "mqtt";
import type { IClientOptions, MqttClient } from "mqtt";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { busClosed, checkPublish, checkSubscribe, queueFull } from "../../protocols/messaging/bus-rules.ts";
import type { Bus, Clock, Random, Signer, Unsubscribe } from "../../protocols/ports.ts";
import { topicMatches } from "../../protocols/topics.ts";
import { BrokerLogin } from "./mqtt-login.ts";

export interface MqttBusOptions {
  /** mqtt://, mqtts://, ws:// or wss:// */
  url: string;
  network: string;
  /** The agent's identity: its id is the username, and it signs the token that is the password. */
  signer: Signer;
  clock: Clock;
  random: Random;
  /** 4 is MQTT 3.1.1, which every broker speaks; aedes speaks nothing else. Default 4. */
  protocolVersion?: 4 | 5;
  /** How much may wait for the broker's acknowledgement. Default 1000 messages, 16 MiB. */
  maxPending?: number;
  maxPendingBytes?: number;
  /** How many are sent before the first of them is acknowledged. Default 64. */
  maxInFlight?: number;
  /** Default 10 s. */
  connectTimeoutMs?: number;
  /** Default 30 s. */
  keepaliveS?: number;
  /** The pause before a reconnect grows from the first to the second. Default 500 ms, 30 s. */
  reconnectMinMs?: number;
  reconnectMaxMs?: number;
  /** For mqtts:// and wss://: the certificate authority to trust instead of the system's (PEM). */
  ca?: string;
}

export interface MqttBus extends Bus {
  /**
   * Resolves once connected; rejects at the next failed attempt, with `broker-refused` or
   * `broker-unreachable`. A login that is refused counts only if one with the broker's own time is, too. The
   * bus goes on trying either way: a device works offline.
   */
  ready(): Promise<void>;
  /** What the broker acknowledged, what it delivered, and how often the connection came back. */
  readonly counters: Readonly<MqttCounters>;
}

interface MqttCounters {
  messages: number;
  bytes: number;
  receivedMessages: number;
  receivedBytes: number;
  reconnects: number;
}

interface Waiter {
  resolve: () => void;
  reject: (error: SegmentError) => void;
}

interface Pending extends Waiter {
  topic: string;
  payload: Uint8Array;
  /** MQTT's packet identifier on the present connection. */
  packetId: number;
  sends: number;
}

interface Subscription {
  receivers: Set<(topic: string, payload: Uint8Array) => void>;
  waiters: Waiter[];
  granted: boolean;
}

// A broker that closes the connection on a message says no more than that (MQTT 3.1.1
// has no other way, section 3.3.5): after so many times the message is given back.
const MAX_SENDS = 8;
const CLOSE_TIMEOUT_MS = 1000;
// CONNACK's "bad user name or password": of MQTT 3.1.1, section 3.2.2.3, and of MQTT 5, section 3.2.2.2.
const BAD_LOGIN = [4, 134];

/** Begins to connect and returns at once. See `ready`. */
export function mqttBus(options: MqttBusOptions): MqttBus {
  return new MqttJsBus(options);
}

class MqttJsBus implements MqttBus {
  readonly counters: MqttCounters = {
    messages: 0,
    bytes: 0,
    receivedMessages: 0,
    receivedBytes: 0,
    reconnects: 0,
  };
  readonly #options: MqttBusOptions;
  readonly #id: string;
  readonly #clientId: string;
  readonly #login: BrokerLogin;
  readonly #client: MqttClient;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #listeners: ((connected: boolean) => void)[] = [];
  readonly #maxPending: number;
  readonly #maxPendingBytes: number;
  readonly #maxInFlight: number;
  #waiting: Pending[] = [];
  #inFlight = new Set<Pending>();
  #pendingBytes = 0;
  /** One until the first acknowledgement on a connection, so that only the message to blame is blamed. */
  #window = 1;
  #connected = false;
  #closed = false;
  #failures = 0;
  #lastError: SegmentError | undefined;
  #readyWaiters: Waiter[] = [];
  /** The login was refused, but perhaps only because the clock is wrong. */
  #asksTime = false;

  constructor(options: MqttBusOptions) {
    this.#options = options;
    this.#maxPending = options.maxPending ?? 1000;
    this.#maxPendingBytes = options.maxPendingBytes ?? 16 * 1024 * 1024;
    this.#maxInFlight = options.maxInFlight ?? 64;
    this.#id = agentId(options.signer.publicKey);
    this.#clientId = `${this.#id}.${toHex(options.random.bytes(4))}`;
    const { protocolVersion = 4, connectTimeoutMs: connectTimeout = 10_000, ca } = options;
    const connection = { protocolVersion, connectTimeout, ...(ca === undefined ? {} : { ca }) };
    this.#login = new BrokerLogin({ ...options, clientId: this.#clientId, connection });
    this.#client = mqtt.connect(options.url, this.#clientOptions(connection));
    this.#listen();
  }

  async publish(topic: string, payload: Uint8Array): Promise<void> {
    if (this.#closed) throw busClosed();
    checkPublish(this.#options.network, this.#id, topic, payload);
    const pending = this.#waiting.length + this.#inFlight.size;
    if (pending >= this.#maxPending || this.#pendingBytes + payload.length > this.#maxPendingBytes) {
      throw queueFull(pending);
    }
    return new Promise((resolve, reject) => {
      this.#pendingBytes += payload.length;
      this.#waiting.push({ topic, payload, resolve, reject, packetId: 0, sends: 0 });
      this.#pump();
    });
  }

  async subscribe(
    filter: string,
    receive: (topic: string, payload: Uint8Array) => void,
  ): Promise<Unsubscribe> {
    if (this.#closed) throw busClosed();
    checkSubscribe(this.#options.network, this.#id, filter);
    const known = this.#subscriptions.get(filter);
    const subscription = known ?? { receivers: new Set(), waiters: [], granted: false };
    // A receiver of its own for each call, so that the same function can subscribe twice.
    const receiver = (topic: string, payload: Uint8Array): void => receive(topic, payload);
    subscription.receivers.add(receiver);
    if (known === undefined) {
      this.#subscriptions.set(filter, subscription);
      if (this.#connected) this.#request(filter, subscription);
    }
    if (!subscription.granted) {
      await new Promise<void>((resolve, reject) => subscription.waiters.push({ resolve, reject }));
    }
    return () => this.#unsubscribe(filter, subscription, receiver);
  }

  onConnected(changed: (connected: boolean) => void): void {
    this.#listeners.push(changed);
    changed(this.#connected);
  }

  ready(): Promise<void> {
    if (this.#closed) return Promise.reject(busClosed());
    if (this.#connected) return Promise.resolve();
    if (this.#lastError !== undefined) return Promise.reject(this.#lastError);
    return new Promise((resolve, reject) => this.#readyWaiters.push({ resolve, reject }));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#login.close();
    const wasConnected = this.#connected;
    this.#disconnected();
    for (const entry of this.#waiting.splice(0)) entry.reject(busClosed());
    for (const { waiters } of this.#subscriptions.values()) {
      for (const waiter of waiters.splice(0)) waiter.reject(busClosed());
    }
    this.#subscriptions.clear();
    this.#settleReady(busClosed());
    // mqtt.js would wait for acknowledgements that may never come: nothing is left to wait for.
    for (const packetId of Object.keys(this.#client.outgoing))
      this.#client.removeOutgoingMessage(Number(packetId));
    // In the machine's own time, whatever the world's clock: it is the real network that may hang.
    const giveUp = setTimeout(() => this.#client.stream.destroy(), CLOSE_TIMEOUT_MS);
    await new Promise<void>((resolve) => this.#client.end(!wasConnected, () => resolve()));
    clearTimeout(giveUp);
  }

  #clientOptions(connection: IClientOptions): IClientOptions {
    const options = this.#options;
    return {
      ...this.#login.token(),
      clientId: this.#clientId,
      ...connection,
      clean: true,
      resubscribe: false, // ours, see #request: a subscription asked for while offline must not fail
      reconnectOnConnackError: true, // a token refused today is good once the clock is right
      reconnectPeriod: options.reconnectMinMs ?? 500,
      keepalive: options.keepaliveS ?? 30,
      timerVariant: "native", // in a page mqtt.js would start a worker from a blob: policies forbid it
      writeCache: false, // saves 18 MB: mqtt.js would cache 65,536 buffers
    };
  }

  #listen(): void {
    const client = this.#client;
    client.on("connect", () => this.#onConnect());
    client.on("close", () => this.#onClose());
    client.on("error", (error) => this.#onError(error));
    client.on("message", (topic, payload) => this.#onMessage(topic, payload));
    // Emitted right before mqtt.js reads its options to connect again: a fresh token each time.
    client.on("reconnect", () => {
      Object.assign(client.options, this.#login.token(), { reconnectPeriod: this.#pauseMs() });
    });
  }

  /** Doubles with each failure, and varies by half, so that a fleet does not come back all at once. */
  #pauseMs(): number {
    const { reconnectMinMs = 500, reconnectMaxMs = 30_000, random } = this.#options;
    const ceilingMs = Math.min(reconnectMaxMs, reconnectMinMs * 2 ** Math.min(this.#failures, 16));
    const [byte = 0] = random.bytes(1);
    return Math.round(ceilingMs * (0.5 + byte / 512));
  }

  #onConnect(): void {
    if (this.#closed) return;
    // Without it Nagle's algorithm and delayed acknowledgements cost 40 ms a message (RFC 1122, 4.2.3.2
    // and 4.2.3.4).
    (this.#client.stream as { setNoDelay?: (on: boolean) => void }).setNoDelay?.(true);
    this.#connected = true;
    this.#failures = 0;
    this.#lastError = undefined;
    this.#window = 1;
    for (const [filter, subscription] of this.#subscriptions) this.#request(filter, subscription);
    this.#settleReady(undefined);
    for (const changed of this.#listeners) changed(true);
    this.#pump();
  }

  #onClose(): void {
    if (this.#closed) return;
    if (this.#connected) this.counters.reconnects++;
    else this.#failures++;
    if (!this.#connected && !this.#asksTime) {
      const silent = "the broker closed the connection without an answer";
      this.#lastError ??= new SegmentError("broker-unreachable", silent, { where: this.#options.url });
      this.#settleReady(this.#lastError);
    }
    this.#asksTime = false;
    this.#disconnected();
  }

  #onError(cause: Error): void {
    if (this.#closed) return;
    // CONNACK return codes are numbers (MQTT 3.1.1, section 3.2.2.3); the system's are names.
    const code: unknown = "code" in cause ? cause.code : undefined;
    this.#asksTime = BAD_LOGIN.includes(Number(code)) && !this.#login.refused();
    if (this.#asksTime) return;
    const message = cause.message === "" ? String(code) : cause.message;
    this.#lastError =
      typeof code === "number"
        ? new SegmentError("broker-refused", `the broker refused: ${message}`, {
            where: this.#options.url,
            cause,
          })
        : new SegmentError("broker-unreachable", `no connection: ${message}`, {
            where: this.#options.url,
            cause,
          });
    if (!this.#connected) this.#settleReady(this.#lastError);
  }

  #settleReady(error: SegmentError | undefined): void {
    for (const waiter of this.#readyWaiters.splice(0)) {
      if (error === undefined) waiter.resolve();
      else waiter.reject(error);
    }
  }

  /** What was in flight goes back to the head of the queue, in order. */
  #disconnected(): void {
    const lost = [...this.#inFlight];
    this.#inFlight.clear();
    for (const entry of lost) this.#client.removeOutgoingMessage(entry.packetId);
    this.#waiting = [...lost.filter((entry) => !this.#givenUp(entry)), ...this.#waiting];
    for (const subscription of this.#subscriptions.values()) subscription.granted = false;
    if (!this.#connected) return;
    this.#connected = false;
    for (const changed of this.#listeners) changed(false);
  }

  #givenUp(entry: Pending): boolean {
    if (entry.sends < MAX_SENDS) return false;
    this.#pendingBytes -= entry.payload.length;
    const message = `the broker closed the connection ${MAX_SENDS} times on this message`;
    entry.reject(new SegmentError("broker-refused", message, { where: entry.topic }));
    return true;
  }

  #pump(): void {
    while (this.#connected && this.#inFlight.size < this.#window) {
      const entry = this.#waiting.shift();
      if (entry === undefined) return;
      entry.sends++;
      this.#inFlight.add(entry);
      // mqtt.js takes any Uint8Array, though its types name Buffer.
      this.#client.publish(entry.topic, entry.payload as Buffer, { qos: 1 }, (error) => {
        this.#acknowledged(entry, error);
      });
      entry.packetId = this.#client.getLastMessageId();
    }
  }

  #acknowledged(entry: Pending, error: Error | undefined): void {
    // Not in flight any more: the connection was lost, and the message waits for the next.
    if (!this.#inFlight.delete(entry)) return;
    this.#pendingBytes -= entry.payload.length;
    if (error === undefined || error === null) {
      this.#window = this.#maxInFlight;
      this.counters.messages++;
      this.counters.bytes += entry.payload.length;
      entry.resolve();
    } else {
      entry.reject(new SegmentError("broker-refused", error.message, { where: entry.topic, cause: error }));
    }
    this.#pump();
  }

  #request(filter: string, subscription: Subscription): void {
    this.#client.subscribe(filter, { qos: 1 }, (error, _granted, suback) => {
      if (error === null || error === undefined) {
        subscription.granted = true;
        for (const waiter of subscription.waiters.splice(0)) waiter.resolve();
      } else if (suback !== undefined) {
        // The broker said no (SUBACK 0x80). Without a SUBACK the connection was lost: asked again at the
        // next.
        if (this.#subscriptions.get(filter) === subscription) this.#subscriptions.delete(filter);
        const refusal = new SegmentError("broker-refused", `the broker refused ${filter}`, {
          where: "filter",
        });
        for (const waiter of subscription.waiters.splice(0)) waiter.reject(refusal);
      }
    });
  }

  async #unsubscribe(
    filter: string,
    subscription: Subscription,
    receiver: (topic: string, payload: Uint8Array) => void,
  ): Promise<void> {
    subscription.receivers.delete(receiver);
    if (subscription.receivers.size > 0 || this.#subscriptions.get(filter) !== subscription) return;
    this.#subscriptions.delete(filter);
    if (!this.#connected) return;
    // A connection lost meanwhile unsubscribes just as well: the session is clean.
    await new Promise<void>((resolve) => this.#client.unsubscribe(filter, () => resolve()));
  }

  #onMessage(topic: string, received: Uint8Array): void {
    if (this.#closed) return;
    this.counters.receivedMessages++;
    this.counters.receivedBytes += received.length;
    // A copy: mqtt.js hands out slices of whole network reads, which would be kept alive.
    const payload = new Uint8Array(received);
    for (const [filter, { receivers }] of this.#subscriptions) {
      if (!topicMatches(filter, topic)) continue;
      for (const receive of receivers) receive(topic, payload);
    }
  }
}
