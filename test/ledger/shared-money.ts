/** Mandates and joint accounts for the ledger's tests: a subscription, and the village's common purse. */
import { nodeCrypto as crypto } from "../../agent/node/crypto.ts";
import { encodeTerms, signTerms, termsId } from "../../protocols/contract/terms.ts";
import type { Beneficiary, Mandate, Terms } from "../../protocols/contract/terms.ts";
import { draftOpen } from "../../protocols/ledger/drafts.ts";
import type { EntryDraft } from "../../protocols/ledger/drafts.ts";
import type { EntryBody } from "../../protocols/ledger/entry.ts";
import { approveLegs, jointAccount } from "../../protocols/ledger/joint.ts";
import type { ApprovalFrame } from "../../protocols/ledger/joint.ts";
import type { Charge, Leg, LegsContent } from "../../protocols/ledger/legs.ts";
import type { Person } from "./committee.ts";
import { START_MS } from "./committee.ts";
import { alice, drone, euro, shop } from "./village.ts";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

export interface Subscription {
  terms: Terms;
  id: Uint8Array;
  open: EntryDraft;
}

/** The shop may charge Alice 10.00 an hour and 25.00 in all, and the drone 1.00 a minute and 3.00. */
const MANDATES: Mandate[] = [
  { from: "alice", by: "shop", currency: euro, capMinor: 1_000n, periodMs: HOUR, totalMinor: 2_500n },
  { from: "drone", by: "shop", currency: euro, capMinor: 100n, periodMs: MINUTE, totalMinor: 300n },
];

/** Ends when the shop or Alice says so, or after a day. All have signed. */
export function subscriptionOf(
  nonce: number,
  { mandates = MANDATES, beneficiaries = [] as Beneficiary[], now = START_MS } = {},
): Subscription {
  const party = (role: string, { device, root }: Person) => {
    return { role, identity: device.publicKey, account: root.publicKey };
  };
  const actBy = now + 24 * HOUR;
  const ends = (by: string) => {
    return { kind: "choice" as const, by, name: "end", min: 1n, max: 1n, then: { kind: "close" as const } };
  };
  const terms: Terms = {
    network: "village",
    template: "subscription/1",
    nonce: new Uint8Array(16).fill(nonce),
    parties: [party("alice", alice), party("drone", drone), party("shop", shop)],
    beneficiaries,
    mandates,
    notBefore: now,
    offerExpires: now + MINUTE,
    details: [],
    contract: {
      kind: "when",
      label: "subscribed",
      cases: [ends("alice"), ends("shop")],
      actBy,
      claimBy: actBy + MINUTE,
      refundFrom: actBy + 2 * MINUTE,
      onTimeout: { kind: "close" },
    },
  };
  const bytes = encodeTerms(terms);
  const id = termsId(crypto, bytes);
  const signatures = [alice, drone, shop].map(({ device }) => signTerms(device, id));
  return { terms, id, open: draftOpen(crypto, id, bytes, signatures) };
}

export function leg(account: Person | Uint8Array, change: bigint, currency: string = euro): Leg {
  return { account: account instanceof Uint8Array ? account : account.root.publicKey, currency, change };
}

export function charge(place: number, { id }: Pick<Subscription, "id">, mandate: number): Charge {
  return { leg: place, termsId: id, mandate };
}

export function legsOf(legs: Leg[], charges: Charge[] = []): LegsContent {
  return { legs, charges, memo: new Uint8Array() };
}

export function legsBody(content: LegsContent, approvals: Uint8Array[] = []): EntryBody {
  return { kind: "legs", ...content, approvals };
}

/** Two of these three. */
export const purseMembers = [alice, drone, shop];
const members = purseMembers.map(({ root }) => root.publicKey);
export const purse = jointAccount(crypto, 2, members);
export const makePurse: EntryDraft = { body: { kind: "joint", k: 2, members } };

export function approvalFrame(nonce: number, change: Partial<ApprovalFrame> = {}): ApprovalFrame {
  const notAfter = START_MS + 24 * HOUR;
  return { network: "village", zone: "main", nonce: new Uint8Array(16).fill(nonce), notAfter, ...change };
}

/** An entry that takes from the purse: its nonce goes into the frame too. */
export function approved(content: LegsContent, frame: ApprovalFrame, by: Person[]): EntryDraft {
  const approvals = by.map(({ device }) => approveLegs(crypto, device, frame, content));
  return { body: legsBody(content, approvals), nonce: frame.nonce };
}
