import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openFileBlobs } from "../node/blobs.ts";
import { nodeCrypto as crypto } from "../node/crypto.ts";
import { decodeMessage, encodeMessage } from "../../protocols/encoding/messages.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import type { Blobs, Clock } from "../../protocols/ports.ts";
import {
  device,
  id,
  makeRecords,
  makeStream,
  rootKey,
  seededRandom,
  seededSigner,
  START_MS,
} from "../../test/support/telemetry.ts";
import { periodKey } from "../../protocols/telemetry/keytree.ts";
import {
  TELEMETRY_SCHEMAS,
  type Manifests,
  type Shard,
  type ShardAck,
} from "../../protocols/telemetry/messages.ts";
import { checkShardReceipt } from "../../protocols/telemetry/receipt.ts";
import { countHits, needles } from "../../protocols/telemetry/search.ts";
import { readStream, type SealedChunk } from "../../protocols/telemetry/stream.ts";
import { createMemoryBlobs } from "../../simulators/network/memory-blobs.ts";
import { openKeeper, type Keeper, type KeeperOptions } from "./keeper.ts";

const clock: Clock = { now: () => START_MS + 5, at: () => ({ cancel: () => {} }) };
const signer = seededSigner(40);
const from = agentId(device.publicKey);

function keeperOver(blobs: Blobs, options: Partial<KeeperOptions> = {}): Promise<Keeper> {
  return openKeeper({ crypto, clock, signer, blobs, ...options });
}

function putBody(chunk: SealedChunk, index: number, change: object = {}): Uint8Array {
  const { publisher, streamId, sequence, signed } = chunk.manifest;
  return encodeMessage({
    publisher,
    streamId,
    sequence,
    index,
    manifest: signed,
    shard: chunk.shards[index],
    ...change,
  });
}

async function ask(
  keeper: Keeper,
  kind: string,
  body: Uint8Array,
  sender = from,
): Promise<{ kind: string; body: unknown }> {
  const reply = await keeper.handle(sender, kind, body);
  if (reply === null) return { kind: "nothing", body: undefined };
  const parsed = TELEMETRY_SCHEMAS[reply.kind].parse(decodeMessage(reply.body));
  return { kind: reply.kind, body: parsed };
}

async function refusedWith(keeper: Keeper, body: Uint8Array, sender = from): Promise<string> {
  const reply = await ask(keeper, "shard-put", body, sender);
  return reply.kind === "shard-refused" ? (reply.body as { code: string }).code : reply.kind;
}

const name = { publisher: device.publicKey, streamId: id };

