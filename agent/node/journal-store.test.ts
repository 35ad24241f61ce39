import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import type * as fsPromises from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { errorCode } from "../../protocols/errors.ts";
import type { Store } from "../../protocols/ports.ts";
import { encodeHeader, encodeRecord, HEADER_BYTES, RECORD_HEADER_BYTES } from "./journal-file.ts";
import { openJournal } from "./journal-store.ts";

/** What the disk refuses, by the name of the call, and what it was asked for. */
const { refuses, calls } = vi.hoisted(() => ({ refuses: new Set<string>(), calls: [] as string[] }));
vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof fsPromises>();
  const refuse = (call: string): void => {
    calls.push(call);
    if (refuses.has(call)) throw Object.assign(new Error(`ENOSPC: ${call}`), { code: "ENOSPC" });
  };
  return {
    ...real,
    async open(...args: Parameters<typeof real.open>) {
      refuse(`open ${args[1]}`);
      const file = await real.open(...args);
      const datasync = file.datasync.bind(file);
      file.datasync = async () => {
        refuse("datasync");
        return datasync();
      };
      return file;
    },
    async rename(...args: Parameters<typeof real.rename>) {
      refuse("rename");
      return real.rename(...args);
    },
  };
});

let folder: string;
let path: string;
const open_: Store[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "segment-journal-"));
  path = join(folder, "journal");
});

afterEach(async () => {
  refuses.clear();
  calls.length = 0;
  for (const store of open_.splice(0)) await store.close();
  rmSync(folder, { recursive: true });
});

async function open(): Promise<Store> {
  const store = await openJournal(folder);
  open_.push(store);
  return store;
}

const value = (text: string): Uint8Array => new TextEncoder().encode(text);
const commit = (store: Store, ...pairs: [string, string | undefined][]): Promise<void> =>
  store.commit(new Map(pairs.map(([key, text]) => [key, text === undefined ? undefined : value(text)])));
const contents = (store: Store): Record<string, string> =>
  Object.fromEntries(store.keys("").map((key) => [key, new TextDecoder().decode(store.get(key))]));

/** The journal after each of some commits. */
async function history(): Promise<{ sizes: number[]; whole: Uint8Array; states: Record<string, string>[] }> {
  const store = await open();
  const sizes = [HEADER_BYTES];
  const states: Record<string, string>[] = [{}];
  for (const pairs of [
    [
      ["a", "1"],
      ["b", "2"],
    ],
    [
      ["b", undefined],
      ["c", "3"],
    ],
    [["a", "4"]],
  ] as [string, string][][]) {
    await commit(store, ...pairs);
    sizes.push(statSync(path).size);
    states.push(contents(store));
  }
  await store.close();
  return { sizes, whole: readFileSync(path), states };
}

