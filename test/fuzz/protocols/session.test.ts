/** Fuzz: frames, Noise messages and what they carry; both roles, whatever the other side sends. */
import fc from "fast-check";
import { describe } from "vitest";
import { nodeCrypto } from "../../../agent/node/crypto.ts";
import { verify1 } from "../../../protocols/identity/cose.ts";
import { rememberingCrypto } from "../../../simulators/remembering-crypto.ts";
import { encodeInfo, decodeInfo } from "../../../protocols/session/info.ts";
import type { Info } from "../../../protocols/session/info.ts";
import {
  fragment,
  FRAME,
  MAX_FRAME_BYTES,
  Reassembler,
  refusalByte,
  refusalCode,
} from "../../../protocols/session/frames.ts";
import type { Frame } from "../../../protocols/session/frames.ts";
import {
  decodeFirstPayload,
  decodeTransport,
  encodeFirstPayload,
  encodeTransport,
  openAccept,
  openHello,
  signAccept,
  signHello,
} from "../../../protocols/session/messages.ts";
import type { Accept, SessionEvent } from "../../../protocols/session/messages.ts";
import { CipherState, HandshakeState } from "../../../protocols/session/noise.ts";
import { dishonestPeer, halfway } from "../../../protocols/session/testing/dishonest.ts";
import * as kit from "../../../protocols/session/testing/pair.ts";
import { equalBytes, utf8 } from "../../../protocols/encoding/bytes.ts";
import { bombsIn, cborBombs } from "../support/bombs.ts";
import { bombs, fuzz, isRefusal } from "../support/harness.ts";
import { mutated, mutatedBytes, mutatedInside } from "../support/mutate.ts";
import { must, mustEqual } from "../support/must.ts";
import { fuzzSigned, unsigned } from "../support/signed.ts";

const { NOW } = kit;
/** Each sound handshake is worked out once, and no more is kept of ten thousand than there is room for. */
const crypto = rememberingCrypto(nodeCrypto);
const phone = kit.party("phone", "phone", crypto);
const lock = kit.party("lock", "lock", crypto);
const stranger = kit.party("stranger", "phone", crypto);
const hello = halfway().hello;
const signedHello = signHello(hello, phone.signer);
const helloPayload = verify1(crypto, "sessionHello", signedHello).payload;
const accept: Accept = {
  helloHash: new Uint8Array(32).fill(1),
  initiator: phone.signer.publicKey,
  responderSessionKey: lock.sessionKey,
  nextChallenge: new Uint8Array(16).fill(2),
  result: utf8("done"),
};
const signedAccept = signAccept(accept, lock.signer);
const acceptPayload = verify1(crypto, "sessionAccept", signedAccept).payload;

describe("frames", () => {
  const bodies = [utf8("short"), new Uint8Array(300).fill(9), new Uint8Array(0)];
  const values = bodies.flatMap((body) => fragment({ type: FRAME.transport, body }, 100));
  fuzz(
    "Reassembler takes any values, holds one frame, and stays broken once broken",
    fc.tuple(
      fc.oneof(
        fc.array(mutatedBytes(values), { maxLength: 6 }),
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 }),
      ),
      fc.constantFrom(16, 300, MAX_FRAME_BYTES),
    ),
    ([received, maxBytes]) => {
      const reassembler = new Reassembler(maxBytes);
      for (const value of received) {
        const frame = reassembler.accept(value);
        if (frame !== undefined) must(frame.body.length <= maxBytes, "bounded");
      }
    },
    { accepted: 0.05 },
  );

  const sizes = fc.oneof(
    { weight: 3, arbitrary: fc.integer({ min: 20, max: 80 }) },
    { weight: 1, arbitrary: fc.nat(600) },
  );
  const changes = fc.array(fc.tuple(fc.nat(4), fc.nat(60), fc.nat(255)), { maxLength: 3 });
  fuzz(
    "frames come as they were sent; where a value is lost, repeated, moved or bent the direction may be over",
    fc.tuple(fc.array(anyFrame(600), { minLength: 1, maxLength: 5 }), sizes, changes),
    ([sent, size, faults]) => {
      const values = framed(sent, 0, size);
      const received = faults.reduce(disturbed, values);
      const differs = values.findIndex((value, i) => value !== received[i]);
      const sound = differs < 0 ? values.length : differs;
      const { found, brokenAt } = reassembled(received);
      must(brokenAt >= Math.min(sound, received.length), "nothing sound is refused");
      if (sound === values.length) must(found.length >= sent.length, "all come");
      const isBent = faults.some(([kind]) => kind > 2);
      for (const [index, frame] of found.entries()) {
        if (isBent) continue;
        must(index < sent.length && frame.type === sent[index]!.type, "a frame that was sent");
        mustEqual(frame.body, sent[index]!.body, "its body");
      }
    },
    { accepted: 0.2 },
  );

  fuzz("refusalCode", fc.integer({ min: 0, max: 255 }), (byte) => {
    const code = refusalCode(byte);
    must(refusalCode(refusalByte(code)) === code, "the same code again");
  });
});

