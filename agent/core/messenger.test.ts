import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { equalBytes } from "../../protocols/encoding/bytes.ts";
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import { sealEnvelope, type OpenedEnvelope } from "../../protocols/messaging/envelope.ts";
import type { Crypto } from "../../protocols/ports.ts";
import { castTopic, directTopic } from "../../protocols/topics.ts";
import { memoryNetwork, type MemoryNetwork } from "../../simulators/network/memory-bus.ts";
import { seededRandom } from "../../simulators/random.ts";
import { VirtualClock } from "../../simulators/virtual-clock.ts";
import { NETWORK, somebody, START_MS, type Somebody } from "../../test/support/agents.ts";
import { nodeCrypto as crypto } from "../node/crypto.ts";
import { Asker } from "./asking.ts";
import { Messenger } from "./messenger.ts";
import { reply, serve } from "./service.ts";

const [alice, bob, carol] = ["alice", "bob", "carol"].map((name) => somebody(name)) as [
  Somebody,
  Somebody,
  Somebody,
];
const random = seededRandom(5);
const text = (value: string): Uint8Array => encodeMessage(value);

let net: MemoryNetwork;
let clock: VirtualClock;
afterEach(() => net.close());

function world() {
  clock = new VirtualClock(START_MS);
  net = memoryNetwork({ network: NETWORK, clock, random: seededRandom(3) });
  return (who: Somebody) => {
    const bus = net.join(who.id);
    const messenger = new Messenger({ bus, clock, crypto, random, network: NETWORK, keys: who.keys });
    const heard: OpenedEnvelope[] = [];
    return { bus, messenger, heard, listen: () => messenger.listen((message) => void heard.push(message)) };
  };
}

async function listening(...agents: { listen(): Promise<void> }[]): Promise<void> {
  const all = Promise.all(agents.map((agent) => agent.listen()));
  await clock.runFor(1_000);
  await all;
}

/** Rejections are looked at when they are due, and not before. */
function outcome(work: Promise<unknown>): { code: string } {
  const result = { code: "pending" };
  work.then(
    () => (result.code = "done"),
    (error: { code?: string }) => (result.code = error.code ?? "no code"),
  );
  return result;
}

