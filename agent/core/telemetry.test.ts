import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { BatchLimits } from "../../protocols/telemetry/batch.ts";
import { periodKey, streamRootKey } from "../../protocols/telemetry/keytree.ts";
import { TELEMETRY_SCHEMAS, type ShardPut } from "../../protocols/telemetry/messages.ts";
import { reading, type SenmlRecord } from "../../protocols/telemetry/senml.ts";
import { readStream, streamId, type ReadStream } from "../../protocols/telemetry/stream.ts";
import { createMemoryBlobs } from "../../simulators/network/memory-blobs.ts";
import { MemoryStore } from "../../simulators/network/memory-store.ts";
import { seededRandom } from "../../simulators/random.ts";
import { VirtualClock } from "../../simulators/virtual-clock.ts";
import { somebody, START_MS } from "../../test/support/agents.ts";
import { nodeCrypto as crypto } from "../node/crypto.ts";
import { openKeeper, type Keeper } from "../roles/keeper.ts";
import type { KeeperLimits } from "../roles/keeper-index.ts";
import type { Changes } from "./loop.ts";
import { Telemetry } from "./telemetry.ts";

const device = somebody("drone");
const id = streamId(crypto, device.keys.signer.publicKey, "flight");
const rootKey = streamRootKey(crypto, seededRandom(2).bytes(32), id, 0);
const NAMES = Array.from({ length: 7 }, (_, i) => `keeper ${i}`);
const KEEPERS = NAMES.map((name) => somebody(name));

interface Options {
  seed?: number;
  loss?: number;
  limits?: BatchLimits;
  keeperLimits?: Partial<KeeperLimits>;
}

/** A device's telemetry, its journal, and seven real keepers behind a network that delays and loses. */
async function world(options: Options = {}) {
  const {
    seed = 1,
    loss = 0,
    limits = { records: 4, bytes: 10_000, waitMs: 30_000 },
    keeperLimits,
  } = options;
  const clock = new VirtualClock(START_MS);
  const random = seededRandom(seed);
  let store = new MemoryStore({ clock, writeMs: () => 1 + Math.floor(random.next() * 20) });
  const keepers: Keeper[] = await Promise.all(
    KEEPERS.map(({ keys }) =>
      openKeeper({
        crypto,
        clock,
        signer: keys.signer,
        blobs: createMemoryBlobs(),
        limits: keeperLimits ?? {},
      }),
    ),
  );
  /** Keepers that are away. */
  const away = new Set<string>();
  /** What was ever put under one sequence number and index. */
  const puts = new Map<string, Set<string>>();
  const refused: string[] = [];
  let sends = 0;
  let telemetry = make();

  function make(): Telemetry {
    const mine: Telemetry = new Telemetry({
      ...{ store, crypto, random, signer: device.keys.signer, clock, linkClock: clock },
      ...{ streamId: id, rootKey, k: 4, keepers: KEEPERS.map((keeper) => keeper.id), limits },
      send: async (to, type, body) => carry(mine, to, type, body as ShardPut),
    });
    return mine;
  }

  function carry(from: Telemetry, to: string, type: string, put: ShardPut): void {
    sends += 1;
    const key = `${put.sequence}/${put.index}`;
    puts.set(key, (puts.get(key) ?? new Set()).add(`${toHex(put.manifest)} ${toHex(put.shard)}`));
    const later = (act: () => void): void => {
      if (random.next() >= loss) clock.at(clock.now() + 5 + Math.floor(random.next() * 100), act);
    };
    later(() => {
      const index = KEEPERS.findIndex((keeper) => keeper.id === to);
      if (away.has(to)) return;
      void keepers[index]!.handle(device.id, type, encodeMessage(put)).then((answer) => {
        if (answer?.kind === "shard-refused")
          refused.push(parseBody(TELEMETRY_SCHEMAS["shard-refused"], answer.body).code);
        later(() => {
          if (answer !== null && from === telemetry) telemetry.received(to, answer.kind, answer.body);
        });
      });
    });
  }

  return {
    clock,
    keepers,
    away,
    puts,
    refused,
    sends: () => sends,
    get telemetry() {
      return telemetry;
    },
    get store() {
      return store;
    },
    /** As the loop does: plan, commit, then confirm. Resolves when the commit does. */
    record(...records: SenmlRecord[]): Promise<void> {
      const [mine, changes] = [telemetry, new Map() as Changes];
      mine.plan(records, changes);
      return store.commit(changes).then(() => mine.confirm());
    },
    restart(reached = false): Telemetry {
      const before = telemetry;
      store = store.crash(reached);
      telemetry = make();
      void before.close();
      return telemetry;
    },
    chunksWaiting: () => store.keys("telemetry/chunk/").length,
  };
}

