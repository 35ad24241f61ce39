/**
 * The template `data/1`: a reader pays for a span of a stream, and the owner gives the key to it. (Spans for
 * nothing are grants, and need no contract.)
 *
 *   awaiting-deposit   the reader deposits the price
 *   awaiting-approval  (only with `approval`) the owner approves; declines, or says nothing: all back
 *   awaiting-key       the key is shown, as sealed to the reader: its SHA-256 stands in the terms ->
 *                      inspection. The owner cancels, or time passes: all back
 *   inspection         the reader accepts, or says nothing -> paid; objects -> arbitration, or loss shared
 *   arbitration        (only with an arbiter) for the owner, or for the reader; silent -> loss shared
 *
 * "Paid": the keeper, where one is named, has its fee, the owner the rest. "Loss shared": the reader has
 * `disputedRefundMinor` back (half of the price unless the terms say otherwise), the owner the rest.
 *
 * What is hashed is the key sealed to the reader, so that it opens nothing for anyone else who sees it, and
 * so that the owner, or a keeper who holds it, can show it without asking anybody.
 *
 * What a lie can win, at most:
 * - an owner who never shows the key: nothing; the reader has all back at the deadline.
 * - an owner who put the hash of something else into the terms: nothing with an arbiter, who can open
 *   what was shown if the reader hands over its proof; half of the price without one; the price if the
 *   reader says nothing.
 * - a reader who has the key and objects: `disputedRefundMinor` without an arbiter; nothing with one who
 *   sees through it. The key that it has seen cannot be taken back.
 * - a keeper: nothing; it is paid only where the owner is.
 */