describe("the journal", () => {
  it("cuts a torn last record at whichever byte, keeps all before it, and goes on from there", async () => {
    const { sizes, whole, states } = await history();
    const from = sizes[2]!;
    for (let length = from; length <= whole.length; length++) {
      writeFileSync(path, whole.subarray(0, length));
      const store = await openJournal(folder);
      expect(contents(store)).toEqual(length === whole.length ? states[3] : states[2]);
      expect(statSync(path).size).toBe(length === whole.length ? length : from);
      await commit(store, ["d", "5"]);
      await store.close();
      const again = await openJournal(folder);
      expect(contents(again)).toEqual({ ...(length === whole.length ? states[3] : states[2]), d: "5" });
      await again.close();
    }
  });

  it("cuts a last record of which the disk had not written all: zeros stand in its place", async () => {
    const { sizes, whole, states } = await history();
    for (let zeroFrom = sizes[2]!; zeroFrom < whole.length; zeroFrom++) {
      writeFileSync(path, Uint8Array.from(whole).fill(0, zeroFrom));
      const store = await openJournal(folder);
      // The very last byte may be a zero of its own.
      expect(contents(store)).toEqual(
        zeroFrom === whole.length - 1 && whole.at(-1) === 0 ? states[3] : states[2],
      );
      await store.close();
    }
    writeFileSync(path, Buffer.concat([whole, new Uint8Array(4_096)]));
    expect(contents(await open())).toEqual(states[3]);
  });

  it("is journal-corrupt when another record than the last is damaged, and changes nothing", async () => {
    const { sizes, whole } = await history();
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: sizes[0]!, max: sizes[2]! - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, flip) => {
          const damaged = Uint8Array.from(whole);
          damaged[at]! ^= flip;
          writeFileSync(path, damaged);
          expect(await openJournal(folder).then(() => "opened", errorCode)).toBe("journal-corrupt");
          expect(new Uint8Array(readFileSync(path))).toEqual(damaged);
        },
      ),
      { numRuns: 200 },
    );
  });

  it.each([
    ["no list", [0x01]],
    ["no pairs", [0x81, 0x01]],
    ["a number for a key", [0x81, 0x82, 0x01, 0x41, 0x00]],
    ["bytes after the list", [0x80, 0x80]],
  ])("is journal-corrupt when a whole record holds %s", async (_what, payload) => {
    const marker = Uint8Array.from({ length: 8 }, (_, i) => i);
    const record = encodeRecord(marker, Uint8Array.from(payload));
    writeFileSync(path, Buffer.concat([encodeHeader(marker), record]));
    await expect(openJournal(folder)).rejects.toMatchObject({ code: "journal-corrupt", where: path });
  });

  it("outlasts any damaged byte of its header: the first record tells the marker too", async () => {
    const { whole, states } = await history();
    for (let at = 0; at < HEADER_BYTES; at++) {
      const damaged = Uint8Array.from(whole);
      damaged[at]! ^= 0x40;
      writeFileSync(path, damaged);
      const store = await openJournal(folder);
      expect(contents(store)).toEqual(states[3]);
      await commit(store, ["d", "5"]);
      await store.close();
      const again = await openJournal(folder);
      expect(contents(again)).toEqual({ ...states[3], d: "5" });
      await again.close();
    }
  });

  it("takes a torn write for one although a value in it looks like a record", async () => {
    const store = await open();
    await commit(store, ["a", "1"]);
    const header = readFileSync(path).subarray(0, HEADER_BYTES);
    // Who sends a value does not know the marker. This one is shown what the reader looks for all the same.
    const planted = encodeRecord(new Uint8Array(8), Uint8Array.of(0x80));
    await store.commit(new Map([["from a peer", Buffer.concat([planted, new Uint8Array(64)])]]));
    await store.close();
    expect(header.subarray(8).equals(new Uint8Array(8))).toBe(false);
    writeFileSync(path, readFileSync(path).subarray(0, -3));
    expect(contents(await open())).toEqual({ a: "1" });
  });

  it("never fails in another way on random bytes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        writeFileSync(path, bytes);
        const result = await openJournal(folder).then((store) => store.close(), errorCode);
        expect([undefined, "journal-corrupt"]).toContain(result);
      }),
      { numRuns: 100 },
    );
  });

  it("writes a step's commits made at once in one record, and is readable by its owner only", async () => {
    const store = await open();
    const single = RECORD_HEADER_BYTES + 1 + 1 + 2 + 2;
    await Promise.all(["a", "b", "c"].map((key) => commit(store, [key, "v"])));
    // The first leaves alone, the two that came meanwhile together.
    expect(statSync(path).size).toBe(HEADER_BYTES + single + RECORD_HEADER_BYTES + 1 + 2 * (1 + 2 + 2));
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("compacts: the file shrinks, nothing is lost, and what comes meanwhile is kept", async () => {
    const store = await open();
    await commit(store, ["kept", "from the beginning"], ["gone", "x"]);
    await commit(store, ["gone", undefined]);
    const block = new Uint8Array(100 * 1024).fill(7);
    for (let round = 0; round < 12; round++) {
      await Promise.all([store.commit(new Map([["block", block]])), commit(store, ["round", String(round)])]);
    }
    await store.close();
    // The new file is on the disk before it takes the old one's place.
    expect(calls.slice(calls.indexOf("open w")).slice(0, 4)).toEqual([
      "open w",
      "datasync",
      "rename",
      "open a",
    ]);
    // Of 1.2 MB that were written.
    expect(statSync(path).size).toBeLessThan(500 * 1024);
    const again = await open();
    expect(again.keys("")).toEqual(["block", "kept", "round"]);
    expect(Buffer.compare(again.get("block")!, block)).toBe(0);
    expect(new TextDecoder().decode(again.get("round"))).toBe("11");
  });

  it("keeps more than one record holds, batched and compacted", async () => {
    const store = await open();
    const pieces = Array.from(
      { length: 18 },
      (_, i) => [`piece/${i}`, new Uint8Array(1024 * 1024).fill(i)] as const,
    );
    for (let round = 0; round < 5; round++) {
      await Promise.all(pieces.map(([key, piece]) => store.commit(new Map([[key, piece]]))));
    }
    await store.close();
    expect(statSync(path).size).toBeLessThan(40 * 1024 * 1024);
    const again = await open();
    expect(again.keys("")).toHaveLength(18);
    for (const [key, piece] of pieces) expect(Buffer.compare(again.get(key)!, piece)).toBe(0);
    const tooLarge = new Map([["x", new Uint8Array(16 * 1024 * 1024)]]);
    await expect(again.commit(tooLarge)).rejects.toMatchObject({ code: "cbor-too-large" });
    await commit(again, ["goes", "on"]);
    expect(contents(again)["goes"]).toBe("on");
  });

  it("finds the journal as it was when a crash left a half-made compaction beside it", async () => {
    const { whole, states } = await history();
    for (const length of [0, 1, 9, whole.length - 1]) {
      writeFileSync(`${path}.new`, whole.subarray(0, length));
      const store = await openJournal(folder);
      expect(contents(store)).toEqual(states[3]);
      await store.close();
    }
  });

  it.each(["open w", "rename", "open a"])("loses nothing when compacting fails at: %s", async (step) => {
    const store = await open();
    const block = new Uint8Array(200 * 1024);
    for (let round = 0; round < 5; round++) await store.commit(new Map([["block", block.fill(round)]]));
    refuses.add(step);
    await store.commit(new Map([["block", block.fill(5)]]));
    await commit(store, ["after", "x"]).then(
      () => undefined,
      (error: unknown) => expect(error).toMatchObject({ code: "store-failed" }),
    );
    await expect(commit(store, ["later", "x"])).rejects.toMatchObject({ code: "store-failed" });
    refuses.clear();
    expect(Buffer.compare((await open()).get("block")!, block)).toBe(0);
  });

  it("refuses everything after a failed write, until a restart has looked at the disk", async () => {
    const store = await open();
    await commit(store, ["a", "1"]);
    refuses.add("datasync");
    const both = await Promise.allSettled([commit(store, ["b", "2"]), commit(store, ["c", "3"])]);
    expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(contents(store)).toEqual({ a: "1" });
    refuses.clear();
    await expect(commit(store, ["d", "4"])).rejects.toMatchObject({ code: "store-failed", where: path });
    await store.close();
    const again = await open();
    expect(contents(again)["a"]).toBe("1");
    await commit(again, ["e", "5"]);
  });

  it("makes its folder, and says so when it cannot", async () => {
    const deep = join(folder, "x", "y");
    const store = await openJournal(deep, "other");
    await commit(store, ["a", "1"]);
    await store.close();
    expect(existsSync(join(deep, "other"))).toBe(true);
    expect(statSync(deep).mode & 0o777).toBe(0o700);
    appendFileSync(join(folder, "file"), "no folder");
    await expect(openJournal(join(folder, "file"))).rejects.toMatchObject({ code: "store-failed" });
  });

  it("says so when the folder is read-only", async () => {
    const closed = join(folder, "closed");
    mkdirSync(closed);
    chmodSync(closed, 0o500);
    await unprivileged(() => expect(openJournal(closed)).rejects.toMatchObject({ code: "store-failed" }));
    chmodSync(closed, 0o700);
  });
});

/** Root may write anywhere: for the test it becomes nobody. */
async function unprivileged(work: () => Promise<void>): Promise<void> {
  if (process.getuid?.() !== 0) return work();
  const NOBODY = 65_534;
  process.seteuid?.(NOBODY);
  try {
    await work();
  } finally {
    process.seteuid?.(0);
  }
}
