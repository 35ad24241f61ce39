/**
 * The Bus port in memory, for virtual worlds: one broker and its clients, driven by
 * the world's clock and one seed. It delays, loses, repeats and cuts as MQTT with QoS 1
 * and clean sessions does:
 *
 * - a loss on the way only costs time, because the sender repeats until acknowledged;
 * - a lost acknowledgement, like chance itself, makes a message arrive twice;
 * - order holds within one sender's topic and not across topics (repeats apart);
 * - who is cut off keeps what it publishes (bounded) and misses what others publish.
 *
 * The same rules of access hold as on the real broker.
 */
import type { SegmentError } from "../../protocols/errors.ts";
import { busClosed, checkPublish, checkSubscribe, queueFull } from "../../protocols/messaging/bus-rules.ts";
import type { Bus, Unsubscribe } from "../../protocols/ports.ts";
import { parseTopic } from "../../protocols/topics.ts";
import { emptyLine, Transit, type Line, type TransitOptions } from "./transit.ts";

export interface MemoryNetworkOptions extends TransitOptions {
  network: string;
  /** Chance, 0 to 1, that a delivery is repeated. Default 0. */
  duplicates?: number;
  /** How much of one client may wait for an acknowledgement. Default 1000 messages. */
  maxPending?: number;
  /** What a curious broker sees of each message that it takes in. */
  overhears?: (topic: string, payload: Uint8Array) => void;
}

export interface MemoryNetwork {
  /** A bus of one agent. It is connected after one delay. */
  join(id: string): Bus;
  /** The agent loses the broker, until `restore`. */
  cut(id: string): void;
  restore(id: string): void;
  /** The agent's process dies: what it has sent arrives, and it is told nothing any more. */
  vanish(id: string): void;
  /** What a dishonest broker makes up, or repeats: it reaches whoever subscribes to the topic. */
  inject(topic: string, payload: Uint8Array): void;
  /** The broker falls apart: nothing passes between the groups. Whoever is in none belongs to the first. */
  partition(groups: readonly (readonly string[])[]): void;
  heal(): void;
  counters(): MemoryCounters;
  close(): Promise<void>;
}

export interface MemoryCounters {
  /** Accepted by the broker, repeats included. */
  messages: number;
  bytes: number;
  delivered: number;
  /** Losses on the way that were made good by repeating. */
  repeated: number;
  /** Extra deliveries by chance. */
  duplicates: number;
  /** Deliveries that failed: the subscriber was cut off meanwhile, or in another group. */
  missed: number;
}

type Receive = (topic: string, payload: Uint8Array) => void;

interface Waiter {
  resolve: () => void;
  reject: (error: SegmentError) => void;
}

interface Pending extends Waiter {
  topic: string;
  payload: Uint8Array;
}

interface Subscription {
  receivers: Set<Receive>;
  waiters: Waiter[];
}

/** The ways of one agent to and from the broker: order holds in each, whatever becomes of the agent. */
interface Ways {
  /** By topic. */
  readonly up: Map<string, Line>;
  readonly down: Map<string, Line>;
  readonly control: Line;
}

export function memoryNetwork(options: MemoryNetworkOptions): MemoryNetwork {
  return new MemoryBroker(options);
}

class MemoryBroker implements MemoryNetwork {
  readonly network: string;
  readonly maxPending: number;
  readonly transit: Transit;
  readonly #duplicates: number;
  readonly #overhears: MemoryNetworkOptions["overhears"];
  readonly #clients = new Set<MemoryClient>();
  /** Who was granted which filter. */
  readonly #granted = new Map<string, Set<MemoryClient>>();
  readonly #groups = new Map<string, number>();
  /** By agent. */
  readonly #ways = new Map<string, Ways>();
  /** By topic. */
  readonly #filters = new Map<string, readonly string[]>();
  readonly #counters = { messages: 0, bytes: 0, delivered: 0, duplicates: 0, missed: 0 };

  constructor(options: MemoryNetworkOptions) {
    this.network = options.network;
    this.maxPending = options.maxPending ?? 1000;
    this.transit = new Transit(options);
    this.#duplicates = options.duplicates ?? 0;
    this.#overhears = options.overhears;
  }

  join(id: string): Bus {
    const client = new MemoryClient(this, id);
    this.#clients.add(client);
    client.connect();
    return client;
  }

