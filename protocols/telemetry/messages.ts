/**
 * The messages between devices, readers and keepers, with their bounds. They travel in signed envelopes
 * (protocols/messaging); bodies are encoded with encodeMessage.
 *
 *   device -> keeper: shard-put      keeper -> device: shard-ack, shard-refused
 *   reader -> keeper: shard-get      keeper -> reader: shard, shard-missing
 *   reader -> keeper: manifest-list  keeper -> reader: manifests
 *   device -> keeper: shard-drop     keeper -> device: shard-dropped
 */
import { z } from "zod";
import { MAX_SHARDS } from "./erasure.ts";
import { MAX_MANIFEST_BYTES } from "./manifest.ts";

/** A shard that fits one message of the bus, beside its manifest. */
export const MAX_SHARD_BYTES = 240 * 1024;
export const MAX_RECEIPT_BYTES = 512;
/** Manifests in one answer, at most. */
export const MAX_MANIFESTS = 128;

const bytes = (min: number, max: number) =>
  z.instanceof(Uint8Array).refine((value) => value.length >= min && value.length <= max, {
    message: `expected ${min} to ${max} bytes`,
  });
const id32 = bytes(32, 32);
const sequence = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const index = z
  .number()
  .int()
  .min(0)
  .max(MAX_SHARDS - 1);
const manifest = bytes(1, MAX_MANIFEST_BYTES);

/** Which chunk: publisher is the Ed25519 key that signs the stream's manifests. */
const chunk = { publisher: id32, streamId: id32, sequence };

/** Why a keeper refuses; each is an error code with its remedy. */
export const PUT_REFUSALS = [
  "manifest-invalid",
  "manifest-gap",
  "shard-invalid",
  "keeper-full",
  "keeper-holds-other",
  "peer-refused",
  "store-failed",
] as const;

export const shardPutSchema = z.strictObject({ ...chunk, index, manifest, shard: bytes(1, MAX_SHARD_BYTES) });
export const shardAckSchema = z.strictObject({ ...chunk, index, receipt: bytes(1, MAX_RECEIPT_BYTES) });
export const shardRefusedSchema = z.strictObject({ ...chunk, index, code: z.enum(PUT_REFUSALS) });

/** A keeper holds one shard of a chunk and says which. */
export const shardGetSchema = z.strictObject(chunk);
export const shardSchema = z.strictObject({ ...chunk, index, manifest, shard: bytes(1, MAX_SHARD_BYTES) });
export const shardMissingSchema = z.strictObject(chunk);

/** Manifests from a sequence number on, in order. */
export const manifestListSchema = z.strictObject({
  publisher: id32,
  streamId: id32,
  fromSequence: sequence,
  limit: z.number().int().min(1).max(MAX_MANIFESTS),
});
export const manifestsSchema = z.strictObject({
  publisher: id32,
  streamId: id32,
  fromSequence: sequence,
  /** Signed manifests and the index of the shard that this keeper holds of each. */
  manifests: z.array(z.strictObject({ index, manifest })).max(MAX_MANIFESTS),
  /** Where to go on; null when these were the last. */
  next: sequence.nullable(),
});

/** The publisher asks to forget chunks. */
export const shardDropSchema = z.strictObject({
  publisher: id32,
  streamId: id32,
  sequences: z.array(sequence).min(1).max(256),
});
export const shardDroppedSchema = z.strictObject({
  publisher: id32,
  streamId: id32,
  sequences: z.array(sequence).max(256),
});

export type ShardPut = z.infer<typeof shardPutSchema>;
export type ShardAck = z.infer<typeof shardAckSchema>;
export type ShardRefused = z.infer<typeof shardRefusedSchema>;
export type ShardGet = z.infer<typeof shardGetSchema>;
export type Shard = z.infer<typeof shardSchema>;
export type ManifestList = z.infer<typeof manifestListSchema>;
export type Manifests = z.infer<typeof manifestsSchema>;
export type ShardDrop = z.infer<typeof shardDropSchema>;
export type PutRefusal = (typeof PUT_REFUSALS)[number];

/** By kind: what the body of each message is. */
export const TELEMETRY_SCHEMAS = {
  "shard-put": shardPutSchema,
  "shard-ack": shardAckSchema,
  "shard-refused": shardRefusedSchema,
  "shard-get": shardGetSchema,
  shard: shardSchema,
  "shard-missing": shardMissingSchema,
  "manifest-list": manifestListSchema,
  manifests: manifestsSchema,
  "shard-drop": shardDropSchema,
  "shard-dropped": shardDroppedSchema,
} as const;

export type TelemetryKind = keyof typeof TELEMETRY_SCHEMAS;
