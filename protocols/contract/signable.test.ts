import { describe, expect, it } from "vitest";
import { signFact, openFact } from "./facts.ts";
import type { Fact } from "./facts.ts";
import { readFactOf } from "./negotiation-facts.ts";
import { stepAt } from "./negotiation-next.ts";
import { fulfilling, requireBody, requireSignable, signableFacts, toCountersign } from "./signable.ts";
import { CLOSED, OPENED, openedBody } from "./templates/fact-kinds.ts";
import { rentalTerms } from "./templates/rental.ts";
import { encodeTerms, readContract } from "./terms.ts";
import type { When } from "./terms.ts";
import { delivery, EUR, fact, meetingFacts, MINUTE, ORDERED_AT, signerOf } from "./testing/delivery.ts";
import { crypto } from "./testing/delivery.ts";

const HOUR = 60 * MINUTE;
const [guest, host, lock, stranger] = [signerOf(1), signerOf(2), signerOf(3), signerOf(50)];
const OWNER = signerOf(102).publicKey;
const ARRIVAL = ORDERED_AT + 10 * HOUR;
const DEPARTURE = ORDERED_AT + 34 * HOUR;

const rental = readContract(
  crypto,
  encodeTerms(
    rentalTerms({
      ...{ network: "village", nonce: new Uint8Array(16).fill(3), currency: EUR },
      guest: { identity: guest.publicKey, account: signerOf(101).publicKey },
      host: { identity: host.publicKey, account: OWNER },
      lock: { identity: lock.publicKey, account: OWNER },
      ...{ place: "the flat", address: "3 Mill Lane", priceMinor: 24_000n, depositMinor: 0n },
      ...{ offeredAtMs: ORDERED_AT, signByMs: ORDERED_AT + HOUR, cancelByMs: ORDERED_AT + 4 * HOUR },
      ...{ arrivalMs: ARRIVAL, departureMs: DEPARTURE },
    }),
  ),
);

/** Deposit, the time to cancel has passed: the lock may open. */
const MAY_OPEN = [0, 2];
/** It was opened, and the price paid. */
const STAY = [...MAY_OPEN, 0, 0];

function step(path: number[]): When {
  const found = stepAt(rental.terms, path);
  if (found === undefined) throw new Error(`no step at ${path.join()}`);
  return found;
}

const opened = (signer: Uint8Array, session: number, timeMs = ARRIVAL): Fact =>
  fact(
    signer,
    OPENED,
    timeMs,
    openedBody({ label: "may-open", sessionHash: new Uint8Array(32).fill(session) }),
    rental,
  );

describe("what a party can state", () => {
  it("is what the step waits for from its role, with whom, and when", () => {
    const of = (path: number[], role: string) => signableFacts(step(path), role);
    expect(of([0], "lock")).toEqual([]);
    expect(of(MAY_OPEN, "host")).toEqual([]);
    const both = { kind: OPENED, roles: ["lock", "guest"], signatures: 2, fromMs: 0, untilMs: DEPARTURE };
    expect(of(MAY_OPEN, "lock")).toEqual([both]);
    expect(of(MAY_OPEN, "guest")).toEqual([both]);
    const { actBy } = step(STAY);
    const shut = { kind: CLOSED, roles: ["lock"], signatures: 1, fromMs: DEPARTURE, untilMs: actBy };
    expect(of(STAY, "lock")).toEqual([shut]);
    expect(of(STAY, "guest")).toEqual([]);
  });

  it.each([
    ["another step", "lock", CLOSED, MAY_OPEN, ARRIVAL, "contract-not-expected"],
    ["another party", "guest", CLOSED, STAY, DEPARTURE, "contract-not-expected"],
    ["too early", "lock", CLOSED, STAY, DEPARTURE - 1, "contract-too-early"],
    ["too late", "lock", OPENED, MAY_OPEN, DEPARTURE + 1, "contract-too-late"],
  ])("is refused of %s", (_what, role, kind, path, now, code) => {
    expect(() => requireSignable(step(path), role, kind, now)).toThrow(expect.objectContaining({ code }));
  });

  it("says who could sign it instead", () => {
    expect(() => requireSignable(step(STAY), "guest", CLOSED, DEPARTURE)).toThrow(/for the lock to sign/);
  });

  it("is of its kind's shape", () => {
    expect(() => requireBody(opened(lock.publicKey, 1))).not.toThrow();
    const wrong = [["may-open"], ["may-open", new Uint8Array(31)], [1, new Uint8Array(32)], []];
    for (const body of wrong) {
      const bad = { ...opened(lock.publicKey, 1), body };
      expect(() => requireBody(bad)).toThrow(expect.objectContaining({ code: "fact-invalid" }));
    }
    const remark = fact(lock.publicKey, CLOSED, DEPARTURE, ["at last"], rental);
    expect(() => requireBody(remark)).toThrow(/holds no values/);
  });
});

