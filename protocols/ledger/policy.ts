/**
 * What an issuer lays down when it makes a currency, for good: who mints it and how much, what lying
 * still costs, or that it is a deed, of which there is one. A currency without a policy is minted by its
 * issuer, as much as it likes.
 */
import { toHex } from "../encoding/bytes.ts";
import type { CborValue } from "../encoding/cbor.ts";
import type { FieldReader } from "../encoding/reader.ts";
import { SegmentError } from "../errors.ts";
import { MAX_AMOUNT } from "../money/amounts.ts";

export type CurrencyPolicy = MoneyPolicy | DeedPolicy;

export interface MoneyPolicy {
  kind: "money";
  /** Root keys, 1 to 15, each once: who may mint. The issuer too only if it is among them. */
  minters: Uint8Array[];
  /** All minters together mint at most `minor` in each period, counted from 1970; null: no limit. */
  cap: { minor: bigint; periodMs: number } | null;
  /** Accounts lose `ppm` millionths in each period to `fund`, which loses nothing; null: they do not. */
  demurrage: Demurrage | null;
}

export interface Demurrage {
  ppm: number;
  periodMs: number;
  /** The account (root key) that receives what the others lose. */
  fund: Uint8Array;
}

export interface DeedPolicy {
  kind: "deed";
  /** SHA-256 of the document that the deed stands for. */
  documentHash: Uint8Array;
}

export const MAX_MINTERS = 15;
/** A minute, and ten years. */
export const MIN_PERIOD_MS = 60_000;
export const MAX_PERIOD_MS = 3_653 * 24 * 60 * 60 * 1_000;
export const MAX_DEMURRAGE_PPM = 999_999;
const PERIOD = { min: MIN_PERIOD_MS, max: MAX_PERIOD_MS };

/** As entries and the ledger's state hold it: `["money", minters, cap, demurrage]` or `["deed", hash]`. */
export function policyFields(policy: CurrencyPolicy): CborValue[] {
  if (policy.kind === "deed") return [policy.kind, policy.documentHash];
  const { kind, minters, cap, demurrage } = policy;
  return [
    kind,
    minters,
    cap === null ? null : [cap.minor, cap.periodMs],
    demurrage === null ? null : [demurrage.ppm, demurrage.periodMs, demurrage.fund],
  ];
}

/** Throws `cbor-wrong-shape`. */
export function readPolicy(reader: FieldReader): CurrencyPolicy {
  const kind = reader.text("kind", { max: 8 });
  if (kind === "deed") {
    const documentHash = reader.bytes("documentHash", { length: 32 });
    reader.end();
    return { kind, documentHash };
  }
  if (kind !== "money") throw wrongShape("kind", "is neither money nor deed");
  const minterReader = reader.record("minters");
  const minters: Uint8Array[] = [];
  while (minterReader.remaining > 0) minters.push(minterReader.bytes("minter", { length: 32 }));
  if (
    minters.length === 0 ||
    minters.length > MAX_MINTERS ||
    new Set(minters.map(toHex)).size < minters.length
  )
    throw wrongShape("minters", `are not 1 to ${MAX_MINTERS} different accounts`);
  const cap = reader.nullable("cap", (r) => readCap(r.record("cap", 2)));
  const demurrage = reader.nullable("demurrage", (r) => readDemurrage(r.record("demurrage", 3)));
  reader.end();
  return { kind, minters, cap, demurrage };
}

function readCap(reader: FieldReader): NonNullable<MoneyPolicy["cap"]> {
  return {
    minor: reader.bigint("minor", { min: 1n, max: MAX_AMOUNT }),
    periodMs: reader.int("periodMs", PERIOD),
  };
}

function readDemurrage(reader: FieldReader): Demurrage {
  return {
    ppm: reader.int("ppm", { min: 1, max: MAX_DEMURRAGE_PPM }),
    periodMs: reader.int("periodMs", PERIOD),
    fund: reader.bytes("fund", { length: 32 }),
  };
}

function wrongShape(field: string, problem: string): SegmentError {
  return new SegmentError("cbor-wrong-shape", `policy.${field} ${problem}`, { where: `policy.${field}` });
}
