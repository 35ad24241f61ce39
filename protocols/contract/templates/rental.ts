/**
 * The template `rental/1`: a guest rents a place behind a host's lock.
 *
 *   awaiting-deposit  the guest deposits price and deposit
 *   booked            until a date the guest may cancel for a fee; the host may cancel for nothing
 *   may-open          the lock lets the guest in from arrival to departure. The first opening (lock and
 *                     phone sign it) pays the price -> stay. The host may still cancel. The guest objects:
 *                     before the arrival that is a late cancellation, which costs the price; else ->
 *                     disputed. Nothing happens: the guest did not come, which costs the price
 *   stay              still labelled may-open; the door is shut after the departure, or time passes ->
 *                     checkout. Nobody can end it sooner
 *   checkout          the host releases the deposit, or says nothing: it goes back; claims a part -> claimed
 *   claimed           the guest accepts, or says nothing: the host has what it claimed; objects ->
 *                     arbitration, or at most `disputedDamageMinor` (half of the deposit unless the terms
 *                     say otherwise)
 *   arbitration       (only with an arbiter) awards a part of the deposit, 0 for none; silent: as without
 *   disputed          the opening is shown after all: the price is paid -> checkout. The host gives in: all
 *                     back to the guest. Else -> unsettled
 *   unsettled         the lock's signed refusal, of a time between arrival and departure, is shown: all back
 *                     to the guest. The arbiter, where there is one, decides for one of them. Silence: the
 *                     guest has `disputedRefundMinor` of the price back (half, unless the terms say
 *                     otherwise), and the deposit
 *
 * The lock is to sign "refused" only to the guest's own phone and only while the label lets it in, and to
 * open only after the phone has signed "opened": both then hold the fact with both signatures.
 *
 * What a lie can win, at most:
 * - a guest who was let in and hides it: nothing. Silence pays the host, and an objection is answered by the
 *   fact that the lock holds; who objects falsely loses the rest of the stay.
 * - a guest who never came and says it was locked out: `disputedRefundMinor` without an arbiter, nothing
 *   with one who sees through it.
 * - a guest who did damage and objects: what is above `disputedDamageMinor`, without an arbiter.
 * - a host whose lock says nothing at all: the price less `disputedRefundMinor` if the guest objects,
 *   without an arbiter; the price if the guest says nothing. A lock that signs its refusal wins nothing.
 * - a host whose lock opens once and never again: the price, which the first opening has paid; what the
 *   phone holds (its signed commands, the lock's refusals) is evidence for a court, not for the contract.
 * - a host who claims damage where there is none: `disputedDamageMinor` if the guest objects, without an
 *   arbiter; what it claims, at most the deposit, if the guest stays silent.
 */
import { z } from "zod";
import { DAY_MS } from "../../calendar.ts";
import { equalBytes } from "../../encoding/bytes.ts";
import { MAX_AMOUNT } from "../../money/amounts.ts";
import type { Case, Node, Observation, Terms, When } from "../terms.ts";
import { CLOSED, OPENED, REFUSED } from "./fact-kinds.ts";
import {
  checkedParams,
  common,
  HOUR_MS,
  line,
  minor,
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
  FAILED,
  fixedPayments,
  FULFILLED,
  lost,
  payChosen,
  theRest,
} from "./plan.ts";
import type { End, Outcome, Plan } from "./plan.ts";
import { termsOf } from "./services.ts";

export const RENTAL_TEMPLATE = "rental/1";

