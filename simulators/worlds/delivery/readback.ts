/**
 * After the flight: keepers are stopped, the owner reads the flight back, and all keepers' files are
 * searched.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { readBack } from "../../../agent/core/stream-reader.ts";
import { flightRecords } from "../../../devices/drone/records.ts";
import { parseBody } from "../../../protocols/messaging/schemas.ts";
import { openGrant, type OpenedGrant } from "../../../protocols/telemetry/grant.ts";
import { countHits, needles } from "../../../protocols/telemetry/search.ts";
import type { FlightSample } from "../../flight/source.ts";
import type { DeliveryReport } from "./report.ts";
import { required, type Stage } from "./stage.ts";

const KEEPERS_STOPPED = 3;
const grantSchema = z.strictObject({
  grant: z.custom<Uint8Array>((value) => value instanceof Uint8Array, "expected bytes"),
});

export interface Flight {
  records: number;
  chunks: number;
  shards: number;
  /** Every reading of the flight, as the physical world knows it. */
  flown: readonly FlightSample[];
}

type Tell = (step: string, detail: string) => void;

/** Three keepers are stopped; the owner reads the flight from the others; nobody's files hold plaintext. */
export async function readFlightBack(
  stage: Stage,
  flight: Flight,
  tell: Tell,
): Promise<DeliveryReport["telemetry"]> {
  const { records, chunks, shards, flown } = flight;
  const counts = { records, chunks, shards, keepers: stage.keepers.length };
  if (records === 0) return { ...counts, keepersStopped: 0, recovered: 0, plaintextHits: 0 };
  for (const keeper of stage.keepers.slice(0, KEEPERS_STOPPED)) await keeper.close();
  tell("keepers-stopped", `${KEEPERS_STOPPED} of ${stage.keepers.length} keepers are stopped`);
  const read = await readBack({
    crypto: stage.world.crypto,
    asker: stage.owner.asker,
    keepers: stage.keepers.map(({ id }) => id),
    grant: grantOf(stage),
  });
  const recovered = read.chunks.reduce((sum, chunk) => sum + chunk.records.length, 0);
  const complete = recovered === records && read.breaks.length === 0 && read.unread.length === 0;
  tell(
    "telemetry-read",
    `the owner reads ${recovered} of ${records} records back${complete ? ", complete" : ""}`,
  );
  // What to look for comes from what was measured, not from what could be read back.
  const names = ["latitude", "longitude", "battery", required(stage.homes.get("drone"), "drone").id];
  const sought = needles(flown.flatMap(flightRecords), names);
  const plaintextHits = stage.keepers.reduce((hits, keeper) => hits + searchFolder(keeper.folder, sought), 0);
  tell("plaintext-searched", `${plaintextHits} traces of plaintext in all keepers' files`);
  return { ...counts, keepersStopped: KEEPERS_STOPPED, recovered, plaintextHits };
}

/** What the drone granted to its owner. Errors: grant-invalid, message-invalid. */
function grantOf(stage: Stage): OpenedGrant {
  const { grant } = parseBody(grantSchema, required(stage.owner.grants.at(-1), "grant"));
  return openGrant({
    crypto: stage.world.crypto,
    grant,
    readerSecret: required(stage.homes.get("owner"), "owner").secrets.sessionSecret,
    issuer: required(stage.homes.get("drone"), "drone").keys.signer.publicKey,
  });
}

function searchFolder(folder: string, sought: readonly Uint8Array[]): number {
  let hits = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) hits += countHits(readFileSync(join(entry.parentPath, entry.name)), sought);
  }
  return hits;
}
