import { describe, expect, it } from "vitest";
import { nodeCrypto as crypto } from "../../agent/node/crypto.ts";
import { DAY, HOUR, MONDAY_8H, person } from "../../protocols/access/testing/kit.ts";
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import {
  alertsOf,
  ana,
  answers,
  asked,
  bo,
  bolts,
  lastLine,
  loggedLines,
  olga,
  ownedDoor,
  sam,
  verdict,
} from "./testing/door.ts";
import type { Door, Person } from "./testing/door.ts";

const MINUTE = 60_000;

describe("over the bus", () => {
  const light = { target: "light", action: "on" } as const;
  const send = (door: Door, from: Person, body: unknown) =>
    door.post({ kind: "message", from: from.id, type: "lock-request", body: encodeMessage(body) });

  it("the same rights hold, for a short while and once", () => {
    const door = ownedDoor();
    const body = door.requested(null, olga, light);
    const effects = send(door, olga, body);
    expect(verdict(effects)).toBe("done");
    expect(effects.filter(({ kind }) => kind === "actuate")).toHaveLength(1);
    expect(effects.find((one) => one.kind === "send")).toMatchObject({ to: olga.id, durable: false });
    const again = send(door, olga, body);
    expect([verdict(again), again.some(({ kind }) => kind === "actuate")]).toEqual(["done", false]);
    const key = door.key();
    expect(verdict(send(door, ana, door.requested(null, ana, { links: [key] })))).toBe("done");
    expect(verdict(send(door, sam, door.requested(null, sam, light)))).toBe("right-missing");
    expect(lastLine(door)).toMatchObject({ who: sam.id, code: "right-missing" });
  });

  it("nothing is done that was asked long ago, ahead of time, by another, or for a session", () => {
    const door = ownedDoor();
    const late = door.requested(null, olga);
    const refused = (who: Person, body: unknown): string => {
      const effects = send(door, who, body);
      expect(bolts(effects)).toEqual([]);
      return verdict(effects);
    };
    door.now += 30_001;
    expect(refused(olga, late)).toBe("request-stale");
    expect(refused(olga, door.requested(null, olga, { changes: { timeMs: door.now + 30_001 } }))).toBe(
      "request-stale",
    );
    expect(refused(olga, door.requested(door.open(olga), olga))).toBe("request-stale");
    expect(refused(sam, door.requested(null, olga))).toBe("request-stale");
    // And what was asked over the bus is worth nothing in a session.
    const remote = door.requested(null, olga);
    expect(verdict(door.say(door.open(olga), "lock-request", remote))).toBe("request-stale");
    door.restart();
    expect(refused(olga, door.requested(null, olga))).toBe("time-unknown");
  });

  it("one peer cannot keep others out by asking often", () => {
    const door = ownedDoor();
    const key = door.key({ rights: [{ target: "light", actions: ["on"] }] });
    const asks = (): string =>
      verdict(send(door, ana, door.requested(null, ana, { ...light, links: [key] })));
    for (let tap = 0; tap < 64; tap++) expect(asks()).toBe("done");
    expect(asks()).toBe("too-many-attempts");
    expect(verdict(send(door, olga, door.requested(null, olga, light)))).toBe("done");
    door.now += 2 * MINUTE;
    expect(asks()).toBe("done");
  });
});

describe("patience", () => {
  it("grows with each failure of a peer, and ends with time", () => {
    const door = ownedDoor();
    const key = door.key();
    const codes = Array.from({ length: 4 }, () => asked(door, sam, [key]));
    expect(codes).toEqual(Array.from({ length: 4 }, () => "key-not-holder"));
    const [first] = answers(door.ask(door.open(sam), { links: [key] }));
    expect(first).toMatchObject({ code: "too-many-attempts", waitMs: 1_000 });
    door.now += 1_000;
    expect(asked(door, sam, [key])).toBe("key-not-holder");
    const effects = door.ask(door.open(sam), { links: [key] });
    expect(answers(effects)[0]).toMatchObject({ waitMs: 2_000 });
    // Nobody is listened to who has to wait: no log grows by it.
    expect(loggedLines(effects)).toBe(0);
    door.now += 2 * HOUR;
    expect(asked(door, sam, [key])).toBe("key-not-holder");
    expect(asked(door, sam, [key])).toBe("key-not-holder");
  });

  it("is short with a guest who comes early, and forgets with a success", () => {
    const door = ownedDoor();
    const key = door.key({ windows: [{ fromMs: door.now + 10 * MINUTE, untilMs: door.now + HOUR }] });
    for (let tap = 0; tap < 30; tap++) {
      asked(door, ana, [key]);
      door.now += 1_000;
    }
    const [told] = answers(door.ask(door.open(ana), { links: [key] }));
    expect(told!.waitMs).toBeLessThanOrEqual(5_000);
    door.now = MONDAY_8H + 10 * MINUTE;
    expect(asked(door, ana, [key])).toBe("done");
    expect(door.state.failures).toEqual([]);
  });

  it("with strangers in a crowd ends, but not with owners, guests, and who comes with an owner's word", () => {
    const door = ownedDoor();
    const [key, fresh] = [
      door.key(),
      door.key({ holder: { kind: "identity", identity: bo.signer.publicKey } }),
    ];
    expect(asked(door, ana, [key])).toBe("done");
    let alerts: string[] = [];
    const crowd = Array.from({ length: 40 }, (_, index) => {
      const signer = person(40 + index, crypto);
      return { ...sam, signer, id: agentId(signer.publicKey) };
    });
    for (const one of crowd) {
      const effects = door.ask(door.open(one));
      alerts = [...alerts, ...alertsOf(effects)];
    }
    expect(alerts).toEqual([`many-failures ${olga.id}`]);
    expect(asked(door, crowd[39]!, [])).toBe("too-many-attempts");
    expect(asked(door, sam, [door.key({}, sam.signer)])).toBe("too-many-attempts");
    expect(asked(door, olga, [])).toBe("done");
    expect(asked(door, ana, [key])).toBe("done");
    expect(asked(door, bo, [fresh])).toBe("done");
    const order = door.order(olga.root, { kind: "add-owner", card: bo.card });
    expect(verdict(door.say(door.open(crowd[0]!), "lock-order", { order }))).toBe("done");
    expect(door.state.failures.length).toBeLessThanOrEqual(64);
  });

  it("does not outlast a clock that is put right", () => {
    const door = ownedDoor();
    for (let tap = 0; tap < 5; tap++) asked(door, sam, []);
    expect(asked(door, sam, [])).toBe("too-many-attempts");
    door.now -= 365 * DAY;
    expect(asked(door, sam, [])).toBe("right-missing");
  });
});
