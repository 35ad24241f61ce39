/** What the tests of telemetry share: a device, its stream, and records. */
import { portableCrypto } from "../../protocols/crypto/portable.ts";
import { errorCode, type ErrorCode } from "../../protocols/errors.ts";
import { signerFromSeed } from "../../protocols/identity/keys.ts";
import type { Crypto, Random, Signer } from "../../protocols/ports.ts";
import { streamRootKey } from "../../protocols/telemetry/keytree.ts";
import { reading, type SenmlRecord } from "../../protocols/telemetry/senml.ts";
import {
  createStream,
  streamId,
  type StreamOptions,
  type StreamWriter,
} from "../../protocols/telemetry/stream.ts";

export const crypto = portableCrypto;
/** A quarter of an hour begins here. */
export const START_MS = Date.UTC(2026, 10, 1, 12);

/** Repeatable bytes: SHA-256 in counter mode. */
export function seededRandom(seed: number): Random {
  let counter = 0;
  return {
    bytes(length) {
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length; at += 32) {
        counter += 1;
        bytes.set(crypto.sha256(new TextEncoder().encode(`${seed}/${counter}`)).subarray(0, length - at), at);
      }
      return bytes;
    },
  };
}

/** The same keys and signatures, whichever crypto makes them. */
export function seededSigner(seed: number, by: Crypto = crypto): Signer {
  return signerFromSeed(by, seededRandom(seed).bytes(32));
}

export function deviceSigner(by: Crypto = crypto): Signer {
  return seededSigner(1, by);
}

export const device = deviceSigner();
export const id = streamId(crypto, device.publicKey, "flight");
export const rootKey = streamRootKey(crypto, seededRandom(2).bytes(32), id, 0);

export function makeStream(options: Partial<StreamOptions> = {}): StreamWriter {
  return createStream({
    ...{ crypto, random: seededRandom(3), signer: device, streamId: id, rootKey, k: 4, n: 7 },
    ...options,
  });
}

/** A drone's readings, one a second. */
export function makeRecords(count: number, startMs: number = START_MS): SenmlRecord[] {
  return Array.from({ length: count }, (_, i) =>
    reading("drone-7:altitude-amsl", "m", 120.25 + Math.sin(i) * 3.7, startMs + i * 1000),
  );
}

/** The code of what `action` throws, or "nothing". */
export function refusal(action: () => unknown): ErrorCode | "nothing" {
  try {
    action();
  } catch (error) {
    return errorCode(error);
  }
  return "nothing";
}

/** All ways to take `count` of the indices below `total`. */
export function subsets(count: number, total: number, from = 0): number[][] {
  if (count === 0) return [[]];
  const found: number[][] = [];
  for (let first = from; first <= total - count; first += 1) {
    for (const rest of subsets(count - 1, total, first + 1)) found.push([first, ...rest]);
  }
  return found;
}

export function keepOnly(shards: readonly Uint8Array[], kept: readonly number[]): (Uint8Array | undefined)[] {
  return shards.map((shard, index) => (kept.includes(index) ? shard : undefined));
}
