import { expect, describe, it } from "vitest";
import { describeShared } from "../../test/support/shared.ts";
import { portableCrypto as crypto } from "../crypto/portable.ts";
import { fromHex, text, toHex, utf8 } from "../encoding/bytes.ts";
import type { Random } from "../ports.ts";
import { CipherState, HandshakeState } from "./noise.ts";
import type { CipherPair, HandshakeOptions } from "./noise.ts";
import { flipped, lock, phone, psk, seededRandom, stranger } from "./testing/pair.ts";

interface Vector {
  protocol_name: string;
  init_prologue: string;
  init_psks?: string[];
  init_static: string;
  init_ephemeral: string;
  init_remote_static: string;
  resp_prologue: string;
  resp_psks?: string[];
  resp_static: string;
  resp_ephemeral: string;
  handshake_hash: string;
  messages: { payload: string; ciphertext: string }[];
}

const EMPTY = new Uint8Array(0);

/** Gives these bytes, once. */
function fixed(hex: string): Random {
  const given = [fromHex(hex)];
  return { bytes: () => given.shift()! };
}

describeShared("published Noise vectors", "crypto/noise/noise-ik-25519-chachapoly-sha256.json", (file) => {
  const { vectors } = JSON.parse(text(file)) as { vectors: Vector[] };
  it("covers both patterns", () => {
    expect(vectors.map((vector) => vector.protocol_name).toSorted()).toEqual([
      "Noise_IK_25519_ChaChaPoly_SHA256",
      "Noise_IKpsk1_25519_ChaChaPoly_SHA256",
    ]);
  });

  it.each(vectors)("$protocol_name", (vector) => {
    const initiator = new HandshakeState({
      crypto,
      random: fixed(vector.init_ephemeral),
      role: "initiator",
      prologue: fromHex(vector.init_prologue),
      staticSecret: fromHex(vector.init_static),
      remoteStatic: fromHex(vector.init_remote_static),
      ...(vector.init_psks === undefined ? {} : { psk: fromHex(vector.init_psks[0]!) }),
    });
    const responder = new HandshakeState({
      crypto,
      random: fixed(vector.resp_ephemeral),
      role: "responder",
      prologue: fromHex(vector.resp_prologue),
      staticSecret: fromHex(vector.resp_static),
      ...(vector.resp_psks === undefined ? {} : { psk: fromHex(vector.resp_psks[0]!) }),
    });
    const [first, second, ...transport] = vector.messages;

    const hello = initiator.writeMessage(fromHex(first!.payload));
    expect(toHex(hello)).toBe(first!.ciphertext);
    expect(toHex(responder.readMessage(hello))).toBe(first!.payload);
    expect(toHex(responder.remoteStatic!)).toBe(toHex(crypto.x25519PublicKey(fromHex(vector.init_static))));
    const answer = responder.writeMessage(fromHex(second!.payload));
    expect(toHex(answer)).toBe(second!.ciphertext);
    expect(toHex(initiator.readMessage(answer))).toBe(second!.payload);
    expect(toHex(initiator.hash)).toBe(vector.handshake_hash);
    expect(toHex(responder.hash)).toBe(vector.handshake_hash);

    let [from, to] = [initiator.split(), responder.split()];
    expect(transport.length).toBeGreaterThan(0);
    for (const { payload, ciphertext } of transport) {
      const sealed = from.send.encrypt(EMPTY, fromHex(payload));
      expect(toHex(sealed)).toBe(ciphertext);
      expect(toHex(to.receive.decrypt(EMPTY, sealed))).toBe(payload);
      [from, to] = [to, from];
    }
  });
});

function pair(
  initiatorChanges: Partial<HandshakeOptions> = {},
  responderChanges: Partial<HandshakeOptions> = {},
) {
  const prologue = utf8("test");
  const initiator = new HandshakeState({
    crypto,
    random: seededRandom("initiator"),
    role: "initiator",
    prologue,
    staticSecret: phone.sessionSecret,
    remoteStatic: lock.sessionKey,
    ...initiatorChanges,
  });
  const responder = new HandshakeState({
    crypto,
    random: seededRandom("responder"),
    role: "responder",
    prologue,
    staticSecret: lock.sessionSecret,
    ...responderChanges,
  });
  return { initiator, responder };
}

function shake({ initiator, responder }: ReturnType<typeof pair>): {
  initiator: CipherPair;
  responder: CipherPair;
} {
  responder.readMessage(initiator.writeMessage(EMPTY));
  initiator.readMessage(responder.writeMessage(EMPTY));
  return { initiator: initiator.split(), responder: responder.split() };
}

