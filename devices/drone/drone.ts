/**
 * The delivery drone. The contract permits, the drone decides: it flies only when the
 * price is certified as held, lands only under the certified label `may-land`, and may
 * still veto (battery, something below). What it cannot do it cancels in time, so that
 * nobody pays for a flight that was not. All of it is one pure step.
 */
import { unreachable } from "../../protocols/errors.ts";
import type { Device, DeviceContext, DeviceEvent, Step } from "../device.ts";
import { progress, stay } from "../effects.ts";
import { onReceipt } from "./certified.ts";
import { onSensor } from "./flight.ts";
import { asksAgain, onSessionMessage, onSessionOpened } from "./meeting.ts";
import { onMessage } from "./messages.ts";
import { inquiries, standing } from "./standing.ts";
import type { DroneConfig, DroneState } from "./state.ts";
import { onTimer } from "./timers.ts";

/** Makes a drone for one operator. */
export function createDrone(config: DroneConfig): Device<DroneState> {
  return {
    kind: "drone",
    initial: () => ({ phase: "idle", session: null, awaited: [] }),
    step: (state, event, context) => step(config, state, event, context),
  };
}

function step(
  config: DroneConfig,
  state: DroneState,
  event: DeviceEvent,
  context: DeviceContext,
): Step<DroneState> {
  switch (event.kind) {
    case "started":
      // Promises are in the outbox already; a session does not outlive its connection.
      return {
        state: { ...state, session: null },
        effects: [...standing(config, state, context.now), ...inquiries(state, context.now)],
      };
    case "time-corrected": {
      const again = [...standing(config, state, context.now), ...inquiries(state, context.now)];
      return { state, effects: [...again, ...asksAgain(state, context.now)] };
    }
    case "message":
      return onMessage(config, state, event, context);
    case "receipt":
      return onReceipt(config, state, event.receipt, event.bytes, context);
    case "session-opened":
      return onSessionOpened(state, event, context);
    case "session-message":
      return onSessionMessage(config, state, event, context);
    case "session-closed":
      return stay(event.session === state.session?.id ? { ...state, session: null } : state);
    case "session-refused": {
      const detail = `someone came over Bluetooth and was not let in (${event.code})`;
      return { state, effects: [progress("stranger-refused", detail)] };
    }
    case "timer":
      return onTimer(config, state, event.name, context);
    case "sensor":
      return onSensor(config, state, event, context);
    case "command":
      return stay(state);
    default:
      return unreachable(event);
  }
}
