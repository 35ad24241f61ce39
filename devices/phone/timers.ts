/** The phone's one deadline, which each phase sets anew, and how a delivery ends without the others. */
import type { DeviceContext, DeviceEffect, Step } from "../device.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { unreachable } from "../../protocols/errors.ts";
import { progress, send, stay, timer } from "../effects.ts";
import { ASK_EVERY_MS, inquire, isInVain } from "../inquiry.ts";
import { askForInvoice } from "./invoice.ts";
import { isTooLateToMeet } from "./standing.ts";
import type { PhoneState, WithPlan, Wish } from "./state.ts";

type Result = Step<PhoneState>;
/** The contract may be open: only the notaries can say how it stands. */
type OnLedger = Exclude<WithPlan, { phase: "examining" | "done" }>;

/** Runs after the last question. */
const UNHEARD = "unheard";

export function onTimer(state: PhoneState, name: string, context: DeviceContext): Result {
  if (name === "deadline") return onDeadline(state, context);
  const wasLast = name === UNHEARD && isOnLedger(state);
  if (!wasLast) return stay(state);
  return isInVain(state.plan.endsMs, context.now)
    ? endDelivery(state, "the notaries have not said in a day how the contract ended")
    : ask(state, context);
}

function onDeadline(state: PhoneState, context: DeviceContext): Result {
  switch (state.phase) {
    case "idle":
    case "done":
    case "refused":
      return stay(state);
    case "ordered":
      return stepBack(state.wish, "terms-expired", "the shop has not answered in time");
    case "examining":
      return stepBack(state.wish, "terms-expired", "the notaries did not answer before the offer expired");
    case "signed":
      return state.deposited
        ? ask(state, context)
        : refused("terms-expired", "the others did not sign in time; nothing was paid");
    case "taken":
      return state.hasReceipt
        ? endDelivery(
            state,
            "the receipt is on the phone; the shop is asked for the invoice",
            "ask for invoice",
          )
        : ask(state, context);
    case "held":
    case "called":
    case "landed":
    case "disputable":
      return ask(state, context);
    default:
      return unreachable(state);
  }
}

/** Something was missed, or the notaries are late: the phone asks them until they answer. */
function ask(state: OnLedger, { now }: DeviceContext): Result {
  const { termsId, endsMs } = state.plan;
  const late = "session" in state && isTooLateToMeet(state, now);
  const hangUp: DeviceEffect[] = late ? [{ kind: "hang-up" }] : [];
  const next = isInVain(endsMs, now) ? UNHEARD : "deadline";
  return { state, effects: [inquire(termsId), timer(next, now + ASK_EVERY_MS), ...hangUp] };
}

/** The phone wakes up: what may it have missed? */
export function inquiry(state: PhoneState): DeviceEffect[] {
  return isOnLedger(state) ? [inquire(state.plan.termsId)] : [];
}

function isOnLedger(state: PhoneState): state is OnLedger {
  if (!("plan" in state) || state.phase === "examining" || state.phase === "done") return false;
  return state.phase !== "taken" || !state.hasReceipt;
}

/** The contract is over for this phone; whether the parcel was delivered the phone knows itself. */
export function endDelivery(state: WithPlan, detail: string, then?: "ask for invoice"): Result {
  const { plan } = state;
  const awaitsInvoice = then !== undefined;
  return {
    state: { phase: "done", plan, delivered: isDelivered(state), awaitsInvoice },
    effects: [
      timer("deadline", null),
      { kind: "hang-up" },
      progress("contract-ended", detail),
      ...(awaitsInvoice ? [askForInvoice(plan)] : []),
    ],
  };
}

export function isDelivered(state: PhoneState): boolean {
  if (state.phase === "done") return state.delivered;
  if (state.phase === "disputable") return state.answer === "accept";
  return state.phase === "taken" || ("inHand" in state && state.inHand);
}

export function refused(code: string, message: string): Result {
  return {
    state: { phase: "refused", code, message },
    effects: [timer("deadline", null), progress("refused", message)],
  };
}

/** Refuses before anything is signed, and lets the shop know. */
export function stepBack(wish: Wish, code: string, message: string): Result {
  const { state, effects } = refused(code, message);
  const body = { orderId: wish.orderId, code, message: message.slice(0, 300) };
  return { state, effects: [...effects, send(`refusal/${toHex(wish.orderId)}`, wish.shop, "refusal", body)] };
}
