import { describe, expect, it } from "vitest";
import { nodeCrypto as crypto } from "../../agent/node/crypto.ts";
import { openRequest } from "../../protocols/access/command.ts";
import { guestKeyId, signClaim } from "../../protocols/access/key.ts";
import type { GuestKey } from "../../protocols/access/key.ts";
import type { Link } from "../../protocols/access/chain.ts";
import { signRefresh } from "../../protocols/access/orders.ts";
import { DAY, HOUR, link, MONDAY_8H, person } from "../../protocols/access/testing/kit.ts";
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import {
  ana,
  answers,
  asked,
  bo,
  bolts,
  CONFIG,
  lastLine,
  loggedLines,
  olga,
  ownedDoor,
  sam,
  verdict,
} from "./testing/door.ts";
import type { Door, Person } from "./testing/door.ts";

const MINUTE = 60_000;

describe("an owner", () => {
  it("opens: a pulse, an answer, a line in the log with what the phone signed", () => {
    const door = ownedDoor();
    const session = door.open(olga);
    const effects = door.ask(session);
    expect(effects.map(({ kind }) => kind)).toEqual([
      "actuate",
      "timer",
      "timer",
      "say",
      "record",
      "progress",
    ]);
    expect(effects[0]).toEqual({ kind: "actuate", name: "bolt", value: { to: "unlocked", pulseMs: 500 } });
    expect(answers(effects)[0]).toMatchObject({ code: null, state: { isLocked: true, isOpen: false } });
    const record = effects.find((one) => one.kind === "record")!;
    const evidence = record.kind === "record" ? record.records[1]!.vd! : new Uint8Array(0);
    expect(openRequest(crypto, evidence)).toMatchObject({ signer: olga.signer.publicKey });
    expect(lastLine(door)).toEqual({
      number: 2,
      timeMs: door.now,
      isTimeKnown: true,
      who: olga.id,
      name: "",
      what: "request",
      target: "door",
      action: "open",
      key: null,
      code: null,
      evidence: crypto.sha256(evidence),
    });
  });

  it("opens although nobody knows the time", () => {
    const door = ownedDoor();
    door.now = 1_000;
    door.restart();
    expect(bolts(door.ask(door.open(olga)))).toEqual(["unlocked"]);
    expect(lastLine(door)).toMatchObject({ timeMs: 1_000, isTimeKnown: false });
  });

  it("moves shutters and lights, and nothing that is not there or cannot do it", () => {
    const door = ownedDoor();
    const session = door.open(olga);
    const [moved] = door.ask(session, { target: "shutter", action: "close" });
    expect(moved).toEqual({
      kind: "actuate",
      name: "shutter-relay",
      value: { action: "close", pulseMs: 20_000 },
    });
    expect(verdict(door.ask(session, { target: "light", action: "on" }))).toBe("done");
    for (const asking of [
      { target: "light", action: "open" },
      { target: "window", action: "open" },
      { target: "constructor", action: "open" },
      { target: "door", action: "close" },
    ] as const) {
      const effects = door.ask(session, asking);
      expect([asking, verdict(effects)]).toEqual([asking, "action-unknown"]);
      expect(effects.some(({ kind }) => kind === "actuate")).toBe(false);
    }
  });
});

describe("one tap", () => {
  it("pulses once, however often it is said in its session", () => {
    const door = ownedDoor();
    const session = door.open(olga);
    const body = door.requested(session, olga);
    expect(bolts(door.say(session, "lock-request", body))).toEqual(["unlocked"]);
    const again = door.say(session, "lock-request", body);
    expect([bolts(again), verdict(again), loggedLines(again)]).toEqual([[], "done", 0]);
    // A refusal stays one, too: the answer to one tap does not change.
    const refused = door.requested(session, olga, { target: "window" });
    expect(verdict(door.say(session, "lock-request", refused))).toBe("action-unknown");
    expect(verdict(door.say(session, "lock-request", refused))).toBe("action-unknown");
  });

  it("is worth nothing in another session, later or after a restart: a recording opens nothing", () => {
    const door = ownedDoor();
    const body = door.requested(door.open(olga), olga);
    expect(verdict(door.say(door.open(olga), "lock-request", body))).toBe("request-stale");
    // The thief's own session, with the owner's words.
    expect(verdict(door.say(door.open(sam), "lock-request", body))).toBe("request-stale");
    door.restart();
    const later = door.say(door.open(olga), "lock-request", body);
    expect([verdict(later), bolts(later)]).toEqual(["request-stale", []]);
  });

  it("is lost with a crash before the journal, and not done again after one", () => {
    const door = ownedDoor();
    const key = door.key({ uses: 1 });
    const session = door.open(ana);
    const body = door.requested(session, ana, { links: [key] });
    const before = door.state;
    expect(bolts(door.say(session, "lock-request", body))).toEqual(["unlocked"]);
    const after = door.state;
    // The step was not durable: nothing has moved, and nothing is used up.
    door.state = before;
    expect(bolts(door.restart())).toEqual([]);
    door.sense("clock-known", true);
    expect(door.say(session, "lock-request", body)).toEqual([]);
    expect(verdict(door.ask(door.open(ana), { links: [key] }))).toBe("done");
    // It was durable: the start does not open, and the use is gone.
    door.state = after;
    expect(bolts(door.restart())).toEqual([]);
    door.sense("clock-known", true);
    expect(door.say(session, "lock-request", body)).toEqual([]);
    expect(verdict(door.ask(door.open(ana), { links: [key] }))).toBe("key-used-up");
  });

  it("is refused from a session that was never opened, or is closed", () => {
    const door = ownedDoor();
    const session = door.open(olga);
    door.post({ kind: "session-closed", session: session.id, peer: olga.id });
    expect(door.ask(session)).toEqual([]);
    const posing = { ...door.open(sam), who: olga };
    expect(door.ask(posing)).toEqual([]);
  });

  it("has a bound in each session", () => {
    const door = ownedDoor();
    const session = door.open(olga);
    const light = { target: "light", action: "on" } as const;
    for (let tap = 0; tap < 64; tap++) expect(verdict(door.ask(session, light))).toBe("done");
    expect(verdict(door.ask(session, light))).toBe("session-limit");
    expect(verdict(door.ask(door.open(olga), light))).toBe("done");
  });
});

