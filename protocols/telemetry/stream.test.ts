import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeCbor } from "../encoding/cbor.ts";
import { utf8 } from "../encoding/bytes.ts";
import { sign1 } from "../identity/cose.ts";
import {
  crypto,
  device,
  id,
  keepOnly,
  makeRecords,
  makeStream,
  refusal,
  rootKey,
  seededSigner,
  START_MS,
  subsets,
} from "../../test/support/telemetry.ts";
import { checkChain, requireWhole } from "./chain.ts";
import { PERIOD_MS, periodKey } from "./keytree.ts";
import { MAX_MANIFEST_BYTES, NO_PREVIOUS, openManifest, type OpenedManifest } from "./manifest.ts";
import { countHits, needles } from "./search.ts";
import { openChunk, readStream, type SealedChunk } from "./stream.ts";
import { reading } from "./senml.ts";

const keyOf = (manifest: OpenedManifest): Uint8Array => periodKey(crypto, rootKey, manifest.period);
const open = (chunk: SealedChunk, shards: readonly (Uint8Array | undefined)[] = chunk.shards) =>
  openChunk({ crypto, manifest: chunk.manifest, shards, periodKey: keyOf(chunk.manifest) });

describe("a chunk", () => {
  const records = makeRecords(16);
  const chunk = makeStream().sealChunk(records);

  it("opens from any 4 of its 7 shards", () => {
    for (const kept of subsets(4, 7)) expect(open(chunk, keepOnly(chunk.shards, kept))).toEqual(records);
  });

  it("does not open from any 3", () => {
    for (const kept of subsets(3, 7)) {
      expect(refusal(() => open(chunk, keepOnly(chunk.shards, kept)))).toBe("shards-missing");
    }
  });

  it("takes a wrong shard for a missing one", () => {
    const damaged = chunk.shards.map((shard, index) => (index < 3 ? shard.map((byte) => byte ^ 1) : shard));
    expect(open(chunk, damaged)).toEqual(records);
    const swapped = [chunk.shards[1], chunk.shards[0], undefined, undefined, ...chunk.shards.slice(4)];
    expect(refusal(() => open(chunk, swapped))).toBe("shards-missing");
    const cut = chunk.shards.map((shard) => shard.subarray(1));
    expect(refusal(() => open(chunk, cut))).toBe("shards-missing");
  });

  it("does not open with another key, or under another manifest", () => {
    const wrongKey = {
      crypto,
      manifest: chunk.manifest,
      shards: chunk.shards,
      periodKey: new Uint8Array(32),
    };
    expect(refusal(() => openChunk(wrongKey))).toBe("chunk-invalid");
    const changes: Partial<OpenedManifest>[] = [
      { sequence: 1 },
      { recordCount: 15 },
      { firstTimeMs: START_MS + 1 },
      { generation: 1 },
      { streamId: new Uint8Array(32) },
      { previousHash: new Uint8Array(32).fill(1) },
    ];
    for (const change of changes) {
      const manifest = { ...chunk.manifest, ...change };
      const opening = { crypto, manifest, shards: chunk.shards, periodKey: keyOf(chunk.manifest) };
      expect(refusal(() => openChunk(opening))).toBe("chunk-invalid");
    }
  });

  it("holds records of one key period, with absolute times", () => {
    const stream = makeStream();
    const across = [reading("a:bc", "m", 1, START_MS), reading("a:bc", "m", 1, START_MS + PERIOD_MS)];
    expect(refusal(() => stream.sealChunk(across))).toBe("record-invalid");
    expect(refusal(() => stream.sealChunk([]))).toBe("record-invalid");
    expect(refusal(() => stream.sealChunk([{ n: "a", v: 1, t: 5 }]))).toBe("record-invalid");
    expect(stream.position()).toEqual({ nextSequence: 0, previousHash: NO_PREVIOUS });
    stream.sealChunk(makeRecords(1), 64);
    expect(refusal(() => stream.sealChunk(makeRecords(1), 64))).toBe("internal");
  });

  it("shows no plaintext, and would show it if it were not sealed", () => {
    const names = ["altitude-amsl"];
    const sought = needles(records, names);
    const hits = (one: SealedChunk): number =>
      [...one.shards, one.manifest.signed].reduce((sum, bytes) => sum + countHits(bytes, sought), 0);
    expect(hits(chunk)).toBe(0);
    const bare = makeStream({ sealing: "unsealed-for-the-plaintext-search-test" }).sealChunk(records);
    expect(hits(bare)).toBeGreaterThan(10);
    expect(refusal(() => open(bare))).toBe("chunk-invalid");
  });

  it("round-trips any number of records", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 9 }), (count, k) => {
        const list = makeRecords(count);
        expect(open(makeStream({ k, n: k + 3 }).sealChunk(list))).toEqual(list);
      }),
      { numRuns: 20 },
    );
  });
});

