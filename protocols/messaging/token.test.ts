import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { portableCrypto as crypto } from "../crypto/portable.ts";
import { toBase64Url } from "../encoding/bytes.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import type { CborValue } from "../encoding/cbor.ts";
import { SegmentError } from "../errors.ts";
import { sign1 } from "../identity/cose.ts";
import { agentId, signerFromSeed } from "../identity/keys.ts";
import {
  CLOCK_USER,
  clockTopic,
  isClientIdOf,
  makeToken,
  MAX_TOKEN_MS,
  readClock,
  verifyToken,
} from "./token.ts";

const NOW = 1_800_000_000_000;
const alice = signerFromSeed(crypto, new Uint8Array(32).fill(1));
const mallory = signerFromSeed(crypto, new Uint8Array(32).fill(3));
const id = agentId(alice.publicKey);
const clientId = `${id}.00c0ffee`;
const login = { network: "village", clientId, now: NOW };

function where(changes: Partial<Parameters<typeof verifyToken>[1]> = {}): string {
  try {
    verifyToken(crypto, { ...login, ...makeToken(alice, login), ...changes });
    return "accepted";
  } catch (error) {
    if (!(error instanceof SegmentError)) throw error;
    expect(error.code).toBe("broker-refused");
    return error.where ?? "";
  }
}

const tokenOf = (fields: CborValue[], signer = alice): string =>
  toBase64Url(sign1("brokerToken", encodeCbor(fields), signer));

describe("a broker token", () => {
  it("lets its agent in", () => {
    expect(verifyToken(crypto, { ...login, ...makeToken(alice, login) })).toBe(id);
    expect(makeToken(alice, login).password.length).toBeLessThan(512);
  });

  it("is good for five minutes in all", () => {
    expect(where({ now: NOW - MAX_TOKEN_MS / 2 })).toBe("accepted");
    expect(where({ now: NOW + MAX_TOKEN_MS / 2 })).toBe("accepted");
    expect(where({ now: NOW - MAX_TOKEN_MS / 2 - 1 })).toBe("notBefore");
    expect(where({ now: NOW + MAX_TOKEN_MS / 2 + 1 })).toBe("notAfter");
    const long = tokenOf([1, "village", alice.publicKey, clientId, NOW, NOW + MAX_TOKEN_MS + 1]);
    expect(where({ password: long })).toBe("notAfter");
  });

  it("is for one network, one client and one agent", () => {
    expect(where({ network: "campus" })).toBe("network");
    expect(where({ clientId: `${id}.00c0ffef` })).toBe("clientId");
    expect(where({ username: agentId(mallory.publicKey) })).toBe("username");
    expect(where({ username: "" })).toBe("username");
  });

  it("does not let anyone act for another, or take his connection over", () => {
    expect(where({ password: tokenOf([1, "village", alice.publicKey, clientId, NOW, NOW], mallory) })).toBe(
      "identity",
    );
    const stolen = makeToken(mallory, login); // Mallory's own token, with Alice's client id
    expect(where(stolen)).toBe("clientId");
    expect(isClientIdOf(id, id)).toBe(true);
    expect(isClientIdOf(id, `${id}x`)).toBe(false);
    expect(isClientIdOf(id, `${id}.${"x".repeat(80)}`)).toBe(false);
  });

  it("of any other shape is refused with a code, never a crash", () => {
    expect(where({ password: "" })).toBe("password");
    expect(where({ password: "é" })).toBe("password");
    expect(where({ password: "A".repeat(1025) })).toBe("password");
    expect(where({ password: tokenOf([1]) })).toBe("password");
    expect(where({ password: toBase64Url(sign1("message", encodeCbor([1]), alice)) })).toBe("password");
    const good = makeToken(alice, login).password;
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.string({ maxLength: 3 }), (at, text) => {
        const password = good.slice(0, at) + text + good.slice(at + 1);
        if (password !== good) expect(where({ password })).not.toBe("accepted");
      }),
      { numRuns: 100 },
    );
  });
});

describe("a broker's word on the time", () => {
  it("is decimal digits and nothing else", () => {
    const read = (text: string): number | undefined => readClock(new TextEncoder().encode(text));
    expect([read("0"), read("1795000000000"), read("999999999999999")]).toEqual([0, 1795e9, 999999999999999]);
    for (const text of ["", "-1", "1.5", "1e3", " 1", "1 ", "now", "1".repeat(16), "1".repeat(1_000)]) {
      expect(read(text)).toBeUndefined();
    }
    expect(readClock(Uint8Array.of(0xff, 0xfe))).toBeUndefined();
    expect(clockTopic("village")).toBe("segment/1/village/clock");
    // No agent could be taken for it, or it for an agent.
    expect(isClientIdOf(CLOCK_USER, `${CLOCK_USER}.1`) && CLOCK_USER.startsWith("z6Mk")).toBe(false);
  });
});
