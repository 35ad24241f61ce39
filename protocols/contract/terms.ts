/**
 * The terms that parties sign: who they are, what the contract is about, and the contract
 * itself, a tree of nodes after Marlowe. Every path through the tree ends; nothing repeats.
 */
import { decodeCbor, encodeCbor } from "../encoding/cbor.ts";
import type { CborValue } from "../encoding/cbor.ts";
import { equalBytes, toHex } from "../encoding/bytes.ts";
import { FieldReader } from "../encoding/reader.ts";
import { SegmentError } from "../errors.ts";
import { labelledHash } from "../crypto/hash.ts";
import { sign1, verify1 } from "../identity/cose.ts";
import type { Crypto, Signer, TimeMs } from "../ports.ts";
import {
  MAX_BENEFICIARIES,
  MAX_DETAILS,
  MAX_MANDATES,
  MAX_PARTIES,
  MAX_TERMS_BYTES,
  MAX_TIME_MS,
} from "./bounds.ts";
import { asTermsError, CBOR_DEPTH, decodeNode, encodeNode, NodeBudget, roleField } from "./node-codec.ts";
import { beneficiaryFields, mandateFields, readBeneficiary, readMandate } from "./promises.ts";
import type { Beneficiary, Mandate } from "./promises.ts";

export type { Beneficiary, Mandate } from "./promises.ts";

/** Names a party within its terms: "buyer", "drone"; 1 to 32 of a-z, 0-9 and -. */
export type Role = string;

export interface Party {
  role: Role;
  /** Ed25519 public key of the device that signs facts, choices and the terms. */
  identity: Uint8Array;
  /** Root public key that owns the account from which it deposits and on which it is paid. */
  account: Uint8Array;
}

export interface Terms {
  network: string;
  /** The template they were made from, "delivery/1": for people and for texts, not for the machine. */
  template: string;
  /** 16 random bytes: the same terms twice are two contracts. */
  nonce: Uint8Array;
  /** 2 to 8, sorted as their maker chose; roles and identities are distinct. */
  parties: Party[];
  /** At most 4; their roles are distinct from the parties'. */
  beneficiaries: Beneficiary[];
  /** At most 16; whoever charges one names it by its index. */
  mandates: Mandate[];
  /** The contract may be opened from here … */
  notBefore: TimeMs;
  /** … until here. */
  offerExpires: TimeMs;
  /** Named values that people read: address, goods, slot. Texts, integers or byte strings. */
  details: [name: string, value: CborValue][];
  contract: Node;
}

export type Node = Close | Pay | If | When;

/** The end. The pot is empty here on every path (`checkTerms`). */
export interface Close {
  kind: "close";
}

export interface Pay {
  kind: "pay";
  /** A party or a beneficiary. */
  to: Role;
  currency: string;
  amount: AmountExpr;
  then: Node;
}

/** Decided at the moment that the step before it is executed. */
export interface If {
  kind: "if";
  condition: Observation;
  then: Node;
  else: Node;
}

/**
 * Waits for one of its cases. Deposits, choices and facts count if made up to `actBy`; evidence of
 * facts may reach the log up to `claimBy`; the timeout can be executed from `refundFrom`.
 */
export interface When {
  kind: "when";
  /** What devices obey once it is certified: "may-land". */
  label: string;
  cases: Case[];
  actBy: TimeMs;
  claimBy: TimeMs;
  refundFrom: TimeMs;
  onTimeout: Node;
}

export type Case =
  | { kind: "deposit"; by: Role; currency: string; amount: bigint; then: Node }
  | { kind: "choice"; by: Role; name: string; min: bigint; max: bigint; then: Node }
  | { kind: "facts"; condition: Observation; then: Node };

export type AmountExpr =
  | { kind: "constant"; minor: bigint }
  /** All that the pot holds of this currency. */
  | { kind: "available" }
  /** floor(body[index] * numerator / denominator), at least `min` and at most `max`; the fact is `role`'s. */
  | {
      kind: "field";
      factKind: string;
      role: Role;
      index: number;
      numerator: bigint;
      denominator: bigint;
      min: bigint;
      max: bigint;
    }
  /** The value that `by` gave with its choice `name` on the way here, at least `min` and at most `max`. */
  | { kind: "chosen"; by: Role; name: string; min: bigint; max: bigint };

