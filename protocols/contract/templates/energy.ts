/**
 * The template `energy/1`: 2 to 7 households share what they produce. An operator measures, clears each
 * slot, and charges those who used for those who gave.
 *
 *   awaiting-deposit   (only if the operator pays somebody) the operator deposits the fees of services
 *   awaiting-security  (only where there are securities) the households deposit theirs, one after the other;
 *                      one does not: all back
 *   sharing            until the end, or until the operator closes. Each household lets the operator charge
 *                      its account up to its cap in each period, and its total in all: mandates, which each
 *                      household may end at any time by itself
 *   settling           (only with an arbiter and securities) the operator releases the securities, or nothing
 *                      happens: all back. The arbiter may award the operator a part of one household's
 *
 * What a lie can win, at most:
 * - an operator who charges for energy that was not delivered: the caps, until the household sees it and ends
 *   its mandate; each charge is an entry signed by the operator, with the slot's readings as evidence.
 * - an operator who does not pay on: nothing, because a slot's charges and payments are one entry whose sums
 *   are zero; it can only name itself as the one who gave.
 * - a household that empties its account, or ends its mandate after it used energy: what it used since the
 *   last charge, less what an arbiter awards from its security.
 * - an operator who claims a security without right: nothing without the arbiter; nobody else's ever.
 */
import { z } from "zod";
import { DAY_MS } from "../../calendar.ts";
import { MAX_AMOUNT } from "../../money/amounts.ts";
import { MAX_PERIOD_MS } from "../bounds.ts";
import type { Mandate, Node, Terms, When } from "../terms.ts";
import {
  checkedParams,
  common,
  line,
  minor,
  MINUTE_MS,
  paidMinor,
  party,
  problemIn,
  timeMs,
  window,
} from "./params.ts";
import {
  CANCELLED,
  choice,
  chooseAmount,
  deadlines,
  fixedPayments,
  FULFILLED,
  lost,
  payChosen,
  theRest,
} from "./plan.ts";
import type { End, FixedPayment, Plan } from "./plan.ts";
import { termsOf } from "./services.ts";

export const ENERGY_TEMPLATE = "energy/1";

const { disputeMs: _disputeMs, ...times } = common;

const paramsSchema = z
  .object({
    ...times,
    operator: party,
    households: z
      .array(
        z.object({
          party,
          /** The most that may be charged within one period. */
          capMinor: paidMinor,
          /** The most that may be charged in all; default the cap of every period. */
          totalMinor: paidMinor.optional(),
          /** Deposited until the end; none with 0. */
          securityMinor: minor.default(0n),
        }),
      )
      .min(2)
      .max(7),
    /** May award a part of a security to the operator. Leaves room for one household less. */
    arbiter: party.optional(),
    /** By which rules and prices is shared, in words. */
    rules: line,
    /** How often the caps begin anew, counted from the offer; default a quarter of an hour. */
    periodMs: z
      .int()
      .min(1_000)
      .max(MAX_PERIOD_MS)
      .default(15 * MINUTE_MS),
    /** The sharing ends then. */
    endMs: timeMs,
    /** How long each household has for its security, one after the other. */
    depositMs: window(10 * MINUTE_MS, 7 * DAY_MS),
  })
  .superRefine((params, context) => {
    const problem = problemIn(context);
    if (params.signByMs < params.offeredAtMs) problem("signByMs", "is before the offer");
    if (params.endMs <= lastDepositClaimBy(params, firstDepositClaimBy(params)))
      problem("endMs", "must be after all have signed and deposited");
    if (params.arbiter !== undefined && params.households.length > 6)
      problem("households", "there is room for 6 besides an arbiter");
    if (params.arbiter !== undefined && params.households.every((one) => one.securityMinor === 0n))
      problem("arbiter", "has nothing to decide: there are no securities");
    const securities = params.households.reduce((sum, one) => sum + one.securityMinor, 0n);
    if (securities > MAX_AMOUNT) problem("households", "the securities together are above 2^63 - 1");
    for (const [index, household] of params.households.entries()) {
      // The arbiter awards from 1 on: with 1 there would be nothing to choose.
      if (household.securityMinor === 1n)
        problem(`households.${index}.securityMinor`, "must be 0, or at least 2 minor units");
      if ((household.totalMinor ?? household.capMinor) < household.capMinor)
        problem(`households.${index}.totalMinor`, "is below the cap of one period");
    }
  });

/** What sharing is made from; times in ms since the Unix epoch, amounts in minor units. */
export type EnergyParams = z.input<typeof paramsSchema>;
type Params = z.output<typeof paramsSchema>;

/** A household's role: its place in the list, from 1. */
export function householdRole(index: number): string {
  return `household-${index + 1}`;
}

