/**
 * The Bus port in memory, for virtual worlds: one broker and its clients, driven by
 * the world's clock and one seed. It delays, loses, repeats and cuts as MQTT with QoS 1
 * and clean sessions does:
 *
 * - a loss on the way only costs time, because the sender repeats until acknowledged;
 * - a lost acknowledgement, like chance itself, makes a message arrive twice;
 * - order holds within one sender's topic and not across topics;
 * - who is cut off keeps what it publishes (bounded) and misses what others publish.
 *
 * The same rules of access hold as on the real broker.
 */
import { SegmentError } from "../../protocols/errors.ts";
import { MAX_PAYLOAD_BYTES } from "../../protocols/messaging/envelope.ts";
import type { Bus, Clock, Random, TimeMs, Timer, Unsubscribe } from "../../protocols/ports.ts";
import { mayPublish, maySubscribe, parseTopic } from "../../protocols/topics.ts";

export interface MemoryNetworkOptions {
  network: string;
  clock: Clock;
  /** Seeded: the same seed and the same calls give the same deliveries. */
  random: Random;
  /** Each way between a client and the broker. Default 5 to 50 ms. */
  delayMs?: { min: number; max: number };
  /** Chance, 0 to 1, that a message or an acknowledgement is lost on one way. Default 0. */
  loss?: number;
  /** Chance, 0 to 1, that a delivery is repeated. Default 0. */
  duplicates?: number;
  /** After how long a loss is repeated. Default 1000 ms. */
  retryMs?: number;
  /** How much of one client may wait for an acknowledgement. Default 1000. */
  maxPending?: number;
}

export interface MemoryNetwork {
  /** A bus of one agent. It is connected after one delay. */
  join(id: string): Bus;
  /** The agent loses the broker, until `restore`. */
  cut(id: string): void;
  restore(id: string): void;
  /** The broker falls apart: nothing passes between the groups. Whoever is in none stays in the first. */
  partition(groups: readonly (readonly string[])[]): void;
  heal(): void;
  readonly counters: Readonly<MemoryCounters>;
  close(): Promise<void>;
}

