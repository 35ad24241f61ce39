/**
 * A dishonest buyer's phone, far away: it takes the drone's signed position, states the
 * same as its own, claims a meeting that never was, and shows it all to the notaries. It
 * lacks what only a session over BLE gives: the drone's signature under that meeting.
 */
import type { Device, DeviceContext, DeviceEvent, Step } from "../../../devices/device.ts";
import type { PhoneState } from "../../../devices/phone/state.ts";
import {
  metBody,
  openFact,
  positionBody,
  readPosition,
  signFact,
} from "../../../protocols/contract/facts.ts";
import { positionSchema } from "../../../protocols/delivery/messages.ts";
import { toHex } from "../../../protocols/encoding/bytes.ts";
import { publicKeyFromId } from "../../../protocols/identity/keys.ts";
import { contractReceipt } from "../../../protocols/ledger/receipt-view.ts";
import { draftFacts } from "../../../protocols/ledger/drafts.ts";
import { parseBody } from "../../../protocols/messaging/schemas.ts";

export function spoofing(honest: Device<PhoneState>): Device<PhoneState> {
  return {
    ...honest,
    step: (state, event, context) => {
      const step = honest.step(state, event, context);
      if (event.kind === "message" && event.type === "position") return lie(step, event, context);
      if (event.kind === "receipt" && event.receipt.kind === "facts" && event.receipt.outcome !== "ok") {
        const about = contractReceipt(event.receipt);
        const detail = `the notaries refuse the phone's made-up evidence (${event.receipt.outcome})`;
        return about === undefined
          ? step
          : { ...step, effects: [...step.effects, { kind: "progress", step: "lie-refused", detail }] };
      }
      return step;
    },
  };
}

function lie(
  step: Step<PhoneState>,
  event: DeviceEvent & { kind: "message" },
  context: DeviceContext,
): Step<PhoneState> {
  const push = parseBody(positionSchema, event.body);
  const { state } = step;
  if (!push.arrived || !("plan" in state)) return step;
  const { plan } = state;
  const where = readPosition(openFact(context.crypto, push.fact));
  const sign = (kind: string, body: ReturnType<typeof positionBody>): Uint8Array =>
    signFact(context.signer, { kind, subject: plan.termsId, timeMs: context.now, body });
  const met = metBody({
    sessionHash: context.crypto.sha256(push.fact),
    initiatorIdentity: context.signer.publicKey,
    responderIdentity: publicKeyFromId(plan.drone),
  });
  const facts = [push.fact, sign("position", positionBody(where)), sign("met", met)];
  return {
    state,
    effects: [
      ...step.effects,
      {
        kind: "progress",
        step: "position-spoofed",
        detail: "the phone, far away, signs the drone's position as its own",
      },
      {
        kind: "submit",
        id: `spoof/${toHex(plan.termsId)}`,
        entry: draftFacts(context.crypto, plan.termsId, facts),
      },
    ],
  };
}
