/**
 * A lock that is let by the day, under any sequence of people who bid, pay, come back, and of time: whoever
 * pays what was agreed is let in, nobody else is, and the place is sold once. What is owed and who may enter
 * is told here a second time, from what was said and paid.
 */
import fc from "fast-check";
import { afterAll, describe, expect } from "vitest";
import { ana, bo, bolts, otto, sam } from "../../../devices/lock/testing/door.ts";
import type { Door } from "../../../devices/lock/testing/door.ts";
import { ASKED, LEAST, letDoor, setLet, Walker } from "../../../devices/lock/testing/walker.ts";
import type { Said } from "../../../devices/lock/testing/walker.ts";
import { HOUR } from "../../../protocols/access/testing/kit.ts";
import { WALKED_UP } from "../../../protocols/access/walk-up.ts";
import { fuzz } from "../support/harness.ts";
import { must } from "../support/must.ts";

const PEOPLE = [ana, bo, sam, otto];
const MINUTE = 60_000;
/** All that the lock said at some time, so that no part of it is left untested. */
const reached = new Set<string>();

interface Guest {
  walker: Walker;
  /** What both agreed to last, and for how much. */
  agreed: { said: Said; priceMinor: bigint } | null;
  /** Paid for: may open until then. */
  untilMs: number;
  let: Said;
}

interface World {
  door: Door;
  guests: Map<number, Guest>;
}

const who = fc.nat(PEOPLE.length - 1);
const events = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("come" as const),
      who,
      hours: fc.constantFrom(1, 18, 30, 72),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("bid" as const),
      who,
      minor: fc.constantFrom(1n, LEAST - 1n, LEAST, ASKED),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant("pay" as const), who, less: fc.constantFrom(0n, 0n, 0n, 1n) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("tap" as const), who }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("wait" as const),
      ms: fc.constantFrom(1_000, 30_000, 2 * MINUTE, 5 * HOUR, 20 * HOUR),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("let" as const), isLet: fc.boolean() }) },
);

type Event = typeof events extends fc.Arbitrary<infer One> ? One : never;

function happens(world: World, event: Event): void {
  const { door } = world;
  if (event.kind === "wait") door.wait(event.ms);
  else if (event.kind === "let") setLet(door, event.isLet);
  else if (event.kind === "come") comes(world, event.who, event.hours);
  else {
    const guest = world.guests.get(event.who) ?? comes(world, event.who, 18);
    if (event.kind === "bid") bids(guest, event.minor, world);
    else if (event.kind === "pay") pays(guest, event.less, world);
    else taps(guest, world);
  }
  sellsOnce(world);
}

/** With a tab of today; what they have paid for before they still have. */
function comes({ door, guests }: World, at: number, hours: number): Guest {
  const before = guests.get(at);
  const walker = new Walker(door, PEOPLE[at]!, door.now + hours * HOUR);
  const guest = { walker, agreed: null, untilMs: before?.untilMs ?? 0, let: before?.let ?? "" };
  guests.set(at, guest);
  return guest;
}

function bids(guest: Guest, minor: bigint, { door }: World): void {
  const { walker } = guest;
  const said = walker.bids(minor);
  reached.add(typeof said === "string" ? said : said.isAgreed ? "agreed" : "asked");
  if (typeof said === "string") return;
  const days = BigInt(Math.max(1, Math.ceil((walker.untilMs - door.now) / (24 * HOUR))));
  if (!said.isAgreed) return void (guest.agreed = null);
  must(minor >= LEAST * days || minor === ASKED * days, "the lock agrees to no less than its owner");
  guest.agreed = { said, priceMinor: minor };
}

function pays(guest: Guest, less: bigint, { door }: World): void {
  const { walker, agreed } = guest;
  if (agreed === null || agreed.priceMinor - less < 1n) return;
  const before = walker.paidMinor;
  const kept = walker.pays(agreed.priceMinor - less);
  reached.add(typeof kept === "string" ? `pays: ${kept}` : "paid");
  if (typeof kept === "string") return must(walker.paidMinor === before, "what is refused is not taken");
  if (kept < agreed.priceMinor) return;
  must(walker.untilMs > door.now, "nobody pays for what is over");
  guest.untilMs = walker.untilMs;
  guest.let = agreed.said;
  guest.agreed = null;
}

function taps(guest: Guest, { door }: World): void {
  if (guest.let === "") return;
  const before = door.effects.length;
  const code = guest.walker.opens(guest.let);
  reached.add(`tap: ${code}`);
  const isOpened = bolts(door.effects.slice(before)).includes("unlocked");
  must(isOpened === (code === "done"), "the bolt does what the lock says");
  if (code === "too-many-attempts") return;
  must(isOpened === door.now < guest.untilMs, `who has paid is in until the time agreed (${code})`);
}

function sellsOnce({ door }: World): void {
  const stays = door.state.stays.filter(({ phase }) => phase === WALKED_UP);
  for (const [at, one] of stays.entries()) {
    for (const other of stays.slice(at + 1)) {
      const both = one.arrivalMs < other.departureMs && other.arrivalMs < one.departureMs;
      must(!both, "the place is let to one at a time");
    }
  }
}

describe("a lock that is let by the day", () => {
  fuzz(
    "lets in whoever pays what was agreed, and nobody else",
    fc.array(events, { minLength: 4, maxLength: 16 }),
    (sequence) => {
      const world: World = { door: letDoor(), guests: new Map() };
      for (const event of sequence) happens(world, event);
    },
    { share: 0.05, accepted: 0.99 },
  );

  afterAll(() => {
    for (const one of ["agreed", "asked", "peer-refused", "owner-required", "paid", "pays: peer-refused"])
      expect(reached).toContain(one);
    expect(reached).toContain("tap: done");
    expect([...reached].filter((one) => one.startsWith("tap: ")).length).toBeGreaterThan(1);
  });
});
