/**
 * A phone's keyring: the locks that it owns and the keys that it holds or has given. It decides nothing of
 * who may enter, the lock does; it signs what the person wants, once for each tap, and keeps what was signed.
 */
import { ACCESS_SCHEMAS } from "../../protocols/access/messages.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { unreachable } from "../../protocols/errors.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { Device, DeviceContext, DeviceEffect, DeviceEvent } from "../device.ts";
import { progress, send, stay, timer } from "../effects.ts";
import { parsed } from "./commands.ts";
import { lockOf, requireLock, withKnown } from "./find.ts";
import { onGive, onPassOn, onRefreshAsk, onRefreshed, onRevoke, onTake, refreshAsks } from "./keys.ts";
import { onOwn, onOwners } from "./owners.ts";
import { freshKeyring } from "./state.ts";
import type { KeyringState, Result } from "./state.ts";
import {
  dueStayAsks,
  fileOpenings,
  stayAsks,
  onCertified,
  onLet,
  onRevokeStay,
  onStay,
  onStayReceipt,
} from "./stays.ts";
import { onTimeStatement, timeFor } from "./time.ts";
import { onWalkUp, onWalkUpSaid, walksUp } from "./walk-up.ts";
import {
  onAnswer,
  onAsk,
  onLog,
  onLook,
  onPairWish,
  onReadLog,
  onSession,
  onWatchWish,
  onWatched,
  onWishOver,
} from "./wishes.ts";

/** How often the phone looks whether its keys need to be confirmed. */
const REFRESH_EVERY_MS = 60_000;
/** How long the network may take to be there after a start. */
const FIRST_ASK_MS = 5_000;

export const keyring: Device<KeyringState> = {
  kind: "keyring",
  initial: freshKeyring,
  step(state, event, context) {
    switch (event.kind) {
      case "started":
        return again({ ...state, wish: null, session: null }, context);
      case "time-corrected":
        return again(state, context);
      case "session-opened": {
        if (lockOf(state, event.peer) === undefined && state.wish?.lock !== event.peer) return stay(state);
        return onOpened(state, { id: event.session, lock: event.peer, hash: event.sessionHash }, context);
      }
      case "session-closed":
        return onSessionClosed(state, event.session);
      case "session-message":
        return onWalkUpSaid(state, event, context) ?? onSaid(state, event.peer, event, context);
      case "message":
        return onSaid(state, event.from, event, context);
      case "timer":
        return onTimer(state, event.name, context);
      case "command":
        return onCommand(state, event, context);
      case "receipt":
        return onStayReceipt(state, event.receipt, event.bytes, context);
      case "session-refused":
      case "sensor":
        return stay(state);
      default:
        return unreachable(event);
    }
  },
};

/** A lock that needs the place for others ends it: who wants nothing does not call again. */
function onSessionClosed(state: KeyringState, session: string): Result {
  if (state.session?.id !== session) return stay(state);
  const effects: DeviceEffect[] = state.wish === null ? [{ kind: "hang-up" }, timer("linger", null)] : [];
  return { state: { ...state, session: null }, effects };
}

function onOpened(
  before: KeyringState,
  session: NonNullable<KeyringState["session"]>,
  context: DeviceContext,
): Result {
  const opened = onSession(before, session, context);
  const walked = walksUp(opened.state, session.id, context);
  return { state: walked.state, effects: [...opened.effects, ...walked.effects] };
}

/** What was signed and not heard goes out again; the same id is one message. */
function again(state: KeyringState, context: DeviceContext): Result {
  const orders = state.orders.map(({ lock, bytes, about }) => orderAgain(lock, bytes, about));
  const next = timer("refresh", context.now + REFRESH_EVERY_MS);
  const asks = state.stays.length === 0 ? [] : [timer("stays", context.now + FIRST_ASK_MS)];
  const filed = fileOpenings(state, context);
  const effects = [...orders, ...refreshAsks(state, context), ...filed.effects, next, ...asks];
  return { state: filed.state, effects };
}

function orderAgain(lock: string, bytes: Uint8Array, about: Uint8Array): DeviceEffect {
  return send(`order/${toHex(about)}`, lock, "lock-order", { order: bytes });
}

function onSaid(
  state: KeyringState,
  from: string,
  { type, body }: { type: string; body: Uint8Array },
  context: DeviceContext,
): Result {
  switch (type) {
    case "lock-answer":
      return timeFor(onAnswer(state, from, body, context), context);
    case "lock-watched":
      return onWatched(state, from, body, context);
    case "lock-log":
      return onLog(state, from, body, context);
    case "lock-alert":
      return onAlert(state, from, body);
    case "time-statement":
      return onTimeStatement(state, body);
    case "key-refresh-ask":
      return onRefreshAsk(state, from, body, context);
    case "key-refreshed":
      return onRefreshed(state, from, body, context);
    default:
      return stay(state);
  }
}

function onAlert(state: KeyringState, from: string, body: Uint8Array): Result {
  const lock = lockOf(state, from);
  if (lock === undefined || !lock.isOwned) return stay(state);
  const { kind } = parseBody(ACCESS_SCHEMAS["lock-alert"], body);
  const next = kind === "reset" ? withKnown(state, { ...lock, isOwned: false }) : state;
  return { state: next, effects: [progress(`alert-${kind}`, lock.name)] };
}

function onTimer(state: KeyringState, name: string, context: DeviceContext): Result {
  switch (name) {
    case "wish":
      return onWishOver(state, context);
    case "linger":
      return state.wish === null ? { state, effects: [{ kind: "hang-up" }] } : stay(state);
    case "refresh": {
      const filed = fileOpenings(state, context);
      const next = timer("refresh", context.now + REFRESH_EVERY_MS);
      const asks = [...refreshAsks(state, context), ...dueStayAsks(state, context)];
      return { state: filed.state, effects: [...asks, ...filed.effects, next] };
    }
    case "stays":
      return { state, effects: stayAsks(state) };
    default:
      return stay(state);
  }
}

function onCommand(
  state: KeyringState,
  { name, value }: DeviceEvent & { kind: "command" },
  context: DeviceContext,
): Result {
  switch (name) {
    case "pair":
      return onPairWish(state, value, context);
    case "ask":
      return onAsk(state, value, context);
    case "look":
      return onLook(state, value, context);
    case "watch":
      return onWatchWish(state, value, context);
    case "read-log":
      return onReadLog(state, value, context);
    case "give":
      return onGive(state, value, context);
    case "pass-on":
      return onPassOn(state, value, context);
    case "take":
      return onTake(state, value, context);
    case "stay":
      return onStay(state, value, context);
    case "certified":
      return onCertified(state, value, context);
    case "walk-up":
      return onWalkUp(state, value, context);
    case "let":
      return onLet(state, value, context);
    case "revoke-stay":
      return onRevokeStay(state, value, context);
    case "revoke":
      return onRevoke(state, value, context);
    case "add-owner":
    case "hand-over":
    case "remove-owner":
      return onOwners(state, name, value, context);
    case "own":
      return onOwn(state, value, context);
    case "rename": {
      const { lock, name: called } = parsed("rename", value);
      return stay(withKnown(state, { ...requireLock(state, lock), name: called }));
    }
    case "forget": {
      const { lock } = parsed("forget", value);
      const isOther = (one: { lock: string }): boolean => one.lock !== lock;
      const held = state.held.filter(isOther);
      const given = state.given.filter(isOther);
      const stays = state.stays.filter(isOther);
      return stay({ ...state, locks: state.locks.filter(({ id }) => id !== lock), held, given, stays });
    }
    default:
      return stay(state);
  }
}
