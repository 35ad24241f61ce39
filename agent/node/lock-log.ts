/**
 * The log of a running lock as a sealed stream: who asked for what, when, by which key, what came of it, and
 * what their phone has signed. The keepers hold shards; each owner has a grant to read, and nobody else.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { AgentParts } from "../core/agent-parts.ts";
import { DAY_MS } from "../../protocols/calendar.ts";
import type { Crypto } from "../../protocols/ports.ts";
import { makeGrant } from "../../protocols/telemetry/grant.ts";
import { PERIOD_END, periodOf, streamRootKey } from "../../protocols/telemetry/keytree.ts";
import { streamId } from "../../protocols/telemetry/stream.ts";
import { makeFolder, writeFileDurably } from "./files.ts";
import type { Home } from "./home.ts";
import type { Machine } from "./run-connection.ts";
import { shardsNeeded } from "./run-health.ts";

/** The stream's name; only its hash is ever published. */
const STREAM = "lock-log";
/** An owner who is none any more reads on for that long at most. */
const GRANT_MS = 30 * DAY_MS;
/** A line waits at most so long for others to be sealed with. */
const BATCH_MS = 30_000;

/** The stream's id and the root of its keys, which only the lock itself can derive. */
export function lockLogStream(crypto: Crypto, home: Home): { streamId: Uint8Array; rootKey: Uint8Array } {
  const id = streamId(crypto, home.keys.signer.publicKey, STREAM);
  return { streamId: id, rootKey: streamRootKey(crypto, home.secrets.identitySeed, id, 0) };
}

/** Undefined where the home names no keepers: then the log stands in the lock only. */
export function lockLogParts(crypto: Crypto, home: Home): AgentParts<unknown>["telemetry"] {
  const { keepers } = home.config;
  if (keepers.length === 0) return undefined;
  return {
    ...lockLogStream(crypto, home),
    ...{ k: shardsNeeded(keepers.length), keepers },
    limits: { records: 64, bytes: 48 * 1024, waitMs: BATCH_MS },
  };
}

/** What an owner's grant is called in the lock's home; sealed, so that it may go by any way. */
export function grantPath(folder: string, owner: string): string {
  return join(folder, "grants", `${owner}.grant`);
}

export interface LogOwner {
  id: string;
  /** X25519, of its card. */
  sessionKey: Uint8Array;
}

/**
 * Gives each owner a grant from the beginning of the stream to a month from now, and takes away those of
 * others. Errors: store-failed.
 */
export function writeGrants(machine: Machine, home: Home, owners: readonly LogOwner[]): void {
  const folder = join(home.folder, "grants");
  rmSync(folder, { recursive: true, force: true });
  if (owners.length === 0) return;
  makeFolder(folder);
  for (const { id, sessionKey } of owners)
    writeFileDurably(grantPath(home.folder, id), logGrant(machine, home, sessionKey), 0o600);
}

/** From the beginning of the stream to a month from now, sealed to an owner's X25519 key. */
export function logGrant({ crypto, random, clock }: Machine, home: Home, reader: Uint8Array): Uint8Array {
  const now = clock.now();
  const { streamId: id, rootKey } = lockLogStream(crypto, home);
  const span = { from: 0, to: Math.min(PERIOD_END, periodOf(now + GRANT_MS) + 1) };
  const { signer } = home.keys;
  const terms = {
    publisher: signer.publicKey,
    ...{ streamId: id, generation: 0, reader, span, issuedAtMs: now },
  };
  return makeGrant({ crypto, random, signer, rootKey, terms });
}
