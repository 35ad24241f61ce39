import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { Aedes } from "aedes";
import { afterEach, describe, expect, it } from "vitest";
import { decodeCbor } from "../../protocols/encoding/cbor.ts";
import { fromBase64Url } from "../../protocols/encoding/bytes.ts";
import { verify1 } from "../../protocols/identity/cose.ts";
import { agentId, signerFromSeed } from "../../protocols/identity/keys.ts";
import { CLOCK_USER, clockTopic } from "../../protocols/messaging/token.ts";
import type { Clock } from "../../protocols/ports.ts";
import { castFilter, castTopic, inboxFilter } from "../../protocols/topics.ts";
import { startBroker } from "../roles/broker.ts";
import { nodeCrypto, nodeRandom, systemClock } from "../node/crypto.ts";
import { mqttBus } from "./mqtt-bus.ts";
import type { MqttBus, MqttBusOptions } from "./mqtt-bus.ts";

const network = "village";
const signer = signerFromSeed(nodeCrypto, new Uint8Array(32).fill(1));
const me = agentId(signer.publicKey);
const topic = castTopic(network, me, "card");

let ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.toReversed()) await end();
  ends = [];
});

/** The machine's clock, off by as much as the test says. */
function skewedClock(): Clock & { offsetMs: number } {
  return {
    offsetMs: 0,
    now() {
      return systemClock.now() + this.offsetMs;
    },
    at(atMs, fire) {
      return systemClock.at(atMs - this.offsetMs, fire);
    },
  };
}

function bus(port: number, options: Partial<MqttBusOptions> = {}): MqttBus {
  const made = mqttBus({
    url: `mqtt://127.0.0.1:${port}`,
    network,
    signer,
    clock: systemClock,
    random: nodeRandom,
    reconnectMinMs: 10,
    reconnectMaxMs: 20,
    ...options,
  });
  ends.push(() => made.close());
  return made;
}

async function broker(port = 0, clock: Clock = systemClock, admitted: (id: string) => boolean = () => true) {
  const made = await startBroker({ host: "127.0.0.1", port, network, crypto: nodeCrypto, clock, admitted });
  ends.push(() => made.close());
  return made;
}

