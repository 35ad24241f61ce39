/**
 * A delivery as its devices need it: plain data read from signed terms. Nobody trusts a
 * name: the terms must be, byte for byte, what the template makes of the numbers in them,
 * so that nothing hides in a branch that no device looks at.
 */
import { partyOf, termsId, decodeTerms, encodeTerms } from "../contract/terms.ts";
import type { Node, Party, Terms, When } from "../contract/terms.ts";
import { DELIVERY_TEMPLATE, deliveryTerms } from "../contract/templates/delivery.ts";
import type { DeliveryParams } from "../contract/templates/delivery.ts";
import { SERVICE_ROLES } from "../contract/templates/services.ts";
import { equalBytes } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import { agentId } from "../identity/keys.ts";
import type { Crypto, TimeMs } from "../ports.ts";
import type { Point } from "./messages.ts";
import { joiningOf, requireServed } from "./services.ts";
import type { Joining } from "./services.ts";

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
  /** What the buyer deposits, services' fees included; in minor units, as text (plain data). */
  priceMinor: string;
  /** What an insurer deposits, "0" without one: at the end it is there besides the price. */
  coverMinor: string;
  /** All must have signed, and the contract must be open, by then. */
  signByMs: TimeMs;
  /** The deposit must be made by then. */
  payByMs: TimeMs;
  /** Without the deposit, or without what services must do before the flight, it ends from here on. */
  payEndsMs: TimeMs;
  /** Facts of the meeting count if made up to here; until here the drone may cancel before it has met. */
  landByMs: TimeMs;
  /** Facts of the meeting may reach the ledger up to here. */
  landClaimByMs: TimeMs;
  /** The parcel may be taken up to here; until here the drone may cancel after it has met. */
  removeByMs: TimeMs;
  /** The fact that it was taken may reach the ledger up to here. */
  removeClaimByMs: TimeMs;
  /** If nobody states that the parcel was taken, the contract ends from here on. */
  landingEndsMs: TimeMs;
  /** However it goes, the contract ends from here on. */
  endsMs: TimeMs;
}

/**
 * Reads terms made from the template `delivery/1`, which services may have joined. Errors: terms-invalid,
 * terms-too-large, terms-unsafe, and key-invalid for a party whose key is weak.
 */
export function readPlan(crypto: Crypto, termsBytes: Uint8Array): DeliveryPlan {
  const known = lastRead.find(({ terms }) => equalBytes(terms, termsBytes));
  if (known !== undefined) return known.plan;
  const plan = planOf(crypto, termsBytes);
  Object.freeze(plan.point);
  lastRead = [{ terms: termsBytes.slice(), plan: Object.freeze(plan) }, ...lastRead].slice(0, MAX_READ);
  return plan;
}

/** A delivery's parties read its terms at each of its steps. */
let lastRead: readonly { terms: Uint8Array; plan: DeliveryPlan }[] = [];
const MAX_READ = 4;

function planOf(crypto: Crypto, termsBytes: Uint8Array): DeliveryPlan {
  const terms = decodeTerms(termsBytes);
  if (terms.template !== DELIVERY_TEMPLATE) {
    throw invalid(`the template is ${terms.template}, not ${DELIVERY_TEMPLATE}`);
  }
  const stages = stagesOf(terms);
  const { deposit, joining, flight, landing, dispute, arbitration, place } = stages;
  const params = paramsOf(terms, stages);
  const plain = deliveryTerms(params);
  const { coverMinor } = joining;
  const paidMinor = caseOf(deposit, "deposit").amount;
  const isPlain = joining.steps.length === 0 && terms.parties.length === plain.parties.length;
  if (!isPlain) requireServed(terms, plain, joining, paidMinor - priceOf(params) + coverMinor);
  else if (!equalBytes(encodeTerms(plain), termsBytes))
    throw invalid(`the terms differ from what the template ${DELIVERY_TEMPLATE} makes of their numbers`);
  return {
    termsId: termsId(crypto, termsBytes),
    buyer: agentId(params.buyer.identity),
    drone: agentId(params.drone.identity),
    shop: agentId(params.shop.identity),
    point: params.point,
    radiusMm: place.radiusMm,
    currency: params.currency,
    priceMinor: paidMinor.toString(),
    coverMinor: coverMinor.toString(),
    signByMs: terms.offerExpires,
    payByMs: deposit.actBy,
    payEndsMs: (joining.steps.at(-1) ?? deposit).refundFrom,
    landByMs: flight.actBy,
    landClaimByMs: flight.claimBy,
    removeByMs: landing.actBy,
    removeClaimByMs: landing.claimBy,
    landingEndsMs: landing.refundFrom,
    endsMs: (arbitration ?? dispute).refundFrom,
  };
}

