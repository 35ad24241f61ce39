/** Whether the lock knows what time it is: guests' keys are worth nothing otherwise, owners' are. */
import type { DeviceContext } from "../device.ts";
import type { LockConfig, LockState } from "./state.ts";

/** Clocks are set back by a little now and then. */
const TOLERANCE_MS = 60_000;

export function isTimeKnown(config: LockConfig, state: LockState, { now }: DeviceContext): boolean {
  return (config.keepsTime || state.isTimeTold) && now >= state.latestMs - TOLERANCE_MS;
}

/** Remembers the time, where it is known. */
export function withTime(config: LockConfig, state: LockState, context: DeviceContext): LockState {
  const { now } = context;
  return isTimeKnown(config, state, context) && now > state.latestMs ? { ...state, latestMs: now } : state;
}

/** Power came back, or the agent: what was told before was told to another clock. */
export function timeForgotten(state: LockState, context: DeviceContext): LockState {
  return { ...state, isTimeTold: context.readings.get("clock-known") === true };
}

/** The network has told the time: whatever was thought before, it is now. */
export function timeTold(state: LockState, { now }: DeviceContext): LockState {
  return { ...state, isTimeTold: true, latestMs: now };
}
