/** The bolt and the door: opening, locking again, what the sensors say, and what is to be told. */
import type { Action } from "../../protocols/access/rights.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { reading } from "../../protocols/telemetry/senml.ts";
import type { DeviceContext, DeviceEffect } from "../device.ts";
import { actuate, progress, stay, timer } from "../effects.ts";
import { logged } from "./audit.ts";
import { actionsOf, alerts, isBoltLocked, isDoorShut } from "./senses.ts";
import { DOOR } from "./state.ts";
import type { DoorState, LockConfig, LockState, Result } from "./state.ts";

/** After the pulse, until the bolt's sensor must say so. */
const BOLT_SETTLES_MS = 2_000;

/** Does what somebody may do. Throws `action-unknown` or `door-open`; then nothing has moved. */
export function perform(
  config: LockConfig,
  state: LockState,
  target: string,
  action: Action,
  context: DeviceContext,
): Result {
  if (actionsOf(config, target)?.includes(action) !== true)
    throw new SegmentError("action-unknown", `nothing here can ${action} "${target}"`, { where: "target" });
  if (target !== DOOR) {
    const { actuator, pulseMs } = config.home[target]!;
    return { state, effects: [actuate(actuator, { action, pulseMs })] };
  }
  if (action !== "lock") return unlocked(config, state, action, context);
  if (!isDoorShut(config, context))
    throw new SegmentError("door-open", "the bolt would go into the air", { where: "door" });
  return locked(config, state, context);
}

/** "open" locks again by itself, "unlock" does not. */
function unlocked(config: LockConfig, state: LockState, action: Action, context: DeviceContext): Result {
  const { relockMs } = config.door;
  const atMs = relockMs === null || action === "unlock" ? null : context.now + relockMs;
  const relock = atMs === null ? null : { atMs };
  const moved = moveBolt(config, state, false, context);
  return {
    state: { ...moved.state, door: { ...moved.state.door, relock } },
    effects: [...moved.effects, timer("relock", atMs)],
  };
}

function locked(config: LockConfig, state: LockState, context: DeviceContext): Result {
  const moved = moveBolt(config, state, true, context);
  return {
    state: { ...moved.state, door: { ...moved.state.door, relock: null } },
    effects: [...moved.effects, timer("relock", null)],
  };
}

function moveBolt(config: LockConfig, state: LockState, toLocked: boolean, { now }: DeviceContext): Result {
  const { pulseMs, relockMs, hasBoltSensor } = config.door;
  const pulse = actuate("bolt", { to: toLocked ? "locked" : "unlocked", pulseMs });
  // A bolt that springs back is locked again before anybody could ask it.
  if (!hasBoltSensor || relockMs === null) return { state, effects: [pulse] };
  const moving = { toLocked, byMs: now + pulseMs + BOLT_SETTLES_MS };
  return {
    state: { ...state, door: { ...state.door, moving } },
    effects: [pulse, timer("bolt-check", moving.byMs)],
  };
}

export function onDoorTimer(
  config: LockConfig,
  state: LockState,
  name: string,
  context: DeviceContext,
): Result {
  switch (name) {
    case "relock":
      return onRelock(config, state, context);
    case "left-open":
      return onLeftOpen(config, state, context);
    case "bolt-check":
      return onBoltCheck(config, state, context);
    default:
      return stay(state);
  }
}

function onRelock(config: LockConfig, state: LockState, context: DeviceContext): Result {
  const { relock } = state.door;
  if (relock === null || relock.atMs === null) return stay(state);
  if (context.now < relock.atMs) return { state, effects: [timer("relock", relock.atMs)] };
  if (!isDoorShut(config, context)) return stay(withDoor(state, { relock: { atMs: null } }));
  const done = locked(config, state, context);
  return { ...done, effects: [...done.effects, progress("locked", "the door locks again")] };
}

/** A fact for the log, and an alert to the owners: once for each time that it is left open. */
function onLeftOpen(config: LockConfig, state: LockState, context: DeviceContext): Result {
  const { openSinceMs, alerted } = state.door;
  if (openSinceMs === null || alerted) return stay(state);
  const dueMs = openSinceMs + config.door.openAlarmMs;
  if (context.now < dueMs) return { state, effects: [timer("left-open", dueMs)] };
  return alarmed(config, withDoor(state, { alerted: true }), "left-open", context);
}

function onBoltCheck(config: LockConfig, state: LockState, context: DeviceContext): Result {
  const { moving } = state.door;
  if (moving === null) return stay(state);
  if (context.now < moving.byMs) return { state, effects: [timer("bolt-check", moving.byMs)] };
  const still = withDoor(state, { moving: null });
  if (isBoltLocked(config, context) === moving.toLocked) return stay(still);
  return alarmed(config, still, "bolt-jammed", context);
}

