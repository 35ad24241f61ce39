/**
 * A seeded Random: the same seed gives the same bytes on every machine. Not for keys that guard anything
 * real.
 */
import type { Random } from "../protocols/ports.ts";

/** xoshiro128** (Blackman and Vigna, 2018), seeded by splitmix32 from the seed and a name. */
export function seededRandom(
  seed: number,
  name = "",
): Random & { next(): number; child(name: string): Random & { next(): number } } {
  // Scrambled before the name comes in: near seeds with near names must not meet.
  let mix = scramble(scramble(seed) ^ Math.floor(seed / 2 ** 32));
  for (const character of name) mix = Math.imul(mix ^ (character.codePointAt(0) ?? 0), 0x01000193);
  const nextOfSeed = (): number => {
    mix = (mix + 0x9e3779b9) | 0;
    return scramble(mix);
  };
  let [a, b, c, d] = [nextOfSeed(), nextOfSeed(), nextOfSeed(), nextOfSeed()];
  const rotate = (value: number, by: number): number => (value << by) | (value >>> (32 - by));
  const word = (): number => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotate(d, 11);
    return result;
  };
  return {
    next: () => word() / 2 ** 32,
    bytes(length) {
      const bytes = new Uint8Array(length);
      for (let index = 0; index < length; index++) bytes[index] = word() >>> 24;
      return bytes;
    },
    child: (childName) => seededRandom(word(), childName),
  };
}

/** The output function of splitmix32: each bit of the input turns half of the bits. */
function scramble(value: number): number {
  let word = value ^ (value >>> 16);
  word = Math.imul(word, 0x21f0aaad);
  word ^= word >>> 15;
  word = Math.imul(word, 0x735a2d97);
  return word ^ (word >>> 15);
}
