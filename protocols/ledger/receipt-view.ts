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

/** Undefined for entries that are about no contract. */
export function contractReceipt(receipt: VerifiedReceipt): ContractReceipt | undefined {
  const termsId = termsIdOf(receipt);
  if (termsId === undefined) return undefined;
  const { result } = receipt;
  const examination = result?.kind === "examine" ? result : undefined;
  const transition = result !== null && "seq" in result ? result : undefined;
  return { termsId, transition, examination };
}

function termsIdOf(receipt: VerifiedReceipt): Uint8Array | undefined {
  try {
    const body = readBody(receipt.entry);
    return "termsId" in body ? body.termsId : undefined;
  } catch (error) {
    // A refused entry may be malformed beyond its signature.
    if (error instanceof SegmentError) return undefined;
    throw error;
  }
}
