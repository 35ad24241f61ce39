import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nodeCrypto } from "../../agent/node/crypto.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import type { CborValue } from "../encoding/cbor.ts";
import { SegmentError } from "../errors.ts";
import { openCard, signCard } from "./card.ts";
import type { Card } from "./card.ts";
import { sign1 } from "./cose.ts";
import { signerFromSeed } from "./keys.ts";

const root = signerFromSeed(nodeCrypto, new Uint8Array(32).fill(1));
const stranger = signerFromSeed(nodeCrypto, new Uint8Array(32).fill(3));
const card: Card = {
  root: root.publicKey,
  identity: signerFromSeed(nodeCrypto, new Uint8Array(32).fill(2)).publicKey,
  sessionKey: nodeCrypto.x25519PublicKey(new Uint8Array(32).fill(4)),
  kind: "drone",
  name: "Aigle n° 3",
  notBefore: 1_750_000_000_000,
  notAfter: 1_780_000_000_000,
};

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (!(error instanceof SegmentError)) throw error;
    return error.code;
  }
  return "no error";
}

function payloadOf(changed: Partial<Record<keyof Card, CborValue>>, version: CborValue = 1): Uint8Array {
  const {
    root: r,
    identity,
    sessionKey,
    kind,
    name,
    notBefore,
    notAfter,
  } = { ...card, ...changed } as Record<keyof Card, CborValue>;
  return encodeCbor([version, r, identity, sessionKey, kind, name, notBefore, notAfter]);
}

describe("card", () => {
  it("comes back as it was signed, in under 300 bytes", () => {
    const bytes = signCard(card, root);
    expect(openCard(nodeCrypto, bytes)).toEqual(card);
    expect(bytes.length).toBeLessThan(300);
  });

  it("holds from notBefore up to, and without, notAfter", () => {
    const bytes = signCard(card, root);
    const codes = [card.notBefore - 1, card.notBefore, card.notAfter - 1, card.notAfter].map((now) =>
      codeOf(() => openCard(nodeCrypto, bytes, now)),
    );
    expect(codes).toEqual(["card-invalid", "no error", "no error", "card-expired"]);
  });

  it("is signed by its root and nobody else", () => {
    expect(codeOf(() => signCard(card, stranger))).toBe("card-invalid");
    expect(codeOf(() => openCard(nodeCrypto, sign1("card", payloadOf({}), stranger)))).toBe("card-invalid");
    expect(codeOf(() => openCard(nodeCrypto, sign1("card", payloadOf({}), root)))).toBe("no error");
    expect(codeOf(() => openCard(nodeCrypto, sign1("fact", payloadOf({}), root)))).toBe("card-invalid");
  });

  it("is refused with any wrong field, whether to be signed or already signed", () => {
    const wrong: Partial<Record<keyof Card, CborValue>>[] = [
      { identity: new Uint8Array(32) },
      { identity: new Uint8Array(31) },
      { sessionKey: new Uint8Array(33) },
      { kind: "" },
      { kind: "Drone" },
      { kind: "a".repeat(33) },
      { name: "" },
      { name: "x".repeat(65) },
      { name: "bell\u0007" },
      { name: "two\nlines" },
      { notBefore: -1 },
      { notAfter: card.notBefore },
    ];
    for (const change of wrong) {
      expect(codeOf(() => signCard({ ...card, ...(change as Partial<Card>) }, root))).toBe("card-invalid");
      expect(codeOf(() => openCard(nodeCrypto, sign1("card", payloadOf(change), root)))).toBe("card-invalid");
    }
    expect(codeOf(() => signCard({ ...card, notBefore: 0.5 }, root))).toBe("card-invalid");
    const malformed = [
      payloadOf({}, 2),
      payloadOf({ name: 7 }),
      encodeCbor([1]),
      encodeCbor("card"),
      new Uint8Array(0),
    ];
    malformed.push(payloadOf({ notAfter: 2n ** 60n }), encodeCbor([1, card.root, card.identity]));
    for (const bytes of malformed) {
      expect(codeOf(() => openCard(nodeCrypto, sign1("card", bytes, root)))).toBe("card-invalid");
    }
    expect(codeOf(() => openCard(nodeCrypto, sign1("card", new Uint8Array(2000), root)))).toBe(
      "card-invalid",
    );
  });

  it("does not open once changed, and gives only its own errors", () => {
    const bytes = signCard(card, root);
    const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), {
      minLength: 1,
      maxLength: 1,
    });
    fc.assert(
      fc.property(changes, (list) => {
        const changed = Uint8Array.from(bytes);
        for (const [at, flip] of list) changed[at % bytes.length]! ^= flip;
        expect(codeOf(() => openCard(nodeCrypto, changed))).toBe("card-invalid");
      }),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => {
        expect(codeOf(() => openCard(nodeCrypto, noise))).toBe("card-invalid");
      }),
    );
  });
});
