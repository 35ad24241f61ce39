/**
 * A phone that walks up to a lock which is let by the day: what it signs, what it pays, and what it keeps.
 */
import { beforeEach, describe, expect, it } from "vitest";
import { nodeCrypto as crypto } from "../../agent/node/crypto.ts";
import { ACCESS_SCHEMAS } from "../../protocols/access/messages.ts";
import { DAY, HOUR } from "../../protocols/access/testing/kit.ts";
import { openStayOffer, signStayOffer } from "../../protocols/access/walk-up.ts";
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import { signCard } from "../../protocols/identity/card.ts";
import { ana, bo, lock, olga } from "../lock/testing/door.ts";
import { certified, EURO, tabOf } from "../lock/testing/tabs.ts";
import { LOCK_ID, refusal, SESSION_KEY, Street } from "./testing/street.ts";
import type { Phone } from "./testing/street.ts";
import { MAX_RENTED } from "./state.ts";
import type { RentedStay } from "./state.ts";

let street: Street;
let owner: Phone;
let guest: Phone;

beforeEach(() => {
  street = new Street();
  street.door.verifyReceipt = certified;
  owner = street.phone(olga);
  owner.pair();
  // A night for 110.00, or what is bid from 90.00 on.
  const tariff = { currency: EURO, askedMinor: "11000", leastMinor: "9000" };
  owner.command("let", { lock: LOCK_ID, tariff });
  guest = street.phone(ana);
});

function lockCard(): Uint8Array {
  const keys = { root: olga.root.publicKey, identity: lock.publicKey, sessionKey: SESSION_KEY };
  const dates = { notBefore: street.now - HOUR, notAfter: street.now + 400 * DAY };
  return signCard({ ...keys, kind: "lock", name: "Lake house", ...dates }, olga.root);
}

/** Bids so much, and would pay at most so much; by a tab of Ana's. */
function walkUp(bid: number, most: number, tab = tabOf(ana, street.now)): string {
  guest.command("walk-up", {
    ...{ card: lockCard(), name: "Lake house", untilMs: street.now + 18 * HOUR },
    ...{ terms: tab.terms, receipt: tab.receipt, bidMinor: `${bid}`, mostMinor: `${most}` },
  });
  return guest.state.walkUp === null ? guest.verdict : "under way";
}

const till = (): string[] => street.door.state.letting.till.tabs.map(({ paidMinor }) => paidMinor);

describe("a phone that walks up", () => {
  it("takes what the lock asks if that is not too much, pays exactly it, and opens", () => {
    expect(walkUp(8_000, 12_000)).toBe("done");
    expect(till()).toEqual(["11000"]);
    const [stay] = guest.state.stays;
    expect(stay).toMatchObject({ lock: LOCK_ID, phase: "walk-up" });
    expect(openStayOffer(crypto, stay!.terms, lock.publicKey).priceMinor).toBe(11_000n);
    expect(guest.tap()).toBe("done");
    expect(street.bolts).toEqual(["unlocked"]);
    street.wait(19 * HOUR);
    expect(guest.tap()).not.toBe("done");
    expect(street.bolts.filter((bolt) => bolt === "unlocked")).toHaveLength(1);
  });

  it("has it for its bid where the lock agrees to that", () => {
    expect(walkUp(9_000, 12_000)).toBe("done");
    expect(till()).toEqual(["9000"]);
  });

  it("walks away from what is too dear, and has paid nothing", () => {
    expect(walkUp(8_000, 10_999)).toBe("offer-declined");
    expect([guest.state.stays, till()]).toEqual([[], ["0"]]);
    owner.command("let", { lock: LOCK_ID, tariff: null });
    expect(walkUp(8_000, 12_000)).toBe("owner-required");
    expect([guest.state.stays, till()]).toEqual([[], ["0"]]);
  });

  it("signs no voucher for another time than it has asked for", () => {
    const { tab } = tabOf(ana, street.now);
    const untilMs = street.now + 18 * HOUR;
    const asked = { lock: LOCK_ID, tab, terms: new Uint8Array(), receipt: new Uint8Array(), untilMs };
    const open = { bid: null, offer: null, tenure: null, voucher: null };
    guest.state = {
      ...guest.state,
      walkUp: { ...asked, ...open, bidMinor: "11000", mostMinor: "12000" },
    };
    const hears = (until: number): void => {
      const words = { tab: tab.termsId, untilMs: until, priceMinor: 11_000n };
      const offer = signStayOffer(lock, words, street.now);
      const said = { offer, isAgreed: true, currency: EURO, tenure: new Uint8Array(16) };
      const body = encodeMessage(ACCESS_SCHEMAS["walk-up-offer"].parse(said));
      guest.handle({ kind: "session-message", session: "s", peer: LOCK_ID, type: "walk-up-offer", body });
    };
    hears(untilMs - HOUR);
    expect(guest.state.walkUp).toMatchObject({ voucher: null });
    hears(untilMs);
    expect(guest.state.walkUp?.voucher).toBeInstanceOf(Uint8Array);
  });

  it("goes on where it was cut off, and pays once", () => {
    guest.isNear = false;
    street.settle();
    expect(walkUp(11_000, 11_000)).toBe("under way");
    guest.restart();
    guest.isNear = true;
    expect(walkUp(11_000, 11_000)).toBe("done");
    expect(till()).toEqual(["11000"]);
    expect(guest.state.stays).toHaveLength(1);
  });

  it("refuses a tab of another's, and one whose deposit nobody certifies", () => {
    expect(refusal(() => walkUp(1, 2, tabOf(bo, street.now)))).toBe("tab-unknown");
    const tab = tabOf(ana, street.now);
    const unpaid = { ...tab, receipt: new Uint8Array(32) };
    expect(refusal(() => walkUp(1, 2, unpaid))).toBe("tab-unfunded");
  });
});

describe("a phone that has stayed at many places", () => {
  /** As if it had walked up so often before. */
  function stayedAt(count: number, untilMs: number): RentedStay[] {
    return Array.from({ length: count }, (_, at) => {
      const tab = new Uint8Array(32).fill(at);
      const terms = signStayOffer(lock, { tab, untilMs, priceMinor: 1n }, street.now);
      return {
        ...{ lock: LOCK_ID, termsId: crypto.sha256(terms), terms, receipt: null, seq: 0, phase: "walk-up" },
        ...{ shownSeq: 0, offered: null, opening: null, refusal: null, filed: 0, filedMs: 0 },
      };
    });
  }

  it("forgets those that are over, and none of the others", () => {
    guest.state = { ...guest.state, stays: stayedAt(MAX_RENTED, street.now - 1) };
    expect(walkUp(11_000, 11_000)).toBe("done");
    expect(guest.state.stays).toHaveLength(1);
    const coming = stayedAt(MAX_RENTED, street.now + HOUR);
    guest.state = { ...guest.state, stays: coming };
    expect(refusal(() => walkUp(11_000, 11_000))).toBe("queue-full");
    expect(guest.state.stays.map(({ termsId }) => termsId)).toEqual(coming.map(({ termsId }) => termsId));
  });
});
