/**
 * A delivery as its devices need it: plain data read from signed terms. Nobody trusts
 * the details beside the contract; place, price and deadlines come from the contract's
 * own nodes, which are what the notaries execute.
 */
import { partyOf, termsId, decodeTerms, type Node, type Terms, type When } from "../contract/terms.ts";
import type { Crypto } from "../ports.ts";
import { SegmentError } from "../errors.ts";
import { agentId } from "../identity/keys.ts";
import type { Point } from "./messages.ts";

export type { Point } from "./messages.ts";

export interface DeliveryPlan {
  termsId: Uint8Array;
  buyer: string;
  drone: string;
  shop: string;
  /** Where: 1e-7 degree and mm; the contract checks latitude and longitude within the radius. */
  point: Point;
  radiusMm: number;
  currency: string;
  /** What the buyer deposits, in minor units, as text (plain data). */
  priceMinor: string;
  /** The deposit must be made by then. */
  payByMs: number;
  /** Facts of the meeting count up to here. */
  landByMs: number;
  /** The parcel may be taken up to here. */
  removeByMs: number;
}

/** Reads terms made from the template `delivery/1`. Errors: terms-invalid, terms-too-large. */
export function readPlan(crypto: Crypto, termsBytes: Uint8Array): DeliveryPlan {
  const terms = decodeTerms(termsBytes);
  if (terms.template !== "delivery/1") throw invalid(`the template is ${terms.template}, not delivery/1`);
  const deposit = expectWhen(terms.contract, "awaiting-deposit");
  const held = caseOf(deposit, "deposit");
  const flight = expectWhen(held.then, "in-flight");
  const meeting = caseOf(flight, "facts");
  const landing = expectWhen(meeting.then, "may-land");
  const place = nearOf(meeting.condition, "drone");
  const buyerPlace = nearOf(meeting.condition, "buyer");
  if (place.latitudeE7 !== buyerPlace.latitudeE7 || place.longitudeE7 !== buyerPlace.longitudeE7) {
    throw invalid("drone and buyer are to meet at two different places");
  }
  return {
    termsId: termsId(crypto, termsBytes),
    buyer: idOf(terms, "buyer"),
    drone: idOf(terms, "drone"),
    shop: idOf(terms, "shop"),
    point: { latitudeE7: place.latitudeE7, longitudeE7: place.longitudeE7, altitudeMm: altitudeOf(terms) },
    radiusMm: place.radiusMm,
    currency: held.currency,
    priceMinor: held.amount.toString(),
    payByMs: deposit.actBy,
    landByMs: flight.actBy,
    removeByMs: landing.actBy,
  };
}

export interface Expected {
  network: string;
  buyer: string;
  shop: string;
  point: Point;
  currency: string;
  maxPriceMinor: string;
  slotUntil: number;
  now: number;
}

/** The terms say what the person wished for, and no more is paid. Errors: terms-invalid, terms-expired. */
export function checkPlan(plan: DeliveryPlan, terms: Terms, expected: Expected): void {
  if (terms.network !== expected.network) throw invalid(`the terms are of the network ${terms.network}`);
  if (plan.buyer !== expected.buyer) throw invalid("the terms name another buyer");
  if (plan.shop !== expected.shop) throw invalid("the terms name another shop");
  if (plan.currency !== expected.currency) throw invalid("the terms are in another currency");
  if (BigInt(plan.priceMinor) > BigInt(expected.maxPriceMinor)) throw invalid("the price is higher than what was allowed");
  const samePlace =
    plan.point.latitudeE7 === expected.point.latitudeE7 && plan.point.longitudeE7 === expected.point.longitudeE7;
  if (!samePlace) throw invalid("the delivery point is not the one that was ordered");
  if (plan.landByMs > expected.slotUntil) throw invalid("the delivery would come after the slot that was ordered");
  if (terms.offerExpires < expected.now) throw new SegmentError("terms-expired", "the offer has expired");
}

function expectWhen(node: Node, label: string): When {
  if (node.kind !== "when" || node.label !== label) throw invalid(`expected to wait under the label "${label}"`);
  return node;
}

function caseOf<Kind extends When["cases"][number]["kind"]>(
  when: When,
  kind: Kind,
): Extract<When["cases"][number], { kind: Kind }> {
  const found = when.cases.find((one) => one.kind === kind);
  if (found === undefined) throw invalid(`"${when.label}" has no case for ${kind}`);
  return found as Extract<When["cases"][number], { kind: Kind }>;
}

type Condition = Extract<When["cases"][number], { kind: "facts" }>["condition"];

function nearOf(condition: Condition, role: string): Extract<Condition, { kind: "near" }> {
  const parts = condition.kind === "and" ? condition.all : [condition];
  const found = parts.find((part) => part.kind === "near" && part.role === role);
  if (found?.kind !== "near") throw invalid(`the contract does not ask where the ${role} is`);
  return found;
}

function altitudeOf(terms: Terms): number {
  const value = terms.details.find(([name]) => name === "altitudeMm")?.[1];
  return typeof value === "number" ? value : 0;
}

function idOf(terms: Terms, role: string): string {
  const party = partyOf(terms, role);
  if (party === undefined) throw invalid(`the terms name no ${role}`);
  return agentId(party.identity);
}

function invalid(message: string): SegmentError {
  return new SegmentError("terms-invalid", message, { where: "terms" });
}