/** A broker that judges passwords as it is told, and says what it likes of the time. */
async function plainBroker(judge: (password: string) => boolean, timeMs?: number): Promise<number> {
  const aedes = await Aedes.createBroker({
    authenticate: (_client, username, password, done) => {
      const isVisitor = username === CLOCK_USER && timeMs !== undefined;
      if (isVisitor || judge(new TextDecoder().decode(password))) return done(null, true);
      done(Object.assign(new Error("no"), { returnCode: 4 }), null);
    },
  });
  aedes.on("clientReady", (client) => {
    if (!client.id.startsWith(CLOCK_USER)) return;
    const payload = Buffer.from(String(timeMs));
    const packet = { cmd: "publish", topic: clockTopic(network), payload, qos: 0, retain: false, dup: false };
    client.publish(packet as Parameters<typeof client.publish>[0], () => client.close());
  });
  const server = createServer((socket) => aedes.handle(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(async () => {
    await new Promise<void>((resolve) => aedes.close(() => resolve()));
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return (server.address() as AddressInfo).port;
}

async function connected(client: MqttBus): Promise<void> {
  for (;;) {
    try {
      await client.ready();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

describe("connecting", () => {
  it("says that nobody answers, goes on trying, and delivers what waited", async () => {
    const first = await broker();
    await first.close();
    const client = bus(first.port);
    await expect(client.ready()).rejects.toMatchObject({ code: "broker-unreachable" });
    const waiting = client.publish(topic, Uint8Array.of(1));
    const second = await broker(first.port);
    await waiting;
    await client.ready();
    expect(second.counters.messages).toBe(1);
    expect(client.counters).toMatchObject({ messages: 1, bytes: 1 });
  });

  it("says that the broker refused, and gets in once it does not", async () => {
    let open = false;
    const { port } = await broker(0, systemClock, () => open);
    const client = bus(port);
    await expect(client.ready()).rejects.toMatchObject({ code: "broker-refused" });
    await expect(client.ready()).rejects.toMatchObject({ code: "broker-refused" });
    open = true;
    await connected(client);
  });

  it.each([
    ["an hour behind", -3_600_000],
    ["a century ahead", 100 * 365 * 86_400_000],
    ["in 1970", -systemClock.now()],
  ])("gets in with a clock %s, by the broker's time", async (_how, offsetMs) => {
    const clock = skewedClock();
    clock.offsetMs = offsetMs;
    const { port, counters } = await broker();
    const client = bus(port, { clock });
    await client.ready();
    expect(counters.refused).toBeGreaterThanOrEqual(1);
    await client.publish(topic, Uint8Array.of(1));
    expect(counters.messages).toBe(1);
  });

  it("is refused where no time is told, and gets in once its clock is right", async () => {
    const clock = skewedClock();
    clock.offsetMs = -3_600_000;
    let open = false;
    const silent = await plainBroker(() => open);
    const client = bus(silent, { clock });
    await expect(client.ready()).rejects.toMatchObject({ code: "broker-refused" });
    open = true;
    await connected(client);
  });

  it("makes a token of a false time for the next login only, and closes while it asks", async () => {
    const times: number[] = [];
    // What a broker says is the time, and what comes back in the next token.
    const lies = await plainBroker((password) => {
      const bytes = fromBase64Url(password);
      const { payload } = verify1(nodeCrypto, "brokerToken", bytes);
      times.push((decodeCbor(payload) as number[])[4]! + 150_000);
      return false;
    }, 4_102_444_800_000);
    const client = bus(lies);
    await expect(client.ready()).rejects.toMatchObject({ code: "broker-refused" });
    // Its own time until the broker has answered, then the broker's once.
    const isOwn = times.map((timeMs) => Math.abs(timeMs - systemClock.now()) < 60_000);
    expect(isOwn[0]).toBe(true);
    expect(isOwn.at(-1)).toBe(false);
    expect(Math.abs(times.at(-1)! - 4_102_444_800_000)).toBeLessThan(60_000);
    await client.close();
  });

  it("comes back with a fresh token long after the first has ended, subscriptions and all", async () => {
    const clock = skewedClock();
    const first = await broker(0, clock);
    const client = bus(first.port, { clock });
    const heard: number[] = [];
    await client.subscribe(castFilter(network, "card"), (_topic, payload) =>
      heard.push(payload[0] as number),
    );
    const states: boolean[] = [];
    client.onConnected((state) => states.push(state));
    await first.close();
    clock.offsetMs = 3_600_000;
    await broker(first.port, clock);
    await client.publish(topic, Uint8Array.of(7));
    while (heard.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(heard).toEqual([7]);
    expect(states).toEqual([true, false, true]);
    expect(client.counters).toMatchObject({ reconnects: 1, receivedMessages: 1, receivedBytes: 1 });
  });

  it("ends at once when the broker never answers", async () => {
    const server = createServer((socket) => void socket.resume());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    ends.push(() => new Promise((resolve) => server.close(() => resolve())));
    const client = bus((server.address() as AddressInfo).port);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const startMs = performance.now();
    await client.close();
    expect(performance.now() - startMs).toBeLessThan(1500);
    await expect(client.ready()).rejects.toMatchObject({ code: "broker-unreachable" });
  });
});

/** A broker that breaks the connection at each message that begins with `poison`, and refuses one filter. */
async function moodyBroker(poison: number, refusedFilter: string): Promise<number> {
  const aedes = await Aedes.createBroker({
    authorizePublish: (_client, packet, done) =>
      done(packet.payload[0] === poison ? new Error("poison") : null),
    authorizeSubscribe: (_client, wanted, done) => done(null, wanted.topic === refusedFilter ? null : wanted),
  });
  const server = createServer(aedes.handle);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(async () => {
    await new Promise<void>((resolve) => aedes.close(() => resolve()));
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return (server.address() as AddressInfo).port;
}

describe("a broker that refuses", () => {
  it("one message gets it back to its sender, and the others go through in order", async () => {
    const heard: number[] = [];
    const client = bus(await moodyBroker(3, ""));
    await client.subscribe(castFilter(network, "card"), (_topic, payload) =>
      heard.push(payload[0] as number),
    );
    const results = await Promise.allSettled(
      [1, 2, 3, 4, 5].map((value) => client.publish(topic, Uint8Array.of(value))),
    );
    expect(results.map(({ status }) => status)).toEqual([
      "fulfilled",
      "fulfilled",
      "rejected",
      "fulfilled",
      "fulfilled",
    ]);
    expect(results[2]).toMatchObject({ reason: { code: "broker-refused", where: topic } });
    while (!heard.includes(5)) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(new Set(heard)).toEqual(new Set([1, 2, 4, 5]));
  });

  it("a subscription says so, and may be asked again", async () => {
    const client = bus(await moodyBroker(3, inboxFilter(network, me)));
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(client.subscribe(inboxFilter(network, me), () => {})).rejects.toMatchObject({
        code: "broker-refused",
      });
    }
    await client.subscribe(castFilter(network, "card"), () => {});
  });
});

describe("the queue", () => {
  it("is bounded in bytes as well as in messages", async () => {
    const client = bus(1, { maxPending: 10, maxPendingBytes: 1000 });
    const waiting = [600, 400].map((length) =>
      client.publish(topic, new Uint8Array(length)).catch(() => "ended"),
    );
    await expect(client.publish(topic, new Uint8Array(1))).rejects.toMatchObject({ code: "queue-full" });
    const empty = Array.from({ length: 8 }, () =>
      client.publish(topic, new Uint8Array()).catch(() => "ended"),
    );
    await expect(client.publish(topic, new Uint8Array())).rejects.toMatchObject({ code: "queue-full" });
    await client.close();
    expect(new Set(await Promise.all([...waiting, ...empty]))).toEqual(new Set(["ended"]));
  });
});

describe("a message and its answer", () => {
  it("do not wait for TCP's delayed acknowledgements (40 ms each)", async () => {
    const client = bus((await broker()).port);
    let answered = (): void => {};
    await client.subscribe(castFilter(network, "card"), () => answered());
    const tookMs: number[] = [];
    for (let count = 0; count < 40; count++) {
      const startMs = performance.now();
      await new Promise<void>((resolve, reject) => {
        answered = resolve;
        client.publish(topic, new Uint8Array(200)).catch(reject);
      });
      tookMs.push(performance.now() - startMs);
    }
    // The best quarter, so that a busy machine does not fail this.
    expect(tookMs.toSorted((a, b) => a - b)[10]).toBeLessThan(25);
  });
});
