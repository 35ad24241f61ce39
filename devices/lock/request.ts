/**
 * An unlock: from what a phone has signed to the pulse, in one step and with no network. What counts (uses,
 * claims, the log) is in the same step's state, so that it is durable before the bolt moves.
 */
import { openChain } from "../../protocols/access/chain.ts";
import type { Link, OpenedLink } from "../../protocols/access/chain.ts";
import { openRequest } from "../../protocols/access/command.ts";
import type { LockRequest } from "../../protocols/access/command.ts";
import { requireHolder, requireRight } from "../../protocols/access/judge.ts";
import type { Knowledge } from "../../protocols/access/judge.ts";
import { openGuestKey } from "../../protocols/access/key.ts";
import { ACCESS_SCHEMAS } from "../../protocols/access/messages.ts";
import { openRefresh } from "../../protocols/access/orders.ts";
import type { Refresh } from "../../protocols/access/orders.ts";
import { equalBytes } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import type { ErrorCode } from "../../protocols/errors.ts";
import { publicKeyFromId } from "../../protocols/identity/keys.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { DeviceContext, DeviceEffect } from "../device.ts";
import { progress } from "../effects.ts";
import { answer, done, heard } from "./answers.ts";
import type { Speaker } from "./answers.ts";
import { logged } from "./audit.ts";
import type { Line } from "./audit.ts";
import { perform } from "./door.ts";
import { knowledge, remembered, tidied } from "./memory.ts";
import { isOwner, succeeded } from "./patience.ts";
import { openedByStay, requireGuestsGuest, stayShown } from "./stay.ts";
import { isTimeKnown, withTime } from "./time.ts";
import { MAX_DONE, MAX_REMOTE } from "./state.ts";
import type { Done, LockConfig, LockState, OpenSession, Result } from "./state.ts";

/** Over the bus: how old, or how far ahead, what is asked may be. No door opens by what was said long ago. */
export const REMOTE_WINDOW_MS = 30_000;

/** Malformed: it has no nonce by which it could be answered. */
const NO_NONCE = new Uint8Array(16);

export function onRequest(
  config: LockConfig,
  before: LockState,
  to: Speaker,
  body: Uint8Array,
  context: DeviceContext,
): Result {
  const state = tidied(config, withTime(config, before, context), context);
  const asked = openedRequest(body, context);
  if (asked instanceof SegmentError) {
    const malformed = { about: NO_NONCE, line: { what: "request" } };
    return heard(config, state, to, malformed, context, () => {
      throw asked;
    });
  }
  const { request } = asked;
  const known = repeated(state, to, asked);
  if (known !== undefined) return { state, effects: [again(config, state, to, known, context)] };
  const { target, action, key, nonce } = request;
  const line: Line = { what: "request", target, action, key, evidence: asked.bytes };
  const isVouched = (): boolean => isOwnersKey(state, asked.links[0], context);
  const result = heard(config, state, to, { about: nonce, line, isVouched }, context, () =>
    obeyed(config, state, to, asked, line, context),
  );
  return { state: noted(result.state, to, nonce, result.code, context), effects: result.effects };
}

interface Opened {
  request: LockRequest;
  signer: Uint8Array;
  bytes: Uint8Array;
  links: Link[];
  refreshes: Uint8Array[];
  /** By a rental's guest. */
  opened: Uint8Array | null;
}

function openedRequest(body: Uint8Array, { crypto }: DeviceContext): Opened | SegmentError {
  try {
    const { request: bytes, ...rest } = parseBody(ACCESS_SCHEMAS["lock-request"], body);
    return { ...openRequest(crypto, bytes), bytes, ...rest };
  } catch (error) {
    if (error instanceof SegmentError && error.code !== "internal") return error;
    throw error;
  }
}

function obeyed(
  config: LockConfig,
  state: LockState,
  to: Speaker,
  asked: Opened,
  line: Line,
  context: DeviceContext,
): Result {
  requireNow(config, state, to, asked, context);
  const { request } = asked;
  const right = isOwner(state, to.peer) ? ownersRight(state) : guestRight(config, state, to, asked, context);
  const { state: entitled, name, key, fact, effects } = right;
  const moved = perform(config, succeeded(entitled, to.peer), request.target, request.action, context);
  const written = logged(config, moved.state, { ...line, who: to.peer, name, key }, context);
  return {
    state: written.state,
    effects: [
      ...moved.effects,
      done(config, written.state, to, request.nonce, context, fact),
      ...effects,
      ...written.effects,
      progress("obeyed", `${request.action} "${request.target}"`),
    ],
  };
}

/** Asked by whoever speaks, of this lock, here and now. */
function requireNow(
  config: LockConfig,
  state: LockState,
  to: Speaker,
  { request, signer }: Opened,
  context: DeviceContext,
): void {
  if (!equalBytes(signer, publicKeyFromId(to.peer))) throw stale("another has signed the request");
  const isHere =
    equalBytes(request.lock, publicKeyFromId(context.self)) &&
    state.tenure !== null &&
    equalBytes(request.tenure, state.tenure);
  if (!isHere) throw new SegmentError("key-foreign", "the request is for another lock, or a former owner's");
  if (to.session !== null) {
    if (request.session === null || !equalBytes(request.session, to.session.hash))
      throw stale("the request was made for another session");
    if (to.session.done.length >= MAX_DONE)
      throw new SegmentError("session-limit", `${MAX_DONE} requests were made in this session`);
    return;
  }
  if (request.session !== null) throw stale("the request was made for a session");
  if (!isTimeKnown(config, state, context))
    throw new SegmentError("time-unknown", "over the bus nothing is done while the time is not known");
  if (Math.abs(context.now - request.timeMs) > REMOTE_WINDOW_MS)
    throw stale("the request was made at another time");
  const others = recent(state, context.now);
  if (others.length >= MAX_REMOTE || others.filter(({ peer }) => peer === to.peer).length >= MAX_DONE)
    throw new SegmentError("too-many-attempts", "too many requests came within a minute");
}

