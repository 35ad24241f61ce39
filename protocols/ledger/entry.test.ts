import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { portableCrypto as crypto } from "../crypto/portable.ts";
import { toHex } from "../encoding/bytes.ts";
import { decodeCbor, encodeCbor } from "../encoding/cbor.ts";
import { errorCode, SegmentError } from "../errors.ts";
import { sign1 } from "../identity/cose.ts";
import { signerFromSeed } from "../identity/keys.ts";
import { MAX_VALIDITY_MS, openEntry, readBody, signEntry } from "./entry.ts";
import type { EntryBody, EntryFrame } from "./entry.ts";

const signer = signerFromSeed(crypto, new Uint8Array(32).fill(1));
const key = (value: number): Uint8Array => new Uint8Array(32).fill(value);
const frame: EntryFrame = {
  network: "village",
  zone: "main",
  nonce: new Uint8Array(16).fill(2),
  notBefore: 1_000,
  notAfter: 2_000,
};
const currency = "EUR.0123456789abcdef";

/**
 * The transfer below. Made a second time with Python's hashlib and cryptography, from the documentation
 * alone.
 */
const GOLDEN_ENTRY = [
  "d2845826a201270458208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5ca0586c8801677669",
  "6c6c616765646d61696e687472616e7366657250020202020202020202020202020202021903e81907d08458200404040404",
  "040404040404040404040404040404040404040404040404040404744555522e303132333435363738396162636465661909",
  "ba410758409fe7c8705c2149592f880d3f6d6d3c6a52842d3a9a117c6e45f607fa4ffcbaada7e29244e87a7569361024ff5a",
  "edf2a4dac2a26a4db3ee62dfcb167f1837a409",
].join("");

const bodies: EntryBody[] = [
  { kind: "card", card: Uint8Array.of(1, 2, 3) },
  { kind: "revoke", identity: key(3) },
  { kind: "currency", code: "EUR", exponent: 2, name: "Euro" },
  {
    kind: "currency",
    code: "SUN",
    exponent: 0,
    name: "Sun",
    policy: {
      kind: "money",
      minters: [key(1), key(2)],
      cap: { minor: 5n, periodMs: 60_000 },
      demurrage: { ppm: 1, periodMs: 60_000, fund: key(3) },
    },
  },
  {
    kind: "currency",
    code: "DEED",
    exponent: 0,
    name: "House",
    policy: { kind: "deed", documentHash: key(4) },
  },
  { kind: "mint", currency, to: key(4), amount: 2n ** 63n - 1n },
  { kind: "transfer", to: key(4), currency, amount: 2_490n, memo: Uint8Array.of(7) },
  {
    kind: "legs",
    legs: [
      { account: key(4), currency, change: -3n },
      { account: key(5), currency, change: 3n },
    ],
    charges: [{ leg: 0, termsId: key(5), mandate: 0 }],
    memo: Uint8Array.of(7),
    approvals: [Uint8Array.of(8)],
  },
  { kind: "joint", k: 2, members: [key(4), key(5), key(6)] },
  { kind: "end-mandate", termsId: key(5), mandate: 15 },
  { kind: "examine", termsId: key(5), currency, amount: 1n },
  { kind: "open", termsId: key(5), attachmentHash: key(6) },
  { kind: "deposit", termsId: key(5), currency, amount: 2_490n },
  { kind: "choice", termsId: key(5), name: "object", value: -1n },
  { kind: "facts", termsId: key(5), attachmentHash: key(6) },
  { kind: "expire", termsId: key(5), seq: 3, statements: [Uint8Array.of(1), Uint8Array.of(2)] },
];

const transfer = bodies.find(({ kind }) => kind === "transfer")!;

