/** The roles of an always-on agent, put together from a home: what answers for each, and what ends it. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Answer } from "../core/service.ts";
import { LedgerClient } from "../core/ledger-client.ts";
import { openKeeper } from "../roles/keeper.ts";
import type { Keeper } from "../roles/keeper.ts";
import { startNotary } from "../roles/notary.ts";
import type { NotaryRole } from "../roles/notary.ts";
import { errorCode, SegmentError } from "../../protocols/errors.ts";
import { signerFromSeed } from "../../protocols/identity/keys.ts";
import type { OrderLog } from "../../protocols/ports.ts";
import { openFileBlobs } from "./blobs.ts";
import { loadCommittee } from "./committee.ts";
import { openLmdbLog } from "./lmdb-log.ts";
import { openLmdbStore } from "./lmdb-store.ts";
import type { Connection, Machine } from "./run-connection.ts";

export interface RunningNotary {
  role: NotaryRole;
  answer: Answer;
  /** Ends the role; connection and log belong to the caller. */
  close(): Promise<void>;
}

/** The order log below a folder, made if it is missing. Throws `store-failed`. */
export function openOrderLog(folder: string): OrderLog {
  const logFolder = join(folder, "order-log");
  try {
    mkdirSync(logFolder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    const problem = `cannot make the folder of the order log: ${(cause as Error).message}`;
    throw new SegmentError("store-failed", problem, { where: logFolder, cause });
  }
  return openLmdbLog(join(logFolder, "log.lmdb"));
}

/**
 * A home as a notary of its network; resolves once it has read the log and listens.
 * Throws `entry-unauthorized` (the network names other notaries), `keystore-damaged` or `store-failed`.
 */
export async function runNotary(
  machine: Machine,
  connection: Connection,
  log: OrderLog,
): Promise<RunningNotary> {
  const { crypto, clock, failed, turnMs } = machine;
  const { home, network, bus, messenger } = connection;
  const index = network.notaries.findIndex(({ id }) => id === home.id);
  if (index < 0) {
    throw new SegmentError("entry-unauthorized", `the network "${network.network}" names other notaries`, {
      where: home.folder,
    });
  }
  const secrets = loadCommittee(home.folder);
  if (secrets === undefined) {
    throw new SegmentError("keystore-damaged", "the notary has no term key", { where: home.folder });
  }
  const store = openLmdbStore(join(home.folder, "notary.lmdb"));
  const termSigner = signerFromSeed(crypto, secrets.termSeed);
  const role = await startNotary({
    config: {
      crypto,
      network,
      index,
      termSigner,
      sealSecretKey: secrets.sealSecret,
      ...(turnMs === undefined ? {} : { turnMs }),
    },
    bus,
    log,
    store,
    clock,
    deliver: (to, kind, body) => {
      messenger.send(to, kind, body).catch((error: unknown) => messenger.countDrop(errorCode(error)));
    },
    introduce: (from, card) => messenger.introduce(from, card),
    failed,
  });
  return {
    role,
    answer: (from, kind, body) => role.request(from, kind, body),
    close: async () => {
      await role.stop();
      await store.close();
    },
  };
}

export interface RunningKeeper {
  /** Where its shards lie. */
  folder: string;
  keeper: Keeper;
  answer: Answer;
  close(): Promise<void>;
}

/** A home as a keeper of shards. Throws `store-failed`. */
export async function runKeeper(machine: Machine, { home, clock }: Connection): Promise<RunningKeeper> {
  const folder = join(home.folder, "shards");
  const blobs = await openFileBlobs(folder);
  const { crypto } = machine;
  const keeper = await openKeeper({ crypto, clock, signer: home.keys.signer, blobs });
  const answer: Answer = (from, kind, body) => keeper.handle(from, kind, body);
  return { folder, keeper, answer, close: () => blobs.close() };
}

/** Submits the home's entries; whoever listens hands it the receipts. */
export function openLedgerClient(machine: Machine, connection: Connection): LedgerClient {
  const { crypto, random, linkClock } = machine;
  const { messenger, network, home, clock } = connection;
  const { signer } = home.keys;
  return new LedgerClient({ messenger, network, crypto, random, signer, clock, linkClock });
}
