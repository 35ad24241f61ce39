/**
 * What peers may say to a whole agent, sealed and signed as it must be: acknowledgements, receipts, cards and
 * shards of any shape. It drops what it cannot use, and goes on. Likewise readers with hostile keepers, the
 * ledger's client, and a notary that is asked anything.
 */
import fc from "fast-check";
import { describe, expect } from "vitest";
import { Agent } from "../../../agent/core/agent.ts";
import { Asker } from "../../../agent/core/asking.ts";
import { LedgerClient } from "../../../agent/core/ledger-client.ts";
import { Messenger } from "../../../agent/core/messenger.ts";
import { readBack } from "../../../agent/core/stream-reader.ts";
import { nodeCrypto } from "../../../agent/node/crypto.ts";
import { NotaryRole } from "../../../agent/roles/notary.ts";
import type { Device, DeviceEvent } from "../../../devices/device.ts";
import { equalBytes, utf8 } from "../../../protocols/encoding/bytes.ts";
import { decodeMessage, encodeMessage } from "../../../protocols/encoding/messages.ts";
import { sign1 } from "../../../protocols/identity/cose.ts";
import { LEDGER_SCHEMAS } from "../../../protocols/ledger/messages.ts";
import { sealEnvelope } from "../../../protocols/messaging/envelope.ts";
import type { Bus } from "../../../protocols/ports.ts";
import type { OpenedGrant } from "../../../protocols/telemetry/grant.ts";
import { castTopic, directTopic } from "../../../protocols/topics.ts";
import { MemoryLog } from "../../../simulators/network/memory-log.ts";
import { MemoryStore } from "../../../simulators/network/memory-store.ts";
import { seededRandom } from "../../../simulators/random.ts";
import { rememberingCrypto } from "../../../simulators/remembering-crypto.ts";
import { VirtualClock } from "../../../simulators/virtual-clock.ts";
import { committeeOf, keyOf } from "../../ledger/committee.ts";
import { NETWORK, silentNetwork, somebody, START_MS } from "../../support/agents.ts";
import { makeRecords, makeStream, id as streamId, rootKey } from "../../support/telemetry.ts";
import { agentId } from "../../../protocols/identity/keys.ts";
import { fuzz } from "../support/harness.ts";
import { encodeLoose } from "../support/cbor-tree.ts";
import { mutatedValue } from "../support/mutate-value.ts";
import { mutated } from "../support/mutate.ts";

/** All agents share one process: what one has worked out, another need not. */
const crypto = rememberingCrypto(nodeCrypto);
const alice = somebody("alice");
const bob = somebody("bob");
const random = seededRandom(8);

/** A bus of one: what is put in comes out to whom it is for, at once. */
class Wire implements Bus {
  readonly published: { topic: string; payload: Uint8Array }[] = [];
  readonly #receivers: ((topic: string, payload: Uint8Array) => void)[] = [];
  /** Answers what is published, as a peer would. */
  answers: (topic: string, payload: Uint8Array) => void = () => undefined;

  publish(topic: string, payload: Uint8Array): Promise<void> {
    this.published.push({ topic, payload });
    this.published.splice(0, this.published.length - 50);
    this.answers(topic, payload);
    return Promise.resolve();
  }

  subscribe(
    _filter: string,
    receive: (topic: string, payload: Uint8Array) => void,
  ): Promise<() => Promise<void>> {
    this.#receivers.push(receive);
    return Promise.resolve(() => Promise.resolve());
  }