describe("a keeper", () => {
  it("stores a shard, gives a receipt, and gives both shard and manifest back", async () => {
    const keeper = await keeperOver(createMemoryBlobs());
    const chunk = makeStream().sealChunk(makeRecords(16));
    const ack = await ask(keeper, "shard-put", putBody(chunk, 3));
    expect(ack.kind).toBe("shard-ack");
    const { receipt } = ack.body as ShardAck;
    const expected = { manifest: chunk.manifest, index: 3, keeper: signer.publicKey };
    expect(checkShardReceipt(crypto, receipt, expected).storedAtMs).toBe(START_MS + 5);
    const got = await ask(keeper, "shard-get", encodeMessage({ ...name, sequence: 0 }), "anybody");
    expect(got.kind).toBe("shard");
    expect(got.body).toEqual({
      ...name,
      sequence: 0,
      index: 3,
      manifest: chunk.manifest.signed,
      shard: chunk.shards[3],
    });
    const missing = await ask(keeper, "shard-get", encodeMessage({ ...name, sequence: 1 }));
    expect(missing.kind).toBe("shard-missing");
  });

  it("acknowledges a repeated shard again, and stores it once", async () => {
    const keeper = await keeperOver(createMemoryBlobs());
    const chunk = makeStream().sealChunk(makeRecords(16));
    const replies = await Promise.all(
      [1, 1, 1].map((index) => ask(keeper, "shard-put", putBody(chunk, index))),
    );
    expect(replies.map(({ kind }) => kind)).toEqual(["shard-ack", "shard-ack", "shard-ack"]);
    expect(keeper.usage().chunks).toBe(1);
  });

  it("acknowledges nothing before it is durable, and nothing that failed", async () => {
    let release = (): void => {};
    let broken = false;
    const memory = createMemoryBlobs({ fails: () => broken });
    const slow: Blobs = {
      ...memory,
      put: (key, bytes) => new Promise<void>((done) => (release = done)).then(() => memory.put(key, bytes)),
    };
    const keeper = await keeperOver(slow);
    const chunk = makeStream().sealChunk(makeRecords(16));
    let answered = 0;
    const count = <T>(value: T): T => {
      answered += 1;
      return value;
    };
    const put = ask(keeper, "shard-put", putBody(chunk, 0)).then(count);
    const again = ask(keeper, "shard-put", putBody(chunk, 0)).then(count);
    await new Promise((done) => setTimeout(done, 20));
    expect(answered).toBe(0);
    broken = true;
    release();
    expect((await put).body).toMatchObject({ code: "store-failed" });
    expect((await again).body).toMatchObject({ code: "store-failed" });
    expect(keeper.usage()).toEqual({ bytes: 0, streams: 0, chunks: 0 });
    broken = false;
    const third = ask(keeper, "shard-put", putBody(chunk, 0));
    await new Promise((done) => setTimeout(done, 0));
    release();
    expect((await third).kind).toBe("shard-ack");
  });

  it("refuses what is not the publisher's, or not the manifest's", async () => {
    const keeper = await keeperOver(createMemoryBlobs());
    const stream = makeStream();
    const chunk = stream.sealChunk(makeRecords(16));
    const other = stream.sealChunk(makeRecords(16));
    const thief = seededSigner(41);
    const signed = chunk.manifest.signed;
    const damaged = signed.map((byte, at) => (at === signed.length - 1 ? byte ^ 1 : byte));
    const flipped = chunk.shards[0]!.map((byte, at) => (at === 0 ? byte ^ 1 : byte));
    expect(await refusedWith(keeper, putBody(chunk, 0), agentId(thief.publicKey))).toBe("peer-refused");
    expect(
      await refusedWith(keeper, putBody(chunk, 0, { publisher: thief.publicKey }), agentId(thief.publicKey)),
    ).toBe("manifest-invalid");
    expect(await refusedWith(keeper, putBody(chunk, 0, { manifest: damaged }))).toBe("manifest-invalid");
    expect(await refusedWith(keeper, putBody(chunk, 0, { sequence: 1 }))).toBe("manifest-invalid");
    expect(await refusedWith(keeper, putBody(chunk, 0, { streamId: new Uint8Array(32) }))).toBe(
      "manifest-invalid",
    );
    expect(await refusedWith(keeper, putBody(chunk, 0, { shard: flipped }))).toBe("shard-invalid");
    expect(await refusedWith(keeper, putBody(chunk, 0, { shard: other.shards[0] }))).toBe("shard-invalid");
    expect(await refusedWith(keeper, putBody(chunk, 0, { index: 1 }))).toBe("shard-invalid");
    expect(await refusedWith(keeper, putBody(chunk, 0, { index: 9 }))).toBe("shard-invalid");
    expect(keeper.usage().chunks).toBe(0);
  });

  it("refuses a second manifest for a sequence number, and a second shard of a chunk", async () => {
    const keeper = await keeperOver(createMemoryBlobs());
    const chunk = makeStream().sealChunk(makeRecords(16));
    const fork = makeStream().sealChunk(makeRecords(17));
    await ask(keeper, "shard-put", putBody(chunk, 0));
    expect(await refusedWith(keeper, putBody(fork, 0))).toBe("manifest-gap");
    expect(await refusedWith(keeper, putBody(chunk, 1))).toBe("keeper-holds-other");
    expect(await refusedWith(keeper, putBody(chunk, 0))).toBe("shard-ack");
  });

  it("keeps the streams of two publishers apart, whatever they call them", async () => {
    const keeper = await keeperOver(createMemoryBlobs());
    const thief = seededSigner(41);
    const mine = makeStream().sealChunk(makeRecords(16));
    const theirs = makeStream({ signer: thief }).sealChunk(makeRecords(3));
    expect(await refusedWith(keeper, putBody(theirs, 0), agentId(thief.publicKey))).toBe("shard-ack");
    expect(await refusedWith(keeper, putBody(mine, 0))).toBe("shard-ack");
  });

  it("lets a hub store for its devices when it is told to", async () => {
    const keeper = await keeperOver(createMemoryBlobs(), { admits: (sender) => sender === "hub" });
    const chunk = makeStream().sealChunk(makeRecords(16));
    expect(await refusedWith(keeper, putBody(chunk, 0), "hub")).toBe("shard-ack");
    expect(await refusedWith(keeper, putBody(chunk, 0))).toBe("peer-refused");
  });

  it("keeps its quotas: of a stream, in all, and of streams", async () => {
    const chunkOf = (signerSeed: number) => makeStream({ signer: seededSigner(signerSeed) });
    const put = (keeper: Keeper, chunk: SealedChunk): Promise<string> =>
      refusedWith(keeper, putBody(chunk, 0), agentId(chunk.manifest.publisher));
    const probe = await keeperOver(createMemoryBlobs());
    await put(probe, chunkOf(1).sealChunk(makeRecords(16)));
    const one = probe.usage().bytes;

    const perStream = await keeperOver(createMemoryBlobs(), { limits: { streamBytes: 2 * one + 50 } });
    const stream = chunkOf(1);
    const codes = [];
    for (let i = 0; i < 3; i += 1) codes.push(await put(perStream, stream.sealChunk(makeRecords(16))));
    expect(codes).toEqual(["shard-ack", "shard-ack", "keeper-full"]);
    expect(await put(perStream, chunkOf(2).sealChunk(makeRecords(16)))).toBe("shard-ack");

    const total = await keeperOver(createMemoryBlobs(), { limits: { totalBytes: 2 * one + 50 } });
    const all = await Promise.all(
      [1, 2, 3].map((seed) => put(total, chunkOf(seed).sealChunk(makeRecords(16)))),
    );
    expect(all).toEqual(["shard-ack", "shard-ack", "keeper-full"]);

    const streams = await keeperOver(createMemoryBlobs(), { limits: { streams: 1 } });
    expect(await put(streams, chunkOf(1).sealChunk(makeRecords(16)))).toBe("shard-ack");
    expect(await put(streams, chunkOf(2).sealChunk(makeRecords(16)))).toBe("keeper-full");
  });

  it("lists manifests page by page, in order", async () => {
    const keeper = await keeperOver(createMemoryBlobs());
    const stream = makeStream();
    const chunks = Array.from({ length: 10 }, () => stream.sealChunk(makeRecords(2)));
    for (const index of [4, 2, 9, 0, 7, 5, 1, 3, 8, 6])
      await ask(keeper, "shard-put", putBody(chunks[index]!, index % 7));
    const page = async (fromSequence: number, limit: number): Promise<Manifests> =>
      (await ask(keeper, "manifest-list", encodeMessage({ ...name, fromSequence, limit }), "anybody"))
        .body as Manifests;
    const first = await page(0, 4);
    expect(first.next).toBe(4);
    const rest = await page(4, 128);
    expect(rest.next).toBeNull();
    const signed = [...first.manifests, ...rest.manifests].map((one) => one.manifest);
    expect(signed).toEqual(chunks.map((chunk) => chunk.manifest.signed));
    expect(rest.manifests.map(({ index }) => index)).toEqual([4, 5, 6, 0, 1, 2]);
    expect((await page(10, 5)).manifests).toEqual([]);
  });

  it("drops chunks for their publisher alone", async () => {
    const blobs = createMemoryBlobs();
    const keeper = await keeperOver(blobs);
    const chunk = makeStream().sealChunk(makeRecords(2));
    await ask(keeper, "shard-put", putBody(chunk, 0));
    const drop = encodeMessage({ ...name, sequences: [0, 0, 5] });
    expect((await ask(keeper, "shard-drop", drop, "anybody")).kind).toBe("nothing");
    expect(keeper.usage().chunks).toBe(1);
    expect((await ask(keeper, "shard-drop", drop)).body).toEqual({ ...name, sequences: [0] });
    expect(keeper.usage()).toEqual({ bytes: 0, streams: 0, chunks: 0 });
    expect(blobs.files.size).toBe(0);
  });

  it("answers nothing to what it does not understand", async () => {
    const keeper = await keeperOver(createMemoryBlobs());
    expect(await keeper.handle(from, "order", new Uint8Array())).toBeNull();
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("shard-put", "shard-get", "manifest-list", "shard-drop", "shard"),
        fc.uint8Array({ maxLength: 150 }),
        async (kind, body) => {
          expect(await keeper.handle(from, kind, body)).toBeNull();
        },
      ),
    );
  });
});