/** Reads everything back from the keepers that are there. */
async function readAll(
  keepers: readonly Keeper[],
  gone: ReadonlySet<number> = new Set(),
): Promise<ReadStream> {
  const publisher = device.keys.signer.publicKey;
  const ask = async (index: number, kind: string, body: object): Promise<Uint8Array | undefined> => {
    if (gone.has(index)) return undefined;
    const answer = await keepers[index]!.handle(
      "reader",
      kind,
      encodeMessage({ publisher, streamId: id, ...body }),
    );
    return answer?.body;
  };
  const manifests: Uint8Array[] = [];
  for (const index of keepers.keys()) {
    for (let from: number | null = 0; from !== null;) {
      const body = await ask(index, "manifest-list", { fromSequence: from, limit: 100 });
      if (body === undefined) break;
      const page = parseBody(TELEMETRY_SCHEMAS.manifests, body);
      manifests.push(...page.manifests.map(({ manifest }) => manifest));
      from = page.next;
    }
  }
  return readStream({
    crypto,
    publisher,
    streamId: id,
    manifests,
    keyOf: (manifest) => periodKey(crypto, rootKey, manifest.period),
    fetchShard: async ({ sequence }, index) => {
      const body = await ask(index, "shard-get", { sequence });
      return body === undefined ? undefined : parseBody(TELEMETRY_SCHEMAS.shard, body).shard;
    },
  });
}

const valuesOf = ({ chunks }: ReadStream): (number | undefined)[] =>
  chunks.flatMap(({ records }) => records.map(({ v }) => v));
const altitude = (v: number, timeMs: number): SenmlRecord => reading("drone:altitude", "m", v, timeMs);

