import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nodeCrypto } from "../../agent/node/crypto.ts";
import { describeShared } from "../../test/support/shared.ts";
import { fromHex, text, toHex, utf8 } from "../encoding/bytes.ts";
import { errorCode } from "../errors.ts";
import type { Crypto, Random } from "../ports.ts";
import {
  HPKE_OVERHEAD,
  hpkeOpen,
  hpkeOpenAt,
  hpkeRecipient,
  hpkeSeal,
  hpkeSealAt,
  hpkeSender,
} from "./hpke.ts";
import { portableCrypto } from "./portable.ts";

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return errorCode(error);
  }
  return "no error";
}

function always(bytes: Uint8Array): Random {
  return { bytes: () => bytes };
}

interface HpkeVector {
  mode: number;
  kem_id: number;
  kdf_id: number;
  aead_id: number;
  info: string;
  skEm: string;
  skRm: string;
  pkRm: string;
  enc: string;
  encryptions: { aad: string; ct: string; pt: string; "sequence number": number }[];
}

describeShared("HPKE of RFC 9180 appendix A.2", "crypto/hpke/rfc9180-appendix-a.json", (bytes) => {
  const vectors = (JSON.parse(text(bytes)) as HpkeVector[]).filter(
    ({ mode, kem_id, kdf_id, aead_id }) => mode === 0 && kem_id === 0x20 && kdf_id === 1 && aead_id === 3,
  );

  it("has the base mode of our suite among its vectors", () => expect(vectors).toHaveLength(1));

  it.each([
    ["portableCrypto", portableCrypto],
    ["nodeCrypto", nodeCrypto],
  ] as [string, Crypto][])(
    "seals and opens all messages of a context, in any order, with %s",
    (_, crypto) => {
      for (const { info, skEm, skRm, pkRm, enc, encryptions } of vectors) {
        const sender = hpkeSender(crypto, always(fromHex(skEm)), fromHex(pkRm), fromHex(info));
        const recipient = hpkeRecipient(crypto, fromHex(skRm), fromHex(enc), fromHex(info));
        expect([toHex(sender.encapsulated), recipient]).toEqual([enc, sender]);
        expect(encryptions.map((one) => one["sequence number"])).toEqual([0, 1, 2, 4, 255, 256]);
        for (const { aad, ct, pt, "sequence number": seq } of encryptions.toReversed()) {
          expect(toHex(hpkeSealAt(crypto, sender, seq, fromHex(aad), fromHex(pt)))).toBe(ct);
          expect(toHex(hpkeOpenAt(crypto, recipient, seq, fromHex(aad), fromHex(ct)))).toBe(pt);
        }
      }
    },
  );

  it.each([
    ["portableCrypto", portableCrypto],
    ["nodeCrypto", nodeCrypto],
  ] as [string, Crypto][])("seals and opens the first message with %s", (_, crypto) => {
    for (const { info, skEm, skRm, pkRm, enc, encryptions } of vectors) {
      const { aad, ct, pt } = encryptions[0]!;
      const random = always(fromHex(skEm));
      const sealed = hpkeSeal(crypto, random, fromHex(pkRm), fromHex(info), fromHex(aad), fromHex(pt));
      expect(toHex(sealed)).toBe(enc + ct);
      expect(toHex(hpkeOpen(crypto, fromHex(skRm), fromHex(info), fromHex(aad), sealed))).toBe(pt);
    }
  });
});

describe("sealed messages", () => {
  const secret = new Uint8Array(32).fill(6);
  const publicKey = nodeCrypto.x25519PublicKey(secret);
  const random = always(new Uint8Array(32).fill(7));
  const info = utf8("info");
  const aad = utf8("aad");

  it("open for any content, and only for their key, info and aad", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (plaintext) => {
        const sealed = hpkeSeal(nodeCrypto, random, publicKey, info, aad, plaintext);
        expect(sealed).toHaveLength(plaintext.length + HPKE_OVERHEAD);
        expect(hpkeOpen(nodeCrypto, secret, info, aad, sealed)).toEqual(plaintext);
        expect(codeOf(() => hpkeOpen(nodeCrypto, new Uint8Array(32).fill(8), info, aad, sealed))).toBe(
          "seal-broken",
        );
        expect(codeOf(() => hpkeOpen(nodeCrypto, secret, aad, aad, sealed))).toBe("seal-broken");
        expect(codeOf(() => hpkeOpen(nodeCrypto, secret, info, info, sealed))).toBe("seal-broken");
      }),
      { numRuns: 30 },
    );
  });

  it("do not open with any byte changed, nor cut short", () => {
    const sealed = hpkeSeal(nodeCrypto, random, publicKey, info, aad, utf8("meet at nine"));
    for (let index = 0; index < sealed.length; index++) {
      const changed = Uint8Array.from(sealed);
      changed[index]! ^= 1 << (index & 7);
      // Byte 31 with its top bit flipped is the same X25519 key, but another key schedule.
      expect(codeOf(() => hpkeOpen(nodeCrypto, secret, info, aad, changed))).toBe("seal-broken");
      expect(codeOf(() => hpkeOpen(nodeCrypto, secret, info, aad, sealed.slice(0, index)))).toBe(
        "seal-broken",
      );
    }
  });

  it("of a context open under their own number only, which has 32 bits", () => {
    const context = hpkeSender(nodeCrypto, random, publicKey, info);
    for (const seq of [0, 1, 255, 256, 2 ** 31, 2 ** 32 - 1]) {
      const sealed = hpkeSealAt(nodeCrypto, context, seq, aad, utf8("nine"));
      expect(hpkeOpenAt(nodeCrypto, context, seq, aad, sealed)).toEqual(utf8("nine"));
      const other = seq === 0 ? 1 : seq - 1;
      expect(codeOf(() => hpkeOpenAt(nodeCrypto, context, other, aad, sealed))).toBe("seal-broken");
    }
    for (const seq of [-1, 0.5, 2 ** 32, NaN])
      expect(codeOf(() => hpkeSealAt(nodeCrypto, context, seq, aad, info))).toBe("seal-broken");
    expect(codeOf(() => hpkeRecipient(nodeCrypto, secret, new Uint8Array(31), info))).toBe("seal-broken");
  });

  it("refuse keys of small order on either side", () => {
    const weak = new Uint8Array(32);
    expect(codeOf(() => hpkeSeal(nodeCrypto, random, weak, info, aad, info))).toBe("key-invalid");
    expect(codeOf(() => hpkeOpen(nodeCrypto, secret, info, aad, new Uint8Array(80)))).toBe("seal-broken");
  });
});
