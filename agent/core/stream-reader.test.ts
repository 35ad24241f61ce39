import { afterEach, describe, expect, it } from "vitest";
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import { makeGrant, openGrant, type OpenedGrant } from "../../protocols/telemetry/grant.ts";
import { PERIOD_MS, spanOfTimes, streamRootKey } from "../../protocols/telemetry/keytree.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import { TELEMETRY_SCHEMAS } from "../../protocols/telemetry/messages.ts";
import { reading } from "../../protocols/telemetry/senml.ts";
import { streamId, type ReadStream } from "../../protocols/telemetry/stream.ts";
import { createMemoryBlobs } from "../../simulators/network/memory-blobs.ts";
import { memoryNetwork, type MemoryNetwork } from "../../simulators/network/memory-bus.ts";
import { MemoryStore } from "../../simulators/network/memory-store.ts";
import { seededRandom } from "../../simulators/random.ts";
import { VirtualClock } from "../../simulators/virtual-clock.ts";
import { NETWORK, somebody, START_MS, type Somebody } from "../../test/support/agents.ts";
import { nodeCrypto as crypto } from "../node/crypto.ts";
import { openKeeper } from "../roles/keeper.ts";
import { Asker } from "./asking.ts";
import type { Changes } from "./loop.ts";
import { Messenger } from "./messenger.ts";
import { serve, type Answer } from "./service.ts";
import { readBack } from "./stream-reader.ts";
import { Telemetry } from "./telemetry.ts";

const device = somebody("drone");
const owner = somebody("owner");
const keepers = Array.from({ length: 7 }, (_, i) => somebody(`keeper ${i}`));
const id = streamId(crypto, device.keys.signer.publicKey, "flight");
const rootKey = streamRootKey(crypto, seededRandom(2).bytes(32), id, 0);
const CHUNKS = 12;

let net: MemoryNetwork;
let clock: VirtualClock;
afterEach(() => net.close());

function join(who: Somebody): Messenger {
  const bus = net.join(who.id);
  const messenger = new Messenger({
    bus,
    clock,
    crypto,
    random: seededRandom(3, who.id),
    network: NETWORK,
    keys: who.keys,
  });
  for (const peer of [device, owner, ...keepers]) messenger.meet(peer.keys.card);
  return messenger;
}

/** A grant for the first of the two quarters of an hour that the flight takes, or for both. */
function grant(untilMs: number): OpenedGrant {
  const terms = {
    publisher: device.keys.signer.publicKey,
    streamId: id,
    generation: 0,
    reader: owner.sessionKey,
    span: spanOfTimes(START_MS, untilMs),
    issuedAtMs: START_MS,
  };
  const bytes = makeGrant({ crypto, random: seededRandom(4), signer: device.keys.signer, rootKey, terms });
  return openGrant({
    crypto,
    grant: bytes,
    readerSecret: owner.keys.sessionSecret,
    issuer: device.keys.signer.publicKey,
  });
}

/**
 * A flight of 12 chunks over two key periods, stored with seven keepers over the bus. `twist` makes keepers
 * lie.
 */
async function flown(twist: (index: number, honest: Answer) => Answer = (_index, honest) => honest) {
  clock = new VirtualClock(START_MS);
  net = memoryNetwork({ network: NETWORK, clock, random: seededRandom(5), delayMs: { min: 1, max: 10 } });
  for (const [index, keeper] of keepers.entries()) {
    const role = await openKeeper({ crypto, clock, signer: keeper.keys.signer, blobs: createMemoryBlobs() });
    const honest: Answer = (from, kind, body) => role.handle(from, kind, body);
    void serve(join(keeper), twist(index, honest));
  }
  const messenger = join(device);
  const store = new MemoryStore({ clock });
  const telemetry = new Telemetry({
    ...{ store, crypto, random: seededRandom(6), signer: device.keys.signer, clock, linkClock: clock },
    ...{ streamId: id, rootKey, k: 4, keepers: keepers.map((keeper) => keeper.id) },
    limits: { records: 2, bytes: 10_000, waitMs: 30_000 },
    send: (to, type, body) => messenger.send(to, type, encodeMessage(body)),
  });
  void messenger.listen(({ from, kind, body }) => telemetry.received(from, kind, body));
  await clock.runFor(100);
  telemetry.setOpen(true);
  for (let chunk = 0; chunk < CHUNKS; chunk++) {
    const changes: Changes = new Map();
    const timeMs = START_MS + (chunk * 2 * PERIOD_MS) / CHUNKS;
    telemetry.plan(
      [reading("alt", "m", chunk, timeMs), reading("alt", "m", chunk + 0.5, timeMs + 1)],
      changes,
    );
    void store.commit(changes).then(() => telemetry.confirm());
  }
  const stored = telemetry.flush();
  await clock.runFor(60_000);
  await stored;
  const asker = new Asker(join(owner), clock);
  void asker.listen();
  await clock.runFor(100);
  return {
    read: async (
      opened: OpenedGrant = grant(START_MS + 2 * PERIOD_MS),
      timeMs = 60_000,
    ): Promise<ReadStream> => {
      let result: ReadStream | undefined;
      void readBack({ crypto, asker, keepers: keepers.map((keeper) => keeper.id), grant: opened }).then(
        (stream) => (result = stream),
      );
      await clock.runFor(timeMs);
      return result!;
    },
  };
}

