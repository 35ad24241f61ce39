import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { errorCode } from "../../protocols/errors.ts";
import { H4Parser } from "./h4.ts";

const packets = fc.array(
  fc.oneof(
    fc.uint8Array({ maxLength: 255 }).map((p) => Uint8Array.of(0x01, 0x03, 0x0c, p.length, ...p)),
    fc
      .uint8Array({ maxLength: 1024 })
      .map((p) => Uint8Array.of(0x02, 0x40, 0x20, p.length & 0xff, p.length >> 8, ...p)),
    fc.uint8Array({ maxLength: 255 }).map((p) => Uint8Array.of(0x04, 0x3e, p.length, ...p)),
  ),
  { maxLength: 8 },
);

describe("H4", () => {
  it("finds the packets again, however the stream is cut", () => {
    fc.assert(
      fc.property(packets, fc.infiniteStream(fc.integer({ min: 1, max: 300 })), (sent, cuts) => {
        const stream = Uint8Array.from(sent.flatMap((packet) => [...packet]));
        const parser = new H4Parser();
        const received: Uint8Array[] = [];
        for (let at = 0; at < stream.length;) {
          const size = cuts.next().value as number;
          received.push(...parser.push(stream.subarray(at, at + size)));
          at += size;
        }
        expect(received).toEqual(sent);
      }),
      { numRuns: 200 },
    );
  });

  it("refuses an unknown type and an ACL packet beyond the bound", () => {
    const code = (bytes: number[]): string => {
      try {
        new H4Parser().push(Uint8Array.from(bytes));
        return "accepted";
      } catch (error) {
        return errorCode(error);
      }
    };
    expect(code([0x07, 0, 0])).toBe("radio-failed");
    expect(code([0x02, 0x40, 0x00, 0x01, 0x04])).toBe("radio-failed"); // 1025 bytes
    expect(code([0x02, 0x40, 0x00, 0x00, 0x04])).toBe("accepted"); // 1024, still to come
  });

  it("answers any bytes with packets or radio-failed", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
        try {
          const total = new H4Parser().push(bytes).reduce((sum, packet) => sum + packet.length, 0);
          expect(total).toBeLessThanOrEqual(bytes.length);
        } catch (error) {
          expect(errorCode(error)).toBe("radio-failed");
        }
      }),
    );
  });
});
