/**
 * An MQTT 3.1.1 broker in the agent itself (aedes), for one machine or one house.
 *
 * Nobody has to trust it: what passes is signed, and sealed where it is private. It
 * still keeps strangers from wasting it: a client shows a token signed by its identity,
 * publishes under its own id only, hears its own inbox and what is public, and is held
 * to bounds of size, rate and number. Sessions are clean and nothing is retained, so
 * that no client can leave anything behind.
 *
 * A client that breaks a rule is disconnected (MQTT 3.1.1 knows no other refusal of a
 * PUBLISH, section 3.3.5) and counted; one that sends too fast is read more slowly.
 */
import { createServer } from "node:net";
import type { Duplex } from "node:stream";
import { Aedes } from "aedes";
import type { AedesPublishPacket, AuthenticateError, Client, PublishPacket, Subscription } from "aedes";
import { concat, utf8 } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { MAX_PAYLOAD_BYTES } from "../../protocols/messaging/envelope.ts";
import { CLOCK_USER, clockTopic, verifyToken } from "../../protocols/messaging/token.ts";
import type { Clock, Crypto, TimeMs } from "../../protocols/ports.ts";
import { MAX_TOPIC_CHARS, mayPublish, maySubscribe } from "../../protocols/topics.ts";
import { listen, urlHost } from "./listen.ts";
import { limitPackets } from "./packet-limit.ts";
import type { PacketMeter } from "./packet-limit.ts";
import { pacer } from "./pacer.ts";
import type { Pacer } from "./pacer.ts";

export interface BrokerOptions {
  host: string;
  /** 0: any free port, see Broker.port. */
  port: number;
  network: string;
  crypto: Crypto;
  clock: Clock;
  /**
   * Who may use the broker; asked at each connect, publish and subscribe. Default: whoever holds an
   * identity.
   */
  admitted?: (id: string) => boolean;
  limits?: Partial<BrokerLimits>;
}

export interface BrokerLimits {
  /** Open connections, of all clients. */
  connections: number;
  connectionsPerAgent: number;
  subscriptionsPerClient: number;
  messagesPerSecond: number;
  bytesPerSecond: number;
  /** How much may wait for a client that does not read before it is disconnected. */
  backlogBytes: number;
}

const DEFAULT_LIMITS: BrokerLimits = {
  connections: 1000,
  connectionsPerAgent: 8,
  subscriptionsPerClient: 64,
  messagesPerSecond: 2000,
  bytesPerSecond: 8 * 1024 * 1024,
  backlogBytes: 4 * 1024 * 1024,
};

export interface Broker {
  /** mqtt://host:port */
  readonly url: string;
  readonly port: number;
  /** Messages and bytes that were accepted; clients, messages and subscriptions that were refused. */
  readonly counters: Readonly<{ messages: number; bytes: number; refused: number }>;
  /** Takes a client that came by another door, such as a WebSocket; it is under the same rules. */
  accept(stream: Duplex): void;
  close(): Promise<void>;
}

// A CONNECT with a token needs some 600 bytes. Nobody gets to send more before it is verified.
const MAX_CONNECT_BYTES = 4096;
/** After the fixed header. */
export const MAX_PACKET_BYTES = MAX_PAYLOAD_BYTES + MAX_TOPIC_CHARS + 16;
const CONNECT_TIMEOUT_MS = 5000;
const DRAIN_TIMEOUT_MS = 5000;
const KEEPALIVE_LIMIT_S = 600;

// CONNACK return codes of MQTT 3.1.1, section 3.2.2.3.
const BAD_LOGIN = 4;
const NOT_AUTHORIZED = 5;

/** What the broker knows of one client: absent until its token was verified. */
interface Session {
  id: string;
  filters: Set<string>;
  pace: Pacer;
}

/**
 * Starts to listen. Throws `port-in-use`, or `broker-unreachable` when the host is not an
 * address of this machine.
 */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const rules = new Rules(options);
  const aedes = await Aedes.createBroker({
    // Without a bound of its own: the bound on what waits is each client's backlog, see forward. With
    // one, a hundred messages to a client that does not read would hold up everybody.
    concurrency: 0,
    connectTimeout: CONNECT_TIMEOUT_MS,
    drainTimeout: DRAIN_TIMEOUT_MS,
    keepaliveLimit: KEEPALIVE_LIMIT_S,
    queueLimit: 8,
    maxInflightInbound: 16,
    maxTopicLevels: 8,
    preConnect: (client, { username }, done) => {
      if (username !== CLOCK_USER) return done(null, true);
      // Before anything is known of it, and nothing will be: it is no client.
      const { conn } = client;
      conn.end(clockAnswer(options.network, options.clock.now()), () => conn.destroy());
      done(null, false);
    },
    authenticate: (client, username, password, done) => rules.authenticate(client, username, password, done),
    authorizePublish: (client, packet, done) => rules.publish(client, packet, done),
    authorizeSubscribe: (client, wanted, done) => done(null, rules.subscribe(client, wanted)),
    authorizeForward: (client, packet) => rules.forward(client, packet),
  });
  aedes.on("unsubscribe", (filters, client) => rules.unsubscribed(client, filters));

  const streams = new Set<Duplex>();
  const accept = (stream: Duplex): void => {
    if (streams.size >= rules.limits.connections) {
      rules.refuse("too many connections");
      stream.destroy();
      return;
    }
    streams.add(stream);
    const client = rules.arrived(stream, () => aedes.handle(stream));
    stream.once("close", () => {
      streams.delete(stream);
      rules.left(client);
    });
  };
  const server = createServer({ noDelay: true }, accept);

  async function close(): Promise<void> {
    const stopped = new Promise<void>((resolve) => server.close(() => resolve()));
    await new Promise<void>((resolve) => aedes.close(() => resolve()));
    for (const stream of streams) stream.destroy(); // those that never sent a CONNECT
    await stopped;
  }

  const { host } = options;
  try {
    const port = await listen(server, host, options.port);
    const url = `mqtt://${urlHost(host)}:${port}`;
    return { url, port, counters: rules.counters, accept, close };
  } catch (error) {
    await new Promise<void>((resolve) => aedes.close(() => resolve()));
    throw error;
  }
}

