/** Everything that somebody on the air, or with a stolen key, may try. */
import { describe, expect, it } from "vitest";
import { concat, equalBytes, toHex, utf8 } from "../encoding/bytes.ts";
import { NOISE_PROLOGUE } from "../labels.ts";
import type { Crypto, Signer } from "../ports.ts";
import { fragment, FRAME } from "./frames.ts";
import type { FrameType } from "./frames.ts";
import { decodeInfo } from "./info.ts";
import {
  decodeFirstPayload,
  encodeFirstPayload,
  encodeTransport,
  openHello,
  signAccept,
  signHello,
} from "./messages.ts";
import type { Accept, Hello, SessionEvent } from "./messages.ts";
import type { SessionInitiator } from "./initiator.ts";
import { HandshakeState } from "./noise.ts";
import type { SessionResponder } from "./responder.ts";
import { dishonestPeer } from "./testing/dishonest.ts";
import * as kit from "./testing/pair.ts";

const {
  command,
  crypto,
  flipped,
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
} = kit;
const WIDE = { writeSize: 509 };
const WIDE_LOCK = { notifySize: 509 };
const BROKEN = new Set(["noise-failed", "frame-invalid", "frame-too-large", "challenge-stale"]);

const ask = (responder: SessionResponder, values: Uint8Array[]): SessionEvent[] =>
  values.flatMap((value) => responder.received(value, NOW).events);

/** Refused at once, or (a frame made longer) with the next value; never opened, never a message. */
function expectRefused(
  label: string,
  receive: (value: Uint8Array) => SessionEvent[],
  values: Uint8Array[],
): void {
  const following = fragment({ type: FRAME.transport, body: new Uint8Array(8) }, 20, values.length)[0]!;
  const seen = kinds([...values, following].flatMap(receive));
  expect(BROKEN.has(seen[0] ?? "nothing"), `${label}: ${seen.join() || "nothing"}`).toBe(true);
  for (const kind of seen) expect(kind === "closed" || BROKEN.has(kind), `${label}: ${kind}`).toBe(true);
}

/** The body of a frame that lies in one value. */
const bodyOf = (value: Uint8Array): Uint8Array => value.subarray(4);
const frame = (type: FrameType, body: Uint8Array): Uint8Array[] => fragment({ type, body }, 509);

describe.each([
  ["IK", {}, {}],
  ["IKpsk1", { psk }, { psk }],
])("an altered handshake by %s", (_name, phoneChanges, lockChanges) => {
  const honest = meet({ ...WIDE, ...phoneChanges }, { ...WIDE_LOCK, ...lockChanges });
  const hello = honest.writes[0]!;
  const accept = honest.notifications[0]!;
  /** Seeded: each one offers and draws the same as the honest pair. */
  const newLock = (): SessionResponder => {
    const responder = makeResponder({ ...WIDE_LOCK, ...lockChanges });
    responder.info(NOW);
    return responder;
  };
  const info = makeResponder({ ...WIDE_LOCK, ...lockChanges }).info(NOW);
  const newPhone = (): SessionInitiator => {
    const initiator = makeInitiator({ ...WIDE, ...phoneChanges });
    initiator.begin(info);
    return initiator;
  };

  it("is one value each way, and passes unaltered", () => {
    expect([honest.writes.length, honest.notifications.length]).toEqual([1, 1]);
    expect(kinds(ask(newLock(), [hello]))).toEqual(["open"]);
    expect(kinds(newPhone().received(accept).events)).toEqual(["open"]);
  });

  it("fails with any byte of the first message turned", () => {
    for (let i = 0; i < hello.length; i++) {
      const responder = newLock();
      expectRefused(`byte ${i}`, (value) => ask(responder, [value]), [
        flipped(hello, i, i % 2 === 0 ? 1 : 0x80),
      ]);
    }
  });

  it("fails with any byte of the second message turned", () => {
    for (let i = 0; i < accept.length; i++) {
      const initiator = newPhone();
      const receive = (value: Uint8Array): SessionEvent[] => initiator.received(value).events;
      expectRefused(`byte ${i}`, receive, [flipped(accept, i, i % 2 === 0 ? 1 : 0x80)]);
    }
  });

  it("fails truncated or extended, with a frame header to match", () => {
    for (const [type, value] of [
      [FRAME.handshake1, hello],
      [FRAME.handshake2, accept],
    ] as const) {
      const body = bodyOf(value);
      const lengths = [0, 1, 31, 32, 47, 48, 79, 80, 95, 96, 111, 112, body.length - 16, body.length - 1];
      const altered = lengths.map((length) => body.subarray(0, length));
      altered.push(concat(body, Uint8Array.of(0)), concat(body, body));
      for (const each of altered) {
        const initiator = newPhone();
        const events =
          type === FRAME.handshake1
            ? ask(newLock(), frame(type, each))
            : frame(type, each).flatMap((piece) => initiator.received(piece).events);
        expect(kinds(events)[0], `${each.length} bytes`).toBe("noise-failed");
      }
    }
  });

  it("opens nothing when it is played again", () => {
    const recorded = honest.writes;
    const elsewhere = makeResponder({
      ...WIDE_LOCK,
      ...lockChanges,
      random: kit.seededRandom("another day"),
    });
    elsewhere.info(NOW);
    expect(kinds(ask(elsewhere, recorded))).toEqual(["noise-failed"]);
    const same = newLock();
    expect(kinds(ask(same, recorded))).toEqual(["open"]);
    expect(kinds(ask(same, recorded))).toEqual(["frame-invalid", "closed"]);
    // The same lock, the same connection, a new challenge.
    same.info(NOW);
    expect(kinds(ask(same, recorded))).toEqual(["noise-failed"]);
    const other = makeInitiator({ ...WIDE, ...phoneChanges, random: kit.seededRandom("another phone") });
    other.begin(newLock().info(NOW));
    expect(kinds(other.received(accept).events)).toEqual(["noise-failed", "closed"]);
  });
});

