/** Who walks up, one message at a time: what the lock agrees to, whose the place is, and what it takes. */
import { describe, expect, it } from "vitest";
import { nodeCrypto as crypto } from "../../agent/node/crypto.ts";
import { DAY, HOUR } from "../../protocols/access/testing/kit.ts";
import { openStayOffer, signStayOffer } from "../../protocols/access/walk-up.ts";
import { ana, answers, bo, bolts, lock, sam } from "./testing/door.ts";
import { EURO } from "./testing/tabs.ts";
import { ASKED, LEAST, letDoor, setLet, Walker } from "./testing/walker.ts";
import type { Said } from "./testing/walker.ts";
import { MAX_STAYS } from "./state.ts";

const MINUTE = 60_000;

/** By the lock's signature: the price that it says. */
function priceIn(said: Said): bigint {
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
    setLet(door, false);
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
