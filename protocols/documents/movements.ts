/** One account's side of certified receipts: what came in and what went out, and from or to whom. */
import { equalBytes, text, toHex } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import { agentId } from "../identity/keys.ts";
import { readBody } from "../ledger/entry.ts";
import { movementsOf } from "../ledger/history.ts";
import type { VerifiedReceipt } from "../ledger/receipt.ts";
import type { TimeMs } from "../ports.ts";

export interface AccountMovement {
  /** Log time of the block. */
  timeMs: TimeMs;
  height: number;
  leafIndex: number;
  /** In hex. */
  entryId: string;
  /** Of the entry. */
  kind: string;
  currency: string;
  /** Minor units: above zero came in, below zero went out; never zero. */
  change: bigint;
  /** Ids of the accounts on the other side, as far as the entry moved money of theirs. */
  others: string[];
  /** What the payer wrote; "" where that is no text. A stranger's words: show them as such. */
  memo: string;
  /** In hex; null where no contract was moved. */
  termsId: string | null;
}

/** Of one receipt, by currency; none where it moved nothing of the account's. */
export function accountMovements(receipt: VerifiedReceipt, account: Uint8Array): AccountMovement[] {
  const { result } = receipt;
  if (result === null) return [];
  const all = movementsOf(result);
  const changes = new Map<string, bigint>();
  for (const { account: moved, currency, change } of all) {
    if (equalBytes(moved, account)) changes.set(currency, (changes.get(currency) ?? 0n) + change);
  }
  const { timeMs, height, leafIndex, kind } = receipt;
  const shared = { timeMs, height, leafIndex, kind, entryId: toHex(receipt.entryId), memo: memoOf(receipt) };
  const termsId = "termsId" in result ? toHex(result.termsId) : null;
  return [...changes]
    .filter(([, change]) => change !== 0n)
    .map(([currency, change]) => {
      const others = all.filter((one) => {
        const isOther = !equalBytes(one.account, account) && one.currency === currency;
        return isOther && one.change > 0n !== change > 0n;
      });
      const ids = new Set(others.map((one) => agentId(one.account)));
      return { ...shared, termsId, currency, change, others: [...ids] };
    });
}

/** In the order in which the ledger made them. */
export function inOrder(movements: readonly AccountMovement[]): AccountMovement[] {
  return movements.toSorted((a, b) => {
    return a.height - b.height || a.leafIndex - b.leafIndex || (a.currency < b.currency ? -1 : 1);
  });
}

function memoOf({ entry }: VerifiedReceipt): string {
  try {
    const body = readBody(entry);
    return "memo" in body ? text(body.memo) : "";
  } catch (error) {
    // A memo need not be text.
    if (error instanceof SegmentError) return "";
    throw error;
  }
}
