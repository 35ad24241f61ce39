/**
 * Services that join a contract for a fee, whichever template it is made from:
 *
 * - insurance: deposits a cover. Where an ending is a loss of the insured, they share it; else it goes back.
 *   The premium is earned unless the contract is called off.
 * - certification: must state "certified" before the contract goes on, else everybody has their money back.
 *   The fee is earned with the statement.
 * - payment and recommendation: their fees are earned only if what was agreed has happened.
 *
 * The payer of the template deposits all fees with its own deposit; what is not earned goes back to it. Of
 * each fee the network's common fund has its commission, if the genesis says so.
 *
 * What a lie can win: an insurer or a certifier that does not come makes the contract void, at nobody's
 * cost. A certifier that certifies falsely earns its fee, and its statement remains as evidence. The
 * insured can bring about no loss with their own word: templates name as losers only those on whom it
 * was brought by an arbiter, or by another's silence or statement; who colludes with that other, or with
 * the arbiter, wins the cover, and the insurer judges whom it trusts. The services for success see a
 * fee only where the template pays for success.
 */
import { z } from "zod";
import { DAY_MS } from "../../calendar.ts";
import { SegmentError } from "../../errors.ts";
import { allocate, MAX_AMOUNT } from "../../money/amounts.ts";
import { MAX_TIME_MS } from "../bounds.ts";
import { assertSafe } from "../check.ts";
import { encodeTerms } from "../terms.ts";
import type { Node, Party, Role, Terms } from "../terms.ts";
import { CERTIFIED } from "./fact-kinds.ts";
import { HOUR_MS, MINUTE_MS, paidMinor, party } from "./params.ts";
import { choice, deadlines, fixedPayments, opening, theRest } from "./plan.ts";
import type { Deadlines, FixedPayment, Outcome, Plan } from "./plan.ts";

const service = party.extend({ feeMinor: paidMinor });

/** Who joins, and for how much; at least one of them. Amounts in minor units of the template's currency. */
export const servicesSchema = z
  .object({
    insurer: service
      .extend({ coverMinor: paidMinor, insured: z.array(z.string().min(1).max(32)).min(1).max(7) })
      .optional(),
    certifier: service.optional(),
    payment: service.optional(),
    recommendation: service.optional(),
    /** How long the insurer, and then the certifier, may take. */
    joinMs: z
      .int()
      .min(MINUTE_MS)
      .max(30 * DAY_MS)
      .default(HOUR_MS),
  })
  .refine(
    (services) => SERVICES.some(({ key }) => services[key] !== undefined),
    "names no service: leave it out",
  );

/** Services as the parameters of a template name them. */
export type ServicesInput = z.input<typeof servicesSchema>;
export type Services = z.output<typeof servicesSchema>;

/** The network's part of each fee, in millionths, rounded down. */
export interface Commission {
  account: Uint8Array;
  ppm: number;
}

const SERVICES = [
  { key: "insurer", role: "insurer" },
  { key: "certifier", role: "certifier" },
  { key: "payment", role: "payment-service" },
  { key: "recommendation", role: "recommender" },
] as const;

/** The roles of those who can join. */
export const SERVICE_ROLES: readonly Role[] = SERVICES.map(({ role }) => role);

/** The beneficiary's role: the network's common fund. */
export const NETWORK_ROLE = "network";
const MILLION = 1_000_000n;

/** Terms from a plan that nobody joins. Throws `terms-invalid`, `terms-too-large` or `terms-unsafe`. */
export function termsOf(plan: Plan): Terms {
  return assembled(
    plan,
    [],
    [],
    opening(
      plan,
      0n,
      plan.main((_, payments) => payments, plan.deposit.claimBy),
    ),
  );
}

/**
 * Terms from a plan with services. Throws `terms-invalid` with `where` = the parameter, `terms-too-large`
 * where all together exceed the bounds of terms, and `terms-unsafe`.
 */
export function withServices(plan: Plan, services: Services | undefined, commission?: Commission): Terms {
  if (services === undefined) return termsOf(plan);
  const losers = new Set<Role>();
  const end = (outcome: Outcome, payments: Node): Node => {
    if (outcome.kind === "lost") for (const role of outcome.losers) losers.add(role);
    return fixedPayments(settlement(plan, services, commission, outcome), payments);
  };
  const steps = joiningSteps(plan, services);
  const main = plan.main(end, steps.certified.claimBy);
  requireInsurable(services, losers);
  const fees = present(services).reduce((sum, { feeMinor }) => sum + feeMinor, 0n);
  if (plan.depositMinor + fees + (services.insurer?.coverMinor ?? 0n) > MAX_AMOUNT)
    refuse("services", "deposit, fees and cover together are above 2^63 - 1");
  const parties = present(services).map(({ role, identity, account }) => ({ role, identity, account }));
  const pays = commissionOf(fees, commission) > 0n;
  const beneficiaries = pays ? [{ role: NETWORK_ROLE, account: commission!.account }] : [];
  return assembled(plan, parties, beneficiaries, opening(plan, fees, joining(plan, services, steps, main)));
}

