/**
 * A keeper over a disk that is slow and fails, asked for anything in any order: what it has acknowledged and
 * was not told to forget can be read, also after a restart, and no message makes it fail.
 */
import fc from "fast-check";
import { describe, expect } from "vitest";
import { nodeCrypto } from "../../../agent/node/crypto.ts";
import { openKeeper } from "../../../agent/roles/keeper.ts";
import type { Keeper } from "../../../agent/roles/keeper.ts";
import { equalBytes, toHex } from "../../../protocols/encoding/bytes.ts";
import { decodeMessage, encodeMessage } from "../../../protocols/encoding/messages.ts";
import { agentId } from "../../../protocols/identity/keys.ts";
import type { Blobs } from "../../../protocols/ports.ts";
import { TELEMETRY_SCHEMAS } from "../../../protocols/telemetry/messages.ts";
import type { Shard, ShardAck, ShardDrop } from "../../../protocols/telemetry/messages.ts";
import { checkShardReceipt } from "../../../protocols/telemetry/receipt.ts";
import type { SealedChunk } from "../../../protocols/telemetry/stream.ts";
import { createMemoryBlobs } from "../../../simulators/network/memory-blobs.ts";
import { rememberingCrypto } from "../../../simulators/remembering-crypto.ts";
import { VirtualClock } from "../../../simulators/virtual-clock.ts";
import { device, id, makeRecords, makeStream, seededSigner, START_MS } from "../../support/telemetry.ts";
import { fuzz } from "../support/harness.ts";
import { encodeLoose } from "../support/cbor-tree.ts";
import { mutatedValue } from "../support/mutate-value.ts";
import { mutated } from "../support/mutate.ts";

/** The same few manifests come again and again: each signature is verified once. */
const crypto = rememberingCrypto(nodeCrypto);
const signer = seededSigner(40, crypto);
const publisher = agentId(device.publicKey);
const stranger = agentId(seededSigner(41).publicKey);
const name = { publisher: device.publicKey, streamId: id };

const writer = makeStream();
const chunks: SealedChunk[] = [0, 1, 2].map((n) => writer.sealChunk(makeRecords(4 + n)));
/** The publisher signs twice for one number: the second is another chunk of the same place. */
const forks: SealedChunk[] = [makeStream().sealChunk(makeRecords(9))];

function putOf(chunk: SealedChunk, index: number): object {
  const { sequence, signed } = chunk.manifest;
  return { ...name, sequence, index, manifest: signed, shard: chunk.shards[index] };
}

type Kind = "shard-put" | "shard-get" | "manifest-list" | "shard-drop";
interface Question {
  from: string;
  kind: Kind;
  body: object;
}

const BODIES: [Kind, object][] = [
  ...chunks.flatMap((chunk): [Kind, object][] => [
    ["shard-put", putOf(chunk, 1)],
    ["shard-put", putOf(chunk, 2)],
    ["shard-get", { ...name, sequence: chunk.manifest.sequence }],
    ["shard-drop", { ...name, sequences: [chunk.manifest.sequence] }],
  ]),
  ...forks.map((chunk): [Kind, object] => ["shard-put", putOf(chunk, 1)]),
  ["shard-put", { ...putOf(chunks[0]!, 1), sequence: 1 }],
  ["shard-put", { ...putOf(chunks[0]!, 1), shard: chunks[1]!.shards[1] }],
  ["shard-drop", { ...name, sequences: [0, 1, 2, 2, 7] }],
  ["manifest-list", { ...name, fromSequence: 0, limit: 2 }],
];

const sound: fc.Arbitrary<Question> = fc
  .record({
    from: fc.oneof(
      { weight: 9, arbitrary: fc.constant(publisher) },
      { weight: 1, arbitrary: fc.constant(stranger) },
    ),
    which: fc.nat(BODIES.length - 1),
  })
  .map(({ from, which }) => ({ from, kind: BODIES[which]![0], body: BODIES[which]![1] }));

interface Step {
  question: Question;
  waitMs: number;
  restart: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  question: sound,
  waitMs: fc.constantFrom(0, 0, 1, 3, 20),
  restart: fc.nat(29).map((n) => n === 0),
});

/** Writes take their time, in order; a deletion too. */
function slow(blobs: Blobs, clock: VirtualClock, delayMs: () => number): Blobs {
  let last: Promise<unknown> = Promise.resolve();
  const queued = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(async () => {
      await new Promise<void>((resolve) => clock.at(clock.now() + delayMs(), resolve));
      return work();
    });
    last = result.catch(() => undefined);
    return result;
  };
  return {
    ...blobs,
    put: (key, bytes) => queued(() => blobs.put(key, bytes)),
    delete: (key) => queued(() => blobs.delete(key)),
  };
}