interface Given {
  state: LockState;
  name: string;
  key: Uint8Array | null;
  /** The lock's word for a rental's guest. */
  fact: Uint8Array | null;
  effects: DeviceEffect[];
}

function ownersRight(state: LockState): Given {
  return { state, name: "", key: null, fact: null, effects: [] };
}

/** The keys, or the stay, that a guest shows give the right, and are remembered as used. */
function guestRight(
  config: LockConfig,
  state: LockState,
  to: Speaker,
  asked: Opened,
  context: DeviceContext,
): Given {
  const { request, signer, links, refreshes } = asked;
  const stay = links.length === 0 ? stayShown(state, asked) : undefined;
  if (stay !== undefined) {
    const entered = openedByStay(config, state, to, stay, asked, context);
    return { ...entered, name: "", key: stay.termsId };
  }
  if (links.length === 0) throw new SegmentError("right-missing", "no key was shown");
  const chain = openChain(context.crypto, links);
  const last = chain.at(-1)!;
  if (request.key === null || !equalBytes(request.key, last.id))
    throw stale("the request was made with another key");
  requireGuestsGuest(config, state, chain[0]!.key.issuer, request, context);
  const facts = knowledge(config, state, context);
  const fresh = ownersRefreshes(refreshes, facts, context);
  requireRight(chain, { who: signer, target: request.target, action: request.action }, fresh, facts);
  const next = remembered(state, chain, 1);
  return { state: next, name: last.key.name, key: last.id, fact: null, effects: [] };
}

/** Whether an owner of today has made it. */
function isOwnersKey(state: LockState, link: Link | undefined, { crypto }: DeviceContext): boolean {
  try {
    const issuer = link && openGuestKey(crypto, link.key).issuer;
    return issuer !== undefined && state.owners.some(({ identity }) => equalBytes(identity, issuer));
  } catch {
    return false;
  }
}

/** Those that owners have signed. Throws `guest-key-invalid` for a broken one. */
export function ownersRefreshes(
  refreshes: readonly Uint8Array[],
  facts: Knowledge,
  { crypto }: DeviceContext,
): Refresh[] {
  return refreshes.flatMap((bytes) => {
    const { signer, refresh } = openRefresh(crypto, bytes);
    return facts.isOwner(signer) ? [refresh] : [];
  });
}

/** Binds the keys of links to the phone that shows them first, before it needs them. */
export function onClaim(
  config: LockConfig,
  before: LockState,
  to: Speaker,
  body: Uint8Array,
  context: DeviceContext,
): Result {
  const state = tidied(config, withTime(config, before, context), context);
  const { links } = parseBody(ACCESS_SCHEMAS["lock-claim"], body);
  const about = context.crypto.sha256(links.at(-1)?.key ?? NO_NONCE).slice(0, 16);
  const line: Line = { what: "claim" };
  const isVouched = (): boolean => isOwnersKey(state, links[0], context);
  return heard(config, state, to, { about, line, isVouched }, context, () => {
    const chain: OpenedLink[] = openChain(context.crypto, links);
    requireHolder(chain, publicKeyFromId(to.peer), knowledge(config, state, context));
    const next = remembered(state, chain, 0);
    const { key, id } = chain.at(-1)!;
    const said = { ...line, who: to.peer, name: key.name, key: id, evidence: links.at(-1)!.claim ?? id };
    const written = logged(config, next, said, context);
    return {
      state: written.state,
      effects: [done(config, written.state, to, about, context), ...written.effects],
    };
  });
}

/** What was asked with this nonce before, here: in a session, or over the bus a short while ago. */
function repeated({ remote }: LockState, to: Speaker, { request, signer }: Opened): Done | undefined {
  if (!equalBytes(signer, publicKeyFromId(to.peer))) return undefined;
  const all = to.session === null ? remote.filter(({ peer }) => peer === to.peer) : to.session.done;
  return all.find(({ nonce }) => equalBytes(nonce, request.nonce));
}

function again(
  config: LockConfig,
  state: LockState,
  to: Speaker,
  { nonce, code }: Done,
  context: DeviceContext,
): DeviceEffect {
  if (code === null) return done(config, state, to, nonce, context);
  return answer(to, nonce, { code, message: "it was refused when it was asked first" });
}

function noted(
  state: LockState,
  { peer, session }: Speaker,
  nonce: Uint8Array,
  code: ErrorCode | null,
  { now }: DeviceContext,
): LockState {
  if (code === "too-many-attempts" || code === "session-limit") return state;
  const fresh: Done = { nonce, code };
  if (session === null) {
    // What was refused may be asked again; what was done is not done twice.
    return code === null
      ? { ...state, remote: [...recent(state, now), { ...fresh, peer, timeMs: now }] }
      : state;
  }
  const noting = (one: OpenSession): OpenSession =>
    one.id === session.id ? { ...one, done: [...one.done, fresh] } : one;
  return { ...state, sessions: state.sessions.map(noting) };
}

/** What was asked over the bus and could come again. */
function recent({ remote }: LockState, now: number): LockState["remote"] {
  return remote.filter(({ timeMs }) => Math.abs(now - timeMs) <= 2 * REMOTE_WINDOW_MS);
}

function stale(problem: string): SegmentError {
  return new SegmentError("request-stale", problem, { where: "request" });
}
