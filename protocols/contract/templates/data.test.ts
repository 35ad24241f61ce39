import { describe, expect, it } from "vitest";
import { errorCode } from "../../errors.ts";
import type { SegmentError } from "../../errors.ts";
import { stepContract } from "../machine.ts";
import type { Input } from "../machine.ts";
import { choiceInput, crypto, MINUTE, ORDERED_AT } from "../testing/delivery.ts";
import { ARBITER, DATA, DAY, KEEPER, walkerOf, WRAPPED_KEY } from "../testing/samples.ts";
import { gainsOf } from "../testing/walk.ts";
import type { Standing, Walker } from "../testing/walk.ts";
import { dataTerms } from "./data.ts";
import type { DataParams } from "./data.ts";

const gains = (at: Standing) => gainsOf(at, DATA.currency);
const deposit: Input = { kind: "deposit", by: "reader", currency: DATA.currency, amount: 500n };
const key: Input = { kind: "facts", facts: [], preimages: [WRAPPED_KEY] };
const APPROVED: DataParams = { ...DATA, approval: true, approveByMs: ORDERED_AT + 2 * DAY };

function paidIn(walker: Walker): Standing {
  return walker.take(walker.opened(), deposit, ORDERED_AT + MINUTE);
}

describe("access to data", () => {
  const walker = walkerOf(dataTerms(DATA));
  const shown = (): Standing => walker.take(paidIn(walker), key, ORDERED_AT + DAY);

  it("pays the owner for the key, if the reader accepts or says nothing", () => {
    const paid = { reader: -500n, owner: 500n };
    expect(gains(walker.take(shown(), choiceInput("reader", "accept"), ORDERED_AT + DAY))).toEqual(paid);
    expect(gains(walker.timedOut(shown()))).toEqual(paid);
  });

  it("an owner who shows no key, or another, wins nothing", () => {
    const at = paidIn(walker);
    const other: Input = { ...key, preimages: [new Uint8Array(80)] };
    expect(stepContract(crypto, walker.contract, at.state, other, at.nowMs)).toMatchObject({
      code: "condition-not-met",
    });
    expect(gains(walker.timedOut(at))).toEqual({});
    expect(gains(walker.take(at, choiceInput("owner", "cancel"), at.nowMs))).toEqual({});
  });

  it("a key that opens nothing, and a reader who says so of a good one, win half", () => {
    const at = walker.take(shown(), choiceInput("reader", "object"), ORDERED_AT + DAY);
    expect(gains(at)).toEqual({ reader: -250n, owner: 250n });
  });

  it("an arbiter who sees through it leaves a liar nothing; a keeper is paid only where the owner is", () => {
    const params = { ...APPROVED, keeper: KEEPER, keeperFeeMinor: 50n, arbiter: ARBITER };
    const judged = walkerOf(dataTerms(params));
    const approved = judged.take(paidIn(judged), choiceInput("owner", "approve"), ORDERED_AT + DAY);
    const at = judged.take(
      judged.take(approved, key, ORDERED_AT + DAY),
      choiceInput("reader", "object"),
      ORDERED_AT + DAY,
    );
    const rules = (name: string) => gains(judged.take(at, choiceInput("arbiter", name), at.nowMs));
    expect(rules("for-the-owner")).toEqual({ reader: -500n, owner: 450n, keeper: 50n });
    expect(rules("for-the-reader")).toEqual({});
    expect(gains(judged.timedOut(at))).toEqual({ reader: -250n, owner: 250n });
  });

  it("with approval, gives no key and takes no money before the owner agrees", () => {
    const careful = walkerOf(dataTerms(APPROVED));
    const at = paidIn(careful);
    expect(at.state.label).toBe("awaiting-approval");
    expect(stepContract(crypto, careful.contract, at.state, key, at.nowMs)).toMatchObject({
      code: "contract-not-expected",
    });
    expect(gains(careful.timedOut(at))).toEqual({});
    expect(gains(careful.take(at, choiceInput("owner", "decline"), at.nowMs))).toEqual({});
  });

  const wrong: [name: string, change: Partial<DataParams>, where: string][] = [
    ["a price of nothing: that is a grant", { priceMinor: 0n }, "priceMinor"],
    ["a span that ends before it begins", { spanUntilMs: DATA.spanFromMs }, "spanUntilMs"],
    ["a short digest", { keyDigest: new Uint8Array(31) }, "keyDigest"],
    ["approval without its deadline", { approval: true }, "approveByMs"],
    ["a deadline without approval", { approveByMs: ORDERED_AT + 2 * DAY }, "approveByMs"],
    ["approval before signing", { approval: true, approveByMs: DATA.signByMs }, "approveByMs"],
    ["a key before the approval", { approval: true, approveByMs: DATA.keyByMs }, "keyByMs"],
    ["no time to show the key", { keyByMs: DATA.signByMs }, "keyByMs"],
    ["a keeper for nothing", { keeper: KEEPER }, "keeperFeeMinor"],
    ["a fee for no keeper", { keeperFeeMinor: 1n }, "keeperFeeMinor"],
    ["a fee above the price", { keeper: KEEPER, keeperFeeMinor: 501n }, "keeperFeeMinor"],
  ];
  it.each(wrong)("refuses %s", (_, change, where) => {
    try {
      dataTerms({ ...DATA, ...change });
    } catch (error) {
      expect(errorCode(error)).toBe("terms-invalid");
      expect((error as SegmentError).where).toBe(where);
      return;
    }
    expect.unreachable("the parameters were accepted");
  });
});
