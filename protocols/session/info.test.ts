import { describe, expect, it } from "vitest";
import { fromHex, toHex } from "../encoding/bytes.ts";
import { decodeInfo, encodeInfo, MAX_INFO_BYTES } from "./info.ts";

const cardHash = fromHex("000102030405060708090a0b0c0d0e0f");
const challenge = fromHex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
const EXAMPLE = "840150000102030405060708090a0b0c0d0e0f18f450f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";

describe("info", () => {
  it("looks like this", () => {
    expect(toHex(encodeInfo({ cardHash, fragmentSize: 244, challenge }))).toBe(EXAMPLE);
    expect(decodeInfo(fromHex(EXAMPLE))).toEqual({ cardHash, fragmentSize: 244, challenge });
  });

  it("comes back at every size, within its bound", () => {
    for (let fragmentSize = 20; fragmentSize <= 512; fragmentSize++) {
      const bytes = encodeInfo({ cardHash, fragmentSize, challenge });
      expect(bytes.length).toBeLessThanOrEqual(MAX_INFO_BYTES);
      expect(decodeInfo(bytes).fragmentSize).toBe(fragmentSize);
    }
  });

  it.each([
    ["another version", EXAMPLE.replace("8401", "8402"), "cbor-wrong-shape"],
    ["a fragment size below 20", EXAMPLE.replace("18f4", "13"), "cbor-wrong-shape"],
    ["a fragment size above 512", EXAMPLE.replace("18f4", "190201"), "cbor-wrong-shape"],
    ["a short challenge", EXAMPLE.replace("50f0f1", "4ff1"), "cbor-wrong-shape"],
    ["a field too few", `83${EXAMPLE.slice(2, -34)}`, "cbor-wrong-shape"],
    ["a field too many", `85${EXAMPLE.slice(2)}00`, "cbor-too-large"],
    ["bytes that follow", `${EXAMPLE}00`, "cbor-invalid"],
    ["too many bytes", "00".repeat(40), "cbor-too-large"],
  ])("refuses %s", (_name, hex, code) => {
    expect(() => decodeInfo(fromHex(hex))).toThrow(expect.objectContaining({ code }));
  });
});
