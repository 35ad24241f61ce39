/**
 * The newest certified receipt of each contract, for parties that were away when it moved. It
 * outlives its block: these are the contracts that moved last, ended ones too; those that
 * moved longest ago are forgotten first.
 */
import { agentId } from "../identity/keys.ts";
import { encodeReceipt } from "./receipt.ts";
import type { ReceiptParts } from "./receipt.ts";

/** At one or two kilobytes each. */
const MAX_CONTRACTS = 10_000;

/** What stands in a block about an entry that moved a contract. */
export interface Moved {
  height: number;
  /** Device keys. */
  parties: Uint8Array[];
  parts: ReceiptParts;
}

export interface LatestReceipt {
  /** Agent ids (z6Mk…) that may have it. */
  parties: string[];
  bytes: Uint8Array;
}

export class LatestReceipts {
  /** By terms id in hex, in the order of moving. */
  readonly #moved = new Map<string, Moved>();

  /** A certified entry has moved a contract; blocks may be certified out of order. */
  note(termsIdHex: string, moved: Moved): void {
    const known = this.#moved.get(termsIdHex);
    if (known !== undefined && known.height > moved.height) return;
    this.#moved.delete(termsIdHex);
    this.#moved.set(termsIdHex, moved);
    const oldest = this.#moved.keys().next();
    if (this.#moved.size > MAX_CONTRACTS && !oldest.done) this.#moved.delete(oldest.value);
  }

  find(termsIdHex: string): LatestReceipt | undefined {
    const moved = this.#moved.get(termsIdHex);
    if (moved === undefined) return undefined;
    // Encoded only now: most are never asked for.
    return { parties: moved.parties.map(agentId), bytes: encodeReceipt(moved.parts) };
  }
}
