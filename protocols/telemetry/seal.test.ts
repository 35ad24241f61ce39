import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { wrapPackage, unwrapPackage, PACKAGE_OVERHEAD_BYTES } from "./aont.ts";
import { compress, decompress } from "./compress.ts";
import { encodeShards } from "./erasure.ts";
import { crypto, refusal, seededRandom, subsets } from "../../test/support/telemetry.ts";
import { padmeLength } from "./pad.ts";
import { MAX_CHUNK_BYTES, MIN_SHARD_BYTES, openPackage, padChunk, sealPadded } from "./seal.ts";

const random = seededRandom(7);
const periodKey = random.bytes(32);
const header = random.bytes(100);

function seal(bytes: Uint8Array, k = 4): Uint8Array {
  return sealPadded({ crypto, random, periodKey }, header, padChunk(bytes, k));
}

describe("Padmé", () => {
  it("has the lengths of the paper's rule", () => {
    expect([0, 1, 2, 8, 9, 10, 100, 1000, 1025, 1_000_000].map(padmeLength)).toEqual([
      0, 1, 2, 8, 10, 10, 104, 1024, 1088, 1_015_808,
    ]);
  });

  it("never shortens, adds at most 12 %, and pads what is padded no further", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000_000 }), (length) => {
        const padded = padmeLength(length);
        expect(padded).toBeGreaterThanOrEqual(length);
        expect(padded - length).toBeLessThanOrEqual(length * 0.12);
        expect(padmeLength(padded)).toBe(padded);
      }),
    );
  });
});

describe("compression", () => {
  it("gives back what went in, or leaves it", () => {
    const text = new TextEncoder().encode("altitude 120.5 ".repeat(100));
    const small = compress(text)!;
    expect(small.length).toBeLessThan(100);
    expect(decompress(small, text.length)).toEqual(text);
    expect(compress(random.bytes(500))).toBeUndefined();
  });

  it("stops a bomb at the stated length", () => {
    const bomb = compress(new Uint8Array(4_000_000))!;
    expect(bomb.length).toBeLessThan(20_000);
    expect(refusal(() => decompress(bomb, 1000))).toBe("chunk-invalid");
    expect(refusal(() => decompress(bomb, 4_000_001))).toBe("chunk-invalid");
  });

  it("refuses malformed data with its own error only", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(2000), (bytes, length) => {
        const code = refusal(() => decompress(bytes, length));
        expect(["chunk-invalid", "nothing"]).toContain(code);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("sealing", () => {
  it("round-trips any bytes for any k, in shards of at least 32 bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), fc.integer({ min: 1, max: 64 }), (bytes, k) => {
        const sealed = seal(bytes, k);
        expect(sealed.length % k).toBe(0);
        expect(sealed.length / k).toBeGreaterThanOrEqual(MIN_SHARD_BYTES);
        expect(openPackage(crypto, periodKey, header, sealed)).toEqual(bytes);
      }),
      { numRuns: 100 },
    );
  });

  it("never makes the same package twice", () => {
    const bytes = random.bytes(100);
    expect(seal(bytes)).not.toEqual(seal(bytes));
  });

  it("shows one length for chunks of similar size", () => {
    const lengths = [920, 930, 940].map((size) => seal(random.bytes(size)).length);
    expect(new Set(lengths).size).toBe(1);
  });

  it("refuses every flipped bit, another key, another header, and a cut", () => {
    const sealed = seal(random.bytes(40));
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const flipped = Uint8Array.from(sealed);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(refusal(() => openPackage(crypto, periodKey, header, flipped))).toBe("chunk-invalid");
    }
    expect(refusal(() => openPackage(crypto, random.bytes(32), header, sealed))).toBe("chunk-invalid");
    expect(refusal(() => openPackage(crypto, periodKey, random.bytes(100), sealed))).toBe("chunk-invalid");
    for (const length of [0, 47, 48, sealed.length - 1]) {
      expect(refusal(() => openPackage(crypto, periodKey, header, sealed.subarray(0, length)))).toBe(
        "chunk-invalid",
      );
    }
  });

  it("refuses lengths beyond its bounds, though they are sealed with the right key", () => {
    const lie = (flag: number, length: number, body: number): Uint8Array => {
      const padded = new Uint8Array(80);
      const view = new DataView(padded.buffer);
      view.setUint8(0, flag);
      view.setUint32(1, length);
      view.setUint32(5, body);
      return wrapPackage(crypto, random, periodKey, header, padded);
    };
    for (const [flag, length, body] of [
      [0, 100, 100],
      [0, 10, 11],
      [2, 10, 10],
      [1, MAX_CHUNK_BYTES + 1, 10],
      [1, 50, 10],
    ] as const) {
      expect(refusal(() => openPackage(crypto, periodKey, header, lie(flag, length, body)))).toBe(
        "chunk-invalid",
      );
    }
    const empty = wrapPackage(crypto, random, periodKey, header, new Uint8Array(3));
    expect(refusal(() => openPackage(crypto, periodKey, header, empty))).toBe("chunk-invalid");
    expect(refusal(() => padChunk(new Uint8Array(MAX_CHUNK_BYTES + 1), 4))).toBe("cbor-too-large");
  });
});

