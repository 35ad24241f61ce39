import { describe, expect, it } from "vitest";
import { concat, toHex, utf8 } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import { fragment, FRAME } from "./frames.ts";
import { decodeInfo } from "./info.ts";
import { MAX_COMMAND_BYTES, MAX_MESSAGE_BYTES, openAccept, openHello } from "./messages.ts";
import type { SessionRequest } from "./messages.ts";
import { CHALLENGE_LIFETIME_MS, MAX_FAILED_HANDSHAKES } from "./responder.ts";
import type { Verdict } from "./responder.ts";
import * as kit from "./testing/pair.ts";

const {
  command,
  crypto,
  kinds,
  lock,
  makeInitiator,
  makeResponder,
  meet,
  NOW,
  only,
  phone,
  psk,
  purpose,
  talk,
} = kit;

describe("a session", () => {
  it.each([
    ["IK", {}, {}],
    ["IKpsk1", { psk }, { psk }],
  ])("opens by %s: both sides know each other and the same session", (_name, phoneChanges, lockChanges) => {
    const result = utf8("opened");
    const { phoneEvents, lockEvents } = meet(phoneChanges, { ...lockChanges, authorize: () => result });
    expect(kinds(phoneEvents)).toEqual(["open"]);
    expect(kinds(lockEvents)).toEqual(["open"]);
    const atPhone = only(phoneEvents, "open");
    const atLock = only(lockEvents, "open");
    const paired = "psk" in phoneChanges;
    const common = { purpose, command, result, paired, timeMs: NOW, sessionHash: atPhone.sessionHash };
    expect(atPhone.sessionHash.length).toBe(32);
    expect(atPhone).toMatchObject({
      ...common,
      peerIdentity: lock.signer.publicKey,
      peerSessionKey: lock.sessionKey,
    });
    expect(atLock).toMatchObject({
      ...common,
      peerIdentity: phone.signer.publicKey,
      peerSessionKey: phone.sessionKey,
    });
    expect(atLock).not.toHaveProperty("card");
  });

  it("leaves evidence that others can check", () => {
    const { phoneEvents, lockEvents } = meet();
    expect(openHello(crypto, only(lockEvents, "open").evidence)).toMatchObject({
      initiator: phone.signer.publicKey,
      responder: lock.signer.publicKey,
      purpose,
      command,
      timeMs: NOW,
    });
    const { signer, accept } = openAccept(crypto, only(phoneEvents, "open").evidence);
    expect(toHex(signer)).toBe(toHex(lock.signer.publicKey));
    expect(toHex(accept.initiator)).toBe(toHex(phone.signer.publicKey));
  });

  it.each([20, 23, 100, 244, 509])("carries messages both ways in values of %i bytes", (size) => {
    const { initiator, responder, writes, notifications, phoneEvents } = meet(
      { writeSize: size },
      { notifySize: size },
    );
    expect(kinds(phoneEvents)).toEqual(["open"]);
    for (const value of [...writes, ...notifications]) expect(value.length).toBeLessThanOrEqual(size);
    for (const length of [0, 1, 3, 300, 5_000, MAX_MESSAGE_BYTES]) {
      const message = new Uint8Array(length).fill(length & 255);
      const there = talk(initiator, responder, { writes: initiator.send(message) });
      expect(toHex(only(there.lockEvents, "message").bytes)).toBe(toHex(message));
      const back = talk(initiator, responder, { notifications: responder.send(message) });
      expect(toHex(only(back.phoneEvents, "message").bytes)).toBe(toHex(message));
    }
  });

  it("opens a known phone's door with one write and one notification at MTU 517", () => {
    const { writes, notifications } = meet({ writeSize: 514 }, { notifySize: 514 });
    expect([writes.length, notifications.length]).toEqual([1, 1]);
  });

  it("writes no more at once than the device announces", () => {
    const { writes } = meet({ writeSize: 509 }, { notifySize: 23 });
    expect(Math.max(...writes.map((value) => value.length))).toBe(23);
  });

  it("shows the phone's card, and refuses one of other keys or out of date", () => {
    const shown = only(meet({ cardBytes: phone.cardBytes }).lockEvents, "open");
    expect(shown.card).toEqual(phone.card);
    expect(toHex(shown.cardBytes!)).toBe(toHex(phone.cardBytes));

    const foreign = meet({ cardBytes: kit.stranger.cardBytes });
    expect(kinds(foreign.lockEvents)).toEqual(["card-invalid"]);
    expect(kinds(foreign.phoneEvents)).toEqual(["card-invalid", "closed"]);

    const responder = makeResponder();
    const late = phone.card.notAfter;
    const writes = makeInitiator({ cardBytes: phone.cardBytes }).begin(responder.info(late));
    expect(kinds(writes.flatMap((value) => responder.received(value, late).events))).toEqual([
      "card-expired",
    ]);
  });

  it("asks authorize with everything that is proved, and tells the phone its refusal", () => {
    const asked: SessionRequest[] = [];
    const authorize = (request: SessionRequest): Verdict => {
      asked.push(request);
      return "contract-too-early";
    };
    const { phoneEvents, lockEvents, responder, initiator } = meet({}, { authorize });
    expect(asked.length).toBe(1);
    expect(asked[0]).toMatchObject({ peerIdentity: phone.signer.publicKey, purpose, command, paired: false });
    expect(kinds(lockEvents)).toEqual(["contract-too-early"]);
    expect(kinds(phoneEvents)).toEqual(["contract-too-early", "closed"]);
    expect([responder.isOpen, initiator.isOpen]).toEqual([false, false]);
  });

  it("takes a SegmentError of authorize for a refusal, and lets a fault through", () => {
    const refusing = meet(
      {},
      {
        authorize: () => {
          throw new SegmentError("receipt-foreign", "not ours");
        },
      },
    );
    expect(kinds(refusing.phoneEvents)).toEqual(["receipt-foreign", "closed"]);
    const fault = (): Verdict => {
      throw new TypeError("a fault");
    };
    expect(() => meet({}, { authorize: fault })).toThrow(TypeError);
  });
});