describe("seven keepers on disk", () => {
  it("serve a reader with three of them gone, after a restart, and hold no plaintext", async () => {
    const folder = mkdtempSync(join(tmpdir(), "segment-keepers-"));
    try {
      const random = seededRandom(50);
      const stream = makeStream({ random });
      const batches = Array.from({ length: 40 }, (_, index) => makeRecords(16, START_MS + index * 20_000));
      const paths = Array.from({ length: 7 }, (_, index) => join(folder, `keeper-${index}`));
      const start = async (path: string) => {
        const blobs = await openFileBlobs(path);
        return { blobs, keeper: await keeperOver(blobs) };
      };
      const first = await Promise.all(paths.map(start));
      for (const records of batches) {
        const chunk = stream.sealChunk(records);
        const acks = await Promise.all(
          first.map(({ keeper }, index) => ask(keeper, "shard-put", putBody(chunk, index))),
        );
        expect(acks.every(({ kind }) => kind === "shard-ack")).toBe(true);
      }
      await Promise.all(first.map(({ blobs }) => blobs.close()));

      const left = await Promise.all(paths.slice(3).map(start));
      expect(left[0]!.keeper.usage()).toEqual({ ...first[3]!.keeper.usage() });
      const listed: Uint8Array[] = [];
      for (const { keeper } of left) {
        const reply = await ask(
          keeper,
          "manifest-list",
          encodeMessage({ ...name, fromSequence: 0, limit: 128 }),
        );
        listed.push(...(reply.body as Manifests).manifests.map((one) => one.manifest));
      }
      const result = await readStream({
        ...{ crypto, publisher: device.publicKey, streamId: id, manifests: listed },
        keyOf: (manifest) => periodKey(crypto, rootKey, manifest.period),
        fetchShard: async ({ sequence }, index) => {
          const keeper = left[index - 3]?.keeper;
          if (keeper === undefined) return undefined;
          return ((await ask(keeper, "shard-get", encodeMessage({ ...name, sequence }))).body as Shard).shard;
        },
      });
      expect(result.chunks.map(({ records }) => records)).toEqual(batches);
      expect(result).toMatchObject({ unread: [], breaks: [], badShards: [] });
      await Promise.all(left.map(({ blobs }) => blobs.close()));

      const sought = needles(batches.flat(), ["drone-7"]);
      for (const path of paths) {
        for (const file of readdirSync(path))
          expect(countHits(readFileSync(join(path, file)), sought)).toBe(0);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