/** Terms from the template, safe to sign. Throws `terms-invalid` with `where` = the parameter. */
export function energyTerms(input: EnergyParams): Terms {
  return termsOf(energyPlan(input));
}

/** The template's contract, which services may join. Throws `terms-invalid` with `where` = the parameter. */
export function energyPlan(input: EnergyParams): Plan {
  const params = checkedParams("energy", paramsSchema, input);
  const { operator, arbiter, claimMarginMs } = params;
  return {
    network: params.network,
    template: ENERGY_TEMPLATE,
    nonce: params.nonce,
    parties: [
      { role: "operator", ...operator },
      ...params.households.map((one, index) => ({ role: householdRole(index), ...one.party })),
      ...(arbiter ? [{ role: "arbiter", ...arbiter }] : []),
    ],
    mandates: mandatesOf(params),
    notBefore: params.offeredAtMs,
    offerExpires: params.signByMs,
    details: [
      ["rules", params.rules],
      ["endMs", params.endMs],
    ],
    payer: "operator",
    currency: params.currency,
    depositMinor: 0n,
    deposit: deadlines(params, params.signByMs + claimMarginMs),
    claimMarginMs,
    main: (end, fromMs) => awaitingSecurity(params, end, 0, fromMs),
  };
}

function firstDepositClaimBy(params: Params): number {
  return params.signByMs + 2 * params.claimMarginMs;
}

/** When the last of the securities is in, if the first may be deposited from `fromMs`. */
function lastDepositClaimBy(params: Params, fromMs: number): number {
  const depositors = params.households.filter((one) => one.securityMinor > 0n).length;
  return fromMs + depositors * (params.depositMs + params.claimMarginMs);
}

function mandatesOf(params: Params): Mandate[] {
  const periods = BigInt(Math.ceil((params.endMs - params.offeredAtMs) / params.periodMs));
  return params.households.map(({ capMinor, totalMinor }, index) => {
    const all = capMinor * periods;
    return {
      from: householdRole(index),
      by: "operator",
      currency: params.currency,
      capMinor,
      periodMs: params.periodMs,
      totalMinor: totalMinor ?? (all > MAX_AMOUNT ? MAX_AMOUNT : all),
    };
  });
}

/** Waits for the security of the household at `index`, or the next that has one; then sharing begins. */
function awaitingSecurity(params: Params, end: End, index: number, fromMs: number): Node {
  const household = params.households[index];
  if (household === undefined) return sharing(params, end);
  const { currency } = params;
  if (household.securityMinor === 0n) return awaitingSecurity(params, end, index + 1, fromMs);
  const limits = deadlines(params, fromMs + params.depositMs);
  return {
    kind: "when",
    label: "awaiting-security",
    cases: [
      {
        kind: "deposit",
        by: householdRole(index),
        currency,
        amount: household.securityMinor,
        then: awaitingSecurity(params, end, index + 1, limits.claimBy),
      },
    ],
    ...limits,
    onTimeout: end(
      CANCELLED,
      fixedPayments(securities(params).slice(0, depositedBefore(params, index)), CLOSE),
    ),
  };
}

const CLOSE: Node = { kind: "close" };

/** Of every household that deposits one. */
function securities(params: Params): FixedPayment[] {
  return params.households.flatMap((one, index): FixedPayment[] =>
    one.securityMinor > 0n ? [[householdRole(index), params.currency, one.securityMinor]] : [],
  );
}

function depositedBefore(params: Params, index: number): number {
  return params.households.slice(0, index).filter((one) => one.securityMinor > 0n).length;
}

function sharing(params: Params, end: End): When {
  const limits = deadlines(params, params.endMs);
  return {
    kind: "when",
    label: "sharing",
    cases: [choice("operator", "close", settling(params, limits.refundFrom, end))],
    ...limits,
    onTimeout: settling(params, limits.refundFrom, end),
  };
}

function settling(params: Params, fromMs: number, end: End): Node {
  const back = end(FULFILLED, fixedPayments(securities(params), CLOSE));
  if (params.arbiter === undefined) return back;
  const awards = params.households.flatMap((household, index) => {
    if (household.securityMinor === 0n) return [];
    const role = householdRole(index);
    const others = securities(params).filter(([to]) => to !== role);
    const chosen = { by: "arbiter", name: `award-${index + 1}`, max: household.securityMinor };
    const rest = theRest(role, params.currency);
    const awarded = fixedPayments(others, payChosen("operator", params.currency, chosen, rest));
    return [chooseAmount("arbiter", chosen.name, 1n, chosen.max, end(lost("operator"), awarded))];
  });
  return {
    kind: "when",
    label: "settling",
    cases: [choice("operator", "release", back), ...awards],
    ...deadlines(params, fromMs + params.arbitrationMs),
    onTimeout: back,
  };
}
