/** Who owns the lock: the first phone by the pairing code, others by the signed order of an owner. */
import { z } from "zod";
import { ACCESS_SCHEMAS } from "../../protocols/access/messages.ts";
import { openOrder } from "../../protocols/access/orders.ts";
import type { Order, OrderAct } from "../../protocols/access/orders.ts";
import { PAIRING_MS, pairingProof, PSK_LENGTH } from "../../protocols/access/pairing.ts";
import { tenureOf } from "../../protocols/access/tenure.ts";
import { equalBytes } from "../../protocols/encoding/bytes.ts";
import { SegmentError, unreachable } from "../../protocols/errors.ts";
import { openCard } from "../../protocols/identity/card.ts";
import { agentId, publicKeyFromId } from "../../protocols/identity/keys.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { DeviceContext, DeviceEffect } from "../device.ts";
import { actuate, meet, progress, stay, timer } from "../effects.ts";
import { done, heard } from "./answers.ts";
import type { Speaker } from "./answers.ts";
import { logged } from "./audit.ts";
import type { Line } from "./audit.ts";
import { revoked, tidied } from "./memory.ts";
import { isTimeKnown, withTime } from "./time.ts";
import { freshState, MAX_HEARD, MAX_OWNERS, PAIRING_DRIVER } from "./state.ts";
import type { LockConfig, LockState, Owner, Result } from "./state.ts";

const pairCommandSchema = z.strictObject({
  psk: z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === PSK_LENGTH),
  forMs: z
    .number()
    .int()
    .min(1_000)
    .max(60 * 60_000)
    .default(PAIRING_MS),
});

/**
 * The person at the lock wants to pair: the psk is what the QR code shows. Throws `peer-refused` if the lock
 * has an owner, or `message-invalid`.
 */
export function onPairCommand(state: LockState, value: unknown, { now }: DeviceContext): Result {
  if (state.owners.length > 0)
    throw new SegmentError("peer-refused", "the lock has an owner: owners add others, or hand it over");
  const parsed = pairCommandSchema.safeParse(value);
  if (!parsed.success) throw new SegmentError("message-invalid", "expected a psk of 32 bytes and a time");
  const { psk, forMs } = parsed.data;
  const pairing = { psk, forMs, untilMs: now + forMs };
  return {
    state: { ...state, pairing },
    effects: [...pairingEffects(pairing), progress("pairing", "waits for the first phone")],
  };
}

/** Lets in whoever proves the psk, and shows that; also after a start. */
export function pairingEffects(pairing: LockState["pairing"]): DeviceEffect[] {
  if (pairing === null) {
    return [{ kind: "admit", psk: null }, actuate(PAIRING_DRIVER, null), timer("pairing", null)];
  }
  const { psk, untilMs } = pairing;
  return [{ kind: "admit", psk }, actuate(PAIRING_DRIVER, { psk, untilMs }), timer("pairing", untilMs)];
}

/** By another clock it ends no later than it would have at the most. */
export function pairingByNewClock({ pairing }: LockState, { now }: DeviceContext): LockState["pairing"] {
  return pairing && { ...pairing, untilMs: Math.min(pairing.untilMs, now + pairing.forMs) };
}

export function onPairingTimer(state: LockState, { now }: DeviceContext): Result {
  const { pairing } = state;
  if (pairing === null) return stay(state);
  if (now < pairing.untilMs) return { state, effects: [timer("pairing", pairing.untilMs)] };
  return {
    state: { ...state, pairing: null },
    effects: [...pairingEffects(null), progress("pairing-over", "no phone came in time")],
  };
}

/**
 * The first phone that has proved the psk, in its session or over the network: it owns the lock, and the psk
 * is burnt.
 */
