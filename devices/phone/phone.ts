/**
 * The buyer's phone in a delivery: it signs only what the person wished for, holds the
 * price, meets the drone over BLE, and countersigns that the parcel was taken, once the
 * person says so.
 */
import { SegmentError, unreachable } from "../../protocols/errors.ts";
import {
  certifiedSchema,
  offerSchema,
  papersSchema,
  refusalSchema,
} from "../../protocols/delivery/messages.ts";
import { equalBytes } from "../../protocols/encoding/bytes.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { Device, DeviceContext, DeviceEvent, Step } from "../device.ts";
import { progress, stay } from "../effects.ts";
import { onReceipt } from "./certified.ts";
import { onInvoice } from "./invoice.ts";
import { onPositionPush, onSensor, onSessionMessage, onSessionOpened } from "./meeting.ts";
import { onOffer, onOrder } from "./ordering.ts";
import { onAnswer, onPapers } from "./parcel.ts";
import { standing } from "./standing.ts";
import type { PhoneState } from "./state.ts";
import { inquiry, onTimer, refused } from "./timers.ts";

type Result = Step<PhoneState>;

export const phone: Device<PhoneState> = {
  kind: "phone",
  initial: () => ({ phase: "idle" }),
  step,
};

function step(state: PhoneState, event: DeviceEvent, context: DeviceContext): Result {
  switch (event.kind) {
    case "started": {
      const awake = "session" in state ? { ...state, session: null } : state;
      return { state: awake, effects: [...standing(awake, context), ...inquiry(awake)] };
    }
    case "time-corrected":
      return { state, effects: [...standing(state, context), ...inquiry(state)] };
    case "command":
      return onCommand(state, event.name, event.value, context);
    case "message":
      return onMessage(state, event, context);
    case "receipt":
      return onReceipt(state, event.receipt, event.bytes, context);
    case "session-opened":
      return onSessionOpened(state, event, context);
    case "session-message":
      return onSessionMessage(state, event, context);
    case "session-closed":
      return stay(
        "session" in state && state.session?.id === event.session ? { ...state, session: null } : state,
      );
    case "session-refused":
      return {
        state,
        effects: [progress("not-let-in", `the drone did not let this phone in (${event.code})`)],
      };
    case "sensor":
      return onSensor(state, event.name, event.value, context);
    case "timer":
      return onTimer(state, event.name, context);
    default:
      return unreachable(event);
  }
}

/** The person: `order`, and `accept` or `object` when the drone's word stands alone. */
function onCommand(state: PhoneState, name: string, value: unknown, context: DeviceContext): Result {
  switch (name) {
    case "order":
      return onOrder(state, value, context);
    case "accept":
    case "object":
      return onAnswer(state, name);
    default:
      return stay(state);
  }
}

function onMessage(
  state: PhoneState,
  event: DeviceEvent & { kind: "message" },
  context: DeviceContext,
): Result {
  switch (event.type) {
    case "offer": {
      if (state.phase !== "ordered" || event.from !== state.wish.shop) return stay(state);
      return onOffer(state, parseBody(offerSchema, event.body), context);
    }
    case "refusal":
      return onRefusal(state, event);
    case "position":
      return onPositionPush(state, event, context);
    case "certified": {
      const { receipt } = parseBody(certifiedSchema, event.body);
      return onReceipt(state, context.verifyReceipt(receipt), receipt, context);
    }
    case "invoice":
      return onInvoice(state, event, context);
    case "papers": {
      if (state.phase !== "taken" || event.from !== state.plan.drone) return stay(state);
      return onPapers(state, parseBody(papersSchema, event.body), context);
    }
    default:
      return stay(state);
  }
}

/** The shop may step back until the contract is open. Who has signed and not paid owes nothing. */
function onRefusal(state: PhoneState, event: DeviceEvent & { kind: "message" }): Result {
  const { orderId, code, message } = parseBody(refusalSchema, event.body);
  if (!("wish" in state) || event.from !== state.wish.shop) return stay(state);
  if (!equalBytes(orderId, state.wish.orderId)) {
    throw new SegmentError("message-invalid", "the refusal is of another order");
  }
  const tooLate = state.phase === "signed" && state.deposited;
  return tooLate ? stay(state) : refused(code, message);
}
