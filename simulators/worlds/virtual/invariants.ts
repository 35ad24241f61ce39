/**
 * What must hold after every step of every agent, whatever goes wrong. The watch sees the
 * whole world at once, as no agent does: bodies, ledgers, journals and queues.
 */
import { equalBytes, toHex } from "../../../protocols/encoding/bytes.ts";
import type { Header } from "../../../protocols/ledger/block.ts";
import type { AllBalances } from "../../../protocols/ledger/ledger.ts";
import type { NotaryCore } from "../../../protocols/ledger/notary.ts";
import { MAX_AGE_MS } from "./grounds.ts";
import type { Village } from "./village.ts";
import { villager } from "./village.ts";

export const INVARIANTS = {
  "money-conserved": "accounts and holds of a currency add up to what was minted, on every notary",
  "no-fork": "notaries certify the same block at each height",
  "log-time-right": "log time stays near the time, while at most one notary's clock is wrong",
  "paid-once": "drone and shop together never get more than the price",
  "paid-for-parcel": "the price is released only when the buyer has the parcel",
  "lands-only-permitted": "the drone is told to land only when a quorum has executed may-land",
  "parcel-to-buyer": "the parcel leaves the drone once, at the point, for the buyer, under may-land",
  "met-at-the-point":
    "may-land is executed only while the buyer is within the terms' radius; where clocks differ, or was, no longer ago than they and the terms' freshness allow",
  "buyer-pays-no-more": "the buyer's money never sinks by more than the price that they agreed to",
  "only-parties-earn": "nobody but buyer, drone and shop ever has money",
  "heard-was-said": "what a device hears of another, that one has said",
  "message-once": "a message that was promised counts once, whatever is repeated",
  "session-is-there": "a session opens only with a device that is connected and has just asked for it",
  "written-first": "what an agent does in the world stands in its journal before",
  "acknowledged-kept": "what was acknowledged to its sender is durable at its receiver",
  "records-kept": "every reading that was durable is read back from the keepers, and no other",
  "receipts-kept": "what an agent holds a certified receipt for is in the ledger of every notary",
  "queues-bounded": "outboxes, timers and connections stay within their bounds",
  "agents-go-on": "no agent fails by itself",
  "contracts-end": "once faults have ended, every contract ends and every agent comes to rest",
} as const;
export type Invariant = keyof typeof INVARIANTS;

export interface Violation {
  invariant: Invariant;
  atMs: number;
  detail: string;
}

const QUORUM = 3;
/** By how much a clock may be off and still not be called wrong; with four notaries, one may be wrong. */
export const TIME_ALLOWANCE_MS = 130_000;

export interface Buyer {
  hasParcel: boolean;
  /** Within the terms' radius of the point. */
  isNear: boolean;
}

export interface Clocks {
  now: number;
  /** Notaries whose clocks nobody could go by. */
  wrongClocks: number;
  /** By how much all others differ in this run. */
  spreadMs: number;
}

/** What the watch asks of the ledger: each notary's core, as long as its process lives. */
export class LedgerWatch {
  readonly #village: Village;
  /** What the buyer has agreed to pay at most. */
  readonly #limitMinor: bigint;
  readonly #report: (invariant: Invariant, detail: string) => void;
  /** By name: how much of the log each had executed when it was last looked at. */
  readonly #looked = new Map<string, number>();
  readonly #hashes = new Map<number, string>();
  /** Which notaries have executed the contract to each label. */
  readonly #executed = new Map<string, Set<string>>();
  #priceMinor: bigint | undefined;
  readonly #clocks: () => Clocks;
  readonly #buyer: () => Buyer;
  #latestMs = 0;
  /** When the buyer was last seen within the radius. */
  #nearMs = Number.NEGATIVE_INFINITY;
  termsId: Uint8Array | undefined;

  constructor(
    village: Village,
    limitMinor: bigint,
    clocks: () => Clocks,
    buyer: () => Buyer,
    report: (invariant: Invariant, detail: string) => void,
  ) {
    this.#village = village;
    this.#limitMinor = limitMinor;
    this.#clocks = clocks;
    this.#buyer = buyer;
    this.#report = report;
  }

  /** A contract is agreed on: this is what it may cost at most. */
  follow(termsId: Uint8Array, priceMinor: bigint): void {
    this.termsId = termsId;
    this.#priceMinor = priceMinor;
  }

  certified({ height, previous, leavesRoot, stateRoot, timeMs }: Header): void {
    const hex = [previous, leavesRoot, stateRoot].map(toHex).join(" ") + ` ${timeMs}`;
    const known = this.#hashes.get(height);
    this.#hashes.set(height, known ?? hex);
    if (known !== undefined && known !== hex) this.#report("no-fork", `two certified blocks ${height}`);
  }

