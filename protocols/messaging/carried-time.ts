/**
 * The time for somebody who has no network: notaries sign a nonce and their time, and whoever has a network
 * carries that along. Each statement was made after its nonce, so whoever draws the nonce knows that the time
 * has passed by no more than what has gone by since.
 *
 * A lock's nonce is made of the session in which it is told the time: nobody can know it before.
 *
 * COSE_Sign1, label "timeStatement", by the notary's term key, over [1, network, nonce (16), timeMs].
 */
import { labelledHash } from "../crypto/hash.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { equalBytes, toHex } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import { sign1, verify1 } from "../identity/cose.ts";
import { publicKeyFromId } from "../identity/keys.ts";
import { quorum } from "../ledger/network.ts";
import type { NetworkDescription } from "../ledger/network.ts";
import { medianTime } from "../ledger/statements.ts";
import type { Crypto, Signer, TimeMs } from "../ports.ts";
import { TIME_NONCE_BYTES } from "./time.ts";

/** A statement is about 160 bytes. */
export const MAX_STATEMENT_BYTES = 512;
const MAX_TIME_MS = 253_402_300_800_000;

export function carriedNonce(crypto: Crypto, session: Uint8Array): Uint8Array {
  return labelledHash(crypto, "timeNonce", session).slice(0, TIME_NONCE_BYTES);
}

export function signTimeStatement(
  termSigner: Signer,
  network: string,
  { nonce, timeMs }: { nonce: Uint8Array; timeMs: TimeMs },
): Uint8Array {
  return sign1("timeStatement", encodeCbor([1, network, nonce, timeMs]), termSigner);
}

/**
 * The median of what 2f+1 notaries have stated with this nonce; undefined while fewer have. What is not a
 * notary's statement with this nonce does not count.
 */
export function carriedTime(
  crypto: Crypto,
  network: NetworkDescription,
  nonce: Uint8Array,
  statements: readonly Uint8Array[],
): TimeMs | undefined {
  const terms = new Set(network.notaries.map(({ termKey }) => toHex(publicKeyFromId(termKey))));
  const times = new Map<string, TimeMs>();
  for (const bytes of statements) {
    const stated = openStatement(crypto, network.network, nonce, bytes);
    if (stated !== undefined && terms.has(stated.by) && !times.has(stated.by))
      times.set(stated.by, stated.timeMs);
  }
  return times.size < quorum(network.notaries.length) ? undefined : medianTime([...times.values()]);
}

function openStatement(
  crypto: Crypto,
  network: string,
  nonce: Uint8Array,
  bytes: Uint8Array,
): { by: string; timeMs: TimeMs } | undefined {
  if (bytes.length > MAX_STATEMENT_BYTES) return undefined;
  try {
    const { signer, payload } = verify1(crypto, "timeStatement", bytes);
    const reader = FieldReader.fromBytes(payload, "time statement");
    reader.int("version", { min: 1, max: 1 });
    const isHere = reader.text("network", { max: 32 }) === network;
    const isMeant = equalBytes(reader.bytes("nonce", { length: TIME_NONCE_BYTES }), nonce);
    const timeMs = reader.int("timeMs", { min: 0, max: MAX_TIME_MS });
    reader.end();
    return isHere && isMeant ? { by: toHex(signer), timeMs } : undefined;
  } catch (error) {
    if (error instanceof SegmentError) return undefined;
    throw error;
  }
}