export function onPair(
  config: LockConfig,
  state: LockState,
  to: Speaker,
  body: Uint8Array,
  context: DeviceContext,
): Result {
  const { card, proof } = parseBody(ACCESS_SCHEMAS["lock-pair"], body);
  const about = context.crypto.sha256(card).slice(0, 16);
  const line: Line = { what: "pair", evidence: card };
  // Said again in the same session, or over the network: the answer was lost.
  const isProved = to.session === null ? proof !== null : to.session.paired;
  const again = isProved && state.owners.length === 1 && state.owners[0]!.id === to.peer;
  if (again) return { state, effects: [done(config, state, to, about, context)] };
  return heard(config, state, to, { about, line }, context, () => {
    const beginning = provedBy(state, to.session, card, proof, context);
    if (state.pairing === null || context.now >= state.pairing.untilMs)
      throw new SegmentError("pairing-expired", "the pairing code is used or too old");
    const owner = ownerOf(config, state, card, context);
    if (owner.id !== to.peer) throw new SegmentError("card-invalid", "the card is another's");
    const tenure = tenureOf(context.crypto, beginning);
    const owned = { ...state, owners: [owner], tenure, pairing: null };
    const written = logged(config, owned, { ...line, who: to.peer }, context);
    const told = [meet(card), done(config, written.state, to, about, context)];
    const paired = progress("paired", "the first phone owns the lock");
    return {
      state: written.state,
      effects: [...pairingEffects(null), ...told, ...written.effects, paired],
    };
  });
}

/** What proves the code and cannot come twice: the session's hash, or a proof under the psk of today. */
function provedBy(
  { owners, pairing }: LockState,
  session: Speaker["session"],
  card: Uint8Array,
  proof: Uint8Array | null,
  { crypto, self }: DeviceContext,
): Uint8Array {
  if (owners.length > 0) throw new SegmentError("peer-refused", "the lock has an owner");
  if (session !== null) {
    if (session.paired) return session.hash;
    throw new SegmentError("peer-refused", "the session does not prove a pairing code");
  }
  if (pairing === null) throw new SegmentError("pairing-expired", "the pairing code is used or too old");
  const expected = pairingProof(crypto, pairing.psk, publicKeyFromId(self), card);
  if (proof !== null && equalBytes(proof, expected)) return expected;
  throw new SegmentError("peer-refused", "the message does not prove the pairing code");
}

/** What an owner, or the root of one, has signed; whoever brings it. */
export function onOrder(
  config: LockConfig,
  before: LockState,
  to: Speaker,
  body: Uint8Array,
  context: DeviceContext,
): Result {
  const state = tidied(config, withTime(config, before, context), context);
  const { order: bytes } = parseBody(ACCESS_SCHEMAS["lock-order"], body);
  const about = context.crypto.sha256(bytes).slice(0, 16);
  // It comes by every way that there is; the answer to the first may have been lost.
  const isAgain = state.heard.some((one) => equalBytes(one.about, about));
  if (isAgain) return { state, effects: [done(config, state, to, about, context)] };
  const opened = ownersOrder(state, bytes, context);
  const isVouched = (): boolean => !(opened instanceof SegmentError);
  const asked = { about, line: { what: "order", evidence: bytes }, isVouched };
  return heard(config, state, to, asked, context, () => {
    if (opened instanceof SegmentError) throw opened;
    const { signer, order } = opened;
    const isLate = order.number <= lastNumber(state, signer);
    // A revocation that was overtaken by a later order still counts; and again, it changes nothing.
    if (isLate && order.act.kind !== "revoke")
      throw new SegmentError("message-replayed", `order ${order.number} comes too late`);
    const obeyed = actedOn(config, state, order.act, bytes, context);
    const next = withNumber(obeyed.state, { signer, number: order.number, about });
    const line: Line = { what: order.act.kind, who: agentId(signer), evidence: bytes };
    const written = logged(config, next, line, context);
    const ordered = progress("ordered", `an owner's order: ${order.act.kind}`);
    const told = done(config, written.state, to, about, context);
    return { state: written.state, effects: [...obeyed.effects, told, ...written.effects, ordered] };
  });
}

