import { describe, expect, it } from "vitest";
import { portableCrypto } from "../crypto/portable.ts";
import { toHex, utf8 } from "../encoding/bytes.ts";
import { agentId, signerFromSeed } from "../identity/keys.ts";
import type { Crypto } from "../ports.ts";
import { directTopic } from "../topics.ts";
import { CONTEXT_MESSAGES, CONTEXT_MS, CONTEXTS, RecipientContexts, SenderContexts } from "./contexts.ts";
import { openEnvelope, sealEnvelope, type Incoming, type Outgoing } from "./envelope.ts";

const NOW = 1_800_000_000_000;

/** Counts what is dear. */
const calls = { sign: 0, verify: 0, agree: 0 };
const crypto: Crypto = {
  ...portableCrypto,
  ed25519Sign(seed, message) {
    calls.sign += 1;
    return portableCrypto.ed25519Sign(seed, message);
  },
  ed25519Verify(publicKey, message, signature) {
    calls.verify += 1;
    return portableCrypto.ed25519Verify(publicKey, message, signature);
  },
  x25519(secret, publicKey) {
    calls.agree += 1;
    return portableCrypto.x25519(secret, publicKey);
  },
};

let drawn = 0;
/** Never the same twice. */
const random = {
  bytes: (length: number) => crypto.sha256(Uint8Array.of((drawn += 1), drawn >> 8)).slice(0, length),
};
const alice = signerFromSeed(crypto, new Uint8Array(32).fill(1));
const bob = signerFromSeed(crypto, new Uint8Array(32).fill(2));
const bobSecret = new Uint8Array(32).fill(12);
const topic = directTopic("village", agentId(alice.publicKey), agentId(bob.publicKey));

function outgoing(contexts: SenderContexts, change: Partial<Outgoing> = {}): Outgoing {
  return {
    ...{ crypto, random, network: "village", sender: alice, recipient: bob.publicKey, topic, contexts },
    ...{ recipientSessionKey: crypto.x25519PublicKey(bobSecret), messageId: random.bytes(16), timeMs: NOW },
    ...{ kind: "hello", body: utf8("x"), ...change },
  };
}

function incoming(payload: Uint8Array, contexts: RecipientContexts): Incoming {
  return {
    ...{ crypto, network: "village", topic, payload, recipient: bob.publicKey, sessionSecret: bobSecret },
    ...{ now: NOW, contexts },
  };
}

/** What names the context of a payload. */
const encapsulated = (payload: Uint8Array): string => toHex(payload.slice(0, 32));

function counted(act: () => void): typeof calls {
  Object.assign(calls, { sign: 0, verify: 0, agree: 0 });
  act();
  return { ...calls };
}

describe("what is agreed between two agents", () => {
  it("serves many messages: one signature, one agreement and one check for all of them", () => {
    const [sealing, opening] = [new SenderContexts(), new RecipientContexts()];
    const payloads: Uint8Array[] = [];
    const sealed = counted(() => {
      for (let n = 0; n < 20; n++) payloads.push(sealEnvelope(outgoing(sealing, { body: Uint8Array.of(n) })));
    });
    expect(sealed).toEqual({ sign: 1, verify: 0, agree: 1 });
    const opened = counted(() => {
      // In any order, and again.
      for (const n of [7, 19, 0, 7, 3, 12]) {
        expect(openEnvelope(incoming(payloads[n]!, opening)).body).toEqual(Uint8Array.of(n));
      }
    });
    expect(opened).toEqual({ sign: 0, verify: 1, agree: 1 });
  });

  it("is in every message: whoever has forgotten it, or hears a late one first, opens it", () => {
    const sealing = new SenderContexts();
    const payloads = Array.from({ length: 5 }, (_, n) =>
      sealEnvelope(outgoing(sealing, { body: Uint8Array.of(n) })),
    );
    for (const [n, payload] of payloads.entries())
      expect(openEnvelope(incoming(payload, new RecipientContexts())).body).toEqual(Uint8Array.of(n));
  });

  it("never gives a number twice", () => {
    const sealing = new SenderContexts();
    const seen = Array.from({ length: 300 }, () => {
      const { hpke, seq } = sealing.next(outgoing(sealing));
      return `${toHex(hpke.encapsulated)}/${seq}`;
    });
    expect(new Set(seen).size).toBe(300);
  });

  it("is made anew after a while, either way of the clock, and for another key of the recipient", () => {
    const sealing = new SenderContexts();
    const at = (change: Partial<Outgoing>) => encapsulated(sealEnvelope(outgoing(sealing, change)));
    const first = at({});
    expect(at({ timeMs: NOW + CONTEXT_MS - 1 })).toBe(first);
    const second = at({ timeMs: NOW + CONTEXT_MS });
    expect(second).not.toBe(first);
    const third = at({ timeMs: NOW });
    expect(third).not.toBe(second);
    const other = at({ recipientSessionKey: crypto.x25519PublicKey(new Uint8Array(32).fill(13)) });
    expect(new Set([first, second, third, other]).size).toBe(4);
    // A process that starts again knows nothing of it.
    expect(encapsulated(sealEnvelope(outgoing(new SenderContexts())))).not.toBe(other);
  });

  it("is made anew long before its numbers end", () => {
    const sealing = new SenderContexts();
    const parties = outgoing(sealing);
    const name = () => encapsulated(sealing.next(parties).hpke.encapsulated);
    const first = name();
    for (let n = 1; n < CONTEXT_MESSAGES; n++) sealing.next(parties);
    expect(name()).not.toBe(first);
  });

  it("is kept for so many, the ones used last", () => {
    const sealing = new SenderContexts();
    const to = (n: number) =>
      encapsulated(sealing.next({ ...outgoing(sealing), topic: `${n}` }).hpke.encapsulated);
    const first = to(0);
    const second = to(1);
    for (let n = 2; n < CONTEXTS; n++) to(n);
    expect(to(0)).toBe(first);
    to(CONTEXTS);
    expect(to(0)).toBe(first);
    expect(to(1)).not.toBe(second);
  });

  it("is forgotten by a recipient that many strangers write to, and found in the next message", () => {
    const [sealing, opening] = [new SenderContexts(), new RecipientContexts()];
    const first = sealEnvelope(outgoing(sealing));
    openEnvelope(incoming(first, opening));
    for (let n = 0; n < CONTEXTS; n++) {
      const stranger = signerFromSeed(crypto, crypto.sha256(Uint8Array.of(n, n >> 8)));
      const from = directTopic("village", agentId(stranger.publicKey), agentId(bob.publicKey));
      const payload = sealEnvelope(outgoing(new SenderContexts(), { sender: stranger, topic: from }));
      openEnvelope({ ...incoming(payload, opening), topic: from });
    }
    expect(counted(() => openEnvelope(incoming(first, opening)))).toEqual({ sign: 0, verify: 1, agree: 1 });
    expect(counted(() => openEnvelope(incoming(first, opening)))).toEqual({ sign: 0, verify: 0, agree: 0 });
  }, 30_000);
});
