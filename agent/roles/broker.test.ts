import { connect as dial } from "node:net";
import type { Socket } from "node:net";
import mqtt from "mqtt";
import type { IClientOptions, MqttClient } from "mqtt";
import { afterEach, describe, expect, it } from "vitest";
import { agentId, signerFromSeed } from "../../protocols/identity/keys.ts";
import { CLOCK_USER, clockTopic, makeToken, readClock } from "../../protocols/messaging/token.ts";
import type { Signer } from "../../protocols/ports.ts";
import { castFilter, castTopic, directTopic, inboxFilter } from "../../protocols/topics.ts";
import { nodeCrypto, systemClock } from "../node/crypto.ts";
import { startBroker } from "./broker.ts";
import type { Broker, BrokerLimits } from "./broker.ts";

const network = "village";
const [alice, bob] = [1, 2].map((seed) => signerFromSeed(nodeCrypto, new Uint8Array(32).fill(seed))) as [
  Signer,
  Signer,
];
const [aliceId, bobId] = [agentId(alice.publicKey), agentId(bob.publicKey)];

let ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.toReversed()) await end();
  ends = [];
});

async function start(
  limits: Partial<BrokerLimits> = {},
  admitted?: (id: string) => boolean,
): Promise<Broker> {
  const broker = await startBroker({
    host: "127.0.0.1",
    port: 0,
    network,
    crypto: nodeCrypto,
    clock: systemClock,
    limits,
    ...(admitted === undefined ? {} : { admitted }),
  });
  ends.push(() => broker.close());
  return broker;
}

function login(signer: Signer, suffix = "1") {
  const clientId = `${agentId(signer.publicKey)}.${suffix}`;
  return { clientId, ...makeToken(signer, { network, clientId, now: Date.now() }) };
}

/**
 * A plain MQTT client, which does not keep our rules by itself. Resolves with its CONNACK code, 0 or a
 * refusal.
 */
async function enter(broker: Broker, options: IClientOptions): Promise<{ code: number; client: MqttClient }> {
  const client = mqtt.connect(broker.url, { reconnectPeriod: 0, ...options });
  ends.push(() => client.endAsync(true));
  const code = await new Promise<number>((resolve) => {
    client.once("connect", () => resolve(0));
    client.once("error", (error) => resolve("code" in error ? Number(error.code) : -1));
    client.once("close", () => resolve(-1));
  });
  return { code, client };
}

async function enterAs(broker: Broker, signer: Signer, suffix = "1"): Promise<MqttClient> {
  const { code, client } = await enter(broker, login(signer, suffix));
  expect(code).toBe(0);
  return client;
}

const closed = (client: MqttClient) => new Promise<void>((resolve) => client.once("close", () => resolve()));

async function grants(client: MqttClient, filter: string): Promise<boolean> {
  return client.subscribeAsync(filter, { qos: 1 }).then(
    ([grant]) => grant !== undefined && grant.qos < 128,
    () => false,
  );
}

