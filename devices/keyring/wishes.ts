/** What the person wants now: one thing at a time, said in a session as soon as there is one. */
import { openChain } from "../../protocols/access/chain.ts";
import { signRequest } from "../../protocols/access/command.ts";
import { ACCESS_SCHEMAS } from "../../protocols/access/messages.ts";
import type { AccessBody } from "../../protocols/access/messages.ts";
import { pairingProof, parsePairing } from "../../protocols/access/pairing.ts";
import { allows } from "../../protocols/access/rights.ts";
import type { Action } from "../../protocols/access/rights.ts";
import { timeRefusal } from "../../protocols/access/times.ts";
import { equalBytes, toHex, utf8 } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { agentId, publicKeyFromId } from "../../protocols/identity/keys.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { AgentId, DeviceContext, DeviceEffect } from "../device.ts";
import { progress, say, stay, timer } from "../effects.ts";
import { parsed } from "./commands.ts";
import { answered, heldOf, lockOf, requireLock, stayAt, withKnown, withLock } from "./find.ts";
import { isShown, onStayAnswer, openingFor, shownWords, withOffered } from "./stays.ts";
import { LINGER_MS, MAX_LOCKS, WISH_MS } from "./state.ts";
import type { HeldKey, KeyringState, KnownLock, OpenOrder, Result, Wish } from "./state.ts";

/** What sessions with locks are for. */
export const LOCK_PURPOSE = utf8("lock");

/** What a key to look on names as its target. */
const WATCHED = "door";

type Answer = AccessBody<"lock-answer">;

/** Errors: pairing-invalid, pairing-expired, message-invalid. */
export function onPairWish(state: KeyringState, value: unknown, context: DeviceContext): Result {
  const { code: text, name, isNear } = parsed("pair", value);
  const { network, identity, sessionKey, psk } = parsePairing(text, context.now);
  const about = context.crypto.sha256(context.card).slice(0, 16);
  const lock = agentId(identity);
  return wished(
    state,
    { kind: "pair", lock, about, name, network, isNear, sessionKey, psk, ...until(context) },
    context,
  );
}

/** Errors: message-invalid, key-foreign, right-missing, key-… (known before the lock has to say it). */
export function onAsk(state: KeyringState, value: unknown, context: DeviceContext): Result {
  const { lock: id, nonce, target, action, isNear } = parsed("ask", value);
  const lock = requireLock(state, id);
  const rented = lock.isOwned ? undefined : stayAt(state, id);
  if (!lock.isOwned && rented === undefined) bestKey(state, lock, target, action, context);
  const asked = { lock: id, about: nonce, target, action, isNear, stay: rented?.termsId ?? null };
  return wished(state, { kind: "ask", ...asked, ...until(context) }, context);
}

export function onLook(state: KeyringState, value: unknown, context: DeviceContext): Result {
  const { lock, nonce, isNear } = parsed("look", value);
  requireLock(state, lock);
  return wished(state, { kind: "look", lock, about: nonce, isNear, ...until(context) }, context);
}

export function onReadLog(state: KeyringState, value: unknown, context: DeviceContext): Result {
  const { lock, nonce, from, isNear } = parsed("read-log", value);
  requireLock(state, lock);
  return wished(state, { kind: "log", lock, about: nonce, from, isNear, ...until(context) }, context);
}

/** Errors: message-invalid, key-foreign, right-missing, key-… (known before the lock has to say it). */
export function onWatchWish(state: KeyringState, value: unknown, context: DeviceContext): Result {
  const { lock: id, nonce, isNear } = parsed("watch", value);
  const lock = requireLock(state, id);
  if (!lock.isOwned) bestKey(state, lock, WATCHED, "watch", context);
  return wished(state, { kind: "watch", lock: id, about: nonce, isNear, ...until(context) }, context);
}

function until({ now }: DeviceContext): { untilMs: number } {
  return { untilMs: now + WISH_MS };
}

/** The wish before it is given up: the person has changed their mind. */
function wished(before: KeyringState, wish: Wish, context: DeviceContext): Result {
  const state = { ...before, wish, outcome: null };
  const waits = timer("wish", wish.untilMs);
  if (!wish.isNear)
    return {
      state,
      effects: [waits, ...wordsOf(state, wish, null, context).map((one) => overBus(wish, one))],
    };
  const { session } = state;
  if (session?.lock === wish.lock && wish.kind !== "pair") {
    const said = spoken(state, wish, session, context);
    return { state: said.state, effects: [waits, timer("linger", null), ...said.effects] };
  }
  return { state, effects: [waits, timer("linger", null), ...dialled(state, wish)] };
}