describe("HandshakeState", () => {
  it.each([
    ["another prologue", {}, { prologue: utf8("other") }],
    ["a key of another responder", { remoteStatic: stranger.sessionKey }, {}],
    ["a psk on one side only", { psk }, {}],
    ["no psk where one is needed", {}, { psk }],
    ["another psk", { psk: flipped(psk, 31) }, { psk }],
    ["a responder key of small order", { remoteStatic: new Uint8Array(32) }, {}],
  ])("fails with %s", (_name, initiatorChanges, responderChanges) => {
    const { initiator, responder } = pair(initiatorChanges, responderChanges);
    expect(() => responder.readMessage(initiator.writeMessage(EMPTY))).toThrow(
      expect.objectContaining({ code: "noise-failed" }),
    );
  });

  it("refuses an ephemeral of small order", () => {
    const { initiator, responder } = pair();
    const message = initiator.writeMessage(EMPTY);
    message.fill(0, 0, 32);
    expect(() => responder.readMessage(message)).toThrow(expect.objectContaining({ code: "noise-failed" }));
  });

  it("is over after a failure, and out of turn", () => {
    const { initiator, responder } = pair();
    const message = initiator.writeMessage(EMPTY);
    const closed = expect.objectContaining({ code: "session-closed" });
    expect(() => initiator.writeMessage(EMPTY)).toThrow(closed);
    expect(() => initiator.split()).toThrow(closed);
    expect(() => responder.writeMessage(EMPTY)).toThrow(closed);
    expect(() => responder.readMessage(flipped(message, 40))).toThrow(
      expect.objectContaining({ code: "noise-failed" }),
    );
    expect(() => responder.readMessage(message)).toThrow(closed);
  });

  it("refuses keys of other lengths, and payloads beyond a Noise message", () => {
    expect(() => pair({ psk: new Uint8Array(31) })).toThrow(expect.objectContaining({ code: "key-invalid" }));
    expect(() => pair({ remoteStatic: new Uint8Array(33) })).toThrow(
      expect.objectContaining({ code: "key-invalid" }),
    );
    expect(() => pair().initiator.writeMessage(new Uint8Array(65_535))).toThrow(
      expect.objectContaining({ code: "frame-too-large" }),
    );
    expect(() => pair().responder.readMessage(new Uint8Array(65_536))).toThrow(
      expect.objectContaining({ code: "noise-failed" }),
    );
  });

  it("zeroises its copies and never the caller's keys, even where they are Node Buffers", () => {
    const secret = Buffer.from(phone.sessionSecret);
    const code = Buffer.from(psk);
    const { initiator } = pair({ staticSecret: secret, psk: code });
    initiator.writeMessage(EMPTY);
    initiator.destroy();
    expect(toHex(secret)).toBe(toHex(phone.sessionSecret));
    expect(toHex(code)).toBe(toHex(psk));
  });

  it("zeroises the ephemeral secret that it drew", () => {
    const drawn: Uint8Array[] = [];
    const source = seededRandom("watched");
    const random: Random = {
      bytes(length) {
        const bytes = source.bytes(length);
        drawn.push(bytes);
        return bytes;
      },
    };
    shake(pair({ random }));
    expect(drawn.map(toHex)).toEqual(["00".repeat(32)]);
  });
});

describe("CipherState", () => {
  it("is over at its limit, on both sides", () => {
    const sides = shake(pair({ messageLimit: 2 }, { messageLimit: 2 }));
    const sealed = [0, 1].map(() => sides.initiator.send.encrypt(EMPTY, utf8("x")));
    expect(() => sides.initiator.send.encrypt(EMPTY, utf8("x"))).toThrow(
      expect.objectContaining({ code: "session-limit" }),
    );
    expect(() => sides.initiator.send.encrypt(EMPTY, utf8("x"))).toThrow(
      expect.objectContaining({ code: "session-closed" }),
    );
    for (const message of sealed) expect(text(sides.responder.receive.decrypt(EMPTY, message))).toBe("x");
    expect(() => sides.responder.receive.decrypt(EMPTY, sealed[1]!)).toThrow(
      expect.objectContaining({ code: "session-limit" }),
    );
  });

  it("refuses a repeated, reordered, short or otherwise bound message, and is then over", () => {
    const key = crypto.sha256(utf8("key"));
    const sender = new CipherState(crypto, key.slice());
    const first = sender.encrypt(EMPTY, utf8("one"));
    const second = sender.encrypt(EMPTY, utf8("two"));
    const failed = expect.objectContaining({ code: "noise-failed" });
    const fresh = () => new CipherState(crypto, key.slice());
    expect(() => fresh().decrypt(EMPTY, second)).toThrow(failed);
    expect(() => fresh().decrypt(utf8("else"), first)).toThrow(failed);
    expect(() => fresh().decrypt(EMPTY, first.subarray(0, 15))).toThrow(failed);
    const receiver = fresh();
    expect(text(receiver.decrypt(EMPTY, first))).toBe("one");
    expect(() => receiver.decrypt(EMPTY, first)).toThrow(failed);
    expect(() => receiver.decrypt(EMPTY, second)).toThrow(
      expect.objectContaining({ code: "session-closed" }),
    );
  });
});
