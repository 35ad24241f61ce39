/**
 * The template `sale/1`: goods against money, or one currency (a deed, most often) against another.
 *
 * Goods:
 *   awaiting-deposit   the buyer deposits the price
 *   awaiting-shipment  the seller ships -> inspection; cancels, or lets the time pass: all back to the buyer
 *   inspection         the buyer accepts, or says nothing -> the seller is paid; objects -> arbitration, or
 *                      loss shared
 *   arbitration        (only with an arbiter) for the seller, or for the buyer; silent -> loss shared
 * "Loss shared": the buyer has `disputedRefundMinor` back (half of the price unless the terms say
 * otherwise), the seller the rest.
 *
 * A deed (`asset`):
 *   awaiting-deposit   the buyer deposits the price
 *   awaiting-asset     the seller deposits the deed -> the two change hands in one step; declines, or lets
 *                      the time pass: all back to the buyer
 *
 * What a lie can win, at most:
 * - a seller who says "shipped" and ships nothing, or something else: nothing if the buyer objects and the
 *   arbiter sees through it; without an arbiter half of the price; all of it if the buyer says nothing.
 * - a buyer who has the goods and objects: `disputedRefundMinor` without an arbiter; nothing with one who
 *   sees through it.
 * - an arbiter in league with one of them: the price, for that one.
 * - with a deed nobody can win anything: the ledger itself sees both.
 */
import { z } from "zod";
import { DAY_MS } from "../../calendar.ts";
import type { Node, Terms, When } from "../terms.ts";
import {
  checkedParams,
  common,
  currency,
  line,
  minor,
  paidMinor,
  party,
  problemIn,
  timeMs,
} from "./params.ts";
import { CANCELLED, choice, deadlines, FAILED, fixedPayments, FULFILLED, lost, theRest } from "./plan.ts";
import type { End, Plan } from "./plan.ts";
import { termsOf } from "./services.ts";

export const SALE_TEMPLATE = "sale/1";

const paramsSchema = z
  .object({
    ...common,
    buyer: party,
    seller: party,
    /** Without one, an objection shares the loss. Deeds need none. */
    arbiter: party.optional(),
    /** What is sold, in words. */
    goods: line,
    priceMinor: paidMinor,
    /** A deed, or any amount of another currency, that the seller deposits; then nothing is shipped. */
    asset: z.object({ currency, amountMinor: paidMinor }).optional(),
    /** The seller must have shipped, or deposited the asset, by then. */
    shipByMs: timeMs,
    /** The buyer may object until then; goods only, default `shipByMs` and 14 days. */
    inspectByMs: timeMs.optional(),
    /** The buyer's part when word stands against word; default half of the price. */
    disputedRefundMinor: minor.optional(),
  })
  .superRefine((params, context) => {
    const problem = problemIn(context);
    const margin = params.claimMarginMs;
    if (params.signByMs < params.offeredAtMs) problem("signByMs", "is before the offer");
    if (params.shipByMs <= params.signByMs + 2 * margin)
      problem("shipByMs", `must be more than ${2 * margin} ms after signByMs`);
    if (inspectBy(params) < params.shipByMs + margin + params.disputeMs)
      problem("inspectByMs", `must be at least ${margin + params.disputeMs} ms after shipByMs`);
    if ((params.disputedRefundMinor ?? 0n) > params.priceMinor)
      problem("disputedRefundMinor", "is above the price");
    if (params.asset === undefined) return;
    if (params.asset.currency === params.currency) problem("asset.currency", "is what the buyer pays with");
    if (params.inspectByMs !== undefined) problem("inspectByMs", "is of no use where nothing is shipped");
    if (params.disputedRefundMinor !== undefined)
      problem("disputedRefundMinor", "is of no use where nothing is shipped");
    if (params.arbiter !== undefined) problem("arbiter", "has nothing to decide where the ledger sees both");
  });