export type Observation =
  /** `role` signed a "position" within `radiusMm` of the point, over ground. */
  | { kind: "near"; role: Role; latitudeE7: number; longitudeE7: number; radiusMm: number; maxAgeMs: number }
  /** `role` signed a fact of this kind about this contract. */
  | { kind: "attest"; role: Role; factKind: string; maxAgeMs: number }
  /** `k` of the roles signed facts of this kind about this contract, with the same body. */
  | { kind: "signed"; k: number; roles: Role[]; factKind: string; maxAgeMs: number }
  /** Both signed "met" with the same session, naming each other. */
  | { kind: "met"; roles: [Role, Role]; maxAgeMs: number }
  /** The newest of the facts that the case asks for (without facts: the log's time) is earlier than this. */
  | { kind: "before"; timeMs: TimeMs }
  /** Someone shows the bytes whose SHA-256 this is. */
  | { kind: "hash"; digest: Uint8Array }
  | { kind: "and"; all: Observation[] }
  | { kind: "or"; any: Observation[] }
  | { kind: "not"; not: Observation };

/** Terms with their id: what the machine runs. */
export interface Contract {
  /** `termsId` of the signed bytes, 32 bytes; facts name it as their subject. */
  id: Uint8Array;
  terms: Terms;
}

const VERSION = 1;

/** In a text that people read before they sign, these could pass for other lines or hide some. */
export const UNREADABLE = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/** The signed bytes. Throws `terms-invalid` or `terms-too-large` for what `decodeTerms` would refuse. */
export function encodeTerms(terms: Terms): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = encodeCbor([
      VERSION,
      terms.network,
      terms.template,
      terms.nonce,
      terms.parties.map((party) => [party.role, party.identity, party.account]),
      terms.beneficiaries.map(beneficiaryFields),
      terms.mandates.map(mandateFields),
      terms.notBefore,
      terms.offerExpires,
      terms.details.map(([name, value]) => [name, value]),
      encodeNode(terms.contract, new NodeBudget()),
    ]);
  } catch (error) {
    throw asTermsError(error);
  }
  decodeTerms(bytes);
  return bytes;
}

/** Terms of at most 16 KiB, 32 levels and 256 nodes. Throws `terms-too-large` or `terms-invalid`. */
export function decodeTerms(bytes: Uint8Array): Terms {
  if (bytes.length > MAX_TERMS_BYTES) {
    throw new SegmentError(
      "terms-too-large",
      `the terms have ${bytes.length} bytes, ${MAX_TERMS_BYTES} allowed`,
    );
  }
  try {
    const reader = new FieldReader(decodeCbor(bytes, { maxDepth: CBOR_DEPTH }), "terms", 11);
    reader.int("version", { min: VERSION, max: VERSION });
    const terms: Terms = {
      network: reader.text("network", { min: 1, max: 32 }),
      template: reader.text("template", { min: 1, max: 32 }),
      nonce: reader.bytes("nonce", { length: 16 }),
      parties: reader.list("parties", { max: MAX_PARTIES }).map(readParty),
      beneficiaries: reader.list("beneficiaries", { max: MAX_BENEFICIARIES }).map(readBeneficiary),
      mandates: reader.list("mandates", { max: MAX_MANDATES }).map(readMandate),
      notBefore: reader.int("notBefore", { min: 0, max: MAX_TIME_MS }),
      offerExpires: reader.int("offerExpires", { min: 0, max: MAX_TIME_MS }),
      details: reader.list("details", { max: MAX_DETAILS }).map(readDetail),
      contract: decodeNode(reader.value("contract"), "terms.contract", new NodeBudget()),
    };
    requireForm(terms);
    return terms;
  } catch (error) {
    throw asTermsError(error);
  }
}

function readParty(value: CborValue, index: number): Party {
  const reader = new FieldReader(value, `terms.parties[${index}]`, 3);
  return {
    role: roleField(reader, "role"),
    identity: reader.bytes("identity", { length: 32 }),
    account: reader.bytes("account", { length: 32 }),
  };
}

function readDetail(value: CborValue, index: number): [string, CborValue] {
  const reader = new FieldReader(value, `terms.details[${index}]`, 2);
  const name = reader.text("name", { min: 1, max: 32 });
  if (!/^[a-zA-Z][a-zA-Z0-9-]*$/.test(name))
    fail("is not of letters, digits and -", `terms.details[${index}].name`);
  const detail = reader.value("value");
  const plain = typeof detail === "string" || typeof detail === "number" || detail instanceof Uint8Array;
  if (!plain || (typeof detail !== "number" && detail.length > 500)) {
    fail(`"${name}" is not a short text, integer or byte string`, "terms.details");
  }
  if (typeof detail === "string" && UNREADABLE.test(detail)) {
    fail(`"${name}" holds control characters, line breaks or changes of direction`, "terms.details");
  }
  return [name, detail];
}

