import { describe, expect, it } from "vitest";
import { freshKeyring } from "../../devices/keyring/state.ts";
import { keyring } from "../../devices/keyring/keyring.ts";
import type { DeviceContext } from "../../devices/device.ts";
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
import { stayCommand, StayTaker } from "./rented-stays.ts";

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
