/**
 * The lock. Everything is decided here, offline, in one pure step: who owns it, whose key lets in whom and
 * when, what the bolt does, and what stands in the log. The agent only carries it out.
 */
import { z } from "zod";
import { ACCESS_SCHEMAS } from "../../protocols/access/messages.ts";
import { SegmentError, unreachable } from "../../protocols/errors.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { Device, DeviceContext, DeviceEffect, DeviceEvent, SessionOpened } from "../device.ts";
import { actuate, progress, stay, timer } from "../effects.ts";
import { readingOf } from "../readings.ts";
import { answer, done, heard, tell } from "./answers.ts";
import type { Speaker } from "./answers.ts";
import { page } from "./audit.ts";
import { onBattery, onBolt, onContact, onDoorTimer, standing } from "./door.ts";
import {
  onOrder,
  onPair,
  onPairCommand,
  onPairingTimer,
  pairingByNewClock,
  pairingEffects,
} from "./owners.ts";
import { isGuest, isOwner } from "./patience.ts";
import { onClaim, onRequest } from "./request.ts";
import { alerts, batterySchema } from "./senses.ts";
import { departures, onReceipt, onStay, staysAgain } from "./stay.ts";
import { ANYONE, ERASE_DRIVER, freshState, GRANT_DRIVER, MAX_SESSIONS } from "./state.ts";
import type { GrantWish, LockConfig, LockState, OpenSession, Result } from "./state.ts";
import { onTime, timeForgotten, timeTold } from "./time.ts";
import { afterTheTill, atTheTill, notForSale, onWalkUp } from "./walk-up.ts";
import { onWatch, watchersTold } from "./watch.ts";

/** Makes a lock for what hangs on its pins. */
export function createLock(config: LockConfig): Device<LockState> {
  return {
    kind: "lock",
    initial: freshState,
    step: (state, event, context) => {
      const result = withTill(config, state, event, context);
      return watchersTold(config, result, context);
    },
  };
}

/** Tabs and vouchers first: what was paid opens nothing by itself. */
function withTill(config: LockConfig, before: LockState, event: DeviceEvent, context: DeviceContext): Result {
  const refused = notForSale(before, event, context);
  if (refused !== undefined) return refused;
  const paid = atTheTill(before, event, context);
  if (paid === undefined) return step(config, before, event, context);
  const admitted = afterTheTill(config, before, paid.state, context);
  const done = step(config, admitted.state, event, context);
  return { state: done.state, effects: [...paid.effects, ...admitted.effects, ...done.effects] };
}

function step(config: LockConfig, state: LockState, event: DeviceEvent, context: DeviceContext): Result {
  switch (event.kind) {
    case "started":
      // No session outlives its connection, and the clock may have stood still.
      return again(config, timeForgotten({ ...state, sessions: [], buttonSinceMs: null }, context), context);
    case "time-corrected":
      return again(config, timeTold(state, context), context);
    case "session-opened":
      return stay(withSession(state, event, context));
    case "session-closed":
      return stay({ ...state, sessions: state.sessions.filter(({ id }) => id !== event.session) });
    case "session-message": {
      const session = state.sessions.find(({ id, peer }) => id === event.session && peer === event.peer);
      if (session === undefined) return stay(state);
      return onSaid(config, state, { peer: event.peer, session }, event, context);
    }
    case "message":
      return onSaid(config, state, { peer: event.from, session: null }, event, context);
    case "session-refused": {
      const detail = `someone came over Bluetooth and was not let in (${event.code})`;
      return { state, effects: [progress("stranger-refused", detail)] };
    }
    case "timer":
      return onTimer(config, state, event.name, context);
    case "sensor":
      return onSensor(config, state, event, context);
    case "command":
      return event.name === "pair" ? onPairCommand(state, event.value, context) : stay(state);
    case "receipt":
      return onReceipt(config, state, event.receipt, context);
    default:
      return unreachable(event);
  }
}

/** What the state calls for, after a start or with a clock that is right. */
function again(config: LockConfig, state: LockState, context: DeviceContext): Result {
  const door = standing(config, state, context);
  const button = buttonTimer(config, state, context);
  const pairing = pairingByNewClock(state, context);
  const stays = staysAgain(config, door.state, context);
  return {
    state: { ...stays.state, pairing, buttonSinceMs: button === undefined ? null : context.now },
    effects: [
      { kind: "advertise", to: [ANYONE] },
      ...pairingEffects(pairing),
      ...door.effects,
      ...stays.effects,
      ...(button === undefined ? [] : [button]),
    ],
  };
}

function withSession(state: LockState, event: SessionOpened, { now }: DeviceContext): LockState {
  const { session: id, peer, sessionHash: hash, paired = false } = event;
  const opened: OpenSession = { id, peer, hash, paired, done: [], openedMs: now, times: [] };
  const others = state.sessions.filter((one) => one.id !== id);
  return { ...state, sessions: [...others, opened].slice(-MAX_SESSIONS) };
}

function onSaid(
  config: LockConfig,
  state: LockState,
  from: Speaker,
  { type, body }: { type: string; body: Uint8Array },
  context: DeviceContext,
): Result {
  switch (type) {
    case "lock-request":
      return onRequest(config, state, from, body, context);
    case "lock-claim":
      return onClaim(config, state, from, body, context);
    case "lock-order":
      return onOrder(config, state, from, body, context);
    case "lock-pair":
      return onPair(config, state, from, body, context);
    case "lock-stay":
      return onStay(config, state, from, body, context);
    case "walk-up":
      return onWalkUp(config, state, from, body, context);
    case "lock-time":
      return onTime(config, state, from, body, context);
    case "lock-status":
      return onStatus(config, state, from, body, context);
    case "lock-watch":
      return onWatch(config, state, from, body, context);
    case "lock-audit":
      return onAudit(config, state, from, body, context);
    case "lock-grant-ask":
      return onGrantAsk(config, state, from, body, context);
    default:
      return stay(state);
  }
}

