/** Who plays at the door in tests, and the keys that they have. */
import { portableCrypto } from "../../crypto/portable.ts";
import { signerFromSeed } from "../../identity/keys.ts";
import type { Crypto, Signer } from "../../ports.ts";
import { guestKeyId, signClaim, signGuestKey } from "../key.ts";
import type { GuestKey } from "../key.ts";
import type { Link } from "../chain.ts";
import { tenureOf } from "../tenure.ts";

export const HOUR = 60 * 60_000;
export const DAY = 24 * HOUR;
/** Monday, 23 November 2026, 08:00 UTC. */
export const MONDAY_8H = Date.UTC(2026, 10, 23, 8);

export function person(seed: number, crypto: Crypto = portableCrypto): Signer {
  return signerFromSeed(crypto, new Uint8Array(32).fill(seed));
}

export const lock = person(1);
export const owner = person(2);
export const guest = person(3);
export const friend = person(4);
export const stranger = person(5);
export const link = person(6);

export const HERE = { lock: lock.publicKey, tenure: tenureOf(portableCrypto, new Uint8Array(32).fill(7)) };

/** From the owner to the guest: the door, for two days, with nothing else said. */
export function keyOf(changes: Partial<GuestKey> = {}): GuestKey {
  return {
    ...HERE,
    nonce: new Uint8Array(16).fill(1),
    issuer: owner.publicKey,
    parent: null,
    holder: { kind: "identity", identity: guest.publicKey },
    name: "Ana",
    issuedMs: MONDAY_8H - HOUR,
    rights: [{ target: "door", actions: ["open"] }],
    windows: [{ fromMs: MONDAY_8H - HOUR, untilMs: MONDAY_8H + 2 * DAY }],
    week: [],
    offsets: [],
    uses: null,
    depth: 0,
    refreshMs: null,
    ...changes,
  };
}

/** Signed by its issuer, if that is one of the above. */
export function signed(key: GuestKey): Uint8Array {
  const issuer = [owner, guest, friend, stranger].find(
    ({ publicKey }) => publicKey.join() === key.issuer.join(),
  );
  return signGuestKey(key, issuer!);
}

export function linkOf(key: GuestKey): Link {
  return { key: signed(key), claim: null };
}

/** The key of a link, claimed. */
export function claimed(key: GuestKey, by: Signer, secret: Signer = link): Link {
  const bytes = signed({ ...key, holder: { kind: "link", linkKey: secret.publicKey } });
  return { key: bytes, claim: claimOf(bytes, by, secret) };
}

export function claimOf(keyBytes: Uint8Array, by: Signer, secret: Signer = link): Uint8Array {
  return signClaim({ key: guestKeyId(portableCrypto, keyBytes), identity: by.publicKey }, secret);
}

/** The guest's, which may be passed on; and what the friend has of it. */
export function passedOn(
  parentChanges: Partial<GuestKey> = {},
  partChanges: Partial<GuestKey> = {},
): [Link, Link] {
  const parent = linkOf(keyOf({ depth: 1, ...parentChanges }));
  const part = keyOf({
    issuer: guest.publicKey,
    parent: guestKeyId(portableCrypto, parent.key),
    holder: { kind: "identity", identity: friend.publicKey },
    name: "Bo",
    ...partChanges,
  });
  return [parent, linkOf(part)];
}
