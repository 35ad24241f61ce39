import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { packetMeter } from "./packet-limit.ts";

/** A packet of some type with `length` bytes after its fixed header (MQTT 3.1.1, section 2.2.3). */
function packet(length: number): number[] {
  const header = [0x30];
  let rest = length;
  do {
    const digit = rest % 128;
    rest = Math.floor(rest / 128);
    header.push(rest > 0 ? digit | 0x80 : digit);
  } while (rest > 0);
  return [...header, ...Array.from({ length }, (_, index) => index & 0xff)];
}

describe("the packet meter", () => {
  it("accepts packets up to the bound, however they are cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(300), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 97 })),
        (lengths, cuts) => {
          const bytes = Uint8Array.from(lengths.flatMap(packet));
          const meter = packetMeter(300);
          let at = 0;
          for (const cut of [...cuts, bytes.length]) {
            expect(meter.accepts(bytes.subarray(at, at + cut))).toBe(true);
            at += cut;
          }
        },
      ),
    );
  });

  it("refuses at the header what announces more", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(300), { maxLength: 5 }),
        fc.integer({ min: 301, max: 70_000 }),
        (lengths, tooLong) => {
          const meter = packetMeter(300);
          expect(meter.accepts(Uint8Array.from(lengths.flatMap(packet)))).toBe(true);
          expect(meter.accepts(Uint8Array.from(packet(tooLong).slice(0, 4)))).toBe(false);
        },
      ),
    );
  });

  it("refuses a length of more than four bytes", () => {
    expect(packetMeter(1e9).accepts(Uint8Array.of(0x10, 0x80, 0x80, 0x80, 0x80))).toBe(false);
    expect(packetMeter(1e9).accepts(Uint8Array.of(0x10, 0xff, 0xff, 0xff, 0x7f))).toBe(true);
  });

  it("takes a new bound for what comes next", () => {
    const meter = packetMeter(10);
    meter.allow(200);
    expect(meter.accepts(Uint8Array.from(packet(150)))).toBe(true);
  });
});
