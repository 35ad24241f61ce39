/** Keys that this phone makes, passes on, takes and revokes, and orders to its locks. */
import { openChain, passOn } from "../../protocols/access/chain.ts";
import type { Link } from "../../protocols/access/chain.ts";
import { guestKeyId, openGuestKey, signClaim, signGuestKey } from "../../protocols/access/key.ts";
import type { GuestKey } from "../../protocols/access/key.ts";
import { parseKeyLink } from "../../protocols/access/link.ts";
import { ACCESS_SCHEMAS } from "../../protocols/access/messages.ts";
import { openRefresh, signOrder, signRefresh } from "../../protocols/access/orders.ts";
import type { OrderAct } from "../../protocols/access/orders.ts";
import { endsMs } from "../../protocols/access/times.ts";
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { agentId, publicKeyFromId, signerFromSeed } from "../../protocols/identity/keys.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { AgentId, DeviceContext, DeviceEffect } from "../device.ts";
import { progress, say, send, stay } from "../effects.ts";
import { parsed } from "./commands.ts";
import type { KeyContentCommand } from "./commands.ts";
import { givenOf, lockOf, requireLock, requireOwned, stayAt, withHeld, withKnown, withLock } from "./find.ts";
import { MAX_GIVEN, MAX_HELD, MAX_LOCKS, MAX_ORDERS } from "./state.ts";
import type { GivenKey, HeldKey, KeyringState, KnownLock, Result } from "./state.ts";

/** Errors: message-invalid, key-foreign, owner-required, guest-key-invalid, queue-full. */
export function onGive(state: KeyringState, value: unknown, context: DeviceContext): Result {
  const { lock: id, ...content } = parsed("give", value);
  // Whoever has rented may let others in, as long as the stay lasts.
  const rented = stayAt(state, id);
  const lock = rented === undefined ? requireOwned(state, id) : requireLock(state, id);
  if (!lock.isOwned && rented?.shownSeq === -1)
    throw new SegmentError("key-foreign", "the lock has not seen the rental yet: show it at the door first");
  const { signer } = context;
  const key: GuestKey = {
    ...{ lock: publicKeyFromId(id), tenure: lock.tenure, issuer: signer.publicKey, parent: null },
    ...contentOf(content, context),
  };
  return given(state, id, signGuestKey(key, signer), content.secret, context);
}

/** Errors: message-invalid, key-foreign, key-exceeds, guest-key-invalid, queue-full. */
export function onPassOn(state: KeyringState, value: unknown, context: DeviceContext): Result {
  const { key: id, ...content } = parsed("pass-on", value);
  const held = state.held.find((one) => equalBytes(one.id, id));
  if (held === undefined) throw new SegmentError("key-foreign", "this phone holds no such key");
  const bytes = passOn(context.crypto, held.links, contentOf(content, context), context.signer);
  return given(state, held.lock, bytes, content.secret, context);
}

function contentOf(
  { holder, secret, nonce, name, rights, windows, week, offsets, uses, depth, refreshMs }: KeyContentCommand,
  { crypto, now }: DeviceContext,
): Omit<GuestKey, "lock" | "tenure" | "issuer" | "parent"> {
  if ((holder === null) === (secret === null))
    throw new SegmentError("guest-key-invalid", "a key is for a known phone, or a link with a secret");
  return {
    holder:
      holder === null
        ? { kind: "link", linkKey: signerFromSeed(crypto, secret!).publicKey }
        : { kind: "identity", identity: holder },
    ...{ nonce, name, issuedMs: now, rights, windows, week, offsets, uses, depth, refreshMs },
  };
}

function given(
  state: KeyringState,
  lock: AgentId,
  bytes: Uint8Array,
  secret: Uint8Array | null,
  { crypto }: DeviceContext,
): Result {
  const id = guestKeyId(crypto, bytes);
  if (givenOf(state, id) !== undefined) return stay(state);
  const made: GivenKey = { lock, id, bytes, secret, isRevoked: false };
  const all = [...state.given, made];
  // Revoked ones make room: the lock remembers for itself.
  const over = all.length > MAX_GIVEN ? all.findIndex(({ isRevoked }) => isRevoked) : -1;
  if (all.length > MAX_GIVEN && over < 0) throw new SegmentError("queue-full", `${MAX_GIVEN} keys are given`);
  return {
    state: { ...state, given: all.filter((_, at) => at !== over) },
    effects: [progress("key-made", toHex(id))],
  };
}

/**
 * A key that somebody gave this phone. Errors: message-invalid, guest-key-invalid, key-exceeds,
 * key-not-holder, queue-full.
 */
export function onTake(before: KeyringState, value: unknown, context: DeviceContext): Result {
  const { crypto, self } = context;
  const { link: text, name } = parsed("take", value);
  const { network, sessionKey, links: shown, secret } = parseKeyLink(text);
  const links = secret === null ? [...shown] : claimed(shown, secret, context);
  const chain = openChain(crypto, links);
  const { key, id, holder } = chain.at(-1)!;
  if (agentId(holder) !== self) throw new SegmentError("key-not-holder", "the key is another's");
  const lock = agentId(key.lock);
  const known = lockOf(before, lock);
  const fresh: KnownLock = {
    ...{ id: lock, sessionKey, network, name, tenure: key.tenure, isOwned: false, orders: 0, standing: null },
    ...(known === undefined
      ? {}
      : { ...known, sessionKey, tenure: known.isOwned ? known.tenure : key.tenure }),
  };
  if (before.held.length >= MAX_HELD) throw new SegmentError("queue-full", `${MAX_HELD} keys are held`);
  const held: HeldKey = { lock, id, links, refreshes: [], isClaimed: secret === null };
  const state = withHeld(withLock(before, fresh, MAX_LOCKS), held);
  return { state, effects: [progress("key-taken", toHex(id)), ...askRefresh(held, context)] };
}

