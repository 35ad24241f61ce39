import { describe, expect, it } from "vitest";
import { nodeCrypto as crypto } from "../../agent/node/crypto.ts";
import { ACCESS_SCHEMAS } from "../../protocols/access/messages.ts";
import type { AccessBody } from "../../protocols/access/messages.ts";
import { guestKeyId } from "../../protocols/access/key.ts";
import type { OrderAct } from "../../protocols/access/orders.ts";
import { pairingProof } from "../../protocols/access/pairing.ts";
import { tenureOf } from "../../protocols/access/tenure.ts";
import { decodeMessage, encodeMessage } from "../../protocols/encoding/messages.ts";
import { errorCode } from "../../protocols/errors.ts";
import type { Signer } from "../../protocols/ports.ts";
import type { DeviceEffect } from "../device.ts";
import {
  alertsOf,
  ana,
  answers,
  bo,
  bolts,
  CONFIG,
  Door,
  lastLine,
  lock,
  loggedLines,
  olga,
  otto,
  ownedDoor,
  sam,
  verdict,
} from "./testing/door.ts";
import type { Person, Session } from "./testing/door.ts";

const psk = new Uint8Array(32).fill(1);
const MINUTE = 60_000;

function pairings(effects: readonly DeviceEffect[]): unknown[] {
  return effects.flatMap((one) => (one.kind === "actuate" && one.name === "pairing" ? [one.value] : []));
}

function pairing(door: Door, who: Person, paired = true, card = who.card): string {
  return verdict(door.say(door.open(who, paired), "lock-pair", { card, proof: null }));
}

function ordered(door: Door, signer: Signer, act: OrderAct, by: Session = door.open(sam), number?: number) {
  return verdict(door.say(by, "lock-order", { order: door.order(signer, act, number) }));
}

describe("pairing", () => {
  it("makes the first phone the owner, and burns the secret", () => {
    const door = new Door();
    const begun = door.post({ kind: "command", name: "pair", value: { psk, forMs: MINUTE } });
    expect(pairings(begun)).toEqual([{ psk, untilMs: door.now + MINUTE }]);
    const session = door.open(olga, true);
    const effects = door.say(session, "lock-pair", { card: olga.card, proof: null });
    expect(pairings(effects)).toEqual([null]);
    expect(effects).toContainEqual({ kind: "meet", card: olga.card });
    const tenure = tenureOf(crypto, session.hash);
    expect(answers(effects)[0]).toMatchObject({ code: null, state: { tenure } });
    expect(door.state.owners.map(({ id }) => id)).toEqual([olga.id]);
    expect(lastLine(door)).toMatchObject({ what: "pair", who: olga.id, code: null });
    expect(bolts(door.ask(session))).toEqual(["unlocked"]);
    // The answer was lost: it comes again, and nothing else.
    const again = door.say(session, "lock-pair", { card: olga.card, proof: null });
    expect([verdict(again), loggedLines(again)]).toEqual(["done", 0]);
    // The secret is of no more use.
    expect(pairing(door, sam)).toBe("peer-refused");
  });

  it("is not burnt by strangers' failures, and ends with its minutes", () => {
    const door = new Door();
    door.post({ kind: "command", name: "pair", value: { psk, forMs: MINUTE } });
    expect(pairing(door, sam, false)).toBe("peer-refused");
    expect(pairing(door, bo, true, sam.card)).toBe("card-invalid");
    expect(pairing(door, bo, true, sam.card.slice(1))).toBe("card-invalid");
    for (let attempt = 0; attempt < 30; attempt++)
      door.post({ kind: "session-refused", code: "noise-failed" });
    door.wait(MINUTE - 1);
    expect(door.state.pairing).not.toBeNull();
    expect(pairings(door.wait(1))).toEqual([null]);
    expect(pairing(door, olga)).toBe("pairing-expired");
    expect(door.state.owners).toEqual([]);
    door.post({ kind: "command", name: "pair", value: { psk } });
    expect(pairing(door, olga)).toBe("done");
  });

  it("takes over the network only who proves the code, with this very card", () => {
    const door = new Door();
    const sent = (who: Person, card: Uint8Array, proof: Uint8Array | null): string =>
      verdict(
        door.post({ kind: "message", from: who.id, type: "lock-pair", body: encodeMessage({ card, proof }) }),
      );
    const proof = (card: Uint8Array, secret = psk): Uint8Array =>
      pairingProof(crypto, secret, lock.publicKey, card);
    expect(sent(olga, olga.card, proof(olga.card))).toBe("pairing-expired");
    door.post({ kind: "command", name: "pair", value: { psk, forMs: MINUTE } });
    expect(sent(sam, sam.card, null)).toBe("peer-refused");
    expect(sent(sam, sam.card, proof(sam.card, new Uint8Array(32)))).toBe("peer-refused");
    expect(sent(bo, sam.card, proof(sam.card))).toBe("card-invalid");
    expect(sent(sam, sam.card, proof(olga.card))).toBe("peer-refused");
    expect(door.state.pairing).not.toBeNull();
    expect(sent(olga, olga.card, proof(olga.card))).toBe("done");
    expect(door.state.tenure).toEqual(tenureOf(crypto, proof(olga.card)));
    // The answer was lost; and for anybody else the code is used.
    expect(sent(olga, olga.card, proof(olga.card))).toBe("done");
    expect(sent(ana, ana.card, proof(ana.card))).toBe("peer-refused");
    expect(door.state.owners.map(({ id }) => id)).toEqual([olga.id]);
  });

  it("goes on after a restart, not beyond its minutes by a clock that was set back", () => {
    const door = new Door();
    door.post({ kind: "command", name: "pair", value: { psk, forMs: MINUTE } });
    const { now } = door;
    door.now += MINUTE / 2;
    expect(pairings(door.restart())).toEqual([{ psk, untilMs: now + MINUTE }]);
    door.now = 0;
    expect(pairings(door.restart())).toEqual([{ psk, untilMs: MINUTE }]);
    door.now = now;
    expect(pairing(door, olga)).toBe("pairing-expired");
  });

  it("is refused for a lock that has an owner, and with a malformed secret", () => {
    const code = (door: Door, value: unknown): string => {
      try {
        door.post({ kind: "command", name: "pair", value });
        return "done";
      } catch (error) {
        return errorCode(error);
      }
    };
    expect(code(ownedDoor(), { psk })).toBe("peer-refused");
    for (const value of [undefined, {}, { psk: new Uint8Array(31) }, { psk, forMs: 0 }, { psk, forMs: 1e12 }])
      expect(code(new Door(), value)).toBe("message-invalid");
  });

  it("opens nothing before it is done, whatever is shown", () => {
    const door = new Door();
    door.sense("clock-known", true);
    expect(verdict(door.ask(door.open(olga)))).toBe("key-foreign");
    expect(verdict(door.ask(door.open(ana), { links: [door.key()] }))).toBe("key-foreign");
    expect(ordered(door, olga.signer, { kind: "add-owner", card: olga.card })).toBe("key-foreign");
    expect(bolts(door.effects)).toEqual([]);
  });
});

