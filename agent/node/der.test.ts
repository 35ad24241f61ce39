/** Against OpenSSL's reading of the same bytes, and X.690's own examples. */
import { describe, expect, it } from "vitest";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { bitString, integer, objectId, octets, sequence, time, utf8String } from "./der.ts";

describe("DER", () => {
  it("writes what the standards give as examples", () => {
    // X.690 section 8.19.5: {2 100 3}; RFC 8017's rsaEncryption; RFC 5480's prime256v1.
    expect(toHex(objectId("2.100.3"))).toBe("0603813403");
    expect(toHex(objectId("1.2.840.113549.1.1.1"))).toBe("06092a864886f70d010101");
    expect(toHex(objectId("1.2.840.10045.3.1.7"))).toBe("06082a8648ce3d030107");
    expect(toHex(bitString(Uint8Array.of(0x0a, 0x3b, 0x5f, 0x29, 0x1c, 0xd0), 4))).toBe("0307040a3b5f291cd0");
  });

  it("writes integers in the fewest bytes, never negative", () => {
    expect(toHex(integer(Uint8Array.of(0)))).toBe("020100");
    expect(toHex(integer(Uint8Array.of(0, 0, 127)))).toBe("02017f");
    expect(toHex(integer(Uint8Array.of(128)))).toBe("02020080");
    expect(toHex(integer(Uint8Array.of(0, 1, 0)))).toBe("02020100");
  });

  it("writes lengths in one, two and three bytes", () => {
    expect(toHex(octets(new Uint8Array(127))).slice(0, 4)).toBe("047f");
    expect(toHex(octets(new Uint8Array(128))).slice(0, 6)).toBe("048180");
    expect(toHex(octets(new Uint8Array(65_536))).slice(0, 10)).toBe("0483010000");
    expect(toHex(sequence(utf8String("é")))).toBe("30040c02c3a9");
  });

  it("writes times before and after 2050 as certificates have them", () => {
    expect(new TextDecoder().decode(time(Date.UTC(2049, 11, 31, 23, 59, 59)).subarray(2))).toBe(
      "491231235959Z",
    );
    expect(new TextDecoder().decode(time(Date.UTC(2050, 0, 1)).subarray(2))).toBe("20500101000000Z");
  });
});
