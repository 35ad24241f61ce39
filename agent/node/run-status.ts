/**
 * What a running agent tells about itself to the commands beside it: a small file in its home. Its journal is
 * its own while it runs, nobody else opens that.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { writeFileDurably } from "./files.ts";

const FILE = "run-status.json";
const MAX_BYTES = 64 * 1024;

const count = z.number().int().min(0);

const statusSchema = z.strictObject({
  startedMs: count,
  /** When this was written. */
  atMs: count,
  /** Where it connects to. */
  broker: z.string(),
  connected: z.boolean(),
  registered: z.boolean(),
  /** Null where it streams none. */
  telemetry: z
    .strictObject({
      records: count,
      refused: count,
      chunks: count,
      /** Chunks in the outbox: some keeper has not acknowledged its shard. */
      waiting: count,
      refusals: z.record(z.string(), count),
    })
    .nullable(),
  notary: z.strictObject({ height: count, logTimeMs: count }).nullable(),
  keeper: z.strictObject({ bytes: count, streams: count, chunks: count }).nullable(),
  /** Which parts its radio plays; absent where it has none. */
  radio: z.strictObject({ isFound: z.boolean(), looks: z.boolean() }).optional(),
  /** Messages that were dropped, by error code. */
  dropped: z.record(z.string(), count),
});

export type RunStatus = z.infer<typeof statusSchema>;

/** Errors: store-failed. */
export function writeRunStatus(home: string, status: RunStatus): void {
  writeFileDurably(join(home, FILE), `${JSON.stringify(status, undefined, 2)}\n`, 0o600);
}

/** Undefined if the home has never run, or the file is of another version. */
export function readRunStatus(home: string): RunStatus | undefined {
  const path = join(home, FILE);
  if (!existsSync(path)) return undefined;
  const text = readFileSync(path, "utf8");
  if (text.length > MAX_BYTES) return undefined;
  try {
    return statusSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** The process that runs the home, if one does. */
export function runningProcess(home: string): number | undefined {
  const path = join(home, "lock");
  if (!existsSync(path)) return undefined;
  const pid = Number.parseInt(readFileSync(path, "utf8"), 10);
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  try {
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    // Not ours to signal, but there.
    return (error as NodeJS.ErrnoException).code === "EPERM" ? pid : undefined;
  }
}