describe("further commands", () => {
  const results = new Map([
    ["open", "opened"],
    ["state", "door open"],
  ]);
  const authorize = (request: SessionRequest): Verdict => {
    const result = results.get(new TextDecoder().decode(request.command));
    return result === undefined ? "peer-refused" : utf8(result);
  };

  it("take one write and one notification each, and carry their own evidence", () => {
    const { initiator, responder, lockEvents } = meet({ writeSize: 509 }, { notifySize: 509, authorize });
    const challenges = new Set([toHex(openHello(crypto, only(lockEvents, "open").evidence).challenge)]);
    for (let turn = 1; turn <= 3; turn++) {
      const writes = initiator.command(utf8("state"), NOW + turn);
      const carried = talk(initiator, responder, { writes });
      expect([carried.writes.length, carried.notifications.length]).toEqual([1, 1]);
      expect(toHex(only(carried.phoneEvents, "answer").result)).toBe(toHex(utf8("door open")));
      const { evidence, timeMs } = only(carried.lockEvents, "command");
      expect(timeMs).toBe(NOW + turn);
      const hello = openHello(crypto, evidence);
      expect(hello).toMatchObject({ initiator: phone.signer.publicKey, command: utf8("state"), purpose });
      challenges.add(toHex(hello.challenge));
    }
    expect(challenges.size).toBe(4);
  });

  it("may be refused without ending the session", () => {
    const { initiator, responder } = meet({}, { authorize });
    const refused = talk(initiator, responder, { writes: initiator.command(utf8("dance"), NOW) });
    expect(kinds(refused.phoneEvents)).toEqual(["peer-refused"]);
    expect(kinds(refused.lockEvents)).toEqual(["peer-refused"]);
    const next = talk(initiator, responder, { writes: initiator.command(utf8("open"), NOW) });
    expect(kinds(next.phoneEvents)).toEqual(["answer"]);
  });

  it("wait for one another", () => {
    const { initiator } = meet({}, { authorize });
    initiator.command(utf8("open"), NOW);
    expect(() => initiator.command(utf8("open"), NOW)).toThrow(
      expect.objectContaining({ code: "challenge-stale" }),
    );
  });

  it("are refused once the card shown has expired", () => {
    const { initiator, responder } = meet({ cardBytes: phone.cardBytes }, { authorize });
    const late = phone.card.notAfter;
    const events = initiator
      .command(utf8("open"), late)
      .flatMap((value) => responder.received(value, late).events);
    expect(kinds(events)).toEqual(["card-expired"]);
  });
});