function anyFrame(maxLength: number): fc.Arbitrary<Frame> {
  const type = fc.constantFrom(...Object.values(FRAME));
  return fc.record({ type, body: fc.uint8Array({ maxLength }) });
}

/** A value is lost, comes twice, comes last, is cut or has a bit or more turned round. */
function disturbed(
  values: readonly Uint8Array[],
  [kind, at, by]: readonly [number, number, number],
): Uint8Array[] {
  const changed = [...values];
  const index = at % Math.max(1, changed.length);
  const value = changed[index];
  if (value === undefined) return changed;
  if (kind === 0) changed.splice(index, 1);
  else if (kind === 1) changed.splice(index, 0, value.slice());
  else if (kind === 2) changed.push(...changed.splice(index, 1));
  else if (kind === 3) changed[index] = value.slice(0, by % (value.length + 1));
  else changed[index] = value.map((byte, i) => (i === by % value.length ? byte ^ by : byte));
  return changed;
}

/** What comes of the values, and which of them was refused first; all after it must be refused too. */
function reassembled(values: readonly Uint8Array[]): { found: Frame[]; brokenAt: number } {
  const reassembler = new Reassembler();
  const found: Frame[] = [];
  let brokenAt = values.length;
  for (const [index, value] of values.entries()) {
    try {
      const frame = reassembler.accept(value);
      must(brokenAt === values.length, "broken for good");
      if (frame !== undefined) found.push(frame);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      brokenAt = Math.min(brokenAt, index);
    }
  }
  return { found, brokenAt };
}

/** Well-formed fragments around any bodies. */
function framed(frames: readonly Frame[], sequence: number, size = 509): Uint8Array[] {
  let next = sequence;
  return frames.flatMap((frame) => {
    const pieces = fragment(frame, size, next % 128);
    next += pieces.length;
    return pieces;
  });
}

describe("info", () => {
  const info: Info = {
    cardHash: new Uint8Array(16),
    fragmentSize: 244,
    challenge: new Uint8Array(16).fill(3),
  };
  const samples = [encodeInfo(info)];
  fuzz(
    "decodeInfo",
    mutated(samples),
    (bytes) => mustEqual(encodeInfo(decodeInfo(bytes)), bytes, "the info"),
    {
      accepted: 0.1,
    },
  );
  bombs("decodeInfo", [...cborBombs(), ...bombsIn(samples)], (bytes) => decodeInfo(bytes));
});