/** How much of `guess` agrees with `truth`, as a share of its bytes. */
function agreement(guess: Uint8Array, truth: Uint8Array): number {
  return guess.reduce((sum, byte, index) => sum + (byte === truth[index] ? 1 : 0), 0) / guess.length;
}

describe("the trap: a reader's key and fewer than k shards", () => {
  const plaintext = random.bytes(4 * 8192 - PACKAGE_OVERHEAD_BYTES);
  const shardBytes = 8192;
  const zeroNonce = new Uint8Array(12);
  /**
   * The best that anybody can do with a cipher in counter mode: decrypt the pieces that are there, in their
   * places.
   */
  function decryptPieces(
    key: Uint8Array,
    shards: Uint8Array[],
    kept: number[],
  ): { guess: Uint8Array; known: number[] } {
    const ciphertext = new Uint8Array(4 * shardBytes);
    for (const index of kept) if (index < 4) ciphertext.set(shards[index]!, index * shardBytes);
    // Counter mode: sealing the ciphertext under the same key and nonce gives the plaintext.
    const guess = crypto.aes256Gcm.seal(key, zeroNonce, header, ciphertext.subarray(0, plaintext.length));
    return { guess: guess.subarray(0, plaintext.length), known: kept.filter((index) => index < 4) };
  }

  it("a cipher and an erasure code alone would give three quarters away", () => {
    const bare = crypto.aes256Gcm.seal(periodKey, zeroNonce, header, plaintext);
    const padded = new Uint8Array(4 * shardBytes);
    padded.set(bare);
    const { guess } = decryptPieces(periodKey, encodeShards(padded, 4, 7), [0, 1, 2]);
    expect(agreement(guess, plaintext)).toBeGreaterThan(0.74);
  });

  it("all-or-nothing: at most chance agreement, for all 35 ways to hold three shards", () => {
    const sealed = wrapPackage(crypto, random, periodKey, header, plaintext);
    const shards = encodeShards(sealed, 4, 7);
    let bytes = 0;
    let equal = 0;
    for (const kept of subsets(3, 7)) {
      // With a guess of the missing shard there is a guess of `s`, and of the key: here, zeros.
      for (const missing of [0, 1, 2, 3]) {
        const withGuess = new Uint8Array(4 * shardBytes);
        for (const index of kept)
          if (index < 4 && index !== missing) withGuess.set(shards[index]!, index * shardBytes);
        expect(refusal(() => unwrapPackage(crypto, periodKey, header, withGuess))).toBe("chunk-invalid");
      }
      const { guess, known } = decryptPieces(periodKey, shards, kept);
      for (const index of known) {
        const piece = guess.subarray(index * shardBytes, (index + 1) * shardBytes);
        equal += agreement(piece, plaintext.subarray(index * shardBytes)) * piece.length;
        bytes += piece.length;
      }
    }
    // Chance is 1/256 = 0.39 %.
    expect(bytes).toBeGreaterThan(200_000);
    expect(equal / bytes).toBeLessThan(0.005);
    expect(equal / bytes).toBeGreaterThan(0.003);
  });
});