function assembled(
  plan: Plan,
  joined: Party[],
  beneficiaries: Terms["beneficiaries"],
  contract: Node,
): Terms {
  const terms: Terms = {
    network: plan.network,
    template: plan.template,
    nonce: plan.nonce,
    parties: [...plan.parties, ...joined],
    beneficiaries,
    mandates: plan.mandates ?? [],
    notBefore: plan.notBefore,
    offerExpires: plan.offerExpires,
    details: plan.details,
    contract,
  };
  encodeTerms(terms);
  assertSafe(terms);
  return terms;
}

/** The services that are there, with their roles. */
function present(services: Services) {
  return SERVICES.flatMap(({ key, role }) => {
    const one = services[key];
    return one === undefined ? [] : [{ ...one, role }];
  });
}

interface JoiningSteps {
  covered: Deadlines;
  certified: Deadlines;
}

/** When cover and certificate must be there; who does not join takes no time. */
function joiningSteps(plan: Plan, { insurer, certifier, joinMs }: Services): JoiningSteps {
  const step = (after: Deadlines) =>
    deadlines(plan, Math.min(after.claimBy + joinMs, MAX_TIME_MS - 2 * DAY_MS));
  const covered = insurer === undefined ? plan.deposit : step(plan.deposit);
  const certified = certifier === undefined ? covered : step(covered);
  return { covered, certified };
}

/** After the payer's deposit: the insurer's cover, then the certificate, then the template's own contract. */
function joining(
  plan: Plan,
  { insurer, certifier }: Services,
  { covered, certified }: JoiningSteps,
  main: Node,
): Node {
  const refund = theRest(plan.payer, plan.currency);
  if (main.kind === "when" && main.actBy <= certified.claimBy) {
    const message = `insurer and certifier may take until ${certified.claimBy}; the next step ends before`;
    refuse("services.joinMs", message);
  }
  let node = main;
  if (certifier !== undefined) {
    const back: FixedPayment[] = [["insurer", plan.currency, insurer?.coverMinor ?? 0n]];
    const void_ = fixedPayments(back, refund);
    const maxAgeMs = certified.claimBy - plan.notBefore;
    node = {
      kind: "when",
      label: "awaiting-certificate",
      cases: [
        {
          kind: "facts",
          condition: { kind: "attest", role: "certifier", factKind: CERTIFIED, maxAgeMs },
          then: node,
        },
        choice("certifier", "decline", void_),
      ],
      ...certified,
      onTimeout: void_,
    };
  }
  if (insurer === undefined) return node;
  return {
    kind: "when",
    label: "awaiting-cover",
    cases: [
      {
        kind: "deposit",
        by: "insurer",
        currency: plan.currency,
        amount: insurer.coverMinor,
        then: node,
      },
      choice("insurer", "decline", refund),
    ],
    ...covered,
    onTimeout: refund,
  };
}

/** What the services have at an ending, the network its part, and the payer what nobody has earned. */
function settlement(
  plan: Plan,
  services: Services,
  commission: Commission | undefined,
  outcome: Outcome,
): FixedPayment[] {
  let unearned = 0n;
  let commissions = 0n;
  const got = new Map<Role, bigint>();
  const add = (role: Role, minor: bigint) => got.set(role, (got.get(role) ?? 0n) + minor);
  for (const { role, feeMinor } of present(services)) {
    if (!earned(role, outcome)) {
      unearned += feeMinor;
      continue;
    }
    const part = commissionOf(feeMinor, commission);
    commissions += part;
    add(role, feeMinor - part);
  }
  const { insurer } = services;
  if (insurer !== undefined) {
    const losers = outcome.kind === "lost" ? outcome.losers : [];
    const hit = insurer.insured.filter((role) => losers.includes(role));
    const to = hit.length === 0 ? ["insurer"] : hit;
    const shares = allocate(
      insurer.coverMinor,
      to.map(() => 1n),
    );
    for (const [index, role] of to.entries()) add(role, shares[index]!);
  }
  return [
    ...[...got].map(([role, minor]): FixedPayment => [role, plan.currency, minor]),
    [NETWORK_ROLE, plan.currency, commissions],
    [plan.payer, plan.currency, unearned],
  ];
}

function earned(role: (typeof SERVICES)[number]["role"], outcome: Outcome): boolean {
  switch (role) {
    case "certifier":
      return true;
    case "insurer":
      return outcome.kind !== "cancelled";
    case "payment-service":
    case "recommender":
      return outcome.kind === "fulfilled";
  }
}

function commissionOf(feeMinor: bigint, commission: Commission | undefined): bigint {
  return commission === undefined ? 0n : (feeMinor * BigInt(commission.ppm)) / MILLION;
}

function requireInsurable({ insurer }: Services, losers: ReadonlySet<Role>): void {
  if (insurer === undefined) return;
  if (new Set(insurer.insured).size !== insurer.insured.length)
    refuse("services.insurer.insured", "the same role appears twice");
  for (const role of insurer.insured) {
    if (losers.has(role)) continue;
    const insurable = losers.size === 0 ? "nobody" : [...losers].join(", ");
    const message = `no ending of these terms is a loss of "${role}"; of ${insurable} it can be (with an arbiter there may be more)`;
    refuse("services.insurer.insured", message);
  }
}

function refuse(where: string, message: string): never {
  throw new SegmentError("terms-invalid", `${where}: ${message}`, { where });
}