  onConnected(changed: (connected: boolean) => void): void {
    changed(true);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  deliver(topic: string, payload: Uint8Array): void {
    for (const receive of this.#receivers) receive(topic, payload);
  }
}

let nextId = 0;
function sealedTo(to: typeof bob, from: typeof alice, kind: string, body: Uint8Array): [string, Uint8Array] {
  const topic = directTopic(NETWORK, from.id, to.id);
  const messageId = new Uint8Array(16);
  new DataView(messageId.buffer).setUint32(0, (nextId += 1));
  const sealed = sealEnvelope({
    ...{ crypto, random, network: NETWORK, sender: from.keys.signer, topic, messageId, kind, body },
    ...{ recipient: to.known.identity, recipientSessionKey: to.sessionKey, timeMs: START_MS },
  });
  return [topic, sealed];
}

/** Counts what reaches it; promises the sender one message, so that there is something to acknowledge. */
const listener: Device<{ heard: number }> = {
  kind: "listener",
  initial: () => ({ heard: 0 }),
  step(state, event: DeviceEvent) {
    if (event.kind === "started") {
      const send = {
        kind: "send" as const,
        id: "hello",
        to: alice.id,
        type: "hello",
        body: {},
        durable: true,
      };
      return { state, effects: [{ kind: "meet", card: alice.keys.card }, send] };
    }
    return { state: { heard: state.heard + 1 }, effects: [] };
  },
};

async function startAgent(): Promise<{
  agent: Agent<{ heard: number }>;
  wire: Wire;
  clock: VirtualClock;
  failed: unknown[];
}> {
  const clock = new VirtualClock(START_MS);
  const wire = new Wire();
  const failed: unknown[] = [];
  const agent = new Agent({
    ...{ device: listener, keys: bob.keys, network: silentNetwork(), bus: wire, clock, linkClock: clock },
    ...{ store: new MemoryStore({ clock, writeMs: () => 1 }), crypto, random },
    surroundings: {
      actuate: () => undefined,
      keep: () => undefined,
      progress: () => undefined,
      failed: (error) => failed.push(error),
    },
    telemetry: {
      ...{ streamId, rootKey, k: 1 },
      keepers: [alice.id],
    },
  });
  await agent.start();
  await clock.runFor(10);
  return { agent, wire, clock, failed };
}

const chunk = makeStream().sealChunk(makeRecords(5));
const { publisher, sequence, signed } = chunk.manifest;
const name = { publisher, streamId, sequence };
const bodies: Record<string, unknown> = {
  ack: { messageId: new Uint8Array(16) },
  receipt: { receipt: new Uint8Array(300) },
  "receipt-missing": { entryId: new Uint8Array(32) },
  account: { root: new Uint8Array(32), balances: [{ currency: "EUR.0", minor: 5n }], timeMs: START_MS },
  "shard-ack": { ...name, index: 0, receipt: new Uint8Array(200) },
  "shard-refused": { ...name, index: 0, code: "keeper-full" },
  shard: { ...name, index: 0, manifest: signed, shard: chunk.shards[0] },
  manifests: {
    publisher,
    streamId,
    fromSequence: 0,
    manifests: [{ index: 0, manifest: signed }],
    next: null,
  },
};
const kinds = fc.constantFrom(...Object.keys(bodies), "push.news", "order", "x", "__proto__");

function bodyFor(kind: string): fc.Arbitrary<Uint8Array> {
  const samples = Object.hasOwn(bodies, kind) ? [bodies[kind]] : Object.values(bodies);
  return fc.oneof(mutatedValue(samples).map(encodeLoose), mutated(samples.map((one) => encodeMessage(one))));
}
const cards = mutated([alice.keys.card, bob.keys.card, somebody("carol").keys.card]).map(
  (body): [string, Uint8Array] => ["card", body],
);
const messages = fc.oneof(
  {
    weight: 8,
    arbitrary: kinds.chain((kind) => bodyFor(kind).map((body): [string, Uint8Array] => [kind, body])),
  },
  { weight: 1, arbitrary: cards },
);

describe("an agent", () => {
  const started = startAgent();
  fuzz(
    "goes on whatever a known peer sends",
    fc.array(messages, { minLength: 1, maxLength: 4 }),
    async (some) => {
      const { agent, wire, clock, failed } = await started;
      for (const [kind, body] of some) {
        try {
          wire.deliver(...sealedTo(bob, alice, kind, body));
        } catch (error) {
          // Too large to be sealed, or no kind.
          expect(error).toHaveProperty("code");
        }
      }
      await clock.runFor(5);
      expect(failed).toEqual([]);
      expect(agent.messenger.dropped.has("internal")).toBe(false);
      // It still takes in what is sound.
      const before = agent.state.heard;
      wire.deliver(...sealedTo(bob, alice, "order", encodeMessage({ n: 1 })));
      await clock.runFor(5);
      expect(agent.state.heard).toBe(before + 1);
      // Only the very message's id takes it out of the outbox.
      expect(agent.pending).toBe(1);
    },
    { share: 0.04, maxKeptBytes: 64 << 20 },
  );

  fuzz(
    "learns nobody from an announcement but who signed it",
    fc.tuple(
      fc.oneof(
        mutated([alice.keys.card, somebody("carol").keys.card]).map((card) =>
          sign1("announcement", card, alice.keys.signer),
        ),
        mutated([sign1("announcement", alice.keys.card, alice.keys.signer)]),
      ),
      fc.constantFrom(alice.id, somebody("carol").id),
    ),
    async ([payload, sender]) => {
      const clock = new VirtualClock(START_MS);
      const wire = new Wire();
      const parts = { bus: wire, clock, crypto, random, network: NETWORK, keys: bob.keys };
      const messenger = new Messenger(parts);
      const learned: Uint8Array[] = [];
      await messenger.welcome((card) => learned.push(card));
      wire.deliver(castTopic(NETWORK, sender, "card"), payload);
      for (const card of learned)
        expect([equalBytes(card, alice.keys.card), sender]).toEqual([true, alice.id]);
      expect(messenger.dropped.has("internal")).toBe(false);
      expect(messenger.cardOf(somebody("carol").id)).toBeUndefined();
    },
    { share: 0.1 },
  );
});

describe("a reader", () => {
  /** Of no span: what keepers say is judged before any key is needed. */
  const grant = { publisher, streamId, cover: [] } as unknown as OpenedGrant;
  const answer = fc.constantFrom("manifests", "shard", "shard-missing", "ack").chain((kind) => {
    const sample = bodies[kind] ?? name;
    return fc
      .oneof(
        fc.constant(encodeMessage(sample)),
        mutatedValue([sample]).map(encodeLoose),
        mutated([encodeMessage(sample)]),
      )
      .map((body) => ({ kind, body }));
  });
  fuzz(
    "survives keepers that answer anything, for ever",
    fc.array(answer, { minLength: 1, maxLength: 6 }),
    async (answers) => {
      const clock = new VirtualClock(START_MS);
      const wire = new Wire();
      const messenger = new Messenger({ bus: wire, clock, crypto, random, network: NETWORK, keys: bob.keys });
      messenger.meet(alice.keys.card);
      const asker = new Asker(messenger, clock);
      await asker.listen();
      let asked = 0;
      wire.answers = () => {
        const one = answers[(asked += 1) % answers.length]!;
        expect(asked).toBeLessThan(200);
        clock.at(clock.now() + 1, () => {
          try {
            wire.deliver(...sealedTo(bob, alice, one.kind, one.body));
          } catch (error) {
            expect(error).toHaveProperty("code");
          }
        });
      };
      const reading = readBack({
        crypto,
        asker,
        keepers: [alice.id],
        grant,
      });
      const result = reading.then((read) => {
        expect(read.chunks).toEqual([]);
        return "read";
      });
      await clock.runFor(60_000);
      expect(await Promise.race([result, Promise.resolve("hangs")])).toBe("read");
    },
    { share: 0.03 },
  );
});

describe("a client of the ledger", () => {
  const { network } = committeeOf(4);
  const client = new LedgerClient({
    ...{
      network,
      crypto,
      random,
      signer: alice.keys.signer,
      clock: new VirtualClock(),
      linkClock: new VirtualClock(),
    },
    messenger: undefined as unknown as Messenger,
  });
  fuzz(
    "takes no receipt but a certified one",
    fc.oneof(
      bodyFor("receipt"),
      mutated([utf8("x")]).map((receipt) => encodeMessage({ receipt })),
    ),
    (body) => {
      expect(client.received({ kind: "order", body })).toBe(false);
      client.received({ kind: "receipt", body });
      throw new Error("a receipt that nobody certified was taken");
    },
  );
});

describe("a notary", () => {
  const { configs } = committeeOf(4);
  const clock = new VirtualClock(START_MS);
  const role = new NotaryRole({
    ...{
      config: configs[0]!,
      bus: new Wire(),
      log: new MemoryLog(),
      store: new MemoryStore({ clock }),
      clock,
    },
    deliver: () => undefined,
    failed: (error) => {
      throw error;
    },
  });
  const questions: Record<string, unknown> = {
    "receipt-wanted": { entryId: new Uint8Array(32) },
    "account-wanted": {},
    "contract-wanted": { termsId: new Uint8Array(32) },
    "currencies-wanted": {},
  };
  const question = fc.constantFrom(...Object.keys(questions), "receipt", "constructor").chain((kind) => {
    const sample = Object.hasOwn(questions, kind) ? questions[kind] : {};
    return fc.tuple(
      fc.constant(kind),
      fc.oneof(mutatedValue([sample]).map(encodeLoose), mutated([encodeMessage(sample)])),
      fc.constantFrom(agentId(keyOf("alice device").publicKey), alice.id),
    );
  });
  fuzz(
    "answers any question, or says that it is none",
    question,
    async ([kind, body, from]) => {
      const answer = await role.request(from, kind, body);
      if (answer === null) return expect(Object.hasOwn(questions, kind)).toBe(false);
      LEDGER_SCHEMAS[answer.kind].parse(decodeMessage(answer.body));
    },
    { accepted: 0.1, share: 0.5 },
  );
});
