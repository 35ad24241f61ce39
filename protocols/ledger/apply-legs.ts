/** Entries of many legs, and what lets them take from an account: its device, a mandate, or its members. */
import { partyOf } from "../contract/terms.ts";
import type { Mandate, Party, Terms } from "../contract/terms.ts";
import { equalBytes, toHex } from "../encoding/bytes.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import { SegmentError } from "../errors.ts";
import type { ApplyContext } from "./apply.ts";
import { openTerms, requireOwner } from "./apply-contract.ts";
import { keys } from "./draft.ts";
import type { Draft } from "./draft.ts";
import type { Entry, EntryBody } from "./entry.ts";
import {
  approves,
  encodeJointRule,
  isMember,
  jointAccount,
  jointKey,
  jointRule,
  openApproval,
  spentKey,
} from "./joint.ts";
import type { JointRule } from "./joint.ts";
import { legsHash } from "./legs.ts";
import type { Charge, Leg } from "./legs.ts";
import { chargeMandate, mandateRecord, periodOf, putMandate } from "./mandates.ts";
import type { MandateRecord } from "./mandates.ts";
import type { EntryResult } from "./result.ts";

type Body<K extends EntryBody["kind"]> = Extract<EntryBody, { kind: K }>;

const MARK = encodeCbor(1);

export function applyLegs(
  draft: Draft,
  entry: Entry,
  body: Body<"legs">,
  context: ApplyContext,
): EntryResult {
  const root = draft.rootOf(entry.signer, context.timeMs);
  const charges = new Map(body.charges.map((charge) => [charge.leg, charge]));
  const joint = new Map<string, Uint8Array>();
  for (const [index, leg] of body.legs.entries()) {
    draft.requireCurrency(leg.currency);
    const charge = charges.get(index);
    if (charge !== undefined) chargeLeg(draft, entry, charge, leg, context);
    else if (leg.change > 0n) requireAccount(draft, leg.account);
    else if (!equalBytes(leg.account, root)) joint.set(toHex(leg.account), leg.account);
  }
  requireApprovals(draft, entry, body, [...joint.values()], context);
  // What an account receives here it may pay here: only the outcome has to be covered.
  for (const { account, currency, change } of body.legs)
    if (change > 0n) draft.credit(account, currency, change);
  for (const { account, currency, change } of body.legs)
    if (change < 0n) draft.debit(account, currency, -change);
  return { kind: "legs", legs: body.legs };
}

function requireAccount(draft: Draft, account: Uint8Array): void {
  if (!draft.ownerExists(account))
    throw new SegmentError("account-unknown", "a receiving account is not registered");
}

interface OpenMandate {
  terms: Terms;
  mandate: Mandate;
  record: MandateRecord;
  from: Party;
  by: Party;
}

/** Of a contract that has not ended. Throws `contract-unknown`, `contract-closed` or `entry-invalid`. */
function openMandate(draft: Draft, termsId: Uint8Array, index: number, context: ApplyContext): OpenMandate {
  const { terms } = openTerms(draft, context.contracts, termsId);
  const mandate = terms.mandates[index];
  const record = mandateRecord(draft, termsId, index);
  if (mandate === undefined || record === undefined)
    throw new SegmentError("entry-invalid", `the contract has no mandate ${index}`);
  // Safe terms name parties in their mandates.
  const [from, by] = [partyOf(terms, mandate.from)!, partyOf(terms, mandate.by)!];
  return { terms, mandate, record, from, by };
}

/** Takes the leg's amount from what the mandate still allows. */
function chargeLeg(draft: Draft, entry: Entry, charge: Charge, leg: Leg, context: ApplyContext): void {
  const { termsId, mandate: index } = charge;
  const { terms, mandate, record, from, by } = openMandate(draft, termsId, index, context);
  if (!equalBytes(by.identity, entry.signer))
    throw new SegmentError("entry-unauthorized", `only the ${by.role} charges mandate ${index}`);
  requireOwner(draft, by, context.timeMs);
  if (!equalBytes(from.account, leg.account) || mandate.currency !== leg.currency) {
    throw new SegmentError("entry-unauthorized", `mandate ${index} is for another account or currency`);
  }
  const period = periodOf(mandate, terms.notBefore, context.seenMs);
  putMandate(draft, termsId, index, chargeMandate(record, mandate, period, -leg.change));
}