describe("the end of a session", () => {
  it.each(["phone", "lock"])("is told by the %s, and then nothing goes", (who) => {
    const { initiator, responder } = meet();
    const end =
      who === "phone"
        ? talk(initiator, responder, { writes: initiator.close() }).lockEvents
        : talk(initiator, responder, { notifications: responder.close() }).phoneEvents;
    expect(kinds(end)).toEqual(["closed"]);
    const closed = expect.objectContaining({ code: "session-closed" });
    for (const side of [initiator, responder]) {
      expect(side.isOpen).toBe(false);
      expect(() => side.send(command)).toThrow(closed);
      expect(side.close()).toEqual([]);
    }
    expect(() => initiator.command(command, NOW)).toThrow(closed);
    expect(initiator.received(utf8("anything"))).toEqual({ writes: [], events: [] });
    expect(responder.received(utf8("anything"), NOW)).toEqual({ notifications: [], events: [] });
  });

  it("comes at the message limit", () => {
    const { initiator, responder } = meet({ messageLimit: 1 }, { messageLimit: 1 });
    for (const side of [initiator, responder]) {
      expect(side.send(command).length).toBe(1);
      expect(() => side.send(command)).toThrow(expect.objectContaining({ code: "session-limit" }));
      expect(() => side.send(command)).toThrow(expect.objectContaining({ code: "session-closed" }));
    }
  });

  it("comes at the message limit of what is received too", () => {
    const { initiator, responder } = meet({}, { messageLimit: 1 });
    talk(initiator, responder, { writes: initiator.send(command) });
    const over = talk(initiator, responder, { writes: initiator.send(command) });
    expect(kinds(over.lockEvents)).toEqual(["session-limit", "closed"]);
    expect(kinds(over.phoneEvents)).toEqual(["session-limit", "closed"]);
  });

  it("does not come with a message that is too large", () => {
    const { initiator, responder } = meet();
    const large = expect.objectContaining({ code: "frame-too-large" });
    expect(() => initiator.send(new Uint8Array(MAX_MESSAGE_BYTES + 1))).toThrow(large);
    expect(() => initiator.command(new Uint8Array(MAX_COMMAND_BYTES + 1), NOW)).toThrow(large);
    const carried = talk(initiator, responder, { writes: initiator.command(command, NOW) });
    expect(kinds(carried.phoneEvents)).toEqual(["answer"]);
    expect(() => makeInitiator({ purpose: "x".repeat(257) }).begin(responder.info(NOW))).toThrow(large);
  });
});