const paramsSchema = z
  .object({
    ...common,
    guest: party,
    host: party,
    /** The host's: its account is the host's. */
    lock: party,
    arbiter: party.optional(),
    /** What is rented, in words. */
    place: line,
    address: line,
    priceMinor: paidMinor,
    /** Held against damage; none with 0. */
    depositMinor: minor,
    /** What it costs the guest to cancel in time; default nothing. */
    cancelFeeMinor: minor.default(0n),
    /** The guest may cancel until then. */
    cancelByMs: timeMs,
    arrivalMs: timeMs,
    departureMs: timeMs,
    /** How long after the departure it may take to shut the door. */
    shutMs: window(HOUR_MS, 30 * DAY_MS),
    /** How long the host may take to look for damage. */
    damageMs: window(DAY_MS, 30 * DAY_MS),
    /** The guest's part of the price when word stands against word; default half. */
    disputedRefundMinor: minor.optional(),
    /** The most that the host has of the deposit when word stands against word; default half. */
    disputedDamageMinor: minor.optional(),
  })
  .superRefine((params, context) => {
    const problem = problemIn(context);
    const margin = params.claimMarginMs;
    if (!equalBytes(params.lock.account, params.host.account))
      problem("lock", "is not the host's: it belongs to another root");
    if (params.priceMinor + params.depositMinor > MAX_AMOUNT)
      problem("priceMinor", "price and deposit are above 2^63 - 1");
    // The host claims from 1 on: with 1 there would be nothing to choose.
    if (params.depositMinor === 1n) problem("depositMinor", "must be 0, or at least 2 minor units");
    if (params.cancelFeeMinor > params.priceMinor) problem("cancelFeeMinor", "is above the price");
    if ((params.disputedRefundMinor ?? 0n) > params.priceMinor)
      problem("disputedRefundMinor", "is above the price");
    if ((params.disputedDamageMinor ?? 0n) > params.depositMinor)
      problem("disputedDamageMinor", "is above the deposit");
    if (params.signByMs < params.offeredAtMs) problem("signByMs", "is before the offer");
    if (params.cancelByMs <= params.signByMs + 2 * margin)
      problem("cancelByMs", `must be more than ${2 * margin} ms after signByMs`);
    // So that the lock may open at the arrival, and not only some time after it.
    if (params.arrivalMs < params.cancelByMs + 2 * margin)
      problem("arrivalMs", `must be at least ${2 * margin} ms after cancelByMs`);
    if (params.departureMs <= params.arrivalMs) problem("departureMs", "must be after the arrival");
  });

/** What a rental is made from; times in ms since the Unix epoch, amounts in minor units. */
export type RentalParams = z.input<typeof paramsSchema>;
type Params = z.output<typeof paramsSchema>;

/** Terms from the template, safe to sign. Throws `terms-invalid` with `where` = the parameter. */
export function rentalTerms(input: RentalParams): Terms {
  return termsOf(rentalPlan(input));
}

/** The template's contract, which services may join. Throws `terms-invalid` with `where` = the parameter. */
export function rentalPlan(input: RentalParams): Plan {
  const params = checkedParams("rental", paramsSchema, input);
  const { guest, host, lock, arbiter, claimMarginMs } = params;
  return {
    network: params.network,
    template: RENTAL_TEMPLATE,
    nonce: params.nonce,
    parties: [
      { role: "guest", ...guest },
      { role: "host", ...host },
      { role: "lock", ...lock },
      ...(arbiter ? [{ role: "arbiter", ...arbiter }] : []),
    ],
    notBefore: params.offeredAtMs,
    offerExpires: params.signByMs,
    details: [
      ["place", params.place],
      ["address", params.address],
      ["arrivalMs", params.arrivalMs],
      ["departureMs", params.departureMs],
    ],
    payer: "guest",
    currency: params.currency,
    depositMinor: params.priceMinor + params.depositMinor,
    deposit: deadlines(params, params.signByMs + claimMarginMs),
    claimMarginMs,
    main: (end) => new Stages(params, end).booked(),
  };
}

/** The states of a rental, and its endings. */
class Stages {
  private readonly params: Params;
  private readonly end: End;

  constructor(params: Params, end: End) {
    this.params = params;
    this.end = end;
  }

  booked(): When {
    const { params } = this;
    return {
      kind: "when",
      label: "booked",
      cases: [choice("guest", "cancel", this.guestHas(CANCELLED, params.cancelFeeMinor)), this.hostCancels()],
      ...deadlines(params, params.cancelByMs),
      onTimeout: this.mayOpen(),
    };
  }

  private mayOpen(): When {
    const { params } = this;
    const times = deadlines(params, params.departureMs);
    const early: Node = {
      kind: "if",
      condition: { kind: "before", timeMs: params.arrivalMs },
      then: this.guestHas(FAILED, params.priceMinor),
      else: this.disputed(times.claimBy),
    };
    return {
      kind: "when",
      label: "may-open",
      cases: [
        {
          kind: "facts",
          condition: this.opened(times.claimBy),
          then: this.pricePaid(this.stay(times.claimBy)),
        },
        this.hostCancels(),
        choice("guest", "object", early),
      ],
      ...times,
      onTimeout: this.guestHas(FAILED, params.priceMinor),
    };
  }

  private stay(fromMs: number): When {
    const { params } = this;
    const times = deadlines(params, fromMs + params.shutMs);
    const shut: Observation = {
      kind: "and",
      all: [
        { kind: "attest", role: "lock", factKind: CLOSED, maxAgeMs: times.claimBy - params.offeredAtMs },
        { kind: "not", not: { kind: "before", timeMs: params.departureMs } },
      ],
    };
    return {
      kind: "when",
      label: "may-open",
      // Nobody may end it sooner: the lock obeys the label.
      cases: [{ kind: "facts", condition: shut, then: this.checkout(times.refundFrom) }],
      ...times,
      onTimeout: this.checkout(times.refundFrom),
    };
  }

