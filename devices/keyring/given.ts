/** What a phone can tell of the keys that it has given and holds. */
import type { Link } from "../../protocols/access/chain.ts";
import { openGuestKey } from "../../protocols/access/key.ts";
import type { GuestKey } from "../../protocols/access/key.ts";
import { formatKeyLink } from "../../protocols/access/link.ts";
import { openOrder } from "../../protocols/access/orders.ts";
import { endsMs } from "../../protocols/access/times.ts";
import { equalBytes } from "../../protocols/encoding/bytes.ts";
import type { Crypto, TimeMs } from "../../protocols/ports.ts";
import { lockOf } from "./find.ts";
import type { GivenKey, HeldKey, KeyringState } from "./state.ts";

/** Of either kind. */
export type AnyKey = GivenKey | HeldKey;

export function bytesOf(key: AnyKey): Uint8Array {
  return "bytes" in key ? key.bytes : key.links.at(-1)!.key;
}

/** As it is given to the guest; undefined where the keys of which it is a part are gone from this phone. */
export function linkOf(crypto: Crypto, state: KeyringState, key: GivenKey): string | undefined {
  const lock = lockOf(state, key.lock);
  const { parent } = openGuestKey(crypto, key.bytes);
  const before: readonly Link[] | undefined =
    parent === null ? [] : state.held.find(({ id }) => equalBytes(id, parent))?.links;
  if (lock === undefined || before === undefined) return undefined;
  const links = [...before, { key: key.bytes, claim: null }];
  return formatKeyLink({ network: lock.network, sessionKey: lock.sessionKey, links, secret: key.secret });
}

/** Whether the lock has not answered yet that it knows of the key's end. */
export function isOrderWaiting(crypto: Crypto, { orders }: KeyringState, { id, lock }: GivenKey): boolean {
  return orders.some((one) => {
    if (one.lock !== lock) return false;
    const { act } = openOrder(crypto, one.bytes).order;
    return act.kind === "revoke" && act.keys.some((revoked) => equalBytes(revoked.id, id));
  });
}

/** How long the key works at most while the lock does not hear of its end; null: without a bound. */
export function workMsOf(key: GuestKey, now: TimeMs): number | null {
  const endMs = endsMs(key);
  const bounds = [key.refreshMs, endMs === null ? null : Math.max(0, endMs - now)];
  const known = bounds.filter((bound) => bound !== null);
  return known.length === 0 ? null : Math.min(...known);
}