describe("an entry", () => {
  it.each(bodies)("of kind $kind is read as it was written", (body) => {
    const { id, bytes } = signEntry(crypto, signer, frame, body);
    const entry = openEntry(crypto, bytes);
    expect(entry).toMatchObject({ id, signer: signer.publicKey, kind: body.kind, ...frame });
    expect(readBody(entry)).toEqual(body);
  });

  it("has the bytes and the id that were written down", () => {
    const { id, bytes } = signEntry(crypto, signer, frame, transfer);
    expect(toHex(bytes)).toBe(GOLDEN_ENTRY);
    expect(toHex(id)).toBe("32b7c1d831bfee45cf97a31d00099e8e5ab41aee2238415d86b61d1bfab3eb87");
  });

  it("has another id for another signer, so that nobody can use up somebody else's", () => {
    const other = signerFromSeed(crypto, new Uint8Array(32).fill(9));
    expect(signEntry(crypto, signer, frame, transfer).id).not.toEqual(
      signEntry(crypto, other, frame, transfer).id,
    );
  });

  it.each([
    ["ends before it begins", { notAfter: 999 }],
    ["lasts more than a day", { notAfter: 1_000 + MAX_VALIDITY_MS + 1 }],
    ["has a short nonce", { nonce: new Uint8Array(15) }],
  ])("is not signed when it %s", (_, change) => {
    expect(() => signEntry(crypto, signer, { ...frame, ...change }, bodies[1]!)).toThrow(
      expect.objectContaining({ code: "entry-invalid" }),
    );
  });

  it.each([
    [
      "a window of more than a day",
      [1, "village", "main", "revoke", frame.nonce, 0, MAX_VALIDITY_MS + 1, [key(1)]],
      "entry-invalid",
    ],
    ["another version", [2, "village", "main", "revoke", frame.nonce, 0, 1, [key(1)]], "cbor-wrong-shape"],
    [
      "a field too many",
      [1, "village", "main", "revoke", frame.nonce, 0, 1, [key(1)], 0],
      "cbor-wrong-shape",
    ],
    ["a field too few", [1, "village", "main", "revoke", frame.nonce, 0, 1], "cbor-wrong-shape"],
  ])("is refused with %s", (_, payload, code) => {
    const bytes = sign1("entry", encodeCbor(payload), signer);
    expect(() => openEntry(crypto, bytes)).toThrow(expect.objectContaining({ code }));
  });

  it("is not taken from a signature that was made for something else", () => {
    const payload = encodeCbor([1, "village", "main", "revoke", frame.nonce, 0, 1, [key(1)]]);
    expect(() => openEntry(crypto, sign1("terms", payload, signer))).toThrow(
      expect.objectContaining({ code: "signature-invalid" }),
    );
  });

  it.each([
    ["an unknown kind", "gift", [key(1)]],
    ["a short key", "revoke", [new Uint8Array(31)]],
    ["a field too many", "revoke", [key(1), key(2)]],
    ["no field", "revoke", []],
    ["another type", "revoke", ["key"]],
    ["an amount of zero", "deposit", [key(1), currency, 0]],
    ["an amount beyond 2^63 - 1", "deposit", [key(1), currency, 2n ** 63n]],
    ["a long currency", "deposit", [key(1), "x".repeat(65), 1]],
    ["a nested memo", "transfer", [key(1), currency, 1, [key(1)]]],
    ["a mandate beyond the sixteenth", "end-mandate", [key(1), 16]],
    ["101 statements", "expire", [key(1), 0, Array.from({ length: 101 }, () => key(1))]],
  ])("has no body with %s", (_, kind, fields) => {
    expect(() => readBody({ kind, fields })).toThrow(expect.objectContaining({ code: "entry-invalid" }));
  });

  it("never brings down its reader", () => {
    const good = signEntry(crypto, signer, frame, transfer).bytes;
    const mutation = fc.record({ at: fc.nat(good.length - 1), to: fc.nat(255), cut: fc.nat(good.length) });
    fc.assert(
      fc.property(mutation, fc.boolean(), ({ at, to, cut }, cuts) => {
        const bytes = cuts ? good.slice(0, cut) : Uint8Array.from(good);
        if (!cuts) bytes[at] = to;
        try {
          const entry = openEntry(crypto, bytes);
          expect(toHex(bytes)).toBe(toHex(good));
          readBody(entry);
        } catch (error) {
          expect(error).toBeInstanceOf(SegmentError);
        }
      }),
      { numRuns: 100, seed: 1 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.string({ maxLength: 8 }), (random, kind) => {
        try {
          const fields = decodeCbor(random);
          readBody({ kind, fields: Array.isArray(fields) ? fields : [fields] });
        } catch (error) {
          expect(errorCode(error)).not.toBe("internal");
        }
      }),
      { numRuns: 300, seed: 1 },
    );
  });
});
