/**
 * Offline money. A tab is a contract that holds an amount for one payee (template `tab/1`); the payer pays by
 * vouchers, signed facts that say how much the payee may have in all so far. Each replaces those before it,
 * so the payee keeps one, and redeems it with its own signature over the same amount.
 *
 * Why nothing else can be spent without a network: only a hold that is bound to this payee, and that the
 * payer cannot take back before the payee's last day to redeem, is sure not to be spent elsewhere.
 */
import { VOUCHER } from "../contract/templates/fact-kinds.ts";
import { decodeTerms, partyOf, termsId } from "../contract/terms.ts";
import type { Case, Node, Party, Terms, When } from "../contract/terms.ts";
import { equalBytes } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import type { VerifiedReceipt } from "../ledger/receipt.ts";
import { contractReceipt } from "../ledger/receipt-view.ts";
import type { Crypto, TimeMs } from "../ports.ts";

/** What payer and payee need of a tab; amounts as text, so that it is plain data. */
export interface Tab {
  termsId: Uint8Array;
  network: string;
  payer: Party;
  payee: Party;
  currency: string;
  /** What is held, in minor units: no voucher goes beyond it. */
  heldMinor: string;
  /** Vouchers count if made up to here … */
  payByMs: TimeMs;
  /** … and must have been redeemed by here. */
  redeemByMs: TimeMs;
  /** From here on the payer has back what was not redeemed. */
  refundFromMs: TimeMs;
}

/**
 * Reads a tab from its terms. Whoever is paid by it trusts no name: the contract must be one deposit, then
 * one state in which nothing but the payee's own signature, or time, can take the money away.
 * Errors: terms-invalid (also for terms that are no tab), terms-too-large.
 */
export function readTab(crypto: Crypto, termsBytes: Uint8Array): Tab {
  const terms = decodeTerms(termsBytes);
  const [deposit, ...others] = casesOf(terms.contract, "awaiting-deposit");
  if (deposit?.kind !== "deposit" || others.length > 0) throw noTab("it does not begin with one deposit");
  const waiting = stateOf(deposit.then, "tab");
  const payerRole = deposit.by;
  const redeemed = waiting.cases.filter((one) => one.kind === "facts");
  const [redeem] = redeemed;
  if (redeem?.kind !== "facts" || redeemed.length > 1) throw noTab("it is not redeemed in one way");
  const payeeRole = requireRedeem(redeem, deposit, waiting.claimBy - terms.notBefore);
  for (const one of waiting.cases) {
    if (one.kind === "deposit" || (one.kind === "choice" && one.by !== payeeRole))
      throw noTab("another than the payee can end it");
  }
  return {
    termsId: termsId(crypto, termsBytes),
    network: terms.network,
    payer: required(terms, payerRole),
    payee: required(terms, payeeRole),
    currency: deposit.currency,
    heldMinor: deposit.amount.toString(),
    payByMs: waiting.actBy,
    redeemByMs: waiting.claimBy,
    refundFromMs: waiting.refundFrom,
  };
}

function stateOf(node: Node, label: string): When {
  if (node.kind === "when" && node.label === label) return node;
  throw noTab(`a state "${label}" is missing`);
}

function casesOf(node: Node, label: string): Case[] {
  return stateOf(node, label).cases;
}

/**
 * Both sign the same voucher: the payee has its amount, all else is the payer's. Returns the payee's role.
 */
function requireRedeem(
  one: Case & { kind: "facts" },
  deposit: Case & { kind: "deposit" },
  lifetimeMs: number,
): string {
  const { condition, then } = one;
  if (condition.kind !== "signed" || condition.k !== 2 || condition.roles.length !== 2)
    throw noTab("it is not redeemed by two signatures");
  const payee = condition.roles.find((role) => role !== deposit.by);
  const amount = then.kind === "pay" ? then.amount : undefined;
  const isPaid =
    payee !== undefined &&
    condition.roles.includes(deposit.by) &&
    condition.factKind === VOUCHER &&
    condition.maxAgeMs >= lifetimeMs &&
    then.kind === "pay" &&
    then.to === payee &&
    then.currency === deposit.currency &&
    amount?.kind === "field" &&
    amount.factKind === VOUCHER &&
    amount.index === 0 &&
    amount.numerator === amount.denominator &&
    amount.min <= 1n &&
    amount.max === deposit.amount;
  if (!isPaid) throw noTab("a voucher does not pay the payee its amount");
  return payee;
}

function required(terms: Terms, role: string): Party {
  const party = partyOf(terms, role);
  if (party === undefined) throw noTab(`there is no party "${role}"`);
  return party;
}

function noTab(problem: string): SegmentError {
  return new SegmentError("terms-invalid", `the terms are no tab: ${problem}`, { where: "terms.contract" });
}

/** Whether the notaries have certified that the tab holds its amount. */
export function isFunded(tab: Tab, receipt: VerifiedReceipt): boolean {
  const about = contractReceipt(receipt);
  const { transition } = about ?? {};
  if (about === undefined || transition === undefined || !equalBytes(about.termsId, tab.termsId))
    return false;
  return receipt.kind === "deposit" && transition.label === "tab" && !transition.closed;
}