function dialled(state: KeyringState, wish: Wish): DeviceEffect[] {
  const known = wish.kind === "pair" ? wish : lockOf(state, wish.lock);
  if (known === undefined) return [];
  const psk = wish.kind === "pair" ? wish.psk : null;
  const keys = { sessionKey: known.sessionKey, psk };
  return [{ kind: "dial", peer: wish.lock, purpose: LOCK_PURPOSE, keys }];
}

/** A session is open: orders that the lock has not heard go first, then what the person wants. */
export function onSession(
  before: KeyringState,
  session: NonNullable<KeyringState["session"]>,
  context: DeviceContext,
): Result {
  const state = { ...before, session };
  const { wish } = state;
  const orders = state.orders.filter(({ lock }) => lock === session.lock);
  const effects = orders.map(({ bytes }) => say(session.id, "lock-order", { order: bytes }));
  if (wish?.lock !== session.lock)
    return { state, effects: [...effects, timer("linger", context.now + LINGER_MS)] };
  const said = spoken(state, wish, session, context);
  return { state: said.state, effects: [...effects, ...said.effects] };
}

/** A rental that the lock has not seen as it stands today is shown first; its answer lets the wish go on. */
function spoken(
  state: KeyringState,
  wish: Wish,
  session: NonNullable<KeyringState["session"]>,
  context: DeviceContext,
): Result {
  const saying = (words: Words[]): DeviceEffect[] =>
    words.map(({ type, body }) => say(session.id, type, body));
  const stay = wish.kind === "ask" && wish.stay !== null ? stayAt(state, wish.lock) : undefined;
  if (stay !== undefined && !isShown(stay)) return { state, effects: saying(shownWords(stay)) };
  const offered = stay === undefined ? state : withOffered(state, stay, session.hash, context);
  return { state: offered, effects: saying(wordsOf(offered, wish, session.hash, context)) };
}

export interface Words {
  type: string;
  body: unknown;
}

function overBus({ lock, about }: Wish, { type, body }: Words): DeviceEffect {
  // Not repeated: a door that opens minutes later opens for nobody.
  return { kind: "send", id: `${type}/${toHex(about)}`, to: lock, type, body, durable: false };
}

function wordsOf(
  state: KeyringState,
  wish: Wish,
  session: Uint8Array | null,
  context: DeviceContext,
): Words[] {
  switch (wish.kind) {
    case "pair":
      return [{ type: "lock-pair", body: { card: context.card, proof: proofOf(wish, session, context) } }];
    case "look":
      return [...claims(state, wish), { type: "lock-status", body: { nonce: wish.about } }];
    case "watch":
      return [watchOf(state, wish, context)];
    case "log":
      return [{ type: "lock-audit", body: { nonce: wish.about, from: wish.from } }];
    case "ask":
      return [requestOf(state, wish, session, context)];
  }
}

/** A session has proved the code already. */
function proofOf(
  { lock, psk }: Wish & { kind: "pair" },
  session: Uint8Array | null,
  { crypto, card }: DeviceContext,
): Uint8Array | null {
  return session === null ? pairingProof(crypto, psk, publicKeyFromId(lock), card) : null;
}

/** A link's key is bound to this phone at the first occasion. */
function claims(state: KeyringState, { lock }: Wish): Words[] {
  const open = heldOf(state, lock).filter(({ isClaimed }) => !isClaimed);
  return open.map(({ links }) => ({ type: "lock-claim", body: { links } }));
}

function watchOf(state: KeyringState, { lock: id, about: nonce }: Wish, context: DeviceContext): Words {
  const lock = requireLock(state, id);
  const key = lock.isOwned ? undefined : bestKey(state, lock, WATCHED, "watch", context);
  const { links, refreshes } = key ?? { links: [], refreshes: [] };
  return { type: "lock-watch", body: { nonce, links, refreshes } };
}