describe("the messenger", () => {
  it("shows its card with the first message, so that a peer that never heard of it can answer", async () => {
    const join = world();
    const [a, b] = [join(alice), join(bob)];
    await listening(a, b);
    a.messenger.meet(bob.keys.card);
    expect(b.messenger.cardOf(alice.id)).toBeUndefined();
    void a.messenger.send(bob.id, "hello", text("1"));
    void a.messenger.send(bob.id, "hello", text("2"));
    await clock.runFor(1_000);
    expect(b.heard.map(({ from, kind }) => [from, kind])).toEqual([
      [alice.id, "hello"],
      [alice.id, "hello"],
    ]);
    expect(b.messenger.cardOf(alice.id)).toMatchObject({ name: "alice", cardHash: alice.known.cardHash });
    void b.messenger.send(alice.id, "answer", text("3"));
    await clock.runFor(1_000);
    expect(a.heard.map(({ kind }) => kind)).toEqual(["answer"]);
    // The cards travel with the messages.
    expect(net.counters().messages).toBe(3);
  });

  it("verifies a card once, however often it is shown, and refuses every other that looks like it", () => {
    world();
    let verified = 0;
    const counting: Crypto = {
      ...crypto,
      ed25519Verify: (key, message, signature) => {
        if (equalBytes(key, alice.root.publicKey)) verified += 1;
        return crypto.ed25519Verify(key, message, signature);
      },
    };
    const parts = {
      bus: net.join(bob.id),
      clock,
      crypto: counting,
      random,
      network: NETWORK,
      keys: bob.keys,
    };
    const messenger = new Messenger(parts);
    const known = messenger.meet(alice.keys.card);
    messenger.introduce(alice.id, alice.keys.card.slice());
    expect(messenger.meet(alice.keys.card)).toEqual(known);
    expect([verified, known.cardHash]).toEqual([1, alice.known.cardHash]);
    expect(() => messenger.introduce(carol.id, alice.keys.card)).toThrowError(
      expect.objectContaining({ code: "card-invalid" }),
    );
    const forged = alice.keys.card.slice();
    forged[forged.length - 1]! ^= 1;
    for (const round of [1, 2]) {
      expect(() => messenger.meet(forged)).toThrowError(expect.objectContaining({ code: "card-invalid" }));
      expect(verified).toBe(1 + round);
    }
  });

  it("shows its card again after half a minute: a peer that was away may have missed it", async () => {
    const join = world();
    const [a, b] = [join(alice), join(bob)];
    await listening(a);
    a.messenger.meet(bob.keys.card);
    void a.messenger.send(bob.id, "hello", text("1"));
    await clock.runFor(29_000);
    await listening(b);
    void a.messenger.send(bob.id, "hello", text("2"));
    await clock.runFor(1_000);
    expect(b.messenger.cardOf(alice.id)).toMatchObject({ name: "alice" });
    expect(b.heard).toHaveLength(1);
  });

  it("knows no way to a stranger, and introduces itself with the first message that leaves", async () => {
    const join = world();
    const [a, b] = [join(alice), join(bob)];
    await listening(a, b);
    const refused = outcome(a.messenger.send(bob.id, "hello", text("1")));
    await clock.runFor(1_000);
    expect(refused.code).toBe("card-invalid");
    a.messenger.meet(bob.keys.card);
    void a.messenger.send(bob.id, "hello", text("2"));
    await clock.runFor(1_000);
    expect(b.messenger.cardOf(alice.id)).toBeDefined();
  });

  it("learns cards whatever their dates, and seals for nobody whose card is not valid now", async () => {
    const { messenger } = world()(alice);
    const old = somebody("old", { notBefore: START_MS - 2_000, notAfter: START_MS - 1_000 });
    const later = somebody("later", { notBefore: START_MS + 1_000, notAfter: START_MS + 2_000 });
    for (const { keys } of [old, later]) messenger.meet(keys.card);
    const sent = [old, later].map(({ id }) => outcome(messenger.send(id, "hello", text("1"))));
    await clock.runFor(500);
    expect(sent.map(({ code }) => code)).toEqual(["card-expired", "card-invalid"]);
    await clock.runFor(500);
    expect(messenger.validCardOf(later.id)).toMatchObject({ name: "later" });
    expect(() => messenger.meet(new Uint8Array(10))).toThrowError(
      expect.objectContaining({ code: "card-invalid" }),
    );
  });

  it("introduces a newcomer and an always-on agent to each other, and learns each card once", async () => {
    const join = world();
    const [newcomer, hub] = [join(alice), join(bob)];
    const learned: Uint8Array[] = [];
    await listening(newcomer, hub, {
      listen: () => hub.messenger.welcome((card) => void learned.push(card)),
    });
    void hub.messenger.announce();
    void newcomer.messenger.announce();
    await clock.runFor(1_000);
    void newcomer.messenger.announce();
    await clock.runFor(1_000);
    expect(learned).toEqual([alice.keys.card]);
    expect(newcomer.messenger.cardOf(bob.id)).toMatchObject({ name: "bob" });
    void newcomer.messenger.send(bob.id, "hello", text("1"));
    await clock.runFor(1_000);
    expect(hub.heard).toHaveLength(1);
    expect([...hub.messenger.dropped, ...newcomer.messenger.dropped]).toEqual([]);
  });

  it("believes nobody who shows another's card, aloud or in a message", async () => {
    const join = world();
    const [a, b] = [join(alice), join(bob)];
    await listening(a, b, { listen: () => b.messenger.welcome(() => expect.fail("learned")) });
    a.messenger.meet(bob.keys.card);
    void a.bus.publish(castTopic(NETWORK, alice.id, "card"), carol.keys.card);
    void a.bus.publish(
      directTopic(NETWORK, alice.id, bob.id),
      sealEnvelope({
        ...{ crypto, random, network: NETWORK, sender: alice.keys.signer, recipient: bob.known.identity },
        ...{ topic: directTopic(NETWORK, alice.id, bob.id), messageId: random.bytes(16), kind: "hello" },
        ...{ body: text("x"), timeMs: clock.now(), recipientSessionKey: bob.sessionKey },
        card: carol.keys.card,
      }),
    );
    await clock.runFor(1_000);
    expect(b.messenger.cardOf(carol.id)).toBeUndefined();
    expect(Object.fromEntries(b.messenger.dropped)).toEqual({ "card-invalid": 2 });
  });

  it("counts and drops what is made up, for others or old, and goes on", async () => {
    const join = world();
    const [a, b] = [join(alice), join(bob)];
    await listening(b);
    const topic = directTopic(NETWORK, alice.id, bob.id);
    const sealed = (change: { timeMs?: number; recipientSessionKey?: Uint8Array }): Uint8Array =>
      sealEnvelope({
        ...{
          crypto,
          random,
          network: NETWORK,
          sender: alice.keys.signer,
          recipient: bob.known.identity,
          topic,
        },
        ...{ messageId: random.bytes(16), kind: "hello", body: text("x"), timeMs: clock.now() },
        ...{ recipientSessionKey: bob.sessionKey, ...change },
      });
    void a.bus.publish(topic, sealed({ timeMs: clock.now() - 3_600_000 }));
    void a.bus.publish(topic, sealed({ recipientSessionKey: carol.sessionKey }));
    void a.bus.publish(topic, new Uint8Array(3));
    void a.bus.publish(topic, sealed({}));
    await clock.runFor(1_000);
    expect(Object.fromEntries(b.messenger.dropped)).toEqual({ "message-invalid": 1, "seal-broken": 2 });
    expect(b.heard).toHaveLength(1);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        void a.bus.publish(topic, bytes);
        await clock.runFor(200);
      }),
      { numRuns: 60 },
    );
    expect(b.messenger.dropped.get("internal")).toBeUndefined();
    expect([...b.messenger.dropped.values()].reduce((sum, count) => sum + count, 0)).toBe(63);
    void a.bus.publish(topic, sealed({}));
    await clock.runFor(1_000);
    expect(b.heard).toHaveLength(2);
  });
});

