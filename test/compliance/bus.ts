/**
 * What every Bus must do, real or simulated: the same suite runs on mqtt.js with aedes,
 * mqtt.js with mosquitto, and the memory bus. Delivery is at least once, so the tests
 * compare what arrived after dropping repeats.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SegmentError } from "../../protocols/errors.ts";
import type { ErrorCode } from "../../protocols/errors.ts";
import { agentId, signerFromSeed } from "../../protocols/identity/keys.ts";
import { portableCrypto } from "../../protocols/crypto/portable.ts";
import { MAX_PAYLOAD_BYTES } from "../../protocols/messaging/envelope.ts";
import type { Bus, Signer } from "../../protocols/ports.ts";
import { castFilter, castTopic, directTopic, inboxFilter } from "../../protocols/topics.ts";

/** One broker whose clients let at most `maxPending` messages wait, and a way to take it from a client. */
export interface BusWorld {
  network: string;
  /** A bus of one agent. Need not be connected yet. */
  join(signer: Signer): Promise<Bus>;
  /** The client loses the broker, or finds it again. */
  cut(id: string): void;
  restore(id: string): void;
  close(): Promise<void>;
}

export const alice = signerFromSeed(portableCrypto, new Uint8Array(32).fill(1));
export const bob = signerFromSeed(portableCrypto, new Uint8Array(32).fill(2));
export const carol = signerFromSeed(portableCrypto, new Uint8Array(32).fill(3));
export const [aliceId, bobId, carolId] = [alice, bob, carol].map(({ publicKey }) => agentId(publicKey)) as [
  string,
  string,
  string,
];

const MAX_PENDING = 20;

/** Resolves once the condition holds; fails with `what` after five seconds of the machine's time. */
export async function eventually(what: string, holds: () => boolean): Promise<void> {
  for (let waitedMs = 0; waitedMs < 5000; waitedMs += 5) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`waited in vain: ${what}`);
}

/** The code with which the promise was refused; fails if it was not. */
export async function refusal(promise: Promise<unknown>): Promise<ErrorCode> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof SegmentError) return error.code;
    throw error;
  }
  throw new Error("nothing was refused");
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** What a subscription heard, repeats dropped, in the order of first arrival. */
async function hear(bus: Bus, filter: string) {
  const heard: { topic: string; payload: number[] }[] = [];
  const seen = new Set<string>();
  const unsubscribe = await bus.subscribe(filter, (topic, payload) => {
    const key = `${topic} ${payload.join()}`;
    if (!seen.has(key)) heard.push({ topic, payload: [...payload] });
    seen.add(key);
  });
  return { heard, unsubscribe, numbers: () => heard.map(({ payload }) => payload[0] ?? -1) };
}

