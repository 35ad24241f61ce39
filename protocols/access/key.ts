/**
 * A guest key: an owner's signed word of who may do what at a lock, and when. The lock checks it alone, with
 * no network. COSE_Sign1 (label "guestKey") over
 *
 *     [1, lock, tenure, nonce, issuer, parent or null, holder's kind, holder, name, issuedMs, rights,
 *      windows, week, offsets, uses or null, depth, refreshMs or null]
 *
 * Its id is the hash of its bytes. A holder whose `depth` allows it passes on a part of it by signing a key
 * whose `parent` is that id: chain.ts.
 */
import { labelledHash } from "../crypto/hash.ts";
import type { FieldReader } from "../encoding/reader.ts";
import { SegmentError } from "../errors.ts";
import { requirePublicKey } from "../identity/keys.ts";
import { equalBytes } from "../encoding/bytes.ts";
import type { Crypto, Signer, TimeMs } from "../ports.ts";
import { encodeRights, readRights } from "./rights.ts";
import type { Right } from "./rights.ts";
import { openSigned, signFields } from "./signed.ts";
import type { SignedKind } from "./signed.ts";
import { readLockName } from "./tenure.ts";
import type { LockName } from "./tenure.ts";
import { encodeTimes, MAX_TIME_MS, readTimes } from "./times.ts";
import type { Times } from "./times.ts";

/** Whom a key is for: a phone that is known, or whoever shows first that it has a link's secret. */
export type Holder =
  | { kind: "identity"; identity: Uint8Array }
  /** Public key of the link's secret. */
  | { kind: "link"; linkKey: Uint8Array };

export interface GuestKey extends LockName, Times {
  /** 16 random bytes: no two keys are alike. */
  nonce: Uint8Array;
  /** An owner; or, of a key that was passed on, the holder of its parent. */
  issuer: Uint8Array;
  /** Id of the key of which this is a part; null from an owner. */
  parent: Uint8Array | null;
  holder: Holder;
  /** What the issuer calls the holder: at most 64 characters, may be empty. */
  name: string;
  issuedMs: TimeMs;
  rights: readonly Right[];
  /** How often in all; null for as often as one likes. */
  uses: number | null;
  /** How many times it may be passed on, one after the other; 0 for not at all. */
  depth: number;
  /**
   * An owner must have confirmed the key within this time, or have made it; so long can the lock, offline,
   * not know that it was revoked. null: until the lock hears it.
   */
  refreshMs: number | null;
}

export const MAX_GUEST_KEY_BYTES = 2_560;
export const KEY_ID_LENGTH = 32;
export const MAX_DEPTH = 4;
export const MAX_USES = 1_000_000;
export const MIN_REFRESH_MS = 60_000;
export const MAX_REFRESH_MS = 366 * 24 * 60 * 60_000;
const CONTROL = /\p{Cc}/u;

const KEY: SignedKind<GuestKey> = {
  label: "guestKey",
  what: "guest key",
  code: "guest-key-invalid",
  maxBytes: MAX_GUEST_KEY_BYTES,
  read: readKey,
};

/** Throws `guest-key-invalid` for what `openGuestKey` would refuse. */
export function signGuestKey(key: GuestKey, signer: Signer): Uint8Array {
  if (!equalBytes(key.issuer, signer.publicKey)) throw invalid("another than its issuer signs it", "issuer");
  const { lock, tenure, nonce, issuer, parent, holder, name, issuedMs, uses, depth, refreshMs } = key;
  const kind = holder.kind === "identity" ? 0 : 1;
  const holderKey = holder.kind === "identity" ? holder.identity : holder.linkKey;
  const who = [lock, tenure, nonce, issuer, parent, kind, holderKey, name, issuedMs];
  const what = [encodeRights(key.rights), ...encodeTimes(key), uses, depth, refreshMs];
  return signFields(KEY, [...who, ...what], signer);
}

/** Verifies one key, not what it is a part of. Throws `guest-key-invalid`. */
export function openGuestKey(crypto: Crypto, bytes: Uint8Array): GuestKey {
  const { signer, value: key } = openSigned(crypto, KEY, bytes);
  if (!equalBytes(signer, key.issuer)) throw invalid("another than its issuer has signed it", "issuer");
  return key;
}

/** 32 bytes. */
export function guestKeyId(crypto: Crypto, bytes: Uint8Array): Uint8Array {
  return labelledHash(crypto, "guestKey", bytes);
}

function readKey(reader: FieldReader): GuestKey {
  const name = readLockName(reader);
  const nonce = reader.bytes("nonce", { length: 16 });
  const issuer = reader.bytes("issuer", { length: 32 });
  const parent = reader.nullable("parent", (fields) => fields.bytes("parent", { length: KEY_ID_LENGTH }));
  const kind = reader.int("holder kind", { min: 0, max: 1 });
  const holderKey = reader.bytes("holder", { length: 32 });
  requirePublicKey(holderKey);
  const key: GuestKey = {
    ...name,
    nonce,
    issuer,
    parent,
    holder: kind === 0 ? { kind: "identity", identity: holderKey } : { kind: "link", linkKey: holderKey },
    name: reader.text("name", { max: 64 }),
    issuedMs: reader.int("issuedMs", { min: 0, max: MAX_TIME_MS }),
    rights: readRights(reader.list("rights")),
    ...readTimes(reader),
    uses: reader.nullable("uses", (fields) => fields.int("uses", { min: 1, max: MAX_USES })),
    depth: reader.int("depth", { min: 0, max: MAX_DEPTH }),
    refreshMs: reader.nullable("refreshMs", (fields) =>
      fields.int("refreshMs", { min: MIN_REFRESH_MS, max: MAX_REFRESH_MS }),
    ),
  };
  if (CONTROL.test(key.name)) throw invalid("its name holds control characters", "name");
  return key;
}

/** Says that the link's secret is here, and who has it. */
export interface Claim {
  /** Id of the key. */
  key: Uint8Array;
  /** Ed25519 of the phone that claims it. */
  identity: Uint8Array;
}

const MAX_CLAIM_BYTES = 256;
const CLAIM: SignedKind<Claim> = {
  label: "keyClaim",
  what: "claim",
  code: "guest-key-invalid",
  maxBytes: MAX_CLAIM_BYTES,
  read: (reader) => {
    const claim = {
      key: reader.bytes("key", { length: KEY_ID_LENGTH }),
      identity: reader.bytes("identity", { length: 32 }),
    };
    requirePublicKey(claim.identity);
    return claim;
  },
};

/** `linkSigner` holds the link's secret. */
export function signClaim({ key, identity }: Claim, linkSigner: Signer): Uint8Array {
  return signFields(CLAIM, [key, identity], linkSigner);
}

/** Throws `guest-key-invalid`. `linkKey` is who has signed it. */
export function openClaim(crypto: Crypto, bytes: Uint8Array): Claim & { linkKey: Uint8Array } {
  const { signer, value } = openSigned(crypto, CLAIM, bytes);
  return { ...value, linkKey: signer };
}

function invalid(problem: string, where: string): SegmentError {
  return new SegmentError("guest-key-invalid", `the guest key is refused: ${problem}`, { where });
}
