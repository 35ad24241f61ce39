/**
 * The parcel leaves the drone: the drone's signed word, the phone's countersignature, and what goes to
 * the notaries.
 */
import { openFact, parcelRemovedBody, signFact } from "../../protocols/contract/facts.ts";
import { parcelSchema } from "../../protocols/delivery/messages.ts";
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { encodeCbor } from "../../protocols/encoding/cbor.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { draftFacts } from "../../protocols/ledger/drafts.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { DeviceContext, DeviceEffect, Step } from "../device.ts";
import { openFactOf } from "../delivery.ts";
import { progress, say, stay, timer } from "../effects.ts";
import { enter } from "./standing.ts";
import type { DroneConfig, DroneState, InPhase } from "./state.ts";

type Result = Step<DroneState>;

/**
 * The scale says that the parcel is out. The drone signs it at once; who took it is not for the scale to
 * say.
 */
export function onParcelGone(
  config: DroneConfig,
  state: InPhase<"landed">,
  gramsAfter: number,
  context: DeviceContext,
): Result {
  const { session, awaited, mission, metIn, gramsBefore } = state;
  const fact = signFact(context.signer, {
    kind: "parcel-removed",
    subject: mission.plan.termsId,
    timeMs: context.now,
    body: parcelRemovedBody({ label: "may-land", sessionHash: metIn, gramsBefore, gramsAfter }),
  });
  const told: DeviceEffect[] = session === null ? [] : [say(session.id, "parcel", { fact })];
  return enter(config, { phase: "parcel-gone", session, awaited, mission, fact, submitted: "no" }, context, [
    timer("remove-by", null),
    progress("parcel-taken", "the parcel sensor reports that the parcel is out"),
    ...told,
  ]);
}

/** Errors: message-invalid, fact-invalid, signature-*. */
export function onCountersigned(
  config: DroneConfig,
  state: InPhase<"parcel-gone">,
  body: Uint8Array,
  context: DeviceContext,
): Result {
  if (state.submitted !== "no") return stay(state);
  const { fact } = parseBody(parcelSchema, body);
  const { termsId, buyer } = state.mission.plan;
  const theirs = openFactOf(context, fact, { kind: "parcel-removed", termsId, signer: buyer });
  const ours = openFact(context.crypto, state.fact);
  // Beside a statement that differs, ours would only count as our word alone.
  if (!equalBytes(encodeCbor(theirs.body), encodeCbor(ours.body))) {
    throw new SegmentError("fact-invalid", "the phone countersigned another statement than the drone's");
  }
  return submitParcel(config, state, "countersigned", [state.fact, fact], context);
}

/** Alone, the sensor's fact pays only after the dispute window (the contract's rule, not the drone's). */
export function submitParcel(
  config: DroneConfig,
  state: InPhase<"parcel-gone">,
  submitted: "countersigned" | "alone",
  facts: Uint8Array[],
  context: DeviceContext,
): Result {
  const { termsId } = state.mission.plan;
  return enter(config, { ...state, submitted }, context, [
    timer("countersign", null),
    {
      kind: "submit",
      id: `parcel/${toHex(termsId)}/${submitted}`,
      entry: draftFacts(context.crypto, termsId, facts),
    },
  ]);
}
