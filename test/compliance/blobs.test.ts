import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { openFileBlobs, type FileBlobs } from "../../agent/node/blobs.ts";
import { errorCode } from "../../protocols/errors.ts";
import { createMemoryBlobs } from "../../simulators/network/memory-blobs.ts";
import { blobsCompliance } from "./blobs.ts";

const folders: string[] = [];
const opened: FileBlobs[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((blobs) => blobs.close()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "segment-blobs-"));
  folders.push(folder);
  return folder;
}

async function openIn(folder: string, segmentBytes?: number): Promise<FileBlobs> {
  const blobs = await openFileBlobs(folder, segmentBytes === undefined ? {} : { segmentBytes });
  opened.push(blobs);
  return blobs;
}

/** What a crash leaves: the files as they are now, without a close. */
function copyOf(folder: string): string {
  const copy = newFolder();
  for (const name of readdirSync(folder)) copyFileSync(join(folder, name), join(copy, name));
  return copy;
}

blobsCompliance("memory", async () => ({ blobs: createMemoryBlobs(), close: async () => {} }));

for (const segmentBytes of [undefined, 4096]) {
  blobsCompliance(`files, segments of ${segmentBytes ?? "the usual"} bytes`, async () => {
    const folder = newFolder();
    return {
      blobs: await openIn(folder, segmentBytes),
      reopen: () => openIn(copyOf(folder), segmentBytes),
      close: async () => {},
    };
  });
}

describe("memory blobs that fail", () => {
  it("refuse, and hold nothing", async () => {
    let broken = true;
    const blobs = createMemoryBlobs({ fails: () => broken });
    await expect(blobs.put("a", Uint8Array.of(1))).rejects.toMatchObject({ code: "store-failed" });
    expect(await blobs.get("a")).toBeUndefined();
    broken = false;
    await blobs.put("a", Uint8Array.of(1));
    expect(await blobs.get("a")).toEqual(Uint8Array.of(1));
  });
});

const value = (index: number, size = 100): Uint8Array => new Uint8Array(size).fill(index);
const files = (folder: string): string[] => readdirSync(folder).sort();
const only = (folder: string): string => join(folder, files(folder)[0]!);

