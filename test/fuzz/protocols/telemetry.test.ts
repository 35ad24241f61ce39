/** Fuzz: manifests, chunks, shards, grants, receipts: what keepers, readers and strangers send. */
import fc from "fast-check";
import { describe } from "vitest";
import { nodeCrypto } from "../../../agent/node/crypto.ts";
import { encodeCbor } from "../../../protocols/encoding/cbor.ts";
import { hpkeSeal } from "../../../protocols/crypto/hpke.ts";
import { concat, equalBytes, utf8 } from "../../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../../protocols/errors.ts";
import { verify1 } from "../../../protocols/identity/cose.ts";
import { KEY_LABELS } from "../../../protocols/labels.ts";
import { wrapPackage } from "../../../protocols/telemetry/aont.ts";
import { checkChain } from "../../../protocols/telemetry/chain.ts";
import { checkCode, decodeShards, encodeShards, rebuildShard } from "../../../protocols/telemetry/erasure.ts";
import { makeGrant, openGrant, readGrant } from "../../../protocols/telemetry/grant.ts";
import {
  checkSpan,
  coverSpan,
  periodKey,
  periodOf,
  PERIOD_END,
} from "../../../protocols/telemetry/keytree.ts";
import { encodeHeader, openManifest } from "../../../protocols/telemetry/manifest.ts";
import { TELEMETRY_SCHEMAS } from "../../../protocols/telemetry/messages.ts";
import type { TelemetryKind } from "../../../protocols/telemetry/messages.ts";
import {
  checkShardReceipt,
  openShardReceipt,
  signShardReceipt,
} from "../../../protocols/telemetry/receipt.ts";
import { openPackage, padChunk } from "../../../protocols/telemetry/seal.ts";
import { decodeSenml, encodeSenml } from "../../../protocols/telemetry/senml-cbor.ts";
import { compact } from "../../../protocols/telemetry/senml-compact.ts";
import { resolve } from "../../../protocols/telemetry/senml.ts";
import { openChunk, readStream } from "../../../protocols/telemetry/stream.ts";
import { seededRandom } from "../../ledger/committee.ts";
import * as kit from "../../support/telemetry.ts";
import { bombsIn, cborBombs } from "../support/bombs.ts";
import { bombs, fuzz } from "../support/harness.ts";
import { mutated, mutatedBytes, mutatedCbor, mutatedInside } from "../support/mutate.ts";
import { must, mustEqual } from "../support/must.ts";
import { fuzzShape } from "../support/shapes.ts";
import { asIfSigned, fuzzSigned, trusting } from "../support/signed.ts";

const { rootKey, START_MS } = kit;
const crypto = nodeCrypto;
const device = kit.deviceSigner(crypto);
const random = seededRandom(11);
const records = kit.makeRecords(12);
/** A record with a decimal fraction, in lists of indefinite length. */
const FOREIGN = Uint8Array.of(
  0x9f,
  0xbf,
  0x00,
  0x61,
  0x61,
  0x02,
  0xc4,
  0x82,
  0x20,
  0x19,
  0x01,
  0x00,
  0xff,
  0xff,
);

const stream = kit.makeStream({ crypto, random });
const chunks = [stream.sealChunk(records), stream.sealChunk(kit.makeRecords(5, START_MS + 60_000))];
const MANIFESTS = chunks.map(({ manifest }) => manifest.signed);
const MANIFEST_PAYLOADS = MANIFESTS.map((signed) => verify1(crypto, "manifest", signed).payload);
const stranger = kit.seededSigner(99, crypto);

describe("manifests", () => {
  fuzzSigned("openManifest", {
    label: "manifest",
    payloads: MANIFEST_PAYLOADS,
    signers: [device, device, device, stranger],
    open: (by, bytes) => {
      const opened = openManifest(by, bytes, device.publicKey);
      const { payload } = verify1(by, "manifest", bytes);
      const fields = encodeHeader(opened).subarray(1);
      mustEqual(payload.subarray(1, 1 + fields.length), fields, "the header");
      must(opened.shardHashes.length === opened.n, "a hash for each shard");
    },
    accepted: 0.02,
  });
  bombs("openManifest", [...cborBombs(), ...bombsIn(MANIFESTS)], (bytes) => openManifest(trusting, bytes));

  fuzz(
    "checkChain of any manifests that the device signed",
    fc.array(mutatedCbor(MANIFEST_PAYLOADS), { maxLength: 4 }),
    (payloads) => {
      const opened = payloads.flatMap((payload) =>
        maybe(() => openManifest(trusting, asIfSigned("manifest", payload, device))),
      );
      const { manifests, breaks } = checkChain(opened);
      must(manifests.length <= opened.length && breaks.length <= 3 * opened.length, "bounded");
      must(
        manifests.every((one, i) => i === 0 || one.sequence >= manifests[i - 1]!.sequence),
        "ordered",
      );
    },
    { accepted: 0.1, share: 0.5 },
  );
});

