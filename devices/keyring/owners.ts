/** Owners of a lock: made, removed and replaced by the signed word of one of them. */
import { openOrder } from "../../protocols/access/orders.ts";
import type { Order, OrderAct } from "../../protocols/access/orders.ts";
import { formatOwnerLink, parseOwnerLink } from "../../protocols/access/owner-link.ts";
import { tenureOf } from "../../protocols/access/tenure.ts";
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { openCard } from "../../protocols/identity/card.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import type { DeviceContext } from "../device.ts";
import { actuate, progress, send } from "../effects.ts";
import { parsed } from "./commands.ts";
import { lockOf, requireOwned, withLock } from "./find.ts";
import { ordered } from "./keys.ts";
import { MAX_LOCKS, MAX_ORDERS } from "./state.ts";
import type { KeyringState, Result } from "./state.ts";

/** To `actuate`: { lock, link } for the phone that has become an owner. */
export const OWNER_LINK = "owner-link";

/** Errors: message-invalid, key-foreign, owner-required, card-…. */
export function onOwners(
  state: KeyringState,
  name: "add-owner" | "hand-over" | "remove-owner",
  value: unknown,
  context: DeviceContext,
): Result {
  if (name === "remove-owner") {
    const { lock, identity } = parsed(name, value);
    return ordered(state, lock, { kind: name, identity }, context);
  }
  const { lock: id, card } = parsed(name, value);
  openCard(context.crypto, card);
  const { network, sessionKey } = requireOwned(state, id);
  const result = ordered(state, id, { kind: name, card }, context);
  const { bytes } = result.state.orders.at(-1)!;
  const link = formatOwnerLink({ network, sessionKey, order: bytes });
  return { state: result.state, effects: [...result.effects, actuate(OWNER_LINK, { lock: id, link })] };
}

/**
 * This phone becomes an owner by the order in a link, which it also brings to the lock. Errors:
 * message-invalid, key-not-holder (the order is for another phone), queue-full.
 */
export function onOwn(before: KeyringState, value: unknown, context: DeviceContext): Result {
  const { link, name } = parsed("own", value);
  const { network, sessionKey, order: bytes } = parseOwnerLink(link);
  const { order } = openOrder(context.crypto, bytes);
  requireMine(order.act, context);
  const id = agentId(order.lock);
  const known = lockOf(before, id);
  const lock = {
    ...{ id, sessionKey, network, name: known?.name ?? name, isOwned: true, standing: null, orders: 0 },
    tenure: tenureAfter(order, bytes, context),
  };
  const about = context.crypto.sha256(bytes).slice(0, 16);
  if (before.orders.length >= MAX_ORDERS)
    throw new SegmentError("queue-full", `${MAX_ORDERS} orders have not reached their locks`);
  const state = withLock(before, lock, MAX_LOCKS);
  return {
    state: { ...state, orders: [...state.orders, { lock: id, bytes, about }] },
    effects: [send(`order/${toHex(about)}`, id, "lock-order", { order: bytes }), progress("owned", name)],
  };
}

function requireMine(act: OrderAct, { crypto, signer }: DeviceContext): void {
  if (act.kind !== "add-owner" && act.kind !== "hand-over")
    throw new SegmentError("message-invalid", "the order makes nobody an owner", { where: "link" });
  if (!equalBytes(openCard(crypto, act.card).identity, signer.publicKey))
    throw new SegmentError("key-not-holder", "the link makes another phone an owner", { where: "link" });
}

/** A hand-over begins a new tenure, as the lock reckons it. */
function tenureAfter({ act, tenure }: Order, bytes: Uint8Array, { crypto }: DeviceContext): Uint8Array {
  return act.kind === "hand-over" ? tenureOf(crypto, bytes) : tenure;
}