describe("what is signed alike", () => {
  const signable = requireSignable(step(MAY_OPEN), "guest", OPENED, ARRIVAL);
  const given = (facts: Fact[]) => toCountersign(facts, signable, rental, guest.publicKey);

  it("is the newest of who can sign it too, once", () => {
    const [older, newer] = [opened(lock.publicKey, 1), opened(lock.publicKey, 2, ARRIVAL + MINUTE)];
    expect(given([newer, older])).toBe(newer);
    expect(given([newer, older, opened(guest.publicKey, 2)])).toBe(older);
    expect(given([opened(host.publicKey, 1), opened(stranger.publicKey, 1)])).toBeUndefined();
    expect(given([fact(lock.publicKey, CLOSED, DEPARTURE, [], rental)])).toBeUndefined();
  });

  it("belongs to the contract, and is by a party", () => {
    const one = { terms: rental.terms, termsId: rental.id };
    const made = (signer: typeof lock, subject: Uint8Array | null): Uint8Array =>
      signFact(signer, { kind: CLOSED, subject, timeMs: DEPARTURE, body: [] });
    expect(readFactOf(crypto, one, made(lock, rental.id))).toEqual(openFact(crypto, made(lock, rental.id)));
    const refused: [Uint8Array, RegExp][] = [
      [made(lock, delivery.id), /another contract/],
      [made(lock, null), /names no contract/],
      [made(stranger, rental.id), /do not name/],
    ];
    for (const [bytes, why] of refused) {
      expect(() => readFactOf(crypto, one, bytes)).toThrow(expect.objectContaining({ code: "fact-invalid" }));
      expect(() => readFactOf(crypto, one, bytes)).toThrow(why);
    }
  });
});

describe("what is at hand", () => {
  const now = ARRIVAL + HOUR;
  const enough = (facts: Fact[], path = MAY_OPEN, at = now) =>
    fulfilling(crypto, rental, step(path), facts, at);

  it("fulfils a case when the signatures are there, under the same statement", () => {
    const lone = opened(lock.publicKey, 1);
    expect(enough([lone])).toBeUndefined();
    expect(enough([lone, opened(guest.publicKey, 2)])).toBeUndefined();
    // The lock was opened again since: the pair that says the same counts.
    const pair = [lone, opened(guest.publicKey, 1, ARRIVAL + 1)];
    expect(enough([opened(lock.publicKey, 7, ARRIVAL + MINUTE), ...pair])).toEqual(
      expect.arrayContaining(pair),
    );
  });

  it("must be of its time, and handed in in time", () => {
    const early = fact(lock.publicKey, CLOSED, DEPARTURE - 1, [], rental);
    const timely = fact(lock.publicKey, CLOSED, DEPARTURE, [], rental);
    const { actBy, claimBy } = step(STAY);
    expect(enough([early], STAY, DEPARTURE)).toBeUndefined();
    expect(enough([timely], STAY, DEPARTURE)).toEqual([timely]);
    expect(enough([timely], STAY, claimBy)).toEqual([timely]);
    expect(enough([timely], STAY, claimBy + 1)).toBeUndefined();
    const late = fact(lock.publicKey, CLOSED, actBy + 1, [], rental);
    expect(enough([late], STAY, claimBy)).toBeUndefined();
  });

  it("leaves out what the condition does not name", () => {
    const facts = meetingFacts(delivery, { timeMs: ORDERED_AT + 30 * MINUTE });
    const inFlight = stepAt(delivery.terms, [0]);
    if (inFlight === undefined) throw new Error("the delivery does not fly");
    const [drone] = facts;
    const extra = fact(drone!.signer, "weather", ORDERED_AT + 30 * MINUTE, ["fine"], delivery);
    const chosen = fulfilling(crypto, delivery, inFlight, [extra, ...facts], ORDERED_AT + 30 * MINUTE);
    expect(chosen).toHaveLength(facts.length);
    expect(chosen).not.toContain(extra);
  });
});