interface MemoryCounters {
  /** Accepted by the broker, repeats included. */
  messages: number;
  bytes: number;
  delivered: number;
  /** Losses on the way that were made good by repeating. */
  repeated: number;
  /** Extra deliveries. */
  duplicates: number;
  /** Messages that somebody missed, because he was cut off or in another group. */
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

/** One agent's client. What was under way in an earlier epoch than the present is lost. */
interface Member {
  id: string;
  cut: boolean;
  connected: boolean;
  closed: boolean;
  epoch: number;
  pending: Set<Pending>;
  subscriptions: Map<string, Subscription>;
  listeners: ((connected: boolean) => void)[];
}

/** How often in a row a loss may strike, so that even certain loss ends. */
const MAX_LOSSES = 20;

export function memoryNetwork(options: MemoryNetworkOptions): MemoryNetwork {
  const { network, clock, random, loss = 0, duplicates = 0, retryMs = 1000, maxPending = 1000 } = options;
  const delay = options.delayMs ?? { min: 5, max: 50 };
  const members = new Set<Member>();
  /** The broker's table: who was granted which filter. */
  const granted = new Map<string, Set<Member>>();
  const groupOf = new Map<string, number>();
  const counters: MemoryCounters = { messages: 0, bytes: 0, delivered: 0, repeated: 0, duplicates: 0, missed: 0 };
  const timers = new Set<Timer>();
  const streams = new Map<string, { queue: (() => void)[]; lastMs: TimeMs }>();

  function chance(probability: number): boolean {
    if (probability <= 0) return false;
    const [a = 0, b = 0, c = 0] = random.bytes(3);
    return (a * 65536 + b * 256 + c) / 2 ** 24 < probability;
  }

  function oneWayMs(): number {
    const [a = 0, b = 0] = random.bytes(2);
    return delay.min + Math.floor(((a * 256 + b) / 65536) * (delay.max - delay.min + 1));
  }

  /** One way, and what its losses cost. */
  function travelMs(): number {
    let losses = 0;
    while (losses < MAX_LOSSES && chance(loss)) losses++;
    counters.repeated += losses;
    return oneWayMs() + losses * retryMs;
  }

  function later(atMs: TimeMs, act: () => void): void {
    const timer = clock.at(atMs, () => {
      timers.delete(timer);
      act();
    });
    timers.add(timer);
  }

  /** What is put on one stream happens in its order, however the timers of equal times fire. */
  function inOrder(key: string, afterMs: number, act: () => void): void {
    const stream = streams.get(key) ?? { queue: [], lastMs: 0 };
    streams.set(key, stream);
    stream.lastMs = Math.max(stream.lastMs, clock.now() + afterMs);
    stream.queue.push(act);
    later(stream.lastMs, () => {
      const next = stream.queue.shift();
      if (stream.queue.length === 0) streams.delete(key);
      next?.();
    });
  }

  /** Publisher to broker. */
  function send(member: Member, entry: Pending): void {
    const { epoch } = member;
    const arrive = (): void => {
      if (member.epoch === epoch) route(member, entry);
    };
    inOrder(`up ${member.id} ${entry.topic}`, travelMs(), () => {
      if (member.epoch !== epoch) return;
      route(member, entry);
      let backMs = oneWayMs();
      if (chance(loss)) {
        counters.repeated++;
        later(clock.now() + retryMs, arrive);
        backMs += retryMs;
      }
      later(clock.now() + backMs, () => {
        if (member.epoch === epoch && member.pending.delete(entry)) entry.resolve();
      });
    });
  }

  /** Broker to subscribers. */
  function route(from: Member, { topic, payload }: Pending): void {
    counters.messages++;
    counters.bytes += payload.length;
    const audience = new Set<Member>();
    for (const filter of matchingFilters(topic)) {
      for (const member of granted.get(filter) ?? []) audience.add(member);
    }
    for (const to of audience) {
      const { epoch } = to;
      const deliver = (): void => {
        if (to.epoch === epoch && sameGroup(from, to)) receive(to, topic, payload);
        else counters.missed++;
      };
      if (!sameGroup(from, to)) {
        counters.missed++;
        continue;
      }
      inOrder(`down ${to.id} ${topic}`, travelMs(), deliver);
      if (chance(duplicates)) {
        counters.duplicates++;
        later(clock.now() + delay.max + oneWayMs(), deliver);
      }
    }
  }

  function receive(member: Member, topic: string, payload: Uint8Array): void {
    counters.delivered++;
    for (const filter of matchingFilters(topic)) {
      for (const receiver of member.subscriptions.get(filter)?.receivers ?? []) receiver(topic, payload);
    }
  }

  function sameGroup(a: Member, b: Member): boolean {
    return (groupOf.get(a.id) ?? 0) === (groupOf.get(b.id) ?? 0);
  }

  function connect(member: Member): void {
    const { epoch } = member;
    later(clock.now() + oneWayMs(), () => {
      if (member.epoch !== epoch || member.cut) return;
      member.connected = true;
      for (const filter of member.subscriptions.keys()) request(member, filter);
      for (const entry of member.pending) send(member, entry);
      for (const changed of member.listeners) changed(true);
    });
  }

  function disconnect(member: Member): void {
    member.epoch++;
    for (const filter of member.subscriptions.keys()) revoke(member, filter);
    if (!member.connected) return;
    member.connected = false;
    for (const changed of member.listeners) changed(false);
  }

  function request(member: Member, filter: string): void {
    const { epoch } = member;
    inOrder(`control ${member.id}`, travelMs(), () => {
      const subscription = member.subscriptions.get(filter);
      if (member.epoch !== epoch || subscription === undefined) return;
      const holders = granted.get(filter) ?? new Set();
      granted.set(filter, holders.add(member));
      const waiters = subscription.waiters.splice(0);
      later(clock.now() + oneWayMs(), () => {
        if (member.epoch === epoch) for (const waiter of waiters) waiter.resolve();
        else member.subscriptions.get(filter)?.waiters.push(...waiters);
      });
    });
  }

  function revoke(member: Member, filter: string): void {
    const holders = granted.get(filter);
    if (holders?.delete(member) && holders.size === 0) granted.delete(filter);
  }

  function membersOf(id: string): Member[] {
    return [...members].filter((member) => member.id === id);
  }

  function publish(member: Member, topic: string, payload: Uint8Array): Promise<void> {
    if (member.closed) return rejected("broker-unreachable", "the bus is closed", "bus");
    if (!mayPublish(network, member.id, topic)) {
      return rejected("topic-invalid", `${member.id} may not publish to ${topic}`, "topic");
    }
    if (payload.length > MAX_PAYLOAD_BYTES) {
      return rejected("message-invalid", `the payload exceeds ${MAX_PAYLOAD_BYTES} bytes`, "payload");
    }
    if (member.pending.size >= maxPending) {
      return rejected("queue-full", `${maxPending} messages wait for the broker already`, "queue");
    }
    return new Promise((resolve, reject) => {
      const entry: Pending = { topic, payload: payload.slice(), resolve, reject };
      member.pending.add(entry);
      if (member.connected) send(member, entry);
    });
  }

  async function subscribe(member: Member, filter: string, receive: Receive): Promise<Unsubscribe> {
    if (member.closed) return rejected("broker-unreachable", "the bus is closed", "bus");
    if (!maySubscribe(network, member.id, filter)) {
      return rejected("topic-invalid", `${member.id} may not subscribe to ${filter}`, "filter");
    }
    const known = member.subscriptions.get(filter);
    const subscription = known ?? { receivers: new Set(), waiters: [] };
    // A receiver of its own for each call, so that the same function can subscribe twice.
    const receiver: Receive = (topic, payload) => receive(topic, payload);
    subscription.receivers.add(receiver);
    member.subscriptions.set(filter, subscription);
    if (granted.get(filter)?.has(member) !== true) {
      const answer = new Promise<void>((resolve, reject) => subscription.waiters.push({ resolve, reject }));
      if (member.connected && subscription.waiters.length === 1) request(member, filter);
      await answer;
    }
    return async () => {
      subscription.receivers.delete(receiver);
      if (subscription.receivers.size > 0 || member.subscriptions.get(filter) !== subscription) return;
      member.subscriptions.delete(filter);
      revoke(member, filter);
    };
  }

  function leave(member: Member): void {
    if (member.closed) return;
    disconnect(member);
    member.closed = true;
    members.delete(member);
    const closed = new SegmentError("broker-unreachable", "the bus is closed", { where: "bus" });
    for (const entry of member.pending) entry.reject(closed);
    member.pending.clear();
    for (const { waiters } of member.subscriptions.values()) {
      for (const waiter of waiters.splice(0)) waiter.reject(closed);
    }
    member.subscriptions.clear();
  }

  return {
    join(id) {
      const member: Member = {
        id,
        cut: false,
        connected: false,
        closed: false,
        epoch: 0,
        pending: new Set(),
        subscriptions: new Map(),
        listeners: [],
      };
      members.add(member);
      connect(member);
      return {
        publish: (topic, payload) => publish(member, topic, payload),
        subscribe: (filter, receive) => subscribe(member, filter, receive),
        onConnected(changed) {
          member.listeners.push(changed);
          changed(member.connected);
        },
        close: async () => leave(member),
      };
    },
    cut(id) {
      for (const member of membersOf(id)) {
        member.cut = true;
        disconnect(member);
      }
    },
    restore(id) {
      for (const member of membersOf(id)) {
        if (!member.cut) continue;
        member.cut = false;
        connect(member);
      }
    },
    partition(groups) {
      groupOf.clear();
      for (const [index, ids] of groups.entries()) for (const id of ids) groupOf.set(id, index);
    },
    heal: () => groupOf.clear(),
    counters,
    async close() {
      for (const member of [...members]) leave(member);
      for (const timer of timers) timer.cancel();
      timers.clear();
    },
  };

  /** All of the filters that this network grants and that match the topic: four at most, so a table serves. */
  function matchingFilters(topic: string): string[] {
    const parsed = parseTopic(topic);
    const root = `segment/1/${network}`;
    if (parsed.to === "agent") {
      return [`${root}/+/to/${parsed.recipient}`, `${root}/${parsed.sender}/to/${parsed.recipient}`];
    }
    return ["+", parsed.sender].flatMap((sender) => [
      `${root}/${sender}/cast/${parsed.channel}`,
      `${root}/${sender}/cast/+`,
    ]);
  }
}

function rejected(
  code: "topic-invalid" | "message-invalid" | "queue-full" | "broker-unreachable",
  message: string,
  where: string,
): Promise<never> {
  return Promise.reject(new SegmentError(code, message, { where }));
}
