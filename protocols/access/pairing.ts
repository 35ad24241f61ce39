/**
 * The pairing code: what a lock without an owner shows as a QR code.
 *
 *     segment:pair:AYJ2aWxsYWdl…
 *
 * base64url of deterministic CBOR [1, network or null, identity (32), session key (32), psk (32), untilMs or
 * null]. Whoever reads it can become the owner, once: over Bluetooth the psk is the secret of the handshake
 * (Noise IKpsk1); over the network, where the phone's card goes sealed to the lock's session key, it proves
 * that the card comes from who has read the code.
 */
import { fromBase64Url, toBase64Url, utf8 } from "../encoding/bytes.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { SegmentError } from "../errors.ts";
import { requirePublicKey } from "../identity/keys.ts";
import type { Crypto, TimeMs } from "../ports.ts";
import { KEY_LABELS } from "../labels.ts";
import { isNetworkName } from "../topics.ts";
import { MAX_TIME_MS } from "./times.ts";

export interface PairingCode {
  /** null for a lock that is in no network. */
  network: string | null;
  /** Ed25519 of the lock. */
  identity: Uint8Array;
  /** X25519 of the lock. */
  sessionKey: Uint8Array;
  /** 32 random bytes. */
  psk: Uint8Array;
  /** Not to be used from here on; null from a lock that does not know the time. The lock counts, too. */
  untilMs: TimeMs | null;
}

export const PSK_LENGTH = 32;
/** How long a lock takes a code, unless told otherwise. */
export const PAIRING_MS = 5 * 60_000;
const PREFIX = "segment:pair:";
const MAX_CHARS = 320;

export function formatPairing(code: PairingCode): string {
  const { network, identity, sessionKey, psk, untilMs } = code;
  return PREFIX + toBase64Url(encodeCbor([1, network, identity, sessionKey, psk, untilMs]));
}

/** As scanned or pasted. Throws `pairing-invalid`, or `pairing-expired` if `now` is given. */
export function parsePairing(text: string, now?: TimeMs): PairingCode {
  const line = text.trim();
  if (line.length > MAX_CHARS) throw invalid(`it has more than ${MAX_CHARS} characters`);
  if (!line.startsWith(PREFIX)) throw invalid(`it does not begin with ${PREFIX}`);
  const code = readCode(line.slice(PREFIX.length));
  if (now !== undefined && code.untilMs !== null && now >= code.untilMs)
    throw new SegmentError("pairing-expired", "the pairing code is too old", { where: "pairing.untilMs" });
  return code;
}

/**
 * Shows, without a session, that this card comes from who has read the code of the lock `identity`:
 * HMAC-SHA256 under the psk, 32 bytes.
 */
export function pairingProof(
  crypto: Crypto,
  psk: Uint8Array,
  identity: Uint8Array,
  card: Uint8Array,
): Uint8Array {
  return crypto.hmacSha256(psk, utf8(KEY_LABELS.pairing), Uint8Array.of(0), identity, card);
}

function readCode(encoded: string): PairingCode {
  try {
    const reader = FieldReader.fromBytes(fromBase64Url(encoded), "pairing", { maxDepth: 2, maxItems: 8 });
    reader.int("version", { min: 1, max: 1 });
    const network = reader.nullable("network", (fields) => fields.text("network", { max: 64 }));
    if (network !== null && !isNetworkName(network)) throw invalid("its network has no such name");
    const identity = reader.bytes("identity", { length: 32 });
    requirePublicKey(identity);
    const code: PairingCode = {
      network,
      identity,
      sessionKey: reader.bytes("sessionKey", { length: 32 }),
      psk: reader.bytes("psk", { length: PSK_LENGTH }),
      untilMs: reader.nullable("untilMs", (fields) => fields.int("untilMs", { min: 0, max: MAX_TIME_MS })),
    };
    reader.end();
    return code;
  } catch (error) {
    if (!(error instanceof SegmentError) || error.code === "pairing-invalid") throw error;
    throw invalid(error.message);
  }
}

/** It says nothing of what the code holds: that is a secret. */
function invalid(problem: string): SegmentError {
  return new SegmentError("pairing-invalid", `this is no pairing code: ${problem}`, { where: "pairing" });
}