describe("payloads", () => {
  fuzzSigned("openHello", {
    label: "sessionHello",
    payloads: [helloPayload],
    signers: [phone.signer, phone.signer, stranger.signer],
    open: (c, bytes, payload) => {
      const opened = openHello(c, bytes);
      const again = signHello(opened, unsigned({ publicKey: opened.initiator }));
      if (payload !== undefined) mustEqual(payloadOf(again), payload, "the hello");
    },
  });
  fuzzSigned("openAccept", {
    label: "sessionAccept",
    payloads: [acceptPayload],
    signers: [lock.signer],
    open: (c, bytes, payload) => {
      const opened = openAccept(c, bytes);
      const again = signAccept(opened.accept, unsigned({ publicKey: opened.signer }));
      if (payload !== undefined) mustEqual(payloadOf(again), payload, "the accept");
    },
  });

  const firsts = [
    encodeFirstPayload(signedHello, undefined),
    encodeFirstPayload(signedHello, phone.cardBytes),
  ];
  fuzz(
    "decodeFirstPayload",
    mutated(firsts),
    (bytes) => {
      const decoded = decodeFirstPayload(bytes);
      mustEqual(encodeFirstPayload(decoded.signedHello, decoded.card), bytes, "the payload");
    },
    { accepted: 0.1 },
  );
  bombs("decodeFirstPayload", [...cborBombs(), ...bombsIn(firsts)], (bytes) => decodeFirstPayload(bytes));

  const transports = [
    encodeTransport({ kind: "message", bytes: utf8("hi") }),
    encodeTransport({ kind: "command", signedHello }),
    encodeTransport({ kind: "answer", nextChallenge: new Uint8Array(16), result: utf8("ok") }),
    encodeTransport({ kind: "refusal", nextChallenge: new Uint8Array(16), code: "card-expired" }),
  ];
  fuzz(
    "decodeTransport",
    mutatedBytes(transports),
    (bytes) => {
      const decoded = decodeTransport(bytes);
      // A refusal of a newer peer reads as another; all else comes back byte for byte.
      if (decoded.kind !== "refusal") mustEqual(encodeTransport(decoded), bytes, "the message");
    },
    { accepted: 0.1 },
  );
});

function payloadOf(signed: Uint8Array): Uint8Array {
  return verify1({ ...crypto, ed25519Verify: () => true }, "sessionHello", signed).payload;
}

describe("Noise", () => {
  const prologue = utf8("prologue");
  const psk = new Uint8Array(32).fill(4);
  /** Both sides, before any message; the initiator's first message is always the same. */
  const sides = (): { initiator: HandshakeState; responder: HandshakeState } => ({
    initiator: new HandshakeState({
      ...{ crypto, random: kit.seededRandom("i"), role: "initiator", prologue, psk },
      ...{ staticSecret: phone.sessionSecret, remoteStatic: lock.sessionKey },
    }),
    responder: new HandshakeState({
      ...{ crypto, random: kit.seededRandom("r"), role: "responder", prologue, psk },
      staticSecret: lock.sessionSecret,
    }),
  });
  const sound = sides();
  const first = sound.initiator.writeMessage(utf8("first"));
  sound.responder.readMessage(first);
  const second = sound.responder.writeMessage(utf8("second"));

  fuzz(
    "readMessage of the first message",
    mutatedBytes([first]),
    (bytes) => {
      mustEqual(sides().responder.readMessage(bytes), utf8("first"), "the payload");
      mustEqual(bytes, first, "the message");
    },
    { share: 0.3, accepted: 0.05 },
  );
  fuzz(
    "readMessage of the second message",
    mutatedBytes([second]),
    (bytes) => {
      const { initiator } = sides();
      initiator.writeMessage(utf8("first"));
      mustEqual(initiator.readMessage(bytes), utf8("second"), "the payload");
      mustEqual(bytes, second, "the message");
    },
    { share: 0.1, accepted: 0.05 },
  );

  const key = new Uint8Array(32).fill(8);
  const ciphertext = new CipherState(crypto, key.slice()).encrypt(new Uint8Array(0), utf8("text"));
  fuzz(
    "CipherState.decrypt",
    mutatedBytes([ciphertext]),
    (bytes) => {
      mustEqual(
        new CipherState(crypto, key.slice()).decrypt(new Uint8Array(0), bytes),
        utf8("text"),
        "the text",
      );
      mustEqual(bytes, ciphertext, "the ciphertext");
    },
    { accepted: 0.05 },
  );
});