describe("owners", () => {
  it("add others, and remove them", () => {
    const door = ownedDoor();
    expect(ordered(door, olga.signer, { kind: "add-owner", card: otto.card })).toBe("done");
    expect(lastLine(door)).toMatchObject({ what: "add-owner", who: olga.id });
    expect(bolts(door.ask(door.open(otto)))).toEqual(["unlocked"]);
    const remove = { kind: "remove-owner", identity: olga.signer.publicKey } as const;
    expect(ordered(door, otto.signer, remove)).toBe("done");
    expect(verdict(door.ask(door.open(olga)))).toBe("right-missing");
    expect(ordered(door, olga.signer, { kind: "add-owner", card: olga.card })).toBe("owner-required");
    const last = { kind: "remove-owner", identity: otto.signer.publicKey } as const;
    expect(ordered(door, otto.signer, last)).toBe("owner-last");
    expect(ordered(door, otto.signer, { ...last, identity: sam.signer.publicKey })).toBe("owner-required");
    expect(door.state.owners.map(({ id }) => id)).toEqual([otto.id]);
  });

  it("lose a phone: the root's words add another and remove the lost one", () => {
    const door = ownedDoor();
    const key = door.key();
    expect(ordered(door, olga.root, { kind: "add-owner", card: otto.card })).toBe("done");
    const lost = { kind: "remove-owner", identity: olga.signer.publicKey } as const;
    expect(ordered(door, olga.root, lost)).toBe("done");
    expect(verdict(door.ask(door.open(olga)))).toBe("right-missing");
    // And what was made with it.
    expect(verdict(door.ask(door.open(ana), { links: [key] }))).toBe("key-foreign");
    expect(ordered(door, olga.root, { kind: "add-owner", card: olga.card })).toBe("owner-required");
  });

  it("are ordered by nobody else, and by no order twice", () => {
    const door = ownedDoor();
    const add = { kind: "add-owner", card: bo.card } as const;
    expect(ordered(door, sam.signer, add)).toBe("owner-required");
    expect(ordered(door, sam.root, add)).toBe("owner-required");
    expect(ordered(door, olga.signer, { ...add, card: bo.card.slice(1) })).toBe("card-invalid");
    const order = door.order(olga.signer, add);
    const by = door.open(olga);
    expect(verdict(door.say(by, "lock-order", { order }))).toBe("done");
    const remove = { kind: "remove-owner", identity: bo.signer.publicKey } as const;
    expect(ordered(door, olga.signer, remove)).toBe("done");
    expect(verdict(door.say(by, "lock-order", { order }))).toBe("message-replayed");
    expect(door.state.owners.map(({ id }) => id)).toEqual([olga.id]);
  });

  it("revoke keys although the order was overtaken", () => {
    const door = ownedDoor();
    const key = door.key();
    const revoke = { kind: "revoke", keys: [{ id: guestKeyId(crypto, key.key), untilMs: null }] } as const;
    const early = door.order(olga.signer, revoke, 3);
    expect(ordered(door, olga.signer, { kind: "add-owner", card: bo.card }, door.open(sam), 4)).toBe("done");
    expect(verdict(door.say(door.open(sam), "lock-order", { order: early }))).toBe("done");
    expect(verdict(door.ask(door.open(ana), { links: [key] }))).toBe("key-revoked");
    expect(ordered(door, olga.signer, { kind: "add-owner", card: otto.card }, door.open(sam), 4)).toBe(
      "message-replayed",
    );
  });

  it("are at most sixteen", () => {
    const door = ownedDoor();
    const owner = door.state.owners[0]!;
    const others = Array.from({ length: 15 }, (_, index) => {
      return { ...owner, id: `other-${index}`, identity: new Uint8Array(32).fill(index) };
    });
    door.state = { ...door.state, owners: [owner, ...others] };
    expect(ordered(door, olga.signer, { kind: "add-owner", card: bo.card })).toBe("lock-full");
    // Who is one already may get a new card.
    expect(ordered(door, olga.signer, { kind: "add-owner", card: olga.card })).toBe("done");
  });

  it("read the log page by page, and nobody else does", () => {
    const door = ownedDoor();
    const session = door.open(olga);
    for (let tap = 0; tap < 30; tap++) door.ask(session, { target: "light", action: "on" });
    const page = (from: number): AccessBody<"lock-log"> => {
      const [said] = door.say(session, "lock-audit", { nonce: new Uint8Array(16), from });
      if (said?.kind !== "say") throw new Error("no answer");
      return ACCESS_SCHEMAS["lock-log"].parse(decodeMessage(encodeMessage(said.body)));
    };
    const first = page(0);
    const second = page(first.next!);
    expect([...first.entries, ...second.entries].map(({ number }) => number)).toEqual(
      Array.from({ length: 31 }, (_, index) => index + 1),
    );
    expect(second.next).toBeNull();
    const asked = { nonce: new Uint8Array(16), from: 0 };
    expect(verdict(door.say(door.open(ana), "lock-audit", asked))).toBe("owner-required");
  });

  it("and guests are told how the lock stands, strangers are not", () => {
    const door = ownedDoor();
    const asked = { nonce: new Uint8Array(16).fill(3) };
    const status = (who: Person) => answers(door.say(door.open(who), "lock-status", asked))[0]!;
    expect(status(olga).state).toEqual({
      tenure: door.state.tenure,
      timeMs: door.now,
      isTimeKnown: true,
      isLocked: true,
      batteryPermille: null,
      isOpen: false,
      targets: [
        { name: "door", role: "bolt", actions: ["open", "lock", "unlock"] },
        { name: "shutter", role: "shutter", actions: ["open", "close"] },
        { name: "light", role: "light", actions: ["on", "off"] },
      ],
    });
    expect(status(ana)).toMatchObject({ code: "right-missing", state: null });
    door.ask(door.open(ana), { links: [door.key()] });
    expect(status(ana).state).not.toBeNull();
  });
});