describe("an altered session", () => {
  const opened = () => meet(WIDE, WIDE_LOCK);

  it("fails with any byte of a message turned, either way", () => {
    const length = opened().initiator.send(utf8("turn left"))[0]!.length;
    for (let i = 0; i < length; i++) {
      const { initiator, responder } = opened();
      // The honest handshake took fragment 0 each way, so these are number 1, and what follows number 2.
      const after = fragment({ type: FRAME.transport, body: new Uint8Array(8) }, 20, 2)[0]!;
      const there = ask(responder, [flipped(initiator.send(utf8("turn left"))[0]!, i), after]);
      expect(BROKEN.has(kinds(there)[0]!), `to the lock, byte ${i}: ${kinds(there).join()}`).toBe(true);
      const pair = opened();
      const values = [flipped(pair.responder.send(utf8("turn left"))[0]!, i), after];
      const back = values.flatMap((value) => pair.initiator.received(value).events);
      expect(BROKEN.has(kinds(back)[0]!), `to the phone, byte ${i}: ${kinds(back).join()}`).toBe(true);
      expect([responder.isOpen, pair.initiator.isOpen]).toEqual([false, false]);
    }
  });

  it("fails with a message repeated, dropped or moved, even when the fragments are renumbered", () => {
    const renumber = (values: Uint8Array[]): Uint8Array[] =>
      values.map((value, index) => concat(Uint8Array.of(0x80 | (index + 1)), value.subarray(1)));
    const orders: [string, number[], string[]][] = [
      ["in order", [0, 1, 2], ["message", "message", "message"]],
      ["repeated", [0, 0], ["message", "noise-failed", "closed"]],
      ["dropped", [1], ["noise-failed", "closed"]],
      ["moved", [0, 2, 1], ["message", "noise-failed", "closed"]],
    ];
    for (const [label, order, expected] of orders) {
      const { initiator, responder } = opened();
      const sent = ["a", "b", "c"].map((each) => initiator.send(utf8(each))[0]!);
      expect(kinds(ask(responder, renumber(order.map((index) => sent[index]!)))), label).toEqual(expected);
    }
    const { initiator, responder } = opened();
    const [first] = initiator.send(utf8("a"));
    expect(kinds(ask(responder, [first!, first!])), "as it was").toEqual([
      "message",
      "frame-invalid",
      "closed",
    ]);
  });

  it("fails with a message reflected to its sender", () => {
    const { initiator } = opened();
    const [value] = initiator.send(utf8("mirror"));
    expect(kinds(initiator.received(value!).events)).toEqual(["noise-failed", "closed"]);
  });

  it("does not pass to the next session of the same pair", () => {
    const { initiator } = opened();
    const sealed = initiator.send(utf8("open"));
    const next = meet({ ...WIDE, random: kit.seededRandom("later") }, WIDE_LOCK);
    expect(kinds(ask(next.responder, sealed))).toEqual(["noise-failed", "closed"]);
  });
});

