import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { smallOrderKeys } from "../../test/compliance/ed25519-cases.ts";
import { portableCrypto } from "../crypto/portable.ts";
import { fromHex, toHex, utf8 } from "../encoding/bytes.ts";
import { errorCode } from "../errors.ts";
import { agentId, didKey, publicKeyFromId, signerFromSeed } from "./keys.ts";

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return errorCode(error);
  }
  return "no error";
}

describe("identities", () => {
  /** The Ed25519 examples of the W3C CCG did:key specification. */
  const examples = [
    [
      "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
      "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29",
    ],
  ] as const;

  it("have one id each, when more are named than are remembered", () => {
    const keys = Array.from({ length: 2_000 }, (_, n) =>
      new Uint8Array(32)
        .fill(7)
        .fill(n & 255, 1, 2)
        .fill(n >> 8, 2, 3),
    );
    const ids = keys.map((key) => agentId(key));
    expect(new Set(ids).size).toBe(keys.length);
    for (const [n, key] of keys.entries()) {
      expect(agentId(key)).toBe(ids[n]);
      expect(publicKeyFromId(ids[n]!)).toEqual(key);
    }
  });

  it.each(examples)("%s is the key %s", (did, hex) => {
    expect(didKey(fromHex(hex))).toBe(did);
    expect(agentId(fromHex(hex))).toBe(did.slice("did:key:".length));
    expect(toHex(publicKeyFromId(did))).toBe(hex);
    expect(toHex(publicKeyFromId(agentId(fromHex(hex))))).toBe(hex);
  });

  it("come back from their text, which has 48 characters", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (seed) => {
        const { publicKey } = signerFromSeed(portableCrypto, seed);
        expect(agentId(publicKey)).toMatch(/^z6Mk[1-9A-HJ-NP-Za-km-z]{44}$/);
        expect(publicKeyFromId(didKey(publicKey))).toEqual(publicKey);
      }),
      { numRuns: 30 },
    );
  });

  it("have one text only", () => {
    const good = "z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp";
    const bad = ["", "z", "did:key:", good.slice(1), `${good}1`, good.slice(0, -1), ` ${good}`, `${good}\n`];
    bad.push(`did:key:did:key:${good}`, good.replace("k", "l"), good.replace("T", "0"), `did:web:${good}`);
    bad.push(
      "z6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc",
      "1".repeat(1_000_000),
      `z6Mk${"z".repeat(44)}`,
    );
    for (const id of bad)
      expect(
        codeOf(() => publicKeyFromId(id)),
        id.slice(0, 60),
      ).toBe("did-invalid");
  });

  it("are never weak or malformed keys", () => {
    for (const key of [...smallOrderKeys(), new Uint8Array(31), new Uint8Array(0)]) {
      expect(codeOf(() => agentId(key))).toBe("key-invalid");
    }
  });

  it("accept any text without anything but their two errors", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."z6Mk123ABCxyz"), maxLength: 50 }), (id) => {
        for (const candidate of [id, `z6Mk${id.padEnd(44, "x").slice(0, 44)}`]) {
          const code = codeOf(() => agentId(publicKeyFromId(candidate)));
          expect(["did-invalid", "key-invalid", "no error"]).toContain(code);
          if (code === "no error") expect(agentId(publicKeyFromId(candidate))).toBe(candidate);
        }
      }),
    );
  });
});

describe("signerFromSeed", () => {
  it("signs with the seed it was given, whatever happens to the array", () => {
    const seed = new Uint8Array(32).fill(5);
    const signer = signerFromSeed(portableCrypto, seed);
    seed.fill(0);
    const message = utf8("hello");
    expect(portableCrypto.ed25519Verify(signer.publicKey, message, signer.sign(message))).toBe(true);
    expect(codeOf(() => signerFromSeed(portableCrypto, new Uint8Array(31)))).toBe("key-invalid");
  });
});