import { z } from "zod";
import type { Node, Terms, When } from "../terms.ts";
import {
  bytesOf,
  checkedParams,
  common,
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

export const DATA_TEMPLATE = "data/1";

const paramsSchema = z
  .object({
    ...common,
    reader: party,
    owner: party,
    /** Holds the stream, and has a part of the price. */
    keeper: party.optional(),
    keeperFeeMinor: minor.default(0n),
    arbiter: party.optional(),
    /** Which stream, in words or by its id. */
    stream: line,
    /** The span of the stream that the key opens. */
    spanFromMs: timeMs,
    spanUntilMs: timeMs,
    priceMinor: paidMinor,
    /** SHA-256 of the span's key, sealed to the reader. */
    keyDigest: bytesOf(32),
    /** Whether the owner looks at each reader before it gives the key. */
    approval: z.boolean().default(false),
    /** With `approval`: the owner must have approved by then. */
    approveByMs: timeMs.optional(),
    /** The key must have been shown by then. */
    keyByMs: timeMs,
    /** The reader's part when word stands against word; default half of the price. */
    disputedRefundMinor: minor.optional(),
  })
  .superRefine((params, context) => {
    const problem = problemIn(context);
    const margin = params.claimMarginMs;
    if (params.spanUntilMs <= params.spanFromMs) problem("spanUntilMs", "must be after spanFromMs");
    if (params.signByMs < params.offeredAtMs) problem("signByMs", "is before the offer");
    let before: [name: string, timeMs: number] = ["signByMs", params.signByMs + 2 * margin];
    if (params.approval) {
      const { approveByMs } = params;
      if (approveByMs === undefined) problem("approveByMs", "is missing: by when the owner must approve");
      else if (approveByMs <= before[1])
        problem("approveByMs", `must be more than ${2 * margin} ms after signByMs`);
      else before = ["approveByMs", approveByMs + margin];
    } else if (params.approveByMs !== undefined) problem("approveByMs", "is of use only with approval");
    if (params.keyByMs <= before[1]) problem("keyByMs", `must be later: too close to ${before[0]}`);
    if ((params.keeper === undefined) !== (params.keeperFeeMinor === 0n))
      problem("keeperFeeMinor", "a keeper and its fee belong together");
    if (params.keeperFeeMinor > params.priceMinor) problem("keeperFeeMinor", "is above the price");
    if ((params.disputedRefundMinor ?? 0n) > params.priceMinor)
      problem("disputedRefundMinor", "is above the price");
  });

/** What access to data is made from; times in ms since the Unix epoch, amounts in minor units. */
export type DataParams = z.input<typeof paramsSchema>;
type Params = z.output<typeof paramsSchema>;

/** Terms from the template, safe to sign. Throws `terms-invalid` with `where` = the parameter. */
export function dataTerms(input: DataParams): Terms {
  return termsOf(dataPlan(input));
}

/** The template's contract, which services may join. Throws `terms-invalid` with `where` = the parameter. */
export function dataPlan(input: DataParams): Plan {
  const params = checkedParams("data", paramsSchema, input);
  const { reader, owner, keeper, arbiter, claimMarginMs } = params;
  return {
    network: params.network,
    template: DATA_TEMPLATE,
    nonce: params.nonce,
    parties: [
      { role: "reader", ...reader },
      { role: "owner", ...owner },
      ...(keeper ? [{ role: "keeper", ...keeper }] : []),
      ...(arbiter ? [{ role: "arbiter", ...arbiter }] : []),
    ],
    notBefore: params.offeredAtMs,
    offerExpires: params.signByMs,
    details: [
      ["stream", params.stream],
      ["spanFromMs", params.spanFromMs],
      ["spanUntilMs", params.spanUntilMs],
      ["keyDigest", params.keyDigest],
    ],
    payer: "reader",
    currency: params.currency,
    depositMinor: params.priceMinor,
    deposit: deadlines(params, params.signByMs + claimMarginMs),
    claimMarginMs,
    main: (end) =>
      params.approveByMs === undefined
        ? awaitingKey(params, end)
        : awaitingApproval(params, params.approveByMs, end),
  };
}

function awaitingApproval(params: Params, approveByMs: number, end: End): When {
  const refund = theRest("reader", params.currency);
  return {
    kind: "when",
    label: "awaiting-approval",
    cases: [
      choice("owner", "approve", awaitingKey(params, end)),
      choice("owner", "decline", end(CANCELLED, refund)),
    ],
    ...deadlines(params, approveByMs),
    onTimeout: end(CANCELLED, refund),
  };
}

function awaitingKey(params: Params, end: End): When {
  const times = deadlines(params, params.keyByMs);
  const refund = theRest("reader", params.currency);
  return {
    kind: "when",
    label: "awaiting-key",
    cases: [
      {
        kind: "facts",
        condition: { kind: "hash", digest: params.keyDigest },
        then: inspection(params, times.claimBy, end),
      },
      choice("owner", "cancel", end(CANCELLED, refund)),
    ],
    ...times,
    onTimeout: end(lost("reader"), refund),
  };
}

function inspection(params: Params, fromMs: number, end: End): When {
  const times = deadlines(params, fromMs + params.disputeMs);
  const objected =
    params.arbiter === undefined ? lossShared(params, end) : arbitration(params, times.claimBy, end);
  return {
    kind: "when",
    label: "inspection",
    cases: [choice("reader", "accept", paid(params, end)), choice("reader", "object", objected)],
    ...times,
    onTimeout: paid(params, end),
  };
}

function arbitration(params: Params, fromMs: number, end: End): When {
  return {
    kind: "when",
    label: "arbitration",
    cases: [
      choice("arbiter", "for-the-owner", paid(params, end)),
      choice("arbiter", "for-the-reader", end(lost("reader"), theRest("reader", params.currency))),
    ],
    ...deadlines(params, fromMs + params.arbitrationMs),
    onTimeout: lossShared(params, end),
  };
}

function paid(params: Params, end: End): Node {
  const { currency, keeperFeeMinor } = params;
  return end(FULFILLED, fixedPayments([["keeper", currency, keeperFeeMinor]], theRest("owner", currency)));
}

function lossShared(params: Params, end: End): Node {
  const { currency, priceMinor } = params;
  const refund = params.disputedRefundMinor ?? priceMinor / 2n;
  return end(FAILED, fixedPayments([["reader", currency, refund]], theRest("owner", currency)));
}
