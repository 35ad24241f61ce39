import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MemoryStore } from "../../simulators/network/memory-store.ts";
import { VirtualClock } from "../../simulators/virtual-clock.ts";
import type { Changes } from "./loop.ts";
import { Outbox, type OutboxPromise } from "./outbox.ts";

type Message = OutboxPromise & { kind: "message" };
const message = (n: number, to = "bob"): Omit<Message, "order"> => ({
  kind: "message",
  to,
  type: "news",
  body: Uint8Array.of(n),
  messageId: new Uint8Array(16).fill(n),
});
const isMessage = (n: number) => (promise: OutboxPromise) =>
  promise.kind === "message" && promise.messageId[0] === n;

function world(attempt: (promise: OutboxPromise) => Promise<void> = () => Promise.resolve()) {
  const clock = new VirtualClock();
  let store = new MemoryStore({ clock });
  const sent: { n: number; atMs: number }[] = [];
  const make = (): Outbox =>
    new Outbox({
      store,
      linkClock: clock,
      attempt: (promise) => {
        sent.push({ n: promise.kind === "message" ? promise.body[0]! : -1, atMs: clock.now() });
        return attempt(promise);
      },
    });
  let outbox = make();
  return {
    clock,
    sent,
    get outbox() {
      return outbox;
    },
    get store() {
      return store;
    },
    restart(): Outbox {
      outbox.close();
      store = store.crash();
      return (outbox = make());
    },
    /** As the loop does: plan, commit, confirm. */
    promise: async (...numbers: number[]): Promise<void> => {
      const changes: Changes = new Map();
      for (const n of numbers) outbox.plan(`id/${n}`, message(n), changes);
      void store.commit(changes);
      await clock.runFor(1);
      for (const n of numbers) outbox.confirm(`id/${n}`);
    },
    settle: async (n: number): Promise<boolean> => {
      const changes: Changes = new Map();
      const found = outbox.settle(isMessage(n), changes);
      void store.commit(changes);
      await clock.runFor(1);
      return found;
    },
    numbers: () => sent.map(({ n }) => n),
  };
}

