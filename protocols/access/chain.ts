/**
 * Keys that were passed on: the owner's first, then each a part of the one before it. A chain is verified as
 * a whole, with nothing but its own bytes.
 */
import { equalBytes } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import type { Crypto, Signer } from "../ports.ts";
import { guestKeyId, MAX_DEPTH, openClaim, openGuestKey, signGuestKey } from "./key.ts";
import type { GuestKey } from "./key.ts";
import { rightsWithin } from "./rights.ts";
import { hoursWithin, windowsWithin } from "./times.ts";

/** One key as it is carried. */
export interface Link {
  key: Uint8Array;
  /** Who has claimed it; null exactly for a key that names its holder. */
  claim: Uint8Array | null;
}

export interface OpenedLink {
  key: GuestKey;
  id: Uint8Array;
  /** Ed25519 of whoever holds the key, by its own word or by the claim. */
  holder: Uint8Array;
}

export const MAX_CHAIN = MAX_DEPTH + 1;

/**
 * Throws `guest-key-invalid`, or `key-exceeds` where a key allows more than the one before it. Whether the
 * first issuer owns the lock, and all that has happened since, is for the lock to say: judge.ts.
 */
export function openChain(crypto: Crypto, links: readonly Link[]): OpenedLink[] {
  if (links.length < 1 || links.length > MAX_CHAIN)
    throw broken(`it has ${links.length} keys, where 1 to ${MAX_CHAIN} may be`);
  const opened: OpenedLink[] = [];
  for (const link of links) {
    const next = openLink(crypto, link);
    const before = opened.at(-1);
    if (before === undefined) {
      if (next.key.parent !== null) throw broken("the key of which it is a part is missing");
    } else {
      requirePart(before, next.key);
    }
    opened.push(next);
  }
  return opened;
}

/**
 * A part of the last key of a chain, signed by its holder. Throws `key-exceeds` if it would allow more, or
 * `guest-key-invalid`.
 */
export function passOn(
  crypto: Crypto,
  links: readonly Link[],
  part: Omit<GuestKey, "lock" | "tenure" | "issuer" | "parent">,
  signer: Signer,
): Uint8Array {
  const before = openChain(crypto, links).at(-1)!;
  const { lock, tenure } = before.key;
  const key: GuestKey = { ...part, lock, tenure, issuer: signer.publicKey, parent: before.id };
  requirePart(before, key);
  return signGuestKey(key, signer);
}

/** In what a key goes beyond the one of which it is a part; undefined if in nothing. */
export function excess(parent: GuestKey, part: GuestKey): string | undefined {
  if (!equalBytes(parent.lock, part.lock) || !equalBytes(parent.tenure, part.tenure)) return "lock";
  if (part.depth >= parent.depth) return "depth";
  if (!rightsWithin(part.rights, parent.rights)) return "rights";
  if (!windowsWithin(part.windows, parent.windows)) return "windows";
  if (!hoursWithin(part, parent)) return "week";
  if (isMore(part.uses, parent.uses)) return "uses";
  return isMore(part.refreshMs, parent.refreshMs) ? "refreshMs" : undefined;
}

/** null is without bound. */
function isMore(inner: number | null, outer: number | null): boolean {
  return outer !== null && (inner === null || inner > outer);
}

function openLink(crypto: Crypto, { key: bytes, claim: claimBytes }: Link): OpenedLink {
  const key = openGuestKey(crypto, bytes);
  const id = guestKeyId(crypto, bytes);
  const { holder } = key;
  if (holder.kind === "identity") {
    if (claimBytes !== null) throw broken("a claim comes with a key that names its holder");
    return { key, id, holder: holder.identity };
  }
  if (claimBytes === null) throw broken("nobody has claimed the link's key");
  const claim = openClaim(crypto, claimBytes);
  if (!equalBytes(claim.linkKey, holder.linkKey) || !equalBytes(claim.key, id))
    throw broken("the claim is of another link");
  return { key, id, holder: claim.identity };
}

function requirePart(before: OpenedLink, key: GuestKey): void {
  if (key.parent === null || !equalBytes(key.parent, before.id)) throw broken("a key is a part of another");
  if (!equalBytes(key.issuer, before.holder)) throw broken("another than the holder has passed it on");
  const where = excess(before.key, key);
  if (where === undefined) return;
  throw new SegmentError("key-exceeds", `the key goes beyond the one of which it is a part: ${where}`, {
    where,
  });
}

function broken(problem: string): SegmentError {
  return new SegmentError("guest-key-invalid", `the keys do not hold together: ${problem}`, {
    where: "chain",
  });
}