/** A line in the log, and a word to each owner. */
export function alarmed(
  config: LockConfig,
  state: LockState,
  what: keyof typeof WORDS,
  context: DeviceContext,
): Result {
  const line = logged(config, state, { what }, context);
  return {
    state: line.state,
    effects: [...line.effects, ...alerts(state, what, context), progress(what, WORDS[what])],
  };
}

const WORDS = {
  "left-open": "the door was left open",
  "bolt-jammed": "the bolt did not do as it was told",
  "many-failures": "somebody who is not known tries again and again",
  "battery-low": "the battery is low",
} as const;

const LOW_PERMILLE = 150;
/** A battery that is low recovers a little when it rests: that is no news. */
const GOOD_AGAIN_PERMILLE = 250;

/** The sensor "battery" has spoken: the owners hear once that it is low. */
export function onBattery(
  config: LockConfig,
  state: LockState,
  permille: number,
  context: DeviceContext,
): Result {
  if (state.isBatteryLow)
    return stay(permille >= GOOD_AGAIN_PERMILLE ? { ...state, isBatteryLow: false } : state);
  // Without an owner nobody would hear it: the next reading tells whoever comes to own the lock.
  if (permille > LOW_PERMILLE || state.owners.length === 0) return stay(state);
  return alarmed(config, { ...state, isBatteryLow: true }, "battery-low", context);
}

/** The sensor "door-open" has spoken. */
export function onContact(
  config: LockConfig,
  state: LockState,
  isOpen: boolean,
  context: DeviceContext,
): Result {
  const { door } = state;
  const waits = !isOpen && door.relock?.atMs === null;
  // Nothing new, unless the sensor was silent when the bolt waited for it.
  if (!config.door.hasContact || (isOpen === (door.openSinceMs !== null) && !waits)) return stay(state);
  const { now } = context;
  const record = sensed("lock/door-open", isOpen, now);
  if (isOpen) {
    const since = withDoor(state, { openSinceMs: now, alerted: false });
    const alarm = timer("left-open", now + config.door.openAlarmMs);
    return { state: since, effects: [record, alarm, progress("door-open", "the door is open")] };
  }
  const { relockMs } = config.door;
  const shut = withDoor(state, { openSinceMs: null, alerted: false });
  const effects = [record, timer("left-open", null), progress("door-shut", "the door is shut")];
  if (door.relock === null || relockMs === null) return { state: shut, effects };
  const atMs = now + relockMs;
  return { state: withDoor(shut, { relock: { atMs } }), effects: [...effects, timer("relock", atMs)] };
}

/** The sensor "bolt-locked" has spoken: told to, or by hand. */
export function onBolt(
  config: LockConfig,
  state: LockState,
  isLocked: boolean,
  { now }: DeviceContext,
): Result {
  if (!config.door.hasBoltSensor) return stay(state);
  const step = isLocked ? "bolt-locked" : "bolt-unlocked";
  const effects = [
    sensed("lock/bolt-locked", isLocked, now),
    progress(step, isLocked ? "the bolt is out" : "the bolt is in"),
  ];
  if (state.door.moving?.toLocked !== isLocked) return { state, effects };
  return { state: withDoor(state, { moving: null }), effects: [...effects, timer("bolt-check", null)] };
}

/**
 * After a start, or once the clock is right: timers count from now. A bolt is never told again to open, it is
 * told again to lock.
 */
export function standing(config: LockConfig, state: LockState, { now }: DeviceContext): Result {
  const { door } = state;
  const { relockMs, openAlarmMs } = config.door;
  const relock =
    door.relock === null || relockMs === null
      ? null
      : { atMs: door.relock.atMs === null ? null : now + relockMs };
  const moving = door.moving && { ...door.moving, byMs: now + config.door.pulseMs + BOLT_SETTLES_MS };
  const openSinceMs = door.openSinceMs === null ? null : now;
  const timers: DeviceEffect[] = [
    ...(relock === null || relock.atMs === null ? [] : [timer("relock", relock.atMs)]),
    ...(moving === null ? [] : [timer("bolt-check", moving.byMs)]),
    ...(openSinceMs === null || door.alerted ? [] : [timer("left-open", now + openAlarmMs)]),
  ];
  return { state: { ...state, door: { ...door, relock, moving, openSinceMs } }, effects: timers };
}

function withDoor(state: LockState, changes: Partial<DoorState>): LockState {
  return { ...state, door: { ...state.door, ...changes } };
}

/** RFC 8428: a Boolean value; 1 or 0 in the unit "/" would say the same. */
function sensed(name: string, value: boolean, now: number): DeviceEffect {
  return { kind: "record", records: [reading(name, "/", value ? 1 : 0, now)] };
}