/** Or why it is none. */
function ownersOrder(
  state: LockState,
  bytes: Uint8Array,
  context: DeviceContext,
): { signer: Uint8Array; order: Order } | SegmentError {
  try {
    const { signer, order } = openOrder(context.crypto, bytes);
    requireOwner(state, signer, order, context);
    return { signer, order };
  } catch (error) {
    if (error instanceof SegmentError && error.code !== "internal") return error;
    throw error;
  }
}

function requireOwner(state: LockState, signer: Uint8Array, order: Order, { self }: DeviceContext): void {
  const isHere =
    state.tenure !== null &&
    equalBytes(order.lock, publicKeyFromId(self)) &&
    equalBytes(order.tenure, state.tenure);
  if (!isHere) throw new SegmentError("key-foreign", "the order is for another lock, or a former owner's");
  const isOwners = state.owners.some(
    ({ identity, root }) => equalBytes(identity, signer) || equalBytes(root, signer),
  );
  if (!isOwners) throw new SegmentError("owner-required", "the order is not signed by an owner");
}

function actedOn(
  config: LockConfig,
  state: LockState,
  act: OrderAct,
  bytes: Uint8Array,
  context: DeviceContext,
): Result {
  switch (act.kind) {
    case "add-owner": {
      const owner = ownerOf(config, state, act.card, context);
      const others = state.owners.filter(({ id }) => id !== owner.id);
      if (others.length >= MAX_OWNERS)
        throw new SegmentError("lock-full", `the lock has ${MAX_OWNERS} owners`, { where: "owners" });
      return { state: { ...state, owners: [...others, owner] }, effects: [meet(act.card)] };
    }
    case "remove-owner": {
      const owners = state.owners.filter(({ identity }) => !equalBytes(identity, act.identity));
      if (owners.length === state.owners.length)
        throw new SegmentError("owner-required", "the order removes somebody who is no owner");
      if (owners.length === 0) throw new SegmentError("owner-last", "this is the last owner");
      return stay({ ...state, owners });
    }
    case "hand-over":
      return handedOver(config, state, act.card, bytes, context);
    case "revoke":
      return stay(revoked(state, act.keys));
    case "let": {
      const tariff = act.tariff && {
        currency: act.tariff.currency,
        askedMinor: act.tariff.askedMinor.toString(),
        leastMinor: act.tariff.leastMinor.toString(),
      };
      return stay({ ...state, letting: { ...state.letting, tariff } });
    }
    default:
      return unreachable(act);
  }
}

/** A new tenure: whatever was signed before is worth nothing. What hangs on the door stays as it is. */
function handedOver(
  config: LockConfig,
  state: LockState,
  card: Uint8Array,
  bytes: Uint8Array,
  context: DeviceContext,
): Result {
  const owner = ownerOf(config, state, card, context);
  const { sessions, door, nextAudit, isTimeTold, latestMs, buttonSinceMs } = state;
  const letting = { ...freshState().letting, till: state.letting.till };
  const kept = { letting, sessions, door, nextAudit, isTimeTold, latestMs, buttonSinceMs };
  const tenure = tenureOf(context.crypto, bytes);
  return { state: { ...freshState(), ...kept, owners: [owner], tenure }, effects: [meet(card)] };
}

/** Throws `card-invalid` or `card-expired`; dates count if the time is known. */
function ownerOf(config: LockConfig, state: LockState, card: Uint8Array, context: DeviceContext): Owner {
  const now = isTimeKnown(config, state, context) ? context.now : undefined;
  const { identity, root } = openCard(context.crypto, card, now);
  return { id: agentId(identity), identity, root };
}

function lastNumber({ heard: all }: LockState, signer: Uint8Array): number {
  return all.find((one) => equalBytes(one.signer, signer))?.number ?? 0;
}

function withNumber(state: LockState, last: LockState["heard"][number]): LockState {
  const { signer, number } = last;
  // A revocation that came too late is not the last.
  if (number <= lastNumber(state, signer)) return state;
  const others = state.heard.filter((one) => !equalBytes(one.signer, signer));
  return { ...state, heard: [...others, last].slice(-MAX_HEARD) };
}