/** Every account here must be a joint one, and enough of its members must have approved this very entry. */
function requireApprovals(
  draft: Draft,
  entry: Entry,
  body: Body<"legs">,
  accounts: Uint8Array[],
  context: ApplyContext,
): void {
  const rules = accounts.map((account) => spendingRule(draft, entry, account));
  if (rules.length === 0) {
    if (body.approvals.length > 0)
      throw new SegmentError("entry-invalid", "there are approvals, and no joint account pays");
    return;
  }
  const roots = approvingRoots(draft, entry, body, context);
  for (const { k, members } of rules) {
    const approving = members.filter((member) => roots.has(toHex(member))).length;
    if (approving < k)
      throw new SegmentError("approvals-missing", `${approving} members approve, ${k} have to`);
  }
  for (const account of accounts) draft.put(spentKey(account, entry.nonce), MARK);
}

function spendingRule(draft: Draft, entry: Entry, account: Uint8Array): JointRule {
  const rule = jointRule(draft, account);
  if (rule === undefined) {
    const problem = "a leg takes from an account that is not the signer's, by no mandate";
    throw new SegmentError("entry-unauthorized", problem);
  }
  if (draft.get(spentKey(account, entry.nonce)) !== undefined)
    throw new SegmentError("approvals-used", "the joint account has paid by this nonce");
  return rule;
}

/**
 * Roots, in hex, whose devices approve. What is for another entry, has expired, or comes from a device that
 * may not act now counts for nothing.
 */
function approvingRoots(draft: Draft, entry: Entry, body: Body<"legs">, context: ApplyContext): Set<string> {
  const { crypto, timeMs } = context;
  const hash = legsHash(crypto, body);
  const roots = new Set<string>();
  for (const bytes of body.approvals) {
    const approval = openApproval(crypto, bytes);
    if (!approves(approval, entry, hash, timeMs)) continue;
    const root = draft.activeRoot(approval.signer, timeMs);
    if (root !== undefined) roots.add(toHex(root));
  }
  return roots;
}

export function applyEndMandate(
  draft: Draft,
  entry: Entry,
  body: Body<"end-mandate">,
  context: ApplyContext,
): EntryResult {
  const { termsId, mandate: index } = body;
  const root = draft.rootOf(entry.signer, context.timeMs);
  const { record, from } = openMandate(draft, termsId, index, context);
  if (!equalBytes(from.account, root))
    throw new SegmentError("entry-unauthorized", `only the ${from.role} ends mandate ${index}`);
  if (record.isEnded) throw new SegmentError("mandate-ended", `mandate ${index} has ended`);
  putMandate(draft, termsId, index, { ...record, isEnded: true });
  return { kind: "end-mandate", termsId, mandate: index, account: from.account };
}

export function applyJoint(
  draft: Draft,
  entry: Entry,
  body: Body<"joint">,
  context: ApplyContext,
): EntryResult {
  const { k, members } = body;
  const root = draft.rootOf(entry.signer, context.timeMs);
  if (!isMember(body, root))
    throw new SegmentError("entry-unauthorized", "only a member makes a joint account");
  const account = jointAccount(context.crypto, k, members);
  if (draft.get(jointKey(account)) !== undefined)
    throw new SegmentError("entry-invalid", "the joint account exists already");
  for (const member of members) requireMember(draft, member);
  draft.put(jointKey(account), encodeJointRule(body));
  // From here on it can be paid like any other.
  draft.put(keys.owner(account), MARK);
  return { kind: "joint", account, k, members };
}

/** A member that can never approve would be a way to lose money: it must be a root with a device. */
function requireMember(draft: Draft, member: Uint8Array): void {
  if (!draft.ownerExists(member)) throw new SegmentError("account-unknown", "a member is not registered");
  if (draft.get(jointKey(member)) !== undefined)
    throw new SegmentError("entry-invalid", "a member is a joint account, which signs nothing");
}