function requestOf(
  state: KeyringState,
  { lock: id, about: nonce, target, action, stay: rented }: Wish & { kind: "ask" },
  session: Uint8Array | null,
  context: DeviceContext,
): Words {
  const lock = requireLock(state, id);
  const isByKey = !lock.isOwned && rented === null;
  const key = isByKey ? bestKey(state, lock, target, action, context) : null;
  const request = {
    ...{ lock: publicKeyFromId(id), tenure: lock.tenure, session, nonce, target, action },
    ...{ timeMs: context.now, key: key?.id ?? rented },
  };
  const { links, refreshes } = key ?? { links: [], refreshes: [] };
  const opened = session === null || rented === null ? null : openingFor(state, rented);
  const signed = signRequest(request, context.signer);
  return { type: "lock-request", body: { request: signed, links, refreshes, opened } };
}

/**
 * A key that lets this phone do it, one that is valid now before others. Errors: right-missing, or why the
 * key is not valid now.
 */
function bestKey(
  state: KeyringState,
  { id }: KnownLock,
  target: string,
  action: Action,
  context: DeviceContext,
): HeldKey {
  const able = heldOf(state, id).filter((key) =>
    rightsOf(key, context).some((one) => allows(one.rights, target, action)),
  );
  const reasons = able.map((key) => timeRefusal(rightsOf(key, context)[0]!, context.now));
  const valid = able.find((_, at) => reasons[at] === undefined);
  if (valid !== undefined) return valid;
  const [reason] = reasons;
  if (reason === undefined)
    throw new SegmentError("right-missing", `no key of this phone lets anybody ${action} "${target}"`);
  throw new SegmentError(reason, "this is no time for the key");
}

/** The lock has answered. */
export function onAnswer(
  before: KeyringState,
  from: AgentId,
  body: Uint8Array,
  context: DeviceContext,
): Result {
  const answer = parseBody(ACCESS_SCHEMAS["lock-answer"], body);
  const isAbout = ({ about }: { about: Uint8Array }): boolean => equalBytes(about, answer.about);
  const order = before.orders.find((one) => one.lock === from && isAbout(one));
  if (order !== undefined) return ordered(before, order, answer);
  const claimed = claimedBy(before, from, answer, context);
  const { wish } = claimed;
  if (wish?.kind === "ask" && wish.stay !== null && wish.lock === from)
    return answeredOnStay(claimed, wish, wish.stay, answer, context);
  if (wish === null || wish.lock !== from || !isAbout(wish)) return stay(claimed);
  return wish.kind === "pair" ? paired(claimed, wish, answer, context) : fulfilled(claimed, answer, context);
}

/** To what was shown of a rental, or to what was asked by it. */
function answeredOnStay(
  before: KeyringState,
  wish: Wish & { kind: "ask" },
  id: Uint8Array,
  answer: Answer,
  context: DeviceContext,
): Result {
  const isShownNow = equalBytes(answer.about, id.slice(0, 16));
  if (!isShownNow && !equalBytes(answer.about, wish.about)) return stay(before);
  const heard = onStayAnswer(before, id, answer, context);
  const { session } = heard.state;
  if (!isShownNow || answer.code !== null || session?.lock !== wish.lock) {
    const done = fulfilled(heard.state, answer, context);
    return { state: done.state, effects: [...heard.effects, ...done.effects] };
  }
  const said = spoken(heard.state, wish, session, context);
  return { state: said.state, effects: [...heard.effects, ...said.effects] };
}

function ordered(state: KeyringState, order: OpenOrder, { code, message }: Answer): Result {
  // Asked too often: it goes with the next session, or over the bus.
  if (code === "too-many-attempts") return stay(state);
  const orders = state.orders.filter((one) => one !== order);
  const said =
    code === null
      ? progress("order-done", "the lock obeys")
      : progress("order-refused", `${code}: ${message}`);
  return { state: { ...state, orders }, effects: [said] };
}

function claimedBy(
  state: KeyringState,
  from: AgentId,
  answer: Answer,
  { crypto }: DeviceContext,
): KeyringState {
  if (answer.code !== null) return state;
  const held = state.held.map((key) => {
    const about = crypto.sha256(key.links.at(-1)!.key).slice(0, 16);
    return key.lock === from && equalBytes(about, answer.about) ? { ...key, isClaimed: true } : key;
  });
  return { ...state, held };
}