describe("handed over", () => {
  it("the lock forgets all that was before, and takes nothing of it again", () => {
    const door = ownedDoor();
    const key = door.key();
    const add = door.order(olga.signer, { kind: "add-owner", card: sam.card }, 1_000);
    door.ask(door.open(ana), { links: [key] });
    const before = door.state.tenure;
    expect(ordered(door, olga.signer, { kind: "hand-over", card: otto.card })).toBe("done");
    expect(door.state.owners.map(({ id }) => id)).toEqual([otto.id]);
    expect(door.state.tenure).not.toEqual(before);
    expect(door.state.keys).toEqual([]);
    // The new owner sees only what comes now.
    expect(door.state.audit.map(({ what }) => what)).toEqual(["hand-over"]);
    expect(verdict(door.ask(door.open(ana), { links: [key] }))).toBe("key-foreign");
    expect(verdict(door.ask(door.open(olga)))).toBe("right-missing");
    expect(verdict(door.say(door.open(sam), "lock-order", { order: add }))).toBe("key-foreign");
    expect(verdict(door.ask(door.open(otto)))).toBe("done");
    // Olga again: her old keys and orders stay worthless.
    expect(ordered(door, otto.signer, { kind: "hand-over", card: olga.card })).toBe("done");
    expect(verdict(door.ask(door.open(ana), { links: [key] }))).toBe("key-foreign");
    expect(verdict(door.say(door.open(sam), "lock-order", { order: add }))).toBe("key-foreign");
  });
});

