import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nodeCrypto } from "../../agent/node/crypto.ts";
import { portableCrypto } from "../../protocols/crypto/portable.ts";
import { fromHex, text, toHex, utf8 } from "../../protocols/encoding/bytes.ts";
import { decodeCbor, encodeCbor } from "../../protocols/encoding/cbor.ts";
import type { CborTag } from "../../protocols/encoding/cbor.ts";
import { describeShared } from "../support/shared.ts";
import { cryptoCompliance } from "./crypto.ts";
import { ed25519Cases } from "./ed25519-cases.ts";

cryptoCompliance("portableCrypto", portableCrypto);
cryptoCompliance("nodeCrypto", nodeCrypto);

describe("both", () => {
  it("agree on random changes to keys, messages and signatures", () => {
    const cases = ed25519Cases();
    const change = fc.record({
      which: fc.nat(cases.length - 1),
      field: fc.constantFrom("publicKey", "message", "signature"),
      at: fc.nat(63),
      to: fc.nat(255),
    });
    fc.assert(
      fc.property(change, ({ which, field, at, to }) => {
        const changed = { ...cases[which]! };
        const bytes = Uint8Array.from(changed[field as "message"]);
        if (bytes.length > 0) bytes[at % bytes.length] = to;
        changed[field as "message"] = bytes;
        const { publicKey, message, signature } = changed;
        expect(nodeCrypto.ed25519Verify(publicKey, message, signature)).toBe(
          portableCrypto.ed25519Verify(publicKey, message, signature),
        );
      }),
      { numRuns: 400 },
    );
  });

  it("agree on X25519 for any u-coordinate, canonical or not", () => {
    const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(key, key, fc.boolean(), (secret, u, large) => {
        // RFC 7748 section 5: values from 2^255-19 to 2^255-1 are accepted, reduced.
        if (large) u.fill(0xff, 1);
        const results = [nodeCrypto, portableCrypto].map((crypto) => {
          try {
            return toHex(crypto.x25519(secret, u));
          } catch (error) {
            return String(error);
          }
        });
        expect(results[0]).toBe(results[1]);
      }),
      { numRuns: 60 },
    );
  });

  it("agree on hashes, signatures and ciphers of any input", () => {
    const bytes = fc.uint8Array({ maxLength: 300 });
    const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(key, bytes, bytes, (secret, a, b) => {
        for (const name of ["sha256", "sha512"] as const) {
          expect(nodeCrypto[name](a, b)).toEqual(portableCrypto[name](a, b));
        }
        expect(nodeCrypto.hmacSha256(a, b)).toEqual(portableCrypto.hmacSha256(a, b));
        expect(nodeCrypto.ed25519Sign(secret, a)).toEqual(portableCrypto.ed25519Sign(secret, a));
        for (const name of ["chacha20Poly1305", "aes256Gcm"] as const) {
          const nonce = secret.slice(0, 12);
          const sealed = nodeCrypto[name].seal(secret, nonce, a, b);
          expect(portableCrypto[name].seal(secret, nonce, a, b)).toEqual(sealed);
          expect(portableCrypto[name].open(secret, nonce, a, sealed)).toEqual(b);
        }
      }),
      { numRuns: 60 },
    );
  });
});

interface CoseExample {
  input: { plaintext: string };
  intermediates: { CEK_hex: string };
  output: { cbor: string };
}

/** COSE_Encrypt and COSE_Encrypt0: [protected, {5: nonce}, ciphertext, …] (RFC 9052 section 5). */
for (const [file, cipher, context] of [
  ["crypto/cose/aes-gcm-examples/aes-gcm-03.json", "aes256Gcm", "Encrypt"],
  ["crypto/cose/aes-gcm-examples/aes-gcm-enc-03.json", "aes256Gcm", "Encrypt0"],
  ["crypto/cose/chacha-poly-examples/chacha-poly-01.json", "chacha20Poly1305", "Encrypt"],
  // Its own AAD_hex still has the draft's context "Encrypt1"; its ciphertext has the RFC's.
  ["crypto/cose/chacha-poly-examples/chacha-poly-enc-01.json", "chacha20Poly1305", "Encrypt0"],
] as const) {
  describeShared(`COSE example ${file}`, file, (bytes) => {
    const example = JSON.parse(text(bytes)) as CoseExample;

    it.each([
      ["nodeCrypto", nodeCrypto],
      ["portableCrypto", portableCrypto],
    ])("opens with %s", (_, crypto) => {
      const message = decodeCbor(fromHex(example.output.cbor)) as CborTag;
      const [header, unprotected, ciphertext] = message.value as [
        Uint8Array,
        Map<number, Uint8Array>,
        Uint8Array,
      ];
      const nonce = unprotected.get(5)!;
      const aad = encodeCbor([context, header, new Uint8Array(0)]);
      const opened = crypto[cipher].open(fromHex(example.intermediates.CEK_hex), nonce, aad, ciphertext);
      expect(opened).toEqual(utf8(example.input.plaintext));
    });
  });
}
