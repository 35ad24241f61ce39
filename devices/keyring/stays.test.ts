/** What a phone does with a rental: what it shows the lock, signs, files until it is heard, and keeps. */
import { beforeEach, describe, expect, it } from "vitest";
import { nodeCrypto as crypto } from "../../agent/node/crypto.ts";
import { DAY, HOUR, MONDAY_8H } from "../../protocols/access/testing/kit.ts";
import { openFact } from "../../protocols/contract/facts.ts";
import { OPENED, REFUSED } from "../../protocols/contract/templates/fact-kinds.ts";
import { rentalTerms } from "../../protocols/contract/templates/rental.ts";
import { encodeTerms, termsId } from "../../protocols/contract/terms.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { signCard } from "../../protocols/identity/card.ts";
import { openEntry, signEntry } from "../../protocols/ledger/entry.ts";
import type { VerifiedReceipt } from "../../protocols/ledger/receipt.ts";
import { decodeFactsAttachment } from "../../protocols/ledger/record.ts";
import type { DeviceEffect } from "../device.ts";
import { ana, bo, lock, olga } from "../lock/testing/door.ts";
import type { Person } from "../lock/testing/door.ts";
import { EURO } from "../lock/testing/tabs.ts";
import { MAX_RENTED } from "./state.ts";
import { LOCK_ID, refusal, SESSION_KEY, Street } from "./testing/street.ts";
import type { Phone } from "./testing/street.ts";

const ARRIVAL = MONDAY_8H + 2 * DAY;
const DEPARTURE = ARRIVAL + 2 * DAY;
const NAME = "Lake house";

let street: Street;
let guest: Phone;

beforeEach(() => {
  street = new Street();
  street.door.verifyReceipt = certified;
  street.phone(olga).pair();
  guest = street.phone(ana);
});

/** The nth such rental of the lock, by this guest; another lock's where its identity is given. */
function rentalOf(who: Person, nth = 1, identity = lock.publicKey): Uint8Array {
  const partyOf = ({ signer, root }: Person) => ({ identity: signer.publicKey, account: root.publicKey });
  return encodeTerms(
    rentalTerms({
      ...{ network: "village", nonce: new Uint8Array(16).fill(nth), currency: EURO },
      ...{ guest: partyOf(who), host: partyOf(olga), lock: { ...partyOf(olga), identity } },
      ...{ place: "a", address: "b", priceMinor: 100n, depositMinor: 50n },
      ...{ offeredAtMs: MONDAY_8H, signByMs: MONDAY_8H + HOUR, cancelByMs: MONDAY_8H + DAY },
      ...{ arrivalMs: ARRIVAL, departureMs: DEPARTURE },
    }),
  );
}

function cardOf(identity: Uint8Array): Uint8Array {
  const keys = { root: olga.root.publicKey, identity, sessionKey: SESSION_KEY };
  const dates = { notBefore: MONDAY_8H - HOUR, notAfter: MONDAY_8H + 400 * DAY };
  return signCard({ ...keys, kind: "lock", name: NAME, ...dates }, olga.root);
}

const LABELS = ["booked", "may-open", "stay", "closed"];

/** The notaries' word on a rental: its id, then the number of the step, at which label it stands. */
function certified(bytes: Uint8Array): VerifiedReceipt {
  const [id, seq] = [bytes.slice(0, 32), bytes[32] ?? 0];
  const frame = { network: "village", zone: "main", nonce: new Uint8Array(16).fill(seq) };
  const body = { kind: "choice", termsId: id, name: "x", value: 1n } as const;
  const window = { notBefore: 0, notAfter: HOUR };
  const entry = openEntry(crypto, signEntry(crypto, olga.signer, { ...frame, ...window }, body).bytes);
  // What the guest's and the lock's word on the opening have brought about keeps the label.
  const [kind, label] = seq === 2 ? ["facts" as const, "may-open"] : ["expire" as const, LABELS[seq]!];
  const result = {
    kind: "choice" as const,
    termsId: id,
    seq,
    label,
    closed: label === "closed",
    payments: [],
  };
  return { entry, kind, outcome: "ok", result } as unknown as VerifiedReceipt;
}

/** The notaries tell the phone how its contract stands. */
function hears(terms: Uint8Array, seq: number): void {
  const bytes = new Uint8Array([...termsId(crypto, terms), seq]);
  guest.handle({ kind: "receipt", receipt: certified(bytes), bytes });
}

function takes(terms: Uint8Array, card = cardOf(lock.publicKey)): void {
  guest.command("stay", { terms, card, name: NAME });
}

/** Its rental lets it in, and it is time. */
function arrived(): Uint8Array {
  const terms = rentalOf(ana);
  takes(terms);
  hears(terms, 0);
  street.wait(ARRIVAL - street.now);
  hears(terms, 1);
  return terms;
}

const filed = (): Uint8Array[][] =>
  guest.others.flatMap((effect) => (effect.kind === "submit" ? [factsOf(effect)] : []));

function factsOf({ entry }: DeviceEffect & { kind: "submit" }): Uint8Array[] {
  return decodeFactsAttachment(entry.attachment!).facts;
}