describe("the broker's door", () => {
  it("opens to a token and counts what passes", async () => {
    const broker = await start();
    const client = await enterAs(broker, alice);
    await client.publishAsync(castTopic(network, aliceId, "card"), "hello", { qos: 1 });
    expect(broker.counters).toEqual({ messages: 1, bytes: 5, refused: 0 });
    expect(broker.url).toBe(`mqtt://127.0.0.1:${broker.port}`);
  });

  it("stays shut without one, with another's, and with a stale one", async () => {
    const broker = await start();
    const good = login(alice);
    const stale = makeToken(alice, { network, clientId: good.clientId, now: Date.now() - 600_000 });
    const attempts: IClientOptions[] = [
      {},
      { username: aliceId },
      { ...good, password: "guess" },
      { ...good, password: Buffer.alloc(500, 0xff) },
      { ...good, username: bobId },
      { ...good, clientId: `${aliceId}.2` },
      { ...login(bob), clientId: good.clientId },
      { ...good, ...stale },
      { ...good, clean: false },
    ];
    for (const attempt of attempts) expect((await enter(broker, attempt)).code).toBe(4);
    expect(broker.counters.refused).toBe(attempts.length);
  });

  it("tells the time to whoever asks for nothing else, and hangs up", async () => {
    const broker = await start({ connections: 3 });
    const held = await enterAs(broker, alice);
    const gone: string[] = [];
    held.on("close", () => gone.push("alice"));
    const heard: Uint8Array[] = [];
    const listener = await enterAs(broker, bob);
    await grants(listener, castFilter(network, "card"));
    const first = new Promise<void>((resolve) => {
      listener.on("message", (_topic, payload) => {
        heard.push(payload);
        resolve();
      });
    });
    // Not even with another's client id, nor with a last will, nor without end.
    const will = { topic: castTopic(network, aliceId, "card"), payload: Buffer.from("boo"), qos: 1 as const };
    for (let visit = 0; visit < 20; visit++) {
      const { clientId } = login(alice);
      const options = { username: CLOCK_USER, clientId, will, clean: false, reconnectPeriod: 0 };
      const visitor = mqtt.connect(broker.url, options);
      ends.push(() => visitor.endAsync(true));
      const told = new Promise<[string, Uint8Array]>((resolve) =>
        visitor.once("message", (topic, payload) => resolve([topic, new Uint8Array(payload)])),
      );
      const [[topic, payload]] = await Promise.all([told, closed(visitor)]);
      expect(topic).toBe(clockTopic(network));
      expect(Math.abs(readClock(payload)! - systemClock.now())).toBeLessThan(5_000);
    }
    await held.publishAsync(castTopic(network, aliceId, "card"), "still here", { qos: 1 });
    await first;
    expect([gone, heard.map((payload) => new TextDecoder().decode(payload))]).toEqual([[], ["still here"]]);
    expect(broker.counters).toMatchObject({ messages: 1, refused: 0 });
  });

  it("opens to those admitted, and shuts behind them when they are so no longer", async () => {
    let admittedIds = [aliceId];
    const broker = await start({}, (id) => admittedIds.includes(id));
    expect((await enter(broker, login(bob))).code).toBe(5);
    const client = await enterAs(broker, alice);
    admittedIds = [];
    expect(await grants(client, inboxFilter(network, aliceId))).toBe(false);
    client.publish(castTopic(network, aliceId, "card"), "x", { qos: 1 });
    await closed(client);
    expect(broker.counters).toMatchObject({ messages: 0, refused: 3 });
  });

  it("bounds the connections of all and of each", async () => {
    const broker = await start({ connections: 3, connectionsPerAgent: 2 });
    await enterAs(broker, alice, "1");
    await enterAs(broker, alice, "2");
    expect((await enter(broker, login(alice, "3"))).code).toBe(5);
    await enterAs(broker, bob);
    expect((await enter(broker, login(bob, "2"))).code).toBe(-1);
  });

  it("lets the same client id in again in place of its older connection", async () => {
    const broker = await start();
    const first = await enterAs(broker, alice);
    const gone = closed(first);
    await enterAs(broker, alice);
    await gone;
  });
});

