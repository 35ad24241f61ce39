/** What the lock remembers of keys: who claimed them, how often they were used, which are revoked. */
import type { OpenedLink } from "../../protocols/access/chain.ts";
import type { Knowledge } from "../../protocols/access/judge.ts";
import type { RevokedKey } from "../../protocols/access/orders.ts";
import { endsMs } from "../../protocols/access/times.ts";
import { equalBytes } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { publicKeyFromId } from "../../protocols/identity/keys.ts";
import type { TimeMs } from "../../protocols/ports.ts";
import type { DeviceContext } from "../device.ts";
import { isHosting } from "./stay.ts";
import { isTimeKnown } from "./time.ts";
import { MAX_KEYS, MAX_KEYS_OF_ONE, MAX_REVOKED } from "./state.ts";
import type { KeyMemory, LockConfig, LockState } from "./state.ts";

/** A clock may be set back by so much afterwards without harm. */
const FORGET_AFTER_MS = 24 * 60 * 60_000;

/** What a judge of keys must know. Throws `key-foreign` without an owner. */
export function knowledge(config: LockConfig, state: LockState, context: DeviceContext): Knowledge {
  if (state.tenure === null) throw new SegmentError("key-foreign", "nobody owns this lock yet");
  return {
    lock: publicKeyFromId(context.self),
    tenure: state.tenure,
    now: context.now,
    isTimeKnown: isTimeKnown(config, state, context),
    isOwner: (identity) =>
      state.owners.some((owner) => equalBytes(owner.identity, identity)) ||
      isHosting(config, state, identity, context),
    isRevoked: (id) => state.revoked.some((one) => equalBytes(one.id, id)),
    uses: (id) => find(state, id)?.uses ?? 0,
    claimant: (id) => {
      const known = find(state, id);
      return known?.isLink === true ? known.holder : undefined;
    },
  };
}

/**
 * Each key of a chain was used, or (with 0) claimed. Throws `lock-full` where something that counts could not
 * be remembered.
 */
export function remembered(state: LockState, chain: readonly OpenedLink[], used: 0 | 1): LockState {
  const root = chain[0]!.id;
  return chain.reduce((now, link) => {
    const known = find(now, link.id);
    if (known !== undefined) {
      const again = { ...known, uses: known.uses + used };
      return { ...now, keys: now.keys.map((one) => (one === known ? again : one)) };
    }
    const { key, id, holder } = link;
    const isLink = key.holder.kind === "link";
    const full =
      now.keys.length >= MAX_KEYS ||
      now.keys.filter((one) => equalBytes(one.root, root)).length >= MAX_KEYS_OF_ONE;
    if (full && (isLink || key.uses !== null))
      throw new SegmentError("lock-full", "the lock can remember no more keys", { where: "key" });
    const fresh: KeyMemory = { id, root, holder, isLink, uses: used, endsMs: endsMs(key) };
    return full ? now : { ...now, keys: [...now.keys, fresh] };
  }, state);
}

/** Throws `lock-full`. */
export function revoked(state: LockState, keys: readonly RevokedKey[]): LockState {
  const fresh = keys.filter(({ id }) => !state.revoked.some((one) => equalBytes(one.id, id)));
  if (state.revoked.length + fresh.length > MAX_REVOKED)
    throw new SegmentError("lock-full", "the lock can remember no more revoked keys", { where: "order" });
  return { ...state, revoked: [...state.revoked, ...fresh] };
}

/** Forgets keys whose time has passed, once it surely has. */
export function tidied(config: LockConfig, state: LockState, context: DeviceContext): LockState {
  if (!isTimeKnown(config, state, context)) return state;
  const isOver = (untilMs: TimeMs | null): boolean =>
    untilMs !== null && untilMs + FORGET_AFTER_MS <= context.now;
  const keys = state.keys.filter((one) => !isOver(one.endsMs));
  const kept = state.revoked.filter((one) => !isOver(one.untilMs));
  return keys.length === state.keys.length && kept.length === state.revoked.length
    ? state
    : { ...state, keys, revoked: kept };
}

function find({ keys }: LockState, id: Uint8Array): KeyMemory | undefined {
  return keys.find((one) => equalBytes(one.id, id));
}