  private checkout(fromMs: number): Node {
    const { params } = this;
    if (params.depositMinor === 0n) return this.depositBack(FULFILLED);
    const times = deadlines(params, fromMs + params.damageMs);
    return {
      kind: "when",
      label: "checkout",
      cases: [
        choice("host", "release", this.depositBack(FULFILLED)),
        chooseAmount("host", "claim", 1n, params.depositMinor, this.claimed(times.claimBy)),
      ],
      ...times,
      onTimeout: this.depositBack(FULFILLED),
    };
  }

  private claimed(fromMs: number): When {
    const { params } = this;
    const times = deadlines(params, fromMs + params.disputeMs);
    const conceded = this.damagePaid(FULFILLED, "host", "claim", params.depositMinor);
    const objected = params.arbiter === undefined ? this.damageShared() : this.arbitration(times.claimBy);
    return {
      kind: "when",
      label: "claimed",
      cases: [choice("guest", "accept", conceded), choice("guest", "object", objected)],
      ...times,
      onTimeout: conceded,
    };
  }

  private arbitration(fromMs: number): When {
    const { params } = this;
    const awarded = this.damagePaid(lost("host"), "arbiter", "award", params.depositMinor);
    return {
      kind: "when",
      label: "arbitration",
      cases: [chooseAmount("arbiter", "award", 0n, params.depositMinor, awarded)],
      ...deadlines(params, fromMs + params.arbitrationMs),
      onTimeout: this.damageShared(),
    };
  }

  private disputed(fromMs: number): When {
    const { params } = this;
    const times = deadlines(params, fromMs + params.disputeMs);
    return {
      kind: "when",
      label: "disputed",
      cases: [
        {
          kind: "facts",
          condition: this.opened(times.claimBy),
          then: this.pricePaid(this.checkout(times.claimBy)),
        },
        choice("host", "give-in", this.guestHas(CANCELLED, 0n)),
      ],
      ...times,
      onTimeout: this.unsettled(times.refundFrom),
    };
  }

  private unsettled(fromMs: number): When {
    const { params } = this;
    const times = deadlines(params, fromMs + params.arbitrationMs);
    const refused: Observation = {
      kind: "and",
      all: [
        { kind: "attest", role: "lock", factKind: REFUSED, maxAgeMs: times.claimBy - params.offeredAtMs },
        { kind: "not", not: { kind: "before", timeMs: params.arrivalMs } },
        { kind: "before", timeMs: params.departureMs },
      ],
    };
    const rulings =
      params.arbiter === undefined
        ? []
        : [
            choice("arbiter", "for-the-guest", this.guestHas(lost("guest"), 0n)),
            choice("arbiter", "for-the-host", this.guestHas(FAILED, params.priceMinor)),
          ];
    const refund = params.disputedRefundMinor ?? params.priceMinor / 2n;
    return {
      kind: "when",
      label: "unsettled",
      cases: [{ kind: "facts", condition: refused, then: this.guestHas(lost("guest"), 0n) }, ...rulings],
      ...times,
      onTimeout: this.guestHas(FAILED, params.priceMinor - refund),
    };
  }

  private opened(untilMs: number): Observation {
    const maxAgeMs = untilMs - this.params.offeredAtMs;
    return { kind: "signed", k: 2, roles: ["lock", "guest"], factKind: OPENED, maxAgeMs };
  }

  private hostCancels(): Case {
    return choice("host", "cancel", this.guestHas(CANCELLED, 0n));
  }

  private pricePaid(then: Node): Node {
    return fixedPayments([["host", this.params.currency, this.params.priceMinor]], then);
  }

  /** The host has this much, the guest the rest of price and deposit. */
  private guestHas(outcome: Outcome, hostMinor: bigint): Node {
    const { currency } = this.params;
    return this.end(outcome, fixedPayments([["host", currency, hostMinor]], theRest("guest", currency)));
  }

  /** After the price was paid: the deposit, where there is one, to the guest. */
  private depositBack(outcome: Outcome): Node {
    const { currency, depositMinor } = this.params;
    return this.end(outcome, depositMinor > 0n ? theRest("guest", currency) : { kind: "close" });
  }

  private damagePaid(outcome: Outcome, by: string, name: string, max: bigint): Node {
    const { currency } = this.params;
    return this.end(outcome, payChosen("host", currency, { by, name, max }, theRest("guest", currency)));
  }

  private damageShared(): Node {
    const most = this.params.disputedDamageMinor ?? this.params.depositMinor / 2n;
    return this.damagePaid(FAILED, "host", "claim", most);
  }
}