export interface Expected {
  network: string;
  buyer: string;
  shop: string;
  /** Whom the buyer lets decide a dispute; nobody else may have a say. */
  arbiter?: string | undefined;
  point: Point;
  currency: string;
  maxPriceMinor: string;
  slotFrom: TimeMs;
  slotUntil: TimeMs;
  now: TimeMs;
}

/** A drone that lands farther off than this does not deliver to the point. */
export const MAX_RADIUS_MM = 100_000;

/** The terms say what the person wished for, and no more is paid. Errors: terms-invalid, terms-expired. */
export function checkPlan(plan: DeliveryPlan, terms: Terms, expected: Expected): void {
  if (terms.network !== expected.network) throw invalid(`the terms are of the network ${terms.network}`);
  if (plan.buyer !== expected.buyer) throw invalid("the terms name another buyer");
  if (plan.shop !== expected.shop) throw invalid("the terms name another shop");
  const isAskedFor = ({ role, identity }: Party): boolean =>
    SERVICE_ROLES.includes(role) || (role === "arbiter" && agentId(identity) === expected.arbiter);
  const others = terms.parties.filter(({ role }) => !["buyer", "drone", "shop"].includes(role));
  if (!others.every(isAskedFor)) throw invalid("the terms give a say to a party that nobody asked for");
  if (plan.currency !== expected.currency) throw invalid("the terms are in another currency");
  if (BigInt(plan.priceMinor) > BigInt(expected.maxPriceMinor)) {
    throw invalid("the price is higher than what was allowed");
  }
  const { latitudeE7, longitudeE7, altitudeMm } = expected.point;
  const samePlace =
    plan.point.latitudeE7 === latitudeE7 &&
    plan.point.longitudeE7 === longitudeE7 &&
    plan.point.altitudeMm === altitudeMm;
  if (!samePlace) throw invalid("the delivery point is not the one that was ordered");
  if (plan.radiusMm > MAX_RADIUS_MM) throw invalid("the drone could land too far from the delivery point");
  if (plan.landByMs > expected.slotUntil)
    throw invalid("the delivery may come after the slot that was ordered");
  if (plan.landByMs < expected.slotFrom)
    throw invalid("the delivery would come before the slot that was ordered");
  if (plan.signByMs < expected.now) throw new SegmentError("terms-expired", "the offer has expired");
}

interface Stages {
  deposit: When;
  joining: Joining;
  flight: When;
  landing: When;
  dispute: When;
  arbitration: When | undefined;
  place: Extract<Condition, { kind: "near" }>;
}

/** Walks the happy path and the dispute; whatever else the tree holds is compared with the template's. */
function stagesOf(terms: Terms): Stages {
  const deposit = expectWhen(terms.contract, "awaiting-deposit");
  const { currency, then: after } = caseOf(deposit, "deposit");
  const joining = joiningOf(after, "buyer", currency);
  const flight = expectWhen(joining.flight, "in-flight");
  const meeting = caseOf(flight, "facts");
  const landing = expectWhen(meeting.then, "may-land");
  const [, droneSays] = landing.cases;
  if (droneSays?.kind !== "facts") throw invalid('"may-land" does not take the drone\'s word');
  const dispute = expectWhen(droneSays.then, "disputable");
  const objected = caseOf(dispute, "choice").then;
  const arbitration = objected.kind === "when" ? expectWhen(objected, "arbitration") : undefined;
  return {
    deposit,
    joining,
    flight,
    landing,
    dispute,
    arbitration,
    place: nearOf(meeting.condition, "drone"),
  };
}

