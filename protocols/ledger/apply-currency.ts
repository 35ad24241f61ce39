/** Entries that make currencies and deeds, and mint. */
import { equalBytes } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import { MAX_AMOUNT } from "../money/amounts.ts";
import {
  currencyId,
  DEED_CODE,
  deedId,
  exponentOf,
  isCurrencyName,
  MAX_EXPONENT,
} from "../money/currencies.ts";
import { periodAt } from "../money/demurrage.ts";
import type { TimeMs } from "../ports.ts";
import type { ApplyContext } from "./apply.ts";
import type { CurrencyRecord, Draft } from "./draft.ts";
import type { Entry, EntryBody } from "./entry.ts";
import type { CurrencyPolicy, DeedPolicy } from "./policy.ts";
import type { EntryResult } from "./result.ts";

type Body<K extends EntryBody["kind"]> = Extract<EntryBody, { kind: K }>;

export function applyCurrency(
  draft: Draft,
  entry: Entry,
  body: Body<"currency">,
  context: ApplyContext,
): EntryResult {
  const issuer = draft.rootOf(entry.signer, context.timeMs);
  if (!isCurrencyName(body.name)) {
    throw new SegmentError("entry-invalid", "the name is not 1 to 64 printable characters", {
      where: "entry.currency.name",
    });
  }
  const { code, exponent, name, policy } = body;
  const record = { issuer, code, exponent, name, supply: 0n };
  if (policy?.kind === "deed") return makeDeed(draft, record, policy, context);
  if (code === DEED_CODE) throw new SegmentError("entry-invalid", `${DEED_CODE} is the code of deeds`);
  const known = exponentOf(code);
  if (exponent !== (known ?? exponent) || exponent > MAX_EXPONENT) {
    throw new SegmentError("entry-invalid", `${code} does not have ${exponent} decimals`);
  }
  const id = currencyId(context.crypto, code, issuer);
  make(draft, id, record, policy);
  const fund = policy?.demurrage?.fund;
  if (fund !== undefined && !draft.ownerExists(fund)) {
    throw new SegmentError("account-unknown", "the account that demurrage goes to is not registered");
  }
  return { kind: "currency", currency: id };
}

/** There is one, and its maker has it from the beginning. */
function makeDeed(
  draft: Draft,
  record: CurrencyRecord,
  policy: DeedPolicy,
  { crypto }: ApplyContext,
): EntryResult {
  if (record.code !== DEED_CODE || record.exponent !== 0) {
    throw new SegmentError("entry-invalid", `a deed has the code ${DEED_CODE} and no decimals`);
  }
  const id = deedId(crypto, record.issuer, policy.documentHash);
  make(draft, id, { ...record, supply: 1n }, policy);
  draft.credit(record.issuer, id, 1n);
  return { kind: "currency", currency: id, to: record.issuer };
}

function make(draft: Draft, id: string, record: CurrencyRecord, policy: CurrencyPolicy | undefined): void {
  if (draft.currency(id) !== undefined) throw new SegmentError("entry-invalid", `${id} exists already`);
  draft.putCurrency(id, record);
  if (policy !== undefined) draft.putPolicy(id, policy);
}

export function applyMint(
  draft: Draft,
  entry: Entry,
  body: Body<"mint">,
  context: ApplyContext,
): EntryResult {
  const { currency: id, to, amount } = body;
  const minter = draft.rootOf(entry.signer, context.timeMs);
  const currency = draft.currency(id);
  if (currency === undefined) throw new SegmentError("currency-unknown", `the network has no ${id}`);
  const policy = draft.policy(id);
  requireMinter(minter, currency, policy);
  if (!draft.ownerExists(to))
    throw new SegmentError("account-unknown", "the receiving account is not registered");
  const supply = currency.supply + amount;
  if (supply > MAX_AMOUNT) throw new SegmentError("amount-overflow", `${id}: beyond 2^63 - 1 minor units`);
  if (policy?.kind === "money") countMinted(draft, id, policy.cap, amount, context.timeMs);
  draft.putCurrency(id, { ...currency, supply });
  draft.credit(to, id, amount);
  return { kind: "mint", currency: id, to, amount };
}

function requireMinter(
  minter: Uint8Array,
  { issuer }: CurrencyRecord,
  policy: CurrencyPolicy | undefined,
): void {
  if (policy?.kind === "deed")
    throw new SegmentError("entry-unauthorized", "there is one of a deed, for ever");
  const minters = policy?.minters ?? [issuer];
  if (minters.some((root) => equalBytes(root, minter))) return;
  const who = policy === undefined ? "its issuer mints" : "the minters that its issuer has named mint";
  throw new SegmentError("entry-unauthorized", `only ${who} it`);
}

/** Throws `mint-capped`. */
function countMinted(
  draft: Draft,
  id: string,
  cap: { minor: bigint; periodMs: number } | null,
  amount: bigint,
  timeMs: TimeMs,
): void {
  if (cap === null) return;
  const period = periodAt(timeMs, cap.periodMs);
  const minted = draft.mintedIn(id, period) + amount;
  if (minted > cap.minor) {
    const left = cap.minor - (minted - amount);
    const waitMs = (period + 1) * cap.periodMs - timeMs;
    throw new SegmentError(
      "mint-capped",
      `${left} minor units of ${id} may still be minted in this period, which ends in ${waitMs} ms`,
    );
  }
  draft.putMinted(id, period, minted);
}