/** What a sale is made from; times in ms since the Unix epoch, amounts in minor units. */
export type SaleParams = z.input<typeof paramsSchema>;
type Params = z.output<typeof paramsSchema>;

function inspectBy(params: Pick<Params, "inspectByMs" | "shipByMs">): number {
  return params.inspectByMs ?? params.shipByMs + 14 * DAY_MS;
}

/** Terms from the template, safe to sign. Throws `terms-invalid` with `where` = the parameter. */
export function saleTerms(input: SaleParams): Terms {
  return termsOf(salePlan(input));
}

/** The template's contract, which services may join. Throws `terms-invalid` with `where` = the parameter. */
export function salePlan(input: SaleParams): Plan {
  const params = checkedParams("sale", paramsSchema, input);
  const { buyer, seller, arbiter, claimMarginMs } = params;
  return {
    network: params.network,
    template: SALE_TEMPLATE,
    nonce: params.nonce,
    parties: [
      { role: "buyer", ...buyer },
      { role: "seller", ...seller },
      ...(arbiter ? [{ role: "arbiter", ...arbiter }] : []),
    ],
    notBefore: params.offeredAtMs,
    offerExpires: params.signByMs,
    details: [["goods", params.goods]],
    payer: "buyer",
    currency: params.currency,
    depositMinor: params.priceMinor,
    deposit: deadlines(params, params.signByMs + claimMarginMs),
    claimMarginMs,
    main: (end) =>
      params.asset === undefined ? awaitingShipment(params, end) : awaitingAsset(params, params.asset, end),
  };
}

function awaitingAsset(params: Params, asset: NonNullable<Params["asset"]>, end: End): When {
  const swapped = theRest("seller", params.currency, theRest("buyer", asset.currency));
  return {
    kind: "when",
    label: "awaiting-asset",
    cases: [
      {
        kind: "deposit",
        by: "seller",
        currency: asset.currency,
        amount: asset.amountMinor,
        then: end(FULFILLED, swapped),
      },
      choice("seller", "cancel", end(CANCELLED, theRest("buyer", params.currency))),
    ],
    ...deadlines(params, params.shipByMs),
    onTimeout: end(CANCELLED, theRest("buyer", params.currency)),
  };
}

function awaitingShipment(params: Params, end: End): When {
  const refund = theRest("buyer", params.currency);
  return {
    kind: "when",
    label: "awaiting-shipment",
    cases: [
      choice("seller", "ship", inspection(params, end)),
      choice("seller", "cancel", end(CANCELLED, refund)),
    ],
    ...deadlines(params, params.shipByMs),
    onTimeout: end(CANCELLED, refund),
  };
}

function inspection(params: Params, end: End): When {
  const times = deadlines(params, inspectBy(params));
  const paid = end(FULFILLED, theRest("seller", params.currency));
  const objected =
    params.arbiter === undefined ? lossShared(params, end) : arbitration(params, times.claimBy, end);
  return {
    kind: "when",
    label: "inspection",
    cases: [choice("buyer", "accept", paid), choice("buyer", "object", objected)],
    ...times,
    onTimeout: paid,
  };
}

function arbitration(params: Params, fromMs: number, end: End): When {
  const { currency: of } = params;
  return {
    kind: "when",
    label: "arbitration",
    cases: [
      choice("arbiter", "for-the-seller", end(FULFILLED, theRest("seller", of))),
      choice("arbiter", "for-the-buyer", end(lost("buyer", "seller"), theRest("buyer", of))),
    ],
    ...deadlines(params, fromMs + params.arbitrationMs),
    onTimeout: lossShared(params, end),
  };
}

function lossShared(params: Params, end: End): Node {
  const refund = params.disputedRefundMinor ?? params.priceMinor / 2n;
  const rest = params.priceMinor - refund;
  const { currency: of } = params;
  return end(
    FAILED,
    fixedPayments([["seller", of, rest]], refund > 0n ? theRest("buyer", of) : { kind: "close" }),
  );
}
