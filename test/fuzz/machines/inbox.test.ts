/**
 * What was received once is not received again, whoever repeats it, in whatever order, however full memory
 * is.
 */
import fc from "fast-check";
import { afterAll, describe, expect } from "vitest";
import { Seen } from "../../../agent/core/seen.ts";
import { nodeCrypto } from "../../../agent/node/crypto.ts";
import { toHex, utf8 } from "../../../protocols/encoding/bytes.ts";
import { isRefusal, fuzz } from "../support/harness.ts";
import { mutated, mutatedBytes } from "../support/mutate.ts";
import { sealEnvelope } from "../../../protocols/messaging/envelope.ts";
import { openInbox } from "../../../protocols/messaging/inbox.ts";
import { replayGuard } from "../../../protocols/messaging/replay.ts";
import { directTopic } from "../../../protocols/topics.ts";
import { MemoryStore } from "../../../simulators/network/memory-store.ts";
import { seededRandom } from "../../../simulators/random.ts";
import { rememberingCrypto } from "../../../simulators/remembering-crypto.ts";
import { VirtualClock } from "../../../simulators/virtual-clock.ts";
import { NETWORK, somebody, START_MS } from "../../support/agents.ts";

const FRESHNESS_MS = 1_000;
/** The same envelopes come again and again: each is worked out once. */
const crypto = rememberingCrypto(nodeCrypto);

describe("the replay guard", () => {
  const message = fc.record({
    from: fc.constantFrom("a", "b", "c", "d", "e", "__proto__"),
    id: fc.nat(12),
    ageMs: fc.integer({ min: -FRESHNESS_MS, max: FRESHNESS_MS }),
    waitMs: fc.nat(700),
  });
  fuzz(
    "admits nothing twice within the window, and stays within its bounds",
    fc.array(message, { maxLength: 60 }),
    (messages) => {
      const guard = replayGuard({ freshnessMs: FRESHNESS_MS, messagesPerSender: 4, senders: 3 });
      const admitted = new Map<string, number>();
      let now = START_MS;
      for (const { from, id, ageMs, waitMs } of messages) {
        now += waitMs;
        // A message has one time, whoever repeats it: what is no longer fresh is refused before the guard
        // sees it.
        const key = `${from}/${id}`;
        const timeMs = admitted.get(key) ?? now - ageMs;
        if (Math.abs(now - timeMs) > FRESHNESS_MS) continue;
        try {
          guard.admit({ from, messageId: Uint8Array.of(id), timeMs }, now);
          expect(admitted.has(key)).toBe(false);
          admitted.set(key, timeMs);
        } catch (error) {
          if (!isRefusal(error)) throw error;
        }
        expect(guard.size()).toBeLessThanOrEqual(12);
      }
    },
  );
});

const alice = somebody("alice");
const bob = somebody("bob");
const topic = directTopic(NETWORK, alice.id, bob.id);
const random = seededRandom(4);

function sealed(n: number, timeMs = START_MS): Uint8Array {
  return sealEnvelope({
    ...{ crypto, random, network: NETWORK, sender: alice.keys.signer },
    ...{ recipient: bob.known.identity, recipientSessionKey: bob.sessionKey, topic },
    ...{ messageId: new Uint8Array(16).fill(n), timeMs, kind: "n", body: utf8(String(n)) },
  });
}

const envelopes = [1, 2, 3].map((n) => sealed(n));
const received = { some: 0 };
afterAll(() => expect(received.some).toBeGreaterThan(100));

describe("the inbox", () => {
  const delivery = fc.tuple(
    fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...envelopes) },
      { weight: 2, arbitrary: mutated(envelopes) },
      { weight: 1, arbitrary: mutatedBytes(envelopes) },
    ),
    fc.constantFrom(topic, topic, directTopic(NETWORK, bob.id, alice.id), "segment/1/#", ""),
    fc.constantFrom(0, 0, 0, 5_000, -5_000, 10 ** 9),
  );
  fuzz(
    "opens each message once, and counts the rest",
    fc.array(delivery, { minLength: 1, maxLength: 20 }),
    (deliveries) => {
      const inbox = openInbox({
        ...{ crypto, network: NETWORK, recipient: bob.known.identity, sessionSecret: bob.keys.sessionSecret },
      });
      const opened = new Set<string>();
      let taken = 0;
      for (const [payload, at, skewMs] of deliveries) {
        const message = inbox.receive(at, payload, START_MS + skewMs);
        if (message === undefined) continue;
        taken += 1;
        received.some += 1;
        expect(message.from).toBe(alice.id);
        expect(envelopes.some((envelope) => toHex(envelope) === toHex(payload))).toBe(true);
        expect(opened.has(toHex(message.messageId))).toBe(false);
        opened.add(toHex(message.messageId));
      }
      const dropped = [...inbox.drops.values()].reduce((sum, count) => sum + count, 0);
      expect(taken + dropped).toBe(deliveries.length);
      expect(inbox.drops.has("internal")).toBe(false);
    },
    { share: 0.1 },
  );
});

describe("what was seen", () => {
  fuzz(
    "is known again after a crash if it was durable, whatever the store holds",
    fc.tuple(
      fc.array(fc.tuple(fc.nat(9), fc.boolean()), { maxLength: 20 }),
      fc.array(fc.tuple(fc.string({ maxLength: 8 }), fc.uint8Array({ maxLength: 12 })), { maxLength: 3 }),
    ),
    ([marks, foreign]) => {
      const clock = new VirtualClock(START_MS);
      const values = new Map<string, Uint8Array>(foreign.map(([key, bytes]) => [`seen/${key}`, bytes]));
      const seen = new Seen(new MemoryStore({ clock }, values), clock);
      const durable = new Map(values);
      for (const [n, commits] of marks) {
        const mark = `sender/${n}`;
        if (seen.stateOf(mark) !== "new") continue;
        const changes = new Map<string, Uint8Array | undefined>();
        seen.add(mark, changes);
        expect(seen.stateOf(mark)).toBe("under way");
        if (!commits) continue;
        for (const [key, value] of changes) if (value !== undefined) durable.set(key, value);
        seen.confirm(mark);
      }
      const again = new Seen(new MemoryStore({ clock }, durable), clock);
      for (const n of Array(10).keys()) {
        const was = seen.stateOf(`sender/${n}`) === "durable" ? "durable" : "new";
        expect(again.stateOf(`sender/${n}`)).toBe(was);
      }
    },
  );
});
