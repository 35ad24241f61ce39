import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concat, fromHex, toHex } from "../encoding/bytes.ts";
import { errorCode } from "../errors.ts";
import { FRAME, fragment, MAX_FRAME_BYTES, Reassembler, refusalByte, refusalCode } from "./frames.ts";
import type { Frame } from "./frames.ts";

const SIZES = [20, 23, 100, 244, 509];
const body = Uint8Array.from({ length: 60 }, (_, index) => index);

function collect(reassembler: Reassembler, values: Uint8Array[]): Frame[] {
  return values.flatMap((value) => reassembler.accept(value) ?? []);
}

function refusal(values: Uint8Array[], reassembler = new Reassembler()): string {
  try {
    collect(reassembler, values);
    return "accepted";
  } catch (error) {
    return errorCode(error);
  }
}

describe("fragments", () => {
  it("look like this", () => {
    const values = fragment({ type: FRAME.transport, body: body.subarray(0, 40) }, 20, 127);
    expect(values.map(toHex)).toEqual([
      "ff030028" + "000102030405060708090a0b0c0d0e0f",
      "00" + "101112131415161718191a1b1c1d1e1f202122",
      "01" + "2324252627",
    ]);
    expect(toHex(fragment({ type: FRAME.close, body: new Uint8Array(0) }, 20)[0]!)).toBe("80050000");
  });

  it.each(SIZES)("of %i bytes carry frames of any length, one after the other", (size) => {
    const reassembler = new Reassembler();
    let sequence = 0;
    for (const length of [0, 1, 15, 16, 17, 35, 36, 240, 1_000, MAX_FRAME_BYTES]) {
      const sent: Frame = { type: FRAME.transport, body: new Uint8Array(length).fill(length & 255) };
      const values = fragment(sent, size, sequence);
      sequence = (sequence + values.length) % 128;
      expect(Math.max(...values.map((value) => value.length))).toBeLessThanOrEqual(size);
      const frames = collect(reassembler, values);
      expect(frames.length).toBe(1);
      expect(frames[0]!.type).toBe(sent.type);
      expect(toHex(frames[0]!.body)).toBe(toHex(sent.body));
    }
  });

  it("are never shorter than MTU 23 allows nor longer than an attribute", () => {
    for (const [size, expected] of [
      [0, 20],
      [Number.NaN, 20],
      [5_000, 512],
    ] as const) {
      const [first] = fragment({ type: FRAME.transport, body: new Uint8Array(600) }, size);
      expect(first!.length).toBe(expected);
    }
  });

  it("refuse a frame beyond the bound before a byte of it is kept", () => {
    expect(() => fragment({ type: FRAME.transport, body: new Uint8Array(MAX_FRAME_BYTES + 1) }, 244)).toThrow(
      expect.objectContaining({ code: "frame-too-large" }),
    );
    expect(refusal([fromHex("8003ffff00")])).toBe("frame-too-large");
    expect(refusal([fromHex("80034001aa")])).toBe("frame-too-large");
  });
});

describe("Reassembler", () => {
  const values = fragment({ type: FRAME.transport, body }, 20);

  it("notices every lost, repeated and swapped fragment", () => {
    expect(values.length).toBe(4);
    for (let i = 0; i < values.length; i++) {
      const repeated = values.toSpliced(i, 0, values[i]!);
      expect(refusal(repeated), `repeat ${i}`).toBe("frame-invalid");
      if (i < values.length - 1) {
        expect(refusal(values.toSpliced(i, 1)), `lose ${i}`).toBe("frame-invalid");
        expect(refusal(values.toSpliced(i, 2, values[i + 1]!, values[i]!)), `swap ${i}`).toBe(
          "frame-invalid",
        );
      }
    }
    // The last one lost shows with whatever comes next.
    const next = fragment({ type: FRAME.close, body: new Uint8Array(0) }, 20, values.length);
    expect(refusal([...values.slice(0, -1), ...next])).toBe("frame-invalid");
  });

  it("notices a whole frame that is lost", () => {
    const next = fragment({ type: FRAME.transport, body }, 20, values.length);
    expect(refusal([...values, ...next])).toBe("accepted");
    expect(refusal(next)).toBe("frame-invalid");
  });

  it.each([
    ["an empty value", [""]],
    ["a header cut short", ["800300"]],
    ["an unknown type", ["80000000"]],
    ["another unknown type", ["80060000"]],
    ["a later fragment first", ["00aa"]],
    ["a frame inside a frame", ["80030002aa", "810300010a"]],
    ["a first fragment without content", ["80030002"]],
    ["a later fragment without content", ["80030002aa", "01"]],
    ["more than the length, at once", ["80030001aabb"]],
    ["more than the length, later", ["80030002aa", "01aabb"]],
  ])("refuses %s", (_name, hexes) => {
    expect(refusal(hexes.map(fromHex))).toBe("frame-invalid");
  });

  it("stays refused once it is out of step", () => {
    const reassembler = new Reassembler();
    expect(refusal([values[1]!], reassembler)).toBe("frame-invalid");
    expect(refusal(values, reassembler)).toBe("frame-invalid");
  });

  it("carries any frames at any size (property)", () => {
    const frame = fc.record({
      type: fc.constantFrom(...Object.values(FRAME)),
      body: fc.uint8Array({ maxLength: 700 }),
    });
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), fc.integer({ min: 20, max: 512 }), (frames, size) => {
        let sequence = 0;
        const sent = frames.flatMap((each) => {
          const pieces = fragment(each, size, sequence % 128);
          sequence += pieces.length;
          return pieces;
        });
        const received = collect(new Reassembler(), sent);
        expect(received.map((each) => each.type)).toEqual(frames.map((each) => each.type));
        expect(toHex(concat(...received.map((each) => each.body)))).toBe(
          toHex(concat(...frames.map((each) => each.body))),
        );
      }),
    );
  });
});

describe("refusals", () => {
  it("say a code in one byte; what is private or unknown reads as peer-refused", () => {
    for (const code of [
      "peer-refused",
      "noise-failed",
      "challenge-stale",
      "card-expired",
      "condition-not-met",
    ] as const) {
      expect(refusalCode(refusalByte(code))).toBe(code);
    }
    expect(refusalByte("noise-failed")).toBe(2);
    expect(refusalCode(refusalByte("internal"))).toBe("peer-refused");
    expect(refusalCode(0)).toBe("peer-refused");
    expect(refusalCode(255)).toBe("peer-refused");
  });
});