/** What it gives in a list, or an empty one where it is refused. */
function maybe<T>(read: () => T): T[] {
  try {
    return [read()];
  } catch (error) {
    if (error instanceof SegmentError && error.code !== "internal") return [];
    throw error;
  }
}

describe("chunks and shards", () => {
  const [chunk] = chunks;
  const { manifest, shards } = chunk!;
  const key = periodKey(crypto, rootKey, manifest.period);
  const whole = encodeSenml(openChunk({ crypto, manifest, shards, periodKey: key }));
  const shard = fc.oneof(fc.constantFrom(undefined, ...shards), mutatedBytes(shards));

  fuzz(
    "openChunk gives the device's records or nothing, whatever shards come",
    fc.array(shard, { maxLength: 8 }),
    (given) => {
      const ordered = shards.map((own, index) => (index < 3 ? own : given[index - 3]));
      const opened = openChunk({ crypto, manifest, shards: ordered, periodKey: key });
      mustEqual(encodeSenml(opened), whole, "the records");
    },
    { accepted: 0.05 },
  );

  fuzz(
    "decodeShards and rebuildShard of any shards and any code",
    fc.tuple(
      fc.array(shard, { maxLength: 9 }),
      fc.integer({ min: -1, max: 9 }),
      fc.integer({ min: -1, max: 70 }),
    ),
    ([given, k, n]) => {
      const data = decodeShards(given, k, n);
      checkCode(k, n);
      const again = encodeShards(data, k, n);
      must(
        given.filter((one, i) => one !== undefined && equalBytes(one, again[i] ?? new Uint8Array())).length >=
          k,
        "k of them",
      );
      rebuildShard(given, n - 1, k, n);
    },
    { accepted: 0.01 },
  );

  const senml = encodeSenml(compact(records));
  fuzz(
    "openChunk of anything that its own device sealed",
    mutated([senml, FOREIGN]),
    (bytes) => {
      const opened = openPackage(
        crypto,
        key,
        new Uint8Array(1),
        wrapPackage(crypto, random, key, new Uint8Array(1), padChunk(bytes, 4)),
      );
      mustEqual(opened, bytes, "the content");
      resolve(decodeSenml(opened), 0);
    },
    { accepted: 0.02, share: 0.2 },
  );

  fuzz(
    "readStream shows what is sound and names what is not",
    fc.tuple(
      fc.array(mutatedBytes(MANIFESTS), { maxLength: 4 }),
      fc.array(shard, { minLength: 7, maxLength: 7 }),
    ),
    async ([manifests, given]) => {
      const result = await readStream({
        ...{ crypto, publisher: device.publicKey, streamId: kit.id, manifests },
        fetchShard: (_, index) => Promise.resolve(given[index]),
        keyOf: (opened) => periodKey(crypto, rootKey, opened.period),
      });
      for (const { records: read } of result.chunks) must(read.length > 0, "records");
      must(
        result.badManifests.every((bad) => !MANIFESTS.some((good) => equalBytes(good, bad))),
        "only bad ones",
      );
    },
    { accepted: 0.9, share: 0.2 },
  );
});

