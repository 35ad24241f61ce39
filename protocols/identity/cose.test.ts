import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nodeCrypto } from "../../agent/node/crypto.ts";
import { smallOrderKeys } from "../../test/compliance/ed25519-cases.ts";
import { describeShared, sharedData } from "../../test/support/shared.ts";
import { fromHex, text, toHex, utf8 } from "../encoding/bytes.ts";
import { CborTag, decodeCbor, encodeCbor } from "../encoding/cbor.ts";
import type { CborValue } from "../encoding/cbor.ts";
import { SegmentError } from "../errors.ts";
import { SIGNATURE_LABELS } from "../labels.ts";
import type { SignatureLabel } from "../labels.ts";
import { openSign1, sigStructure, sign1, verify1 } from "./cose.ts";
import { signerFromSeed } from "./keys.ts";

const signer = signerFromSeed(nodeCrypto, new Uint8Array(32).fill(1));
const payload = utf8("24.90 EUR");

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (!(error instanceof SegmentError)) throw error;
    return error.code;
  }
  return "no error";
}

describe("COSE_Sign1 of SEGMENT", () => {
  it("says who signed what, for the purpose alone that it was signed for", () => {
    const labels = Object.keys(SIGNATURE_LABELS) as SignatureLabel[];
    for (const label of labels) {
      const message = sign1(label, payload, signer);
      expect(verify1(nodeCrypto, label, message)).toEqual({ signer: signer.publicKey, payload });
      for (const other of labels.filter((name) => name !== label)) {
        expect(codeOf(() => verify1(nodeCrypto, other, message))).toBe("signature-invalid");
      }
    }
  });

  it("has a golden vector", () => {
    const header = `a20127045820${toHex(signer.publicKey)}`;
    const message = toHex(sign1("fact", payload, signer));
    expect(message.slice(0, -128)).toBe(`d2845826${header}a049${toHex(payload)}5840`);
    const label = toHex(utf8("segment/1/sign/fact"));
    const signed = `846a5369676e6174757265315826${header}53${label}49${toHex(payload)}`;
    expect(message.slice(-128)).toBe(toHex(signer.sign(fromHex(signed))));
  });

  it("binds what is added to the label", () => {
    const message = sign1("message", payload, signer, utf8("topic"));
    expect(verify1(nodeCrypto, "message", message, utf8("topic")).payload).toEqual(payload);
    for (const other of [undefined, new Uint8Array(0), utf8("topiC")]) {
      expect(codeOf(() => verify1(nodeCrypto, "message", message, other))).toBe("signature-invalid");
    }
    const empty = sign1("message", payload, signer, new Uint8Array(0));
    expect(codeOf(() => verify1(nodeCrypto, "message", empty))).toBe("signature-invalid");
  });

  it("carries an empty and a large payload", () => {
    for (const size of [0, 1, 23, 24, 255, 256, 1_900, 1_955, 1_956, 1_957, 1_970, 2_048, 65_536, 100_000]) {
      const large = new Uint8Array(size).fill(size);
      expect(verify1(nodeCrypto, "entry", sign1("entry", large, signer)).payload).toEqual(large);
      const aad = large.slice(0, 3_000);
      const message = sign1("entry", payload, signer, aad);
      expect(verify1(nodeCrypto, "entry", message, aad).payload).toEqual(payload);
    }
    const tooLarge = new Uint8Array((4 << 20) + 1);
    expect(codeOf(() => verify1(nodeCrypto, "entry", tooLarge))).toBe("signature-malformed");
  });

  it("refuses any byte changed and any cut", () => {
    const message = sign1("fact", payload, signer);
    for (let index = 0; index < message.length; index++) {
      for (const flip of [0x01, 0x80]) {
        const changed = Uint8Array.from(message);
        changed[index]! ^= flip;
        expect(codeOf(() => verify1(nodeCrypto, "fact", changed))).toMatch(/^signature-/);
      }
      expect(codeOf(() => verify1(nodeCrypto, "fact", message.slice(0, index)))).toBe("signature-malformed");
    }
  });

  it("refuses every other form of the message", () => {
    const [header, , , signature] = (decodeCbor(sign1("fact", payload, signer)) as CborTag)
      .value as Uint8Array[];
    const key = signer.publicKey;
    const headerOf = (...entries: [CborValue, CborValue][]): Uint8Array => encodeCbor(new Map(entries));
    const message = (...parts: CborValue[]): Uint8Array => encodeCbor(new CborTag(18, parts));
    const empty = new Map<CborValue, CborValue>();
    const forms: Uint8Array[] = [
      encodeCbor([header!, empty, payload, signature!]),
      encodeCbor(new CborTag(98, [header!, empty, payload, signature!])),
      message(header!, empty, payload),
      message(header!, empty, payload, signature!, 0),
      message(header!, new Map([[4, key]]), payload, signature!),
      message(header!, [], payload, signature!),
      message(header!, empty, null, signature!),
      message(header!, empty, payload, "signature"),
      message(new Map([[1, -8]]), empty, payload, signature!),
      message(new Uint8Array(0), empty, payload, signature!),
      message(headerOf([1, -8]), empty, payload, signature!),
      message(headerOf([1, -7], [4, key]), empty, payload, signature!),
      message(headerOf([1, -8], [4, key.slice(1)]), empty, payload, signature!),
      message(headerOf([1, -8], [4, "key"]), empty, payload, signature!),
      message(headerOf([1, -8], [4, key], [2, [1]]), empty, payload, signature!),
      message(encodeCbor([1, -8]), empty, payload, signature!),
      new Uint8Array(0),
    ];
    for (const form of forms) {
      expect(
        codeOf(() => verify1(nodeCrypto, "fact", form)),
        toHex(form),
      ).toBe("signature-malformed");
    }
    const wrongLength = message(header!, empty, payload, signature!.slice(1));
    expect(codeOf(() => verify1(nodeCrypto, "fact", wrongLength))).toBe("signature-invalid");
  });

  it("refuses signers whom anybody could be", () => {
    for (const key of smallOrderKeys()) {
      const header = encodeCbor(
        new Map<CborValue, CborValue>([
          [1, -8],
          [4, key],
        ]),
      );
      const identityR = Uint8Array.from({ length: 64 }, (_, i) => (i === 0 ? 1 : 0));
      const forged = encodeCbor(new CborTag(18, [header, new Map(), payload, identityR]));
      expect(codeOf(() => verify1(nodeCrypto, "fact", forged))).toBe("signature-invalid");
    }
  });

  it("gives only its two errors for any bytes", () => {
    const message = sign1("fact", payload, signer);
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(changes, (list) => {
        const bytes = Uint8Array.from(message);
        for (const [at, to] of list) bytes[at % bytes.length] = to;
        const same = toHex(bytes) === toHex(message);
        expect(codeOf(() => verify1(nodeCrypto, "fact", bytes))).toMatch(same ? /^no error$/ : /^signature-/);
      }),
      { numRuns: 300 },
    );
  });
});

