/** A picture of black and white squares as a PNG file (ISO/IEC 15948), one bit a pixel. */
import { crc32, deflateSync } from "node:zlib";

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
/** One bit, greyscale, deflate, no filter method but the standard's, not interlaced. */
const ONE_BIT_GREY = [1, 0, 0, 0, 0];

/** `rows` of squares, true for black; each becomes `scale` pixels wide and high. */
export function pngOf(rows: readonly (readonly boolean[])[], scale: number): Uint8Array {
  const width = (rows[0]?.length ?? 0) * scale;
  const height = rows.length * scale;
  const lines = rows.flatMap((row) => Array<Buffer>(scale).fill(lineOf(row, scale)));
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set(ONE_BIT_GREY, 8);
  const parts = [chunk("IHDR", header), chunk("IDAT", deflateSync(Buffer.concat(lines))), chunk("IEND")];
  return new Uint8Array(Buffer.concat([SIGNATURE, ...parts]));
}

/** Its filter (none), then its pixels from the highest bit down; 1 is white. */
function lineOf(row: readonly boolean[], scale: number): Buffer {
  const line = Buffer.alloc(1 + Math.ceil((row.length * scale) / 8));
  row.forEach((isBlack, at) => {
    if (isBlack) return;
    for (let pixel = at * scale; pixel < (at + 1) * scale; pixel++) {
      line[1 + (pixel >> 3)]! |= 0x80 >> (pixel & 7);
    }
  });
  return line;
}

function chunk(type: string, data: Uint8Array = new Uint8Array()): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  framed.set(body, 4);
  framed.writeUInt32BE(crc32(body), 4 + body.length);
  return framed;
}