describe("segment files", () => {
  it("cut off a torn tail wherever it tore, lose nothing acknowledged, and go on", async () => {
    const folder = newFolder();
    const blobs = await openIn(folder);
    for (const index of [1, 2]) await blobs.put(`k${index}`, value(index));
    const whole = statSync(only(folder)).size;
    await blobs.put("k3", value(3));
    const end = statSync(only(folder)).size;
    for (let cut = whole; cut < end; cut += cut < whole + 24 ? 1 : 16) {
      const copy = copyOf(folder);
      truncateSync(only(copy), cut);
      const again = await openFileBlobs(copy);
      expect(await again.list("")).toEqual(["k1", "k2"]);
      expect(again.damage.size).toBe(0);
      await again.put("k4", value(4));
      await again.close();
      const third = await openFileBlobs(copy);
      expect(await third.get("k4")).toEqual(value(4));
      expect(await third.get("k2")).toEqual(value(2));
      await third.close();
    }
  });

  it("survive a tail of garbage and of zeros", async () => {
    for (const tail of [Buffer.alloc(5000), Buffer.from("garbage".repeat(100))]) {
      const folder = newFolder();
      const blobs = await openIn(folder);
      await blobs.put("k1", value(1));
      const copy = copyOf(folder);
      writeFileSync(only(copy), Buffer.concat([readFileSync(only(copy)), tail]));
      const again = await openIn(copy);
      expect(await again.list("")).toEqual(["k1"]);
      expect(again.damage.size).toBe(0);
    }
  });

  it("lose one record, and say so, when one bit rots anywhere in it", async () => {
    const folder = newFolder();
    const blobs = await openIn(folder);
    await blobs.put("k1", value(1));
    const from = statSync(only(folder)).size;
    await blobs.put("k2", value(2));
    const to = statSync(only(folder)).size;
    await blobs.put("k3", value(3));
    for (let at = from; at < to; at += at < from + 24 ? 2 : 25) {
      const copy = copyOf(folder);
      const content = readFileSync(only(copy));
      content[at]! ^= 0x08;
      writeFileSync(only(copy), content);
      const again = await openFileBlobs(copy);
      expect(await again.list("")).toEqual(["k1", "k3"]);
      expect([...again.damage.values()]).toEqual([[{ offset: from, length: to - from }]]);
      expect(await again.get("k3")).toEqual(value(3));
      await again.put("k2", value(2));
      await again.close();
    }
  });

  it("refuse to give out what rots while they run", async () => {
    const folder = newFolder();
    const blobs = await openIn(folder);
    await blobs.put("k1", value(1));
    const content = readFileSync(only(folder));
    content[content.length - 1]! ^= 1;
    writeFileSync(only(folder), content);
    expect(await blobs.get("k1").then(() => "read", errorCode)).toBe("store-failed");
  });

  it("are not fooled by frames inside values", async () => {
    const folder = newFolder();
    const blobs = await openIn(folder);
    await blobs.put("victim", value(7));
    const other = newFolder();
    const attacker = await openIn(other);
    await attacker.put("victim", value(9));
    await attacker.delete("victim");
    // A value that holds another store's frames, in a record that the disk then damages.
    await blobs.put("evil", new Uint8Array(readFileSync(only(other))));
    const copy = copyOf(folder);
    const content = readFileSync(only(copy));
    content[content.length - 1]! ^= 1;
    writeFileSync(only(copy), content);
    const again = await openIn(copy);
    expect(await again.list("")).toEqual(["victim"]);
    expect(await again.get("victim")).toEqual(value(7));
  });

  it("start a new file over one whose beginning is lost, and keep the lost one", async () => {
    const folder = newFolder();
    const blobs = await openIn(folder);
    await blobs.put("k1", value(1));
    const copy = copyOf(folder);
    const content = readFileSync(only(copy));
    content[3]! ^= 1;
    writeFileSync(only(copy), content);
    const again = await openIn(copy);
    expect(await again.list("")).toEqual([]);
    expect(again.damage.size).toBe(1);
    await again.put("k2", value(2));
    expect(files(copy)).toHaveLength(2);
    // A file that power loss left without its header held nothing.
    writeFileSync(join(copy, "blobs-00000009.seg"), "SEGM");
    const third = await openIn(copyOf(copy));
    expect(await third.get("k2")).toEqual(value(2));
  });

  it("compact: half-dead files go, living values and deletions stay, also through a crash", async () => {
    const folder = newFolder();
    const blobs = await openIn(folder, 2048);
    for (let index = 0; index < 100; index += 1) await blobs.put(`k${index}`, value(index));
    const before = files(folder).length;
    const living = [...Array(100).keys()].filter((index) => index % 5 === 0);
    const doomed = [...Array(100).keys()].filter((index) => index % 5 !== 0);
    await Promise.all(doomed.map((index) => blobs.delete(`k${index}`)));
    await blobs.put("after", value(1));
    await blobs.close();
    expect(files(folder).length).toBeLessThan(before / 2);
    const again = await openIn(folder, 2048);
    expect(await again.list("k")).toEqual(living.map((index) => `k${index}`).sort());
    for (const index of living) expect(await again.get(`k${index}`)).toEqual(value(index));
    await again.put("k1", value(77));
    expect(await again.get("k1")).toEqual(value(77));
  });

  it("stay right under random puts, deletes, reads and restarts at once", async () => {
    let state = 42;
    const next = (below: number): number => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) % below;
    };
    const folder = newFolder();
    const model = new Map<string, number>();
    let blobs = await openFileBlobs(folder, { segmentBytes: 1500 });
    for (let round = 0; round < 60; round += 1) {
      const busy: Promise<unknown>[] = [];
      const touched = new Set<string>();
      for (let step = 0; step < 20; step += 1) {
        const key = `k${next(40)}`;
        if (touched.has(key)) continue;
        touched.add(key);
        const held = model.get(key);
        if (held === undefined) {
          const fill = next(256);
          model.set(key, fill);
          busy.push(blobs.put(key, value(fill)));
        } else if (next(3) > 0) {
          model.delete(key);
          busy.push(blobs.delete(key));
        } else {
          busy.push(blobs.get(key).then((bytes) => expect(bytes?.[0]).toBe(held)));
        }
      }
      await Promise.all(busy);
      if (next(4) === 0) {
        await blobs.close();
        blobs = await openFileBlobs(folder, { segmentBytes: 1500 });
      }
      expect(await blobs.list("")).toEqual([...model.keys()].sort());
    }
    for (const [key, fill] of model) expect((await blobs.get(key))![0]).toBe(fill);
    expect(files(folder).length).toBeLessThan(8);
    await blobs.close();
  });

  it("bound keys and values, and refuse after close", async () => {
    const blobs = await openIn(newFolder());
    expect(await blobs.put("", value(1)).then(() => "", errorCode)).toBe("store-failed");
    expect(await blobs.put("k".repeat(513), value(1)).then(() => "", errorCode)).toBe("store-failed");
    expect(await blobs.put("k", new Uint8Array(8 * 1024 * 1024 + 1)).then(() => "", errorCode)).toBe(
      "store-failed",
    );
    await blobs.close();
    expect(await blobs.put("k", value(1)).then(() => "", errorCode)).toBe("store-failed");
    expect(await blobs.delete("k").then(() => "", errorCode)).toBe("store-failed");
  });

  it("share one flush among all that wait", async () => {
    const folder = newFolder();
    const blobs = await openIn(folder);
    const started = performance.now();
    await Promise.all(Array.from({ length: 2000 }, (_, index) => blobs.put(`k${index}`, value(index))));
    const together = performance.now() - started;
    const again = performance.now();
    for (let index = 0; index < 50; index += 1) await blobs.put(`single${index}`, value(index));
    const one = (performance.now() - again) / 50;
    expect(together).toBeLessThan(one * 2000);
  });
});
