import { describe, expect, it } from "vitest";
import { freshKeyring } from "../../devices/keyring/state.ts";
import type { RentedStay } from "../../devices/keyring/state.ts";
import { keyring } from "../../devices/keyring/keyring.ts";
import type { DeviceContext } from "../../devices/device.ts";
import { WALKED_UP } from "../../protocols/access/walk-up.ts";
import { rentalTerms } from "../../protocols/contract/templates/rental.ts";
import { encodeTerms, termsId } from "../../protocols/contract/terms.ts";
import { RENTAL } from "../../protocols/contract/testing/samples.ts";
import type { Negotiation } from "../../protocols/contract/negotiation-state.ts";
import { blank } from "../../protocols/contract/negotiation-state.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { systemClock } from "../node/crypto.ts";
import { nodeCrypto as crypto } from "../node/crypto.ts";
import { NETWORK, somebody } from "../../test/support/agents.ts";
import type { Somebody } from "../../test/support/agents.ts";
import { stayCommand, StayTaker, tellStays } from "./rented-stays.ts";

const [host, lock, guest] = ["host", "lock", "guest"].map((name) => somebody(name)) as [
  Somebody,
  Somebody,
  Somebody,
];
const party = ({ keys, root }: Somebody) => ({ identity: keys.signer.publicKey, account: root.publicKey });

function rental(place: string, isOpened: boolean): Negotiation {
  const terms = rentalTerms({
    ...{ ...RENTAL, network: NETWORK, guest: party(guest), host: party(host), place },
    lock: { ...party(lock), account: host.root.publicKey },
  });
  const bytes = encodeTerms(terms);
  const origin = { from: host.id, replaces: null, note: "", params: "", heardMs: 0 };
  return { ...blank(termsId(crypto, bytes), bytes, terms, origin), isOpened };
}

/** A phone's keyring, of which the pure step is the real one. */
class Phone {
  state = freshKeyring();
  readonly shown = new Map<string, Uint8Array>();
  readonly all = new Map<string, Negotiation>();
  readonly taker: StayTaker;
  readonly #who: Somebody;
  taken = 0;

  constructor(who: Somebody, now = RENTAL.arrivalMs) {
    this.#who = who;
    this.taker = new StayTaker({
      ...{ crypto, self: who.id, clock: { ...systemClock, now: () => now }, negotiator: { all: this.all } },
      cardOf: (id) => this.shown.get(id),
    });
  }

  knows(one: Negotiation): void {
    this.all.set(toHex(one.termsId), one);
  }

  look(): string[] {
    this.taker.look({ state: this.state, command: (name, value) => this.#command(name, value) });
    return this.state.locks.map(({ name }) => name);
  }

  #command(name: string, value: unknown): void {
    this.taken += 1;
    const { keys, id } = this.#who;
    const context: DeviceContext = {
      ...{ now: RENTAL.arrivalMs, self: id, signer: keys.signer, crypto, card: keys.card },
      ...{ network: NETWORK, readings: new Map() },
      verifyReceipt: () => {
        throw new Error("no receipts here");
      },
    };
    this.state = keyring.step(this.state, { kind: "command", name, value }, context).state;
  }
}

/** A keyring with stays at these steps, and what it was handed. */
function keyringWith(stays: Pick<RentedStay, "termsId" | "seq" | "phase">[]) {
  const handed: unknown[] = [];
  const state = { ...freshKeyring(), stays: stays as RentedStay[] };
  const command = (name: string, value: unknown): void => void handed.push([name, value]);
  return { state, command, handed };
}

describe("what the notaries have said of it while the keyring was away", () => {
  const [id, other] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const receipt = new Uint8Array([7]);
  /** Of each contract the last that was heard is its third step. */
  const heard = (_id: Uint8Array, seq: number) => (seq < 3 ? { seq: 3, receipt } : undefined);

  it("is handed to it, if it is newer than what it knows", () => {
    const behind = keyringWith([
      { termsId: id, seq: 2, phase: "booked" },
      { termsId: other, seq: 3, phase: "may-open" },
    ]);
    tellStays(behind, heard);
    expect(behind.handed).toEqual([["certified", { receipt }]]);
  });

  it("is handed over once, whatever the keyring makes of it", () => {
    const told = new Map<string, number>();
    const deaf = keyringWith([{ termsId: id, seq: -1, phase: "" }]);
    tellStays(deaf, heard, told);
    tellStays(deaf, heard, told);
    expect(deaf.handed).toHaveLength(1);
  });

  it("is not looked for once the stay is over, nor where no notary has a part", () => {
    const done = keyringWith([
      { termsId: id, seq: 2, phase: "closed" },
      { termsId: other, seq: -1, phase: WALKED_UP },
    ]);
    tellStays(done, () => {
      throw new Error("looked for");
    });
    expect(done.handed).toEqual([]);
  });
});

describe("what a phone has rented", () => {
  it("goes to its keyring once the notaries have opened it and the lock has shown its card", () => {
    const phone = new Phone(guest);
    phone.knows(rental("Lake house", false));
    phone.shown.set(lock.id, lock.keys.card);
    expect(phone.look()).toEqual([]);
    phone.knows(rental("Lake house", true));
    phone.shown.clear();
    expect(phone.look()).toEqual([]);
    phone.shown.set(lock.id, lock.keys.card);
    expect(phone.look()).toEqual(["Lake house"]);
    expect(phone.state.stays.map((one) => one.lock)).toEqual([lock.id]);
  });

  it("is taken once, also by a keyring that was made to forget it", () => {
    const phone = new Phone(guest);
    phone.knows(rental("Lake house", true));
    phone.shown.set(lock.id, lock.keys.card);
    phone.look();
    phone.look();
    phone.state = freshKeyring();
    expect(phone.look()).toEqual([]);
    expect(phone.taken).toBe(1);
  });

  it("is nothing to its host, nor to anybody after the departure", () => {
    for (const phone of [new Phone(host), new Phone(guest, RENTAL.departureMs)]) {
      phone.knows(rental("Lake house", true));
      phone.shown.set(lock.id, lock.keys.card);
      expect(phone.look()).toEqual([]);
    }
  });

  it("has a name that the keyring takes, however long the place's is", () => {
    const phone = new Phone(guest);
    phone.knows(rental("🏡".repeat(100), true));
    phone.shown.set(lock.id, lock.keys.card);
    expect(phone.look()).toEqual(["🏡".repeat(32)]);
  });

  it("is refused by hand with the reason", () => {
    const cardOf = (): Uint8Array | undefined => undefined;
    expect(() => stayCommand(rental("a", true), host.id, cardOf)).toThrow(/no rental in which you/);
    expect(() => stayCommand(rental("a", false), guest.id, cardOf)).toThrow(/not opened/);
    expect(() => stayCommand(rental("a", true), guest.id, cardOf)).toThrow(/not shown its card/);
  });
});
