/** What an executed entry did, as the block's leaf says it: certified with the block, shown by receipts. */
import { encodeCbor } from "../encoding/cbor.ts";
import type { CborValue } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { REMEDIES, SegmentError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import { MAX_AMOUNT } from "../money/amounts.ts";
import type { EntryKind } from "./entry.ts";
import { readJoint } from "./joint.ts";
import type { JointRule } from "./joint.ts";
import { legFields, mandateIndex, MAX_LEGS, readLeg } from "./legs.ts";
import type { Leg } from "./legs.ts";

/** Money that a contract paid out. `account` is a root public key. */
export interface Payment {
  account: Uint8Array;
  currency: string;
  amount: bigint;
}

/** A contract after a transition: `label` is what devices obey, "closed" at the end. */
export interface ContractResult {
  termsId: Uint8Array;
  /** Transitions so far. */
  seq: number;
  label: string;
  closed: boolean;
  payments: Payment[];
}

/** What demurrage took from an account for the time that it lay still, to the currency's fund. */
export interface Loss {
  account: Uint8Array;
  fund: Uint8Array;
  currency: string;
  amount: bigint;
}

/** `losses` come before all else that the entry does; absent if there are none. */
export type EntryResult = ResultBody & { losses?: Loss[] };

type ResultBody =
  | { kind: "card"; identity: Uint8Array; root: Uint8Array }
  | { kind: "revoke"; identity: Uint8Array }
  /** A deed is its maker's from the beginning: the account `to`. Other currencies are nobody's yet. */
  | { kind: "currency"; currency: string; to?: Uint8Array }
  | { kind: "mint"; currency: string; to: Uint8Array; amount: bigint }
  | { kind: "transfer"; from: Uint8Array; to: Uint8Array; currency: string; amount: bigint }
  | { kind: "legs"; legs: Leg[] }
  | ({ kind: "joint"; account: Uint8Array } & JointRule)
  /** `account` is the payer's. */
  | { kind: "end-mandate"; termsId: Uint8Array; mandate: number; account: Uint8Array }
  | {
      kind: "examine";
      termsId: Uint8Array;
      account: Uint8Array;
      currency: string;
      amount: bigint;
      /** Whether the account held at least `amount`; the balance itself stays private. */
      sufficient: boolean;
      /** Root of the ledger's state at the end of the block before. */
      stateRoot: Uint8Array;
    }
  | ({ kind: "open" | "choice" | "facts" | "expire" } & ContractResult)
  | ({ kind: "deposit" } & ContractResult & { account: Uint8Array; currency: string; amount: bigint });

/** One for each leg, or for each account that a contract pays. */
const MAX_LOSSES = 256;

/** `ok`, or why the entry was refused. */
export type Outcome = "ok" | ErrorCode;

/** One entry's line in its block. `result` is null exactly when it was refused. */
export interface Leaf {
  index: number;
  entryId: Uint8Array;
  outcome: Outcome;
  result: EntryResult | null;
}

/**
 * Deterministic: [1, index, entryId, outcome, result], and then losses, if there are any:
 * [[account, fund, currency, amount], …].
 */
export function encodeLeaf(leaf: Leaf): Uint8Array {
  const result = leaf.result === null ? [] : resultFields(leaf.result);
  const fields = [1, leaf.index, leaf.entryId, leaf.outcome, result];
  const losses = leaf.result?.losses ?? [];
  if (losses.length > 0) fields.push(losses.map(lossFields));
  return encodeCbor(fields);
}

function lossFields({ account, fund, currency: id, amount: minor }: Loss): CborValue {
  return [account, fund, id, minor];
}

function readLoss(value: CborValue): Loss {
  const reader = new FieldReader(value, "leaf.loss", 4);
  const account = key(reader, "account");
  return { account, fund: key(reader, "fund"), currency: currency(reader), amount: amount(reader) };
}

/** Reads a leaf; `kind` is that of its entry. Throws `cbor-…` codes. */
export function decodeLeaf(bytes: Uint8Array, kind: string): Leaf {
  const reader = FieldReader.fromBytes(bytes, "leaf", { maxBytes: 65_536, maxDepth: 6, maxItems: 4_096 });
  reader.int("version", { min: 1, max: 1 });
  const index = reader.int("index", { min: 0 });
  const entryId = reader.bytes("entryId", { length: 32 });
  const outcome = readOutcome(reader.text("outcome", { max: 64 }));
  const resultReader = reader.record("result");
  const result: EntryResult | null = outcome === "ok" ? readResult(kind as EntryKind, resultReader) : null;
  resultReader.end();
  if (result !== null && reader.remaining > 0) {
    result.losses = reader.list("losses", { max: MAX_LOSSES }).map(readLoss);
    if (result.losses.length === 0) throw new SegmentError("cbor-wrong-shape", "leaf.losses is empty");
  }
  reader.end();
  return { index, entryId, outcome, result };
}

function readOutcome(text: string): Outcome {
  if (text === "ok" || Object.hasOwn(REMEDIES, text)) return text as Outcome;
  throw new SegmentError("cbor-wrong-shape", "leaf.outcome is no code that this version knows", {
    where: "leaf.outcome",
  });
}

function resultFields(result: EntryResult): CborValue[] {
  switch (result.kind) {
    case "card":
      return [result.identity, result.root];
    case "revoke":
      return [result.identity];
    case "currency":
      return result.to === undefined ? [result.currency] : [result.currency, result.to];
    case "mint":
      return [result.currency, result.to, result.amount];
    case "transfer":
      return [result.from, result.to, result.currency, result.amount];
    case "legs":
      return [result.legs.map(legFields)];
    case "joint":
      return [result.account, result.k, result.members];
    case "end-mandate":
      return [result.termsId, result.mandate, result.account];
    case "examine": {
      const { termsId, account, currency, amount, sufficient, stateRoot } = result;
      return [termsId, account, currency, amount, sufficient, stateRoot];
    }
    case "deposit":
      return [...contractFields(result), result.account, result.currency, result.amount];
    default:
      return contractFields(result);
  }
}

function contractFields(result: ContractResult): CborValue[] {
  const payments = result.payments.map(({ account, currency, amount }) => [account, currency, amount]);
  return [result.termsId, result.seq, result.label, result.closed, payments];
}

function readResult(kind: EntryKind, reader: FieldReader): EntryResult {
  switch (kind) {
    case "card":
      return { kind, identity: key(reader, "identity"), root: key(reader, "root") };
    case "revoke":
      return { kind, identity: key(reader, "identity") };
    case "currency":
      return {
        kind,
        currency: currency(reader),
        ...(reader.remaining > 0 ? { to: key(reader, "to") } : {}),
      };
    case "mint":
      return { kind, currency: currency(reader), to: key(reader, "to"), amount: amount(reader) };
    case "transfer": {
      const from = key(reader, "from");
      return { kind, from, to: key(reader, "to"), currency: currency(reader), amount: amount(reader) };
    }
    case "legs":
      return { kind, legs: reader.list("legs", { max: MAX_LEGS }).map(readLeg) };
    case "joint":
      return { kind, account: key(reader, "account"), ...readJoint(reader) };
    case "end-mandate": {
      const termsId = key(reader, "termsId");
      return { kind, termsId, mandate: mandateIndex(reader), account: key(reader, "account") };
    }
    case "examine":
      return {
        kind,
        termsId: key(reader, "termsId"),
        account: key(reader, "account"),
        currency: currency(reader),
        amount: amount(reader),
        sufficient: reader.bool("sufficient"),
        stateRoot: key(reader, "stateRoot"),
      };
    case "deposit": {
      const contract = readContract(reader);
      const account = key(reader, "account");
      return { kind, ...contract, account, currency: currency(reader), amount: amount(reader) };
    }
    case "open":
    case "choice":
    case "facts":
    case "expire":
      return { kind, ...readContract(reader) };
    default:
      throw new SegmentError("cbor-wrong-shape", "leaf.result belongs to an unknown kind of entry");
  }
}

function readContract(reader: FieldReader): ContractResult {
  return {
    termsId: key(reader, "termsId"),
    seq: reader.int("seq", { min: 0 }),
    label: reader.text("label", { max: 64 }),
    closed: reader.bool("closed"),
    payments: reader.list("payments", { max: 256 }).map((value) => {
      const payment = new FieldReader(value, "payment", 3);
      return { account: key(payment, "account"), currency: currency(payment), amount: amount(payment) };
    }),
  };
}

function key(reader: FieldReader, name: string): Uint8Array {
  return reader.bytes(name, { length: 32 });
}

function currency(reader: FieldReader): string {
  return reader.text("currency", { min: 1, max: 64 });
}

function amount(reader: FieldReader): bigint {
  return reader.bigint("amount", { min: 0n, max: MAX_AMOUNT });
}
