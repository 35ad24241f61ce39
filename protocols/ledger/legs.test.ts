import { describe, expect, it } from "vitest";
import { portableCrypto as crypto } from "../crypto/portable.ts";
import { toHex } from "../encoding/bytes.ts";
import type { CborValue } from "../encoding/cbor.ts";
import { readBody } from "./entry.ts";
import { legsFields, legsHash } from "./legs.ts";
import type { LegsFields } from "./legs.ts";

const key = (value: number): Uint8Array => new Uint8Array(32).fill(value);
const currency = "EUR.0123456789abcdef";
const leg = (account: number, change: bigint) => ({ account: key(account), currency, change });
const rent: LegsFields = {
  legs: [leg(1, -2_490n), leg(2, 1_990n), leg(3, 500n)],
  charges: [{ leg: 0, termsId: key(9), mandate: 1 }],
  memo: new TextEncoder().encode("rent"),
  approvals: [Uint8Array.of(1), Uint8Array.of(2)],
};
const read = (fields: CborValue[]) => readBody({ kind: "legs", fields });

describe("an entry of legs", () => {
  it("is read as it was written", () => {
    expect(read(legsFields(rent))).toEqual({ kind: "legs", ...rent });
  });

  /** Made a second time with Python's hashlib, from the documentation alone. */
  it("has the hash that was written down, whoever approves", () => {
    const hash = "d138488f46acf12953ae09f672b06060227394fa232a0c48e2771e47f96aeede";
    expect(toHex(legsHash(crypto, rent))).toBe(hash);
    expect(toHex(legsHash(crypto, { ...rent, legs: rent.legs.toReversed() }))).not.toBe(hash);
    expect(toHex(legsHash(crypto, { ...rent, charges: [] }))).not.toBe(hash);
    expect(toHex(legsHash(crypto, { ...rent, memo: new Uint8Array() }))).not.toBe(hash);
  });

  const other = { ...leg(2, 5n), currency: "CHF.0123456789abcdef" };
  const charge = rent.charges[0]!;
  it.each<[string, Partial<LegsFields>, string]>([
    ["one leg", { legs: [leg(1, -1n)] }, "entry.legs.legs"],
    ["no leg", { legs: [] }, "entry.legs.legs"],
    [
      "65 legs",
      { legs: Array.from({ length: 65 }, (_, i) => leg(i, i === 0 ? -64n : 1n)) },
      "entry.legs.legs",
    ],
    ["a leg of nothing", { legs: [leg(1, -1n), leg(2, 1n), leg(3, 0n)] }, "entry.legs.legs[2].change"],
    ["legs that make money", { legs: [leg(1, -1n), leg(2, 2n)] }, "entry.legs.legs"],
    ["legs that destroy money", { legs: [leg(1, -2n), leg(2, 1n)] }, "entry.legs.legs"],
    ["one currency for another", { legs: [leg(1, -5n), other] }, "entry.legs.legs"],
    ["a change of 2^63", { legs: [leg(1, -(2n ** 63n)), leg(2, 2n ** 63n)] }, "entry.legs.legs[0].change"],
    ["a charge of no leg", { charges: [{ ...charge, leg: 3 }] }, "entry.legs.charges[0].leg"],
    ["a charge of a leg that receives", { charges: [{ ...charge, leg: 1 }] }, "entry.legs.charges[0].leg"],
    ["two charges of one leg", { charges: [charge, charge] }, "entry.legs.charges[1].leg"],
    [
      "a mandate that no terms can have",
      { charges: [{ ...charge, mandate: 16 }] },
      "entry.legs.charges[0].mandate",
    ],
    ["a memo of 65 bytes", { memo: new Uint8Array(65) }, "entry.legs.memo"],
    [
      "31 approvals",
      { approvals: Array.from({ length: 31 }, () => Uint8Array.of(1)) },
      "entry.legs.approvals",
    ],
    ["an approval of 513 bytes", { approvals: [new Uint8Array(513)] }, "entry.legs.approvals.0"],
  ])("has no body with %s", (_, change, where) => {
    const fields = legsFields({ ...rent, charges: [], ...change });
    expect(() => read(fields)).toThrow(expect.objectContaining({ code: "entry-invalid", where }));
  });

  it.each<[string, CborValue[]]>([
    ["a short account", [[[key(1).slice(1), currency, 1]], [], new Uint8Array(), []]],
    ["a leg of four fields", [[[key(1), currency, 1, 1]], [], new Uint8Array(), []]],
    ["a leg that is a number", [[1, 2], [], new Uint8Array(), []]],
    ["no approvals", legsFields(rent).slice(0, 3)],
    ["a field too many", [...legsFields(rent), 0]],
    ["another type for legs", ["legs", [], new Uint8Array(), []]],
  ])("has no body with %s", (_, fields) => {
    expect(() => read(fields)).toThrow(expect.objectContaining({ code: "entry-invalid" }));
  });

  it("takes the most that there is, and 64 legs", () => {
    const most = 2n ** 63n - 1n;
    const legs = [
      leg(0, -most),
      leg(1, most),
      ...Array.from({ length: 62 }, (_, i) => leg(i + 2, i % 2 === 0 ? 1n : -1n)),
    ];
    expect(read(legsFields({ ...rent, legs, charges: [] }))).toMatchObject({ legs });
  });
});
