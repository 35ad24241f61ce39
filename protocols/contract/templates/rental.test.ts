import { beforeAll, describe, expect, it } from "vitest";
import { errorCode } from "../../errors.ts";
import type { SegmentError } from "../../errors.ts";
import { stepContract } from "../machine.ts";
import type { Input } from "../machine.ts";
import type { Role } from "../terms.ts";
import { choiceInput, crypto, MINUTE, ORDERED_AT } from "../testing/delivery.ts";
import { ARBITER, DAY, GUEST, HOST, RENTAL, walkerOf } from "../testing/samples.ts";
import { gainsOf } from "../testing/walk.ts";
import type { Standing, Walker } from "../testing/walk.ts";
import { CLOSED, OPENED, openedBody, REFUSED } from "./fact-kinds.ts";
import { rentalTerms } from "./rental.ts";
import type { RentalParams } from "./rental.ts";

const ARRIVAL = RENTAL.arrivalMs;
const DEPARTURE = RENTAL.departureMs;
const OPENING = openedBody({ label: "may-open", sessionHash: new Uint8Array(32).fill(1) });

/** Price 240.00, deposit 100.00; who has more or less at the end, in cents. */
const gains = (at: Standing): Record<Role, bigint> => gainsOf(at, RENTAL.currency);
const deposit: Input = { kind: "deposit", by: "guest", currency: RENTAL.currency, amount: 34_000n };

function opening(walker: Walker, timeMs: number): Input {
  const facts = ["lock", "guest"].map((role) => walker.fact(role, OPENED, OPENING, timeMs));
  return { kind: "facts", facts, preimages: [] };
}

function lone(walker: Walker, role: Role, kind: string, timeMs: number): Input {
  return { kind: "facts", facts: [walker.fact(role, kind, OPENING, timeMs)], preimages: [] };
}

/** Where it stands when the lock may open, at the arrival. */
function mayOpen(walker: Walker): Standing {
  const booked = walker.take(walker.opened(), deposit, ORDERED_AT + MINUTE);
  return { ...walker.timedOut(booked), nowMs: ARRIVAL };
}

function refusal(walker: Walker, at: Standing, input: Input, nowMs: number): string {
  const step = stepContract(crypto, walker.contract, at.state, input, nowMs);
  return step.ok ? "accepted" : step.code;
}