function claimed(shown: readonly Link[], secret: Uint8Array, { crypto, signer }: DeviceContext): Link[] {
  const last = shown.at(-1)!;
  const key = guestKeyId(crypto, last.key);
  const claim = signClaim({ key, identity: signer.publicKey }, signerFromSeed(crypto, secret));
  return [...shown.slice(0, -1), { key: last.key, claim }];
}

/** Errors: key-foreign (this phone has not made it), owner-required. */
export function onRevoke(state: KeyringState, value: unknown, context: DeviceContext): Result {
  const { key: id } = parsed("revoke", value);
  const made = givenOf(state, id);
  if (made === undefined) throw new SegmentError("key-foreign", "this phone has made no such key");
  requireOwned(state, made.lock);
  const untilMs = endsMs(openGuestKey(context.crypto, made.bytes));
  const gone = state.given.map((one) => (one === made ? { ...one, isRevoked: true, secret: null } : one));
  return ordered({ ...state, given: gone }, made.lock, { kind: "revoke", keys: [{ id, untilMs }] }, context);
}

/** Signed once; it goes over the bus until it is heard, and into the next session with the lock. */
export function ordered(state: KeyringState, id: AgentId, act: OrderAct, context: DeviceContext): Result {
  const lock = requireOwned(state, id);
  if (state.orders.length >= MAX_ORDERS)
    throw new SegmentError("queue-full", `${MAX_ORDERS} orders have not reached their locks`);
  const number = lock.orders + 1;
  const order = { lock: publicKeyFromId(id), tenure: lock.tenure, number, timeMs: context.now, act };
  const bytes = signOrder(order, context.signer);
  const about = context.crypto.sha256(bytes).slice(0, 16);
  const next = withKnown(state, { ...lock, orders: number });
  const { session } = state;
  const effects: DeviceEffect[] = [send(`order/${toHex(about)}`, id, "lock-order", { order: bytes })];
  if (session?.lock === id) effects.push(say(session.id, "lock-order", { order: bytes }));
  return { state: { ...next, orders: [...next.orders, { lock: id, bytes, about }] }, effects };
}

/** A guest asks whether its key still holds: an owner's phone confirms what it has made and not revoked. */
export function onRefreshAsk(
  state: KeyringState,
  from: AgentId,
  body: Uint8Array,
  context: DeviceContext,
): Result {
  const { links } = parseBody(ACCESS_SCHEMAS["key-refresh-ask"], body);
  const chain = openChain(context.crypto, links);
  const root = givenOf(state, chain[0]!.id);
  const lock = root && lockOf(state, root.lock);
  if (lock === undefined || !lock.isOwned || agentId(chain.at(-1)!.holder) !== from) return stay(state);
  if (chain.some(({ id }) => givenOf(state, id)?.isRevoked === true)) return stay(state);
  const keys = chain.map(({ id }) => id);
  const refresh = signRefresh(
    { lock: publicKeyFromId(lock.id), tenure: lock.tenure, timeMs: context.now, keys },
    context.signer,
  );
  const id = `refresh/${toHex(keys.at(-1)!)}/${context.now}`;
  return {
    state,
    effects: [{ kind: "send", id, to: from, type: "key-refreshed", body: { refresh }, durable: false }],
  };
}

/** The newest confirmation is kept. What it is worth, the lock says. */
export function onRefreshed(
  state: KeyringState,
  from: AgentId,
  body: Uint8Array,
  context: DeviceContext,
): Result {
  const { refresh: bytes } = parseBody(ACCESS_SCHEMAS["key-refreshed"], body);
  const { signer, refresh } = openRefresh(context.crypto, bytes);
  if (agentId(signer) !== from) return stay(state);
  const held = state.held.map((one): HeldKey => {
    const issuer = openGuestKey(context.crypto, one.links[0]!.key).issuer;
    const isMeant = equalBytes(issuer, signer) && refresh.keys.some((id) => equalBytes(id, one.id));
    return isMeant ? { ...one, refreshes: [bytes] } : one;
  });
  return stay({ ...state, held });
}

/** Half of the period before it is needed. */
export function refreshAsks(state: KeyringState, context: DeviceContext): DeviceEffect[] {
  return state.held.flatMap((one) => askRefresh(one, context));
}

function askRefresh(held: HeldKey, { crypto, now }: DeviceContext): DeviceEffect[] {
  const chain = openChain(crypto, held.links);
  const periods = chain.flatMap(({ key }) => (key.refreshMs === null ? [] : [key.refreshMs]));
  if (periods.length === 0) return [];
  const { key } = chain[0]!;
  const confirmedMs = held.refreshes.map((bytes) => openRefresh(crypto, bytes).refresh.timeMs);
  const sinceMs = Math.max(Math.min(...chain.map((one) => one.key.issuedMs)), ...confirmedMs);
  if (now < sinceMs + Math.min(...periods) / 2) return [];
  const to = agentId(key.issuer);
  const id = `ask/${toHex(held.id)}/${now}`;
  return [{ kind: "send", id, to, type: "key-refresh-ask", body: { links: held.links }, durable: false }];
}