describe("the broker's rules", () => {
  it.each([
    ["another's name", castTopic(network, bobId, "card"), {}],
    ["another network", castTopic("campus", aliceId, "card"), {}],
    ["no grammar", "hello", {}],
    ["the broker's own topics", "$SYS/x", {}],
    ["something to be retained", castTopic(network, aliceId, "card"), { retain: true }],
  ])("disconnect whoever publishes %s", async (_what, topic, options) => {
    const broker = await start();
    const listener = await enterAs(broker, bob);
    await listener.subscribeAsync(castFilter(network, "card"), { qos: 1 });
    listener.on("message", () => expect.unreachable());
    const client = await enterAs(broker, alice);
    const gone = closed(client);
    client.publish(topic, "x", { qos: 1, ...options });
    await gone;
    expect(broker.counters).toMatchObject({ messages: 0, refused: 1 });
  });

  it("hold for last wills too", async () => {
    const broker = await start();
    const listener = await enterAs(broker, bob);
    const heard: string[] = [];
    listener.on("message", (_topic, payload) => heard.push(payload.toString()));
    await listener.subscribeAsync("segment/1/village/+/cast/+", { qos: 1 });
    for (const [suffix, topic, payload] of [
      ["1", castTopic(network, bobId, "card"), "forged"],
      ["2", castTopic(network, aliceId, "card"), "own"],
    ] as const) {
      const { code, client } = await enter(broker, {
        ...login(alice, suffix),
        will: { topic, payload: Buffer.from(payload), qos: 1, retain: false },
      });
      expect(code).toBe(0);
      client.stream.destroy();
    }
    while (heard.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(heard).toEqual(["own"]);
  });

  it("grant one's own inbox and what is public, and nothing else", async () => {
    const broker = await start();
    const client = await enterAs(broker, alice);
    expect(await grants(client, inboxFilter(network, aliceId))).toBe(true);
    expect(await grants(client, "segment/1/village/+/cast/+")).toBe(true);
    for (const filter of [
      "#",
      "$SYS/#",
      "segment/1/village/#",
      inboxFilter(network, bobId),
      "segment/1/village/+/+/+",
    ]) {
      expect(await grants(client, filter)).toBe(false);
    }
    expect(client.connected).toBe(true);
    expect(broker.counters.refused).toBe(5);
  });

  it("bound the subscriptions of a client, not how often it changes them", async () => {
    const broker = await start({ subscriptionsPerClient: 2 });
    const client = await enterAs(broker, alice);
    expect(await grants(client, castFilter(network, "card"))).toBe(true);
    expect(await grants(client, castFilter(network, "vote"))).toBe(true);
    expect(await grants(client, castFilter(network, "entry"))).toBe(false);
    await client.unsubscribeAsync(castFilter(network, "card"));
    expect(await grants(client, castFilter(network, "entry"))).toBe(true);
  });

  it("slow down whoever sends too fast, and lose nothing", async () => {
    const broker = await start({ messagesPerSecond: 100 });
    const client = await enterAs(broker, alice);
    const startMs = performance.now();
    const sent = Array.from({ length: 140 }, () =>
      client.publishAsync(castTopic(network, aliceId, "card"), "x", { qos: 1 }),
    );
    await Promise.all(sent);
    expect(performance.now() - startMs).toBeGreaterThan(350);
    expect(broker.counters).toMatchObject({ messages: 140, refused: 0 });
  });

  it("disconnect whoever does not read, while others go on", async () => {
    const broker = await start({ backlogBytes: 100_000 });
    const sleeper = await enterAs(broker, bob);
    await sleeper.subscribeAsync(inboxFilter(network, bobId), { qos: 1 });
    let gone = false;
    sleeper.on("close", () => (gone = true));
    (sleeper.stream as unknown as Socket).pause();
    const client = await enterAs(broker, alice);
    const payload = Buffer.alloc(200_000);
    for (let count = 0; count < 60 && !broker.counters.refused; count++) {
      await client.publishAsync(directTopic(network, aliceId, bobId), payload, { qos: 1 });
    }
    expect(broker.counters.refused).toBeGreaterThan(0);
    await client.publishAsync(castTopic(network, aliceId, "card"), "still here", { qos: 1 });
    (sleeper.stream as unknown as Socket).resume();
    while (!gone) await new Promise((resolve) => setTimeout(resolve, 5));
  });
});

/**
 * Sends the first chunk and, once it is answered or ignored, the others. Resolves when the connection has
 * ended.
 */
function send(
  broker: Broker,
  [first, ...others]: Uint8Array[],
  patienceMs = 15,
): Promise<{ answered: boolean }> {
  return new Promise((resolve) => {
    let answered = false;
    const socket = dial(broker.port, "127.0.0.1", () => socket.write(first ?? new Uint8Array()));
    const goOn = (): void => {
      if (socket.destroyed) return;
      for (const chunk of others.splice(0)) socket.write(chunk);
      setTimeout(() => socket.end(), patienceMs);
    };
    const ignored = setTimeout(goOn, patienceMs);
    socket.once("data", () => {
      answered = true;
      clearTimeout(ignored);
      goOn();
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve({ answered }));
    socket.setTimeout(4000, () => socket.destroy());
    socket.resume();
  });
}

const lengthPrefixed = (text: string): number[] => [
  text.length >> 8,
  text.length & 0xff,
  ...Buffer.from(text),
];

function connectPacket(): Uint8Array {
  const { clientId, username, password } = login(alice, "raw");
  const body = [
    ...lengthPrefixed("MQTT"),
    4,
    0xc2,
    0,
    60,
    ...[clientId, username, password].flatMap(lengthPrefixed),
  ];
  return Uint8Array.from([0x10, (body.length & 0x7f) | 0x80, body.length >> 7, ...body]);
}

describe("the broker among strangers", () => {
  it("does not collect what a stranger announces", async () => {
    const broker = await start();
    await send(broker, [Uint8Array.of(0x10, 0xff, 0xff, 0xff, 0x7f), new Uint8Array(1000)]);
    expect(broker.counters.refused).toBe(1);
    // The same holds after the login, at the bound for messages.
    const loggedIn = await send(broker, [connectPacket(), Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0x7f)], 1000);
    expect(loggedIn.answered).toBe(true);
    expect(broker.counters.refused).toBe(2);
  });

  it("survives malformed bytes of every kind", async () => {
    const broker = await start();
    let seed = 12345;
    const next = (bound: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return (seed >>> 8) % bound;
    };
    const noise = (length: number) => Uint8Array.from({ length }, () => next(256));
    const valid = connectPacket();
    const jobs: Uint8Array[][] = [
      [new Uint8Array()],
      [valid, valid],
      [Uint8Array.of(0xc0, 0)],
      [Uint8Array.of(0xe0, 0)],
    ];
    for (let count = 0; count < 150; count++) {
      jobs.push([noise(1 + next(60))]);
      const mutated = valid.slice();
      for (let flips = 0; flips <= next(4); flips++) mutated[next(mutated.length)] = next(256);
      jobs.push([mutated]);
      // Any packet type with any flags and any short body, before and after a good login.
      const body = noise(next(40));
      const packet = Uint8Array.from([next(256), body.length, ...body]);
      jobs.push([packet], [valid, packet], [valid, packet.slice(0, 1 + next(packet.length))]);
    }
    for (let at = 0; at < jobs.length; at += 25) {
      await Promise.all(jobs.slice(at, at + 25).map((job) => send(broker, job)));
    }
    const client = await enterAs(broker, bob);
    await client.publishAsync(castTopic(network, bobId, "card"), "alive", { qos: 1 });
  }, 60_000);
});

describe("starting and ending", () => {
  it("names the port that is in use", async () => {
    const { port } = await start();
    const again = startBroker({ host: "127.0.0.1", port, network, crypto: nodeCrypto, clock: systemClock });
    await expect(again).rejects.toMatchObject({ code: "port-in-use", where: `127.0.0.1:${port}` });
    await expect(again).rejects.toThrow(String(port));
  });

  it("says so when the host is not ours", async () => {
    const away = startBroker({ host: "192.0.2.1", port: 0, network, crypto: nodeCrypto, clock: systemClock });
    await expect(away).rejects.toMatchObject({ code: "broker-unreachable" });
  });

  it("ends with clients and strangers still connected", async () => {
    const broker = await start();
    const client = await enterAs(broker, alice);
    const stranger = dial(broker.port, "127.0.0.1");
    await new Promise<void>((resolve) => stranger.once("connect", () => resolve()));
    const gone = Promise.all([
      closed(client),
      new Promise<void>((resolve) => stranger.once("close", () => resolve())),
    ]);
    await broker.close();
    await gone;
  });
});
