/**
 * The template `delivery/1`: a shop's drone brings goods to a place, and is paid when the parcel is taken.
 *
 *   awaiting-deposit  the buyer deposits the price: goods and flight
 *   in-flight         drone and buyer are at the point and met each other in one session -> may-land;
 *                     the drone may cancel: the buyer gets everything back
 *   may-land          both sign that the parcel left -> paid; the drone alone signs it -> disputable;
 *                     the drone may still cancel (wind, something below): as before
 *   disputable        the buyer accepts, or says nothing -> paid; objects -> arbitration, or loss shared
 *   arbitration       (only with an arbiter) the arbiter rules: delivered or not; silent -> loss shared
 *
 * "Paid": the shop has the price of the goods, the drone the rest. "No-show": the drone has its flight
 * paid, the shop its penalty, the buyer the rest. "Loss shared": the buyer has `disputedRefundMinor`
 * back (half of the price unless the terms say otherwise), shop and drone share the rest in proportion.
 *
 * Silence: who does not deposit owes nothing. Who does not come, or does not take the parcel, pays the
 * no-show. Who does not object to the drone's word has accepted it.
 *
 * What a lie can win, at most:
 * - a drone that never flies, or never lands, and neither cancels: the no-show fee, which should therefore
 *   be below what it earns by delivering. It cannot reach may-land without the buyer's phone.
 * - a drone that swears the parcel was taken when it was not: half of its own fee (the shop likewise
 *   half of the goods' price) if the buyer objects; nothing with an arbiter; the price if the buyer
 *   stays silent for all of the dispute window.
 * - a buyer who takes the parcel, does not countersign, and objects: `disputedRefundMinor`; nothing with
 *   an arbiter who sees through it.
 * - a buyer who does not come: nothing; it costs fee and penalty.
 * - a shop that hands over an empty parcel, or a drone that cancels and drops it for a friend: the terms
 *   cannot see that. It is between the shop and its drone, and the signed facts are the evidence.
 */
import { z } from "zod";
import { DAY_MS } from "../../calendar.ts";
import { allocate, MAX_AMOUNT } from "../../money/amounts.ts";
import { FACT_KINDS } from "../facts.ts";
import type { Case, Node, Observation, Terms, When } from "../terms.ts";
import { bytesOf, checkedParams, currency, line, minor, party, timeMs, window } from "./params.ts";
import { CANCELLED, choice, deadlines, FAILED, fixedPayments, FULFILLED, lost, theRest } from "./plan.ts";
import type { End, Outcome, Plan } from "./plan.ts";
import { termsOf } from "./services.ts";

export const DELIVERY_TEMPLATE = "delivery/1";

const paramsSchema = z
  .object({
    network: z.string().regex(/^[a-z0-9-]{1,32}$/),
    nonce: bytesOf(16),
    buyer: party,
    drone: party,
    shop: party,
    /** Without one, an objection shares the loss. */
    arbiter: party.optional(),
    currency,
    goodsMinor: minor,
    /** The drone's pay for a delivery. */
    deliveryFeeMinor: minor,
    /** The drone's pay when the buyer does not come. */
    noShowFeeMinor: minor,
    /** The shop's part when the buyer does not come. */
    noShowPenaltyMinor: minor,
    /** The buyer's part when the drone's word stands against the buyer's; default half of the price. */
    disputedRefundMinor: minor.optional(),
    point: z.object({
      latitudeE7: z.int().min(-900_000_000).max(900_000_000),
      longitudeE7: z.int().min(-1_800_000_000).max(1_800_000_000),
      altitudeMm: z.int().min(-500_000).max(10_000_000),
    }),
    radiusMm: z.int().min(1_000).max(1_000_000).default(15_000),
    /** How old the facts of the meeting may be when the notaries see them. */
    maxAgeMs: z.int().min(1_000).max(DAY_MS).default(120_000),
    address: line,
    goods: line,
    orderedAtMs: timeMs,
    /** All must have signed by then. */
    signByMs: timeMs,
    /** Drone and buyer must have met by then. */
    landByMs: timeMs,
    /** The parcel must have been taken by then. */
    removeByMs: timeMs,
    /** How long after a deadline evidence may still reach the log; again as long until refunds begin. */
    claimMarginMs: z.int().min(1_000).max(DAY_MS).default(120_000),
    /** How long the buyer may object to the drone's word. */
    disputeMs: window(DAY_MS, 30 * DAY_MS),
    /** How long the arbiter may take. */
    arbitrationMs: window(7 * DAY_MS, 90 * DAY_MS),
  })
  .superRefine((params, context) => {
    const problem = (path: string, message: string): void =>
      context.addIssue({ code: "custom", path: [path], message });
    const price = params.goodsMinor + params.deliveryFeeMinor;
    if (price === 0n) problem("goodsMinor", "there is nothing to pay");
    if (price > MAX_AMOUNT) problem("goodsMinor", "the price is above 2^63 - 1");
    if (params.noShowFeeMinor + params.noShowPenaltyMinor > price) {
      problem("noShowFeeMinor", "a no-show would cost more than the price");
    }
    if ((params.disputedRefundMinor ?? 0n) > price) problem("disputedRefundMinor", "is above the price");
    // Between two deadlines there must be time for late evidence of the first.
    const margin = params.claimMarginMs;
    if (params.signByMs < params.orderedAtMs) problem("signByMs", "is before the order");
    if (params.landByMs <= params.signByMs + 2 * margin) {
      problem("landByMs", `must be more than ${2 * margin} ms after signByMs`);
    }
    if (params.removeByMs <= params.landByMs + margin) {
      problem("removeByMs", `must be more than ${margin} ms after landByMs`);
    }
  });

