import { describe, expect, it } from "vitest";
import { REMEDIES } from "../errors.ts";
import { isFinal } from "./receipt-view.ts";
import type { VerifiedReceipt } from "./receipt.ts";
import type { Outcome } from "./result.ts";

/** The ledger refuses with them and still takes the same entry later (apply.ts). */
const COMES_AGAIN: Outcome[] = ["seal-broken", "entry-too-early"];
const OUTCOMES = ["ok", ...Object.keys(REMEDIES)] as Outcome[];

describe("a receipt is the last word on its entry", () => {
  it.each(OUTCOMES)("%s", (outcome) => {
    expect(isFinal({ outcome } as VerifiedReceipt)).toBe(!COMES_AGAIN.includes(outcome));
  });

  it("or not: these codes exist", () => {
    expect(OUTCOMES).toEqual(expect.arrayContaining(COMES_AGAIN));
  });
});
