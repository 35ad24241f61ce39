/** Those who may look on: an owner's screen, or a bridge to another system with a key for that alone. */
import { openChain } from "../../protocols/access/chain.ts";
import { requireRight } from "../../protocols/access/judge.ts";
import { ACCESS_SCHEMAS } from "../../protocols/access/messages.ts";
import type { AccessBody } from "../../protocols/access/messages.ts";
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { publicKeyFromId } from "../../protocols/identity/keys.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { DeviceContext, DeviceEffect } from "../device.ts";
import { heard, tell } from "./answers.ts";
import type { Speaker } from "./answers.ts";
import { knowledge, remembered, tidied } from "./memory.ts";
import { isOwner } from "./patience.ts";
import { ownersRefreshes } from "./request.ts";
import { standingOf } from "./senses.ts";
import { DOOR } from "./state.ts";
import type { LockConfig, LockState, Result, Watcher } from "./state.ts";
import { withTime } from "./time.ts";

/** Who wants to know for longer asks again; a key that was revoked meanwhile shows nothing from then on. */
export const WATCH_MS = 2 * 60_000;
const MAX_WATCHERS = 8;
const DIGEST_BYTES = 8;

type Watched = AccessBody<"lock-watched">;

/** What is asked so is no act: it is not in the log, unless it is refused. */
export function onWatch(
  config: LockConfig,
  before: LockState,
  to: Speaker,
  body: Uint8Array,
  context: DeviceContext,
): Result {
  const state = tidied(config, withTime(config, before, context), context);
  const asked = parseBody(ACCESS_SCHEMAS["lock-watch"], body);
  const { nonce: about } = asked;
  return heard(config, state, to, { about, line: { what: "watch", target: DOOR } }, context, () => {
    const entitled = isOwner(state, to.peer)
      ? { state, key: null }
      : byKey(config, state, to, asked, context);
    const watched = watchedOf(config, entitled.state, about, context);
    const watcher: Watcher = {
      ...{ peer: to.peer, session: to.session?.id ?? null, about, key: entitled.key },
      ...{ untilMs: context.now + WATCH_MS, told: digestOf(watched, context) },
    };
    const others = state.watchers.filter(({ peer }) => peer !== to.peer);
    const watchers = [...others, watcher].slice(-MAX_WATCHERS);
    return { state: { ...entitled.state, watchers }, effects: [watchedBy(to, watched, context)] };
  });
}

function byKey(
  config: LockConfig,
  state: LockState,
  to: Speaker,
  { links, refreshes }: AccessBody<"lock-watch">,
  context: DeviceContext,
): { state: LockState; key: Uint8Array } {
  if (links.length === 0) throw new SegmentError("right-missing", "no key was shown");
  const chain = openChain(context.crypto, links);
  const facts = knowledge(config, state, context);
  const fresh = ownersRefreshes(refreshes, facts, context);
  requireRight(chain, { who: publicKeyFromId(to.peer), target: DOOR, action: "watch" }, fresh, facts);
  return { state: remembered(state, chain, 0), key: chain.at(-1)!.id };
}

/** After each step: whoever watches is told what has changed. */
export function watchersTold(config: LockConfig, result: Result, context: DeviceContext): Result {
  const { state } = result;
  if (state.watchers.length === 0) return result;
  const known = knowledge(config, state, context);
  const effects: DeviceEffect[] = [];
  const watchers = state.watchers.flatMap((watcher) => {
    const { peer, session, about, key, untilMs, told } = watcher;
    const mayStill = key === null ? isOwner(state, peer) : !known.isRevoked(key);
    if (!mayStill || context.now >= untilMs || context.now < untilMs - WATCH_MS) return [];
    const watched = watchedOf(config, state, about, context);
    const digest = digestOf(watched, context);
    if (equalBytes(digest, told)) return [watcher];
    const open = state.sessions.find(({ id }) => id === session) ?? null;
    effects.push(watchedBy({ peer, session: open }, watched, context));
    return [{ ...watcher, told: digest }];
  });
  const isSame = effects.length === 0 && watchers.length === state.watchers.length;
  return isSame ? result : { state: { ...state, watchers }, effects: [...result.effects, ...effects] };
}

function watchedBy(to: Speaker, watched: Watched, context: DeviceContext): DeviceEffect {
  return tell(to, `watched/${toHex(watched.about)}/${context.now}`, "lock-watched", watched);
}

function watchedOf(config: LockConfig, state: LockState, about: Uint8Array, context: DeviceContext): Watched {
  const last = state.audit.findLast(({ what, code }) => what === "request" && code === null);
  const entered = last && { name: last.name, target: last.target ?? DOOR, timeMs: last.timeMs };
  return {
    about,
    state: standingOf(config, state, context),
    last: entered ?? null,
  };
}

/** Of all but the time, which goes on by itself. */
function digestOf(watched: Watched, { crypto }: DeviceContext): Uint8Array {
  const { state, last } = watched;
  const bytes = encodeMessage({ state: { ...state, timeMs: 0 }, last });
  return crypto.sha256(bytes).slice(0, DIGEST_BYTES);
}
