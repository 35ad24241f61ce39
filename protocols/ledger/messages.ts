/** What agents and notaries say to each other in sealed messages; entries themselves are cast in public. */
import { z } from "zod";
import { TIME_NONCE_BYTES, timeAnswerSchema } from "../messaging/time.ts";
import { MAX_MANDATES } from "../contract/bounds.ts";
import { MAX_MEMBERS } from "./joint.ts";
import { MAX_EXPONENT } from "../money/currencies.ts";
import { MAX_MINTERS } from "./policy.ts";

/** So many balances, and currencies, in one answer, that it stays well within a message. */
export const ACCOUNT_PAGE = 1_024;
export const CURRENCY_PAGE = 128;

const id32 = z.instanceof(Uint8Array).refine((value) => value.length === 32, "expected 32 bytes");
const minor = z.union([z.bigint(), z.number().int()]).transform(BigInt);
const holding = z.strictObject({ currency: z.string().max(64), minor });
/** Receipts in one answer. */
export const MAX_HISTORY_PAGE = 100;
/** Devices in one answer. */
export const MAX_DEVICES = 512;

const policy = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("money"),
    minters: z.array(id32).min(1).max(MAX_MINTERS),
    cap: z.strictObject({ minor, periodMs: z.number().int() }).nullable(),
    demurrage: z.strictObject({ ppm: z.number().int(), periodMs: z.number().int(), fund: id32 }).nullable(),
  }),
  z.strictObject({ kind: z.literal("deed"), documentHash: id32 }),
]);
const currency = z.strictObject({
  id: z.string().max(64),
  code: z.string().max(16),
  exponent: z.number().int().min(0).max(MAX_EXPONENT),
  name: z.string().max(64),
  issuer: id32,
  supply: minor,
  policy: policy.optional(),
});
/** What has been charged by a mandate in the period of the last block, and in all. */
const mandate = z.strictObject({ inPeriod: minor, inAll: minor, isEnded: z.boolean() });
/**
 * Lists come in pages, sorted by currency: the next one is asked for with the last id that came. The answer
 * repeats it, so that one which comes late is not taken for the next page.
 */
const after = z.string().max(64).optional();
const page = z.strictObject({ after });
/** One entry, or whatever moved a contract last. */
const receiptOf = z.union([z.strictObject({ entryId: id32 }), z.strictObject({ termsId: id32 })]);

/** Bodies by kind: questions to a notary, and its answers. */
export const LEDGER_SCHEMAS = {
  /** To whoever has asked in public, see messaging/time.ts. */
  time: timeAnswerSchema,
  /** Answered by `time-statement`, which the asker can carry to somebody without a network. */
  "time-wanted": z.strictObject({
    nonce: z.instanceof(Uint8Array).refine((value) => value.length === TIME_NONCE_BYTES, "expected 16 bytes"),
  }),
  /** See messaging/carried-time.ts. */
  "time-statement": z.strictObject({
    statement: z.instanceof(Uint8Array).refine((value) => value.length <= 512, "expected 512 bytes at most"),
  }),
  /** A notary to those whom an entry concerns, unasked or asked. */
  receipt: z.strictObject({ receipt: z.instanceof(Uint8Array) }),
  /**
   * Answered by `receipt`, or by `receipt-missing` while the entry is not settled. By `termsId`: the newest
   * certified receipt of that contract, also after it has ended, for its parties; missing for others, and
   * once so many contracts have moved since that it is forgotten.
   */
  "receipt-wanted": receiptOf,
  "receipt-missing": receiptOf,
  /**
   * Each agent is told of its own root's account and, if it names one as `account`, of a joint account that
   * its root is a member of; of no other. Answered by `account`.
   */
  "account-wanted": page.extend({ account: id32.optional() }),
  /**
   * `root` is the account's; null for a device that is not registered, and for an account that is not its
   * to ask about. `joint` says who spends from a joint account. A page shorter than ACCOUNT_PAGE is the
   * last. The balances are those of the moment, after demurrage; `timeMs` is the last block's. Not
   * certified: what one notary says.
   */
  account: z.strictObject({
    root: id32.nullable(),
    after,
    joint: z.strictObject({ k: z.number().int(), members: z.array(id32).max(MAX_MEMBERS) }).optional(),
    balances: z.array(holding).max(ACCOUNT_PAGE),
    timeMs: z.number().int(),
  }),
  /** For parties of the contract. Answered by `contract`, or by `contract-missing`. */
  "contract-wanted": z.strictObject({ termsId: id32 }),
  contract: z.strictObject({
    termsId: id32,
    seq: z.number().int(),
    label: z.string().max(64),
    closed: z.boolean(),
    pot: z.array(holding).max(256),
    /** Where in the terms' tree it stands: see `ContractState`. */
    path: z.array(z.number().int().min(0).max(255)).max(256),
    /** In the order of the terms' mandates, of an open contract that has some. */
    mandates: z.array(mandate).max(MAX_MANDATES).optional(),
  }),
  "contract-missing": z.strictObject({ termsId: id32 }),
  /**
   * What moved the account (as for `account-wanted`), from the movement after number `after`. Answered by
   * `history`.
   */
  "history-wanted": z.strictObject({
    account: id32.optional(),
    after: z.number().int().min(0),
    limit: z.number().int().min(1).max(MAX_HISTORY_PAGE),
  }),
  /**
   * `account` is null where `root` is in an answer `account`. Receipts prove themselves; `count` and `first`
   * (see history.ts) are what one notary says.
   */
  history: z.strictObject({
    account: id32.nullable(),
    count: z.number().int().min(0),
    first: z.number().int().min(1),
    receipts: z.array(z.instanceof(Uint8Array)).max(MAX_HISTORY_PAGE),
  }),
  /** The devices of the asker's root, revoked ones too; the newest where there are many. */
  "devices-wanted": z.strictObject({}),
  devices: z.strictObject({
    root: id32.nullable(),
    devices: z
      .array(
        z.strictObject({
          identity: id32,
          notBefore: z.number().int(),
          notAfter: z.number().int(),
          isRevoked: z.boolean(),
        }),
      )
      .max(MAX_DEVICES),
  }),
  "currencies-wanted": page,
  /** A page shorter than CURRENCY_PAGE is the last. */
  currencies: z.strictObject({ after, currencies: z.array(currency).max(CURRENCY_PAGE) }),
} as const;

export type LedgerKind = keyof typeof LEDGER_SCHEMAS;
export type LedgerBody<K extends LedgerKind> = z.output<(typeof LEDGER_SCHEMAS)[K]>;