describe("a wrong key", () => {
  it.each([
    ["another psk", { psk: flipped(psk, 0) }, { psk }],
    ["no psk", {}, { psk }],
    ["a psk that nobody asked for", { psk }, {}],
    ["the X25519 key of another lock", { peerSessionKey: kit.stranger.sessionKey }, {}],
    ["the identity of another lock", { peerIdentity: kit.stranger.signer.publicKey }, {}],
  ])("opens nothing: %s", (_name, phoneChanges, lockChanges) => {
    const { phoneEvents, lockEvents } = meet(phoneChanges, lockChanges);
    expect(kinds(lockEvents)).toEqual(["noise-failed"]);
    expect(kinds(phoneEvents)).toEqual(["noise-failed", "closed"]);
  });
});

interface Forgery {
  hello?: Partial<Hello>;
  signer?: Signer;
  card?: Uint8Array;
  crypto?: Crypto;
  sessionSecret?: Uint8Array;
  payload?: Uint8Array;
}

/** What a lock makes of a first message that is sound Noise around a forged payload. */
function forge(forgery: Forgery): string[] {
  const responder = makeResponder(WIDE_LOCK);
  const info = responder.info(NOW);
  const handshake = new HandshakeState({
    crypto: forgery.crypto ?? crypto,
    random: kit.seededRandom("forger"),
    role: "initiator",
    prologue: concat(utf8(NOISE_PROLOGUE), info),
    staticSecret: forgery.sessionSecret ?? phone.sessionSecret,
    remoteStatic: lock.sessionKey,
  });
  const hello: Hello = {
    challenge: decodeInfo(info).challenge,
    responder: lock.signer.publicKey,
    initiator: phone.signer.publicKey,
    initiatorSessionKey: phone.sessionKey,
    purpose,
    command,
    timeMs: NOW,
    ...forgery.hello,
  };
  const signed =
    forgery.payload ?? encodeFirstPayload(signHello(hello, forgery.signer ?? phone.signer), forgery.card);
  return kinds(ask(responder, frame(FRAME.handshake1, handshake.writeMessage(signed))));
}

describe("a forged hello", () => {
  const { stranger } = kit;
  const otherKey = { initiator: stranger.signer.publicKey };

  it("opens when nothing in it is forged", () => {
    expect(forge({})).toEqual(["open"]);
    expect(forge({ card: phone.cardBytes })).toEqual(["open"]);
  });

  it.each<[string, Forgery, string]>([
    ["names another identity than its signer", { hello: otherKey }, "signature-invalid"],
    ["is signed by another than it names", { signer: stranger.signer }, "signature-invalid"],
    ["names another X25519 key", { hello: { initiatorSessionKey: stranger.sessionKey } }, "noise-failed"],
    ["comes by another X25519 key", { sessionSecret: stranger.sessionSecret }, "noise-failed"],
    ["is meant for another lock", { hello: { responder: stranger.signer.publicKey } }, "noise-failed"],
    ["answers another challenge", { hello: { challenge: new Uint8Array(16) } }, "challenge-stale"],
    ["shows a stranger's card", { card: stranger.cardBytes }, "card-invalid"],
    ["shows an altered card", { card: flipped(phone.cardBytes, 150) }, "card-invalid"],
    ["is empty", { payload: new Uint8Array(0) }, "cbor-truncated"],
    [
      "carries an accept instead",
      { payload: encodeFirstPayload(signedAccept({}, phone.signer), undefined) },
      "signature-invalid",
    ],
  ])("is refused when it %s", (_name, forgery, code) => {
    expect(forge(forgery)).toEqual([code]);
  });

  it("is refused from a thief of the lock's keys, who can forge Noise but not the phone's signature", () => {
    // Key compromise impersonation: with the lock's secret, DH(lock, phone) needs no secret of the phone.
    const thief: Crypto = {
      ...crypto,
      x25519PublicKey: (secret) =>
        equalBytes(secret, stranger.sessionSecret) ? phone.sessionKey : crypto.x25519PublicKey(secret),
      x25519: (secret, publicKey) =>
        equalBytes(secret, stranger.sessionSecret)
          ? crypto.x25519(lock.sessionSecret, phone.sessionKey)
          : crypto.x25519(secret, publicKey),
    };
    const stolen: Forgery = { crypto: thief, sessionSecret: stranger.sessionSecret };
    expect(forge(stolen), "the Noise part does pass").toEqual(["open"]);
    expect(forge({ ...stolen, signer: lock.signer })).toEqual(["signature-invalid"]);
    expect(forge({ ...stolen, signer: stranger.signer, hello: otherKey, card: phone.cardBytes })).toEqual([
      "card-invalid",
    ]);
    // A hello that the phone did sign once is for another challenge.
    const earlier = meet({}, { random: kit.seededRandom("yesterday") });
    const evidence = only(earlier.lockEvents, "open").evidence;
    expect(forge({ ...stolen, payload: encodeFirstPayload(evidence, undefined) })).toEqual([
      "challenge-stale",
    ]);
  });
});