describe("the outbox", () => {
  it("lets nothing leave before its commit is confirmed, nor while the link is down", async () => {
    const { outbox, clock, promise, numbers } = world();
    const changes: Changes = new Map();
    outbox.setOpen(true);
    outbox.plan("early", message(7), changes);
    outbox.setOpen(true);
    await clock.runFor(100_000);
    expect([numbers(), outbox.size, changes.size]).toEqual([[], 1, 1]);
    outbox.setOpen(false);
    outbox.confirm("early");
    await promise(1);
    await clock.runFor(100_000);
    expect(numbers()).toEqual([]);
    outbox.setOpen(true);
    expect(numbers()).toEqual([7, 1]);
  });

  it("repeats with growing pauses up to half a minute, whether attempts fail or not", async () => {
    for (const attempt of [() => Promise.resolve(), () => Promise.reject(new Error("away"))]) {
      const { outbox, clock, sent, promise, settle } = world(attempt);
      outbox.setOpen(true);
      await promise(1);
      await clock.runUntil(120_000);
      const pauses = sent.map(({ atMs }, i) => atMs - (sent[i - 1]?.atMs ?? atMs));
      expect(pauses).toEqual([0, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
      expect(await settle(1)).toBe(true);
      expect(await settle(1)).toBe(false);
      await clock.runFor(1_000_000);
      expect([sent.length, outbox.size, clock.pending]).toEqual([9, 0, 0]);
    }
  });

  it("keeps what is not settled across restarts, in its order, and only that", async () => {
    const it_ = world();
    await it_.promise(1, 2, 3);
    await it_.promise(4);
    await it_.settle(2);
    const changes: Changes = new Map();
    it_.outbox.plan("lost", message(9), changes);
    void it_.store.commit(changes);
    it_.restart().setOpen(true);
    expect(it_.numbers()).toEqual([1, 3, 4]);
    await it_.promise(5);
    it_.restart().setOpen(true);
    expect(it_.numbers().slice(-4)).toEqual([1, 3, 4, 5]);
    for (const n of [1, 3, 4, 5]) await it_.settle(n);
    expect(it_.restart().size).toBe(0);
  });

  it("takes the same promise once", async () => {
    const { outbox, promise, numbers } = world();
    outbox.setOpen(true);
    await promise(1, 1);
    await promise(1);
    expect([outbox.size, numbers()]).toEqual([1, [1]]);
    const changes: Changes = new Map();
    outbox.plan("id/1", message(2), changes);
    expect(changes.size).toBe(0);
  });

  it("hands 64 to the link at once, and the next as soon as the link has one", async () => {
    const leaving: (() => void)[] = [];
    const { outbox, clock, promise, sent } = world(() => new Promise((resolve) => leaving.push(resolve)));
    outbox.setOpen(true);
    await promise(...Array.from({ length: 100 }, (_, i) => i));
    await clock.runFor(400);
    expect(sent).toHaveLength(64);
    leaving[0]!();
    leaving[1]!();
    await clock.runFor(1);
    expect(sent).toHaveLength(66);
    // What the link still has is not handed to it again, however long that takes.
    await clock.runFor(10_000);
    expect(new Set(sent.map(({ n }) => n)).size).toBe(66);
    expect(sent.filter(({ n }) => n > 1 && n < 66)).toHaveLength(64);
  });

  it("is not held up by peers that are away, however many promises wait for them", async () => {
    const { outbox, clock, promise, numbers, settle } = world();
    outbox.setOpen(true);
    await promise(...Array.from({ length: 200 }, (_, i) => i));
    await clock.runFor(60_000);
    await promise(201);
    expect(numbers().at(-1)).toBe(201);
    expect(await settle(201)).toBe(true);
  });

  it("tries everything at once, in order, when the link comes back", async () => {
    const { outbox, clock, promise, numbers, sent } = world();
    outbox.setOpen(true);
    await promise(1, 2, 3);
    await clock.runFor(20_000);
    outbox.setOpen(false);
    const soFar = sent.length;
    await clock.runFor(100_000);
    expect(sent).toHaveLength(soFar);
    outbox.setOpen(true);
    expect(numbers().slice(soFar)).toEqual([1, 2, 3]);
  });

  it("refuses more than it can hold with queue-full, and takes more once some are settled", async () => {
    const { outbox } = world();
    const changes: Changes = new Map();
    for (let n = 0; n < 4_096; n++) outbox.plan(`id/${n}`, message(n & 255), changes);
    const full = expect.objectContaining({ code: "queue-full" });
    expect(() => outbox.plan("one more", message(1), changes)).toThrowError(full);
    expect(outbox.size).toBe(4_096);
    outbox.settle(isMessage(3), changes);
    outbox.plan("one more", message(1), changes);
  });

  it("sends nothing and keeps no timer once closed", async () => {
    const { outbox, clock, promise, sent } = world();
    outbox.setOpen(true);
    await promise(1);
    outbox.close();
    await clock.runFor(100_000);
    expect([sent.length, clock.pending]).toEqual([1, 0]);
  });

  it("keeps each promise until it is settled, whatever happens meanwhile", async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant("promise" as const), n: fc.nat(30) }),
      fc.record({ do: fc.constant("settle" as const), n: fc.nat(30) }),
      fc.record({ do: fc.constant("link" as const), n: fc.nat(1) }),
      fc.record({ do: fc.constant("restart" as const), n: fc.constant(0) }),
      fc.record({ do: fc.constant("wait" as const), n: fc.nat(5_000) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const it_ = world();
        const owed = new Set<number>();
        for (const { do: what, n } of steps) {
          if (what === "promise") {
            await it_.promise(n);
            owed.add(n);
          } else if (what === "settle") {
            expect(await it_.settle(n)).toBe(owed.delete(n));
          } else if (what === "link") it_.outbox.setOpen(n === 1);
          else if (what === "restart") it_.restart();
          else await it_.clock.runFor(n);
        }
        const before = it_.sent.length;
        it_.outbox.setOpen(true);
        await it_.clock.runFor(60_000);
        expect(new Set(it_.numbers().slice(before))).toEqual(owed);
        expect(it_.outbox.size).toBe(owed.size);
        it_.outbox.close();
      }),
      { numRuns: 60 },
    );
  });
});