describe("the challenge", () => {
  it("is fresh at each reading, and a new one ends the old", () => {
    const responder = makeResponder();
    const old = responder.info(NOW);
    const fresh = responder.info(NOW);
    expect(toHex(decodeInfo(old).challenge)).not.toBe(toHex(decodeInfo(fresh).challenge));
    const carried = talk(makeInitiator(), responder, { writes: makeInitiator().begin(old) });
    expect(kinds(carried.lockEvents)).toEqual(["noise-failed"]);
  });

  it("serves once, even for a hello that fails, and not before it is read", () => {
    const [bad] = fragment({ type: FRAME.handshake1, body: new Uint8Array(200) }, 509);
    const responder = makeResponder();
    const info = responder.info(NOW);
    const send = (value: Uint8Array): string[] => kinds(responder.received(value, NOW).events);
    expect(send(bad!)).toEqual(["noise-failed"]);
    expect(makeInitiator().begin(info).flatMap(send)).toEqual(["challenge-stale"]);
    expect(kinds(makeResponder().received(bad!, NOW).events)).toEqual(["challenge-stale"]);
  });

  it("serves once, even when the device itself fails while it decides", () => {
    let faulty = true;
    const authorize = (): Verdict => {
      if (faulty) throw new TypeError("a fault");
      return null;
    };
    const responder = makeResponder({ authorize, notifySize: 509 });
    const [hello] = makeInitiator({ writeSize: 509 }).begin(responder.info(NOW));
    expect(() => responder.received(hello!, NOW)).toThrow(TypeError);
    faulty = false;
    const [again] = fragment({ type: FRAME.handshake1, body: hello!.subarray(4) }, 509, 1);
    expect(kinds(responder.received(again!, NOW).events)).toEqual(["challenge-stale"]);
  });

  it("lives for a minute", () => {
    for (const [age, expected] of [
      [CHALLENGE_LIFETIME_MS, "open"],
      [CHALLENGE_LIFETIME_MS + 1, "challenge-stale"],
    ] as const) {
      const responder = makeResponder();
      const writes = makeInitiator().begin(responder.info(NOW));
      expect(kinds(writes.flatMap((value) => responder.received(value, NOW + age).events))).toEqual([
        expected,
      ]);
    }
  });

  it("lets a refused phone try again on the same connection, a few times", () => {
    let willing = false;
    const responder = makeResponder({ authorize: () => (willing ? null : "contract-too-early") });
    for (let turn = 1; turn < MAX_FAILED_HANDSHAKES; turn++) {
      const initiator = makeInitiator();
      const carried = talk(initiator, responder, { writes: initiator.begin(responder.info(NOW)) });
      expect(kinds(carried.lockEvents)).toEqual(["contract-too-early"]);
    }
    willing = true;
    const initiator = makeInitiator();
    const carried = talk(initiator, responder, { writes: initiator.begin(responder.info(NOW)) });
    expect(kinds(carried.phoneEvents)).toEqual(["open"]);
  });

  it("is dead after too many failures, whatever is read", () => {
    const responder = makeResponder();
    const bad = fragment({ type: FRAME.handshake1, body: new Uint8Array(200) }, 509)[0]!;
    for (let turn = 1; turn <= MAX_FAILED_HANDSHAKES; turn++) {
      responder.info(NOW);
      const last = turn === MAX_FAILED_HANDSHAKES ? ["closed"] : [];
      expect(kinds(responder.received(bad, NOW).events)).toEqual(["noise-failed", ...last]);
    }
    const initiator = makeInitiator();
    const carried = talk(initiator, responder, { writes: initiator.begin(responder.info(NOW)) });
    expect(carried.notifications).toEqual([]);
    expect(carried.lockEvents).toEqual([]);
  });

  it("read in an open session ends it, and opens another", () => {
    const { responder } = meet();
    const again = makeInitiator();
    const carried = talk(again, responder, { writes: again.begin(responder.info(NOW)) });
    expect(kinds(carried.lockEvents)).toEqual(["closed", "open"]);
    expect(kinds(carried.phoneEvents)).toEqual(["open"]);
  });

  it("announces a fragment size that has grown", () => {
    const responder = makeResponder({ notifySize: 20 });
    expect(decodeInfo(responder.info(NOW)).fragmentSize).toBe(20);
    responder.notifySize = 1_000;
    expect(decodeInfo(responder.info(NOW)).fragmentSize).toBe(512);
  });
});

describe("begin", () => {
  it("refuses an info that is none, and a second beginning", () => {
    expect(() => makeInitiator().begin(utf8("hello"))).toThrow(SegmentError);
    const initiator = makeInitiator();
    const info = makeResponder().info(NOW);
    expect(concat(...initiator.begin(info)).length).toBeGreaterThan(200);
    expect(() => initiator.begin(info)).toThrow(expect.objectContaining({ code: "session-closed" }));
  });

  it("fails if anything comes before it", () => {
    const initiator = makeInitiator();
    const [close] = fragment({ type: FRAME.handshake2, body: new Uint8Array(60) }, 100);
    expect(kinds(initiator.received(close!).events)).toEqual(["frame-invalid", "closed"]);
  });
});
