import { crc32, inflateSync } from "node:zlib";
import { encodeQR } from "qr";
import { decodeQR } from "qr/decode.js";
import { describe, expect, it } from "vitest";
import { pngOf } from "./png.ts";

interface Picture {
  width: number;
  height: number;
  /** By line, true for black. */
  pixels: boolean[][];
}

/** Reads what pngOf writes, by the standard: signature, chunks with their sums, lines without filter. */
function read(png: Uint8Array): Picture {
  const file = Buffer.from(png);
  expect(file.subarray(0, 8).toString("hex")).toBe("89504e470d0a1a0a");
  const chunks = new Map<string, Buffer>();
  for (let at = 8; at < file.length;) {
    const length = file.readUInt32BE(at);
    const body = file.subarray(at + 4, at + 8 + length);
    expect(file.readUInt32BE(at + 8 + length)).toBe(crc32(body));
    chunks.set(body.subarray(0, 4).toString("latin1"), body.subarray(4));
    at += 12 + length;
  }
  expect([...chunks.keys()]).toEqual(["IHDR", "IDAT", "IEND"]);
  const header = chunks.get("IHDR")!;
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const data = inflateSync(chunks.get("IDAT")!);
  const stride = 1 + Math.ceil(width / 8);
  expect(data.length).toBe(stride * height);
  const isBlack = (x: number, y: number): boolean =>
    (data[y * stride + 1 + (x >> 3)]! & (0x80 >> (x & 7))) === 0;
  const pixels = Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (__, x) => isBlack(x, y)),
  );
  return { width, height, pixels };
}

describe("a picture of squares", () => {
  it("has each square as wide and high as told", () => {
    const rows = [
      [true, false, true],
      [false, true, true],
    ];
    const { width, height, pixels } = read(pngOf(rows, 3));
    expect([width, height]).toEqual([9, 6]);
    pixels.forEach((line, y) =>
      line.forEach((isBlack, x) => expect(isBlack).toBe(rows[Math.floor(y / 3)]![Math.floor(x / 3)])),
    );
  });

  it("is read by a camera if it shows a QR code", () => {
    const text = `segment:pair:${"Ab3-_".repeat(40)}`;
    const { width, height, pixels } = read(pngOf(encodeQR(text, "raw", { ecc: "medium", border: 4 }), 4));
    const data = new Uint8Array(width * height * 4).fill(255);
    pixels.flat().forEach((isBlack, at) => (isBlack ? data.fill(0, at * 4, at * 4 + 3) : undefined));
    expect(decodeQR({ width, height, data })).toBe(text);
  });
});