describe("telemetry", () => {
  it("seals whole batches in the step's commit, and lets nothing leave before it is durable", async () => {
    const it_ = await world();
    const { telemetry, clock } = it_;
    telemetry.setOpen(true);
    const changes: Changes = new Map();
    telemetry.plan(
      [1, 2, 3, 4, 5].map((v) => altitude(v, clock.now())),
      changes,
    );
    expect([...changes.keys()].sort()).toEqual([
      "telemetry/batch/000000000000",
      "telemetry/chunk/000000000000",
      "telemetry/head",
    ]);
    // Another chunk becomes durable, the link comes back: this one still has to wait.
    telemetry.setOpen(true);
    await clock.runFor(5_000);
    expect(it_.sends()).toBe(0);
    void it_.store.commit(changes).then(() => telemetry.confirm());
    await clock.runFor(50);
    expect(it_.sends()).toBe(7);
    await clock.runFor(1_000);
    expect([telemetry.waiting, it_.chunksWaiting(), it_.sends()]).toEqual([0, 0, 7]);
  });

  it("counts a reading of no usable time as refused, and goes on", async () => {
    const it_ = await world();
    const { clock } = it_;
    it_.telemetry.setOpen(true);
    // A receiver without a fix says 1970, a broken one microseconds: no key covers either.
    const strange = [0, -1, Number.NaN, START_MS * 1_000].map((timeMs) => altitude(0, timeMs));
    void it_.record(altitude(1, clock.now()), ...strange, altitude(2, clock.now()));
    await clock.runFor(50);
    it_.restart().setOpen(true);
    void it_.record(altitude(3, clock.now()));
    await clock.runFor(60_000);
    expect(it_.telemetry.counters).toMatchObject({ records: 3, refused: 4 });
    expect(valuesOf(await readAll(it_.keepers))).toEqual([1, 2, 3]);
  });

  it("does not take one commit's end for another's: a chunk sealed by flush waits for its own", async () => {
    const it_ = await world();
    const { telemetry, clock } = it_;
    telemetry.setOpen(true);
    void it_.record(altitude(1, clock.now()));
    await clock.runFor(100);
    const before = it_.store;
    // Flush seals and commits; in the same moment an earlier step's commit is confirmed.
    void telemetry.flush();
    telemetry.confirm();
    expect(it_.sends()).toBe(0);
    // Power loss: what was sealed never left, so its number may be used again.
    it_.restart();
    expect(before).not.toBe(it_.store);
    it_.telemetry.setOpen(true);
    void it_.record(altitude(2, clock.now()), altitude(3, clock.now()), altitude(4, clock.now()));
    await clock.runFor(60_000);
    const stream = await readAll(it_.keepers);
    expect([valuesOf(stream), stream.breaks, it_.refused]).toEqual([[1, 2, 3, 4], [], []]);
  });

  it("lets nothing of a later commit leave when an earlier one ends", async () => {
    const it_ = await world();
    it_.telemetry.setOpen(true);
    const [first, second]: [Changes, Changes] = [new Map(), new Map()];
    it_.telemetry.plan(
      [1, 2, 3].map((v) => altitude(v, it_.clock.now())),
      first,
    );
    it_.telemetry.plan([altitude(4, it_.clock.now())], second);
    expect([...second.keys()]).toContain("telemetry/chunk/000000000000");
    it_.telemetry.confirm();
    expect(it_.sends()).toBe(0);
    it_.telemetry.confirm();
    expect(it_.sends()).toBe(7);
  });

  it("seals what has waited long enough, also over a restart, and each key period apart", async () => {
    const it_ = await world();
    it_.telemetry.setOpen(true);
    void it_.record(altitude(1, START_MS - 1), altitude(2, START_MS));
    await it_.clock.runFor(20_000);
    expect(it_.telemetry.counters).toMatchObject({ records: 2, chunks: 1 });
    it_.restart().setOpen(true);
    await it_.clock.runFor(31_000);
    expect(it_.telemetry.counters).toMatchObject({ records: 2, chunks: 2, refused: 0 });
    const stream = await readAll(it_.keepers);
    expect(stream.chunks.map(({ records }) => records.map(({ v }) => v))).toEqual([[1], [2]]);
  });

  it("writes each record into the journal once, and leaves none there when its chunk is sealed", async () => {
    const it_ = await world();
    const journal = (): number[] =>
      it_.store.keys("telemetry/batch/").map((key) => it_.store.get(key)!.length);
    for (const v of [1, 2, 3]) {
      void it_.record(altitude(v, it_.clock.now()));
      await it_.clock.runFor(1_000);
    }
    const [first] = journal();
    expect(journal()).toEqual([first, first, first]);
    it_.restart().setOpen(true);
    expect(it_.telemetry.unsent).toBe(3);
    void it_.record(altitude(4, it_.clock.now()));
    await it_.clock.runFor(1_000);
    expect(journal()).toEqual([]);
    void it_.record(altitude(5, it_.clock.now()));
    await it_.clock.runFor(1_000);
    expect(journal()).toEqual([first]);
    await it_.clock.runFor(32_000);
    expect([journal(), valuesOf(await readAll(it_.keepers))]).toEqual([[], [1, 2, 3, 4, 5]]);
  });

  it("flushes: resolves when the last shard is acknowledged, and not before", async () => {
    const it_ = await world({ loss: 0.4, seed: 3 });
    it_.telemetry.setOpen(true);
    for (let i = 0; i < 10; i++) void it_.record(altitude(i, it_.clock.now()));
    let flushed = false;
    void it_.telemetry.flush().then(() => (flushed = true));
    await it_.clock.runFor(300);
    expect(flushed).toBe(false);
    await it_.clock.runFor(300_000);
    expect([flushed, it_.telemetry.waiting, it_.chunksWaiting()]).toEqual([true, 0, 0]);
    const stored = it_.keepers.map((keeper) => keeper.usage().chunks);
    expect(stored).toEqual(Array.from({ length: 7 }, () => 3));
    await it_.telemetry.flush();
  });

  it("uses no sequence number twice, though the power goes right after a flush", async () => {
    const it_ = await world();
    for (const v of [1, 2, 3]) {
      void it_.record(altitude(v, it_.clock.now()));
      void it_.telemetry.flush();
      await it_.clock.runFor(100);
      it_.restart();
    }
    it_.telemetry.setOpen(true);
    await it_.clock.runFor(10_000);
    const stream = await readAll(it_.keepers);
    expect([valuesOf(stream), stream.breaks]).toEqual([[1, 2, 3], []]);
  });

  it("offers the same ciphertext again, after lost answers and restarts", async () => {
    const it_ = await world({ loss: 0.5, seed: 4 });
    for (let round = 0; round < 4; round++) {
      it_.telemetry.setOpen(true);
      for (let i = 0; i < 6; i++) void it_.record(altitude(i, it_.clock.now()));
      await it_.clock.runFor(2_500);
      it_.restart();
    }
    it_.telemetry.setOpen(true);
    await it_.clock.runFor(300_000);
    expect(it_.sends()).toBeGreaterThan(2 * it_.puts.size);
    for (const versions of it_.puts.values()) expect(versions.size).toBe(1);
    expect(it_.refused).toEqual([]);
  });

  it("goes on with the keepers that are there while one is away, and catches up with it", async () => {
    const it_ = await world({ limits: { records: 1, bytes: 10_000, waitMs: 30_000 } });
    it_.telemetry.setOpen(true);
    it_.away.add(KEEPERS[2]!.id);
    for (let i = 0; i < 60; i++) {
      void it_.record(altitude(i, it_.clock.now()));
      await it_.clock.runFor(1_000);
    }
    await it_.clock.runFor(5_000);
    expect(it_.keepers.map((keeper) => keeper.usage().chunks)).toEqual([60, 60, 0, 60, 60, 60, 60]);
    expect(it_.chunksWaiting()).toBe(60);
    let flushed = false;
    void it_.telemetry.flush().then(() => (flushed = true));
    it_.away.clear();
    await it_.clock.runFor(60_000);
    expect([flushed, it_.keepers[2]!.usage().chunks, it_.chunksWaiting()]).toEqual([true, 60, 0]);
  });

  it("counts a keeper's refusals by their reason, and keeps the shard for when there is room", async () => {
    const it_ = await world({ keeperLimits: { totalBytes: 1 } });
    it_.telemetry.setOpen(true);
    void it_.record(...[1, 2, 3, 4].map((v) => altitude(v, it_.clock.now())));
    await it_.clock.runFor(10_000);
    expect(it_.telemetry.refusals.get("keeper-full")).toBe(it_.refused.length);
    expect(it_.refused.length).toBeGreaterThanOrEqual(14);
    expect([it_.telemetry.waiting, it_.chunksWaiting()]).toEqual([1, 1]);
  });

  it("believes no receipt but that of the shard's own keeper", async () => {
    const it_ = await world();
    const { telemetry, clock } = it_;
    telemetry.setOpen(true);
    KEEPERS.forEach((keeper) => it_.away.add(keeper.id));
    void it_.record(...[1, 2, 3, 4].map((v) => altitude(v, clock.now())));
    await clock.runFor(500);
    const [manifest, shard] = [...it_.puts.get("0/1")!][0]!
      .split(" ")
      .map((hex) => Uint8Array.from(Buffer.from(hex, "hex")));
    const publisher = device.keys.signer.publicKey;
    const put = { publisher, streamId: id, sequence: 0, index: 1, manifest, shard };
    const ackOf = async (keeper: Keeper): Promise<Uint8Array> =>
      (await keeper.handle(device.id, "shard-put", encodeMessage(put)))!.body;
    const right = await ackOf(it_.keepers[1]!);
    const ofAnother = await ackOf(it_.keepers[3]!);
    telemetry.received(KEEPERS[3]!.id, "shard-ack", right);
    telemetry.received(somebody("stranger").id, "shard-ack", right);
    expect(() => telemetry.received(KEEPERS[1]!.id, "shard-ack", ofAnother)).toThrowError(
      expect.objectContaining({ code: "shard-invalid" }),
    );
    await expect(async () =>
      telemetry.received(KEEPERS[1]!.id, "shard-ack", new Uint8Array(9)),
    ).rejects.toMatchObject({
      code: "message-invalid",
    });
    const sendsTo = (index: number) => it_.sends() && it_.puts.has(`0/${index}`);
    expect(sendsTo(1)).toBe(true);
    telemetry.received(KEEPERS[1]!.id, "shard-ack", right);
    telemetry.received(KEEPERS[1]!.id, "shard-ack", right);
    const before = it_.sends();
    await clock.runFor(2_500);
    // Six are still missing: one retry offers those alone.
    expect(it_.sends() - before).toBe(6);
    expect(it_.chunksWaiting()).toBe(1);
  });

  it("refuses new records, and counts them, rather than forget old ones", async () => {
    const it_ = await world({ limits: { records: 1, bytes: 10_000, waitMs: 30_000 } });
    // An offline device's backlog, one short of the bound.
    const key = (n: number): string => `telemetry/chunk/${n.toString().padStart(12, "0")}`;
    const old = encodeMessage({ manifest: new Uint8Array(1), shards: [] });
    void it_.store.commit(new Map(Array.from({ length: 4_095 }, (_, i) => [key(1_000_000 + i), old])));
    await it_.clock.runFor(100);
    it_.restart();
    expect(it_.telemetry.waiting).toBe(4_095);
    void it_.record(altitude(1, it_.clock.now()));
    void it_.record(altitude(2, it_.clock.now()), altitude(3, it_.clock.now()));
    await it_.clock.runFor(100);
    expect(it_.telemetry.counters).toMatchObject({ records: 1, refused: 2, chunks: 1 });
    it_.restart().setOpen(true);
    expect(it_.telemetry.counters).toMatchObject({ records: 1, refused: 2 });
    expect(it_.telemetry.waiting).toBe(4_096);
    await it_.clock.runFor(5_000);
    expect(it_.telemetry.waiting).toBe(4_095);
    void it_.record(altitude(4, it_.clock.now()));
    await it_.clock.runFor(100);
    expect(it_.telemetry.counters).toMatchObject({ records: 2, refused: 2 });
    expect(valuesOf(await readAll(it_.keepers))).toEqual([1]);
    await it_.telemetry.close();
  });

  it("keeps no timer once closed", async () => {
    const it_ = await world();
    it_.telemetry.setOpen(true);
    KEEPERS.forEach((keeper) => it_.away.add(keeper.id));
    for (let i = 0; i < 9; i++) void it_.record(altitude(i, it_.clock.now()));
    await it_.clock.runFor(3_000);
    await it_.telemetry.close();
    await it_.clock.runFor(200);
    expect(it_.clock.pending).toBe(0);
  });

  it("loses and doubles nothing, whatever is lost and whenever the power goes", async () => {
    const act = <What extends string>(what: What, n: number) => ({ do: what, n });
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({ do: fc.constant("record" as const), n: fc.integer({ min: 1, max: 6 }) }),
      },
      { weight: 4, arbitrary: fc.record({ do: fc.constant("wait" as const), n: fc.nat(40) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("wait" as const), n: fc.nat(1_000_000) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("crash" as const), n: fc.nat(1) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("flush" as const), n: fc.constant(0) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("link" as const), n: fc.nat(1) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("keeper" as const), n: fc.nat(6) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.nat(1_000), fc.array(step, { maxLength: 40 }), async (seed, steps) => {
        const it_ = await world({ seed, loss: 0.2 });
        let planned: number[] = [];
        let next = 0;
        let durable = 0;
        it_.telemetry.setOpen(true);
        for (const { do: what, n } of steps) {
          if (what === "record") {
            const records = Array.from({ length: n }, () => altitude((next += 1), it_.clock.now()));
            planned.push(...records.map(({ v }) => v!));
            const until = planned.length;
            const mine = it_.telemetry;
            void it_.record(...records).then(() => {
              if (mine === it_.telemetry) durable = Math.max(durable, until);
            });
          } else if (what === "wait") await it_.clock.runFor(n);
          else if (what === "flush") void it_.telemetry.flush();
          else if (what === "link") it_.telemetry.setOpen(n === 1);
          else if (what === "keeper") {
            const { id: keeper } = KEEPERS[n]!;
            if (!it_.away.delete(keeper)) it_.away.add(keeper);
          } else {
            const { counters } = it_.restart(n === 1);
            // Of what was under way, the disk has a beginning; what was acknowledged it has for sure.
            expect(counters.records).toBeGreaterThanOrEqual(durable);
            planned = planned.slice(0, counters.records);
            it_.telemetry.setOpen(true);
          }
        }
        await it_.clock.runFor(100);
        it_.away.clear();
        it_.telemetry.setOpen(true);
        let flushed = false;
        void it_.telemetry.flush().then(() => (flushed = true));
        await it_.clock.runFor(400_000);
        expect(flushed).toBe(true);
        const stream = await readAll(it_.keepers, new Set([0, 3, 6]));
        expect(valuesOf(stream)).toEqual(planned);
        expect([stream.breaks, stream.unread, stream.badShards, it_.refused]).toEqual([[], [], [], []]);
        await it_.telemetry.close();
      }),
      {
        numRuns: 40,
        // A second record was planned before the first one's commit ended, then the power went.
        examples: [[0, [act("record", 3), act("record", 1), act("wait", 9), act("crash", 0)]]],
      },
    );
  });
});

it("the keepers are seven, each with an identity of its own", () => {
  expect(new Set(KEEPERS.map(({ keys }) => agentId(keys.signer.publicKey))).size).toBe(7);
});