describe("a guest", () => {
  const refusals: [string, Partial<GuestKey>, ((door: Door) => void)?][] = [
    ["done", {}],
    ["key-not-yet", { windows: [{ fromMs: MONDAY_8H + 1, untilMs: MONDAY_8H + 2 }] }],
    ["key-expired", { windows: [{ fromMs: 1, untilMs: MONDAY_8H }] }],
    [
      "key-outside-hours",
      { week: [{ days: 1, fromMinute: 0, toMinute: 480 }], offsets: [{ fromMs: 0, minutes: 0 }] },
    ],
    ["key-stale", { refreshMs: HOUR, issuedMs: MONDAY_8H - HOUR }],
    ["right-missing", { rights: [{ target: "light", actions: ["on"] }] }],
    ["right-missing", { rights: [{ target: "door", actions: ["lock"] }] }],
    ["key-not-holder", { holder: { kind: "identity", identity: bo.signer.publicKey } }],
    ["key-foreign", { lock: person(9).publicKey }],
    ["key-foreign", { tenure: new Uint8Array(16) }],
    ["time-unknown", {}, (door) => door.restart()],
    [
      "key-foreign",
      {},
      (door) => {
        const session = door.open(olga);
        door.say(session, "lock-order", {
          order: door.order(olga.signer, { kind: "add-owner", card: bo.card }),
        });
        const remove = { kind: "remove-owner", identity: olga.signer.publicKey } as const;
        door.say(session, "lock-order", { order: door.order(bo.signer, remove) });
      },
    ],
  ];

  it.each(refusals)("%s: %o", (expected, changes, prepare) => {
    const door = ownedDoor();
    const key = door.key(changes);
    prepare?.(door);
    const effects = door.ask(door.open(ana), { links: [key] });
    expect(verdict(effects)).toBe(expected);
    expect(bolts(effects)).toEqual(expected === "done" ? ["unlocked"] : []);
    expect(lastLine(door)).toMatchObject({
      who: ana.id,
      what: "request",
      code: expected === "done" ? null : expected,
      key: guestKeyId(crypto, key.key),
    });
    expect(loggedLines(effects)).toBe(1);
  });

  it("is refused without a key, with another than it signed for, and with one of its own making", () => {
    const door = ownedDoor();
    expect(asked(door, ana, [])).toBe("right-missing");
    const [one, other] = [door.key(), door.key({ nonce: new Uint8Array(16) })];
    expect(asked(door, ana, [one], { changes: { key: guestKeyId(crypto, other.key) } })).toBe(
      "request-stale",
    );
    expect(asked(door, sam, [door.key({}, sam.signer)])).toBe("key-foreign");
    expect(asked(door, bo, [{ key: one.key.slice(1), claim: null }])).toBe("guest-key-invalid");
  });

  it("opens so often as the key says, and no more after a restart", () => {
    const door = ownedDoor();
    const key = door.key({ uses: 2 });
    expect(asked(door, ana, [key])).toBe("done");
    door.restart();
    door.sense("clock-known", true);
    expect(asked(door, ana, [key])).toBe("done");
    expect(asked(door, ana, [key])).toBe("key-used-up");
    // What was refused used nothing up.
    expect(door.state.keys.map(({ uses }) => uses)).toEqual([2]);
  });

  it("uses up the whole with each part that was passed on", () => {
    const door = ownedDoor();
    const whole = door.key({ uses: 2, depth: 1 });
    const parent = guestKeyId(crypto, whole.key);
    const holder = { kind: "identity", identity: bo.signer.publicKey } as const;
    const part = door.key({ parent, holder, uses: 2 }, ana.signer);
    expect(asked(door, bo, [whole, part])).toBe("done");
    expect(asked(door, ana, [whole])).toBe("done");
    expect(asked(door, bo, [whole, part])).toBe("key-used-up");
    expect(asked(door, bo, [part])).toBe("guest-key-invalid");
  });

  it("binds a link to the phone that shows it first", () => {
    const door = ownedDoor();
    const holder = { kind: "link", linkKey: link.publicKey } as const;
    const { key } = door.key({ holder });
    const claimedBy = (who: Person): Link => {
      const claim = signClaim({ key: guestKeyId(crypto, key), identity: who.signer.publicKey }, link);
      return { key, claim };
    };
    const effects = door.say(door.open(ana), "lock-claim", { links: [claimedBy(ana)] });
    expect([verdict(effects), bolts(effects)]).toEqual(["done", []]);
    expect(lastLine(door)).toMatchObject({ what: "claim", who: ana.id, name: "Ana", code: null });
    expect(asked(door, bo, [claimedBy(bo)])).toBe("key-claimed");
    expect(verdict(door.say(door.open(bo), "lock-claim", { links: [claimedBy(bo)] }))).toBe("key-claimed");
    expect(verdict(door.say(door.open(bo), "lock-claim", { links: [claimedBy(ana)] }))).toBe(
      "key-not-holder",
    );
    expect(asked(door, ana, [claimedBy(ana)])).toBe("done");
    // Without a claim beforehand the first use is one.
    const second = door.key({ holder, nonce: new Uint8Array(16).fill(2) });
    const id = guestKeyId(crypto, second.key);
    const claims = [bo, ana].map(({ signer }) => signClaim({ key: id, identity: signer.publicKey }, link));
    expect(asked(door, bo, [{ key: second.key, claim: claims[0]! }])).toBe("done");
    expect(asked(door, ana, [{ key: second.key, claim: claims[1]! }])).toBe("key-claimed");
  });

  it("is let in by an owner's confirmation, not by another's", () => {
    const door = ownedDoor();
    const key = door.key({ refreshMs: HOUR, windows: [] });
    const refresh = {
      lock: person(1).publicKey,
      tenure: door.state.tenure!,
      timeMs: door.now + 2 * HOUR,
      keys: [guestKeyId(crypto, key.key)],
    };
    door.now += 2 * HOUR + MINUTE;
    expect(asked(door, ana, [key])).toBe("key-stale");
    expect(asked(door, ana, [key], { refreshes: [signRefresh(refresh, sam.signer)] })).toBe("key-stale");
    expect(asked(door, ana, [key], { refreshes: [signRefresh(refresh, olga.signer)] })).toBe("done");
  });

  it("is refused from the moment that the revocation reaches the lock, whoever brings it", () => {
    const door = ownedDoor();
    const key = door.key({ depth: 1 });
    const id = guestKeyId(crypto, key.key);
    const holder = { kind: "identity", identity: bo.signer.publicKey } as const;
    const part = door.key({ parent: id, holder }, ana.signer);
    expect(asked(door, bo, [key, part])).toBe("done");
    const order = door.order(olga.signer, { kind: "revoke", keys: [{ id, untilMs: null }] });
    // Over the bus, by a stranger.
    const body = encodeMessage({ order });
    expect(verdict(door.post({ kind: "message", from: sam.id, type: "lock-order", body }))).toBe("done");
    expect(lastLine(door)).toMatchObject({ what: "revoke", who: olga.id, code: null });
    expect(asked(door, ana, [key])).toBe("key-revoked");
    expect(asked(door, bo, [key, part])).toBe("key-revoked");
    door.restart();
    door.sense("clock-known", true);
    expect(asked(door, ana, [key])).toBe("key-revoked");
  });

  it("waits for the time after a loss of power, and does not get in with a clock set back", () => {
    const door = ownedDoor();
    const key = door.key();
    expect(asked(door, ana, [key])).toBe("done");
    door.now = MONDAY_8H + 3 * DAY;
    expect(asked(door, olga, [])).toBe("done");
    expect(asked(door, ana, [key])).toBe("key-expired");
    // The clock stands at the stay again.
    door.now = MONDAY_8H + HOUR;
    door.restart();
    expect(asked(door, ana, [key])).toBe("time-unknown");
    expect(asked(door, olga, [])).toBe("done");
    // Even without a restart.
    door.sense("clock-known", true);
    door.now -= 2 * MINUTE;
    expect(asked(door, ana, [key])).toBe("time-unknown");
    door.now = MONDAY_8H + 3 * DAY;
    door.post({ kind: "time-corrected" });
    expect(asked(door, ana, [key])).toBe("key-expired");
  });

  it("gets in by a clock with a battery, unless that was set back", () => {
    const door = ownedDoor({ ...CONFIG, keepsTime: true });
    const key = door.key();
    door.restart();
    expect(asked(door, ana, [key])).toBe("done");
    door.now += DAY;
    expect(asked(door, olga, [])).toBe("done");
    door.now -= DAY;
    expect(asked(door, ana, [key])).toBe("time-unknown");
  });
});