  cut(id: string): void {
    for (const client of this.#of(id)) client.cut();
  }

  restore(id: string): void {
    for (const client of this.#of(id)) client.restore();
  }

  vanish(id: string): void {
    for (const client of this.#of(id)) client.vanish();
  }

  inject(topic: string, payload: Uint8Array): void {
    const filters = this.#matching(topic);
    for (const to of this.#audience(filters)) to.receive(filters, topic, payload);
  }

  partition(groups: readonly (readonly string[])[]): void {
    this.#groups.clear();
    for (const [index, ids] of groups.entries()) for (const id of ids) this.#groups.set(id, index);
  }

  heal(): void {
    this.#groups.clear();
  }

  counters(): MemoryCounters {
    return { ...this.#counters, repeated: this.transit.repeated };
  }

  async close(): Promise<void> {
    for (const client of [...this.#clients]) await client.close();
    this.transit.close();
  }

  /** Those of the agent, through all its connections. */
  waysOf(id: string): Ways {
    let ways = this.#ways.get(id);
    if (ways === undefined) {
      ways = { up: new Map(), down: new Map(), control: emptyLine() };
      this.#ways.set(id, ways);
    }
    return ways;
  }

  #matching(topic: string): readonly string[] {
    const known = this.#filters.get(topic);
    if (known !== undefined) return known;
    const filters = matchingFilters(topic);
    this.#filters.set(topic, filters);
    return filters;
  }

  isGranted(filter: string, client: MemoryClient): boolean {
    return this.#granted.get(filter)?.has(client) === true;
  }

  grant(filter: string, client: MemoryClient): void {
    const holders = this.#granted.get(filter) ?? new Set();
    this.#granted.set(filter, holders.add(client));
  }

  revoke(filter: string, client: MemoryClient): void {
    const holders = this.#granted.get(filter);
    if (holders?.delete(client) === true && holders.size === 0) this.#granted.delete(filter);
  }

  leave(client: MemoryClient): void {
    this.#clients.delete(client);
  }

  /** The broker has a message: once to each subscriber, however many of its filters match. */
  accept(from: MemoryClient, topic: string, payload: Uint8Array): void {
    this.#counters.messages++;
    this.#counters.bytes += payload.length;
    this.#overhears?.(topic, payload);
    const filters = this.#matching(topic);
    for (const to of this.#audience(filters)) {
      const { epoch } = to;
      const deliver = (): void => {
        const arrives = to.epoch === epoch && this.#together(from, to);
        this.#counters[arrives ? "delivered" : "missed"]++;
        if (arrives) to.receive(filters, topic, payload);
      };
      this.transit.inOrder(lineOf(to.ways.down, topic), this.transit.travelMs(), () => {
        deliver();
        if (!this.transit.chance(this.#duplicates)) return;
        this.#counters.duplicates++;
        this.transit.after(this.transit.oneWayMs(), deliver);
      });
    }
  }

  #audience(filters: readonly string[]): Set<MemoryClient> {
    const audience = new Set<MemoryClient>();
    for (const filter of filters) {
      for (const client of this.#granted.get(filter) ?? []) audience.add(client);
    }
    return audience;
  }

  #together(a: MemoryClient, b: MemoryClient): boolean {
    return (this.#groups.get(a.id) ?? 0) === (this.#groups.get(b.id) ?? 0);
  }

  #of(id: string): MemoryClient[] {
    return [...this.#clients].filter((client) => client.id === id);
  }
}

class MemoryClient implements Bus {
  readonly id: string;
  readonly ways: Ways;
  /** Counts connections: what was under way in an earlier one is lost. */
  epoch = 0;
  /** Of one that has vanished. */
  #lastEpoch: number | undefined;
  readonly #broker: MemoryBroker;
  readonly #transit: Transit;
  readonly #pending = new Set<Pending>();
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #listeners: ((connected: boolean) => void)[] = [];
  #cut = false;
  #connected = false;
  #closed = false;

  constructor(broker: MemoryBroker, id: string) {
    this.id = id;
    this.ways = broker.waysOf(id);
    this.#broker = broker;
    this.#transit = broker.transit;
  }

  async publish(topic: string, payload: Uint8Array): Promise<void> {
    if (this.#closed) throw busClosed();
    checkPublish(this.#broker.network, this.id, topic, payload);
    if (this.#pending.size >= this.#broker.maxPending) throw queueFull(this.#pending.size);
    return new Promise((resolve, reject) => {
      const entry: Pending = { topic, payload: payload.slice(), resolve, reject };
      this.#pending.add(entry);
      if (this.#connected) this.#send(entry);
    });
  }

  async subscribe(filter: string, receive: Receive): Promise<Unsubscribe> {
    if (this.#closed) throw busClosed();
    checkSubscribe(this.#broker.network, this.id, filter);
    const known = this.#subscriptions.get(filter);
    const subscription = known ?? { receivers: new Set(), waiters: [] };
    // A receiver of its own for each call, so that the same function can subscribe twice.
    const receiver: Receive = (topic, payload) => receive(topic, payload);
    subscription.receivers.add(receiver);
    this.#subscriptions.set(filter, subscription);
    if (!this.#broker.isGranted(filter, this)) {
      const answer = new Promise<void>((resolve, reject) => subscription.waiters.push({ resolve, reject }));
      if (this.#connected && known === undefined) this.#request(filter);
      await answer;
    }
    return async () => {
      subscription.receivers.delete(receiver);
      if (subscription.receivers.size > 0 || this.#subscriptions.get(filter) !== subscription) return;
      this.#subscriptions.delete(filter);
      this.#broker.revoke(filter, this);
    };
  }

  onConnected(changed: (connected: boolean) => void): void {
    this.#listeners.push(changed);
    changed(this.#connected);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#disconnect();
    this.#closed = true;
    this.#broker.leave(this);
    for (const entry of this.#pending) entry.reject(busClosed());
    this.#pending.clear();
    for (const { waiters } of this.#subscriptions.values()) {
      for (const waiter of waiters.splice(0)) waiter.reject(busClosed());
    }
    this.#subscriptions.clear();
  }

  connect(): void {
    const { epoch } = this;
    this.#transit.after(this.#transit.oneWayMs(), () => {
      if (this.epoch !== epoch) return;
      this.#connected = true;
      for (const filter of this.#subscriptions.keys()) this.#request(filter);
      for (const entry of this.#pending) this.#send(entry);
      for (const changed of this.#listeners) changed(true);
    });
  }

  cut(): void {
    this.#cut = true;
    this.#disconnect();
  }

  restore(): void {
    if (!this.#cut) return;
    this.#cut = false;
    this.connect();
  }

  /** Without a word to whoever used it: that one is dead. What it had sent is on its way, and arrives. */
  vanish(): void {
    this.#lastEpoch = this.epoch;
    this.epoch++;
    for (const filter of this.#subscriptions.keys()) this.#broker.revoke(filter, this);
    this.#closed = true;
    this.#connected = false;
    this.#pending.clear();
    this.#broker.leave(this);
  }

  /** `filters`: all that match the topic. */
  receive(filters: readonly string[], topic: string, payload: Uint8Array): void {
    for (const filter of filters) {
      for (const receiver of this.#subscriptions.get(filter)?.receivers ?? []) receiver(topic, payload);
    }
  }

  #disconnect(): void {
    this.epoch++;
    for (const filter of this.#subscriptions.keys()) this.#broker.revoke(filter, this);
    if (!this.#connected) return;
    this.#connected = false;
    for (const changed of this.#listeners) changed(false);
  }

  #send(entry: Pending): void {
    const { epoch } = this;
    const arrive = (): void => {
      const isSent = this.epoch === epoch || this.#lastEpoch === epoch;
      if (isSent) this.#broker.accept(this, entry.topic, entry.payload);
    };
    this.#transit.inOrder(lineOf(this.ways.up, entry.topic), this.#transit.travelMs(), () => {
      arrive();
      let acknowledgedMs = this.#transit.oneWayMs();
      if (this.#transit.loses()) {
        // Its acknowledgement lost, the message is sent, and arrives, once more.
        this.#transit.after(this.#transit.retryMs, arrive);
        acknowledgedMs += this.#transit.retryMs;
      }
      this.#transit.after(acknowledgedMs, () => {
        if (this.epoch === epoch && this.#pending.delete(entry)) entry.resolve();
      });
    });
  }

  #request(filter: string): void {
    const { epoch } = this;
    this.#transit.inOrder(this.ways.control, this.#transit.travelMs(), () => {
      const subscription = this.#subscriptions.get(filter);
      if (this.epoch !== epoch || subscription === undefined) return;
      this.#broker.grant(filter, this);
      for (const waiter of subscription.waiters.splice(0)) waiter.resolve();
    });
  }
}

function lineOf(lines: Map<string, Line>, topic: string): Line {
  let line = lines.get(topic);
  if (line === undefined) {
    line = emptyLine();
    lines.set(topic, line);
  }
  return line;
}

/** All of the filters that may be granted and match the topic. They are four at most, so a table serves. */
function matchingFilters(topic: string): string[] {
  const parsed = parseTopic(topic);
  return ["+", parsed.sender].flatMap((sender) => {
    const from = `segment/1/${parsed.network}/${sender}`;
    if (parsed.to === "agent") return [`${from}/to/${parsed.recipient}`];
    return [`${from}/cast/${parsed.channel}`, `${from}/cast/+`];
  });
}
