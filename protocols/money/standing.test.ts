import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DAY_MS, isoDay } from "../calendar.ts";
import { portableCrypto as crypto } from "../crypto/portable.ts";
import { toHex } from "../encoding/bytes.ts";
import {
  dueMs,
  lastDue,
  LOOK_EVERY_MS,
  nextStep,
  NO_STATE,
  settled,
  slotClosed,
  standingFrame,
} from "./standing.ts";
import type { Occasion, StandingOrder, StandingState } from "./standing.ts";

const HOUR = 60 * 60_000;
const JAN_31 = Date.UTC(2027, 0, 31);
const order = (occasion: Occasion): StandingOrder => {
  return {
    id: new Uint8Array(16).fill(7),
    to: new Uint8Array(32),
    currency: "EUR.x",
    memo: new Uint8Array(),
    occasion,
  };
};
const monthly = (count: number | null = null): Occasion => {
  return { kind: "every", minor: 5_000n, every: { unit: "month" }, fromMs: JAN_31, count };
};
const weekly: Occasion = {
  ...{ kind: "every", minor: 1n, every: { unit: "day", days: 7 }, fromMs: JAN_31, count: null },
};
const above: Occasion = { kind: "above", minor: 20_000n, fromMs: JAN_31 };

const occasions = fc.oneof(
  fc.constant(above),
  fc.record({
    kind: fc.constant("every" as const),
    minor: fc.constant(1n),
    every: fc.oneof(
      fc.constant({ unit: "month" as const }),
      fc.record({ unit: fc.constant("day" as const), days: fc.integer({ min: 1, max: 400 }) }),
    ),
    fromMs: fc.integer({ min: 0, max: Date.UTC(2200, 0) }),
    count: fc.option(fc.integer({ min: 1, max: 30 })),
  }),
);

describe("when a payment falls due", () => {
  it("is the same day of each month, or its last", () => {
    const days = [0, 1, 2, 3, 12, 13].map((period) => isoDay(dueMs(monthly(), period)));
    expect(days).toEqual([
      "2027-01-31",
      "2027-02-28",
      "2027-03-31",
      "2027-04-30",
      "2028-01-31",
      "2028-02-29",
    ]);
    expect(isoDay(dueMs(weekly, 2))).toBe("2027-02-14");
    expect(dueMs(above, 3)).toBe(JAN_31 + 3 * LOOK_EVERY_MS);
  });

  it("the last one due is the last that is not later than now", () => {
    fc.assert(
      fc.property(occasions, fc.integer({ min: 0, max: 4_000 * DAY_MS }), (occasion, elapsed) => {
        const now = occasion.fromMs + elapsed;
        const period = lastDue(occasion, now);
        expect(period).toBeGreaterThanOrEqual(0);
        expect(dueMs(occasion, period)).toBeLessThanOrEqual(now);
        const isLast = occasion.kind === "every" && occasion.count !== null && period === occasion.count - 1;
        if (!isLast) expect(dueMs(occasion, period + 1)).toBeGreaterThan(now);
        expect(lastDue(occasion, occasion.fromMs - 1)).toBe(-1);
      }),
    );
  });
});

