import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { portableCrypto as crypto } from "../crypto/portable.ts";
import { encodeMessage } from "../encoding/messages.ts";
import { agentId, signerFromSeed } from "../identity/keys.ts";
import { directTopic } from "../topics.ts";
import { sealEnvelope } from "./envelope.ts";
import { dropCounter, openInbox } from "./inbox.ts";
import { parseBody } from "./schemas.ts";

const NOW = 1_800_000_000_000;
const alice = signerFromSeed(crypto, new Uint8Array(32).fill(1));
const bob = signerFromSeed(crypto, new Uint8Array(32).fill(2));
const sessionSecret = new Uint8Array(32).fill(12);
const topic = directTopic("village", agentId(alice.publicKey), agentId(bob.publicKey));

const write = (id: number, timeMs = NOW): Uint8Array =>
  sealEnvelope({
    crypto,
    random: { bytes: (length) => new Uint8Array(length).fill(id + 1) },
    network: "village",
    sender: alice,
    recipient: bob.publicKey,
    recipientSessionKey: crypto.x25519PublicKey(sessionSecret),
    topic,
    messageId: new Uint8Array(16).fill(id),
    timeMs,
    kind: "order",
    body: encodeMessage({ parcels: 2 }),
  });
const inbox = () => openInbox({ crypto, network: "village", recipient: bob.publicKey, sessionSecret });

describe("the inbox", () => {
  it("opens each message once, counts what it drops, and goes on", () => {
    const bobs = inbox();
    expect(bobs.receive(topic, write(1), NOW)?.kind).toBe("order");
    expect(bobs.receive(topic, write(1), NOW)).toBeUndefined();
    expect(bobs.receive(topic, new Uint8Array(200), NOW)).toBeUndefined();
    expect(bobs.receive("nonsense", write(2), NOW)).toBeUndefined();
    expect(bobs.receive(topic, write(3, NOW - 1e9), NOW)).toBeUndefined();
    expect(bobs.receive(topic, write(4), NOW)?.messageId).toEqual(new Uint8Array(16).fill(4));
    expect(Object.fromEntries(bobs.drops)).toEqual({
      "message-replayed": 1,
      "seal-broken": 1,
      "topic-invalid": 1,
      "message-invalid": 1,
    });
  });

  it("never throws for what a stranger sends", () => {
    const bobs = inbox();
    fc.assert(
      fc.property(
        fc.oneof(fc.constant(topic), fc.string()),
        fc.uint8Array({ maxLength: 300 }),
        (to, payload) => {
          expect(bobs.receive(to, payload, NOW)).toBeUndefined();
        },
      ),
    );
    expect([...bobs.drops.values()].reduce((sum, count) => sum + count, 0)).toBe(100);
    expect(bobs.drops.get("internal")).toBeUndefined();
  });

  it("does not hide a fault of our own", () => {
    const fault = new TypeError("a bug");
    expect(() =>
      dropCounter().attempt(() => {
        throw fault;
      }),
    ).toThrow(fault);
  });
});

describe("parseBody", () => {
  const schema = z.strictObject({ parcels: z.number().int().min(1), note: z.string().optional() });

  it("gives the body that its schema describes", () => {
    expect(parseBody(schema, encodeMessage({ parcels: 2 }))).toEqual({ parcels: 2 });
  });

  it("says where a body is wrong", () => {
    const refused = (where: string) => expect.objectContaining({ code: "message-invalid", where });
    expect(() => parseBody(schema, encodeMessage({ parcels: 0 }))).toThrowError(refused("body.parcels"));
    expect(() => parseBody(schema, encodeMessage({ parcels: 1, extra: 1 }))).toThrowError(refused("body"));
    expect(() =>
      parseBody(z.object({ a: z.array(z.string()) }), encodeMessage({ a: ["x", 1] })),
    ).toThrowError(refused("body.a.1"));
    expect(() => parseBody(schema, Uint8Array.of(0xff))).toThrowError(refused("body"));
    expect(() => parseBody(schema, new Uint8Array())).toThrowError(refused("body"));
  });
});