describe("questions and answers", () => {
  async function pair() {
    const join = world();
    const [a, b] = [join(alice), join(bob)];
    const unasked: string[] = [];
    const asker = new Asker(a.messenger, clock, ({ kind }) => void unasked.push(kind));
    await listening(asker);
    a.messenger.meet(bob.keys.card);
    return { a, b, asker, unasked };
  }

  it("are answered although the broker never says that the question has left", async () => {
    const { a, b } = await pair();
    await listening({
      listen: () => serve(b.messenger, async (_from, _kind, body) => ({ kind: "echo", body })),
    });
    const asker = new Asker(
      {
        listen: (received) => a.messenger.listen(received),
        send: (to, kind, body) => {
          void a.messenger.send(to, kind, body);
          return new Promise(() => undefined);
        },
      },
      clock,
    );
    await listening(asker);
    const answer = outcome(asker.ask(bob.id, "say", 7, ({ kind }) => kind === "echo"));
    const none = outcome(asker.ask(bob.id, "say", 8, () => false));
    await clock.runFor(1_400);
    expect([answer.code, none.code]).toEqual(["done", "pending"]);
    await clock.runFor(200);
    expect(none.code).toBe("message-invalid");
  });

  it("go to whoever asked, each to its own question, and the rest to nobody's", async () => {
    const { b, asker, unasked } = await pair();
    await listening({
      listen: () =>
        serve(b.messenger, async (_from, kind, body) => {
          if (kind === "ignore") return null;
          if (kind === "fail") throw new TypeError("a bug");
          return { kind: `${kind}-answer`, body };
        }),
    });
    const ask = (kind: string, n: number) =>
      asker.ask(bob.id, kind, n, (answer) => answer.kind === `${kind}-answer` && answer.body[0] === n);
    const answers = Promise.all([ask("x", 1), ask("x", 2), ask("y", 1)]);
    const none = outcome(ask("ignore", 1));
    const failed = outcome(ask("fail", 1));
    await clock.runFor(1_400);
    expect((await answers).map(({ kind, body }) => [kind, body[0]])).toEqual([
      ["x-answer", 1],
      ["x-answer", 2],
      ["y-answer", 1],
    ]);
    expect([none.code, failed.code]).toEqual(["pending", "pending"]);
    await clock.runFor(200);
    expect([none.code, failed.code]).toEqual(["message-invalid", "message-invalid"]);
    expect(Object.fromEntries(b.messenger.dropped)).toEqual({ internal: 1 });
    void b.messenger.send(alice.id, "news", text("unasked"));
    void b.messenger.send(alice.id, "x-answer", encodeMessage(1));
    await clock.runFor(1_000);
    expect(unasked).toEqual(["news", "x-answer"]);
    expect(clock.pending).toBe(0);
  });

  it("take no answer from another than was asked", async () => {
    const { a, asker, unasked } = await pair();
    const c = world_(carol);
    c.messenger.meet(alice.keys.card);
    const answer = outcome(asker.ask(bob.id, "x", 1, () => true));
    void c.messenger.send(alice.id, "x-answer", text("mine"));
    await clock.runFor(1_000);
    expect([answer.code, unasked]).toEqual(["pending", ["x-answer"]]);
    await clock.runFor(1_000);
    expect([answer.code, a.messenger.dropped.size]).toEqual(["message-invalid", 0]);
  });

  // An unhandled rejection would end the process; vitest fails the run for it.
  it("fail in time, and only there, when the question cannot leave", async () => {
    const { asker } = await pair();
    const unknown = outcome(asker.ask(carol.id, "x", 1, () => true));
    await clock.runFor(100);
    expect(unknown.code).toBe("card-invalid");
    net.cut(alice.id);
    const offline = outcome(asker.ask(bob.id, "x", 1, () => true));
    await clock.runFor(1_600);
    expect([offline.code, clock.pending]).toEqual(["message-invalid", 0]);
    net.restore(alice.id);
    await clock.runFor(5_000);
  });

  it("are bounded: what comes while too many are under way waits for its repetition", async () => {
    const { a, b } = await pair();
    const open: (() => void)[] = [];
    await listening({
      listen: () =>
        serve(b.messenger, () => new Promise((done) => open.push(() => done(reply("done", null))))),
    });
    for (let i = 0; i < 600; i++) void a.messenger.send(bob.id, "x", text("?"));
    await clock.runFor(2_000);
    expect([open.length, b.messenger.dropped.get("queue-full")]).toEqual([512, 88]);
    for (const done of open) done();
    await clock.runFor(2_000);
    void a.messenger.send(bob.id, "x", text("?"));
    await clock.runFor(2_000);
    expect(open).toHaveLength(513);
  });
});

/** Another agent on the network that is there. */
function world_(who: Somebody) {
  const bus = net.join(who.id);
  return { messenger: new Messenger({ bus, clock, crypto, random, network: NETWORK, keys: who.keys }) };
}
