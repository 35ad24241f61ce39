import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hpkeSealAt, hpkeSender } from "../crypto/hpke.ts";
import { portableCrypto as crypto } from "../crypto/portable.ts";
import { concat, equalBytes, toHex, utf8 } from "../encoding/bytes.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import type { CborValue } from "../encoding/cbor.ts";
import { SegmentError } from "../errors.ts";
import { sign1 } from "../identity/cose.ts";
import { agentId, signerFromSeed } from "../identity/keys.ts";
import { KEY_LABELS } from "../labels.ts";
import type { SignatureLabel } from "../labels.ts";
import type { Signer } from "../ports.ts";
import { castTopic, directTopic } from "../topics.ts";
import { CONTEXT_MS } from "./contexts.ts";
import { FRESHNESS_MS, MAX_BODY_BYTES, MAX_PAYLOAD_BYTES, openEnvelope, sealEnvelope } from "./envelope.ts";
import type { Incoming, Outgoing } from "./envelope.ts";

const NOW = 1_800_000_000_000;
const alice = signerFromSeed(crypto, new Uint8Array(32).fill(1));
const bob = signerFromSeed(crypto, new Uint8Array(32).fill(2));
const mallory = signerFromSeed(crypto, new Uint8Array(32).fill(3));
const bobSecret = new Uint8Array(32).fill(12);
const bobSession = crypto.x25519PublicKey(bobSecret);
const topicOf = (from: Signer, to: Signer, network = "village") =>
  directTopic(network, agentId(from.publicKey), agentId(to.publicKey));
const toBob = topicOf(alice, bob);
const random = { bytes: (length: number) => new Uint8Array(length).fill(77) };

const outgoing: Outgoing = {
  crypto,
  random,
  network: "village",
  sender: alice,
  recipient: bob.publicKey,
  recipientSessionKey: bobSession,
  topic: toBob,
  messageId: new Uint8Array(16).fill(9),
  timeMs: NOW,
  kind: "delivery.offer",
  body: Uint8Array.of(1, 2, 3),
};

function incoming(payload: Uint8Array, changes: Partial<Incoming> = {}): Incoming {
  return {
    crypto,
    network: "village",
    topic: toBob,
    payload,
    recipient: bob.publicKey,
    sessionSecret: bobSecret,
    now: NOW,
    ...changes,
  };
}

/** The code and place of a refusal. */
function refusal(act: () => unknown): string {
  try {
    act();
    return "none";
  } catch (error) {
    if (!(error instanceof SegmentError)) throw error;
    return `${error.code} ${error.where}`;
  }
}

/** The context that every message here is sealed in: `random` gives always the same. */
const context = hpkeSender(crypto, random, bobSession, utf8(KEY_LABELS.sealedMessage));

/** What a malicious sender may sign. */
function pledge(changes: Record<number, CborValue> = {}, signer = alice, label: SignatureLabel = "message") {
  return sign1(
    label,
    encodeCbor(changed([2, "village", bob.publicKey, context.encapsulated, NOW], changes)),
    signer,
  );
}

/** A well-sealed message with whatever a malicious sender puts inside. */
function forged(changes: Record<number, CborValue> = {}): Uint8Array {
  const { messageId, timeMs } = outgoing;
  return sealed(
    encodeCbor(changed([2, pledge(), messageId, timeMs, "kind", Uint8Array.of(1), null], changes)),
  );
}

function changed(fields: CborValue[], changes: Record<number, CborValue>): CborValue[] {
  return fields.map((field, index) => (index in changes ? changes[index]! : field));
}

function sealed(inner: Uint8Array, topic = toBob): Uint8Array {
  const ciphertext = hpkeSealAt(crypto, context, 0, utf8(topic), inner);
  return concat(context.encapsulated, new Uint8Array(4), ciphertext);
}