describe("a phone that has rented", () => {
  it("takes what it has rented itself, with the card of that lock, once", () => {
    const terms = rentalOf(ana);
    expect(refusal(() => takes(rentalOf(bo)))).toBe("key-not-holder");
    expect(refusal(() => takes(terms, cardOf(bo.signer.publicKey)))).toBe("key-foreign");
    expect(refusal(() => takes(new Uint8Array([1])))).not.toBe("none");
    expect(guest.state.stays).toEqual([]);
    takes(terms);
    takes(terms);
    expect(guest.state.stays).toHaveLength(1);
    expect(guest.state.locks).toMatchObject([{ id: LOCK_ID, name: NAME, isOwned: false }]);
    // It asks how the contract stands.
    expect(guest.others.some(({ kind }) => kind === "inquire")).toBe(true);
  });

  it("goes by the newest that the notaries have said", () => {
    const terms = rentalOf(ana);
    takes(terms);
    for (const [seq, phase] of [
      [1, "may-open"],
      [0, "may-open"],
      [3, "closed"],
      [2, "closed"],
    ] as const) {
      hears(terms, seq);
      expect(guest.state.stays[0]?.phase).toBe(phase);
    }
  });

  it("takes the notaries' word from whoever else in the phone has heard it, by the same rule", () => {
    const terms = rentalOf(ana);
    takes(terms);
    const told = (seq: number): void =>
      guest.command("certified", { receipt: new Uint8Array([...termsId(crypto, terms), seq]) });
    told(1);
    told(0);
    expect(guest.state.stays[0]).toMatchObject({ phase: "may-open", seq: 1 });
    expect(guest.state.stays[0]?.receipt?.[32]).toBe(1);
    expect(refusal(() => guest.command("certified", { receipt: new Uint8Array() }))).toBe("message-invalid");
    street.door.verifyReceipt = () => {
      throw new SegmentError("receipt-foreign", "of another network");
    };
    expect(refusal(() => told(3))).toBe("receipt-foreign");
    expect(guest.state.stays[0]?.phase).toBe("may-open");
  });

  it("asks after a start what it has missed, and each minute from an hour before the arrival on", () => {
    const asked = (): number => guest.others.filter(({ kind }) => kind === "inquire").length;
    const during = (ms: number): number => {
      const before = asked();
      street.wait(ms);
      return asked() - before;
    };
    const terms = rentalOf(ana);
    takes(terms);
    hears(terms, 0);
    during(HOUR);
    expect(during(DAY)).toBe(24);
    guest.handle({ kind: "started" });
    expect(during(10_000)).toBe(1);
    street.wait(ARRIVAL - HOUR - street.now);
    expect(during(HOUR)).toBeGreaterThanOrEqual(59);
    // From here on only what changes is told.
    hears(terms, 1);
    expect(during(4 * HOUR)).toBeLessThanOrEqual(5);
    const before = asked();
    takes(terms);
    expect(asked() - before).toBe(1);
    hears(terms, 3);
    expect(during(2 * DAY)).toBe(0);
  });

  it("is not let in before the arrival, and is at the arrival, by one tap", () => {
    const terms = rentalOf(ana);
    takes(terms);
    hears(terms, 1);
    expect(guest.tap()).toBe("key-not-yet");
    expect(street.bolts).toEqual([]);
    street.wait(ARRIVAL - street.now);
    expect(guest.tap()).toBe("done");
    expect(street.bolts).toEqual(["unlocked"]);
  });

  it("files what both have signed, again each hour, until the notaries have it", () => {
    const terms = arrived();
    expect(guest.tap()).toBe("done");
    expect(filed()).toHaveLength(1);
    const [guests, locks] = filed()[0]!.map((bytes) => openFact(crypto, bytes));
    expect([guests?.kind, locks?.kind]).toEqual([OPENED, OPENED]);
    expect([guests?.signer, locks?.signer]).toEqual([ana.signer.publicKey, lock.publicKey]);
    expect(guests?.body).toEqual(locks?.body);
    street.wait(3 * HOUR);
    expect(filed().length).toBeGreaterThanOrEqual(3);
    expect(filed().at(-1)).toEqual(filed()[0]);
    hears(terms, 2);
    const enough = filed().length;
    street.wait(3 * HOUR);
    expect(filed()).toHaveLength(enough);
    expect(guest.tap()).toBe("done");
    expect(filed()).toHaveLength(enough);
  });

  it("files nothing that the lock has not signed: a refusal is kept instead", () => {
    const terms = arrived();
    const [olgas] = street.phones;
    const id = termsId(crypto, terms);
    olgas!.command("revoke-stay", { lock: LOCK_ID, stay: id, untilMs: DEPARTURE });
    expect(guest.tap()).toBe("key-revoked");
    expect([street.bolts, filed()]).toEqual([[], []]);
    const kept = guest.others.filter((effect) => effect.kind === "keep");
    expect(kept).toMatchObject([{ name: "stay-refused" }]);
    const { refusal: word } = guest.state.stays[0]!;
    expect(openFact(crypto, word!)).toMatchObject({ kind: REFUSED, subject: id, signer: lock.publicKey });
  });

  it("comes back in until the door is shut after the departure, and not then", () => {
    arrived();
    expect(guest.tap()).toBe("done");
    street.door.sense("door-open", true);
    street.wait(DEPARTURE - street.now + HOUR);
    expect(guest.tap()).toBe("done");
    street.door.sense("door-open", false);
    expect(guest.tap()).toBe("contract-closed");
  });

  it("remembers so many open ones, and forgets those that are over", () => {
    const all = Array.from({ length: MAX_RENTED + 1 }, (_, at) => rentalOf(ana, at + 1));
    for (const terms of all.slice(0, MAX_RENTED)) takes(terms);
    const last = all.at(-1)!;
    expect(refusal(() => takes(last))).toBe("queue-full");
    hears(all[4]!, 3);
    takes(last);
    const ids = guest.state.stays.map((stay) => stay.termsId.join());
    expect(ids).toHaveLength(MAX_RENTED);
    expect(ids).toContain(termsId(crypto, last).join());
    expect(ids).not.toContain(termsId(crypto, all[4]!).join());
  });
});