function requireForm(terms: Terms): void {
  if (!/^[a-z0-9-]{1,32}$/.test(terms.network))
    fail("network is not 1 to 32 of a-z, 0-9 and -", "terms.network");
  if (!/^[a-z0-9-]+\/[0-9]+$/.test(terms.template))
    fail("template does not read name/version", "terms.template");
  if (terms.parties.length < 2) fail("there are fewer than two parties", "terms.parties");
  if (terms.notBefore > terms.offerExpires) fail("the offer expires before it begins", "terms.offerExpires");
  requireDistinct(
    [...terms.parties, ...terms.beneficiaries].map((party) => party.role),
    "role",
    "terms.parties",
  );
  requireDistinct(
    terms.parties.map((party) => toHex(party.identity)),
    "identity",
    "terms.parties",
  );
  requireDistinct(
    terms.details.map(([name]) => name),
    "name",
    "terms.details",
  );
}

function requireDistinct(values: string[], what: string, where: string): void {
  if (new Set(values).size !== values.length) fail(`the same ${what} appears twice`, where);
}

function fail(problem: string, where: string): never {
  throw new SegmentError("terms-invalid", `${where}: ${problem}`, { where });
}

/** Names the terms, and the contract that they open: 32 bytes. */
export function termsId(crypto: Crypto, bytes: Uint8Array): Uint8Array {
  return labelledHash(crypto, "terms", bytes);
}

/** Decodes terms and keeps their id beside them. Throws as `decodeTerms`. */
export function readContract(crypto: Crypto, termsBytes: Uint8Array): Contract {
  return { id: termsId(crypto, termsBytes), terms: decodeTerms(termsBytes) };
}

/** A party's consent: COSE_Sign1 (label "terms") over [1, id]. */
export function signTerms(signer: Signer, id: Uint8Array): Uint8Array {
  return sign1("terms", encodeCbor([VERSION, id]), signer);
}

/**
 * The key that signed these terms. Throws `signature-malformed` or `signature-invalid`, also for other
 * terms.
 */
export function verifyTermsSignature(crypto: Crypto, id: Uint8Array, signature: Uint8Array): Uint8Array {
  const { signer, payload } = verify1(crypto, "terms", signature);
  if (!equalBytes(payload, encodeCbor([VERSION, id]))) {
    throw new SegmentError("signature-invalid", "the signature is for other terms", { where: "terms" });
  }
  return signer;
}

/**
 * Checks that every party has signed, once each and nobody else; the order is free. Throws
 * `signature-malformed` or `signature-invalid`, and `terms-invalid` for malformed terms.
 */
export function verifyTermsSignatures(
  crypto: Crypto,
  termsBytes: Uint8Array,
  signatures: Uint8Array[],
): void {
  const { id, terms } = readContract(crypto, termsBytes);
  if (signatures.length > terms.parties.length) {
    throw new SegmentError("signature-invalid", "there are more signatures than parties", { where: "terms" });
  }
  const missing = new Map(terms.parties.map((party) => [toHex(party.identity), party.role]));
  for (const signature of signatures) {
    const signer = toHex(verifyTermsSignature(crypto, id, signature));
    if (!missing.delete(signer)) {
      throw new SegmentError("signature-invalid", "a signature is double or not by a party", {
        where: "terms",
      });
    }
  }
  if (missing.size > 0) {
    const roles = [...missing.values()].join(", ");
    throw new SegmentError("signature-invalid", `the terms are not signed by: ${roles}`, { where: "terms" });
  }
}

/** The account that a payment to a role goes to: a party's or a beneficiary's. */
export function accountOf(terms: Terms, role: Role): Uint8Array | undefined {
  return [...terms.parties, ...terms.beneficiaries].find((one) => one.role === role)?.account;
}

/** The party of a role. */
export function partyOf(terms: Terms, role: Role): Party | undefined {
  return terms.parties.find((party) => party.role === role);
}

/** The party whose device holds this key. */
export function partyByIdentity(terms: Terms, identity: Uint8Array): Party | undefined {
  return terms.parties.find((party) => equalBytes(party.identity, identity));
}
