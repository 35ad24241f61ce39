import { describe, expect, it } from "vitest";
import { portableCrypto } from "../../protocols/crypto/portable.ts";
import { agentId, signerFromSeed } from "../../protocols/identity/keys.ts";
import type { Clock } from "../../protocols/ports.ts";
import { castFilter, castTopic, directTopic, inboxFilter } from "../../protocols/topics.ts";
import { seededRandom } from "../random.ts";
import { memoryNetwork } from "./memory-bus.ts";
import type { MemoryNetworkOptions } from "./memory-bus.ts";

const network = "village";
const [alice, bob, carol] = [1, 2, 3].map((seed) =>
  agentId(signerFromSeed(portableCrypto, new Uint8Array(32).fill(seed)).publicKey),
) as [string, string, string];

/** A clock that jumps from timer to timer, and lets promises settle between. */
function virtualClock(): Clock & { run(untilMs: number): Promise<void> } {
  let now = 0;
  let order = 0;
  const timers = new Map<number, { atMs: number; fire: () => void }>();
  return {
    now: () => now,
    at(atMs, fire) {
      const key = order++;
      timers.set(key, { atMs: Math.max(atMs, now), fire });
      return { cancel: () => timers.delete(key) };
    },
    async run(untilMs) {
      for (;;) {
        const due = [...timers].toSorted(([a, x], [b, y]) => x.atMs - y.atMs || a - b)[0];
        if (due === undefined || due[1].atMs > untilMs) break;
        timers.delete(due[0]);
        now = due[1].atMs;
        due[1].fire();
        for (let turn = 0; turn < 5; turn++) await Promise.resolve();
      }
      now = untilMs;
    },
  };
}

function world(seed: number, options: Partial<MemoryNetworkOptions> = {}) {
  const clock = virtualClock();
  const net = memoryNetwork({ network, clock, random: seededRandom(seed), ...options });
  return { clock, net };
}

/** Two topics of Alice's, twenty messages each: when what reached Bob. */
async function trace(seed: number, options: Partial<MemoryNetworkOptions> = {}) {
  const { clock, net } = world(seed, options);
  const [from, to] = [net.join(alice), net.join(bob)];
  const heard: { atMs: number; channel: string; value: number }[] = [];
  let acknowledged = 0;
  for (const channel of ["vote", "stamp"] as const) {
    void to.subscribe(castFilter(network, channel), (_topic, payload) => {
      heard.push({ atMs: clock.now(), channel, value: payload[0] as number });
    });
  }
  await clock.run(60_000);
  for (let value = 0; value < 20; value++) {
    for (const channel of ["vote", "stamp"] as const) {
      void from.publish(castTopic(network, alice, channel), Uint8Array.of(value)).then(() => acknowledged++);
    }
  }
  await clock.run(600_000);
  return { heard, acknowledged, counters: net.counters() };
}

describe("the memory bus", () => {
  it("gives the same deliveries for the same seed, and others for another", async () => {
    const faults = { loss: 0.3, duplicates: 0.3 };
    const first = await trace(1, faults);
    expect(await trace(1, faults)).toEqual(first);
    expect((await trace(2, faults)).heard).not.toEqual(first.heard);
  });

  it("loses nothing for good, repeats some, and keeps each topic's order but not across topics", async () => {
    const { heard, acknowledged, counters } = await trace(1, { loss: 0.3, duplicates: 0.3 });
    expect(acknowledged).toBe(40);
    expect(heard.length).toBeGreaterThan(40);
    expect(counters.repeated).toBeGreaterThan(0);
    expect(counters.duplicates).toBeGreaterThan(0);
    expect(counters.delivered).toBe(heard.length);
    for (const channel of ["vote", "stamp"]) {
      const firsts = [...new Set(heard.filter((one) => one.channel === channel).map(({ value }) => value))];
      expect(firsts).toEqual(Array.from({ length: 20 }, (_, value) => value));
    }
    const interleaved = heard.map(({ value, channel }) => `${value}${channel}`);
    const sent = Array.from({ length: 20 }, (_, value) => [`${value}vote`, `${value}stamp`]).flat();
    expect([...new Set(interleaved)]).not.toEqual(sent);
  });

  it("without faults delivers each message once, within two delays", async () => {
    const { heard, counters } = await trace(1, { delayMs: { min: 10, max: 20 } });
    expect(heard).toHaveLength(40);
    expect(Math.min(...heard.map(({ atMs }) => atMs))).toBeGreaterThanOrEqual(60_020);
    expect(Math.max(...heard.map(({ atMs }) => atMs))).toBeLessThanOrEqual(60_040);
    expect(counters).toMatchObject({ messages: 40, bytes: 40, repeated: 0, duplicates: 0, missed: 0 });
  });

  it("ends even when every message is lost at first", async () => {
    const { acknowledged, heard } = await trace(1, { loss: 1 });
    expect(acknowledged).toBe(40);
    expect(new Set(heard.map(({ value }) => value)).size).toBe(20);
  });

  it("lets nothing pass between the sides of a partition, until it heals", async () => {
    const { clock, net } = world(1);
    const buses = [alice, bob, carol].map((id) => net.join(id));
    const heard: string[] = [];
    for (const [index, bus] of buses.entries()) {
      void bus.subscribe(castFilter(network, "vote"), (_topic, payload) =>
        heard.push(`${index} hears ${payload[0]}`),
      );
    }
    await clock.run(1000);
    net.partition([[alice], [bob, carol]]);
    void buses[0]?.publish(castTopic(network, alice, "vote"), Uint8Array.of(1));
    void buses[1]?.publish(castTopic(network, bob, "vote"), Uint8Array.of(2));
    await clock.run(2000);
    expect(heard.toSorted()).toEqual(["0 hears 1", "1 hears 2", "2 hears 2"]);
    expect(net.counters().missed).toBe(3);
    net.heal();
    void buses[0]?.publish(castTopic(network, alice, "vote"), Uint8Array.of(3));
    await clock.run(3000);
    expect(heard.slice(3).toSorted()).toEqual(["0 hears 3", "1 hears 3", "2 hears 3"]);
  });

  it("lets who is cut off miss what passes, and sends again what was not acknowledged", async () => {
    const { clock, net } = world(1, { delayMs: { min: 10, max: 10 } });
    const [from, to] = [net.join(alice), net.join(bob)];
    const heard: number[] = [];
    void to.subscribe(inboxFilter(network, bob), (_topic, payload) => heard.push(payload[0] as number));
    await clock.run(100);
    let acknowledged = false;
    void from.publish(directTopic(network, alice, bob), Uint8Array.of(1)).then(() => (acknowledged = true));
    await clock.run(115); // at the broker, the acknowledgement under way
    net.cut(alice);
    await clock.run(200);
    expect([heard, acknowledged]).toEqual([[1], false]);
    net.restore(alice);
    await clock.run(300);
    expect([heard, acknowledged]).toEqual([[1, 1], true]);
    net.cut(bob);
    void from.publish(directTopic(network, alice, bob), Uint8Array.of(2));
    await clock.run(400);
    net.restore(bob);
    void from.publish(directTopic(network, alice, bob), Uint8Array.of(3));
    await clock.run(410);
    void from.publish(directTopic(network, alice, bob), Uint8Array.of(4));
    await clock.run(500);
    expect(heard).toEqual([1, 1, 4]); // 2 and 3 passed before Bob was subscribed again
    await net.close();
  });
});