describe("an envelope", () => {
  it("opens as it was sealed", () => {
    expect(openEnvelope(incoming(sealEnvelope(outgoing)))).toEqual({
      from: agentId(alice.publicKey),
      identity: alice.publicKey,
      kind: "delivery.offer",
      body: Uint8Array.of(1, 2, 3),
      messageId: outgoing.messageId,
      timeMs: NOW,
      card: null,
    });
  });

  it("brings the sender's card along, and no larger one", () => {
    const card = new Uint8Array(1024).fill(7);
    expect(openEnvelope(incoming(sealEnvelope({ ...outgoing, card }))).card).toEqual(card);
    expect(refusal(() => sealEnvelope({ ...outgoing, card: new Uint8Array(1025) }))).toBe(
      "message-invalid card",
    );
    expect(refusal(() => openEnvelope(incoming(forged({ 6: new Uint8Array(1025) }))))).toBe(
      "cbor-wrong-shape message.card",
    );
  });

  it("keeps its bytes: enc, number, ciphertext (vector)", () => {
    const payload = sealEnvelope(outgoing);
    expect(payload).toHaveLength(300);
    expect(toHex(crypto.sha256(payload))).toBe(
      "d246522ff401dc0f54924755b9d110e4f2627e6a80450237b50876d30857317f",
    );
    expect(toHex(payload.slice(0, 32))).toBe(toHex(crypto.x25519PublicKey(random.bytes(32))));
  });

  it("holds the largest body within the payload's bound, and no larger one", () => {
    const body = new Uint8Array(MAX_BODY_BYTES).fill(5);
    const payload = sealEnvelope({ ...outgoing, body, kind: "k".repeat(32) });
    expect(payload.length).toBeLessThanOrEqual(MAX_PAYLOAD_BYTES);
    expect(equalBytes(openEnvelope(incoming(payload)).body, body)).toBe(true);
    const larger = new Uint8Array(MAX_BODY_BYTES + 1);
    expect(refusal(() => sealEnvelope({ ...outgoing, body: larger }))).toBe("message-invalid body");
    expect(refusal(() => openEnvelope(incoming(new Uint8Array(MAX_PAYLOAD_BYTES + 1))))).toBe(
      "message-invalid payload",
    );
  });

  it("is not made of malformed parts", () => {
    expect(refusal(() => sealEnvelope({ ...outgoing, kind: "" }))).toBe("message-invalid kind");
    expect(refusal(() => sealEnvelope({ ...outgoing, kind: "Offer!" }))).toBe("message-invalid kind");
    expect(refusal(() => sealEnvelope({ ...outgoing, kind: "k".repeat(33) }))).toBe("message-invalid kind");
    expect(refusal(() => sealEnvelope({ ...outgoing, messageId: new Uint8Array(15) }))).toBe(
      "message-invalid messageId",
    );
    expect(refusal(() => sealEnvelope({ ...outgoing, topic: topicOf(mallory, bob) }))).toBe(
      "message-invalid topic",
    );
    expect(refusal(() => sealEnvelope({ ...outgoing, network: "campus" }))).toBe("message-invalid topic");
  });

  it("is fresh for ten minutes either way", () => {
    const payload = sealEnvelope(outgoing);
    for (const offset of [-FRESHNESS_MS, FRESHNESS_MS]) {
      expect(openEnvelope(incoming(payload, { now: NOW + offset })).timeMs).toBe(NOW);
    }
    for (const offset of [-FRESHNESS_MS - 1, FRESHNESS_MS + 1]) {
      expect(refusal(() => openEnvelope(incoming(payload, { now: NOW + offset })))).toBe(
        "message-invalid timeMs",
      );
    }
    expect(refusal(() => openEnvelope(incoming(payload, { now: NOW + 11, freshnessMs: 10 })))).toBe(
      "message-invalid timeMs",
    );
  });

  it("opens for nobody else, nowhere else", () => {
    const payload = sealEnvelope(outgoing);
    const other = { sessionSecret: new Uint8Array(32).fill(13) };
    expect(refusal(() => openEnvelope(incoming(payload, other)))).toMatch(/^seal-broken/);
    expect(refusal(() => openEnvelope(incoming(payload, { topic: topicOf(mallory, bob) })))).toMatch(
      /^seal-broken/,
    );
    expect(refusal(() => openEnvelope(incoming(payload, { network: "campus" })))).toBe(
      "message-invalid topic",
    );
    expect(refusal(() => openEnvelope(incoming(payload, { recipient: mallory.publicKey })))).toBe(
      "message-invalid topic",
    );
    const cast = castTopic("village", agentId(alice.publicKey), "card");
    expect(refusal(() => openEnvelope(incoming(payload, { topic: cast })))).toBe("message-invalid topic");
    expect(refusal(() => openEnvelope(incoming(payload, { topic: "segment/1" })))).toBe(
      "topic-invalid levels",
    );
  });

  it("is not believed when the inside contradicts the outside", () => {
    const open = (payload: Uint8Array) => refusal(() => openEnvelope(incoming(payload)));
    const pledged = (...args: Parameters<typeof pledge>) => open(forged({ 1: pledge(...args) }));
    expect(open(forged())).toBe("none");
    expect(pledged({}, mallory)).toBe("message-invalid sender");
    expect(pledged({ 1: "campus" })).toBe("message-invalid network");
    expect(pledged({ 2: mallory.publicKey })).toBe("message-invalid recipient");
    expect(pledged({ 3: new Uint8Array(32) })).toBe("message-invalid encapsulated");
    for (const offMs of [-CONTEXT_MS - 1, CONTEXT_MS + 1])
      expect(pledged({ 4: NOW + offMs })).toBe("message-invalid sinceMs");
    for (const offMs of [-CONTEXT_MS, CONTEXT_MS]) expect(pledged({ 4: NOW + offMs })).toBe("none");
    expect(pledged({ 4: -1 })).toBe("cbor-wrong-shape pledge.sinceMs");
    expect(pledged({ 0: 1 })).toBe("cbor-wrong-shape pledge.version");
    expect(pledged({}, alice, "fact")).toMatch(/^signature-invalid/);
    expect(open(forged({ 1: new Uint8Array(40) }))).toMatch(/^signature-malformed/);
    expect(open(forged({ 4: "Kind" }))).toBe("message-invalid kind");
    for (const changes of [
      { 0: 1 },
      { 1: "x" },
      { 1: new Uint8Array(257) },
      { 2: new Uint8Array(15) },
      { 3: -1 },
      { 4: 1 },
      { 5: "b" },
      { 6: 1 },
    ]) {
      expect(open(forged(changes as Record<number, CborValue>))).toMatch(/^cbor-wrong-shape/);
    }
  });

  it("cannot be passed on by its recipient as if it were to another", () => {
    // Bob opens what Alice wrote to him and seals the same signed bytes to Mallory.
    const secret = new Uint8Array(32).fill(14);
    const topic = topicOf(alice, mallory);
    const own = hpkeSender(crypto, random, crypto.x25519PublicKey(secret), utf8(KEY_LABELS.sealedMessage));
    const inner = encodeCbor([2, pledge(), outgoing.messageId, NOW, "kind", Uint8Array.of(1), null]);
    const passedOn = concat(
      own.encapsulated,
      new Uint8Array(4),
      hpkeSealAt(crypto, own, 0, utf8(topic), inner),
    );
    const arrived = incoming(passedOn, { topic, recipient: mallory.publicKey, sessionSecret: secret });
    expect(refusal(() => openEnvelope(arrived))).toBe("message-invalid recipient");
  });

  it("of a kind that is judged by its nonce may be of any date, and others may not", () => {
    const arrived = { ...incoming(sealEnvelope(outgoing)), now: outgoing.timeMs + 50 * 365 * 86_400_000 };
    expect(refusal(() => openEnvelope(arrived))).toBe("message-invalid timeMs");
    expect(refusal(() => openEnvelope({ ...arrived, undated: ["time"] }))).toBe("message-invalid timeMs");
    expect(openEnvelope({ ...arrived, undated: ["time", outgoing.kind] }).timeMs).toBe(outgoing.timeMs);
  });

  it("with any byte changed is refused with a code, never a crash", () => {
    const payload = sealEnvelope(outgoing);
    const inner = encodeCbor([2, pledge(), outgoing.messageId, NOW, "kind", Uint8Array.of(1), null]);
    const plain = openEnvelope(incoming(sealed(inner)));
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), fc.boolean(), (at, bits, inside) => {
        const bytes = (inside ? inner : payload).slice();
        bytes[at % bytes.length] = (bytes[at % bytes.length] as number) ^ bits;
        const arrived = incoming(inside ? sealed(bytes) : bytes);
        const code = refusal(() => openEnvelope(arrived));
        expect(code).not.toMatch(/^internal/);
        // Its maker may say what it likes, but not as another.
        if (code === "none") expect([inside, openEnvelope(arrived).from]).toEqual([true, plain.from]);
      }),
      { numRuns: 60 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(refusal(() => openEnvelope(incoming(bytes)))).not.toBe("none");
        expect(refusal(() => openEnvelope(incoming(sealed(bytes))))).not.toBe("none");
      }),
      { numRuns: 60 },
    );
  });
});
