/** The parcel: the phone countersigns once its person has it in hand, and takes receipt and invoice. */
import { countersignFact, readParcelRemoved } from "../../protocols/contract/facts.ts";
import type { papersSchema } from "../../protocols/delivery/messages.ts";
import type { DeliveryPlan } from "../../protocols/delivery/plan.ts";
import { equalBytes } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { contractReceipt } from "../../protocols/ledger/receipt-view.ts";
import type { z } from "zod";
import type { DeviceContext, DeviceEffect, Step } from "../device.ts";
import { choose, openFactOf } from "../delivery.ts";
import { keep, progress, say, stay, timer } from "../effects.ts";
import { askForInvoice, invoiceProblem, isPaid } from "./invoice.ts";
import { enter } from "./standing.ts";
import type { InPhase, InReach, PhoneState, WithPlan } from "./state.ts";
import { isDelivered } from "./timers.ts";

type Result = Step<PhoneState>;

/**
 * The person says that the parcel is in hand, or that it is not. Only during a delivery: it is not
 * carried over.
 */
export function onInHand(state: PhoneState, inHand: boolean, context: DeviceContext): Result {
  if (state.phase === "called") return stay(state.inHand === inHand ? state : { ...state, inHand });
  return state.phase === "landed" ? countersign({ ...state, inHand }, context) : stay(state);
}

/** The drone states that the parcel is out. The phone agrees only when its person has it in hand. */
export function onParcelFact(state: InReach, factBytes: Uint8Array, context: DeviceContext): Result {
  if (state.phase === "taken") {
    const again = state.session === null ? [] : [say(state.session.id, "parcel", { fact: state.fact })];
    return { state, effects: again };
  }
  const { plan, session, inHand } = state;
  const { termsId, drone } = plan;
  readParcelRemoved(openFactOf(context, factBytes, { kind: "parcel-removed", termsId, signer: drone }));
  return countersign({ phase: "landed", plan, session, inHand, droneFact: factBytes }, context);
}

function countersign(state: InPhase<"landed">, context: DeviceContext): Result {
  const { plan, session, droneFact, inHand } = state;
  if (droneFact === null || !inHand) return stay(state);
  const { termsId, drone } = plan;
  const theirs = openFactOf(context, droneFact, { kind: "parcel-removed", termsId, signer: drone });
  const fact = countersignFact(context.signer, theirs, context.now);
  return enter({ phase: "taken", plan, session, fact, hasReceipt: false }, context, [
    progress("countersigned", "the buyer has the parcel; the phone countersigns"),
    ...(session === null ? [] : [say(session.id, "parcel", { fact })]),
  ]);
}

/** Errors: receipt-invalid if it is not this contract's end, receipt-foreign, quorum-missing. */
export function onPapers(
  state: InPhase<"taken">,
  papers: z.output<typeof papersSchema>,
  context: DeviceContext,
): Result {
  const { plan, session } = state;
  const about = contractReceipt(context.verifyReceipt(papers.receipt));
  if (about?.transition?.closed !== true || !equalBytes(about.termsId, plan.termsId)) {
    throw new SegmentError("receipt-invalid", "the receipt is not of this delivery");
  }
  const isMissing = papers.invoice.length === 0;
  const awaitsInvoice = isMissing && isPaid(plan, about.transition, context);
  return {
    state: { phase: "done", plan, delivered: true, awaitsInvoice },
    effects: [
      timer("deadline", null),
      keep("receipt", papers.receipt),
      ...(isMissing ? [NO_INVOICE] : invoiceEffects(plan, papers.invoice, context)),
      ...(awaitsInvoice ? [askForInvoice(plan)] : []),
      ...(session === null ? [] : [saysKept(session.id, plan)]),
      { kind: "hang-up" },
    ],
  };
}

const NO_INVOICE = progress("papers", "the receipt is on the phone, checked; there is no invoice");

/** The receipt counts without the invoice. */
function invoiceEffects(plan: DeliveryPlan, invoice: Uint8Array, context: DeviceContext): DeviceEffect[] {
  const problem = invoiceProblem(plan, invoice, context);
  return problem === undefined
    ? [keep("invoice", invoice), progress("papers", "receipt and invoice are on the phone, checked")]
    : [progress("invoice-refused", `the receipt is on the phone; the invoice is wrong (${problem})`)];
}

export function saysKept(session: string, plan: DeliveryPlan): DeviceEffect {
  return say(session, "papers-kept", { termsId: plan.termsId });
}

/**
 * The drone's word stands alone. Whoever has the parcel accepts; else the person decides until the window
 * closes.
 */
export function onDisputable(state: WithPlan, context: DeviceContext): Result {
  if (state.phase === "disputable") return stay(state);
  const accepts = isDelivered(state);
  const next: InPhase<"disputable"> = {
    phase: "disputable",
    plan: state.plan,
    answer: accepts ? "accept" : "none",
  };
  const { termsId } = state.plan;
  const accepted = [
    progress("disputable", "the drone's word went alone to the notaries; the phone accepts it"),
    choose(termsId, "accept"),
  ];
  return enter(next, context, [{ kind: "hang-up" }, ...(accepts ? accepted : [])]);
}

export function onAnswer(state: PhoneState, answer: "accept" | "object"): Result {
  if (state.phase !== "disputable" || state.answer !== "none") return stay(state);
  return {
    state: { ...state, answer },
    effects: [choose(state.plan.termsId, answer), progress("answered", `the buyer's answer: ${answer}`)],
  };
}