function paired(
  before: KeyringState,
  wish: Wish & { kind: "pair" },
  answer: Answer,
  context: DeviceContext,
): Result {
  const tenure = answer.state?.tenure;
  if (answer.code !== null || tenure === null || tenure === undefined)
    return fulfilled(before, answer, context);
  const { lock: id, sessionKey, network, name } = wish;
  const lock = { id, sessionKey, network, name, tenure, isOwned: true, orders: 0, standing: answer.state };
  return fulfilled(withLock(before, lock, MAX_LOCKS), answer, context);
}

/** What a lock says of a key that will never open it again. */
const WORTHLESS: ReadonlySet<string> = new Set([
  "key-claimed",
  "key-revoked",
  "key-used-up",
  "key-foreign",
  "key-not-holder",
]);

function fulfilled(earlier: KeyringState, answer: Answer, context: DeviceContext): Result {
  const { about, code, message, waitMs, state: standing } = answer;
  const before = code !== null && WORTHLESS.has(code) ? withoutKeyOf(earlier, context) : earlier;
  const { wish } = before;
  const known = wish === null ? undefined : lockOf(before, wish.lock);
  const seen = known === undefined ? before : withKnown(before, answered(known, code, standing));
  const state: KeyringState = { ...seen, wish: null, outcome: { about, code, message, waitMs } };
  const said =
    code === null ? progress("done", wish?.kind ?? "") : progress("refused", `${code}: ${message}`);
  return { state, effects: [timer("wish", null), timer("linger", context.now + LINGER_MS), said] };
}

/** The key with which the wish was asked is dropped: another may serve the next tap. */
function withoutKeyOf(state: KeyringState, context: DeviceContext): KeyringState {
  const { wish } = state;
  const lock = wish === null ? undefined : lockOf(state, wish.lock);
  if (wish?.kind !== "ask" || wish.stay !== null || lock === undefined || lock.isOwned) return state;
  const { id } = bestKey(state, lock, wish.target, wish.action, context);
  return { ...state, held: state.held.filter((one) => !equalBytes(one.id, id)) };
}

/** A page of the log came: `log` is for whoever shows it. */
export function onLog(state: KeyringState, from: AgentId, body: Uint8Array, context: DeviceContext): Result {
  const page = parseBody(ACCESS_SCHEMAS["lock-log"], body);
  const { wish } = state;
  if (wish?.kind !== "log" || wish.lock !== from || !equalBytes(wish.about, page.about)) return stay(state);
  const answer = { about: page.about, code: null, message: "", waitMs: 0, state: null, fact: null };
  const next = fulfilled(state, answer, context);
  return {
    ...next,
    effects: [...next.effects, { kind: "actuate", name: "log", value: { lock: from, ...page } }],
  };
}

/** How a lock stands, for whoever shows it: asked for, or because it has changed. */
export function onWatched(
  state: KeyringState,
  from: AgentId,
  body: Uint8Array,
  context: DeviceContext,
): Result {
  const watched = parseBody(ACCESS_SCHEMAS["lock-watched"], body);
  const known = lockOf(state, from);
  if (known === undefined) return stay(state);
  const shown: DeviceEffect = { kind: "actuate", name: "watched", value: { lock: from, ...watched } };
  const { wish } = state;
  if (wish?.kind !== "watch" || wish.lock !== from || !equalBytes(wish.about, watched.about))
    return { state: withKnown(state, { ...known, standing: watched.state }), effects: [shown] };
  const { about, state: standing } = watched;
  const answer = { about, code: null, message: "", waitMs: 0, state: standing, fact: null };
  const next = fulfilled(state, answer, context);
  return { ...next, effects: [...next.effects, shown] };
}

/** Nobody answered in time: the door must not open for a wish of a while ago. */
export function onWishOver(state: KeyringState, context: DeviceContext): Result {
  const { wish } = state;
  if (wish === null) return stay(state);
  if (context.now < wish.untilMs) return { state, effects: [timer("wish", wish.untilMs)] };
  const { isNear } = wish;
  const message = isNear ? "the lock was not reached" : "the lock has not answered over the network";
  const code = isNear ? "radio-failed" : "broker-unreachable";
  const outcome = { about: wish.about, code, message, waitMs: 0 };
  return {
    state: { ...state, wish: null, outcome },
    effects: [{ kind: "hang-up" }, progress("not-reached", message)],
  };
}

/** What the keys of a chain say: they were verified when the phone took them. */
function rightsOf({ links }: HeldKey, { crypto }: DeviceContext) {
  return openChain(crypto, links).map(({ key }) => key);
}
