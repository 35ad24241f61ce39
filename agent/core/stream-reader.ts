/** Reads a stream back from whichever keepers answer, with the keys of one grant. */
import { equalBytes } from "../../protocols/encoding/bytes.ts";
import { errorCode } from "../../protocols/errors.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { Crypto } from "../../protocols/ports.ts";
import { chunkKey, type OpenedGrant } from "../../protocols/telemetry/grant.ts";
import { MAX_MANIFESTS, TELEMETRY_SCHEMAS } from "../../protocols/telemetry/messages.ts";
import { readStream, type ReadStream } from "../../protocols/telemetry/stream.ts";
import type { OpenedManifest } from "../../protocols/telemetry/manifest.ts";
import type { Asker } from "./asking.ts";

export interface StreamSource {
  crypto: Crypto;
  asker: Asker;
  /** By shard index. */
  keepers: readonly string[];
  grant: OpenedGrant;
}

/** Errors of single keepers are survived; what could not be read stands in the result. Errors: manifest-invalid. */
export async function readBack(source: StreamSource): Promise<ReadStream> {
  const { crypto, keepers, grant } = source;
  const alive = new Set<string>();
  const manifests = new Map<string, Uint8Array>();
  await Promise.all(
    keepers.map(async (keeper) => {
      try {
        for (const manifest of await listManifests(source, keeper)) manifests.set(manifest.join(), manifest);
        alive.add(keeper);
      } catch (error) {
        // A keeper that is away or talks nonsense: the others will do.
        errorCode(error);
      }
    }),
  );
  return readStream({
    crypto,
    publisher: grant.publisher,
    streamId: grant.streamId,
    manifests: [...manifests.values()],
    keyOf: (manifest) => chunkKey(crypto, grant, manifest),
    fetchShard: (manifest, index) => {
      const keeper = keepers[index];
      return keeper === undefined || !alive.has(keeper)
        ? Promise.resolve(undefined)
        : fetchShard(source, keeper, manifest);
    },
  });
}

async function listManifests({ asker, grant }: StreamSource, keeper: string): Promise<Uint8Array[]> {
  const { publisher, streamId } = grant;
  const found: Uint8Array[] = [];
  let fromSequence: number | null = 0;
  while (fromSequence !== null) {
    const asked: number = fromSequence;
    const question = { publisher, streamId, fromSequence: asked, limit: MAX_MANIFESTS };
    const answer = await asker.ask(keeper, "manifest-list", question, ({ kind, body }) => {
      if (kind !== "manifests") return false;
      const page = parseBody(TELEMETRY_SCHEMAS.manifests, body);
      return page.fromSequence === asked && equalBytes(page.streamId, streamId);
    });
    const page = parseBody(TELEMETRY_SCHEMAS.manifests, answer.body);
    for (const { manifest } of page.manifests) found.push(manifest);
    // A keeper that leads in circles is left.
    fromSequence = page.next !== null && page.next > asked ? page.next : null;
  }
  return found;
}

async function fetchShard(
  { asker, grant }: StreamSource,
  keeper: string,
  manifest: OpenedManifest,
): Promise<Uint8Array | undefined> {
  const { publisher, streamId } = grant;
  const { sequence } = manifest;
  try {
    const answer = await asker.ask(
      keeper,
      "shard-get",
      { publisher, streamId, sequence },
      ({ kind, body }) => {
        if (kind !== "shard" && kind !== "shard-missing") return false;
        const named = parseBody(
          kind === "shard" ? TELEMETRY_SCHEMAS.shard : TELEMETRY_SCHEMAS["shard-missing"],
          body,
        );
        return named.sequence === sequence && equalBytes(named.streamId, streamId);
      },
    );
    return answer.kind === "shard" ? parseBody(TELEMETRY_SCHEMAS.shard, answer.body).shard : undefined;
  } catch (error) {
    errorCode(error);
    return undefined;
  }
}
