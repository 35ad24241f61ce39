/**
 * The joint accounts of which a home's owner is a member, as far as the home has met them: joint/
 *
 *     <account>.json                        k and the members; the account's name is their hash
 *     <account>.<nonce>.payment             a payment that waits for approvals, as its line
 *     <account>.<nonce>.<hash>.approval     a member's approval of it, as its line
 *
 * Files are only ever added.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import {
  formatJointApproval,
  formatJointPayment,
  jointLegs,
  parseJointApproval,
  parseJointPayment,
} from "../../protocols/documents/joint-payment.ts";
import type { JointPayment } from "../../protocols/documents/joint-payment.ts";
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { agentId, publicKeyFromId } from "../../protocols/identity/keys.ts";
import {
  approves,
  jointAccount,
  MAX_MEMBERS,
  MIN_MEMBERS,
  openApproval,
} from "../../protocols/ledger/joint.ts";
import type { JointRule } from "../../protocols/ledger/joint.ts";
import { legsHash } from "../../protocols/ledger/legs.ts";
import type { Crypto, TimeMs } from "../../protocols/ports.ts";
import { addSharedFile } from "./files.ts";
import type { Home } from "./home.ts";

const FOLDER = "joint";

const ruleSchema = z.strictObject({
  k: z.number().int().min(1).max(MAX_MEMBERS),
  members: z.array(z.string().max(64)).min(MIN_MEMBERS).max(MAX_MEMBERS),
});

/** A payment that has been proposed, with the approvals that this home knows of. */
export interface PendingPayment {
  payment: JointPayment;
  /** The device keys of those who have approved. */
  approvers: Uint8Array[];
  approvals: Uint8Array[];
}

/** Keeps an account's rule; says whether it is new here. Errors: store-failed. */
export function rememberJoint(crypto: Crypto, home: Home, { k, members }: JointRule): boolean {
  const path = join(home.folder, FOLDER, `${agentId(jointAccount(crypto, k, members))}.json`);
  if (existsSync(path)) return false;
  addSharedFile(path, new TextEncoder().encode(`${JSON.stringify({ k, members: members.map(agentId) })}\n`));
  return true;
}

/** By account id; of those only whose name their rule gives, and of which the owner is a member. */
export function jointAccounts(crypto: Crypto, home: Home): Map<string, JointRule> {
  const all = new Map<string, JointRule>();
  for (const name of namesIn(home)) {
    if (!name.endsWith(".json")) continue;
    const rule = tolerant(() => {
      const read = ruleSchema.parse(JSON.parse(textOf(home, name)));
      return { k: read.k, members: read.members.map(publicKeyFromId) };
    });
    if (rule === undefined || !rule.members.some((member) => equalBytes(member, home.card.root))) continue;
    const id = agentId(jointAccount(crypto, rule.k, rule.members));
    if (name === `${id}.json`) all.set(id, rule);
  }
  return all;
}

/** Keeps a proposed payment. Errors: store-failed. */
export function rememberPayment(home: Home, payment: JointPayment): void {
  addSharedFile(`${pathOf(home, payment)}.payment`, new TextEncoder().encode(formatJointPayment(payment)));
}

/** Keeps an approval of a payment. Errors: store-failed. */
export function rememberApproval(
  crypto: Crypto,
  home: Home,
  payment: JointPayment,
  approval: Uint8Array,
): void {
  const hash = toHex(crypto.sha256(approval)).slice(0, 16);
  const line = new TextEncoder().encode(formatJointApproval(approval));
  addSharedFile(`${pathOf(home, payment)}.${hash}.approval`, line);
}

/** What may still be paid from an account: not too late, and not by one of these nonces (in hex). */
export function pendingPayments(
  crypto: Crypto,
  home: Home,
  account: Uint8Array,
  nowMs: TimeMs,
  paid: ReadonlySet<string>,
): PendingPayment[] {
  const names = namesIn(home);
  const zone = home.network?.zone ?? "";
  return names.flatMap((name) => {
    if (!name.startsWith(`${agentId(account)}.`) || !name.endsWith(".payment")) return [];
    const payment = tolerant(() => parseJointPayment(textOf(home, name)));
    if (payment === undefined || !equalBytes(payment.from, account)) return [];
    const { network, nonce, notAfter } = payment;
    if (network !== home.network?.network || nowMs > notAfter || paid.has(toHex(nonce))) return [];
    const hash = legsHash(crypto, jointLegs(payment));
    const approvers = new Map<string, [signer: Uint8Array, approval: Uint8Array]>();
    for (const other of names) {
      if (!other.startsWith(name.slice(0, -"payment".length)) || !other.endsWith(".approval")) continue;
      const bytes = tolerant(() => parseJointApproval(textOf(home, other)));
      const approval = bytes && tolerant(() => openApproval(crypto, bytes));
      if (bytes === undefined || approval === undefined) continue;
      if (approves(approval, { network, zone, nonce }, hash, nowMs))
        approvers.set(toHex(approval.signer), [approval.signer, bytes]);
    }
    const all = [...approvers.values()];
    return [{ payment, approvers: all.map(([signer]) => signer), approvals: all.map(([, bytes]) => bytes) }];
  });
}

function pathOf(home: Home, { from, nonce }: JointPayment): string {
  return join(home.folder, FOLDER, `${agentId(from)}.${toHex(nonce)}`);
}

function namesIn({ folder }: Home): string[] {
  const path = join(folder, FOLDER);
  return existsSync(path) ? readdirSync(path).sort() : [];
}

function textOf({ folder }: Home, name: string): string {
  return readFileSync(join(folder, FOLDER, name), "utf8");
}

/** Damaged, or written by somebody else: as if it were not there. */
function tolerant<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const isKnown =
      error instanceof SegmentError || error instanceof z.ZodError || error instanceof SyntaxError;
    if (isKnown) return undefined;
    throw error;
  }
}
