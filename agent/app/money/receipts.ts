/** The certified receipts that the phone keeps, and what they say of its owner's account. */
import type { Certified } from "../../core/ledger-client.ts";
import { accountMovements, inOrder } from "../../../protocols/documents/movements.ts";
import type { AccountMovement } from "../../../protocols/documents/movements.ts";
import { toHex } from "../../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../../protocols/errors.ts";
import type { NetworkDescription } from "../../../protocols/ledger/network.ts";
import { verifyReceipt } from "../../../protocols/ledger/receipt.ts";
import type { VerifiedReceipt } from "../../../protocols/ledger/receipt.ts";
import type { Crypto } from "../../../protocols/ports.ts";
import type { Kept } from "./kept.ts";

export interface ReceiptsParts {
  kept: Kept;
  crypto: Crypto;
  network: NetworkDescription;
  /** The owner's root. */
  account: Uint8Array;
}

export class Receipts {
  readonly #parts: ReceiptsParts;
  /** By entry id in hex; read when it is first asked for. */
  #movements: Map<string, AccountMovement[]> | undefined;

  constructor(parts: ReceiptsParts) {
    this.#parts = parts;
  }

  /** Keeps one that moved the owner's account; returns whether it is new. Errors: store-failed. */
  keep({ receipt, bytes }: Certified): boolean {
    const { kept, account } = this.#parts;
    const id = toHex(receipt.entryId);
    const own = accountMovements(receipt, account);
    if (own.length === 0 || kept.get(id) !== undefined) return false;
    kept.set(id, bytes);
    this.#movements?.set(id, own);
    return true;
  }

  /** In the order in which the ledger made them. */
  movements(): AccountMovement[] {
    this.#movements ??= this.#read();
    return inOrder([...this.#movements.values()].flat());
  }

  /** Entries' ids in hex. */
  ids(): Set<string> {
    this.#movements ??= this.#read();
    return new Set(this.#movements.keys());
  }

  /** Undefined if none is kept. */
  bytesOf(entryId: string): Uint8Array | undefined {
    return this.#parts.kept.get(entryId);
  }

  /**
   * Checks a kept receipt anew against the network's committee. Errors: option-invalid (none is kept),
   * receipt-*, quorum-missing.
   */
  verify(entryId: string): VerifiedReceipt {
    const { crypto, network } = this.#parts;
    const bytes = this.bytesOf(entryId);
    if (bytes === undefined)
      throw new SegmentError("option-invalid", "no receipt of this entry is kept here", { where: entryId });
    return verifyReceipt(crypto, bytes, network);
  }

  /** Each is verified: a store may be damaged, and a phone may have changed its network. */
  #read(): Map<string, AccountMovement[]> {
    const { kept, account } = this.#parts;
    const read = new Map<string, AccountMovement[]>();
    for (const id of kept.keys("")) {
      try {
        const movements = accountMovements(this.verify(id), account);
        if (movements.length > 0) read.set(id, movements);
      } catch (error) {
        if (!(error instanceof SegmentError)) throw error;
      }
    }
    return read;
  }
}