describe("the button", () => {
  it("held so long as it takes erases everything, and those who owned it are told", () => {
    const door = ownedDoor();
    const key = door.key();
    door.sense("button", true);
    door.wait(9_999);
    expect(door.state.owners).toHaveLength(1);
    const effects = door.wait(1);
    expect(effects).toContainEqual({ kind: "actuate", name: "erase", value: null });
    expect(alertsOf(effects)).toEqual([`reset ${olga.id}`]);
    expect(bolts(effects)).toEqual([]);
    expect(door.state).toMatchObject({ owners: [], tenure: null, keys: [], revoked: [], audit: [] });
    expect(verdict(door.ask(door.open(olga)))).toBe("key-foreign");
    door.pair();
    expect(verdict(door.ask(door.open(olga)))).toBe("done");
    expect(verdict(door.ask(door.open(ana), { links: [key] }))).toBe("key-foreign");
  });

  it("released, pressed again, or held over a restart erases nothing", () => {
    const door = ownedDoor();
    door.sense("button", true);
    door.wait(9_000);
    door.sense("button", false);
    door.sense("button", true);
    door.wait(9_000);
    expect(door.state.owners).toHaveLength(1);
    door.restart();
    door.wait(60_000);
    expect(door.state.owners).toHaveLength(1);
    // A timer that came from before.
    door.sense("button", true);
    door.post({ kind: "timer", name: "reset" });
    expect(door.state.owners).toHaveLength(1);
  });

  it("counts from now when the clock is put right, and is nothing where there is none", () => {
    const door = ownedDoor();
    door.sense("button", true);
    door.timers.clear();
    door.now += 1e9;
    door.post({ kind: "time-corrected" });
    door.wait(9_999);
    expect(door.state.owners).toHaveLength(1);
    door.wait(1);
    expect(door.state.owners).toHaveLength(0);
    const plain = ownedDoor({ ...CONFIG, resetHoldMs: null });
    plain.sense("button", true);
    plain.wait(1e6);
    expect(plain.state.owners).toHaveLength(1);
  });
});

describe("what is remembered", () => {
  it("has its bounds: sessions, the log, and who passes on a key without end", () => {
    const door = ownedDoor();
    for (let count = 0; count < 40; count++) door.open(olga);
    expect(door.state.sessions).toHaveLength(32);
    const session = door.open(olga);
    for (let count = 0; count < 60; count++) door.ask(session, { target: "light", action: "on" });
    for (let count = 0; count < 60; count++) door.ask(door.open(olga), { target: "light", action: "on" });
    expect(door.state.audit).toHaveLength(100);
    const whole = door.key({ depth: 1 });
    const holder = { kind: "identity", identity: bo.signer.publicKey } as const;
    const codes = Array.from({ length: 40 }, (_, index) => {
      const nonce = new Uint8Array(16).fill(index);
      const part = door.key({ parent: guestKeyId(crypto, whole.key), holder, uses: 1, nonce }, ana.signer);
      return verdict(door.ask(door.open(bo), { links: [whole, part] }));
    });
    expect(codes.filter((code) => code === "done")).toHaveLength(31);
    expect(codes).toContain("lock-full");
    // Others have room.
    expect(verdict(door.ask(door.open(ana), { links: [door.key({ uses: 1 })] }))).toBe("done");
  });

  it("is tidied when its time has surely passed, and only then", () => {
    const door = ownedDoor();
    const key = door.key({ uses: 1 });
    door.ask(door.open(ana), { links: [key] });
    const id = guestKeyId(crypto, key.key);
    ordered(door, olga.signer, { kind: "revoke", keys: [{ id, untilMs: door.now + 1 }] });
    door.now += 30 * 24 * 60 * MINUTE;
    door.restart();
    door.ask(door.open(olga));
    expect([door.state.keys.length, door.state.revoked.length]).toEqual([1, 1]);
    door.sense("clock-known", true);
    door.ask(door.open(olga));
    expect([door.state.keys, door.state.revoked]).toEqual([[], []]);
  });
});
