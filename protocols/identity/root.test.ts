import { describe, expect, it } from "vitest";
import { describeShared } from "../../test/support/shared.ts";
import { portableCrypto } from "../crypto/portable.ts";
import { fromHex, text, toHex, utf8 } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import type { Random } from "../ports.ts";
import {
  deviceKeys,
  newDeviceKeys,
  newWords,
  rootFromSeed,
  rootFromWords,
  seedFromWords,
  slip10,
} from "./root.ts";

const WORDS = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";

function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (!(error instanceof SegmentError)) throw error;
    return `${error.code}: ${error.message}`;
  }
  return "no error";
}

function counting(): Random {
  let next = 0;
  return { bytes: (length) => Uint8Array.from({ length }, () => next++) };
}

describeShared("BIP 39 vectors", "crypto/bip39/vectors.json", (bytes) => {
  const { english } = JSON.parse(text(bytes)) as { english: [string, string, string][] };

  it.each(english)("entropy %s", (entropy, words, seed) => {
    // The published seeds are made with the passphrase "TREZOR".
    expect(toHex(seedFromWords(words, "TREZOR"))).toBe(seed);
    if (entropy.length === 32) expect(newWords({ bytes: () => fromHex(entropy) })).toBe(words);
  });
});

interface Slip10Vectors {
  seed: string;
  vectors: { path: string; privateKey: string; publicKey: string }[];
}

describeShared("SLIP-10 Ed25519 vectors", "crypto/slip10/ed25519-test-vector-1.json", (bytes) => {
  const { seed, vectors } = JSON.parse(text(bytes)) as Slip10Vectors;

  it.each(vectors)("$path", ({ path, privateKey, publicKey }) => {
    const derived = slip10(fromHex(seed), path);
    expect(toHex(derived)).toBe(privateKey);
    // SLIP-10 writes a zero byte before Ed25519 public keys.
    expect(`00${toHex(portableCrypto.ed25519PublicKey(derived))}`).toBe(publicKey);
  });
});

describe("SLIP-10 test vector 1, to its end", () => {
  it("derives m/0'/1'/2'/2'/1000000000'", () => {
    expect(toHex(slip10(fromHex("000102030405060708090a0b0c0d0e0f"), "m/0'/1'/2'/2'/1000000000'"))).toBe(
      "8f94d394a8e8fd6b1bc2f3f49f5c47e385281d5c17e65324b0f62483e37e8793",
    );
  });

  it("refuses what is no hardened path, or no seed", () => {
    const seed = new Uint8Array(32);
    for (const path of [
      "",
      "m/",
      "m/0",
      "0'",
      "m/0'/1",
      "m/-1'",
      "m/2147483648'",
      "m/0''",
      "M/0'",
      "m/99999999999'",
    ]) {
      expect(
        refusal(() => slip10(seed, path)),
        path,
      ).toMatch(/^key-invalid/);
    }
    expect(refusal(() => slip10(new Uint8Array(15), "m"))).toMatch(/^key-invalid/);
    expect(refusal(() => slip10(new Uint8Array(65), "m"))).toMatch(/^key-invalid/);
  });
});

describe("words", () => {
  it("are twelve new ones, from the randomness given", () => {
    const random = counting();
    const first = newWords(random);
    expect(first.split(" ")).toHaveLength(12);
    expect(newWords(random)).not.toBe(first);
    expect(newWords(counting())).toBe(first);
    expect(seedFromWords(first)).toHaveLength(64);
  });

  it("may be typed with other spaces and capitals", () => {
    const typed = `  ${WORDS.toUpperCase().replaceAll(" ", "\n\t ")} `;
    expect(seedFromWords(typed)).toEqual(seedFromWords(WORDS));
  });

  it("are refused with what is wrong, but without showing any of them", () => {
    const wrong: [string, string][] = [
      ["", "words-invalid: there are 1 words instead of 12, 15, 18, 21 or 24"],
      [WORDS.slice(8), "words-invalid: there are 11 words instead of 12, 15, 18, 21 or 24"],
      [WORDS.replace("about", "abuot"), "words-invalid: word 12 is not in the English list of BIP 39"],
      [
        WORDS.replace("about", "above"),
        "words-invalid: the checksum fails: a word is wrong or two have changed places",
      ],
    ];
    for (const [words, message] of wrong) expect(refusal(() => seedFromWords(words))).toBe(message);
  });

  it("open another root with another passphrase", () => {
    expect(seedFromWords(WORDS, "a")).not.toEqual(seedFromWords(WORDS, "b"));
    expect(seedFromWords(WORDS, "caf\u00e9")).toEqual(seedFromWords(WORDS, "cafe\u0301"));
  });
});

describe("root", () => {
  const root = rootFromWords(portableCrypto, WORDS);

  it("is at m/21319'/0' for ever: owners' words must go on opening it", () => {
    expect(toHex(root.publicKey)).toBe(
      toHex(portableCrypto.ed25519PublicKey(slip10(root.seed, "m/21319'/0'"))),
    );
    expect(toHex(root.publicKey)).toBe("9061260cc975607617ebe86d09a88b3fba4699436cc29c2c4c39aaa37f32827e");
  });

  it("signs, also when it is made from the seed", () => {
    const again = rootFromSeed(portableCrypto, root.seed);
    expect(again.publicKey).toEqual(root.publicKey);
    const message = utf8("card");
    expect(again.sign(message)).toEqual(root.sign(message));
    expect(portableCrypto.ed25519Verify(root.publicKey, message, root.sign(message))).toBe(true);
  });

  it("gives each device keys of its own, always the same", () => {
    const keys = [0, 1, 2 ** 31 - 1].flatMap((index) =>
      Object.values(deviceKeys(portableCrypto, root.seed, index)),
    );
    expect(new Set(keys.map(toHex)).size).toBe(6);
    expect(keys.every((key) => key.length === 32)).toBe(true);
    const phone = deviceKeys(portableCrypto, root.seed, 0);
    expect(toHex(phone.identitySeed)).toBe(
      "092bdcc2687629f23f0675140ebe8c5a4a6eea6065afa62cd9fb0bea13d3615b",
    );
    expect(toHex(phone.sessionSecret)).toBe(
      "edcaa47b7c29d61a30202bf921b043a53a798004511f3d8f78da9b6712ac592f",
    );
    for (const index of [-1, 1.5, 2 ** 31, Number.NaN]) {
      expect(refusal(() => deviceKeys(portableCrypto, root.seed, index))).toMatch(/^key-invalid/);
    }
  });
});

describe("newDeviceKeys", () => {
  it("are random and different from one another", () => {
    const { identitySeed, sessionSecret } = newDeviceKeys(counting());
    expect([identitySeed.length, sessionSecret.length]).toEqual([32, 32]);
    expect(identitySeed).not.toEqual(sessionSecret);
  });
});