describe("manifests", () => {
  const { manifest } = makeStream().sealChunk(makeRecords(16));

  it("open as they were signed", () => {
    expect(openManifest(crypto, manifest.signed, device.publicKey)).toEqual(manifest);
    expect(manifest).toMatchObject({
      streamId: id,
      sequence: 0,
      recordCount: 16,
      k: 4,
      n: 7,
      firstTimeMs: START_MS,
    });
    expect(manifest.signed.length).toBeLessThan(500);
  });

  it("refuse another signer, every changed byte, and any noise", () => {
    expect(refusal(() => openManifest(crypto, manifest.signed, seededSigner(9).publicKey))).toBe(
      "manifest-invalid",
    );
    for (let at = 0; at < manifest.signed.length; at += 3) {
      const changed = Uint8Array.from(manifest.signed);
      changed[at]! ^= 0x04;
      expect(refusal(() => openManifest(crypto, changed))).toBe("manifest-invalid");
    }
    expect(refusal(() => openManifest(crypto, new Uint8Array(MAX_MANIFEST_BYTES + 1)))).toBe(
      "manifest-invalid",
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(refusal(() => openManifest(crypto, bytes))).toBe("manifest-invalid");
      }),
    );
  });

  it("refuse fields beyond their bounds, though signed by the device", () => {
    const hashes = manifest.shardHashes;
    const { previousHash, period, firstTimeMs, lastTimeMs } = manifest;
    const good = [
      1,
      id,
      0,
      5,
      previousHash,
      period,
      firstTimeMs,
      lastTimeMs,
      16,
      1,
      4,
      7,
      176,
      hashes,
    ] as const;
    const opens = (fields: readonly unknown[]): string =>
      refusal(() => openManifest(crypto, sign1("manifest", encodeCbor(fields as never), device)));
    expect(opens(good)).toBe("nothing");
    const bad: [number, unknown][] = [
      [0, 2],
      [1, new Uint8Array(31)],
      [2, -1],
      [3, -1],
      [4, new Uint8Array(33)],
      [5, period + 1],
      [5, 2 ** 22],
      [6, lastTimeMs + 1],
      [7, firstTimeMs + PERIOD_MS],
      [8, 0],
      [9, 2],
      [10, 0],
      [10, 8],
      [11, 65],
      [12, 177],
      [12, 4 * 31],
      [12, 2 ** 32],
      [13, hashes.slice(1)],
      [13, [...hashes.slice(1), new Uint8Array(5)]],
    ];
    for (const [at, value] of bad) {
      expect(opens(good.map((field, index) => (index === at ? value : field)))).toBe("manifest-invalid");
    }
    expect(opens([...good, 0])).toBe("manifest-invalid");
    expect(opens(good.slice(0, -1))).toBe("manifest-invalid");
    const foreign = sign1("grant", encodeCbor(good as never), device);
    expect(refusal(() => openManifest(crypto, foreign))).toBe("manifest-invalid");
  });
});

describe("the chain", () => {
  const stream = makeStream();
  const manifests = Array.from({ length: 6 }, () => stream.sealChunk(makeRecords(2)).manifest);
  const [m0, m1, m2, m3, m4, m5] = manifests as [
    OpenedManifest,
    OpenedManifest,
    OpenedManifest,
    OpenedManifest,
    OpenedManifest,
    OpenedManifest,
  ];
  const breaks = (list: OpenedManifest[], midway = false) => checkChain(list, { midway }).breaks;

  it("is whole in any order of arrival", () => {
    const chain = checkChain([m3, m1, m5, m0, m2, m4]);
    expect(chain.breaks).toEqual([]);
    expect(chain.manifests).toEqual(manifests);
    expect(() => requireWhole(chain)).not.toThrow();
    expect(checkChain([])).toEqual({ manifests: [], breaks: [] });
  });

  it("shows a gap, at the start too unless it begins midway", () => {
    expect(breaks([m0, m1, m3, m4])).toEqual([{ kind: "gap", sequence: 3 }]);
    expect(breaks([m2, m3])).toEqual([{ kind: "gap", sequence: 2 }]);
    expect(breaks([m2, m3], true)).toEqual([]);
    expect(breaks([m2, m4], true)).toEqual([{ kind: "gap", sequence: 4 }]);
    expect(refusal(() => requireWhole(checkChain([m0, m2])))).toBe("manifest-gap");
  });

  it("shows a replay, which harms nobody", () => {
    const chain = checkChain([m0, m1, m1, m2]);
    expect(chain.breaks).toEqual([{ kind: "replay", sequence: 1 }]);
    expect(chain.manifests).toHaveLength(3);
    expect(() => requireWhole(chain)).not.toThrow();
  });

  it("shows a fork: one number twice, or two that follow one", () => {
    const twin = makeStream({ nextSequence: 2, previousHash: m1.hash });
    const other2 = twin.sealChunk(makeRecords(3)).manifest;
    expect(breaks([m0, m1, m2, other2])).toEqual([{ kind: "fork", sequence: 2 }]);
    const late = makeStream({ nextSequence: 9, previousHash: m1.hash }).sealChunk(makeRecords(3)).manifest;
    expect(breaks([m0, m1, m2, late])).toEqual([{ kind: "fork", sequence: 9 }]);
    expect(refusal(() => requireWhole(checkChain([m0, m1, m2, other2])))).toBe("manifest-gap");
  });

  it("shows a manifest that does not come after the one it names", () => {
    const early = makeStream({ nextSequence: 1, previousHash: m5.hash }).sealChunk(makeRecords(1)).manifest;
    expect(breaks([m5, early], true)).toEqual([
      { kind: "order", sequence: 1 },
      { kind: "gap", sequence: 5 },
    ]);
  });

  it("shows a restart, and allows skipped numbers", () => {
    const again = makeStream({ nextSequence: 64 });
    const r0 = again.sealChunk(makeRecords(1)).manifest;
    const r1 = again.sealChunk(makeRecords(1), 70).manifest;
    const chain = checkChain([...manifests, r0, r1]);
    expect(chain.breaks).toEqual([{ kind: "restart", sequence: 64 }]);
    expect(() => requireWhole(chain)).not.toThrow();
  });

  it("is of one stream", () => {
    const foreign = makeStream({ signer: seededSigner(5) }).sealChunk(makeRecords(1)).manifest;
    expect(refusal(() => checkChain([m0, foreign]))).toBe("manifest-invalid");
    const other = makeStream({ streamId: new Uint8Array(32) }).sealChunk(makeRecords(1)).manifest;
    expect(refusal(() => checkChain([m0, other]))).toBe("manifest-invalid");
  });
});

