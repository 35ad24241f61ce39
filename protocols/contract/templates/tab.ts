/**
 * The template `tab/1`: money for a payee that may be out of reach of any network. The payer sets an
 * amount aside for this payee, and then pays over BLE alone with vouchers: each says how much the payee may
 * have in all, so that the last one is enough.
 *
 *   awaiting-deposit  the payer deposits the amount
 *   tab               the payee hands in the last voucher, signed by both -> it has what the voucher says,
 *                     the payer the rest; the payee releases: all back; time passes: all back
 *
 * The payer may sign vouchers until `untilMs`; the payee may hand the last one in for `offlineMs` longer, as
 * long as it may be offline at a stretch. Only then can the payer have its money back, unless the payee
 * releases it.
 *
 * Vouchers count for this contract alone, are bound to the payer's one device key, and are safe to accept
 * offline because the ledger has set the money aside: nothing else can be spent offline, since the same
 * money could be promised to many at once.
 *
 * What a lie can win, at most:
 * - a payer: nothing. It cannot take back a voucher, nor spend the deposit elsewhere; a voucher beyond the
 *   deposit pays the deposit, so a payee takes none beyond it.
 * - a payee: nothing. It cannot write a voucher; whoever hands in an older one has less. One that hands in
 *   none keeps the payer's money away until the deadline, and wins nothing by it.
 */
import { z } from "zod";
import { DAY_MS } from "../../calendar.ts";
import type { Node, Terms, When } from "../terms.ts";
import { VOUCHER } from "./fact-kinds.ts";
import { checkedParams, common, line, MINUTE_MS, paidMinor, party, problemIn, timeMs } from "./params.ts";
import { CANCELLED, choice, deadlines, FULFILLED, theRest } from "./plan.ts";
import type { End, Plan } from "./plan.ts";
import { termsOf } from "./services.ts";

export const TAB_TEMPLATE = "tab/1";

const { disputeMs: _disputeMs, arbitrationMs: _arbitrationMs, ...times } = common;

const paramsSchema = z
  .object({
    ...times,
    payer: party,
    payee: party,
    /** What it is for, in words. */
    purpose: line,
    /** Set aside; the most that the payee can have. */
    amountMinor: paidMinor,
    /** The payer may pay until then. */
    untilMs: timeMs,
    /** The longest time that the payee may be offline. */
    offlineMs: z
      .int()
      .min(MINUTE_MS)
      .max(366 * DAY_MS)
      .default(7 * DAY_MS),
  })
  .superRefine((params, context) => {
    const problem = problemIn(context);
    const leastMs = 2 * params.claimMarginMs;
    if (params.signByMs < params.offeredAtMs) problem("signByMs", "is before the offer");
    if (params.untilMs <= params.signByMs + leastMs)
      problem("untilMs", `must be more than ${leastMs} ms after signByMs`);
  });

/** What a tab is made from; times in ms since the Unix epoch, amounts in minor units. */
export type TabParams = z.input<typeof paramsSchema>;
type Params = z.output<typeof paramsSchema>;

/** Terms from the template, safe to sign. Throws `terms-invalid` with `where` = the parameter. */
export function tabTerms(input: TabParams): Terms {
  return termsOf(tabPlan(input));
}

/** The template's contract, which services may join. Throws `terms-invalid` with `where` = the parameter. */
export function tabPlan(input: TabParams): Plan {
  const params = checkedParams("tab", paramsSchema, input);
  return {
    network: params.network,
    template: TAB_TEMPLATE,
    nonce: params.nonce,
    parties: [
      { role: "payer", ...params.payer },
      { role: "payee", ...params.payee },
    ],
    notBefore: params.offeredAtMs,
    offerExpires: params.signByMs,
    details: [
      ["purpose", params.purpose],
      ["payUntilMs", params.untilMs],
    ],
    payer: "payer",
    currency: params.currency,
    depositMinor: params.amountMinor,
    deposit: deadlines(params, params.signByMs + params.claimMarginMs),
    claimMarginMs: params.claimMarginMs,
    main: (end) => open(params, end),
  };
}

function open(params: Params, end: End): When {
  const { currency, amountMinor } = params;
  const limits = deadlines(params, params.untilMs + params.offlineMs);
  const back = end(CANCELLED, theRest("payer", currency));
  const redeemed: Node = {
    kind: "pay",
    to: "payee",
    currency,
    amount: {
      kind: "field",
      factKind: VOUCHER,
      role: "payer",
      index: 0,
      numerator: 1n,
      denominator: 1n,
      min: 1n,
      max: amountMinor,
    },
    then: theRest("payer", currency),
  };
  const voucher = {
    kind: "signed",
    k: 2,
    roles: ["payer", "payee"],
    factKind: VOUCHER,
    maxAgeMs: limits.claimBy - params.offeredAtMs,
  } as const;
  return {
    kind: "when",
    label: "tab",
    cases: [
      {
        kind: "facts",
        condition: { ...voucher, roles: [...voucher.roles] },
        then: end(FULFILLED, redeemed),
      },
      choice("payee", "release", back),
    ],
    ...limits,
    onTimeout: back,
  };
}
