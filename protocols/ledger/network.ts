/**
 * A network's genesis: who its notaries are, and what their quorum is. People pass it
 * on as network.json; every block names its hash, so that a receipt of one network is
 * foreign in another.
 */
import { z } from "zod";
import { fromBase64Url, toBase64Url } from "../encoding/bytes.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import type { CborValue } from "../encoding/cbor.ts";
import { labelledHash } from "../crypto/hash.ts";
import { SegmentError } from "../errors.ts";
import { publicKeyFromId } from "../identity/keys.ts";
import type { Crypto } from "../ports.ts";

/** Largest committee that a network file may name. */
export const MAX_NOTARIES = 100;

/** No network may ask for more than a tenth of what a service is paid. */
export const MAX_COMMISSION_PPM = 100_000;

const agentIdSchema = z.string().regex(/^z6Mk[1-9A-HJ-NP-Za-km-z]{44}$/, "expected an id z6Mk…");

const networkSchema = z.strictObject({
  version: z.literal(1),
  network: z.string().regex(/^[a-z0-9-]{1,32}$/, "expected 1 to 32 of a-z, 0-9 and hyphen"),
  zone: z.literal("main"),
  term: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
  notaries: z
    .array(z.strictObject({ id: agentIdSchema, termKey: agentIdSchema }))
    .min(1)
    .max(MAX_NOTARIES)
    .refine((notaries) => notaries.length % 3 === 1, "expected 3f+1 notaries: 1, 4, 7, 10, 13…"),
  sealKey: z.string().regex(/^[A-Za-z0-9_-]{43}$/, "expected 32 bytes in base64url"),
  commission: z
    .strictObject({ account: agentIdSchema, ppm: z.number().int().min(1).max(MAX_COMMISSION_PPM) })
    .optional(),
});

/**
 * The genesis. `id` is a notary's identity, `termKey` the key with which it signs stamps and
 * votes in this term, `sealKey` the committee's X25519 key for attachments (base64url). `commission`: what
 * contracts with paid services give to the network's common account, in millionths of the fee.
 */
export type NetworkDescription = z.infer<typeof networkSchema>;

/** Reads network.json. Throws `network-invalid`, with `where` the field. */
export function parseNetwork(json: string): NetworkDescription {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new SegmentError("network-invalid", "the network file is not JSON", { cause });
  }
  return checkNetwork(value);
}

/** Validates a description from anywhere. Throws `network-invalid`, with `where` the field. */
export function checkNetwork(value: unknown): NetworkDescription {
  const parsed = networkSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const where = issue?.path.join(".") ?? "";
    throw new SegmentError("network-invalid", `network file, ${where}: ${issue?.message ?? "malformed"}`, {
      where,
    });
  }
  const network = parsed.data;
  distinct(
    network.notaries.map(({ id }) => id),
    "notaries.id",
  );
  distinct(
    network.notaries.map(({ termKey }) => termKey),
    "notaries.termKey",
  );
  try {
    fromBase64Url(network.sealKey);
    for (const { id, termKey } of network.notaries) {
      publicKeyFromId(id);
      publicKeyFromId(termKey);
    }
    if (network.commission !== undefined) publicKeyFromId(network.commission.account);
  } catch (cause) {
    throw new SegmentError("network-invalid", "a key in the network file is malformed", { cause });
  }
  return network;
}

/** The file's text. */
export function formatNetwork(network: NetworkDescription): string {
  return `${JSON.stringify(network, undefined, 2)}\n`;
}

/** What every block header of this network carries. 32 bytes. */
export function networkHash(crypto: Crypto, network: NetworkDescription): Uint8Array {
  const notaries = network.notaries.map(({ id, termKey }) => [publicKeyFromId(id), publicKeyFromId(termKey)]);
  const fields: CborValue[] = [
    1,
    network.network,
    network.zone,
    network.term,
    notaries,
    fromBase64Url(network.sealKey),
  ];
  const { commission } = network;
  if (commission !== undefined) fields.push([publicKeyFromId(commission.account), commission.ppm]);
  return labelledHash(crypto, "network", encodeCbor(fields));
}

/** The Ed25519 keys that vote in this term, by notary index. */
export function termKeys(network: NetworkDescription): Uint8Array[] {
  return network.notaries.map(({ termKey }) => publicKeyFromId(termKey));
}

/** The committee's X25519 public key for attachments. */
export function sealKey(network: NetworkDescription): Uint8Array {
  return fromBase64Url(network.sealKey);
}

/** How a description holds an X25519 public key. */
export function formatSealKey(publicKey: Uint8Array): string {
  return toBase64Url(publicKey);
}

/** f: how many of `notaries` may lie or be silent without harm. */
export function faultsTolerated(notaries: number): number {
  return Math.floor((notaries - 1) / 3);
}

/** 2f+1: how many signatures certify. */
export function quorum(notaries: number): number {
  return 2 * faultsTolerated(notaries) + 1;
}

function distinct(values: string[], where: string): void {
  if (new Set(values).size === values.length) return;
  throw new SegmentError("network-invalid", `network file: ${where} repeats a value`, { where });
}
