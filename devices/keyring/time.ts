/**
 * A lock that has lost its clock lets no guest in. The phone at its door, which has a network, asks the
 * notaries for it, and brings their answers; then the person taps again.
 */
import { carriedNonce } from "../../protocols/messaging/carried-time.ts";
import { LEDGER_SCHEMAS } from "../../protocols/ledger/messages.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { DeviceContext } from "../device.ts";
import { progress, say, stay } from "../effects.ts";
import type { KeyringState, Result } from "./state.ts";

/** If the lock has just said that it does not know the time. */
export function timeFor({ state, effects }: Result, { crypto }: DeviceContext): Result {
  const { session, outcome, wish } = state;
  if (session === null || wish !== null || outcome?.code !== "time-unknown") return { state, effects };
  const nonce = carriedNonce(crypto, session.hash);
  const told = progress("lock-time", "the notaries are asked for the time, for the lock");
  return { state, effects: [...effects, { kind: "ask-time", nonce }, told] };
}

/** Whether it counts is for the lock to say: by its nonce it is of no use elsewhere. */
export function onTimeStatement(state: KeyringState, body: Uint8Array): Result {
  const { statement } = parseBody(LEDGER_SCHEMAS["time-statement"], body);
  return state.session === null
    ? stay(state)
    : { state, effects: [say(state.session.id, "lock-time", { statement })] };
}
