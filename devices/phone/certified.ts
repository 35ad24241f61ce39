/** What the ledger certifies about this phone's contract. */
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { publicKeyFromId } from "../../protocols/identity/keys.ts";
import type { VerifiedReceipt } from "../../protocols/ledger/receipt.ts";
import { contractReceipt } from "../../protocols/ledger/receipt-view.ts";
import type { ContractResult } from "../../protocols/ledger/result.ts";
import type { DeviceContext, Step } from "../device.ts";
import { keep, progress, send, stay } from "../effects.ts";
import { isPaid } from "./invoice.ts";
import { onExamined } from "./ordering.ts";
import { onDisputable } from "./parcel.ts";
import { enter } from "./standing.ts";
import type { InPhase, PhoneState, WithPlan } from "./state.ts";
import { endDelivery, refused } from "./timers.ts";

type Result = Step<PhoneState>;

/**
 * The same receipt may come from the notaries and from a party, and late: what it says then changes
 * nothing.
 */
export function onReceipt(
  state: PhoneState,
  receipt: VerifiedReceipt,
  bytes: Uint8Array,
  context: DeviceContext,
): Result {
  const about = contractReceipt(receipt);
  if (!("plan" in state) || state.phase === "done" || about === undefined) return stay(state);
  if (!equalBytes(about.termsId, state.plan.termsId)) return stay(state);
  const own = equalBytes(receipt.signer, publicKeyFromId(context.self));
  if (receipt.kind === "examine") {
    return own && state.phase === "examining" ? onExamined(state, receipt, bytes, context) : stay(state);
  }
  if (receipt.outcome !== "ok") return own ? onRefusedEntry(state, receipt) : stay(state);
  const { transition } = about;
  if (transition === undefined) return stay(state);
  if (transition.closed) return onClosed(state, receipt, transition, bytes, context);
  switch (transition.label) {
    case "awaiting-deposit":
      return state.phase === "signed" && !state.deposited ? onOpen(state, context) : stay(state);
    case "in-flight":
      return state.phase === "signed" ? onHeld(state, own, bytes, context) : stay(state);
    case "disputable":
      return onDisputable(state, context);
    default:
      return stay(state);
  }
}

function onOpen(state: InPhase<"signed">, context: DeviceContext): Result {
  const { termsId, currency, priceMinor } = state.plan;
  return enter({ ...state, deposited: true }, context, [
    progress("contract-open", "all parties have signed; the contract is open"),
    {
      kind: "submit",
      id: `deposit/${toHex(termsId)}`,
      entry: { body: { kind: "deposit", termsId, currency, amount: BigInt(priceMinor) } },
    },
  ]);
}

/** The drone may have missed the notaries' word, and without it it does not fly. */
function onHeld(state: InPhase<"signed">, own: boolean, receipt: Uint8Array, context: DeviceContext): Result {
  const { plan } = state;
  const passed = own
    ? [send(`certified/held/${toHex(plan.termsId)}`, plan.drone, "certified", { receipt })]
    : [];
  return enter({ phase: "held", plan }, context, [
    progress("price-held", "the price is held in the buyer's wallet"),
    ...passed,
  ]);
}

/** Our own entries only. A refused deposit ends the delivery before anything flies. */
function onRefusedEntry(state: WithPlan, receipt: VerifiedReceipt): Result {
  if (state.phase === "signed" && receipt.kind === "deposit") {
    return refused(receipt.outcome, "the notaries refused the deposit");
  }
  if (state.phase === "disputable" && receipt.kind === "choice") {
    const detail = `the notaries refused the answer (${receipt.outcome})`;
    return { state: { ...state, answer: "none" }, effects: [progress("answer-refused", detail)] };
  }
  return stay(state);
}

function onClosed(
  state: WithPlan,
  receipt: VerifiedReceipt,
  end: ContractResult,
  bytes: Uint8Array,
  context: DeviceContext,
): Result {
  const kept = keep("receipt", bytes);
  const paid = isPaid(state.plan, end, context);
  if (state.phase === "taken" && paid) {
    // The drone brings receipt and invoice together; the invoice is worth waiting for a little.
    return state.hasReceipt ? stay(state) : enter({ ...state, hasReceipt: true }, context, [kept]);
  }
  const how = receipt.kind === "expire" ? "at its deadline, as the terms say" : "by a party's choice";
  const then = paid ? "ask for invoice" : undefined;
  const { state: next, effects } = endDelivery(state, `the contract ended ${how}`, then);
  return { state: next, effects: [kept, ...effects] };
}
