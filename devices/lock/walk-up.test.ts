/** Who walks up, one message at a time: what the lock agrees to, whose the place is, and what it takes. */
import { describe, expect, it } from "vitest";
import { nodeCrypto as crypto } from "../../agent/node/crypto.ts";
import { ACCESS_SCHEMAS } from "../../protocols/access/messages.ts";
import type { AccessBody } from "../../protocols/access/messages.ts";
import { DAY, HOUR } from "../../protocols/access/testing/kit.ts";
import { openStayOffer, signStayOffer, walkUpId } from "../../protocols/access/walk-up.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import { voucherKeptSchema, voucherRefusedSchema } from "../../protocols/tab/messages.ts";
import { signVoucher } from "../../protocols/tab/voucher.ts";
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import type { DeviceEffect } from "../device.ts";
import { ana, answers, bo, bolts, Door, lock, olga, sam, verdict } from "./testing/door.ts";
import type { Person, Session } from "./testing/door.ts";
import { certified, EURO, tabOf } from "./testing/tabs.ts";
import { MAX_STAYS } from "./state.ts";

const MINUTE = 60_000;
const ASKED = 11_000n;
const LEAST = 9_000n;

/** Olga's, let by the day to whoever walks up. */
function letDoor(): Door {
  const door = new Door();
  door.verifyReceipt = certified;
  door.sense("clock-known", true);
  door.sense("door-open", false);
  door.sense("bolt-locked", true);
  const session = door.pair();
  const tariff = { currency: EURO, askedMinor: ASKED, leastMinor: LEAST };
  const order = door.order(olga.signer, { kind: "let", tariff });
  expect(verdict(door.say(session, "lock-order", { order }))).toBe("done");
  return door;
}

/** Somebody with a tab for this lock, in a session. */
class Walker {
  readonly tab;
  readonly untilMs: number;
  readonly session: Session;
  readonly #door: Door;
  readonly #who: Person;

  constructor(door: Door, who: Person, untilMs = door.now + 18 * HOUR) {
    this.#door = door;
    this.#who = who;
    this.untilMs = untilMs;
    this.tab = tabOf(who, door.now);
    this.session = door.open(who);
    door.say(this.session, "tab", { terms: this.tab.terms, receipt: this.tab.receipt });
  }

