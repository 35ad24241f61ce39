/** What every Crypto port must do: published vectors, and the cases on which libraries differ. */
import { describe, expect, it } from "vitest";
import { concat, equalBytes, fromHex, toHex, utf8 } from "../../protocols/encoding/bytes.ts";
import { errorCode } from "../../protocols/errors.ts";
import type { Aead, Crypto } from "../../protocols/ports.ts";
import { ed25519Cases, smallOrderKeys } from "./ed25519-cases.ts";

export function cryptoCompliance(name: string, crypto: Crypto): void {
  describe(name, () => {
    describe("hashes", () => hashes(crypto));
    describe("Ed25519", () => ed25519(crypto));
    describe("X25519", () => x25519(crypto));
    describe("ChaCha20-Poly1305", () => chacha(crypto.chacha20Poly1305));
    describe("AES-256-GCM", () => aesGcm(crypto.aes256Gcm));
  });
}

function hashes(crypto: Crypto): void {
  it("hashes the FIPS 180-4 examples", () => {
    expect(toHex(crypto.sha256(utf8("abc")))).toBe(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
    expect(toHex(crypto.sha256())).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect(toHex(crypto.sha512(utf8("abc")))).toBe(
      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" +
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    );
  });

  it("hashes parts as their concatenation", () => {
    const [a, b] = [utf8("ab"), utf8("cdefg")];
    const none = new Uint8Array(0);
    expect(crypto.sha256(a, none, b)).toEqual(crypto.sha256(concat(a, b)));
    expect(crypto.sha512(a, b, none)).toEqual(crypto.sha512(concat(a, b)));
    expect(crypto.hmacSha256(a, none, b, a)).toEqual(crypto.hmacSha256(a, concat(b, a)));
  });

  it("authenticates the RFC 4231 test cases 1, 2 and 6 (a key longer than a block)", () => {
    const cases: [Uint8Array, Uint8Array, string][] = [
      [
        new Uint8Array(20).fill(0x0b),
        utf8("Hi There"),
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
      ],
      [
        utf8("Jefe"),
        utf8("what do ya want for nothing?"),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
      ],
      [
        new Uint8Array(131).fill(0xaa),
        utf8("Test Using Larger Than Block-Size Key - Hash Key First"),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
      ],
    ];
    for (const [key, data, expected] of cases) expect(toHex(crypto.hmacSha256(key, data))).toBe(expected);
  });

  it("returns plain Uint8Arrays", () => {
    const seed = new Uint8Array(32).fill(1);
    const outputs = [
      crypto.sha256(seed),
      crypto.sha512(seed),
      crypto.hmacSha256(seed, seed),
      crypto.ed25519PublicKey(seed),
      crypto.ed25519Sign(seed, seed),
      crypto.x25519PublicKey(seed),
      crypto.x25519(seed, crypto.x25519PublicKey(seed)),
      crypto.aes256Gcm.seal(seed, new Uint8Array(12), seed, seed),
      crypto.chacha20Poly1305.seal(seed, new Uint8Array(12), seed, seed),
    ];
    for (const output of outputs) expect(Object.getPrototypeOf(output)).toBe(Uint8Array.prototype);
  });
}

/** RFC 8032 section 7.1: seed, public key, message, signature. */
const RFC8032: [string, string, string, string][] = [
  [
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "",
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155" +
      "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  ],
  [
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    "72",
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
      "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  ],
  [
    "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    "af82",
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac" +
      "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
  ],
  [
    "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
    "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" +
      "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589" +
      "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
  ],
];

function ed25519(crypto: Crypto): void {
  it.each(RFC8032)(
    "makes and verifies the RFC 8032 signature of seed %s",
    (seed, key, message, signature) => {
      const bytes = fromHex(message);
      expect(toHex(crypto.ed25519PublicKey(fromHex(seed)))).toBe(key);
      expect(toHex(crypto.ed25519Sign(fromHex(seed), bytes))).toBe(signature);
      expect(crypto.ed25519Verify(fromHex(key), bytes, fromHex(signature))).toBe(true);
      expect(crypto.ed25519Verify(fromHex(key), concat(bytes, Uint8Array.of(0)), fromHex(signature))).toBe(
        false,
      );
    },
  );

  it("refuses a signature with a bit flipped in any byte", () => {
    const seed = new Uint8Array(32).fill(9);
    const publicKey = crypto.ed25519PublicKey(seed);
    const message = utf8("a fact");
    const signature = crypto.ed25519Sign(seed, message);
    for (let index = 0; index < signature.length; index++) {
      const changed = Uint8Array.from(signature);
      changed[index]! ^= 1 << (index & 7);
      expect(crypto.ed25519Verify(publicKey, message, changed)).toBe(false);
    }
  });

  it("has keys of small order to refuse in all their 14 encodings", () => {
    expect(smallOrderKeys()).toHaveLength(14);
  });

  it("gives SEGMENT's answer in every case where libraries differ", () => {
    const cases = ed25519Cases();
    const wrong = cases.filter(
      ({ publicKey, message, signature, valid }) =>
        crypto.ed25519Verify(publicKey, message, signature) !== valid,
    );
    expect(wrong.map(({ name }) => name)).toEqual([]);
    // The cases would prove little if the mixed-order ones all fell on one side.
    const mixed = cases.filter(({ name }) => name.startsWith("key with torsion"));
    expect(mixed.filter(({ valid }) => valid).length).toBeGreaterThan(5);
    expect(mixed.filter(({ valid }) => !valid).length).toBeGreaterThan(5);
  });

  it("refuses seeds of another length", () => {
    for (const length of [0, 31, 33, 64]) {
      expect(codeOf(() => crypto.ed25519PublicKey(new Uint8Array(length)))).toBe("key-invalid");
      expect(codeOf(() => crypto.ed25519Sign(new Uint8Array(length), new Uint8Array(1)))).toBe("key-invalid");
    }
  });
}

/** RFC 7748 section 5.2: scalar, u-coordinate, result. */
const RFC7748: [string, string, string][] = [
  [
    "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
    "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
    "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
  ],
  [
    "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
    "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
    "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
  ],
];

/** u-coordinates of small order, on the curve or its twist, also as p, p + 1 and with the ignored top bit. */
const SMALL_ORDER_U = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "0000000000000000000000000000000000000000000000000000000000000080",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

function x25519(crypto: Crypto): void {
  it.each(RFC7748)("multiplies the RFC 7748 scalar %s", (scalar, u, expected) => {
    expect(toHex(crypto.x25519(fromHex(scalar), fromHex(u)))).toBe(expected);
  });

  it("iterates as RFC 7748 section 5.2 says, 1 and 1000 times", () => {
    let k = fromHex(`09${"00".repeat(31)}`);
    let u = k;
    for (let i = 1; i <= 1000; i++) {
      [k, u] = [crypto.x25519(k, u), k];
      if (i === 1) expect(toHex(k)).toBe("422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
    }
    expect(toHex(k)).toBe("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
  });

  it("agrees on the secret of RFC 7748 section 6.1", () => {
    const alice = fromHex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
    const bob = fromHex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    const alicePublic = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
    const bobPublic = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
    const shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
    expect(toHex(crypto.x25519PublicKey(alice))).toBe(alicePublic);
    expect(toHex(crypto.x25519PublicKey(bob))).toBe(bobPublic);
    expect(toHex(crypto.x25519(alice, fromHex(bobPublic)))).toBe(shared);
    expect(toHex(crypto.x25519(bob, fromHex(alicePublic)))).toBe(shared);
  });

  it("refuses public keys of small order", () => {
    const secret = new Uint8Array(32).fill(7);
    for (const u of SMALL_ORDER_U) {
      expect(
        codeOf(() => crypto.x25519(secret, fromHex(u))),
        u,
      ).toBe("key-invalid");
    }
  });

  it("refuses keys of another length", () => {
    const good = new Uint8Array(32).fill(7);
    for (const length of [0, 31, 33]) {
      const bad = new Uint8Array(length).fill(7);
      expect(codeOf(() => crypto.x25519(bad, good))).toBe("key-invalid");
      expect(codeOf(() => crypto.x25519(good, bad))).toBe("key-invalid");
      expect(codeOf(() => crypto.x25519PublicKey(bad))).toBe("key-invalid");
    }
  });
}

function chacha(aead: Aead): void {
  it("seals the example of RFC 8439 section 2.8.2", () => {
    const plaintext = utf8(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, " +
        "sunscreen would be it.",
    );
    const key = fromHex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
    const nonce = fromHex("070000004041424344454647");
    const aad = fromHex("50515253c0c1c2c3c4c5c6c7");
    const sealed = aead.seal(key, nonce, aad, plaintext);
    expect(toHex(sealed)).toBe(
      "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6" +
        "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36" +
        "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc" +
        "3ff4def08e4b7a9de576d26586cec64b6116" +
        "1ae10b594f09e26a7e902ecbd0600691",
    );
    expect(aead.open(key, nonce, aad, sealed)).toEqual(plaintext);
  });
  anyAead(aead);
}

function aesGcm(aead: Aead): void {
  const key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
  const nonce = "cafebabefacedbaddecaf888";
  const plaintext =
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72" +
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255";
  const ciphertext =
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa" +
    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad";

  it("seals test cases 13 to 16 of the GCM specification", () => {
    const zeroKey = "00".repeat(32);
    const zeroNonce = "00".repeat(12);
    const cases: [string, string, string, string, string][] = [
      [zeroKey, zeroNonce, "", "", "530f8afbc74536b9a963b4f1c4cb738b"],
      [
        zeroKey,
        zeroNonce,
        "",
        "00".repeat(16),
        "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919",
      ],
      [key, nonce, "", plaintext, `${ciphertext}b094dac5d93471bdec1a502270e3cc6c`],
      [
        key,
        nonce,
        "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        plaintext.slice(0, 120),
        `${ciphertext.slice(0, 120)}76fc6ece0f4e1768cddf8853bb2d551b`,
      ],
    ];
    for (const [k, n, aad, plain, expected] of cases) {
      const sealed = aead.seal(fromHex(k), fromHex(n), fromHex(aad), fromHex(plain));
      expect(toHex(sealed)).toBe(expected);
      expect(aead.open(fromHex(k), fromHex(n), fromHex(aad), sealed)).toEqual(fromHex(plain));
    }
  });
  anyAead(aead);
}

function anyAead(aead: Aead): void {
  const key = new Uint8Array(32).fill(3);
  const nonce = new Uint8Array(12).fill(4);
  const aad = utf8("context");

  it("opens what it sealed, from nothing to 100,000 bytes, and changes no input", () => {
    for (const length of [0, 1, 15, 16, 17, 63, 64, 65, 1000, 100_000]) {
      const plaintext = new Uint8Array(length).fill(5);
      const sealed = aead.seal(key, nonce, aad, plaintext);
      expect(sealed).toHaveLength(length + 16);
      const before = Uint8Array.from(sealed);
      const opened = aead.open(key, nonce, aad, sealed);
      expect(opened !== undefined && equalBytes(opened, plaintext)).toBe(true);
      expect(equalBytes(sealed, before)).toBe(true);
      expect(plaintext.every((byte) => byte === 5)).toBe(true);
    }
  });

  it("opens nothing after any change", () => {
    const sealed = aead.seal(key, nonce, aad, utf8("eleven byte"));
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = Uint8Array.from(sealed);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(aead.open(key, nonce, aad, changed)).toBeUndefined();
    }
    for (let length = 0; length < sealed.length; length++) {
      expect(aead.open(key, nonce, aad, sealed.slice(0, length))).toBeUndefined();
    }
    expect(aead.open(key, nonce, utf8("contexT"), sealed)).toBeUndefined();
    expect(aead.open(key, new Uint8Array(12), aad, sealed)).toBeUndefined();
    expect(aead.open(new Uint8Array(32), nonce, aad, sealed)).toBeUndefined();
  });

  it("refuses keys and nonces of another length", () => {
    const data = new Uint8Array(40);
    for (const [badKey, badNonce] of [
      [new Uint8Array(16), nonce],
      [key, new Uint8Array(8)],
      [key, new Uint8Array(24)],
    ] as const) {
      expect(codeOf(() => aead.seal(badKey, badNonce, aad, data))).toBe("key-invalid");
      expect(codeOf(() => aead.open(badKey, badNonce, aad, data))).toBe("key-invalid");
    }
  });
}

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return errorCode(error);
  }
  return "no error";
}