const valuesOf = ({ chunks }: ReadStream): (number | undefined)[] =>
  chunks.flatMap(({ records }) => records.map(({ v }) => v));
const flight = Array.from({ length: CHUNKS * 2 }, (_, i) => i / 2);

describe("reading a stream back", () => {
  it("gives the whole flight with three of seven keepers gone, whichever", async () => {
    const { read } = await flown();
    for (const gone of [[], [0, 1, 2], [2, 4, 6]]) {
      for (const index of gone) net.cut(keepers[index]!.id);
      const stream = await read();
      expect(valuesOf(stream)).toEqual(flight);
      expect([stream.unread, stream.breaks, stream.badShards, stream.badManifests]).toEqual([[], [], [], []]);
      for (const index of gone) net.restore(keepers[index]!.id);
      await clock.runFor(1_000);
    }
    for (const index of [0, 1, 2, 3]) net.cut(keepers[index]!.id);
    const stream = await read();
    expect(stream.chunks).toEqual([]);
    expect(new Set(stream.unread.map(({ code }) => code))).toEqual(new Set(["shards-missing"]));
    expect(stream.unread).toHaveLength(CHUNKS);
  });

  it("follows a long list over its pages, from any one keeper", async () => {
    const { read } = await flown((_index, honest) => (from, kind, body) => {
      if (kind !== "manifest-list") return honest(from, kind, body);
      return honest(from, kind, encodeMessage({ ...parseBody(TELEMETRY_SCHEMAS[kind], body), limit: 5 }));
    });
    expect(valuesOf(await read())).toEqual(flight);
  });

  it("opens what the grant covers, and says of the rest that it does not", async () => {
    const { read } = await flown();
    const stream = await read(grant(START_MS + PERIOD_MS));
    expect(valuesOf(stream)).toEqual(flight.slice(0, CHUNKS));
    expect(stream.unread.map(({ code }) => code)).toEqual(
      Array.from({ length: CHUNKS / 2 }, () => "grant-invalid"),
    );
  });

  it("survives keepers that talk nonsense, lie, or lead in circles without end", async () => {
    const { read } = await flown((index, honest) => async (from, kind, body) => {
      const answer = await honest(from, kind, body);
      if (answer === null || (kind !== "manifest-list" && kind !== "shard-get")) return answer;
      if (index === 0) return { kind: answer.kind, body: new Uint8Array(5) };
      if (index === 1 && answer.kind === "manifests") {
        const page = parseBody(TELEMETRY_SCHEMAS.manifests, answer.body);
        const made_up = { index: 1, manifest: new Uint8Array(50).fill(page.fromSequence & 255) };
        return {
          kind: "manifests",
          body: encodeMessage({ ...page, manifests: [made_up], next: page.fromSequence + 1 }),
        };
      }
      if (index === 2 && answer.kind === "shard") {
        const shard = parseBody(TELEMETRY_SCHEMAS.shard, answer.body);
        return { kind: "shard", body: encodeMessage({ ...shard, shard: shard.shard.fill(7, 3) }) };
      }
      return answer;
    });
    const stream = await read();
    expect(valuesOf(stream)).toEqual(flight);
    expect(stream.badShards.every(({ index }) => index === 2)).toBe(true);
    expect(stream.badManifests.length).toBeGreaterThan(0);
  });
});