describe("what there is to do", () => {
  const one = order(monthly());

  it("is to wait, to pay on the day, to repeat what was begun", () => {
    expect(nextStep(one, NO_STATE, JAN_31 - 1)).toEqual({ kind: "wait", untilMs: JAN_31 });
    expect(nextStep(one, NO_STATE, JAN_31)).toEqual({ kind: "pay", period: 0, slot: 0, attempt: null });
    const begun: StandingState = { ...NO_STATE, attempt: { slot: 0, minor: 5_000n } };
    expect(nextStep(one, begun, JAN_31 + 20 * HOUR)).toMatchObject({
      kind: "pay",
      slot: 0,
      attempt: begun.attempt,
    });
    const after = settled(begun);
    expect(nextStep(one, after, JAN_31 + HOUR)).toEqual({ kind: "wait", untilMs: Date.UTC(2027, 1, 28) });
  });

  it("never to pay in a later slot before the earlier ones are closed", () => {
    const now = JAN_31 + 2 * DAY_MS + HOUR;
    expect(nextStep(one, NO_STATE, now)).toEqual({ kind: "inquire", period: 0, slot: 0 });
    const closedOne = slotClosed(NO_STATE, 0);
    expect(nextStep(one, closedOne, now)).toEqual({ kind: "inquire", period: 0, slot: 1 });
    expect(nextStep(one, slotClosed(closedOne, 1), now)).toEqual({
      kind: "pay",
      period: 0,
      slot: 2,
      attempt: null,
    });
    // Just after the slot's end an entry may still be executed, by other clocks.
    const early = JAN_31 + DAY_MS + 60_000;
    expect(nextStep(one, NO_STATE, early)).toEqual({ kind: "wait", untilMs: JAN_31 + DAY_MS + 600_000 });
  });

  it("tomorrow again, when the ledger refuses today; missed after 31 days", () => {
    const refused = slotClosed(NO_STATE, 0);
    expect(nextStep(one, refused, JAN_31 + HOUR)).toEqual({ kind: "wait", untilMs: JAN_31 + DAY_MS });
    const never: StandingState = { ...NO_STATE, closedSlots: 31 };
    expect(nextStep(one, never, JAN_31 + 40 * DAY_MS)).toEqual({ kind: "missed", period: 0, next: 1 });
  });

  it("nothing after the last payment", () => {
    const two = order(monthly(2));
    expect(nextStep(two, { ...NO_STATE, period: 2 }, JAN_31 + 400 * DAY_MS)).toEqual({ kind: "ended" });
  });

  it("what is above a limit is looked at now, not for hours that have passed", () => {
    const now = JAN_31 + 100 * HOUR + 5;
    expect(nextStep(order(above), NO_STATE, now)).toEqual({ kind: "missed", period: 0, next: 100 });
    expect(nextStep(order(above), { ...NO_STATE, period: 100 }, now)).toMatchObject({
      kind: "pay",
      period: 100,
    });
    // But an entry that was begun has to be accounted for first.
    const begun: StandingState = { ...NO_STATE, attempt: { slot: 0, minor: 1n } };
    expect(nextStep(order(above), begun, now)).toEqual({ kind: "inquire", period: 0, slot: 0 });
  });

  it("comes to an end from every state: each step leads on", () => {
    fc.assert(
      fc.property(
        occasions,
        fc.integer({ min: 0, max: 900 * DAY_MS }),
        fc.boolean(),
        (occasion, elapsed, pays) => {
          const now = occasion.fromMs + elapsed;
          const one = order(occasion);
          let state = NO_STATE;
          let paid = 0;
          for (let steps = 0; ; steps++) {
            expect(steps).toBeLessThan(60_000);
            const step = nextStep(one, state, now);
            if (step.kind === "wait") {
              expect(step.untilMs).toBeGreaterThan(now);
              break;
            }
            if (step.kind === "ended") break;
            if (step.kind === "missed") state = settled(state, step.next);
            else if (step.kind === "inquire") state = slotClosed(state, step.slot);
            else if (pays) {
              paid++;
              state = settled(state);
            } else state = slotClosed(state, step.slot);
          }
          if (occasion.kind === "every" && occasion.count !== null)
            expect(paid).toBeLessThanOrEqual(occasion.count);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("the entry of a slot", () => {
  it("is always the same, another one for each slot, period and order, and no two windows meet", () => {
    const one = order(monthly());
    const frames = [0, 1].flatMap((period) =>
      [0, 1, 30].map((slot) => standingFrame(crypto, one, period, slot)),
    );
    const other = standingFrame(crypto, { ...one, id: new Uint8Array(16).fill(8) }, 0, 0);
    expect(standingFrame(crypto, one, 0, 0)).toEqual(frames[0]);
    expect(new Set([...frames, other].map(({ nonce }) => toHex(nonce))).size).toBe(7);
    const [first, second] = frames;
    expect(first?.notBefore).toBe(JAN_31);
    expect(first?.notAfter).toBe((second?.notBefore ?? 0) - 1);
    for (const { nonce, notBefore, notAfter } of frames) {
      expect(nonce).toHaveLength(16);
      expect(notAfter - notBefore).toBeLessThan(DAY_MS);
    }
  });
});
