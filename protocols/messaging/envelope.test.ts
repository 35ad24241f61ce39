import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hpkeSeal } from "../crypto/hpke.ts";
import { portableCrypto as crypto } from "../crypto/portable.ts";
import { equalBytes, toHex, utf8 } from "../encoding/bytes.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import type { CborValue } from "../encoding/cbor.ts";
import { SegmentError } from "../errors.ts";
import { sign1 } from "../identity/cose.ts";
import { agentId, signerFromSeed } from "../identity/keys.ts";
import { KEY_LABELS } from "../labels.ts";
import type { SignatureLabel } from "../labels.ts";
import type { Signer } from "../ports.ts";
import { castTopic, directTopic } from "../topics.ts";
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

/** A well-sealed message with whatever a malicious sender puts inside. */
function forged(
  changes: Record<number, CborValue>,
  signer = alice,
  label: SignatureLabel = "message",
): Uint8Array {
  const fields: CborValue[] = [
    1,
    "village",
    alice.publicKey,
    bob.publicKey,
    toBob,
    outgoing.messageId,
    NOW,
    "kind",
    Uint8Array.of(1),
    null,
  ];
  for (const [index, value] of Object.entries(changes)) fields[Number(index)] = value;
  return sealed(sign1(label, encodeCbor(fields), signer));
}

function sealed(inner: Uint8Array, topic = toBob): Uint8Array {
  return hpkeSeal(crypto, random, bobSession, utf8(KEY_LABELS.sealedMessage), utf8(topic), inner);
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
    expect(refusal(() => openEnvelope(incoming(forged({ 9: new Uint8Array(1025) }))))).toBe(
      "cbor-wrong-shape message.card",
    );
  });

  it("keeps its bytes: enc, then the ciphertext (vector)", () => {
    const payload = sealEnvelope(outgoing);
    expect(payload).toHaveLength(403);
    expect(toHex(crypto.sha256(payload))).toBe(
      "67e0a540eab3f7e1b83735b481daf69c326c65507aa18e1e67ebf9d2380326cc",
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
    expect(open(forged({}))).toBe("none");
    expect(open(forged({}, mallory))).toBe("message-invalid sender");
    expect(open(forged({ 2: mallory.publicKey }, mallory))).toBe("message-invalid sender");
    expect(open(forged({ 3: mallory.publicKey }))).toBe("message-invalid recipient");
    expect(open(forged({ 4: topicOf(alice, mallory) }))).toBe("message-invalid topic");
    expect(open(forged({ 1: "campus" }))).toBe("message-invalid network");
    expect(open(forged({ 7: "Kind" }))).toBe("message-invalid kind");
    expect(open(forged({}, alice, "fact"))).toMatch(/^signature-invalid/);
    expect(open(sealed(Uint8Array.of(1)))).toMatch(/^signature-malformed/);
    for (const changes of [
      { 0: 2 },
      { 2: "x" },
      { 5: new Uint8Array(15) },
      { 6: -1 },
      { 7: 1 },
      { 8: "b" },
      { 9: 1 },
    ]) {
      expect(open(forged(changes as Record<number, CborValue>))).toMatch(/^cbor-wrong-shape/);
    }
  });

  it("cannot be passed on by its recipient as if it were to another", () => {
    // Bob opens what Alice wrote to him and seals the same signed bytes to Mallory.
    const secret = new Uint8Array(32).fill(14);
    const inner = encodeCbor([
      1,
      "village",
      alice.publicKey,
      bob.publicKey,
      toBob,
      outgoing.messageId,
      NOW,
      "kind",
      Uint8Array.of(1),
      null,
    ]);
    const topic = topicOf(alice, mallory);
    const passedOn = hpkeSeal(
      crypto,
      random,
      crypto.x25519PublicKey(secret),
      utf8(KEY_LABELS.sealedMessage),
      utf8(topic),
      sign1("message", inner, alice),
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
    const signed = sign1("message", encodeCbor([1]), alice);
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), fc.boolean(), (at, bits, inside) => {
        const bytes = (inside ? signed : payload).slice();
        bytes[at % bytes.length] = (bytes[at % bytes.length] as number) ^ bits;
        const code = refusal(() => openEnvelope(incoming(inside ? sealed(bytes) : bytes)));
        expect(code).not.toBe("none");
        expect(code).not.toMatch(/^internal/);
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