interface CoseExample {
  input: { sign0: { key: { kty: string; crv: string; x_hex: string; d_hex: string }; external?: string } };
  intermediates: { ToBeSign_hex: string };
  output: { cbor: string };
}

/** Sign1 messages of the COSE working group: what is signed is rebuilt from the message's own parts. */
for (const file of [
  "eddsa-examples/eddsa-sig-01.json",
  "eddsa-examples/eddsa-sig-02.json",
  "sign1-tests/sign-pass-01.json",
  "sign1-tests/sign-pass-02.json",
]) {
  describeShared(`COSE example ${file}`, `crypto/cose/${file}`, (bytes) => {
    const { input, intermediates, output } = JSON.parse(text(bytes)) as CoseExample;
    const external = fromHex(input.sign0.external ?? "");

    it("covers the bytes that the example signs", () => {
      const { protectedBytes, payload: content } = openSign1(fromHex(output.cbor));
      const signed = sigStructure(protectedBytes, external, content);
      expect(toHex(signed)).toBe(intermediates.ToBeSign_hex.toLowerCase());
    });
  });
}

describeShared("COSE example eddsa-sig-01", "crypto/cose/eddsa-examples/eddsa-sig-01.json", (bytes) => {
  const { input, output } = JSON.parse(text(bytes)) as CoseExample;
  const { x_hex: publicKey, d_hex: seed } = input.sign0.key;

  it("verifies, and we sign the same", () => {
    const { protectedBytes, payload: content, signature } = openSign1(fromHex(output.cbor));
    const signed = sigStructure(protectedBytes, new Uint8Array(0), content);
    expect(nodeCrypto.ed25519Verify(fromHex(publicKey), signed, signature)).toBe(true);
    expect(nodeCrypto.ed25519Sign(fromHex(seed), signed)).toEqual(signature);
  });

  it("is not a message of SEGMENT: it has no key in its protected header", () => {
    expect(codeOf(() => verify1(nodeCrypto, "fact", fromHex(output.cbor)))).toBe("signature-malformed");
  });
});

describeShared("COSE example eddsa-01", "crypto/cose/eddsa-examples/eddsa-01.json", (bytes) => {
  it("is a COSE_Sign of many signers, which we refuse; its Ed25519 signature verifies", () => {
    const { output, intermediates } = JSON.parse(text(bytes)) as CoseExample & {
      intermediates: { signers: { ToBeSign_hex: string }[] };
    };
    const message = decodeCbor(fromHex(output.cbor)) as CborTag;
    expect(codeOf(() => openSign1(fromHex(output.cbor)))).toBe("signature-malformed");
    const [[[, , signature]]] = (message.value as CborValue[]).slice(3) as [
      [[Uint8Array, unknown, Uint8Array]],
    ];
    const key = fromHex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    const signed = fromHex(intermediates.signers[0]!.ToBeSign_hex);
    expect(nodeCrypto.ed25519Verify(key, signed, signature)).toBe(true);
  });
});

describeShared("COSE example sign-pass-03", "crypto/cose/sign1-tests/sign-pass-03.json", () => {
  it("lacks the tag, which SEGMENT requires", () => {
    const bytes = sharedData("crypto/cose/sign1-tests/sign-pass-03.json")!;
    const { output } = JSON.parse(text(bytes)) as CoseExample;
    expect(codeOf(() => openSign1(fromHex(output.cbor)))).toBe("signature-malformed");
  });
});
