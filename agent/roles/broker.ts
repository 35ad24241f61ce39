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
import type { AddressInfo, Server, Socket } from "node:net";
import { Aedes } from "aedes";
import type { AedesPublishPacket, AuthenticateError, Client, PublishPacket, Subscription } from "aedes";
import { errorCode, SegmentError } from "../../protocols/errors.ts";
import { MAX_PAYLOAD_BYTES } from "../../protocols/messaging/envelope.ts";
import { verifyToken } from "../../protocols/messaging/token.ts";
import type { Clock, Crypto } from "../../protocols/ports.ts";
import { MAX_TOPIC_CHARS, mayPublish, maySubscribe } from "../../protocols/topics.ts";
import { limitPackets } from "./packet-limit.ts";
import { pacer } from "./pacer.ts";
import type { Pacer } from "./pacer.ts";

export interface BrokerOptions {
  host: string;
  /** 0: any free port, see Broker.port. */
  port: number;
  network: string;
  crypto: Crypto;
  clock: Clock;
  /** Who may use the broker; asked at each connect, publish and subscribe. Default: whoever holds an identity. */
  admitted?: (id: string) => boolean;
  limits?: Partial<BrokerLimits>;
}

export interface BrokerLimits {
  /** Open sockets, of all clients. */
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
  close(): Promise<void>;
}

// A CONNECT with a token needs some 600 bytes. Nobody gets to send more before it is verified.
const MAX_CONNECT_BYTES = 4096;
const MAX_PACKET_BYTES = MAX_PAYLOAD_BYTES + MAX_TOPIC_CHARS + 16;
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

/** Starts to listen. Throws `port-in-use`, or `broker-unreachable` when the host is not an address of this machine. */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const { network, crypto, clock, host, admitted = () => true } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const counters = { messages: 0, bytes: 0, refused: 0 };
  const sessions = new Map<Client, Session>();
  const sockets = new Map<Socket, { allow: (maxBytes: number) => void }>();

  const refuse = (message: string): Error => {
    counters.refused++;
    return new Error(message);
  };

  function login(client: Client, username: string | undefined, password: Uint8Array | undefined): Session {
    if (!client.clean) throw new SegmentError("broker-refused", "sessions are clean here", { where: "clean" });
    const id = verifyToken(crypto, {
      network,
      username: username ?? "",
      password: password === undefined ? "" : new TextDecoder().decode(password),
      clientId: client.id,
      now: clock.now(),
    });
    if (!admitted(id)) throw new SegmentError("peer-refused", `${id} is not admitted here`, { where: "username" });
    const own = [...sessions.values()].filter((session) => session.id === id).length;
    if (own >= limits.connectionsPerAgent) {
      throw new SegmentError("peer-refused", `${id} has ${own} connections already`, { where: "username" });
    }
    return { id, filters: new Set(), pace: pacer(clock, limits) };
  }

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

    authenticate(client, username, password, done) {
      try {
        sessions.set(client, login(client, username, password));
        sockets.get(client.conn as Socket)?.allow(MAX_PACKET_BYTES);
        done(null, true);
      } catch (error) {
        if (!(error instanceof SegmentError)) throw error;
        const returnCode = errorCode(error) === "broker-refused" ? BAD_LOGIN : NOT_AUTHORIZED;
        done(Object.assign(refuse(error.message), { returnCode }) as AuthenticateError, null);
      }
    },

    authorizePublish(client: Client | null, packet: PublishPacket, done) {
      const session = client === null ? undefined : sessions.get(client);
      if (session === undefined || !admitted(session.id)) return done(refuse("not admitted"));
      if (!mayPublish(network, session.id, packet.topic)) return done(refuse("not the client's own topic"));
      if (packet.retain) return done(refuse("nothing is retained here"));
      const bytes = packet.payload.length;
      session.pace.pass(bytes, () => {
        counters.messages++;
        counters.bytes += bytes;
        done(null);
      });
    },

    authorizeSubscribe(client: Client, wanted: Subscription, done) {
      const session = sessions.get(client);
      const allowed =
        session !== undefined &&
        admitted(session.id) &&
        maySubscribe(network, session.id, wanted.topic) &&
        (session.filters.has(wanted.topic) || session.filters.size < limits.subscriptionsPerClient);
      if (!allowed) {
        counters.refused++;
        return done(null, null); // SUBACK 0x80, section 3.9.3
      }
      session.filters.add(wanted.topic);
      done(null, wanted);
    },

    authorizeForward(client: Client, packet: AedesPublishPacket) {
      const session = sessions.get(client);
      if (session === undefined || !admitted(session.id)) return null;
      if (client.conn.writableLength <= limits.backlogBytes) return packet;
      refuse("does not read");
      client.conn.destroy();
      return null;
    },
  });
  aedes.on("unsubscribe", (filters, client) => {
    for (const filter of filters) sessions.get(client)?.filters.delete(filter);
  });

  const server = createServer({ noDelay: true }, (socket) => {
    sockets.set(socket, limitPackets(socket, MAX_CONNECT_BYTES, () => refuse("packet too large")));
    const client = aedes.handle(socket);
    socket.once("close", () => {
      sockets.delete(socket);
      sessions.get(client)?.pace.stop();
      sessions.delete(client);
    });
  });
  server.maxConnections = limits.connections;
  server.on("drop", () => refuse("too many connections"));

  async function close(): Promise<void> {
    const stopped = new Promise<void>((resolve) => server.close(() => resolve()));
    await new Promise<void>((resolve) => aedes.close(() => resolve()));
    for (const socket of sockets.keys()) socket.destroy(); // those that never sent a CONNECT
    await stopped;
  }

  try {
    const port = await listen(server, host, options.port);
    return { url: `mqtt://${host.includes(":") ? `[${host}]` : host}:${port}`, port, counters, close };
  } catch (error) {
    await new Promise<void>((resolve) => aedes.close(() => resolve()));
    throw error;
  }
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const where = `${host}:${port}`;
      reject(
        cause.code === "EADDRINUSE"
          ? new SegmentError("port-in-use", `another program listens on port ${port} of ${host}`, { where, cause })
          : new SegmentError("broker-unreachable", `cannot listen on ${where}: ${cause.message}`, { where, cause }),
      );
    });
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
  });
}
