/** A rental at the door, one step at a time: who is let in when, what is signed, and what is handed in. */
import { describe, expect, it } from "vitest";
import { nodeCrypto as crypto } from "../../agent/node/crypto.ts";
import { signOpening } from "../../protocols/access/stay.ts";
import { DAY, HOUR, MONDAY_8H } from "../../protocols/access/testing/kit.ts";
import { openFact } from "../../protocols/contract/facts.ts";
import { CLOSED, OPENED, REFUSED } from "../../protocols/contract/templates/fact-kinds.ts";
import { rentalTerms } from "../../protocols/contract/templates/rental.ts";
import { encodeTerms, termsId } from "../../protocols/contract/terms.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { agentId, publicKeyFromId } from "../../protocols/identity/keys.ts";
import { openEntry, signEntry } from "../../protocols/ledger/entry.ts";
import type { VerifiedReceipt } from "../../protocols/ledger/receipt.ts";
import type { DeviceContext, DeviceEffect } from "../device.ts";
import { ana, answers, bo, bolts, CONFIG, Door, olga } from "./testing/door.ts";
import type { Answer, Person, Session } from "./testing/door.ts";

const ARRIVAL = MONDAY_8H + 2 * DAY;
const DEPARTURE = ARRIVAL + 2 * DAY;
const CURRENCY = `EUR.${"0".repeat(16)}`;
const NOT_CERTIFIED = new Uint8Array([0]);

/** A lock that Olga owns and has let to Ana. */
class Rented extends Door {
  readonly terms: Uint8Array;
  readonly id: Uint8Array;
  #seq = 0;
  #label = "booked";
  #kind: "deposit" | "facts" | "expire" | "choice" = "deposit";

  constructor() {
    super({ ...CONFIG, keepsTime: true });
    this.sense("door-open", false);
    this.sense("bolt-locked", true);
    this.pair(olga);
    const partyOf = ({ signer, root }: Person) => ({ identity: signer.publicKey, account: root.publicKey });
    const host = partyOf(olga);
    this.terms = encodeTerms(
      rentalTerms({
        ...{ network: "village", nonce: new Uint8Array(16).fill(1), currency: CURRENCY },
        ...{ guest: partyOf(ana), host, lock: { ...host, identity: this.self }, place: "a", address: "b" },
        ...{ offeredAtMs: MONDAY_8H, signByMs: MONDAY_8H + HOUR, cancelByMs: MONDAY_8H + DAY },
        ...{ arrivalMs: ARRIVAL, departureMs: DEPARTURE, priceMinor: 100n, depositMinor: 50n },
      }),
    );
    this.id = termsId(crypto, this.terms);
    this.effects.length = 0;
  }

  get self(): Uint8Array {
    return publicKeyFromId(super.context.self);
  }