/** The numbers that the template was filled with. */
function paramsOf(terms: Terms, stages: Stages): DeliveryParams {
  const { deposit, joining, flight, landing, dispute, arbitration, place } = stages;
  const { amount: paidMinor, currency } = caseOf(deposit, "deposit");
  const released = constantsOf(caseOf(landing, "facts").then);
  const goodsMinor = released.get("shop") ?? 0n;
  // What services have of a delivery as agreed, the buyer has paid them, or the insurer itself.
  const servedMinor = [...released].reduce((sum, [role, minor]) => (role === "shop" ? sum : sum + minor), 0n);
  const priceMinor = paidMinor + joining.coverMinor - servedMinor;
  const noShow = constantsOf(flight.onTimeout);
  const lossShared = constantsOf(arbitration?.onTimeout ?? caseOf(dispute, "choice").then);
  const arbiter = partyOf(terms, "arbiter");
  return {
    network: terms.network,
    nonce: terms.nonce,
    buyer: partyNamed(terms, "buyer"),
    drone: partyNamed(terms, "drone"),
    shop: partyNamed(terms, "shop"),
    ...(arbiter === undefined ? {} : { arbiter }),
    currency,
    goodsMinor,
    deliveryFeeMinor: priceMinor - goodsMinor,
    noShowFeeMinor: noShow.get("drone") ?? 0n,
    noShowPenaltyMinor: noShow.get("shop") ?? 0n,
    disputedRefundMinor: priceMinor - (lossShared.get("shop") ?? 0n) - (lossShared.get("drone") ?? 0n),
    point: {
      latitudeE7: place.latitudeE7,
      longitudeE7: place.longitudeE7,
      altitudeMm: numberOf(terms, "altitudeMm"),
    },
    radiusMm: place.radiusMm,
    maxAgeMs: place.maxAgeMs,
    address: textOf(terms, "address"),
    goods: textOf(terms, "goods"),
    orderedAtMs: terms.notBefore,
    signByMs: terms.offerExpires,
    landByMs: flight.actBy,
    removeByMs: landing.actBy,
    claimMarginMs: flight.claimBy - flight.actBy,
    disputeMs: dispute.actBy - landing.claimBy,
    ...(arbitration === undefined ? {} : { arbitrationMs: arbitration.actBy - dispute.claimBy }),
  };
}

function priceOf({ goodsMinor, deliveryFeeMinor }: DeliveryParams): bigint {
  return goodsMinor + deliveryFeeMinor;
}

function expectWhen(node: Node, label: string): When {
  if (node.kind !== "when" || node.label !== label) {
    throw invalid(`expected to wait under the label "${label}"`);
  }
  return node;
}

type Case = When["cases"][number];
type Condition = Extract<Case, { kind: "facts" }>["condition"];

function caseOf<Kind extends Case["kind"]>(when: When, kind: Kind): Extract<Case, { kind: Kind }> {
  const found = when.cases.find((one) => one.kind === kind);
  if (found === undefined) throw invalid(`"${when.label}" has no case for ${kind}`);
  return found as Extract<Case, { kind: Kind }>;
}

/** What a row of payments gives to whom, its last one ("the rest") left out. */
function constantsOf(node: Node): Map<string, bigint> {
  const amounts = new Map<string, bigint>();
  for (let at = node; at.kind === "pay"; at = at.then) {
    if (at.amount.kind === "constant") amounts.set(at.to, (amounts.get(at.to) ?? 0n) + at.amount.minor);
  }
  return amounts;
}

function nearOf(condition: Condition, role: string): Extract<Condition, { kind: "near" }> {
  const parts = condition.kind === "and" ? condition.all : [condition];
  const found = parts.find((part) => part.kind === "near" && part.role === role);
  if (found?.kind !== "near") throw invalid(`the contract does not ask where the ${role} is`);
  return found;
}

function partyNamed(terms: Terms, role: string): { identity: Uint8Array; account: Uint8Array } {
  const party = partyOf(terms, role);
  if (party === undefined) throw invalid(`the terms name no ${role}`);
  return party;
}

function numberOf(terms: Terms, name: string): number {
  const value = terms.details.find(([known]) => known === name)?.[1];
  if (typeof value !== "number") throw invalid(`the detail "${name}" is no number`);
  return value;
}

function textOf(terms: Terms, name: string): string {
  const value = terms.details.find(([known]) => known === name)?.[1];
  if (typeof value !== "string") throw invalid(`the detail "${name}" is no text`);
  return value;
}

function invalid(message: string): SegmentError {
  return new SegmentError("terms-invalid", message, { where: "terms" });
}
