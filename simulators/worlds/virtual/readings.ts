/** Reads the flight back from the keepers' blobs, as the drone's owner would with all keys. */
import { equalBytes } from "../../../protocols/encoding/bytes.ts";
import { FieldReader } from "../../../protocols/encoding/reader.ts";
import { periodKey } from "../../../protocols/telemetry/keytree.ts";
import type { OpenedManifest } from "../../../protocols/telemetry/manifest.ts";
import { recordTimeMs } from "../../../protocols/telemetry/senml.ts";
import { readStream } from "../../../protocols/telemetry/stream.ts";
import type { MemoryBlobs } from "../../network/memory-blobs.ts";
import { flightStream } from "./members.ts";
import { KEEPERS, villager, type Village } from "./village.ts";

/** devices/drone/records.ts makes so many of one reading. */
const RECORDS_A_READING = 6;

interface Stored {
  index: number;
  manifest: Uint8Array;
  shard: Uint8Array;
}

/** Times of readings of the flight. */
export interface Readings {
  /** Given to an agent that lived on to make them durable. */
  durable: ReadonlySet<number>;
  /** All that were ever given to it. */
  given: ReadonlySet<number>;
}

/** A sentence about what is missing or made up; undefined if all that was durable is there. */
export async function readingsKept(
  village: Village,
  shards: ReadonlyMap<string, MemoryBlobs>,
  { durable, given }: Readings,
): Promise<string | undefined> {
  const { crypto } = village;
  const { streamId, rootKey } = flightStream(village);
  const held = new Map<string, Stored[]>();
  for (const name of KEEPERS) {
    const stored = [...(shards.get(name)?.files.values() ?? [])].map(readStored);
    held.set(name, stored);
  }
  const all = [...held.values()].flat();
  const find = (manifest: OpenedManifest, index: number): Uint8Array | undefined =>
    all.find((one) => one.index === index && equalBytes(one.manifest, manifest.signed))?.shard;
  const keys = new Map<number, Uint8Array>();
  const read = await readStream({
    crypto,
    publisher: villager(village, "drone").keys.signer.publicKey,
    streamId,
    manifests: all.map(({ manifest }) => manifest),
    keyOf: ({ period }) => {
      const key = keys.get(period) ?? periodKey(crypto, rootKey, period);
      keys.set(period, key);
      return key;
    },
    fetchShard: (manifest, index) => Promise.resolve(find(manifest, index)),
  });
  const times = read.chunks.flatMap(({ records }) => records).map(recordTimeMs);
  const recovered = new Set(times);
  const lost = [...durable].filter((time) => !recovered.has(time));
  if (lost.length > 0) return `${lost.length} of ${durable.size} durable readings are lost (${lost[0]})`;
  const made = [...recovered].find((time) => !given.has(time));
  if (made !== undefined) return `a reading of ${made} was never taken`;
  if (times.length !== recovered.size * RECORDS_A_READING) return "a reading was stored twice, or in part";
  if (read.breaks.length > 0 || read.unread.length > 0) return "the chain of manifests has breaks";
  // Every keeper has said that it holds its shard of each chunk.
  for (const [index, name] of KEEPERS.entries()) {
    for (const { manifest } of read.chunks) {
      if (find(manifest, index) === undefined)
        return `${name} has lost a shard of chunk ${manifest.sequence}`;
    }
  }
  return undefined;
}

function readStored(value: Uint8Array): Stored {
  const reader = FieldReader.fromBytes(value, "stored", { maxBytes: value.length });
  reader.int("version");
  return { index: reader.int("index"), manifest: reader.bytes("manifest"), shard: reader.bytes("shard") };
}
