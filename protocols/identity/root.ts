/**
 * The owner's root: BIP 39 words -> 64-byte seed -> SLIP-10 Ed25519 keys.
 *
 * Paths (all hardened; 21319 = 0x5347, "SG"):
 *   m/21319'/0'      the root, which owns the accounts and signs cards
 *   m/21319'/1'/i'   the secret from which the keys of device i are derived (phones)
 */
import { entropyToMnemonic, mnemonicToSeedSync, validateMnemonic } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { HDKey } from "micro-key-producer/slip10.js";
import { hkdf } from "../crypto/hkdf.ts";
import { utf8 } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import { KEY_LABELS } from "../labels.ts";
import type { Crypto, Random, Signer } from "../ports.ts";
import { signerFromSeed } from "./keys.ts";

const ROOT_PATH = "m/21319'/0'";
const DEVICES_PATH = "m/21319'/1'";

/** 128 bits: as strong as Ed25519 itself, in 12 words. */
const ENTROPY_BYTES = 16;
const WORD_COUNTS: readonly number[] = [12, 15, 18, 21, 24];
const knownWords: ReadonlySet<string> = new Set(wordlist);

/** Signs as the owner. `seed` is the 64-byte BIP 39 seed, a secret. */
export interface Root extends Signer {
  readonly seed: Uint8Array;
}

/** A device's two secrets, 32 bytes each. */
export interface DeviceKeys {
  /** Ed25519 private key (RFC 8032). */
  identitySeed: Uint8Array;
  /** X25519 private key (RFC 7748). */
  sessionSecret: Uint8Array;
}

/** Twelve new English words, separated by spaces. */
export function newWords(random: Random): string {
  return entropyToMnemonic(random.bytes(ENTROPY_BYTES), wordlist);
}

/** The 64-byte seed of BIP 39. Takes some 30 ms (PBKDF2). Throws `words-invalid`. */
export function seedFromWords(words: string, passphrase = ""): Uint8Array {
  const normal = words.normalize("NFKD").trim().toLowerCase().split(/\s+/);
  if (!WORD_COUNTS.includes(normal.length)) {
    throw new SegmentError(
      "words-invalid",
      `there are ${normal.length} words instead of 12, 15, 18, 21 or 24`,
    );
  }
  // Says which word, not what it reads: the words are a secret.
  const unknown = normal.findIndex((word) => !knownWords.has(word));
  if (unknown >= 0) {
    throw new SegmentError("words-invalid", `word ${unknown + 1} is not in the English list of BIP 39`, {
      where: `word ${unknown + 1}`,
    });
  }
  const mnemonic = normal.join(" ");
  if (!validateMnemonic(mnemonic, wordlist)) {
    throw new SegmentError("words-invalid", "the checksum fails: a word is wrong or two have changed places");
  }
  return mnemonicToSeedSync(mnemonic, passphrase);
}

/** The owner's root from its words. Throws `words-invalid`. */
export function rootFromWords(crypto: Crypto, words: string, passphrase = ""): Root {
  return rootFromSeed(crypto, seedFromWords(words, passphrase));
}

/** The owner's root from the 64-byte BIP 39 seed. Throws `key-invalid`. */
export function rootFromSeed(crypto: Crypto, seed: Uint8Array): Root {
  const ownSeed = Uint8Array.from(seed);
  const signer = signerFromSeed(crypto, slip10(ownSeed, ROOT_PATH));
  return { ...signer, seed: ownSeed };
}

/** The keys of the owner's device `index` (0 to 2^31-1), always the same for the same seed. */
export function deviceKeys(crypto: Crypto, seed: Uint8Array, index: number): DeviceKeys {
  if (!Number.isInteger(index) || index < 0 || index > 0x7fff_ffff) {
    throw new SegmentError("key-invalid", "a device's number is an integer from 0 to 2^31-1");
  }
  const secret = slip10(seed, `${DEVICES_PATH}/${index}'`);
  const noSalt = new Uint8Array(0);
  return {
    identitySeed: hkdf(crypto, secret, noSalt, utf8(KEY_LABELS.deviceIdentity), 32),
    sessionSecret: hkdf(crypto, secret, noSalt, utf8(KEY_LABELS.deviceSession), 32),
  };
}

/** Keys that no words can restore: a lost device is replaced by a new card. */
export function newDeviceKeys(random: Random): DeviceKeys {
  return { identitySeed: random.bytes(32), sessionSecret: random.bytes(32) };
}

/** The 32-byte Ed25519 private key at `path` (SLIP-10, every level hardened). Throws `key-invalid`. */
export function slip10(seed: Uint8Array, path: string): Uint8Array {
  if (seed.length < 16 || seed.length > 64) {
    throw new SegmentError("key-invalid", "a SLIP-10 seed has 16 to 64 bytes");
  }
  if (!/^m(\/\d{1,10}')*$/.test(path))
    throw new SegmentError("key-invalid", `${path} is not a hardened path`);
  try {
    return HDKey.fromMasterSeed(seed).derive(path).privateKey;
  } catch (cause) {
    throw new SegmentError("key-invalid", `no key at ${path}: an index is beyond 2^31-1`, { cause });
  }
}
