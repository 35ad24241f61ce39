/** The phone's one deadline, which each phase sets anew, and how a delivery ends without the others. */
import type { Step } from "../device.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { unreachable } from "../../protocols/errors.ts";
import { progress, send, stay, timer } from "../effects.ts";
import type { PhoneState, WithPlan, Wish } from "./state.ts";

type Result = Step<PhoneState>;

export function onTimer(state: PhoneState, name: string): Result {
  if (name !== "deadline") return stay(state);
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
      if (!state.deposited)
        return refused("terms-expired", "the others did not sign in time; nothing was paid");
      break;
    case "held":
    case "called":
    case "landed":
    case "disputable":
      break;
    case "taken":
      if (state.hasReceipt)
        return endDelivery(state, "the receipt is on the phone; the invoice did not come");
      break;
    default:
      return unreachable(state);
  }
  return endDelivery(state, "all deadlines of the contract have passed; the ledger knows how it ended");
}

/** The contract is over for this phone; whether the parcel was delivered the phone knows itself. */
export function endDelivery(state: WithPlan, detail: string): Result {
  return {
    state: { phase: "done", plan: state.plan, delivered: isDelivered(state) },
    effects: [timer("deadline", null), { kind: "hang-up" }, progress("contract-ended", detail)],
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