describe("a keeper", () => {
  fuzz(
    "gives back what it has acknowledged",
    fc.record({
      steps: fc.array(step, { minLength: 1, maxLength: 25 }),
      delays: fc.array(fc.nat(8), { minLength: 1, maxLength: 5 }),
      failing: fc.nat(9),
    }),
    keepsItsWord,
    { share: 0.05 },
  );

  fuzz(
    "answers or passes over any body",
    fc.oneof(
      fc
        .tuple(fc.constantFrom(...BODIES), fc.nat())
        .chain(([[kind, body]]) =>
          mutatedValue([body]).map((mutant): [string, Uint8Array] => [kind, encodeLoose(mutant)]),
        ),
      fc.tuple(
        fc.constantFrom("shard-put", "shard-get", "manifest-list", "shard-drop", "shard", "ack", "__proto__"),
        mutated(BODIES.map(([, body]) => encodeMessage(body))),
      ),
    ),
    async ([kind, body]) => {
      const answer = await hostile.then((keeper) => keeper.handle(publisher, kind, body));
      if (answer !== null) TELEMETRY_SCHEMAS[answer.kind].parse(decodeMessage(answer.body));
      // Nothing but what the publisher signed gets in: three chunks and the fork of one.
      expect((await hostile).usage().chunks).toBeLessThanOrEqual(3);
    },
  );
});

const still = new VirtualClock(START_MS);
const hostile = openKeeper({ crypto, clock: still, signer, blobs: createMemoryBlobs() });

async function keepsItsWord({
  steps,
  delays,
  failing,
}: {
  steps: Step[];
  delays: number[];
  failing: number;
}): Promise<void> {
  const clock = new VirtualClock(START_MS);
  let asked = 0;
  const memory = createMemoryBlobs({ fails: () => failing > 0 && (asked += 1) % (failing * 3) === 0 });
  let delayed = 0;
  const disk = slow(memory, clock, () => delays[(delayed += 1) % delays.length]!);
  let keeper = await openKeeper({ crypto, clock, signer, blobs: disk });
  const story = new Story();
  const underWay: Promise<void>[] = [];
  for (const { question, waitMs, restart } of steps) {
    underWay.push(story.tell(keeper, question));
    if (waitMs > 0) await clock.runFor(waitMs);
    if (!restart) continue;
    await clock.runAll();
    await Promise.all(underWay.splice(0));
    keeper = await openKeeper({ crypto, clock, signer, blobs: disk });
  }
  await clock.runAll();
  await Promise.all(underWay);
  await story.check(keeper);
  await story.check(await openKeeper({ crypto, clock, signer, blobs: disk }));
}

/**
 * What the publisher may count on: acknowledged, and not asked to be forgotten at any time since it was
 * sent.
 */
class Story {
  readonly #owed = new Map<number, { manifest: Uint8Array; shard: Uint8Array; receipt: ShardAck }>();
  #turn = 0;
  readonly #dropTurns = new Map<number, number>();

  async tell(keeper: Keeper, { from, kind, body }: Question): Promise<void> {
    const sent = (this.#turn += 1);
    if (kind === "shard-drop" && from === publisher) {
      for (const sequence of (body as ShardDrop).sequences) {
        this.#dropTurns.set(sequence, sent);
        this.#owed.delete(sequence);
      }
    }
    const answer = await keeper.handle(from, kind, encodeMessage(body));
    if (answer === null) return;
    const parsed: unknown = TELEMETRY_SCHEMAS[answer.kind].parse(decodeMessage(answer.body));
    if (answer.kind !== "shard-ack") return;
    const receipt = parsed as ShardAck;
    const put = body as Shard;
    if ((this.#dropTurns.get(receipt.sequence) ?? 0) > sent) return;
    this.#owed.set(receipt.sequence, { manifest: put.manifest, shard: put.shard, receipt });
  }

  async check(keeper: Keeper): Promise<void> {
    for (const [sequence, owed] of this.#owed) {
      const answer = await keeper.handle(stranger, "shard-get", encodeMessage({ ...name, sequence }));
      expect(answer?.kind).toBe("shard");
      const got = TELEMETRY_SCHEMAS.shard.parse(decodeMessage(answer!.body));
      expect(toHex(got.manifest)).toBe(toHex(owed.manifest));
      expect(equalBytes(got.shard, owed.shard)).toBe(true);
      const manifest = [...chunks, ...forks].find(({ manifest: one }) =>
        equalBytes(one.signed, got.manifest),
      )!.manifest;
      checkShardReceipt(crypto, owed.receipt.receipt, {
        manifest,
        index: got.index,
        keeper: signer.publicKey,
      });
    }
    const list = { ...name, fromSequence: 0, limit: 128 };
    const listed = await keeper.handle(stranger, "manifest-list", encodeMessage(list));
    const { manifests } = TELEMETRY_SCHEMAS.manifests.parse(decodeMessage(listed!.body));
    expect(manifests.length).toBeGreaterThanOrEqual(this.#owed.size);
  }
}
