import { describe, expect, it } from "vitest";
import { smallOrderKeys } from "../../test/compliance/ed25519-cases.ts";
import { fromHex } from "../encoding/bytes.ts";
import { isCanonicalStrongKey } from "./ed25519.ts";

describe("isCanonicalStrongKey", () => {
  it("refuses every encoding of the points of small order", () => {
    for (const key of smallOrderKeys()) expect(isCanonicalStrongKey(key)).toBe(false);
  });

  it("refuses y from the field's prime upwards, and takes what lies just below", () => {
    const fs = "ff".repeat(30);
    for (const [hex, expected] of [
      [`eb${fs}7f`, true],
      [`ec${fs}7f`, false],
      [`ed${fs}7f`, false],
      [`f0${fs}ff`, false],
      [`ff${fs}7f`, false],
      [`00${"ff".repeat(29)}fe7f`, true],
      [`ff${"ff".repeat(30)}7e`, true],
      [`02${"00".repeat(31)}`, true],
      [`${"00".repeat(30)}0100`, true],
    ] as const) {
      expect(isCanonicalStrongKey(fromHex(hex)), hex).toBe(expected);
    }
  });

  it("refuses other lengths", () => {
    for (const length of [0, 31, 33])
      expect(isCanonicalStrongKey(new Uint8Array(length).fill(9))).toBe(false);
  });
});
