import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { errorCode } from "../errors.ts";
import { replayGuard } from "./replay.ts";
import type { ReplayGuard } from "./replay.ts";

const NOW = 1_000_000;
const freshnessMs = 1000;
const message = (from: string, id: number, timeMs = NOW) => ({
  from,
  messageId: new Uint8Array(16).fill(id),
  timeMs,
});

function verdict(guard: ReplayGuard, received: ReturnType<typeof message>, now = NOW): string {
  try {
    guard.admit(received, now);
    return "new";
  } catch (error) {
    return errorCode(error);
  }
}

describe("the replay guard", () => {
  it("admits a message once, by sender and id", () => {
    const guard = replayGuard({ freshnessMs });
    expect(verdict(guard, message("a", 1))).toBe("new");
    expect(verdict(guard, message("a", 1))).toBe("message-replayed");
    expect(verdict(guard, message("a", 1, NOW + 5))).toBe("message-replayed");
    expect(verdict(guard, message("a", 2))).toBe("new");
    expect(verdict(guard, message("b", 1))).toBe("new");
    expect(guard.size()).toBe(3);
  });

  it("makes room by forgetting what its time refuses by now", () => {
    const guard = replayGuard({ freshnessMs, messagesPerSender: 2 });
    guard.admit(message("a", 1, NOW), NOW);
    guard.admit(message("a", 2, NOW + 900), NOW);
    const later = NOW + 1500;
    expect(verdict(guard, message("a", 3, later), later)).toBe("new");
    expect(guard.size()).toBe(2);
    expect(verdict(guard, message("a", 2, NOW + 900), later)).toBe("message-replayed");
  });

  it("in a flood raises the flooder's floor and no one else's", () => {
    const guard = replayGuard({ freshnessMs, messagesPerSender: 2 });
    guard.admit(message("b", 1, NOW - 500), NOW);
    for (let id = 0; id < 5; id++) expect(verdict(guard, message("a", id, NOW + id))).toBe("new");
    // 0, 1 and 2 were forgotten, and are refused all the same.
    for (let id = 0; id < 5; id++)
      expect(verdict(guard, message("a", id, NOW + id))).toBe("message-replayed");
    expect(verdict(guard, message("a", 9, NOW + 2))).toBe("message-replayed");
    expect(verdict(guard, message("b", 2, NOW - 400))).toBe("new");
    expect(guard.size()).toBe(4);
  });

  it("with too many senders still hears those that it knows", () => {
    const guard = replayGuard({ freshnessMs, senders: 2 });
    guard.admit(message("a", 1), NOW);
    guard.admit(message("b", 1), NOW);
    expect(verdict(guard, message("c", 1))).toBe("queue-full");
    expect(verdict(guard, message("a", 2))).toBe("new");
    const later = NOW + freshnessMs + 1;
    expect(verdict(guard, message("c", 2, later), later)).toBe("new");
    expect(guard.size()).toBe(1);
  });

  it("never admits a message twice within its window, whatever comes between", () => {
    const step = fc.record({
      from: fc.constantFrom("a", "b", "c"),
      id: fc.nat(6),
      skewMs: fc.integer({ min: -freshnessMs, max: freshnessMs }),
      waitMs: fc.nat(300),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const guard = replayGuard({ freshnessMs, messagesPerSender: 3, senders: 2 });
        const admitted: ReturnType<typeof message>[] = [];
        let now = NOW;
        for (const { from, id, skewMs, waitMs } of steps) {
          now += waitMs;
          const received = message(from, id, now + skewMs);
          if (verdict(guard, received, now) === "new") admitted.push(received);
          for (const earlier of admitted.filter(({ timeMs }) => Math.abs(timeMs - now) <= freshnessMs)) {
            expect(verdict(guard, earlier, now)).not.toBe("new");
          }
          expect(guard.size()).toBeLessThanOrEqual(6);
        }
      }),
    );
  });
});