describe.each([
  ["without an arbiter", RENTAL],
  ["with an arbiter", { ...RENTAL, arbiter: ARBITER }],
] as const)("a rental %s", (_, params) => {
  let walker: Walker;
  let open: Standing;
  beforeAll(() => {
    walker = walkerOf(rentalTerms(params));
    open = mayOpen(walker);
  });

  it("costs the fee if the guest cancels in time, and nothing if the host does", () => {
    const booked = walker.take(walker.opened(), deposit, ORDERED_AT + MINUTE);
    const by = (role: Role) => gains(walker.take(booked, choiceInput(role, "cancel"), ORDERED_AT + DAY));
    expect(by("guest")).toEqual({ guest: -2_000n, host: 2_000n });
    expect(by("host")).toEqual({});
    expect(refusal(walker, booked, choiceInput("guest", "cancel"), RENTAL.cancelByMs + 1)).toBe(
      "contract-too-late",
    );
  });

  it("opens before the arrival: the label is there when the lock needs it", () => {
    const booked = walker.take(walker.opened(), deposit, ORDERED_AT + MINUTE);
    const at = walker.timedOut(booked);
    expect(at.state.label).toBe("may-open");
    expect(at.nowMs).toBeLessThanOrEqual(ARRIVAL);
  });

  it("pays the host at the first opening, and keeps the door open", () => {
    const stay = walker.take(open, opening(walker, ARRIVAL), ARRIVAL);
    expect(stay.state).toMatchObject({ label: "may-open", pot: [[RENTAL.currency, 10_000n]] });
    expect(stay.paid).toEqual(new Map([[`host ${RENTAL.currency}`, 24_000n]]));
  });

  it("goes to the checkout when the door is shut, not before the departure", () => {
    const stay = walker.take(open, opening(walker, ARRIVAL), ARRIVAL);
    const shut = (timeMs: number) => lone(walker, "lock", CLOSED, timeMs);
    expect(refusal(walker, stay, shut(DEPARTURE - 1), DEPARTURE)).toBe("condition-not-met");
    expect(walker.take(stay, shut(DEPARTURE), DEPARTURE).state.label).toBe("checkout");
    expect(refusal(walker, stay, choiceInput("host", "release"), ARRIVAL + DAY)).toBe(
      "contract-not-expected",
    );
  });

  const checkout = (): Standing => walker.timedOut(walker.take(open, opening(walker, ARRIVAL), ARRIVAL));

  it("gives the deposit back if the host releases it or says nothing", () => {
    const at = checkout();
    expect(gains(walker.take(at, choiceInput("host", "release"), at.nowMs))).toEqual({
      guest: -24_000n,
      host: 24_000n,
    });
    expect(gains(walker.timedOut(at))).toEqual({ guest: -24_000n, host: 24_000n });
  });

  it("pays what the host claims if the guest accepts or says nothing, never more than the deposit", () => {
    const at = checkout();
    const claimed = walker.take(at, choiceInput("host", "claim", 7_000n), at.nowMs);
    const paid = { guest: -31_000n, host: 31_000n };
    expect(gains(walker.take(claimed, choiceInput("guest", "accept"), claimed.nowMs))).toEqual(paid);
    expect(gains(walker.timedOut(claimed))).toEqual(paid);
    expect(refusal(walker, at, choiceInput("host", "claim", 10_001n), at.nowMs)).toBe("condition-not-met");
    expect(refusal(walker, at, choiceInput("host", "claim", 0n), at.nowMs)).toBe("condition-not-met");
  });

  it("a guest who was let in and hides it gains nothing: silence pays the host", () => {
    expect(gains(walker.timedOut(open))).toEqual({ guest: -24_000n, host: 24_000n });
  });

  it("a guest who was let in and objects gains nothing: the lock holds the fact with both signatures", () => {
    const disputed = walker.take(open, choiceInput("guest", "object"), ARRIVAL + DAY);
    const shown = walker.take(disputed, opening(walker, ARRIVAL), ARRIVAL + DAY + 1);
    expect(shown.state.label).toBe("checkout");
    expect(gains(walker.timedOut(shown))).toEqual({ guest: -24_000n, host: 24_000n });
  });

  it("one signature under an opening moves nothing", () => {
    for (const role of ["lock", "guest"])
      expect(refusal(walker, open, lone(walker, role, OPENED, ARRIVAL), ARRIVAL)).toBe("condition-not-met");
  });

  it("an objection before the arrival is a late cancellation", () => {
    const early = { ...open, nowMs: RENTAL.cancelByMs + 10 * MINUTE };
    const ended = walker.take(early, choiceInput("guest", "object"), ARRIVAL - 1);
    expect(gains(ended)).toEqual({ guest: -24_000n, host: 24_000n });
    expect(walker.take(open, choiceInput("guest", "object"), ARRIVAL).state.label).toBe("disputed");
  });

  const unsettled = (): Standing =>
    walker.timedOut(walker.take(open, choiceInput("guest", "object"), ARRIVAL + DAY));

  it("the lock's signed refusal gives everything back, if it was between arrival and departure", () => {
    const at = unsettled();
    expect(at.state.label).toBe("unsettled");
    const filed = (timeMs: number) => lone(walker, "lock", REFUSED, timeMs);
    expect(gains(walker.take(at, filed(ARRIVAL), at.nowMs))).toEqual({});
    expect(gains(walker.take(at, filed(DEPARTURE - 1), at.nowMs))).toEqual({});
    expect(refusal(walker, at, filed(ARRIVAL - 1), at.nowMs)).toBe("condition-not-met");
    expect(refusal(walker, at, filed(DEPARTURE), at.nowMs)).toBe("condition-not-met");
    const forged = lone(walker, "guest", REFUSED, ARRIVAL);
    expect(refusal(walker, at, forged, at.nowMs)).toBe("condition-not-met");
  });

  it("word against word: the price is shared, the deposit goes back", () => {
    expect(gains(walker.timedOut(unsettled()))).toEqual({ guest: -12_000n, host: 12_000n });
  });

  it("a host who gives in gives everything back", () => {
    const disputed = walker.take(open, choiceInput("guest", "object"), ARRIVAL + DAY);
    expect(gains(walker.take(disputed, choiceInput("host", "give-in"), disputed.nowMs))).toEqual({});
  });

  it("a false claim wins at most half of the deposit against an objection", () => {
    const at = checkout();
    const objected = (minor: bigint): Standing => {
      const claimed = walker.take(at, choiceInput("host", "claim", minor), at.nowMs);
      return walker.take(claimed, choiceInput("guest", "object"), claimed.nowMs);
    };
    const silent = (minor: bigint): Record<Role, bigint> => {
      const next = objected(minor);
      return gains(next.state.closed ? next : walker.timedOut(next));
    };
    expect(silent(10_000n)).toEqual({ guest: -29_000n, host: 29_000n });
    expect(silent(3_000n)).toEqual({ guest: -27_000n, host: 27_000n });
    if (!("arbiter" in params)) return;
    const award = (minor: bigint) =>
      gains(walker.take(objected(9_000n), choiceInput("arbiter", "award", minor), at.nowMs));
    expect(award(0n)).toEqual({ guest: -24_000n, host: 24_000n });
    expect(award(9_000n)).toEqual({ guest: -33_000n, host: 33_000n });
  });
});

