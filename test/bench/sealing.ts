/** Telemetry: the whole pipeline from records to signed shards, and the erasure code alone. */
import { Encoder } from "cbor-x";
import { deflateSync } from "fflate";
import { nodeCrypto as crypto, nodeRandom as random } from "../../agent/node/crypto.ts";
import { signerFromSeed } from "../../protocols/identity/keys.ts";
import { encodeShards } from "../../protocols/telemetry/erasure.ts";
import { periodOf, PERIOD_MS, streamRootKey } from "../../protocols/telemetry/keytree.ts";
import { encodeSenml } from "../../protocols/telemetry/senml-cbor.ts";
import { compact } from "../../protocols/telemetry/senml-compact.ts";
import { reading } from "../../protocols/telemetry/senml.ts";
import type { SenmlRecord } from "../../protocols/telemetry/senml.ts";
import { createStream, streamId } from "../../protocols/telemetry/stream.ts";
import type { StreamWriter } from "../../protocols/telemetry/stream.ts";
import { perSecond } from "./harness.ts";
import type { Bench } from "./harness.ts";
import { barePrimitives, sumMs } from "./primitives.ts";

const K = 4;
const N = 7;
const START_MS = periodOf(1_800_000_000_000) * PERIOD_MS;
/** As the pipeline: see compress.ts. */
const DEFLATE = { level: 4, mem: 4 } as const;
const DEFLATED_FROM_BYTES = 128;

/** A drone's readings, one a second: four sensors in turn. */
function makeRecords(count: number): SenmlRecord[] {
  const sensors: [name: string, unit: string, value: (at: number) => number][] = [
    ["altitude-amsl", "m", (at) => 120.25 + Math.sin(at) * 3.7],
    ["speed", "m/s", (at) => Math.round(at * 7.3) % 15],
    ["battery", "%EL", (at) => 97 - at * 0.01],
    ["heading", "deg", (at) => (at * 11) % 360],
  ];
  return Array.from({ length: count }, (_, at) => {
    const [name, unit, value] = sensors[at % sensors.length]!;
    return reading(`drone-7:${name}`, unit, value(at), START_MS + at * 1000);
  });
}

function openStream(): StreamWriter {
  const signer = signerFromSeed(crypto, random.bytes(32));
  const id = streamId(crypto, signer.publicKey, "bench");
  const rootKey = streamRootKey(crypto, random.bytes(32), id, 0);
  return createStream({ crypto, random, signer, streamId: id, rootKey, k: K, n: N });
}

/** The same bytes through each primitive alone, in ms. */
function primitivesMs(records: readonly SenmlRecord[], packageBytes: number): number {
  const bare = barePrimitives();
  const pack = compact(records);
  const senml = encodeSenml(pack);
  const encoder = new Encoder({ useRecords: false });
  const sealed = random.bytes(packageBytes);
  const shard = sealed.subarray(0, packageBytes / K);
  const deflate = (): unknown => deflateSync(senml, DEFLATE);
  return sumMs(
    [1, () => encoder.encode(pack)],
    [senml.length < DEFLATED_FROM_BYTES ? 0 : 1, deflate],
    [1, () => bare.hmac(shard.subarray(0, 200))],
    [1, () => bare.sealAes(sealed)],
    [1, () => bare.sha256(sealed)],
    [1, () => encodeShards(sealed, K, N)],
    [N, () => bare.sha256(shard)],
    [1, bare.sign],
  );
}

function pipeline(batch: number): Bench {
  const records = makeRecords(batch);
  const stream = openStream();
  const { packageLength } = stream.sealChunk(records).manifest;
  return {
    name: `sealing: records to signed shards, ${K} of ${N}, batch of ${batch}`,
    unit: "records/s",
    better: "more",
    run: () => batch * perSecond(() => stream.sealChunk(records), 150, 4),
    limit: {
      name: "its primitives, one after the other",
      run: () => (batch * 1000) / primitivesMs(records, packageLength),
    },
  };
}

const ERASURE_BYTES = 1 << 20;

/** MB/s of data; three shards of parity are made beside it, a quarter of the data each. */
function erasure(): Bench {
  const data = random.bytes(ERASURE_BYTES);
  const copy = new Uint8Array(ERASURE_BYTES);
  const megabytes = ERASURE_BYTES / 1e6;
  return {
    name: `sealing: erasure code ${K} of ${N}, SIMD`,
    unit: "MB/s",
    better: "more",
    run: () => megabytes * perSecond(() => encodeShards(data, K, N), 150, 8),
    limit: {
      name: "copying the data once",
      run: () => megabytes * perSecond(() => copy.set(data), 150, 8),
    },
  };
}

export const sealingBenches: Bench[] = [...[1, 16, 256].map(pipeline), erasure()];