  /** What the lock says to so much: its offer, or the code of its refusal. */
  bids(priceMinor: bigint): AccessBody<"walk-up-offer"> | string {
    const { tab, untilMs } = this;
    const bid = { tab: tab.tab.termsId, untilMs, priceMinor };
    const offer = signStayOffer(this.#who.signer, bid, this.#door.now);
    const effects = this.#door.say(this.session, "walk-up", { offer });
    const said = bodyOf(effects, "walk-up-offer");
    return said === undefined
      ? (answers(effects).at(-1)?.code ?? "nothing")
      : parseBody(ACCESS_SCHEMAS["walk-up-offer"], said);
  }

  /** What the lock says to a voucher: how much is kept, or why it is refused. */
  pays(minor: bigint): bigint | string {
    const { tab } = this.tab;
    const voucher = signVoucher(this.#who.signer, tab, minor, this.#door.now);
    const effects = this.#door.say(this.session, "voucher", { termsId: tab.termsId, voucher });
    const kept = bodyOf(effects, "voucher-kept");
    if (kept !== undefined) return BigInt(parseBody(voucherKeptSchema, kept).minor);
    return parseBody(voucherRefusedSchema, bodyOf(effects, "voucher-refused")!).code;
  }

  /** Asks for the door by what was agreed. */
  opens(agreed: AccessBody<"walk-up-offer"> | string): string {
    const key = walkUpId(crypto, agreed instanceof Object ? agreed.offer : new Uint8Array());
    return verdict(this.#door.ask(this.session, { changes: { key } }));
  }

  get paidMinor(): bigint {
    const { tabs } = this.#door.state.letting.till;
    const held = tabs.find(({ tab }) => tab.termsId.join() === this.tab.tab.termsId.join());
    return BigInt(held?.paidMinor ?? 0);
  }
}

function bodyOf(effects: readonly DeviceEffect[], type: string): Uint8Array | undefined {
  for (const effect of effects)
    if (effect.kind === "say" && effect.type === type) return encodeMessage(effect.body);
  return undefined;
}

/** By the lock's signature: the price that it says. */
function priceIn(said: AccessBody<"walk-up-offer"> | string): bigint {
  if (typeof said === "string") throw new Error(said);
  return openStayOffer(crypto, said.offer, lock.publicKey).priceMinor;
}

describe("who walks up", () => {
  it("hears what is asked, agrees, pays, and is let in until the time agreed", () => {
    const door = letDoor();
    const walker = new Walker(door, ana);
    const asked = walker.bids(8_000n);
    expect(asked).toMatchObject({ isAgreed: false, currency: EURO });
    expect(priceIn(asked)).toBe(ASKED);
    expect(walker.opens(asked)).not.toBe("done");
    const agreed = walker.bids(ASKED);
    expect(agreed).toMatchObject({ isAgreed: true });
    expect(walker.opens(agreed)).not.toBe("done");
    expect(walker.pays(ASKED)).toBe(ASKED);
    door.effects.length = 0;
    expect(walker.opens(agreed)).toBe("done");
    expect(bolts(door.effects)).toEqual(["unlocked"]);
    expect(door.state.audit.at(-1)).toMatchObject({ who: ana.id, what: "request", code: null });
    door.wait(19 * HOUR);
    expect(new Walker(door, ana).opens(agreed)).not.toBe("done");
  });

  it("has it for no less than the least, and only once all of that is paid", () => {
    const walker = new Walker(letDoor(), ana);
    expect(walker.bids(LEAST - 1n)).toMatchObject({ isAgreed: false });
    const agreed = walker.bids(LEAST);
    expect(priceIn(agreed)).toBe(LEAST);
    expect(walker.pays(LEAST - 1n)).toBe(LEAST - 1n);
    expect(walker.opens(agreed)).not.toBe("done");
    expect(walker.pays(LEAST)).toBe(LEAST);
    expect(walker.opens(agreed)).toBe("done");
  });

  it("is refused without a tariff, a known time, a tab of its own, or for too long", () => {
    const door = letDoor();
    const walker = new Walker(door, ana);
    expect(new Walker(door, bo, door.now + 31 * DAY).bids(999_999n)).toBe("peer-refused");
    expect(new Walker(door, bo, door.now).bids(ASKED)).toBe("peer-refused");
    const stranger = door.open(sam);
    const bid = { tab: walker.tab.tab.termsId, untilMs: walker.untilMs, priceMinor: ASKED };
    const offer = signStayOffer(sam.signer, bid, door.now);
    expect(answers(door.say(stranger, "walk-up", { offer })).at(-1)?.code).toBe("tab-unknown");
    const off = door.order(olga.signer, { kind: "let", tariff: null });
    door.say(door.open(olga), "lock-order", { order: off });
    expect(walker.bids(ASKED)).toBe("owner-required");
  });

  it("is refused by a lock that has lost the time", () => {
    const door = letDoor();
    door.restart();
    expect(new Walker(door, ana).bids(ASKED)).toBe("time-unknown");
    door.sense("clock-known", true);
    door.post({ kind: "time-corrected" });
    expect(new Walker(door, ana).bids(ASKED)).toMatchObject({ isAgreed: true });
  });
});

describe("one place", () => {
  it("is promised to whoever agrees first, for the time that it takes to pay", () => {
    const door = letDoor();
    const [first, second] = [new Walker(door, ana), new Walker(door, bo)];
    // Who only asks for the price keeps nobody away.
    expect(first.bids(1n)).toMatchObject({ isAgreed: false });
    expect(second.bids(1n)).toMatchObject({ isAgreed: false });
    const agreed = first.bids(ASKED);
    expect(second.bids(ASKED)).toBe("peer-refused");
    expect(first.pays(ASKED)).toBe(ASKED);
    expect(first.opens(agreed)).toBe("done");
    door.wait(3 * MINUTE);
    expect(second.bids(ASKED)).toBe("peer-refused");
    expect(second.paidMinor).toBe(0n);
  });

  it("is another's when who agreed first pays too late, and that voucher is not taken", () => {
    const door = letDoor();
    const [first, second] = [new Walker(door, ana), new Walker(door, bo)];
    const late = first.bids(ASKED);
    door.wait(2 * MINUTE);
    const agreed = second.bids(ASKED);
    expect(agreed).toMatchObject({ isAgreed: true });
    expect(first.pays(ASKED)).toBe("peer-refused");
    expect(second.pays(ASKED)).toBe(ASKED);
    expect(first.pays(ASKED)).toBe("peer-refused");
    expect([first.paidMinor, second.paidMinor]).toEqual([0n, ASKED]);
    expect(first.opens(late)).not.toBe("done");
    expect(second.opens(agreed)).toBe("done");
  });

  it("is not let where the lock could not remember it; what it remembers stays", () => {
    const door = letDoor();
    const walker = new Walker(door, ana);
    const agreed = walker.bids(ASKED);
    const coming = (at: number) => ({
      ...{ termsId: new Uint8Array(32).fill(at), guest: sam.signer.publicKey, phase: "may-open", seq: 1 },
      ...{ arrivalMs: door.now + (10 + at) * DAY, departureMs: door.now + (11 + at) * DAY },
      ...{ opening: null, departure: null, filed: 0 },
    });
    door.state = { ...door.state, stays: Array.from({ length: MAX_STAYS }, (_, at) => coming(at)) };
    expect(walker.pays(ASKED)).toBe("lock-full");
    expect([walker.paidMinor, walker.opens(agreed) === "done"]).toEqual([0n, false]);
    expect(door.state.stays).toHaveLength(MAX_STAYS);
    door.state = { ...door.state, stays: [{ ...coming(0), phase: "closed" }, ...door.state.stays.slice(1)] };
    expect(walker.pays(ASKED)).toBe(ASKED);
    expect(walker.opens(agreed)).toBe("done");
    expect(door.state.stays).toHaveLength(MAX_STAYS);
  });
});
