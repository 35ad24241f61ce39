/** What a receipt says to a device that takes part in contracts. */
import { SegmentError } from "../errors.ts";
import { readBody } from "./entry.ts";
import type { VerifiedReceipt } from "./receipt.ts";
import type { ContractResult, EntryResult } from "./result.ts";

export interface ContractReceipt {
  /** The contract that the entry was about, also when it was refused. */
  termsId: Uint8Array;
  /** The contract after the entry; absent when it was refused or changed nothing. */
  transition: ContractResult | undefined;
  examination: Extract<EntryResult, { kind: "examine" }> | undefined;
}

/**
 * Whether a receipt says what became of the entry: the ledger still takes what came too early, and what
 * came without its attachment (apply.ts, `final`). Anybody can take a sealed attachment away, because the
 * signature covers only its hash, and one dishonest notary can log such a copy.
 */
export function isFinal({ outcome }: VerifiedReceipt): boolean {
  return outcome !== "seal-broken" && outcome !== "entry-too-early";
}

/** Undefined for entries that neither move a contract nor examine for one, and for what is not final. */
export function contractReceipt(receipt: VerifiedReceipt): ContractReceipt | undefined {
  const termsId = isFinal(receipt) ? termsIdOf(receipt) : undefined;
  if (termsId === undefined) return undefined;
  const { result } = receipt;
  const examination = result?.kind === "examine" ? result : undefined;
  const transition = result !== null && "seq" in result ? result : undefined;
  return { termsId, transition, examination };
}

function termsIdOf(receipt: VerifiedReceipt): Uint8Array | undefined {
  try {
    const body = readBody(receipt.entry);
    return "termsId" in body && body.kind !== "end-mandate" ? body.termsId : undefined;
  } catch (error) {
    // A refused entry may be malformed beyond its signature.
    if (error instanceof SegmentError) return undefined;
    throw error;
  }
}
