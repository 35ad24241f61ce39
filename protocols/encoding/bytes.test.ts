import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { errorCode } from "../errors.ts";
import {
  compareBytes,
  concat,
  equalBytes,
  fromBase64Url,
  fromHex,
  text,
  toBase64Url,
  toHex,
  utf8,
} from "./bytes.ts";

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return errorCode(error);
  }
  return "no error";
}

describe("bytes", () => {
  it("joins, also nothing", () => {
    expect(concat()).toEqual(new Uint8Array(0));
    expect(concat(Uint8Array.of(1), new Uint8Array(0), Uint8Array.of(2, 3))).toEqual(Uint8Array.of(1, 2, 3));
  });

  it("compares as Buffer does", () => {
    const bytes = fc.uint8Array({ maxLength: 6, max: 3 });
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(Math.sign(compareBytes(a, b))).toBe(Buffer.compare(a, b));
        expect(equalBytes(a, b)).toBe(Buffer.compare(a, b) === 0);
      }),
    );
  });

  it("writes and reads hexadecimal", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(toHex(bytes)).toBe(Buffer.from(bytes).toString("hex"));
        expect(fromHex(toHex(bytes))).toEqual(bytes);
        expect(fromHex(toHex(bytes).toUpperCase())).toEqual(bytes);
      }),
    );
    for (const bad of ["0", "0g", "0x00", " 00", "00\n", "é0"]) {
      expect(
        codeOf(() => fromHex(bad)),
        bad,
      ).toBe("text-malformed");
    }
  });

  it("writes and reads base64url as Buffer does", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(toBase64Url(bytes)).toBe(Buffer.from(bytes).toString("base64url"));
        expect(fromBase64Url(toBase64Url(bytes))).toEqual(bytes);
      }),
    );
  });

  it("refuses what is not the one base64url form of its bytes", () => {
    for (const bad of ["A", "AAAAA", "AB", "AAB", "AA==", "A+A/", "A A", "AAé", "____\n"]) {
      expect(
        codeOf(() => fromBase64Url(bad)),
        bad,
      ).toBe("text-malformed");
    }
    expect(fromBase64Url("AA")).toEqual(Uint8Array.of(0));
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), (encoded) => {
        let bytes: Uint8Array;
        try {
          bytes = fromBase64Url(encoded);
        } catch (error) {
          expect(errorCode(error)).toBe("text-malformed");
          return;
        }
        expect(toBase64Url(bytes)).toBe(encoded);
      }),
    );
  });

  it("reads UTF-8 strictly and keeps a byte order mark", () => {
    expect(text(utf8("Zoé 🚁"))).toBe("Zoé 🚁");
    expect(text(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))).toBe("\ufeffa");
    for (const bad of ["ff", "c080", "eda080", "f4908080", "c3"]) {
      expect(
        codeOf(() => text(fromHex(bad))),
        bad,
      ).toBe("text-malformed");
    }
  });
});
