import { describe, expect, it } from "vitest";
import { concat, toHex, utf8 } from "../encoding/bytes.ts";
import { HASH_LABELS, SIGNATURE_LABELS, KEY_LABELS } from "../labels.ts";
import type { HashLabel } from "../labels.ts";
import { labelledHash } from "./hash.ts";
import { portableCrypto } from "./portable.ts";

describe("labelledHash", () => {
  it("is SHA-256 of label, zero byte and parts", () => {
    const expected = portableCrypto.sha256(utf8("segment/1/hash/entry\u0000abc"));
    expect(labelledHash(portableCrypto, "entry", utf8("a"), utf8("bc"))).toEqual(expected);
    expect(labelledHash(portableCrypto, "entry", concat(utf8("ab"), utf8("c")))).toEqual(expected);
    expect(toHex(labelledHash(portableCrypto, "entry"))).toBe(
      toHex(portableCrypto.sha256(utf8("segment/1/hash/entry\u0000"))),
    );
  });

  it("differs for each purpose", () => {
    const hashes = Object.keys(HASH_LABELS).map((label) =>
      toHex(labelledHash(portableCrypto, label as HashLabel)),
    );
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});

describe("labels", () => {
  it("are all different, and hold no zero byte, which separates them from what follows", () => {
    const labels = [SIGNATURE_LABELS, HASH_LABELS, KEY_LABELS].flatMap((group) =>
      Object.values<string>(group),
    );
    expect(new Set(labels).size).toBe(labels.length);
    expect(labels.filter((label) => !/^segment\/1\/(sign|hash|key)\/[a-z0-9-]+$/.test(label))).toEqual([]);
  });
});
