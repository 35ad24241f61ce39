/** Whether the lock knows what time it is: guests' keys are worth nothing otherwise, owners' are. */
import { ACCESS_SCHEMAS } from "../../protocols/access/messages.ts";
import { carriedNonce } from "../../protocols/messaging/carried-time.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { DeviceContext } from "../device.ts";
import { stay } from "../effects.ts";
import type { Speaker } from "./answers.ts";
import { MAX_STATEMENTS } from "./state.ts";
import type { LockConfig, LockState, OpenSession, Result } from "./state.ts";

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

/**
 * A phone with a network brings what notaries have stated on the time; whether enough of it counts is for the
 * agent to say, who knows the notaries. While the time is known nothing is changed by it.
 */
export function onTime(
  config: LockConfig,
  state: LockState,
  { session }: Speaker,
  body: Uint8Array,
  context: DeviceContext,
): Result {
  const { statement } = parseBody(ACCESS_SCHEMAS["lock-time"], body);
  if (session === null || isTimeKnown(config, state, context) || session.times.length >= MAX_STATEMENTS)
    return stay(state);
  const times = [...session.times, statement];
  const kept = (one: OpenSession): OpenSession => (one.id === session.id ? { ...one, times } : one);
  const nonce = carriedNonce(context.crypto, session.hash);
  return {
    state: { ...state, sessions: state.sessions.map(kept) },
    effects: [{ kind: "trust-time", nonce, drawnMs: session.openedMs, statements: times }],
  };
}
