/** Reads a stream back from whichever keepers answer, with the keys of one grant. */
import { equalBytes } from "../../protocols/encoding/bytes.ts";
import { errorCode } from "../../protocols/errors.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { Crypto } from "../../protocols/ports.ts";
import { chunkKey, type OpenedGrant } from "../../protocols/telemetry/grant.ts";
import { MAX_MANIFESTS, TELEMETRY_SCHEMAS, type Manifests } from "../../protocols/telemetry/messages.ts";
import { readStream, type ReadStream } from "../../protocols/telemetry/stream.ts";
import { openManifest, type OpenedManifest } from "../../protocols/telemetry/manifest.ts";
import type { Asker } from "./asking.ts";

export interface StreamSource {
  crypto: Crypto;
  asker: Asker;
  /** By shard index. */
  keepers: readonly string[];
  grant: OpenedGrant;
}

/**
 * Errors of single keepers are survived; what could not be read stands in the result. Errors:
 * manifest-invalid.
 */
export async function readBack(source: StreamSource): Promise<ReadStream> {
  const { crypto, keepers, grant } = source;
  const alive = new Set<string>();
  const manifests: Uint8Array[] = [];
  await Promise.all(
    keepers.map(async (keeper) => {
      try {
        for await (const page of listManifests(source, keeper)) {
          alive.add(keeper);
          manifests.push(...page);
        }
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
    manifests,
    keyOf: (manifest) => chunkKey(crypto, grant, manifest),
    fetchShard: (manifest, index) => {
      const keeper = keepers[index];
      return keeper === undefined || !alive.has(keeper)
        ? Promise.resolve(undefined)
        : fetchShard(source, keeper, manifest);
    },
  });
}

/** One keeper's manifests, page by page. Errors: message-invalid, card-invalid, broker-*. */
async function* listManifests(source: StreamSource, keeper: string): AsyncGenerator<Uint8Array[]> {
  const { asker, grant } = source;
  const { publisher, streamId } = grant;
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
    yield page.manifests.map(({ manifest }) => manifest);
    fromSequence = leadsOn(source, page, asked) ? page.next : null;
  }
}

/**
 * Whether there is more to ask for. Only the publisher's own manifests lead on: a keeper could make up
 * others for ever.
 */
function leadsOn({ crypto, grant }: StreamSource, page: Manifests, asked: number): boolean {
  const last = page.manifests.at(-1);
  if (last === undefined || page.next === null) return false;
  try {
    const { sequence } = openManifest(crypto, last.manifest, grant.publisher);
    return sequence >= asked && sequence < page.next;
  } catch (error) {
    errorCode(error);
    return false;
  }
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