function onStatus(
  config: LockConfig,
  state: LockState,
  from: Speaker,
  body: Uint8Array,
  context: DeviceContext,
): Result {
  const { nonce: about } = parseBody(ACCESS_SCHEMAS["lock-status"], body);
  // A phone that has just come is told no more than that it is not known: it may yet have a key to show.
  if (isOwner(state, from.peer) || isGuest(state, from.peer))
    return { state, effects: [done(config, state, from, about, context)] };
  return { state, effects: [answer(from, about, { code: "right-missing", message: "no key was shown" })] };
}

function onAudit(
  config: LockConfig,
  state: LockState,
  from: Speaker,
  body: Uint8Array,
  context: DeviceContext,
): Result {
  const asked = parseBody(ACCESS_SCHEMAS["lock-audit"], body);
  const about = { about: asked.nonce, line: { what: "audit" } };
  return heard(config, state, from, about, context, () => {
    if (!isOwner(state, from.peer)) throw new SegmentError("owner-required", "the log is the owners'");
    return { state, effects: [tell(from, `log/${context.now}`, "lock-log", page(state, asked))] };
  });
}

/** The keys of the sealed log are not the device's: whoever runs it answers. */
function onGrantAsk(
  config: LockConfig,
  state: LockState,
  from: Speaker,
  body: Uint8Array,
  context: DeviceContext,
): Result {
  const { nonce: about } = parseBody(ACCESS_SCHEMAS["lock-grant-ask"], body);
  return heard(config, state, from, { about, line: { what: "audit" } }, context, () => {
    if (!isOwner(state, from.peer)) throw new SegmentError("owner-required", "the log is the owners'");
    const wish: GrantWish = { to: from.peer, about };
    return { state, effects: [actuate(GRANT_DRIVER, wish)] };
  });
}

function onTimer(config: LockConfig, state: LockState, name: string, context: DeviceContext): Result {
  if (name === "pairing") return onPairingTimer(state, context);
  if (name === "departure" || name === "file") return staysAgain(config, state, context);
  return name === "reset" ? onReset(config, state, context) : onDoorTimer(config, state, name, context);
}

/** Throws `reading-invalid`. */
function onSensor(
  config: LockConfig,
  state: LockState,
  { name, value }: DeviceEvent & { kind: "sensor" },
  context: DeviceContext,
): Result {
  switch (name) {
    case "door-open":
      return doorMoved(config, state, readingOf(name, value, z.boolean()), context);
    case "bolt-locked":
      return onBolt(config, state, readingOf(name, value, z.boolean()), context);
    case "battery":
      return onBattery(config, state, readingOf(name, value, batterySchema), context);
    case "button":
      return onButton(config, state, readingOf(name, value, z.boolean()), context);
    case "clock-known":
      return readingOf(name, value, z.boolean()) ? clockKnown(config, state, context) : stay(state);
    default:
      return stay(state);
  }
}

/** Whoever leaves after the departure shuts the door behind the stay. */
function doorMoved(config: LockConfig, state: LockState, isOpen: boolean, context: DeviceContext): Result {
  const moved = onContact(config, state, isOpen, context);
  const left = departures(config, moved.state, context);
  return { state: left.state, effects: [...moved.effects, ...left.effects] };
}

function clockKnown(config: LockConfig, state: LockState, context: DeviceContext): Result {
  return staysAgain(config, timeTold(state, context), context);
}

function onButton(config: LockConfig, state: LockState, isPressed: boolean, context: DeviceContext): Result {
  if (config.resetHoldMs === null || isPressed === (state.buttonSinceMs !== null)) return stay(state);
  if (!isPressed) return { state: { ...state, buttonSinceMs: null }, effects: [timer("reset", null)] };
  const atMs = context.now + config.resetHoldMs;
  return { state: { ...state, buttonSinceMs: context.now }, effects: [timer("reset", atMs)] };
}

function buttonTimer(
  { resetHoldMs }: LockConfig,
  { buttonSinceMs }: LockState,
  { now }: DeviceContext,
): DeviceEffect | undefined {
  if (resetHoldMs === null || buttonSinceMs === null) return undefined;
  return timer("reset", now + resetHoldMs);
}

/**
 * The button was held all the time: as from the factory. The bolt stays as it is, and those who owned the
 * lock are told, because whoever stands inside can do this.
 */
function onReset(config: LockConfig, state: LockState, context: DeviceContext): Result {
  const { resetHoldMs } = config;
  const { buttonSinceMs, isTimeTold, latestMs, door } = state;
  if (resetHoldMs === null || buttonSinceMs === null) return stay(state);
  if (context.now < buttonSinceMs + resetHoldMs)
    return { state, effects: [timer("reset", buttonSinceMs + resetHoldMs)] };
  return {
    state: { ...freshState(), isTimeTold, latestMs, door, sessions: state.sessions },
    effects: [
      ...alerts(state, "reset", context),
      ...pairingEffects(null),
      actuate(ERASE_DRIVER, null),
      progress("reset", "all owners and keys are forgotten"),
    ],
  };
}