describe("a forged command", () => {
  const { stranger } = kit;

  /** What a lock makes of a further command that is sound transport around a forged hello. */
  function forgeCommand(changes: Partial<Hello>, signer: Signer = phone.signer): string[] {
    const { responder, ciphers, hello } = dishonestPeer();
    const plaintext = encodeTransport({
      kind: "command",
      signedHello: signHello({ ...hello, ...changes }, signer),
    });
    const body = ciphers.send.encrypt(new Uint8Array(0), plaintext);
    return kinds(ask(responder, fragment({ type: FRAME.transport, body }, 509, 1)));
  }

  it("is carried out when nothing in it is forged", () => {
    expect(forgeCommand({})).toEqual(["command"]);
  });

  it.each<[string, Partial<Hello>, Signer, string]>([
    ["an old challenge", { challenge: new Uint8Array(16) }, phone.signer, "challenge-stale"],
    ["another purpose", { purpose: utf8("open the safe") }, phone.signer, "noise-failed"],
    ["another lock", { responder: stranger.signer.publicKey }, phone.signer, "noise-failed"],
    ["another person", { initiator: stranger.signer.publicKey }, stranger.signer, "noise-failed"],
    ["a false signature", {}, stranger.signer, "signature-invalid"],
  ])("ends the session with %s", (_name, changes, signer, code) => {
    expect(forgeCommand(changes, signer)).toEqual([code, "closed"]);
  });
});

describe("a forged accept", () => {
  /** What a phone makes of a second message that is sound Noise around a forged payload. */
  function answer(changes: Partial<Accept>, signer: Signer): string[] {
    const info = makeResponder(WIDE_LOCK).info(NOW);
    const initiator = makeInitiator(WIDE);
    const [value] = initiator.begin(info);
    const handshake = new HandshakeState({
      crypto,
      random: kit.seededRandom("forger"),
      role: "responder",
      prologue: concat(utf8(NOISE_PROLOGUE), info),
      staticSecret: lock.sessionSecret,
    });
    const { signedHello } = decodeFirstPayload(handshake.readMessage(bodyOf(value!)));
    expect(toHex(openHello(crypto, signedHello).initiator)).toBe(toHex(phone.signer.publicKey));
    const payload = signedAccept({ helloHash: handshake.hash, ...changes }, signer);
    return kinds(
      frame(FRAME.handshake2, handshake.writeMessage(payload)).flatMap((v) => initiator.received(v).events),
    );
  }

  it("opens when nothing in it is forged", () => {
    expect(answer({}, lock.signer)).toEqual(["open"]);
  });

  it.each<[string, Partial<Accept>, Signer]>([
    ["of another handshake", { helloHash: new Uint8Array(32) }, lock.signer],
    ["for another phone", { initiator: kit.stranger.signer.publicKey }, lock.signer],
    ["of another X25519 key", { responderSessionKey: kit.stranger.sessionKey }, lock.signer],
    ["of a thief who has only the X25519 key", {}, kit.stranger.signer],
  ])("is refused: %s", (_name, changes, signer) => {
    expect(answer(changes, signer)).toEqual(["noise-failed", "closed"]);
  });
});

function signedAccept(changes: Partial<Accept>, signer: Signer): Uint8Array {
  const accept: Accept = {
    helloHash: new Uint8Array(32),
    initiator: phone.signer.publicKey,
    responderSessionKey: lock.sessionKey,
    nextChallenge: new Uint8Array(16),
    result: new Uint8Array(0),
    ...changes,
  };
  return signAccept(accept, signer);
}