export function busCompliance(name: string, open: (maxPending: number) => Promise<BusWorld>): void {
  describe(`${name} is a Bus`, () => {
    let world: BusWorld;
    let buses: Bus[];

    beforeEach(async () => {
      world = await open(MAX_PENDING);
      buses = [];
    });

    afterEach(async () => {
      await Promise.all(buses.map((bus) => bus.close()));
      await world.close();
    });

    async function join(signer: Signer): Promise<Bus> {
      const bus = await world.join(signer);
      buses.push(bus);
      return bus;
    }

    const toBob = () => directTopic(world.network, aliceId, bobId);

    it("carries a message to its recipient and to nobody else", async () => {
      const [from, to, other] = [await join(alice), await join(bob), await join(carol)];
      const inbox = await hear(to, inboxFilter(world.network, bobId));
      const elsewhere = await hear(other, inboxFilter(world.network, carolId));
      await from.publish(toBob(), bytes(1, 2, 3));
      await eventually("the message arrives", () => inbox.heard.length > 0);
      await from.publish(directTopic(world.network, aliceId, carolId), bytes(9));
      await eventually("the other message arrives", () => elsewhere.heard.length > 0);
      expect(inbox.heard).toEqual([{ topic: toBob(), payload: [1, 2, 3] }]);
      expect(elsewhere.heard).toEqual([
        { topic: directTopic(world.network, aliceId, carolId), payload: [9] },
      ]);
    });

    it("carries the empty payload and the largest, and refuses a larger one", async () => {
      const [from, to] = [await join(alice), await join(bob)];
      const lengths: number[] = [];
      await to.subscribe(inboxFilter(world.network, bobId), (_topic, payload) => {
        expect(payload.constructor).toBe(Uint8Array);
        lengths.push(payload.length);
      });
      await from.publish(toBob(), bytes());
      await from.publish(toBob(), new Uint8Array(MAX_PAYLOAD_BYTES).fill(7));
      await eventually("both arrive", () => new Set(lengths).size === 2);
      expect(new Set(lengths)).toEqual(new Set([0, MAX_PAYLOAD_BYTES]));
      expect(await refusal(from.publish(toBob(), new Uint8Array(MAX_PAYLOAD_BYTES + 1)))).toBe(
        "message-invalid",
      );
    });

    it("lets all hear a channel, of everyone or of one sender, the speaker included", async () => {
      const [one, two, three] = [await join(alice), await join(bob), await join(carol)];
      const everyone = await hear(three, castFilter(world.network, "vote"));
      const onlyBob = await hear(one, castFilter(world.network, "vote", bobId));
      const self = await hear(two, castFilter(world.network, "vote"));
      await one.publish(castTopic(world.network, aliceId, "vote"), bytes(1));
      await one.publish(castTopic(world.network, aliceId, "block"), bytes(2));
      await two.publish(castTopic(world.network, bobId, "vote"), bytes(3));
      await eventually("all have heard", () =>
        [everyone.heard.length >= 2, onlyBob.heard.length >= 1, self.heard.length >= 2].every(Boolean),
      );
      expect(everyone.numbers().toSorted((a, b) => a - b)).toEqual([1, 3]);
      expect(onlyBob.numbers()).toEqual([3]);
      expect(self.numbers().toSorted((a, b) => a - b)).toEqual([1, 3]);
    });

    it("keeps the order of one sender's topic", async () => {
      const [from, to] = [await join(alice), await join(bob)];
      const inbox = await hear(to, inboxFilter(world.network, bobId));
      const count = MAX_PENDING;
      await Promise.all(Array.from({ length: count }, (_, index) => from.publish(toBob(), bytes(index))));
      await eventually("all arrive", () => inbox.heard.length === count);
      expect(inbox.numbers()).toEqual(Array.from({ length: count }, (_, index) => index));
    });

    it("acknowledges what nobody hears", async () => {
      await expect((await join(alice)).publish(toBob(), bytes(1))).resolves.toBeUndefined();
    });

    it("refuses to speak under another's name or off the grammar", async () => {
      const bus = await join(alice);
      const payload = bytes(1);
      for (const topic of [
        directTopic(world.network, bobId, carolId),
        castTopic(world.network, bobId, "vote"),
        castTopic("elsewhere", aliceId, "vote"),
        `segment/1/${world.network}/${aliceId}/cast/gossip`,
        "segment",
        "",
      ]) {
        expect(await refusal(bus.publish(topic, payload))).toBe("topic-invalid");
      }
    });

    it("refuses to listen at another's inbox", async () => {
      const bus = await join(alice);
      for (const filter of [
        inboxFilter(world.network, bobId),
        `segment/1/${world.network}/${bobId}/to/+`,
        `segment/1/${world.network}/#`,
        `segment/1/${world.network}/+/+/+`,
        "#",
        inboxFilter("elsewhere", aliceId),
      ]) {
        expect(await refusal(bus.subscribe(filter, () => {}))).toBe("topic-invalid");
      }
    });

    it("stops at unsubscribe, for that receiver alone", async () => {
      const [from, to] = [await join(alice), await join(bob)];
      const first = await hear(to, inboxFilter(world.network, bobId));
      const second = await hear(to, inboxFilter(world.network, bobId));
      await from.publish(toBob(), bytes(1));
      await eventually("both hear", () => first.heard.length === 1 && second.heard.length === 1);
      await first.unsubscribe();
      await from.publish(toBob(), bytes(2));
      await eventually("the second hears", () => second.heard.length === 2);
      await second.unsubscribe();
      await second.unsubscribe();
      await from.publish(toBob(), bytes(3));
      const again = await hear(to, inboxFilter(world.network, bobId));
      await from.publish(toBob(), bytes(4));
      await eventually("the new one hears", () => again.numbers().includes(4));
      expect(first.numbers()).toEqual([1]);
      expect(second.numbers()).toEqual([1, 2]);
    });

    it("tells when it is connected, at once and at each change", async () => {
      const bus = await join(alice);
      const states: boolean[] = [];
      bus.onConnected((connected) => states.push(connected));
      expect(states).toHaveLength(1);
      await eventually("connected", () => states.at(-1) === true);
      world.cut(aliceId);
      await eventually("cut", () => states.at(-1) === false);
      world.restore(aliceId);
      await eventually("connected again", () => states.at(-1) === true);
    });

    it("keeps what is published while cut off, bounded, and subscribes again", async () => {
      const [from, to] = [await join(alice), await join(bob)];
      const inbox = await hear(to, inboxFilter(world.network, bobId));
      const own = await hear(from, inboxFilter(world.network, aliceId));
      await from.publish(toBob(), bytes(200));
      let connected = true;
      from.onConnected((state) => (connected = state));
      world.cut(aliceId);
      await eventually("cut", () => !connected);

      const late = hear(from, castFilter(world.network, "vote"));
      const waiting = Array.from({ length: MAX_PENDING }, (_, index) => from.publish(toBob(), bytes(index)));
      expect(await refusal(from.publish(toBob(), bytes(99)))).toBe("queue-full");
      world.restore(aliceId);
      await Promise.all(waiting);
      await eventually("all arrive", () => inbox.heard.length === MAX_PENDING + 1);
      expect(inbox.numbers()).toEqual([200, ...Array.from({ length: MAX_PENDING }, (_, index) => index)]);

      const votes = await late;
      await to.publish(directTopic(world.network, bobId, aliceId), bytes(1));
      await to.publish(castTopic(world.network, bobId, "vote"), bytes(2));
      await eventually("old and new subscriptions hear", () => own.heard.length + votes.heard.length === 2);
    });

    it("ends: what waits is refused, closing twice is no error, nothing is heard", async () => {
      const [from, to] = [await join(alice), await join(bob)];
      const inbox = await hear(to, inboxFilter(world.network, bobId));
      world.cut(aliceId);
      let connected = true;
      from.onConnected((state) => (connected = state));
      await eventually("cut", () => !connected);
      const waiting = refusal(from.publish(toBob(), bytes(1)));
      const asking = refusal(from.subscribe(castFilter(world.network, "vote"), () => {}));
      await from.close();
      await from.close();
      expect(await waiting).toBe("broker-unreachable");
      expect(await asking).toBe("broker-unreachable");
      expect(await refusal(from.publish(toBob(), bytes(2)))).toBe("broker-unreachable");
      expect(await refusal(from.subscribe(inboxFilter(world.network, aliceId), () => {}))).toBe(
        "broker-unreachable",
      );
      expect(inbox.heard).toEqual([]);
    });
  });
}
