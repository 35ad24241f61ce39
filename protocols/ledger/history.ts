/**
 * What moved an account: read from the certified results, and the notary's index of the
 * receipts, for owners whose devices were away when their money moved.
 */
import type { EntryResult } from "./result.ts";

/** Minor units that came into an account (above zero) or left it. */
export interface Movement {
  /** Root public key, or a joint account. */
  account: Uint8Array;
  currency: string;
  change: bigint;
}

/**
 * What an executed entry moved into and out of accounts, in this order; what contracts hold is nobody's.
 * What lying still cost the accounts that it touched comes first.
 */
export function movementsOf(result: EntryResult): Movement[] {
  const { losses = [] } = result;
  const lost = losses.flatMap(({ account, fund, currency, amount }) => move(account, fund, currency, amount));
  return [...lost, ...bodyMovements(result)];
}

function bodyMovements(result: EntryResult): Movement[] {
  switch (result.kind) {
    case "card":
    case "revoke":
    case "examine":
    case "joint":
    case "end-mandate":
      return [];
    case "currency":
      return result.to === undefined ? [] : [{ account: result.to, currency: result.currency, change: 1n }];
    case "mint":
      return [{ account: result.to, currency: result.currency, change: result.amount }];
    case "transfer":
      return move(result.from, result.to, result.currency, result.amount);
    case "legs":
      return result.legs;
    case "deposit": {
      const { account, currency, amount } = result;
      return [{ account, currency, change: -amount }, ...paid(result)];
    }
    case "open":
    case "choice":
    case "facts":
    case "expire":
      return paid(result);
  }
}

function move(from: Uint8Array, to: Uint8Array, currency: string, amount: bigint): Movement[] {
  return [
    { account: from, currency, change: -amount },
    { account: to, currency, change: amount },
  ];
}

function paid({ payments }: Extract<EntryResult, { seq: number }>): Movement[] {
  return payments.map(({ account, currency, amount }) => ({ account, currency, change: amount }));
}

/** As many as a notary keeps blocks for; at one or two kilobytes each. */
const MAX_KEPT = 50_000;

interface Account {
  /** All movements there ever were; the last ones are kept. */
  count: number;
  kept: (() => Uint8Array)[];
}

/** A part of an account's history, in the order in which its entries were certified. */
export interface HistoryPage {
  /** Movements so far; each has a number from 1 on. */
  count: number;
  /** Number of the oldest that is still kept; `count + 1` if none is. */
  first: number;
  /** From the number after the one that was asked for, or from `first` if that is later. */
  receipts: Uint8Array[];
}

/** Certified receipts by the accounts whose money they moved; the oldest of all are forgotten first. */
export class AccountHistory {
  readonly #maxKept: number;
  /** By account in hex. */
  readonly #accounts = new Map<string, Account>();
  /** Accounts in the order of their movements; those before `#oldest` are forgotten. */
  #order: string[] = [];
  #oldest = 0;

  constructor(maxKept = MAX_KEPT) {
    this.#maxKept = maxKept;
  }

  /** A certified entry has moved the account; `receipt` encodes it, because most are never asked for. */
  note(accountHex: string, receipt: () => Uint8Array): void {
    const known = this.#accounts.get(accountHex);
    if (known === undefined) this.#accounts.set(accountHex, { count: 1, kept: [receipt] });
    else {
      known.count++;
      known.kept.push(receipt);
    }
    this.#order.push(accountHex);
    if (this.#order.length - this.#oldest > this.#maxKept) this.#forgetOldest();
  }

  #forgetOldest(): void {
    this.#accounts.get(this.#order[this.#oldest]!)?.kept.shift();
    this.#oldest++;
    if (this.#oldest < this.#maxKept) return;
    this.#order = this.#order.slice(this.#oldest);
    this.#oldest = 0;
  }

  /** At most `limit` receipts and `maxBytes` bytes, but one at least if there is one after `after`. */
  page(accountHex: string, after: number, limit: number, maxBytes: number): HistoryPage {
    const { count, kept } = this.#accounts.get(accountHex) ?? { count: 0, kept: [] };
    const first = count - kept.length + 1;
    const receipts: Uint8Array[] = [];
    let bytes = 0;
    for (let at = Math.max(0, after + 1 - first); at < kept.length && receipts.length < limit; at++) {
      const receipt = kept[at]!();
      bytes += receipt.length;
      if (receipts.length > 0 && bytes > maxBytes) break;
      receipts.push(receipt);
    }
    return { count, first, receipts };
  }
}