  /** Whether so many notaries that no liars make them up have executed the contract to this label. */
  isPermitted(label: string): boolean {
    return (this.#executed.get(label)?.size ?? 0) >= QUORUM;
  }

  /** Looks at the buyer, after each step of anybody. */
  see(now: number): void {
    if (this.#buyer().isNear) this.#nearMs = now;
  }

  /** Looks at a notary if it has executed a block since. */
  look(name: string, core: NotaryCore): void {
    if (this.#looked.get(name) === core.height) return;
    this.#looked.set(name, core.height);
    const { hasParcel } = this.#buyer();
    this.#time(name, core);
    const balances = core.allBalances();
    this.#money(name, balances);
    this.#contract(name, core);
    const { currency } = this.#village;
    const earned = ["drone", "shop"].reduce((sum, who) => {
      const root = villager(this.#village, who).root;
      return sum + (core.accountBalances(root).get(currency) ?? 0n);
    }, 0n);
    this.#purses(name, core, balances);
    const price = this.#priceMinor;
    if (price === undefined ? earned > 0n : earned > price) {
      this.#report("paid-once", `${name} sees ${earned} earned`);
    }
    if (price !== undefined && earned === price && !hasParcel) {
      this.#report("paid-for-parcel", `${name} sees the price released, and the buyer has no parcel`);
    }
  }

  #time(name: string, core: NotaryCore): void {
    const { now, wrongClocks } = this.#clocks();
    // A notary that reads the log anew goes through times long past.
    const isNew = core.timeMs > this.#latestMs;
    this.#latestMs = Math.max(this.#latestMs, core.timeMs);
    if (isNew && wrongClocks <= 1 && core.timeMs > now + TIME_ALLOWANCE_MS) {
      this.#report("log-time-right", `${name} executes a block of ${core.timeMs - now} ms from now`);
    }
  }

  #money(name: string, { accounts, holds, supplies }: AllBalances): void {
    const { currency, mintedMinor } = this.#village;
    const sums = new Map<string, bigint>();
    for (const one of [...accounts, ...holds])
      sums.set(one.currency, (sums.get(one.currency) ?? 0n) + one.amount);
    for (const supply of supplies) {
      const sum = sums.get(supply.currency) ?? 0n;
      sums.delete(supply.currency);
      // While a notary reads the log anew, the money is not minted yet.
      const known = supply.currency === currency && (supply.amount === mintedMinor || supply.amount === 0n);
      if (sum === supply.amount && known) continue;
      this.#report(
        "money-conserved",
        `${name} counts ${sum} where ${supply.amount} ${supply.currency} were minted`,
      );
    }
    if (sums.size > 0) this.#report("money-conserved", `${name} knows money that nobody minted`);
  }

  #purses(name: string, core: NotaryCore, { accounts, supplies }: AllBalances): void {
    const { currency, mintedMinor } = this.#village;
    const roots = ["phone", "drone", "shop"].map((who) => toHex(villager(this.#village, who).root));
    for (const { root, amount } of accounts) {
      if (amount > 0n && !roots.includes(root))
        this.#report("only-parties-earn", `${name}: ${root} has ${amount}`);
    }
    const has = core.accountBalances(villager(this.#village, "phone").root).get(currency) ?? 0n;
    const minted = supplies.some(({ amount }) => amount > 0n);
    if (minted && has < mintedMinor - this.#limitMinor) {
      this.#report("buyer-pays-no-more", `${name} sees ${has} left of ${mintedMinor}`);
    }
  }

  #contract(name: string, core: NotaryCore): void {
    if (this.termsId === undefined) return;
    const label = core.contractView(this.termsId)?.state.label;
    if (label === undefined) return;
    if (label === "may-land" && !this.#executed.has(label) && !this.#isMet()) {
      this.#report("met-at-the-point", `${name} executes may-land, and the buyer is not at the point`);
    }
    const notaries = this.#executed.get(label) ?? new Set();
    this.#executed.set(label, notaries.add(name));
  }

  /** Nobody can tell how old a statement is better than the clocks of who signed it and who stamps agree. */
  #isMet(): boolean {
    const { now, spreadMs } = this.#clocks();
    return now - this.#nearMs <= (spreadMs === 0 ? 0 : MAX_AGE_MS + spreadMs);
  }
}

/** All notaries stand at one height and know every one of these entries. */
export function missingReceipts(
  cores: ReadonlyMap<string, NotaryCore>,
  receipts: ReadonlyMap<string, { entryId: Uint8Array; bytes: Uint8Array }>,
): string[] {
  const missing: string[] = [];
  for (const [name, core] of cores) {
    for (const [hex, { entryId }] of receipts) {
      const settled = core.receiptFor(entryId);
      if (settled === undefined || !equalBytes(settled.entryId, entryId))
        missing.push(`${name} lacks ${hex}`);
    }
  }
  return missing;
}
