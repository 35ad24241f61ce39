/**
 * Segment files after any damage: what a frame says is what was written, the damage between frames is
 * found, and the store opens, gives what is sound and takes more.
 */
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect } from "vitest";
import { openFileBlobs } from "../../../agent/node/blobs.ts";
import {
  encodeFileHeader,
  encodeFrame,
  FILE_HEADER_BYTES,
  readFileHeader,
  scanFile,
} from "../../../agent/node/segment-file.ts";
import { concat, equalBytes, toHex, utf8 } from "../../../protocols/encoding/bytes.ts";
import { errorCode } from "../../../protocols/errors.ts";
import { fuzz } from "../support/harness.ts";
import { mutatedBytes } from "../support/mutate.ts";
import { commonPrefix, scratchFolder } from "./scratch.ts";

const folder = scratchFolder();
const MARKER = Uint8Array.of(0x91, 0x0b, 0xc2, 0x1d, 0xe3, 0x2f, 0x44, 0x35);
const OTHER = Uint8Array.of(9, 8, 7, 6, 5, 4, 3, 2);

const VALUES = new Map([
  ["keeper/a", utf8("first")],
  ["keeper/b", new Uint8Array(200)],
  ["keeper/c", new Uint8Array(0)],
  // A peer's value that looks like frames.
  ["keeper/d", concat(encodeFileHeader(OTHER), encodeFrame(OTHER, "put", "keeper/evil", utf8("evil")))],
]);
const frames = [
  ...[...VALUES].map(([key, value]) => encodeFrame(MARKER, "put", key, value)),
  encodeFrame(MARKER, "delete", "keeper/b", new Uint8Array(0)),
  encodeFrame(MARKER, "put", "keeper/e", new Uint8Array(90).fill(7)),
];
const whole = concat(encodeFileHeader(MARKER), ...frames);
const samples = [whole, whole.slice(0, -1), encodeFileHeader(MARKER)];

describe("a segment file", () => {
  fuzz("is read between its damage", mutatedBytes(samples), (mutant) => {
    const marker = readFileHeader(mutant);
    if (marker === undefined) return;
    const { frames: found, damage } = scanFile(mutant, marker);
    const pieces = [...found, ...damage].sort((a, b) => a.offset - b.offset);
    let at = FILE_HEADER_BYTES;
    for (const piece of pieces) {
      expect(piece.offset).toBe(at);
      at += piece.length;
    }
    expect(at).toBe(mutant.length);
    for (const { kind, key, value, offset, length } of found) {
      const written = mutant.subarray(offset, offset + length);
      expect(equalBytes(encodeFrame(marker, kind, key, value), written)).toBe(true);
    }
    if (!equalBytes(marker, MARKER)) return;
    const shared = commonPrefix(mutant, whole);
    for (let index = 0, end = FILE_HEADER_BYTES; index < frames.length; index++) {
      end += frames[index]!.length;
      if (end <= shared) expect(found[index]!.offset + found[index]!.length).toBe(end);
    }
  });

  fuzz(
    "loses one frame to one wrong byte, and no other",
    fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 })),
    ([at, flip]) => {
      const damaged = whole.slice();
      damaged[at]! ^= flip;
      const marker = readFileHeader(damaged);
      if (marker === undefined) return;
      const isHeader = at < FILE_HEADER_BYTES;
      expect(scanFile(damaged, marker).frames).toHaveLength(isHeader ? frames.length : frames.length - 1);
    },
  );
});

describe("the blobs in damaged files", () => {
  fuzz(
    "open, give only what was put, and take more",
    fc.tuple(mutatedBytes(samples), fc.boolean()),
    async ([mutant, isLast]) => {
      for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
      writeFileSync(join(folder, "blobs-00000001.seg"), mutant);
      const sound = concat(encodeFileHeader(OTHER), encodeFrame(OTHER, "put", "keeper/later", utf8("later")));
      if (!isLast) writeFileSync(join(folder, "blobs-00000002.seg"), sound);
      const blobs = await openFileBlobs(folder);
      const keys = await blobs.list("");
      for (const key of keys) await expectPut(blobs.get(key), key);
      if (!isLast) expect(keys).toContain("keeper/later");
      await blobs.put("fresh", utf8("fresh"));
      await blobs.close();
      const again = await openFileBlobs(folder);
      expect(await again.list("")).toEqual([...keys, "fresh"].sort());
      expect(await again.get("fresh")).toEqual(utf8("fresh"));
      await again.close();
    },
    { share: 0.1 },
  );
});

async function expectPut(read: Promise<Uint8Array | undefined>, key: string): Promise<void> {
  const value = await read.catch((error: unknown) => {
    expect(errorCode(error)).toBe("store-failed");
    return undefined;
  });
  if (value === undefined) return;
  const put = new Map([...VALUES, ["keeper/e", new Uint8Array(90).fill(7)], ["keeper/later", utf8("later")]]);
  expect(toHex(value)).toBe(toHex(put.get(key) ?? utf8("never put")));
}
