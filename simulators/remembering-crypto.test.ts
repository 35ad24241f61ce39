import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nodeCrypto } from "../agent/node/crypto.ts";
import { errorCode } from "../protocols/errors.ts";
import type { Crypto } from "../protocols/ports.ts";
import { rememberingCrypto } from "./remembering-crypto.ts";

const seed = new Uint8Array(32).fill(1);
const publicKey = nodeCrypto.ed25519PublicKey(seed);

/** Remembers, and counts what is really computed. */
function counting(): { crypto: Crypto; calls: Record<"sign" | "verify" | "agree", number> } {
  const calls = { sign: 0, verify: 0, agree: 0 };
  const crypto = rememberingCrypto({
    ...nodeCrypto,
    ed25519Sign: (...args) => ((calls.sign += 1), nodeCrypto.ed25519Sign(...args)),
    ed25519Verify: (...args) => ((calls.verify += 1), nodeCrypto.ed25519Verify(...args)),
    x25519: (...args) => ((calls.agree += 1), nodeCrypto.x25519(...args)),
  });
  return { crypto, calls };
}

describe("crypto that remembers", () => {
  it("answers as crypto that does not, whatever is changed in whatever was made", () => {
    const { crypto } = counting();
    const byte = fc.tuple(fc.constantFrom("key", "message", "signature", "nothing"), fc.nat(63), fc.nat(7));
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.array(byte), (message, changes) => {
        const signature = crypto.ed25519Sign(seed, message);
        expect(signature).toEqual(nodeCrypto.ed25519Sign(seed, message));
        for (const [what, at, bit] of changes) {
          const parts = { key: publicKey.slice(), message: message.slice(), signature: signature.slice() };
          if (what !== "nothing") parts[what as "key"][at % parts[what as "key"].length]! ^= 1 << bit;
          const asked = [parts.key, parts.message, parts.signature] as const;
          expect(crypto.ed25519Verify(...asked)).toBe(nodeCrypto.ed25519Verify(...asked));
          expect(crypto.ed25519Verify(...asked)).toBe(what === "nothing");
        }
      }),
      { numRuns: 60 },
    );
  });

  it("verifies what was made elsewhere once, and some of what was made here", () => {
    const { crypto, calls } = counting();
    const elsewhere = nodeCrypto.ed25519Sign(seed, Uint8Array.of(1));
    for (let n = 0; n < 3; n++)
      expect(crypto.ed25519Verify(publicKey, Uint8Array.of(1), elsewhere)).toBe(true);
    expect(calls.verify).toBe(1);
    for (let n = 0; n < 320; n++) {
      const message = Uint8Array.of(n, n >> 8);
      const made = crypto.ed25519Sign(seed, message);
      for (let again = 0; again < 3; again++)
        expect(crypto.ed25519Verify(publicKey, message, made)).toBe(true);
    }
    expect(calls.sign).toBe(320);
    expect(calls.verify).toBeGreaterThan(5);
    expect(calls.verify).toBeLessThan(60);
  });

  it("notices when signing and verifying do not agree", () => {
    const crypto = rememberingCrypto({ ...nodeCrypto, ed25519Verify: () => false });
    const codes = Array.from({ length: 64 }, (_, n) => {
      const signature = crypto.ed25519Sign(seed, Uint8Array.of(n));
      try {
        return String(crypto.ed25519Verify(publicKey, Uint8Array.of(n), signature));
      } catch (error) {
        return errorCode(error);
      }
    });
    expect(codes).toContain("internal");
  });

  it("agrees once for both sides, on what the primitive says", () => {
    const { crypto, calls } = counting();
    const [mine, yours] = [new Uint8Array(32).fill(3), new Uint8Array(32).fill(4)];
    const secret = crypto.x25519(mine, crypto.x25519PublicKey(yours));
    expect(crypto.x25519(yours, crypto.x25519PublicKey(mine))).toEqual(secret);
    expect(secret).toEqual(nodeCrypto.x25519(mine, nodeCrypto.x25519PublicKey(yours)));
    expect(calls.agree).toBe(1);
    expect(() => crypto.x25519(mine, new Uint8Array(32))).toThrow("small order");
  });
});