describe("reading a stream", () => {
  const stream = makeStream();
  const batches = [0, 1, 2, 3, 4].map((index) => makeRecords(16, START_MS + index * PERIOD_MS));
  const chunks = batches.map((records) => stream.sealChunk(records));
  const base = { crypto, publisher: device.publicKey, streamId: id, keyOf };
  const manifests = chunks.map((chunk) => chunk.manifest.signed);
  const shardOf = (manifest: OpenedManifest, index: number) => chunks[manifest.sequence]!.shards[index];

  it("reads all with three of seven keepers gone, and asks no keeper more than it must", async () => {
    let asked = 0;
    const result = await readStream({
      ...base,
      manifests: [...manifests, ...manifests].reverse(),
      fetchShard: async (manifest, index) => {
        asked += 1;
        return index < 3 ? undefined : shardOf(manifest, index);
      },
    });
    expect(result.chunks.map((chunk) => chunk.records)).toEqual(batches);
    expect(result).toMatchObject({ unread: [], breaks: [], badShards: [], badManifests: [] });
    expect(asked).toBe(5 * 7);
    asked = 0;
    const all = async (manifest: OpenedManifest, index: number) => {
      asked += 1;
      return shardOf(manifest, index);
    };
    await readStream({ ...base, manifests, fetchShard: all });
    expect(asked).toBe(5 * 4);
  });

  it("names keepers that send wrong shards, and chunks that cannot be read, and reads the others", async () => {
    const result = await readStream({
      ...base,
      manifests: manifests.toSpliced(3, 1),
      keyOf: (manifest) => (manifest.sequence === 0 ? undefined : keyOf(manifest)),
      fetchShard: async (manifest, index) => {
        if (manifest.sequence === 1 && index < 4) return undefined;
        if (manifest.sequence === 2 && index === 0) return utf8("not the shard");
        return shardOf(manifest, index);
      },
    });
    expect(result.chunks.map((chunk) => chunk.manifest.sequence)).toEqual([2, 4]);
    expect(result.unread.map(({ manifest, code }) => [manifest.sequence, code])).toEqual([
      [0, "grant-invalid"],
      [1, "shards-missing"],
    ]);
    expect(result.badShards.map(({ manifest, index }) => [manifest.sequence, index])).toEqual([[2, 0]]);
    expect(result.breaks).toEqual([{ kind: "gap", sequence: 4 }]);
  });

  it("sets aside manifests of others, and noise, and reads the rest", async () => {
    const foreign = makeStream({ signer: seededSigner(5) }).sealChunk(makeRecords(1)).manifest.signed;
    const otherStream = makeStream({ streamId: new Uint8Array(32) }).sealChunk(makeRecords(1)).manifest
      .signed;
    const bad = [foreign, otherStream, utf8("noise")];
    const result = await readStream({
      ...base,
      manifests: [...bad, ...manifests],
      fetchShard: async (manifest, index) => shardOf(manifest, index),
    });
    expect(result.badManifests).toEqual(bad);
    expect(result.chunks.map((chunk) => chunk.records)).toEqual(batches);
    expect(result).toMatchObject({ unread: [], breaks: [], badShards: [] });
  });
});
