/**
 * Bitcoin and Ethereum addresses of the owner's words, as other wallets derive them: BIP 84 (segwit,
 * version 0) and BIP 44 with coin type 60. Addresses only: nothing here signs a transaction.
 */
import { keccak_256 } from "@noble/hashes/sha3.js";
import { ripemd160 } from "@noble/hashes/legacy.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { bech32 } from "@scure/base";
import { HDKey } from "@scure/bip32";
import { toHex, utf8 } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import type { Crypto } from "../ports.ts";

export interface DerivedAddress {
  path: string;
  address: string;
}

export const MAX_ADDRESSES = 100;
const SEGWIT_VERSION = 0;

/** Receiving addresses m/84'/0'/0'/0/i (BIP 84, mainnet). `seed` is the 64-byte BIP 39 seed. */
export function bitcoinAddresses(crypto: Crypto, seed: Uint8Array, count: number): DerivedAddress[] {
  return derive(seed, "m/84'/0'/0'/0", count, (publicKey) => {
    // BIP 141: the program of version 0 with 20 bytes is the HASH160 of the compressed key.
    const program = ripemd160(crypto.sha256(publicKey));
    return bech32.encode("bc", [SEGWIT_VERSION, ...bech32.toWords(program)]);
  });
}

/** Addresses m/44'/60'/0'/0/i with the checksum of EIP-55. */
export function ethereumAddresses(seed: Uint8Array, count: number): DerivedAddress[] {
  return derive(seed, "m/44'/60'/0'/0", count, (publicKey) => {
    const point = secp256k1.Point.fromBytes(publicKey).toBytes(false);
    return checksummed(toHex(keccak_256(point.subarray(1)).subarray(12)));
  });
}

/** EIP-55: a letter is a capital where the hash of the lower-case text has 8 or more. 40 hex digits. */
export function checksummed(hex: string): string {
  const lower = hex.toLowerCase();
  if (!/^[0-9a-f]{40}$/.test(lower)) throw new SegmentError("text-malformed", "not 40 hexadecimal digits");
  const hash = toHex(keccak_256(utf8(lower)));
  const digits = [...lower].map((digit, at) => ((hash[at] ?? "0") >= "8" ? digit.toUpperCase() : digit));
  return `0x${digits.join("")}`;
}

function derive(
  seed: Uint8Array,
  parent: string,
  count: number,
  addressOf: (publicKey: Uint8Array) => string,
): DerivedAddress[] {
  if (!Number.isInteger(count) || count < 1 || count > MAX_ADDRESSES) {
    throw new SegmentError("option-invalid", `1 to ${MAX_ADDRESSES} addresses can be shown at once`);
  }
  const node = HDKey.fromMasterSeed(seed).derive(parent);
  return Array.from({ length: count }, (_, index) => {
    const { publicKey } = node.deriveChild(index);
    if (publicKey === null) throw new SegmentError("key-invalid", `no key at ${parent}/${index}`);
    return { path: `${parent}/${index}`, address: addressOf(publicKey) };
  });
}
