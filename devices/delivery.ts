/**
 * What drone and phone do alike in a delivery: sign where they are and whom they met, read each other's
 * facts.
 */
import {
  metBody,
  openFact,
  positionBody,
  signFact,
  type Fact,
  type Met,
  type Position,
} from "../protocols/contract/facts.ts";
import { equalBytes, toHex } from "../protocols/encoding/bytes.ts";
import { SegmentError } from "../protocols/errors.ts";
import { openCard } from "../protocols/identity/card.ts";
import { agentId, publicKeyFromId } from "../protocols/identity/keys.ts";
import type { AgentId, DeviceContext, DeviceEffect } from "./device.ts";

/** The BLE session with the other party; `hash` is its Noise handshake hash, the same on both sides. */
export interface OpenSession {
  id: string;
  hash: Uint8Array;
}

export function positionFact(context: DeviceContext, termsId: Uint8Array, here: Position): Uint8Array {
  return signFact(context.signer, {
    kind: "position",
    subject: termsId,
    timeMs: context.now,
    body: positionBody(here),
  });
}

export function metFact(context: DeviceContext, termsId: Uint8Array, met: Met): Uint8Array {
  return signFact(context.signer, { kind: "met", subject: termsId, timeMs: context.now, body: metBody(met) });
}

/** A fact of this kind about this contract, signed by that party. Errors: fact-invalid, signature-*. */
export function openFactOf(
  context: DeviceContext,
  bytes: Uint8Array,
  expected: { kind: string; termsId: Uint8Array; signer: AgentId },
): Fact {
  const fact = openFact(context.crypto, bytes);
  const { kind, termsId, signer } = expected;
  const right =
    fact.kind === kind &&
    fact.subject !== null &&
    equalBytes(fact.subject, termsId) &&
    equalBytes(fact.signer, publicKeyFromId(signer));
  if (!right) throw new SegmentError("fact-invalid", `expected the other party's "${kind}" of this contract`);
  return fact;
}

/** An offer must bring the cards of those whom we shall have to reach. Errors: card-invalid, card-expired. */
export function requireCards(context: DeviceContext, cards: readonly Uint8Array[], needed: AgentId[]): void {
  const known = new Set(cards.map((card) => agentId(openCard(context.crypto, card, context.now).identity)));
  const missing = needed.find((id) => !known.has(id));
  if (missing !== undefined) throw new SegmentError("card-invalid", `the offer lacks the card of ${missing}`);
}

/** A party's choice in the contract. The notaries answer in any case: it counts, or a code says why not. */
export function choose(termsId: Uint8Array, name: "cancel" | "accept" | "object"): DeviceEffect {
  return {
    kind: "submit",
    id: `${name}/${toHex(termsId)}`,
    entry: { body: { kind: "choice", termsId, name, value: 1n } },
  };
}
