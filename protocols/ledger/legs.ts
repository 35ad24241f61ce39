/**
 * What an entry of many legs moves: money that leaves some accounts and reaches others, all at once or
 * not at all. How it is written, and the hash that approvals of it cover.
 */
import { labelledHash } from "../crypto/hash.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import type { CborValue } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { SegmentError } from "../errors.ts";
import { MAX_MANDATES } from "../contract/bounds.ts";
import { MAX_AMOUNT } from "../money/amounts.ts";
import type { Crypto } from "../ports.ts";

export const MIN_LEGS = 2;
export const MAX_LEGS = 64;
/** All members of two joint accounts. */
export const MAX_APPROVALS = 30;
export const MAX_MEMO_BYTES = 64;
const MAX_APPROVAL_BYTES = 512;

/** One account's share. `account` is a root public key, or a joint account. */
export interface Leg {
  account: Uint8Array;
  currency: string;
  /** Minor units: above zero it receives, below zero it pays. */
  change: bigint;
}

/** Says by which mandate a leg takes from an account that is not the signer's. */
export interface Charge {
  /** Place in the list of legs. */
  leg: number;
  termsId: Uint8Array;
  /** Place in the terms' list of mandates. */
  mandate: number;
}

/** All that approvals cover. */
export interface LegsContent {
  /** 2 to 64; in each currency the changes add up to zero. */
  legs: Leg[];
  /** At most one for each leg. */
  charges: Charge[];
  /** At most 64 bytes. */
  memo: Uint8Array;
}

export interface LegsFields extends LegsContent {
  /** COSE messages of members of joint accounts (joint.ts). */
  approvals: Uint8Array[];
}

/** What the members of a joint account approve, 32 bytes. */
export function legsHash(crypto: Crypto, content: LegsContent): Uint8Array {
  return labelledHash(crypto, "legs", encodeCbor([1, ...contentFields(content)]));
}

export function legsFields(body: LegsFields): CborValue[] {
  return [...contentFields(body), body.approvals];
}

function contentFields({ legs, charges, memo }: LegsContent): CborValue[] {
  const chargeFields = charges.map(({ leg, termsId, mandate }) => [leg, termsId, mandate]);
  return [legs.map(legFields), chargeFields, memo];
}

export function legFields({ account, currency, change }: Leg): CborValue {
  return [account, currency, change];
}

/** Throws `cbor-wrong-shape`, or `entry-invalid` for legs that do not balance and charges that fit none. */
export function readLegs(reader: FieldReader): LegsFields {
  const legs = reader.list("legs", { max: MAX_LEGS }).map(readLeg);
  const charges = reader.list("charges", { max: MAX_LEGS }).map(readCharge);
  const memo = reader.bytes("memo", { max: MAX_MEMO_BYTES });
  const list = reader.list("approvals", { max: MAX_APPROVALS });
  const approval = new FieldReader(list, "entry.legs.approvals");
  const approvals = list.map((_, index) => approval.bytes(String(index), { max: MAX_APPROVAL_BYTES }));
  requireBalance(legs);
  requireFitting(charges, legs);
  return { legs, charges, memo, approvals };
}

export function readLeg(value: CborValue, index: number): Leg {
  const reader = new FieldReader(value, `entry.legs.legs[${index}]`, 3);
  return {
    account: reader.bytes("account", { length: 32 }),
    currency: reader.text("currency", { min: 1, max: 64 }),
    change: reader.bigint("change", { min: -MAX_AMOUNT, max: MAX_AMOUNT }),
  };
}

function readCharge(value: CborValue, index: number): Charge {
  const reader = new FieldReader(value, `entry.legs.charges[${index}]`, 3);
  return {
    leg: reader.int("leg", { min: 0, max: MAX_LEGS - 1 }),
    termsId: reader.bytes("termsId", { length: 32 }),
    mandate: mandateIndex(reader),
  };
}

/** A place in a contract's list of mandates. */
export function mandateIndex(reader: FieldReader): number {
  return reader.int("mandate", { min: 0, max: MAX_MANDATES - 1 });
}

function requireBalance(legs: Leg[]): void {
  if (legs.length < MIN_LEGS) fail("there are fewer than two legs", "legs");
  const sums = new Map<string, bigint>();
  for (const [index, { currency, change }] of legs.entries()) {
    if (change === 0n) fail("moves nothing", `legs[${index}].change`);
    sums.set(currency, (sums.get(currency) ?? 0n) + change);
  }
  for (const sum of sums.values())
    if (sum !== 0n) fail("the legs of a currency do not add up to zero", "legs");
}

function requireFitting(charges: Charge[], legs: Leg[]): void {
  const charged = new Set<number>();
  for (const [index, { leg }] of charges.entries()) {
    const change = legs[leg]?.change ?? 0n;
    if (change >= 0n) fail("names no leg that takes", `charges[${index}].leg`);
    if (charged.has(leg)) fail("names a leg that is charged already", `charges[${index}].leg`);
    charged.add(leg);
  }
}

function fail(problem: string, field: string): never {
  const where = `entry.legs.${field}`;
  throw new SegmentError("entry-invalid", `${where}: ${problem}`, { where });
}