/** What a delivery is made from; times in ms since the Unix epoch, amounts in minor units. */
export type DeliveryParams = z.input<typeof paramsSchema>;
type Params = z.output<typeof paramsSchema>;

/** Terms from the template, safe to sign. Throws `terms-invalid` with `where` = the parameter. */
export function deliveryTerms(input: DeliveryParams): Terms {
  return termsOf(deliveryPlan(input));
}

/** The template's contract, which services may join. Throws `terms-invalid` with `where` = the parameter. */
export function deliveryPlan(input: DeliveryParams): Plan {
  const params = checkedParams("delivery", paramsSchema, input);
  const { buyer, drone, shop, arbiter, claimMarginMs } = params;
  return {
    network: params.network,
    template: DELIVERY_TEMPLATE,
    nonce: params.nonce,
    parties: [
      { role: "buyer", ...buyer },
      { role: "drone", ...drone },
      { role: "shop", ...shop },
      ...(arbiter ? [{ role: "arbiter", ...arbiter }] : []),
    ],
    notBefore: params.orderedAtMs,
    offerExpires: params.signByMs,
    details: [
      ["goods", params.goods],
      ["address", params.address],
      ["altitudeMm", params.point.altitudeMm],
      ["orderedAtMs", params.orderedAtMs],
    ],
    payer: "buyer",
    currency: params.currency,
    depositMinor: priceOf(params),
    deposit: deadlines(params, params.signByMs + claimMarginMs),
    claimMarginMs,
    main: (end) => new Stages(params, end).inFlight(),
  };
}

function priceOf(params: Params): bigint {
  return params.goodsMinor + params.deliveryFeeMinor;
}

/** The states of a delivery, and its endings. */
class Stages {
  private readonly params: Params;
  private readonly end: End;

  constructor(params: Params, end: End) {
    this.params = params;
    this.end = end;
  }

  inFlight(): When {
    const { params } = this;
    const { latitudeE7, longitudeE7 } = params.point;
    const { radiusMm, maxAgeMs } = params;
    const near = (role: string): Observation => ({
      kind: "near",
      role,
      latitudeE7,
      longitudeE7,
      radiusMm,
      maxAgeMs,
    });
    const meeting: Observation = {
      kind: "and",
      all: [near("drone"), near("buyer"), { kind: "met", roles: ["drone", "buyer"], maxAgeMs }],
    };
    return {
      kind: "when",
      label: "in-flight",
      cases: [{ kind: "facts", condition: meeting, then: this.mayLand() }, this.droneCancels()],
      ...deadlines(params, params.landByMs),
      onTimeout: this.noShow(),
    };
  }

  private mayLand(): When {
    const { params } = this;
    const factKind = FACT_KINDS.parcelRemoved;
    const times = deadlines(params, params.removeByMs);
    // Evidence may come late; that it was made in time is what `actBy` asks.
    const maxAgeMs = times.claimBy - params.orderedAtMs;
    const taken: Observation = { kind: "signed", k: 2, roles: ["drone", "buyer"], factKind, maxAgeMs };
    const droneSays: Observation = { kind: "attest", role: "drone", factKind, maxAgeMs };
    return {
      kind: "when",
      label: "may-land",
      cases: [
        { kind: "facts", condition: taken, then: this.paid() },
        { kind: "facts", condition: droneSays, then: this.disputable(times.claimBy) },
        this.droneCancels(),
      ],
      ...times,
      onTimeout: this.noShow(),
    };
  }

  private disputable(fromMs: number): When {
    const { params } = this;
    const times = deadlines(params, fromMs + params.disputeMs);
    const objected = params.arbiter === undefined ? this.lossShared() : this.arbitration(times.claimBy);
    return {
      kind: "when",
      label: "disputable",
      cases: [choice("buyer", "object", objected), choice("buyer", "accept", this.paid())],
      ...times,
      onTimeout: this.paid(),
    };
  }

  private arbitration(fromMs: number): When {
    const notDelivered = this.payments(lost("buyer", "shop"), [], "buyer");
    return {
      kind: "when",
      label: "arbitration",
      cases: [choice("arbiter", "delivered", this.paid()), choice("arbiter", "not-delivered", notDelivered)],
      ...deadlines(this.params, fromMs + this.params.arbitrationMs),
      onTimeout: this.lossShared(),
    };
  }

  /** What an honest drone does when it cannot deliver: the buyer is not to pay a no-show for it. */
  private droneCancels(): Case {
    return choice("drone", "cancel", this.payments(CANCELLED, [], "buyer"));
  }

  /** The drone is credited with what was held, and passes the goods' part on to the shop at once. */
  private paid(): Node {
    return this.payments(FULFILLED, [["shop", this.params.goodsMinor]], "drone");
  }

  private noShow(): Node {
    const fixed: [string, bigint][] = [
      ["drone", this.params.noShowFeeMinor],
      ["shop", this.params.noShowPenaltyMinor],
    ];
    return this.payments(FAILED, fixed, "buyer");
  }

  private lossShared(): Node {
    const { params } = this;
    const price = priceOf(params);
    const refund = params.disputedRefundMinor ?? price / 2n;
    const [goods, flight] = allocate(price - refund, [params.goodsMinor, params.deliveryFeeMinor]);
    const fixed: [string, bigint][] = [
      ["shop", goods!],
      ["drone", flight!],
    ];
    return this.payments(FAILED, fixed, "buyer");
  }

  private payments(outcome: Outcome, fixed: [role: string, minor: bigint][], restTo: string): Node {
    const { currency: of } = this.params;
    const all = fixedPayments(
      fixed.map(([role, minor]) => [role, of, minor]),
      theRest(restTo, of),
    );
    return this.end(outcome, all);
  }
}