describe("grants", () => {
  const readerSecret = random.bytes(32);
  const reader = crypto.x25519PublicKey(readerSecret);
  const period = periodOf(START_MS);
  const terms = {
    ...{ publisher: device.publicKey, streamId: kit.id, generation: 0, reader },
    ...{ span: { from: period - 3, to: period + 9 }, issuedAtMs: START_MS },
  };
  const grant = makeGrant({ crypto, random, signer: device, rootKey, terms });
  const { payload } = verify1(crypto, "grant", grant);
  const open = (by: typeof crypto, bytes: Uint8Array) =>
    openGrant({ crypto: by, grant: bytes, readerSecret, issuer: device.publicKey });

  fuzzSigned("readGrant", {
    label: "grant",
    payloads: [payload],
    signers: [device],
    open: (by, bytes) => {
      const { span, sealed } = readGrant(by, bytes);
      must(span.from < PERIOD_END && span.to <= PERIOD_END && sealed.length <= 4_096, "bounded");
    },
  });
  fuzzSigned("openGrant", {
    label: "grant",
    payloads: [payload],
    signers: [device, stranger],
    open: (by, bytes) => checkSpan(open(by, bytes).span),
    share: 0.5,
  });
  bombs("openGrant", [...cborBombs(), ...bombsIn([grant])], (bytes) => open(trusting, bytes));

  const cover = encodeCbor(
    coverSpan(crypto, rootKey, terms.span).map(({ level, index, key }) => [level, index, key]),
  );
  fuzz(
    "openGrant of any cover that the owner sealed",
    mutatedInside([cover]),
    (plaintext) => {
      const fields = encodeCbor([
        1,
        terms.publisher,
        terms.streamId,
        0,
        reader,
        period - 3,
        period + 9,
        START_MS,
      ]);
      const sealed = hpkeSeal(crypto, random, reader, utf8(KEY_LABELS.sealedGrant), fields, plaintext);
      const inside = concat(Uint8Array.of(0x89), fields.subarray(1), encodeCbor(sealed));
      const opened = open(trusting, asIfSigned("grant", inside, device));
      const again = encodeCbor(opened.cover.map(({ level, index, key }) => [level, index, key]));
      mustEqual(again, plaintext, "the cover");
    },
    { accepted: 0.02, share: 0.1 },
  );
});

describe("receipts of shards", () => {
  const { manifest } = chunks[0]!;
  const receipt = {
    ...{ publisher: device.publicKey, streamId: kit.id, sequence: 0, index: 2, storedAtMs: START_MS },
    ...{ shardHash: manifest.shardHashes[2]!, manifestHash: manifest.hash },
  };
  const keeper = kit.seededSigner(50, crypto);
  const signed = signShardReceipt(receipt, keeper);
  fuzzSigned("openShardReceipt and checkShardReceipt", {
    label: "shardReceipt",
    payloads: [verify1(crypto, "shardReceipt", signed).payload],
    signers: [keeper, keeper, stranger],
    open: (by, bytes) => {
      const opened = openShardReceipt(by, bytes);
      must(opened.index < 64, "bounded");
      checkShardReceipt(by, bytes, { manifest, index: 2, keeper: keeper.publicKey });
      must(opened.index === 2 && equalBytes(opened.keeper, keeper.publicKey), "this shard, this keeper");
    },
  });
  bombs("openShardReceipt", [...cborBombs(), ...bombsIn([signed])], (bytes) =>
    openShardReceipt(trusting, bytes),
  );
});

describe("messages", () => {
  const chunk = { publisher: device.publicKey, streamId: kit.id, sequence: 3 };
  const span = { publisher: device.publicKey, streamId: kit.id };
  const manifest = MANIFESTS[0]!;
  const samples: Record<TelemetryKind, unknown> = {
    "shard-put": { ...chunk, index: 1, manifest, shard: new Uint8Array(64) },
    "shard-ack": { ...chunk, index: 1, receipt: new Uint8Array(200) },
    "shard-refused": { ...chunk, index: 1, code: "keeper-full" },
    "shard-get": chunk,
    shard: { ...chunk, index: 1, manifest, shard: new Uint8Array(64) },
    "shard-missing": chunk,
    "manifest-list": { ...span, fromSequence: 0, limit: 100 },
    manifests: { ...span, fromSequence: 0, manifests: [{ index: 1, manifest }], next: null },
    "shard-drop": { ...span, sequences: [1, 2] },
    "shard-dropped": { ...span, sequences: [] },
  };
  for (const kind of Object.keys(TELEMETRY_SCHEMAS) as TelemetryKind[])
    fuzzShape(`TELEMETRY_SCHEMAS, ${kind}`, TELEMETRY_SCHEMAS[kind], samples[kind]);
});