function mustNotHold(events: readonly SessionEvent[], forbidden: readonly string[]): void {
  for (const { kind } of events) must(!forbidden.includes(kind), `no event "${kind}"`);
}

describe("the roles", () => {
  const sound = kit.meet({ writeSize: 509 }, { notifySize: 509 });
  const types = fc.constantFrom(...Object.values(FRAME));
  const noise = fc.oneof(
    fc.uint8Array({ maxLength: 60 }).map((value) => [value]),
    fc.tuple(anyFrame(300), fc.nat(2)).map(([frame, sequence]) => framed([frame], sequence, 100)),
  );
  const valuesNear = (values: readonly Uint8Array[], maxLength: number): fc.Arbitrary<Uint8Array[]> => {
    const mutant = mutatedBytes(values).map((value) => [value]);
    const some = fc.oneof({ weight: 4, arbitrary: mutant }, { weight: 1, arbitrary: noise });
    return fc.array(some, { maxLength }).map((all) => all.flat());
  };

  fuzz(
    "a responder opens for nothing but the phone's own handshake",
    fc.tuple(valuesNear(sound.writes, 4), fc.nat(9)),
    ([values, offered]) => {
      const responder = kit.makeResponder({ crypto, notifySize: 509 });
      if (offered > 0) responder.info(NOW);
      const events = values.flatMap((value) => responder.received(value, NOW).events);
      const isHonest = offered > 0 && values[0] !== undefined && equalBytes(values[0], sound.writes[0]!);
      mustNotHold(
        events,
        isHonest ? ["message", "command", "answer"] : ["open", "message", "command", "answer"],
      );
    },
    { share: 0.5, accepted: 1 },
  );

  const firsts = [
    encodeFirstPayload(signedHello, undefined),
    encodeFirstPayload(signedHello, phone.cardBytes),
  ];
  fuzz(
    "a responder reads any first payload inside sound Noise",
    fc.oneof(mutatedInside(firsts), fc.uint8Array({ maxLength: 200 })),
    (payload) => {
      const { responder, handshake } = halfway(crypto);
      const [value] = fragment({ type: FRAME.handshake1, body: handshake.writeMessage(payload) }, 509);
      const rest = fragment({ type: FRAME.handshake1, body: handshake.hash }, 509, 1);
      const { events } = responder.received(value!, NOW);
      mustNotHold(events, ["message", "command", "answer"]);
      responder.received(rest[0]!, NOW);
    },
    { share: 0.2, accepted: 1 },
  );

  const helloAgain = { ...dishonestPeer().hello };
  const commands = [
    encodeTransport({ kind: "command", signedHello: signHello(helloAgain, phone.signer) }),
    encodeTransport({ kind: "message", bytes: utf8("hi") }),
  ];
  fuzz(
    "an open session takes any transport message, from a peer that is known",
    fc.array(fc.tuple(types, mutatedBytes(commands)), { minLength: 1, maxLength: 3 }),
    (plaintexts) => {
      const { responder, ciphers } = dishonestPeer(crypto);
      const frames = plaintexts.map(([type, plaintext]): Frame => {
        return { type, body: ciphers.send.encrypt(new Uint8Array(0), plaintext) };
      });
      const events = framed(frames, 1).flatMap((value) => responder.received(value, NOW).events);
      mustNotHold(events, ["open", "answer"]);
    },
    { share: 0.1, accepted: 1 },
  );

  const info = kit.makeResponder().info(NOW);
  fuzz(
    "an initiator begins with any info and reads any notification",
    fc.tuple(mutated([info]), valuesNear(sound.notifications, 3)),
    ([bytes, notifications]) => {
      const initiator = kit.makeInitiator({ crypto });
      initiator.begin(bytes);
      const events = notifications.flatMap((value) => initiator.received(value).events);
      if (!equalBytes(bytes, info)) mustNotHold(events, ["open", "message", "command", "answer"]);
    },
    { share: 0.3, accepted: 0.05 },
  );
});