  /** The notaries have certified this; the lock's context believes the receipt [1]. */
  override get context(): DeviceContext {
    return { ...super.context, verifyReceipt: (bytes) => this.#receipt(bytes) };
  }

  #receipt(bytes: Uint8Array): VerifiedReceipt {
    const certified = bytes[0] === 1;
    const frame = { network: "village", zone: "main", nonce: new Uint8Array(16).fill(this.#seq) };
    const window = { notBefore: this.now, notAfter: this.now + HOUR };
    const termsOf = certified ? this.id : new Uint8Array(32);
    const body = { kind: "choice", termsId: termsOf, name: "x", value: 1n } as const;
    const entry = openEntry(crypto, signEntry(crypto, olga.signer, { ...frame, ...window }, body).bytes);
    const transition = {
      termsId: termsOf,
      seq: this.#seq,
      label: this.#label,
      closed: this.#label === "closed",
    };
    const result = { kind: "choice" as const, ...transition, payments: [] };
    return { entry, kind: this.#kind, outcome: "ok", result } as unknown as VerifiedReceipt;
  }

  /** The contract has moved; the lock hears of it if it is online. */
  moved(
    label: string,
    kind: "deposit" | "facts" | "expire" | "choice" = "expire",
    online = false,
  ): DeviceEffect[] {
    this.#seq += 1;
    this.#label = label;
    this.#kind = kind;
    const bytes = new Uint8Array([1]);
    return online ? this.post({ kind: "receipt", receipt: this.#receipt(bytes), bytes }) : [];
  }

  show(session: Session, receipt = new Uint8Array([1])): Answer | undefined {
    return answers(this.say(session, "lock-stay", { terms: this.terms, receipt })).at(-1);
  }

  opens(session: Session, opened?: Uint8Array, changes = {}): { answer: Answer; effects: DeviceEffect[] } {
    const said = opened === undefined ? {} : { opened };
    const effects = this.ask(session, { ...said, changes: { key: this.id, ...changes } });
    return { answer: answers(effects).at(-1)!, effects };
  }

  word(session: Session, who: Person = ana, id = this.id, atMs = this.now): Uint8Array {
    return signOpening(who.signer, id, session.hash, atMs);
  }
}

/** Ana has shown the contract, and it is time. */
function atArrival(): { door: Rented; session: Session } {
  const door = new Rented();
  door.moved("may-open");
  door.now = ARRIVAL;
  const session = door.open(ana);
  expect(door.show(session)?.code).toBeNull();
  return { door, session };
}

/** Ana is in. */
function stayed(): { door: Rented; session: Session } {
  const { door, session } = atArrival();
  expect(door.opens(session, door.word(session)).answer.code).toBeNull();
  return { door, session };
}

const submitted = (effects: readonly DeviceEffect[]): string[] =>
  effects.flatMap((effect) => (effect.kind === "submit" ? [effect.entry.body.kind] : []));

describe("a contract at the door", () => {
  it("opens once the guest has signed, gives the lock's word on the same, and hands both in", () => {
    const { door, session } = atArrival();
    const word = door.word(session);
    const { answer, effects } = door.opens(session, word);
    expect(bolts(effects)).toEqual(["unlocked"]);
    const fact = openFact(crypto, answer.fact!);
    expect(agentId(fact.signer)).toBe(door.context.self);
    expect(fact).toMatchObject({ kind: OPENED, body: openFact(crypto, word).body });
    expect(submitted(effects)).toEqual(["facts"]);
    const again = door.opens(session);
    expect(again.answer.code).toBeNull();
    expect(submitted(again.effects)).toEqual([]);
    const line = door.state.audit.at(-1);
    expect(line).toMatchObject({ who: ana.id, what: "request", code: null });
    expect(toHex(line!.key!)).toBe(toHex(door.id));
  });

  it("opens for nobody without the guest's own word on this session, contract and time", () => {
    const { door, session } = atArrival();
    const other = door.open(ana);
    const words = [
      undefined,
      door.word(other),
      door.word(session, bo),
      door.word(session, ana, new Uint8Array(32)),
      door.word(session, ana, door.id, door.now - HOUR),
      new Uint8Array(40),
    ];
    for (const word of words) {
      const { answer, effects } = door.opens(session, word);
      expect(answer.code).not.toBeNull();
      expect(answer.fact).toBeNull();
      expect(bolts(effects)).toEqual([]);
      // Patience with the guest ends, too.
      door.now += HOUR;
    }
    expect(door.state.stays[0]?.opening).toBeNull();
  });

  it("is another's, of another lock, or not certified: nothing", () => {
    const door = new Rented();
    door.moved("may-open");
    expect(door.show(door.open(bo))?.code).toBe("key-not-holder");
    expect(door.show(door.open(ana), NOT_CERTIFIED)?.code).toBe("receipt-invalid");
    expect(door.state.stays).toEqual([]);
    const elsewhere = door.open(bo);
    expect(door.opens(elsewhere).answer.code).toBe("right-missing");
  });

  it("lets nobody in early, and signs that only once the label lets in", () => {
    const door = new Rented();
    door.moved("booked", "deposit");
    const session = door.open(ana);
    door.show(session);
    expect(door.opens(session, door.word(session)).answer).toMatchObject({ code: "key-not-yet", fact: null });
    door.moved("may-open");
    door.show(session);
    const { answer } = door.opens(session, door.word(session));
    expect(answer.code).toBe("key-not-yet");
    expect(openFact(crypto, answer.fact!)).toMatchObject({ kind: REFUSED, timeMs: door.now });
  });

  it("signs no refusal that the guest brings about", () => {
    const { door, session } = atArrival();
    const wrong = [
      { action: "unlock" as const },
      { target: "light", action: "on" as const },
      { tenure: new Uint8Array(16) },
      { session: new Uint8Array(32) },
    ];
    for (const changes of wrong) {
      const { answer } = door.opens(session, door.word(session), changes);
      expect(answer.code).not.toBeNull();
      expect(answer.fact).toBeNull();
      door.now += HOUR;
    }
  });

  it("that the host revokes is refused, signed: the guest can show it", () => {
    const { door, session } = atArrival();
    const order = door.order(olga.signer, { kind: "revoke", keys: [{ id: door.id, untilMs: null }] });
    door.say(door.open(olga), "lock-order", { order });
    const { answer, effects } = door.opens(session, door.word(session));
    expect(answer.code).toBe("key-revoked");
    expect(openFact(crypto, answer.fact!)).toMatchObject({ kind: REFUSED });
    expect(bolts(effects)).toEqual([]);
  });
});

describe("the departure", () => {
  it("is stamped when the door is shut after it, once, and then the contract opens nothing", () => {
    const { door, session } = stayed();
    door.moved("may-open", "facts", true);
    door.now = DEPARTURE - HOUR;
    door.sense("door-open", true);
    door.wait(2 * HOUR);
    expect(door.state.stays[0]?.departure).toBeNull();
    const effects = door.sense("door-open", false);
    expect(submitted(effects)).toEqual(["facts"]);
    expect(openFact(crypto, door.state.stays[0]!.departure!)).toMatchObject({
      kind: CLOSED,
      timeMs: door.now,
    });
    expect(door.opens(session).answer).toMatchObject({ code: "contract-closed", fact: null });
    expect(submitted(door.sense("door-open", true))).toEqual([]);
  });

  it("comes by itself while the door is shut, and waits for the opening to be certified", () => {
    const { door } = stayed();
    door.now = DEPARTURE - HOUR;
    const effects = door.wait(2 * HOUR);
    expect(door.state.stays[0]?.departure).not.toBeNull();
    // The notaries do not know of the opening yet: that is handed in again first.
    expect(submitted(effects).length).toBeGreaterThan(0);
    const after = door.moved("may-open", "facts", true);
    expect(submitted(after)).toEqual(["facts"]);
    expect(submitted(door.moved("checkout", "facts", true))).toEqual([]);
  });

  it("survives a restart: what the notaries lack is handed in again", () => {
    const { door } = stayed();
    expect(submitted(door.restart())).toEqual(["facts"]);
    door.moved("may-open", "facts", true);
    expect(submitted(door.restart())).toEqual([]);
  });
});

describe("a guest's guest", () => {
  it("is let in only after the guest has come, for as long, and by the door alone", () => {
    const { door, session } = atArrival();
    const rights = [{ target: "door", actions: ["open", "unlock"] as const }];
    const windows = [{ fromMs: MONDAY_8H, untilMs: DEPARTURE + DAY }];
    const changes = { holder: { kind: "identity" as const, identity: bo.signer.publicKey }, rights, windows };
    const key = door.key({ ...changes }, ana.signer);
    const visit = door.open(bo);
    const asks = (action: "open" | "unlock" = "open"): string | null =>
      answers(door.ask(visit, { links: [key], action })).at(-1)!.code;
    expect(asks()).toBe("key-not-yet");
    door.opens(session, door.word(session));
    expect(asks()).toBeNull();
    expect(asks("unlock")).toBe("right-missing");
    door.now = DEPARTURE;
    expect(asks()).toBe("contract-closed");
  });
});
