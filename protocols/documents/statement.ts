/** A statement of an account: opening balance, movements, closing balance, for each currency. */
import { DAY_MS, isoDay } from "../calendar.ts";
import type { TimeMs } from "../ports.ts";
import { shortId } from "./money.ts";
import type { DocumentCurrency } from "./money.ts";
import type { AccountMovement } from "./movements.ts";
import { inOrder } from "./movements.ts";
import type { DocumentWords } from "./words.ts";

export interface StatementRow extends AccountMovement {
  /** Minor units after the movement. */
  balance: bigint;
}

export interface StatementPart {
  currency: DocumentCurrency;
  opening: bigint;
  rows: StatementRow[];
  /** Sums of what came in and of what went out in the period, both at least zero. */
  totalIn: bigint;
  totalOut: bigint;
  closing: bigint;
}

export interface Statement {
  /** Id of the account. */
  account: string;
  network: string;
  /** The first moment of the period; null for the account's beginning. */
  sinceMs: TimeMs | null;
  /** The first moment after it. */
  untilMs: TimeMs;
  /** Sorted by the currencies' ids; only those that moved or are not zero. */
  parts: StatementPart[];
  /** Movements without a receipt; null if nobody could be asked. */
  missing: number | null;
  /** What accounts are called, by their ids; whoever has an account chose the name. */
  names: AccountNames;
}

export type AccountNames = ReadonlyMap<string, string>;
export type StatementFrame = Omit<Statement, "parts">;

/**
 * Balances are sums of the movements alone. A currency that is not among `currencies` is shown in minor units
 * under its whole id.
 */
export function makeStatement(
  frame: StatementFrame,
  movements: readonly AccountMovement[],
  currencies: readonly DocumentCurrency[],
): Statement {
  const byCurrency = new Map<string, AccountMovement[]>();
  for (const movement of inOrder(movements)) {
    const moved = byCurrency.get(movement.currency);
    if (moved === undefined) byCurrency.set(movement.currency, [movement]);
    else moved.push(movement);
  }
  const parts = [...byCurrency]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, moved]) => {
      const currency = currencies.find((one) => one.id === id) ?? { id, code: id, exponent: 0 };
      return partOf(currency, frame, moved);
    })
    .filter(({ opening, closing, rows }) => opening !== 0n || closing !== 0n || rows.length > 0);
  return { ...frame, parts };
}

function partOf(
  currency: DocumentCurrency,
  { sinceMs, untilMs }: StatementFrame,
  movements: readonly AccountMovement[],
): StatementPart {
  const part: StatementPart = { currency, opening: 0n, rows: [], totalIn: 0n, totalOut: 0n, closing: 0n };
  for (const movement of movements) {
    const { timeMs, change } = movement;
    if (timeMs >= untilMs) break;
    part.closing += change;
    if (sinceMs !== null && timeMs < sinceMs) {
      part.opening += change;
      continue;
    }
    part.rows.push({ ...movement, balance: part.closing });
    if (change > 0n) part.totalIn += change;
    else part.totalOut -= change;
  }
  return part;
}

/** "2026-11-01 to 2026-11-30, inclusive". */
export function periodText({ sinceMs, untilMs }: StatementFrame, words: DocumentWords): string {
  const lastDay = isoDay(Math.max(0, untilMs - DAY_MS));
  return words.periodText(sinceMs === null ? null : isoDay(sinceMs), lastDay);
}

/** What the reader must know about what is not in it; undefined if nothing is missing. */
export function warningOf({ missing }: Pick<Statement, "missing">, words: DocumentWords): string | undefined {
  if (missing === null) return words.unconfirmed;
  return missing === 0 ? undefined : words.incomplete(missing);
}

/** What happened, in a few words. A name never stands without its account: anybody may choose any name. */
export function describeMovement(
  movement: AccountMovement,
  { movement: words }: DocumentWords,
  names: AccountNames = new Map(),
): string {
  const { kind, change, others, termsId } = movement;
  const contract = (termsId ?? "").slice(0, 16);
  const named = others.map((id) => nameOf(id, names)).join(", ");
  switch (kind) {
    case "mint":
      return words.issued;
    case "currency":
      return words.deed;
    case "transfer":
      // Where nothing was paid, the entry touched what had shrunk meanwhile.
      if (named === "") return words.shrunk;
      return change > 0n ? words.from(named) : words.to(named);
    case "legs":
      if (named === "" || others.length > 2) return words.shared;
      return change > 0n ? words.from(named) : words.to(named);
    case "deposit":
      return change < 0n ? words.deposit(contract) : words.contract(contract);
    case "expire":
      return words.deadline(contract);
    default:
      return words.contract(contract);
  }
}

function nameOf(account: string, names: AccountNames): string {
  const name = names.get(account);
  return name === undefined ? shortId(account) : `${name} (${shortId(account)})`;
}
