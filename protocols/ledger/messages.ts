/** What agents and notaries say to each other in sealed messages; entries themselves are cast in public. */
import { z } from "zod";
import { timeAnswerSchema } from "../messaging/time.ts";

const id32 = z.instanceof(Uint8Array).refine((value) => value.length === 32, "expected 32 bytes");
const minor = z.union([z.bigint(), z.number().int()]).transform(BigInt);
const holding = z.strictObject({ currency: z.string().max(64), minor });
/** One entry, or whatever moved a contract last. */
const receiptOf = z.union([z.strictObject({ entryId: id32 }), z.strictObject({ termsId: id32 })]);

/** Bodies by kind: questions to a notary, and its answers. */
export const LEDGER_SCHEMAS = {
  /** To whoever has asked in public, see messaging/time.ts. */
  time: timeAnswerSchema,
  /** A notary to those whom an entry concerns, unasked or asked. */
  receipt: z.strictObject({ receipt: z.instanceof(Uint8Array) }),
  /**
   * Answered by `receipt`, or by `receipt-missing` while the entry is not settled. By `termsId`: the newest
   * certified receipt of that contract, also after it has ended, for its parties; missing for others, and
   * once so many contracts have moved since that it is forgotten.
   */
  "receipt-wanted": receiptOf,
  "receipt-missing": receiptOf,
  /** Each agent is told of its own root's account and no other. Answered by `account`. */
  "account-wanted": z.strictObject({}),
  /** `root` is null for a device that is not registered. Not certified: what one notary says. */
  account: z.strictObject({
    root: id32.nullable(),
    balances: z.array(holding).max(1_024),
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
  }),
  "contract-missing": z.strictObject({ termsId: id32 }),
  "currencies-wanted": z.strictObject({}),
  currencies: z.strictObject({
    currencies: z
      .array(
        z.strictObject({
          id: z.string().max(64),
          code: z.string().max(16),
          exponent: z.number().int(),
          name: z.string().max(64),
          issuer: id32,
          supply: minor,
        }),
      )
      .max(1_024),
  }),
} as const;

export type LedgerKind = keyof typeof LEDGER_SCHEMAS;
export type LedgerBody<K extends LedgerKind> = z.output<(typeof LEDGER_SCHEMAS)[K]>;
