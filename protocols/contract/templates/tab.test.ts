import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { errorCode, SegmentError } from "../../errors.ts";
import type { FactContent } from "../facts.ts";
import { stepContract } from "../machine.ts";
import type { Input } from "../machine.ts";
import { choiceInput, crypto, MINUTE, ORDERED_AT } from "../testing/delivery.ts";
import { DAY, TAB, walkerOf } from "../testing/samples.ts";
import { gainsOf } from "../testing/walk.ts";
import type { Standing } from "../testing/walk.ts";
import { readVoucher, VOUCHER, voucherBody } from "./fact-kinds.ts";
import { tabTerms } from "./tab.ts";
import type { TabParams } from "./tab.ts";

const walker = walkerOf(tabTerms(TAB));
const gains = (at: Standing) => gainsOf(at, TAB.currency);
const deposit: Input = { kind: "deposit", by: "payer", currency: TAB.currency, amount: 2_000n };
const open = walker.take(walker.opened(), deposit, ORDERED_AT + MINUTE);
const PAID_AT = ORDERED_AT + 3 * DAY;

/** A voucher of the payer's, countersigned by the payee when it hands it in. */
function voucher(minor: bigint, handedInAt: number, of = walker): Input {
  const facts = [
    of.fact("payer", VOUCHER, voucherBody(minor), PAID_AT),
    of.fact("payee", VOUCHER, voucherBody(minor), handedInAt),
  ];
  return { kind: "facts", facts, preimages: [] };
}

function code(input: Input, nowMs: number): string {
  const step = stepContract(crypto, walker.contract, open.state, input, nowMs);
  return step.ok ? "accepted" : step.code;
}

describe("a tab", () => {
  it("pays what the last voucher says, and the rest back", () => {
    const handedIn = (minor: bigint) =>
      gains(walker.take(open, voucher(minor, PAID_AT + DAY), PAID_AT + DAY));
    expect(handedIn(350n)).toEqual({ payer: -350n, payee: 350n });
    expect(handedIn(2_000n)).toEqual({ payer: -2_000n, payee: 2_000n });
  });

  it("a voucher beyond the tab pays the tab", () => {
    expect(gains(walker.take(open, voucher(9_999n, PAID_AT), PAID_AT))).toEqual({
      payer: -2_000n,
      payee: 2_000n,
    });
  });

  it("a voucher is handed in once: the contract has ended then", () => {
    const ended = walker.take(open, voucher(350n, PAID_AT), PAID_AT);
    const again = stepContract(crypto, walker.contract, ended.state, voucher(800n, PAID_AT), PAID_AT);
    expect(again).toMatchObject({ ok: false, code: "contract-closed" });
  });

  it("neither can write a voucher alone, and both must sign the same amount", () => {
    for (const role of ["payer", "payee"]) {
      const alone: Input = {
        kind: "facts",
        facts: [walker.fact(role, VOUCHER, voucherBody(5n), PAID_AT)],
        preimages: [],
      };
      expect(code(alone, PAID_AT)).toBe("condition-not-met");
    }
    const differing: Input = {
      kind: "facts",
      facts: [
        walker.fact("payer", VOUCHER, voucherBody(5n), PAID_AT),
        walker.fact("payee", VOUCHER, voucherBody(500n), PAID_AT),
      ],
      preimages: [],
    };
    expect(code(differing, PAID_AT)).toBe("condition-not-met");
  });

  it("a voucher for another tab counts for nothing here", () => {
    const other = walkerOf(tabTerms({ ...TAB, nonce: new Uint8Array(16).fill(8) }));
    expect(code(voucher(350n, PAID_AT, other), PAID_AT)).toBe("fact-invalid");
  });

  it("the payer has nothing back while the payee may be offline, unless the payee releases it", () => {
    const lastMs = TAB.untilMs + 7 * DAY;
    expect(code({ kind: "timeout" }, lastMs)).toBe("contract-too-early");
    expect(gains(walker.take(open, voucher(350n, lastMs), lastMs))).toEqual({ payer: -350n, payee: 350n });
    expect(gains(walker.timedOut(open))).toEqual({});
    expect(gains(walker.take(open, choiceInput("payee", "release"), PAID_AT))).toEqual({});
    expect(code(choiceInput("payer", "release"), PAID_AT)).toBe("contract-not-expected");
  });

  const wrong: [name: string, change: Partial<TabParams>, where: string][] = [
    ["nothing to pay with", { amountMinor: 0n }, "amountMinor"],
    ["no time to pay in", { untilMs: TAB.signByMs }, "untilMs"],
    ["a payee that is offline for no time", { offlineMs: 59_999 }, "offlineMs"],
    ["signing before the offer", { signByMs: ORDERED_AT - 1 }, "signByMs"],
  ];
  it.each(wrong)("refuses %s", (_, change, where) => {
    try {
      tabTerms({ ...TAB, ...change });
    } catch (error) {
      expect(errorCode(error)).toBe("terms-invalid");
      expect((error as SegmentError).where).toBe(where);
      return;
    }
    expect.unreachable("the parameters were accepted");
  });
});

describe("vouchers", () => {
  const content = (body: FactContent["body"], kind: string = VOUCHER): FactContent => ({
    kind,
    subject: null,
    timeMs: 0,
    body,
  });

  it("carry every amount there can be", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }), (minor) => {
        expect(readVoucher(content(voucherBody(minor)))).toBe(minor);
      }),
    );
  });

  it.each([0n, -1n, 2n ** 63n])("are for 1 to 2^63 - 1, not %s", (minor) => {
    expect(() => voucherBody(minor)).toThrowError(SegmentError);
    expect(() => readVoucher(content([minor]))).toThrowError(/voucher fact/);
  });

  it.each([[[]], [["350"]], [[350n, 1n]], [[null]], [[new Uint8Array(1)]]] as FactContent["body"][][])(
    "are refused in another shape: %s",
    (body) => {
      try {
        readVoucher(content(body));
      } catch (error) {
        expect(errorCode(error)).toBe("fact-invalid");
        return;
      }
      expect.unreachable("it was read");
    },
  );

  it("are no other facts", () => {
    expect(() => readVoucher(content([350n], "position"))).toThrowError(/not a "voucher"/);
  });
});
