/**
 * Joint accounts: k of n members spend. An account is named by its rule, the hash of k and the members'
 * roots, and holds money once the ledger knows it (entry `joint`). Members approve an entry of legs
 * before it is signed, each with a device, so the entry's nonce is chosen first; a nonce pays once.
 */
import { labelledHash } from "../crypto/hash.ts";
import { compareBytes, equalBytes, toHex } from "../encoding/bytes.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { SegmentError } from "../errors.ts";
import { sign1, verify1 } from "../identity/cose.ts";
import type { Crypto, Signer, TimeMs } from "../ports.ts";
import { legsHash } from "./legs.ts";
import type { LegsContent } from "./legs.ts";
import type { StateReader } from "./state.ts";

export const MIN_MEMBERS = 2;
export const MAX_MEMBERS = 15;

/** Who may spend: `k` of the members, 2 to 15 root public keys, all different. */
export interface JointRule {
  k: number;
  members: Uint8Array[];
}

/** What an approval is bound to besides the legs. */
export interface ApprovalFrame {
  network: string;
  zone: string;
  /** Of the entry to come: 16 random bytes, the same for all who approve. */
  nonce: Uint8Array;
  /** The ledger takes the approval until here. */
  notAfter: TimeMs;
}

export interface Approval extends ApprovalFrame {
  /** The device that approves. */
  signer: Uint8Array;
  /** Of what it approves (`legsHash`). */
  hash: Uint8Array;
}

/** Throws `cbor-wrong-shape`, or `entry-invalid` for what no account can have. */
export function readJoint(reader: FieldReader): JointRule {
  const k = reader.int("k", { min: 1, max: MAX_MEMBERS });
  const list = reader.list("members", { max: MAX_MEMBERS });
  const member = new FieldReader(list, "entry.joint.members");
  const members = list.map((_, index) => member.bytes(String(index), { length: 32 }));
  if (members.length < MIN_MEMBERS) fail("members", "are fewer than two");
  if (new Set(members.map(toHex)).size < members.length) fail("members", "name one twice");
  if (k > members.length) fail("k", "is more than there are members");
  return { k, members };
}

function fail(field: string, problem: string): never {
  const where = `entry.joint.${field}`;
  throw new SegmentError("entry-invalid", `${where} ${problem}`, { where });
}

/** 32 bytes, which stand where a root public key would; nobody can know a key to it. */
export function jointAccount(crypto: Crypto, k: number, members: Uint8Array[]): Uint8Array {
  return labelledHash(crypto, "jointAccount", encodeCbor([1, k, sorted(members)]));
}

function sorted(members: Uint8Array[]): Uint8Array[] {
  return members.toSorted(compareBytes);
}

/** A member's consent: COSE_Sign1 (label "approval") over [1, network, zone, nonce, hash, notAfter]. */
export function approveLegs(
  crypto: Crypto,
  device: Signer,
  frame: ApprovalFrame,
  content: LegsContent,
): Uint8Array {
  const { network, zone, nonce, notAfter } = frame;
  const payload = [1, network, zone, nonce, legsHash(crypto, content), notAfter];
  return sign1("approval", encodeCbor(payload), device);
}

/**
 * Verifies an approval's signature; whether the device may approve is the ledger's question. Throws
 * `signature-malformed`, `signature-invalid` or a `cbor-…` code.
 */
export function openApproval(crypto: Crypto, bytes: Uint8Array): Approval {
  const { signer, payload } = verify1(crypto, "approval", bytes);
  const reader = FieldReader.fromBytes(payload, "approval", { maxBytes: 256, maxDepth: 2, maxItems: 16 });
  reader.int("version", { min: 1, max: 1 });
  const approval = {
    signer,
    network: reader.text("network", { max: 32 }),
    zone: reader.text("zone", { max: 32 }),
    nonce: reader.bytes("nonce", { length: 16 }),
    hash: reader.bytes("hash", { length: 32 }),
    notAfter: reader.int("notAfter", { min: 0 }),
  };
  reader.end();
  return approval;
}

/** Whether an approval is for exactly this entry, at this time. */
export function approves(
  approval: Approval,
  entry: { network: string; zone: string; nonce: Uint8Array },
  hash: Uint8Array,
  timeMs: TimeMs,
): boolean {
  return (
    approval.network === entry.network &&
    approval.zone === entry.zone &&
    equalBytes(approval.nonce, entry.nonce) &&
    equalBytes(approval.hash, hash) &&
    timeMs <= approval.notAfter
  );
}

export function jointKey(account: Uint8Array): string {
  return `joint/${toHex(account)}`;
}

/** Marks a nonce by which the account has paid. Kept for good: who signs an entry, and when, may differ. */
export function spentKey(account: Uint8Array, nonce: Uint8Array): string {
  return `spent/${toHex(account)}/${toHex(nonce)}`;
}

/** As the ledger keeps it, whatever the order in which the members were named. */
export function encodeJointRule({ k, members }: JointRule): Uint8Array {
  return encodeCbor([k, sorted(members)]);
}

/** Undefined for what is no joint account of this ledger. */
export function jointRule(state: StateReader, account: Uint8Array): JointRule | undefined {
  const bytes = state.get(jointKey(account));
  if (bytes === undefined) return undefined;
  const reader = FieldReader.fromBytes(bytes, "joint");
  const k = reader.int("k");
  const list = reader.list("members");
  const members = new FieldReader(list, "joint.members");
  return { k, members: list.map((_, index) => members.bytes(String(index))) };
}

export function isMember({ members }: JointRule, root: Uint8Array): boolean {
  return members.some((member) => equalBytes(member, root));
}

export interface OwnAccount {
  account: Uint8Array;
  /** Of a joint account. */
  joint?: JointRule;
}

/** An account as its owner sees it; undefined unless it is the root's own, or one that it is a member of. */
export function ownAccount(
  state: StateReader,
  root: Uint8Array,
  account: Uint8Array,
): OwnAccount | undefined {
  if (equalBytes(account, root)) return { account };
  const joint = jointRule(state, account);
  return joint !== undefined && isMember(joint, root) ? { account, joint } : undefined;
}