/** Who may do what, and what was refused. */
class Rules {
  readonly limits: BrokerLimits;
  readonly counters = { messages: 0, bytes: 0, refused: 0 };
  readonly #options: BrokerOptions;
  readonly #sessions = new Map<Client, Session>();
  readonly #meters = new WeakMap<Client, PacketMeter>();

  constructor(options: BrokerOptions) {
    this.#options = options;
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
  }

  refuse(message: string): Error {
    this.counters.refused++;
    return new Error(message);
  }

  /** The stream is metered before the client that `handle` makes reads from it. */
  arrived(stream: Duplex, handle: () => Client): Client {
    const meter = limitPackets(stream, MAX_CONNECT_BYTES, () => this.refuse("packet too large"));
    const client = handle();
    this.#meters.set(client, meter);
    return client;
  }

  left(client: Client): void {
    this.#sessions.get(client)?.pace.stop();
    this.#sessions.delete(client);
  }

  authenticate(
    client: Client,
    username: string | undefined,
    password: Uint8Array | undefined,
    done: (error: AuthenticateError | null, success: boolean | null) => void,
  ): void {
    try {
      this.#sessions.set(client, this.#login(client, username, password));
    } catch (error) {
      if (!(error instanceof SegmentError)) throw error;
      const returnCode = error.code === "broker-refused" ? BAD_LOGIN : NOT_AUTHORIZED;
      done(Object.assign(this.refuse(error.message), { returnCode }), null);
      return;
    }
    this.#meters.get(client)?.allow(MAX_PACKET_BYTES);
    done(null, true);
  }

  publish(client: Client | null, packet: PublishPacket, done: (error?: Error | null) => void): void {
    const session = client === null ? undefined : this.#sessions.get(client);
    if (session === undefined || !this.#admits(session.id)) return done(this.refuse("not admitted"));
    if (!mayPublish(this.#options.network, session.id, packet.topic)) {
      return done(this.refuse("not the client's own topic"));
    }
    if (packet.retain) return done(this.refuse("nothing is retained here"));
    const bytes = packet.payload.length;
    session.pace.pass(bytes, () => {
      this.counters.messages++;
      this.counters.bytes += bytes;
      done(null);
    });
  }

  /** Null is answered with SUBACK 0x80 (MQTT 3.1.1, section 3.9.3). */
  subscribe(client: Client, wanted: Subscription): Subscription | null {
    const session = this.#sessions.get(client);
    const allowed =
      session !== undefined &&
      this.#admits(session.id) &&
      maySubscribe(this.#options.network, session.id, wanted.topic) &&
      (session.filters.has(wanted.topic) || session.filters.size < this.limits.subscriptionsPerClient);
    if (!allowed) {
      this.counters.refused++;
      return null;
    }
    session.filters.add(wanted.topic);
    return wanted;
  }

  unsubscribed(client: Client, filters: string[]): void {
    for (const filter of filters) this.#sessions.get(client)?.filters.delete(filter);
  }

  forward(client: Client, packet: AedesPublishPacket): AedesPublishPacket | null {
    const session = this.#sessions.get(client);
    if (session === undefined || !this.#admits(session.id)) return null;
    if (client.conn.writableLength <= this.limits.backlogBytes) return packet;
    this.refuse("the client does not read");
    client.conn.destroy();
    return null;
  }

  #admits(id: string): boolean {
    return this.#options.admitted?.(id) ?? true;
  }

  #login(client: Client, username: string | undefined, password: Uint8Array | undefined): Session {
    const { network, crypto, clock } = this.#options;
    if (!client.clean)
      throw new SegmentError("broker-refused", "sessions are clean here", { where: "clean" });
    const id = verifyToken(crypto, {
      network,
      username: username ?? "",
      password: password === undefined ? "" : new TextDecoder().decode(password),
      clientId: client.id,
      now: clock.now(),
    });
    if (!this.#admits(id))
      throw new SegmentError("peer-refused", `${id} is not admitted here`, { where: "username" });
    const own = [...this.#sessions.values()].filter((session) => session.id === id).length;
    if (own >= this.limits.connectionsPerAgent) {
      throw new SegmentError("peer-refused", `${id} has ${own} connections already`, { where: "username" });
    }
    return { id, filters: new Set(), pace: pacer(clock, this.limits) };
  }
}

/** CONNACK and one PUBLISH with QoS 0 (MQTT 3.1.1, sections 3.2 and 3.3); its length fits one byte. */
function clockAnswer(network: string, timeMs: TimeMs): Uint8Array {
  const [topic, digits] = [utf8(clockTopic(network)), utf8(String(timeMs))];
  const length = [0x30, 2 + topic.length + digits.length, 0, topic.length];
  return concat(Uint8Array.of(0x20, 2, 0, 0), Uint8Array.from(length), topic, digits);
}