it("an arbiter who sees through it leaves a liar nothing", () => {
  const walker = walkerOf(rentalTerms({ ...RENTAL, arbiter: ARBITER }));
  const at = walker.timedOut(walker.take(mayOpen(walker), choiceInput("guest", "object"), ARRIVAL + DAY));
  const rules = (name: string) => gains(walker.take(at, choiceInput("arbiter", name), at.nowMs));
  expect(rules("for-the-guest")).toEqual({});
  expect(rules("for-the-host")).toEqual({ guest: -24_000n, host: 24_000n });
});

it("without a deposit the door stays open all the same, until the departure", () => {
  const walker = walkerOf(rentalTerms({ ...RENTAL, depositMinor: 0n }));
  const booked = walker.take(walker.opened(), { ...deposit, amount: 24_000n }, ORDERED_AT + MINUTE);
  const stay = walker.take(walker.timedOut(booked), opening(walker, ARRIVAL), ARRIVAL);
  expect(stay.state).toMatchObject({ label: "may-open", closed: false, pot: [] });
  expect(walker.take(stay, lone(walker, "lock", CLOSED, DEPARTURE), DEPARTURE).state.closed).toBe(true);
});

describe("parameters of a rental", () => {
  const wrong: [name: string, change: Partial<RentalParams>, where: string][] = [
    ["a lock of somebody else", { lock: GUEST }, "lock"],
    ["nothing to pay", { priceMinor: 0n }, "priceMinor"],
    ["a fee above the price", { cancelFeeMinor: 24_001n }, "cancelFeeMinor"],
    ["a deposit of one cent, of which no part can be claimed", { depositMinor: 1n }, "depositMinor"],
    ["price and deposit beyond the ledger", { priceMinor: 2n ** 63n - 1n }, "priceMinor"],
    ["an arrival at which the lock may not open yet", { cancelByMs: ARRIVAL - MINUTE }, "arrivalMs"],
    ["a departure before the arrival", { departureMs: ARRIVAL }, "departureMs"],
    ["no time to cancel", { cancelByMs: RENTAL.signByMs }, "cancelByMs"],
    ["no time to object", { disputeMs: 59_999 }, "disputeMs"],
    ["a refund above the price", { disputedRefundMinor: 24_001n }, "disputedRefundMinor"],
    ["damage above the deposit", { disputedDamageMinor: 10_001n }, "disputedDamageMinor"],
    ["a short key", { guest: { ...GUEST, identity: new Uint8Array(31) } }, "guest.identity"],
    ["signing before the offer", { signByMs: ORDERED_AT - 1 }, "signByMs"],
  ];
  it.each(wrong)("refuse %s", (_, change, where) => {
    try {
      rentalTerms({ ...RENTAL, ...change });
    } catch (error) {
      expect(errorCode(error)).toBe("terms-invalid");
      expect((error as SegmentError).where).toBe(where);
      return;
    }
    expect.unreachable("the parameters were accepted");
  });

  it("refuse an arbiter who is the host", () => {
    const biased = { ...ARBITER, account: HOST.account };
    expect(() => rentalTerms({ ...RENTAL, arbiter: biased })).toThrowError(/more than it put in/);
  });
});
